#!/usr/bin/env bash
# What must hold on an Arm board, tried under emulation. Parts, all of them unless some are named:
#
#   kernels   retort-core's tests, which compare every kernel set that a processor offers with the portable one, on a
#             Cortex-A53, A72, A76 and on a processor with every extension (QEMU's user mode)
#   results   models give the same bytes there as here, on every kernel set of theirs and ours: models/*.onnx, and the int8
#             files of $RETORT_TEST_DATA/peers/models where there are any
#   camera    from the kernel's test camera to detections, on Debian's arm64 kernel in QEMU: no allocation a frame, a camera
#             that is unplugged, one that falls silent
#
# A part that cannot run here says so and is skipped. Needs rustup's target aarch64-unknown-linux-musl, and no C compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-musl
# The kernel sets that each processor must offer, and those that some machine like this one may.
declare -A offers=(
    [cortex-a53]='portable neon'
    [cortex-a72]='portable neon'
    [cortex-a76]='portable neon neon-dotprod'
    [max]='portable neon neon-dotprod neon-i8mm'
)
here=(portable avx2 avx-vnni avx512-vnni neon neon-dotprod neon-i8mm)
processors=(cortex-a53 cortex-a72 cortex-a76 max)
once=(--threads 1 --warmup 0 --duration 0 --json)
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
    echo "skipped: $*"
}

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

has_target() {
    [[ -d $(rustc --print sysroot)/lib/rustlib/$target ]] || { skip "$1: run \`rustup target add $target\`" && return 1; }
}

has_emulator() {
    command -v qemu-aarch64-static >/dev/null || { skip "$1: qemu-aarch64-static, of qemu-user-static, is missing" && return 1; }
}

# Builds the program as `cargo build "$@"` does, and prints its path.
build() {
    cargo build --message-format json-render-diagnostics --bin retort "$@" |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

build_for_the_board() {
    build --release --target "$target" --package retort --no-default-features --features camera
}

kernels() {
    has_target kernels && has_emulator kernels || return 0
    local processor
    for processor in "${processors[@]}"; do
        echo "kernels on $processor"
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER="qemu-aarch64-static -cpu $processor" \
            cargo test --quiet --package retort-core --target "$target" --lib || fail "kernels on $processor"
    done
}

# The checksum of the outputs that a run of `retort bench` prints. Where there is none, $work/said has the reason.
checksum() {
    { "$@" "${once[@]}" 2>"$work/said" || true; } | sed -n 's/.*"output_crc32":"\([^"]*\)".*/\1/p'
}

results() {
    has_target results && has_emulator results || return 0
    local host board model
    host=$(build)
    board=$(build_for_the_board)
    local models=(models/*.onnx)
    if [[ -d ${RETORT_TEST_DATA:-}/peers/models ]]; then
        models+=("$RETORT_TEST_DATA"/peers/models/*_q*.onnx)
    else
        skip 'results of models that are not ours: RETORT_TEST_DATA names no folder with peers/models'
    fi
    for model in "${models[@]}"; do
        same_results "$host" "$board" "$model"
    done
}

same_results() {
    local host=$1 board=$2 model=$3 name set processor found
    name=$(basename "$model" .onnx)
    local truth
    truth=$(checksum "$host" bench "$model" --isa portable)
    [[ -n $truth ]] || { fail "$name: $(cat "$work/said")" && return; }
    local count=0
    for set in "${here[@]:1}"; do
        found=$(checksum "$host" bench "$model" --isa "$set")
        if [[ -z $found ]] && grep -q 'this processor lacks' "$work/said"; then
            continue
        fi
        count=$((count + 1))
        [[ $found == "$truth" ]] || fail "$name: $set kernels here give ${found:-$(cat "$work/said")}, portable ones $truth"
    done
    # A plan is packed for one kernel set.
    for set in ${offers[max]}; do
        "$host" compile "$model" --isa "$set" -o "$work/$set.plan" >/dev/null || fail "$name: no plan for $set kernels"
    done
    for processor in "${processors[@]}"; do
        for set in ${offers[$processor]}; do
            found=$(checksum qemu-aarch64-static -cpu "$processor" "$board" bench "$work/$set.plan")
            count=$((count + 1))
            [[ $found == "$truth" ]] ||
                fail "$name: $set kernels on $processor give ${found:-$(cat "$work/said")}, portable ones here $truth"
        done
    done
    echo "$name: $truth, compared with $count runs"
}

camera() {
    has_target camera || return 0
    local status=0
    tests/emulated-board/boot.sh --prepare || status=$?
    if [[ $status -eq 77 ]]; then
        skip camera
        return
    fi
    [[ $status -eq 0 ]] || { fail "the emulated board cannot be made" && return; }
    cp "$(build_for_the_board)" "$work/retort"
    "$(build)" compile models/shapes-128.onnx --isa portable -o "$work/shapes-128.plan" >/dev/null
    tests/emulated-board/boot.sh --add "$work/retort" --add "$work/shapes-128.plan" --add tests/emulated-board/camera.sh \
        'sh camera.sh' || fail "camera: exit status $?"
}

[[ $# -gt 0 ]] || set -- kernels results camera
for part in "$@"; do
    case $part in
    kernels | results | camera) "$part" ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
    esac
done
[[ $failures -eq 0 ]] || { echo "$failures failed" && exit 1; }
