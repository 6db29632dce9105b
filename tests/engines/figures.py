"""Figures of an events table, as each engine works them out from its live files.

Every class has the same methods and must give the same answers, which are those of weir. `files` are the paths that
`deltalake` lists: DuckDB and ClickHouse cannot fetch their Delta Lake extensions without a network, and read them as Parquet.

A funnel is ordered, counts users, and its window is a day. Its steps are different events, so that it does not matter that
ClickHouse lets one event fill several steps.
"""

import os
import uuid

import chdb
import duckdb
import polars as pl
import pyarrow.compute as pc
from deltalake import DeltaTable

DAY_MS = 86_400_000


def live_files(table):
    return DeltaTable(table).file_uris()


def columns(table):
    return [field.name for field in DeltaTable(table).schema().fields]


def id_text(as_uuid, as_text):
    return as_text if as_uuid is None else str(uuid.UUID(bytes=bytes(as_uuid)))


class DuckDb:
    def __init__(self, table):
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone = 'UTC'")
        # By name, as files differ in which properties have columns.
        self.db.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet({live_files(table)}, union_by_name = true)")
        self.columns = [column[0] for column in self.db.execute("SELECT * FROM events LIMIT 0").description]

    def rows(self, sql):
        return self.db.execute(sql).fetchall()

    def count(self):
        return self.rows("SELECT count(*) FROM events")[0][0]

    def by_event(self):
        return dict(self.rows("SELECT event, count(*) FROM events GROUP BY event"))

    def by_day(self):
        return dict(self.rows("SELECT strftime(time, '%Y-%m-%d'), count(*) FROM events GROUP BY 1"))

    def users(self):
        return self.rows('SELECT count(DISTINCT "user") FROM events')[0][0]

    def total(self, name):
        # In its column, or else in the text, where the text "5" is none.
        numbers = f"json_type(properties, '$.{name}') IN ('BIGINT', 'UBIGINT', 'DOUBLE')"
        number = f"CASE WHEN {numbers} THEN (properties->>'{name}')::DOUBLE END"
        column = f"p_{name}" if f"p_{name}" in self.columns else "NULL"
        return self.rows(f"SELECT sum(coalesce({column}, {number})) FROM events")[0][0]

    def ids(self):
        return sorted(id_text(*row) for row in self.rows("SELECT event_uuid, event_id FROM events"))

    def funnel(self, steps):
        first, *later = steps
        sql = f"""WITH depth1 AS (SELECT "user", time AS begun, time AS reached FROM events WHERE event = '{first}')"""
        for depth, step in enumerate(later, 2):
            sql += f""", depth{depth} AS (
                SELECT a."user", a.begun, b.time AS reached
                FROM depth{depth - 1} a ASOF JOIN (SELECT "user", time FROM events WHERE event = '{step}') b
                ON a."user" = b."user" AND a.reached <= b.time
                WHERE b.time - a.begun <= INTERVAL 1 DAY)"""
        counts = [f'(SELECT count(DISTINCT "user") FROM depth{depth})' for depth in range(1, len(steps) + 1)]
        return list(self.rows(f"{sql} SELECT {', '.join(counts)}")[0])


class Polars:
    def __init__(self, table):
        self.events = pl.scan_delta(table)

    def count(self):
        return self.events.select(pl.len()).collect().item()

    def by_event(self):
        return dict(self.events.group_by("event").len().collect().iter_rows())

    def by_day(self):
        days = self.events.group_by(pl.col("time").dt.strftime("%Y-%m-%d")).len()
        return dict(days.collect().iter_rows())

    def users(self):
        return self.events.select(pl.col("user").n_unique()).collect().item()

    def total(self, name):
        # A path would give the text "5" and the number 5 alike.
        number = pl.col("properties").str.extract(rf'"{name}":(-?[0-9.]+)').cast(pl.Float64)
        if f"p_{name}" in self.events.collect_schema():
            number = pl.coalesce(f"p_{name}", number)
        return self.events.select(number.sum()).collect().item()

    def ids(self):
        return sorted(id_text(*row) for row in self.events.select("event_uuid", "event_id").collect().iter_rows())

    def funnel(self, steps):
        def of(event):
            return self.events.filter(pl.col("event") == event).select("user", "time").sort("time")

        reached = of(steps[0]).with_columns(begun="time")
        counts = [reached.select(pl.col("user").n_unique())]
        for step in steps[1:]:
            later = of(step).rename({"time": "then"})
            reached = reached.sort("time").join_asof(
                later, left_on="time", right_on="then", by="user", strategy="forward", check_sortedness=False
            )
            reached = reached.filter(pl.col("then") - pl.col("begun") <= pl.duration(days=1))
            reached = reached.select("user", "begun", time="then")
            counts.append(reached.select(pl.col("user").n_unique()))
        return [count.collect().item() for count in counts]


class ClickHouse:
    def __init__(self, table):
        files = ",".join(os.path.relpath(path, table) for path in live_files(table))
        self.events = f"file('{table}/{{{files}}}', Parquet)"
        self.columns = columns(table)

    def rows(self, sql):
        # Files differ in which properties have columns.
        sql = f"{sql.replace('events', self.events)} SETTINGS schema_inference_mode = 'union'"
        table = chdb.query(sql, "ArrowTable")
        return [tuple(row.values()) for row in table.to_pylist()]

    def count(self):
        return self.rows("SELECT count() AS n FROM events")[0][0]

    def by_event(self):
        return dict(self.rows("SELECT toString(event) AS e, count() AS n FROM events GROUP BY e"))

    def by_day(self):
        return dict(self.rows("SELECT toString(toDate(time, 'UTC')) AS day, count() AS n FROM events GROUP BY day"))

    def users(self):
        return self.rows("SELECT uniqExact(user) AS n FROM events")[0][0]

    def total(self, name):
        numbers = f"JSONType(properties, '{name}') IN ('Int64', 'UInt64', 'Double')"
        number = f"if({numbers}, JSONExtractFloat(properties, '{name}'), NULL)"
        column = f"p_{name}" if f"p_{name}" in self.columns else "NULL"
        return self.rows(f"SELECT sum(coalesce({column}, {number})) AS n FROM events")[0][0]

    def ids(self):
        rows = self.rows("SELECT hex(event_uuid) AS u, event_id AS t FROM events")
        return sorted(id_text(bytes.fromhex(u) if u else None, t) for u, t in rows)

    def funnel(self, steps):
        conditions = ", ".join(f"event = '{step}'" for step in steps)
        sql = f"""SELECT depth, count() AS n FROM (
            SELECT user, windowFunnel({DAY_MS})(toUInt64(toUnixTimestamp64Milli(time)), {conditions}) AS depth
            FROM events GROUP BY user) GROUP BY depth"""
        depths = dict(self.rows(sql))
        return [sum(n for depth, n in depths.items() if depth >= step) for step in range(1, len(steps) + 1)]


class PyArrow:
    """Counts only: what every tool over Arrow data sets sees."""

    def __init__(self, table):
        self.events = DeltaTable(table).to_pyarrow_dataset()

    def count(self):
        return self.events.count_rows()

    def by_event(self):
        counts = pc.value_counts(self.events.to_table(columns=["event"])["event"])
        return {entry["values"]: entry["counts"] for entry in counts.to_pylist()}

    def users(self):
        return pc.count_distinct(self.events.to_table(columns=["user"])["user"]).as_py()


ENGINES = [DuckDb, Polars, ClickHouse, PyArrow]
