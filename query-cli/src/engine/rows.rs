//! Rows of a scan, typed: what a walk reads of them, and which selectors they fit.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Float64Type, Int32Type, TimestampMicrosecondType};
use weir_core::property::{PropertyValue, ValueKind};
use weir_core::scan::Selector;
use weir_core::spec::{Condition, PropertyPath, PropertyRoot};
use weir_lake::LakeError;
use weir_lake::schema::{CONTEXT, EVENT, PROPERTIES, SESSION_ID, TIME, USER};
use weir_lake::typed::{self, ColumnKind, TypedColumn};

use super::wanted::Wanted;

/// The columns of a batch, typed.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub user: StringViewArray,
    pub time: TimestampMicrosecondArray,
    pub event: DictionaryArray<Int32Type>,
    session: Option<StringViewArray>,
    properties: Option<StringViewArray>,
    context: Option<StringViewArray>,
    /// Columns of properties, by their names there.
    typed: Vec<(String, TypedValues)>,
    /// Which of these the properties of a question have, by their numbers.
    columns: Vec<Option<usize>>,
}

/// A column of a property.
#[derive(Debug, Clone)]
enum TypedValues {
    Text(StringViewArray),
    Number(Float64Array),
    Flag(BooleanArray),
}

impl TypedValues {
    fn of(column: &ArrayRef) -> Self {
        match column.data_type() {
            DataType::Utf8View => Self::Text(column.as_string_view().clone()),
            DataType::Boolean => Self::Flag(column.as_boolean().clone()),
            _ => Self::Number(column.as_primitive::<Float64Type>().clone()),
        }
    }

    fn value(&self, row: usize) -> Option<PropertyValue<'_>> {
        match self {
            Self::Text(texts) => text_at(Some(texts), row).map(|text| PropertyValue::Text(Cow::Borrowed(text))),
            Self::Flag(flags) => flags.is_valid(row).then(|| PropertyValue::Bool(flags.value(row))),
            Self::Number(numbers) if numbers.is_null(row) => None,
            Self::Number(numbers) => typed::number_of(numbers.value(row)).map(PropertyValue::Number),
        }
    }
}

impl Batch {
    /// For a question that looks at these properties.
    pub fn of(batch: &RecordBatch, properties: &[PropertyPath]) -> Result<Self, LakeError> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("a walk without column `{name}`")))
        };
        let text = |name: &str| batch.column_by_name(name).map(|c| c.as_string_view().clone());
        let named = batch.schema_ref().fields().iter().zip(batch.columns());
        let typed = named.filter_map(|(field, column)| {
            Some((typed::property_of(field.name())?.to_owned(), TypedValues::of(column)))
        });
        let typed: Vec<(String, TypedValues)> = typed.collect();
        let column_of = |path: &PropertyPath| {
            let is_it = |(property, _): &(String, TypedValues)| *property == path.path;
            typed.iter().position(is_it).filter(|_| path.root == PropertyRoot::Properties)
        };
        Ok(Self {
            columns: properties.iter().map(column_of).collect(),
            typed,
            user: column(USER)?.as_string_view().clone(),
            time: column(TIME)?.as_primitive::<TimestampMicrosecondType>().clone(),
            event: column(EVENT)?.as_dictionary::<Int32Type>().clone(),
            session: text(SESSION_ID),
            properties: text(PROPERTIES),
            context: text(CONTEXT),
        })
    }

    /// The name of the event of a row.
    pub fn event_name(&self, row: usize) -> &str {
        let names = self.event.values().as_string::<i32>();
        usize::try_from(self.event.keys().value(row)).map_or("", |key| names.value(key))
    }

    /// The session id of a row, where sessions are read and it has one.
    pub fn session(&self, row: usize) -> Option<&str> {
        text_at(self.session.as_ref(), row)
    }

    /// The column of a property, if it has one.
    fn typed(&self, path: &PropertyPath) -> Option<&TypedValues> {
        let columns = if path.root == PropertyRoot::Properties { self.typed.as_slice() } else { &[] };
        columns.iter().find(|(property, _)| *property == path.path).map(|(_, column)| column)
    }

    /// The value of a property of a row: in its column, or else in the text.
    pub fn value(&self, path: &PropertyPath, row: usize) -> Option<PropertyValue<'_>> {
        if let Some(value) = self.typed(path).and_then(|column| column.value(row)) {
            return Some(value);
        }
        path.find(text_at(self.properties.as_ref(), row), text_at(self.context.as_ref(), row))
    }

    /// As [`value`](Self::value), of the property of a number.
    pub fn numbered(&self, number: usize, path: &PropertyPath, row: usize) -> Option<PropertyValue<'_>> {
        let column = self.columns.get(number).copied().flatten();
        let value = column.and_then(|column| self.typed[column].1.value(row));
        value.or_else(|| path.find(text_at(self.properties.as_ref(), row), text_at(self.context.as_ref(), row)))
    }

    /// The rows for which conditions hold, where all of them compare numbers of columns with numbers and there is no text
    /// beside: then that is quicker than row by row.
    fn all_that_hold<C: Borrow<Condition>>(&self, conditions: &[C]) -> Option<BooleanBuffer> {
        if self.properties.as_ref().is_some_and(|texts| texts.null_count() < texts.len()) {
            return None;
        }
        let of_one = |Condition { property, test }: &Condition| {
            let Some(TypedValues::Number(numbers)) = self.typed(property) else { return None };
            let (least, most) = test.double_range()?;
            let values = numbers.values();
            let inside =
                BooleanBuffer::collect_bool(values.len(), |row| (values[row] >= least) & (values[row] <= most));
            // What is missing is in no range.
            Some(numbers.nulls().map_or_else(|| inside.clone(), |valid| &inside & valid.inner()))
        };
        let mut all = conditions.iter().map(|condition| of_one(condition.borrow()));
        let first = all.next()??;
        all.try_fold(first, |all, one| Some(&all & &one?))
    }

    /// Whether a row passes conditions, of which it may be known already for which rows they hold.
    fn passes<C: Borrow<Condition>>(&self, known: &Option<BooleanBuffer>, conditions: &[C], row: usize) -> bool {
        match known {
            Some(known) => known.value(row),
            None => self.holds(conditions, row),
        }
    }

    fn holds<C: Borrow<Condition>>(&self, conditions: &[C], row: usize) -> bool {
        let mut conditions = conditions.iter().map(Borrow::borrow);
        conditions.all(|condition| condition.test.accepts(self.value(&condition.property, row).as_ref()))
    }
}

