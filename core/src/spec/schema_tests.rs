//! That the published schema names the same fields, words and limits as the parser.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::condition::{MAX_CONDITIONS, MAX_PROPERTY_BYTES, MAX_VALUES, OPS};
use super::experiment::{CONFIDENCES, DEFAULT_CONFIDENCE, MAX_VARIANTS, MIXES};
use super::fields::{
    ACTIVITY_FIELDS, ALTERNATIVE_FIELDS, ANCHOR_FIELDS, BREAKDOWN_FIELDS, COHORT_EVENT_FIELDS, COHORT_FUNNEL_FIELDS,
    COHORT_REPORT_FIELDS, CONDITION_FIELDS, EXCLUDE_FIELDS, EXPERIMENT_FIELDS, FORMULA_FIELDS, FieldTable,
    LIFECYCLE_FIELDS, METRIC_FIELDS, PATHS_FIELDS, RETENTION_FIELDS, SERIES_FIELDS, SESSIONS_FIELDS, SPEC_FIELDS,
    SPLIT_FIELDS, STEP_FIELDS, STICKINESS_FIELDS, TRENDS_FIELDS, USERS_FIELDS, VARIANT_FIELDS,
};
use super::formula::MAX_FORMULA_BYTES;
use super::parse::{COUNTS, DEFAULT_LIMIT, MAX_ALTERNATIVES, MAX_LABEL_BYTES, MAX_LIMIT, ORDERS, TIES};
use super::paths::{DEFAULT_DEPTH, DEFAULT_NAMES, DEFAULT_TOP, MAX_CHOSEN, MAX_DEPTH, MAX_NAMES, MAX_TOP, PATH_COUNTS};
use super::retention::{MAX_BRACKETS, MAX_PERIOD, MAX_PERIODS, MODES, OCCURRENCES};
use super::rules::{COMPARISONS, EXCLUSIONS, INTERVALS, MAX_EXCLUDES, MAX_HELD};
use super::scope::{DEFAULT_LISTED, MAX_COHORTS, MAX_LISTED, MAX_REPORT_BYTES, STATES};
use super::sessions::{DEFAULT_EVENTS, MAX_EVENTS};
use super::trends::{MAX_FORMULAS, MAX_MOVING_AVERAGE, MAX_SERIES};
use crate::spec::{MAX_STEPS, parse_value};

const SCHEMA: &str = include_str!("../../../docs/query-spec.schema.json");

#[test]
fn the_schema_names_the_fields_that_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let check = |object: &Value, table: &FieldTable| {
        let named: BTreeSet<&str> = object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(named, table.supported.iter().copied().collect());
        assert_eq!(object["additionalProperties"], json!(false));
    };
    check(&schema["$defs"]["funnel"], &SPEC_FIELDS);
    check(&schema["$defs"]["trends"], &TRENDS_FIELDS);
    check(&schema["$defs"]["series"], &SERIES_FIELDS);
    check(&schema["$defs"]["formula"], &FORMULA_FIELDS);
    check(&schema["$defs"]["split"], &SPLIT_FIELDS);
    check(&schema["$defs"]["cohort_event"], &COHORT_EVENT_FIELDS);
    check(&schema["$defs"]["users"], &USERS_FIELDS);
    check(&schema["$defs"]["cohort_funnel"], &COHORT_FUNNEL_FIELDS);
    check(&schema["$defs"]["cohort_report"], &COHORT_REPORT_FIELDS);
    check(&schema["$defs"]["step"], &STEP_FIELDS);
    check(&schema["$defs"]["alternative"], &ALTERNATIVE_FIELDS);
    check(&schema["$defs"]["condition"], &CONDITION_FIELDS);
    check(&schema["$defs"]["breakdown"], &BREAKDOWN_FIELDS);
    check(&schema["$defs"]["exclude"], &EXCLUDE_FIELDS);
    check(&schema["$defs"]["paths"], &PATHS_FIELDS);
    check(&schema["$defs"]["anchor"], &ANCHOR_FIELDS);
    check(&schema["$defs"]["sessions"], &SESSIONS_FIELDS);
    check(&schema["$defs"]["experiment"], &EXPERIMENT_FIELDS);
    check(&schema["$defs"]["variant"], &VARIANT_FIELDS);
    check(&schema["$defs"]["metric"], &METRIC_FIELDS);
    check(&schema["$defs"]["retention"], &RETENTION_FIELDS);
    check(&schema["$defs"]["lifecycle"], &LIFECYCLE_FIELDS);
    check(&schema["$defs"]["stickiness"], &STICKINESS_FIELDS);
    check(&schema["$defs"]["activity"], &ACTIVITY_FIELDS);
}

