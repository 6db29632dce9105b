//! The commands of `weir` on `s3://…`, with nothing but the environment to find the server.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{Ran, weir_in};
use weir_tests::moto::Moto;
use weir_tests::server::Starting;

/// Runs a command on a lake.
#[track_caller]
fn on(lake: &str, args: &[&str]) -> Ran {
    weir_in(&Moto::shared().environment(), &[args, &["--lake", lake]].concat())
}

#[track_caller]
fn json_of(lake: &str, args: &[&str]) -> Value {
    on(lake, &[args, &["--format", "json"]].concat()).ok().json()
}

fn lines() -> String {
    let event = |name: &str, user: u64, n: u64| {
        let time = 1_748_854_800_000_u64 + 60_000 * n + user;
        json!({"event": name, "user_id": format!("u{user}"), "event_id": format!("{name}-{user}"), "timestamp": time})
    };
    let of_user = |user: u64| {
        let names = ["view", "cart", "pay"];
        let steps = usize::try_from(user % 3).unwrap() + 1;
        names[..steps].iter().zip(0..).map(move |(name, n)| event(name, user, n).to_string() + "\n").collect::<String>()
    };
    (0..30).map(of_user).collect()
}

#[test]
fn questions_are_answered_and_reports_kept_on_s3() {
    let lake = format!("s3://{}/team/lake", Moto::shared().bucket("serves"));
    let scratch = Scratch::new();
    json_of(&lake, &["import", &scratch.file("events.ndjson", lines())]);
    let token = json_of(&lake, &["tokens", "add", "--name", "ana", "--role", "editor"])["token"].clone();
    let server = Starting::answering(&lake, &Moto::shared().environment(), &[]).ready();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let ask = |method: &str, path: &str, body: &Value| {
        server.http().request(method, path, &[("authorization", &bearer)], body.to_string().as_bytes())
    };
    let funnel = json!({"kind": "funnel", "steps": [{"event": "view"}, {"event": "pay"}]});
    let answer = ask("POST", "/api/query", &funnel).with_status(200).json();
    assert_eq!(answer["steps"][1]["count"], 10);
    let saved = ask("POST", "/api/reports", &json!({"name": "Payers", "spec": funnel})).with_status(201).json();
    assert_eq!((&saved["saved_by"], &saved["revision"]), (&json!("ana"), &json!(1)));
    assert_eq!(json_of(&lake, &["reports", "list"])[0]["name"], "Payers");
    assert_eq!(ask("GET", "/api/session", &json!(null)).json()["lake"], "lake");
    server.stop();
}

#[test]
fn every_command_works_on_s3() {
    let lake = format!("s3://{}/team/lake", Moto::shared().bucket("commands"));
    let scratch = Scratch::new();
    let file = scratch.file("events.ndjson", lines());
    let imported = json_of(&lake, &["import", &file]);
    assert_eq!((&imported["accepted"], &imported["duplicates"]), (&json!(60), &json!(0)), "{imported}");
    let again = json_of(&lake, &["import", &file]);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(60)), "{again}");
    let more = json!({"event": "pay", "user_id": "u0", "timestamp": 1_748_855_800_000_u64, "event_id": "late"});
    let more = scratch.file("more.ndjson", more.to_string());
    json_of(&lake, &["import", &more]);

    let ask = || {
        let report = json_of(&lake, &["funnel", "--step", "view", "--step", "cart", "--step", "pay"]);
        let counts = report["steps"].as_array().unwrap().iter().map(|step| step["count"].as_u64().unwrap());
        let events = json_of(&lake, &["events"]);
        let sum = events.as_array().unwrap().iter().map(|event| event["count"].as_u64().unwrap()).sum::<u64>();
        let rows = json_of(&lake, &["sql", "SELECT count(*) AS n, count(DISTINCT \"user\") AS users FROM events"]);
        (counts.collect::<Vec<_>>(), sum, rows)
    };
    let before = ask();
    assert_eq!(before, (vec![30, 20, 10], 61, json!([{"n": 61, "users": 30}])));
    let stats = json_of(&lake, &["stats"]);
    assert_eq!((&stats["events"], &stats["files"]), (&json!(61), &json!(2)), "{stats}");
    json_of(&lake, &["compact"]);
    assert_eq!(json_of(&lake, &["stats"])["files"], 1);
    assert_eq!(ask(), before, "compaction changes no answer");

    let key = json_of(&lake, &["keys", "add", "--source", "shop"])["key"].as_str().unwrap().to_owned();
    json_of(&lake, &["keys", "disable", &key]);
    let keys = json_of(&lake, &["keys", "list"]);
    assert_eq!((&keys[0]["key"], &keys[0]["state"]), (&json!(key), &json!("disabled")), "{keys}");
}

#[test]
fn what_cannot_be_opened_is_named_with_what_to_do() {
    let nowhere = "s3://no-bucket-of-that-name/lake";
    on(nowhere, &["stats"]).exits(1).says(nowhere).says("NoSuchBucket").says("make the bucket");
    let empty = format!("s3://{}/lake", Moto::shared().bucket("nothing-in-it"));
    on(&empty, &["events"]).exits(1).says(&format!("weir import FILE --lake {empty}"));
    on("s3://", &["events"]).exits(1).says("s3://bucket/prefix");
}

#[test]
fn weir_dev_says_that_it_needs_a_directory() {
    on("s3://bucket/lake", &["dev", "--port", "0"]).exits(2).says("s3://bucket/lake").says("give it a directory");
}

#[test]
fn without_credentials_it_is_said_where_they_come_from() {
    let scratch = Scratch::new();
    let lake = format!("s3://{}/lake", Moto::shared().bucket("no-credentials"));
    let nothing = scratch.arg("none");
    let environment = Moto::shared().environment().map(|(name, value)| match name {
        "AWS_ACCESS_KEY_ID" => ("AWS_CONFIG_FILE", nothing.as_str()),
        "AWS_SECRET_ACCESS_KEY" => ("AWS_SHARED_CREDENTIALS_FILE", nothing.as_str()),
        _ => (name, value),
    });
    weir_in(&environment, &["stats", "--lake", &lake]).exits(1).says(&lake).says("set AWS_PROFILE");
}
