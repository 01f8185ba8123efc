# What the scripts that run on the emulated board have in common. They set `patience`, in seconds, and end with
# `exit $((failures > 0))`.

# Lines on standard output, and what went to standard error.
lines=/tmp/lines
said=/tmp/said
failures=0

check() {
    what=$1
    shift
    if "$@"; then
        echo "ok: $what"
    else
        echo "FAILED: $what"
        sed 's/^/    /' $said
        failures=$((failures + 1))
    fi
}

# Waits until a command succeeds, for at most so many seconds: emulation is slow, and slower where other work is done.
wait_for() {
    for second in $(seq "$patience"); do
        "$@" && return 0
        sleep 1
    done
    return 1
}

has_lines() {
    [ "$(wc -l <$lines)" -ge "$1" ]
}

has_said() {
    grep -q "$1" $said
}

control() {
    ./retort cameras camera:0 --set "$1" >/dev/null
}

ends_well() {
    wait $process
}

# A number in the summary, which is the last line on standard error.
summary() {
    sed -n "s/.*\"summary\".*\"$1\":\([0-9]*\).*/\1/p" $said
}
