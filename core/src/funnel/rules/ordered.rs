//! Steps in order, with exclusions and optional steps: for each step, the attempt up to it that starts latest.
//!
//! As in the plain matcher, of all attempts that have come to a step only the one that starts latest matters for what comes;
//! of those that start alike, the one whose middle steps come earliest. What the richer rules add:
//!
//! - *Optional steps*: a step builds on the best of the steps below, as far down as all between are optional.
//! - *Exclusions*: a mark takes away the attempts that stand between the two steps of its exclusion. An exclusion binds
//!   only attempts that come to its second step, so depths fall into *lanes*, in each of which the same exclusions are in
//!   force, and the lanes are walked from the deepest on. Inside a lane all attempts of a level live and die alike, so the
//!   latest start is still all that matters.
//! - *Events of one millisecond*: where they have no order, the whole group is taken at once ([`TieGroup`]).
//!
//! O(lanes × events × steps) time, and steps² where attempts start alike.

use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

use crate::spec::Ties;

use super::tie_group::{Filling, Marks, TieGroup};
use super::unit::{Part, Unit};
use super::{Best, Entangled, Fixed, RuleSet};

/// Stands in a path for a step without an event: later than any.
const NONE: usize = usize::MAX;

/// Looks for attempts in order.
#[derive(Debug)]
pub(super) struct Ordered {
    steps: usize,
    lanes: Vec<Lane>,
    /// Whether there is an attempt that ends with step n; its path is row n of `paths`: for each step the first place of the
    /// instant of its event.
    set: Vec<bool>,
    paths: Vec<usize>,
    /// A path that is being made.
    draft: Vec<usize>,
    /// For each exclusion, the first of its marks that have not been passed.
    passed: Vec<usize>,
    /// As `set`, before the instant that is being taken.
    before: Vec<bool>,
    /// The marks inside that instant.
    inside: Vec<Marks>,
    /// For each step the level that it builds on best.
    below: Vec<Option<usize>>,
}

/// Exclusions in force for attempts of some depths.
#[derive(Debug)]
struct Lane {
    depths: RangeInclusive<usize>,
    /// As places in the rules.
    exclusions: Vec<usize>,
}

/// Depths, from 1, with the same exclusions in force: those whose second step such attempts have come to.
pub(super) fn depths(rules: &RuleSet) -> Vec<RangeInclusive<usize>> {
    let mut firsts: Vec<usize> = rules.exclude.iter().map(|e| e.to + 1).chain([1]).collect();
    firsts.sort_unstable();
    firsts.dedup();
    let ends = firsts.iter().skip(1).map(|next| next - 1).chain([rules.base.steps]);
    firsts.iter().zip(ends).map(|(first, end)| *first..=end).collect()
}

/// The deepest attempt of a pass, by instants.
struct Deepest {
    depth: usize,
    path: Vec<usize>,
}

/// Events of one instant, or one event where each has a place of its own.
struct Instant {
    /// Of the part's members.
    members: Range<usize>,
    /// Of the unit's events; without exclusions only as far as there are members.
    places: Range<usize>,
    /// Whether members may be used for a first step.
    may_start: bool,
}

impl Ordered {
    pub fn new(rules: &RuleSet) -> Self {
        let n = rules.base.steps;
        let lanes = depths(rules).into_iter().map(|depths| {
            let in_force = (0..rules.exclude.len()).filter(|at| rules.exclude[*at].to < *depths.start());
            Lane { exclusions: in_force.collect(), depths }
        });
        Self {
            steps: n,
            lanes: lanes.collect(),
            set: vec![false; n],
            paths: vec![NONE; n * n],
            draft: vec![NONE; n],
            passed: Vec::new(),
            before: Vec::with_capacity(n),
            inside: Vec::new(),
            below: Vec::with_capacity(n),
        }
    }

