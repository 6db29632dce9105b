use std::borrow::Cow;
use std::sync::Arc;

use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::util::pretty::pretty_format_batches;
use futures::StreamExt;
use proptest::prelude::*;
use weir_core::event::{Event, EventId};

use super::keys::id_at;
use super::*;
use crate::rows::EventRows;
use crate::schema::bucket_of;

/// (user, time, received, place, id)
type Key = (u8, i64, i64, u64, u8);
type RowKey = (i32, String, i64, i64, i64, String);

/// Users who differ early, late, only in length, and beyond what is compared as a number.
const USERS: [&str; 9] = [
    "a",
    "ab",
    "anon-b4724e648b0b0e84",
    "anon-b4724e648b0b0e85",
    "anon-b4724e64",
    "anon-b4724e648",
    "가나다라마바사",
    "가나다라마바아",
    "b\u{1}",
];

/// Rows of a file: `file` makes its names others than those of other files.
fn sorted(file: usize, keys: &[Key]) -> RecordBatch {
    let mut rows = EventRows::default();
    for (at, (user, time_ms, received_ms, place, id)) in keys.iter().enumerate() {
        let name = format!("event-{}", (at * 7 + file * 3) % (5 + file));
        let properties = format!("{{\"of\":\"file {file}, row {at}, longer than a view\"}}");
        let event = Event {
            event: Cow::Owned(name),
            user_id: Some(Cow::Borrowed(USERS[usize::from(*user) % USERS.len()])),
            anonymous_id: None,
            time_ms: *time_ms,
            event_id: None,
            session_id: None,
            properties: (at % 3 > 0).then_some(properties.as_str()),
            context: None,
            received_ms: *received_ms,
            place: *place,
        };
        rows.push(if file.is_multiple_of(2) { "s" } else { "t" }, &event, &EventId::Text(format!("{id}").into()));
    }
    rows.freeze().sorted(&vec![true; keys.len()]).unwrap()
}

fn batches(rows: &RecordBatch, batch_rows: usize) -> Batches {
    let parts: Vec<_> = (0..rows.num_rows())
        .step_by(batch_rows)
        .map(|at| Ok(rows.slice(at, batch_rows.min(rows.num_rows() - at))))
        .collect();
    futures::stream::iter(parts).boxed()
}

fn keys_of(batch: &RecordBatch) -> Vec<RowKey> {
    let keys = Keys::of(batch).unwrap();
    let (received, place) = keys.arrival.as_ref().unwrap();
    let ids = keys.id.as_ref().unwrap();
    (0..batch.num_rows())
        .map(|row| {
            let id = String::from_utf8(id_at(ids, row)).unwrap();
            let user = keys.user.value(row).to_owned();
            (i32::from(bucket_of(&user)), user, keys.time.value(row), received.value(row), place.value(row), id)
        })
        .collect()
}

/// All rows, sorted at once; of equal ones first those of the first file.
fn naive(files: &[RecordBatch]) -> Option<RecordBatch> {
    let all = concat_batches(&files.first()?.schema(), files).unwrap();
    let keys = keys_of(&all);
    let mut order: Vec<u32> = (0..u32::try_from(keys.len()).unwrap()).collect();
    order.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
    Some(take_record_batch(&all, &arrow::array::UInt32Array::from(order)).unwrap())
}

fn text(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).unwrap().to_string()
}

async fn all(mut merge: Merge) -> Vec<(i64, RecordBatch)> {
    let mut out = Vec::new();
    while let Some((part, batch)) = merge.next_part().await.unwrap() {
        assert!(batch.num_rows() > 0);
        out.push((part, batch));
    }
    out
}

fn key() -> impl Strategy<Value = Key> {
    (0..9_u8, 0..4_i64, 0..3_i64, 0..2_u64, 0..20_u8)
}

