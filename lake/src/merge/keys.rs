//! What a merge compares.

use std::cmp::Ordering;

use arrow::array::{
    Array, AsArray, BinaryViewArray, Int32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};

use crate::error::LakeError;
use crate::rows::id_order;
use crate::schema::{BUCKET, EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, TIME, USER};

/// The sort columns of a batch.
pub(super) struct Keys {
    pub(super) bucket: Int32Array,
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
        Ok(Self {
            bucket: column(BUCKET)?.as_primitive::<Int32Type>().clone(),
            user: column(USER)?.as_string_view().clone(),
            time: times(TIME)?,
            arrival,
            id,
        })
    }

    /// The bucket and the first bytes of the user as a number: where two differ, they are in the order of the users. Where they
    /// are equal, the users may still differ.
    pub(super) fn head(&self, row: usize) -> u128 {
        const TEXT_BITS: u32 = 96;
        let view = self.user.views()[row];
        // A view has the length of its text and, up to twelve bytes, the text, filled up with zeros.
        let text = if view as u32 <= 12 {
            view.swap_bytes()
        } else {
            let mut first = [0; 16];
            first[4..].copy_from_slice(&self.user.value(row).as_bytes()[..12]);
            u128::from_be_bytes(first)
        };
        let bucket = self.bucket.value(row).cast_unsigned() ^ (1 << 31);
        (u128::from(bucket) << TEXT_BITS) | (text & ((1 << TEXT_BITS) - 1))
    }

    pub(super) fn compare_user(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let buckets = self.bucket.value(row).cmp(&other.bucket.value(other_row));
        buckets.then_with(|| self.user.value(row).cmp(other.user.value(other_row)))
    }

    pub(super) fn is_same_user(&self, row: usize, other: usize) -> bool {
        let views = self.user.views();
        // Equal views are equal texts; unequal ones may still be, in two buffers.
        views[row] == views[other] || self.user.value(row) == self.user.value(other)
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
