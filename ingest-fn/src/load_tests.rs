//! The rule of the two lanes, and that what is counted is what is held.

use proptest::prelude::*;
use weir_core::ports::CountingIds;

use super::*;

const MIB: u64 = 1 << 20;
const MOST: Amount = Amount { bytes: 64 * MIB, requests: 40 };

fn amount() -> impl Strategy<Value = Amount> {
    (0..=80 * MIB, 0..=50_u64).prop_map(|(bytes, requests)| Amount { bytes, requests })
}

fn in_flight() -> impl Strategy<Value = InFlight> {
    (amount(), amount()).prop_map(|(live, bulk)| InFlight { live, bulk })
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![Just(Lane::Live), Just(Lane::Bulk)]
}

fn load() -> Arc<Load> {
    Load::new(LoadSettings { most: MOST, ..LoadSettings::default() })
}

proptest! {
    #[test]
    fn bulk_can_never_push_live_out(live in amount(), bulk in amount(), more in amount(), struggles: bool) {
        let alone = InFlight { live, bulk: Amount::default() };
        let decided = decide(MOST, InFlight { live, bulk }, Lane::Live, more, struggles);
        prop_assert_eq!(decided, decide(MOST, alone, Lane::Live, more, false));
    }

    #[test]
    fn bulk_is_shed_before_live(now in in_flight(), more in amount(), struggles: bool) {
        // Where bulk is taken, less than half of everything is under way afterwards, and live would be taken as well.
        if decide(MOST, now, Lane::Bulk, more, struggles) {
            prop_assert!(!struggles);
            prop_assert!(now.bulk.plus(now.live).plus(more).fits(MOST.quarters(2)));
            prop_assert!(decide(MOST, now, Lane::Live, more, struggles));
        }
    }

    #[test]
    fn less_is_always_easier(now in in_flight(), less in in_flight(), more in amount(), smaller in amount(), lane in lane()) {
        let (fewer, little) = (
            InFlight { live: now.live.minus(less.live), bulk: now.bulk.minus(less.bulk) },
            more.minus(smaller),
        );
        prop_assert!(fewer.level(MOST) <= now.level(MOST));
        if decide(MOST, now, lane, more, false) {
            prop_assert!(decide(MOST, fewer, lane, little, false));
        }
    }

    #[test]
    fn what_is_under_way_never_exceeds_the_bound_and_all_of_it_comes_back(
        steps in prop::collection::vec((0..4_u8, lane(), 0..8 * MIB, any::<prop::sample::Index>()), 1..200),
    ) {
        let (load, ids) = (load(), CountingIds::default());
        let mut permits = Vec::<Permit>::new();
        for (step, lane, bytes, which) in steps {
            match step {
                0 | 1 if permits.is_empty() => permits.extend(load.admit(lane, Some(bytes), false, &ids)),
                0 => permits.extend(load.admit(lane, None, false, &ids)),
                1 => {
                    let permit = which.get(&permits).bytes();
                    let at = which.index(permits.len());
                    let grown = permits[at].make_room(bytes as usize, None, &ids);
                    prop_assert_eq!(grown.is_err(), permits[at].bytes() < bytes);
                    prop_assert!(grown.is_ok() || permits[at].bytes() == permit);
                }
                2 if !permits.is_empty() => {
                    let at = which.index(permits.len());
                    let moved = permits[at].move_to_bulk(false, &ids);
                    prop_assert!(moved.is_err() || permits[at].lane() == Lane::Bulk);
                }
                _ if !permits.is_empty() => drop(permits.swap_remove(which.index(permits.len()))),
                _ => {}
            }
            let held = |lane: Lane| {
                let of_lane = permits.iter().filter(|permit| permit.lane() == lane);
                of_lane.fold(Amount::default(), |sum, permit| sum.plus(permit.held()))
            };
            let counted = load.lock().in_flight;
            prop_assert_eq!((counted.live, counted.bulk), (held(Lane::Live), held(Lane::Bulk)));
            prop_assert!(counted.live.fits(MOST.quarters(3)) && counted.bulk.fits(MOST.quarters(1)));
            prop_assert!(load.level() <= 1.0);
        }
        drop(permits);
        prop_assert_eq!(load.level(), 0.0);
    }

    #[test]
    fn the_more_are_refused_the_later_they_come_back(lately: u64, more: u64, spread: u8, lane in lane()) {
        let seconds = retry_after_s(lane, lately, spread);
        prop_assert!((1..=2 * MAX_RETRY_SECONDS).contains(&seconds));
        prop_assert!(seconds <= retry_after_s(lane, lately.saturating_add(more), spread));
        prop_assert!(seconds <= retry_after_s(lane, lately, u8::MAX));
        prop_assert!(retry_after_s(Lane::Live, lately, spread) <= retry_after_s(Lane::Bulk, lately, spread));
    }
}

