//! Questions that are wrong, or ask for more than there is room for: what is said, what it takes, and that the server goes
//! on.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};
use weir_tests::server::Server;

use super::ask::{counts, event, funnel_of, with};

/// 2025-06-02T09:00:00Z.
const START: i64 = 1_748_854_800_000;

/// A long answer helps nobody.
const MOST_ANSWER: usize = 64 * 1024;

/// Documents that are refused: the text, the field that is named, and what has to be said of it.
fn refused() -> Vec<(String, &'static str, &'static str)> {
    let two = |fields: Value| with(funnel_of(&["a", "b"]), fields).to_string();
    let step = |fields: Value| json!({"kind": "funnel", "steps": [with(json!({"event": "a"}), fields)]}).to_string();
    let matches = |expression: &str| step(json!({"where": [{"property": "p", "op": "matches", "value": expression}]}));
    let steps = |number: usize| funnel_of(&vec!["a"; number]).to_string();
    let fields: Map<String, Value> = (0..50_000).map(|number| (format!("f{number}"), json!(1))).collect();
    vec![
        (String::new(), "", "not valid JSON"),
        ("null".to_owned(), "", "found null"),
        (r#"{"kind": "funnel", "steps": [{"event": "a"}], "steps": []}"#.to_owned(), "", "duplicate entry `steps`"),
        (format!(r#"{{"kind": "funnel", "steps": {}{}}}"#, "[".repeat(1000), "]".repeat(1000)), "", "127 levels"),
        ("[".repeat(500_000), "", "127 levels"),
        (two(json!({"widnow": "1d"})), "widnow", "did you mean `window`?"),
        (two(Value::Object(fields)), "f0", "49900 more problems"),
        (steps(0), "steps", "found 0 steps"),
        (steps(10_000), "steps", "1 to 64 steps"),
        (matches("(a{1000}){1000}"), "steps[0].where[0].value", "1048576 bytes"),
        (matches(&"(".repeat(100_000)), "steps[0].where[0].value", "not a regular expression"),
        (matches(&format!("{}{}", "(a".repeat(300), ")*".repeat(300))), "steps[0].where[0].value", "nested"),
        (two(json!({"from": "1926-01-01", "to": "2026-01-01", "interval": "hour"})), "interval", "20000 hours"),
        (two(json!({"last": "36500d", "interval": "day"})), "interval", "20000 days"),
        (two(json!({"last": "200000d"})), "last", "36500d"),
        (two(json!({"window": "99999999999999999999d"})), "window", "3650d"),
        (two(json!({"last": "3d", "from": "2026-01-01"})), "last", "`from`"),
        (two(json!({"compare": "previous", "from": "2026-01-01"})), "compare", "`to`"),
        (two(json!({"from": "2026-01-02", "to": "2026-01-01"})), "from", "after"),
        (two(json!({"order": "any", "exclude": [{"event": "c"}]})), "exclude", "`any`"),
        (two(json!({"exclude": [{"event": "c", "from": 2, "to": 2}]})), "exclude[0].from", "from 1 to 1"),
        (step(json!({"optional": true})), "steps[0].optional", "first step"),
        (step(json!({"any": [{"event": "b"}]})), "steps[0]", "both `event` and `any`"),
        (step(json!({"label": "l".repeat(500_000)})), "steps[0].label", "at most 1000"),
        (two(json!({"breakdown": "p.".repeat(200_000)})), "breakdown", "at most 1000"),
        (two(json!({"breakdown": {"property": "p", "step": 3}})), "breakdown.step", "from 1 to 2"),
        (two(json!({"breakdown": {"property": "p", "limit": 1e300}})), "breakdown.limit", "from 1 to 1000"),
        (two(json!({"hold": [7]})), "hold[0]", "the number 7"),
    ]
}

#[test]
fn each_wrong_question_is_told_its_field_and_its_limit() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("a", "u", START)]);
    for (text, field, says) in refused() {
        let shown: String = text.chars().take(200).collect();
        let answer = server.http().post("/api/query", ("content-type", "application/json"), text.as_bytes());
        assert_eq!(answer.status, 400, "{shown}\n{}", answer.body);
        assert!(answer.body.len() < MOST_ANSWER, "{shown} is answered with {} bytes", answer.body.len());
        let problems = answer.json()["error"]["problems"].as_array().cloned().unwrap_or_default();
        let fields: Vec<&str> = problems.iter().filter_map(|problem| problem["field"].as_str()).collect();
        assert!(fields.contains(&field), "{shown} does not name `{field}`, but {fields:?}");
        assert!(answer.body.contains(says), "{shown} is not told `{says}`, but {}", answer.body);
        let ran = weir_with_input(&["funnel", "--lake", &scratch.lake(), "--spec", "-"], text.as_bytes());
        let ran = ran.exits(2).says(says);
        assert_eq!(ran.stdout, "", "{shown}");
    }
    assert_eq!(counts(&server.http().query(&funnel_of(&["a"]))), [1]);
    server.stop();
}

