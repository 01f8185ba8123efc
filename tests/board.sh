#!/usr/bin/env bash
# What must hold on an Arm board, tried under emulation. Parts, all of them unless some are named:
#
#   kernels   retort-core's tests, which compare every kernel set that a processor offers with the portable one, on a
#             Cortex-A53, A72, A76 and on a processor with every extension (QEMU's user mode)
#   results   models give the same bytes there as here, on every kernel set of theirs and ours: models/*.onnx, and the int8
#             files of $RETORT_TEST_DATA/peers/models where there are any
#   camera    from the kernel's test camera to detections, on Debian's arm64 kernel in QEMU: no allocation a frame, a camera
#             that is unplugged, one that falls silent
#   service   the service on the same kernel: tracks, zones, JSON, metrics, a framebuffer; no allocation a frame, memory that stays flat; a
#             camera, a disk, a broker and readers that fail it. RETORT_BOARD_FRAMES has it run that many frames
#   examples  the programs of firmware-examples that run under Linux, built for a board and started on a Cortex-A53
#   bare-metal  the programs of firmware-examples that need no operating system give the lines that a computer gives: on a
#             Cortex-M4 and M7 with 1 MB of flash and 512 kB of memory, and on a Cortex-A53, A72 and A76 with NEON kernels
#
# A part that cannot run here says so and is skipped. Needs rustup's target aarch64-unknown-linux-musl, for bare-metal
# thumbv7em-none-eabihf and aarch64-unknown-none, and no C compiler.
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
here=(portable avx2 avx-vnni avx512-vnni amx-int8 neon neon-dotprod neon-i8mm)
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

# Part, and the target where it is not the usual one.
has_target() {
    local wanted=${2:-$target}
    [[ -d $(rustc --print sysroot)/lib/rustlib/$wanted ]] || { skip "$1: run \`rustup target add $wanted\`" && return 1; }
}

# Part, and the emulator with its package where it is not the usual one.
has_emulator() {
    local program=${2:-qemu-aarch64-static} package=${3:-qemu-user-static}
    command -v "$program" >/dev/null || { skip "$1: $program, of $package, is missing" && return 1; }
}

# Builds a program as `cargo build "$@"` does, and prints its path.
build_program() {
    cargo build --message-format json-render-diagnostics "$@" |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

build() {
    build_program --bin retort "$@"
}

build_for_the_board() {
    build --release --target "$target" --package retort --no-default-features --features camera,display,network
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

# Boots the kernel of a board with the program, a plan and a script, which is run.
on_the_board() {
    local part=$1 seconds=$2 status=0
    shift 2
    has_target "$part" || return 0
    tests/emulated-board/boot.sh --prepare || status=$?
    if [[ $status -eq 77 ]]; then
        skip "$part"
        return
    fi
    [[ $status -eq 0 ]] || { fail "the emulated board cannot be made" && return; }
    cp "$(build_for_the_board)" "$work/retort"
    "$(build)" compile models/shapes-128.onnx --isa portable -o "$work/shapes-128.plan" >/dev/null
    tests/emulated-board/boot.sh --seconds "$seconds" --add "$work/retort" --add "$work/shapes-128.plan" \
        --add tests/emulated-board/checks.sh --add "tests/emulated-board/$part.sh" "sh $part.sh $*" || fail "$part: exit status $?"
}

camera() {
    on_the_board camera 300
}

# The lines of a report: the checksums of picture and outputs, and the objects.
report() {
    tr -d '\r' | sed -n '/^picture/,$p' | sed '/^time/,$d'
}

# Whether what `"$@"` prints has the lines of the file $work/expected.
same_report() {
    local name=$1
    shift
    timeout 120 "$@" </dev/null >"$work/printed" 2>&1 || true
    if report <"$work/printed" | diff "$work/expected" - >"$work/difference"; then
        echo "bare-metal: $name: $(sed -n '/^time/,$s/  */ /gp' "$work/printed" | tr -d '\r' | paste -s -d ';')"
    else
        fail "bare-metal: $name: $(cat "$work/difference" "$work/printed")"
    fi
}

bare-metal() {
    local folder=firmware-examples machine processor program quiet=(-nographic -monitor none -nic none)
    local set plan
    for plan in portable:plan-in-flash/shapes.plan neon:bare-metal-aarch64/shapes-neon.plan; do
        set=${plan%%:*} plan=$folder/${plan#*:}
        "$(build)" compile models/shapes-128.onnx --isa "$set" -o "$work/now.plan" >/dev/null
        cmp "$work/now.plan" "$plan" || fail "bare-metal: $plan is not what models/shapes-128.onnx compiles to"
    done
    "$(build_program --package plan-in-flash)" | report >"$work/expected"
    [[ -s $work/expected ]] || { fail 'bare-metal: no report here to compare with' && return; }
    if has_target bare-metal thumbv7em-none-eabihf && has_emulator bare-metal qemu-system-arm qemu-system-arm; then
        program=$(build_bare cortex-m)
        for machine in mps2-an386 mps2-an500; do
            same_report "$machine" qemu-system-arm -machine "$machine" -icount shift=0 "${quiet[@]}" \
                -semihosting-config enable=on,target=native -kernel "$program"
        done
    fi
    if has_target bare-metal aarch64-unknown-none && has_emulator bare-metal qemu-system-aarch64 qemu-system-arm; then
        program=$(build_bare bare-metal-aarch64)
        # A program begins at privilege level 1, or at level 2 where the processor has that.
        for machine in virt virt,virtualization=on; do
            for processor in cortex-a53 cortex-a72 cortex-a76; do
                same_report "$machine, $processor" qemu-system-aarch64 -machine "$machine" -cpu "$processor" \
                    -icount shift=0 "${quiet[@]}" -kernel "$program"
            done
        done
    fi
}

# Checks a program of firmware-examples that is a workspace of its own, builds it, and prints its path.
build_bare() {
    cd "firmware-examples/$1" && cargo fmt --check >&2 && cargo clippy --quiet --release -- -D warnings >&2 &&
        build_program --release
}

examples() {
    has_target examples && has_emulator examples || return 0
    local name names=(bird-feeder doorbell people-counter viewfinder) emulate=(qemu-aarch64-static -cpu cortex-a53)
    # Together, so that they share what the program itself was built from.
    cargo build --release --target "$target" --no-default-features "${names[@]/#/--package=}" || {
        fail 'examples: they do not build' && return
    }
    for name in "${names[@]}"; do
        "${emulate[@]}" "target/$target/release/$name" --help >/dev/null || fail "$name does not start"
    done
    "$(build)" compile models/shapes-128.onnx --isa neon -o "$work/shapes.plan" >/dev/null
    printf 'source = "synthetic:320x240"\n[model]\nfile = "shapes.plan"\n' >"$work/retort.toml"
    "${emulate[@]}" "target/$target/release/viewfinder" "$work/retort.toml" --frames 20 \
        --screen "png:$work/screen,240x240" >"$work/said" 2>&1 || fail "viewfinder: $(cat "$work/said")"
    ls "$work"/screen/*.png >/dev/null || fail 'viewfinder: no picture'
    echo "examples: ${names[*]}"
}

service() {
    local frames=${RETORT_BOARD_FRAMES:-300}
    on_the_board service $((600 + frames)) "$frames"
}

[[ $# -gt 0 ]] || set -- kernels results camera service examples bare-metal
for part in "$@"; do
    case $part in
    kernels | results | camera | service | examples | bare-metal) "$part" ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
    esac
done
[[ $failures -eq 0 ]] || { echo "$failures failed" && exit 1; }