#[test]
fn the_schema_has_the_words_and_limits_that_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let words = |value: &Value| -> Vec<String> {
        value["enum"].as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    assert_eq!(words(&schema["$defs"]["condition"]["properties"]["op"]), OPS);
    assert_eq!(words(&schema["$defs"]["funnel"]["properties"]["ties"]), TIES);
    assert_eq!(words(&schema["$defs"]["funnel"]["properties"]["order"]), ORDERS);
    assert_eq!(words(&schema["$defs"]["funnel"]["properties"]["count"]), COUNTS);
    assert_eq!(words(&schema["$defs"]["funnel"]["properties"]["exclusion"]), EXCLUSIONS);
    assert_eq!(words(&schema["$defs"]["funnel"]["properties"]["interval"]), INTERVALS);
    assert_eq!(words(&schema["$defs"]["funnel"]["properties"]["compare"]), COMPARISONS);
    let most = |name: &str| schema["$defs"]["funnel"]["properties"][name]["anyOf"][0]["maxItems"].clone();
    assert_eq!((most("exclude"), most("hold")), (json!(MAX_EXCLUDES), json!(MAX_HELD)));
    assert_eq!(schema["$defs"]["funnel"]["properties"]["steps"]["maxItems"], json!(MAX_STEPS));
    assert_eq!(schema["$defs"]["breakdown"]["properties"]["limit"]["maximum"], json!(MAX_LIMIT));
    assert_eq!(schema["$defs"]["breakdown"]["properties"]["limit"]["default"], json!(DEFAULT_LIMIT));
    assert_eq!(schema["$defs"]["conditions"]["maxItems"], json!(MAX_CONDITIONS));
    assert_eq!(schema["$defs"]["step"]["properties"]["any"]["maxItems"], json!(MAX_ALTERNATIVES));
    assert_eq!(schema["$defs"]["values"]["maxItems"], json!(MAX_VALUES));
    let trends = &schema["$defs"]["trends"]["properties"];
    assert_eq!(trends["series"]["maxItems"], json!(MAX_SERIES));
    assert_eq!(trends["formulas"]["anyOf"][0]["maxItems"], json!(MAX_FORMULAS));
    assert_eq!(trends["moving_average"]["maximum"], json!(MAX_MOVING_AVERAGE));
    assert_eq!(words(&trends["interval"]), INTERVALS);
    assert_eq!(schema["$defs"]["formula_text"]["maxLength"], json!(MAX_FORMULA_BYTES));
    assert_eq!(schema["$defs"]["cohorts"]["anyOf"][1]["maxItems"], json!(MAX_COHORTS));
    assert_eq!(words(&schema["$defs"]["cohort_funnel"]["properties"]["state"]), STATES);
    assert_eq!(words(&schema["$defs"]["cohort_report"]["properties"]["state"]), STATES);
    assert_eq!(schema["$defs"]["cohort_report"]["properties"]["report"]["maxLength"], json!(MAX_REPORT_BYTES));
    let users = &schema["$defs"]["users"]["properties"];
    assert_eq!(words(&users["state"]), STATES);
    assert_eq!((&users["limit"]["maximum"], &users["limit"]["default"]), (&json!(MAX_LISTED), &json!(DEFAULT_LISTED)));
    let experiment = &schema["$defs"]["experiment"]["properties"];
    assert_eq!(words(&experiment["mixed"]), MIXES);
    assert_eq!(experiment["variants"]["maxItems"], json!(MAX_VARIANTS));
    assert_eq!(experiment["expected"]["maxProperties"], json!(MAX_VARIANTS));
    let confidence = &experiment["confidence"];
    assert_eq!((&confidence["minimum"], &confidence["maximum"]), (&json!(CONFIDENCES.0), &json!(CONFIDENCES.1)));
    assert_eq!(confidence["default"], json!(DEFAULT_CONFIDENCE));
    let retention = &schema["$defs"]["retention"]["properties"];
    assert_eq!(words(&retention["interval"]), INTERVALS);
    assert_eq!(words(&retention["mode"]), MODES);
    assert_eq!(words(&retention["occurrence"]), OCCURRENCES);
    assert_eq!(retention["periods"]["maximum"], json!(MAX_PERIODS));
    assert_eq!(retention["brackets"]["maxItems"], json!(MAX_BRACKETS));
    assert_eq!(retention["brackets"]["items"]["items"]["maximum"], json!(MAX_PERIOD));
    assert_eq!(words(&schema["$defs"]["lifecycle"]["properties"]["interval"]), INTERVALS);
    assert_eq!(words(&schema["$defs"]["stickiness"]["properties"]["interval"]), INTERVALS);
    let paths = &schema["$defs"]["paths"]["properties"];
    let bounds = |field: &Value| [&field["minimum"], &field["maximum"], &field["default"]].map(Value::clone);
    assert_eq!(bounds(&paths["depth"]), [json!(2), json!(MAX_DEPTH), json!(DEFAULT_DEPTH)]);
    assert_eq!(bounds(&paths["limit"]), [json!(1), json!(MAX_NAMES), json!(DEFAULT_NAMES)]);
    assert_eq!(bounds(&paths["top"]), [json!(0), json!(MAX_TOP), json!(DEFAULT_TOP)]);
    assert_eq!(words(&paths["count"]), PATH_COUNTS);
    assert_eq!(schema["$defs"]["listed_events"]["anyOf"][0]["maxItems"], json!(MAX_CHOSEN));
    let sessions = &schema["$defs"]["sessions"]["properties"];
    assert_eq!(bounds(&sessions["limit"]), [json!(1), json!(MAX_EVENTS), json!(DEFAULT_EVENTS)]);
    assert_eq!(words(&sessions["interval"]), INTERVALS);
    assert_eq!(schema["$defs"]["label"]["maxLength"], json!(MAX_LABEL_BYTES));
    assert_eq!(schema["$defs"]["property"]["maxLength"], json!(MAX_PROPERTY_BYTES));
}

#[test]
fn the_examples_of_the_schema_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let examples = schema["examples"].as_array().unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(parse_value(example, 1_768_000_000_000).map(|_| ()), Ok(()));
    }
}
