//! Paths against their reference, and what their answers look like.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::answer::{Source, percentile};
use crate::scan::hand::{self, Event};
use crate::spec::parse_value;

const M: i64 = 60_000;
const H: i64 = 60 * M;
/// 2026-03-28, a day before the clocks of Berlin go forward.
const START_MS: i64 = 1_774_656_000_000;

fn spec(fields: &Value) -> PathsSpec {
    let mut document = json!({"kind": "paths"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 0).unwrap().into_paths().unwrap()
}

fn report(spec: &PathsSpec, parts: &[Vec<Vec<Event>>], complete_to_ms: Option<i64>) -> PathsReport {
    let walk = hand::run(|| PathsWalk::new(Arc::new(spec.clone()), complete_to_ms), parts);
    walk.report(Source { complete_to_ms, version: 7, ..Source::default() }).unwrap()
}

/// Events of one letter each, a minute apart; capitals are anchors. Spaces are minutes without an event.
fn user(letters: &str) -> Vec<Event> {
    let events = letters.chars().enumerate().filter(|(_, letter)| *letter != ' ');
    let event = |(minute, letter): (usize, char)| {
        let name = letter.to_lowercase().to_string();
        hand::event(START_MS + minute as i64 * M, &name, u128::from(letter.is_uppercase()))
    };
    events.map(event).collect()
}

/// Whole paths as letters, with how many.
fn whole(spec: &PathsSpec, users: &[&str]) -> Vec<(String, u64)> {
    let users: Vec<Vec<Event>> = users.iter().map(|letters| user(letters)).collect();
    let report = report(spec, &[users], Some(START_MS + 100 * H));
    report.paths.into_iter().map(|path| (path.events.concat(), path.count)).collect()
}

fn paths(fields: &Value, letters: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (path, count) in whole(&spec(fields), &[letters]) {
        found.extend(vec![path; count as usize]);
    }
    found
}

#[test]
fn a_path_goes_on_from_the_first_anchor_or_back_from_it() {
    assert_eq!(paths(&json!({"start": "v", "depth": 3}), "sVVcasV"), ["vca"]);
    assert_eq!(paths(&json!({"end": "a", "depth": 3}), "svvcAsA"), ["acv"]);
    assert_eq!(paths(&json!({"start": "v", "depth": 3, "collapse": false}), "sVVca"), ["vvc"]);
    assert_eq!(paths(&json!({"depth": 3}), "svvca"), ["svc"]);
    assert_eq!(paths(&json!({"start": "v"}), "sca"), [""; 0]);
}

#[test]
fn what_is_passed_over_is_as_good_as_not_there_but_for_sessions() {
    let bits = |letters: &str, bit: usize, of: &str| {
        let mut events = user(letters);
        for event in events.iter_mut().filter(|event| of.contains(&event.name)) {
            event.bits |= 1 << bit;
        }
        events
    };
    let one = |fields: Value, events: Vec<Event>| {
        let report = report(&spec(&fields), &[vec![events]], Some(START_MS + 100 * H));
        report.paths.into_iter().map(|path| path.events.concat()).collect::<Vec<_>>()
    };
    // Without the chat in between, the two views are one step.
    assert_eq!(one(json!({"start": "v", "hide": ["c"]}), bits("Vcva", HIDE, "c")), ["va"]);
    assert_eq!(one(json!({"start": "v", "only": ["a"]}), bits("Vcvaa", ONLY, "a")), ["va"]);
    // Half an hour of nothing ends a session; half an hour of what is not looked at does not.
    let pause = " ".repeat(30);
    assert_eq!(one(json!({"start": "v", "hide": ["c"]}), bits(&format!("V{pause}a"), HIDE, "c")), ["v"]);
    assert_eq!(one(json!({"start": "v", "hide": ["c"]}), bits(&format!("V{}c   a", &pause[..28]), HIDE, "c")), ["va"]);
}

#[test]
fn every_anchor_has_a_path_but_those_inside_of_another() {
    let every = json!({"start": "v", "depth": 3, "count": "every"});
    assert_eq!(paths(&every, "VaVcVVsVVV"), ["vav", "vsv"]);
    // Repeats of the last step belong to it.
    assert_eq!(paths(&json!({"start": "v", "depth": 2, "count": "every"}), "VaVVaaaV"), ["va", "va", "v"]);
    let back = json!({"end": "v", "depth": 3, "count": "every"});
    assert_eq!(paths(&back, "abcVVVdV"), ["vcb", "vd"]);
    assert_eq!(paths(&json!({"end": "v", "depth": 3, "count": "every", "collapse": false}), "aVVb"), ["v", "va"]);
}

#[test]
fn a_window_bounds_the_time_from_the_anchor() {
    let minutes = |window: &str| paths(&json!({"start": "v", "window": window}), "V  a b");
    assert_eq!(
        (minutes("2m"), minutes("3m"), minutes("5m")),
        (vec!["v".to_owned()], vec!["va".to_owned()], vec!["vab".to_owned()])
    );
    assert_eq!(paths(&json!({"end": "v", "window": "2m"}), "a b V"), ["vb"]);
}

#[test]
fn sessions_are_followed_apart() {
    let pause = " ".repeat(31);
    let letters = format!("sVa{pause}Vb{pause}Va");
    assert_eq!(paths(&json!({"start": "v"}), &letters), ["va"]);
    assert_eq!(paths(&json!({"start": "v", "count": "sessions"}), &letters), ["va", "va", "vb"]);
    assert_eq!(paths(&json!({"start": "v", "window": "2h"}), &letters), ["vavbv"]);
}

#[test]
fn an_answer_lists_levels_links_paths_and_a_tree() {
    let spec = spec(&json!({"start": "v", "depth": 3, "limit": 1, "top": 2}));
    let users: Vec<Vec<Event>> = ["Vab", "Vac", "V a", "Vb", "V"].iter().map(|letters| user(letters)).collect();
    // All that is not whole may go on for half an hour after the second minute, but not the one that ends at minute 0.
    let report = report(&spec, &[users[..2].to_vec(), users[2..].to_vec()], Some(START_MS + 31 * M));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json["levels"],
        json!([
            {"level": 1, "nodes": [{"event": "v", "count": 5, "share": 1.0}]},
            {"level": 2, "nodes": [{"event": "a", "count": 3, "share": 0.6}, {"other": true, "count": 1, "share": 0.2},
                {"end": "stopped", "count": 1, "share": 0.2}]},
            {"level": 3, "nodes": [{"event": "b", "count": 1, "share": 0.2}, {"other": true, "count": 1, "share": 0.2},
                {"end": "open", "count": 2, "share": 0.4}]}
        ])
    );
    assert_eq!(
        json["links"],
        json!([
            {"level": 1, "from": {"event": "v"}, "to": {"event": "a"}, "count": 3, "median_ms": 60000},
            {"level": 1, "from": {"event": "v"}, "to": {"other": true}, "count": 1, "median_ms": 60000},
            {"level": 1, "from": {"event": "v"}, "to": {"end": "stopped"}, "count": 1, "median_ms": null},
            {"level": 2, "from": {"event": "a"}, "to": {"event": "b"}, "count": 1, "median_ms": 60000},
            {"level": 2, "from": {"event": "a"}, "to": {"other": true}, "count": 1, "median_ms": 60000},
            {"level": 2, "from": {"event": "a"}, "to": {"end": "open"}, "count": 1, "median_ms": null},
            {"level": 2, "from": {"other": true}, "to": {"end": "open"}, "count": 1, "median_ms": null}
        ])
    );
    assert_eq!(
        json["paths"],
        json!([{"events": ["v"], "count": 1, "share": 0.2, "open": 0}, {"events": ["v", "a"], "count": 1, "share": 0.2, "open": 1}])
    );
    assert_eq!(
        json["tree"],
        json!([{"event": "v", "count": 5, "share": 1.0, "children": [
            {"event": "a", "count": 3, "share": 0.6, "children": [
                {"event": "b", "count": 1, "share": 0.2}, {"other": true, "count": 1, "share": 0.2},
                {"end": "open", "count": 1, "share": 0.2}]},
            {"other": true, "count": 1, "share": 0.2}, {"end": "stopped", "count": 1, "share": 0.2}]}])
    );
    assert_eq!(
        (&json["kind"], &json["count"], &json["total"], &json["version"]),
        (&json!("paths"), &json!("users"), &json!(5), &json!(7))
    );
}

