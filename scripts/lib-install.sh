#!/bin/bash
# Installs the Debian packages that the demo, the tests and the lab need, and
# only those that are missing. Services are kept from starting meanwhile: the
# lab runs its own copies inside namespaces, and nothing may touch the
# machine's own network.
#
#   scripts/lib-install.sh [lab|build|demo|servers|bench|venv|venv-bench|vm|all]      (default: all)
#
# demo is lab and build; servers are those that tests start by themselves (DNS, mail, alerts, docker, RTSP); all is demo and servers.
# What a package would start at the next boot is disabled, unless it was enabled before.
#
# venv makes .venv in the checkout, with programs from PyPI that tests run against; venv-bench adds to it what
# benchmarks are measured against. vm makes .vm, with a Debian kernel that has what this machine's may lack, for a test
# that boots it in an emulator; nothing of it is installed.
#
# May be sourced too: then it only defines the functions
# (install_packages PACKAGE..., packages_for GROUP, make_venv GROUP, make_vm).

packages_for() {
    case "$1" in
        build) echo build-essential pkg-config ca-certificates ;;
        lab) echo openvswitch-switch openssh-server frr snmpd snmp nginx-light libnginx-mod-rtmp ffmpeg nftables \
                tcpdump iproute2 ethtool iputils-arping iputils-ping procps python3 util-linux ;;
        servers) echo bind9 bind9-dnsutils pdns-server pdns-backend-sqlite3 sqlite3 openssl \
                prometheus-alertmanager rsyslog python3-aiosmtpd docker.io docker-compose busybox-static \
                python3-gi gir1.2-gst-rtsp-server-1.0 ;;
        bench) echo keepalived fence-agents time ;;   # only to be measured against, and with
        venv | venv-bench) echo python3-venv ;;
        vm) echo qemu-system-x86 cpio kmod iproute2 openssh-server ;;
        demo) echo "$(packages_for build) $(packages_for lab)" ;;
        all) echo "$(packages_for demo) $(packages_for servers)" ;;
        *) echo "packages_for: no group '$1' (build, lab, demo, servers, bench, venv, venv-bench, vm, all)" >&2; return 2 ;;
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

# Units that the next boot starts; nothing where there is no systemd.
enabled_units() {
    command -v systemctl > /dev/null || return 0
    systemctl --root=/ list-unit-files --state=enabled --no-legend 2> /dev/null | awk '{ print $1 }' | sort
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
    before=$(enabled_units)
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
    # A docker that comes up at the next boot changes the machine's own network.
    new=$(comm -13 <(echo "$before") <(enabled_units) | tr '\n' ' ')
    # shellcheck disable=SC2086
    [ -z "${new// /}" ] || systemctl --root=/ --quiet disable $new >&2
    left=$(missing_packages "$@" | tr '\n' ' ')
    [ -z "${left// /}" ] || { echo "lib-install: still missing: $left" >&2; exit 1; }
)

# Programs and libraries from PyPI: what each group asks for by name. snmpsim does not declare that it needs pysmi, nor
# cryptography for SNMPv3 with AES (without it, it says that the privacy password is wrong). fake-switches declares a
# Twisted of 2016, and works with a new one: see alone.
pypi_for() {
    case "$1" in
        venv) echo snmpsim pysmi cryptography Twisted appdirs bcrypt lxml netaddr tftpy fake-switches ;;
        venv-bench) echo netmiko ;;   # only to be measured against
        *) echo "pypi_for: no group '$1' (venv, venv-bench)" >&2; return 2 ;;
    esac
}

# The one place that says which versions: of the above and of what they pull in.
pypi_versions() {
    echo snmpsim==1.2.2 pysnmp==7.1.30 pysmi==2.0.0 pyasn1==0.6.5 lark==1.3.1 Jinja2==3.1.6 \
        cryptography==50.0.2 cffi==2.1.1 requests==2.34.2 netmiko==4.8.0 paramiko==5.1.0 bcrypt==5.0.0 \
        Twisted==26.10.0 appdirs==1.4.4 lxml==6.1.3 netaddr==1.3.0 tftpy==0.8.7 zope.interface==8.7 \
        fake-switches==1.5.0 PyNaCl==1.6.2 textfsm==2.1.0 ntc_templates==9.3.0 scp==0.16.2 pyserial==3.5
}

