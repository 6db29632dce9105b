use super::*;

/// The candidates' texts; `None` where a line is no text.
fn texts(body: &[u8]) -> Vec<Option<String>> {
    candidates(body).unwrap().into_iter().map(|c| c.ok().map(str::to_owned)).collect()
}

fn found(body: &str) -> Vec<String> {
    texts(body.as_bytes()).into_iter().map(|text| text.unwrap()).collect()
}

fn problem(body: impl AsRef<[u8]>) -> (&'static str, String, String) {
    let problem = candidates(body.as_ref()).unwrap_err();
    (problem.code(), problem.field().to_owned(), problem.to_string())
}

#[test]
fn each_form_gives_its_events() {
    let (a, b) = (r#"{"event":"a"}"#, r#"{"event": "b"}"#);
    assert_eq!(found(a), [a]);
    assert_eq!(found(&format!(" \r\n{a}\n ")), [a]);
    assert_eq!(found(&format!("[{a}, {b}]")), [a, b]);
    assert_eq!(found(&format!("\n[\n{a}\n,\n{b}\n]\n")), [a, b]);
    assert_eq!(found(&format!("{{\"events\": [{a},{b}] }}")), [a, b]);
    assert_eq!(found(&format!("{{\"ev\\u0065nts\":[{a}]}}")), [a]);
    assert_eq!(found(&format!("{a}\n{b}")), [a, b]);
    assert_eq!(found(&format!("\n{a}\r\n\r\n  \n {b} \r\n")), [a, b]);
    assert_eq!(found(&format!("\u{feff}{a}")), [a]);
    assert_eq!(found(&format!("\u{feff}[{a}]")), [a]);
    assert_eq!(found(&format!("\u{feff}{a}\n{b}")), [a, b]);
}

#[test]
fn a_pretty_printed_object_is_one_event() {
    let pretty = "{\n  \"event\": \"a\",\n  \"properties\": {\n    \"events\": []\n  }\n}";
    assert_eq!(found(pretty), [pretty]);
    assert_eq!(found("{\n\"events\": [\n {\"event\":\"a\"}\n]\n}"), [r#"{"event":"a"}"#]);
}

#[test]
fn what_is_no_event_is_left_to_the_check_of_events() {
    for value in ["5", "\"a\"", "null", "{}"] {
        assert_eq!(found(value), [value]);
    }
    assert_eq!(found("[1,null,[2]]"), ["1", "null", "[2]"]);
    assert_eq!(found("5\n6"), ["5", "6"]);
}

#[test]
fn bad_lines_stand_alone() {
    let good = r#"{"event":"a"}"#;
    assert_eq!(found(&format!("{good}\nnonsense\n{good}")), [good, "nonsense", good]);
    assert_eq!(found(&format!("nonsense\n{good}")), ["nonsense", good]);
    assert_eq!(found(&format!("{{\"event\":\n{good}\n{good}")), ["{\"event\":", good, good]);
    assert_eq!(found("x\ny"), ["x", "y"]);
    assert_eq!(found(&format!("{good}\n{{\"events\":[]}}")), [good, "{\"events\":[]}"]);
    assert_eq!(found(&format!("{good}\n[{good}]")), [good.to_owned(), format!("[{good}]")]);
}

#[test]
fn a_line_that_is_no_text_is_rejected_alone() {
    let body = b"{\"event\":\"a\"}\n{\"event\":\"\xff\"}\n{\"event\":\"b\"}\n";
    let read = texts(body);
    assert_eq!(read[0].as_deref(), Some(r#"{"event":"a"}"#));
    assert_eq!(read[2].as_deref(), Some(r#"{"event":"b"}"#));
    let NoText { raw, rejection } = candidates(body).unwrap()[1].clone().unwrap_err();
    assert!(std::str::from_utf8(raw).is_err() && !raw.contains(&b'\n'));
    assert_eq!((rejection.code, rejection.field.as_str()), ("invalid_json", ""));
    assert_eq!(rejection.message, "not JSON: the line is not UTF-8 text at its byte 11; send UTF-8");
}

#[test]
fn a_document_that_is_no_text_is_rejected_as_a_whole() {
    let bodies: [&[u8]; 4] = [
        b"{\"event\":\"\xff\"}",
        b"[\n{\"event\":\"a\"},\n{\"event\":\"\xff\"}]",
        b"{\n\"event\":\"\xff\"\n}",
        b"{\"events\":[\n{\"event\":\"a\"},\n{\"event\":\"\xff\"}\n]}",
    ];
    for body in bodies {
        let (code, _, message) = problem(body);
        assert_eq!(code, "invalid_json");
        assert!(message.contains("not UTF-8"), "{message}");
    }
    assert!(problem(b"[\n\"a\xff\"]").2.contains("line 2 is not UTF-8 text at its byte 3"));
}

#[test]
fn nothing_is_empty() {
    for body in ["", " ", "\n\r\n\t", "\u{feff}", "\u{feff}\n", "[]", " [ ] ", "{\"events\":[]}", "{\"events\": [ ]}\n"]
    {
        let (code, field, _) = problem(body);
        assert_eq!((code, field.as_str()), ("empty", ""), "{body:?}");
    }
}

#[test]
fn a_mistake_in_a_document_rejects_all_of_it_and_is_located() {
    let cases = [
        ("{\"event\":\"a\"", "line 1 column 12"),
        ("nonsense", "line 1 column 2"),
        ("[{\"event\":\"a\"},\n{\"event\":}\n]", "line 2 column 10"),
        ("\n\n[{\"event\":\"a\"} {\"event\":\"b\"}]", "line 3 column 16"),
        ("[{\"event\":\"a\"}]\n{\"event\":\"b\"}", "line 2 column 1"),
        ("[1,2", "line 1 column 4"),
        ("{\n  \"event\": \"a\"\n  \"user_id\": \"u\"\n}", "line 3 column 3"),
        ("{\n  \"events\": [\n    {\"event\":\"a\"}\n    {\"event\":\"b\"}\n  ]\n}", "line 4 column 5"),
        ("{\"events\":[{\"event\":\"a\"}]}\n{\"events\":[{\"event\":\"b\"}]}", "line 2 column 1"),
    ];
    for (body, place) in cases {
        let (code, field, message) = problem(body);
        assert_eq!((code, field.as_str()), ("invalid_json", ""), "{body}");
        assert!(message.starts_with("the body is not JSON: ") && message.contains(place), "{body}\n{message}");
    }
}

#[test]
fn a_wrapped_list_stands_alone_in_its_object() {
    let (code, field, message) = problem(r#"{"batch":1,"events":[{"event":"a"}],"sent_at":2}"#);
    assert_eq!((code, field.as_str()), ("unknown_field", "batch"));
    assert!(message.contains("`batch`, `sent_at` beside `events`"), "{message}");
    let many = (0..20).map(|i| format!("\"f{i}\":0,")).collect::<String>();
    let (_, _, message) = problem(format!("{{{many}\"events\":[1]}}"));
    assert!(message.contains("`f7` and others beside") && !message.contains("`f8`"), "{message}");
    assert_eq!(problem(r#"{"events":[1],"events":[2]}"#).0, "duplicate_field");
    for other in [r#"{"events":{}}"#, r#"{"events":"a"}"#, r#"{"events":null}"#] {
        let (code, field, message) = problem(other);
        assert_eq!((code, field.as_str()), ("wrong_type", "events"), "{message}");
        assert!(message.contains("expected a list of events"), "{message}");
    }
}

#[test]
fn the_number_of_events_has_a_limit() {
    let forms: [fn(usize) -> String; 3] = [
        |n| format!("[{}]", vec!["1"; n].join(",")),
        |n| format!("{{\"events\":[{}]}}", vec!["1"; n].join(",")),
        |n| vec!["1\n\n"; n].concat(),
    ];
    for form in forms {
        assert_eq!(candidates(form(MAX_EVENTS).as_bytes()).unwrap().len(), MAX_EVENTS);
        let (code, _, message) = problem(form(MAX_EVENTS + 1));
        assert_eq!(code, "too_many_events");
        assert!(message.contains("5001 events, more than the limit of 5000"), "{message}");
    }
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    assert_eq!(found(&format!("[{deep}]")), [deep.as_str()]);
    assert_eq!(problem("[".repeat(200_000)).0, "invalid_json");
    assert_eq!(found(&format!("{{\"a\":{deep}}}")).len(), 1);
    assert_eq!(problem("{\"a\":".repeat(200_000)).0, "invalid_json");
}

#[test]
fn the_quick_way_finds_the_events_that_the_general_way_finds() {
    let events = [
        "{}",
        r#"{"event":"a","properties":{"p":[1,"]"]}}"#,
        "{\n \"event\" : \"b\"\n}",
        r#"{"event":"c"#,
        r#"{"other":1}"#,
        r#"{"events":[]}"#,
        "7",
        "",
    ];
    let between = ["\n", "\r\n", "\r", " ", ",", "\n\n \t", ",\n", "\u{c}\n", "]\n["];
    let around =
        [("", ""), ("[", "]"), (" [ ", " ]\n"), ("\n", "\n"), ("\u{feff}", ""), ("[", ""), ("", "]"), ("", "x")];
    let mut quick = 0;
    for (first, second) in events.iter().flat_map(|first| events.map(|second| (*first, second))) {
        for (open, close) in around {
            let alone = format!("{open}{first}{close}");
            for body in
                between.map(|between| format!("{open}{first}{between}{second}{close}")).into_iter().chain([alone])
            {
                let Some(scans) = weir_core::event::scan::scan(body.as_bytes(), MAX_EVENTS) else { continue };
                quick += 1;
                let found: Vec<_> = scans.iter().map(|scan| Ok(scan.json())).collect();
                assert_eq!(candidates(body.as_bytes()), Ok(found), "{body:?}");
            }
        }
    }
    assert!(quick > 100, "{quick} bodies go the quick way");
}
