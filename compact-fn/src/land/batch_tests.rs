use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use weir_core::event::{Failed, envelope, frame};
use weir_lake::{Store, Table, TableName};

use super::super::tests::{NOW, lander, large, record, rows};
use super::*;
use crate::faulty::Faulty;

fn shard() -> ShardId {
    ShardId("shardId-000000000000".to_owned())
}

/// Sequence numbers as streams have them: long, growing, and not dense.
fn sequence(number: u64) -> SequenceNumber {
    SequenceNumber::parse(&format!("495903382714902566085596925383615710959215759{:09}", number * 7)).unwrap()
}

fn delivered(number: u64, payload: &[u8]) -> Delivered<'static> {
    Delivered { sequence: sequence(number), data: STANDARD.encode(payload).into() }
}

/// Records with two events each, one of which the record before had too.
fn log(records: u64) -> Vec<Delivered<'static>> {
    let ids = |number: u64| [format!("e{number}"), format!("e{}", number.saturating_sub(1))];
    (1..=records)
        .map(|number| {
            let [a, b] = ids(number);
            delivered(number, &envelope::pack(&record(&[&a, &b])))
        })
        .collect()
}

fn has_failed(id: &str) -> Vec<u8> {
    let mut frame = frame::FrameWriter::new("app", NOW).unwrap();
    let failed = Failed {
        id: id.into(),
        protocol: "weir".into(),
        code: "missing_field".into(),
        field: "user_id".into(),
        message: "it is missing".into(),
        event: None,
        sent_at: None,
        body: "{}".into(),
        bytes: 2,
        place: Some(0),
    };
    frame.push_failed(&failed).unwrap();
    frame.finish()
}

async fn land(lander: &mut Lander, records: &[Delivered<'_>]) -> BatchLanded {
    lander.land_batch(&shard(), records, || true).await
}

/// Chance that repeats itself.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    }
}

#[tokio::test]
async fn whatever_is_delivered_again_counts_once() {
    let all = log(60);
    for seed in 0..40 {
        let mut dice = dice(seed);
        let faulty = Arc::new(Faulty::default());
        let store = Store::over(Arc::clone(&faulty) as _);
        let mut one = lander(&store, 0).await;
        let mut two = lander(&store, 10_000).await;
        let (mut checkpoint, mut round) = (0, 0);
        while checkpoint < all.len() {
            round += 1;
            // A batch begins at the checkpoint or anywhere before it, and ends anywhere.
            let from = checkpoint.saturating_sub(dice(20));
            let to = (from + 1 + dice(20)).min(all.len());
            Faulty::set(&faulty.commits_look_failed, dice(4) == 0);
            Faulty::set(&faulty.puts_fail, dice(6) == 0);
            let turn = if dice(2) == 0 { &mut one } else { &mut two };
            let done = land(turn, &all[from..to]).await;
            let landed = match &done.held {
                Some((first, _)) => all.iter().position(|record| record.sequence == *first).unwrap(),
                None => to,
            };
            assert!(landed >= from && (done.held.is_none() || landed < to), "seed {seed}, round {round}");
            checkpoint = checkpoint.max(landed);
            if dice(10) == 0 {
                one = lander(&store, 20_000 + 1_000 * round).await;
            }
            Faulty::set(&faulty.puts_fail, false);
            Faulty::set(&faulty.commits_look_failed, false);
        }
        let snapshot = Table::open(&store).await.unwrap().snapshot();
        // Events 0 to 60: each record has its own and that of the one before.
        assert_eq!(snapshot.rows(), 61, "seed {seed}");
        assert_eq!(snapshot.positions[&shard()], all[59].sequence);
        assert_eq!(snapshot.complete_to_ms, None, "a shard does not know about the others");
        for file in snapshot.files.values() {
            assert!(store.has(&TableName::Events.data(&file.path)).await.unwrap(), "seed {seed}: {}", file.path);
        }
    }
}

