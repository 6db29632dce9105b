use std::fs::{File, FileTimes};
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, SystemTime};

use weir_core::event::uuid_text;
use weir_core::ports::{Ids, ManualClock, RandomIds, SystemClock};
use weir_lake::store::IfMissing;

use super::*;
use crate::compact::Extent;
use crate::world::{World, rows_of};

const HOUR: Duration = Duration::from_secs(3600);

async fn run(store: &Store, keep: Keep, sweep: Sweep) -> Vacuumed {
    vacuum(&mut Tables::new(store), keep, sweep, &SystemClock).await.unwrap()
}

fn visit(folder: &FilePath, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { visit(&path, found) } else { found.push(path) }
    }
}

fn files_of(folder: &FilePath) -> Vec<PathBuf> {
    let mut found = Vec::new();
    visit(folder, &mut found);
    found
}

/// Makes files older than they are.
#[allow(clippy::disallowed_methods, reason = "files have the system's time")]
fn age(files: &[PathBuf], by: Duration) {
    for file in files {
        let times = FileTimes::new().set_modified(SystemTime::now() - by);
        File::options().write(true).open(file).unwrap().set_times(times).unwrap();
    }
}

async fn directory() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
    (dir, store)
}

async fn merged(store: &Store) -> World {
    let mut world = World::new(store.clone(), 5).await;
    for _ in 0..3 {
        world.land(20).await;
    }
    world.fail(5).await;
    world.fail(5).await;
    world.compact(Extent::Everything).await;
    world
}

#[tokio::test]
async fn a_reader_keeps_the_version_of_the_last_hour() {
    let (dir, store) = directory().await;
    let mut world = World::new(store.clone(), 5).await;
    world.land(20).await;
    world.land(20).await;
    let held = Table::open(&store).await.unwrap().snapshot();
    let before = rows_of(&store, &held).await;
    world.compact(Extent::Everything).await;
    let removing = Table::open(&store).await.unwrap().snapshot().version;

    let kept = run(&store, Keep::default(), Sweep::Remove).await;
    assert_eq!((kept.files, kept.orphans, kept.waiting), (0, 0, 2), "{kept:?}");
    assert_eq!(rows_of(&store, &held).await, before, "the reader goes on");

    // The files were written long ago; what counts is when they were removed.
    age(&files_of(&dir.path().join("events/landed")), 100 * HOUR);
    assert_eq!(run(&store, Keep::default(), Sweep::Remove).await.files, 0);
    age(&files_of(&dir.path().join("events/_delta_log")), HOUR + Duration::from_secs(5));
    let looked = run(&store, Keep::default(), Sweep::Look).await;
    assert_eq!(rows_of(&store, &held).await, before, "a look removes nothing");
    let gone = run(&store, Keep::default(), Sweep::Remove).await;
    assert_eq!(looked, gone, "a look says what is to come");
    assert_eq!((gone.files, gone.waiting), (2, 0), "{gone:?}");
    world.assert_same().await;

    let (state, _) = State::read(&store).await.unwrap().unwrap();
    let error = state.must_have(TableName::Events, held.version).unwrap_err().to_string();
    assert_eq!(error, format!("version {} was vacuumed; the oldest that can be read is {removing}", held.version));
    state.must_have(TableName::Events, removing).unwrap();
    let oldest = Table::open_at(&store, removing).await.unwrap().snapshot();
    assert_eq!(rows_of(&store, &oldest).await.len(), 40);
}

