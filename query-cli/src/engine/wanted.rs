//! What a question wants of a scan: which columns, and which rows.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use weir_lake::LakeError;
use weir_lake::schema::{EVENT, TIME};
use weir_lake::typed::TypedColumn;

/// What is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Columns of the table. The text of properties is without those that have columns in a file.
    pub columns: BTreeSet<&'static str>,
    /// Properties that are given apart from the text: columns of the table's that come behind the others.
    pub typed: Vec<TypedColumn>,
    /// All typed columns of the table.
    pub known: Vec<TypedColumn>,
    /// The text of properties is wanted for those only: it is null where it has none of them.
    pub text_for_these: bool,
    /// Which rows.
    pub rows: WantedRows,
    /// The only user whose rows are read, in the partition of their bucket. Some of others may come with them.
    pub user: Option<String>,
}

impl Wanted {
    /// Columns of the table in all rows, and no property apart.
    pub fn of(columns: &[&'static str]) -> Self {
        Self { columns: columns.iter().copied().collect(), ..Self::default() }
    }
}

/// Which rows matter. Others are left out of each file before files are merged, which is most of the work on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedRows {
    /// Names of events; `None` for all.
    pub events: Option<BTreeSet<String>>,
    /// Times in microseconds, inclusive; `None` for all.
    pub time_micros: Option<(i64, i64)>,
}

impl WantedRows {
    /// Whether all rows matter.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// A batch without rows that do not matter. One that does not have the columns stays as it is.
    ///
    /// # Errors
    /// None that batches of a lake can make.
    pub fn of(&self, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
        let Some(mask) = self.mask(&batch) else { return Ok(batch) };
        Ok(filter_record_batch(&batch, &BooleanArray::new(mask, None))?)
    }

    /// Which rows of a batch matter; `None` if all do.
    fn mask(&self, batch: &RecordBatch) -> Option<BooleanBuffer> {
        let rows = batch.num_rows();
        let events = self.events.as_ref().zip(batch.column_by_name(EVENT)).and_then(|(wanted, column)| {
            let column = column.as_dictionary::<Int32Type>();
            let names = column.values().as_string::<i32>();
            let is_wanted = |at: usize| names.is_valid(at) && wanted.contains(names.value(at));
            let is_wanted: Vec<bool> = (0..names.len()).map(is_wanted).collect();
            let keys = column.keys().values();
            let is_row_wanted = |row: usize| usize::try_from(keys[row]).is_ok_and(|key| is_wanted[key]);
            is_wanted.contains(&false).then(|| BooleanBuffer::collect_bool(rows, is_row_wanted))
        });
        let times = self.time_micros.zip(batch.column_by_name(TIME)).and_then(|((from, to), column)| {
            let times = column.as_primitive::<TimestampMicrosecondType>().values();
            let inside = BooleanBuffer::collect_bool(rows, |row| from <= times[row] && times[row] <= to);
            (inside.count_set_bits() < rows).then_some(inside)
        });
        match (events, times) {
            (Some(events), Some(times)) => Some(&events & &times),
            (events, times) => events.or(times),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, DictionaryArray, TimestampMicrosecondArray};

    use super::*;

    /// The times of rows that are left.
    fn left(events: Option<&[&str]>, time_micros: Option<(i64, i64)>) -> Vec<i64> {
        let names: DictionaryArray<Int32Type> = ["view", "save", "view", "buy"].into_iter().collect();
        let times = TimestampMicrosecondArray::from(vec![1, 2, 3, 4]);
        let batch =
            RecordBatch::try_from_iter([(EVENT, Arc::new(names) as ArrayRef), (TIME, Arc::new(times) as ArrayRef)]);
        let events = events.map(|events| events.iter().map(|event| (*event).to_owned()).collect());
        let batch = WantedRows { events, time_micros }.of(batch.unwrap()).unwrap();
        batch.column(1).as_primitive::<TimestampMicrosecondType>().values().to_vec()
    }

    #[test]
    fn rows_that_do_not_matter_are_left_out() {
        assert_eq!(left(None, None), [1, 2, 3, 4]);
        assert_eq!(left(Some(&["view", "never"]), None), [1, 3]);
        assert_eq!(left(Some(&["view", "save", "buy"]), None), [1, 2, 3, 4]);
        assert!(left(Some(&[]), None).is_empty());
        assert_eq!(left(None, Some((2, 3))), [2, 3]);
        assert_eq!(left(None, Some((i64::MIN, i64::MAX))), [1, 2, 3, 4]);
        assert_eq!(left(Some(&["view"]), Some((2, 4))), [3]);
        assert!(WantedRows::default().is_everything());
    }
}
