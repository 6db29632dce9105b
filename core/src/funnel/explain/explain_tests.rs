//! Explanations agree with the rules: the chosen attempts are those of [`Journeys`] and of the naive reference, and what a reason
//! claims of other events is so.

use proptest::prelude::*;

use super::*;
use crate::funnel::rules::tests::{Case, case, config, sorted};
use crate::funnel::{Journeys, RuleSet, UserEvent, reference};
use crate::spec::{Count, Order, Ties, parse};

fn is_later(rules: &RuleSet, events: &[UserEvent], before: usize, after: usize) -> bool {
    let (a, b) = (events[before].time_ms, events[after].time_ms);
    match rules.base.ties {
        Ties::Lenient => b >= a,
        Ties::Arrival => after > before,
        Ties::Strict => b > a,
    }
}

/// Whether an attempt has an event as a step, numbered from 1.
fn has(judgement: &Judgement, step: usize, event: usize) -> bool {
    judgement.attempts.iter().any(|(journey, _)| journey.attempt.get(step - 1) == Some(&Some(event)))
}

fn is_start(judgement: &Judgement, event: usize) -> bool {
    has(judgement, 1, event)
}

fn is_end(judgement: &Judgement, event: usize) -> bool {
    judgement.attempts.iter().any(|(journey, _)| journey.attempt.last() == Some(&Some(event)))
}

/// Whether what a reason says of an event is so, by the events alone.
fn is_true(rules: &RuleSet, events: &[UserEvent], judgement: &Judgement, at: usize) -> bool {
    let own = &events[at];
    let fills = |step: usize| own.steps >> (step - 1) & 1 == 1;
    let matches = |of: usize, exclusion: usize| events[of].excludes >> (exclusion - 1) & 1 == 1;
    let between = |a: usize, b: usize, inside: usize| a.min(b) < inside && inside < a.max(b);
    let may_start = rules.order == Order::Any || fills(1);
    let ms = |event: usize| events[event].time_ms;
    match judgement.reasons[at] {
        Reason::Filtered | Reason::Unmet => false,
        Reason::Unnamed => own.steps == 0 && own.excludes == 0,
        Reason::NoHeldValue => own.held.is_none() && own.steps != 0,
        Reason::Chosen { attempt, step, fills: filled } => {
            let (journey, is_dropped) = &judgement.attempts[attempt - 1];
            !is_dropped && journey.attempt[step - 1] == Some(at) && fills(filled)
        }
        Reason::Dropped { attempt, step } => {
            let (journey, is_dropped) = &judgement.attempts[attempt - 1];
            *is_dropped && journey.attempt[step - 1] == Some(at)
        }
        Reason::Drops { exclusion, after, before } => {
            let between_steps = rules.exclude[exclusion - 1];
            let ends = has(judgement, between_steps.from + 1, after) && has(judgement, between_steps.to + 1, before);
            matches(at, exclusion) && ends && between(after, before, at)
        }
        Reason::Blocks { exclusion, after, step } => {
            let steps = rules.exclude[exclusion - 1];
            matches(at, exclusion) && has(judgement, steps.from + 1, after) && after < at && step == steps.to + 1
        }
        Reason::Harmless { exclusion } => own.steps == 0 && matches(at, exclusion),
        Reason::OutsideRange => may_start && !rules.base.range.contains(own.time_ms),
        Reason::NoFirstStep => {
            !may_start || rules.count == Count::Users && judgement.attempts.is_empty() && own.held.is_none()
        }
        Reason::OtherSession { start } => {
            rules.in_one_session && is_start(judgement, start) && events[start].session != own.session
        }
        Reason::OtherValue { start } => rules.hold && is_start(judgement, start) && events[start].held != own.held,
        Reason::TooEarly { step, event } => has(judgement, step, event) && !is_later(rules, events, event, at),
        Reason::TooLate { start, by_ms } => {
            is_start(judgement, start) && by_ms > 0 && ms(at) - ms(start) == rules.base.window_ms + by_ms
        }
        Reason::Excluded { exclusion, mark, other } => matches(mark, exclusion) && between(at, other, mark),
        Reason::NotAdjacent { step, between: inside } => judgement.attempts.iter().any(|(journey, _)| {
            let event = journey.attempt.get(step - 1).copied().flatten();
            rules.order == Order::Strict && event.is_some_and(|event| between(event, at, inside))
        }),
        Reason::StepMissing { step } => !(1..=step).any(fills),
        Reason::WindowFromItTooShort { end, by_ms } => {
            may_start && is_end(judgement, end) && by_ms > 0 && ms(end) - ms(at) == rules.base.window_ms + by_ms
        }
        Reason::LaterStart { start } => may_start && is_start(judgement, start) && start > at,
        Reason::EndsLater { end } => (rules.order == Order::Any || may_start) && is_end(judgement, end),
        Reason::Occupied { step, event } => fills(step) && has(judgement, step, event) && event != at,
        Reason::AllTaken => rules.order == Order::Any,
        Reason::PassedOver { step, event } => has(judgement, step, event) && !is_later(rules, events, at, event),
        Reason::UnderWay { start } => {
            rules.count == Count::Attempts && fills(1) && is_start(judgement, start) && ms(start) <= ms(at)
        }
    }
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let Case { rules, events, session_ends_ms } = case;
    let kept: Vec<UserEvent> = events
        .iter()
        .filter(|event| rules.needs_all_events() || event.steps != 0 || event.excludes != 0)
        .copied()
        .collect();
    let judgement = judge(rules, &kept, session_ends_ms)?;
    let counted = judgement.attempts.iter().filter(|(_, is_dropped)| !is_dropped);
    let counted = sorted(counted.map(|(journey, _)| journey.clone()).collect());
    prop_assert_eq!(&counted, &sorted(Journeys::new(rules.clone()).run(&kept, session_ends_ms)?));
    prop_assert_eq!(&counted, &sorted(reference::journeys(rules, &kept, session_ends_ms)));
    prop_assert_eq!(judgement.reasons.len(), kept.len());
    // What is marked as chosen is the chosen attempts, and nothing else.
    let mut marked: Vec<Vec<Option<usize>>> = vec![Vec::new(); judgement.attempts.len()];
    for (at, reason) in judgement.reasons.iter().enumerate() {
        if let Reason::Chosen { attempt, step, .. } | Reason::Dropped { attempt, step } = *reason {
            let own = &mut marked[attempt - 1];
            own.resize(own.len().max(step), None);
            prop_assert_eq!(own[step - 1].replace(at), None);
        }
        prop_assert!(is_true(rules, &kept, &judgement, at), "event {}: {:?} of {:?}", at, reason, judgement);
    }
    let attempts: Vec<_> = judgement.attempts.iter().map(|(journey, _)| journey.attempt.clone()).collect();
    prop_assert_eq!(marked, attempts);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn steps_in_order_are_explained_as_they_are_matched(case in case(Order::Ordered)) {
        check(&case)?;
    }

    #[test]
    fn adjacent_steps_are_explained_as_they_are_matched(case in case(Order::Strict)) {
        check(&case)?;
    }

    #[test]
    fn steps_in_any_order_are_explained_as_they_are_matched(case in case(Order::Any)) {
        check(&case)?;
    }
}

