//! The one-pass matcher: for each level, the attempt of that length that starts latest.
//!
//! Of all attempts of length *j* that end at or before now, only the one that starts latest matters for what comes: its
//! window closes last, and of two attempts that end alike the later start is the chosen one. So one row per level is
//! enough: O(events × steps) time, O(steps²) memory.
//!
//! ```text
//!   steps A B C, window 10        t=0 A    t=4 B    t=6 A    t=8 B    t=12 C
//!   level 1 (A)                   0        0        6        6        6
//!   level 2 (A B)                 –        0 4      0 4      6 8      6 8
//!   level 3 (A B C)               –        –        –        –        6 8 12
//! ```
//!
//! Events of one millisecond have no order under [`Ties::Lenient`]: there a whole tie group is taken at once, and it may
//! carry an attempt over several steps if its events can be matched to those steps one to one.
//!
//! Under `Lenient` and `Strict` a row holds the tie group of each step (the index of the group's first event), and the
//! events are assigned at the end, for the chosen attempt only.

use std::borrow::Cow;

use crate::spec::Ties;

use super::assign::{assign_group, group_end, reaches};
use super::{Outcome, Rules, StepEvent};

/// Runs the rules of one funnel over the events of one user after another.
#[derive(Debug)]
pub struct Matcher {
    rules: Rules,
    /// `levels[j]` is the best attempt of length `j + 1`, as long as it is set; row `j` of `paths` has its events.
    set: Vec<bool>,
    paths: Vec<usize>,
    depth: usize,
    chosen: Vec<usize>,
    /// The events of the chosen attempt.
    attempt: Vec<usize>,
}

impl Matcher {
    /// For the funnel that `rules` describe.
    pub fn new(rules: Rules) -> Self {
        let n = rules.steps;
        Self {
            rules,
            set: vec![false; n],
            paths: vec![0; n * n],
            depth: 0,
            chosen: Vec::with_capacity(n),
            attempt: Vec::with_capacity(n),
        }
    }

