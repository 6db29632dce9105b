//! What is derived from rows and may be wrong: the notes of a data file, and the index of event ids.

use std::fs;
use std::ops::Range;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use weir_core::event::EventId;
use weir_core::ports::{CountingIds, ManualClock};
use weir_lake::catalogue::{Catalogue, Limits, Observer};
use weir_lake::examine::{Examined, Severity, examine};
use weir_lake::ids::HORIZON_MS;
use weir_lake::rows::EventRows;

use super::world::*;
use super::*;
use crate::land::Lander;

/// Where a note of a file is.
fn place(file: &Path, note: &str) -> Range<usize> {
    let bytes = bytes::Bytes::from(fs::read(file).unwrap());
    let reader = SerializedFileReader::new(bytes).unwrap();
    let entries = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let entry = entries.into_iter().find(|entry| entry.key == format!("weir.note.{note}")).unwrap().value.unwrap();
    let (from, length) = entry.split_once(',').unwrap();
    let from = from.parse().unwrap();
    from..from + length.parse::<usize>().unwrap()
}

/// Changes the bytes of a note.
fn damage(file: &Path, note: &str, change: impl FnOnce(&mut [u8])) {
    let place = place(file, note);
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes[place]);
    fs::write(file, bytes).unwrap();
}

/// Commits a file whose note of the catalogue is not what its rows are.
async fn add_noting(lake: &Lake, batch: &RecordBatch, change: impl FnOnce(&mut Catalogue)) {
    let mut observer = Observer::new(Limits::NOTE);
    observer.observe(batch);
    let mut catalogue = observer.finish();
    change(&mut catalogue);
    lake.add_by(batch, |writer| writer.with_catalogue(catalogue)).await;
}

/// A batch in which users identify themselves on devices.
fn identified() -> RecordBatch {
    let mut rows = EventRows::default();
    for n in 0..10 {
        let user = format!("user-{n}");
        let mut event = event("device", NOW, n);
        event.event = if n < 3 { "identify".into() } else { "view".into() };
        event.user_id = (n < 3).then(|| user.as_str().into());
        event.anonymous_id = Some(format!("device-{n}").into());
        rows.push("app", &event, &EventId::Text(format!("identified-{n}").into()));
    }
    rows.freeze().sorted(&[true; 10]).unwrap()
}

/// The newest file that somebody added by hand.
fn by_hand(lake: &Lake) -> std::path::PathBuf {
    lake.path("events/landed/by-hand.parquet")
}

#[tokio::test]
async fn a_note_of_the_catalogue_that_cannot_be_used_is_named_and_made_again() {
    let lake = Lake::new().await;
    damage(&lake.file(1).await, "catalogue", |note| note.fill(7));
    add_noting(&lake, &batch(4), |catalogue| catalogue.events.get_mut("view").unwrap().count += 2).await;
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning damaged_catalogue events/landed/00000000-0000-8000-8000-000000000002.parquet, rewrite
      version 2 names it: its note of the catalogue cannot be used: Unknown frame descriptor
      the catalogue reads its rows instead: it takes longer, and is as true
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    Warning damaged_catalogue events/landed/by-hand.parquet, rewrite
      version 4 names it: its note of the catalogue cannot be used: it counts 42 events, the file has 40
      the catalogue reads its rows instead: it takes longer, and is as true
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert_eq!(lake.examine(SHALLOW).await.findings[0].severity, Severity::Warning);
    let before = lake.content().await.0;
    let (done, version) = (lake.repair_after(SHALLOW, false).await, Some(5));
    assert_eq!(done[0], Mended { rows: 40, version, ..Mended::default() });
    assert_eq!((lake.content().await.0, done.len()), (before, 2));
    assert_eq!(lake.landings().await, [1, 2, 3, 4], "the same rows, which nobody has to look at again");
    lake.is_healthy().await;
}