#[tokio::test]
async fn a_batch_that_came_before_is_nothing_and_one_behind_a_gap_is_fine() {
    let store = Store::in_memory();
    let mut lander = lander(&store, 0).await;
    let all = log(30);
    let done = land(&mut lander, &all[..10]).await;
    assert_eq!((done.records, done.trimmed, done.landed.accepted, done.held.is_none()), (10, 0, 11, true));
    let version = lander.snapshot().version;
    let again = land(&mut lander, &all[3..10]).await;
    assert_eq!((again.records, again.trimmed, again.held.is_none()), (0, 7, true));
    assert_eq!(lander.refresh().await.unwrap().version, version, "it is no commit");
    let behind = land(&mut lander, &all[20..]).await;
    assert_eq!((behind.records, behind.landed.accepted), (10, 11));
    assert!(land(&mut lander, &[]).await.held.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pollers_of_one_shard_count_every_event_once() {
    for _ in 0..10 {
        let store = Store::in_memory();
        lander(&store, 0).await;
        let all = Arc::new(log(80));
        let tasks = [0, 1].map(|poller: u64| {
            let (store, all) = (store.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                let mut lander = lander(&store, 100_000 * (poller + 1)).await;
                let mut accepted = 0;
                for batch in all.chunks(7 + poller as usize) {
                    let done = lander.land_batch(&shard(), batch, || true).await;
                    assert!(done.held.is_none(), "{:?}", done.held);
                    accepted += done.landed.accepted;
                }
                accepted
            })
        });
        let accepted: u64 = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum();
        assert_eq!((accepted, Table::open(&store).await.unwrap().snapshot().rows()), (81, 81));
    }
}

#[tokio::test]
async fn a_warm_landing_takes_four_requests_at_most() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    let mut lander = lander(&store, 0).await;
    let first = [delivered(1, &record(&["a"])), delivered(2, &has_failed("f1"))];
    assert!(land(&mut lander, &first).await.held.is_none());

    faulty.requests();
    land(&mut lander, &[delivered(3, &record(&["b", "a"]))]).await;
    assert_eq!(faulty.requests(), 3, "a look, the file, the commit");
    let both = [delivered(4, &record(&["c"])), delivered(5, &has_failed("f2"))];
    let done = land(&mut lander, &both).await;
    assert_eq!((done.landed.accepted, done.held.is_none()), (1, true));
    assert_eq!(faulty.requests(), 4, "two files, two commits");
    land(&mut lander, &both).await;
    assert_eq!(faulty.requests(), 0, "what has landed is known");
    land(&mut lander, &[delivered(6, &record(&["c"]))]).await;
    assert_eq!(faulty.requests(), 2, "a look and the position");
    // Another writer was there: its commit is read as well.
    let mut other = super::super::tests::lander(&store, 5_000).await;
    other.land(rows(&["z"]), vec![], None, "import").await.unwrap();
    faulty.requests();
    land(&mut lander, &[delivered(7, &record(&["d"]))]).await;
    let known_ids = 2;
    assert!(faulty.requests() <= 5 + known_ids, "two looks more, and the ids of the other's file");
    let failed = Table::open_if_there(&store, TableName::Failed).await.unwrap().unwrap();
    assert_eq!((lander.snapshot().rows(), failed.snapshot().rows()), (5, 2));
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_with_its_place_and_holds_nothing_up() {
    let store = Store::in_memory();
    let mut lander = lander(&store, 0).await;
    let many: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
    let packed = envelope::pack(&record(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut torn = record(&["half", "lost"]);
    torn.truncate(torn.len() - 5);
    let broken_lines = [&record(&["good"])[..], &b"x\n".repeat(5_000)].concat();
    let records = [
        delivered(1, &record(&["a"])),
        Delivered { sequence: sequence(2), data: "no base64!".into() },
        delivered(3, &packed[..packed.len() - 3]),
        delivered(4, b"not a frame"),
        delivered(5, &torn),
        delivered(6, &broken_lines),
        Delivered { sequence: sequence(7), data: "".into() },
        delivered(8, &record(&["z"])),
    ];
    let done = land(&mut lander, &records).await;
    assert!(done.held.is_none(), "{:?}", done.held);
    assert_eq!((done.landed.accepted, done.records, done.unreadable_count), (4, 8, 5 + 5_000));
    assert!(done.unreadable.len() < 30, "a million problems are no million lines: {}", done.unreadable.len());
    assert_eq!(lander.snapshot().positions[&shard()], sequence(8));

    let kept = store.list(&"unreadable".into(), None).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0], names_of(2, 7));
    let said = &done.unreadable[done.unreadable.len() - 1];
    assert!(said.contains(kept[0].as_ref()), "{said}");
    let text = store.read(&kept[0]).await.unwrap().unwrap();
    let lines: Vec<Value> =
        text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    let problems: Vec<&str> = lines.iter().map(|line| line["problems"][0].as_str().unwrap()).collect();
    let expected = ["not base64", "packed", "frame header", "line 2", "line 2", "frame header"];
    for ((line, problem), (expected, record)) in lines.iter().zip(&problems).zip(expected.iter().zip(&records[1..7])) {
        assert!(problem.contains(expected), "`{problem}` is not about {expected}");
        assert_eq!(
            (line["sequence"].as_str(), line["data"].as_str()),
            (Some(record.sequence.as_str()), Some(&*record.data))
        );
    }
    assert_eq!(lines.len(), 6);
}

fn names_of(first: u64, last: u64) -> object_store::path::Path {
    weir_lake::names::unreadable(&shard().0, sequence(first).as_str(), sequence(last).as_str())
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_before_its_place_is_passed() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    let mut lander = lander(&store, 0).await;
    let records = [delivered(1, b"not a frame"), delivered(2, &record(&["a"]))];
    Faulty::set(&faulty.puts_fail, true);
    let (first, why) = land(&mut lander, &records).await.held.unwrap();
    assert!(first == sequence(1) && matches!(why, Held::Lake(LakeError::Store(_))), "{why}");
    assert!(lander.refresh().await.unwrap().positions.is_empty());
    Faulty::set(&faulty.puts_fail, false);
    for _ in 0..2 {
        assert!(land(&mut lander, &records).await.held.is_none());
    }
    assert!(store.has(&names_of(1, 1)).await.unwrap());
    assert_eq!(lander.snapshot().rows(), 1);
}

#[tokio::test]
async fn a_record_of_a_newer_weir_holds_the_shard_and_what_is_before_it_lands() {
    let store = Store::in_memory();
    let mut lander = lander(&store, 0).await;
    let newer = b"{\"weir\":9,\"received\":1,\"source\":\"app\"}\nwho knows\n";
    let records = [
        delivered(1, &record(&["a"])),
        delivered(2, b"not a frame"),
        delivered(3, newer),
        delivered(4, &record(&["b"])),
    ];
    for round in 0..3 {
        let done = land(&mut lander, &records).await;
        let (first, why) = done.held.unwrap();
        assert_eq!(first, sequence(3));
        assert!(matches!(&why, Held::Newer(what) if what.contains("frame version 9")), "{why}");
        assert_eq!(done.records, if round == 0 { 2 } else { 0 });
        assert_eq!((lander.snapshot().rows(), &lander.snapshot().positions[&shard()]), (1, &sequence(2)));
    }
}

#[tokio::test]
async fn a_batch_that_unpacks_to_much_lands_in_parts_and_stops_where_the_time_is_over() {
    let store = Store::in_memory();
    let mut lander = lander(&store, 0).await;
    let records: Vec<_> = (1..=8).map(|number| delivered(number, &large(&format!("e{number}")))).collect();
    let done = lander.land_batch(&shard(), &records, || false).await;
    let (first, why) = done.held.unwrap();
    assert!(matches!(why, Held::Time) && done.records == 3 && first == sequence(4), "{why}, {}", done.records);
    assert_eq!(lander.snapshot().positions[&shard()], sequence(3));
    let done = land(&mut lander, &records).await;
    assert_eq!((done.held.is_none(), done.trimmed, done.records, done.landed.accepted), (true, 3, 5, 5));
    let snapshot = lander.snapshot();
    assert_eq!((snapshot.version, snapshot.rows(), snapshot.files.len()), (3, 8, 3), "three records a landing");
    let paths: BTreeSet<_> = snapshot.files.keys().collect();
    assert_eq!(store.list(&TableName::Events.data("landed"), None).await.unwrap().len(), paths.len());
}
