"""The same lake, read by weir and by other engines, gives the same figures: freshly landed, compacted, and of an old format.

`WEIR_BIN` names the program. Run by `make test-engines`.
"""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from deltalake import DeltaTable, write_deltalake

import figures

HERE = Path(__file__).parent
WEIR = os.environ["WEIR_BIN"]
STEPS = ["view_job", "apply_start", "apply_submit"]
# A number, but for some events that have it as text, such as "10210", which is none. With the plan, compaction gives it a column.
NUMBER = "wage"
PLAN = {"weir_plan": 1, "events": {"view_job": {"properties": {NUMBER: {"type": "number"}}}}}


def weir(*arguments, stdin=None):
    done = subprocess.run([WEIR, *arguments], capture_output=True, text=True, input=stdin, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"weir {' '.join(arguments)}: {done.stderr}")
    return done.stdout


class Weir:
    """weir itself, asked in SQL and for the funnel."""

    def __init__(self, lake):
        self.lake = lake

    def rows(self, sql):
        return [tuple(row.values()) for row in json.loads(weir("sql", sql, "--lake", self.lake, "--format", "json"))]

    def count(self):
        return self.rows("SELECT count(*) AS n FROM events")[0][0]

    def by_event(self):
        return dict(self.rows("SELECT event, count(*) AS n FROM events GROUP BY event"))

    def by_day(self):
        return dict(self.rows("SELECT to_char(time, '%Y-%m-%d') AS day, count(*) AS n FROM events GROUP BY 1"))

    def users(self):
        return self.rows('SELECT count(DISTINCT "user") AS n FROM events')[0][0]

    def total(self, name):
        return self.rows(f"SELECT sum(property_number(properties, '{name}')) AS n FROM events")[0][0]

    def ids(self):
        return sorted(row[0] for row in self.rows("SELECT event_id FROM events"))

    def funnel(self, steps):
        named = [argument for step in steps for argument in ("--step", step)]
        answer = json.loads(weir("funnel", *named, "--window", "1d", "--lake", self.lake, "--format", "json"))
        return [step["count"] for step in answer["steps"]]


