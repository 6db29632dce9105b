use serde_json::json;
use weir_core::event::{self, Receipt, frame};
use weir_core::plan::parse;
use weir_core::ports::CountingIds;

use super::*;
use crate::accept::{Checked, accept};
use crate::protocol::Batch;
use crate::terms::Terms;

fn plans() -> Plans {
    let plan = json!({"weir_plan": 1, "additional_events": false, "events": {"apply": {"properties": {
        "job_id": {"type": "string", "required": true}, "channel": {"enum": ["web", "ios"]}}}, "view": {}}});
    Plans::new(Some(CompiledPlan::new(&parse(&plan).unwrap())))
}

fn take(mode: PlanMode, body: &str) -> Checked {
    let batch = Batch::native(body.as_bytes()).unwrap();
    accept(batch, &Terms::plain("app").with_plan(plans().guard(mode)), 1_767_225_600_000, &CountingIds::default())
        .unwrap()
}

/// The contexts of the events that were kept.
fn contexts(checked: &Checked) -> Vec<Option<String>> {
    let record = &checked.record;
    let (header, lines) = frame::open(record).unwrap();
    frame::events(&header, lines).map(|event| event.unwrap().context.map(str::to_owned)).collect()
}

const GOOD: &str = r#"{"event":"apply","user_id":"u","properties":{"job_id":"j"},"context":{"os":"ios"}}"#;
const BAD: &str = r#"{"event":"apply","user_id":"u","properties":{"channel":"tv"},"context":{"os":"ios"}}"#;
const UNPLANNED: &str = r#"{"event":"aply","user_id":"u"}"#;

#[test]
fn off_looks_at_nothing() {
    let checked = take(PlanMode::Off, &[GOOD, BAD, UNPLANNED].join("\n"));
    assert_eq!((checked.accepted, checked.rejected.len()), (3, 0));
    assert_eq!(contexts(&checked)[1].as_deref(), Some(r#"{"os":"ios"}"#));
    assert_eq!(contexts(&checked)[2], None);
}

#[test]
fn warn_keeps_and_flags() {
    let checked = take(PlanMode::Warn, &[GOOD, BAD, UNPLANNED].join("\n"));
    assert_eq!((checked.accepted, checked.rejected.len()), (3, 0));
    assert_eq!(
        contexts(&checked),
        [
            Some(r#"{"os":"ios"}"#.to_owned()),
            Some(
                r#"{"os":"ios","plan_violations":["missing_property: job_id","value_not_allowed: channel"]}"#
                    .to_owned()
            ),
            Some(r#"{"plan_violations":["unplanned_event"]}"#.to_owned())
        ]
    );
}

#[test]
fn enforce_refuses_with_every_reason() {
    let checked = take(PlanMode::Enforce, &[GOOD, BAD, UNPLANNED].join("\n"));
    assert_eq!(checked.accepted, 1);
    let said: Vec<_> =
        checked.rejected.iter().map(|r| (r.index, r.code, r.field.as_str(), r.message.as_str())).collect();
    assert_eq!(
        said,
        [
            (
                1,
                "missing_property",
                "properties.job_id",
                r#"properties.job_id: is missing, and required; properties.channel: is the string "tv", expected one of "web", "ios""#
            ),
            (2, "unplanned_event", "event", "event: the plan has no event `aply`")
        ]
    );
}

#[test]
fn without_a_plan_every_mode_lets_pass() {
    for mode in PlanMode::ALL {
        let guard = Plans::default().guard(mode);
        let checked = accept(
            Batch::native(BAD.as_bytes()).unwrap(),
            &Terms::plain("app").with_plan(guard),
            0,
            &CountingIds::default(),
        )
        .unwrap();
        assert_eq!(contexts(&checked), [Some(r#"{"os":"ios"}"#.to_owned())]);
    }
}

#[test]
fn what_a_client_says_of_the_plan_does_not_count() {
    let event = |name: &str, context: &str| {
        format!(r#"{{"event":"{name}","user_id":"u","properties":{{"job_id":"j"}},"context":{context}}}"#)
    };
    let forged = r#"{"plan_violations":["x"],"a":1,"plan_viol\u0061tions":2}"#;
    let half = r#"{"\ud800":{"b":{}}}"#;
    for mode in [PlanMode::Warn, PlanMode::Enforce] {
        let kept = [
            event("view", forged),
            event("view", r#"{"plan_violations":[]}"#),
            event("apply", half),
            event("view", r#"{"t":"\n"}"#),
        ];
        let checked = take(mode, &kept.join("\n"));
        assert_eq!(
            contexts(&checked),
            [
                Some(r#"{"a":1}"#.to_owned()),
                None,
                Some(r#"{"\ud800":{"b":{}},"plan_violations":null}"#.to_owned()),
                Some(r#"{"t":"\n"}"#.to_owned())
            ]
        );
    }
    let checked = take(PlanMode::Warn, &[event("other", forged), event("other", half)].join("\n"));
    assert_eq!(
        contexts(&checked),
        [
            Some(r#"{"a":1,"plan_violations":["unplanned_event"]}"#.to_owned()),
            Some(r#"{"\ud800":{"b":{}},"plan_violations":["unplanned_event"]}"#.to_owned())
        ]
    );
}

#[test]
fn flags_are_bounded() {
    let plan = json!({"weir_plan": 1, "events": {"a": {"additional_properties": false}}});
    let guard = Plans::new(Some(CompiledPlan::new(&parse(&plan).unwrap()))).guard(PlanMode::Warn);
    let properties: Value = (0..100).map(|i| (format!("{i}{}", "긴".repeat(500)), json!(1))).collect();
    let body = json!({"event": "a", "user_id": "u", "properties": properties}).to_string();
    let receipt = Receipt { received_ms: 0, place: 0, correct_skew: true };
    let mut context = String::new();
    let keep = |event: Event<'_>| {
        context = event.context.unwrap().to_owned();
        Ok(())
    };
    guard.pass(event::parse(&body, receipt).unwrap_or_else(|r| panic!("{r}")), keep).unwrap();
    let context: Value = serde_json::from_str(&context).unwrap();
    assert_eq!(context[FLAG].as_array().unwrap().len(), MAX_FLAGS);
    assert!(context.to_string().len() < 4_000, "{}", context.to_string().len());
}

#[test]
fn requests_run_while_the_plan_is_swapped() {
    let plans = plans();
    let receipt = Receipt { received_ms: 0, place: 0, correct_skew: true };
    let guard = plans.guard(PlanMode::Enforce);
    plans.replace(None);
    assert!(
        guard.pass(event::parse(BAD, receipt).unwrap(), |_| Ok(())).is_err(),
        "a request keeps the plan it began with"
    );
    assert!(plans.guard(PlanMode::Enforce).pass(event::parse(BAD, receipt).unwrap(), |_| Ok(())).is_ok());
}

#[test]
fn a_mode_is_written_as_it_is_named() {
    for mode in PlanMode::ALL {
        assert_eq!(serde_json::to_value(mode).unwrap(), json!(mode.to_string()));
    }
}
