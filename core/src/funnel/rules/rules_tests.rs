use proptest::prelude::*;

use super::super::{Matcher, StepEvent, reference};
use super::*;
use crate::spec::{DateRange, Ties};

/// So many cases of each property, or as many as `PROPTEST_CASES` asks for.
pub(in crate::funnel) fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = if asked.cases == 256 { 8_000 } else { asked.cases };
    ProptestConfig { cases, max_shrink_iters: 20_000, ..asked }
}

/// One question and one user.
#[derive(Debug, Clone)]
pub(in crate::funnel) struct Case {
    pub rules: RuleSet,
    pub events: Vec<UserEvent>,
    pub session_ends_ms: Vec<i64>,
}

fn ties() -> impl Strategy<Value = Ties> {
    prop_oneof![2 => Just(Ties::Lenient), 1 => Just(Ties::Arrival), 1 => Just(Ties::Strict)]
}

fn count() -> impl Strategy<Value = Count> {
    prop_oneof![2 => Just(Count::Users), 1 => Just(Count::Sessions), 2 => Just(Count::Attempts)]
}

fn excludes(steps: usize, optional: u64) -> impl Strategy<Value = Vec<Between>> {
    let between = (0..steps, 0..steps).prop_map(|(a, b)| Between { from: a.min(b), to: a.max(b) });
    prop::collection::vec(between, 0..4).prop_map(move |mut list| {
        let may_be_missing = |step: usize| step + 1 < steps && optional >> step & 1 == 1;
        list.retain(|e| e.from < e.to && !may_be_missing(e.from) && !may_be_missing(e.to));
        list
    })
}

prop_compose! {
    fn rules(order: Order)(
        steps in 1..=4_usize,
        optional in prop_oneof![Just(0_u64), any::<u64>()],
    )(
        exclude in excludes(steps, optional & !1 & ((1 << steps) - 1)),
        steps in Just(steps),
        optional in Just(optional & !1 & ((1 << steps) - 1)),
        window_ms in 0..12_i64,
        ties in ties(),
        count in count(),
        from_ms in prop_oneof![3 => Just(None), 1 => (0..12_i64).prop_map(Some)],
        to_ms in prop_oneof![3 => Just(None), 1 => (0..12_i64).prop_map(Some)],
        drop_user in any::<bool>(),
        hold in any::<bool>(),
        in_one_session in prop_oneof![3 => Just(false), 1 => Just(true)],
    ) -> RuleSet {
        let window_ms = if in_one_session { i64::MAX } else { window_ms };
        let is_any = order == Order::Any;
        RuleSet {
            base: Rules { steps, window_ms, ties, range: DateRange { from_ms, to_ms } },
            order,
            optional: if is_any { 0 } else { optional },
            exclude: if is_any { Vec::new() } else { exclude },
            exclusion: if drop_user { Exclusion::DropUser } else { Exclusion::Block },
            in_one_session,
            count,
            hold,
        }
    }
}

pub(in crate::funnel) fn case(order: Order) -> impl Strategy<Value = Case> {
    (rules(order), 1..14_i64, 0..10_usize).prop_flat_map(|(rules, span, most)| {
        let excludes = (1_u64 << rules.exclude.len()) - 1;
        let mark = prop_oneof![2 => Just(0_u64), 1 => any::<u64>()].prop_map(move |bits| bits & excludes);
        let held = prop_oneof![1 => Just(None), 6 => Just(Some(0)), 3 => Just(Some(1))];
        let hold = rules.hold;
        let steps = prop_oneof![3 => 0..1_u64 << rules.base.steps, 1 => Just((1_u64 << rules.base.steps) - 1)];
        let event =
            (0..span, steps, mark, 0..3_usize, held).prop_map(move |(time_ms, steps, excludes, session, held)| {
                let held = if hold { held } else { Some(0) };
                UserEvent { time_ms, steps, excludes, session, held }
            });
        let events = prop::collection::vec(event, 0..=most).prop_map(|mut events| {
            events.sort_by_key(|event| event.time_ms);
            events
        });
        (Just(rules), events, prop::collection::vec(0..30_i64, 3)).prop_map(|(rules, events, session_ends_ms)| Case {
            rules,
            events,
            session_ends_ms,
        })
    })
}