# What is installed without what it declares that it needs.
pypi_alone="fake-switches"

# Brings a group's packages into .venv, in those versions; what other groups brought stays. Debian's python3: that of a
# version manager may lack dbm, which snmpsim needs.
make_venv() {
    local root venv names name with=() alone=()
    root="$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")"
    venv="$root/.venv"
    names=$(pypi_for "$1") || return
    # A venv does not survive being moved: its programs name its folder.
    [ "$(head -n 1 "$venv/bin/pip" 2>/dev/null)" = "#!$venv/bin/python3" ] || {
        rm -rf "$venv"
        /usr/bin/python3 -m venv "$venv" || return
    }
    # shellcheck disable=SC2046,SC2086
    venv_has "$venv" $names && return
    for name in $names; do
        case " $pypi_alone " in *" $name "*) alone+=("$name") ;; *) with+=("$name") ;; esac
    done
    # shellcheck disable=SC2046,SC2086
    pip_install "$venv" "${with[@]}" && { [ ${#alone[@]} = 0 ] || pip_install "$venv" --no-deps "${alone[@]}"; } &&
        venv_has "$venv" $names && return
    echo "lib-install: PyPI did not give $names; what needs them is skipped" >&2
    return 1
}

pip_install() {
    local venv="$1"
    shift
    # shellcheck disable=SC2046
    "$venv/bin/pip" install --quiet --disable-pip-version-check --constraint <(printf '%s\n' $(pypi_versions)) "$@" >&2
}

# Whether each package is there in the version that is asked for.
venv_has() {
    local venv="$1"
    shift
    "$venv/bin/python" - "$(pypi_versions)" "$@" 2>/dev/null <<'PY'
import sys
from importlib.metadata import version

asked = dict(pin.split("==") for pin in sys.argv[1].split())
sys.exit(any(version(name) != asked[name] for name in sys.argv[2:]))
PY
}

# Brings vmlinuz and the modules of a switch (a bridge with VLAN filtering, on virtio cards) into .vm; `order` says in
# which order they are to be loaded.
make_vm() (
    set -e
    vm="$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")/.vm"
    [ "$(dpkg --print-architecture)" = amd64 ] || { echo "lib-install: .vm is for amd64 only" >&2; exit 1; }
    [ -s "$vm/order" ] && exit 0
    rm -rf "$vm"
    mkdir -p "$vm.new/package"
    trap 'rm -rf "$vm.new"' EXIT
    cd "$vm.new"
    for try in 1 2; do
        name=$(apt-cache depends --important linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
        [ -n "$name" ] && apt-get -qq -o APT::Sandbox::User=root download "$name" >&2 && break
        [ "$try" = 1 ] || { echo "lib-install: Debian gave no kernel; the test that boots one is skipped" >&2; exit 1; }
        apt-get update -qq >&2
    done
    dpkg-deb -x linux-image-*.deb package
    release=$(ls package/lib/modules)
    depmod -b package "$release"
    cp package/boot/vmlinuz-* vmlinuz
    mkdir modules
    for module in virtio_pci virtio_net bridge; do
        # A module's line: itself, then what it needs, nearest first.
        grep "/$module.ko:" "package/lib/modules/$release/modules.dep" | tr -d : | tr ' ' '\n' | tac |
            while read -r file; do
                [ -e "modules/${file##*/}" ] && continue
                cp "package/lib/modules/$release/$file" modules/
                echo "${file##*/}" >> modules/order
            done
    done
    rm -rf package linux-image-*.deb
    mv modules/order order
    mv "$vm.new" "$vm"
)

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -u
    case "${1:-all}" in -h | --help) sed -n '2,15p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;; esac
    list=$(packages_for "${1:-all}") || exit 2
    # shellcheck disable=SC2086
    install_packages $list || exit
    case "${1:-all}" in venv*) make_venv "$1" ;; vm) make_vm ;; esac
fi