    /// The best attempt of a part.
    pub fn best(
        &mut self,
        rules: &RuleSet,
        unit: &Unit<'_>,
        part: &Part<'_>,
        fixed: Option<Fixed>,
    ) -> Result<Option<Best>, Entangled> {
        if let Some(fixed) = fixed.filter(|_| rules.base.steps == 1) {
            let latest_start_ms = unit.events[fixed.start].time_ms;
            return Ok(Some(Best { attempt: vec![Some(fixed.start)], latest_start_ms }));
        }
        for lane in (0..self.lanes.len()).rev() {
            let pass = Pass { rules, unit, part, fixed, lane };
            if let Some(deepest) = self.pass(&pass)? {
                let start = self.paths[(deepest.depth - 1) * self.steps];
                let attempt = self.resolve(&pass, &deepest)?;
                return Ok(Some(Best { attempt, latest_start_ms: unit.events[start].time_ms }));
            }
        }
        Ok(None)
    }

    /// Walks the part's events with the exclusions of one lane.
    fn pass(&mut self, pass: &Pass<'_>) -> Result<Option<Deepest>, Entangled> {
        self.set.fill(false);
        let depths = self.lanes[pass.lane].depths.clone();
        let mut deepest: Option<Deepest> = None;
        let mut at = pass.first_member();
        let first_place = pass.instant(at).map_or(0, |instant| instant.places.start);
        self.passed.clear();
        self.passed.extend(pass.unit.marks.iter().map(|marks| marks.partition_point(|mark| *mark < first_place)));
        while let Some(instant) = pass.instant(at) {
            at = instant.members.end;
            let mut marks = std::mem::take(&mut self.inside);
            self.pass_marks(pass, &instant.places, &mut marks);
            let taken = self.take(pass, &instant, &marks);
            self.inside = marks;
            taken?;
            // Attempts of a new depth end earliest now; its row is the best of them.
            let from = deepest.as_ref().map_or(*depths.start(), |deepest| deepest.depth + 1);
            if let Some(depth) = (from..=*depths.end()).rev().find(|depth| self.set[depth - 1]) {
                let row = (depth - 1) * self.steps;
                deepest = Some(Deepest { depth, path: self.paths[row..row + depth].to_vec() });
                if pass.fixed.is_some() && depth == self.steps {
                    break;
                }
            }
        }
        Ok(deepest)
    }

    /// Goes past the marks before `places`, and takes away the attempts that they end. Notes the marks inside.
    fn pass_marks(&mut self, pass: &Pass<'_>, places: &Range<usize>, inside: &mut Vec<Marks>) {
        inside.clear();
        for exclusion in &self.lanes[pass.lane].exclusions {
            let marks = &pass.unit.marks[*exclusion];
            let rest = &marks[self.passed[*exclusion]..];
            let before = rest.partition_point(|mark| *mark < places.start);
            let upto = before + rest[before..].partition_point(|mark| *mark < places.end);
            let between = pass.rules.exclude[*exclusion];
            if before > 0 {
                self.set[between.from..between.to].fill(false);
            }
            if let (Some(first), Some(last)) = (rest[before..upto].first(), rest[before..upto].last()) {
                inside.push(Marks { exclusion: *exclusion, between, first: *first, last: *last });
            }
            self.passed[*exclusion] += upto;
        }
    }

    fn take(&mut self, pass: &Pass<'_>, instant: &Instant, marks: &[Marks]) -> Result<(), Entangled> {
        let mut before = std::mem::take(&mut self.before);
        before.clone_from(&self.set);
        let most = *self.lanes[pass.lane].depths.end();
        let one_each = pass.rules.base.ties != Ties::Lenient || instant.members.len() == 1;
        let group = if one_each {
            None
        } else {
            let places = pass.candidates(instant, marks);
            let steps = |place: usize| (place, pass.steps_of(place, instant));
            Some(TieGroup::new(places.into_iter().map(steps).collect(), pass.unit, marks))
        };
        for mark in marks {
            self.set[mark.between.from..mark.between.to].fill(false);
        }
        let taken = match group {
            None => {
                self.take_one(pass, instant, marks, &before, most);
                Ok(())
            }
            Some(group) => self.take_group(pass, instant, &group, &before, most),
        };
        self.before = before;
        taken
    }