#[tokio::test]
async fn what_no_commit_names_stays_for_a_day_and_never_less() {
    let (dir, store) = directory().await;
    let world = merged(&store).await;
    run(&store, Keep { removed_ms: 0 }, Sweep::Remove).await;
    let live = files_of(dir.path()).len();
    let mut left = Vec::new();
    for name in ["events/landed", "failed/landed", "events/compacted/2026-01-01"] {
        let folder = dir.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let id = uuid_text(&RandomIds.next_id());
        left.extend([folder.join(format!("{id}.parquet")), folder.join(format!("{id}.parquet#3"))]);
    }
    left.iter().for_each(|file| std::fs::write(file, "usr-1-qzx").unwrap());
    age(&left, 23 * HOUR);
    let young = run(&store, Keep { removed_ms: 0 }, Sweep::Remove).await;
    assert_eq!((young.orphans, young.waiting_orphans), (0, 6), "{young:?}");
    age(&left, 25 * HOUR);
    let old = run(&store, Keep::default(), Sweep::Remove).await;
    assert_eq!((old.orphans, old.orphan_bytes, old.waiting_orphans), (6, 54, 0), "{old:?}");
    assert_eq!(files_of(dir.path()).len(), live);
    world.assert_same().await;
}

#[tokio::test]
async fn what_is_not_called_as_weir_calls_its_files_is_never_touched() {
    let (dir, store) = directory().await;
    let world = merged(&store).await;
    let id = uuid_text(&RandomIds.next_id());
    let foreign = [
        "events/notes.txt".to_owned(),
        "events/landed/mine.parquet".to_owned(),
        format!("events/landed/{id}.csv"),
        format!("events/landed/mine/{id}.parquet"),
        format!("events/{id}.parquet"),
        format!("mine/{id}.parquet"),
        "events/landed/notes#1".to_owned(),
    ];
    let foreign: Vec<_> = foreign.iter().map(|name| dir.path().join(name)).collect();
    for file in &foreign {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "x").unwrap();
    }
    age(&files_of(dir.path()), 1_000 * HOUR);
    let vacuumed = run(&store, Keep { removed_ms: 0 }, Sweep::Remove).await;
    assert!(vacuumed.files > 0 && vacuumed.orphans == 0, "{vacuumed:?}");
    assert!(foreign.iter().all(|file| file.exists()));
    world.assert_same().await;
}

#[tokio::test]
async fn a_wrong_clock_removes_nothing() {
    let store = Store::in_memory();
    let world = merged(&store).await;
    let before = store.list_all(&Path::from("events")).await.unwrap().len();
    for off_ms in [SKEW_MS + 60_000, -SKEW_MS - 60_000, 1_000 * DAY_MS] {
        let clock = ManualClock::new(SystemClock.now_ms() + off_ms);
        let refused = vacuum(&mut Tables::new(&store), Keep { removed_ms: 0 }, Sweep::Remove, &clock).await;
        assert!(matches!(refused, Err(LakeError::Clock { .. })), "{refused:?}");
    }
    assert_eq!(store.list_all(&Path::from("events")).await.unwrap().len(), before);
    world.assert_same().await;
}

#[tokio::test]
async fn a_lake_without_tables_has_nothing_to_vacuum() {
    assert_eq!(run(&Store::in_memory(), Keep::default(), Sweep::Remove).await, Vacuumed::default());
}

#[tokio::test]
async fn vacuum_goes_on_with_commits_that_were_cleaned_away() {
    let store = Store::in_memory();
    let world = merged(&store).await;
    let newest = Table::open(&store).await.unwrap().snapshot().version;
    let mut tables = Tables::new(&store);
    tables.opened().await.unwrap();
    // Nobody can open the table from its beginning then, but who has it open follows it.
    for version in 0..newest {
        store.delete(&TableName::Events.commit(version)).await.unwrap();
    }
    let history = History::read(&tables.opened().await.unwrap()[0], 0).await.unwrap();
    assert_eq!((history.first, history.removed.len()), (newest, 3));
    let vacuumed = vacuum(&mut tables, Keep { removed_ms: 0 }, Sweep::Remove, &SystemClock).await.unwrap();
    assert!(vacuumed.files >= 3 && vacuumed.oldest["events"] == newest, "{vacuumed:?}");
    let snapshot = tables.opened().await.unwrap()[0].snapshot();
    assert_eq!(rows_of(&store, &snapshot).await, world.rows);
}