pub(in crate::funnel) fn sorted(mut journeys: Vec<Journey>) -> Vec<Journey> {
    journeys.sort_by(|a, b| a.attempt.cmp(&b.attempt));
    journeys
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let Case { rules, events, session_ends_ms } = case;
    // Events that stand for nothing matter in strict order only.
    let kept: Vec<UserEvent> = events
        .iter()
        .filter(|event| rules.needs_all_events() || event.steps != 0 || event.excludes != 0)
        .copied()
        .collect();
    let mut journeys = Journeys::new(rules.clone());
    let found = sorted(journeys.run(&kept, session_ends_ms)?);
    prop_assert_eq!(&found, &sorted(reference::journeys(rules, &kept, session_ends_ms)));
    // A used one is as good as new.
    prop_assert_eq!(found, sorted(journeys.run(&kept, session_ends_ms)?));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn steps_in_order_agree_with_the_reference(case in case(Order::Ordered)) {
        check(&case)?;
    }

    #[test]
    fn adjacent_steps_agree_with_the_reference(case in case(Order::Strict)) {
        check(&case)?;
    }

    #[test]
    fn steps_in_any_order_agree_with_the_reference(case in case(Order::Any)) {
        check(&case)?;
    }

    #[test]
    fn plain_funnels_agree_with_the_plain_matcher(case in case(Order::Ordered)) {
        let base = case.rules.base;
        let rules = RuleSet {
            optional: 0,
            exclude: Vec::new(),
            in_one_session: false,
            hold: false,
            count: Count::Users,
            ..case.rules
        };
        prop_assert!(rules.is_plain());
        let events = case.events.iter().map(|event| UserEvent { held: Some(0), ..*event });
        let events: Vec<UserEvent> = events.filter(|event| event.steps != 0).collect();
        let steps: Vec<StepEvent> =
            events.iter().map(|event| StepEvent { time_ms: event.time_ms, steps: event.steps }).collect();
        let plain = Matcher::new(base).run(&steps).map(|outcome| Journey {
            attempt: outcome.attempt.iter().copied().map(Some).collect(),
            open_until_ms: outcome.latest_start_ms.saturating_add(base.window_ms),
        });
        let found = Journeys::new(rules).run(&events, &[])?;
        prop_assert_eq!(found.into_iter().next(), plain);
    }
}

fn plain(steps: usize) -> RuleSet {
    RuleSet {
        base: Rules { steps, window_ms: 10, ties: Ties::Lenient, range: DateRange::default() },
        order: Order::Ordered,
        optional: 0,
        exclude: Vec::new(),
        exclusion: Exclusion::Block,
        in_one_session: false,
        count: Count::Users,
        hold: false,
    }
}

fn event(time_ms: i64, steps: u64, excludes: u64) -> UserEvent {
    UserEvent { time_ms, steps, excludes, session: 0, held: Some(0) }
}

/// The depth of a user of whom only one journey is expected; 0 where there is none.
fn depth(rules: &RuleSet, events: &[UserEvent]) -> usize {
    let found = Journeys::new(rules.clone()).run(events, &[]).unwrap();
    assert_eq!(sorted(found.clone()), sorted(reference::journeys(rules, events, &[])));
    found.first().map_or(0, |journey| journey.attempt.len())
}

