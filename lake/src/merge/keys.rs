//! What a merge compares.

use std::cmp::Ordering;

use arrow::array::{
    Array, AsArray, BinaryViewArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use crate::error::LakeError;
use crate::rows::id_order;
use crate::schema::{EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, TIME, USER, bucket_of};

/// The longest text that lies in a view itself, in bytes.
const INLINE_BYTES: u32 = 12;

/// The sort columns of a batch.
pub(super) struct Keys {
    pub(super) user: StringViewArray,
    pub(super) time: TimestampMicrosecondArray,
    pub(super) arrival: Option<(TimestampMicrosecondArray, Int64Array)>,
    pub(super) id: Option<(BinaryViewArray, StringViewArray)>,
}

impl Keys {
    pub(super) fn of(batch: &RecordBatch) -> Result<Self, LakeError> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("a merge without column `{name}`")))
        };
        let times = |name: &str| column(name).map(|c| c.as_primitive::<TimestampMicrosecondType>().clone());
        let arrival = match batch.column_by_name(PLACE) {
            Some(place) => Some((times(RECEIVED_AT)?, place.as_primitive::<Int64Type>().clone())),
            None => None,
        };
        let id = match batch.column_by_name(EVENT_UUID) {
            Some(uuid) => Some((uuid.as_binary_view().clone(), column(EVENT_ID)?.as_string_view().clone())),
            None => None,
        };
        Ok(Self { user: column(USER)?.as_string_view().clone(), time: times(TIME)?, arrival, id })
    }

    /// The bucket and the first bytes of the user as a number: where two differ, they are in the order of the table. Where they
    /// are equal, the users may still differ. The bucket is reckoned, so that its column need not be read.
    pub(super) fn head(&self, row: usize) -> u128 {
        const TEXT_BITS: u32 = 96;
        let view = self.user.views()[row];
        // A view has the length of its text and, up to twelve bytes, the text, filled up with zeros.
        let text = if view as u32 <= INLINE_BYTES {
            view.swap_bytes()
        } else {
            let mut first = [0; 16];
            first[4..].copy_from_slice(&self.user.value(row).as_bytes()[..12]);
            u128::from_be_bytes(first)
        };
        let bucket = bucket_of(self.user.value(row));
        (u128::from(bucket) << TEXT_BITS) | (text & ((1 << TEXT_BITS) - 1))
    }

    /// Users of one bucket.
    pub(super) fn compare_user(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        self.user.value(row).cmp(other.user.value(other_row))
    }

    pub(super) fn is_same_user(&self, row: usize, other: usize) -> bool {
        let views = self.user.views();
        let (view, other_view) = (views[row], views[other]);
        // Equal views are equal texts. Unequal ones may still be, in two places, where length and first bytes, which are the lower
        // half of a view, are the same and the text is longer than a view has room for.
        view == other_view
            || (view as u64 == other_view as u64
                && view as u32 > INLINE_BYTES
                && self.user.value(row) == self.user.value(other))
    }

    /// Events of one user.
    pub(super) fn compare_event(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let times = self.time.value(row).cmp(&other.time.value(other_row));
        times.then_with(|| self.compare_arrival(row, other, other_row))
    }

    fn compare_arrival(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let (Some((received, place)), Some((other_received, other_place))) = (&self.arrival, &other.arrival) else {
            return Ordering::Equal;
        };
        let arrivals = (received.value(row), place.value(row))
            .cmp(&(other_received.value(other_row), other_place.value(other_row)));
        arrivals.then_with(|| match (&self.id, &other.id) {
            (Some(mine), Some(theirs)) => id_at(mine, row).cmp(&id_at(theirs, other_row)),
            _ => Ordering::Equal,
        })
    }
}

pub(super) fn id_at((uuids, texts): &(BinaryViewArray, StringViewArray), row: usize) -> Vec<u8> {
    id_order(texts.is_valid(row).then(|| texts.value(row).as_bytes()), uuids.value(row))
}
