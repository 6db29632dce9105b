use proptest::prelude::*;
use serde_json::json;
use weir_core::event::frame;
use weir_core::ports::CountingIds;

use super::*;
use crate::accept::accept;
use crate::enrich::{Agents, RequestFacts};
use crate::keys::{Readers, Source};
use crate::plan::PlanMode;
use crate::protocol::Protocol;
use crate::terms::Terms;

const SECRET: [u8; SECRET_BYTES] = [7; SECRET_BYTES];
const EMAIL_HASH: &str = "22024b081aeed7aaaf11ca9f22a96de5";

fn rule(value: Value) -> Rule {
    serde_json::from_value(value).unwrap()
}

fn rules(list: &[Value]) -> Rules {
    Rules::compile(&list.iter().cloned().map(rule).collect::<Vec<_>>(), Some(&SECRET)).unwrap()
}

/// The lines of the record that a body of source `web` becomes.
fn lines(rules: Rules, protocol: Protocol, body: &str) -> String {
    let source = Source { name: "web".into(), readers: Readers::Anyone, store_ip: true, plan: PlanMode::Off };
    let (facts, agents) = (RequestFacts::default(), Agents::default());
    let terms = Terms::new(&source, Arc::new(rules), &facts, &agents);
    let checked = accept(protocol.read(body.as_bytes()).unwrap(), &terms, 1_767_225_600_000, &CountingIds::default());
    let record = checked.unwrap().record;
    let (_, lines) = frame::open(&record).unwrap();
    String::from_utf8(lines.to_vec()).unwrap()
}

/// Properties and context of the only event, with `()` for what is absent.
fn stored(rules: Rules, event: &str) -> (String, String) {
    let line = lines(rules, Protocol::Native, event);
    let value: Map<String, Value> = serde_json::from_str(line.trim()).unwrap();
    let text = |name| value.get(name).map_or("()".to_owned(), Value::to_string);
    (text("properties"), text("context"))
}

fn hash(text: &str) -> String {
    rules(&[json!({"property": "x", "action": "hash"})]).hash(text)
}

