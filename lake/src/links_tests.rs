use std::collections::BTreeSet;

use proptest::prelude::*;
use weir_core::event::{EventId, Receipt, parse};
use weir_core::identity::Declared;

use super::note::{LinksNote, users_note};
use super::*;
use crate::rows::EventRows;
use crate::snapshot::Level;
use crate::writer::{DataFileWriter, write_landed};
use object_store::ObjectStoreExt;

const TABLE: TableName = TableName::Events;

async fn landed(store: &Store, id: &str, lines: &[&str]) -> DataFile {
    let mut rows = EventRows::default();
    for (line, place) in lines.iter().zip(0..) {
        let receipt = Receipt { received_ms: 1_767_225_600_000, place, correct_skew: false };
        let event = parse(line, receipt).unwrap();
        rows.push("dev", &event, &EventId::Text(format!("{id}-{place}").into()));
    }
    let batch = rows.freeze().sorted(&vec![true; lines.len()]).unwrap();
    write_landed(store, TABLE, id, &batch).await.unwrap()
}

fn snapshot(files: &[&DataFile]) -> Snapshot {
    let files = files.iter().map(|file| (file.path.clone(), Arc::new((*file).clone())));
    Snapshot { version: 1, files: files.collect(), ..Snapshot::default() }
}

const LINES: [&str; 6] = [
    r#"{"event":"view","anonymous_id":"phone"}"#,
    r#"{"event":"view","anonymous_id":"phone"}"#,
    r#"{"event":"identify","user_id":"ana","anonymous_id":"phone"}"#,
    r#"{"event":"identify","user_id":"ana","anonymous_id":"phone"}"#,
    r#"{"event":"alias","user_id":"ana","properties":{"previousId":"tab"}}"#,
    r#"{"event":"view","anonymous_id":"kiosk"}"#,
];

#[tokio::test]
async fn a_file_says_what_it_declares_and_who_is_in_it_also_without_notes() {
    let store = Store::in_memory();
    let file = landed(&store, "a", &LINES).await;
    assert_eq!(file.links, Some(LinkCounts { declared: 2, moved: 0, unmoved: 2 }));
    let old = DataFile { links: None, ..file.clone() };
    for file in [&file, &old] {
        let (cache, snapshot) = (LinkCache::default(), snapshot(&[file]));
        let moves = cache.moves(&store, &snapshot, snapshot.files.values()).await.unwrap();
        assert_eq!(["phone", "tab", "kiosk"].map(|id| moves.links.user_of(id)), ["ana", "ana", "kiosk"]);
        assert_eq!(moves.users(), 1, "only phone has rows to move");
        assert!(moves.of(&file.path).unwrap().may_hold("phone"));
        let report = cache.report(&store, &snapshot).await.unwrap();
        assert_eq!(report, IdentityReport { links: 2, unresolved: 1, ..IdentityReport::default() });
    }
}

