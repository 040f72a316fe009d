#!/bin/bash
# Finds a Rust toolchain that is new enough, or says what to do. Sourced by
# scripts/demo and scripts/test; run by itself it only reports.
#
#   scripts/lib-rust.sh [COMPONENT...]      (components: fmt, clippy)
#
# Sourced, it defines
#   need_rust ROOT [COMPONENT...]   puts cargo on PATH; 0, or 1 after having said what is missing

# True if version $1 is at least version $2 (numbers and dots).
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]
}

need_rust() {
    local root=$1 wanted found home part
    shift
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$root/Cargo.toml" | head -n1)
    [ -n "$wanted" ] || { echo "lib-rust: Cargo.toml says no rust-version" >&2; return 1; }

    # rustup's folder is on PATH only in login shells, and never under sudo.
    if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    elif [ -n "${SUDO_USER:-}" ]; then
        home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
        if [ -x "$home/.cargo/bin/cargo" ]; then
            PATH="$home/.cargo/bin:$PATH"
            export RUSTUP_HOME="${RUSTUP_HOME:-$home/.rustup}"
        fi
    fi
    export PATH
    hash -r

    found=$(cd "$root" && rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9][0-9.]*\).*/\1/p')
    if [ -z "$found" ] || ! command -v cargo >/dev/null; then
        echo "No Rust toolchain was found; $wanted or newer is needed." >&2
        say_how "$wanted"
        return 1
    fi
    if ! version_at_least "$found" "$wanted"; then
        echo "Rust $found ($(command -v rustc)) is too old; $wanted or newer is needed." >&2
        if command -v rustup >/dev/null; then
            echo "    rustup update stable" >&2
        else
            say_how "$wanted"
        fi
        return 1
    fi
    for part in "$@"; do
        if ! (cd "$root" && cargo "$part" --version >/dev/null 2>&1); then
            echo "cargo $part is missing:" >&2
            echo "    rustup component add $(echo "$part" | sed 's/^fmt$/rustfmt/')" >&2
            return 1
        fi
    done
    echo "Rust $found ($(command -v cargo)), needed $wanted"
}

say_how() {
    cat >&2 <<END
Debian's own rustc is older than that (Debian 12: 1.63). Take the stable toolchain from rustup (https://rustup.rs):
    apt-get install -y curl ca-certificates
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c clippy -c rustfmt
and start this again; a new shell is not needed.
END
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -u
    need_rust "$(dirname "$(dirname "$(readlink -f "$0")")")" "$@"
fi
