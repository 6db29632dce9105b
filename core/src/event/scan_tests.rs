use proptest::prelude::*;

use super::super::parse;
use super::*;

const RECEIPT: Receipt = Receipt { received_ms: 1_767_225_600_000, place: 7, correct_skew: true };
const MOST: usize = 5;

fn texts(body: &str) -> Option<Vec<&str>> {
    Some(scan(body.as_bytes(), MOST)?.iter().map(Scan::json).collect())
}

#[test]
fn each_form_of_a_body_is_taken() {
    let (a, b) = (r#"{"event":"a"}"#, r#"{ "event" : "b" , "properties":{"x":[1,{"y":-0.5e+3}],"z":"\u00e9\n"} }"#);
    assert_eq!(texts(a), Some(vec![a]));
    assert_eq!(texts(&format!(" {b}\r\n")), Some(vec![b]));
    assert_eq!(texts("{\n\"event\":\n\"a\"}\n"), Some(vec!["{\n\"event\":\n\"a\"}"]));
    assert_eq!(texts(&format!("[ {a} ,\n{b} ]\n")), Some(vec![a, b]));
    assert_eq!(texts(&format!("{a}\n\r\n {b}\r\n{a}")), Some(vec![a, b, a]));
    assert_eq!(texts("{}"), Some(vec!["{}"]));
    let five = vec![a; MOST];
    assert_eq!(texts(&five.join("\n")), Some(five.clone()));
    assert_eq!(texts(&format!("[{}]", five.join(","))), Some(five));
}

#[test]
fn whatever_has_to_be_explained_is_left_to_the_general_way() {
    let six = [r#"{"event":"a"}"#; MOST + 1];
    let (six_lines, six_listed) = (six.join("\n"), format!("[{}]", six.join(",")));
    let deep = |depth| format!(r#"{{"properties":{}1{}}}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(texts(&deep(MAX_DEPTH)).is_some());
    let too_deep = deep(MAX_DEPTH + 1);
    let long = |bytes| format!(r#"{{"event":"{}"}}"#, "x".repeat(bytes - r#"{"event":""}"#.len()));
    assert!(texts(&long(MAX_EVENT_BYTES)).is_some());
    let too_long = long(MAX_EVENT_BYTES + 1);
    for body in [
        "",
        " ",
        "5",
        "null",
        "[]",
        "[1]",
        "[{}",
        "[{},]",
        "[{}]]",
        "[{}] x",
        "{}x",
        "{},{}",
        "{} {}",
        "{}\r{}",
        "{}{}",
        "{\n}\n{}",
        "{}\n{\n}",
        "{",
        "{\"event\"",
        "{\"event\":",
        "{\"event\":}",
        "{\"event\":1",
        "{\"event\":1,}",
        "{event:1}",
        "{\"event\" 1}",
        "{\"event\":1;}",
        "{\"ev\\u0065nt\":1}",
        "{\"other\":1}",
        "{\"events\":[{}]}",
        "{\"event\":1,\"event\":1}",
        "{\"event\":\"a\nb\"}",
        "{\"event\":\"\\x\"}",
        "{\"event\":\"\\u00g0\"}",
        "{\"event\":\"\\u00\"}",
        "{\"event\":\"12345678\t\"}",
        "{\"event\":01}",
        "{\"event\":-}",
        "{\"event\":+1}",
        "{\"event\":1.}",
        "{\"event\":.5}",
        "{\"event\":1e}",
        "{\"event\":1e+}",
        "{\"event\":nul}",
        "{\"event\":True}",
        "{\"event\":[1,]}",
        "{\"event\":[1 2]}",
        "{\"event\":{\"a\"}}",
        "{\"event\":{\"a\":1,}}",
        "\u{feff}{}",
        &six_lines,
        &six_listed,
        &too_deep,
        &too_long,
    ] {
        assert_eq!(texts(body), None, "{body}");
    }
    assert!(scan(b"{\"event\":\"\xff\"}", MOST).is_none());
}

/// JSON values as they may stand in a body, and sometimes what only looks like one.
fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[ -~]{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        "\\PC{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        r#""[a-z\\"u0-9/\n\t é]{0,12}""#.prop_map(|text| text),
    ];
    let leaf = prop_oneof![
        4 => text,
        2 => "-?[0-9]{1,3}([.][0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
        1 => "true|false|null|nul|\\{\\}|\\[\\]",
        1 => Just("\"2026-01-01T00:00:00.5Z\"".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(", "))),
            prop::collection::vec(("[a-z]{0,3}", inner), 0..3).prop_map(|entries| {
                let entries: Vec<_> = entries.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = String> {
    let field = (0..FIELD_COUNT + 1, value());
    prop::collection::vec(field, 0..6).prop_map(|fields| {
        let name = |field: usize| FIELDS.get(field).copied().unwrap_or("else");
        let fields: Vec<_> = fields.iter().map(|(field, value)| format!("\"{}\":{value}", name(*field))).collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_found_is_what_parsing_finds(json in object()) {
        let well_formed = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
        match scan(json.as_bytes(), 1) {
            Some(scans) => {
                prop_assert!(well_formed);
                prop_assert_eq!(scans.len(), 1);
                prop_assert_eq!(scans[0].json(), json.as_str());
                prop_assert_eq!(scans[0].event(RECEIPT), parse(&json, RECEIPT));
            }
            // Left to the general way: there is something to say.
            None => {
                let rejection = parse(&json, RECEIPT).unwrap_err();
                let codes = ["invalid_json", "unknown_field", "duplicate_field"];
                prop_assert!(codes.contains(&rejection.code), "{:?}", rejection);
                prop_assert_eq!(well_formed, rejection.code != "invalid_json");
            }
        }
    }
}