#[test]
fn without_whole_paths_there_is_no_tree_and_without_users_there_is_nothing() {
    let spec = spec(&json!({"start": "v", "top": 0}));
    let report_of = |users: Vec<Vec<Event>>| report(&spec, &[users], None);
    let some = report_of(vec![user("Vab")]);
    assert!(some.paths.is_empty() && some.tree.is_empty());
    assert_eq!(some.levels.len(), 4);
    let none = report_of(vec![user("abc")]);
    assert_eq!((none.total, none.levels.len(), none.links.len()), (0, 0, 0));
}

#[test]
fn who_is_not_counted_leaves_nothing_behind() {
    let mut walk = PathsWalk::new(Arc::new(spec(&json!({"start": "v"}))), None);
    let events = user("Vab");
    for is_counted in [false, true] {
        for event in &events {
            walk.take(&Seen {
                time_ms: event.time_ms,
                bits: event.bits,
                event: &event.name,
                session_id: None,
                properties: event,
            });
        }
        walk.end_user(is_counted);
    }
    assert_eq!(walk.report(Source::default()).unwrap().total, 1);
}

#[test]
fn what_is_read_lies_as_far_from_the_range_as_paths_go() {
    let bounds = |fields: Value| wants(&spec(&fields)).bounds_ms.unwrap();
    let range = json!({"from": "2026-03-28T00:00:00Z", "to": "2026-03-29T00:00:00Z"});
    let with = |fields: Value| {
        let mut all = range.clone();
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        bounds(all)
    };
    let end_ms = START_MS + 24 * H - 1;
    assert_eq!(with(json!({"start": "v"})), (START_MS, end_ms + 24 * H));
    assert_eq!(with(json!({"end": "v", "window": "2h"})), (START_MS - 2 * H, end_ms));
    assert_eq!(bounds(json!({})), (i64::MIN, i64::MAX));
    let wanted = |fields: Value| {
        let wants = wants(&spec(&fields));
        (wants.needs_every_event, wants.needs_sessions, wants.selectors.len())
    };
    assert_eq!(wanted(json!({"start": "v", "hide": ["x", "y"], "window": "1h"})), (true, false, 3));
    assert_eq!(wanted(json!({"start": "v", "only": ["x"], "window": "1h"})), (false, false, 2));
    assert_eq!(wanted(json!({"start": "v", "only": ["x"]})), (true, true, 2));
}

