//! Results in every format: the same rows, and nothing else on standard output.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};

/// Two users, of whom one has a name that other programs stumble over.
const EVENTS: &str = concat!(
    "{\"event\":\"보기, \\\"view\\\" | 1\",\"user_id\":\"u1\",\"timestamp\":1748854800000}\n",
    "{\"event\":\"buy\",\"user_id\":\"u1\",\"timestamp\":1748854800001,\"properties\":{\"price\":3}}\n",
    "{\"event\":\"buy\",\"user_id\":\"u2\",\"timestamp\":1748854800002}\n",
);

#[test]
fn every_command_prints_the_same_rows_in_every_format() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let commands: [&[&str]; 9] = [
        &["events"],
        &["events", "buy"],
        &["funnel", "--step", "\"보기, \\\"view\\\" | 1\"", "--step", "buy"],
        &["sql", "SELECT event, count(*) AS n, max(session_id) AS s FROM events GROUP BY event ORDER BY n DESC"],
        &["retention", "--start", "buy", "--breakdown", "price"],
        &["lifecycle"],
        &["stickiness", "--of", "buy"],
        &["stats"],
        &["compact"],
    ];
    weir_with_input(&["import", "-", "--lake", &lake], EVENTS.as_bytes()).ok();
    for command in commands {
        let print = |format: &str| weir(&[command, &["--lake", &lake, "--format", format]].concat()).ok().stdout;
        let document: Value = serde_json::from_str(&print("json")).unwrap();
        assert!(document.is_object() || document.is_array(), "{command:?}: {document}");
        let ndjson = print("ndjson");
        let rows: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(!rows.is_empty() && rows.iter().all(Value::is_object), "{command:?}: {ndjson}");
        let csv = print("csv");
        assert!(csv.lines().count() > rows.len(), "{command:?}: a header and {} rows\n{csv}", rows.len());
        let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert!(header.iter().eq(rows[0].as_object().unwrap().keys()), "{command:?}: {header:?} and {}", rows[0]);
        let markdown = print("markdown");
        assert!(markdown.starts_with("| ") && markdown.contains("\n| ---"), "{command:?}:\n{markdown}");
        assert!(!print("table").is_empty());
    }
    let events = weir(&["events", "--lake", &lake, "--format", "csv"]).ok().stdout;
    let first = "2025-06-02T09:00:00.000Z";
    let expected = [
        "event,count,first_seen,last_seen",
        "buy,2,2025-06-02T09:00:00.001Z,2025-06-02T09:00:00.002Z",
        &format!("\"보기, \"\"view\"\" | 1\",1,{first},{first}"),
    ];
    assert_eq!(events.lines().collect::<Vec<_>>(), expected);
    let imported = weir_with_input(&["import", "-", "--lake", &lake, "--format", "ndjson"], EVENTS.as_bytes()).ok();
    assert_eq!((&imported.json()["accepted"], &imported.json()["duplicates"]), (&json!(0), &json!(3)));
}
