use insta::assert_snapshot;
use weir_core::funnel::explain::{Explainer, RawEvent};
use weir_core::spec::parse;

use super::*;
use crate::engine::user::Who;
use crate::output::Format;
use crate::render::render;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

/// What is said of events that are given as (minute, name, properties).
fn explained(fields: &str, events: &[(i64, &str, &str)], format: Format) -> String {
    let json = format!(
        r#"{{"kind":"funnel","steps":[{{"event":"view"}},{{"event":"save","optional":true}},
            {{"event":"buy","where":[{{"property":"price","op":">=","value":100}}]}}],"window":"10m"{fields}}}"#
    );
    let spec = parse(&json, NOW).unwrap().into_funnel().unwrap();
    let mut explainer = Explainer::new(&spec);
    let mut event_ids = Vec::new();
    for (minute, event, properties) in events {
        let raw =
            RawEvent { time_ms: NOW + minute * MINUTE, event, properties: Some(properties), ..RawEvent::default() };
        event_ids.extend(explainer.push(&raw).map(|number| format!("e{number}")));
    }
    let answer = UserExplanation {
        version: 7,
        complete_to_ms: Some(NOW + 60 * MINUTE),
        who: Who { user: Some("ana".to_owned()), anonymous_ids: vec!["phone".to_owned()], as_anonymous_id: None },
        total: events.len() as u64,
        explanation: explainer.finish().unwrap(),
        outside_cohorts: Vec::new(),
        event_ids,
        scanned: Scanned { files: 2, bytes: 900, rows: 40, elapsed_ms: 3 },
    };
    render(&ExplanationView { asked_for: "phone", spec: &spec, answer: &answer }, format, 80).unwrap()
}