/// An explanation of events that are given as (minute, name, properties).
fn explain(question: &str, events: &[(i64, &str, &str)]) -> Explanation {
    let spec = parse(question, 0).unwrap().into_funnel().unwrap();
    let mut explainer = Explainer::new(&spec);
    for (minute, event, properties) in events {
        let properties = Some(*properties).filter(|text| !text.is_empty());
        explainer.push(&RawEvent { time_ms: minute * 60_000, event, properties, ..RawEvent::default() });
    }
    let explanation = explainer.finish().unwrap();
    let is_converted = explanation.verdict == Verdict::Converted;
    assert_eq!(is_converted, explanation.depth == spec.steps.len());
    explanation
}

fn question(fields: &str) -> String {
    format!(r#"{{"kind": "funnel", "steps": [{{"event": "view"}}, {{"event": "apply"}}], "window": "10m"{fields}}}"#)
}

fn reasons(explanation: &Explanation) -> Vec<Reason> {
    explanation.events.iter().map(|event| event.reason).collect()
}

const MINUTE: i64 = 60_000;

#[test]
fn the_window_and_the_start_that_came_closer() {
    let events =
        [(0, "view", ""), (2, "apply", ""), (3, "chat", ""), (5, "view", ""), (9, "apply", ""), (30, "apply", "")];
    let explanation = explain(&question(""), &events);
    // The attempt that ends first is chosen.
    let chosen = |step| Reason::Chosen { attempt: 1, step, fills: step };
    let end = Reason::EndsLater { end: 1 };
    let occupied = Reason::Occupied { step: 2, event: 1 };
    assert_eq!(reasons(&explanation), [chosen(1), chosen(2), end, occupied, occupied]);
    assert_eq!((explanation.verdict, explanation.depth), (Verdict::Converted, 2));

    let late = explain(&question(""), &[(0, "apply", ""), (1, "view", ""), (3, "view", ""), (14, "apply", "")]);
    let expected = [
        Reason::TooEarly { step: 1, event: 1 },
        chosen(1),
        Reason::EndsLater { end: 1 },
        Reason::TooLate { start: 1, by_ms: 3 * MINUTE },
    ];
    assert_eq!((reasons(&late), late.verdict), (expected.to_vec(), Verdict::Incomplete));
    assert_eq!(late.attempts[0].missing, Some(Missing { steps: vec![2], nearest: Some(3) }));
}

#[test]
fn conditions_say_what_was_found() {
    let fields = r#", "where": [{"property": "os", "op": "=", "value": "ios"}]"#;
    let steps = question(fields).replace(
        r#"{"event": "apply"}"#,
        r#"{"event": "apply", "where": [{"property": "price", "op": ">=", "value": 100}]}"#,
    );
    let events = [
        (0, "view", r#"{"os": "android"}"#),
        (1, "view", r#"{"os": "ios"}"#),
        (2, "apply", r#"{"os": "ios", "price": 40}"#),
        (3, "apply", r#"{"os": "ios"}"#),
    ];
    let explanation = explain(&steps, &events);
    let chosen = Reason::Chosen { attempt: 1, step: 1, fills: 1 };
    assert_eq!(reasons(&explanation), [Reason::Filtered, chosen, Reason::Unmet, Reason::Unmet]);
    let found: Vec<_> =
        explanation.events.iter().map(|event| event.unmet.first().map(|u| (u.of, u.found.clone()))).collect();
    assert_eq!(
        found,
        [
            Some((ConditionOf::Question, Some("android".into()))),
            None,
            Some((ConditionOf::Step(2), Some(40.into()))),
            Some((ConditionOf::Step(2), None))
        ]
    );
    assert_eq!(explanation.attempts[0].missing, Some(Missing { steps: vec![2], nearest: Some(2) }));
}

#[test]
fn an_excluded_event_blocks_or_drops() {
    let events = [(0, "view", ""), (1, "leave", ""), (2, "apply", ""), (40, "leave", "")];
    let block = explain(&question(r#", "exclude": [{"event": "leave"}]"#), &events);
    let expected = [
        Reason::Chosen { attempt: 1, step: 1, fills: 1 },
        Reason::Blocks { exclusion: 1, after: 0, step: 2 },
        Reason::Excluded { exclusion: 1, mark: 1, other: 0 },
        Reason::Harmless { exclusion: 1 },
    ];
    assert_eq!((reasons(&block), block.verdict), (expected.to_vec(), Verdict::Incomplete));
    let drop = explain(&question(r#", "exclude": [{"event": "leave"}], "exclusion": "drop_user""#), &events);
    let expected = [
        Reason::Dropped { attempt: 1, step: 1 },
        Reason::Drops { exclusion: 1, after: 0, before: 2 },
        Reason::Dropped { attempt: 1, step: 2 },
        Reason::Harmless { exclusion: 1 },
    ];
    assert_eq!((reasons(&drop), drop.verdict, drop.depth), (expected.to_vec(), Verdict::Dropped, 0));
}

#[test]
fn values_order_range_and_attempts() {
    let one = |fields: &str, events: &[(i64, &str, &str)]| reasons(&explain(&question(fields), events));
    let chosen = |attempt, step| Reason::Chosen { attempt, step, fills: step };
    let held = [(0, "view", r#"{"job": 1}"#), (1, "apply", r#"{"job": 2}"#), (2, "apply", "")];
    let expected = [chosen(1, 1), Reason::OtherValue { start: 0 }, Reason::NoHeldValue];
    assert_eq!(one(r#", "hold": ["job"]"#, &held), expected);
    let strict = [(0, "view", ""), (1, "chat", ""), (2, "apply", "")];
    let expected = [chosen(1, 1), Reason::Unnamed, Reason::NotAdjacent { step: 1, between: 1 }];
    assert_eq!(one(r#", "order": "strict""#, &strict), expected);
    let early = [(0, "view", ""), (1, "apply", "")];
    let expected = [Reason::OutsideRange, Reason::NoFirstStep];
    assert_eq!(one(r#", "from": "1970-01-02""#, &early), expected);
    let any = [(0, "apply", ""), (1, "apply", ""), (2, "view", "")];
    let expected = [
        Reason::LaterStart { start: 1 },
        Reason::Chosen { attempt: 1, step: 1, fills: 2 },
        Reason::Chosen { attempt: 1, step: 2, fills: 1 },
    ];
    assert_eq!(one(r#", "order": "any""#, &any), expected);
    let again = [(0, "view", ""), (1, "view", ""), (2, "apply", ""), (3, "apply", ""), (4, "view", "")];
    let expected = [chosen(1, 1), Reason::UnderWay { start: 0 }, chosen(1, 2), Reason::NoFirstStep, chosen(2, 1)];
    assert_eq!(one(r#", "count": "attempts""#, &again), expected);
    let none = explain(&question(""), &[(0, "apply", "")]);
    assert_eq!((none.verdict, none.missing), (Verdict::NotEntered, Some(Missing { steps: vec![1], nearest: None })));
}
