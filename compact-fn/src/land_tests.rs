use std::borrow::Cow;

use weir_core::event::{Event, EventId};
use weir_core::ports::{CountingIds, ManualClock, MemoryLog};

use super::*;
use crate::faulty::Faulty;

pub(super) const NOW: i64 = 1_767_225_600_000;

fn event(user: &str, time_ms: i64, place: u64) -> Event<'_> {
    Event {
        event: Cow::Borrowed("view_job"),
        user_id: Some(Cow::Borrowed(user)),
        anonymous_id: None,
        time_ms,
        event_id: None,
        session_id: None,
        properties: Some("{\"a\":1}"),
        context: None,
        received_ms: NOW,
        place,
    }
}

pub(super) fn rows(ids: &[&str]) -> FrozenRows {
    let mut rows = EventRows::default();
    for (place, id) in (0..).zip(ids) {
        rows.push("app", &event("u", NOW, place), &EventId::Text((*id).into()));
    }
    rows.freeze()
}

pub(super) async fn lander(store: &Store, first_id: u64) -> Lander {
    Lander::open(store, Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::starting_at(first_id))).await.unwrap()
}

pub(super) fn record(ids: &[&str]) -> Vec<u8> {
    let mut frame = frame::FrameWriter::new("app", NOW).unwrap();
    for (place, id) in (0..).zip(ids) {
        frame.push(&event("u", NOW, place), &EventId::Text((*id).into())).unwrap();
    }
    frame.finish()
}

/// A record of one event, which is small as it travels and large where it is unpacked: nearly as large as may be.
pub(super) fn large(id: &str) -> Vec<u8> {
    let properties = format!(r#"{{"p":"{}"}}"#, "x".repeat(15 * 1024 * 1024));
    let event = Event { properties: Some(&properties), ..event("u", NOW, 0) };
    let mut frame = frame::FrameWriter::new("app", NOW).unwrap();
    frame.push(&event, &EventId::Text(id.into())).unwrap();
    envelope::pack(&frame.finish())
}

#[tokio::test]
async fn copies_count_once_in_one_landing_across_landings_and_after_a_restart() {
    let store = Store::in_memory();
    let mut first = lander(&store, 0).await;
    let landed = first.land(rows(&["a", "b", "a"]), vec![], None, "import").await.unwrap();
    assert_eq!((landed.accepted, landed.duplicates), (2, 1));
    let landed = first.land(rows(&["b", "c"]), vec![], None, "import").await.unwrap();
    assert_eq!((landed.accepted, landed.duplicates), (1, 1));
    let mut restarted = lander(&store, 100).await;
    let landed = restarted.land(rows(&["a", "b", "c"]), vec![], None, "import").await.unwrap();
    assert_eq!((landed.accepted, landed.duplicates, landed.version), (0, 3, 2));
    assert_eq!(restarted.snapshot().rows(), 3);
}

#[tokio::test]
async fn copies_are_found_in_what_was_compacted_meanwhile() {
    let store = Store::in_memory();
    let (mut one, mut two) = (lander(&store, 0).await, lander(&store, 100).await);
    two.land(rows(&["x"]), vec![], None, "import").await.unwrap();
    one.land(rows(&["a"]), vec![], None, "import").await.unwrap();
    let mut table = Table::open(&store).await.unwrap();
    let ids = CountingIds::starting_at(1000);
    crate::compact::compact(&mut table, &ManualClock::new(NOW), &ids, crate::compact::Extent::Everything)
        .await
        .unwrap();
    let landed = two.land(rows(&["a", "x", "y"]), vec![], None, "import").await.unwrap();
    assert_eq!((landed.accepted, landed.duplicates), (1, 2));
    // The compaction has brought the index up to date, so that who starts does not read the ids of merged files.
    assert_eq!(weir_lake::ids::live_names(&store).await.unwrap().len(), 2, "a manifest and a segment");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_landers_at_once_count_every_event_once() {
    let store = Store::in_memory();
    lander(&store, 0).await;
    let tasks = (0..8_u64).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut lander = lander(&store, 1000 * (number + 1)).await;
            let mut accepted = 0;
            for round in 0..10 {
                // Every id is offered by two landers.
                let ids: Vec<String> = (0..4).map(|i| format!("{}-{round}-{i}", number / 2)).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                accepted += lander.land(rows(&ids), vec![], None, "import").await.unwrap().accepted;
            }
            accepted
        })
    });
    let accepted: u64 = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(accepted, 4 * 10 * 4);
    assert_eq!(Table::open(&store).await.unwrap().snapshot().rows(), 160);
}

