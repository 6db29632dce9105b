//! Makes batches out of rows that were picked from many batches.
//!
//! Numbers and views are copied. Of columns with a dictionary only the keys are: all inputs share one dictionary, and the key of an
//! input's text is looked up once.
//!
//! ```text
//! file 1   view open     0 1 0    0 ▶ 0, 1 ▶ 1
//! file 2   open pay      0 1      0 ▶ 1, 1 ▶ 2      one dictionary: view open pay
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, NullBufferBuilder, RecordBatch, StringArray, StringBuilder,
};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int32Type};

use super::runs::{Loaded, Run};
use crate::error::LakeError;

/// Texts of the common dictionary of a column above which it is begun anew, in bytes: names that hardly repeat would fill
/// the memory.
const NAMES_BYTES: usize = 256 * 1024;
/// What a text takes beside its own bytes.
const NAME_BYTES: usize = 32;
/// The key of a text that was not looked up yet.
const UNKNOWN: i32 = -1;

/// Rows that were picked, and the batches that they are in.
#[derive(Default)]
pub(super) struct Gather {
    /// Of each input the current batch, and those that were used up since the last flush.
    held: Vec<Arc<Loaded>>,
    /// Of each input, how many batches came before its current one, and where in `held` that is; `None` before its first run.
    slots: Vec<Option<(usize, usize)>>,
    /// Text of those that were used up, in bytes.
    spent: usize,
    /// Of each part the slot and the row of what was picked.
    picks: Vec<(i64, Vec<(usize, usize)>)>,
    /// Where in `picks` the last row went.
    last: usize,
    rows: usize,
    /// By column.
    names: Vec<Option<Names>>,
}

impl Gather {
    /// Picks the rows of a run, each for the part that is said of it, if one is.
    pub(super) fn take(&mut self, run: &Run<'_>, part_of: impl Fn(usize) -> Option<i64>) {
        if self.slots.len() <= run.input {
            self.slots.resize(run.input + 1, None);
        }
        let slot = match self.slots[run.input] {
            Some((number, slot)) if number == run.number => slot,
            before => self.hold(run.loaded, before.map(|(_, slot)| slot)),
        };
        self.slots[run.input] = Some((run.number, slot));
        for row in run.rows() {
            if let Some(part) = part_of(row) {
                self.pick(slot, row, part);
            }
        }
        if run.is_last() {
            self.spent += text_bytes(run.batch());
        }
    }

    /// Adds a batch, and gives its slot. `before` is the slot of the one that came before it from the same input.
    fn hold(&mut self, loaded: &Arc<Loaded>, before: Option<usize>) -> usize {
        if self.names.is_empty() {
            let columns = loaded.batch.schema_ref().fields().iter();
            self.names = columns.map(|field| is_names(field.data_type()).then(Names::default)).collect();
        }
        for (names, column) in self.names.iter_mut().zip(loaded.batch.columns()) {
            if let Some(names) = names {
                names.hold(column, before);
            }
        }
        self.held.push(Arc::clone(loaded));
        self.held.len() - 1
    }

    /// Text of batches that were used up since the last flush, in bytes.
    pub(super) fn spent(&self) -> usize {
        self.spent
    }

    /// Picks a row of the batch in a slot.
    fn pick(&mut self, slot: usize, row: usize, part: i64) {
        self.rows += 1;
        match self.picks.get_mut(self.last) {
            Some((last, rows)) if *last == part => rows.push((slot, row)),
            _ => {
                self.last = self.picks.iter().position(|(other, _)| *other == part).unwrap_or(self.picks.len());
                match self.picks.get_mut(self.last) {
                    Some((_, rows)) => rows.push((slot, row)),
                    None => self.picks.push((part, vec![(slot, row)])),
                }
            }
        }
    }

    /// Rows that are picked.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Makes batches of what was picked, one for each part.
    pub(super) fn flush(&mut self, ready: &mut VecDeque<(i64, RecordBatch)>) -> Result<(), LakeError> {
        let mut picks = std::mem::take(&mut self.picks);
        picks.sort_unstable_by_key(|(part, _)| *part);
        for (part, rows) in &mut picks {
            if !rows.is_empty() {
                ready.push_back((*part, self.batch_of(rows)?));
            }
            rows.clear();
        }
        // The room of their lists is used again; parts that come no more are few.
        self.picks = picks;
        (self.last, self.rows) = (0, 0);
        Ok(())
    }

    fn batch_of(&mut self, rows: &[(usize, usize)]) -> Result<RecordBatch, LakeError> {
        let held = &self.held;
        let schema = held.first().map(|loaded| loaded.batch.schema());
        let schema = schema.ok_or_else(|| LakeError::Invariant("rows of no batch".to_owned()))?;
        let columns = self.names.iter_mut().enumerate().map(|(column, names)| match names {
            Some(names) => names.gather(held.iter().map(|loaded| loaded.batch.column(column)), rows),
            None => {
                let arrays: Vec<&dyn Array> = held.iter().map(|loaded| loaded.batch.column(column).as_ref()).collect();
                Ok(interleave(&arrays, rows)?)
            }
        });
        Ok(RecordBatch::try_new(schema, columns.collect::<Result<_, LakeError>>()?)?)
    }