#[test]
fn a_value_is_found_wherever_its_name_may_lie() {
    let drop = |property: &str| rules(&[json!({"property": property, "action": "drop"})]);
    let event = |properties: &str| format!(r#"{{"event":"a","user_id":"u","properties":{properties}}}"#);
    for (property, sent, kept) in [
        ("email", r#"{"email":"x","b":{"email":1}}"#, r#"{"b":{"email":1}}"#),
        ("email", r#"{"e\u006dail":"x","a":1}"#, r#"{"a":1}"#),
        ("email", r#"{"email":1,"email":2}"#, "{}"),
        ("cart.card", r#"{"cart":{"card":"4","n":1},"card":2}"#, r#"{"cart":{"n":1},"card":2}"#),
        ("cart.card", r#"{"cart.card":"4","cart":[{"card":1},[{"card":2}],3]}"#, r#"{"cart":[{},[{}],3]}"#),
        ("a.b.c", r#"{"a.b":{"c":1,"d":2},"a":{"b.c":3}}"#, r#"{"a.b":{"d":2},"a":{}}"#),
        ("cart", r#"{"cart":{"card":"4"},"carts":1}"#, r#"{"carts":1}"#),
        ("properties.email", r#"{"email":1}"#, "{}"),
        ("email", r#"{"$set":{"email":1,"n":2},"$set_once":{"email":1}}"#, r#"{"$set":{"n":2},"$set_once":{}}"#),
        ("email", r#"{"n":"email\" 1.0"}"#, r#"{"n":"email\" 1.0"}"#),
    ] {
        assert_eq!(stored(drop(property), &event(sent)).0, kept, "{property} of {sent}");
    }
    let both = r#"{"event":"a","user_id":"u","properties":{"traits":{"email":1},"email":2},"context":{"traits":{"email":3},"email":4}}"#;
    assert_eq!(
        stored(drop("context.traits.email"), both),
        (r#"{"traits":{"email":1},"email":2}"#.to_owned(), r#"{"traits":{},"email":4}"#.to_owned())
    );
    assert_eq!(
        stored(drop("email"), both),
        (r#"{"traits":{"email":1}}"#.to_owned(), r#"{"traits":{},"email":4}"#.to_owned())
    );
}

#[test]
fn a_rule_may_be_for_a_source_or_an_event_only() {
    let event = |name: &str| format!(r#"{{"event":"{name}","user_id":"u","properties":{{"email":1}}}}"#);
    let of =
        |source: &str, event: &str| rules(&[json!({"property":"email","action":"drop","source":source,"event":event})]);
    assert_eq!(stored(of("web", "signup"), &event("signup")).0, "{}");
    assert_eq!(stored(of("web", "signup"), &event("login")).0, r#"{"email":1}"#);
    assert_eq!(stored(of("app", "signup"), &event("signup")).0, r#"{"email":1}"#);
    assert!(of("web", "a").concern("web") && !of("app", "a").concern("web"));
}

#[test]
fn equal_values_have_equal_hashes_in_every_place() {
    let rules =
        || rules(&[json!({"property":"email","action":"hash"}), json!({"property":"context.mail","action":"hash"})]);
    let (email, five) = (hash("a@b.c"), hash("5"));
    let sent = r#"{"event":"a","user_id":"u","properties":{"email":"a@b.c"},"context":{"mail":"\u0061@b.c","traits":{"email":["a@b.c", 1]}}}"#;
    let (properties, context) = stored(rules(), sent);
    assert_eq!(properties, format!(r#"{{"email":"{email}"}}"#));
    let list = hash(r#"["a@b.c",1]"#);
    assert_eq!(context, format!(r#"{{"mail":"{email}","traits":{{"email":"{list}"}}}}"#));
    for (value, kept) in [("5", format!("\"{five}\"")), ("\"5\"", format!("\"{five}\"")), ("null", "null".to_owned())] {
        let event = format!(r#"{{"event":"a","user_id":"u","properties":{{"email":{value}}}}}"#);
        assert_eq!(stored(rules(), &event).0, format!(r#"{{"email":{kept}}}"#));
    }
    // HMAC-SHA-256 of `a@b.c` under 32 bytes of 7, its first half, as any other implementation makes it.
    assert_eq!(email, EMAIL_HASH);
    let other = Rules::compile(&[rule(json!({"property":"x","action":"hash"}))], Some(&[8; SECRET_BYTES])).unwrap();
    assert_ne!(other.hash("a@b.c"), email, "another lake's hashes are others");
}

#[test]
fn dropping_goes_before_hashing() {
    let rules = rules(&[json!({"property":"a.b","action":"hash"}), json!({"property":"a","action":"drop"})]);
    assert_eq!(stored(rules, r#"{"event":"a","user_id":"u","properties":{"a":{"b":1}}}"#).0, "{}");
}

#[test]
fn users_are_hashed_alike_in_every_protocol() {
    let user = || rules(&[json!({"property":"user_id","action":"hash"})]);
    let (u, d) = (hash("u-1"), hash("d-1"));
    let native = lines(user(), Protocol::Native, r#"{"event":"a","user_id":"u-1","anonymous_id":"d-1"}"#);
    assert!(native.contains(&format!(r#""user_id":"{u}","anonymous_id":"{d}""#)), "{native}");
    let alias = r#"{"event":"alias","user_id":"u-1","properties":{"previous_id":"d-1"}}"#;
    let native = lines(user(), Protocol::Native, alias);
    assert!(native.contains(&format!(r#""previous_id":"{d}""#)), "{native}");
    let alias = r#"{"batch":[{"type":"alias","userId":"u-1","previousId":"d-1"},
        {"type":"identify","userId":"u-1","context":{"traits":{"userId":"u-1"}}}]}"#;
    let segment = lines(user(), Protocol::Segment(None), alias);
    assert!(segment.contains(&format!(r#""previousId":"{d}""#)) && !segment.contains("-1\""), "{segment}");
    let identify =
        r#"{"event":"$identify","distinct_id":"u-1","properties":{"$anon_distinct_id":"d-1","distinct_id":"u-1"}}"#;
    let posthog = lines(user(), Protocol::PostHog, identify);
    assert!(
        posthog.contains(&format!(r#""user_id":"{u}","anonymous_id":"{d}""#)) && !posthog.contains("-1\""),
        "{posthog}"
    );
}

#[test]
fn a_raw_body_is_scrubbed_of_every_place() {
    let rules = rules(&[
        json!({"property":"email","action":"drop","event":"signup"}),
        json!({"property":"cart.card","action":"hash","source":"web"}),
        json!({"property":"context.traits.phone","action":"drop"}),
        json!({"property":"user_id","action":"hash"}),
    ]);
    let raw = r#" {"batch": [{"event":5,"userId":"u", "traits":{"email":"x","n":1.0}, "email":"x"},
        {"properties":{"cart":[{"card":"4111"}],"$set":{"email":"x"}},"context":{"traits":{"phone":"1","age":2}}},
        {"distinct_id":7,"cart.card":4111, "phone":"stays"}]}"#;
    let card = hash("4111");
    let expected = format!(
        r#" {{"batch": [{{"event":5,"userId":"{}", "traits":{{"n":1.0}}}},
        {{"properties":{{"cart":[{{"card":"{card}"}}],"$set":{{}}}},"context":{{"traits":{{"age":2}}}}}},
        {{"distinct_id":"{}","cart.card":"{card}", "phone":"stays"}}]}}"#,
        hash("u"),
        hash("7")
    );
    assert_eq!(rules.scrub_raw("web", raw).unwrap(), expected);
    for no_json in ["", "email=x", "{\"email\":\"x\"", "{\"email\":\"x\"}\n{}", &"[".repeat(100_000)] {
        assert_eq!(rules.scrub_raw("web", no_json), None);
        assert_eq!(Rules::default().scrub_raw("web", no_json).as_deref(), Some(no_json));
    }
    assert_eq!(rules.scrub_raw("web", "\"text\"").unwrap(), "\"text\"");
    let of_others = self::rules(&[json!({"property":"email","action":"drop","source":"app"})]);
    assert_eq!(of_others.scrub_raw("web", "email=x").unwrap(), "email=x");
}

#[test]
fn what_is_no_rule_is_refused_with_what_helps() {
    let drop = |property: &str| rule(json!({"property": property, "action": "drop"})).check();
    for bad in ["", "a..b", ".a", "a.", "a\nb"] {
        assert_eq!(drop(bad), Err(RuleProblem::Property(bad.to_owned())));
    }
    assert_eq!(drop("context"), Err(RuleProblem::Context));
    assert_eq!(drop("user_id"), Err(RuleProblem::UserDropped));
    assert_eq!(drop("event_id"), Err(RuleProblem::Field("event_id".to_owned())));
    let user = json!({"property":"user_id","action":"hash","event":"a"});
    assert_eq!(rule(user).check(), Err(RuleProblem::UserOfOneEvent));
    assert!(rule(json!({"property":"email","action":"drop","event":""})).check().is_err());
    assert!(drop("user_ids").is_ok() && drop("context.ip").is_ok());
    let hashing = [rule(json!({"property":"email","action":"hash"}))];
    for secret in [None, Some(&SECRET[1..])] {
        assert_eq!(Rules::compile(&hashing, secret).unwrap_err(), RuleProblem::NoSecret);
    }
    let newer = json!({"property":"email","action":"drop","until":7});
    assert_eq!(serde_json::to_value(rule(newer.clone())).unwrap(), newer, "what a newer weir has added is kept");
    assert!(serde_json::from_value::<Rule>(json!({"property":"email","action":"mask"})).is_err());
    let ids = CountingIds::default();
    assert_ne!(fresh_secret(&ids), fresh_secret(&ids));
}

/// JSON text, with white space and numbers that a tree would write in another way.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1.0".to_owned()),
        Just("-1E5".to_owned()),
        Just("null".to_owned()),
        "[a-z\\\\\"é}{,]{0,6}".prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let name = prop_oneof![
            Just("\"secret\"".to_owned()),
            Just("\"s\\u0065cret\"".to_owned()),
            "[a-c.]{0,2}".prop_map(|name| format!("\"{name}\""))
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[ {}]", list.join(" , "))),
            prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name} :{value}")).collect();
                format!("{{{} }}", members.join(",\t"))
            }),
        ]
    })
}

proptest! {
    /// What is dropped is nowhere in the record, and without the rule's members both texts are the same bytes.
    #[test]
    fn no_dropped_value_is_stored_and_the_rest_stays(
        value in "MARK[a-z]{8}",
        before in json_text(),
        inside in json_text(),
        behind in json_text(),
        place in 0..4_usize,
    ) {
        let member = format!("\"gone\": \"{value}\"");
        let (first, middle, last) = (
            format!("{{{member}, \"a\":{before}, \"in\":{{\"b\":{inside}}} ,\"c\":{behind}}}"),
            format!("{{\"a\":{before}, {member}, \"in\":{{\"b\":{inside}}} ,\"c\":{behind}}}"),
            format!("{{\"a\":{before}, \"in\":{{\"b\":{inside}}} ,\"c\":{behind}, {member}}}"),
        );
        let nested = format!("{{\"a\":{before}, \"in\":{{\"gone\":\"{value}\",\"b\":{inside}}} ,\"c\":{behind}}}");
        let properties = [first, middle, last, nested][place].clone();
        let path = if place == 3 { "in.gone" } else { "gone" };
        let event = format!("{{\"event\":\"a\",\"user_id\":\"u\",\"properties\":{properties}}}");
        let line = lines(rules(&[json!({"property": path, "action": "drop"})]), Protocol::Native, &event);
        prop_assert!(!line.contains(&value), "{line}");
        let rest = format!("{{\"a\":{before}, \"in\":{{\"b\":{inside}}} ,\"c\":{behind}}}");
        prop_assert!(line.contains(&rest), "{rest}\nis not in\n{line}");
    }

    /// The text that is left when every `secret` is scrubbed is JSON, equal to the tree without them.
    #[test]
    fn a_scrubbed_body_is_the_tree_without_the_values(text in json_text()) {
        fn without(value: &mut Value) {
            match value {
                Value::Object(members) => {
                    members.retain(|name, _| name != "secret");
                    members.values_mut().for_each(without);
                }
                Value::Array(list) => list.iter_mut().for_each(without),
                _ => {}
            }
        }
        let mut expected: Value = serde_json::from_str(&text).unwrap();
        without(&mut expected);
        let scrubbed = rules(&[json!({"property":"secret","action":"drop"})]).scrub_raw("web", &text).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&scrubbed).unwrap(), expected);
        if !text.contains("cret") {
            prop_assert_eq!(scrubbed, text);
        }
    }
}
