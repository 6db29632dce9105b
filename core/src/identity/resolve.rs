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
    from: &'a str,
    /// The link that counts, and the end of the source's links, as places in the list of all.
    first: usize,
    end: usize,
    /// Whose it is; `None` until it has been followed.
    user: Option<&'a str>,
}

struct Resolving<'a> {
    /// By source, then by arrival.
    declared: Vec<(u64, Declared<'a>)>,
    /// By hash and text.
    known: Vec<(u64, &'a str)>,
    /// By hash and text.
    groups: Vec<Group<'a>>,
}

impl Links {
    /// Makes of all declarations what holds. Time grows with n log n.
    pub fn resolve<'a>(declared: impl IntoIterator<Item = Declared<'a>>) -> Self {
        let mut known: Vec<(u64, &str)> = Vec::new();
        let mut links: Vec<(u64, Declared<'a>)> = Vec::new();
        for one in declared {
            // Those of one user come one after the other, as a rule.
            if one.to_is_user && known.last().is_none_or(|(_, last)| *last != one.to) {
                known.push((id_hash(one.to), one.to));
            }
            if one.from != one.to {
                links.push((id_hash(one.from), one));
            }
        }
        known.sort_unstable();
        known.dedup();
        links.sort_unstable_by(|(a_hash, a), (b_hash, b)| {
            (a_hash, a.from).cmp(&(b_hash, b.from)).then_with(|| a.order().cmp(&b.order()))
        });
        let mut resolving = Resolving { declared: links, known, groups: Vec::new() };
        resolving.group();
        (0..resolving.groups.len()).for_each(|at| resolving.follow(at));
        resolving.finish()
    }
}

impl<'a> Resolving<'a> {
    fn group(&mut self) {
        let mut first = 0;
        for links in self.declared.chunk_by(|(_, a), (_, b)| a.from == b.from) {
            let (hash, from) = (links[0].0, links[0].1.from);
            if !self.is_known(hash, from) {
                self.groups.push(Group { hash, from, first, end: first + links.len(), user: None });
            }
            first += links.len();
        }
    }

    fn is_known(&self, hash: u64, id: &'a str) -> bool {
        self.known.binary_search(&(hash, id)).is_ok()
    }

    fn group_of(&self, hash: u64, id: &str) -> Option<usize> {
        self.groups.binary_search_by(|group| (group.hash, group.from).cmp(&(hash, id))).ok()
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
                break group.from;
            }
            let link = &self.declared[group.first].1;
            if !on_path.is_empty() && on_path.contains(&at) {
                // The way goes on from the link that is left out.
                let begin = path.iter().position(|seen| *seen == at).unwrap_or(0);
                let latest = begin + self.leave_out(&path[begin..]);
                at = path[latest];
                path.drain(latest..).for_each(|seen| _ = on_path.remove(&seen));
                continue;
            }
            if link.to_is_user {
                path.push(at);
                break link.to;
            }
            path.push(at);
            on_path.insert(at);
            match self.group_of(id_hash(link.to), link.to) {
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
        let order = |at: usize| self.declared[self.groups[at].first].1.order();
        let latest = (0..circle.len()).max_by_key(|place| order(circle[*place])).unwrap_or(0);
        self.groups[circle[latest]].first += 1;
        latest
    }

    fn user_of(&self, id: &'a str) -> &'a str {
        let found = self.group_of(id_hash(id), id);
        found.and_then(|at| self.groups[at].user).unwrap_or(id)
    }

    fn finish(self) -> Links {
        let mut links = Links::default();
        let bytes = self.groups.iter().map(|group| group.from.len() + group.user.map_or(0, str::len)).sum();
        links.text.reserve_exact(bytes);
        links.sources.reserve_exact(self.groups.len());
        let (mut refused, mut targets) = (Vec::new(), HashSet::new());
        for all in self.declared.chunk_by(|(_, a), (_, b)| a.from == b.from) {
            let (hash, from) = (all[0].0, all[0].1.from);
            let group = self.group_of(hash, from);
            let user = group.and_then(|at| self.groups[at].user).unwrap_or(from);
            if user != from {
                let (from, user) = (links.keep(from), links.keep(user));
                links.sources.push(Source { hash, from, user });
            }
            let reason = if group.is_none() { Refusal::KnownUser } else { Refusal::OtherUser };
            targets.clear();
            let new = all.iter().filter(|(_, link)| targets.insert(link.to) && self.user_of(link.to) != user);
            let before = refused.len();
            refused.extend(new.map(|(_, link)| (*link, user, reason)));
            links.refused_count += (refused.len() - before) as u64;
            if refused.len() > 100 * REFUSED_SHOWN {
                keep_latest(&mut refused);
            }
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
