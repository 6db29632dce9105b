use std::collections::HashSet;

use weir_core::event::{self, MAX_EVENT_BYTES, frame};
use weir_core::ports::CountingIds;

use super::*;

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

fn check(body: &str) -> Checked {
    accept(Batch::native(body.as_bytes()).unwrap(), "app", &PlanGuard::default(), NOW, &CountingIds::default()).unwrap()
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

    let record = checked.record.unwrap();
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
    let record = checked.record.unwrap();
    let (header, lines) = frame::open(&record).unwrap();
    let ids: HashSet<_> = frame::events(&header, lines).map(|e| e.unwrap().event_id.unwrap()).collect();
    assert_eq!((checked.accepted, ids.len()), (1000, 1000));
    assert!(ids.iter().all(|id| matches!(id, EventId::Uuid(_))));
}

#[test]
fn no_good_event_makes_no_record() {
    let checked = check("{\"event\":\"a\"}\nnonsense");
    assert!(checked.record.is_none());
    assert_eq!((checked.accepted, checked.rejected.len()), (0, 2));
}

#[test]
fn pretty_printed_events_stay_on_one_line_of_the_record() {
    let checked = check("{\n\"event\": \"a\",\n\"user_id\": \"u\",\n\"properties\": {\n\"p\": [\n1\n]\n}\n}");
    assert_eq!(checked.record.unwrap().iter().filter(|b| **b == b'\n').count(), 2);
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
