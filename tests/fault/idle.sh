#!/bin/sh
# A run that waits does so asleep: with its only worker stopped and fetch long gone, the processes
# of a run use next to no CPU time. (Closed channels once kept the supervisor awake.)
set -u
work=$(mktemp -d) || exit 1
run=
clean_up() {
    [ -n "$run" ] && kill -9 "$run" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "idle: $1"
    exit 1
}

child() { # name -> its process id, or nothing
    for one in $(cat "/proc/$run/task/$run/children" 2>/dev/null); do
        [ "$(cat "/proc/$one/comm" 2>/dev/null)" = "$1" ] && echo "$one"
    done
}

cpu_ticks() { # of the supervisor and of all that it has now
    for one in "$run" $(cat "/proc/$run/task/$run/children"); do
        cat "/proc/$one/stat"
    done | awk '{n += $14 + $15} END {print n}'
}

awk 'BEGIN {for (i = 0; i < 150000; i++)
    printf "{\"text\": \"Number %d is followed by another one, and that by the next.\"}\n", i}' \
    >"$work/in.jsonl"
cat >"$work/job.yaml" <<END
out: $work/out
workers: 1
source:
  - files: $work/in.jsonl
text: [stats]
sink:
  records: {format: jsonl}
END

"$GRISTMILL" run "$work/job.yaml" --quiet &
run=$!
while worker=$(child text.0)
    [ -z "$worker" ]; do
    kill -0 "$run" 2>/dev/null || fail "the run ended before its worker could be stopped"
done
kill -STOP "$worker"
tries=0
while [ -n "$(child fetch)" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "fetch did not end"
    sleep 0.1
done
sleep 0.5 # what is under way comes to rest
before=$(cpu_ticks)
sleep 2
used=$(($(cpu_ticks) - before))
kill -CONT "$worker"
[ "$used" -lt "$(getconf CLK_TCK)" ] || fail "$used ticks of CPU time in 2 s without work"
wait "$run" || fail "the run failed"
run=
[ "$(wc -l <"$work/out/records-00000.jsonl")" -eq 150000 ] || fail "records are missing"
echo "idle: $used ticks of CPU time in 2 s without work"