#[test]
fn each_lane_takes_the_largest_body_where_the_bound_is_the_smallest() {
    let most = Amount { bytes: LoadSettings::FEWEST_BYTES, requests: 4 };
    for lane in [Lane::Live, Lane::Bulk] {
        let load = Load::new(LoadSettings { most, ..LoadSettings::default() });
        let ids = CountingIds::default();
        let mut permit = load.admit(lane, Some(MAX_BODY_BYTES as u64), false, &ids).unwrap();
        let mut steps = 0;
        for read in (1_000..=MAX_BODY_BYTES).step_by(1_000).chain([MAX_BODY_BYTES]) {
            let before = permit.bytes();
            permit.make_room(read, None, &ids).unwrap();
            steps += usize::from(permit.bytes() != before);
            assert!(permit.bytes() >= read as u64 && permit.bytes() <= MAX_BODY_BYTES as u64);
        }
        assert!(steps < 10, "{steps} steps");
    }
}

#[test]
fn a_body_of_known_length_gets_no_more_room_than_it_announces() {
    let (load, ids) = (load(), CountingIds::default());
    let mut permit = load.admit(Lane::Live, Some(100_000), false, &ids).unwrap();
    assert_eq!(permit.bytes(), 0, "what is announced is not held");
    for (read, held) in [(10, 65_536), (65_536, 65_536), (65_537, 100_000), (100_000, 100_000)] {
        permit.make_room(read, Some(100_000), &ids).unwrap();
        assert_eq!(permit.bytes(), held, "{read}");
    }
    permit.resize(7, &ids).unwrap();
    assert_eq!(load.level(), 1.0 / 40.0);
}

#[test]
fn a_log_that_struggles_stops_bulk_only_and_only_at_the_door() {
    let (load, ids) = (load(), CountingIds::default());
    let mut before = load.admit(Lane::Bulk, None, false, &ids).unwrap();
    let refused = load.admit(Lane::Bulk, None, true, &ids).unwrap_err();
    assert_eq!((refused.lane, refused.code()), (Lane::Bulk, "bulk_paused"));
    before.make_room(1_000_000, None, &ids).unwrap();
    let mut live = load.admit(Lane::Live, None, true, &ids).unwrap();
    assert_eq!(live.move_to_bulk(true, &ids).unwrap_err().code(), "bulk_paused");
    assert_eq!(live.lane(), Lane::Live);
    live.move_to_bulk(false, &ids).unwrap();
    assert_eq!(live.lane(), Lane::Bulk);
}

#[test]
fn refusals_are_forgotten_by_half_each_second() {
    let mut refused = Refused::default();
    let start = Instant::now();
    for _ in 0..64 {
        refused.one_more(start);
    }
    assert_eq!(refused.lately, 64);
    refused.one_more(start + Duration::from_millis(3_500));
    assert_eq!(refused.lately, 9);
    refused.one_more(start + Duration::from_secs(10_000));
    assert_eq!(refused.lately, 1);
}

#[test]
fn a_refusal_says_what_to_do() {
    let shed = Shed { lane: Lane::Live, retry_after_s: 3 };
    assert_eq!(
        (shed.code(), shed.to_string().as_str()),
        (
            "overloaded",
            "the collector has as much under way as it may; nothing was stored, send the same batch again in 3 s"
        )
    );
    assert_eq!([retry_after_s(Lane::Live, 0, 0), retry_after_s(Lane::Live, 1_000, 0)], [1, 10]);
    assert_eq!([retry_after_s(Lane::Bulk, 0, 0), retry_after_s(Lane::Bulk, 1_000, 255)], [5, 100]);
}