fn text_at(column: Option<&StringViewArray>, row: usize) -> Option<&str> {
    column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
}

/// Adds what is read of rows for these properties, in a table with these typed columns. With each property comes the only
/// kind of values that is told from a missing one; `None` where there are several.
pub(super) fn want_properties<'p>(
    wanted: &mut Wanted,
    properties: impl Iterator<Item = (&'p PropertyPath, Option<ValueKind>)>,
    typed: &[TypedColumn],
) {
    let mut of_any_kind: Vec<&TypedColumn> = Vec::new();
    for (path, kind) in properties {
        let column = match path.root {
            PropertyRoot::Properties => PROPERTIES,
            PropertyRoot::Context => CONTEXT,
        };
        wanted.columns.insert(column);
        if path.root == PropertyRoot::Context {
            continue;
        }
        let Some(typed) = typed.iter().find(|typed| typed.property == path.path) else {
            wanted.text_for_these = false;
            continue;
        };
        if kind != Some(kind_of(typed)) {
            of_any_kind.push(typed);
        }
        if !wanted.typed.contains(typed) {
            wanted.typed.push(typed.clone());
        }
    }
    let of_kind = wanted.typed.iter().filter(|typed| !of_any_kind.contains(typed));
    wanted.of_kind = of_kind.cloned().collect();
}

/// The kind of the values in a column.
fn kind_of(typed: &TypedColumn) -> ValueKind {
    match typed.kind {
        ColumnKind::Text => ValueKind::Text,
        ColumnKind::Number => ValueKind::Number,
        ColumnKind::Flag => ValueKind::Bool,
    }
}

/// Selectors of a question and of its cohorts, and the conditions on events of the question.
#[derive(Debug, Clone, Default)]
pub(super) struct Selectors {
    pub of_question: Vec<Selector>,
    /// Their bits are none of the question's, and its conditions do not touch them.
    pub of_cohorts: Vec<Selector>,
    pub filters: Vec<Condition>,
    /// Whether events of the question matter that fit no selector.
    pub every_event: bool,
}

impl Selectors {
    /// Names of events that can matter; `None` where all can.
    pub fn events(&self) -> Option<BTreeSet<String>> {
        if self.every_event { None } else { self.all().map(|selector| selector.event.event.clone()).collect() }
    }

    /// All conditions.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let of_selectors = self.all().flat_map(|selector| &selector.event.filters).map(Arc::as_ref);
        of_selectors.chain(&self.filters)
    }

    fn all(&self) -> impl Iterator<Item = &Selector> {
        self.of_question.iter().chain(&self.of_cohorts)
    }
}

/// What a row fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fit {
    /// Bits of all selectors.
    pub bits: u128,
    /// Whether it matters to the question itself.
    pub is_of_question: bool,
}

