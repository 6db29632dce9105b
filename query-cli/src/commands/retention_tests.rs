//! From options to a question about who came back.

use clap::Parser;
use serde_json::json;

use super::*;
use crate::args::{Cli, Command, FormerKeepCommand};

fn args(options: &[&str]) -> RetentionArgs {
    let cli = Cli::try_parse_from(["weir", "retention"].iter().chain(options)).unwrap();
    let Command::Retention(args) = cli.command else { panic!("another command") };
    *args
}

fn with_options(document: Value, options: &[&str]) -> Result<Value, Failure> {
    let Value::Object(mut fields) = document else { panic!("not an object") };
    put(&mut fields, &args(options)).map(|()| Value::Object(fields))
}

#[test]
fn options_become_a_document() {
    let options = ["--start", "signup where plan = pro as began", "--return", "view | buy", "--interval", "week"];
    let more = ["--brackets", "0, 1-3,4-7", "--mode", "on", "--occurrence", "any", "--breakdown", "country"];
    assert_eq!(
        with_options(json!({"kind": "retention", "periods": 3}), &[&options[..], &more].concat()).unwrap(),
        json!({"kind": "retention",
            "start": {"event": "signup", "where": [{"property": "plan", "op": "=", "value": "pro"}], "label": "began"},
            "return": {"any": [{"event": "view"}, {"event": "buy"}]}, "interval": "week", "mode": "on", "occurrence": "any",
            "brackets": [[0, 0], [1, 3], [4, 7]], "breakdown": {"property": "country"}})
    );
    assert_eq!(with_options(json!({"brackets": [[0, 0]]}), &["--periods", "5"]).unwrap(), json!({"periods": 5}));
}

#[test]
fn brackets_that_are_none_are_refused() {
    for text in ["", "x", "1-", "-1", "1-2-3", "1,,2"] {
        let failure = with_options(json!({}), &[&format!("--brackets={text}")]).unwrap_err();
        assert_eq!(failure.exit.code(), 2);
        assert!(failure.message.starts_with(&format!("--brackets: found `{text}`")), "{}", failure.message);
    }
}

#[test]
fn problems_are_named_after_options() {
    let args = args(&["--start", "a", "--brackets", "3,1"]);
    let named = |field: &str| option_of(field, &args);
    assert_eq!(named("start"), Some("--start".to_owned()));
    assert_eq!(named("start.where[0].value"), Some("--start, where[0].value".to_owned()));
    assert_eq!(named("brackets[1]"), Some("--brackets 2".to_owned()));
    assert_eq!((named("return"), named("starting"), named("interval")), (None, None, None));
}

#[test]
fn what_is_keep_now_is_known_by_its_former_name() {
    for (line, is_known) in [
        ("weir retention show --lake x", true),
        ("weir retention set --events 400d --lake x", true),
        ("weir retention unset events --lake x", true),
        ("weir retention --start a show", false),
        ("weir retention drop", false),
    ] {
        let cli = Cli::try_parse_from(line.split(' '));
        assert_eq!(cli.is_ok(), is_known, "{line}");
    }
    let former = args(&["unset", "failed", "--lake", "x"]).former;
    assert!(matches!(former, Some(FormerKeepCommand::Unset(args)) if args.what.len() == 1));
}
