//! What holds of all that was declared.
//!
//! ```text
//!   declared, by source and arrival      first of each source      followed to its end
//!   phone → ana   1
//!   phone → ben   3  refused             phone → ana               phone: ana
//!   tab   → pad   2                      tab   → pad               tab:   ana
//!   pad   → ana   4                      pad   → ana               pad:   ana
//! ```
//!
//! Most targets are known users, where a link ends. Only links to anonymous ids are followed, and can lead in a circle;
//! of a circle the link that arrived last is left out, and the next one of its source is tried.

use std::collections::HashSet;

use super::{Declared, Links, REFUSED_SHOWN, Refusal, Refused, Source, id_hash};

/// The links of one source, which is not a known user.
struct Group<'a> {
    hash: u64,
    /// The link that counts, and the end of the source's links, as places in the order.
    first: u32,
    end: u32,
    /// Whose it is; `None` until it has been followed.
    user: Option<&'a str>,
}

struct Resolving<'a> {
    declared: Vec<Declared<'a>>,
    /// Hashes of sources and places in `declared`, by source, then by arrival.
    order: Vec<(u64, u32)>,
    /// By hash and text.
    groups: Vec<Group<'a>>,
}

impl Links {
    /// Makes of all declarations what holds. Time grows with n log n. At most 2³² links.
    pub fn resolve<'a>(declared: impl IntoIterator<Item = Declared<'a>>) -> Self {
        let mut known: Vec<(u64, &str)> = Vec::new();
        let (mut links, mut order) = (Vec::new(), Vec::new());
        for one in declared {
            // Those of one user come one after the other, as a rule.
            if one.to_is_user && known.last().is_none_or(|(_, last)| *last != one.to) {
                known.push((id_hash(one.to), one.to));
            }
            if one.from != one.to {
                order.push((id_hash(one.from), u32::try_from(links.len()).unwrap_or(u32::MAX)));
                links.push(one);
            }
        }
        known.sort_unstable();
        order.sort_unstable_by(|(a_hash, a), (b_hash, b)| {
            a_hash.cmp(b_hash).then_with(|| {
                let (a, b) = (&links[*a as usize], &links[*b as usize]);
                a.from.cmp(b.from).then_with(|| a.order().cmp(&b.order()))
            })
        });
        let mut resolving = Resolving { declared: links, order, groups: Vec::new() };
        resolving.group(&known);
        drop(known);
        (0..resolving.groups.len()).for_each(|at| resolving.follow(at));
        resolving.finish()
    }
}

impl<'a> Resolving<'a> {
    /// The link at a place of the order.
    fn link(&self, at: u32) -> &Declared<'a> {
        &self.declared[self.order[at as usize].1 as usize]
    }

    /// The links of a source, from one to the end, as places in the order.
    fn end_of_source(&self, first: u32) -> u32 {
        let (hash, from) = (self.order[first as usize].0, self.link(first).from);
        let is_of_source = |at: &u32| {
            self.order.get(*at as usize).is_some_and(|(other, _)| *other == hash && self.link(*at).from == from)
        };
        (first + 1..).find(|at| !is_of_source(at)).unwrap_or(u32::MAX)
    }

    fn group(&mut self, known: &[(u64, &str)]) {
        let (mut first, mut known) = (0, known);
        while let Some((hash, _)) = self.order.get(first as usize).copied() {
            let end = self.end_of_source(first);
            let source = (hash, self.link(first).from);
            let before = known.iter().take_while(|user| **user < source).count();
            known = &known[before..];
            if known.first() != Some(&source) {
                self.groups.push(Group { hash, first, end, user: None });
            }
            first = end;
        }
    }

    fn source(&self, group: &Group<'a>) -> &'a str {
        self.link(group.end - 1).from
    }

    fn group_of(&self, id: &str) -> Option<usize> {
        let hash = id_hash(id);
        let order = |group: &Group<'a>| group.hash.cmp(&hash).then_with(|| self.source(group).cmp(id));
        self.groups.binary_search_by(order).ok()
    }

    /// Finds whose a source is, and everything on the way.
    fn follow(&mut self, start: usize) {
        let (mut path, mut on_path) = (Vec::new(), HashSet::new());
        let mut at = start;
        let user = loop {
            let group = &self.groups[at];
            if let Some(user) = group.user {
                break user;
            }
            if group.first == group.end {
                // All its links would lead in circles.
                break self.source(group);
            }
            let link = self.link(group.first);
            if link.to_is_user {
                break link.to;
            }
            if !on_path.insert(at) {
                // The way goes on from the link that is left out.
                let begin = path.iter().position(|seen| *seen == at).unwrap_or(0);
                let latest = begin + self.leave_out(&path[begin..]);
                at = path[latest];
                path.drain(latest..).for_each(|seen| _ = on_path.remove(&seen));
                continue;
            }
            path.push(at);
            match self.group_of(link.to) {
                Some(next) => at = next,
                None => break link.to,
            }
        };
        for at in path.into_iter().chain([at]) {
            self.groups[at].user.get_or_insert(user);
        }
    }

    /// Leaves out the latest link of a circle, and says which it was.
    fn leave_out(&mut self, circle: &[usize]) -> usize {
        let order = |at: usize| self.link(self.groups[at].first).order();
        let latest = (0..circle.len()).max_by_key(|place| order(circle[*place])).unwrap_or(0);
        self.groups[circle[latest]].first += 1;
        latest
    }

    /// Where a link leads in the end.
    fn target(&self, link: &Declared<'a>) -> &'a str {
        if link.to_is_user {
            return link.to;
        }
        self.group_of(link.to).and_then(|at| self.groups[at].user).unwrap_or(link.to)
    }

    fn finish(self) -> Links {
        let mut links = Links::default();
        let bytes = self.groups.iter().map(|group| self.source(group).len() + group.user.map_or(0, str::len)).sum();
        links.text.reserve_exact(bytes);
        links.sources.reserve_exact(self.groups.len());
        let (mut refused, mut targets) = (Vec::new(), HashSet::new());
        let (mut first, mut groups) = (0, self.groups.iter().peekable());
        while let Some((hash, _)) = self.order.get(first as usize).copied() {
            let end = self.end_of_source(first);
            let from = self.link(first).from;
            let group = groups.next_if(|group| group.end == end);
            let user = group.and_then(|group| group.user).unwrap_or(from);
            if user != from {
                let (from, user) = (links.keep(from), links.keep(user));
                links.sources.push(Source { hash, from, user });
            }
            let reason = if group.is_none() { Refusal::KnownUser } else { Refusal::OtherUser };
            targets.clear();
            for link in (first..end).map(|at| self.link(at)) {
                if self.target(link) != user && targets.insert(link.to) {
                    refused.push((*link, user, reason));
                    links.refused_count += 1;
                }
            }
            if refused.len() > 100 * REFUSED_SHOWN {
                keep_latest(&mut refused);
            }
            first = end;
        }
        keep_latest(&mut refused);
        let shown = refused.into_iter().map(|(link, stays, reason)| Refused {
            from: link.from.to_owned(),
            to: link.to.to_owned(),
            stays: stays.to_owned(),
            reason,
            received_ms: link.received_ms,
        });
        links.refused = shown.collect();
        links
    }
}

fn keep_latest(refused: &mut Vec<(Declared<'_>, &str, Refusal)>) {
    refused.sort_unstable_by(|(a, ..), (b, ..)| b.order().cmp(&a.order()));
    refused.truncate(REFUSED_SHOWN);
}
