//! From the command line to a question about paths, and what is said of one that cannot be understood.

use clap::Parser;

use super::*;
use crate::args::{Cli, Command};

fn ask(options: &[&str]) -> Result<Value, Failure> {
    let cli = Cli::try_parse_from(["weir", "paths"].iter().chain(options)).unwrap();
    let Command::Paths(args) = cli.command else { panic!("another command") };
    read(&args)
}

fn refused(options: &[&str]) -> String {
    let failure = ask(options).unwrap_err();
    assert_eq!(failure.exit.code(), 2);
    failure.message
}

#[test]
fn every_option_becomes_a_field() {
    let options = [
        "--end",
        "buy where n > 1 | rent as got it",
        "--depth",
        "8",
        "--limit",
        "3",
        "--top",
        "0",
        "--hide",
        "scroll",
        "--hide",
        "click where x = 1",
        "--only",
        "view",
        "--repeats",
        "--window",
        "30m",
        "--count",
        "every",
        "--where",
        "os = ios",
        "--last",
        "7d",
    ];
    let condition = |property: &str, op: &str, value: Value| json!([{"property": property, "op": op, "value": value}]);
    assert_eq!(
        ask(&options).unwrap(),
        json!({"kind": "paths", "last": "7d", "where": condition("os", "=", json!("ios")),
            "end": {"any": [{"event": "buy", "where": condition("n", ">", json!(1))}, {"event": "rent"}], "label": "got it"},
            "hide": [{"event": "scroll"}, {"event": "click", "where": condition("x", "=", json!(1))}],
            "only": [{"event": "view"}], "depth": 8, "limit": 3, "top": 0, "window": "30m", "count": "every", "collapse": false})
    );
    assert_eq!(ask(&[]).unwrap(), json!({"kind": "paths"}));
}

#[test]
fn what_is_wrong_is_named_by_its_option() {
    assert_eq!(
        refused(&["--start", "a as  b", "--depth", "1", "--hide", "x", "--hide", "y as z", "--window", "soon"]),
        "the question has 3 problems:\n  --depth: found the number 1; expected a whole number from 2 to 20\n  \
         --hide 2, label: unknown field `label`; known fields: event, where\n  --window: found `soon`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`"
    );
    assert_eq!(
        refused(&["--count", "every"]),
        "--count: `every` needs an event that paths begin or end with; give `start` or `end`, or count `sessions`"
    );
    assert!(
        refused(&["--only", "a where"]).starts_with("--only 1: the text ends here; expected the name of a property")
    );
    assert_eq!(
        refused(&["--only", "a", "--only", "b | c"]),
        "--only 2: found several events; expected one, and the option once for each"
    );
    assert!(refused(&["--end", "a where p matches ("]).starts_with("--end, where[0].value: not a regular expression"));
}
