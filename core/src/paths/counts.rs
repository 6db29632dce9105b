//! What is counted of paths: first steps, links from step to step, ends, and whole paths.

use std::collections::HashMap;

use crate::tallies::Times;

/// The most different whole paths of one answer, and the most different links.
pub const MOST_DIFFERENT: usize = 1_000_000;

/// The most steps of all paths together: the time of each is kept, four bytes.
pub const MOST_STEPS: u64 = 100_000_000;

/// There are more paths than an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooManyPaths {
    /// Whole paths.
    #[error(
        "users took more than {MOST_DIFFERENT} different paths; ask for fewer steps, name the events that matter with `only`, \
         or those that do not with `hide`, or set `top` to 0 for levels and links without whole paths"
    )]
    Paths,
    /// Links.
    #[error(
        "more than {MOST_DIFFERENT} different pairs of events follow each other; ask for fewer steps, or name the events that \
         matter with `only`"
    )]
    Links,
    /// Steps.
    #[error("the paths have more than {MOST_STEPS} steps in all; ask for fewer steps, or for less time")]
    Steps,
}

/// One step of a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub name: u32,
    pub time_ms: i64,
}

/// All that is counted.
#[derive(Debug)]
pub(super) struct Counts {
    /// Names of first steps.
    pub first: HashMap<u32, u64>,
    /// By the level and the name of the step nearer to the anchor, and the name of the other one.
    pub links: HashMap<(usize, u32, u32), Link>,
    /// Paths that end before the last level, by the level and the name of their last step.
    pub ends: HashMap<(usize, u32), Ends>,
    /// By the names of their steps; empty where they are not asked for.
    pub whole: HashMap<Box<[u32]>, Whole>,
    /// All paths.
    pub total: u64,
    keeps_whole: bool,
    steps: u64,
    most_different: usize,
    most_steps: u64,
    too_many: Option<TooManyPaths>,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    pub count: u64,
    pub times: Times,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    pub stopped: u64,
    pub open: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Whole {
    pub count: u64,
    /// Of them, those that may go on.
    pub open: u64,
}

impl Counts {
    pub fn new(keeps_whole: bool) -> Self {
        Self {
            first: HashMap::new(),
            links: HashMap::new(),
            ends: HashMap::new(),
            whole: HashMap::new(),
            total: 0,
            keeps_whole,
            steps: 0,
            most_different: MOST_DIFFERENT,
            most_steps: MOST_STEPS,
            too_many: None,
        }
    }

    /// As [`new`](Self::new), with limits that a test can reach.
    #[cfg(test)]
    pub fn with_limits(most_different: usize, most_steps: u64) -> Self {
        Self { most_different, most_steps, ..Self::new(true) }
    }

    /// Counts a path.
    pub fn add(&mut self, steps: &[Step], is_whole: bool, is_open: bool) {
        let Some(first) = steps.first().filter(|_| self.too_many.is_none()) else { return };
        self.total += 1;
        self.steps += steps.len() as u64;
        *self.first.entry(first.name).or_default() += 1;
        for (at, pair) in steps.windows(2).enumerate() {
            let link = self.links.entry((at + 1, pair[0].name, pair[1].name)).or_default();
            link.count += 1;
            link.times.add((pair[1].time_ms - pair[0].time_ms).abs());
        }
        if let Some(last) = steps.last().filter(|_| !is_whole) {
            let ends = self.ends.entry((steps.len(), last.name)).or_default();
            ends.open += u64::from(is_open);
            ends.stopped += u64::from(!is_open);
        }
        if self.keeps_whole {
            let names: Vec<u32> = steps.iter().map(|step| step.name).collect();
            match self.whole.get_mut(names.as_slice()) {
                Some(whole) => whole.add(Whole { count: 1, open: u64::from(is_open) }),
                None => {
                    self.whole.insert(names.into(), Whole { count: 1, open: u64::from(is_open) });
                }
            }
        }
        self.check();
    }

    /// Adds what was counted elsewhere, whose names have these numbers here.
    pub fn merge(&mut self, other: Self, numbers: &[u32]) {
        self.too_many = self.too_many.or(other.too_many);
        let here = |name: u32| numbers[name as usize];
        self.total += other.total;
        self.steps += other.steps;
        for (name, count) in other.first {
            *self.first.entry(here(name)).or_default() += count;
        }
        for ((level, from, to), theirs) in other.links {
            let link = self.links.entry((level, here(from), here(to))).or_default();
            link.count += theirs.count;
            link.times.merge(theirs.times);
        }
        for ((level, last), theirs) in other.ends {
            let ends = self.ends.entry((level, here(last))).or_default();
            ends.stopped += theirs.stopped;
            ends.open += theirs.open;
        }
        for (mut names, theirs) in other.whole {
            names.iter_mut().for_each(|name| *name = here(*name));
            self.whole.entry(names).or_default().add(theirs);
        }
        self.check();
    }

    /// All of it, unless it is too much.
    pub fn finish(self) -> Result<Self, TooManyPaths> {
        match self.too_many {
            Some(too_many) => Err(too_many),
            None => Ok(self),
        }
    }

    /// Lets go of everything where there is too much of it. Parts of a whole that is small enough are small enough, so that what
    /// is answered does not depend on how the work was shared out.
    fn check(&mut self) {
        let too_many = if self.whole.len() > self.most_different {
            Some(TooManyPaths::Paths)
        } else if self.links.len() > self.most_different {
            Some(TooManyPaths::Links)
        } else if self.steps > self.most_steps {
            Some(TooManyPaths::Steps)
        } else {
            self.too_many
        };
        if too_many.is_some() {
            *self = Self { too_many, ..Self::new(false) };
        }
    }
}

impl Whole {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.open += other.open;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[u32]) -> Vec<Step> {
        names.iter().map(|name| Step { name: *name, time_ms: 0 }).collect()
    }

    #[test]
    fn too_much_is_an_error_and_keeps_nothing() {
        let counted = |most_different, most_steps, paths: &[&[u32]]| {
            let mut counts = Counts::with_limits(most_different, most_steps);
            paths.iter().for_each(|names| counts.add(&path(names), true, false));
            counts
        };
        let paths: [&[u32]; 4] = [&[1, 2], &[1, 2], &[2, 1], &[1, 2, 1]];
        assert_eq!(counted(3, 9, &paths).finish().map(|counts| counts.total), Ok(4));
        let over = counted(2, 9, &paths);
        assert!(over.whole.is_empty() && over.links.is_empty());
        assert_eq!(over.finish().map(|_| ()), Err(TooManyPaths::Paths));
        assert_eq!(counted(3, 8, &paths).finish().map(|_| ()), Err(TooManyPaths::Steps));
        let mut levels = Counts { keeps_whole: false, ..Counts::with_limits(2, 9) };
        paths.iter().for_each(|names| levels.add(&path(names), true, false));
        assert_eq!(levels.finish().map(|_| ()), Err(TooManyPaths::Links));
        // What is too much for one is too much for all, and two that are small enough may be too much together.
        let mut merged = counted(2, 99, &paths[..3]);
        merged.merge(counted(2, 99, &paths[3..]), &[0, 1, 2]);
        assert_eq!(merged.finish().map(|_| ()), Err(TooManyPaths::Paths));
        let mut merged = Counts::with_limits(9, 99);
        merged.merge(counted(2, 9, &paths), &[0, 1, 2]);
        merged.add(&path(&[1]), true, false);
        assert_eq!(merged.finish().map(|_| ()), Err(TooManyPaths::Paths));
    }
}
