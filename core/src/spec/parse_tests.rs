//! What a spec means, and what a person reads when it is wrong.

use chrono_tz::Tz;
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::condition::{MAX_CONDITIONS, MAX_VALUES, OPS};
use super::super::fields::{BREAKDOWN_FIELDS, CONDITION_FIELDS, EXCLUDE_FIELDS, SPEC_FIELDS, STEP_FIELDS};
use super::super::rules::{MAX_EXCLUDES, MAX_HELD};
use super::{DEFAULT_LIMIT, MAX_ALTERNATIVES, MAX_LABEL_BYTES, MAX_SPEC_BYTES, parse, parse_value};
use crate::spec::{
    Breakdown, Count, DateRange, Exclusion, FunnelSpec, Interval, MAX_STEPS, Order, PropertyPath, PropertyRoot, Spec,
    SpecError, Test, Ties, Window,
};

const NOW_MS: i64 = 1_768_000_000_000;

fn funnel(value: &Value) -> Result<FunnelSpec, SpecError> {
    parse_value(value, NOW_MS)?.into_funnel()
}

/// A funnel with other or further fields than the smallest.
fn with(fields: Value) -> Value {
    let mut spec = json!({"kind": "funnel", "steps": [{"event": "a"}, {"event": "b"}]});
    let members = spec.as_object_mut().unwrap();
    members.extend(fields.as_object().unwrap().clone());
    spec
}

fn errors(fields: Value) -> String {
    funnel(&with(fields)).unwrap_err().to_string()
}

fn properties(path: &str) -> PropertyPath {
    PropertyPath { root: PropertyRoot::Properties, path: path.to_owned() }
}

#[test]
fn the_smallest_spec_has_every_default() {
    let funnel = funnel(&with(json!({}))).unwrap();
    assert_eq!(funnel.range, DateRange::default());
    assert_eq!(funnel.timezone, Tz::UTC);
    assert_eq!(funnel.window, Window::Duration(14 * 86_400_000));
    assert_eq!((funnel.order, funnel.ties, funnel.count), (Order::Ordered, Ties::Lenient, Count::Users));
    assert!(funnel.exclude.is_empty() && funnel.hold.is_empty());
    assert_eq!((funnel.exclusion, funnel.interval, funnel.previous), (Exclusion::Block, None, None));
    assert!(funnel.steps.iter().all(|step| !step.optional));
    assert!(funnel.filters.is_empty());
    assert_eq!(funnel.breakdown, None);
    assert_eq!(funnel.version, None);
    let labels: Vec<&str> = funnel.steps.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(labels, ["a", "b"]);
    assert_eq!(funnel.steps[0].any[0].event.as_deref(), Some("a"));
}

