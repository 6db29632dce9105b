//! What is concluded from appends, at chosen instants.

use super::*;

const NOTHING: Seen = Seen { pending: 0, moved_at: None, last: None, failed_at: None, smoothed_s: 0.0 };

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn what_was_seen_tells_for_a_while_and_then_the_log_is_asked() {
    let start = Instant::now();
    assert_eq!(NOTHING.verdict(start), Verdict::Unknown, "before the first append");
    for (taken, tells, ms) in [(true, Verdict::Ready, 10_000), (false, Verdict::Failing, 2_000)] {
        let mut seen = NOTHING;
        seen.outcome(start, taken);
        assert_eq!(seen.verdict(start), tells);
        assert_eq!(seen.verdict(after(start, ms - 1)), tells);
        assert_eq!(seen.verdict(after(start, ms)), Verdict::Unknown);
    }
    let mut seen = NOTHING;
    seen.outcome(start, false);
    seen.outcome(after(start, 1), true);
    assert_eq!(seen.verdict(after(start, 2)), Verdict::Ready, "the newest counts");
}

#[test]
fn appends_that_do_not_end_are_a_log_that_hangs() {
    let start = Instant::now();
    let mut seen = NOTHING;
    seen.outcome(start, true);
    seen.begin(after(start, 1_000));
    seen.begin(after(start, 5_000));
    assert_eq!(seen.verdict(after(start, 9_999)), Verdict::Ready);
    assert_eq!(seen.verdict(after(start, 11_000)), Verdict::Failing);
    assert!(seen.struggles(after(start, 11_000)) && !seen.struggles(after(start, 10_999)));
    // One that ends shows that it moves, although another waits.
    seen.end(after(start, 12_000));
    assert_eq!(seen.verdict(after(start, 21_999)), Verdict::Unknown);
    assert_eq!(seen.verdict(after(start, 22_000)), Verdict::Failing);
    seen.end(after(start, 23_000));
    assert_eq!(seen.verdict(after(start, 90_000)), Verdict::Unknown);
    // The time of no appends does not count.
    seen.begin(after(start, 90_000));
    assert_eq!(seen.verdict(after(start, 91_000)), Verdict::Unknown);
}

#[test]
fn one_slow_append_is_no_struggle_and_many_are_until_they_are_past() {
    let start = Instant::now();
    let mut seen = NOTHING;
    let mut append = |ms: u64, seconds: f64| {
        seen.took(after(start, ms), seconds);
        seen.outcome(after(start, ms), true);
        seen
    };
    assert!(!append(0, 3.0).struggles(start));
    for ms in 1..20 {
        append(ms, 3.0);
    }
    assert!(append(20, 3.0).struggles(after(start, 20)));
    for ms in 21..40 {
        append(ms, 0.001);
    }
    assert!(!append(40, 0.001).struggles(after(start, 40)), "it has become fast again");
    for ms in 41..60 {
        append(ms, 3.0);
    }
    let slow = append(60, 3.0);
    assert!(
        slow.struggles(after(start, 5_059)) && !slow.struggles(after(start, 5_060)),
        "without traffic it is forgotten"
    );
    assert!(!append(60_000, 3.0).struggles(after(start, 60_000)), "after a pause the past tells nothing");
}

#[test]
fn a_failure_is_a_struggle_for_some_seconds_also_where_others_are_taken() {
    let start = Instant::now();
    let mut seen = NOTHING;
    seen.outcome(start, false);
    seen.outcome(after(start, 1), true);
    assert!(seen.struggles(after(start, 4_999)) && !seen.struggles(after(start, 5_000)));
}

#[test]
fn an_append_that_was_given_up_tells_nothing() {
    let sink = Sink::default();
    drop(sink.begin());
    assert_eq!((sink.verdict(), sink.struggles(), sink.lock().pending), (Verdict::Unknown, false, 0));
    let (one, two) = (sink.begin(), sink.begin());
    assert_eq!(sink.lock().pending, 2);
    one.ended(true);
    assert_eq!((sink.verdict(), sink.lock().pending), (Verdict::Ready, 1));
    two.ended(false);
    assert_eq!((sink.verdict(), sink.struggles(), sink.lock().pending), (Verdict::Failing, true, 0));
    sink.probed(true);
    assert_eq!(sink.verdict(), Verdict::Ready);
}
