//! What is stored of a sender, from outside: `weir privacy` beside a running `weir dev`, and addresses.

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
use weir_tests::cli::weir;
use weir_tests::http::receipt_of;
use weir_tests::server::Server;
use weir_tests::{Scratch, wait_for};

/// A change of rules is in force by then, without a restart.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(30);

#[track_caller]
fn privacy(scratch: &Scratch, args: &[&str]) -> Value {
    weir(&[&["privacy"], args, &["--lake", &scratch.lake(), "--format", "json"]].concat()).ok().json()
}

/// Properties and context of the events of a name, as they are stored.
#[track_caller]
fn stored(scratch: &Scratch, event: &str) -> Vec<(String, String)> {
    let query = format!("SELECT properties, context FROM events WHERE event = '{event}' ORDER BY received_at");
    let rows = weir(&["sql", &query, "--lake", &scratch.lake(), "--format", "json"]).ok().json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.as_array().unwrap().iter().map(|row| (text(&row["properties"]), text(&row["context"]))).collect()
}

#[test]
fn rules_hold_for_what_is_sent_and_imported_after_them() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let event = |name: &str| json!({"event": name, "user_id": "u", "properties": {"email": "a@b.c", "n": 1}, "context": {"ip": "10.0.0.1"}});
    let send = |name: &str| {
        let answer = server.http().post_events(event(name).to_string()).with_status(200).json();
        server.http().wait_until_queryable(&receipt_of(&answer));
    };
    send("before");
    assert_eq!(stored(&scratch, "before"), [(r#"{"email":"a@b.c","n":1}"#.to_owned(), "{}".to_owned())]);
    let added = privacy(&scratch, &["add", "--property", "email", "--action", "hash"]);
    assert_eq!(added, json!({"property": "email", "action": "hash", "source": null, "event": null}));
    assert_eq!(privacy(&scratch, &["list"]), json!([added]));

    let hashed = wait_for(IN_FORCE_WITHIN, || {
        send("after");
        let (properties, _) = stored(&scratch, "after").pop()?;
        (!properties.contains("a@b.c")).then_some(properties)
    });
    let hashed = hashed.expect("the rule is not in force");
    let hash: Value = serde_json::from_str(&hashed).unwrap();
    assert!(hash["n"] == 1 && hash["email"].as_str().is_some_and(|hash| hash.len() == 32), "{hashed}");

    let file = scratch.path("more.ndjson");
    fs::write(&file, event("imported").to_string()).unwrap();
    weir(&["import", &scratch.arg("more.ndjson"), "--lake", &scratch.lake()]).ok();
    assert_eq!(stored(&scratch, "imported")[0].0, hashed, "an import makes the same hash");

    assert_eq!(privacy(&scratch, &["remove", "--property", "email"]), added);
    assert_eq!(privacy(&scratch, &["list"]), json!([]));
}

#[test]
fn a_rule_that_is_none_is_refused_with_what_helps() {
    let scratch = Scratch::new();
    drop(Server::start(&scratch.lake()));
    let lake = scratch.lake();
    let add = |property: &str, action: &str| {
        weir(&["privacy", "add", "--property", property, "--action", action, "--lake", &lake]).exits(2)
    };
    add("user_id", "drop").says("hash it");
    add("a..b", "drop").says("cart.card");
    add("event_id", "hash").says("no property");
    add("email", "mask").says("hash");
    weir(&["privacy", "remove", "--property", "email", "--lake", &lake]).exits(1).says("weir privacy list");
    let nowhere = scratch.arg("nowhere");
    weir(&["privacy", "list", "--lake", &nowhere]).exits(1).says("weir dev");
    assert_eq!(privacy(&scratch, &["list"]), json!([]));
}

#[test]
fn an_address_is_stored_only_for_a_key_that_asks() {
    let scratch = Scratch::new();
    drop(Server::start(&scratch.lake()));
    let lake = scratch.lake();
    let add = |args: &[&str]| -> String {
        let args = [&["keys", "add", "--format", "json", "--lake", &lake, "--source"], args].concat();
        weir(&args).ok().json()["key"].as_str().unwrap().to_owned()
    };
    let (asks_not, asks) = (add(&["web"]), add(&["app", "--store-ip"]));
    let server = Server::start(&scratch.lake());
    let send = |event: &str, key: &str| {
        let event = json!({"event": event, "user_id": "u"}).to_string();
        let answer = server.http().post("/v1/events", ("x-write-key", key), event.as_bytes()).with_status(200).json();
        server.http().wait_until_queryable(&receipt_of(&answer));
    };
    send("without", &asks_not);
    send("with", &asks);
    assert_eq!(stored(&scratch, "without")[0].1, "");
    // That of the socket, where no proxy says another one.
    assert_eq!(stored(&scratch, "with")[0].1, r#"{"ip":"127.0.0.1"}"#);
}
