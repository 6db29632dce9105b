//! Who came back, who is new, and how often users were active: numbers that are worked out by hand.

use serde_json::{Value, json};
use weir_tests::cli::weir;
use weir_tests::server::Server;
use weir_tests::{Scratch, instant_ms, now_ms};

use super::ask::{event, event_with};

const DAY: i64 = 86_400_000;

/// Days of June 2025, in Seoul from 15:00 UTC of the day before.
fn events() -> Vec<Value> {
    let at = |day: i64, hour: i64| instant_ms("2025-06-01T00:00:00Z") + (day - 1) * DAY + hour * 3_600_000;
    let signup = |user: &str, day: i64, hour: i64, country: &str| {
        event_with("signup", user, at(day, hour), &json!({"country": country}))
    };
    vec![
        // Before the range, so that her second signup is none.
        signup("old", -3, 1, "KR"),
        signup("old", 2, 1, "KR"),
        signup("ann", 2, 1, "KR"),
        event("view", "ann", at(2, 2)),
        event("view", "ann", at(4, 2)),
        signup("ben", 2, 3, "JP"),
        event("view", "ben", at(3, 1)),
        event("view", "ben", at(4, 1)),
        // At 16:00 UTC it is the 3rd in Seoul.
        signup("cho", 2, 16, "KR"),
        event("view", "cho", at(3, 20)),
    ]
}

const RANGE: [&str; 6] = ["--from", "2025-06-02", "--to", "2025-06-04", "--timezone", "Asia/Seoul"];

#[test]
fn retention_follows_cohorts_from_the_command_line_and_over_http() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    server.http().land(&events());
    let options = ["--start", "signup", "--return", "view", "--periods", "2", "--breakdown", "country"];
    let ask = |more: &[&str]| weir(&[&["retention", "--lake", &lake], &options[..], &RANGE, more].concat()).ok();
    let report = ask(&["--format", "json"]).json();
    let cohorts = report["cohorts"].as_array().unwrap();
    let counts: Vec<(&str, u64, Vec<u64>)> = cohorts
        .iter()
        .map(|cohort| {
            let returned = cohort["returned"].as_array().unwrap().iter().map(|cell| cell["count"].as_u64().unwrap());
            (cohort["start"].as_str().unwrap(), cohort["users"].as_u64().unwrap(), returned.collect())
        })
        .collect();
    assert_eq!(
        counts,
        [
            ("2025-06-02T00:00:00+09:00", 2, vec![1, 1, 2]),
            ("2025-06-03T00:00:00+09:00", 1, vec![0, 1, 0]),
            ("2025-06-04T00:00:00+09:00", 0, vec![0, 0, 0]),
        ]
    );
    let whole: Vec<&Value> =
        report["whole"]["returned"].as_array().unwrap().iter().map(|cell| &cell["count"]).collect();
    assert_eq!((whole, &report["whole"]["users"]), (vec![&json!(1), &json!(2), &json!(2)], &json!(3)));
    let groups: Vec<(&Value, &Value)> =
        report["breakdown"].as_array().unwrap().iter().map(|group| (&group["value"], &group["users"])).collect();
    assert_eq!(groups, [(&json!("KR"), &json!(2)), (&json!("JP"), &json!(1))]);

    let spec = ask(&["--print-spec"]).json();
    let over_http = server.http().query(&spec);
    assert_eq!((&over_http["cohorts"], &over_http["whole"]), (&report["cohorts"], &report["whole"]));
    let table = ask(&[]).stdout;
    assert!(table.contains("2025-06-02") && table.contains("100.0%") && table.contains("By country:"), "{table}");
    // Her second signup counts where the first in the range does.
    let first_in_range = ask(&["--occurrence", "first_in_range", "--format", "json"]).json();
    assert_eq!(first_in_range["whole"]["users"], json!(4));
    let brackets =
        weir(&["retention", "--lake", &lake, "--start", "signup", "--brackets", "0-1,2", "--format", "json"]).ok();
    assert_eq!(brackets.json()["columns"], json!([{"from": 0, "to": 1}, {"from": 2, "to": 2}]));
    server.stop();
}

#[test]
fn a_period_that_has_not_begun_has_no_figure() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let now = now_ms();
    server.http().land(&[
        event("signup", "ann", now - DAY),
        event("view", "ann", now - 1000),
        event("view", "ben", now),
    ]);
    let spec = json!({"kind": "retention", "start": {"event": "signup"}, "periods": 2});
    let report = server.http().query(&spec);
    let cells = report["cohorts"][0]["returned"].as_array().unwrap().clone();
    assert_eq!((cells.len(), &cells[0]["open"], &cells[1]["open"]), (3, &json!(false), &json!(true)), "{report}");
    assert_eq!(cells[2], json!(null), "tomorrow");
    let whole = &report["whole"]["returned"][1];
    assert_eq!((&whole["users"], &whole["open"]), (&json!(0), &json!(true)), "{report}");
    server.stop();
}

#[test]
fn active_users_are_told_apart_by_when_they_were_active_before() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    server.http().land(&events());
    let ask = |command: &str| weir(&[&[command, "--lake", &lake, "--format", "json"], &RANGE[..]].concat()).ok().json();
    let lifecycle = ask("lifecycle");
    let figures =
        |bucket: &Value| ["new", "returning", "resurrecting", "dormant"].map(|name| bucket[name].as_u64().unwrap());
    let buckets: Vec<[u64; 4]> = lifecycle["buckets"].as_array().unwrap().iter().map(figures).collect();
    // The 2nd: ann and ben are new, old is back. The 3rd: cho is new, ben still there, ann and old are not. The 4th: ann is back.
    assert_eq!(buckets, [[2, 0, 1, 0], [1, 1, 0, 2], [0, 2, 1, 0]]);
    let spec = json!({"kind": "lifecycle", "from": "2025-06-02", "to": "2025-06-04", "timezone": "Asia/Seoul"});
    assert_eq!(server.http().query(&spec)["buckets"], lifecycle["buckets"]);

    let stickiness = ask("stickiness");
    let rows: Vec<[u64; 3]> = stickiness["active"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["periods", "users", "at_least"].map(|name| row[name].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [[1, 1, 4], [2, 2, 3], [3, 1, 1]]);
    assert_eq!(
        (&stickiness["users"], &stickiness["average"], &stickiness["open"]),
        (&json!(4), &json!(2), &json!(false))
    );
    let spec = json!({"kind": "stickiness", "from": "2025-06-02", "to": "2025-06-04", "timezone": "Asia/Seoul"});
    assert_eq!(server.http().query(&spec)["active"], stickiness["active"]);
    server.stop();
}

#[test]
fn what_cannot_be_understood_names_the_option() {
    let refused = |options: &[&str]| weir(options).exits(2);
    refused(&["retention", "--lake", "x"]).says("no start given").says("`weir keep`");
    refused(&["retention", "--lake", "x", "--start", "a", "--brackets", "0,x"]).says("--brackets: found `0,x`");
    refused(&["retention", "--lake", "x", "--start", "a", "--periods", "101"]).says("--periods: found the number 101");
    refused(&["retention", "--lake", "x", "--start", "a where", "--periods", "1"]).says("--start: ");
    refused(&["retention", "--lake", "x", "--start", "a", "--return", "b where x matches ("])
        .says("--return, where[0].value: ");
    refused(&["lifecycle", "--lake", "x", "--of", "|"]).says("--of: ");
}
