//! A small lake in a folder of its own, to be damaged by hand, and what an examination and a repair make of it.
//!
//! ```text
//! Lake::new()                 three landings of 40 events
//! lake.edit(2, "…", "…")      somebody changes a commit
//! lake.findings(DEEP)         what is found, as text
//! lake.repair(false)          what is mended without loss
//! lake.is_healthy()           nothing is found any more, and compaction goes on
//! ```

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::ArrowWriter;
use weir_core::event::{Event, EventId};
use weir_core::ports::{CountingIds, ManualClock, SystemClock};
use weir_lake::examine::{Examined, Options, examine};
use weir_lake::rows::EventRows;
use weir_lake::snapshot::Level;
use weir_lake::store::IfMissing;
use weir_lake::writer::DataFileWriter;
use weir_lake::{names, reader};

use super::*;
use crate::compact::{Extent, compact};
use crate::land::Lander;

pub(super) const NOW: i64 = 1_767_225_600_000;
pub(super) const DEEP: Options = Options { deep: true, probe: true };
pub(super) const SHALLOW: Options = Options { deep: false, probe: false };

/// A lake in a folder of its own: 3 landings of 40 events each.
pub(super) struct Lake {
    pub(super) dir: tempfile::TempDir,
    pub(super) store: Store,
}

pub(super) fn event<'a>(user: &'a str, time_ms: i64, place: u64) -> Event<'a> {
    Event {
        event: Cow::Borrowed(["view", "start", "submit"][(place % 3) as usize]),
        user_id: place.is_multiple_of(2).then_some(Cow::Borrowed(user)),
        anonymous_id: Some(Cow::Borrowed(user)),
        time_ms,
        event_id: None,
        session_id: None,
        properties: Some("{\"n\":1}"),
        context: None,
        received_ms: NOW,
        place,
    }
}

pub(super) fn rows(landing: u64) -> EventRows {
    let mut rows = EventRows::default();
    for n in 0..40 {
        let user = format!("user-{}", n % 7);
        let time = NOW - i64::try_from(landing * 1_000_000 + (n * 37 % 40) * 60_000).unwrap();
        let id = format!("{landing}-{n}");
        let uuid = EventId::Uuid([
            u8::try_from(n).unwrap(),
            u8::try_from(landing).unwrap(),
            0,
            0,
            0,
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            9,
            10,
        ]);
        let id = if n % 2 == 0 { EventId::Text(id.into()) } else { uuid };
        rows.push("app", &event(&user, time, n), &id);
    }
    rows
}