#[test]
fn a_question_of_two_megabytes_is_not_read() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let long = with(funnel_of(&["a"]), json!({"where": [{"property": "p", "op": "=", "value": "x".repeat(2 << 20)}]}));
    let answer = server.http().try_post("/api/query", "application/json", long.to_string().as_bytes());
    // The server may close while the rest is still on its way.
    if let Ok(answer) = answer {
        assert!(answer.with_status(413).body.contains("1048576 bytes"));
    }
    let ask = ["funnel", "--lake", &scratch.lake(), "--spec", "-"];
    weir_with_input(&ask, long.to_string().as_bytes()).exits(2).says("expected at most 1048576");
    weir_with_input(&ask, &vec![b' '; 17 << 20]).exits(2).says("16777216 bytes");
    weir_with_input(&ask, b"\xff\xfe").exits(2).says("UTF-8");
}

#[test]
fn an_empty_lake_answers_every_rule_with_nobody() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let rules = json!({
        "order": "strict", "hold": ["p"], "exclude": [{"event": "c"}], "count": "attempts", "window": "session",
        "breakdown": "p", "interval": "day", "last": "2d", "compare": "previous"
    });
    let report = server.http().query(&with(funnel_of(&["a", "b"]), rules));
    assert_eq!(counts(&report), [0, 0]);
    assert_eq!(counts(&report["previous"]), [0, 0]);
    assert_eq!((&report["breakdown"], &report["complete_to"]), (&json!([]), &Value::Null));
    assert!(report["trend"].as_array().unwrap().iter().all(|bucket| bucket["entered"] == 0), "{report}");
}

/// A document of 800 kB in which each of 400 events has 100 conditions of 1,000 values: 40 million of them if each event
/// had its own.
#[test]
fn conditions_of_many_events_take_memory_once() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let condition = json!({"property": "p", "op": "in", "value": vec![1; 1000]});
    let step = json!({"any": vec![json!({"event": "a"}); 100], "where": vec![condition; 100]});
    let report = server.http().query(&json!({"kind": "funnel", "steps": vec![step; 4]}));
    assert_eq!(counts(&report), [0; 4]);
    assert!(server.peak_mib() < 600, "{} MiB", server.peak_mib());
}

#[test]
fn many_groups_take_little_memory_and_a_question_whose_asker_is_gone_ends() {
    const USERS: usize = 300_000;
    let scratch = Scratch::new();
    let line = |user: usize| {
        let (time, order) = (START + user as i64, format!("order {user}, which nobody else has"));
        format!(
            "{}\n",
            json!({"event": "a", "user_id": format!("u{user}"), "timestamp": time, "properties": {"order": order}})
        )
    };
    let file = scratch.file("orders.ndjson", (0..USERS).map(line).collect::<String>());
    weir(&["import", &file, "--lake", &scratch.lake()]).ok();
    let server = Server::start(&scratch.lake());
    // A step for each that there may be: nobody takes the second, so each further one should take nothing.
    let breakdown = json!({"breakdown": {"property": "order", "limit": 3}});
    let report = server.http().query(&with(funnel_of(&["a"; 64]), breakdown));
    let groups = report["breakdown"].as_array().unwrap();
    let sizes: Vec<u64> = groups.iter().map(|group| group["steps"][0]["count"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [1, 1, 1, USERS as u64 - 3]);
    assert!(server.peak_mib() < 600, "{} MiB", server.peak_mib());

    let slow = |number: usize| json!({"event": "*", "where": [{"property": "order", "op": "matches", "value": format!("(.*o.*r.*){{6}}{number}$")}]});
    let any: Vec<Value> = (0..20).map(|number| slow(USERS + number)).collect();
    let spec = json!({"kind": "funnel", "steps": [{"any": any}]});
    let started = Instant::now();
    assert_eq!(counts(&server.http().query(&spec)), [0]);
    let whole = started.elapsed();
    let mut asker = TcpStream::connect(server.address()).unwrap();
    let body = spec.to_string();
    let head = format!("POST /api/query HTTP/1.1\r\nhost: {}\r\ncontent-length: {}", server.address(), body.len());
    asker.write_all(format!("{head}\r\ncontent-type: application/json\r\n\r\n{body}").as_bytes()).unwrap();
    thread::sleep(whole / 10);
    drop(asker);
    // Whoever ends a server waits for the questions that it still answers.
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < whole / 2 + Duration::from_millis(500), "{:?} of {whole:?}", started.elapsed());
}
