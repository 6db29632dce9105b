//! Statements over generated lakes: the same rows before and after compaction, with typed columns or without, whatever narrows a
//! scan; funnels as tables; and everything that is refused.

use weir_lake::snapshot::Change;
use weir_lake::typed::{ColumnKind, TypedColumn};

use super::*;
use crate::error::Failure;

/// What becomes of the landed files.
#[derive(Debug, Clone, Copy)]
struct Kind {
    has_columns: bool,
    /// Only said where something is wrong.
    _is_compacted: bool,
}

/// One lake in every form: landed or compacted, and with columns that no file has, or all.
async fn lakes() -> (Vec<(Kind, Engine)>, Vec<Sent>) {
    let (mut lakes, mut sent) = (Vec::new(), Vec::new());
    for (has_columns, is_compacted) in [(false, false), (false, true), (true, false), (true, true)] {
        let (store, all) = lake(5, 200, 77).await;
        let mut table = Table::open(&store).await.unwrap();
        if has_columns {
            let column = |property: &str, kind| TypedColumn { property: property.to_owned(), kind };
            let columns = vec![column("price", ColumnKind::Number), column("city", ColumnKind::Text)];
            table.commit(&Change { columns, operation: "columns", ..Change::default() }, NOW).await.unwrap();
        }
        if is_compacted {
            let ids = CountingIds::starting_at(1_000_000);
            compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap();
        }
        lakes.push((
            Kind { has_columns, _is_compacted: is_compacted },
            Engine::new(store, Arc::new(ManualClock::new(NOW))),
        ));
        sent = all;
    }
    (lakes, sent)
}

/// Rows as NDJSON, without spaces.
async fn rows(engine: &Engine, query: &str) -> String {
    let rows = engine.sql(query, SqlLimits::default()).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    let batches: Vec<_> = rows.batches.try_collect().await.unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    String::from_utf8(writer.into_inner()).unwrap()
}

