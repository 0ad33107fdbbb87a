# SPDX-License-Identifier: MIT
# Sourced by ./run and ./test: packages, sources, configuration, build.
# Its own messages go to standard error, so that the guest's output stays alone on standard output.
export AXOLOTL_BUILD=${AXOLOTL_BUILD:-$PWD/build}
# Debian's own Python, which sees the packages below, even where another one comes first in PATH.
AXOLOTL_PYTHON=/usr/bin/python3
[[ -x $AXOLOTL_PYTHON ]] || AXOLOTL_PYTHON=python3

# package: command or file that proves it is there, where dpkg does not know | what it is for
setup_packages_run=(
    "gcc|gcc|compiler"
    "libc6-dev|/usr/include/stdio.h|host headers for the unit tests"
    "binutils|ld|linker"
    "nasm|nasm|assembler"
    "meson|meson|build system"
    "ninja-build|ninja|build system"
    "python3|python3|build scripts, QEMU driver, AI bridge"
    "grub-common|grub-mkrescue|makes the ISO"
    "grub-pc-bin|/usr/lib/grub/i386-pc/boot.img|BIOS boot"
    "grub-efi-amd64-bin|/usr/lib/grub/x86_64-efi/moddep.lst|UEFI boot"
    "xorriso|xorriso|makes the ISO"
    "mtools|mformat|makes the ISO's UEFI part"
    "qemu-system-x86|qemu-system-x86_64|the machine"
    "ovmf|/usr/share/OVMF|UEFI firmware for QEMU"
    "console-setup-linux|/usr/share/consolefonts/Uni2-VGA16.psf.gz|font of the framebuffer console"
    "xz-utils|xz|unpacks sources"
    "ca-certificates|/etc/ssl/certs/ca-certificates.crt|AI bridge: HTTPS"
)
# Debian's gcc for x86-64 has the cross compiler's name as well; other hosts have a package for it.
if [[ $(uname -m) != x86_64 ]]; then
    setup_packages_run+=("gcc-x86-64-linux-gnu|x86_64-linux-gnu-gcc|cross compiler")
fi
setup_packages_test=(
    "python3-pytest|pytest-3|tests"
    "musl-tools|musl-gcc|tests: builds Linux programs"
    "python3-pytest-xdist|/usr/lib/python3/dist-packages/xdist|tests"
    "spin|spin|tests: checks the model of calls and commits"
    "python3-pexpect|/usr/lib/python3/dist-packages/pexpect|tests: talks to the console"
    "python3-pil|/usr/lib/python3/dist-packages/PIL|tests: looks at the screen"
    "gdb|gdb|tests: its commands for the kernel's objects"
    "clang-format|clang-format|tests: format"
    "clang-tidy|clang-tidy|tests: static analysis"
    "cppcheck|cppcheck|tests: static analysis"
    "curl|curl|tests: HTTP client"
    "tshark|tshark|tests: looks at network frames"
    "iproute2|ip|tests: networks of the host's own"
    "iputils-ping|ping|tests: network peers"
    "dnsmasq-base|/usr/sbin/dnsmasq|tests: network peers"
    "nmap|nmap|tests: network peers"
    "python3-scapy|/usr/lib/python3/dist-packages/scapy|tests: forged frames"
    "bochs|/usr/bin/bochs|tests: the second PC emulator"
    "bochs-x|/usr/lib/bochs/plugins/libbx_x_gui.so|tests: the second PC emulator"
    "bochsbios|/usr/share/bochs/BIOS-bochs-latest|tests: the second PC emulator"
    "vgabios|/usr/share/vgabios/vgabios.bin|tests: the second PC emulator"
    "xvfb|Xvfb|tests: a screen for it"
    "git|git|tests: list of the tree's files"
)

setup_say() {
    echo "setup: $*" >&2
}

setup_is_root() {
    (( EUID == 0 ))
}

setup_has() { # PACKAGE PROOF
    if command -v dpkg-query >/dev/null &&
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; then
        return 0
    fi
    if [[ $2 == /* ]]; then
        [[ -e $2 ]]
    else
        command -v "$2" >/dev/null
    fi
}

# Ends with a message when an option is wrong, before anything is installed or built.
setup_check() { # SCRIPT [OPTION...]
    command -v "$AXOLOTL_PYTHON" >/dev/null || return 0
    "$AXOLOTL_PYTHON" "$@" --check-options || exit
}

# Installs what is missing, or says what is missing and why it can't.
setup_packages() { # LINE...
    local line package proof why as_root=() missing=()
    for line in "$@"; do
        IFS='|' read -r package proof why <<<"$line"
        if ! setup_has "$package" "$proof"; then
            missing+=("$package")
            setup_say "missing: $package ($why)"
        fi
    done
    (( ${#missing[@]} )) || return 0
    if ! command -v apt-get >/dev/null; then
        setup_say "there is no apt here; install these by hand: ${missing[*]}"
        exit 1
    fi
    if ! setup_is_root; then
        if ! command -v sudo >/dev/null; then
            setup_say "neither root nor sudo; ask for: apt-get install ${missing[*]}"
            exit 1
        fi
        as_root=(sudo)
    fi
    setup_say "installing with apt-get${as_root[0]:+ (by sudo)}: ${missing[*]}"
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends "${missing[@]}" </dev/null >&2; then
        setup_say "trying again with fresh package lists"
        "${as_root[@]}" apt-get -q update </dev/null >&2 || true
        if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q install -y --no-install-recommends "${missing[@]}" </dev/null >&2; then
            setup_say "apt-get could not install: ${missing[*]}"
            exit 1
        fi
    fi
}

# run: what ./run needs; test: everything.
setup_build() { # run|test [OPTION...]
    local log word lines=("${setup_packages_run[@]}")
    [[ $1 == test ]] && lines+=("${setup_packages_test[@]}")
    for word in "$@"; do
        [[ $word == --display ]] && lines+=("qemu-system-gui|/usr/lib/x86_64-linux-gnu/qemu/ui-gtk.so|window")
    done
    setup_packages "${lines[@]}"
    tools/fetch-sources </dev/null >&2
    log=$(mktemp)
    if [[ ! -e $AXOLOTL_BUILD/build.ninja ]]; then
        setup_say "configuring"
        if ! meson setup "$AXOLOTL_BUILD" --cross-file cross/x86_64-elf.ini </dev/null >"$log" 2>&1; then
            cat "$log" >&2
            setup_say "configuring failed"
            exit 1
        fi
    fi
    setup_say "building"
    if ! ninja -C "$AXOLOTL_BUILD" </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        setup_say "building failed"
        exit 1
    fi
    rm -f "$log"
}
