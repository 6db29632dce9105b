use weir_core::event::Failed;

use super::*;
use crate::failed::{Group, one_of};
use crate::output::Format;
use crate::render::render;

fn row() -> FailedRow {
    let failed = Failed {
        id: "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e".into(),
        protocol: "segment/track".into(),
        code: "missing_field".into(),
        field: "userId".into(),
        message: "userId: is missing, and so is anonymousId; one of the two is needed".into(),
        event: Some("구매 완료".into()),
        sent_at: None,
        body: "{\"event\":\n \"구매 완료\",\u{1b}[31m}".into(),
        bytes: 100_000,
        place: Some(2),
    };
    FailedRow { source: "web".to_owned(), received_ms: 1_767_225_600_120, failed }
}

#[test]
fn reasons_in_every_format() {
    let group = |event: Option<&str>, count: u64| Group {
        code: "missing_field".to_owned(),
        field: "user_id".to_owned(),
        source: "web".to_owned(),
        event: event.map(str::to_owned),
        count,
        first_ms: 1_767_225_600_000,
        last_ms: 1_767_225_600_120,
        message: "user_id: is missing, and so is anonymous_id; one of the two is needed".to_owned(),
    };
    let rows: Vec<Value> =
        [group(Some("view"), 12_345), group(None, 1)].iter().map(|g| Value::Object(g.document())).collect();
    let rows = Rows { columns: &GROUPS, rows };
    let show = |format| render(&rows, format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @"
    code           field    source  event   count  first seen                last seen                 the last one's message
    ─────────────  ───────  ──────  ─────  ──────  ────────────────────────  ────────────────────────  ────────────────────────────────────────────────────────────
    missing_field  user_id  web     view   12,345  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.120Z  user_id: is missing, and so is anonymous_id; one of the two…
    missing_field  user_id  web                 1  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.120Z  user_id: is missing, and so is anonymous_id; one of the two…
    ");
    insta::assert_snapshot!(show(Format::Json), @r#"[{"code":"missing_field","field":"user_id","source":"web","event":"view","count":12345,"first_seen":"2026-01-01T00:00:00.000Z","last_seen":"2026-01-01T00:00:00.120Z","message":"user_id: is missing, and so is anonymous_id; one of the two is needed"},{"code":"missing_field","field":"user_id","source":"web","event":null,"count":1,"first_seen":"2026-01-01T00:00:00.000Z","last_seen":"2026-01-01T00:00:00.120Z","message":"user_id: is missing, and so is anonymous_id; one of the two is needed"}]"#);
    insta::assert_snapshot!(show(Format::Csv), @r#"
    code,field,source,event,count,first_seen,last_seen,message
    missing_field,user_id,web,view,12345,2026-01-01T00:00:00.000Z,2026-01-01T00:00:00.120Z,"user_id: is missing, and so is anonymous_id; one of the two is needed"
    missing_field,user_id,web,,1,2026-01-01T00:00:00.000Z,2026-01-01T00:00:00.120Z,"user_id: is missing, and so is anonymous_id; one of the two is needed"
    "#);
    insta::assert_snapshot!(show(Format::Markdown), @"
    | code | field | source | event | count | first seen | last seen | the last one's message |
    | --- | --- | --- | --- | ---: | --- | --- | --- |
    | missing_field | user_id | web | view | 12,345 | 2026-01-01T00:00:00.000Z | 2026-01-01T00:00:00.120Z | user_id: is missing, and so is anonymous_id; one of the two is needed |
    | missing_field | user_id | web |  | 1 | 2026-01-01T00:00:00.000Z | 2026-01-01T00:00:00.120Z | user_id: is missing, and so is anonymous_id; one of the two is needed |
    ");
}

#[test]
fn a_list_of_each_has_no_bodies() {
    let rows = Rows { columns: &EACH, rows: vec![Value::Object(summary(&row()))] };
    let show = |format| render(&rows, format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @"
    failed_id                             received                  source  protocol       event      code           field     bytes  message
    ────────────────────────────────────  ────────────────────────  ──────  ─────────────  ─────────  ─────────────  ──────  ───────  ────────────────────────────────────────────────────────────
    0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e  2026-01-01T00:00:00.120Z  web     segment/track  구매 완료  missing_field  userId  100,000  userId: is missing, and so is anonymousId; one of the two i…
    ");
    insta::assert_snapshot!(show(Format::Ndjson), @r#"{"failed_id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e","received_at":"2026-01-01T00:00:00.120Z","source":"web","protocol":"segment/track","event":"구매 완료","code":"missing_field","field":"userId","body_bytes":100000,"message":"userId: is missing, and so is anonymousId; one of the two is needed"}"#);
}

#[test]
fn one_is_shown_with_what_was_sent_and_does_not_command_the_terminal() {
    let row = row();
    let show = |format| render(&One(&row), format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @r#"
    field        value
    ───────────  ───────────────────────────────────────────────────────────────────
    failed_id    0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e
    received_at  2026-01-01T00:00:00.120Z
    source       web
    place        2
    protocol     segment/track
    event        구매 완료
    code         missing_field
    field        userId
    message      userId: is missing, and so is anonymousId; one of the two is needed
    body_bytes   100000

    {"event":
     "구매 완료",\u{1b}[31m}
    "#);
    insta::assert_snapshot!(show(Format::Json), @r#"{"failed_id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e","received_at":"2026-01-01T00:00:00.120Z","source":"web","place":2,"protocol":"segment/track","event":"구매 완료","code":"missing_field","field":"userId","message":"userId: is missing, and so is anonymousId; one of the two is needed","sent_at":null,"body_bytes":100000,"body":"{\"event\":\n \"구매 완료\",\u001b[31m}"}"#);
    insta::assert_snapshot!(show(Format::Markdown), @r#"
    | field | value |
    | --- | --- |
    | failed_id | 0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e |
    | received_at | 2026-01-01T00:00:00.120Z |
    | source | web |
    | place | 2 |
    | protocol | segment/track |
    | event | 구매 완료 |
    | code | missing_field |
    | field | userId |
    | message | userId: is missing, and so is anonymousId; one of the two is needed |
    | body_bytes | 100000 |

        {"event":
         "구매 완료",\u{1b}[31m}
    "#);
    assert_eq!(show(Format::Ndjson), show(Format::Json), "the document and the record have the same fields");
}

#[test]
fn a_replay_in_every_format() {
    let done = Replayed { replayed: 1_200, duplicates: Some(3), failing: 40, left: 1_203, version: Some(7) };
    let show = |format| render(&done, format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @"
    replayed  duplicates  failing   left  version
    ────────  ──────────  ───────  ─────  ───────
       1,200           3       40  1,203        7
    ");
    insta::assert_snapshot!(show(Format::Json), @r#"{"replayed":1200,"duplicates":3,"failing":40,"left":1203,"version":7}"#);
    assert_eq!(show(Format::Ndjson), show(Format::Json));
    let dry = Replayed { duplicates: None, version: None, ..done };
    insta::assert_snapshot!(render(&dry, Format::Csv, 80).unwrap(), @"
    replayed,duplicates,failing,left,version
    1200,,40,1203,
    ");
    assert_eq!(render(&Dropped { dropped: 5 }, Format::Json, 80).unwrap(), "{\"dropped\":5}\n");
}

#[test]
fn an_id_is_known_by_its_beginning_if_no_other_begins_so() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(one_of("ab", &ids(&["abc"])).unwrap(), "abc");
    let none = Failure::from(one_of("ab", &[]).unwrap_err());
    assert_eq!((none.exit.code(), none.message.as_str()), (1, "there is no failed event `ab`"));
    let several = Failure::from(one_of("ab", &ids(&["abc", "abd"])).unwrap_err());
    assert_eq!((several.exit.code(), several.message.as_str()), (1, "2 failed events begin with `ab`"));
    assert_eq!(Failure::from(one_of("", &ids(&["abc"])).unwrap_err()).exit.code(), 2);
}
