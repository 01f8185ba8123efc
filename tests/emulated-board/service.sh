# Runs on the emulated board, in a folder with `retort` and `shapes-128.plan`: the service with the kernel's test driver vivid as
# its camera and its framebuffer as a display, with tracks, a zone, a line, lines of JSON, metrics and pictures, and then with all
# that can go wrong around it. Exits with 1 where a line says FAILED.
#
#   sh service.sh [FRAMES]      frames of the long part, 300 where nothing is said
frames=${1:-300}
patience=60
. ./checks.sh

# A configuration with these lines more.
configure() {
    cat >/tmp/retort.toml <<TOML
source = "camera:0"
[model]
file = "/app/shapes-128.plan"
score = 0.5
[camera]
format = "YUYV"
timeout = 2
[[zone]]
name = "all"
settle = 0
linger = 0
[[line]]
name = "middle"
from = [0.5, 1]
to = [0.5, 0]
$1
TOML
}

start() {
    : >$lines
    ./retort run-service /tmp/retort.toml --stats "$@" >$lines 2>$said &
    process=$!
    wait_for has_lines 2
}

stop() {
    kill -INT $process
    check "an interrupt ends it well" ends_well
}

grew_by_at_most() {
    [ $(($(summary own_bytes) - $(summary warm_own_bytes))) -le "$1" ]
}

seen() {
    wget -q -O - http://127.0.0.1:8080/metrics | sed -n 's/^retort_frames_total //p'
}

sees_more_than() {
    [ "$(seen)" -gt "$1" ]
}

shows_something() {
    [ "$(tr -d '\000' </dev/fb0 | wc -c)" -gt 100000 ]
}

configure '[to]
display = "fb:/dev/fb0"
[to.json]
frames = true
[to.page]'
start --frames "$frames"
check "$frames frames through tracks, zone, line, JSON, metrics and framebuffer" ends_well
check "the framebuffer shows pictures" shows_something
check "and took every frame" test "$(grep -c 'warning: display' $said)" -eq 0
check "a line for each" test "$(grep -c '"detections"' $lines)" -eq "$frames"
check "events in the test picture" grep -q '"event":"entered","zone":"all"' $lines
check "no allocation after the first hundred" grep -q '"allocations":0,' $said
# Nothing is asked for any more, as the line above says; but what was asked for counts only once it is written, and pictures for
# the display are written where they change.
check "memory is flat" grew_by_at_most 4194304
check "frames have an age" grep -q '"age_p99_ms":[0-9]' $said
sed -n 's/^{"summary"/    &/p' $said

start
control Disconnect=1
check "an unplugged camera is noticed" wait_for has_said 'looking for it again'
check "and found again" wait_for has_said 'going on after'
control percentage_of_dropped_buffers=100
check "a stuck camera is noticed" wait_for has_said 'no frame for 2 s'
control percentage_of_dropped_buffers=0
before=$(seen)
check "and its frames go on" wait_for sees_more_than $((before + 3))
# Ten who ask for the live picture and never read it.
for reader in $(seq 10); do
    (printf 'GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n'; sleep 30) | nc 127.0.0.1 8080 | sleep 30 &
done
sleep 2
before=$(seen)
check "readers that never read hold nobody up" wait_for sees_more_than $((before + 20))
echo 'nonsense' >>/tmp/retort.toml
kill -HUP $process
check "a configuration with a slip changes nothing" wait_for has_said 'going on as before'
stop

mkdir -p /tmp/small
mount -t tmpfs -o size=64k tmpfs /tmp/small
configure '[to.json]
frames = true
[to.snapshots]
folder = "/tmp/small/shots"
on = ["*"]
quota = 1
[to.page]
[to.mqtt]
address = "mqtt://127.0.0.1:1883"'
dd if=/dev/zero of=/tmp/small/full bs=1k count=64 2>/dev/null
start
check "a full disk is told" wait_for has_said 'warning: snapshots: .*No space left'
check "a broker that is not there is told" wait_for has_said 'mqtt.*127.0.0.1:1883'
before=$(seen)
check "and frames go on" wait_for sees_more_than $((before + 5))
rm /tmp/small/full
has_pictures() {
    [ "$(ls /tmp/small/shots/*.jpg 2>/dev/null | wc -l)" -gt 0 ]
}
# In a zone of another name whoever is there enters anew. The sink is tried again less and less often, so this may take a few.
enters_and_has_pictures() {
    sed -i "s/^name = \"all.*/name = \"all $second\"/" /tmp/retort.toml
    kill -HUP $process
    sleep 2
    has_pictures
}
check "a disk with room is used again" wait_for enters_and_has_pictures
stop

exit $((failures > 0))
