//! Looks for copies of events in what a merge writes.
//!
//! Rows are unique since their landing, so there are none, unless a defect or another engine brought them. A row that was
//! written twice lies next to itself in the sort order, and that is what is looked at: rows of the same user and time, up to
//! [`REACH`] apart, that have the same source and id.
//!
//! ```text
//! user time   source id
//! u1   09:00  app    A
//! u1   09:00  app    B     other ids
//! u1   09:00  app    A     a copy
//! ```

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use weir_lake::LakeError;
use weir_lake::schema::{EVENT_ID, EVENT_UUID, SOURCE, TIME, USER};

/// Rows of the same user and time are compared with so many before them.
const REACH: usize = 64;

/// Counts copies, batch by batch.
#[derive(Default)]
pub(super) struct Copies {
    last: Option<RecordBatch>,
    found: u64,
}

impl Copies {
    /// Looks at the next rows.
    pub(super) fn look(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        if let Some(last) = self.last.take()
            && batch.num_rows() > 0
        {
            let (mine, theirs) = (Ids::of(&last)?, Ids::of(&batch.slice(0, 1))?);
            self.found += u64::from(mine.same_group(0, &theirs, 0) && mine.same_id(0, &theirs, 0));
        }
        let Some(times) = batch.column_by_name(TIME) else { return Ok(()) };
        let times = times.as_primitive::<TimestampMicrosecondType>().values();
        if times.windows(2).any(|pair| pair[0] == pair[1]) {
            let ids = Ids::of(batch)?;
            let is_copy = |row: &usize| {
                let before = (0..*row).rev().take(REACH).take_while(|other| ids.same_group(*other, &ids, *row));
                before.into_iter().any(|other| ids.same_id(other, &ids, *row))
            };
            self.found += (1..times.len()).filter(|row| times[row - 1] == times[*row]).filter(is_copy).count() as u64;
        }
        if batch.num_rows() > 0 {
            self.last = Some(batch.slice(batch.num_rows() - 1, 1));
        }
        Ok(())
    }

    /// How many were found.
    pub(super) fn found(&self) -> u64 {
        self.found
    }
}

/// The columns that tell copies.
struct Ids {
    batch: RecordBatch,
}

impl Ids {
    fn of(batch: &RecordBatch) -> Result<Self, LakeError> {
        let columns = [USER, TIME, EVENT_UUID, EVENT_ID, SOURCE].map(|name| batch.schema_ref().index_of(name));
        let columns = columns.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Self { batch: batch.project(&columns)? })
    }

    fn same_group(&self, row: usize, other: &Self, other_row: usize) -> bool {
        let time = |ids: &Self, row: usize| ids.batch.column(1).as_primitive::<TimestampMicrosecondType>().value(row);
        let user = |ids: &Self| ids.batch.column(0).as_string_view().clone();
        time(self, row) == time(other, other_row) && user(self).value(row) == user(other).value(other_row)
    }

    fn source(&self, row: usize) -> Option<&str> {
        let sources = self.batch.column(4).as_dictionary::<Int32Type>();
        let texts = sources.values().as_string::<i32>();
        sources.key(row).map(|key| texts.value(key))
    }

    fn same_id(&self, row: usize, other: &Self, other_row: usize) -> bool {
        let (mine, theirs) = (self.batch.column(2).as_binary_view(), other.batch.column(2).as_binary_view());
        let (my_text, their_text) = (self.batch.column(3).as_string_view(), other.batch.column(3).as_string_view());
        mine.is_valid(row) == theirs.is_valid(other_row)
            && mine.value(row) == theirs.value(other_row)
            && my_text.is_valid(row) == their_text.is_valid(other_row)
            && my_text.value(row) == their_text.value(other_row)
            && self.source(row) == other.source(other_row)
    }
}
