use serde_json::{Value, json};
use weir_core::event::{EventId, Receipt, frame};
use weir_core::ports::CountingIds;

use super::*;
use crate::accept::{Checked, accept};
use crate::terms::Terms;

const NOW: i64 = 1_795_300_523_000; // 2026-11-21T22:35:23Z
const ANALYTICS_NODE: &str = include_str!("../../testdata/analytics-node.json");
const ANALYTICS_NEXT: &str = include_str!("../../testdata/analytics-next.json");
const ANALYTICS_PYTHON: &str = include_str!("../../testdata/segment-analytics-python.json");
const RUDDER_NODE: &str = include_str!("../../testdata/rudder-sdk-node.json");

/// What is stored of a body: name, user, device, properties.
type Row = (String, Option<String>, Option<String>, Value);

fn check(body: &str, kind: Option<Kind>) -> Checked {
    accept(read(body, kind).unwrap(), &Terms::plain("app"), NOW, &CountingIds::default()).unwrap()
}

fn rows(checked: &Checked) -> Vec<Row> {
    let (header, lines) = frame::open(&checked.record).unwrap();
    let rows = frame::events(&header, lines).map(|event| {
        let event = event.unwrap();
        let properties = event.properties.map_or(Value::Null, |json| serde_json::from_str(json).unwrap());
        (event.event.into(), event.user_id.map(Into::into), event.anonymous_id.map(Into::into), properties)
    });
    rows.collect()
}

fn row(name: &str, user: Option<&str>, device: Option<&str>, properties: Value) -> Row {
    (name.to_owned(), user.map(str::to_owned), device.map(str::to_owned), properties)
}

/// Code, field and message of the only message of a batch.
fn rejection(message: &str) -> (&'static str, String, String) {
    let checked = check(&format!("{{\"batch\":[{message}]}}"), None);
    assert_eq!((checked.accepted, checked.rejected.len()), (0, 1), "{message}");
    let rejected = checked.rejected.into_iter().next().unwrap();
    (rejected.code, rejected.field, rejected.message)
}