/// Events of some users, a question, and how users are shared out.
fn cases() -> impl Strategy<Value = (Vec<Vec<Event>>, Value, usize)> {
    // Few minutes, so that ties are the rule, and pauses of all kinds.
    let event = (0..60i64, 0..4usize, 0..8u128, 0..4usize).prop_map(|(at, name, bits, session)| {
        let session_id = ["s", "t"].get(session).map(|id| (*id).to_owned());
        Event { session_id, ..hand::event(START_MS + at * 11 * M, ["a", "b", "c", "d"][name], bits) }
    });
    let user = prop::collection::vec(event, 0..14).prop_map(|mut events| {
        events.sort_by_key(|event| event.time_ms);
        events
    });
    let shape = (0..3usize, 0..3usize, 0..4usize, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let question =
        (shape, 2..5u64, 1..4u64).prop_map(|((anchor, count, window, collapse, only, hide, ranged), depth, limit)| {
            let anchor = if count == 2 { anchor % 2 } else { anchor };
            let mut question = json!({"depth": depth, "limit": limit, "top": 1000, "collapse": collapse,
            "count": (["users", "sessions", "every"][count]), "window": (["session", "30m", "3h", "9h"][window]),
            "timezone": "Europe/Berlin"});
            if let Some(name) = ["start", "end"].get(anchor) {
                question[name] = json!("a");
            }
            if only {
                question["only"] = json!(["b"]);
            }
            if hide {
                question["hide"] = json!(["c"]);
            }
            if ranged {
                question["from"] = json!("2026-03-28T02:00:00Z");
                question["to"] = json!("2026-03-28T07:00:00Z");
            }
            question
        });
    (prop::collection::vec(user, 0..8), question, 1..4usize)
}

type Counted<K> = BTreeMap<K, u64>;

/// Names of each level in the order of the answer, those that have no name as `~other`, and ends.
fn expected_levels(found: &[(reference::Path, bool)], depth: usize, limit: usize) -> Vec<Vec<(String, u64)>> {
    let mut levels = Vec::new();
    for level in 0..depth {
        let mut names: Counted<&str> = BTreeMap::new();
        for (path, _) in found.iter().filter(|(path, _)| path.events.len() > level) {
            *names.entry(&path.events[level]).or_default() += 1;
        }
        let mut names: Vec<(String, u64)> = names.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        names.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let others: u64 = names.iter().skip(limit).map(|(_, n)| n).sum();
        names.truncate(limit);
        names.push(("~other".to_owned(), others));
        for (name, is_open) in [("~stopped", false), ("~open", true)] {
            let ended = found.iter().filter(|(path, open)| path.events.len() == level && *open == is_open).count();
            names.push((name.to_owned(), ended as u64));
        }
        names.retain(|(_, n)| *n > 0);
        levels.extend(Some(names).filter(|names| !names.is_empty()));
    }
    levels
}

fn place(place: &PathPlace) -> String {
    match place {
        PathPlace::Event { event } => event.clone(),
        PathPlace::Other { .. } => "~other".to_owned(),
        PathPlace::End { end: PathEnd::Stopped } => "~stopped".to_owned(),
        PathPlace::End { end: PathEnd::Open } => "~open".to_owned(),
    }
}

/// Counts and times of links, by level and places.
fn expected_links(
    found: &[(reference::Path, bool)],
    levels: &[Vec<(String, u64)>],
) -> BTreeMap<(usize, String, String), (u64, Vec<i64>)> {
    let listed = |level: usize, name: &str| {
        let is_listed = levels[level].iter().any(|(listed, _)| listed == name);
        if is_listed { name.to_owned() } else { "~other".to_owned() }
    };
    let mut links: BTreeMap<(usize, String, String), (u64, Vec<i64>)> = BTreeMap::new();
    for (path, is_open) in found {
        for at in 1..path.events.len() {
            let key = (at, listed(at - 1, &path.events[at - 1]), listed(at, &path.events[at]));
            let (count, times) = links.entry(key).or_default();
            *count += 1;
            times.push((path.times_ms[at] - path.times_ms[at - 1]).abs());
        }
        if !path.is_whole {
            let last = path.events.len();
            let end = if *is_open { "~open" } else { "~stopped" };
            links.entry((last, listed(last - 1, &path.events[last - 1]), end.to_owned())).or_default().0 += 1;
        }
    }
    links
}

/// Whether each branch has as many paths as begin like it, and its children are all of them.
fn check_tree(
    branches: &[PathBranch],
    before: &[String],
    found: &[(reference::Path, bool)],
    depth: usize,
) -> Result<(), TestCaseError> {
    let begins = |names: &[String]| found.iter().filter(|(path, _)| path.events.starts_with(names)).count() as u64;
    prop_assert_eq!(branches.iter().map(|branch| branch.count).sum::<u64>(), begins(before));
    for branch in branches {
        if let PathPlace::Event { event } = &branch.place {
            let names: Vec<String> = before.iter().chain([event]).cloned().collect();
            prop_assert_eq!(branch.count, begins(&names));
            if names.len() < depth {
                check_tree(&branch.children, &names, found, depth)?;
            } else {
                prop_assert!(branch.children.is_empty());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_figure_is_that_of_the_reference((users, question, parts) in cases(), complete in 0..30i64) {
        let spec = spec(&question);
        let complete_to_ms = START_MS + complete * 30 * M;
        let found: Vec<(reference::Path, bool)> = users
            .iter()
            .flat_map(|events| reference::paths(&spec, events))
            .map(|path| { let is_open = !path.is_whole && path.open_until_ms >= complete_to_ms; (path, is_open) })
            .collect();
        let parts: Vec<Vec<Vec<Event>>> = users.chunks(parts).map(<[_]>::to_vec).collect();
        let report = report(&spec, &parts, Some(complete_to_ms));
        prop_assert_eq!(report.total, found.len() as u64);
        let levels = expected_levels(&found, spec.depth, spec.limit);
        let listed: Vec<Vec<(String, u64)>> =
            report.levels.iter().map(|level| level.nodes.iter().map(|node| (place(&node.place), node.count)).collect()).collect();
        prop_assert_eq!(&listed, &levels);
        let links = expected_links(&found, &levels);
        prop_assert_eq!(report.links.len(), links.len());
        for link in &report.links {
            let Some((count, times)) = links.get(&(link.level, place(&link.from), place(&link.to))) else {
                return Err(TestCaseError::fail(format!("{link:?}")));
            };
            let mut times = times.clone();
            times.sort_unstable();
            prop_assert_eq!((link.count, link.median_ms.0), (*count, percentile(&times, 5)));
        }
        let mut whole: Counted<Vec<String>> = BTreeMap::new();
        for (path, _) in &found {
            *whole.entry(path.events.clone()).or_default() += 1;
        }
        let mut whole: Vec<(Vec<String>, u64)> = whole.into_iter().collect();
        whole.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        prop_assert_eq!(report.paths.iter().map(|path| (path.events.clone(), path.count)).collect::<Vec<_>>(), whole);
        prop_assert_eq!(report.paths.iter().map(|path| path.open).sum::<u64>(), found.iter().filter(|(_, open)| *open).count() as u64);
        check_tree(&report.tree, &[], &found, spec.depth)?;
    }
}
