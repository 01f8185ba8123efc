#!/usr/bin/env bash
# Boots Debian's arm64 kernel under QEMU, with the camera of the kernel's test driver `vivid` at /dev/video0 and its framebuffer at
# /dev/fb0, and runs a shell command there. What the machine prints is printed; the exit status is the command's, or
#   77   the machine cannot be made here (one line says why)
#   124  the command did not end in time
#
#   boot.sh [OPTION]... COMMAND
#     --cpu CPU         cortex-a53 (Zero 2 W, 3), cortex-a72 (4, the default), cortex-a76 (5), max
#     --memory MIB      1024
#     --seconds N       how long the command may take: 300
#     --vivid OPTIONS   the module's options; by default one camera that takes a webcam's formats, and the
#                       framebuffer (bit 16 of node_types), which comes with an output (bit 8)
#     --count           one core, and a clock that advances by one nanosecond an instruction: times are instruction counts
#     --add PATH        a file or folder to put into /app, where the command runs; programs must be static
#     --prepare         only fetch what is needed, once: QEMU from the distribution, Debian's kernel into the cache
#
# The kernel is kept in ${XDG_CACHE_HOME:-~/.cache}/retort-emulated-board. Fetching it needs apt, on Debian.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/retort-emulated-board
cpu=cortex-a72 memory=1024 seconds=300 prepare_only=
vivid='n_devs=1 node_types=0x10101 num_inputs=1 input_types=0x0 num_outputs=1 output_types=0x0'
clock=(-smp 2)
added=()
PATH=$PATH:/usr/sbin:/sbin

cannot() {
    echo "emulated board: $*" >&2
    exit 77
}

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

# Installs what is missing of: program:package...
need() {
    local missing=() pair
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null && [[ $EUID -eq 0 ]] || cannot "please install ${missing[*]}"
    { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$cache/install.log" 2>&1 ||
        cannot "${missing[*]} cannot be installed; see $cache/install.log"
}

# Fetches a kernel and busybox for arm64, with a package list of its own beside the host's.
fetch() {
    local root=$1 apt kernel
    apt=$root.apt
    mkdir -p "$root" "$apt/lists/partial" "$apt/archives/partial"
    local options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
        -o Dir::State::status=/dev/null -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache::Archives=$apt/archives"
        -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
    apt-get "${options[@]}" update
    kernel=$(apt-cache "${options[@]}" depends linux-image-arm64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [[ -n $kernel ]]
    (cd "$apt/archives" && apt-get "${options[@]}" download "$kernel" busybox-static)
    local package
    for package in "$apt"/archives/*.deb; do
        dpkg-deb --extract "$package" "$root"
    done
    rm -r "$apt"
}

# Packs the folder $1 as an initial file system. The kernel unpacks several such archives one after the other.
pack() {
    (cd "$1" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet | gzip -1)
}

# From the packages in $1: the kernel, and busybox with vivid's modules as the first part of the initial file system.
assemble() {
    local root=$1 version base module
    version=$(ls "$root/lib/modules" 2>/dev/null || ls "$root/usr/lib/modules")
    local modules=$root/lib/modules/$version
    [[ -d $modules ]] || { mkdir -p "$root/lib" && ln -s ../usr/lib/modules "$root/lib/modules"; }
    depmod -b "$root" "$version"
    base=$root.base
    mkdir -p "$base"/{app,bin,dev,modules,proc,sys,tmp}
    cp -L "$(find "$root" -path '*bin/busybox' -type f | head -n 1)" "$base/bin/busybox"
    # modules.dep lists what a module needs in the reverse of the order in which to load it.
    grep -E '/vivid\.ko[.a-z]*:' "$modules/modules.dep" | tr -d ':' | tr ' ' '\n' | tac >"$root/order"
    while read -r module; do
        case $module in
        *.xz) xz --decompress --stdout "$modules/$module" ;;
        *.zst) zstd --decompress --stdout --quiet "$modules/$module" ;;
        *) cat "$modules/$module" ;;
        esac >"$base/modules/$(basename "${module%%.ko*}").ko"
        basename "${module%%.ko*}" >>"$base/modules/order"
    done <"$root/order"
    pack "$base" >"$root.initrd"
    cp "$root/boot/vmlinuz-$version" "$root.vmlinuz"
    rm -r "$base"
}

prepare() {
    mkdir -p "$cache"
    need qemu-system-aarch64:qemu-system-arm cpio:cpio depmod:kmod xz:xz-utils
    [[ -e $cache/vmlinuz && -e $cache/initrd ]] && return
    command -v apt-get >/dev/null || cannot "Debian's arm64 kernel is fetched with apt, which is not here"
    rm -rf "$cache"/root*
    # In a shell of its own, since `set -e` does not hold within a condition.
    if ! (set -e; fetch "$cache/root") >"$cache/fetch.log" 2>&1 || [[ ! -d $cache/root/boot ]]; then
        cannot "Debian's arm64 kernel cannot be fetched; see $cache/fetch.log"
    fi
    assemble "$cache/root"
    mv "$cache/root.vmlinuz" "$cache/vmlinuz"
    mv "$cache/root.initrd" "$cache/initrd"
    rm -rf "$cache"/root*
}

while [[ $# -gt 0 ]]; do
    case $1 in
    --cpu) cpu=$2 && shift 2 ;;
    --memory) memory=$2 && shift 2 ;;
    --seconds) seconds=$2 && shift 2 ;;
    --vivid) vivid=$2 && shift 2 ;;
    --count) clock=(-smp 1 -icount 'shift=0,sleep=off') && shift ;;
    --add) added+=("$2") && shift 2 ;;
    --prepare) prepare_only=1 && shift ;;
    -*) usage ;;
    *) break ;;
    esac
done
[[ $# -eq 1 || -n $prepare_only ]] || usage
prepare
[[ -z $prepare_only ]] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/app"
for path in "${added[@]}"; do
    cp -aL "$path" "$work/root/app/"
done
printf '%s\n' "$1" >"$work/root/command"
cat >"$work/root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
ip link set lo up
for module in \$(cat /modules/order); do
    options=
    [ \$module = vivid ] && options="$vivid"
    insmod /modules/\$module.ko \$options || echo "module \$module does not load"
done
cd /app
sh /command
echo "exit status: \$?"
poweroff -f
INIT
chmod +x "$work/root/init"
{ cat "$cache/initrd" && pack "$work/root"; } >"$work/initrd"

timeout "$seconds" qemu-system-aarch64 -M virt -cpu "$cpu" "${clock[@]}" -m "$memory" -nographic -nic none \
    -kernel "$cache/vmlinuz" -initrd "$work/initrd" -append 'console=ttyAMA0 quiet panic=-1' -no-reboot \
    </dev/null 2>&1 | tr -d '\r' | tee "$work/printed" | grep -v -e '^exit status: ' -e 'reboot: Power down' || true
status=$(sed -n 's/^.*exit status: \([0-9]*\)$/\1/p' "$work/printed" | tail -n 1)
exit "${status:-124}"
