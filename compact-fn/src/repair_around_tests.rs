//! What lies around the tables: orphans, the event log, overflow, settings, clocks and the store itself.

use std::fs;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use weir_core::event::{EventId, frame};
use weir_core::ports::{CountingIds, EventLog, ManualClock, ShardId, SystemClock};
use weir_lake::examine::{Options, Severity, examine};
use weir_lake::file_log::{FileLog, FileLogSettings, SHARD};
use weir_lake::snapshot::Progress;
use weir_lake::{Overflow, names};

use super::world::*;
use super::*;
use crate::faulty::Faulty;
use crate::land::Lander;

#[tokio::test]
async fn orphans_are_counted_once_they_are_old() {
    let lake = Lake::new().await;
    let file = lake.path("events/landed/orphan.parquet");
    fs::write(&file, b"12345").unwrap();
    assert_eq!(lake.findings(SHALLOW).await, "", "it may be under way");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Note orphans events
      1 file of 5 bytes that no version names, such as `events/landed/orphan.parquet`
      they cost space and nothing else: no question reads them
      none is needed; `weir vacuum --lake LAKE` removes those that are named as weir names files
    ");
    assert!(lake.examine(SHALLOW).await.healthy);
}

#[tokio::test]
async fn a_log_that_does_not_fit_the_lake_is_named() {
    let lake = Lake::new().await;
    let shard = ShardId(SHARD.to_owned());
    let land_to = async |through: u64| {
        let mut table = Table::open(&lake.store).await.unwrap();
        let from = table.snapshot().positions.get(&shard).cloned();
        let progress = vec![Progress { shard: shard.clone(), from, through: through.into() }];
        table
            .commit(&Change { progress, changes_data: true, operation: "land", ..Change::default() }, NOW)
            .await
            .unwrap();
    };
    let settings = FileLogSettings::new(lake.path("log"));
    let (log, _) = FileLog::open(settings).unwrap();
    log.append(Bytes::from_static(b"hello")).await.unwrap();
    log.close().await;
    drop(log);
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Note log_waits LAKE/log
      it ends at 21, and the lake has landed up to nothing
      the events in between are acknowledged and safe, and not counted yet
      run `weir dev`: it lands them
    ");
    land_to(21).await;
    assert_eq!(lake.findings(SHALLOW).await, "");
    land_to(1_000).await;
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error log_behind LAKE/log
      it ends at 21, and the lake has landed up to 1000
      it is another log, or an old copy of this one: `weir dev` does not start with it
      put the right one back, or move this one away to begin anew
    ");
    fs::write(lake.path("log/00000000000000000021.torn"), b"123").unwrap();
    fs::remove_file(lake.path("log/00000000000000000000.log")).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning log_lost LAKE/log
      the lake has landed a log up to 1000, and there is no log
      what was acknowledged and not landed yet when it went is lost; what was landed is safe
      bring the log back if there is a copy that is not older; else `weir dev` begins a new one
    Warning torn_log LAKE/log/00000000000000000021.torn
      3 bytes that were cut off the end of the log when it was opened
      a write that was cut short, which nobody was told is stored; only damage to the very last write looks the same
      look at it if events are missed; then delete it
    ");
    fs::remove_dir_all(lake.path("log")).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning log_lost LAKE/log
      the lake has landed a log up to 1000, and there is no log
      what was acknowledged and not landed yet when it went is lost; what was landed is safe
      bring the log back if there is a copy that is not older; else `weir dev` begins a new one
    ");
}