#[test]
fn every_call_of_the_real_clients_becomes_its_event() {
    let checked = check(ANALYTICS_NODE, None);
    assert!(checked.rejected.is_empty(), "{:?}", checked.rejected);
    let expected = [
        row("E", Some("u"), None, json!({"a": 1})),
        row("page", None, Some("d"), json!({"name": "Home", "category": "Docs"})),
        row("screen", Some("u"), None, json!({"name": "S"})),
        row("identify", Some("u"), None, json!({"p": 1})),
        row("group", Some("u"), None, json!({"groupId": "g", "n": "x"})),
        row("alias", Some("u"), None, json!({"previousId": "d"})),
    ];
    assert_eq!(rows(&checked), expected);
    let record = checked.record;
    let (header, lines) = frame::open(&record).unwrap();
    let first = frame::events(&header, lines).next().unwrap().unwrap();
    let id = "node-next-1795300522427-81695d18-0356-44b4-b1ac-0b0ac57afd37";
    assert_eq!((first.event_id, first.time_ms), (Some(EventId::Text(id.into())), 1_795_300_522_427));
    assert_eq!(first.context, Some(r#"{"library":{"name":"@segment/analytics-node","version":"3.1.0"}}"#));

    let checked = check(RUDDER_NODE, None);
    assert!(checked.rejected.is_empty(), "{:?}", checked.rejected);
    let expected = [
        row("page", None, Some("d"), json!({"name": "Home"})),
        row("identify", Some("u"), None, json!({"p": 1})),
        row("group", Some("u"), None, json!({"groupId": "g", "n": "x"})),
        row("alias", Some("u"), None, json!({"previousId": "d"})),
    ];
    assert_eq!(rows(&checked), expected);
}

#[test]
fn every_call_of_the_browser_and_of_python_becomes_its_event() {
    let received = 1_795_302_242_000; // A second after the capture.
    let taken = |body| {
        let checked =
            accept(read(body, None).unwrap(), &Terms::plain("app"), received, &CountingIds::default()).unwrap();
        assert!(checked.rejected.is_empty(), "{:?}", checked.rejected);
        rows(&checked).into_iter().map(|(name, user, device, _)| (name, user, device.is_some())).collect::<Vec<_>>()
    };
    let found = |name: &str, user: Option<&str>, has_device| (name.to_owned(), user.map(str::to_owned), has_device);
    let expected = [
        found("page", None, true),
        found("E", None, true),
        found("identify", Some("u"), true),
        found("group", Some("u"), true),
        // Called as `alias("v", "u")`: this version of the client sends the user that it knows already.
        found("alias", Some("u"), true),
        found("screen", Some("u"), true),
    ];
    assert_eq!(taken(ANALYTICS_NEXT), expected);
    let names = ["bought", "page", "screen", "identify", "group"];
    assert_eq!(taken(ANALYTICS_PYTHON), names.map(|name| found(name, Some("u"), false)));
}

#[test]
fn a_path_says_what_a_single_message_is() {
    for (kind, name, _) in Kind::ALL {
        let body = r#"{"event":"E","userId":"u","groupId":"g","previousId":"d","name":"N","writeKey":"k","x":1}"#;
        let found = rows(&check(body, Some(kind)));
        let expected = if kind == Kind::Track { "E" } else { name };
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, expected);
    }
}

#[test]
fn ids_may_be_numbers_or_empty() {
    let one = |message: &str| rows(&check(message, Some(Kind::Track))).remove(0);
    let user = |message: &str| (one(message).1, one(message).2);
    assert_eq!(user(r#"{"event":"E","userId":7}"#), (Some("7".to_owned()), None));
    assert_eq!(user(r#"{"event":"E","userId":"","anonymousId":-7}"#), (None, Some("-7".to_owned())));
    assert_eq!(user(r#"{"event":"E","userId":null,"anonymousId":"d","messageId":""}"#), (None, Some("d".to_owned())));
    assert_eq!(rejection(r#"{"type":"track","event":"E","userId":true}"#).0, "wrong_type");
    let (code, field, message) = rejection(r#"{"type":"track","event":"E","userId":"","anonymousId":""}"#);
    assert_eq!((code, field.as_str()), ("missing_field", "userId"));
    assert!(message.contains("userId: is missing, and so is anonymousId"), "{message}");
}

#[test]
fn the_name_of_the_call_goes_before_that_of_the_properties() {
    let properties = |message: &str, kind| rows(&check(message, Some(kind))).remove(0).3;
    let page = r#"{"userId":"u","name":"N","properties":{"name":"old","\u006eame":"older","url":"/"}}"#;
    assert_eq!(properties(page, Kind::Page), json!({"name": "N", "url": "/"}));
    let page = r#"{"userId":"u","properties":{"name":"own","category":"c"}}"#;
    assert_eq!(properties(page, Kind::Page), json!({"name": "own", "category": "c"}));
    let identify = r#"{"userId":"u","context":{"traits":{"plan":"pro"}}}"#;
    assert_eq!(properties(identify, Kind::Identify), json!({"plan": "pro"}));
    let identify = r#"{"userId":"u","traits":{},"context":{"traits":{"plan":"pro"}}}"#;
    assert_eq!(properties(identify, Kind::Identify), json!({}));
    assert_eq!(properties(r#"{"userId":"u","name":"N"}"#, Kind::Screen), json!({"name": "N"}));
    let (code, field, _) = rejection(r#"{"type":"page","userId":"u","name":"N","properties":[1]}"#);
    assert_eq!((code, field.as_str()), ("wrong_type", "properties"));
    let (code, field, _) = rejection(r#"{"type":"page","userId":"u","name":"N","properties":{"\ud800":1}}"#);
    assert_eq!((code, field.as_str()), ("invalid_text", "properties"));
    let (code, field, _) = rejection(r#"{"type":"identify","userId":"u","traits":"x"}"#);
    assert_eq!((code, field.as_str()), ("wrong_type", "traits"));
}

#[test]
fn sessions_come_from_the_context() {
    for (context, session) in [
        (r#"{"sessionId":1795300522}"#, Some("1795300522")),
        (r#"{"sessionId":"s"}"#, Some("s")),
        (r#"{"sessionId":null}"#, None),
        ("{}", None),
    ] {
        let checked = check(&format!(r#"{{"event":"E","userId":"u","context":{context}}}"#), Some(Kind::Track));
        let record = checked.record;
        let (header, lines) = frame::open(&record).unwrap();
        assert_eq!(frame::events(&header, lines).next().unwrap().unwrap().session_id.as_deref(), session);
    }
}

#[test]
fn the_batch_says_when_it_was_sent_and_the_message_when_it_happened() {
    let time = |batch: &str| {
        let batch = read(batch, None).unwrap();
        let Dialect::Segment(envelope) = &batch.dialect else { unreachable!() };
        let receipt = Receipt { received_ms: NOW, place: 0, correct_skew: true };
        let mut parts = envelope.parts(batch.candidates[0].as_ref().unwrap()).unwrap();
        parts.event(receipt).map(|event| event.time_ms - NOW)
    };
    let message = |times: &str| format!(r#"{{"type":"track","event":"E","userId":"u"{times}}}"#);
    let day_ahead = r#""2026-11-22T22:35:23Z""#;
    let original = message(r#","originalTimestamp":"2026-11-22T22:35:13Z""#);
    assert_eq!(time(&format!(r#"{{"batch":[{original}],"sentAt":{day_ahead}}}"#)), Ok(-10_000));
    // The message's own `sentAt` counts where the batch has none; then `timestamp` goes before `originalTimestamp`.
    let both = message(&format!(
        r#","timestamp":"2026-11-22T22:35:03Z","originalTimestamp":"2020-01-01T00:00:00Z","sentAt":{day_ahead}"#
    ));
    assert_eq!(time(&format!(r#"{{"batch":[{both}]}}"#)), Ok(-20_000));
    assert_eq!(time(&format!(r#"{{"batch":[{both}],"sentAt":"2026-11-21T22:35:23Z"}}"#)), Ok(86_400_000 - 20_000));
    assert_eq!(time(&format!(r#"{{"batch":[{}]}}"#, message(""))), Ok(0));
    let (code, field, _) = rejection(&message(r#","originalTimestamp":"soon""#));
    assert_eq!((code, field.as_str()), ("timestamp_invalid", "originalTimestamp"));
    assert_eq!(rejection(&message(r#","timestamp":1795300522"#)).0, "timestamp_in_seconds");
}

#[test]
fn bad_messages_are_rejected_by_index_in_the_words_of_the_protocol() {
    let batch = r#"{"batch":[{"userId":"u","event":"E"},{"type":"track","event":"E","userId":"u"},{"type":"Track"},5,
        {"type":"track"},{"type":"group","userId":"u"},{"type":"alias","previousId":""},{"type":"identify","userId":"u"},
        {"type":"track","event":"E","userId":"u","userId":"v"},{"type":7}]}"#;
    let checked = check(batch, None);
    let found: Vec<_> = checked.rejected.iter().map(|r| (r.index, r.code, r.field.as_str())).collect();
    let expected = [
        (0, "missing_field", "type"),
        (2, "unknown_type", "type"),
        (3, "not_an_object", ""),
        (4, "missing_field", "event"),
        (5, "missing_field", "groupId"),
        (6, "missing_field", "previousId"),
        (8, "duplicate_field", "userId"),
        (9, "unknown_type", "type"),
    ];
    assert_eq!(found, expected);
    assert_eq!(checked.accepted, 2);
    let every = &checked.rejected[3].message;
    assert!(every.contains("event: is missing") && every.contains("userId: is missing"), "{every}");
    let long = "x".repeat(201);
    assert_eq!(rejection(&format!(r#"{{"type":"track","event":"{long}","userId":"u"}}"#)).0, "too_long");
    let deep = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    let (code, field, _) =
        rejection(&format!(r#"{{"type":"page","name":"N","userId":"u","properties":{{"p":{deep}}}}}"#));
    assert_eq!((code, field.as_str()), ("too_deep", "properties"));
    let large = "x".repeat(weir_core::event::MAX_EVENT_BYTES);
    assert_eq!(rejection(&format!(r#"{{"type":"track","event":"{large}"}}"#)).0, "too_large");
}

#[test]
fn the_body_of_a_batch_is_judged_as_a_whole() {
    let problem = |body: &str| {
        let problem = read(body, None).unwrap_err();
        (problem.code(), problem.field().to_owned())
    };
    for (body, code, field) in [
        ("{}", "missing_field", "batch"),
        (r#"{"batch":null}"#, "missing_field", "batch"),
        (r#"{"batch":{}}"#, "wrong_type", "batch"),
        (r#"{"batch":[]}"#, "empty", ""),
        (r#"{"batch":[1],"batch":[2]}"#, "duplicate_field", "batch"),
        ("[1]", "not_an_object", ""),
        ("5", "not_an_object", ""),
        (r#"{"batch":[1}"#, "invalid_json", ""),
        (r#"{"batch":[1]} x"#, "invalid_json", ""),
    ] {
        assert_eq!(problem(body), (code, field.to_owned()), "{body}");
    }
    let batch = |n| format!("{{\"batch\":[{}]}}", vec!["1"; n].join(","));
    assert_eq!(read(&batch(body::MAX_EVENTS), None).unwrap().candidates.len(), body::MAX_EVENTS);
    assert_eq!(problem(&batch(body::MAX_EVENTS + 1)).0, "too_many_events");
}

#[test]
fn the_key_of_the_batch_goes_before_that_of_its_first_message() {
    let key = |body: &str| {
        let batch = read(body, None).unwrap();
        batch.key().map(|key| key.map(|key| crate::keys::WriteKey::from_text("k1").as_ref() == Some(&key)))
    };
    assert_eq!(key(r#"{"batch":[{"writeKey":"k2"}],"writeKey":"k1"}"#), Ok(Some(true)));
    assert_eq!(key(r#"{"batch":[{"writeKey":"k1"},{"writeKey":"k2"}]}"#), Ok(Some(true)));
    assert_eq!(key(r#"{"batch":[{}],"writeKey":""}"#), Ok(None));
    assert_eq!(key(r#"{"batch":[5]}"#), Ok(None));
    assert!(key(r#"{"batch":[{}],"writeKey":5}"#).is_err());
}

#[test]
fn a_message_without_context_has_that_of_the_batch() {
    let body = r#"{"batch":[{"type":"track","event":"E","userId":"u"},{"type":"track","event":"E","userId":"u",
        "context":{"own":1}}],"context":{"app":"a"}}"#;
    let record = check(body, None).record;
    let (header, lines) = frame::open(&record).unwrap();
    let contexts: Vec<_> = frame::events(&header, lines).map(|event| event.unwrap().context.unwrap()).collect();
    assert_eq!(contexts, [r#"{"app":"a"}"#, r#"{"own":1}"#]);
}
