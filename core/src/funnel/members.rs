//! Which users are of which group of a breakdown, until it is known which groups are listed.
//!
//! Only the largest groups are told one by one, and which those are is known at the end. So for each value there is no
//! more than its text and a count; what a user took is kept once, whatever the number of steps:
//!
//! ```text
//!   "KR" ▸ 0     users  3 1 …            group 0 0 1 0 …
//!   "JP" ▸ 1                             times a user, one behind the other
//! ```

use std::collections::HashMap;

use thiserror::Error;

/// The most values of a breakdown.
const MOST_VALUES: usize = 1_000_000;

/// The most bytes of their texts together.
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// Stands for a step that was passed over; no event has this time.
const PASSED_OVER: i64 = i64::MIN;

/// A breakdown by a property that is more like an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the property has more than {MOST_VALUES} values, or {MOST_BYTES} bytes of them, in this funnel; expected one with \
     fewer, or conditions and a range that leave fewer"
)]
pub struct TooManyValues;

/// Users, each with a group.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// A number for each value, in the order in which they came.
    numbers: HashMap<String, u32>,
    /// Users of each number.
    users: Vec<u64>,
    /// Bytes of all values.
    bytes: usize,
    members: Vec<Member>,
    /// Of all members.
    times_ms: Vec<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    group: u32,
    depth: u8,
    is_open: bool,
}

/// A group that is listed, or all that are not.
#[derive(Debug)]
pub(super) struct Listed<G> {
    /// `None` for the others.
    pub key: Option<String>,
    pub group: G,
}

impl Members {
    /// Takes a user into a group. Beyond the limits nobody is taken; [`Self::check`] says so.
    pub fn add(&mut self, key: &str, times_ms: &[Option<i64>], is_open: bool) {
        let Some(group) = self.group(key) else { return };
        self.users[group as usize] += 1;
        self.members.push(Member { group, depth: u8::try_from(times_ms.len()).unwrap_or(u8::MAX), is_open });
        self.times_ms.extend(times_ms.iter().map(|time| time.unwrap_or(PASSED_OVER)));
    }

    /// The number of a value; `None` where there is no room for another one.
    fn group(&mut self, key: &str) -> Option<u32> {
        if let Some(group) = self.numbers.get(key) {
            return Some(*group);
        }
        self.check().ok()?;
        let group = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        self.bytes += key.len();
        self.numbers.insert(key.to_owned(), group);
        self.users.push(0);
        Some(group)
    }

    /// Takes the users of others in.
    pub fn merge(&mut self, other: Self) {
        if self.users.is_empty() {
            *self = other;
            return;
        }
        let mut groups = vec![None; other.users.len()];
        for (key, number) in &other.numbers {
            groups[*number as usize] = self.group(key);
        }
        let mut times_ms = other.times_ms.as_slice();
        for member in other.members {
            let (own, rest) = times_ms.split_at(usize::from(member.depth));
            times_ms = rest;
            let Some(group) = groups[member.group as usize] else { continue };
            self.users[group as usize] += 1;
            self.members.push(Member { group, ..member });
            self.times_ms.extend_from_slice(own);
        }
    }

    /// Whether there is room for the values.
    pub fn check(&self) -> Result<(), TooManyValues> {
        if self.users.len() > MOST_VALUES || self.bytes > MOST_BYTES { Err(TooManyValues) } else { Ok(()) }
    }

    /// The largest groups, and one of all others if there are more. `add` counts a user in a group that begins as `empty`.
    pub fn list<G: Clone>(
        self,
        limit: usize,
        empty: &G,
        mut add: impl FnMut(&mut G, &[Option<i64>], bool),
    ) -> Vec<Listed<G>> {
        let mut ranked: Vec<(String, u32)> = self.numbers.into_iter().collect();
        let users = |number: u32| self.users[number as usize];
        ranked.sort_unstable_by(|(a_key, a), (b_key, b)| (users(*b), a_key).cmp(&(users(*a), b_key)));
        let mut places = vec![limit; ranked.len()];
        let has_others = ranked.len() > limit;
        ranked.truncate(limit);
        let mut listed: Vec<Listed<G>> = Vec::with_capacity(ranked.len() + 1);
        for (place, (key, number)) in ranked.into_iter().enumerate() {
            places[number as usize] = place;
            listed.push(Listed { key: Some(key), group: empty.clone() });
        }
        if has_others {
            listed.push(Listed { key: None, group: empty.clone() });
        }
        let (mut from, mut times) = (0, Vec::new());
        for Member { group, depth, is_open } in self.members {
            let to = from + usize::from(depth);
            times.clear();
            times.extend(self.times_ms[from..to].iter().map(|time| Some(*time).filter(|time| *time != PASSED_OVER)));
            add(&mut listed[places[group as usize]].group, &times, is_open);
            from = to;
        }
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_groups_are_listed_and_the_others_are_one() {
        let mut members = Members::default();
        for (key, time) in [("b", 1), ("a", 2), ("c", 3), ("c", 4), ("d", 5)] {
            members.add(key, &[Some(time), None, Some(10 * time)], time % 2 == 0);
        }
        let listed = members.list(2, &Vec::new(), |group, times, is_open| group.push((times.to_vec(), is_open)));
        let shown: Vec<_> = listed.iter().map(|one| (one.key.as_deref(), one.group.len())).collect();
        assert_eq!(shown, [(Some("c"), 2), (Some("a"), 1), (None, 2)]);
        assert_eq!(listed[1].group, [(vec![Some(2), None, Some(20)], true)]);
    }

    #[test]
    fn values_beyond_the_limit_are_an_error_and_take_no_room() {
        let mut members = Members::default();
        for number in 0..=MOST_VALUES {
            assert_eq!(members.check(), Ok(()));
            members.add(&number.to_string(), &[Some(0)], false);
        }
        assert_eq!(members.check(), Err(TooManyValues));
        members.add("more", &[Some(0)], false);
        assert_eq!(members.users.len(), MOST_VALUES + 1);
        let mut members = Members::default();
        members.add(&"x".repeat(MOST_BYTES + 1), &[Some(0)], false);
        assert_eq!(members.check(), Err(TooManyValues));
    }
}