    /// Lets go of all batches but the current ones of some inputs, which have others to come.
    pub(super) fn keep(&mut self, inputs: impl Iterator<Item = usize>) {
        let before = std::mem::take(&mut self.slots);
        let (mut held, mut slots) = (Vec::new(), Vec::new());
        self.slots.resize(before.len(), None);
        for input in inputs {
            let Some((number, slot)) = before.get(input).copied().flatten() else { continue };
            self.slots[input] = Some((number, slots.len()));
            held.push(Arc::clone(&self.held[slot]));
            slots.push(slot);
        }
        self.held = held;
        self.names.iter_mut().flatten().for_each(|names| names.keep(&slots));
        self.spent = 0;
    }
}

fn is_names(kind: &DataType) -> bool {
    matches!(kind, DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8)
}

/// The text of a batch, without that of dictionaries, in bytes.
fn text_bytes(batch: &RecordBatch) -> usize {
    let views = batch.columns().iter().filter_map(|column| column.as_string_view_opt());
    // The first four bytes of a view are the length of its text.
    views.flat_map(|column| column.views().iter().map(|view| *view as u32 as usize)).sum()
}

/// The common dictionary of a column.
#[derive(Default)]
struct Names {
    keys: HashMap<Box<str>, i32>,
    texts: StringBuilder,
    bytes: usize,
    /// The texts so far, if none was added since.
    values: Option<ArrayRef>,
    /// Of each slot, where in `maps` that of its batch is: batches of a row group share a dictionary.
    of_slot: Vec<usize>,
    maps: Vec<Map>,
}

/// From the keys of an input's dictionary to common ones.
struct Map {
    texts: StringArray,
    keys: Vec<i32>,
}

impl Names {
    fn hold(&mut self, column: &ArrayRef, before: Option<usize>) {
        let texts = column.as_dictionary::<Int32Type>().values().as_string::<i32>();
        let known = before.map(|slot| self.of_slot[slot]);
        let known = known.filter(|map| texts.to_data().ptr_eq(&self.maps[*map].texts.to_data()));
        self.of_slot.push(known.unwrap_or(self.maps.len()));
        if known.is_none() {
            self.maps.push(Map { texts: texts.clone(), keys: vec![UNKNOWN; texts.len()] });
        }
    }

    fn keep(&mut self, slots: &[usize]) {
        let mut maps: Vec<Option<Map>> = std::mem::take(&mut self.maps).into_iter().map(Some).collect();
        for (new, slot) in slots.iter().enumerate() {
            // Each input has a batch, and so a map, of its own.
            if let Some(map) = maps.get_mut(self.of_slot[*slot]).and_then(Option::take) {
                debug_assert_eq!(self.maps.len(), new);
                self.maps.push(map);
            }
        }
        self.of_slot = (0..slots.len()).collect();
        if self.bytes > NAMES_BYTES {
            self.keys.clear();
            self.texts = StringBuilder::new();
            self.bytes = 0;
            self.values = None;
            self.maps.iter_mut().for_each(|map| map.keys.fill(UNKNOWN));
        }
    }

    fn gather<'a>(
        &mut self,
        columns: impl Iterator<Item = &'a ArrayRef>,
        rows: &[(usize, usize)],
    ) -> Result<ArrayRef, LakeError> {
        let columns: Vec<&Int32Array> = columns.map(|column| column.as_dictionary::<Int32Type>().keys()).collect();
        let mut keys = Vec::with_capacity(rows.len());
        let mut nulls = NullBufferBuilder::new(rows.len());
        for (slot, row) in rows {
            let column = columns[*slot];
            let key = if column.is_null(*row) { None } else { self.key(*slot, column.value(*row)) };
            nulls.append(key.is_some());
            keys.push(key.unwrap_or(0));
        }
        let texts = &self.texts;
        let values = self.values.get_or_insert_with(|| Arc::new(texts.finish_cloned()));
        let keys = Int32Array::new(keys.into(), nulls.finish());
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(values))?))
    }

    /// The common key of a slot's key; `None` where there is no text.
    fn key(&mut self, slot: usize, key: i32) -> Option<i32> {
        let map = &mut self.maps[self.of_slot[slot]];
        let at = usize::try_from(key).ok()?;
        match map.keys.get_mut(at)? {
            unknown if *unknown == UNKNOWN => {
                let text = map.texts.is_valid(at).then(|| map.texts.value(at))?;
                *unknown = match self.keys.get(text) {
                    Some(known) => *known,
                    None => {
                        let new = i32::try_from(self.keys.len()).ok()?;
                        self.keys.insert(text.into(), new);
                        self.texts.append_value(text);
                        self.bytes += text.len() + NAME_BYTES;
                        self.values = None;
                        new
                    }
                };
                Some(*unknown)
            }
            known => Some(*known),
        }
    }
}
