//! The table of codes, held against the sources and the page for people.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use super::*;

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, text);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            // What comes behind is tests.
            text.push_str(source.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

/// The codes that the sources name, wherever one is given to an event, a body or a request.
fn found() -> BTreeSet<String> {
    let mut text = String::new();
    for folder in ["src", "../core/src/event"] {
        sources(Path::new(folder), &mut text);
    }
    let mut found = BTreeSet::new();
    for pattern in [
        r#"\bcode: "([a-z0-9_]+)""#,
        r#"\.add\(\s*"([a-z0-9_]+)""#,
        r#"\bproblem\(\s*"([a-z0-9_]+)""#,
        r#"\b(?:error|answer)\(\s*StatusCode::[A-Z_]+,\s*"([a-z0-9_]+)""#,
        r#"StatusCode::[A-Z_]+,\s*"([a-z0-9_]+)","#,
        r#"whole_body\(\s*"([a-z0-9_]+)""#,
    ] {
        found.extend(Regex::new(pattern).unwrap().captures_iter(&text).map(|code| code[1].to_owned()));
    }
    // `fn code(&self)` of each enum, up to the end of its match.
    let arm = Regex::new(r#"=> "([a-z0-9_]+)""#).unwrap();
    for function in text.split("fn code(&self) -> &'static str {").skip(1) {
        let function = function.split("\n    }\n").next().unwrap();
        found.extend(arm.captures_iter(function).map(|code| code[1].to_owned()));
    }
    found
}

#[test]
fn every_code_of_the_sources_is_in_the_table() {
    let found = found();
    assert!(found.len() > 30, "the sources were not read: {found:?}");
    let listed: BTreeSet<_> = ALL.iter().map(|code| code.name.to_owned()).collect();
    assert_eq!(found.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not in codes::ALL");
    assert_eq!(listed.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the sources");
    assert_eq!(listed.len(), ALL.len(), "a code is listed twice");
}

#[test]
fn every_code_is_explained_to_people() {
    let page = fs::read_to_string("../docs/ERRORS.md").unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z0-9_]+)` \| ([^|]*) \| [^|]+ \| [^|]+ \|$").unwrap();
    let rows: Vec<_> = row.captures_iter(&page).map(|row| (row[1].to_owned(), row[2].to_owned())).collect();
    let names: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ALL.iter().map(|code| code.name).collect::<Vec<_>>(), "docs/ERRORS.md has one row for each code");
    for (code, (_, statuses)) in ALL.iter().zip(&rows) {
        let statuses: Vec<u16> = statuses.split(", ").filter_map(|status| status.parse().ok()).collect();
        assert_eq!(statuses, code.statuses, "{}", code.name);
        assert!(code.of_events || !code.statuses.is_empty());
    }
}

#[test]
fn every_limit_is_told_to_people_with_its_code() {
    use weir_core::event::{MAX_DEPTH, MAX_EVENT_BYTES, MAX_KEYS, MAX_NAME_BYTES};

    use crate::body::{MAX_BODY_BYTES, MAX_EVENTS};
    use crate::load::LoadSettings;
    use crate::receive::MAX_DISCARDS;

    let load = LoadSettings::default();
    let page = fs::read_to_string("../docs/LIMITS.md").unwrap();
    let row = Regex::new(r"(?m)^\| ([^|]+) \| ([0-9,]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$").unwrap();
    let found: Vec<_> = row.captures_iter(&page).map(|row| [1, 2, 3].map(|part| row[part].to_owned())).collect();
    let limits = [
        ("size", MAX_EVENT_BYTES as u64, "`too_large`"),
        ("event name", MAX_NAME_BYTES as u64, "`too_long`"),
        ("levels", MAX_DEPTH as u64, "`too_deep`"),
        ("names", MAX_KEYS as u64, "`too_many_keys`"),
        ("body", MAX_BODY_BYTES as u64, "`too_large`"),
        ("events", MAX_EVENTS as u64, "`too_many_events`"),
        ("seconds", load.body_time.as_secs(), "`too_slow`"),
        // The log's own: the collector passes on what it says.
        ("record", 16 << 20, "`too_large`"),
        ("bytes under way", load.most.bytes, "`overloaded`, `bulk_paused`"),
        ("requests under way", load.most.requests, "`overloaded`, `bulk_paused`"),
        ("refused bodies", MAX_DISCARDS as u64, "none"),
    ];
    assert_eq!(found.len(), limits.len(), "{found:?}");
    for ([label, value, code], (expected_label, expected, expected_code)) in found.iter().zip(limits) {
        assert!(label.starts_with(expected_label), "{label} stands where {expected_label} should");
        assert_eq!((value.replace(',', ""), code.as_str()), (expected.to_string(), expected_code), "{label}");
    }
    let named = Regex::new("`([a-z_]+)`").unwrap();
    for code in found.iter().flat_map(|[_, _, code]| named.captures_iter(code)) {
        assert!(ALL.iter().any(|known| known.name == &code[1]), "{}", &code[1]);
    }
}