impl Fit {
    fn that_matters(self) -> Option<Self> {
        (self.is_of_question || self.bits != 0).then_some(self)
    }
}

/// Finds what rows fit. Names are compared once a dictionary, not once a row.
#[derive(Debug, Default)]
pub(super) struct Fitter {
    /// The dictionary that was seen last: it is held, so that its address stands for it.
    dictionary: Option<ArrayRef>,
    /// For each of its names.
    names: Vec<NameFits>,
    /// The rows of the batch that pass, where that could be told of all at once: for each selector, and for all conditions of the
    /// question.
    of_question: Vec<Option<BooleanBuffer>>,
    of_cohorts: Vec<Option<BooleanBuffer>>,
    of_filters: Option<BooleanBuffer>,
}

/// What events of one name fit.
#[derive(Debug, Clone)]
enum NameFits {
    /// All the same; `None` where they do not matter.
    Alike(Option<Fit>),
    /// That depends on their properties.
    Depending { of_question: Fits, of_cohorts: Fits },
}

impl NameFits {
    fn of(name: &str, selectors: &Selectors) -> Self {
        let of_question = Fits::of(name, &selectors.of_question);
        let of_cohorts = Fits::of(name, &selectors.of_cohorts);
        let looks_at_question = !of_question.is_nothing() || selectors.every_event;
        let is_alike = of_question.depending.is_empty()
            && of_cohorts.depending.is_empty()
            && (selectors.filters.is_empty() || !looks_at_question);
        if !is_alike {
            return Self::Depending { of_question, of_cohorts };
        }
        let bits = of_question.always | of_cohorts.always;
        Self::Alike(Fit { bits, is_of_question: looks_at_question }.that_matters())
    }
}

#[derive(Debug, Clone, Default)]
struct Fits {
    /// Bits that every event of this name has.
    always: u128,
    /// Selectors that depend on properties, by their places.
    depending: Vec<usize>,
}

impl Fits {
    fn of(name: &str, selectors: &[Selector]) -> Self {
        let mut fits = Self::default();
        for (at, selector) in selectors.iter().enumerate() {
            if selector.event.event.as_deref().is_none_or(|wanted| wanted == name) {
                if selector.event.filters.is_empty() {
                    fits.always |= selector.bits;
                } else {
                    fits.depending.push(at);
                }
            }
        }
        fits
    }

    fn is_nothing(&self) -> bool {
        self.always == 0 && self.depending.is_empty()
    }

    fn bits(&self, selectors: &[Selector], known: &[Option<BooleanBuffer>], batch: &Batch, row: usize) -> u128 {
        let mut bits = self.always;
        for at in &self.depending {
            let selector = &selectors[*at];
            if bits | selector.bits != bits && batch.passes(&known[*at], &selector.event.filters, row) {
                bits |= selector.bits;
            }
        }
        bits
    }
}

impl Fitter {
    /// Before the rows of a batch are looked at.
    pub fn begin(&mut self, selectors: &Selectors, batch: &Batch) {
        let passing = |of: &[Selector]| of.iter().map(|one| batch.all_that_hold(&one.event.filters)).collect();
        self.of_question = passing(&selectors.of_question);
        self.of_cohorts = passing(&selectors.of_cohorts);
        self.of_filters = batch.all_that_hold(&selectors.filters);
        let values = batch.event.values();
        if self.dictionary.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, values)) {
            return;
        }
        let names = values.as_string::<i32>();
        self.names = (0..names.len()).map(|at| NameFits::of(names.value(at), selectors)).collect();
        self.dictionary = Some(Arc::clone(values));
    }

    /// What a row fits; `None` where it does not matter at all. `key` is that of its event.
    #[inline]
    pub fn of(&self, selectors: &Selectors, batch: &Batch, row: usize, key: i32) -> Option<Fit> {
        match self.names.get(usize::try_from(key).ok()?)? {
            NameFits::Alike(fit) => *fit,
            NameFits::Depending { of_question, of_cohorts } => {
                let mut fit = Fit::default();
                let looks_at_question = !of_question.is_nothing() || selectors.every_event;
                if looks_at_question && batch.passes(&self.of_filters, &selectors.filters, row) {
                    fit.bits = of_question.bits(&selectors.of_question, &self.of_question, batch, row);
                    fit.is_of_question = fit.bits != 0 || selectors.every_event;
                }
                if !of_cohorts.is_nothing() {
                    fit.bits |= of_cohorts.bits(&selectors.of_cohorts, &self.of_cohorts, batch, row);
                }
                fit.that_matters()
            }
        }
    }
}
