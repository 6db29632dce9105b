use proptest::prelude::*;

use super::super::reference;
use super::*;
use crate::spec::DateRange;

fn events(list: &[(i64, u64)]) -> Vec<StepEvent> {
    list.iter().map(|(time_ms, steps)| StepEvent { time_ms: *time_ms, steps: *steps }).collect()
}

fn rules(steps: usize, window_ms: i64, ties: Ties) -> Rules {
    Rules { steps, window_ms, ties, range: DateRange::default() }
}

fn attempt(rules: Rules, list: &[(i64, u64)]) -> Option<Vec<usize>> {
    let events = events(list);
    let mut matcher = Matcher::new(rules);
    let outcome = matcher.run(&events);
    assert_eq!(outcome, reference::run(&rules, &events), "reference differs");
    outcome.map(|o| o.attempt.into_owned())
}

const A: u64 = 0b001;
const B: u64 = 0b010;
const C: u64 = 0b100;

#[test]
fn nobody_without_a_first_step() {
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &[]), None);
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &[(1, B), (2, B)]), None);
}

#[test]
fn the_longest_attempt_counts_not_the_greedy_one() {
    // From the first A the window closes before C; from the second it does not.
    let list = [(0, A), (4, B), (6, A), (8, B), (12, C)];
    assert_eq!(attempt(rules(3, 10, Ties::Lenient), &list), Some(vec![2, 3, 4]));
}

#[test]
fn the_window_is_inclusive() {
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &[(0, A), (10, B)]), Some(vec![0, 1]));
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &[(0, A), (11, B)]), Some(vec![0]));
}

#[test]
fn the_range_bounds_the_first_step_only() {
    let range = DateRange { from_ms: Some(5), to_ms: Some(10) };
    let bounded = Rules { range, ..rules(2, 100, Ties::Lenient) };
    assert_eq!(attempt(bounded, &[(4, A), (5, A), (20, B)]), Some(vec![1, 2]));
    assert_eq!(attempt(bounded, &[(4, A), (10, A), (20, B)]), None);
}

#[test]
fn two_equal_steps_need_two_events() {
    let both = A | B;
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &[(0, both)]), Some(vec![0]));
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &[(0, both), (0, both)]), Some(vec![1, 0]));
    assert_eq!(attempt(rules(2, 10, Ties::Arrival), &[(0, both), (0, both)]), Some(vec![0, 1]));
    assert_eq!(attempt(rules(2, 10, Ties::Strict), &[(0, both), (0, both)]), Some(vec![0]));
}

#[test]
fn ties_decide_about_one_millisecond() {
    let backwards = [(5, B), (5, A)];
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &backwards), Some(vec![1, 0]));
    assert_eq!(attempt(rules(2, 10, Ties::Arrival), &backwards), Some(vec![1]));
    assert_eq!(attempt(rules(2, 10, Ties::Strict), &backwards), Some(vec![1]));
    let forwards = [(5, A), (5, B)];
    assert_eq!(attempt(rules(2, 10, Ties::Arrival), &forwards), Some(vec![0, 1]));
}

#[test]
fn of_the_deepest_the_one_that_ends_earliest_then_starts_latest() {
    let list = [(0, A), (2, A), (3, B), (4, A), (5, B)];
    assert_eq!(attempt(rules(2, 10, Ties::Lenient), &list), Some(vec![1, 2]));
    let list = [(0, A), (1, B), (2, B), (3, C)];
    assert_eq!(attempt(rules(3, 10, Ties::Lenient), &list), Some(vec![0, 1, 3]));
}

#[test]
fn the_latest_start_says_how_long_the_user_may_still_convert() {
    let mut matcher = Matcher::new(rules(2, 10, Ties::Lenient));
    let list = events(&[(0, A), (1, B), (50, A)]);
    let outcome = matcher.run(&list).unwrap();
    assert_eq!((outcome.attempt.len(), outcome.latest_start_ms), (2, 0));
    let list = events(&[(0, A), (50, A)]);
    let outcome = matcher.run(&list).unwrap();
    assert_eq!((&*outcome.attempt, outcome.latest_start_ms), (&[0][..], 50));
}

/// Few instants and few kinds of event, so that ties, repeated steps and several starts are the rule.
fn small_case() -> impl Strategy<Value = (Rules, Vec<StepEvent>)> {
    let ties = prop_oneof![Just(Ties::Lenient), Just(Ties::Arrival), Just(Ties::Strict)];
    let bound = prop_oneof![3 => Just(None), 1 => (0..12_i64).prop_map(Some)];
    (1..=4_usize, 0..12_i64, ties, bound.clone(), bound, 1..14_i64).prop_flat_map(
        |(steps, window_ms, ties, from_ms, to_ms, span)| {
            let rules = Rules { steps, window_ms, ties, range: DateRange { from_ms, to_ms } };
            let event = (0..span, 1..1_u64 << steps).prop_map(|(time_ms, steps)| StepEvent { time_ms, steps });
            let events = prop::collection::vec(event, 0..9).prop_map(|mut events| {
                events.sort_by_key(|e| e.time_ms);
                events
            });
            (Just(rules), events)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200_000, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_agrees_with_the_reference((rules, events) in small_case()) {
        let mut matcher = Matcher::new(rules);
        prop_assert_eq!(matcher.run(&events), reference::run(&rules, &events));
    }
}

proptest! {
    #[test]
    fn a_used_matcher_is_as_good_as_new(first in small_case(), second in small_case()) {
        let (mut used, mut new) = (Matcher::new(first.0), Matcher::new(first.0));
        used.run(&first.1);
        used.run(&second.1);
        prop_assert_eq!(used.run(&first.1), new.run(&first.1));
    }
}
