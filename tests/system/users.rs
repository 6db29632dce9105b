//! One user: what they did, and why they did or did not convert; over the command line and HTTP, before and after a compaction.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};
use weir_tests::http::Answer;
use weir_tests::server::Server;

use super::ask::{counts, event_with, funnel_of, with, without_cost};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;
const MINUTE: i64 = 60_000;

/// An event of a device, of which its user may not be known.
fn seen(name: &str, minute: i64, user: Option<&str>, properties: &Value) -> Value {
    let mut event = event_with(name, "", MONDAY + minute * MINUTE, properties);
    let fields = event.as_object_mut().unwrap();
    fields.remove("user_id");
    fields.extend(user.map(|user| ("user_id".to_owned(), json!(user))));
    fields.insert("anonymous_id".to_owned(), json!("phone"));
    fields.insert("event_id".to_owned(), json!(format!("e{minute}")));
    event
}

/// What ana did on her phone, first without saying who she is; in two imports. And what others did.
fn fill(lake: &str) {
    let first = [
        seen("view", 0, None, &json!({"job": 1, "title": "요리사"})),
        seen("view", 4, None, &json!({"job": 2})),
        seen("apply", 6, None, &json!({"job": 2, "wage": 9000})),
    ];
    let second = [
        seen("identify", 10, Some("ana"), &json!({})),
        seen("apply", 12, Some("ana"), &json!({"job": 2, "wage": 12000})),
        seen("hired", 100, Some("ana"), &json!({"job": 2})),
    ];
    for (part, own) in [&first[..], &second[..]].iter().enumerate() {
        let others = (0..300).map(|n| {
            let name = ["view", "apply", "hired"][n % 3];
            event_with(name, &format!("user {}", n % 40), MONDAY + n as i64 * MINUTE, &json!({"job": n, "part": part}))
        });
        let lines: String = own.iter().cloned().chain(others).map(|event| event.to_string() + "\n").collect();
        weir_with_input(&["import", "-", "--lake", lake], lines.as_bytes()).ok();
    }
}

fn question() -> Value {
    let apply = json!({"event": "apply", "where": [{"property": "wage", "op": ">=", "value": 10000}]});
    json!({"kind": "funnel", "steps": [{"event": "view"}, apply, {"event": "hired"}], "window": "1h"})
}

#[track_caller]
fn user(lake: &str, options: &[&str]) -> Value {
    weir(&[&["user"], options, &["--lake", lake, "--format", "json"]].concat()).ok().json()
}

#[track_caller]
fn explained(lake: &str, id: &str, spec: &Value) -> Value {
    let args = ["explain-user", id, "--spec", "-", "--lake", lake, "--format", "json"];
    weir_with_input(&args, spec.to_string().as_bytes()).ok().json()
}

#[track_caller]
fn post(server: &Server, body: &str) -> Answer {
    server.http().post("/api/explain", ("content-type", "application/json"), body.as_bytes())
}

#[track_caller]
fn of_events(document: &Value, field: &str) -> Vec<Value> {
    document["events"].as_array().unwrap().iter().map(|event| event[field].clone()).collect()
}

#[test]
fn a_device_that_has_become_a_users_shows_the_user_before_and_after_compaction() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    fill(&lake);
    let landed = user(&lake, &["phone"]);
    assert_eq!(
        (&landed["kind"], &landed["user"], &landed["asked_for"]),
        (&json!("user"), &json!("ana"), &json!("phone"))
    );
    assert_eq!((&landed["anonymous_ids"], &landed["events_total"]), (&json!(["phone"]), &json!(6)));
    assert_eq!(
        (&landed["first"], &landed["last"]),
        (&json!("2025-06-02T09:00:00.000Z"), &json!("2025-06-02T10:40:00.000Z"))
    );
    assert_eq!(of_events(&landed, "event_id"), ["e0", "e4", "e6", "e10", "e12", "e100"]);
    assert_eq!(of_events(&landed, "session"), [1, 1, 1, 1, 1, 2]);
    assert_eq!(landed["events"][0]["properties"], json!({"job": 1, "title": "요리사"}));
    assert_eq!((&landed["events"][0]["user_id"], &landed["events"][0]["source"]), (&Value::Null, &json!("dev")));
    let text =
        weir(&["user", "phone", "--lake", &lake, "--timezone", "Asia/Seoul"]).ok().says("`phone` has become `ana`");
    for line in ["time (Asia/Seoul)", "── session 2", "2025-06-02 19:40:00  hired"] {
        assert!(text.stdout.contains(line), "no `{line}` in\n{}", text.stdout);
    }
    let mine = without_cost(user(&lake, &["ana"]));
    assert_eq!((&mine["events"], &mine["user"]), (&landed["events"], &landed["user"]));

    let why = explained(&lake, "phone", &question());
    weir(&["compact", "--lake", &lake]).ok();
    assert_eq!(without_cost(user(&lake, &["phone"])), without_cost(landed));
    assert_eq!(without_cost(explained(&lake, "phone", &question())), without_cost(why));
    let server = Server::start(&lake);
    let over_http = server.http().get("/api/user?id=phone").with_status(200).json();
    assert_eq!(without_cost(over_http), without_cost(user(&lake, &["phone"])));
}

