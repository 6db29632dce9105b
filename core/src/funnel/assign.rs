//! Events of one millisecond: which steps they can fill, each step with an event of its own.

use std::ops::Range;

use super::StepEvent;

/// End of the tie group that begins at `at`.
pub(super) fn group_end(events: &[StepEvent], at: usize) -> usize {
    let time = events[at].time_ms;
    at + events[at..].iter().take_while(|e| e.time_ms == time).count()
}

/// For each `from` in `0..steps`: the largest `to` such that the group fills steps `from..to` (numbered from 0), each with
/// an event of its own. `to == from` where it does not fill even the first.
pub(super) fn reaches(group: &[StepEvent], steps: usize) -> Vec<usize> {
    (0..steps)
        .map(|from| {
            let mut matching = Matching::new(group);
            (from..steps).take_while(|step| matching.add(*step)).last().map_or(from, |step| step + 1)
        })
        .collect()
}

/// Picks the events of `group` that fill `steps` and appends them to `attempt`, as indices from `offset`.
///
/// Where several assignments are possible, the one that rule 5 prefers by arrival: the end earliest, then the start
/// latest, then the middle steps earliest. `depth` is the length of the whole attempt.
pub(super) fn assign_group(
    group: &[StepEvent],
    steps: Range<usize>,
    depth: usize,
    attempt: &mut Vec<usize>,
    offset: usize,
) {
    if group.len() == 1 {
        attempt.push(offset);
        return;
    }
    let mut picked: Vec<Option<usize>> = vec![None; steps.len()];
    let last = Some(depth - 1).filter(|step| steps.contains(step));
    let first = Some(0).filter(|step| steps.contains(step) && last != Some(0));
    let middle = steps.clone().filter(|step| Some(*step) != last && Some(*step) != first);
    for step in last.into_iter().chain(first).chain(middle) {
        let fits = |event: &usize| {
            group[*event].steps >> step & 1 == 1
                && !picked.contains(&Some(*event))
                && rest_is_possible(group, &steps, &picked, (step, *event))
        };
        // There is one: the matcher only asks for what `reaches` has shown to be possible.
        picked[step - steps.start] =
            if Some(step) == first { (0..group.len()).rev().find(fits) } else { (0..group.len()).find(fits) };
    }
    attempt.extend(picked.into_iter().flatten().map(|event| offset + event));
}

/// Whether the steps that have no event yet can still be filled when `taken` = (step, event) is fixed.
fn rest_is_possible(
    group: &[StepEvent],
    steps: &Range<usize>,
    picked: &[Option<usize>],
    taken: (usize, usize),
) -> bool {
    let mut rest = Matching::new(group);
    rest.used[taken.1] = true;
    picked.iter().flatten().for_each(|event| rest.used[*event] = true);
    steps.clone().filter(|step| *step != taken.0 && picked[step - steps.start].is_none()).all(|step| rest.add(step))
}

/// A one-to-one matching of steps to events, grown by augmenting paths (Kuhn's algorithm).
pub(super) struct Matching<'a> {
    group: &'a [StepEvent],
    /// The step that each event fills.
    step_of: Vec<Option<usize>>,
    /// Events that are not to be had.
    used: Vec<bool>,
}

impl<'a> Matching<'a> {
    pub fn new(group: &'a [StepEvent]) -> Self {
        Self { group, step_of: vec![None; group.len()], used: vec![false; group.len()] }
    }

    /// Gives `step` an event, moving others if need be. `false`, and nothing changed, where that is impossible.
    pub fn add(&mut self, step: usize) -> bool {
        let mut seen = self.used.clone();
        self.augment(step, &mut seen)
    }

    /// The step that an event fills.
    pub fn step_of(&self, event: usize) -> Option<usize> {
        self.step_of[event]
    }

    fn augment(&mut self, step: usize, seen: &mut [bool]) -> bool {
        for event in 0..self.group.len() {
            if seen[event] || self.group[event].steps >> step & 1 == 0 {
                continue;
            }
            seen[event] = true;
            let free = match self.step_of[event] {
                None => true,
                Some(other) => self.augment(other, seen),
            };
            if free {
                self.step_of[event] = Some(step);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(masks: &[u64]) -> Vec<StepEvent> {
        masks.iter().map(|steps| StepEvent { time_ms: 7, steps: *steps }).collect()
    }

    #[test]
    fn a_group_reaches_as_far_as_its_events_go_round() {
        assert_eq!(reaches(&group(&[0b111]), 3), [1, 2, 3]);
        assert_eq!(reaches(&group(&[0b111, 0b001]), 3), [2, 2, 3]);
        assert_eq!(reaches(&group(&[0b001, 0b001]), 3), [1, 1, 2]);
        assert_eq!(reaches(&group(&[0b110, 0b011, 0b100]), 3), [3, 3, 3]);
    }

    #[test]
    fn the_preferred_assignment_is_found() {
        let mut attempt = Vec::new();
        // Steps 0 and 1 of an attempt of length 2: the end first in arrival, then the start last.
        assign_group(&group(&[0b11, 0b11, 0b11]), 0..2, 2, &mut attempt, 10);
        assert_eq!(attempt, [12, 10]);
        attempt.clear();
        // The end must leave the only event that can start.
        assign_group(&group(&[0b11, 0b10]), 0..2, 2, &mut attempt, 0);
        assert_eq!(attempt, [0, 1]);
    }
}
