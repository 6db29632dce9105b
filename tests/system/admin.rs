//! What an admin asks over HTTP is what the commands print.

use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::cli::weir;
use weir_tests::http::Answer;
use weir_tests::server::Server;
use weir_tests::{Scratch, wait_for};

use super::ask::{event, event_with};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.http().request("POST", path, &[], body.to_string().as_bytes())
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    assert!(wait_for(Duration::from_secs(10), || is_so().then_some(())).is_some(), "{what} does not come");
}

#[test]
fn failed_events_are_listed_shown_tried_again_and_removed() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    assert_eq!(http.get("/api/failed").with_status(200).json(), json!({"count": 0, "reasons": 0, "groups": []}));
    let sent =
        json!([event("good", "ana", MONDAY), {"event": "bad"}, {"event": "bad"}, {"event": 7, "user_id": "bob"}]);
    http.post_events(sent.to_string()).with_status(200);
    until("the failed events", || http.get("/api/failed").json()["count"] == 3);

    let lake = scratch.lake();
    let command =
        |args: &[&str]| weir(&[&["failed"], args, &["--lake", &lake, "--format", "json"]].concat()).ok().json();
    let groups = http.get("/api/failed").json();
    assert_eq!((&groups["groups"], &groups["reasons"]), (&command(&["list"]), &json!(2)));
    let each = http.get("/api/failed?each=true&event=bad&since=1h").with_status(200).json();
    assert_eq!((&each["count"], &each["failed"]), (&json!(2), &command(&["list", "--each", "--event", "bad"])));
    assert!(each["failed"][0].get("body").is_none(), "{each}");
    let id = each["failed"][0]["failed_id"].as_str().unwrap();
    let one = http.get(&format!("/api/failed/{id}")).with_status(200).json();
    assert_eq!(one, command(&["show", id]));
    assert!(one["body"].as_str().unwrap().contains("bad"), "{one}");

    let tried = post(&server, "/api/failed/replay", &json!({"event": "bad", "dry_run": true})).with_status(200).json();
    assert_eq!((&tried["failing"], &tried["left"]), (&json!(2), &json!(0)));
    let replayed = post(&server, "/api/failed/replay", &json!({"all": true})).with_status(200).json();
    assert_eq!((&replayed["failing"], &replayed["replayed"]), (&json!(3), &json!(0)));
    assert_eq!(post(&server, "/api/failed/drop", &json!({"ids": [id], "dry_run": true})).json(), json!({"dropped": 1}));
    assert_eq!(post(&server, "/api/failed/drop", &json!({"ids": [id]})).with_status(200).json(), json!({"dropped": 1}));
    assert_eq!(http.get("/api/failed").json()["count"], 2);
    for (body, says) in [
        (json!({}), "expected"),
        (json!({"all": true, "source": "dev"}), "expected"),
        (json!({"ids": [id], "all": true}), "expected"),
        (json!({"sorce": "dev"}), "unknown field"),
        (json!({"since": "soon"}), "since: expected a date"),
    ] {
        let refused = post(&server, "/api/failed/drop", &body).with_status(400).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{body}: {refused}");
    }
    let gone = post(&server, "/api/failed/drop", &json!({"ids": [id]})).with_status(404).json();
    assert_eq!(gone["error"]["code"], "no_failed_event");
    http.get(&format!("/api/failed/{id}")).with_status(404);
    http.get("/api/failed?limit=0").with_status(400);
    assert_eq!(http.get("/api/failed").json()["count"], 2, "what is refused removes nothing");
    server.stop();
}

