use std::collections::HashSet;

use weir_core::event::{self, MAX_EVENT_BYTES, frame};
use weir_core::ports::CountingIds;

use super::*;
use crate::protocol::segment::Kind;

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

fn check(body: &str) -> Checked {
    accept(Batch::native(body.as_bytes()).unwrap(), &Terms::plain("app"), NOW, &CountingIds::default()).unwrap()
}

#[test]
fn the_record_holds_what_was_sent_in_order() {
    let body = r#"[
        {"event":"a","user_id":"u","timestamp":1767225500000,"event_id":"e-1","session_id":"s",
         "properties":{"price": 1.0, "cart":{"total":3}},"context":{"platform":"ios"}},
        {"event":"b"},
        {"event":"caf\u00e9","anonymous_id":"d","event_id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e"},
        7,
        {"event":"late","user_id":"u","timestamp":"2025-06-01T00:00:00Z","sent_at":"2025-06-01T00:00:01Z"}
    ]"#;
    let checked = check(body);
    assert_eq!(checked.accepted, 3);
    let refused: Vec<_> = checked.rejected.iter().map(|r| (r.index, r.code, r.field.as_str())).collect();
    assert_eq!(refused, [(1, "missing_field", "user_id"), (3, "not_an_object", "")]);

    let record = checked.record;
    let (header, lines) = frame::open(&record).unwrap();
    assert_eq!((header.source.as_str(), header.received), ("app", NOW));
    let events: Vec<_> = frame::events(&header, lines).collect::<Result<_, _>>().unwrap();
    let sent = body.lines().collect::<Vec<_>>();
    assert_eq!(events.iter().map(|e| e.place).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(events[0].event_id, Some(EventId::Text("e-1".into())));
    assert_eq!(events[0].properties, Some(r#"{"price": 1.0, "cart":{"total":3}}"#));
    assert_eq!(events[1].event_id.as_ref().unwrap().text(), "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e");
    let receipt = Receipt { received_ms: NOW, place: 2, correct_skew: true };
    assert_eq!(events[1], event::parse(sent[4].trim().trim_end_matches(','), receipt).unwrap());
    // The client's clock is seven months behind, so the event happened a second before it was received.
    assert_eq!(events[2].time_ms, NOW - 1000);
}

#[test]
fn missing_event_ids_are_given_and_differ() {
    let checked = check(&vec![r#"{"event":"a","user_id":"u"}"#; 1000].join("\n"));
    let record = checked.record;
    let (header, lines) = frame::open(&record).unwrap();
    let ids: HashSet<_> = frame::events(&header, lines).map(|e| e.unwrap().event_id.unwrap()).collect();
    assert_eq!((checked.accepted, ids.len()), (1000, 1000));
    assert!(ids.iter().all(|id| matches!(id, EventId::Uuid(_))));
}

/// What a record keeps of what was not taken.
fn failures(record: &[u8]) -> Vec<Failed<'_>> {
    let (header, lines) = frame::open(record).unwrap();
    let entries = frame::entries(&header, lines).map(Result::unwrap);
    entries.filter_map(|entry| if let frame::Entry::Failed(failed) = entry { Some(*failed) } else { None }).collect()
}

#[test]
fn what_is_not_taken_is_kept_with_its_reason_as_it_was_sent() {
    let body = b"{\"event\":\"caf\\u00e9\",  \"user_id\":7}\n{\"event\":\"a\",\"user_id\":\"u\"}\ncaf\xe9\n[1]\n";
    let ids = CountingIds::default();
    let checked = accept(Batch::native(body).unwrap(), &Terms::plain("app"), NOW, &ids).unwrap();
    assert_eq!((checked.accepted, checked.rejected.len()), (1, 3));
    let failures = failures(&checked.record);
    let kept: Vec<_> = failures.iter().map(|f| (f.place, &*f.code, &*f.body, f.bytes, f.event.as_deref())).collect();
    let expected = [
        (Some(0), "wrong_type", "{\"event\":\"caf\\u00e9\",  \"user_id\":7}", 35, Some("café")),
        (Some(2), "invalid_json", "caf\u{fffd}", 4, None),
        (Some(3), "not_an_object", "[1]", 3, None),
    ];
    assert_eq!(kept, expected);
    for (failed, rejected) in failures.iter().zip(&checked.rejected) {
        assert_eq!(
            (&*failed.code, &*failed.field, &*failed.message),
            (rejected.code, &*rejected.field, &*rejected.message)
        );
        assert_eq!((&*failed.protocol, failed.sent_at.as_deref()), ("weir", None));
    }
    assert_eq!(failures.iter().map(|failed| &failed.id).collect::<HashSet<_>>().len(), 3);
    // Good events alone make a record that a reader of version 1 takes.
    let good = check("{\"event\":\"a\",\"user_id\":\"u\"}");
    assert_eq!(frame::open(&good.record).unwrap().0.weir, 1);
    assert_eq!(frame::open(&checked.record).unwrap().0.weir, 2);
}

#[test]
fn a_body_of_which_nothing_is_taken_is_kept_whole() {
    let problem = Batch::native(b"{\"event\":").unwrap_err();
    let protocol = Protocol::Segment(None);
    let checked =
        accept_none(b"{\"event\":", protocol, &problem, &Terms::plain("app"), NOW, &CountingIds::default()).unwrap();
    assert_eq!((checked.accepted, checked.rejected.len(), checked.rejected[0].index), (0, 1, 0));
    let failures = failures(&checked.record);
    let [failed] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(
        (failed.place, &*failed.body, &*failed.code, &*failed.protocol),
        (None, "{\"event\":", "invalid_json", "segment")
    );
}

#[test]
fn what_another_protocol_says_of_a_request_is_kept_with_the_event() {
    let batch = r#"{"batch":[{"type":"track","event":"E"},{"type":"page"},{"type":"x","event":"F"}],"sentAt":"2026-01-01T00:00:00Z"}"#;
    let read = Protocol::Segment(None).read(batch.as_bytes()).unwrap();
    let checked = accept(read, &Terms::plain("app"), NOW, &CountingIds::default()).unwrap();
    let kept = failures(&checked.record);
    let found: Vec<_> = kept.iter().map(|f| (&*f.protocol, f.event.as_deref(), f.sent_at.as_deref())).collect();
    let sent_at = Some("\"2026-01-01T00:00:00Z\"");
    let expected =
        [("segment", Some("E"), sent_at), ("segment", Some("page"), sent_at), ("segment", Some("F"), sent_at)];
    assert_eq!(found, expected);
    for (protocol, json, name) in [
        (Protocol::Segment(Some(Kind::Identify)), r#"{"traits":1}"#, "identify"),
        (Protocol::PostHog, r#"{"event":"$pageview"}"#, "$pageview"),
    ] {
        let checked =
            accept(protocol.read(json.as_bytes()).unwrap(), &Terms::plain("app"), NOW, &CountingIds::default())
                .unwrap();
        let kept = failures(&checked.record);
        assert_eq!((kept[0].event.as_deref(), &*kept[0].protocol), (Some(name), &*protocol.name()));
    }
}

#[test]
fn a_candidate_of_before_is_judged_as_it_was() {
    let clock_is_behind = r#""sentAt":"2025-06-01T00:00:01Z""#;
    let message = r#"{"type":"track","event":"E","userId":"u","timestamp":"2025-06-01T00:00:00Z"}"#;
    let batch = format!(r#"{{"batch":[{message}],{clock_is_behind}}}"#);
    let events = |batch: Batch<'_>| {
        let record = accept(batch, &Terms::plain("app"), NOW, &CountingIds::default()).unwrap().record;
        let (header, lines) = frame::open(&record).unwrap();
        frame::events(&header, lines).map(|event| event.unwrap().time_ms).collect::<Vec<_>>()
    };
    let first = events(Protocol::Segment(None).read(batch.as_bytes()).unwrap());
    let sent_at = serde_json::from_str(r#""2025-06-01T00:00:01Z""#).unwrap();
    let again = events(Batch::of_one(Protocol::Segment(None), message, Some(sent_at)));
    assert_eq!((&first, again), (&vec![NOW - 1000], first.clone()));
}

#[test]
fn every_protocol_is_found_by_its_name() {
    let kinds = Kind::ALL.map(|(kind, ..)| Protocol::Segment(Some(kind)));
    for protocol in [Protocol::Native, Protocol::Segment(None), Protocol::PostHog].into_iter().chain(kinds) {
        assert_eq!(Protocol::of_name(&protocol.name()), Some(protocol));
    }
    assert_eq!(Protocol::of_name("weird"), None);
}

#[test]
fn pretty_printed_events_stay_on_one_line_of_the_record() {
    let checked = check("{\n\"event\": \"a\",\n\"user_id\": \"u\",\n\"properties\": {\n\"p\": [\n1\n]\n}\n}");
    assert_eq!(checked.record.iter().filter(|b| **b == b'\n').count(), 2);
}

#[test]
fn an_answer_does_not_grow_with_the_mistakes() {
    let unknown = (0..10_000).map(|i| format!(",\"f{i}\":0")).collect::<String>();
    let rejected = check(&format!("{{\"event\":\"a\",\"user_id\":\"u\"{unknown}}}")).rejected;
    assert_eq!((rejected[0].code, rejected[0].field.as_str()), ("unknown_field", "f0"));
    assert!(rejected[0].message.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8());
    let long_name = "가".repeat(300);
    let rejected = check(&format!("{{\"{long_name}\":1}}")).rejected;
    assert_eq!(rejected[0].field, format!("{}…", "가".repeat(66)));
}

#[test]
fn white_space_around_an_event_does_not_count_as_its_size() {
    let space = " ".repeat(MAX_EVENT_BYTES);
    assert_eq!(check(&format!("{space}{{\"event\":\"a\",\"user_id\":\"u\"}}{space}")).accepted, 1);
    assert_eq!(check(&format!("[{space}{{\"event\":\"a\",\"user_id\":\"u\"}}{space}]")).accepted, 1);
}

#[test]
fn a_context_that_counts_for_every_event_cannot_make_a_record_without_end() {
    let context = format!(r#"{{"text":"{}"}}"#, "x".repeat(200_000));
    let events = vec![r#"{"type":"track","event":"E","userId":"u"}"#; 5_000].join(",");
    let body = format!(r#"{{"context":{context},"batch":[{events}]}}"#);
    assert!(body.len() < crate::body::MAX_BODY_BYTES);
    let batch = Protocol::Segment(None).read(body.as_bytes()).unwrap();
    match accept(batch, &Terms::plain("app"), NOW, &CountingIds::default()) {
        Err(AcceptError::TooLarge { bytes }) => assert!(bytes < MAX_RECORD_BYTES + 300_000, "{bytes}"),
        other => panic!("{:?}", other.map(|checked| checked.record.len())),
    }
}
