//! Events over HTTP.

use serde_json::{Value, json};
use weir_tests::cli::weir;
use weir_tests::http::receipt_of;
use weir_tests::server::Server;
use weir_tests::{Scratch, instant_ms, now_ms};

use super::ask::{
    catalogue, counts, event, event_count, event_with, funnel, funnel_of, sql, with, without_cost, without_time,
};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;

#[test]
fn every_form_of_body_is_taken_and_soon_queryable() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    let meal = json!({"메뉴": "떡볶이 🌶️", "price": 4500});
    let bodies = [
        // One object, printed for people.
        serde_json::to_string_pretty(&event_with("구매 완료 🎉", "사용자-1", MONDAY, &meal)).unwrap(),
        // A list, pretty-printed too.
        serde_json::to_string_pretty(&json!([event("view", "사용자-1", MONDAY), event("view", "u2", MONDAY)])).unwrap(),
        json!({"events": [event("view", "u3", MONDAY), event("search", "u3", MONDAY)]}).to_string(),
        // Lines, with a blank one, a Windows line end, an escape, and none at the end.
        format!(
            "{}\r\n\n{}\n{{\"event\":\"\\uad6c\\ub9e4 완료 🎉\",\"anonymous_id\":\"기기-👩‍💻\",\"timestamp\":{}}}",
            event("search", "u4", MONDAY),
            event("view", "u4", MONDAY),
            MONDAY - 1
        ),
    ];
    let mut receipts = Vec::new();
    for (body, accepted) in bodies.iter().zip([1, 2, 2, 3]) {
        let answer = http.post_events(body).with_status(200).json();
        assert_eq!(answer["accepted"], accepted, "{body}\n{answer}");
        assert_eq!((&answer["duplicates"], &answer["rejected"]), (&Value::Null, &json!([])), "{answer}");
        receipts.push(receipt_of(&answer));
    }
    let versions: Vec<u64> = receipts.iter().map(|receipt| http.wait_until_queryable(receipt)).collect();
    assert!(versions.iter().all(|version| *version > 0), "{versions:?}");

    let listed = weir(&["events", "--lake", &scratch.lake(), "--format", "json"]).ok().json();
    assert_eq!(
        catalogue(&listed),
        [("view", 4), ("search", 2), ("구매 완료 🎉", 2)].map(|(e, n)| (e.to_owned(), n)).into()
    );
    assert_eq!(listed, http.get("/api/catalogue").with_status(200).json()["events"]);
    assert_eq!(catalogue(&listed), catalogue(&http.get("/api/events").with_status(200).json()["events"]));
    assert_eq!(event_count(&scratch.lake()), 8);
    let users = sql(&scratch.lake(), "SELECT \"user\" FROM events WHERE event = '구매 완료 🎉' ORDER BY time");
    assert_eq!(users, [json!({"user": "기기-👩‍💻"}), json!({"user": "사용자-1"})]);
    let one = funnel(&scratch.lake(), &["--step", "'구매 완료 🎉' where 메뉴 ends with 🌶️ and price = 4500"]);
    assert_eq!(counts(&one), [1]);
}