#[tokio::test]
async fn a_lake_without_links_is_not_read() {
    let store = Store::in_memory();
    let file = landed(&store, "a", &[LINES[0], r#"{"event":"view","user_id":"ana","anonymous_id":"phone"}"#]).await;
    assert_eq!(file.links, Some(LinkCounts { declared: 0, moved: 0, unmoved: 1 }));
    store.delete(&TABLE.data(&file.path)).await.unwrap();
    let (cache, snapshot) = (LinkCache::default(), snapshot(&[&file]));
    assert!(cache.moves(&store, &snapshot, snapshot.files.values()).await.unwrap().is_empty());
    assert_eq!(cache.report(&store, &snapshot).await.unwrap(), IdentityReport::default());
}

#[tokio::test]
async fn notes_are_read_once_and_only_those_that_matter() {
    let store = Store::in_memory();
    let declaring = landed(&store, "a", &LINES[2..]).await;
    let known = landed(&store, "b", &[r#"{"event":"view","user_id":"ben"}"#]).await;
    let anonymous = landed(&store, "c", &LINES[..2]).await;
    // A file without anonymous rows and links has nothing to tell.
    store.delete(&TABLE.data(&known.path)).await.unwrap();
    let (cache, snapshot) = (LinkCache::default(), snapshot(&[&declaring, &known, &anonymous]));
    let first = cache.moves(&store, &snapshot, snapshot.files.values()).await.unwrap();
    assert_eq!(first.users(), 1);
    for file in [&declaring, &anonymous] {
        store.delete(&TABLE.data(&file.path)).await.unwrap();
    }
    let again = cache.moves(&store, &snapshot, snapshot.files.values()).await.unwrap();
    assert!(Arc::ptr_eq(&first.links, &again.links));
    assert_eq!(again.users(), 1);
}

#[tokio::test]
async fn a_note_that_is_damaged_or_gone_is_named() {
    let store = Store::in_memory();
    let file = landed(&store, "a", &LINES).await;
    let counts = file.links.unwrap();
    let cut = |links| DataFile { links: Some(links), ..file.clone() };
    for (lie, problem) in [
        (LinkCounts { declared: 3, ..counts }, "the log says 3"),
        (LinkCounts { unmoved: 5, ..counts }, "not what the log says"),
        (LinkCounts { moved: 1, ..counts }, "not what the log says"),
    ] {
        let snapshot = snapshot(&[&cut(lie)]);
        let error = LinkCache::default().moves(&store, &snapshot, snapshot.files.values()).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("landed/a.parquet") && message.contains(problem), "{message}");
    }
    let mut writer = DataFileWriter::new(&store, TABLE, "landed/b.parquet".to_owned(), Level::Landed).unwrap();
    let mut rows = EventRows::default();
    let event = parse(LINES[0], Receipt { received_ms: 1, place: 0, correct_skew: false }).unwrap();
    rows.push("dev", &event, &EventId::Text("x".into()));
    writer.write(&rows.freeze().sorted(&[true]).unwrap()).await.unwrap();
    let without = DataFile { links: Some(counts), ..writer.finish().await.unwrap() };
    let lacking = snapshot(&[&without]);
    let error = LinkCache::default().links(&store, &lacking).await.unwrap_err().to_string();
    assert!(error.contains("lacks the note"), "{error}");
    store.objects().put(&TABLE.data(&file.path), Bytes::from_static(b"PAR1").into()).await.unwrap();
    let torn = snapshot(&[&file]);
    assert!(LinkCache::default().links(&store, &torn).await.unwrap_err().to_string().contains("damaged"));
}

#[test]
fn a_newer_note_is_not_guessed_at() {
    let file = file_of_one();
    let counts = LinkCounts::default();
    assert!(matches!(Users::read(&[2, 0], &file, counts), Err(LakeError::Newer { .. })));
    assert!(matches!(Declarations::unpack(&[2], &file, counts), Err(LakeError::Newer { .. })));
    assert!(Users::read(&[], &file, counts).is_err());
}

#[test]
fn counts_are_three_numbers() {
    let counts = LinkCounts { declared: 1, moved: 22, unmoved: 333 };
    assert_eq!(counts.to_string().parse(), Ok(counts));
    for wrong in ["", "1,2", "1,2,3,4", "1,2,x", "-1,2,3"] {
        assert_eq!(wrong.parse::<LinkCounts>(), Err(()), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_to_be_moved_is_what_differs(
        linked in prop::collection::btree_map(0..60_u8, 0..4_u8, 0..40),
        moved in prop::collection::btree_map(0..60_u8, 0..4_u8, 0..40),
        unmoved in prop::collection::btree_set(0..60_u8, 0..60),
    ) {
        let (device, user) = (|n: &u8| format!("a{n}"), |n: &u8| format!("u{n}"));
        let pairs: Vec<(String, String)> = linked.iter().map(|(id, to)| (device(id), user(to))).collect();
        let declared = pairs.iter().map(|(from, to)| Declared { from, to, to_is_user: true, received_ms: 0, place: 0 });
        let links = Links::resolve(declared);
        let mut moved_hashes: Vec<(u64, u64)> =
            moved.iter().map(|(id, to)| (id_hash(&device(id)), id_hash(&user(to)))).collect();
        moved_hashes.sort_unstable();
        let mut own: Vec<u64> = unmoved.iter().map(|id| id_hash(&device(id))).collect();
        own.sort_unstable();
        let note = users_note(&moved_hashes, &own);
        let counts = LinkCounts { declared: 0, moved: moved.len() as u64, unmoved: unmoved.len() as u64 };
        let found = moves_of(&Users::read(&note, &file_of_one(), counts).unwrap(), &links);
        let wrong = moved.iter().filter(|(id, to)| linked.get(id) != Some(to)).map(|(_, to)| user(to));
        let late = unmoved.iter().filter(|id| linked.contains_key(id)).map(device);
        let expected: BTreeSet<String> = wrong.chain(late).collect();
        prop_assert_eq!(found.users(), expected.len() as u64);
        for user in &expected {
            prop_assert!(found.may_hold(user));
            let bucket = usize::from(crate::schema::bucket_of(user));
            prop_assert!(found.buckets.iter().any(|buckets| buckets.contains(&bucket)));
        }
    }

    #[test]
    fn declarations_come_back(ids in prop::collection::vec(("\\PC{1,60}", "\\PC{1,60}", any::<bool>(), any::<i64>()), 0..30)) {
        let mut note = LinksNote::new().unwrap();
        let declared: Vec<Declared<'_>> = ids
            .iter()
            .filter(|(from, to, ..)| from.len() <= 200 && to.len() <= 200)
            .map(|(from, to, kind, n)| Declared { from, to, to_is_user: *kind, received_ms: *n, place: n.wrapping_mul(3) })
            .collect();
        declared.iter().for_each(|one| note.push(one).unwrap());
        let counts = LinkCounts { declared: declared.len() as u64, ..LinkCounts::default() };
        let unpacked = Declarations::unpack(&note.finish().unwrap(), &file_of_one(), counts).unwrap();
        prop_assert_eq!(unpacked.iter().collect::<Vec<_>>(), declared);
    }
}

fn file_of_one() -> DataFile {
    DataFile {
        path: "landed/a.parquet".to_owned(),
        bytes: 1,
        rows: 1,
        min_time_ms: 0,
        max_time_ms: 0,
        min_received_ms: 0,
        max_received_ms: 0,
        level: Level::Landed,
        bucket_rows: Vec::new(),
        landed_in: 0,
        links: None,
    }
}
