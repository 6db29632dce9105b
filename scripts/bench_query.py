"""The bars of questions, each measured beside the engine that sets it. Called by bench-query.sh.

Figures of weir are those of the whole program, its start included; those of peers are of the query alone. Answers are compared
before times are.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benching import WEIR, demo, measure, run, weir
from deltalake import DeltaTable

MILLION = 1_000_000
SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "1 10").split()]
MIDDLE = int(os.environ.get("BENCH_SIZE", 10))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 3))
ONLY = os.environ.get("BENCH_ONLY", "funnel variants growth landed trends retention tiny").split()
PEERS = str(Path(__file__).with_name("query_peers.py"))

STEPS = ["view_job", "apply_start", "apply_submit"]
FIVE_STEPS = ["app_open", "search", *STEPS]
WITHIN = ["--window", "1d"]


def steps(names):
    return [argument for name in names for argument in ("--step", name)]


FUNNEL = [*steps(STEPS), *WITHIN]
# What is asked, and how many times as long as the three steps it may take.
VARIANTS = {
    "5 steps": (["funnel", *steps(FIVE_STEPS), *WITHIN], 1.2),
    "filter on a property with a column": (["funnel", *steps(["view_job where wage >= 11000", *STEPS[1:]]), *WITHIN], 1.2),
    "breakdown, with conversion times": (["funnel", *FUNNEL, "--breakdown", "region"], 1.5),
    "any order": (["funnel", *FUNNEL, "--order", "any"], 2.0),
    "an exclusion": (["funnel", *FUNNEL, "--exclude", "search"], 2.0),
    "a property held": (["funnel", *FUNNEL, "--hold", "job_id"], 2.0),
}


class Lakes:
    """Lakes of so many million events, made once; kept for the next run in BENCH_LAKES."""

    def __init__(self, bench):
        self.folder = Path(os.environ.get("BENCH_LAKES") or bench.path("lakes"))
        self.folder.mkdir(parents=True, exist_ok=True)

    def make(self, name, fill):
        lake = self.folder / name
        if not lake.exists():
            print(f"  (making {name})", flush=True)
            making = self.folder / f"{name}.making"
            shutil.rmtree(making, ignore_errors=True)
            fill(str(making))
            making.rename(lake)
        return str(lake)

    def of(self, millions):
        def fill(lake):
            take_in(millions * MILLION, lake)
            measure([WEIR, "compact", "--quiet", "--lake", lake])

        return self.make(f"{millions}m", fill)

    def partly_landed(self, millions):
        """As many events, of which the last tenth is not compacted."""

        def fill(lake):
            events = millions * MILLION
            early = events * 9 // 10
            take_in(events, lake, ["head", "-n", str(early)])
            measure([WEIR, "compact", "--quiet", "--lake", lake])
            take_in(events, lake, ["tail", "-n", f"+{early + 1}"])

        return self.make(f"{millions}m-partly-landed", fill)

    def tiny(self):
        return self.make("tiny", lambda lake: take_in(100, lake))

    def files(self, millions):
        """A folder with the live Parquet files alone, for engines that do not know the table."""
        lake = self.of(millions)

        def fill(folder):
            os.mkdir(folder)
            for number, file in enumerate(DeltaTable(f"{lake}/events").file_uris()):
                os.link(file, f"{folder}/{number}.parquet")

        return self.make(f"{millions}m-files", fill)

    def mergetree(self, millions):
        files = self.files(millions)
        return self.make(f"{millions}m-mergetree", lambda place: peer("mergetree", "load", place, files))


def take_in(events, lake, only=None):
    def fill(lines):
        chosen = subprocess.Popen(only, stdin=lines, stdout=subprocess.PIPE) if only else None
        measure([WEIR, "import", "-", "--quiet", "--lake", lake], stdin=chosen.stdout if chosen else lines)
        if chosen:
            chosen.stdout.close()
            chosen.wait()
            # What generates may be cut short.
            lines.read()

    demo(events, fill)


def peer(engine, question, place, *more):
    done = subprocess.run([sys.executable, PEERS, engine, question, place, *more], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def own(lake, arguments):
    return lambda: measure([WEIR, *arguments, "--quiet", "--lake", lake])


def in_turns(programs):
    """The best of some rounds of each program, in turns."""
    best = {}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            result = program()
            best[name] = min(best.get(name, result), result)
    return best


def beside(bench, what, lake, arguments, peers, bars, equal):
    """Measures a question beside peers. `equal` says whether an answer of a peer is that of weir."""
    answer = weir(*arguments, "--lake", lake)
    for name, (engine, question, place) in peers.items():
        theirs = peer(engine, question, place)["answer"]
        if not equal(answer, theirs):
            raise SystemExit(f"{what}: {name} has another answer than weir: {str(theirs)[:500]}")
    programs = {"weir": own(lake, arguments)}
    programs |= {name: lambda asked=asked: (peer(*asked)["cpu"], 0) for name, asked in peers.items()}
    best = in_turns(programs)
    cpu, peak = best.pop("weir")
    of = dict(events=weir("stats", "--lake", lake)["events"], peak_mb=round(peak))
    for name, (theirs, _) in best.items():
        bench.note(f"{what}: {name}", theirs, "CPU-s")
        bar = bars.get(name)
        if bar:
            bench.note(f"{what}: {name} to weir", theirs / cpu, "times", str(bar), theirs / cpu >= bar, **of)
    return cpu, peak, of


def funnel(bench):
    lakes = Lakes(bench)
    files, tree, tiny = lakes.files(MIDDLE), lakes.mergetree(MIDDLE), lakes.tiny()
    peers = {
        "ClickHouse": ("clickhouse", "funnel", files),
        "DuckDB": ("duckdb", "funnel", files),
        "MergeTree": ("mergetree", "funnel", tree),
        "MergeTree, in order": ("mergetree", "funnel in-order", tree),
    }
    bars = {"ClickHouse": 2.2, "DuckDB": 3.6, "MergeTree": 1.0, "MergeTree, in order": 1.0}
    what = f"funnel, {MIDDLE}M"
    counts = lambda answer, theirs: [step["count"] for step in answer["steps"]] == list(theirs[0])
    cpu, peak, of = beside(bench, what, lakes.of(MIDDLE), ["funnel", *FUNNEL], peers, bars, counts)
    bench.note(f"{what}: weir", cpu, "CPU-s", "0.35, stretch 0.20", cpu <= 0.35, **of)
    _, start = min(own(tiny, ["funnel", *FUNNEL])() for _ in range(ROUNDS))
    bench.note(f"{what}: memory above the start", peak - start, "MB", "100", peak - start <= 100)


def variants(bench):
    lake = Lakes(bench).of(MIDDLE)
    programs = {"3 steps": own(lake, ["funnel", *FUNNEL])}
    programs |= {name: own(lake, arguments) for name, (arguments, _) in VARIANTS.items()}
    best = in_turns(programs)
    for name, (_, bar) in VARIANTS.items():
        (cpu, peak), (base, _) = best[name], best["3 steps"]
        bench.note(name, cpu / base, "times 3 steps", str(bar), cpu / base <= bar, cpu_s=round(cpu, 3), peak_mb=round(peak))


def growth(bench):
    lakes = Lakes(bench)
    start = min(peak for _, peak in (own(lakes.tiny(), ["funnel", *FUNNEL])() for _ in range(ROUNDS)))
    best = in_turns({size: own(lakes.of(size), ["funnel", *FUNNEL]) for size in SIZES})
    for size, (cpu, peak) in best.items():
        bench.note(f"growth: {size}M", cpu, "CPU-s", peak_mb=round(peak), above_start_mb=round(peak - start))
        if size > MIDDLE and MIDDLE in best:
            times, bar = cpu / best[MIDDLE][0], size / MIDDLE
            bench.note(f"growth: {size}M to {MIDDLE}M", times, "times", f"{bar:g}", times <= bar)
            bench.note(f"growth: memory of {size}M", peak, "MB", "300", peak <= 300)


def landed(bench):
    lakes = Lakes(bench)
    best = in_turns({name: own(lake, ["funnel", *FUNNEL]) for name, lake in
                     {"compacted": lakes.of(MIDDLE), "landed": lakes.partly_landed(MIDDLE)}.items()})
    times = best["landed"][0] / best["compacted"][0]
    files = weir("stats", "--lake", lakes.partly_landed(MIDDLE))
    bench.note("a tenth not compacted", times, "times", "1.5", times <= 1.5, cpu_s=round(best["landed"][0], 3), stats=files)


def trends(bench):
    lakes = Lakes(bench)
    series = ["trends", "--series", STEPS[0], "--series", f"users: {STEPS[0]}", "--interval", "day"]
    peers = {"ClickHouse": ("clickhouse", "trends", lakes.files(MIDDLE))}
    what = f"trends, {MIDDLE}M"

    def equal(answer, theirs):
        events, users = (line["values"] for line in answer["series"])
        return events == [int(row[1]) for row in theirs] and users == [int(row[2]) for row in theirs]

    cpu, _, of = beside(bench, what, lakes.of(MIDDLE), series, peers, {"ClickHouse": 1.0}, equal)
    bench.note(f"{what}: weir", cpu, "CPU-s", **of)


def retention(bench):
    lakes = Lakes(bench)
    asked = ["retention", "--start", STEPS[0], "--return", STEPS[1], "--interval", "day", "--periods", "14"]
    peers = {"ClickHouse": ("clickhouse", "retention", lakes.files(MIDDLE))}
    what = f"retention, {MIDDLE}M"

    def equal(answer, theirs):
        days = [cohort["start"][:10] for cohort in answer["cohorts"]]
        cells = [[cell["count"] for cell in cohort["returned"][1:]] for cohort in answer["cohorts"]]
        ours = {(day, n + 1): count for day, row in zip(days, cells) for n, count in enumerate(row) if count}
        return ours == {(day, int(period)): int(count) for day, period, count in theirs}

    cpu, _, of = beside(bench, what, lakes.of(MIDDLE), asked, peers, {"ClickHouse": 1.0}, equal)
    bench.note(f"{what}: weir", cpu, "CPU-s", **of)


def tiny(bench):
    ask = own(Lakes(bench).tiny(), ["funnel", *FUNNEL])
    took = []
    for _ in range(20):
        began = time.monotonic()
        ask()
        took.append((time.monotonic() - began) * 1000)
    took.sort()
    median = took[len(took) // 2]
    bench.note("tiny lake, start to answer", median, "ms", "60", median <= 60, longest_ms=round(took[-1]))


run(dict(funnel=funnel, variants=variants, growth=growth, landed=landed, trends=trends, retention=retention, tiny=tiny), ONLY, "weir-bench-query-")
