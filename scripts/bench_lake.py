"""The bars of the lake, each measured beside the engine that sets it. Called by bench-lake.sh.

CPU seconds and peak memory of peers in Python include the start of Python.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
from benching import WEIR, demo, measure, run, weir
from deltalake import DeltaTable

EXAMPLES = Path(sys.argv[2])
EVENTS = int(os.environ.get("BENCH_EVENTS", 1_000_000))
SIZE = int(os.environ.get("BENCH_SIZE", 10_000_000))
SCALE = int(os.environ.get("BENCH_SCALE", 1))
ONLY = os.environ.get("BENCH_ONLY", "import compaction size open dev funnel").split()
FILE_EVENTS = 13_000
FILES = 200
STEPS = ["view_job", "apply_start", "apply_submit"]
# What goes on while events are waited for, in events a second.
BACKGROUND = 200
PROBES = 200

# Twice, and the quicker one counts: as it comes, and with columns given, so that it need not look into the properties. Times stay
# text, as some are numbers.
DUCKDB_IMPORTS = {
    "as it comes": "",
    "columns given": "format = 'newline_delimited', columns = {event: 'VARCHAR', user_id: 'VARCHAR', anonymous_id: 'VARCHAR', "
    "timestamp: 'VARCHAR', event_id: 'VARCHAR', session_id: 'VARCHAR', properties: 'JSON', context: 'JSON', sent_at: 'VARCHAR'}",
}
DUCKDB_IMPORT = """
import duckdb, sys
file, out, options = sys.argv[1:]
options = f", {options}" if options else ""
duckdb.sql(f"COPY (FROM read_json('{file}'{options})) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
"""
POLARS_COMPACTION = """
import sys
import polars as pl
from deltalake import DeltaTable
events = pl.read_parquet(DeltaTable(sys.argv[1]).file_uris())
events = events.unique(["source", "event_uuid", "event_id"], keep="first").sort("user", "time")
events.write_parquet(sys.argv[2], compression="zstd")
print(events.height, file=sys.stderr)
"""


def importing(bench):
    file, lake, out = bench.path("demo.ndjson.gz"), bench.path("import"), bench.path("duckdb.parquet")

    def pack(lines):
        with open(file, "wb") as packed:
            subprocess.run(["gzip", "-1"], stdin=lines, stdout=packed, check=True)

    demo(EVENTS, pack)
    own, peak = measure([WEIR, "import", "--quiet", file, "--lake", lake])
    bench.note("import: weir", EVENTS / own, "rows/CPU-s", events=EVENTS)
    peers = []
    for how, options in DUCKDB_IMPORTS.items():
        peer, peer_peak = measure([sys.executable, "-c", DUCKDB_IMPORT, file, out, options])
        bench.note(f"import: DuckDB, {how}", EVENTS / peer, "rows/CPU-s", events=EVENTS, peak_mb=round(peer_peak))
        peers.append(peer)
    ratio = min(peers) / own
    bench.note("import: weir to DuckDB", ratio, "times", "1.0, stretch 1.2", ratio >= 1.0)
    bench.note("import: peak memory", peak, "MB", "400", peak <= 400)
    for done in (file, out):
        os.remove(done)
    shutil.rmtree(lake)


def compaction(bench):
    files, events = FILES * SCALE, FILES * SCALE * FILE_EVENTS
    lake, out = bench.path("landed"), bench.path("polars.parquet")
    land = [str(EXAMPLES / "compaction"), "fill", lake, str(FILE_EVENTS)]
    demo(events, lambda lines: subprocess.run(land, stdin=lines, stdout=subprocess.DEVNULL, check=True))
    rows = weir("stats", "--lake", lake)["events"]
    # The peer first: compaction takes its files away.
    peer, peer_peak = measure([sys.executable, "-c", POLARS_COMPACTION, f"{lake}/events", out])
    own, peak = measure([WEIR, "compact", "--quiet", "--lake", lake])
    after = weir("stats", "--lake", lake)
    if after["events"] != rows:
        raise SystemExit(f"compaction made {after['events']} rows of {rows}")
    ratio = peer / own
    of = dict(files=files, events=rows)
    bench.note(f"compaction of {files} files: weir", rows / own, "rows/CPU-s", **of)
    bench.note(f"compaction of {files} files: Polars", rows / peer, "rows/CPU-s", peak_mb=round(peer_peak), **of)
    bench.note(f"compaction of {files} files: weir to Polars", ratio, "times", "1.5, stretch 2", ratio >= 1.5)
    bench.note(f"compaction of {files} files: peak memory", peak, "MB", "256", peak <= 256, **of)
    os.remove(out)
    shutil.rmtree(lake)


def big_lake(bench):
    lake = bench.path("big")
    if not os.path.exists(lake):
        demo(SIZE, lambda lines: measure([WEIR, "import", "-", "--quiet", "--lake", lake], stdin=lines))
        measure([WEIR, "compact", "--quiet", "--lake", lake])
    return lake


def size(bench):
    lake = big_lake(bench)
    stats = weir("stats", "--lake", lake)
    files = DeltaTable(f"{lake}/events").file_uris()
    ranges = {}
    columns = {}
    for file in files:
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(column)
                columns[chunk.path_in_schema] = columns.get(chunk.path_in_schema, 0) + chunk.total_compressed_size
        named = re.search(r"compacted/(\d{4}-\d{2}-\d{2})/", file)
        key = named.group(1) if named else "landed"
        ranges[key] = ranges.get(key, 0) + 1
    events = stats["events"]
    most = max(ranges.values())
    bytes_an_event = stats["bytes"] / events
    funnel = sum(columns[name] for name in ("user", "event", "time")) / events
    share = {name: round(total / events, 2) for name, total in sorted(columns.items(), key=lambda c: -c[1])}
    bench.note("files of 30 days, the most", most, "files", "16", most <= 16, events=events, files=len(files))
    bench.note("bytes an event", bytes_an_event, "bytes", "36", bytes_an_event <= 36, columns=share)
    bench.note("bytes of user, event and time", funnel, "bytes an event", "6", funnel <= 6)


def opening(bench):
    program = EXAMPLES / "open_month"
    if not program.exists():
        print("  opening a month of commits: there is no example `open_month`; not measured")
        return
    done = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    print("  " + done.stdout.strip().replace("\n", "\n  "))
    found = re.search(r"([\d.]+) ms", done.stdout)
    if found:
        ms = float(found.group(1))
        bench.note("opening 43,200 commits", ms, "ms", "300", ms < 300)


def post(url, event):
    request = urllib.request.Request(f"{url}/v1/events", data=json.dumps(event).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["receipt"]


def dev(bench):
    server = subprocess.Popen([WEIR, "dev", "--lake", bench.path("dev"), "--port", "0"], stderr=subprocess.PIPE, text=True)
    stop = threading.Event()

    def background(url):
        batch, number = 20, 0
        while not stop.is_set():
            event = {"event": "background", "user_id": f"u{number % 999}"}
            with contextlib.suppress(OSError):
                post(url, [event] * batch)
            number += 1
            stop.wait(batch / BACKGROUND)

    try:
        url = next(found.group(1) for line in server.stderr if (found := re.search(r"ready at (http://\S+)", line)))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        load = threading.Thread(target=background, args=[url])
        load.start()
        waits = []
        for number in range(PROBES):
            receipt = post(url, {"event": "probe", "user_id": f"probe-{number}"})
            answered = time.monotonic()
            while True:
                with urllib.request.urlopen(f"{url}/v1/receipts/{receipt}", timeout=30) as answer:
                    if json.load(answer)["status"] == "queryable":
                        break
                if time.monotonic() - answered > 60:
                    raise SystemExit("an event is not queryable within a minute")
                time.sleep(0.01)
            waits.append(time.monotonic() - answered)
            # Apart from the rhythm of landings.
            time.sleep(0.037)
        stop.set()
        load.join()
    finally:
        stop.set()
        server.terminate()
        server.wait(60)
    waits.sort()
    load = dict(background_events_per_s=BACKGROUND, probes=PROBES)
    bench.note("queryable in dev, median", waits[len(waits) // 2], "s", **load)
    p95 = waits[int(len(waits) * 0.95)]
    bench.note("queryable in dev, 95th percentile", p95, "s", "2", p95 <= 2, **load)


def funnel(bench):
    lake = big_lake(bench)
    events = weir("stats", "--lake", lake)["events"]
    steps = [argument for step in STEPS for argument in ("--step", step)]
    runs = [measure([WEIR, "funnel", "--quiet", *steps, "--window", "1d", "--lake", lake]) for _ in range(3)]
    cpu, peak = min(runs)
    bench.note("funnel of 3 steps in a day", cpu, "CPU-s", events=events, peak_mb=round(peak))


MEASURES = {"import": importing, "compaction": compaction, "size": size, "open": opening, "dev": dev, "funnel": funnel}


run(MEASURES, ONLY, "weir-bench-lake-")
