//! `weir sql` from outside: statements from everywhere, funnels as tables, limits, and the prompt in a real terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use weir_tests::Scratch;
use weir_tests::cli::{command, weir, weir_with_input};
use weir_tests::terminal::Terminal;

use super::ask::{counts, event, funnel, sql};

const NOON: i64 = 1_748_854_800_000;
/// It does not end in the life of a test.
const ENDLESS: &str = "SELECT sum(value % 7) AS s FROM generate_series(1, 1000000000000)";

/// A lake with a few events of two users.
fn lake_of(scratch: &Scratch) -> String {
    let events = [
        event("view_item", "u1", NOON),
        event("view_item", "u1", NOON + 1),
        event("purchase", "u1", NOON + 2),
        event("view_item", "u2", NOON + 3),
        event("view_page", "it's me", NOON + 4),
    ];
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    weir_with_input(&["import", "-", "--lake", &scratch.lake()], lines.as_bytes()).ok();
    scratch.lake()
}

#[test]
fn a_statement_comes_as_an_argument_or_from_standard_input() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let statement = "SELECT event, count(*) AS n FROM events GROUP BY 1 ORDER BY 1";
    let expected = "event,n\npurchase,1\nview_item,3\nview_page,1\n";
    assert_eq!(weir(&["sql", statement, "--lake", &lake, "--format", "csv"]).ok().stdout, expected);
    // Without a terminal nobody can be asked, so a missing statement is read like `-`.
    for args in [&["sql", "-"][..], &["sql"]] {
        let args = [args, &["--lake", &lake, "--format", "csv"]].concat();
        assert_eq!(weir_with_input(&args, format!("{statement};\n").as_bytes()).ok().stdout, expected);
        weir_with_input(&args, b"\n").exits(2).says("no statement given");
    }
}

#[test]
fn a_funnel_in_a_statement_counts_as_the_command_does() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let report = funnel(&lake, &["--step", "view_item", "--step", "purchase", "--window", "1d"]);
    let rows = sql(&lake, r#"SELECT count FROM funnel('view_item', 'purchase', '{"window": "1d"}') ORDER BY step"#);
    assert_eq!(rows, [json!({"count": 2}), json!({"count": 1})]);
    assert_eq!(counts(&report), [2, 1]);
    // The rows of the command, cell by cell; numbers have their own ways to be written.
    let whole = "SELECT * FROM funnel('view_item', 'purchase')";
    let rows = sql(&lake, whole);
    let ndjson = weir(&["funnel", "--step", "view_item", "--step", "purchase", "--lake", &lake, "--format", "ndjson"]);
    let lines: Vec<serde_json::Value> = ndjson.ok().stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let figures = |row: &serde_json::Value| {
        let fields = row.as_object().unwrap().iter();
        fields.map(|(name, value)| (name.clone(), value.as_f64().ok_or_else(|| value.clone()))).collect::<Vec<_>>()
    };
    assert_eq!(rows.iter().map(figures).collect::<Vec<_>>(), lines.iter().map(figures).collect::<Vec<_>>());
    let lost = "SELECT f.\"user\", max(e.time) AS last FROM funnel_users('view_item', 'purchase') f \
                JOIN events e ON e.\"user\" = f.\"user\" WHERE f.depth = 1 GROUP BY 1";
    assert_eq!(sql(&lake, lost), [json!({"user": "u2", "last": "2025-06-02T09:00:00.003Z"})]);
    let wrong = "SELECT * FROM funnel('view_item', '{\"widnow\": \"1d\"}')";
    weir(&["sql", wrong, "--lake", &lake]).exits(2).says("widnow: unknown field `widnow`; did you mean `window`?");
}

#[test]
fn rows_beyond_the_limit_are_said_and_not_dropped_in_silence() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let numbers = "SELECT value FROM generate_series(1, 2500)";
    let table = weir(&["sql", numbers, "--lake", &lake]).ok();
    assert_eq!(table.stdout.lines().count(), 1_003);
    assert!(table.stdout.ends_with("…and 1,500 more rows\n"), "{}", table.stdout);
    table.says("1,000 of 2,500 rows; --max-rows 0 prints all");
    let all = weir(&["sql", numbers, "--lake", &lake, "--max-rows", "0"]).ok();
    assert_eq!(all.stdout.lines().count(), 2_502);
    let csv = weir(&["sql", numbers, "--lake", &lake, "--format", "csv"]).ok();
    assert_eq!(csv.stdout.lines().count(), 2_501);
    let few = weir(&["sql", numbers, "--lake", &lake, "--format", "csv", "--max-rows", "2", "--quiet"]).ok();
    assert_eq!(few.stdout, "value\n1\n2\n");
    few.says("2 of 2,500 rows");
}

#[test]
fn time_and_memory_are_limited_and_the_option_is_named() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    weir(&["sql", ENDLESS, "--lake", &lake, "--timeout", "300ms"])
        .exits(1)
        .says("the statement did not end within 300 ms")
        .says("--timeout");
    let large = "SELECT value FROM generate_series(1, 3000000) ORDER BY value % 1000, value";
    weir(&["sql", large, "--lake", &lake, "--max-memory", "4MiB"])
        .exits(1)
        .says("the statement needs more than the 4 MiB that it may use")
        .says("--max-memory");
    weir(&["sql", "SELECT 1", "--lake", &lake, "--max-memory", "1KiB"]).exits(2).says("at least 1MiB");
    weir(&["sql", "SELECT 1", "--lake", &lake, "--timeout", "soon"]).exits(2).says("soon");
}

