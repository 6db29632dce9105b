#!/usr/bin/env bash
# Measures questions of a release build beside ClickHouse and DuckDB, in one run: scripts/bench_query.py has the measures,
# scripts/query_peers.py what the peers are asked. CPU seconds rather than wall time, because machines are shared.
#
#   BENCH_SIZE    millions of events that are asked about [10]
#   BENCH_SIZES   millions of events of the lakes that show growth [1 10]; "1 10 100" takes half an hour and 20 GB of disk
#   BENCH_ROUNDS  rounds, in turns, of which the best counts [3]
#   BENCH_ONLY    some of: funnel variants growth landed trends retention tiny [all]
#   BENCH_LAKES   a folder in which lakes stay for the next run [none: they are made anew]
#   BENCH_RESULTS where the figures go, a JSON object a line [bench-query.jsonl beside the program]
set -euo pipefail
weir=${1:?usage: scripts/bench-query.sh PATH-TO-WEIR FOLDER-FOR-PYTHON}
venv=${2:?usage: scripts/bench-query.sh PATH-TO-WEIR FOLDER-FOR-PYTHON}
cd "$(dirname "$0")/.."
export BENCH_RESULTS=${BENCH_RESULTS:-$(dirname "$weir")/bench-query.jsonl}

tests/engines/setup.sh "$venv"
echo "$(nproc) cores; $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
exec "$venv/bin/python" scripts/bench_query.py "$weir"
