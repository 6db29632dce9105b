use insta::assert_snapshot;

use super::*;
use crate::output::Format;
use crate::render::render;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

fn event(minute: i64, event: &str, session: usize, properties: &str) -> TimelineEvent {
    TimelineEvent {
        time_ms: NOW + minute * MINUTE,
        event: event.to_owned(),
        event_id: format!("e{minute}"),
        session,
        session_id: None,
        source: "web".to_owned(),
        anonymous_id: Some("phone".to_owned()),
        user_id: None,
        received_ms: NOW + minute * MINUTE + 120,
        properties: RawValue::from_string(properties.to_owned()).ok(),
        context: None,
    }
}

fn timeline(who: Who, events: Vec<TimelineEvent>) -> Timeline {
    let seen_ms = events.first().zip(events.last()).map(|(first, last)| (first.time_ms, last.time_ms));
    let total = events.len() as u64;
    let scanned = Scanned { files: 2, bytes: 900, rows: 40, elapsed_ms: 3 };
    Timeline { version: 7, complete_to_ms: Some(NOW), who, total, matching: total, seen_ms, events, scanned }
}

fn ana() -> Who {
    Who { user: Some("ana".to_owned()), anonymous_ids: vec!["phone".to_owned()], as_anonymous_id: None }
}

fn asked(id: &str, zone: &str) -> Asked {
    let period = Bounds { timezone: Some(zone), ..Bounds::default() }.period(NOW).unwrap();
    let (range, events) = (period.range, Vec::new());
    Asked { question: TimelineQuestion { id: id.to_owned(), range, events, limit: 1000, newest_first: false }, period }
}

fn shopping() -> Timeline {
    let events = vec![
        event(0, "view", 1, r#"{"item":"a 1","price":12.50,"ok":true}"#),
        event(5, "view", 1, "{}"),
        event(60, "구매", 2, r#"{"cart":{"total":5}}"#),
    ];
    timeline(ana(), events)
}

fn shown_as(format: Format, asked: &Asked, timeline: &Timeline) -> String {
    render(&TimelineView { asked, timeline }, format, 80).unwrap()
}

#[test]
fn a_timeline_for_people_marks_sessions() {
    let (asked, timeline) = (asked("phone", "Asia/Seoul"), shopping());
    assert_snapshot!(shown_as(Format::Table, &asked, &timeline), @r#"
    user           ana
    asked for      phone
    anonymous ids  phone
    events         3
    first seen     2026-01-01 09:00:00
    last seen      2026-01-01 10:00:00

    time (Asia/Seoul)    event  properties
    ───────────────────  ─────  ─────────────────────────────
    ── session 1
    2026-01-01 09:00:00  view   item="a 1" price=12.5 ok=true
    2026-01-01 09:05:00  view
    ── session 2
    2026-01-01 10:00:00  구매   cart={"total":5}
    "#);
    assert_snapshot!(shown_as(Format::Markdown, &asked, &timeline), @r#"
    | figure | value |
    | --- | --- |
    | user | ana |
    | asked for | phone |
    | anonymous ids | phone |
    | events | 3 |
    | first seen | 2026-01-01 09:00:00 |
    | last seen | 2026-01-01 10:00:00 |

    | time (Asia/Seoul) | session | event | properties |
    | --- | ---: | --- | --- |
    | 2026-01-01 09:00:00 | 1 | view | item="a 1" price=12.5 ok=true |
    | 2026-01-01 09:05:00 | 1 | view |  |
    | 2026-01-01 10:00:00 | 2 | 구매 | cart={"total":5} |
    "#);
    assert_eq!(TimelineView { asked: &asked, timeline: &timeline }.notes(), ["note: `phone` has become `ana`"]);
}

#[test]
fn a_timeline_for_programs_has_everything_as_it_was_sent() {
    let mut timeline = shopping();
    timeline.events.truncate(1);
    let asked = asked("phone", "Asia/Seoul");
    assert_snapshot!(shown_as(Format::Json, &asked, &timeline), @r#"{"kind":"user","version":7,"complete_to":"2026-01-01T00:00:00.000Z","user":"ana","asked_for":"phone","anonymous_ids":["phone"],"events_total":3,"events_matching":3,"first":"2026-01-01T00:00:00.000Z","last":"2026-01-01T01:00:00.000Z","events":[{"time":"2026-01-01T00:00:00.000Z","event":"view","event_id":"e0","session":1,"session_id":null,"source":"web","anonymous_id":"phone","user_id":null,"received_at":"2026-01-01T00:00:00.120Z","properties":{"item":"a 1","price":12.50,"ok":true},"context":null}],"scanned":{"files":2,"bytes":900,"rows":40,"elapsed_ms":3}}"#);
    assert_snapshot!(shown_as(Format::Csv, &asked, &timeline), @r#"
    time,event,event_id,session,session_id,source,anonymous_id,user_id,received_at,properties,context
    2026-01-01T00:00:00.000Z,view,e0,1,,web,phone,,2026-01-01T00:00:00.120Z,"{""item"":""a 1"",""price"":12.5,""ok"":true}",
    "#);
}

#[test]
fn notes_say_what_is_not_shown_and_what_is_not_there() {
    let notes = |asked: &Asked, timeline: &Timeline| TimelineView { asked, timeline }.notes().join("\n");
    let mut cut = Timeline { matching: 5_000, ..shopping() };
    assert_eq!(notes(&asked("ana", "UTC"), &cut), "note: these are the first 3 of 5,000 events; --limit shows more");
    (cut.matching, cut.events) = (0, Vec::new());
    assert_eq!(notes(&asked("ana", "UTC"), &cut), "note: none of the user's events is of this period and these names");
    let nobody = timeline(Who::default(), Vec::new());
    assert_snapshot!(notes(&asked("Ana\u{1b}", "UTC"), &nobody), @r#"note: the lake has no events of `Ana\u{1b}`; is the id written as it was sent? Capital letters count"#);
    assert_snapshot!(shown_as(Format::Table, &asked("Ana\u{1b}", "UTC"), &nobody), @r#"
    user    Ana\u{1b}
    events  0
    "#);
    let both = timeline(Who { as_anonymous_id: Some("ana".to_owned()), user: Some("pad".to_owned()), ..ana() }, vec![]);
    assert_snapshot!(notes(&asked("pad", "UTC"), &both), @"note: these are the events with the user id `pad`; those with the anonymous id `pad` alone are those of `ana`");
}