#[tokio::test]
async fn a_log_is_landed_once_whoever_tries_again() {
    let store = Store::in_memory();
    let log = MemoryLog::default();
    for ids in [["a", "b"], ["c", "a"]] {
        log.append(record(&ids).into()).await.unwrap();
    }
    let shard = log.shards().await.unwrap().remove(0);
    let mut first = lander(&store, 0).await;
    let done = first.land_log(&log, &shard).await.unwrap();
    assert_eq!((done.landed.accepted, done.landed.duplicates, done.unreadable), (3, 1, vec![]));
    assert_eq!(first.snapshot().complete_to_ms, Some(NOW));
    assert_eq!(first.land_log(&log, &shard).await.unwrap().landed.accepted, 0);
    assert_eq!(lander(&store, 100).await.land_log(&log, &shard).await.unwrap().landed.accepted, 0);
    assert_eq!(first.refresh().await.unwrap().version, 1, "nothing new is no commit");

    let stale = vec![Progress { shard: shard.clone(), from: None, through: SequenceNumber::from(2) }];
    let error = first.land(rows(&["z"]), stale, None, "land").await.unwrap_err();
    assert!(matches!(error, LakeError::Position { .. }), "{error}");
    assert_eq!(store.list(&TableName::Events.data("landed"), None).await.unwrap().len(), 1, "its file is taken away");
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_holds_nothing_up() {
    let store = Store::in_memory();
    let log = MemoryLog::default();
    log.append("not a frame".into()).await.unwrap();
    let mut half = record(&["a", "b"]);
    half.truncate(half.len() - 5);
    log.append(half.into()).await.unwrap();
    log.append(record(&["c"]).into()).await.unwrap();
    let shard = log.shards().await.unwrap().remove(0);
    let done = lander(&store, 0).await.land_log(&log, &shard).await.unwrap();
    assert_eq!(done.landed.accepted, 2);
    let kept = store.read(&weir_lake::names::unreadable(&shard.0, "1", "2")).await.unwrap().unwrap();
    let line: serde_json::Value = serde_json::from_slice(kept.split(|b| *b == b'\n').next().unwrap()).unwrap();
    assert_eq!((line["sequence"].as_str(), line["data"].as_str()), (Some("1"), Some("bm90IGEgZnJhbWU=")));
    assert_eq!(done.unreadable.len(), 2);
    assert!(done.unreadable[0].starts_with("record 1 of shard `memory-0`"), "{:?}", done.unreadable);
    assert_eq!(done.through, Some(SequenceNumber::from(3)));
}

#[tokio::test]
async fn packed_records_land_as_plain_ones_do_and_broken_envelopes_hold_nothing_up() {
    let (store, log) = (Store::in_memory(), MemoryLog::default());
    let many: Vec<String> = (0..100).map(|n| format!("e{n}")).collect();
    let packed = envelope::pack(&record(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(frame::open(&packed).is_err(), "a record of a hundred events is packed");
    let cut = packed[..packed.len() - 1].to_vec();
    for payload in [packed, cut, record(&["e7", "plain"])] {
        log.append(payload.into()).await.unwrap();
    }
    let shard = log.shards().await.unwrap().remove(0);
    let done = lander(&store, 0).await.land_log(&log, &shard).await.unwrap();
    assert_eq!((done.landed.accepted, done.landed.duplicates), (101, 1));
    assert_eq!(done.unreadable.len(), 1);
    assert!(
        done.unreadable[0].starts_with("record 2 of shard `memory-0`: the record is packed"),
        "{:?}",
        done.unreadable
    );
}

#[tokio::test]
async fn a_landing_without_copies_asks_the_store_three_times() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    let asked = || faulty.requests();
    let mut first = lander(&store, 0).await;
    first.land(rows(&["a", "b"]), vec![], None, "import").await.unwrap();
    let mut table = Table::open(&store).await.unwrap();
    weir_lake::ids::advance(&mut table, &CountingIds::starting_at(1000), NOW).await.unwrap();
    let mut warm = lander(&store, 100).await;
    warm.land(rows(&["c"]), vec![], None, "import").await.unwrap();
    assert_eq!(warm.land(rows(&["a", "b", "c"]), vec![], None, "import").await.unwrap().duplicates, 3);
    asked();
    for id in ["d", "e", "f"] {
        assert_eq!(warm.land(rows(&[id]), vec![], None, "import").await.unwrap().accepted, 1);
        assert_eq!(asked(), 3, "whether there is a commit, the file, the commit");
    }
    let landed = warm.land(rows(&["a", "g"]), vec![], None, "import").await.unwrap();
    assert_eq!((landed.duplicates, asked()), (1, 4), "and the block with the id of the copy");
}
