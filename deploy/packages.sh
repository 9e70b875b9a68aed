# Sourced by `run` and `deploy/services`: installs Debian packages, or says which ones to install.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

# need_packages REASON PACKAGE…: installs what is given, through apt, as root or with a password-less sudo.
need_packages() {
    local reason=$1 as_root=()
    shift
    command -v apt-get >/dev/null ||
        die "$reason; this machine has no apt-get: install the equivalents of these Debian packages: $*"
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || die "$reason: run \`sudo apt-get install $*\`, then try again"
        as_root=(sudo -n)
    fi
    say "$reason: installing $*"
    local log
    log=$(mktemp)
    # A fresh machine has no package lists yet; an old list names versions that are gone. So: refresh and try once more.
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@")
    if ! "${as_root[@]}" "${install[@]}" </dev/null >"$log" 2>&1; then
        if ! { "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update && "${as_root[@]}" "${install[@]}"; } </dev/null >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            rm -f "$log"
            die "apt-get could not install $*"
        fi
    fi
    rm -f "$log"
}
