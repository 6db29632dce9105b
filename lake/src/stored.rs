//! How times are stored, where that is not how they are in memory.
//!
//! In memory a time has microseconds, as Delta Lake has it. An event has milliseconds, so in files of the events the last three
//! digits would always be zeros, and differences of times ten bits longer than what they tell: 1.5 bytes an event. Files
//! that are written now say `TIMESTAMP(MILLIS)`, older ones `TIMESTAMP(MICROS)`; both are read, and every engine gives the
//! same instants for both.
//!
//! ```text
//! memory                 1767225600123000 µs
//! file of before         1767225600123000 µs     read as it is
//! file of now               1767225600123 ms     times 1000
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray, TimestampMillisecondArray};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit as StoredUnit};
use parquet::schema::types::SchemaDescriptor;

use crate::error::LakeError;
use crate::names::TableName;
use crate::schema::columns_of;

/// The columns of a new file of a table.
pub(crate) fn stored_columns(table: TableName) -> SchemaRef {
    match table {
        TableName::Events => with_unit(&columns_of(table), TimeUnit::Millisecond, |_| true),
        TableName::Failed => columns_of(table),
    }
}

/// The columns of a file that is there, from its own footer.
pub(crate) fn columns_in_file(table: TableName, file: &SchemaDescriptor) -> SchemaRef {
    let in_milliseconds = |name: &str| {
        let column = file.columns().iter().find(|column| column.name() == name);
        column.is_some_and(|column| {
            let logical = column.logical_type_ref();
            column.converted_type() == ConvertedType::TIMESTAMP_MILLIS
                || matches!(logical, Some(LogicalType::Timestamp(time)) if time.unit == StoredUnit::MILLIS)
        })
    };
    with_unit(&columns_of(table), TimeUnit::Millisecond, in_milliseconds)
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
