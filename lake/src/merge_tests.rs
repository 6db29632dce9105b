use std::borrow::Cow;

use futures::StreamExt;
use proptest::prelude::*;
use weir_core::event::{Event, EventId};

use super::*;
use crate::rows::EventRows;

/// (user, time, received, place, id)
type Key = (u8, i64, i64, u64, u8);

fn batches(keys: &[Key], batch_rows: usize) -> Batches {
    let mut rows = EventRows::default();
    for (user, time_ms, received_ms, place, id) in keys {
        let event = Event {
            event: Cow::Borrowed("e"),
            user_id: Some(Cow::Owned(format!("user-with-a-long-name-{user}"))),
            anonymous_id: None,
            time_ms: *time_ms,
            event_id: None,
            session_id: None,
            properties: None,
            context: None,
            received_ms: *received_ms,
            place: *place,
        };
        rows.push("s", &event, &EventId::Text(format!("{id}").into()));
    }
    let keep = vec![true; keys.len()];
    let sorted = rows.freeze().sorted(&keep).unwrap();
    let parts: Vec<_> = (0..sorted.num_rows())
        .step_by(batch_rows)
        .map(|at| Ok(sorted.slice(at, batch_rows.min(sorted.num_rows() - at))))
        .collect();
    futures::stream::iter(parts).boxed()
}

fn keys_of(batch: &RecordBatch) -> Vec<(i32, String, i64, i64, i64, String)> {
    let keys = Keys::of(batch).unwrap();
    let (received, place) = keys.arrival.as_ref().unwrap();
    let ids = keys.id.as_ref().unwrap();
    (0..batch.num_rows())
        .map(|row| {
            let id = String::from_utf8(id_at(ids, row)).unwrap();
            let user = keys.user.value(row).to_owned();
            (keys.bucket.value(row), user, keys.time.value(row), received.value(row), place.value(row), id)
        })
        .collect()
}

fn key() -> impl Strategy<Value = Key> {
    (0..5_u8, 0..4_i64, 0..3_i64, 0..2_u64, 0..20_u8)
}

proptest! {
    #[test]
    fn a_merge_is_a_sort(
        files in prop::collection::vec(prop::collection::vec(key(), 0..30), 0..6),
        input_rows in 1..9_usize,
        output_rows in 1..9_usize,
    ) {
        let merged = futures::executor::block_on(async {
            let inputs = files.iter().map(|keys| batches(keys, input_rows)).collect();
            let mut merge = Merge::new(inputs, output_rows).await.unwrap();
            let mut out = Vec::new();
            while let Some(batch) = merge.next().await.unwrap() {
                prop_assert!(batch.num_rows() > 0);
                out.extend(keys_of(&batch));
            }
            Ok(out)
        })?;
        let mut expected: Vec<_> = files.iter().flat_map(|keys| {
            futures::executor::block_on(batches(keys, 1000).try_collect::<Vec<_>>()).unwrap()
        }).flat_map(|batch| keys_of(&batch)).collect();
        expected.sort();
        prop_assert_eq!(merged, expected);
    }
}
