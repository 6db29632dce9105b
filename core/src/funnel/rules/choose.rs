//! Which of two attempts of one depth is chosen (`docs/adr/0005-which-attempt-is-chosen.md`).

use std::cmp::Ordering;

use crate::spec::Ties;

use super::UserEvent;

/// Whether `a` is chosen before `b`: it ends earlier; of these, it starts later; of these, its middle steps come earlier,
/// and one that was passed over comes never.
pub(super) fn is_before(events: &[UserEvent], ties: Ties, a: &[Option<usize>], b: &[Option<usize>]) -> bool {
    let by_arrival = || compare(a, b, |event| event);
    let by_time = || compare(a, b, |event| events[event].time_ms);
    match ties {
        Ties::Arrival => by_arrival().is_lt(),
        Ties::Lenient | Ties::Strict => by_time().then_with(by_arrival).is_lt(),
    }
}

fn compare<T: Ord>(a: &[Option<usize>], b: &[Option<usize>], value: impl Fn(usize) -> T) -> Ordering {
    // Behind every value: a step that was passed over.
    let at = |attempt: &[Option<usize>], step: usize| {
        let event = attempt.get(step).copied().flatten().map(&value);
        (event.is_none(), event)
    };
    let last = a.len().saturating_sub(1);
    let ends = at(a, last).cmp(&at(b, last));
    let starts = || at(b, 0).cmp(&at(a, 0));
    let middles = || (1..last).map(|step| at(a, step)).cmp((1..last).map(|step| at(b, step)));
    ends.then_with(starts).then_with(middles)
}