#[test]
fn a_full_spec_is_read_to_the_last_field() {
    let text = r#"{ "kind": "funnel", "from": "2026-01-01", "to": "2026-01-31", "timezone": "Asia/Seoul",
        "steps": [ {"event": "view_item"},
                   {"any": [{"event": "add_to_cart", "where": [{"property": "n", "op": ">", "value": 0}]},
                            {"event": "add_to_wishlist"}],
                    "where": [{"property": "page", "op": "exists"}], "label": "wants it", "optional": true},
                   {"any": [{"event": "purchase"}, {"event": "*"}, {"event": "purchase"}]} ],
        "window": "1d", "order": "ordered", "ties": "arrival", "count": "attempts",
        "exclude": [{"event": "remove", "from": 1, "to": 3, "where": [{"property": "all", "op": "=", "value": true}]},
                    {"any": [{"event": "log_out"}, {"event": "*"}]}], "exclusion": "drop_user",
        "where": [ {"property": "context.platform", "op": "in", "value": ["ios", "android"]} ],
        "breakdown": {"property": "country", "step": 2, "limit": 5}, "hold": ["item_id", "context.app", "item_id"],
        "interval": "week", "compare": "previous", "version": 42 }"#;
    let funnel = parse(text, NOW_MS).unwrap().into_funnel().unwrap();
    let midnight_in_seoul = 1_767_225_600_000 - 9 * 3_600_000;
    assert_eq!(funnel.range.from_ms, Some(midnight_in_seoul));
    assert_eq!(funnel.range.to_ms, Some(midnight_in_seoul + 31 * 86_400_000));
    assert_eq!((funnel.timezone, funnel.window), (Tz::Asia__Seoul, Window::Duration(86_400_000)));
    assert_eq!((funnel.ties, funnel.version), (Ties::Arrival, Some(42)));
    assert_eq!(funnel.breakdown, Some(Breakdown { property: properties("country"), step: 2, limit: 5 }));

    assert_eq!((funnel.order, funnel.count, funnel.exclusion), (Order::Ordered, Count::Attempts, Exclusion::DropUser));
    let excluded: Vec<(usize, usize, usize)> = funnel.exclude.iter().map(|e| (e.any.len(), e.from, e.to)).collect();
    assert_eq!(excluded, [(1, 1, 3), (2, 1, 3)]);
    assert_eq!(funnel.exclude[0].any[0].filters.len(), 1);
    let context = PropertyPath { root: PropertyRoot::Context, path: "app".to_owned() };
    assert_eq!(funnel.hold, [properties("item_id"), context]);
    assert_eq!(funnel.interval, Some(Interval::Week));
    let december = DateRange { from_ms: Some(midnight_in_seoul - 31 * 86_400_000), to_ms: Some(midnight_in_seoul) };
    assert_eq!(funnel.previous, Some(december));
    assert!(funnel.steps[1].optional && !funnel.steps[2].optional);

    let filter = &funnel.filters[0];
    assert_eq!(filter.property, PropertyPath { root: PropertyRoot::Context, path: "platform".to_owned() });
    assert!(matches!(&filter.test, Test::In(values) if *values == [json!("ios"), json!("android")]));

    let labels: Vec<&str> = funnel.steps.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(labels, ["view_item", "wants it", "purchase or any event"]);
    let [cart, wishlist] = funnel.steps[1].any.as_slice() else { panic!("two alternatives") };
    let names = |event: &super::EventMatch| -> Vec<String> {
        event.filters.iter().map(|filter| filter.property.path.clone()).collect()
    };
    assert_eq!(names(cart), ["n", "page"]);
    assert_eq!(names(wishlist), ["page"]);
    assert_eq!(funnel.steps[2].any[1].event, None);
}

#[test]
fn null_is_the_same_as_no_field() {
    let nulls: serde_json::Map<String, Value> = (SPEC_FIELDS.supported.iter().chain(SPEC_FIELDS.later))
        .filter(|name| !["kind", "steps"].contains(name))
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    let spec = funnel(&with(Value::Object(nulls))).unwrap();
    assert_eq!(spec.window, Window::Duration(14 * 86_400_000));
    let step = json!({"event": "a", "any": null, "where": null, "label": null, "optional": null});
    funnel(&with(json!({"steps": [step], "breakdown": {"property": "p", "step": null, "limit": null}}))).unwrap();
    funnel(&with(json!({"where": [{"property": "p", "op": "exists", "value": null}]}))).unwrap();
}

#[test]
fn last_counts_back_from_now_and_includes_it() {
    let range = funnel(&with(json!({"last": "30d"}))).unwrap().range;
    assert_eq!(range, DateRange { from_ms: Some(NOW_MS - 30 * 86_400_000), to_ms: Some(NOW_MS + 1) });
    assert!(range.contains(NOW_MS) && !range.contains(NOW_MS + 1));
    assert!(parse_value(&with(json!({"last": "36500d"})), i64::MIN).is_ok());
    assert!(parse_value(&with(json!({"last": "1d"})), i64::MAX).is_ok());
}

#[test]
fn ranges_may_be_wide_open_or_one_day() {
    let range = |fields: Value| funnel(&with(fields)).unwrap().range;
    let day = range(json!({"from": "2026-03-29", "to": "2026-03-29", "timezone": "Europe/Berlin"}));
    assert_eq!(day.to_ms.unwrap() - day.from_ms.unwrap(), 23 * 3_600_000);
    range(json!({"from": "1926-01-01", "to": "9999-12-31"}));
    assert_eq!(range(json!({"from": "2026-01-01"})).to_ms, None);
    assert_eq!(range(json!({"to": "1970-01-01T00:00:00Z"})).to_ms, Some(0));
    let skipped = range(json!({"from": "2011-12-30", "to": "2011-12-30", "timezone": "Pacific/Apia"}));
    assert_eq!(skipped.from_ms, skipped.to_ms);
}