#[test]
fn keys_are_made_listed_switched_off_and_replaced() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    let wanted = json!({"source": "web", "origins": ["https://shop.example"], "events_per_second": 5, "plan": "warn"});
    let added = post(&server, "/api/keys", &wanted).with_status(201).json();
    assert_eq!(added["source"], "web");
    let key = added["key"].as_str().unwrap();
    let lake = scratch.lake();
    let listed = || weir(&["keys", "list", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(http.get("/api/keys").with_status(200).json()["keys"], listed());
    let rotated =
        post(&server, &format!("/api/keys/{}/rotate", &key[..8]), &json!({"grace": "0"})).with_status(200).json();
    assert_eq!((&rotated["replaces"], &rotated["source"]), (&json!(key), &json!("web")));
    let again = post(&server, &format!("/api/keys/{key}/rotate"), &json!({})).with_status(409).json();
    assert!(again["error"]["message"].as_str().unwrap().contains("is disabled"), "{again}");
    let new = rotated["key"].as_str().unwrap();
    let disabled = post(&server, &format!("/api/keys/{new}/disable"), &json!(null)).with_status(200).json();
    assert_eq!((&disabled["state"], &disabled["plan"]), (&json!("disabled"), &json!("warn")));
    assert_eq!(http.get("/api/keys").json()["keys"], listed());
    for (body, says) in [
        (json!({}), "missing field `source`"),
        (json!({"source": ""}), "expected a key such as"),
        (json!({"source": "a", "origins": ["shop.example"]}), "expected a key such as"),
        (json!({"source": "a", "burst": 5}), "give that too"),
        (json!({"source": "a", "colour": 5}), "unknown field `colour`"),
    ] {
        let refused = post(&server, "/api/keys", &body).with_status(400).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{body}: {refused}");
    }
    let none = post(&server, "/api/keys/wk_nothing/disable", &json!(null)).with_status(404).json();
    assert_eq!(none["error"]["code"], "no_key");
    assert_eq!(post(&server, &format!("/api/keys/{new}/rotate"), &json!({"grace": "soon"})).status, 400);
    server.stop();
}

#[test]
fn what_lands_is_seen_at_once_the_newest_first() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    let live = |parameters: &str| http.get(&format!("/api/live{parameters}")).with_status(200).json();
    let names = |live: &Value| -> Vec<String> {
        live["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(live("")["events"], json!([]));
    http.land(&[event_with("first", "ana", MONDAY, &json!({"plan": "pro"}))]);
    let seen = live("");
    assert_eq!(names(&seen), ["first"]);
    let event_seen = &seen["events"][0];
    assert_eq!((&event_seen["user"], &event_seen["source"]), (&json!("ana"), &json!("dev")));
    assert_eq!(
        (&event_seen["time"], &event_seen["properties"]),
        (&json!("2025-06-02T09:00:00.000Z"), &json!({"plan": "pro"}))
    );
    let version = seen["version"].as_u64().unwrap();
    assert_eq!(live(&format!("?after={version}"))["events"], json!([]));
    for name in ["second", "third"] {
        // Earlier by its own time, and later received.
        http.land(&[event(name, "bob", MONDAY - 86_400_000)]);
    }
    let newer = live(&format!("?after={version}"));
    assert_eq!(names(&newer), ["third", "second"]);
    assert!(newer["version"].as_u64().unwrap() > version);
    assert_eq!(names(&live("?limit=2")), ["third", "second"]);
    // What a merge wrote again landed before.
    weir(&["compact", "--lake", &scratch.lake()]).ok();
    assert_eq!(names(&live("")), ["third", "second", "first"]);
    let merged = live("")["version"].as_u64().unwrap();
    assert_eq!(live(&format!("?after={merged}"))["events"], json!([]));
    http.get("/api/live?limit=0").with_status(400);
    http.get("/api/live?after=soon").with_status(400);

    let lake = scratch.lake();
    let mut stats = weir(&["stats", "--lake", &lake, "--format", "json"]).ok().json();
    let mut system = http.get("/api/system").with_status(200).json();
    // The same lake by two names.
    for figures in [&mut stats, &mut system] {
        figures.as_object_mut().unwrap().remove("lake");
    }
    let lag = system.as_object_mut().unwrap().remove("lag").unwrap();
    assert_eq!((&lag["complete_to"], &lag["newest_received_at"]), (&stats["complete_to"], &stats["complete_to"]));
    assert!((0..60_000).contains(&lag["behind_ms"].as_i64().unwrap()), "{lag}");
    // A folder costs nothing.
    assert_eq!(system.as_object_mut().unwrap().remove("cost"), Some(Value::Null));
    assert_eq!(system, stats);
    assert_eq!(system["events"], 3);
    server.stop();
}
