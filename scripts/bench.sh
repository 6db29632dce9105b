#!/usr/bin/env bash
# Measures a release build of weir: whole processes, as the operating system accounts for them.
# CPU seconds rather than wall time, because machines are shared.
set -euo pipefail
weir=${1:?usage: scripts/bench.sh PATH-TO-WEIR}
events=${BENCH_EVENTS:-1000000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

measure() { # measure COMMAND...: prints user+system seconds, wall seconds and peak resident kilobytes
  python3 - "$@" <<'PY'
import os, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
wall = time.monotonic() - start
if done.returncode != 0:
    sys.exit(done.stderr.decode())
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{used.ru_utime + used.ru_stime:.3f} {wall:.3f} {used.ru_maxrss}")
PY
}

row() { # row NAME CPU WALL PEAK-KB EVENTS
  awk -v name="$1" -v cpu="$2" -v wall="$3" -v kb="$4" -v n="$5" 'BEGIN {
    rate = (n > 0) ? sprintf("%d events a CPU second", n / cpu) : ""
    printf "%-34s %8.2f CPU-s %8.2f s %8.0f MB   %s\n", name, cpu, wall, kb / 1024, rate }'
}

echo "events: $events; file: NDJSON of weir demo"
"$weir" demo --events "$events" --seed 1 > "$work/demo.ndjson"
gzip -1 -k "$work/demo.ndjson"
ls -l "$work" | awk '/demo/ {printf "  %s %.0f MB\n", $9, $5 / 1048576}'

for run in 1 2 3; do
  rm -rf "$work/lake"
  row "import, plain (run $run)" $(measure "$weir" import -q "$work/demo.ndjson" --lake "$work/lake") "$events"
done
row "import again: all copies" $(measure "$weir" import -q "$work/demo.ndjson" --lake "$work/lake") "$events"
rm -rf "$work/lake"
row "import, gzip" $(measure "$weir" import -q "$work/demo.ndjson.gz" --lake "$work/lake") "$events"
funnel=(funnel -q --lake "$work/lake" --step view_job --step apply_start --step apply_submit --window 1d)
row "funnel, 3 steps, landed" $(measure "$weir" "${funnel[@]}") "$events"
row "compact" $(measure "$weir" compact -q --lake "$work/lake") "$events"
row "funnel, 3 steps, compacted" $(measure "$weir" "${funnel[@]}") "$events"
"$weir" stats --lake "$work/lake"
