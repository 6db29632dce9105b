"""What benchmarks share: figures and their bars, whole processes as the operating system accounts for them, generated events.

Every measured program is a process of its own. CPU seconds rather than wall time, because machines are shared.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = sys.argv[1]


class Bench:
    def __init__(self, work):
        self.work = Path(work)
        self.rows = []
        self.results = open(os.environ["BENCH_RESULTS"], "w")

    def note(self, what, value, unit, bar=None, met=None, **more):
        """One figure. `bar` as text, `met` whether it was met, if there is one."""
        entry = {"what": what, "value": round(value, 3), "unit": unit, "bar": bar, "met": met, **more}
        self.results.write(json.dumps(entry) + "\n")
        self.results.flush()
        verdict = "" if met is None else "met" if met else "MISSED"
        self.rows.append((what, f"{value:,.2f} {unit}", bar or "", verdict))
        print(f"  {what}: {value:,.2f} {unit} {verdict}", flush=True)

    def table(self):
        rows = [("measure", "value", "bar", ""), *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())

    def path(self, name):
        return str(self.work / name)


def measure(command, stdin=None):
    """CPU seconds and peak resident megabytes of a process."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            raise SystemExit(f"{command[:3]}: {errors.read().decode()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def weir(*arguments):
    return json.loads(subprocess.run([WEIR, *arguments, "--format", "json"], check=True, capture_output=True).stdout)


def demo(events, to):
    """Generated events, through a pipe: ten million of them need no disk."""
    source = subprocess.Popen([WEIR, "demo", "--events", str(events), "--seed", "1"], stdout=subprocess.PIPE)
    try:
        return to(source.stdout)
    finally:
        source.stdout.close()
        if source.wait() != 0:
            raise SystemExit("weir demo failed")


def run(measures, only, prefix):
    """Runs the measures that are named in `only`, each with a folder that all share, and prints a table in the end."""
    unknown = [name for name in only if name not in measures]
    if unknown:
        raise SystemExit(f"BENCH_ONLY has {unknown[0]!r}, which is none of: {' '.join(measures)}")
    with tempfile.TemporaryDirectory(prefix=prefix, dir=os.environ.get("BENCH_DISK")) as work:
        bench = Bench(work)
        for name, measure_it in measures.items():
            if name in only:
                print(name, flush=True)
                measure_it(bench)
        print()
        bench.table()
