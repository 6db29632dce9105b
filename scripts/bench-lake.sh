#!/usr/bin/env bash
# Measures the lake of a release build beside other engines, in one run: scripts/bench_lake.py has the measures, this has the
# programs. CPU seconds rather than wall time, because machines are shared.
#
#   BENCH_EVENTS  events of the import [1000000]; 10000000 shows that its memory does not grow
#   BENCH_SIZE    events of the compacted lake whose bytes are counted [10000000]
#   BENCH_SCALE   how many times 200 landed files are compacted [1]; 10 shows that memory does not grow
#   BENCH_ONLY    some of: import compaction size open dev funnel [all]
#   BENCH_RESULTS where the figures go, a JSON object a line [bench-lake.jsonl beside the programs]
set -euo pipefail
weir=${1:?usage: scripts/bench-lake.sh PATH-TO-WEIR FOLDER-FOR-PYTHON}
venv=${2:?usage: scripts/bench-lake.sh PATH-TO-WEIR FOLDER-FOR-PYTHON}
cd "$(dirname "$0")/.."
examples=$(dirname "$weir")/examples
export BENCH_RESULTS=${BENCH_RESULTS:-$(dirname "$weir")/bench-lake.jsonl}

tests/engines/setup.sh "$venv"
echo "$(nproc) cores; $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
exec "$venv/bin/python" scripts/bench_lake.py "$weir" "$examples"