#[test]
fn a_breakdown_may_be_a_property_alone() {
    let expected = Breakdown { property: properties("country"), step: 1, limit: DEFAULT_LIMIT };
    assert_eq!(funnel(&with(json!({"breakdown": "country"}))).unwrap().breakdown, Some(expected.clone()));
    let object = json!({"breakdown": {"property": "country", "step": 1.0}});
    assert_eq!(funnel(&with(object)).unwrap().breakdown, Some(expected));
}

#[test]
fn every_op_is_read() {
    for op in OPS {
        let condition = match *op {
            "exists" | "not exists" => json!({"property": "p", "op": op}),
            "in" | "not in" => json!({"property": "p", "op": op, "value": ["x", 1, true]}),
            _ => json!({"property": "p", "op": op, "value": "x"}),
        };
        assert!(funnel(&with(json!({"where": [condition]}))).is_ok(), "{op}");
    }
}

#[test]
fn text_that_is_no_spec() {
    let error = |text: &str| parse(text, NOW_MS).unwrap_err().to_string();
    assert_snapshot!(error(""), @r#"spec: not valid JSON: EOF while parsing a value at line 1 column 0; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    assert_snapshot!(error("{\"kind\": \"funnel\",}"), @r#"spec: not valid JSON: trailing comma at line 1 column 19; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    assert_snapshot!(error("[]"), @r#"spec: found an empty list; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    assert_snapshot!(error("{}"), @r#"
    kind: missing; expected `funnel`, `trends`, `retention`, `lifecycle`, `stickiness`, `experiment`, `paths` or `sessions`
    steps: missing; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]
    "#);
    assert_snapshot!(error("{\"kind\": \"funel\", \"steps\": [{\"event\": \"a\"}]}"), @r#"kind: unknown kind `funel`; did you mean `funnel`?"#);
    assert_snapshot!(error("{\"kind\": \"survey\", \"cohort\": 1}"), @"kind: unknown kind `survey`; expected `funnel`, `trends`, `retention`, `lifecycle`, `stickiness`, `experiment`, `paths` or `sessions`");
    assert_snapshot!(error("{\"kind\": 1, \"steps\": []}"), @r#"
    kind: found the number 1; expected `funnel`, `trends`, `retention`, `lifecycle`, `stickiness`, `experiment`, `paths` or `sessions`
    steps: found 0 steps; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]
    "#);
}

#[test]
fn every_problem_is_reported_at_once() {
    assert_snapshot!(errors(json!({
        "widnow": "1d", "colour": 1, "time_zone": "UTC", "timezone": "Asia/Seul", "from": "2026-02-30", "to": 5,
        "window": 86400, "ties": "lenent", "count": "people",
        "steps": [{"event": "a"}, {"event": "", "where": [{"property": "p", "op": "=>", "value": 1}, 7]}, {}],
        "where": [{"property": "", "op": "="}], "breakdown": {"step": 4, "limit": 0}, "version": -1,
    })), @r#"
    widnow: unknown field `widnow`; did you mean `window`?
    colour: unknown field `colour`; known fields: kind, from, to, last, timezone, steps, window, order, ties, count, exclude, exclusion, where, breakdown, hold, interval, compare, users, cohort, version
    time_zone: unknown field `time_zone`; did you mean `timezone`?
    timezone: unknown time zone `Asia/Seul`; did you mean `Asia/Seoul`?
    from: the calendar has no day `2026-02-30`
    to: found the number 5; expected a date such as `2026-01-31` or an instant such as `2026-01-31T09:00:00Z`
    where[0].property: found an empty text; expected the name of a property, such as `price`
    where[0].value: missing; op `=` needs a value
    version: found the number -1; expected a whole number from 0
    steps[1].where[0].op: unknown op `=>`; did you mean `>=`?
    steps[1].where[1]: found the number 7; expected a condition such as {"property": "price", "op": ">=", "value": 100}
    steps[1].event: found an empty text; expected a name of 1 to 200 bytes
    steps[2]: has neither `event` nor `any`; expected a step such as {"event": "purchase"} or {"any": [{"event": "add_to_cart"}, {"event": "add_to_wishlist"}]}
    window: found the number 86400; expected a text such as `14d` (units ms, s, m, h, d, w), or `session`
    ties: unknown ties `lenent`; did you mean `lenient`?
    count: unknown count `people`; expected `users`, `sessions` or `attempts`
    breakdown.property: missing; expected the name of a property, such as `price` or `context.platform`
    breakdown.step: found the number 4; expected a whole number from 1 to 3
    breakdown.limit: found the number 0; expected a whole number from 1 to 1000
    "#);
}

#[test]
fn words_of_the_rules_that_are_wrong() {
    assert_snapshot!(errors(json!({
        "order": "strickt", "count": "session", "window": "sesion", "exclude": {"event": "x"}, "exclusion": "drop",
        "hold": "item_id", "interval": "daily", "compare": "before", "holds": [],
        "steps": [{"event": "a", "optional": true}, {"event": "b", "optional": "yes", "optonal": true}],
    })), @r#"
    holds: unknown field `holds`; did you mean `hold`?
    steps[1].optonal: unknown field `optonal`; did you mean `optional`?
    steps[1].optional: found the text `yes`; expected true or false
    window: found `sesion`; did you mean `session`?
    order: unknown order `strickt`; did you mean `strict`?
    steps[0].optional: the first step cannot be optional: every attempt begins with it
    count: unknown count `session`; did you mean `sessions`?
    exclude: found an object; expected a list of events, [{"event": "remove_from_cart", "from": 1, "to": 2}]
    exclusion: unknown exclusion `drop`; expected `block` or `drop_user`
    hold: found the text `item_id`; expected a list of properties, such as ["item_id"]
    interval: unknown interval `daily`; expected `hour`, `day`, `week` or `month`
    compare: unknown compare `before`; expected `previous`
    "#);
}

#[test]
fn exclusions_that_are_wrong() {
    let three = json!([{"event": "a"}, {"event": "b", "optional": true}, {"event": "c"}]);
    let excludes = |exclude: Value| errors(json!({"steps": three, "exclude": exclude}));
    assert_snapshot!(excludes(json!([{}, {"event": "x", "any": []}, {"event": "x", "frm": 1}, 7])), @r#"
    exclude[0]: has neither `event` nor `any`; expected an event such as {"event": "remove_from_cart", "from": 1, "to": 2}
    exclude[1]: has both `event` and `any`; expected one of them
    exclude[2].frm: unknown field `frm`; did you mean `from`?
    exclude[3]: found the number 7; expected an event such as {"event": "remove_from_cart", "from": 1, "to": 2}
    "#);
    assert_snapshot!(excludes(json!([
        {"event": "x", "from": 0}, {"event": "x", "from": 3, "to": 4}, {"event": "x", "from": 2, "to": 2},
        {"event": "x", "from": 2}, {"event": "x", "to": 2},
    ])), @"
    exclude[0].from: found the number 0; expected a whole number from 1 to 2
    exclude[1].from: found the number 3; expected a whole number from 1 to 2
    exclude[1].to: found the number 4; expected a whole number from 2 to 3
    exclude[2].from: step 2 is not before step 2, which is `to`
    exclude[3].from: step 2 is optional, and an attempt may pass over it; expected a step that is not
    exclude[4].to: step 2 is optional, and an attempt may pass over it; expected a step that is not
    ");
    assert_snapshot!(errors(json!({"steps": [{"event": "a"}], "exclude": [{"event": "x"}]})), @"exclude[0]: a funnel of one step has nothing between two steps; leave `exclude` out");
    assert_snapshot!(errors(json!({"exclude": vec![json!({"event": "x"}); MAX_EXCLUDES + 1]})), @"exclude: found a list of 33; expected at most 32");
    // The last step may be optional: who comes so far has it.
    let last = json!({"steps": [{"event": "a"}, {"event": "b", "optional": true}], "exclude": [{"event": "x"}]});
    assert_eq!(funnel(&with(last)).unwrap().exclude[0].to, 2);
}

#[test]
fn rules_that_contradict_each_other() {
    assert_snapshot!(errors(json!({
        "order": "any", "exclude": [{"event": "x"}], "steps": [{"event": "a"}, {"event": "b", "optional": true}],
    })), @"
    steps[1].optional: stands beside order `any`, where any step may be missing; leave one of the two out
    exclude: stands beside order `any`, where no step comes before another; leave one of the two out
    ");
    assert_snapshot!(errors(json!({"compare": "previous"})), @"compare: needs a period to compare with the one before; give `from` and `to`, or `last`");
    assert_snapshot!(errors(json!({"compare": "previous", "from": "2026-01-01"})), @"compare: needs a period to compare with the one before; give `from` and `to`, or `last`");
    assert_snapshot!(errors(json!({"interval": "hour", "from": "2020-01-01", "to": "2026-01-01"})), @"interval: the period has more than 20000 hours; expected a longer interval, or less time");
    assert_snapshot!(errors(json!({"hold": ["", "context", 5]})), @"
    hold[0]: found an empty text; expected the name of a property, such as `price`
    hold[1]: found `context`; expected `context.…`, such as `context.platform`
    hold[2]: found the number 5; expected the name of a property, such as `item_id`
    ");
    assert_snapshot!(errors(json!({"hold": vec!["p"; MAX_HELD + 1]})), @"hold: found a list of 11; expected at most 10");
    assert!(funnel(&with(json!({"interval": "day", "from": "2020-01-01", "to": "2026-01-01"}))).is_ok());
}

#[test]
fn the_period_before_is_as_long() {
    let previous = |fields: Value| {
        let mut fields = fields;
        fields["compare"] = json!("previous");
        let funnel = funnel(&with(fields)).unwrap();
        let (range, previous) = (funnel.range, funnel.previous.unwrap());
        assert_eq!(previous.to_ms, range.from_ms);
        let length = |range: DateRange| range.to_ms.unwrap() - range.from_ms.unwrap();
        (length(range), length(previous))
    };
    const H: i64 = 3_600_000;
    assert_eq!(previous(json!({"last": "30d"})), (30 * 24 * H + 1, 30 * 24 * H + 1));
    assert_eq!(previous(json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"})), (H, H));
    // Seven days by the calendar, one of which has 23 hours.
    let week = json!({"from": "2026-03-30", "to": "2026-04-05", "timezone": "Europe/Berlin"});
    assert_eq!(previous(week), (7 * 24 * H, 7 * 24 * H - H));
}

#[test]
fn times_that_are_wrong() {
    assert_snapshot!(errors(json!({"from": "2026-01-02", "to": "2026-01-01"})), @r#"from: `2026-01-02` is after `to`, `2026-01-01`; expected the earlier one first"#);
    assert_snapshot!(errors(json!({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01"})), @r#"from: `2026-01-02T00:00:00Z` is after `to`, `2026-01-01`; expected the earlier one first"#);
    assert_snapshot!(errors(json!({"from": "2026-01-01", "to": "2025-12-31T23:59:59Z"})), @r#"from: `2026-01-01` is after `to`, `2025-12-31T23:59:59Z`; expected the earlier one first"#);
    assert_snapshot!(errors(json!({"from": "2026-01-01T00:00", "to": "tomorrow"})), @r#"
    from: `2026-01-01T00:00` has no offset; add `Z` for UTC: `2026-01-01T00:00:00Z`
    to: found `tomorrow`; expected a date such as `2026-01-31` or an instant such as `2026-01-31T09:00:00Z`
    "#);
    assert_snapshot!(errors(json!({"last": "30d", "from": "2026-01-01"})), @r#"last: stands beside `from` or `to`; expected either `last` or those two"#);
    assert_snapshot!(errors(json!({"last": "200w3d"})), @r#"last: found `200w3d`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`"#);
    assert_snapshot!(errors(json!({"last": "36501d", "window": "522w"})), @r#"
    last: found `36501d`; expected at most 100 years (`36500d`)
    window: found `522w`; expected at most 10 years (`3650d`)
    "#);
    assert!(funnel(&with(json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}))).is_ok());
}

#[test]
fn steps_that_are_wrong() {
    let steps = |steps: Value| errors(json!({"steps": steps}));
    assert_snapshot!(steps(json!(null)), @r#"steps: missing; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]"#);
    assert_snapshot!(steps(json!([])), @r#"steps: found 0 steps; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]"#);
    assert_snapshot!(steps(json!("a")), @r#"steps: found the text `a`; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]"#);
    assert_snapshot!(steps(json!(["a"])), @r#"steps[0]: found the text `a`; expected a step such as {"event": "purchase"} or {"any": [{"event": "add_to_cart"}, {"event": "add_to_wishlist"}]}"#);
    let third = json!({"any": [{"event": "a", "label": "x"}, {}]});
    assert_snapshot!(steps(json!([{"event": "a", "any": []}, {"any": []}, third])), @r#"
    steps[0]: has both `event` and `any`; expected one of them
    steps[1].any: found an empty list; expected a list of events, such as [{"event": "add_to_cart"}, {"event": "add_to_wishlist"}]
    steps[2].any[0].label: unknown field `label`; known fields: event, where
    steps[2].any[1].event: missing; expected the name of an event, such as "purchase", or "*" for any event
    "#);
    assert_snapshot!(steps(json!([{"event": "a".repeat(201), "label": " "}, {"event": 5, "optional": 1}])), @r#"
    steps[0].event: found 201 bytes; expected a name of 1 to 200 bytes
    steps[0].label: found an empty text; expected a label, or no `label` at all
    steps[1].event: found the number 5; expected the name of an event, such as "purchase", or "*" for any event
    steps[1].optional: found the number 1; expected true or false
    "#);
    assert_snapshot!(steps(json!([{"any": vec![json!({"event": "a"}); MAX_ALTERNATIVES + 1]}])), @r#"steps[0].any: found a list of 101; expected at most 100"#);
    assert_snapshot!(steps(json!(vec![json!({"event": "a"}); 65])), @r#"steps: found 65 steps; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]"#);
    assert!(funnel(&with(json!({"steps": vec![json!({"event": "é".repeat(100)}); MAX_STEPS]}))).is_ok());
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn conditions_that_are_wrong() {
    let condition = |condition: Value| errors(json!({"where": [condition]}));
    let value = |op: &str, value: Value| condition(json!({"property": "p", "op": op, "value": value}));
    assert_snapshot!(condition(json!({})), @r#"
    where[0].property: missing; expected the name of a property, such as `price` or `context.platform`
    where[0].op: missing; expected `=`, `!=`, `in`, `not in`, `<`, `<=`, `>`, `>=`, `contains`, `not contains`, `starts with`, `ends with`, `matches`, `exists` or `not exists`
    "#);
    assert_snapshot!(condition(json!({"property": "context", "op": "=", "value": 1})), @r#"where[0].property: found `context`; expected `context.…`, such as `context.platform`"#);
    assert_snapshot!(condition(json!({"property": "context.", "op": "==", "value": 1})), @r#"
    where[0].property: found `context.`; expected `context.…`, such as `context.platform`
    where[0].op: unknown op `==`; did you mean `=`?
    "#);
    assert_snapshot!(condition(json!({"property": ["p"], "op": "not_in", "vale": 1})), @r#"
    where[0].vale: unknown field `vale`; did you mean `value`?
    where[0].property: found a list; expected the name of a property, such as `price` or `context.platform`
    where[0].op: unknown op `not_in`; did you mean `not in`?
    "#);
    assert_snapshot!(condition(json!({"property": "p", "op": "within", "value": 1})), @r#"where[0].op: unknown op `within`; expected `=`, `!=`, `in`, `not in`, `<`, `<=`, `>`, `>=`, `contains`, `not contains`, `starts with`, `ends with`, `matches`, `exists` or `not exists`"#);
    assert_snapshot!(condition(json!({"property": "p", "op": "="})), @r#"where[0].value: missing; op `=` needs a value"#);
    assert_snapshot!(value("=", json!(null)), @r#"where[0].value: found null, which no property equals; to ask whether a property is there use op `exists` or `not exists`, without a value"#);
    assert_snapshot!(value("=", json!([1, 2])), @r#"where[0].value: found a list; expected one text, number or boolean; for several values use op `in`"#);
    assert_snapshot!(value("<", json!({})), @r#"where[0].value: found an object; expected one text, number or boolean"#);
    assert_snapshot!(value("in", json!("ios")), @r#"where[0].value: found the text `ios`; expected a list of 1 to 1000 values, such as ["ios", "android"]"#);
    assert_snapshot!(value("in", json!([])), @r#"where[0].value: found an empty list; expected a list of 1 to 1000 values, such as ["ios", "android"]"#);
    assert_snapshot!(value("not in", json!([1, null, [2]])), @r#"
    where[0].value[1]: found null, which no property equals; to ask whether a property is there use op `exists` or `not exists`, without a value
    where[0].value[2]: found a list; expected one text, number or boolean
    "#);
    assert_snapshot!(value("in", json!(vec![1; MAX_VALUES + 1])), @r#"where[0].value: found a list of 1001; expected a list of 1 to 1000 values, such as ["ios", "android"]"#);
    assert_snapshot!(value("exists", json!(true)), @r#"where[0].value: found true; op `exists` takes no value: leave it out"#);
    assert_snapshot!(value("starts with", json!(12)), @r#"where[0].value: found the number 12; op `starts with` expects a text"#);
    assert_snapshot!(value("matches", json!("a(b")), @r#"
    where[0].value: not a regular expression: regex parse error:
        a(b
         ^
    error: unclosed group
    "#);
    assert_snapshot!(value("matches", json!("(a{1000}){1000}")), @r#"where[0].value: the regular expression `(a{1000}){1000}` takes more than 1048576 bytes when compiled; expected a smaller one, with fewer or lower counts such as `{1000}`"#);
    assert_snapshot!(errors(json!({"where": vec![json!({"property": "p", "op": "exists"}); MAX_CONDITIONS + 1]})), @r#"where: found a list of 101; expected at most 100"#);
    assert_snapshot!(errors(json!({"where": vec![json!({"property": "p", "op": "matches", "value": "x"}); 60],
        "steps": [{"event": "a", "where": vec![json!({"property": "p", "op": "matches", "value": "x"}); 41]}]})), @"steps[0].where[40].value: found more than 100 regular expressions; join some of them with `|`");
    assert_snapshot!(errors(json!({"where": {"property": "p", "op": "exists"}})), @r#"where: found an object; expected a list of conditions, [{"property": "price", "op": ">=", "value": 100}]"#);
}

#[test]
fn breakdowns_that_are_wrong() {
    assert_snapshot!(errors(json!({"breakdown": ""})), @r#"breakdown: found an empty text; expected the name of a property, such as `price`"#);
    assert_snapshot!(errors(json!({"breakdown": "context"})), @r#"breakdown: found `context`; expected `context.…`, such as `context.platform`"#);
    let without_steps = json!({"steps": null, "breakdown": {"property": "p", "step": 3}});
    assert_eq!(funnel(&with(without_steps)).unwrap_err().problems.len(), 1, "only the steps are missing");
    assert_snapshot!(errors(json!({"breakdown": 5})), @r#"breakdown: found the number 5; expected a property such as "country", or {"property": "country", "step": 1, "limit": 10}"#);
    assert_snapshot!(errors(json!({"breakdown": {"property": "p", "step": 3, "limit": 1001}})), @r#"
    breakdown.step: found the number 3; expected a whole number from 1 to 2
    breakdown.limit: found the number 1001; expected a whole number from 1 to 1000
    "#);
    assert_snapshot!(errors(json!({"breakdown": {"property": "p", "step": 1.5, "limit": "10"}})), @r#"
    breakdown.step: found the number 1.5; expected a whole number from 1 to 2
    breakdown.limit: found the text `10`; expected a whole number from 1 to 1000
    "#);
}

#[test]
fn long_words_are_echoed_short() {
    let long = "x".repeat(100_000);
    let error = errors(json!({
        (long.as_str()): 1, "timezone": long, "window": long, "from": long, "ties": long,
        "where": [{"property": "p", "op": long}],
    }));
    assert!(error.len() < 2000, "{}", error.len());
}

#[test]
fn a_document_that_says_too_much() {
    let error = |text: &str| parse(text, NOW_MS).unwrap_err().to_string();
    assert_snapshot!(error(&" ".repeat(MAX_SPEC_BYTES + 1)), @"spec: has 1048577 bytes; expected at most 1048576");
    assert_snapshot!(error(r#"{"kind": "funnel", "steps": [{"event": "a", "event": "b"}]}"#), @"spec: duplicate entry `event` at line 1 column 51; expected each field once");
    assert_snapshot!(error(&"[".repeat(128)), @r#"spec: lists and objects are nested more than 127 levels deep, at line 1 column 128; expected an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#);
    let fields: serde_json::Map<String, Value> = (0..150).map(|n| (format!("f{n}"), json!(n))).collect();
    let error = errors(Value::Object(fields));
    assert_eq!(error.lines().count(), 101);
    assert_snapshot!(error.lines().last().unwrap(), @"spec: has 50 more problems; these are the first 100");
}

#[test]
fn the_default_label_of_many_names_says_how_many_more_there_are() {
    let names: Vec<Value> = (0..90).map(|n| json!({"event": format!("{n:0>100}")})).collect();
    let label = funnel(&json!({"kind": "funnel", "steps": [{"any": names}]})).unwrap().steps[0].label.clone();
    assert!(label.len() <= MAX_LABEL_BYTES && label.ends_with("8 or 81 more"), "{label}");
}

#[test]
fn conditions_of_a_step_are_shared_by_its_events() {
    let step = json!({"any": [{"event": "a"}, {"event": "b"}], "where": [{"property": "p", "op": "exists"}]});
    let step = &funnel(&json!({"kind": "funnel", "steps": [step]})).unwrap().steps[0];
    assert!(std::sync::Arc::ptr_eq(&step.any[0].filters[0], &step.any[1].filters[0]));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "a",
            "*",
            "=",
            "in",
            "14d",
            "2026-01-01",
            "9999-12-31",
            "strict",
            "block",
            "session",
            "any",
            "attempts",
            "day",
            "previous",
            "context.x"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let names = [&SPEC_FIELDS, &STEP_FIELDS, &EXCLUDE_FIELDS, &CONDITION_FIELDS, &BREAKDOWN_FIELDS];
        let names: Vec<&str> =
            names.iter().flat_map(|table| table.supported.iter().chain(table.later)).copied().collect();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(names), inner), 0..5).prop_map(|members| Value::Object(
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_with_reasons(
        fields in prop::collection::vec((prop::sample::select(SPEC_FIELDS.supported), any_json()), 0..6),
        now_ms in any::<i64>(),
    ) {
        let fields: serde_json::Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        match parse_value(&with(Value::Object(fields)), now_ms).and_then(Spec::into_funnel) {
            Ok(funnel) => {
                prop_assert!((1..=MAX_STEPS).contains(&funnel.steps.len()));
                prop_assert!(funnel.steps.iter().all(|step| !step.any.is_empty() && !step.label.is_empty()));
                prop_assert!(funnel.window.most_ms() > 0);
                let steps = 1..=funnel.steps.len();
                prop_assert!(!funnel.steps[0].optional);
                prop_assert!(funnel.exclude.iter().all(|e| e.from < e.to && steps.contains(&e.to)));
                prop_assert!(funnel.exclude.is_empty() || funnel.order != Order::Any);
                prop_assert!(funnel.breakdown.is_none_or(|breakdown| steps.contains(&breakdown.step)));
            }
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                prop_assert!(error.problems.iter().all(|problem| !problem.message.is_empty()));
            }
        }
    }
}
