//! Finds values by their paths in JSON text, and drops or hashes them there.

use memchr::memchr;
use memchr::memmem::Finder;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::json_text::{Edits, elements, members, skip_space};

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Drop,
    Hash,
}

/// Where a value lies: the names on the way to it.
#[derive(Debug)]
pub(super) struct Target {
    path: Vec<String>,
    /// The end of its last name as it stands in a text that has no escapes.
    needle: Finder<'static>,
    act: Act,
}

impl Target {
    pub(super) fn new(path: &[&str], act: Act) -> Self {
        let needle = Finder::new(&format!("{}\"", path.last().copied().unwrap_or_default())).into_owned();
        Self { path: path.iter().map(|name| (*name).to_owned()).collect(), needle, act }
    }

    /// Whether it may lie in a text: a quick look, without finding out where.
    fn may_lie_in(&self, text: &str) -> bool {
        self.needle.find(text.as_bytes()).is_some()
    }
}

/// What is left of a path.
#[derive(Clone, Copy)]
struct Rest<'t> {
    path: &'t [String],
    act: Act,
}

impl<'t> Rest<'t> {
    /// The path behind `name`, if it begins with that. A name may hold the dots that part the names of a path.
    fn behind(self, name: &str) -> Option<Self> {
        let mut left = name;
        for (at, part) in self.path.iter().enumerate() {
            left = left.strip_prefix(part.as_str())?;
            if left.is_empty() {
                return Some(Self { path: self.path.get(at + 1..)?, act: self.act });
            }
            left = left.strip_prefix('.')?;
        }
        None
    }
}

/// A JSON object without the values at `targets`, or with their hashes; `None` where it has none of them.
pub(super) fn object<'t>(
    text: &str,
    targets: impl Iterator<Item = &'t Target>,
    hash: &dyn Fn(&str) -> String,
) -> Option<String> {
    // Names may be written with escapes, so a text that has some may hold any name.
    let is_escaped = memchr(b'\\', text.as_bytes()).is_some();
    let all = targets.filter(|target| is_escaped || target.may_lie_in(text));
    let all: Vec<Rest<'_>> = all.map(|target| Rest { path: &target.path, act: target.act }).collect();
    if all.is_empty() {
        return None;
    }
    let mut walk = Walk { text, hash, everywhere: &[], edits: Edits::default() };
    walk.value(skip_space(text, 0), &all);
    (!walk.edits.is_empty()).then(|| walk.edits.applied(text))
}

/// JSON of any kind without the values at `targets`, or with their hashes, where a path may begin in any object. `None` for
/// what is no JSON.
pub(super) fn anywhere<'t>(
    text: &str,
    targets: impl Iterator<Item = &'t Target>,
    hash: &dyn Fn(&str) -> String,
) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let all: Vec<Rest<'_>> = targets.map(|target| Rest { path: &target.path, act: target.act }).collect();
    let mut walk = Walk { text, hash, everywhere: &all, edits: Edits::default() };
    walk.value(skip_space(text, 0), &all);
    Some(walk.edits.applied(text))
}

struct Walk<'t> {
    text: &'t str,
    hash: &'t dyn Fn(&str) -> String,
    /// What is looked for in every object.
    everywhere: &'t [Rest<'t>],
    edits: Edits,
}

impl<'t> Walk<'t> {
    /// Looks into the value at `at`. JSON that was parsed nests only so deep, and this goes no deeper.
    fn value(&mut self, at: usize, wanted: &[Rest<'t>]) {
        match self.text.as_bytes().get(at) {
            Some(b'{') => self.object(at, wanted),
            // A path leads into every element of a list.
            Some(b'[') => {
                for element in elements(self.text, at).unwrap_or_default() {
                    self.value(element.start, wanted);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, at: usize, wanted: &[Rest<'t>]) {
        let members = members(self.text, at).unwrap_or_default();
        let mut dropped = vec![false; members.len()];
        for (member, is_dropped) in members.iter().zip(&mut dropped) {
            let inside: Vec<Rest<'t>> = wanted.iter().filter_map(|rest| rest.behind(&member.name)).collect();
            let acts = || inside.iter().filter(|rest| rest.path.is_empty()).map(|rest| rest.act);
            if acts().any(|act| act == Act::Drop) {
                *is_dropped = true;
            } else if acts().next().is_some() {
                self.hash(member.value.clone());
            } else if !inside.is_empty() || !self.everywhere.is_empty() {
                let inside: Vec<Rest<'t>> = inside.iter().chain(self.everywhere).copied().collect();
                self.value(member.value.start, &inside);
            }
        }
        self.edits.take_out(&members, |at| dropped.get(at).copied().unwrap_or(false));
    }

    fn hash(&mut self, value: std::ops::Range<usize>) {
        let text = self.text.get(value.clone()).unwrap_or_default();
        let read = match text.as_bytes().first() {
            Some(b'n') => return,
            Some(b'"' | b'{' | b'[') => match serde_json::from_str(text) {
                Ok(Value::String(text)) => text,
                Ok(value) => value.to_string(),
                // Half of a surrogate pair: no text, and still something that must not stay.
                Err(_) => text.to_owned(),
            },
            _ => text.to_owned(),
        };
        let hashed = (self.hash)(&read);
        self.edits.replace(value, format!("\"{hashed}\""));
    }
}
