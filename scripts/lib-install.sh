#!/bin/bash
# Installs the Debian packages that the demo, the tests and the lab need, and
# only those that are missing. Services are kept from starting meanwhile: the
# lab runs its own copies inside namespaces, and nothing may touch the
# machine's own network.
#
#   scripts/lib-install.sh [lab|build|bench|all]      (default: all, which is lab and build)
#
# May be sourced too: then it only defines the functions
# (install_packages PACKAGE..., packages_for GROUP).

packages_for() {
    case "$1" in
        build) echo build-essential pkg-config ca-certificates ;;
        lab) echo openvswitch-switch openssh-server frr snmpd snmp nginx-light libnginx-mod-rtmp ffmpeg nftables \
                tcpdump iproute2 ethtool iputils-arping iputils-ping procps python3 util-linux ;;
        bench) echo keepalived ;;   # only to be measured against
        all) echo "$(packages_for build) $(packages_for lab)" ;;
        *) echo "packages_for: no group '$1' (build, lab, bench, all)" >&2; return 2 ;;
    esac
}

missing_packages() {
    local p
    for p in "$@"; do
        # Any flavour of nginx that the rtmp module accepts will do.
        if [ "$p" = nginx-light ] && [ -x /usr/sbin/nginx ]; then continue; fi
        [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$p" 2>/dev/null)" = "ii " ] || echo "$p"
    done
}

# Runs in a subshell so that its trap cannot disturb the caller's.
install_packages() (
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "${missing// /}" ] || exit 0
    if [ "$(id -u)" != 0 ]; then
        echo "lib-install: need root to install: $missing" >&2
        exit 77
    fi
    policy=/usr/sbin/policy-rc.d
    saved=
    restore() {
        trap - EXIT INT TERM HUP
        if [ -n "$saved" ]; then mv -f "$saved" "$policy"; else rm -f "$policy"; fi
    }
    # A copy of ours left by a SIGKILL is told by its mark, never saved as "the old one".
    if [ -e "$policy" ] && ! grep -q 'standin-lib-install' "$policy"; then
        saved="$policy.standin-saved"
        cp -p "$policy" "$saved"
    elif [ -e "$policy.standin-saved" ]; then
        saved="$policy.standin-saved"
    fi
    trap restore EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    printf '#!/bin/sh\n# standin-lib-install: no service starts while packages are installed\nexit 101\n' > "$policy.new"
    chmod 755 "$policy.new"
    mv -f "$policy.new" "$policy"

    export DEBIAN_FRONTEND=noninteractive
    echo "lib-install: installing $missing" >&2
    apt() { apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >&2; }
    # shellcheck disable=SC2086
    if ! apt install -qq -y --no-install-recommends $missing; then
        echo "lib-install: package lists missing or old, refreshing them" >&2
        ok=
        for wait in 2 5 10; do
            if apt update -qq; then ok=1; break; fi
            sleep "$wait"
        done
        [ -n "$ok" ] || { echo "lib-install: apt-get update failed three times" >&2; exit 1; }
        # shellcheck disable=SC2086
        apt install -qq -y --no-install-recommends $missing || {
            echo "lib-install: could not install: $missing" >&2
            exit 1
        }
    fi
    left=$(missing_packages "$@" | tr '\n' ' ')
    [ -z "${left// /}" ] || { echo "lib-install: still missing: $left" >&2; exit 1; }
)

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -u
    case "${1:-all}" in -h | --help) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;; esac
    list=$(packages_for "${1:-all}") || exit 2
    # shellcheck disable=SC2086
    install_packages $list
fi