/// The prompt, for somebody whose home is the scratch folder.
fn prompt(scratch: &Scratch, lake: &str) -> Command {
    let mut command = command(&["sql", "--lake", lake]);
    command.env("HOME", scratch.arg("home")).env_remove("XDG_STATE_HOME");
    command
}

#[test]
fn a_prompt_takes_statements_over_several_lines_and_keeps_them() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let mut terminal = Terminal::spawn(prompt(&scratch, &lake));
    terminal.shows("A statement ends with ;");
    terminal.shows("weir> ");
    terminal.types("SELECT event, count(*) AS n\r");
    terminal.types("FROM events GROUP BY 1 ORDER BY 1;\r");
    terminal.shows("view_item  3");
    terminal.shows("3 rows");
    terminal.shows("weir> ");
    // Two statements in one line.
    terminal.types("SELECT 40 + 1 AS a; SELECT ';' || 40 + 2 AS b; SELECT 40 + 3 AS c;\r");
    terminal.shows("41");
    terminal.shows("weir: ");
    terminal.shows("weir> ");
    terminal.types("SELECT 40 + 4 AS d;\r");
    terminal.shows("44");
    // Before the prompt is there, the key would not be read as one.
    terminal.shows("weir> ");
    terminal.types("\x04");
    assert_eq!(terminal.wait().code(), Some(0));

    let file = scratch.path("home/.local/state/weir/sql_history");
    let history = fs::read_to_string(&file).unwrap();
    assert!(history.contains("SELECT event, count(*) AS n\\nFROM events GROUP BY 1 ORDER BY 1;"), "{history}");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file.as_path()), mode(file.parent().unwrap())), (0o600, 0o700));

    // Another day: the key for up brings the last one back.
    let mut terminal = Terminal::spawn(prompt(&scratch, &lake));
    terminal.shows("weir> ");
    terminal.types("\x1b[A\r");
    terminal.shows("44");
    terminal.types("\\q\r");
    assert_eq!(terminal.wait().code(), Some(0));
}

#[test]
fn a_prompt_completes_the_names_of_the_lake() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let mut terminal = Terminal::spawn(prompt(&scratch, &lake));
    terminal.shows("weir> ");
    terminal.types("SELECT 'found ' || count(*) AS n FROM events WHERE event = 'purc\t';\r");
    terminal.shows("found 1");
    terminal.shows("weir> ");
    // Two that begin so: what they share, then both.
    terminal.types("SELECT event FROM events WHERE event = 'vi\t\t");
    terminal.shows("view_item");
    terminal.shows("view_page");
    terminal.types("\x03");
    terminal.shows("weir> ");
    terminal.types("sel\tma\t\"us\t\") AS u FROM even\t");
    terminal.types("\x03");
    terminal.shows("weir> ");
    terminal.types("SELECT count(DISTINCT anon\t) AS x, min(received\t) IS NULL AS y FROM events;\r");
    terminal.shows("false");
    // Before the prompt is there, the key would not be read as one.
    terminal.shows("weir> ");
    terminal.types("\x04");
    assert_eq!(terminal.wait().code(), Some(0));
}

#[test]
fn ctrl_c_forgets_a_line_and_ends_a_statement_but_not_the_prompt() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let mut terminal = Terminal::spawn(prompt(&scratch, &lake));
    terminal.shows("weir> ");
    terminal.types("SELECT nonsense\r  over two lines\x03");
    terminal.shows("weir> ");
    terminal.types("SELECT 40 + 2 AS answer;\r");
    terminal.shows("42");
    terminal.shows("weir> ");
    terminal.types(&format!("{ENDLESS};\r"));
    // It has to run before it can be ended, which the screen does not show: so more than once.
    let is_ended = (0..100).any(|_| {
        terminal.interrupt();
        terminal.shows_within(Duration::from_millis(300), "the statement was ended by an interrupt")
    });
    assert!(is_ended, "{}", terminal.rest());
    terminal.types("SELECT 40 + 3 AS answer;\r");
    terminal.shows("43");
    // Before the prompt is there, the key would not be read as one.
    terminal.shows("weir> ");
    terminal.types("\x04");
    assert_eq!(terminal.wait().code(), Some(0));
}

#[test]
fn commands_of_the_prompt() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let mut terminal = Terminal::spawn(prompt(&scratch, &lake));
    for (typed, shown) in [
        ("\\?", "Tab completes"),
        ("help", "Tab completes"),
        ("\\d", "funnel_users('STEP', …)"),
        ("\\d events", "received_at   timestamp"),
        ("\\d failed", "body_bytes"),
        ("\\d evnts", "did you mean `events`?"),
        ("\\format csv", ""),
        ("SELECT 1 AS one, 'a,b' AS two;", "1,\"a,b\""),
        ("\\format cvs", "did you mean `csv`?"),
        ("\\rows 2", ""),
        ("SELECT value FROM generate_series(1, 2500);", "2 of 2,500 rows"),
        ("\\rows many", "expected a number of rows"),
        ("\\timing", "Timing is on."),
        ("SELECT 1 AS one;", "Time: "),
        ("\\frmat", "did you mean `\\format`?"),
        ("SELECT evnt FROM events;", "evnt"),
        ("DROP TABLE events;", "only reads the lake: DROP TABLE is refused"),
    ] {
        terminal.shows("weir> ");
        terminal.types(&format!("{typed}\r"));
        // Past what was typed, which the terminal shows too.
        terminal.shows("\n");
        if !shown.is_empty() {
            terminal.shows(shown);
        }
    }
    terminal.types("exit\r");
    assert_eq!(terminal.wait().code(), Some(0));
}