    /// Each attempt uses at most one event of the instant. Levels go downwards, so that each builds on those below as they
    /// were before.
    fn take_one(&mut self, pass: &Pass<'_>, instant: &Instant, marks: &[Marks], before: &[bool], most: usize) {
        let id = instant.places.start;
        let mut steps = 0;
        for member in &pass.part.members[instant.members.clone()] {
            steps |= pass.steps_of(*member, instant) & !marks.iter().fold(0, |all, mark| all | mark.barred(*member));
        }
        if steps != 0 {
            self.find_below(pass.rules, before);
        }
        while steps != 0 {
            let step = 63 - steps.leading_zeros() as usize;
            steps &= !(1 << step);
            if step >= most {
                continue;
            }
            self.draft.fill(NONE);
            if step > 0 {
                let below = self.below[step].filter(|below| pass.is_open(self.start(*below), id));
                let Some(below) = below else { continue };
                self.draft.copy_from_slice(&self.paths[below * self.steps..(below + 1) * self.steps]);
            }
            self.draft[step] = id;
            self.offer(step);
        }
    }

    /// Finds for each step the level that it builds on best.
    fn find_below(&mut self, rules: &RuleSet, before: &[bool]) {
        let mut below = std::mem::take(&mut self.below);
        below.clear();
        below.resize(self.steps, None);
        for step in 1..self.steps {
            let direct = before[step - 1].then_some(step - 1);
            let over = if rules.optional >> (step - 1) & 1 == 1 { below[step - 1] } else { None };
            below[step] = match (direct, over) {
                (Some(direct), Some(over)) if compare(self.path(over), self.path(direct)).is_lt() => Some(over),
                (None, over) => over,
                (direct, _) => direct,
            };
        }
        self.below = below;
    }

    /// An attempt may use several events of the instant: from each level below, and as a new start, as many as it takes.
    fn take_group(
        &mut self,
        pass: &Pass<'_>,
        instant: &Instant,
        group: &TieGroup<'_>,
        before: &[bool],
        most: usize,
    ) -> Result<(), Entangled> {
        let id = instant.places.start;
        for step in (0..most).rev() {
            if group.steps() >> step & 1 == 0 {
                continue;
            }
            let mut best: Option<Vec<usize>> = None;
            let mut required: u64 = 1 << step;
            for first in (0..=step).rev() {
                if pass.rules.optional >> first & 1 == 0 {
                    required |= 1 << first;
                }
                if required & !group.steps() != 0 || required.count_ones() as usize > group.len() {
                    break;
                }
                let start = match first.checked_sub(1) {
                    None => Some(id),
                    Some(below) => before[below].then(|| self.start(below)).filter(|start| pass.is_open(*start, id)),
                };
                let Some(start) = start.filter(|start| best.as_ref().is_none_or(|best| *start >= best[0])) else {
                    continue;
                };
                let filling = Filling { steps: required, first, end: step + 1 };
                let Some(steps) = group.fill(filling, pass.rules.optional)? else { continue };
                self.draft.fill(NONE);
                if first > 0 {
                    let row = (first - 1) * self.steps;
                    self.draft.copy_from_slice(&self.paths[row..row + self.steps]);
                }
                self.draft[0] = start;
                (first..=step).filter(|at| steps >> at & 1 == 1).for_each(|at| self.draft[at] = id);
                if best.as_ref().is_none_or(|best| compare(&self.draft, best).is_lt()) {
                    best = Some(self.draft.clone());
                }
            }
            if let Some(best) = best {
                self.draft = best;
                self.offer(step);
            }
        }
        Ok(())
    }

