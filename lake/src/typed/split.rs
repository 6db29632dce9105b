//! Takes properties out of JSON text into their columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, StringViewArray, StringViewBuilder};
use arrow::datatypes::Float64Type;

use super::{ColumnKind, ColumnNote, TypedColumn};
use crate::json::{Json, RawText, decode, is_same, number};

/// Doubles of this size and more do not hold every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Slots of [`Keys`], a power of two: many more than there are columns, so that most are alone in theirs.
const SLOTS: usize = 256;
/// A slot without a column.
const FREE: u8 = u8::MAX;

/// Splits batches, one after the other.
pub(crate) struct Splitter {
    columns: Vec<TypedColumn>,
    keys: Keys,
    /// By column: rows that may have a value of it in the rest, and those of them whose value may be of its kind.
    elsewhere: Vec<(u64, u64)>,
    /// The members of the text that is being looked at.
    members: Vec<Member>,
    /// By column: the text, by its number, that last had it.
    last_text: Vec<u64>,
    texts: u64,
    rest: String,
}

/// `properties` without what has a column, and those columns.
pub(crate) struct Split {
    pub(crate) rest: StringViewArray,
    pub(crate) columns: Vec<ArrayRef>,
}

/// A member of the outermost object: places in the text.
#[derive(Debug, Clone)]
struct Member {
    /// From the quote of its key to the end of its value.
    whole: Range<usize>,
    value: Range<usize>,
    /// The value is a string with escapes.
    is_escaped: bool,
    /// Its column, if it has one.
    column: Option<usize>,
}

impl Splitter {
    pub(crate) fn new(columns: Vec<TypedColumn>) -> Self {
        Self {
            keys: Keys::of(&columns),
            elsewhere: vec![(0, 0); columns.len()],
            last_text: vec![0; columns.len()],
            columns,
            members: Vec::new(),
            texts: 0,
            rest: String::new(),
        }
    }

    pub(crate) fn columns(&self) -> &[TypedColumn] {
        &self.columns
    }

    /// What the file has to say of its columns.
    pub(crate) fn notes(&self) -> Vec<ColumnNote> {
        let of = self.columns.iter().zip(&self.elsewhere);
        let note = |(column, (elsewhere, of_kind)): (&TypedColumn, &(u64, u64))| ColumnNote {
            column: column.clone(),
            elsewhere: *elsewhere,
            of_kind: Some(*of_kind),
        };
        of.map(note).collect()
    }

    /// Splits a batch. `given` are columns that its rows have already, in the order of the columns: a value in one stays.
    pub(crate) fn split(&mut self, properties: &StringViewArray, given: &[Option<&ArrayRef>]) -> Split {
        let rows = properties.len();
        let mut builders: Vec<Builder<'_>> = (0..self.columns.len())
            .map(|at| Builder::new(self.columns[at].kind, given.get(at).copied().flatten(), rows))
            .collect();
        let mut rest = StringViewBuilder::with_capacity(rows);
        for row in 0..rows {
            if properties.is_null(row) {
                rest.append_null();
            } else {
                let text = properties.value(row);
                match self.take_apart(text) {
                    Some(()) => self.share_out(text, row, &mut builders, &mut rest),
                    None => {
                        for (rows, of_kind) in &mut self.elsewhere {
                            *rows += 1;
                            *of_kind += 1;
                        }
                        rest.append_value(text);
                    }
                }
            }
            builders.iter_mut().for_each(|builder| builder.end_row(row));
        }
        Split { rest: rest.finish(), columns: builders.into_iter().map(Builder::finish).collect() }
    }

    /// Finds the members of an object. `None` for a text that stays as it is: it is no object, or has a key with escapes, or a
    /// key with a column twice.
    fn take_apart(&mut self, text: &str) -> Option<()> {
        self.members.clear();
        self.texts += 1;
        let mut json = Json::new(text);
        if !json.take(b'{') {
            return None;
        }
        if json.take(b'}') {
            return Some(());
        }
        loop {
            json.peek()?;
            let start = json.at();
            let key = json.string()?;
            if key.is_escaped || !json.take(b':') {
                return None;
            }
            let first = json.peek()?;
            let value_start = json.at();
            let mut is_escaped = false;
            match first {
                b'"' => is_escaped = json.string()?.is_escaped,
                b'{' | b'[' => json.nested()?,
                _ => _ = json.scalar().filter(|scalar| !scalar.is_empty())?,
            }
            let column = self.keys.find(key.bytes, &self.columns);
            if let Some(column) = column
                && std::mem::replace(&mut self.last_text[column], self.texts) == self.texts
            {
                return None;
            }
            let value = value_start..json.at();
            self.members.push(Member { whole: start..value.end, value, is_escaped, column });
            if !json.goes_on()? {
                return json.peek().is_none().then_some(());
            }
        }
    }

