"""Asks an engine beside weir one question, and prints its answer and the CPU seconds that it took, as JSON.

    query_peers.py ENGINE QUESTION PLACE

ENGINE is `clickhouse` or `duckdb`, over the Parquet files of the folder PLACE, or `mergetree`, over a table of ClickHouse's own in
PLACE, which `query_peers.py mergetree load PLACE FILES` fills before. The seconds are those of the query alone: Python and the engine
have started by then.
"""

import json
import resource
import sys

STEPS = ["view_job", "apply_start", "apply_submit"]
WINDOW_MS = 86_400_000

# One pass over the events of each user, with ClickHouse's own function for it.
CLICKHOUSE_FUNNEL = """
SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3) FROM (
    SELECT user, windowFunnel({window})(toUInt64(toUnixTimestamp64Milli(time)), {conditions}) AS level
    FROM {source} WHERE event IN ({names}) GROUP BY user) {settings}"""

# The next event of the next step after each event of the step before: the quickest that DuckDB has without functions of its own.
DUCKDB_FUNNEL = """
WITH chosen AS (SELECT "user", epoch_ms(time) AS t, event FROM read_parquet('{place}/*.parquet') WHERE event IN ({names})),
first AS (SELECT "user", t FROM chosen WHERE event = '{step1}'),
second AS (SELECT f."user", f.t AS t1, s.t AS t2 FROM first f ASOF JOIN (SELECT "user", t FROM chosen WHERE event = '{step2}') s
           ON f."user" = s."user" AND f.t <= s.t WHERE s.t - f.t <= {window}),
third AS (SELECT s."user", s.t1, n.t AS t3 FROM second s ASOF JOIN (SELECT "user", t FROM chosen WHERE event = '{step3}') n
          ON s."user" = n."user" AND s.t2 <= n.t WHERE n.t - s.t1 <= {window})
SELECT (SELECT count(DISTINCT "user") FROM first), (SELECT count(DISTINCT "user") FROM second),
       (SELECT count(DISTINCT "user") FROM third)"""

CLICKHOUSE_TRENDS = """
SELECT toStartOfDay(time) AS day, count(), uniqExact(user) FROM {source} WHERE event = '{step1}' GROUP BY day ORDER BY day"""

# Of each user the first day with the first event, and all later days with the second.
CLICKHOUSE_RETENTION = """
SELECT toString(began), dateDiff('day', began, day) AS period, count() FROM (
    SELECT user, minIf(toDate(time), event = '{step1}') AS began, groupUniqArrayIf(toDate(time), event = '{step2}') AS days
    FROM {source} WHERE event IN ('{step1}', '{step2}') GROUP BY user HAVING countIf(event = '{step1}') > 0)
ARRAY JOIN days AS day WHERE day > began AND day <= began + 14 GROUP BY began, period ORDER BY began, period"""

CLICKHOUSE = {"funnel": CLICKHOUSE_FUNNEL, "trends": CLICKHOUSE_TRENDS, "retention": CLICKHOUSE_RETENTION}
DUCKDB = {"funnel": DUCKDB_FUNNEL}


def fill(question, **more):
    steps = {f"step{number + 1}": step for number, step in enumerate(STEPS)}
    names = ", ".join(f"'{step}'" for step in STEPS)
    conditions = ", ".join(f"event = '{step}'" for step in STEPS)
    return question.format(window=WINDOW_MS, names=names, conditions=conditions, **steps, **more)


def clickhouse(question, place):
    import chdb

    def ask(text):
        return json.loads(chdb.query(text, "JSONCompact").bytes())["data"]

    ask("SELECT 1")
    return lambda: ask(fill(CLICKHOUSE[question], source=f"file('{place}/*.parquet', Parquet)", settings=""))


def mergetree(question, place, *files):
    from chdb.session import Session

    session = Session(place)
    if question == "load":
        session.query("CREATE DATABASE weir")
        session.query(
            "CREATE TABLE weir.events (user String, time DateTime64(3, 'UTC'), event LowCardinality(String)) "
            "ENGINE = MergeTree ORDER BY (user, time)"
        )
        session.query(f"INSERT INTO weir.events SELECT user, time, event FROM file('{files[0]}/*.parquet', Parquet)")
        return lambda: str(session.query("OPTIMIZE TABLE weir.events FINAL"))
    question, _, in_order = question.partition(" ")
    settings = "SETTINGS optimize_aggregation_in_order = 1" if in_order else ""
    session.query("SELECT 1")
    text = fill(CLICKHOUSE[question], source="weir.events", settings=settings)
    return lambda: json.loads(session.query(text, "JSONCompact").bytes())["data"]


def duckdb(question, place):
    import duckdb as engine

    connection = engine.connect()
    connection.sql("SELECT 1").fetchall()
    return lambda: connection.sql(fill(DUCKDB[question], place=place)).fetchall()


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


engine, *arguments = sys.argv[1:]
ask = {"clickhouse": clickhouse, "mergetree": mergetree, "duckdb": duckdb}[engine](*arguments)
before = cpu()
answer = ask()
print(json.dumps({"cpu": cpu() - before, "answer": answer}))