    /// The draft becomes the attempt of a level if it is better than the one there.
    fn offer(&mut self, level: usize) {
        if !self.set[level] || compare(&self.draft, self.path(level)).is_lt() {
            self.set[level] = true;
            self.paths[level * self.steps..(level + 1) * self.steps].copy_from_slice(&self.draft);
        }
    }

    fn path(&self, level: usize) -> &[usize] {
        &self.paths[level * self.steps..(level + 1) * self.steps]
    }

    fn start(&self, level: usize) -> usize {
        self.paths[level * self.steps]
    }

    /// The events of the chosen attempt.
    fn resolve(&self, pass: &Pass<'_>, deepest: &Deepest) -> Result<Vec<Option<usize>>, Entangled> {
        let mut attempt = vec![None; deepest.depth];
        let mut step = 0;
        while step < deepest.depth {
            let id = deepest.path[step];
            if id == NONE {
                step += 1;
                continue;
            }
            // Steps that were passed over inside of an instant belong to it.
            let end = deepest.path.iter().rposition(|other| *other == id).map_or(step + 1, |last| last + 1);
            let instant = pass.instant_at(id);
            let marks = self.marks_inside(pass, &instant.places);
            let places = pass.candidates(&instant, &marks);
            let steps = |place: usize| (place, pass.steps_of(place, &instant));
            let group = TieGroup::new(places.into_iter().map(steps).collect(), pass.unit, &marks);
            let filled = (step..end).filter(|at| deepest.path[*at] == id).fold(0, |mask, at| mask | 1 << at);
            let filling = Filling { steps: filled, first: step, end };
            for (step, place) in group.preferred(filling, deepest.depth)? {
                attempt[step] = Some(place);
            }
            step = end;
        }
        Ok(attempt)
    }

    fn marks_inside(&self, pass: &Pass<'_>, places: &Range<usize>) -> Vec<Marks> {
        let inside = |exclusion: &usize| {
            let marks = &pass.unit.marks[*exclusion];
            let marks = &marks[marks.partition_point(|mark| *mark < places.start)..];
            let marks = &marks[..marks.partition_point(|mark| *mark < places.end)];
            let (first, last) = (*marks.first()?, *marks.last()?);
            Some(Marks { exclusion: *exclusion, between: pass.rules.exclude[*exclusion], first, last })
        };
        self.lanes[pass.lane].exclusions.iter().filter_map(inside).collect()
    }
}

/// The later start first; of paths that start alike, the one whose steps come earliest.
fn compare(a: &[usize], b: &[usize]) -> Ordering {
    b[0].cmp(&a[0]).then_with(|| a[1..].cmp(&b[1..]))
}

/// One walk over a part.
struct Pass<'a> {
    rules: &'a RuleSet,
    unit: &'a Unit<'a>,
    part: &'a Part<'a>,
    fixed: Option<Fixed>,
    lane: usize,
}

