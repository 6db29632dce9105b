//! How rows are stored, where that is not how they are in memory.
//!
//! **Times.** In memory a time has microseconds, as Delta Lake has it. An event has milliseconds, so in files of the events the last three
//! digits would always be zeros, and differences of times ten bits longer than what they tell: 1.5 bytes an event. Files
//! that are written now say `TIMESTAMP(MILLIS)`, older ones `TIMESTAMP(MICROS)`; both are read, and every engine gives the
//! same instants for both.
//!
//! ```text
//! memory                 1767225600123000 µs
//! file of before         1767225600123000 µs     read as it is
//! file of now               1767225600123 ms     times 1000
//! ```
//!
//! **Properties** are one JSON text in memory, where nothing else is asked for. A file may have some of them in columns of their own
//! ([`typed`](crate::typed)); its footer says which. [`Layout`] is what a file has, and how what was read of it becomes what
//! was asked for.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray, TimestampMillisecondArray,
    new_null_array,
};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit as StoredUnit};
use parquet::file::metadata::FileMetaData;

use crate::error::LakeError;
use crate::names::TableName;
use crate::schema::{PROPERTIES, columns_of};
use crate::typed::{ColumnNote, TypedColumn, join, noted};

/// The columns of a new file of a table, with typed columns behind the others.
pub(crate) fn stored_columns(table: TableName, typed: &[TypedColumn]) -> SchemaRef {
    match table {
        TableName::Events => with_typed(&with_unit(&columns_of(table), TimeUnit::Millisecond, |_| true), typed),
        TableName::Failed => columns_of(table),
    }
}

/// The columns of a file that is there, from its own footer.
pub(crate) fn columns_in_file(table: TableName, footer: &FileMetaData) -> SchemaRef {
    let in_milliseconds = |name: &str| {
        let column = footer.schema_descr().columns().iter().find(|column| column.name() == name);
        column.is_some_and(|column| {
            let logical = column.logical_type_ref();
            column.converted_type() == ConvertedType::TIMESTAMP_MILLIS
                || matches!(logical, Some(LogicalType::Timestamp(time)) if time.unit == StoredUnit::MILLIS)
        })
    };
    let columns = with_unit(&columns_of(table), TimeUnit::Millisecond, in_milliseconds);
    let typed: Vec<_> = noted(footer).into_iter().map(|note| note.column).collect();
    with_typed(&columns, &typed)
}

fn with_typed(columns: &SchemaRef, typed: &[TypedColumn]) -> SchemaRef {
    if typed.is_empty() {
        return Arc::clone(columns);
    }
    let typed = typed.iter().map(|column| Arc::new(column.field()));
    Arc::new(Schema::new(columns.fields().iter().cloned().chain(typed).collect::<Vec<_>>()))
}

/// A batch as the file has it.
pub(crate) fn to_stored(batch: &RecordBatch, stored: &SchemaRef) -> Result<RecordBatch, LakeError> {
    if batch.schema_ref().fields() == stored.fields() {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().zip(stored.fields()).map(|(column, field)| match field.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            let times: TimestampMillisecondArray = times.unary(|micros| micros.div_euclid(1000));
            Arc::new(times.with_timezone_opt(zone.clone())) as ArrayRef
        }
        _ => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(Arc::clone(stored), columns.collect())?)
}

/// Asks for properties that have columns, apart from the text.
///
/// `properties` then has what is in no column of the file. Where a file has a column that is known and not asked for, that is
/// missing. One that is not known goes back into the text: whoever asks looks for the property there.
#[derive(Debug, Clone, Copy)]
pub struct Apart<'a> {
    /// Which: they come behind the table's columns, null in files that do not have them.
    pub columns: &'a [TypedColumn],
    /// All that the table has, by its log.
    pub known: &'a [TypedColumn],
    /// Whether the text is wanted only for these columns: then it is null in files whose text has no value of any.
    pub text_for_these: bool,
    /// Those of the columns of which only values of their own kind are wanted; of another kind is as if missing.
    pub of_kind: &'a [TypedColumn],
}

/// What is read of a file, and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Names of the file's columns that are read.
    pub(crate) read: Vec<String>,
    /// The columns that are given.
    given: SchemaRef,
    /// Columns that go back into the text.
    joined: Vec<TypedColumn>,
}