#[test]
fn part_of_a_timeline_is_chosen_by_names_times_and_number() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    fill(&lake);
    let ids = |options: &[&str]| of_events(&user(&lake, options), "event_id");
    assert_eq!(ids(&["ana", "--event", "apply", "--event", "hired"]), ["e6", "e12", "e100"]);
    assert_eq!(ids(&["ana", "--from", "2025-06-02T09:06:00Z", "--to", "2025-06-02T09:12:00Z"]), ["e6", "e10"]);
    assert_eq!(ids(&["ana", "--from", "2025-06-03", "--timezone", "Asia/Seoul"]), Vec::<Value>::new());
    assert_eq!(ids(&["ana", "--to", "2025-06-02", "--newest-first", "--limit", "2"]), ["e100", "e12"]);
    weir(&["user", "ana", "--limit", "2", "--lake", &lake]).ok().says("the first 2 of 6 events; --limit shows more");
    let nobody =
        weir(&["user", "Ana", "--lake", &lake, "--format", "json"]).ok().says("the lake has no events of `Ana`");
    assert_eq!((&nobody.json()["user"], &nobody.json()["events"]), (&Value::Null, &json!([])));
    weir(&["user", "ana", "--from", "soon", "--lake", &lake]).exits(2).says("--from: found `soon`");
    let csv = weir(&["user", "ana", "--lake", &lake, "--format", "csv", "--quiet"]).ok();
    assert_eq!((csv.stdout.lines().count(), csv.stderr.as_str()), (7, ""));
}

#[test]
fn an_explanation_says_of_each_event_what_became_of_it() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    fill(&lake);
    let why = explained(&lake, "phone", &question());
    assert_eq!(
        (&why["kind"], &why["user"], &why["verdict"], &why["depth"]),
        (&json!("explanation"), &json!("ana"), &json!("incomplete"), &json!(2))
    );
    assert_eq!(of_events(&why, "event_id"), ["e0", "e4", "e6", "e12", "e100"]);
    assert_eq!(of_events(&why, "reason"), ["later_start", "chosen", "unmet", "chosen", "too_late"]);
    assert_eq!(why["events"][2]["text"], "does not fit: wage is 9000, asked >= 10000");
    assert_eq!(why["events"][2]["unmet"][0]["found"], 9000);
    assert_eq!(why["attempts"][0]["events"], json!([1, 3]));
    assert_eq!(
        (&why["attempts"][0]["missing"]["steps"], &why["attempts"][0]["missing"]["nearest"]),
        (&json!([3]), &json!(4))
    );
    let text =
        weir_with_input(&["explain-user", "ana", "--spec", "-", "--lake", &lake], question().to_string().as_bytes())
            .ok();
    for line in [
        "did not convert: 2 of 3 steps",
        "no hired after apply at 2025-06-02 09:12:00, within 1 h after view at 2025-06-02 09:04:00",
        "too late by 36 m",
    ] {
        assert!(text.stdout.contains(line), "no `{line}` in\n{}", text.stdout);
    }

    // What is asked as options is what is asked as a document; and with more time she is converted, as the funnel counts her.
    let steps = ["--step", "view", "--step", "apply where wage >= 10000", "--step", "hired", "--window", "2h"];
    let options = [&["explain-user", "ana", "--lake", &lake, "--format", "json"], &steps[..]].concat();
    let longer = weir(&options).ok().json();
    assert_eq!((&longer["verdict"], &longer["depth"]), (&json!("converted"), &json!(3)));
    assert_eq!(without_cost(longer), without_cost(explained(&lake, "ana", &with(question(), json!({"window": "2h"})))));
    let server = Server::start(&lake);
    let hers = with(
        funnel_of(&["view", "hired"]),
        json!({"where": [{"property": "job", "op": "=", "value": 2}], "hold": ["job"]}),
    );
    let body = json!({"user": "phone", "spec": hers});
    let over_http = post(&server, &body.to_string()).with_status(200).json();
    assert_eq!(over_http["verdict"], "converted");
    assert!(counts(&server.http().query(&hers))[1] >= 1);
    let refused = post(&server, r#"{"user": "ana", "spec": {"kind": "funnel", "steps": []}}"#).with_status(400).json();
    assert_eq!(refused["error"]["problems"][0]["field"], "spec.steps");
}

#[test]
fn a_user_whose_id_is_hashed_is_found_by_the_id_that_was_sent() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let import = |user: &str, minute: i64| {
        let line = event_with("view", user, MONDAY + minute * MINUTE, &json!({})).to_string();
        weir_with_input(&["import", "-", "--lake", &lake], line.as_bytes()).ok();
    };
    import("ben", 0);
    weir(&["privacy", "add", "--property", "user_id", "--action", "hash", "--lake", &lake]).ok();
    import("ana", 1);
    let hers = user(&lake, &["ana"]);
    assert_eq!((&hers["asked_for"], &hers["events_total"]), (&json!("ana"), &json!(1)));
    let stored = hers["user"].as_str().unwrap();
    assert_ne!(stored, "ana");
    assert_eq!(user(&lake, &[stored])["events"], hers["events"]);
    weir(&["user", "ana", "--lake", &lake]).ok().says("a rule of privacy stores `ana` as");
    assert_eq!(user(&lake, &["ben"])["user"], "ben", "what came before the rule");
}
