//! Paths and sessions whose numbers are worked out by hand.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::weir;
use weir_tests::server::Server;

use super::ask::{event_with, without_time};

/// 2025-06-02T09:00:00Z.
const START: i64 = 1_748_854_800_000;
const MINUTE: i64 = 60_000;

/// An event, and its minute.
type Step = (&'static str, i64);

/// Users who view (v), save (s) and buy (b), or scroll (x); minutes behind 09:00.
///
/// ```text
/// user    events                      from the first view on       back from the first buy     sessions
/// ana     v 0, x 1, v 2, s 3, b 5     view > save > buy            buy < save < view           1 of 5 events
/// ben     v 0, b 10, v 45, v 46       view > buy                   buy < view                  2, the second at 45
/// cho     s 0, v 31                   view                                                     2 of one event
/// dae     b 0 (web)                                                buy                         1 of one event
/// ```
fn fixture() -> Vec<Value> {
    let plans: &[(&str, &str, &[Step])] = &[
        ("ana", "ios", &[("view", 0), ("scroll", 1), ("view", 2), ("save", 3), ("buy", 5)]),
        ("ben", "ios", &[("view", 0), ("buy", 10), ("view", 45), ("view", 46)]),
        ("cho", "web", &[("save", 0), ("view", 31)]),
        ("dae", "web", &[("buy", 0)]),
    ];
    let events = plans.iter().flat_map(|(user, os, plan)| {
        plan.iter().map(move |(name, minute)| event_with(name, user, START + minute * MINUTE, &json!({"os": os})))
    });
    // The order of arrival decides nothing here.
    let mut events: Vec<Value> = events.collect();
    events.reverse();
    events
}

/// Whole paths with their counts.
fn paths(report: &Value) -> Vec<(String, u64)> {
    let path = |path: &Value| {
        let events: Vec<&str> = path["events"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (events.join(" "), path["count"].as_u64().unwrap())
    };
    report["paths"].as_array().unwrap_or_else(|| panic!("{report}")).iter().map(path).collect()
}

fn listed(paths: &[(&str, u64)]) -> Vec<(String, u64)> {
    paths.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect()
}

#[test]
fn paths_and_sessions_are_the_same_over_http_and_on_the_command_line() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    server.http().land(&fixture());
    let ask = |command: &str, options: &[&str]| -> Value {
        let told = weir(&[&[command, "--lake", &lake, "--format", "json"], options].concat()).ok().json();
        let spec = weir(&[&[command, "--lake", &lake, "--print-spec"], options].concat()).ok().json();
        assert_eq!(without_time(server.http().query(&spec)), without_time(told.clone()), "{spec}");
        told
    };

    let forward = ask("paths", &["--start", "view", "--hide", "scroll"]);
    assert_eq!(paths(&forward), listed(&[("view", 1), ("view buy", 1), ("view save buy", 1)]));
    let second: Vec<(&Value, &Value)> =
        forward["levels"][1]["nodes"].as_array().unwrap().iter().map(|node| (&node["event"], &node["count"])).collect();
    assert_eq!(second, [(&json!("buy"), &json!(1)), (&json!("save"), &json!(1)), (&Value::Null, &json!(1))]);
    let saved = forward["links"].as_array().unwrap().iter().find(|link| link["to"]["event"] == "save").unwrap();
    // From the first of the two views.
    assert_eq!((&saved["count"], &saved["median_ms"]), (&json!(1), &json!(3 * MINUTE)));

    let back = ask("paths", &["--end", "buy", "--hide", "scroll"]);
    assert_eq!(paths(&back), listed(&[("buy", 1), ("buy save view", 1), ("buy view", 1)]));
    let every = ask("paths", &["--start", "view", "--count", "every", "--repeats", "--depth", "2", "--window", "1m"]);
    assert_eq!(paths(&every), listed(&[("view", 2), ("view save", 1), ("view scroll", 1), ("view view", 1)]));

    let sessions = ask("sessions", &["--interval", "day", "--breakdown", "os"]);
    assert_eq!((&sessions["sessions"], &sessions["users"], &sessions["bounces"]), (&json!(6), &json!(4), &json!(3)));
    assert_eq!(sessions["events"], json!({"n": 12, "mean": 2, "median": 1.5, "p90": 3.5}));
    assert_eq!(sessions["duration_ms"]["median"], json!(MINUTE / 2));
    let first = &sessions["first_events"][0];
    assert_eq!((&first["event"], &first["count"]), (&json!("view"), &json!(4)));
    let groups: Vec<(&Value, &Value)> =
        sessions["breakdown"].as_array().unwrap().iter().map(|group| (&group["value"], &group["sessions"])).collect();
    assert_eq!(groups, [(&json!("ios"), &json!(3)), (&json!("web"), &json!(3))]);
    assert_eq!(sessions["trend"][0]["sessions"], json!(6));
}
