//! The naive reference: links tried one by one, in the order of arrival.
//!
//! It exists to be obviously right. Its time grows with the square of the number of links.

use std::collections::BTreeSet;

use super::Declared;

/// Links that hold, as source and target, in the order of arrival.
pub fn resolve<'a>(declared: &[Declared<'a>]) -> Vec<(&'a str, &'a str)> {
    let known: BTreeSet<&str> = declared.iter().filter(|one| one.to_is_user).map(|one| one.to).collect();
    let mut in_order = declared.to_vec();
    in_order.sort_by_key(Declared::order);
    let mut held: Vec<(&str, &str)> = Vec::new();
    for link in in_order {
        let is_taken = held.iter().any(|(from, _)| *from == link.from);
        if !known.contains(link.from) && !is_taken && user_of(&held, link.to) != link.from {
            held.push((link.from, link.to));
        }
    }
    held
}

/// Where the links from an id lead.
pub fn user_of<'a>(held: &[(&'a str, &'a str)], id: &'a str) -> &'a str {
    let mut at = id;
    while let Some((_, to)) = held.iter().find(|(from, _)| *from == at) {
        at = to;
    }
    at
}

/// Links that do not hold: those that say of two ids that they are one user, which they are not.
pub fn refused<'a>(declared: &[Declared<'a>]) -> BTreeSet<(&'a str, &'a str)> {
    let held = resolve(declared);
    let said = declared.iter().map(|one| (one.from, one.to));
    said.filter(|(from, to)| user_of(&held, from) != user_of(&held, to)).collect()
}