    /// How far a user came. `events` are all events of one user that fill any step, in the order of (timestamp, arrival,
    /// event id). `None` where no event fills step 1 inside the date range.
    pub fn run(&mut self, events: &[StepEvent]) -> Option<Outcome<'_>> {
        self.set.fill(false);
        self.depth = 0;
        match self.rules.ties {
            Ties::Arrival => {
                for at in 0..events.len() {
                    self.take_one(events, at, events[at].steps);
                }
            }
            Ties::Strict => self.each_group(events, |matcher, at, end| {
                let union = events[at..end].iter().fold(0, |all, e| all | e.steps);
                matcher.take_one(events, at, union);
            }),
            Ties::Lenient => self.each_group(events, |matcher, at, end| {
                if end - at == 1 {
                    matcher.take_one(events, at, events[at].steps);
                } else {
                    matcher.take_group(events, at, end);
                }
            }),
        }
        if self.depth == 0 {
            return None;
        }
        let start = self.paths[(self.depth - 1) * self.rules.steps];
        self.resolve(events);
        Some(Outcome { attempt: Cow::Borrowed(&self.attempt), latest_start_ms: events[start].time_ms })
    }

    fn each_group(&mut self, events: &[StepEvent], mut take: impl FnMut(&mut Self, usize, usize)) {
        let mut at = 0;
        while at < events.len() {
            let end = group_end(events, at);
            take(self, at, end);
            at = end;
        }
    }

    /// Takes what stands at `at` as one event that fills one step of an attempt. Levels go downwards, so that each builds
    /// on the level below as it was before this event.
    fn take_one(&mut self, events: &[StepEvent], at: usize, steps: u64) {
        let mut left = steps;
        while left != 0 {
            let level = 63 - left.leading_zeros() as usize;
            left &= !(1 << level);
            if level == 0 {
                if self.rules.range.contains(events[at].time_ms) {
                    self.put(0, 0, at, 1);
                }
            } else if level < self.rules.steps && self.is_open(events, level - 1, at) {
                let start = self.start(level - 1);
                // An attempt of this length with the same start is there already, and its middle steps come earlier.
                if !self.set[level] || start > self.start(level) {
                    self.put(level, level, at, 1);
                }
            }
        }
        self.note_depth();
    }

    /// Takes a tie group of several events: an attempt of length `from` may grow to `to` where the group can fill the
    /// steps between, each with an event of its own.
    fn take_group(&mut self, events: &[StepEvent], at: usize, end: usize) {
        let reach = reaches(&events[at..end], self.rules.steps);
        for to in (1..=self.rules.steps).rev() {
            let mut best: Option<usize> = None;
            for (from, reach) in reach.iter().enumerate().take(to) {
                if *reach < to {
                    continue;
                }
                let open = if from == 0 {
                    self.rules.range.contains(events[at].time_ms)
                } else {
                    self.is_open(events, from - 1, at)
                };
                if open && best.is_none_or(|best| self.is_better(from, best, at)) {
                    best = Some(from);
                }
            }
            let Some(from) = best else { continue };
            let start = if from == 0 { at } else { self.start(from - 1) };
            if !self.set[to - 1] || start > self.start(to - 1) {
                self.put(to - 1, from, at, to - from);
            }
        }
        self.note_depth();
    }

    /// Whether the attempt of length `a`, carried on by the group at `at`, is chosen before that of length `b`: it starts
    /// later, or alike with earlier middle steps.
    fn is_better(&self, a: usize, b: usize, at: usize) -> bool {
        let step = |length: usize, step: usize| {
            if step < length { self.paths[(length - 1) * self.rules.steps + step] } else { at }
        };
        match step(a, 0).cmp(&step(b, 0)) {
            std::cmp::Ordering::Equal => (1..a.max(b)).map(|s| step(a, s)).lt((1..a.max(b)).map(|s| step(b, s))),
            later => later.is_gt(),
        }
    }

    fn start(&self, level: usize) -> usize {
        self.paths[level * self.rules.steps]
    }

    fn is_open(&self, events: &[StepEvent], level: usize, at: usize) -> bool {
        self.set[level] && events[at].time_ms - events[self.start(level)].time_ms <= self.rules.window_ms
    }

    /// Level `level` becomes the attempt of length `from` plus `more` steps at `at`.
    fn put(&mut self, level: usize, from: usize, at: usize, more: usize) {
        let n = self.rules.steps;
        let (below, own) = self.paths.split_at_mut(level * n);
        if let Some(before) = from.checked_sub(1) {
            // A few steps: what copies blocks of memory would take longer to begin.
            below[before * n..before * n + from].iter().zip(own.iter_mut()).for_each(|(below, own)| *own = *below);
        }
        own[from..from + more].iter_mut().for_each(|step| *step = at);
        self.set[level] = true;
    }

    /// The first attempt of a new depth ends earliest, and its row is the latest start: keep it before the row moves on.
    fn note_depth(&mut self) {
        let n = self.rules.steps;
        let mut depth = self.depth;
        while depth < n && self.set[depth] {
            depth += 1;
        }
        if depth > self.depth {
            self.depth = depth;
            self.chosen.clear();
            self.chosen.extend_from_slice(&self.paths[(depth - 1) * n..(depth - 1) * n + depth]);
        }
    }

    /// Finds the events of the chosen attempt.
    fn resolve(&mut self, events: &[StepEvent]) {
        self.attempt.clear();
        if self.rules.ties == Ties::Arrival {
            self.attempt.extend_from_slice(&self.chosen);
            return;
        }
        while self.attempt.len() < self.depth {
            let first = self.attempt.len();
            let at = self.chosen[first];
            let steps = first..first + self.chosen[first..].iter().take_while(|group| **group == at).count();
            assign_group(&events[at..group_end(events, at)], steps, self.depth, &mut self.attempt, at);
        }
    }
}

#[cfg(test)]
#[path = "matcher_tests.rs"]
mod tests;
