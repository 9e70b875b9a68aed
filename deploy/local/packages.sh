# Sourced by `run` and `deploy/local/services`: installs Debian packages, or says which ones to install.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_get WORD…: quiet when all is well; its last lines when not.
apt_get() {
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# need_packages REASON PACKAGE…: installs them through apt, as root or with a password-less sudo. `a|b` is the first of
# the two that this release has.
need_packages() {
    local reason=$1 wanted name packages=() updated=no
    shift
    command -v apt-get >/dev/null ||
        die "$reason; this machine has no apt-get: install the equivalents of these Debian packages: $*"
    as_root true 2>/dev/null || die "$reason: run \`sudo apt-get install ${*%%|*}\`, then try again"
    # A fresh machine has no package lists yet.
    if ! compgen -G "/var/lib/apt/lists/*_Packages*" >/dev/null; then
        apt_get update || die "apt-get could not update its lists"
        updated=yes
    fi
    for wanted in "$@"; do
        for name in ${wanted//|/ }; do
            if apt-cache show "$name" >/dev/null 2>&1; then break; fi
        done
        packages+=("$name")
    done
    say "$reason: installing ${packages[*]}"
    apt_get install --no-install-recommends "${packages[@]}" && return
    # An old list names versions that the mirror no longer has.
    if [ "$updated" = no ] && apt_get update && apt_get install --no-install-recommends "${packages[@]}"; then return; fi
    die "apt-get could not install ${packages[*]}"
}
