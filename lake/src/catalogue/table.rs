//! Counts texts while rows go by: a hash table without an allocation for each text.
//!
//! ```text
//! entries  hash, place of the text, count, error        texts  "newallsaved…"        slots  of the hash ▶ entry
//! ```
//!
//! When it is full the half with the smaller counts is let go, which the errors of later texts account for: see
//! [`values`](super::values). Where that goes on and the frequent texts are few of all, as with ids, there is nothing to be
//! found: then texts are only counted together.

use twox_hash::XxHash3_64;

use super::values::{TopValue, TopValues};
use crate::json::is_same;

const FREE: u16 = u16::MAX;
/// So many times a table is full before it may give up.
const PATIENCE: u32 = 8;

/// Texts of one property.
#[derive(Default)]
pub(super) struct ValueTable {
    entries: Vec<Entry>,
    texts: Vec<u8>,
    /// Open addressing with a power of two of slots, at most half of them taken.
    slots: Vec<u16>,
    /// Where the last text was found: rows of one user come together, and are much alike.
    last: usize,
    unlisted: u64,
    too_long: u64,
    /// All texts but those too long, and how often the table was full.
    texts_counted: u64,
    prunes: u32,
    /// Texts that were not looked at, once there was no point in it any more.
    passed_over: Option<u64>,
}

struct Entry {
    hash: u64,
    start: u32,
    length: u32,
    count: u64,
    error: u64,
}

impl Entry {
    fn text<'t>(&self, texts: &'t [u8]) -> &'t [u8] {
        let start = self.start as usize;
        texts.get(start..start + self.length as usize).unwrap_or_default()
    }

    fn at_most(&self) -> u64 {
        self.count + self.error
    }
}

impl ValueTable {
    /// Counts a text that is too long to be listed.
    pub fn add_too_long(&mut self, count: u64) {
        self.too_long += count;
    }

    /// Counts a text. Holds at most `most` of them, 2 to 16,384.
    pub fn add(&mut self, text: &[u8], count: u64, most: usize) {
        if let Some(passed_over) = &mut self.passed_over {
            *passed_over += count;
            return;
        }
        self.texts_counted += count;
        if let Some(entry) = self.entries.get_mut(self.last)
            && is_same(entry.text(&self.texts), text)
        {
            entry.count += count;
            return;
        }
        let hash = XxHash3_64::oneshot(text);
        if let Some(at) = self.find(hash, text) {
            self.entries[at].count += count;
            self.last = at;
            return;
        }
        if self.entries.len() >= most {
            self.prune(most / 2);
        }
        let (start, length) = (self.texts.len(), text.len());
        let (Ok(start), Ok(length)) = (u32::try_from(start), u32::try_from(length)) else { return };
        self.texts.extend_from_slice(text);
        self.last = self.entries.len();
        self.entries.push(Entry { hash, start, length, count, error: self.unlisted });
        if self.entries.len() * 2 > self.slots.len() {
            self.index();
        } else {
            self.take_slot(self.last);
        }
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            let at = self.slots[slot];
            if at == FREE {
                return None;
            }
            let entry = &self.entries[usize::from(at)];
            if entry.hash == hash && is_same(entry.text(&self.texts), text) {
                return Some(usize::from(at));
            }
            slot = (slot + 1) & mask;
        }
    }

    fn take_slot(&mut self, at: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = self.entries[at].hash as usize & mask;
        while self.slots[slot] != FREE {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = u16::try_from(at).unwrap_or(FREE);
    }

    /// Slots anew, for twice as many entries as there are.
    fn index(&mut self) {
        self.slots.clear();
        self.slots.resize((self.entries.len() * 4).next_power_of_two().max(16), FREE);
        (0..self.entries.len()).for_each(|at| self.take_slot(at));
    }

    /// Leaves the `most` of the largest counts.
    fn prune(&mut self, most: usize) {
        if self.entries.len() > most && most > 0 {
            self.entries.select_nth_unstable_by(most - 1, |a, b| b.at_most().cmp(&a.at_most()));
        }
        let dropped = self.entries.split_off(most.min(self.entries.len()));
        self.unlisted = dropped.iter().map(Entry::at_most).fold(self.unlisted, u64::max);
        let mut texts = Vec::with_capacity(self.texts.len());
        for entry in &mut self.entries {
            let start = u32::try_from(texts.len()).unwrap_or(0);
            texts.extend_from_slice(entry.text(&self.texts));
            entry.start = start;
        }
        self.texts = texts;
        self.index();
        self.prunes += 1;
        let certain: u64 = self.entries.iter().filter(|e| e.count > self.unlisted).map(|e| e.count).sum();
        if self.prunes >= PATIENCE && certain < self.texts_counted / 32 {
            self.passed_over = Some(0);
        }
    }

    /// Ends counting.
    pub fn finish(self) -> TopValues {
        // Any text may be what was passed over.
        let passed_over = self.passed_over.unwrap_or(0);
        let value = |entry: &Entry| TopValue {
            value: String::from_utf8_lossy(entry.text(&self.texts)).into_owned(),
            count: entry.count,
            error: entry.error + passed_over,
        };
        let values = self.entries.iter().map(value).collect();
        TopValues::new(values, self.unlisted + passed_over, self.too_long)
    }
}
