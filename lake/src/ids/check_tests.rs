use bytes::Bytes;
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::{Value, json};

use super::super::HORIZON_MS;
use super::super::known::tests::{NOW, Process, tiny};
use super::*;
use crate::store::Store;

/// A lake of 96 ids in several segments, and who landed them.
async fn lake() -> (Store, Process) {
    let store = Store::in_memory();
    let mut process = Process::start(&store, tiny()).await;
    for n in 0..12 {
        process.land(&(n * 8..n * 8 + 8).collect::<Vec<_>>()).await;
    }
    assert!(process.known.segments.len() > 1, "{:?}", process.known.segments);
    (store, process)
}

async fn found(store: &Store, deep: bool) -> Vec<Wrong> {
    let mut table = Table::open(store).await.unwrap();
    check_within(&mut table, NOW, deep, &tiny()).await.unwrap()
}

async fn put(store: &Store, object: &Path, bytes: impl Into<Bytes>) {
    store.objects().put(object, PutPayload::from(bytes.into())).await.unwrap();
}

/// The newest manifest, with something of it changed.
async fn edit(store: &Store, change: impl FnOnce(&mut Value)) {
    let object = names::ids_manifest(Manifest::newest(store).await.unwrap());
    let mut manifest = serde_json::from_slice(&store.read(&object).await.unwrap().unwrap()).unwrap();
    change(&mut manifest);
    put(store, &object, manifest.to_string()).await;
}

/// The index is built anew; then it is well, and who starts finds every copy.
async fn is_mended_by_a_rebuild(store: &Store) {
    let mut process = Process::start(store, tiny()).await;
    let (mut at, known) = process.at();
    known.rebuild(&mut at).await.unwrap();
    assert_eq!(found(store, true).await, []);
    let mut started = Process::start(store, tiny()).await;
    assert_eq!(started.land(&(0..96).collect::<Vec<_>>()).await, 0);
    assert_eq!(started.known.manifest, process.known.manifest, "nothing was wrong with it");
}

fn problem(found: &[Wrong]) -> (&Path, &str) {
    match found {
        [Wrong::Damaged { object, problem } | Wrong::Foreign { object, problem }] => (object, problem),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_wrong_with_an_index_whoever_writes_it() {
    let (store, mut process) = lake().await;
    assert_eq!(found(&store, true).await, []);
    process.land(&[100, 101]).await;
    assert_eq!(found(&store, true).await, [], "ids that are in no segment yet");
    is_mended_by_a_rebuild(&store).await;
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_is_named() {
    for (text, says) in [("{", "it cannot be read"), (r#"{"weir_ids":2}"#, "cannot be read")] {
        let (store, process) = lake().await;
        let object = names::ids_manifest(process.known.manifest);
        put(&store, &object, text).await;
        let wrong = found(&store, false).await;
        let (named, problem) = problem(&wrong);
        assert!(*named == object && problem.contains(says), "{wrong:?}");
        is_mended_by_a_rebuild(&store).await;
    }
}

#[tokio::test]
async fn a_segment_that_is_gone_or_short_is_named_and_one_with_a_wrong_byte_where_all_is_read() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, bool, Damage); 3] = [
        ("the manifest says", false, |bytes| bytes.truncate(4096)),
        ("block 0 is damaged", true, |bytes| bytes[17] ^= 1),
        ("its sketch is damaged", true, |bytes| bytes[4097] ^= 1),
    ];
    for (says, only_deep, damage) in damages {
        let (store, process) = lake().await;
        let object = names::ids_segment(&process.known.segments[0].meta.id);
        let mut bytes = store.read(&object).await.unwrap().unwrap().to_vec();
        damage(&mut bytes);
        put(&store, &object, bytes).await;
        assert_eq!(found(&store, false).await.is_empty(), only_deep, "{says}");
        let wrong = found(&store, true).await;
        let (named, problem) = problem(&wrong);
        assert!(*named == object && problem.contains(says), "{wrong:?}");
        is_mended_by_a_rebuild(&store).await;
    }
    let (store, process) = lake().await;
    let object = names::ids_segment(&process.known.segments[0].meta.id);
    store.delete(&object).await.unwrap();
    assert_eq!(problem(&found(&store, false).await), (&object, "it is not there"));
    is_mended_by_a_rebuild(&store).await;
}

#[tokio::test]
async fn an_index_of_another_table_is_named() {
    let (store, _) = lake().await;
    edit(&store, |manifest| manifest["witness"] = json!("0")).await;
    assert!(problem(&found(&store, false).await).1.contains("another version"));
    edit(&store, |manifest| manifest["version"] = json!(4711)).await;
    let wrong = found(&store, false).await;
    assert!(matches!(wrong[0], Wrong::Foreign { .. }));
    assert_eq!(problem(&wrong).1, "it is of version 4711, which the table does not have");
    is_mended_by_a_rebuild(&store).await;
}

#[tokio::test]
async fn ids_that_an_index_claims_and_does_not_have_are_counted() {
    let (store, _) = lake().await;
    let mut left_out = 0;
    edit(&store, |manifest| {
        left_out = manifest["segments"].as_array_mut().unwrap().remove(0)["ids"].as_u64().unwrap();
    })
    .await;
    assert_eq!(found(&store, false).await, [], "only reading them shows it");
    let [Wrong::Lacks { ids, file, .. }] = &found(&store, true).await[..] else { panic!() };
    assert!(*ids == left_out && left_out > 0 && file.starts_with("landed/"), "{ids} {file}");
    // Which is harmful: a copy is taken for a new event.
    let mut started = Process::start(&store, tiny()).await;
    let firsts = started.firsts(&(0..96).collect::<Vec<_>>(), NOW - HORIZON_MS).await;
    assert_eq!(firsts.iter().filter(|first| **first).count() as u64, left_out);
    is_mended_by_a_rebuild(&store).await;
}

#[tokio::test]
async fn an_index_that_is_far_behind_or_not_there_is_named_once_that_takes_time() {
    let (store, _) = lake().await;
    for object in store.list(&names::all_ids(), None).await.unwrap() {
        store.delete(&object).await.unwrap();
    }
    assert_eq!(found(&store, true).await, [Wrong::Behind { object: None, events: 96 }]);
    let mut table = Table::open(&store).await.unwrap();
    assert_eq!(check(&mut table, NOW, true).await.unwrap(), [], "so few are read in a moment");
    let later = check_within(&mut table, NOW + 2 * HORIZON_MS, true, &tiny()).await;
    assert_eq!(later.unwrap(), [], "nobody asks for them any more");
    is_mended_by_a_rebuild(&store).await;
}