proptest! {
    #[test]
    fn a_merge_is_a_sort(
        files in prop::collection::vec(prop::collection::vec(key(), 0..40), 0..6),
        input_rows in 1..9_usize,
        output_rows in 1..20_usize,
    ) {
        let files: Vec<RecordBatch> = files.iter().enumerate().map(|(file, keys)| sorted(file, keys)).collect();
        let merged = futures::executor::block_on(async {
            let inputs = files.iter().map(|rows| batches(rows, input_rows)).collect();
            all(Merge::new(inputs, output_rows).await.unwrap()).await
        });
        prop_assert!(merged.iter().all(|(part, _)| *part == 0));
        let merged: Vec<RecordBatch> = merged.into_iter().map(|(_, batch)| batch).collect();
        let expected: Vec<RecordBatch> = naive(&files).filter(|rows| rows.num_rows() > 0).into_iter().collect();
        prop_assert_eq!(merged.is_empty(), expected.is_empty());
        if let Some(expected) = expected.first() {
            let merged = concat_batches(&expected.schema(), &merged).unwrap();
            prop_assert_eq!(text(&[merged]), text(std::slice::from_ref(expected)));
        }
    }

    #[test]
    fn parts_are_each_in_order_and_have_all_that_is_wanted(
        files in prop::collection::vec(prop::collection::vec(key(), 1..40), 1..6),
        input_rows in 1..9_usize,
        output_rows in 1..20_usize,
    ) {
        let files: Vec<RecordBatch> = files.iter().enumerate().map(|(file, keys)| sorted(file, keys)).collect();
        // Times are 0 to 3 ms: parts 0 and 1, and the last is left out.
        let part_of = |micros: i64| Some(micros / 2000).filter(|_| micros < 3000);
        let merged = futures::executor::block_on(async {
            let inputs = files.iter().map(|rows| batches(rows, input_rows)).collect();
            all(Merge::new(inputs, output_rows).await.unwrap().by_part(part_of)).await
        });
        let expected = naive(&files).unwrap();
        let times = Keys::of(&expected).unwrap().time;
        for part in 0..2 {
            let is_of_it = times.values().iter().map(|micros| Some(part_of(*micros) == Some(part)));
            let expected = filter_record_batch(&expected, &is_of_it.collect()).unwrap();
            let merged: Vec<_> = merged.iter().filter(|(of, _)| *of == part).map(|(_, rows)| rows.clone()).collect();
            let merged = concat_batches(&expected.schema(), &merged).unwrap();
            prop_assert_eq!(text(&[merged]), text(&[expected]));
        }
    }

    #[test]
    fn heads_are_in_the_order_of_users(users in prop::collection::vec("[ab\u{0}가]{0,14}", 2..20)) {
        let keys: Vec<RecordBatch> = users.iter().map(|user| {
            let users: arrow::array::StringViewArray = [Some(user.as_str())].into_iter().collect();
            let time = arrow::array::TimestampMicrosecondArray::from(vec![0]);
            let columns: [(&str, arrow::array::ArrayRef); 2] = [(USER, Arc::new(users)), (TIME, Arc::new(time))];
            RecordBatch::try_from_iter(columns).unwrap()
        }).collect();
        let keys: Vec<Keys> = keys.iter().map(|batch| Keys::of(batch).unwrap()).collect();
        for ((a, b), users) in keys.iter().zip(&keys[1..]).zip(users.windows(2)) {
            let order = (bucket_of(&users[0]), &users[0]).cmp(&(bucket_of(&users[1]), &users[1]));
            let heads = a.head(0).cmp(&b.head(0));
            prop_assert!(heads.is_eq() || heads == order);
            if heads.is_eq() {
                prop_assert_eq!(a.compare_user(0, b, 0), order);
            }
        }
    }

    #[test]
    fn runs_are_a_sort_of_the_rows_that_matter(
        files in prop::collection::vec(prop::collection::vec(key(), 0..40), 0..6),
        input_rows in 1..9_usize,
        most in 1..20_usize,
        first_ms in 0..4_i64,
    ) {
        let files: Vec<RecordBatch> = files.iter().enumerate().map(|(file, keys)| sorted(file, keys)).collect();
        let matters = move |batch: &RecordBatch| {
            let times = Keys::of(batch).unwrap().time;
            (0..batch.num_rows()).filter(|row| times.value(*row) >= first_ms * 1000).collect::<Vec<_>>()
        };
        let select: Select = Arc::new(move |batch| {
            let rows = matters(batch);
            // Where all do, it may say so.
            (rows.len() < batch.num_rows()).then(|| rows.into_iter().map(|row| u32::try_from(row).unwrap()).collect())
        });
        let taken = futures::executor::block_on(async {
            let inputs = files.iter().map(|rows| batches(rows, input_rows)).collect();
            let mut runs = Runs::new(inputs, Some(select)).await.unwrap();
            let mut taken = Vec::new();
            while let Some(run) = runs.next(most).await.unwrap() {
                assert!((1..=most).contains(&run.rows().len()));
                taken.extend(run.rows().map(|row| run.batch().slice(row, 1)));
            }
            taken
        });
        let all = naive(&files);
        let expected: Vec<RecordBatch> =
            all.iter().flat_map(|all| matters(all).into_iter().map(|row| all.slice(row, 1))).collect();
        prop_assert_eq!(taken.len(), expected.len());
        if let Some(first) = expected.first() {
            let taken = concat_batches(&first.schema(), &taken).unwrap();
            let expected = concat_batches(&first.schema(), &expected).unwrap();
            prop_assert_eq!(text(&[taken]), text(&[expected]));
        }
    }
}

#[tokio::test]
async fn names_that_hardly_repeat_do_not_pile_up() {
    let name = |file: usize, row: usize| format!("{:0>300}", file * 10_000 + row);
    let file = |file: usize| {
        let mut rows = EventRows::default();
        for row in 0..2_000 {
            let event = Event {
                event: Cow::Owned(name(file, row)),
                user_id: Some(Cow::Borrowed("u")),
                anonymous_id: None,
                time_ms: i64::try_from(row).unwrap(),
                event_id: None,
                session_id: None,
                properties: None,
                context: None,
                received_ms: i64::try_from(file).unwrap(),
                place: 0,
            };
            rows.push("s", &event, &EventId::Text(format!("{file}-{row}").into()));
        }
        rows.freeze().sorted(&[true; 2_000]).unwrap()
    };
    let files = [file(0), file(1)];
    let inputs = files.iter().map(|rows| batches(rows, 100)).collect();
    let merged = all(Merge::new(inputs, 256).await.unwrap()).await;
    let mut count = 0;
    for (_, rows) in merged {
        use arrow::array::AsArray;
        let events = rows.column_by_name(crate::schema::EVENT).unwrap();
        let events = events.as_dictionary::<arrow::datatypes::Int32Type>().downcast_dict::<arrow::array::StringArray>();
        let events = events.unwrap();
        if count < 3_800 {
            assert!(arrow::array::Array::len(events.values()) < 2_000, "{}", arrow::array::Array::len(events.values()));
        }
        for event in events {
            assert_eq!(event.unwrap(), name(count % 2, count / 2));
            count += 1;
        }
    }
    assert_eq!(count, 4_000);
}