#[tokio::test]
async fn a_catalogue_that_counts_other_names_than_the_rows_have_is_found_where_they_are_read() {
    let lake = Lake::new().await;
    let turned = |catalogue: &mut Catalogue| {
        catalogue.events.get_mut("view").unwrap().count -= 3;
        catalogue.events.get_mut("start").unwrap().count += 3;
    };
    add_noting(&lake, &batch(4), turned).await;
    assert_eq!(lake.findings(SHALLOW).await, "");
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error wrong_catalogue events/landed/by-hand.parquet, rewrite
      version 4 names it: its note of the catalogue counts 16 of `start`, it has 13 such rows
      `weir events` shows wrong numbers; funnels and SQL do not depend on it
      `weir repair --deep --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert_eq!(lake.repair(false).await.len(), 1);
    lake.is_healthy().await;
}

#[tokio::test]
async fn notes_of_users_that_cannot_be_read_are_named_and_made_again() {
    let lake = Lake::new().await;
    lake.add(&identified()).await;
    assert_eq!(lake.findings(DEEP).await, "");
    // The first byte is the version.
    damage(&by_hand(&lake), "links", |note| note[1..].fill(7));
    damage(&lake.file(0).await, "users", |note| note[1] = 9);
    lake.edit(2, "\"weir.links\":\"0,0,", "\"weir.links\":\"0,1,");
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error damaged_links events/landed/00000000-0000-8000-8000-000000000001.parquet, rewrite
      version 1 names it: its note `users` cannot be read: 51 bytes are not what the log says
      questions that have to know who is who fail
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    Error damaged_links events/landed/00000000-0000-8000-8000-000000000002.parquet, rewrite
      version 2 names it: its note `users` cannot be read: 51 bytes are not what the log says
      questions that have to know who is who fail
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    Error damaged_links events/landed/by-hand.parquet, rewrite
      version 4 names it: its note `links` cannot be read: Unknown frame descriptor
      questions that have to know who is who fail
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert!(!lake.examine(SHALLOW).await.healthy);
    let table = Table::open(&lake.store).await.unwrap();
    let links = async |table: &Table| table.links().links(table.store(), &table.snapshot()).await;
    assert!(links(&table).await.unwrap_err().to_string().contains("links"), "which questions stumble over");
    assert_eq!(lake.repair_after(SHALLOW, false).await.len(), 3);
    let table = Table::open(&lake.store).await.unwrap();
    assert_eq!(links(&table).await.unwrap().len(), 3);
    lake.is_healthy().await;
}

#[tokio::test]
async fn notes_of_users_that_are_not_what_the_rows_say_are_found_where_they_are_read() {
    let lake = Lake::new().await;
    lake.add(&identified()).await;
    damage(&by_hand(&lake), "users", |note| *note.last_mut().unwrap() ^= 1);
    lake.edit(2, "\"weir.links\":\"0,0,", "\"weir.links\":\"1,0,");
    assert_eq!(lake.findings(SHALLOW).await.matches("it lacks the note").count(), 1);
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error damaged_links events/landed/00000000-0000-8000-8000-000000000002.parquet, rewrite
      version 2 names it: it lacks the note `links`, of which the log says `1,0,7`
      questions that have to know who is who fail
      `weir repair --deep --lake LAKE` writes its rows anew, as weir writes them
    Error wrong_links events/landed/by-hand.parquet, rewrite
      version 4 names it: its note `users` has other ids than its rows
      who is who may be told wrongly: one user may count as two, or two as one
      `weir repair --deep --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert_eq!(lake.repair(false).await.len(), 2);
    lake.is_healthy().await;
}

#[tokio::test]
async fn a_note_of_a_newer_weir_is_left_alone() {
    let lake = Lake::new().await;
    lake.add(&identified()).await;
    damage(&by_hand(&lake), "links", |note| note[0] = 2);
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error newer_format events/landed/by-hand.parquet
      version 4 names it, and it has version 2 of the notes about users
      this weir cannot tell who is who in it, and questions that have to know fail
      use the newer weir
    ");
    assert_eq!(lake.repair(false).await, []);
}

/// At the time of the lake: ids are looked up for seven days.
async fn look(lake: &Lake, deep: bool, now_ms: i64) -> Examined {
    let ids = CountingIds::starting_at(7_000_000);
    let options = weir_lake::examine::Options { deep, probe: false };
    examine(&lake.store, &ManualClock::new(now_ms), &ids, options, &|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn an_index_of_event_ids_that_is_damaged_is_named_and_built_anew() {
    let lake = Lake::new().await;
    lake.is_healthy().await;
    let segment = fs::read_dir(lake.path("ids")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|end| end == "ids")).unwrap();
    let bytes = fs::read(&segment).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    let manifest = lake.path("ids/00000000000000000001.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let damages: [(&str, &str, bool, &dyn Fn()); 4] = [
        ("Warning ids_damaged ids/SEGMENT", "it is not there", false, &|| fs::remove_file(&segment).unwrap()),
        ("Warning ids_damaged ids/SEGMENT", "block 0 is damaged", true, &|| {
            let mut bytes = bytes.clone();
            bytes[3] ^= 1;
            fs::write(&segment, bytes).unwrap();
        }),
        ("Warning ids_foreign ids/00000000000000000001.json", "it is of another version 3", false, &|| {
            fs::write(&manifest, text.replace("\"witness\":\"", "\"witness\":\"0")).unwrap();
        }),
        ("Error ids_incomplete ids/00000000000000000001.json", "120 ids of the table are not in it", true, &|| {
            let from = text.find("\"segments\"").unwrap();
            fs::write(&manifest, format!("{}\"segments\":[]}}", &text[..from])).unwrap();
        }),
    ];
    for (begins, says, only_deep, damage) in damages {
        damage();
        assert_eq!(look(&lake, false, NOW).await.healthy, only_deep, "{says}");
        let examined = look(&lake, true, NOW).await;
        let found = lake.text(&examined).replace(name, "SEGMENT");
        assert!(found.starts_with(&format!("{begins}, rebuild\n  {says}")), "{found}");
        assert!(found.ends_with("`weir repair --deep --lake LAKE` builds the index anew\n"), "{found}");
        assert_eq!(plan(&examined.findings), [Mend::RebuildIds]);
        // An index that is behind the horizon is nobody's any more.
        assert!(look(&lake, true, NOW + 10 * HORIZON_MS).await.healthy || !begins.contains("incomplete"));
        let ids = CountingIds::starting_at(8_000_000);
        mend(&lake.store, &Mend::RebuildIds, &ManualClock::new(NOW + 1000), &ids).await.unwrap();
        assert_eq!(lake.text(&look(&lake, true, NOW + 1000).await), "");
        let clock = Arc::new(ManualClock::new(NOW + 1000));
        let mut lander = Lander::open(&lake.store, clock, Arc::new(CountingIds::starting_at(9_500_000))).await.unwrap();
        assert_eq!(lander.land(rows(1).freeze(), vec![], None, "land").await.unwrap().duplicates, 40);
        // As it was, for the next damage.
        fs::remove_dir_all(lake.path("ids")).unwrap();
        fs::create_dir(lake.path("ids")).unwrap();
        fs::write(&segment, &bytes).unwrap();
        fs::write(&manifest, &text).unwrap();
        assert_eq!(lake.text(&look(&lake, true, NOW).await), "", "{begins}");
    }
}
