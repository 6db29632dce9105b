//! Tracking plans from outside: `weir plan` on files and lakes, and beside a running `weir dev`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, and real processes run in real time"
)]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::cli::{weir, weir_with_input};
use weir_tests::http::{Answer, Http, receipt_of};
use weir_tests::server::{Server, Starting};
use weir_tests::{Scratch, wait_for};

/// A change of keys or of the plan is in force by then, without a restart.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(30);

const PLAN: &str = "\
weir_plan: 1
additional_events: false
events:
  apply:
    owner: growth
    properties:
      job_id: {type: string, required: true}
      channel: {enum: [web, ios]}
";

#[track_caller]
fn add_key(lake: &str, args: &[&str]) -> String {
    let ran = weir(&[&["keys", "add", "--lake", lake, "--format", "json"], args].concat()).ok();
    ran.json()["key"].as_str().unwrap().to_owned()
}

fn apply(user: &str, properties: Value) -> String {
    json!({"event": "apply", "user_id": user, "properties": properties, "context": {"os": "ios"}}).to_string()
}

fn send(http: &Http, key: &str, body: &str) -> Answer {
    http.post("/v1/events", ("x-write-key", key), body.as_bytes())
}

/// Sends an event again and again until it is answered with a status, and gives that answer.
#[track_caller]
fn wait_for_status(http: &Http, key: &str, body: &str, status: u16) -> Answer {
    let answered = wait_for(IN_FORCE_WITHIN, || {
        let answer = send(http, key, body);
        if answer.status == status {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(200));
        None
    });
    answered.unwrap_or_else(|| panic!("not answered with {status} after {IN_FORCE_WITHIN:?}"))
}