class Lakes(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="weir-engines-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.lake = os.path.join(self.dir, "lake")

    def fill(self):
        """Four landings: two towns, one of them again, and ids that are no UUIDs."""
        towns = [weir("demo", "--events", "8000", "--seed", str(seed)) for seed in (1, 2)]
        plain = re.sub(r'"event_id":"([0-9a-f]{8})-[^"]*"', r'"event_id":"plain \1"', towns[0])
        for lines in [*towns, towns[0], plain]:
            weir("import", "-", "--lake", self.lake, "--quiet", stdin=lines)

    def assert_all_agree(self):
        own = Weir(self.lake)
        table = os.path.join(self.lake, "events")
        expected = {
            "count": own.count(),
            "by_event": own.by_event(),
            "by_day": own.by_day(),
            "users": own.users(),
            "total": own.total(NUMBER),
            "ids": own.ids(),
            "funnel": own.funnel(STEPS),
        }
        self.assertEqual(sum(expected["by_event"].values()), expected["count"])
        self.assertEqual(len(set(expected["ids"])), expected["count"])
        self.assertGreater(expected["total"], 0)
        self.assertTrue(all(a > b > 0 for a, b in zip(expected["funnel"], expected["funnel"][1:])), expected["funnel"])
        for engine in figures.ENGINES:
            other = engine(table)
            for figure, value in expected.items():
                if not hasattr(other, figure):
                    continue
                arguments = {"total": [NUMBER], "funnel": [STEPS]}.get(figure, [])
                with self.subTest(engine=engine.__name__, figure=figure):
                    self.assertEqual(getattr(other, figure)(*arguments), value)
        return expected

    def test_landed_and_compacted(self):
        self.fill()
        landed = self.assert_all_agree()
        plan = Path(self.dir, "plan.json")
        plan.write_text(json.dumps(PLAN))
        weir("plan", "set", str(plan), "--lake", self.lake)
        weir("compact", "--lake", self.lake)
        self.assertEqual(self.assert_all_agree(), landed)
        table = os.path.join(self.lake, "events")
        self.assertIn(f"p_{NUMBER}", figures.columns(table))
        # One more landing, whose file has no such column.
        weir("import", "-", "--lake", self.lake, "--quiet", stdin=weir("demo", "--events", "500", "--seed", "3"))
        self.assertGreater(self.assert_all_agree()["total"], landed["total"])
        own = Weir(self.lake).rows(f"SELECT sum(p_{NUMBER}) AS n FROM events")[0][0]
        self.assertEqual(own, Weir(self.lake).total(NUMBER))

    def test_a_lake_of_the_first_format(self):
        shutil.copytree(HERE / "../../lake/testdata/format-1", self.lake)
        self.assert_all_agree()

    def test_failed_events_are_a_table_too(self):
        server = subprocess.Popen([WEIR, "dev", "--lake", self.lake, "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            url = next(found.group(1) for line in server.stderr if (found := re.search(r"ready at (http://\S+)", line)))
            for body in [b'{"user_id":"u"}', b'{"event":"view"}', b'{"event":"view","user_id":"u"}']:
                request = urllib.request.Request(f"{url}/v1/events", data=body, method="POST")
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(request, timeout=30).close()
            deadline = time.monotonic() + 30
            while self.failed() != 2:
                self.assertLess(time.monotonic(), deadline, "failed events do not land")
                time.sleep(0.05)
        finally:
            server.terminate()
            server.wait(30)
            server.stderr.close()
        table = os.path.join(self.lake, "failed")
        codes = Weir(self.lake).rows("SELECT code, count(*) AS n FROM failed GROUP BY code ORDER BY code")
        self.assertEqual(sum(n for _, n in codes), 2)
        sql = "SELECT code, count(DISTINCT failed_id) AS n FROM events GROUP BY code ORDER BY code"
        self.assertEqual(figures.DuckDb(table).rows(sql), codes)
        self.assertEqual(figures.ClickHouse(table).rows(sql), codes)
        polars = figures.Polars(table).events.group_by("code").agg(n=figures.pl.col("failed_id").n_unique()).sort("code")
        self.assertEqual(list(polars.collect().iter_rows()), codes)

    def failed(self):
        done = subprocess.run([WEIR, "failed", "list", "--each", "--format", "json", "--lake", self.lake], capture_output=True, text=True)
        return len(json.loads(done.stdout)) if done.returncode == 0 and done.stdout else 0

    def test_the_snippets_of_the_documentation(self):
        self.fill()
        own = Weir(self.lake)
        text = (HERE / "../../docs/ENGINES.md").read_text()
        snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        self.assertEqual(len(snippets), 3)
        expected = f"{own.count()} {own.funnel(STEPS)}\n"
        before = os.getcwd()
        os.chdir(self.dir)
        self.addCleanup(os.chdir, before)
        for snippet in snippets:
            with self.subTest(snippet=snippet), contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(snippet, "docs/ENGINES.md", "exec"), {})
                self.assertEqual(printed.getvalue(), expected)

    def test_other_engines_may_make_checkpoints_and_do_not_write_rows(self):
        """A checkpoint of theirs is right. Who does not know weir's positions refuses to write beside them."""
        self.fill()
        path = os.path.join(self.lake, "events")
        table = DeltaTable(path)
        table.create_checkpoint()
        found = json.loads(weir("doctor", "--deep", "--lake", self.lake, "--format", "json"))
        self.assertEqual(found["findings"], [])
        rows = figures.Polars(path).events.head(10).collect().to_arrow()
        with self.assertRaisesRegex(Exception, "(?i)domainMetadata"):
            write_deltalake(path, rows, mode="append")
        with self.assertRaisesRegex(Exception, "(?i)domainMetadata"):
            table.optimize.compact()
        self.assert_all_agree()


if __name__ == "__main__":
    unittest.main()
