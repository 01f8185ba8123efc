#!/usr/bin/env bash
# A compiler for cargo (RUSTC_WRAPPER): everything built for the target has the address sanitizer, and what is ours, and what
# parses for it, tells libFuzzer which branches it takes. Instrumenting all that the trainer computes with would take hours.
rustc=$1
shift
name='' target='' previous=''
for argument in "$@"; do
    [[ $previous == --crate-name ]] && name=$argument
    [[ $previous == --target || $argument == --target=* ]] && target=yes
    previous=$argument
done
# Build scripts and macros are built for the machine itself, and run in the compiler.
[[ -n $target ]] || exec "$rustc" "$@"
flags=(-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer --cfg fuzzing)
case $name in
retort* | onnx_import | plan_check | picture | labels | recipe | contract | service | image | image_webp | png | zune_* | \
    fdeflate | toml* | winnow | roxmltree | serde_json | tract_onnx | tract_onnx_opl | prost)
    flags+=(-Cpasses=sancov-module -Ccodegen-units=1)
    for option in level=4 inline-8bit-counters pc-table trace-compares; do
        flags+=("-Cllvm-args=-sanitizer-coverage-$option")
    done
    ;;
esac
exec "$rustc" "$@" "${flags[@]}"
