//! From the command line to a question, and what is said of one that cannot be understood.

use clap::Parser;
use insta::assert_snapshot;
use weir_core::ports::ManualClock;

use super::*;
use crate::args::{Cli, Command};

fn args(options: &[&str]) -> QuestionArgs {
    let cli = Cli::try_parse_from(["weir", "funnel"].iter().chain(options)).unwrap();
    let Command::Funnel(args) = cli.command else { panic!("another command") };
    args.question
}

fn ask(document: &str, options: &[&str]) -> Result<(Value, FunnelSpec), Failure> {
    question(&args(options), document, &ManualClock::new(1_767_225_600_000))
}

fn document(document: &str, options: &[&str]) -> String {
    ask(document, options).unwrap().0.to_string()
}

fn refused(document: &str, options: &[&str]) -> String {
    let failure = ask(document, options).unwrap_err();
    assert_eq!(failure.exit.code(), 2);
    failure.message + &failure.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

const BUYERS: &str = r#"{"kind": "funnel", "steps": [{"event": "view"}, {"event": "buy"}], "last": "7d", "window": "1d",
    "where": [{"property": "a", "op": "exists"}], "breakdown": "country"}"#;

#[test]
fn options_become_a_document() {
    let options = [
        "--step",
        "view_item",
        "--step",
        "buy where price >= 100 | order as bought",
        "--where",
        "x = 1 and y exists",
        "--where",
        "context.platform = ios",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-31",
        "--timezone",
        "Asia/Seoul",
        "--window",
        "1d",
        "--ties",
        "strict",
        "--breakdown",
        "country",
        "--breakdown-step",
        "2",
        "--at-version",
        "7",
    ];
    let (document, spec) = ask("", &options).unwrap();
    let condition = |property: &str, op: &str, value: Value| json!({"property": property, "op": op, "value": value});
    let buy = json!({"event": "buy", "where": [condition("price", ">=", json!(100))]});
    let exists = json!({"property": "y", "op": "exists"});
    let expected = json!({
        "kind": "funnel",
        "steps": [{"event": "view_item"}, {"any": [buy, {"event": "order"}], "label": "bought"}],
        "where": [condition("x", "=", json!(1)), exists, condition("context.platform", "=", json!("ios"))],
        "from": "2026-01-01",
        "to": "2026-01-31",
        "timezone": "Asia/Seoul",
        "window": "1d",
        "ties": "strict",
        "version": 7,
        "breakdown": {"property": "country", "step": 2},
    });
    assert_eq!(document, expected);
    assert_eq!((spec.steps.len(), spec.steps[1].label.as_str(), spec.version), (2, "bought", Some(7)));
    // What is printed is asked again with the same meaning.
    let again = ask(&document.to_string(), &["--spec", "-"]).unwrap();
    assert_eq!(again.0, document);
    assert_eq!(format!("{:?}", again.1), format!("{spec:?}"));
}

#[test]
fn every_rule_has_an_option() {
    let options = [
        "--step",
        "view",
        "--step",
        "save",
        "--step",
        "buy",
        "--order",
        "strict",
        "--optional",
        "2",
        "--exclude",
        "remove where all = true between 1 and 3",
        "--exclude",
        "log_out",
        "--exclusion",
        "drop_user",
        "--hold",
        "item_id",
        "--hold",
        "context.app",
        "--count",
        "sessions",
        "--interval",
        "week",
        "--last",
        "30d",
        "--compare",
        "previous",
        "--window",
        "session",
    ];
    let (document, _) = ask("", &options).unwrap();
    let expected = json!({
        "kind": "funnel",
        "steps": [{"event": "view"}, {"event": "save", "optional": true}, {"event": "buy"}],
        "exclude": [
            {"event": "remove", "where": [{"property": "all", "op": "=", "value": true}], "from": 1, "to": 3},
            {"event": "log_out"},
        ],
        "hold": ["item_id", "context.app"],
        "last": "30d",
        "window": "session",
        "order": "strict",
        "count": "sessions",
        "exclusion": "drop_user",
        "interval": "week",
        "compare": "previous",
    });
    assert_eq!(document, expected);
}

