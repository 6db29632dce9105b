use serde_json::json;
use weir_core::event::{Receipt, frame, parse};
use weir_core::ports::CountingIds;

use super::*;
use crate::accept::accept;
use crate::keys::Readers;
use crate::plan::PlanMode;
use crate::privacy::{Rule, SECRET_BYTES};
use crate::protocol::Batch;

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36";

fn rules(rules: serde_json::Value) -> Arc<Rules> {
    let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
    Arc::new(Rules::compile(&rules, Some(&[7; SECRET_BYTES])).unwrap())
}

fn source(store_ip: bool) -> Source {
    Source { name: "web".into(), readers: Readers::Anyone, store_ip, plan: PlanMode::Off }
}

fn facts() -> RequestFacts {
    RequestFacts { agent: Some(CHROME.to_owned()), country: Some("KR".to_owned()), address: "203.0.113.9".parse().ok() }
}

/// Properties and context of the only event of a record.
fn stored(terms: &Terms<'_>, event: &str) -> (String, String) {
    let checked = accept(Batch::native(event.as_bytes()).unwrap(), terms, 5, &CountingIds::default()).unwrap();
    let record = checked.record;
    let (header, lines) = frame::open(&record).unwrap();
    let event = frame::events(&header, lines).next().unwrap().unwrap();
    (event.properties.unwrap_or_default().to_owned(), event.context.unwrap_or_default().to_owned())
}

const SENT: &str = r#"{"event":"a","user_id":"u","properties":{"$ip":"10.1.1.1","ip":"stays","$set":{"$ip":"10.2.2.2"}},
    "context":{"ip":"10.3.3.3","\u0069p":"10.4.4.4","x":1}}"#;

#[test]
fn an_address_is_stored_only_where_the_key_asks() {
    let (facts, agents) = (facts(), Agents::default());
    let asks_not = source(false);
    let (properties, context) = stored(&Terms::new(&asks_not, Arc::default(), &facts, &agents), SENT);
    assert_eq!(properties, r#"{"ip":"stays","$set":{}}"#);
    assert!(!context.contains("10.3") && !context.contains("10.4") && !context.contains("203."), "{context}");
    assert!(
        context.contains("\"x\":1") && context.contains("\"country\":\"KR\"") && !context.contains("ip\""),
        "{context}"
    );

    let asks = source(true);
    let (properties, context) = stored(&Terms::new(&asks, Arc::default(), &facts, &agents), SENT);
    assert!(properties.contains("10.1.1.1") && properties.contains("10.2.2.2"));
    assert!(context.contains("10.3.3.3") && !context.contains("203.0.113.9"), "the client's own goes first: {context}");
    let (_, context) = stored(&Terms::new(&asks, Arc::default(), &facts, &agents), r#"{"event":"a","user_id":"u"}"#);
    assert!(context.contains(r#""ip":"203.0.113.9""#), "{context}");
}

#[test]
fn rules_hold_for_what_is_added() {
    let (facts, agents, asks) = (facts(), Agents::default(), source(true));
    let rules = rules(json!([
        {"property": "context.ip", "action": "hash"}, {"property": "context.country", "action": "drop"},
        {"property": "context.userAgent", "action": "drop"}
    ]));
    let terms = Terms::new(&asks, rules, &facts, &agents);
    let event = format!(r#"{{"event":"a","user_id":"u","context":{{"userAgent":"{CHROME}"}}}}"#);
    let (_, context) = stored(&terms, &event);
    assert!(!context.contains("203.0") && !context.contains("KR") && !context.contains("Mozilla"), "{context}");
    // What the agent told stays.
    assert!(context.contains(r#""os":{"name":"Linux"}"#) && context.contains("\"ip\":\""), "{context}");
}

#[test]
fn what_needs_no_change_is_the_senders_own_text() {
    let agents = Agents::default();
    let (facts, source) =
        (RequestFacts { agent: Some("curl/8.5.0".to_owned()), ..RequestFacts::default() }, source(false));
    let terms = Terms::new(&source, rules(json!([{"property": "email", "action": "drop"}])), &facts, &agents);
    let sent = r#"{"event":"a","user_id":"u","properties":{"p": 1.0},"context":{"zip":"description"}}"#;
    let event = parse(sent, Receipt { received_ms: 5, place: 0, correct_skew: true }).unwrap();
    let (properties, context) = (event.properties.unwrap(), event.context.unwrap());
    let mut buffers = Buffers::default();
    let applied = terms.applied(event, &mut buffers).unwrap();
    assert!(std::ptr::eq(applied.properties.unwrap(), properties) && std::ptr::eq(applied.context.unwrap(), context));
}

#[test]
fn a_body_that_is_kept_is_scrubbed_too() {
    let (facts, agents, asks_not, asks) = (facts(), Agents::default(), source(false), source(true));
    let none = Terms::new(&asks_not, Arc::default(), &facts, &agents);
    assert_eq!(none.scrubbed(r#"{"context":{"ip":"10.0.0.1"},"ip":1}"#).unwrap(), r#"{"context":{},"ip":1}"#);
    assert_eq!(none.scrubbed("no JSON").unwrap(), "no JSON");
    let all = Terms::new(&asks, Arc::default(), &facts, &agents);
    assert!(all.scrubbed(r#"{"context":{"ip":"10.0.0.1"}}"#).unwrap().contains("10.0.0.1"));
    let ruled = Terms::new(&asks, rules(json!([{"property": "email", "action": "drop"}])), &facts, &agents);
    assert_eq!(ruled.scrubbed("no JSON"), None);
    assert_eq!(ruled.scrubbed(r#"{"batch":[{"traits":{"email":"a@b.c"}}]}"#).unwrap(), r#"{"batch":[{"traits":{}}]}"#);
}

#[test]
fn what_is_kept_of_a_refusal_holds_nothing_that_must_not_be_stored() {
    let (facts, agents, source) = (facts(), Agents::default(), source(false));
    let said = "user_id: `a@b.c` is too long";
    let free = Terms::new(&source, Arc::default(), &facts, &agents);
    let kept = free.kept(b"{\"event\":\xff", said);
    assert_eq!((kept.body.as_ref(), kept.bytes, kept.message.as_ref()), (b"{\"event\":\xff".as_slice(), 10, said));
    let kept = free.kept(br#"{"context":{"ip":"10.0.0.1"}}"#, said);
    assert_eq!((kept.body.as_ref(), kept.bytes, kept.message.as_ref()), (br#"{"context":{}}"#.as_slice(), 14, said));

    let ruled = Terms::new(&source, rules(json!([{"property": "user_id", "action": "hash"}])), &facts, &agents);
    let kept = ruled.kept(br#"{"user_id":"a@b.c"}"#, said);
    let body = String::from_utf8(kept.body.to_vec()).unwrap();
    assert!(!body.contains("a@b.c") && body.starts_with(r#"{"user_id":""#), "{body}");
    assert_eq!((kept.bytes, kept.message.contains("a@b.c")), (body.len() as u64, false));
    for no_json in [b"user a@b.c".as_slice(), b"a@b.c \xff"] {
        let kept = ruled.kept(no_json, said);
        assert_eq!((kept.body.as_ref(), kept.bytes), (b"".as_slice(), no_json.len() as u64));
    }
}