#[test]
fn good_events_of_a_batch_are_kept_and_bad_ones_named() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    let long = "ㅎ".repeat(67);
    let large = "x".repeat(300 * 1024);
    // Each with the code and the field of its rejection, if it has one.
    let events = [
        (r#"{"event":"good","user_id":"u1"}"#.to_owned(), None),
        (r#"{"event":"x"}"#.to_owned(), Some(("missing_field", "user_id"))),
        ("42".to_owned(), Some(("not_an_object", ""))),
        (
            r#"{"event":"x","user_id":"u","timestamp":1767225600}"#.to_owned(),
            Some(("timestamp_in_seconds", "timestamp")),
        ),
        (r#"{"event":"good","anonymous_id":"d1","user_id":null}"#.to_owned(), None),
        (r#"{"event":"x","user_id":"u","colour":"red"}"#.to_owned(), Some(("unknown_field", "colour"))),
        (r#"{"event":"x","user_id":7}"#.to_owned(), Some(("wrong_type", "user_id"))),
        (r#"{"event":"","user_id":"u"}"#.to_owned(), Some(("empty", "event"))),
        (
            r#"{"event":"x","user_id":"u","timestamp":"1999-12-31T23:59:59Z"}"#.to_owned(),
            Some(("timestamp_too_old", "timestamp")),
        ),
        (r#"{"user_id":"u"}"#.to_owned(), Some(("missing_field", "event"))),
        (r#"{"event":"x","user_id":"u","properties":[1]}"#.to_owned(), Some(("wrong_type", "properties"))),
        (format!(r#"{{"event":"{long}","user_id":"u"}}"#), Some(("too_long", "event"))),
        (
            r#"{"event":"x","user_id":"u","timestamp":"2300-01-01T00:00:00Z"}"#.to_owned(),
            Some(("timestamp_too_far_ahead", "timestamp")),
        ),
        (r#"{"event":"x","user_id":"u","event":"y"}"#.to_owned(), Some(("duplicate_field", "event"))),
        (format!(r#"{{"event":"x","user_id":"u","properties":{deep}}}"#), Some(("too_deep", "properties"))),
        (format!(r#"{{"event":"x","user_id":"u","properties":{{"a":"{large}"}}}}"#), Some(("too_large", ""))),
        (
            r#"{"event":"x","user_id":"u","timestamp":"2026-01-01T00:00:00"}"#.to_owned(),
            Some(("timestamp_invalid", "timestamp")),
        ),
        (r#"{"event":"good","user_id":"u2"}"#.to_owned(), None),
    ];
    let body = format!("[{}]", events.iter().map(|(event, _)| event.as_str()).collect::<Vec<_>>().join(","));
    let answer = server.http().post_events(body).with_status(200).json();
    assert_eq!(answer["accepted"], 3);
    let rejected = answer["rejected"].as_array().unwrap();
    let found: Vec<_> = rejected
        .iter()
        .map(|r| (r["index"].as_u64().unwrap(), r["code"].as_str().unwrap(), r["field"].as_str().unwrap()))
        .collect();
    let bad = events
        .iter()
        .zip(0_u64..)
        .filter_map(|((_, problem), index)| problem.map(|(code, field)| (index, code, field)));
    assert_eq!(found, bad.collect::<Vec<_>>());
    assert!(rejected.iter().all(|r| r["message"].as_str().is_some_and(|m| m.len() > 10)), "{answer}");
    server.http().wait_until_queryable(&receipt_of(&answer));
    assert_eq!(
        sql(&scratch.lake(), "SELECT event, count(*) AS n FROM events GROUP BY event"),
        [json!({"event": "good", "n": 3})]
    );
}

#[test]
fn bad_lines_and_bad_bodies_are_told_apart() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    let lines = "{\"event\":\"a\",\"user_id\":\"u\"}\n\n{\"event\":\n{\"event\":\"b\",\"user_id\":\"u\"}\n[]\n";
    let answer = http.post_events(lines).with_status(200).json();
    assert_eq!(answer["accepted"], 2);
    let rejected = answer["rejected"].as_array().unwrap();
    let found: Vec<_> = rejected.iter().map(|r| (r["index"].as_u64().unwrap(), r["code"].as_str().unwrap())).collect();
    assert_eq!(found, [(1, "invalid_json"), (3, "not_an_object")], "blank lines do not count");

    let nothing = http.post_events(r#"[{"event":"a"},{"user_id":"u"}]"#).with_status(400).json();
    assert_eq!(nothing["accepted"], 0);
    assert!(receipt_of(&nothing).starts_with("x1-"), "{nothing}");
    assert_eq!(nothing["rejected"].as_array().unwrap().len(), 2);

    let many = format!("[{}]", vec![r#"{"event":"a","user_id":"u"}"#; 5_001].join(","));
    for (body, status) in
        [("", 400), ("[]", 400), ("[{\"event\":", 400), ("{\"events\":{}}", 400), (many.as_str(), 413)]
    {
        let answer = http.post_events(body).with_status(status).json();
        let is_kept = status == 400 && !body.is_empty();
        assert_eq!((&answer["accepted"], answer["receipt"].is_string()), (&json!(0), is_kept), "{answer}");
        assert_eq!(answer["rejected"].as_array().unwrap().len(), 1, "{answer}");
    }
    http.post("/v1/events", ("content-encoding", "br"), b"x").with_status(415);
    http.get("/v1/receipts/nonsense").with_status(404);
    http.get("/v1/nowhere").with_status(404);
    http.get("/v1/events").with_status(405);
    http.wait_until_queryable(&receipt_of(&answer));
    assert_eq!(event_count(&scratch.lake()), 2);
}

#[test]
fn copies_count_once_and_the_first_to_arrive_wins() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    let pay = |user: &str, id: &str, at: i64| json!({"event": "pay", "user_id": user, "event_id": id, "timestamp": at});
    let copy = |user: &str, minutes: i64| pay(user, "pay-1", MONDAY + minutes * 60_000);
    let uuid = |user: &str| pay(user, "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e", MONDAY);
    http.land(&[copy("first", 7)]);
    // Other users and times, earlier ones too, in one request and in several.
    http.land(&[copy("second", 0), copy("third", 30), uuid("first")]);
    http.land(&[uuid("second"), copy("first", 7)]);
    // And after a restart, when ids are known from files only.
    server.stop();
    let server = Server::start(&scratch.lake());
    server.http().land(&[uuid("third"), copy("fourth", 1)]);
    let rows = sql(&scratch.lake(), "SELECT event_id, \"user\", time FROM events ORDER BY event_id");
    let found: Vec<_> = rows.iter().map(|r| (r["event_id"].as_str().unwrap(), r["user"].as_str().unwrap())).collect();
    assert_eq!(found, [("0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e", "first"), ("pay-1", "first")]);
    assert!(rows[1]["time"].as_str().unwrap().starts_with("2025-06-02T09:07:00"), "{}", rows[1]);
}

/// Sends an event over HTTP, imports a copy with more options, sends one more, and asserts that it counts once.
#[track_caller]
fn a_copy_in_a_file_counts_once(options: &[&str]) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let copy = |user: &str| json!({"event": "pay", "user_id": user, "event_id": "pay-1", "timestamp": MONDAY});
    server.http().land(&[copy("over http")]);
    let file = scratch.file("copy.ndjson", copy("in a file").to_string());
    let import = ["import", &file, "--lake", &scratch.lake(), "--format", "json"];
    let imported = weir(&[&import, options].concat()).ok().json();
    server.http().land(&[copy("over http again")]);
    let users = sql(&scratch.lake(), "SELECT \"user\" FROM events");
    assert_eq!(users, [json!({"user": "over http"})], "copies of one event id count once, by whatever way they come");
    assert_eq!((&imported["accepted"], &imported["duplicates"]), (&json!(0), &json!(1)));
}

#[test]
fn a_copy_that_comes_in_a_file_of_the_same_source_counts_once() {
    a_copy_in_a_file_counts_once(&["--source", "dev"]);
}

#[test]
fn a_copy_that_comes_in_a_file_counts_once() {
    a_copy_in_a_file_counts_once(&[]);
}

#[test]
fn a_clock_that_is_wrong_is_set_right() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let before = now_ms();
    let hour = 3_600_000;
    // A client three days ahead, who sends an event an hour after it happened; one with a good clock; one two minutes
    // off.
    let ahead = before + 72 * hour;
    let event =
        |user: &str, at: i64, sent: i64| json!({"event": "a", "user_id": user, "timestamp": at, "sent_at": sent});
    server.http().land(&[
        event("ahead", ahead - hour, ahead),
        event("right", before - hour, before),
        event("nearly", before - hour, before - 120_000),
    ]);
    let after = now_ms();
    let rows = sql(&scratch.lake(), "SELECT \"user\", time FROM events");
    for row in &rows {
        let time = instant_ms(row["time"].as_str().unwrap());
        match row["user"].as_str().unwrap() {
            "ahead" => assert!((before - hour..=after - hour).contains(&time), "{row}"),
            _ => assert_eq!(time, before - hour, "{row}"),
        }
    }
    assert_eq!(rows.len(), 3);
}

#[test]
fn command_line_and_api_say_the_same_before_and_after_compaction() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let minute = 60_000;
    // Five landings, with users that go on from one to the next.
    for part in 0..5_i64 {
        let events = (0..40_i64).map(|n| {
            let one_of = |names: [&'static str; 3], n: i64| names[usize::try_from(n % 3).unwrap()];
            let (user, name) = (format!("u{}", n % 23), one_of(["view", "cart", "pay"], n + part));
            event_with(
                name,
                &user,
                MONDAY + (part * 40 + n) * minute,
                &json!({"price": n, "country": one_of(["KR", "JP", "US"], n)}),
            )
        });
        server.http().land(&events.collect::<Vec<_>>());
    }
    let view = json!({"event": "view", "where": [{"property": "price", "op": ">=", "value": 5}]});
    let spec = json!({
        "kind": "funnel", "window": "90m", "steps": [view, {"event": "cart"}, {"event": "pay"}],
        "breakdown": {"property": "country", "limit": 2}
    });
    let ask = || {
        let api = server.http().query(&spec);
        let file = scratch.file("spec.json", spec.to_string());
        let by_file = funnel(&lake, &["--spec", &file]);
        assert_eq!(without_time(api.clone()), without_time(by_file));
        let options = ["--step", "view where price >= 5", "--step", "cart", "--step", "pay", "--window", "90m"];
        let by_options = funnel(&lake, &[&options[..], &["--breakdown", "country", "--breakdown-limit", "2"]].concat());
        assert_eq!(without_time(api.clone()), without_time(by_options));
        api
    };
    let before = ask();
    assert!(counts(&before)[2] > 0, "{before}");
    assert_eq!(before["breakdown"].as_array().unwrap().len(), 3);
    let figures =
        |stats: &Value| ["events", "first_event", "last_event", "complete_to"].map(|name| stats[name].clone());
    let stats = || weir(&["stats", "--lake", &lake, "--format", "json"]).ok().json();
    let (stats_before, events_before) = (stats(), server.http().get("/api/events").json());
    assert_eq!(stats_before["events"], 200);

    let compacted = weir(&["compact", "--lake", &lake, "--format", "json"]).ok().json();
    assert!(compacted["files_after"].as_u64() < compacted["files_before"].as_u64(), "{compacted}");
    let (after, stats_after) = (ask(), stats());
    assert_eq!(without_cost(before), without_cost(after.clone()));
    assert_eq!(figures(&stats_before), figures(&stats_after));
    assert_eq!(stats_after["files"], compacted["files_after"]);
    assert_eq!(events_before["events"], server.http().get("/api/events").json()["events"]);
    assert_eq!(event_count(&lake), 200);
    let again = weir(&["compact", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!((&again["merges"], &again["version"]), (&json!(0), &after["version"]));
}

#[test]
fn one_version_has_one_answer() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view", "u1", MONDAY), event("pay", "u1", MONDAY + 1)]);
    let spec = funnel_of(&["view", "pay"]);
    let old = server.http().query(&spec);
    let version = old["version"].as_u64().unwrap();
    server.http().land(&[event("view", "u2", MONDAY), event("pay", "u2", MONDAY + 1)]);
    assert_eq!(counts(&server.http().query(&spec)), [2, 2]);
    let then = server.http().query(&with(spec, json!({"version": version})));
    assert_eq!(without_time(then.clone()), without_time(old));
    assert_eq!(then["version"], version);
    let by_option = funnel(&scratch.lake(), &["--step", "view", "--step", "pay", "--at-version", &version.to_string()]);
    assert_eq!(counts(&by_option), [1, 1]);
}