async fn refused(engine: &Engine, query: &str) -> Failure {
    let limits = SqlLimits::default();
    match engine.sql(query, limits).await {
        Err(error) => error.into(),
        Ok(rows) => rows.batches.try_collect::<Vec<_>>().await.expect_err(query).into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_lake_gives_the_same_rows() {
    let (lakes, sent) = lakes().await;
    let statements = [
        "SELECT count(*) AS n FROM events",
        "SELECT count(*) AS n FROM events WHERE event = 'view'",
        "SELECT event, count(*) AS n FROM events WHERE event IN ('view', 'apply', 'nothing') GROUP BY 1 ORDER BY 1",
        "SELECT count(*) AS n FROM events WHERE \"user\" = 'user-7'",
        "SELECT \"user\", event, time FROM events WHERE \"user\" IN ('user-7', 'user-9') ORDER BY time, event, event_id",
        "SELECT count(*) AS n FROM events WHERE \"user\" = 'user-7' OR event = 'apply'",
        "SELECT count(*) AS n FROM events WHERE \"user\" = 'user-7' AND \"user\" = 'user-9'",
        "SELECT count(*) AS n FROM events WHERE time >= '2025-12-31T12:00:00Z'",
        "SELECT count(*) AS n FROM events WHERE time >= '2025-12-31T00:00:00Z' AND time < '2025-12-31T12:00:00Z'",
        "SELECT count(*) AS n FROM events WHERE time BETWEEN '2025-12-31T00:00:00Z' AND '2025-12-31T12:00:00Z'",
        "SELECT count(*) AS n FROM events WHERE CAST(time AS DATE) = '2025-12-31'",
        "SELECT count(*) AS n FROM events WHERE time > '2030-01-01T00:00:00Z'",
        "SELECT count(*) AS n FROM events WHERE received_at < '2026-01-01T00:00:00.001Z'",
        "SELECT date_trunc('day', time) AS day, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
        "SELECT * EXCEPT (event_id, properties) FROM (SELECT \"user\", event, time, event_id, properties, context, source, \
         session_id FROM events) ORDER BY 1, 3, 2, 4 LIMIT 20",
        "SELECT event_id FROM events ORDER BY 1",
        "SELECT property(properties, 'city') AS city, sum(property_number(properties, 'price')) AS s FROM events GROUP BY 1 \
         ORDER BY 1",
        "SELECT property(properties, 'cart.total') AS total, count(*) AS n FROM events WHERE event = 'view' GROUP BY 1 ORDER BY 1",
        "SELECT count(context) AS n, count(properties) AS p FROM events",
        "SELECT count(*) AS n FROM events e JOIN (SELECT \"user\", min(time) AS t FROM events GROUP BY 1) f \
         ON e.\"user\" = f.\"user\" AND e.time = f.t",
    ];
    for statement in statements {
        let expected = rows(&lakes[0].1, statement).await;
        for (kind, engine) in &lakes[1..] {
            assert_eq!(rows(engine, statement).await, expected, "{kind:?}: {statement}");
        }
    }
    let engine = &lakes[3].1;
    let count =
        async |condition: &str| rows(engine, &format!("SELECT count(*) AS n FROM events WHERE {condition}")).await;
    let expect = |holds: &dyn Fn(&Sent) -> bool| format!("{{\"n\":{}}}\n", sent.iter().filter(|e| holds(e)).count());
    assert_eq!(count("true").await, expect(&|_| true));
    assert_eq!(count("event = 'view'").await, expect(&|e| e.event == "view"));
    assert_eq!(count("\"user\" = 'user-7'").await, expect(&|e| e.user == "user-7"));
    assert_eq!(
        count("\"user\" = 'user-7' OR event = 'view'").await,
        expect(&|e| e.user == "user-7" || e.event == "view")
    );
    let noon = NOW - 12 * 60 * MINUTE;
    assert_eq!(count("time >= '2025-12-31T12:00:00Z'").await, expect(&|e| e.time_ms >= noon));
    assert_eq!(count("time < '2025-12-31T12:00:00Z'").await, expect(&|e| e.time_ms < noon));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_with_a_column_is_there_in_every_row() {
    let (lakes, _) = lakes().await;
    for (kind, engine) in lakes {
        let by_text =
            "SELECT property_number(properties, 'price') AS price, count(*) AS n FROM events GROUP BY 1 ORDER BY 1";
        let by_column = "SELECT p_price AS price, count(*) AS n FROM events GROUP BY 1 ORDER BY 1";
        if !kind.has_columns {
            assert!(refused(&engine, by_column).await.message.contains("p_price"));
            continue;
        }
        assert_eq!(rows(&engine, by_column).await, rows(&engine, by_text).await, "{kind:?}");
        // Texts are no numbers, and null is nothing.
        let cities = "SELECT p_city AS city, count(*) AS n FROM events WHERE p_price > 2 GROUP BY 1 ORDER BY 1";
        let texts = "SELECT property(properties, 'city') AS city, count(*) AS n FROM events \
                     WHERE property_number(properties, 'price') > 2 GROUP BY 1 ORDER BY 1";
        assert_eq!(rows(&engine, cities).await, rows(&engine, texts).await, "{kind:?}");
        let both = "SELECT count(*) AS n FROM events WHERE p_city IS DISTINCT FROM property(properties, 'city')";
        assert_eq!(rows(&engine, both).await, "{\"n\":0}\n", "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_what_it_needs() {
    let (lakes, _) = lakes().await;
    let (_, engine) = &lakes[0];
    let plan = async |query: &str| rows(engine, &format!("EXPLAIN FORMAT INDENT {query}")).await;
    let all = plan("SELECT count(*) FROM events").await;
    assert!(all.contains("rows=1000, columns=[]"), "{all}");
    let user = plan("SELECT time FROM events WHERE \"user\" = 'user-7'").await;
    assert!(user.contains("columns=[user, time]") && !user.contains("rows=1000"), "{user}");
    let never = plan("SELECT time FROM events WHERE time >= '2030-01-01T00:00:00Z'").await;
    assert!(never.contains("pieces=0, rows=0"), "{never}");
    let event = plan("SELECT properties FROM events WHERE event = 'view'").await;
    assert!(event.contains("columns=[event, properties]"), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_funnel_is_a_table() {
    let (lakes, _) = lakes().await;
    for (kind, engine) in lakes {
        let json =
            r#"{"kind":"funnel","steps":[{"event":"view"},{"event":"apply"},{"event":"submit"}],"window":"100m"}"#;
        let spec = parse(json, NOW).unwrap().into_funnel().unwrap();
        let report = engine.funnel(&spec).await.unwrap();
        let expected: String = report
            .steps
            .iter()
            .map(|s| {
                let median = s.median_ms.map(|ms| format!(",\"median_ms\":{ms:?}")).unwrap_or_default();
                format!("{{\"step\":{},\"label\":\"{}\",\"count\":{}{median}}}\n", s.step, s.label, s.count)
            })
            .collect();
        let counts = "SELECT step, label, count, median_ms FROM";
        assert_eq!(rows(&engine, &format!("{counts} funnel('{json}')")).await, expected, "{kind:?}");
        let short = format!(r#"{counts} funnel('view', 'apply', 'submit', '{{"window": "100m"}}')"#);
        assert_eq!(rows(&engine, &short).await, expected, "{kind:?}");
        // Users with their depths come to the same counts, and are those of the table beside.
        let users = format!(
            "SELECT step, count(*) AS count FROM funnel_users('{json}') JOIN (VALUES (1), (2), (3)) AS s(step) ON depth >= step \
             GROUP BY 1 ORDER BY 1"
        );
        let counts: String =
            report.steps.iter().map(|s| format!("{{\"step\":{},\"count\":{}}}\n", s.step, s.count)).collect();
        assert_eq!(rows(&engine, &users).await, counts, "{kind:?}");
        let joined = format!(
            "SELECT count(*) AS n FROM funnel_users('{json}') f LEFT JOIN events e ON e.\"user\" = f.\"user\" AND e.time = f.times[1] \
             AND e.event = 'view' WHERE e.event IS NULL OR array_length(f.times) != f.depth OR f.open_until < f.times[1]"
        );
        assert_eq!(rows(&engine, &joined).await, "{\"n\":0}\n", "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_trends_and_sessions_of_funnels_are_rows() {
    let (store, _) = lake(3, 100, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let groups = rows(
        &engine,
        r#"SELECT "group", value, step, count FROM funnel('view', 'apply', '{"breakdown": {"property": "city", "limit": 1}}')"#,
    )
    .await;
    let kinds: Vec<&str> = groups.lines().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!(kinds[..2], ["all", "all"], "{groups}");
    assert!(kinds.contains(&"value") && kinds.contains(&"other"), "{groups}");
    let users = r#"SELECT "group", count(*) AS n FROM funnel_users('view', 'apply', '{"breakdown": "city"}') GROUP BY 1 ORDER BY 1"#;
    let users = rows(&engine, users).await;
    assert!(users.contains(r#"{"group":"서울","n":"#), "{users}");
    let sessions =
        r#"SELECT count(*) AS n, count(DISTINCT "user") AS u FROM funnel_users('view', '{"count": "sessions"}')"#;
    let sessions: serde_json::Value = serde_json::from_str(&rows(&engine, sessions).await).unwrap();
    assert!(sessions["n"].as_u64() > sessions["u"].as_u64(), "{sessions}");
    let trend = r#"SELECT count(*) AS n FROM funnel('view', 'apply', '{"interval": "day"}') WHERE "group" = 'start'"#;
    assert_ne!(rows(&engine, trend).await, "{\"n\":0}\n");
    // An old version of the lake, where the question names it.
    let old = r#"SELECT count FROM funnel('*', '{"version": 1}')"#;
    let new = "SELECT count(DISTINCT \"user\") AS count FROM events";
    assert_ne!(rows(&engine, old).await, "");
    assert_eq!(rows(&engine, "SELECT count FROM funnel('*')").await, rows(&engine, new).await);
}

#[tokio::test]
async fn what_does_not_only_read_is_refused() {
    let (store, _) = lake(1, 10, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    for (statement, verb) in [
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
        ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", "CREATE EXTERNAL TABLE"),
        ("CREATE FUNCTION f() RETURNS INT RETURN 1", "CREATE FUNCTION"),
        ("INSERT INTO events SELECT * FROM events", "INSERT INTO"),
        ("UPDATE events SET event = 'x'", "UPDATE"),
        ("DELETE FROM events", "DELETE FROM"),
        ("DROP TABLE events", "DROP TABLE"),
        ("TRUNCATE TABLE events", "TRUNCATE TABLE"),
        ("COPY events TO '/tmp/x.csv'", "COPY"),
        ("COPY (SELECT * FROM events) TO 's3://bucket/x.parquet'", "COPY"),
        ("EXPLAIN COPY events TO '/tmp/x.csv'", "EXPLAIN COPY"),
        ("EXPLAIN ANALYZE INSERT INTO events SELECT * FROM events", "EXPLAIN ANALYZE INSERT"),
        ("SET datafusion.execution.batch_size = 1", "SET"),
        ("RESET datafusion.execution.batch_size", "RESET"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("BEGIN", "BEGIN"),
    ] {
        let failure = refused(&engine, statement).await;
        let expected = format!("`weir sql` only reads the lake: {verb} is refused");
        assert_eq!((failure.exit.code(), failure.message), (2, expected), "{statement}");
    }
}

#[tokio::test]
async fn no_statement_reaches_a_file() {
    let (store, _) = lake(1, 10, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    for (statement, found) in [
        ("SELECT * FROM '/etc/passwd'", "table `/etc/passwd` not found; there are `events` and `failed`"),
        ("SELECT * FROM '/etc/passwd.csv'", "table `/etc/passwd.csv` not found"),
        ("SELECT * FROM 'file:///etc/passwd.csv'", "not found"),
        ("SELECT * FROM \"s3://bucket/x.parquet\"", "not found"),
        ("SELECT * FROM read_csv('/etc/passwd')", "table function `read_csv` not found; did you mean `funnel`?"),
        ("SELECT * FROM files", "table `files` not found"),
        ("SELECT * FROM information_schema.tables", "not found"),
        ("SELECT * FROM event", "table `event` not found; did you mean `events`?"),
        ("SELECT * FROM funel('view')", "table function `funel` not found; did you mean `funnel`?"),
        ("SELECT evnt FROM events", "evnt"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT count(* FROM events", "Expected"),
        ("", "No SQL statements"),
    ] {
        let failure = refused(&engine, statement).await;
        assert_eq!(failure.exit.code(), 2, "{statement}");
        assert!(failure.message.contains(found), "{statement}: {failure}");
    }
}

#[tokio::test]
async fn a_wrong_funnel_is_a_wrong_question() {
    let (store, _) = lake(1, 10, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    for (function, message) in [
        (r#"funnel('view', '{"widnow": "1d"}')"#, "widnow: unknown field `widnow`; did you mean `window`?"),
        (r#"funnel_users('{"kind":"funnel","steps":[{"evnt":"a"}]}')"#, "did you mean `event`?"),
        ("funnel('view where price >>> 3')", "step 1: `>>>` after `price`"),
        ("funnel(1)", "funnel(), argument 1: found `Int64(1)`; expected a text"),
        ("funnel()", "funnel(): no steps given"),
        (r#"funnel_users('view', '{"last": "7d", "compare": "previous"}')"#, "compare: users are those of one period"),
    ] {
        let failure = refused(&engine, &format!("SELECT * FROM {function}")).await;
        assert_eq!(failure.exit.code(), 2, "{function}");
        assert!(failure.message.contains(message), "{function}: {failure}");
    }
    let gone = refused(&engine, r#"SELECT * FROM funnel('view', '{"version": 9}')"#).await;
    assert_eq!((gone.exit.code(), gone.message.as_str()), (1, "the lake has no version 9; the newest is 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_and_the_option_named() {
    let (store, _) = lake(2, 200, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let limits = SqlLimits { memory_bytes: 1 << 20 };
    let large =
        "SELECT a.event_id AS x, b.event_id AS y, a.properties FROM events a CROSS JOIN events b ORDER BY 1, 2, 3";
    let failure: Failure = match engine.sql(large, limits).await {
        Err(error) => error.into(),
        Ok(rows) => rows.batches.try_collect::<Vec<_>>().await.unwrap_err().into(),
    };
    assert_eq!(
        (failure.exit.code(), failure.message.as_str()),
        (1, "the statement needs more than the 1 MiB that it may use")
    );
    assert!(failure.hint.unwrap().contains("--max-memory"));
    // Enough of it, and it is answered.
    let rows = engine.sql(large, SqlLimits::default()).await.unwrap().batches.try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 400 * 400);
}

#[tokio::test]
async fn what_fails_while_it_runs_is_no_usage_error() {
    let (store, _) = lake(1, 10, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let failure = refused(&engine, "SELECT 1 / (count(*) - 10) FROM events").await;
    assert_eq!((failure.exit.code(), failure.message.contains("ivide by zero")), (1, true), "{failure}");
}