    /// Puts members into their columns, and the others into the rest.
    fn share_out(&mut self, text: &str, row: usize, builders: &mut [Builder<'_>], rest: &mut StringViewBuilder) {
        self.rest.clear();
        let mut taken = 0;
        for member in &self.members {
            if let Some(column) = member.column {
                if builders[column].take(text, member, row) {
                    taken += 1;
                    continue;
                }
                let value = text.get(member.value.clone()).unwrap_or_default();
                let (rows, of_kind) = &mut self.elsewhere[column];
                *rows += u64::from(value != "null");
                *of_kind += u64::from(may_be_of(self.columns[column].kind, value));
            }
            self.rest.push(if self.rest.is_empty() { '{' } else { ',' });
            self.rest.push_str(text.get(member.whole.clone()).unwrap_or_default());
        }
        if taken == 0 {
            rest.append_value(text);
        } else if self.rest.is_empty() {
            rest.append_value("{}");
        } else {
            self.rest.push('}');
            rest.append_value(&self.rest);
        }
    }
}

/// A column while it is filled.
struct Builder<'a> {
    given: Option<&'a ArrayRef>,
    values: Values,
    /// Whether the row has its value.
    is_there: bool,
}

enum Values {
    Text(StringViewBuilder),
    Number(Float64Builder),
    Flag(BooleanBuilder),
}

impl<'a> Builder<'a> {
    fn new(kind: ColumnKind, given: Option<&'a ArrayRef>, rows: usize) -> Self {
        let values = match kind {
            ColumnKind::Text => Values::Text(StringViewBuilder::with_capacity(rows)),
            ColumnKind::Number => Values::Number(Float64Builder::with_capacity(rows)),
            ColumnKind::Flag => Values::Flag(BooleanBuilder::with_capacity(rows)),
        };
        Self { given, values, is_there: false }
    }

    /// Takes a value if it is of the column's kind, and the row does not have one already.
    fn take(&mut self, text: &str, member: &Member, row: usize) -> bool {
        let Some(value) = text.get(member.value.clone()) else { return false };
        if self.given.is_some_and(|given| given.is_valid(row)) {
            return false;
        }
        match &mut self.values {
            Values::Text(texts) => match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                Some(inner) if !member.is_escaped => texts.append_value(inner),
                Some(inner) => match decode(RawText { bytes: inner.as_bytes(), is_escaped: true }) {
                    Some(decoded) => texts.append_value(decoded),
                    None => return false,
                },
                None => return false,
            },
            Values::Number(numbers) => match exact(value) {
                Some(number) => numbers.append_value(number),
                None => return false,
            },
            Values::Flag(flags) => match value {
                "true" => flags.append_value(true),
                "false" => flags.append_value(false),
                _ => return false,
            },
        }
        self.is_there = true;
        true
    }

    fn end_row(&mut self, row: usize) {
        if std::mem::take(&mut self.is_there) {
            return;
        }
        let given = self.given.filter(|given| given.is_valid(row));
        match &mut self.values {
            Values::Text(texts) => texts.append_option(given.map(|given| given.as_string_view().value(row))),
            Values::Number(numbers) => {
                numbers.append_option(given.map(|given| given.as_primitive::<Float64Type>().value(row)));
            }
            Values::Flag(flags) => flags.append_option(given.map(|given| given.as_boolean().value(row))),
        }
    }

    fn finish(self) -> ArrayRef {
        match self.values {
            Values::Text(mut texts) => Arc::new(texts.finish()),
            Values::Number(mut numbers) => Arc::new(numbers.finish()),
            Values::Flag(mut flags) => Arc::new(flags.finish()),
        }
    }
}

/// Whether a JSON value can be of a kind, by how it begins.
fn may_be_of(kind: ColumnKind, value: &str) -> bool {
    match (kind, value.as_bytes().first()) {
        (ColumnKind::Text, first) => first == Some(&b'"'),
        (ColumnKind::Number, first) => first.is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'-')),
        (ColumnKind::Flag, first) => matches!(first, Some(b't' | b'f')),
    }
}

/// The number of a JSON value, if a double tells the same as the text: an integer beyond 2^53 may be another one then.
fn exact(value: &str) -> Option<f64> {
    let bytes = value.as_bytes();
    if !matches!(bytes.first()?, b'0'..=b'9' | b'-') {
        return None;
    }
    let is_integer = bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    number(bytes).filter(|number| !is_integer || number.abs() < EXACT)
}

/// Finds the column of a key.
struct Keys {
    slots: [u8; SLOTS],
    /// Columns that share their slot with another one.
    others: Vec<u8>,
}

impl Keys {
    fn of(columns: &[TypedColumn]) -> Self {
        let mut keys = Self { slots: [FREE; SLOTS], others: Vec::new() };
        for (at, column) in (0..FREE).zip(columns) {
            let slot = &mut keys.slots[slot_of(column.property.as_bytes())];
            if *slot == FREE { *slot = at } else { keys.others.push(at) }
        }
        keys
    }

    fn find(&self, key: &[u8], columns: &[TypedColumn]) -> Option<usize> {
        let slot = self.slots[slot_of(key)];
        if slot == FREE {
            return None;
        }
        let is_it = |at: &u8| columns.get(usize::from(*at)).is_some_and(|c| is_same(c.property.as_bytes(), key));
        std::iter::once(&slot).chain(&self.others).find(|at| is_it(at)).map(|at| usize::from(*at))
    }
}

/// Length, first and last byte tell most names apart.
fn slot_of(key: &[u8]) -> usize {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    (key.len().wrapping_mul(37) ^ usize::from(first).wrapping_mul(11) ^ usize::from(last).wrapping_mul(5)) % SLOTS
}
