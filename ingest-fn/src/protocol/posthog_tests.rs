use serde_json::{Value, json};
use weir_core::event::frame;
use weir_core::ports::CountingIds;

use super::*;
use crate::accept::{Checked, accept};
use crate::terms::Terms;

const NOW: i64 = 1_795_300_523_000; // 2026-11-21T22:35:23Z
const POSTHOG_NODE: &str = include_str!("../../testdata/posthog-node.json");

/// What is stored of a body: name, user, device, properties.
type Row = (String, Option<String>, Option<String>, Value);

fn check(body: &str) -> Checked {
    accept(read(body).unwrap(), &Terms::plain("app"), NOW, &CountingIds::default()).unwrap()
}

fn rows(body: &str) -> Vec<Row> {
    let checked = check(body);
    assert!(checked.rejected.is_empty(), "{:?}", checked.rejected);
    let record = checked.record;
    let (header, lines) = frame::open(&record).unwrap();
    let rows = frame::events(&header, lines).map(|event| {
        let event = event.unwrap();
        let properties = event.properties.map_or(Value::Null, |json| serde_json::from_str(json).unwrap());
        (event.event.into(), event.user_id.map(Into::into), event.anonymous_id.map(Into::into), properties)
    });
    rows.collect()
}

fn users(body: &str) -> (Option<String>, Option<String>) {
    let (_, user, device, _) = rows(body).remove(0);
    (user, device)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_call_of_the_real_client_becomes_its_event() {
    let found = rows(POSTHOG_NODE);
    let named: Vec<_> = found.iter().map(|(name, user, device, _)| (&**name, user.clone(), device.clone())).collect();
    let expected = [
        ("E", None, some("u")),
        ("identify", some("u"), None),
        ("alias", some("u"), None),
        ("$groupidentify", None, some("$c_k")),
        ("$feature_flag_called", None, some("u")),
    ];
    assert_eq!(named, expected);
    assert_eq!(found[0].3["a"], 1);
    assert_eq!(found[1].3["$set"], json!({"b": 1}));
    assert_eq!(found[2].3["previousId"], "z");
    let record = check(POSTHOG_NODE).record;
    let (header, lines) = frame::open(&record).unwrap();
    let first = frame::events(&header, lines).next().unwrap().unwrap();
    assert_eq!(first.event_id.unwrap().text(), "01a2003f-fa3f-725f-b117-4ffac3f7762a");
    assert_eq!(first.time_ms, 1_795_300_522_559);
}

#[test]
fn a_distinct_id_is_a_user_where_the_event_says_so() {
    assert_eq!(users(r#"{"event":"E","distinct_id":"d"}"#), (None, some("d")));
    assert_eq!(users(r#"{"event":"E","distinct_id":7}"#), (None, some("7")));
    assert_eq!(users(r#"{"event":"E","properties":{"distinct_id":"d"}}"#), (None, some("d")));
    let identified = r#"{"event":"E","distinct_id":"u","properties":{"$is_identified":true}}"#;
    assert_eq!(users(identified), (some("u"), None));
    assert_eq!(users(&identified.replace("true", "false")), (None, some("u")));
    let identify = r#"{"event":"$identify","distinct_id":"u","properties":{"$anon_distinct_id":"d"}}"#;
    assert_eq!(users(identify), (some("u"), some("d")));
    let named = r#"{"event":"E","distinct_id":"d","properties":{"$user_id":"u"}}"#;
    assert_eq!(users(named), (some("u"), some("d")));
    assert_eq!(users(&named.replace("\"u\"", "null")), (None, some("d")));
    assert_eq!(users(&named.replace("\"u\"", "\"\"")), (None, some("d")));
    let rejected = check(r#"{"event":"E"}"#).rejected;
    assert_eq!((rejected[0].code, rejected[0].field.as_str()), ("missing_field", "distinct_id"));
}

#[test]
fn a_batch_a_list_and_one_event_are_taken() {
    let event = r#"{"event":"E","distinct_id":"d"}"#;
    assert_eq!(rows(event).len(), 1);
    assert_eq!(rows(&format!("[{event},{event}]")).len(), 2);
    assert_eq!(rows(&format!("{{\"api_key\":\"k\",\"batch\":[{event}],\"historical_migration\":true}}")).len(), 1);
    for (body, code) in
        [("[]", "empty"), ("{\"batch\":5}", "wrong_type"), ("5", "not_an_object"), ("{", "invalid_json")]
    {
        assert_eq!(read(body).unwrap_err().code(), code, "{body}");
    }
    let key = crate::keys::WriteKey::from_text("k");
    for body in [
        r#"{"api_key":"k","batch":[5]}"#,
        r#"{"token":"k","batch":[{"token":"other"}]}"#,
        r#"[{"api_key":"k"}]"#,
        r#"{"batch":[{"token":"k"}]}"#,
        r#"[{"properties":{"token":"k"}}]"#,
        r#"{"event":"E","properties":{"token":"k"}}"#,
    ] {
        assert_eq!(read(body).unwrap().key(), Ok(key.clone()), "{body}");
    }
    assert_eq!(read("[5]").unwrap().key(), Ok(None));
}

#[test]
fn times_and_ids_are_found_where_clients_put_them() {
    let stored = |body: &str| {
        let record = check(body).record;
        let (header, lines) = frame::open(&record).unwrap();
        let event = frame::events(&header, lines).next().unwrap().unwrap();
        (event.time_ms - NOW, event.event_id.unwrap().text().into_owned(), event.session_id.map(String::from))
    };
    let event = r#"{"event":"E","distinct_id":"d","offset":5000,"properties":{"$insert_id":"i","$session_id":"s"}}"#;
    assert_eq!(stored(event), (-5000, "i".to_owned(), some("s")));
    let event = r#"{"event":"E","distinct_id":"d","uuid":"x","offset":5,"timestamp":"2026-11-22T22:35:13Z"}"#;
    let batch = format!("{{\"batch\":[{event}],\"sent_at\":\"2026-11-22T22:35:23Z\"}}");
    assert_eq!(stored(&batch), (-10_000, "x".to_owned(), None));
    let set = r#"{"event":"E","distinct_id":"d","$set":{"a":1},"properties":{"p":2}}"#;
    assert_eq!(rows(set)[0].3, json!({"$set": {"a": 1}, "p": 2}));
}

#[test]
fn a_form_is_opened() {
    let json = r#"{"event":"a?>","distinct_id":"d"}"#;
    let base64 = "eyJldmVudCI6ImE/PiIsImRpc3RpbmN0X2lkIjoiZCJ9";
    let escaped = base64.replace('/', "%2F");
    let open = |body: String, query: &str| unwrapped(Cow::Owned(body.into_bytes()), query).map(Cow::into_owned);
    for body in [
        json.to_owned(),
        format!("data={base64}"),
        format!("data={escaped}&compression=base64"),
        format!("data={json}"),
        format!("data={}", json.replace('"', "%22")),
    ] {
        assert_eq!(open(body.clone(), "ip=0&compression=base64"), Ok(json.as_bytes().to_vec()), "{body}");
    }
    for bad in ["data=%", "data=%zz", "data=!", "data=%ff"] {
        assert_eq!(open(bad.to_owned(), ""), Err(BodyProblem::NotBase64), "{bad}");
    }
    for (body, query) in [("x", "compression=lz64"), ("data=x&compression=lz64", "")] {
        let problem = open(body.to_owned(), query).unwrap_err();
        assert_eq!(problem.code(), "unsupported_encoding");
        assert!(problem.to_string().contains("lz64") && problem.to_string().contains("gzip"), "{problem}");
    }
    assert!(open("{}".to_owned(), "compression=gzip-js&_=1").is_ok());
}
