//! The index of event ids on S3: landers that start anew and write it at once, and answers that are lost.

use std::collections::BTreeSet;

use weir_core::ports::CountingIds;
use weir_lake::ids::{advance, check, live_names};
use weir_lake::{Store, Table, names};
use weir_tests::fault_proxy::{Fault, Proxy};
use weir_tests::moto::Moto;

use super::lake::{NOW, lander, rows};
use super::{store as new_store, store_through};

const ROUNDS: u64 = 8;
/// Ids of a round that everybody lands, and ids of one's own.
const SHARED: u64 = 5;

fn shared(round: u64) -> Vec<String> {
    (0..SHARED).map(|n| format!("shared-{round}-{n}")).collect()
}

/// Lands what another lands too, by a process of its own each time, and brings the index up to date after each landing. Gives
/// how many events were new.
async fn land_beside(store: Store, number: u64) -> u64 {
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let first_id = (number * ROUNDS + round) * 10_000;
        let mut lander = lander(&store, first_id).await;
        // What came before comes again.
        let again = shared(round.saturating_sub(1));
        for ids in [shared(round), again, vec![format!("own-{number}-{round}")]] {
            accepted += lander.land(rows(&ids), vec![], None, "import").await.unwrap().accepted;
        }
        let mut table = Table::open(&store).await.unwrap();
        advance(&mut table, &CountingIds::starting_at(first_id + 5_000), NOW).await.unwrap();
    }
    accepted
}

async fn race(stores: [Store; 2], direct: &Store) {
    let tasks = stores.into_iter().zip(1..).map(|(store, number)| tokio::spawn(land_beside(store, number)));
    let accepted: u64 = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(accepted, ROUNDS * SHARED + 2 * ROUNDS);

    let mut table = Table::open(direct).await.unwrap();
    assert_eq!(table.snapshot().rows(), accepted);
    assert_eq!(check(&mut table, NOW, true).await.unwrap(), [], "whoever wrote it, it has every id");
    let there: BTreeSet<_> = direct.list(&names::all_ids(), None).await.unwrap().into_iter().collect();
    let live = live_names(direct).await.unwrap();
    assert!(live.len() > 1 && live.is_subset(&there), "{live:?} of {there:?}");
    let manifests = there.iter().filter_map(names::ids_manifest_number).collect::<BTreeSet<_>>();
    assert_eq!(manifests.last().copied(), Some(manifests.len() as u64), "numbered without a gap");
    let all: Vec<String> = (0..ROUNDS).flat_map(shared).collect();
    let again = lander(direct, 9_000_000).await.land(rows(&all), vec![], None, "import").await.unwrap();
    assert_eq!((again.accepted, again.duplicates), (0, ROUNDS * SHARED));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_landers_that_write_the_index_at_once_count_every_event_once() {
    let store = new_store("ids-race").await;
    lander(&store, 0).await;
    race([store.clone(), store.clone()], &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_and_segments_whose_answers_are_lost_are_made_once() {
    let proxy = Proxy::start(Moto::shared().url());
    let direct = new_store("ids-doubt").await;
    let store = store_through(proxy.url(), "ids-doubt").await;
    lander(&direct, 0).await;
    let faults = [Fault::LoseAnswer, Fault::AnswerWith(500, "InternalError"), Fault::LoseRequest];
    for (number, fault) in (1..=6).zip(faults.into_iter().cycle()) {
        proxy.next("PUT", names::ids_manifest(number).as_ref(), fault);
    }
    // A segment is sent three times, and these may all meet the same one.
    faults.into_iter().take(2).for_each(|fault| proxy.next("PUT", ".ids", fault));
    race([store.clone(), store], &direct).await;
    assert_eq!(proxy.left(), 0);
}