#[tokio::test]
async fn what_waits_in_the_overflow_is_named() {
    let lake = Lake::new().await;
    let overflow = Overflow::new(&lake.store);
    let mut frame = frame::FrameWriter::new("app", NOW).unwrap();
    frame.push(&event("u", NOW, 0), &EventId::Text("x".into())).unwrap();
    overflow.put(1, frame.finish().into()).await.unwrap();
    let examined = lake.examine(SHALLOW).await;
    assert_eq!(
        examined.findings.iter().map(|f| (f.severity, f.code)).collect::<Vec<_>>(),
        [(Severity::Note, "overflow_waiting")]
    );
    overflow.put(2, Bytes::from_static(b"no frame")).await.unwrap();
    overflow.put(3, Bytes::from_static(b"neither")).await.unwrap();
    overflow.set_aside(3, Bytes::from_static(b"neither")).await.unwrap();
    let text = lake.findings(SHALLOW).await;
    let timeless: String =
        text.lines().map(|line| line.split(", the oldest of").next().unwrap().to_owned() + "\n").collect();
    insta::assert_snapshot!(timeless, @"
    Error overflow_unreadable overflow/000000000000000000000000000000000000002.weir
      the record does not begin with a frame header: expected ident at line 1 column 2
      events of it that cannot be read are not counted; the next landing sets it aside
      restore it from a backup, or have its events sent again
    Warning overflow_unreadable overflow/unreadable/000000000000000000000000000000000000003.weir
      a landing could not read all of it, and kept its 7 bytes here
      events of it that could not be read are not counted
      have its events sent again, or restore it from a backup; then delete it
    Note overflow_waiting overflow
      2 records of 181 bytes
      their events are acknowledged and safe, and not counted yet
      see that `weir dev` or the compactor of the lake runs: it lands them
    ");
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_named() {
    let lake = Lake::new().await;
    fs::create_dir_all(lake.path("settings")).unwrap();
    fs::write(lake.path(names::settings(1).as_ref()), "{").unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error settings_unreadable settings
      the settings `settings/00000000000000000001.json` cannot be used: it is not JSON: EOF while parsing an object at line 1 column 1; correct that file, or remove it to go back to the one before
      nothing starts that needs keys, privacy rules or a plan; what runs goes on with what it has read
      do what the message says
    ");
}

#[tokio::test]
async fn clocks_that_are_off_are_named() {
    let lake = Lake::new().await;
    lake.edit(2, "\"timestamp\":1767225600000", "\"timestamp\":4000000000000");
    let text = lake.findings(SHALLOW).await;
    let timeless: String =
        text.lines().map(|line| line.split("and now it is").next().unwrap().to_owned() + "\n").collect();
    insta::assert_snapshot!(timeless, @"
    Warning clock_off events/_delta_log/00000000000000000002.json
      it says 2096-10-02T07:06:40.000Z, 
      a clock was wrong: times of receipt may be wrong too, and copies are looked for by them
      see to the clocks (NTP) of all that write to the lake
    Warning clock_off events/_delta_log/00000000000000000003.json
      it says 2026-01-01T00:00:00.000Z, and version 2 before it 2096-10-02T07:06:40.000Z
      a clock was wrong: times of receipt may be wrong too, and copies are looked for by them
      see to the clocks (NTP) of all that write to the lake
    ");
    let lake = Lake::new().await;
    lake.edit(3, "\"timestamp\":1767225600000", "\"timestamp\":1767222000000");
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning clock_off events/_delta_log/00000000000000000003.json
      it says 2025-12-31T23:00:00.000Z, and version 2 before it 2026-01-01T00:00:00.000Z
      a clock was wrong: times of receipt may be wrong too, and copies are looked for by them
      see to the clocks (NTP) of all that write to the lake
    ");
    let clock = ManualClock::new(NOW - 3_600_000 * 24 * 365);
    let options = Options { deep: false, probe: true };
    let examined =
        examine(&Lake::new().await.store, &clock, &CountingIds::default(), options, &|_, _| {}).await.unwrap();
    let object = |f: &Finding| (f.code, f.object.contains("_delta_log"));
    let found: std::collections::BTreeSet<_> = examined.findings.iter().map(object).collect();
    assert_eq!(found, [("clock_off", false), ("clock_off", true)].into(), "the store's clock, and those of commits");
}

#[tokio::test]
async fn a_store_that_lets_two_make_one_object_is_named() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    let mut lander = Lander::open(&store, Arc::new(SystemClock), Arc::new(CountingIds::default())).await.unwrap();
    lander.land(rows(0).freeze(), vec![], None, "land").await.unwrap();
    let options = Options { deep: false, probe: true };
    let codes = async || {
        let examined = examine(&store, &SystemClock, &CountingIds::default(), options, &|_, _| {}).await.unwrap();
        examined.findings.iter().map(|f| (f.severity, f.code)).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, []);
    Faulty::set(&faulty.creates_replace, true);
    assert_eq!(codes().await, [(Severity::Error, "store_breaks_word")]);
    Faulty::set(&faulty.creates_replace, false);
    Faulty::set(&faulty.deletes_fail, true);
    assert_eq!(codes().await, [(Severity::Error, "store_failed")]);
}
