# Runs on the emulated board, in a folder with `retort` and `shapes-128.plan`: from the camera at /dev/video0, which is the
# kernel's test driver `vivid`, to detections. vivid can be told to misbehave through its controls. Exits with 1 where a
# line says FAILED.
detect="./retort detect shapes-128.plan camera:0 --score 0.5 --json --stats"
patience=30
. ./checks.sh

start() {
    $detect "$@" >$lines 2>$said &
    process=$!
    wait_for has_lines 1
}

is_at_most() {
    [ -n "$1" ] && [ "$1" -le "$2" ]
}

for format in YUYV NV12 RGB3 BGR3 GREY; do
    $detect --format $format --frames 10 >$lines 2>$said
    check "$format: ten frames" test "$(wc -l <$lines)" -eq 10
    check "$format: no allocation a frame" grep -q '"allocations_per_frame":0\.0[,}]' $said
done
$detect --format YUYV --frames 20 >$lines 2>$said
check "detections in the test picture" grep -q '"class":"' $lines
check "at most 24 MB of memory" is_at_most "$(summary peak_rss_bytes)" 24000000

start
control Disconnect=1
check "an unplugged camera is noticed" wait_for has_said 'looking for it again'
check "and found again" wait_for has_said 'going on after'
before=$(wc -l <$lines)
check "and its frames go on" wait_for has_lines $((before + 5))
kill -INT $process
check "and an interrupt ends it well" ends_well
check "and it was found once" test "$(summary reconnects)" = 1

start --timeout 1
control percentage_of_dropped_buffers=100
check "a silent camera is noticed" wait_for has_said 'no frame for 1 s'
control percentage_of_dropped_buffers=0
check "and goes on when it speaks" wait_for has_said 'going on after'
kill -INT $process
check "and an interrupt ends it well" ends_well

control percentage_of_dropped_buffers=100
$detect --timeout 1 --once-lost exit >$lines 2>$said
check "a silent camera is an error where that is wanted" test $? -eq 1
check "which says so" has_said '^error: .*no frame for 1 s'
control percentage_of_dropped_buffers=0

start --frames 60
control 'Inject Fatal Streaming Error=1'
check "a driver's error is survived" ends_well
check "with every frame that was wanted" test "$(wc -l <$lines)" -eq 60

exit $((failures > 0))
