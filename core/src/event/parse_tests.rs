use super::*;

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z
const RECEIPT: Receipt = Receipt { received_ms: NOW, place: 7, correct_skew: true };

fn rejection(json: &str) -> (String, String, String) {
    let r = parse(json, RECEIPT).unwrap_err();
    (r.code.to_owned(), r.field, r.message)
}

#[test]
fn a_full_event_keeps_everything() {
    let json = r#" {"event":"view_item","user_id":"u1","anonymous_id":"a1","timestamp":1767225500000,
        "event_id":"e-1","session_id":"s","properties":{"price":1.0,"cart":{"total":3}},
        "context":{"platform":"ios"},"sent_at":"2026-01-01T00:00:00Z"} "#;
    let event = parse(json, RECEIPT).unwrap();
    assert_eq!(event.event, "view_item");
    assert_eq!(event.user(), "u1");
    assert_eq!(event.anonymous_id.as_deref(), Some("a1"));
    assert_eq!(event.time_ms, 1_767_225_500_000);
    assert_eq!(event.event_id, Some(EventId::Text("e-1".into())));
    assert_eq!(event.session_id.as_deref(), Some("s"));
    assert_eq!(event.properties, Some(r#"{"price":1.0,"cart":{"total":3}}"#));
    assert_eq!(event.context, Some(r#"{"platform":"ios"}"#));
    assert_eq!((event.received_ms, event.place), (NOW, 7));
}

#[test]
fn absent_and_null_are_the_same() {
    let event = parse(r#"{"event":"a","user_id":null,"anonymous_id":"d","timestamp":null,"properties":null}"#, RECEIPT);
    let event = event.unwrap();
    assert_eq!((event.user(), event.time_ms, event.properties, &event.event_id), ("d", NOW, None, &None));
}

#[test]
fn escapes_in_names_and_values_are_read() {
    let event = parse(r#"{"ev\u0065nt":"caf\u00e9 \ud83d\ude00","user_id":"\"q\""}"#, RECEIPT).unwrap();
    assert_eq!((event.event.as_ref(), event.user()), ("café 😀", "\"q\""));
    assert_eq!(rejection(r#"{"event":"\ud83d","user_id":"u"}"#).0, "invalid_text");
}

#[test]
fn every_problem_is_named() {
    let (code, field, message) =
        rejection(r#"{"event":5,"userid":"u","timestamp":"soon","properties":[1],"context":"x","sent_at":true}"#);
    assert_eq!((code.as_str(), field.as_str()), ("unknown_field", "userid"));
    for part in [
        "userid: is not a field of an event; did you mean `user_id`?",
        "event: is the number 5, expected a string; send it as text: \"5\"",
        "user_id: is missing, and so is anonymous_id",
        "timestamp: `soon` is not an RFC 3339 time",
        "properties: is a list, expected an object",
        "context: is the string \"x\", expected an object",
        "sent_at: is the boolean true, expected an RFC 3339 string or whole milliseconds",
    ] {
        assert!(message.contains(part), "{part}\nnot in\n{message}");
    }
}

#[test]
fn each_kind_of_bad_event_has_its_code() {
    let long = "x".repeat(201);
    let deep = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    let cases = [
        (r#"{"user_id":"u"}"#.to_owned(), "missing_field", "event"),
        (r#"{"event":"a"}"#.to_owned(), "missing_field", "user_id"),
        (r#"{"event":"","user_id":"u"}"#.to_owned(), "empty", "event"),
        (r#"{"event":"a","user_id":""}"#.to_owned(), "empty", "user_id"),
        (format!(r#"{{"event":"{long}","user_id":"u"}}"#), "too_long", "event"),
        (format!(r#"{{"event":"a","user_id":"u","event_id":"{long}"}}"#), "too_long", "event_id"),
        (format!(r#"{{"event":"a","user_id":"u","session_id":"{long}"}}"#), "too_long", "session_id"),
        (r#"{"event":"a","user_id":12}"#.to_owned(), "wrong_type", "user_id"),
        (r#"{"event":"a","user_id":"u","event":"b"}"#.to_owned(), "duplicate_field", "event"),
        (format!(r#"{{"event":"a","user_id":"u","properties":{{"p":{deep}}}}}"#), "too_deep", "properties"),
        (r#"{"event":"a","user_id":"u","timestamp":1767225600}"#.to_owned(), "timestamp_in_seconds", "timestamp"),
        (r#"{"event":"a","user_id":"u","timestamp":1767312000001}"#.to_owned(), "timestamp_too_far_ahead", "timestamp"),
        (
            r#"{"event":"a","user_id":"u","timestamp":"1999-12-31T23:59:59Z"}"#.to_owned(),
            "timestamp_too_old",
            "timestamp",
        ),
        (r#"{"event":"a","user_id":"u","timestamp":"2026-01-01"}"#.to_owned(), "timestamp_invalid", "timestamp"),
        (r#"{"event":"a","user_id":"u""#.to_owned(), "invalid_json", ""),
        (r#"{"event":"a","user_id":"u"} x"#.to_owned(), "invalid_json", ""),
        ("[1]".to_owned(), "not_an_object", ""),
        ("\"a\"".to_owned(), "not_an_object", ""),
        ("nonsense".to_owned(), "invalid_json", ""),
        (
            format!(r#"{{"event":"a","user_id":"u","properties":{{"p":"{}"}}}}"#, "x".repeat(MAX_EVENT_BYTES)),
            "too_large",
            "",
        ),
    ];
    for (json, code, field) in cases {
        let (found_code, found_field, message) = rejection(&json);
        assert_eq!((found_code.as_str(), found_field.as_str()), (code, field), "{} {message}", excerpt(&json));
    }
}

#[test]
fn nesting_just_inside_the_limit_is_taken() {
    let inside = format!("{}1{}", "[".repeat(31), "]".repeat(31));
    let json = format!(r#"{{"event":"a","user_id":"u","properties":{{"p":{inside}}}}}"#);
    assert!(parse(&json, RECEIPT).is_ok());
    let brackets_in_text = format!(r#"{{"event":"a","user_id":"u","properties":{{"p":"{}\""}}}}"#, "[{".repeat(50));
    assert!(parse(&brackets_in_text, RECEIPT).is_ok());
}

#[test]
fn names_of_all_levels_are_counted() {
    // One of the names is `list`.
    let names = |from: usize, to: usize| (from..to).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(",");
    let event = |properties: usize, context: usize| {
        let (properties, context) = (names(0, properties - 1), names(0, context));
        format!(r#"{{"event":"a","user_id":"u","properties":{{"list":[{{{properties}}}]}},"context":{{{context}}}}}"#)
    };
    for (properties, context) in [(10_000, 0), (1, 9_999), (4_000, 6_000)] {
        assert!(parse(&event(properties, context), RECEIPT).is_ok(), "{properties} and {context}");
    }
    for (properties, context) in [(10_001, 0), (1, 10_000), (4_001, 6_000), (4_000, 6_001)] {
        let (code, field, message) = rejection(&event(properties, context));
        assert_eq!((code.as_str(), field.as_str()), ("too_many_keys", "properties"));
        assert!(message.contains("10000"), "{message}");
    }
    let only_context = format!(r#"{{"event":"a","user_id":"u","context":{{{}}}}}"#, names(0, 10_001));
    assert_eq!(rejection(&only_context).1, "context");
    let shortest = vec!["\"\":0"; 10_001].join(",");
    assert_eq!(rejection(&format!(r#"{{"event":"a","user_id":"u","context":{{{shortest}}}}}"#)).0, "too_many_keys");
    let colons_in_text =
        format!(r#"{{"event":"a","user_id":"u","properties":{{"p":"{}\""}}}}"#, "\\\":".repeat(20_000));
    assert!(parse(&colons_in_text, RECEIPT).is_ok());
}

#[test]
fn names_are_measured_in_bytes() {
    let fits = "가".repeat(66);
    assert!(parse(&format!(r#"{{"event":"{fits}","user_id":"u"}}"#), RECEIPT).is_ok());
    let too_long = "가".repeat(67);
    assert_eq!(rejection(&format!(r#"{{"event":"{too_long}","user_id":"u"}}"#)).0, "too_long");
}

#[test]
fn an_import_takes_the_timestamp_as_it_is() {
    let json = r#"{"event":"a","user_id":"u","timestamp":"2025-06-01T00:00:00Z","sent_at":"2025-06-01T00:00:00Z"}"#;
    let import = Receipt { correct_skew: false, ..RECEIPT };
    assert_eq!(parse(json, import).unwrap().time_ms, 1_748_736_000_000);
    assert_eq!(parse(json, RECEIPT).unwrap().time_ms, NOW);
}
