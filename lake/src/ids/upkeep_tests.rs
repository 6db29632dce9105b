use super::super::known::tests::{NOW, Process, tiny};
use super::*;
use crate::ids::known::Bounds;

fn range(ids: std::ops::Range<u64>) -> Vec<u64> {
    ids.collect()
}

#[tokio::test]
async fn what_no_manifest_names_is_removed_after_an_hour() {
    let store = Store::in_memory();
    assert!(live_names(&store).await.unwrap().is_empty());
    let mut process = Process::start(&store, tiny()).await;
    for n in 0..8 {
        process.land(&range(n * 8..n * 8 + 8)).await;
    }
    let live = live_names(&store).await.unwrap();
    let all: BTreeSet<Path> = store.list(&names::all_ids(), None).await.unwrap().into_iter().collect();
    assert!(live.is_subset(&all) && live.len() < all.len(), "{live:?} of {all:?}");
    assert_eq!(clean_up(&store, 0).await.unwrap(), 0, "nothing is old yet");
    assert_eq!(clean_up(&store, i64::MAX).await.unwrap(), (all.len() - live.len()) as u64);
    let left: BTreeSet<Path> = store.list(&names::all_ids(), None).await.unwrap().into_iter().collect();
    assert_eq!(left, live);
    let mut started = Process::start(&store, tiny()).await;
    assert_eq!(started.land(&range(0..64)).await, 0);
}

#[tokio::test]
async fn who_loses_a_segment_to_the_cleaning_of_others_goes_on() {
    let store = Store::in_memory();
    let mut slow = Process::start(&store, tiny()).await;
    for n in 0..4 {
        slow.land(&range(n * 8..n * 8 + 8)).await;
    }
    let mut quick = Process::start(&store, tiny()).await;
    for n in 4..12 {
        quick.land(&range(n * 8..n * 8 + 8)).await;
    }
    clean_up(&store, i64::MAX).await.unwrap();
    assert_eq!(slow.land(&range(0..97)).await, 1);
    assert!(slow.known.manifest >= quick.known.manifest, "the newer manifest was taken over");
}

#[tokio::test]
async fn an_advanced_index_spares_who_starts_the_reading() {
    let store = Store::in_memory();
    let mut process = Process::start(&store, Bounds::default()).await;
    process.land(&range(0..20)).await;
    process.land(&range(20..50)).await;
    assert_eq!(process.known.manifest, 0);
    let mut table = Table::open(&store).await.unwrap();
    advance(&mut table, process.ids.as_ref(), NOW).await.unwrap();
    let names = live_names(&store).await.unwrap();
    advance(&mut table, process.ids.as_ref(), NOW).await.unwrap();
    assert_eq!(live_names(&store).await.unwrap(), names, "nothing came since");

    let mut started = Process::start(&store, Bounds::default()).await;
    let (mut at, known) = started.at();
    known.follow(&mut at).await.unwrap();
    assert_eq!((known.recent.len(), known.segments.len(), known.version), (0, 1, Some(2)));
    assert_eq!(started.land(&range(0..51)).await, 1);
}

#[tokio::test]
async fn of_two_that_write_the_index_at_once_one_takes_over_the_others() {
    let store = Store::in_memory();
    let (mut one, mut two) =
        (Process::start(&store, Bounds::default()).await, Process::start(&store, Bounds::default()).await);
    one.land(&range(0..20)).await;
    two.land(&range(10..30)).await;
    one.land(&range(25..40)).await;
    let (mut at, known) = one.at();
    assert!(known.persist(&mut at).await.unwrap());
    let (mut at, known) = two.at();
    assert!(!known.persist(&mut at).await.unwrap(), "it was made already");
    assert_eq!((known.recent.len(), known.version), (0, Some(3)));
    assert_eq!(two.land(&range(0..41)).await, 1);
    assert_eq!(one.land(&range(0..42)).await, 1);
}

#[tokio::test]
async fn segments_stay_few_and_small_enough() {
    let store = Store::in_memory();
    let bounds = Bounds { recent_ids: 64, fan_in: 4, most_ids: 1024, sketch_bytes: 1 << 20 };
    let mut process = Process::start(&store, bounds).await;
    for n in 0..200 {
        process.land(&range(n * 32..n * 32 + 32)).await;
        assert!(process.known.recent.len() <= 96);
        assert!(process.known.segments.iter().all(|segment| segment.meta.ids <= 1024));
        assert!(process.known.segments.len() <= 6400 / 1024 + 10, "{}", process.known.segments.len());
    }
    assert_eq!(process.land(&range(0..6400)).await, 0);
}
