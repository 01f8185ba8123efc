#!/usr/bin/env bash
# hour.sh [TARGET...]: builds the targets and runs each, or those named, for an hour of processor time, one after another. What
# is found lies in found/TARGET.bad; what is only new in found/TARGET. FUZZ_SECONDS changes the hour.
set -euo pipefail
cd "$(dirname "$0")"
triple=x86_64-unknown-linux-gnu
[[ $# -gt 0 ]] || set -- onnx_import plan_check picture labels recipe contract service
cp ../../Cargo.lock .
# RUSTC_BOOTSTRAP lets the stable compiler take the sanitizer's flag.
RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER=$PWD/instrument.sh cargo build --release --target $triple
programs=${CARGO_TARGET_DIR:-target}/$triple/release
export ASAN_OPTIONS=quarantine_size_mb=64:detect_leaks=0 RUST_BACKTRACE=1
# `labels` reads its two pictures in parallel: one thread does more of them in the same processor time.
export RAYON_NUM_THREADS=1

# Seconds of processor time that a process has taken.
taken() {
    local fields
    fields=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 1
    read -r -a fields <<<"$fields"
    echo $(((fields[11] + fields[12]) / $(getconf CLK_TCK)))
}

for target in "$@"; do
    new=found/$target bad=found/$target.bad log=found/$target.log
    mkdir -p "$new" "$bad"
    seeds=("corpus/$target")
    if [[ $target == onnx_import ]]; then
        mkdir -p found/golden
        for model in ../golden/*/model.onnx; do cp "$model" "found/golden/$(basename "$(dirname "$model")").onnx"; done
        seeds+=(found/golden)
    fi
    "$programs/$target" "$new" "${seeds[@]}" -artifact_prefix="$bad/" -rss_limit_mb=2048 -timeout=60 -reload=0 \
        -print_final_stats=1 >"$log" 2>&1 &
    process=$! seconds=0
    while now=$(taken $process); do
        seconds=$now
        if ((seconds >= ${FUZZ_SECONDS:-3600})); then kill -INT $process; break; fi
        sleep 5
    done
    wait $process || true
    units=$(grep -o 'executed_units: *[0-9]*' "$log" | grep -o '[0-9]*' || echo '?')
    echo "$target: $seconds s of processor time, $units inputs, $(find "$bad" -type f | wc -l) findings"
done