impl Lake {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
        let mut lander =
            Lander::open(&store, Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default())).await.unwrap();
        for landing in 0..3 {
            lander.land(rows(landing).freeze(), vec![], None, "land").await.unwrap();
        }
        Self { dir, store }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data file of a landing.
    pub(super) async fn file(&self, landing: u64) -> PathBuf {
        let snapshot = Table::open(&self.store).await.unwrap().snapshot();
        let file = snapshot.files.values().find(|file| file.landed_in == landing + 1).unwrap();
        self.path(&format!("events/{}", file.path))
    }

    /// In which versions the rows of live files were landed, ascending.
    pub(super) async fn landings(&self) -> Vec<u64> {
        let snapshot = Table::open(&self.store).await.unwrap().snapshot();
        let mut landings: Vec<u64> = snapshot.files.values().map(|file| file.landed_in).collect();
        landings.sort_unstable();
        landings
    }

    pub(super) fn commit(&self, version: u64) -> PathBuf {
        self.path(TableName::Events.commit(version).as_ref())
    }

    /// Replaces text in a commit.
    pub(super) fn edit(&self, version: u64, from: &str, to: &str) {
        let text = fs::read_to_string(self.commit(version)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(self.commit(version), text.replace(from, to)).unwrap();
    }

    pub(super) async fn examine(&self, options: Options) -> Examined {
        let ids = CountingIds::starting_at(7_000_000);
        examine(&self.store, &SystemClock, &ids, options, &|_, _| {}).await.unwrap()
    }

    /// The findings as text, with what differs from run to run left out.
    pub(super) async fn findings(&self, options: Options) -> String {
        self.text(&self.examine(options).await)
    }

    pub(super) fn text(&self, examined: &Examined) -> String {
        let lines = examined.findings.iter().map(|finding| {
            let mend = match &finding.mend {
                Some(Mend::Rewrite { .. }) => ", rewrite",
                Some(Mend::Drop { .. }) => ", drop",
                Some(Mend::RemoveCheckpoint { .. }) => ", remove",
                Some(Mend::RebuildIds) => ", rebuild",
                None => "",
            };
            let Finding { severity, code, object, found, means, remedy, .. } = finding;
            format!("{severity:?} {code} {object}{mend}\n  {found}\n  {means}\n  {remedy}\n")
        });
        lines.collect::<String>().replace(self.store.url(), "LAKE")
    }

    /// Mends what is found, and gives what that did.
    pub(super) async fn repair(&self, accept_loss: bool) -> Vec<Mended> {
        self.repair_after(DEEP, accept_loss).await
    }

    pub(super) async fn repair_after(&self, options: Options, accept_loss: bool) -> Vec<Mended> {
        let examined = self.examine(options).await;
        let ids = CountingIds::starting_at(8_000_000);
        let mut done = Vec::new();
        for step in plan(&examined.findings) {
            if accept_loss || !loses(&step) {
                done.push(mend(&self.store, &step, &ManualClock::new(NOW + 1000), &ids).await.unwrap());
            }
        }
        done
    }

    /// Each row as text, whatever file it is in, and the number of live files.
    pub(super) async fn content(&self) -> (Vec<String>, usize) {
        let snapshot = Table::open(&self.store).await.unwrap().snapshot();
        let columns = columns_of(TableName::Events);
        let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        let mut lines = Vec::new();
        for file in snapshot.files.values() {
            let batches = reader::open_all(&self.store, TableName::Events, snapshot.version, file, &names);
            let batches: Vec<_> = batches.await.unwrap().try_collect().await.unwrap();
            let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
            lines.extend(text.lines().filter(|line| line.contains("user-")).map(|line| line.replace(' ', "")));
        }
        lines.sort();
        (lines, snapshot.files.len())
    }

    pub(super) async fn is_healthy(&self) {
        let examined = self.examine(DEEP).await;
        assert!(examined.healthy, "{}", self.text(&examined));
        let mut table = Table::open(&self.store).await.unwrap();
        let before = self.content().await.0;
        compact(&mut table, &ManualClock::new(NOW), &CountingIds::starting_at(9_000_000), Extent::Everything)
            .await
            .unwrap();
        assert_eq!(self.content().await.0, before, "compaction finds nothing to stumble over");
    }

    /// Commits a file that holds a batch as it is.
    pub(super) async fn add(&self, batch: &RecordBatch) {
        self.add_by(batch, |writer| writer).await;
    }

    /// The same, by a writer that is told more.
    pub(super) async fn add_by(&self, batch: &RecordBatch, told: impl FnOnce(DataFileWriter) -> DataFileWriter) {
        let mut table = Table::open(&self.store).await.unwrap();
        let writer = DataFileWriter::new(&self.store, TableName::Events, names::landed("by-hand"), Level::Landed);
        let mut writer = told(writer.unwrap());
        writer.write(batch).await.unwrap();
        let adds = vec![writer.finish().await.unwrap()];
        let change = Change { adds, changes_data: true, operation: "land", ..Change::default() };
        table.commit(&change, NOW).await.unwrap();
    }
}

/// The rows of a landing, sorted.
pub(super) fn batch(landing: u64) -> RecordBatch {
    rows(landing).freeze().sorted(&[true; 40]).unwrap()
}

/// A commit of another engine: files that it adds and removes.
pub(super) fn foreign_commit(lake: &Lake, version: u64, adds: &[(&str, Vec<u8>, usize)], removes: &[String]) {
    let mut lines =
        vec![r#"{"commitInfo":{"timestamp":1767225600000,"operation":"WRITE","engineInfo":"delta-rs:1"}}"#.to_owned()];
    for (path, bytes, rows) in adds {
        fs::write(lake.path(&format!("events/{path}")), bytes).unwrap();
        lines.push(format!(
            r#"{{"add":{{"path":"{path}","partitionValues":{{}},"size":{},"modificationTime":0,"dataChange":true,"stats":"{{\"numRecords\":{rows}}}"}}}}"#,
            bytes.len()
        ));
    }
    for path in removes {
        lines.push(format!(r#"{{"remove":{{"path":"{path}","deletionTimestamp":1767225600000,"dataChange":true}}}}"#));
    }
    fs::write(lake.commit(version), lines.join("\n") + "\n").unwrap();
}

/// As another engine would write it: text as text, times in nanoseconds, no bucket, the columns and rows in another order.
pub(super) fn as_foreign(batch: &RecordBatch) -> Vec<u8> {
    let plain = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(..) => {
            cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))).unwrap()
        }
        DataType::BinaryView => cast(column, &DataType::Binary).unwrap(),
        DataType::Int64 => cast(column, &DataType::Int32).unwrap(),
        _ => cast(column, &DataType::Utf8).unwrap(),
    };
    let schema = batch.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| !["bucket", "session_id", "context"].contains(&field.name().as_str()));
    let mut columns: Vec<(String, ArrayRef)> = columns.map(|(f, column)| (f.name().clone(), plain(column))).collect();
    columns.reverse();
    let backwards = UInt32Array::from_iter_values((0..u32::try_from(batch.num_rows()).unwrap()).rev());
    let batch = take_record_batch(&RecordBatch::try_from_iter(columns).unwrap(), &backwards).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}