#[test]
fn the_shortest_question_says_no_more_than_it_must() {
    assert_eq!(document("", &["--step", "a"]), r#"{"kind":"funnel","steps":[{"event":"a"}]}"#);
}

#[test]
fn options_beside_a_document_replace_its_fields_and_conditions_add_up() {
    let fields = |options: &[&str]| -> Value {
        let options: Vec<&str> = ["--spec", "-"].iter().chain(options).copied().collect();
        ask(BUYERS, &options).unwrap().0
    };
    assert_eq!(fields(&[]), serde_json::from_str::<Value>(BUYERS).unwrap());
    let ranged = fields(&["--from", "2026-01-01"]);
    assert_eq!((&ranged["last"], &ranged["from"]), (&Value::Null, &json!("2026-01-01")));
    let narrowed = fields(&["--where", "b = 1", "--window", "2h"]);
    assert_eq!(narrowed["where"], json!([{"property": "a", "op": "exists"}, {"property": "b", "op": "=", "value": 1}]));
    assert_eq!(narrowed["window"], json!("2h"));
    let limited = fields(&["--breakdown-limit", "3"]);
    assert_eq!(limited["breakdown"], json!({"property": "country", "limit": 3}));
    assert_eq!(fields(&["--breakdown", "context.os"])["breakdown"], json!({"property": "context.os"}));

    let dated = BUYERS.replace(r#""last": "7d""#, r#""from": "2026-01-01", "to": "2026-01-31""#);
    let last = ask(&dated, &["--spec", "-", "--last", "30d"]).unwrap().0;
    assert_eq!((&last["from"], &last["to"], &last["last"]), (&Value::Null, &Value::Null, &json!("30d")));
}

#[test]
fn problems_are_named_after_the_options_they_came_from() {
    assert_snapshot!(refused("", &[]), @"
    no steps given
    hint: name each with --step EVENT, in order, or give a document with --spec FILE
    ");
    assert_snapshot!(refused("", &["--step", "a", "--step", "buy where price > 1 and"]), @"
    --step 2: the text ends here; expected the name of a property
      buy where price > 1 and
                             ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    ");
    assert_snapshot!(refused("", &["--step", "a where x ="]), @"
    --step 1: the text ends here; expected a value: a number, true, false or a text
      a where x =
                 ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    ");
    assert_snapshot!(refused("", &["--step", "a", "--where", "x !! 1"]), @"
    --where: `!!` after `x`; expected an operator: =, !=, <, <=, >, >=, in, not in, contains, not contains, starts with, ends with, matches, exists or not exists
      x !! 1
        ^
    for example: total >= 10 and context.platform in (ios, android)
    ");
    assert_snapshot!(refused("", &["--step", "a", "--window", "14x"]), @"--window: found `14x`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`");
    assert_snapshot!(refused("", &["--step", "a", "--step", "b where x matches '('", "--timezone", "Asia/Seul", "--breakdown", "c", "--breakdown-step", "3", "--where", "s starts with 1", "--where", "t matches '['"]), @"
    the question has 4 problems:
      --timezone: unknown time zone `Asia/Seul`; did you mean `Asia/Seoul`?
      --where[1].value: not a regular expression: regex parse error:
            [
            ^
        error: unclosed character class
      --step 2, where[0].value: not a regular expression: regex parse error:
            (
            ^
        error: unclosed group
      --breakdown-step: found the number 3; expected a whole number from 1 to 2
    ");
    assert_snapshot!(refused("", &["--step", "a", "--breakdown-limit", "3"]), @"
    --breakdown-limit without a breakdown
    hint: name the property with --breakdown PROPERTY
    ");
    assert_snapshot!(refused("", &["--step", "a", "--step", "b", "--optional", "3"]), @"
    --optional 3: there is no step 3
    hint: steps are numbered from 1; the first cannot be optional
    ");
    assert_snapshot!(refused("", &["--step", "a", "--step", "b", "--optional", "1", "--exclude", "x between 2 and 2", "--hold", "context", "--compare", "previous"]), @"
    the question has 4 problems:
      --optional 1: the first step cannot be optional: every attempt begins with it
      --exclude 1, from: found the number 2; expected a whole number from 1 to 1
      --hold 1: found `context`; expected `context.…`, such as `context.platform`
      --compare: needs a period to compare with the one before; give `from` and `to`, or `last`
    ");
    assert_snapshot!(refused("", &["--step", "a", "--exclude", "x as y"]), @"
    --exclude 1: an exclusion has no label; leave `as …` out
      x as y
      ^
    for example: remove_from_cart between 1 and 3
    ");
    let no_breakdown = r#"{"kind": "funnel", "steps": [{"event": "a"}]}"#;
    assert_snapshot!(refused(no_breakdown, &["--spec", "-", "--breakdown-step", "2"]), @"
    --breakdown-step without a breakdown
    hint: name the property with --breakdown PROPERTY
    ");
}

#[test]
fn problems_of_a_document_keep_their_paths() {
    let spec = ["--spec", "-"];
    assert_snapshot!(refused("{", &spec), @r#"standard input: not valid JSON: EOF while parsing an object at line 1 column 1; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    assert_snapshot!(refused("", &spec), @r#"standard input: not valid JSON: EOF while parsing a value at line 1 column 0; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    assert_snapshot!(refused("[]", &spec), @r#"standard input: found an empty list; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    assert_snapshot!(refused(&BUYERS.replace("1d", "1x"), &spec), @"window: found `1x`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`");
    assert_snapshot!(refused(&BUYERS.replace("buy", ""), &["--spec", "-", "--from", "yesterday"]), @"
    the question has 2 problems:
      --from: found `yesterday`; expected a date such as `2026-01-31` or an instant such as `2026-01-31T09:00:00Z`
      steps[1].event: found an empty text; expected a name of 1 to 200 bytes
    ");
    assert_snapshot!(refused(&BUYERS.replace(r#"[{"property": "a", "op": "exists"}]"#, "7"), &["--spec", "-", "--where", "b = 1"]), @r#"where: found the number 7; expected a list of conditions, [{"property": "price", "op": ">=", "value": 100}]"#);
}
