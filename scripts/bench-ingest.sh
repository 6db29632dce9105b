#!/usr/bin/env bash
# Measures the bars of ingest with the release's `ingest-load` and `ingest-server`: the servers on core 0, the load on
# core 1. Further arguments go to `ingest-load bars`.
set -euo pipefail
programs=${1:?usage: scripts/bench-ingest.sh FOLDER-OF-PROGRAMS [ARGUMENT]…}
shift
work=$(mktemp -d "${BENCH_DISK:-/var/tmp}/weir-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "$(nproc) cores; $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1); file log in $work"
taskset -c 1 "$programs/ingest-load" bars --server "$programs/ingest-server" --core 0 --disk "$work" "$@"