#[test]
fn an_exclusion_blocks_or_drops() {
    let between = |from, to| vec![Between { from, to }];
    let block = RuleSet { exclude: between(0, 2), ..plain(3) };
    let list = [event(0, 1, 0), event(1, 2, 0), event(2, 0, 1), event(3, 4, 0)];
    assert_eq!(depth(&block, &list), 2);
    assert_eq!(depth(&RuleSet { exclude: between(0, 1), ..plain(3) }, &list), 3);
    let drop = RuleSet { exclusion: Exclusion::DropUser, ..block };
    assert_eq!(depth(&drop, &list), 0);
    assert_eq!(depth(&drop, &list[..3]), 2);
}

#[test]
fn attempts_use_each_event_once() {
    let rules = RuleSet { count: Count::Attempts, ..plain(2) };
    let list = [(0, 1), (1, 1), (2, 2), (3, 1), (4, 1), (5, 2), (6, 2)].map(|(time, steps)| event(time, steps, 0));
    let attempts = sorted(Journeys::new(rules).run(&list, &[]).unwrap());
    let attempts: Vec<_> = attempts.into_iter().map(|journey| journey.attempt).collect();
    assert_eq!(attempts, [[Some(0), Some(2)], [Some(3), Some(5)]]);
}

/// Whatever somebody sends, an answer comes soon: a great many events of one millisecond, or one after the other, that
/// fill every step and match every exclusion.
#[test]
fn many_alike_events_do_no_harm() {
    for together in [true, false] {
        for (order, count, ties) in [
            (Order::Ordered, Count::Users, Ties::Lenient),
            (Order::Ordered, Count::Users, Ties::Arrival),
            (Order::Ordered, Count::Users, Ties::Strict),
            (Order::Ordered, Count::Attempts, Ties::Lenient),
            (Order::Ordered, Count::Attempts, Ties::Arrival),
            (Order::Strict, Count::Users, Ties::Lenient),
            (Order::Strict, Count::Attempts, Ties::Strict),
            (Order::Any, Count::Users, Ties::Lenient),
            (Order::Any, Count::Attempts, Ties::Lenient),
        ] {
            let events: Vec<UserEvent> =
                (0..MANY).map(|at| event(if together { 5 } else { at }, 0b1111, 0b11)).collect();
            let rules = RuleSet { order, count, ..plain(4) };
            let rules = RuleSet { base: Rules { ties, window_ms: 1_000_000, ..rules.base }, ..rules };
            let mut journeys = Journeys::new(rules.clone());
            assert!(!journeys.run(&events, &[]).unwrap().is_empty(), "{rules:?}");
            if order == Order::Any {
                continue;
            }
            let exclude = vec![Between { from: 0, to: 3 }, Between { from: 0, to: 1 }];
            let ruled = RuleSet { optional: 0b0100, exclude, ..rules };
            assert!(!Journeys::new(ruled.clone()).run(&events, &[]).unwrap().is_empty(), "{ruled:?}");
        }
    }
}

/// Events of one user in the test above.
const MANY: i64 = 20_000;

/// Found by chance: an event that two steps began with was taken from all others too, so that an optional step, which could have had
/// it, was passed over.
#[test]
fn an_event_that_two_steps_do_without_is_there_for_a_third() {
    let rules = RuleSet {
        base: Rules { steps: 4, window_ms: 10, ties: Ties::Lenient, range: DateRange::default() },
        order: Order::Ordered,
        optional: 0b1100,
        exclude: vec![Between { from: 0, to: 1 }],
        exclusion: Exclusion::Block,
        in_one_session: false,
        count: Count::Users,
        hold: false,
    };
    let event = |steps, excludes| UserEvent { time_ms: 0, steps, excludes, session: 0, held: Some(0) };
    let events = [event(0b1100, 0), event(0, 1), event(0b1111, 0), event(0b0001, 0), event(0b0010, 0)];
    let found = Journeys::new(rules.clone()).run(&events, &[0]).unwrap();
    assert_eq!(found, reference::journeys(&rules, &events, &[0]));
    assert_eq!(found[0].attempt, [Some(3), Some(4), Some(2), Some(0)]);
}