#[test]
fn each_key_says_what_follows_from_the_plan() {
    let scratch = Scratch::new();
    let (lake, plan) = (scratch.lake(), scratch.file("plan.yaml", PLAN));
    drop(Server::start(&lake));
    let strict = add_key(&lake, &["--source", "strict", "--plan", "enforce"]);
    let warned = add_key(&lake, &["--source", "warned", "--plan", "warn"]);
    let free = add_key(&lake, &["--source", "free"]);
    let said = weir(&["plan", "set", &plan, "--lake", &lake, "--format", "json"]).ok().says("1 key are refused");
    assert_eq!(said.json(), json!([{"change": "added", "event": null}, {"change": "added", "event": "apply"}]));
    // A plan that is there when the server starts is in force from its first answer on.
    let server = Starting::new(&lake, &["--plan", "warn"]).ready();
    let http = server.http();

    let bad = apply("u", json!({"channel": "tv"}));
    let refused = send(http, &strict, &bad).with_status(400).json();
    let rejected = &refused["rejected"][0];
    assert_eq!((&rejected["code"], &rejected["field"]), (&json!("missing_property"), &json!("properties.job_id")));
    let message = rejected["message"].as_str().unwrap();
    assert!(message.contains("job_id: is missing") && message.contains(r#"channel: is the string "tv""#), "{message}");
    let both = format!("[{bad},{}]", apply("u", json!({"job_id": "j"})));
    assert_eq!(send(http, &strict, &both).with_status(200).json()["accepted"], 1);

    send(http, &warned, &apply("v", json!({"channel": "tv"}))).with_status(200);
    send(http, &warned, &apply("u", json!({"job_id": "j"}))).with_status(200);
    send(http, &free, &apply("w", json!({"channel": "tv"}))).with_status(200);
    let last = http.post_events(r#"{"event":"other","user_id":"u"}"#).with_status(200).json();
    http.wait_until_queryable(&receipt_of(&last));
    let query = "SELECT source, event, property(context, 'plan_violations') AS flags, property(context, 'os') AS os
                 FROM events ORDER BY source, flags NULLS FIRST";
    let rows = weir(&["sql", query, "--lake", &lake, "--format", "json"]).ok().json();
    let flags = r#"["missing_property: job_id","value_not_allowed: channel"]"#;
    assert_eq!(
        rows,
        json!([
            {"source": "dev", "event": "other", "flags": "[\"unplanned_event\"]", "os": null},
            {"source": "free", "event": "apply", "flags": null, "os": "ios"},
            {"source": "strict", "event": "apply", "flags": null, "os": "ios"},
            {"source": "warned", "event": "apply", "flags": null, "os": "ios"},
            {"source": "warned", "event": "apply", "flags": flags, "os": "ios"},
        ])
    );
    // A funnel can leave them out, or ask for nothing else.
    let step = "apply where context.plan_violations exists";
    let funnel = weir(&["funnel", "--lake", &lake, "--step", step, "--format", "json"]).ok().json();
    assert_eq!(funnel["steps"][0]["count"], 1, "{funnel}");
}

#[test]
fn a_change_of_plan_and_of_mode_is_taken_up_while_the_server_runs() {
    let scratch = Scratch::new();
    let (lake, plan) = (scratch.lake(), scratch.file("plan.yaml", PLAN));
    let server = Server::start(&lake);
    let key = add_key(&lake, &["--source", "web", "--plan", "enforce"]);
    let (good, bad) = (apply("u", json!({"job_id": "j"})), apply("u", json!({"job_id": 5})));
    wait_for_status(server.http(), &key, &bad, 200);

    weir(&["plan", "set", &plan, "--lake", &lake]).ok();
    let refused = wait_for_status(server.http(), &key, &bad, 400).json();
    assert_eq!(refused["rejected"][0]["code"], "wrong_property_type");
    send(server.http(), &key, &good).with_status(200);

    let changed = scratch.file("changed.yaml", PLAN.replace("string", "integer"));
    let ran = weir(&["plan", "set", &changed, "--lake", &lake, "--format", "csv"]).ok();
    assert_eq!(ran.stdout, "change,event\nchanged,apply\n");
    wait_for_status(server.http(), &key, &good, 400);
    send(server.http(), &key, &bad).with_status(200);

    let row = weir(&["keys", "set", &key[..10], "--plan", "off", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!((&row["plan"], &row["source"]), (&json!("off"), &json!("web")));
    wait_for_status(server.http(), &key, &good, 200);
    weir(&["keys", "set", &key, "--plan", "enforce", "--lake", &lake]).ok();
    wait_for_status(server.http(), &key, &good, 400);
    weir(&["plan", "unset", "--lake", &lake]).ok().says("out of force");
    wait_for_status(server.http(), &key, &good, 200);
}

#[test]
fn a_draft_of_generated_events_is_a_plan_that_they_keep_to() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let events = weir(&["demo", "--events", "20000"]).ok().stdout;
    weir_with_input(&["import", "-", "--lake", &lake, "--quiet"], events.as_bytes()).ok();
    let draft = weir(&["plan", "infer", "--lake", &lake]).ok().says("from all of ");
    assert!(draft.stdout.contains("events\n") && draft.stdout.contains("required: true"), "{}", draft.stdout);
    let plan = scratch.file("plan.yaml", &draft.stdout);
    weir(&["plan", "check", &plan]).ok().says("the plan is sound");
    assert_eq!(weir(&["plan", "check", &plan, "--lake", &lake, "--format", "json"]).ok().json(), json!([]));
    let file = scratch.file("events.ndjson", &events);
    weir(&["plan", "check", &plan, &file]).ok().says("all of 20,000 events keep to the plan");
    assert_eq!(weir(&["plan", "diff", &plan, "--lake", &lake, "--format", "json"]).ok().json(), json!([]));
    // In JSON the draft is the same, and it closes well: no property was missed.
    let json = weir(&["plan", "infer", "--lake", &lake, "--format", "json", "--quiet"]).ok();
    let mut document = json.json();
    document["additional_events"] = json!(false);
    for event in document["events"].as_object_mut().unwrap().values_mut() {
        event["additional_properties"] = json!(false);
    }
    let closed = scratch.file("closed.json", document.to_string());
    weir(&["plan", "check", &closed, "--lake", &lake]).ok();
    // A sample has every name.
    let sample = weir(&["plan", "infer", "--lake", &lake, "--sample", "50", "--format", "json"])
        .ok()
        .says("--sample takes more");
    let names = |document: &Value| document["events"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sample.json()), names(&document));

    // Put in force and printed, it is the same document; and it is what `diff` compares with where no file is named.
    weir(&["plan", "set", &closed, "--lake", &lake, "--quiet"]).ok();
    assert_eq!(weir(&["plan", "show", "--lake", &lake, "--format", "json"]).ok().json(), document);
    let shown = weir(&["plan", "show", "--lake", &lake]).ok().stdout;
    let shown = scratch.file("shown.yaml", shown);
    assert_eq!(weir(&["plan", "set", &shown, "--lake", &lake]).ok().stdout, "nothing changes\n");
    assert_eq!(weir(&["plan", "diff", "--lake", &lake, "--format", "json"]).ok().json(), json!([]));
}

#[test]
fn events_that_depart_from_a_plan_fail_the_check() {
    let scratch = Scratch::new();
    let plan = scratch.file("plan.yaml", PLAN);
    let lines =
        [apply("u", json!({"job_id": "j"})), apply("u", json!({"job_id": 5})), "nonsense".to_owned()].join("\n");
    let events = scratch.file("events.ndjson", &lines);
    let ran = weir(&["plan", "check", &plan, &events, "--format", "json"])
        .exits(1)
        .says("2 of 3 events do not keep to the plan");
    let rows = ran.json();
    let codes: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["invalid_json", "wrong_property_type"]);
    assert!(rows[1]["example"].as_str().unwrap().contains("events.ndjson:2: is the number 5"), "{rows}");

    let lake = scratch.lake();
    weir_with_input(&["import", "-", "--lake", &lake, "--quiet"], lines.as_bytes()).ok();
    let rows = weir(&["plan", "check", &plan, "--lake", &lake, "--format", "json"]).exits(1).json();
    assert_eq!((&rows[0]["property"], &rows[0]["count"]), (&json!("job_id"), &json!(1)));
    let rows = weir(&["plan", "diff", &plan, "--lake", &lake, "--format", "json"]).ok().json();
    let kinds: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["type_drift", "property_not_seen"]);
}

#[test]
fn what_is_no_plan_is_refused_and_changes_nothing() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    drop(Server::start(&lake));
    let wrong = scratch
        .file("wrong.yaml", "weir_plan: 1\nevents:\n  view:\n    ownr: x\n    properties: {tab: {type: strnig}}\n");
    for args in [&["plan", "check", &wrong][..], &["plan", "set", &wrong, "--lake", &lake]] {
        weir(args).exits(2).says("2 problems").says("did you mean `owner`?").says("events.view.properties.tab.type");
    }
    let twice = scratch.file("twice.yaml", "weir_plan: 1\nevents:\n  a: {}\n  a: {}\n");
    weir(&["plan", "check", &twice]).exits(2).says("duplicate entry `a` at line 4");
    let large = scratch.file("large.json", " ".repeat(5 * 1024 * 1024));
    weir(&["plan", "check", &large]).exits(2).says("4194304 bytes");
    weir(&["plan", "check", &scratch.arg("nowhere.yaml")]).exits(1).says("nowhere.yaml");
    weir(&["plan", "show", "--lake", &lake]).exits(1).says("no tracking plan").says("weir plan infer");
    weir(&["plan", "diff", "--lake", &lake]).exits(1).says("no tracking plan");
    weir(&["plan", "infer", "--lake", &lake]).exits(1).says("no events");
    weir(&["plan", "unset", "--lake", &lake]).ok().says("had no tracking plan");
    weir(&["plan", "show", "--lake", &scratch.arg("nowhere")]).exits(1).says("weir dev");
    assert!(
        !scratch.path("lake/settings").exists() || fs::read_dir(scratch.path("lake/settings")).unwrap().count() == 0
    );

    let key = add_key(&lake, &["--source", "web"]);
    weir(&["keys", "set", &key, "--lake", &lake]).exits(2).says("--plan");
    weir(&["keys", "set", &key, "--plan", "loud", "--lake", &lake]).exits(2).says("enforce");
    weir(&["keys", "set", &key, "--burst", "5", "--lake", &lake]).exits(2).says("--events-per-second");
    weir(&["keys", "set", "wk_none", "--plan", "warn", "--lake", &lake]).exits(1).says("weir keys list");
}