const EVENTS: [(i64, &str, &str); 8] = [
    (0, "view", "{}"),
    (2, "buy", r#"{"price":40}"#),
    (5, "view", "{}"),
    (6, "save", "{}"),
    (7, "chat", "{}"),
    (8, "buy", "{}"),
    (18, "buy", r#"{"price":150}"#),
    (70, "save", "{}"),
];

#[test]
fn somebody_who_was_too_late_reads_why() {
    assert_snapshot!(explained("", &EVENTS, Format::Table), @"
    user           ana
    asked for      phone
    anonymous ids  phone
    events         8
    verdict        did not convert: 2 of 3 steps
    missing        no buy after save at 2026-01-01 00:06:00, within 10 m after view at 2026-01-01 00:05:00; the nearest is buy at 2026-01-01 00:08:00: does not fit: price is missing, asked >= 100
    window         closed since 2026-01-01 00:15:00

       time (UTC)           event  fits  why
    ─  ───────────────────  ─────  ────  ───────────────────────────────────────────────────────────────────
       2026-01-01 00:00:00  view   1     a later start came closer: view at 2026-01-01 00:05:00
       2026-01-01 00:02:00  buy          does not fit: price is 40, asked >= 100
    ▲  2026-01-01 00:05:00  view   1     step 1 (view)
    ▲  2026-01-01 00:06:00  save   2     step 2 (save)
       2026-01-01 00:08:00  buy          does not fit: price is missing, asked >= 100
       2026-01-01 00:18:00  buy    3     too late by 3 m: the window opened with view at 2026-01-01 00:05:00
       2026-01-01 01:10:00  save   2     step 2 (save) is filled by another event, at 2026-01-01 00:06:00
    ");
}

#[test]
fn programs_read_the_same() {
    assert_snapshot!(explained("", &EVENTS[5..], Format::Json), @r#"{"kind":"explanation","version":7,"complete_to":"2026-01-01T01:00:00.000Z","user":"ana","asked_for":"phone","anonymous_ids":["phone"],"verdict":"not_entered","depth":0,"steps":[{"step":1,"label":"view"},{"step":2,"label":"save"},{"step":3,"label":"buy"}],"text":"not in the funnel: no first step","counted":true,"outside_cohorts":[],"attempts":[],"missing":{"steps":[1],"nearest":null,"text":"no view; there is no other such event"},"events_total":3,"events":[{"number":0,"time":"2026-01-01T00:08:00.000Z","event":"buy","event_id":"e0","steps":[],"exclusions":[],"reason":"unmet","attempt":null,"step":null,"other":null,"unmet":[{"of":"step","number":3,"property":"price","op":">=","value":100,"found":null}],"text":"does not fit: price is missing, asked >= 100"},{"number":1,"time":"2026-01-01T00:18:00.000Z","event":"buy","event_id":"e1","steps":[3],"exclusions":[],"reason":"no_first_step","attempt":null,"step":null,"other":null,"unmet":[],"text":"no view before it begins an attempt that it could carry on"},{"number":2,"time":"2026-01-01T01:10:00.000Z","event":"save","event_id":"e2","steps":[2],"exclusions":[],"reason":"no_first_step","attempt":null,"step":null,"other":null,"unmet":[],"text":"no view before it begins an attempt that it could carry on"}],"scanned":{"files":2,"bytes":900,"rows":40,"elapsed_ms":3}}"#);
    assert_snapshot!(explained("", &EVENTS[..2], Format::Json), @r#"{"kind":"explanation","version":7,"complete_to":"2026-01-01T01:00:00.000Z","user":"ana","asked_for":"phone","anonymous_ids":["phone"],"verdict":"incomplete","depth":1,"steps":[{"step":1,"label":"view"},{"step":2,"label":"save"},{"step":3,"label":"buy"}],"text":"did not convert: 1 of 3 steps","counted":true,"outside_cohorts":[],"attempts":[{"attempt":1,"depth":1,"converted":false,"dropped":false,"events":[0],"open":false,"open_until":"2026-01-01T00:10:00.000Z","missing":{"steps":[3],"nearest":1,"text":"no buy within 10 m after view at 2026-01-01 00:00:00; the nearest is buy at 2026-01-01 00:02:00: does not fit: price is 40, asked >= 100"}}],"missing":null,"events_total":2,"events":[{"number":0,"time":"2026-01-01T00:00:00.000Z","event":"view","event_id":"e0","steps":[1],"exclusions":[],"reason":"chosen","attempt":1,"step":1,"other":null,"unmet":[],"text":"step 1 (view)"},{"number":1,"time":"2026-01-01T00:02:00.000Z","event":"buy","event_id":"e1","steps":[],"exclusions":[],"reason":"unmet","attempt":null,"step":null,"other":null,"unmet":[{"of":"step","number":3,"property":"price","op":">=","value":100,"found":40}],"text":"does not fit: price is 40, asked >= 100"}],"scanned":{"files":2,"bytes":900,"rows":40,"elapsed_ms":3}}"#);
    assert_snapshot!(explained("", &EVENTS[..3], Format::Csv), @r#"
    number,time,event,event_id,steps,exclusions,reason,attempt,step,text
    0,2026-01-01T00:00:00.000Z,view,e0,[1],[],chosen,1,1,step 1 (view)
    1,2026-01-01T00:02:00.000Z,buy,e1,[],[],unmet,,,"does not fit: price is 40, asked >= 100"
    2,2026-01-01T00:05:00.000Z,view,e2,[1],[],ends_later,,,"from here an attempt comes less far, or ends later than the chosen one, which ends at 2026-01-01 00:00:00"
    "#);
}

#[test]
fn whoever_converted_reads_how() {
    let events = [(0, "view", "{}"), (1, "buy", r#"{"price":100}"#), (2, "save", "{}"), (55, "view", "{}")];
    assert_snapshot!(explained("", &events, Format::Markdown), @"
    | figure | value |
    | --- | --- |
    | user | ana |
    | asked for | phone |
    | anonymous ids | phone |
    | events | 4 |
    | verdict | converted in 1 m |

    |  | time (UTC) | event | fits | why |
    | --- | --- | --- | --- | --- |
    | ▲ | 2026-01-01 00:00:00 | view | 1 | step 1 (view) |
    | ▲ | 2026-01-01 00:01:00 | buy | 3 | step 3 (buy) |
    |  | 2026-01-01 00:02:00 | save | 2 | passed over: the attempt was at step 3 (buy) already, at 2026-01-01 00:01:00 |
    |  | 2026-01-01 00:55:00 | view | 1 | from here an attempt comes less far, or ends later than the chosen one, which ends at 2026-01-01 00:01:00 |
    ");
}

#[test]
fn exclusions_values_and_attempts_have_words() {
    let events = [
        (0, "view", r#"{"item":1}"#),
        (1, "leave", "{}"),
        (2, "buy", r#"{"item":1,"price":100}"#),
        (3, "buy", r#"{"item":2,"price":100}"#),
        (4, "buy", r#"{"price":100}"#),
        (58, "view", r#"{"item":1}"#),
    ];
    let rules = r#","hold":["item"],"exclude":[{"event":"leave"}]"#;
    assert_snapshot!(explained(rules, &events, Format::Table), @"
    user           ana
    asked for      phone
    anonymous ids  phone
    events         6
    verdict        did not convert: 1 of 3 steps
    missing        no buy within 10 m after view at 2026-01-01 00:00:00; the nearest is buy at 2026-01-01 00:02:00: the excluded leave at 2026-01-01 00:01:00 lies between it and view at 2026-01-01 00:00:00
    window         still open until 2026-01-01 01:08:00, from a later start

       time (UTC)           event  fits   why
    ─  ───────────────────  ─────  ─────  ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    ▲  2026-01-01 00:00:00  view   1      step 1 (view)
       2026-01-01 00:01:00  leave  not 1  excluded: past it, what began with view at 2026-01-01 00:00:00 cannot go on to step 3 (buy)
       2026-01-01 00:02:00  buy    3      the excluded leave at 2026-01-01 00:01:00 lies between it and view at 2026-01-01 00:00:00
       2026-01-01 00:03:00  buy    3      item is 2, but 1 in view at 2026-01-01 00:00:00
       2026-01-01 00:04:00  buy    3      has no value that is held: item
       2026-01-01 00:58:00  view   1      from here an attempt comes less far, or ends later than the chosen one, which ends at 2026-01-01 00:00:00
    ");
    let dropped = explained(&format!(r#"{rules},"exclusion":"drop_user""#), &events, Format::Table);
    assert_snapshot!(dropped, @"
    user           ana
    asked for      phone
    anonymous ids  phone
    events         6
    verdict        left out of the funnel for an excluded event

      time (UTC)           event  fits   why
      ───────────────────  ─────  ─────  ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      2026-01-01 00:00:00  view   1      would be step 1 (view), but the user leaves the funnel
      2026-01-01 00:01:00  leave  not 1  excluded between view at 2026-01-01 00:00:00 and buy at 2026-01-01 00:02:00: for this the user leaves the funnel
      2026-01-01 00:02:00  buy    3      would be step 3 (buy), but the user leaves the funnel
      2026-01-01 00:03:00  buy    3      item is 2, but 1 in view at 2026-01-01 00:00:00
      2026-01-01 00:04:00  buy    3      has no value that is held: item
      2026-01-01 00:58:00  view   1      from here an attempt comes less far, or ends later than the chosen one, which ends at 2026-01-01 00:02:00
    ");
    let attempts = explained(r#","count":"attempts""#, &events, Format::Table);
    assert_snapshot!(attempts, @"
    user           ana
    asked for      phone
    anonymous ids  phone
    events         6
    verdict        converted: 1 of 2 attempts went all the way

       time (UTC)           event  fits  why
    ─  ───────────────────  ─────  ────  ──────────────────────────────────────────────────────────
    ▲  2026-01-01 00:00:00  view   1     step 1 (view) of attempt 1
    ▲  2026-01-01 00:02:00  buy    3     step 3 (buy) of attempt 1
       2026-01-01 00:03:00  buy    3     no view before it begins an attempt that it could carry on
       2026-01-01 00:04:00  buy    3     no view before it begins an attempt that it could carry on
    ▲  2026-01-01 00:58:00  view   1     step 1 (view) of attempt 2
    ");
}