impl Pass<'_> {
    /// The first member that an attempt may use.
    fn first_member(&self) -> usize {
        let Some(fixed) = self.fixed else { return 0 };
        let first = match self.rules.base.ties {
            Ties::Lenient => fixed.usable_from.max(self.unit.instant(fixed.start).start),
            Ties::Arrival | Ties::Strict => fixed.start,
        };
        self.part.members.partition_point(|member| *member < first)
    }

    /// The instant of the member at `at`; `None` behind the last one that can matter.
    fn instant(&self, at: usize) -> Option<Instant> {
        let (events, members) = (self.unit.events, self.part.members);
        let place = *members.get(at)?;
        let time_ms = events[place].time_ms;
        let start_ms = self.fixed.map(|fixed| events[fixed.start].time_ms);
        if start_ms.is_some_and(|start| time_ms.saturating_sub(start) > self.rules.base.window_ms) {
            return None;
        }
        let may_start = start_ms.is_none_or(|start| start == time_ms) && self.rules.base.range.contains(time_ms);
        if self.rules.base.ties == Ties::Arrival {
            return Some(Instant { members: at..at + 1, places: place..place + 1, may_start });
        }
        let is_same = |member: &usize| events[*member].time_ms == time_ms;
        // Most instants are short, but one may be very long.
        let near = members[at..].iter().take(8).take_while(|member| is_same(member)).count();
        let count = if near < 8 { near } else { members[at..].partition_point(is_same) };
        let places =
            if self.rules.exclude.is_empty() { place..members[at + count - 1] + 1 } else { self.unit.instant(place) };
        Some(Instant { members: at..at + count, places, may_start })
    }

    /// As [`instant`](Self::instant), of the one that begins with a place.
    fn instant_at(&self, place: usize) -> Instant {
        let at = self.part.members.partition_point(|member| *member < place).max(self.first_member());
        let none = Instant { members: at..at, places: place..place, may_start: false };
        self.instant(at).unwrap_or(none)
    }

    /// The steps that a member may fill in an attempt.
    fn steps_of(&self, place: usize, instant: &Instant) -> u64 {
        let steps = self.unit.events[place].steps;
        let may_start = instant.may_start && self.fixed.is_none_or(|fixed| fixed.start == place);
        // Under strict ties nothing else of the start's millisecond can be used.
        let is_beside_start = self.rules.base.ties == Ties::Strict
            && self.fixed.is_some_and(|fixed| {
                fixed.start != place && self.unit.events[fixed.start].time_ms == self.unit.events[place].time_ms
            });
        if is_beside_start {
            return 0;
        }
        if may_start { steps } else { steps & !1 }
    }

    fn is_open(&self, start: usize, now: usize) -> bool {
        let ms = |place: usize| self.unit.events[place].time_ms;
        ms(now).saturating_sub(ms(start)) <= self.rules.base.window_ms
    }

    /// The members of an instant that are worth looking at: more than enough of each kind.
    fn candidates(&self, instant: &Instant, marks: &[Marks]) -> Vec<usize> {
        let members = &self.part.members[instant.members.clone()];
        let n = self.rules.base.steps;
        let enough = 2 * n * n;
        if members.len() <= enough.max(16) {
            return members.to_vec();
        }
        let mut kept: Vec<usize> = Vec::new();
        if marks.is_empty() {
            // Of the events that fill a step, other steps can take at most n - 1 away from either end.
            let ends = (members[0], members[members.len() - 1]);
            for list in self.part.by_step(self.unit.events, n) {
                let list = &list[list.partition_point(|place| *place < ends.0)..];
                let list = &list[..list.partition_point(|place| *place <= ends.1)];
                kept.extend(list.iter().take(n).chain(list.iter().rev().take(n)));
            }
            kept.extend(self.fixed.map(|fixed| fixed.start).filter(|start| (ends.0..=ends.1).contains(start)));
        } else {
            // Neighbours that are alike in all can stand for each other. A fixed start stands for itself.
            let start = self.fixed.and_then(|fixed| self.part.members.binary_search(&fixed.start).ok());
            let cuts = start.map_or([instant.members.end; 2], |start| [start, start + 1]);
            let runs = self.part.runs(self.unit.events);
            let runs = &runs[runs.partition_point(|run| run.end <= instant.members.start)..];
            for run in runs.iter().take_while(|run| run.start < instant.members.end) {
                let run = run.start.max(instant.members.start)..run.end.min(instant.members.end);
                let cuts = cuts.map(|cut| cut.clamp(run.start, run.end));
                for piece in [run.start..cuts[0], cuts[0]..cuts[1], cuts[1]..run.end] {
                    let piece = &self.part.members[piece];
                    kept.extend(piece.iter().take(n).chain(piece.iter().rev().take(n)));
                }
            }
        }
        kept.sort_unstable();
        kept.dedup();
        kept
    }
}