impl Layout {
    /// `wanted` are columns of the table, `notes` the typed columns of the file. Without `apart` properties are whole.
    pub(crate) fn new(table: TableName, wanted: &[&str], notes: &[ColumnNote], apart: Option<Apart<'_>>) -> Self {
        let columns = columns_of(table);
        let is_wanted = |name: &str| wanted.contains(&name);
        let fields = columns.fields().iter().filter(|field| is_wanted(field.name())).cloned();
        let mut read: Vec<String> = fields.clone().map(|field| field.name().clone()).collect();
        let Some(apart) = apart else {
            let joined: Vec<_> = match is_wanted(PROPERTIES) {
                true => notes.iter().map(|note| note.column.clone()).collect(),
                false => Vec::new(),
            };
            read.extend(joined.iter().map(TypedColumn::name));
            return Self { read, given: Arc::new(Schema::new(fields.collect::<Vec<_>>())), joined };
        };
        let note = |column: &TypedColumn| notes.iter().find(|note| note.column == *column);
        let is_elsewhere =
            |column: &TypedColumn| note(column).is_none_or(|note| note.is_elsewhere(apart.of_kind.contains(column)));
        let is_text_wanted = !apart.text_for_these || apart.columns.iter().any(is_elsewhere);
        let is_unknown = |column: &TypedColumn| !apart.known.contains(column) && !apart.columns.contains(column);
        let mut joined: Vec<_> = notes.iter().map(|note| note.column.clone()).filter(is_unknown).collect();
        if !is_text_wanted || !is_wanted(PROPERTIES) {
            read.retain(|name| name != PROPERTIES);
            joined.clear();
        }
        let there = apart.columns.iter().filter(|column| note(column).is_some());
        read.extend(there.chain(&joined).map(TypedColumn::name));
        let typed = apart.columns.iter().map(|column| Arc::new(column.field()));
        Self { read, given: Arc::new(Schema::new(fields.chain(typed).collect::<Vec<_>>())), joined }
    }

    /// What was read, as it is given.
    pub(crate) fn give(&self, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
        if batch.schema_ref().fields() == self.given.fields() {
            return Ok(batch);
        }
        let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
            Some(rest) if field.name() == PROPERTIES && !self.joined.is_empty() => {
                let named = self.joined.iter().map(|typed| (typed, batch.column_by_name(&typed.name())));
                let typed: Vec<_> = named.filter_map(|(typed, column)| Some((typed, column?))).collect();
                Arc::new(join(rest.as_string_view(), &typed)) as ArrayRef
            }
            // Of another type it is one that the table does not know, and in the text now.
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            _ => new_null_array(field.data_type(), batch.num_rows()),
        };
        let columns = self.given.fields().iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.given), columns, &options)?)
    }
}

/// The columns of a batch in memory, from those in the file.
pub(crate) fn in_memory(file: &Schema) -> SchemaRef {
    with_unit(file, TimeUnit::Microsecond, |_| true)
}

/// A batch as it is in memory. `memory` is what [`in_memory`] gives for it.
pub(crate) fn from_stored(batch: RecordBatch, memory: &SchemaRef) -> Result<RecordBatch, LakeError> {
    if batch.schema_ref().fields() == memory.fields() {
        return Ok(batch);
    }
    let columns = batch.columns().iter().zip(memory.fields()).map(|(column, field)| match column.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, zone) if column.data_type() != field.data_type() => {
            let times = column.as_primitive::<TimestampMillisecondType>();
            let times: TimestampMicrosecondArray = times.unary(|millis| millis.saturating_mul(1000));
            Arc::new(times.with_timezone_opt(zone.clone())) as ArrayRef
        }
        _ => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(Arc::clone(memory), columns.collect())?)
}

fn with_unit(columns: &Schema, unit: TimeUnit, of: impl Fn(&str) -> bool) -> SchemaRef {
    let fields = columns.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(_, zone) if of(field.name()) => {
            Arc::new(Field::new(field.name(), DataType::Timestamp(unit, zone.clone()), field.is_nullable()))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::columns;

    #[test]
    fn times_of_a_batch_come_back() {
        let times = TimestampMicrosecondArray::from(vec![0, -1_000, 1_767_225_600_123_000]).with_timezone("UTC");
        let field = columns().field_with_name("time").unwrap().clone();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(times)]).unwrap();
        let stored = with_unit(batch.schema_ref(), TimeUnit::Millisecond, |_| true);
        let written = to_stored(&batch, &stored).unwrap();
        let millis = written.column(0).as_primitive::<TimestampMillisecondType>();
        assert_eq!(millis.values().as_ref(), [0, -1, 1_767_225_600_123]);
        assert_eq!(from_stored(written, &in_memory(&stored)).unwrap(), batch);
    }
}
