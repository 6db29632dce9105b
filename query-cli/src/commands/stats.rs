//! `weir stats`: the figures of a lake, from its log alone; where it has linked users, also from the notes of its files.

use std::collections::BTreeMap;

use compact_fn::compact::{Extent, Kind, RANGE_DAYS, Work, queue};
use serde::Serialize;
use serde_json::{Value, json};
use weir_core::time::rfc3339;
use weir_lake::snapshot::Level;
use weir_lake::{LakeError, Snapshot, Store, Table as LakeTable};

use super::{open_store, say_foreign};
use crate::args::StatsArgs;
use crate::error::Failure;
use crate::output;
use crate::render::numbers::{bytes, count};
use crate::render::table::{Align, Table};
use crate::render::{Records, Report, TableReport};
use crate::users::UserStats;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake.
pub async fn run(args: &StatsArgs) -> Result<(), Failure> {
    let table = LakeTable::open(&open_store(&args.lake).await?).await?;
    output::print(&Stats::of_table(&table).await?, args.output.format)?;
    say_foreign(&table.snapshot());
    Ok(())
}

/// The figures of a lake.
#[derive(Debug, Serialize)]
pub struct Stats {
    /// As it was given.
    lake: String,
    /// The newest version.
    version: u64,
    /// Everything received up to then is in this version.
    complete_to: Option<String>,
    /// Events.
    events: u64,
    /// Files and their bytes.
    files: u64,
    bytes: u64,
    bytes_per_event: Option<f64>,
    /// The earliest and the latest time of an event.
    first_event: Option<String>,
    last_event: Option<String>,
    /// Figures of the files that so many merges lie behind.
    levels: Vec<LevelStats>,
    /// What is worth compacting.
    queue: Queue,
    /// Properties that have columns of their own, in the files that were written since.
    columns: Vec<String>,
    /// How far each shard of the event log is in the lake.
    shards: Vec<Shard>,
    users: UserStats,
}

/// The figures that people are shown, where there are any.
fn figures_of(users: &UserStats) -> impl Iterator<Item = (&'static str, String)> {
    let figures =
        [("linked ids", users.linked_ids), ("ids to move", users.ids_to_move), ("refused links", users.refused_links)];
    let is_shown = figures.iter().any(|(_, figure)| *figure > 0);
    figures.into_iter().filter(move |_| is_shown).map(|(name, figure)| (name, count(figure)))
}

/// Files of one level.
#[derive(Debug, Serialize)]
struct LevelStats {
    level: u8,
    kind: &'static str,
    files: u64,
    events: u64,
    bytes: u64,
    first_event: String,
    last_event: String,
}

/// Merges that are worth it, the most worthwhile first.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Queue(Vec<QueuedMerge>);

/// A merge that is worth it.
#[derive(Debug, Serialize)]
struct QueuedMerge {
    kind: &'static str,
    /// The first day of the range, or of the events that landed.
    from: String,
    /// Days of the range of each file that comes out.
    days: i64,
    files: u64,
    events: u64,
    bytes: u64,
    why: &'static str,
}

impl Queue {
    /// What a planner says is worth it.
    pub(super) fn of(works: &[Work]) -> Self {
        let merge = |work: &Work| {
            let (kind, days) = match work.kind {
                Kind::Landed => ("landed", RANGE_DAYS),
                Kind::Range { days, .. } => ("compacted", days),
            };
            let (files, why) = (work.files.len() as u64, work.why.as_str());
            QueuedMerge { kind, from: work.first_day(), days, files, events: work.rows(), bytes: work.bytes(), why }
        };
        Self(works.iter().map(merge).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TableReport for Queue {
    fn records(&self) -> Records {
        let columns = vec!["kind", "from", "days", "files", "events", "bytes", "why"];
        let rows = self.0.iter().map(|merge| {
            let QueuedMerge { kind, from, days, files, events, bytes, why } = merge;
            vec![json!(kind), json!(from), json!(days), json!(files), json!(events), json!(bytes), json!(why)]
        });
        Records { columns, rows: rows.collect() }
    }

    fn table(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let left = |title: &str| (title.to_owned(), Align::Left);
        let columns = vec![
            left("to merge"),
            left("from"),
            right("days"),
            right("files"),
            right("events"),
            right("size"),
            left("why"),
        ];
        let mut table = Table::new(columns);
        for merge in &self.0 {
            table.row(vec![
                merge.kind.to_owned(),
                merge.from.clone(),
                merge.days.to_string(),
                count(merge.files),
                count(merge.events),
                bytes(merge.bytes),
                merge.why.replace('_', " "),
            ]);
        }
        table
    }
}

/// The position of a shard.
#[derive(Debug, Serialize)]
struct Shard {
    shard: String,
    landed_to: String,
}

impl Stats {
    /// Those of the newest version of a lake.
    ///
    /// # Errors
    /// Whatever is wrong with the lake.
    pub async fn read(store: &Store) -> Result<Self, LakeError> {
        Self::of_table(&LakeTable::open(store).await?).await
    }

    /// Its events and their bytes.
    pub fn held(&self) -> (u64, u64) {
        (self.events, self.bytes)
    }

    async fn of_table(table: &LakeTable) -> Result<Self, LakeError> {
        let snapshot = table.snapshot();
        let users = UserStats::of(&table.links().report(table.store(), &snapshot).await?);
        Ok(Self { users, ..Self::of(table.store().url(), &snapshot) })
    }

    fn of(lake: &str, snapshot: &Snapshot) -> Self {
        let (events, bytes) = (snapshot.rows(), snapshot.bytes());
        let files = || snapshot.files.values();
        let shards = snapshot.positions.iter();
        Self {
            lake: lake.to_owned(),
            version: snapshot.version,
            complete_to: snapshot.complete_to_ms.map(rfc3339),
            events,
            files: snapshot.files.len() as u64,
            bytes,
            bytes_per_event: bytes_per_event(bytes, events),
            first_event: files().map(|f| f.min_time_ms).min().map(rfc3339),
            last_event: files().map(|f| f.max_time_ms).max().map(rfc3339),
            levels: levels(snapshot),
            queue: Queue::of(&queue(snapshot, Extent::Worthwhile, u64::MAX)),
            columns: snapshot.typed_columns().iter().map(|column| column.property.clone()).collect(),
            shards: shards
                .map(|(shard, landed_to)| Shard { shard: shard.to_string(), landed_to: landed_to.to_string() })
                .collect(),
            users: UserStats::default(),
        }
    }

    fn figures(&self) -> Vec<(&'static str, String)> {
        let none = || "–".to_owned();
        let mut figures = vec![
            ("lake", self.lake.clone()),
            ("version", self.version.to_string()),
            ("complete to", self.complete_to.clone().unwrap_or_else(|| "nothing received yet".to_owned())),
            ("events", count(self.events)),
            ("first event", self.first_event.clone().unwrap_or_else(none)),
            ("last event", self.last_event.clone().unwrap_or_else(none)),
            ("files", count(self.files)),
            ("size", format!("{} ({} bytes)", bytes(self.bytes), count(self.bytes))),
            ("bytes an event", self.bytes_per_event.map_or_else(none, |bytes| format!("{bytes:.1}"))),
        ];
        if !self.columns.is_empty() {
            figures.push(("columns of", self.columns.join(", ")));
        }
        figures.extend(figures_of(&self.users));
        figures.extend(self.shards.iter().map(|shard| ("landed", format!("{} to {}", shard.shard, shard.landed_to))));
        figures
    }

    fn level_table(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let left = |title: &str| (title.to_owned(), Align::Left);
        let columns = vec![
            right("level"),
            left("kind"),
            right("files"),
            right("events"),
            right("size"),
            left("from"),
            left("to"),
        ];
        let mut table = Table::new(columns);
        for level in &self.levels {
            table.row(vec![
                level.level.to_string(),
                level.kind.to_owned(),
                count(level.files),
                count(level.events),
                bytes(level.bytes),
                day(&level.first_event),
                day(&level.last_event),
            ]);
        }
        table
    }
}

fn bytes_per_event(bytes: u64, events: u64) -> Option<f64> {
    (events > 0).then(|| (bytes as f64 / events as f64 * 1_000.0).round() / 1_000.0)
}

fn day(instant: &str) -> String {
    instant.get(..10).unwrap_or(instant).to_owned()
}

fn levels(snapshot: &Snapshot) -> Vec<LevelStats> {
    let mut levels: BTreeMap<Level, Vec<_>> = BTreeMap::new();
    for file in snapshot.files.values() {
        levels.entry(file.level).or_default().push(file);
    }
    let stats = levels.into_iter().map(|(level, files)| LevelStats {
        level: level.number(),
        kind: if level == Level::Landed { "landed" } else { "compacted" },
        files: files.len() as u64,
        events: files.iter().map(|f| f.rows).sum(),
        bytes: files.iter().map(|f| f.bytes).sum(),
        first_event: rfc3339(files.iter().map(|f| f.min_time_ms).min().unwrap_or_default()),
        last_event: rfc3339(files.iter().map(|f| f.max_time_ms).max().unwrap_or_default()),
    });
    stats.collect()
}

impl Report for Stats {
    /// One row a level: the figures of the whole lake are their sums.
    fn records(&self) -> Records {
        let columns = vec!["level", "kind", "files", "events", "bytes", "first_event", "last_event"];
        let rows = self.levels.iter().map(|level| -> Vec<Value> {
            vec![
                json!(level.level),
                json!(level.kind),
                json!(level.files),
                json!(level.events),
                json!(level.bytes),
                json!(level.first_event),
                json!(level.last_event),
            ]
        });
        Records { columns, rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        let figures = self.figures();
        let widest = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text: String = figures.iter().map(|(name, figure)| format!("{name:<widest$}  {figure}\n")).collect();
        if !self.levels.is_empty() {
            text.push('\n');
            text.push_str(&self.level_table().text());
        }
        if !self.queue.is_empty() {
            text.push('\n');
            text.push_str(&TableReport::table(&self.queue).text());
        }
        text
    }

    fn markdown(&self) -> String {
        let mut figures = Table::new(vec![("figure".to_owned(), Align::Left), ("value".to_owned(), Align::Left)]);
        self.figures().into_iter().for_each(|(name, figure)| figures.row(vec![name.to_owned(), figure]));
        let mut text = format!("{}\n{}", figures.markdown(), self.level_table().markdown());
        if !self.queue.is_empty() {
            text.push('\n');
            text.push_str(&TableReport::table(&self.queue).markdown());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_core::identity::{Refusal, Refused};
    use weir_core::ports::{SequenceNumber, ShardId};
    use weir_lake::links::IdentityReport;
    use weir_lake::{DataFile, TableName};

    use super::*;
    use crate::output::Format;
    use crate::render::render;

    const START_MS: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z
    const DAY_MS: i64 = 86_400_000;

    fn file(path: &str, level: Level, days: (i64, i64), rows: u64) -> (String, Arc<DataFile>) {
        let (min, max) = (START_MS + days.0 * DAY_MS, START_MS + days.1 * DAY_MS);
        let file = DataFile {
            path: path.to_owned(),
            bytes: rows * 12,
            rows,
            min_time_ms: min,
            max_time_ms: max,
            min_received_ms: min,
            max_received_ms: max,
            level,
            bucket_rows: Vec::new(),
            landed_in: 1,
            links: None,
        };
        (path.to_owned(), Arc::new(file))
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            table: TableName::Events,
            version: 42,
            files: BTreeMap::from([
                file("a", Level::Compacted(1), (0, 20), 100_000),
                file("b", Level::Landed, (19, 21), 500),
                file("c", Level::Landed, (18, 22), 1_500),
            ]),
            positions: BTreeMap::from([(ShardId("shard-0".to_owned()), SequenceNumber::from(17))]),
            complete_to_ms: Some(START_MS + 22 * DAY_MS),
            ..Snapshot::default()
        }
    }

    #[test]
    fn figures_in_every_format() {
        let refused = Refused {
            from: "kiosk".to_owned(),
            to: "ben".to_owned(),
            stays: "ana".to_owned(),
            reason: Refusal::OtherUser,
            received_ms: START_MS,
        };
        let report = IdentityReport { links: 1200, refused: vec![refused], refused_count: 1, unresolved: 7 };
        let stats = Stats { users: UserStats::of(&report), ..Stats::of("./lake", &snapshot()) };
        let show = |format| render(&stats, format, 80).unwrap();
        insta::assert_snapshot!(show(Format::Table), @"
        lake            ./lake
        version         42
        complete to     2026-01-23T00:00:00.000Z
        events          102,000
        first event     2026-01-01T00:00:00.000Z
        last event      2026-01-23T00:00:00.000Z
        files           3
        size            1.2 MB (1,224,000 bytes)
        bytes an event  12.0
        linked ids      1,200
        ids to move     7
        refused links   1
        landed          shard-0 to 17

        level  kind       files   events     size  from        to
        ─────  ─────────  ─────  ───────  ───────  ──────────  ──────────
            0  landed         2    2,000  24.0 kB  2026-01-19  2026-01-23
            1  compacted      1  100,000   1.2 MB  2026-01-01  2026-01-21
        ");
        insta::assert_snapshot!(show(Format::Json), @r#"{"lake":"./lake","version":42,"complete_to":"2026-01-23T00:00:00.000Z","events":102000,"files":3,"bytes":1224000,"bytes_per_event":12.0,"first_event":"2026-01-01T00:00:00.000Z","last_event":"2026-01-23T00:00:00.000Z","levels":[{"level":0,"kind":"landed","files":2,"events":2000,"bytes":24000,"first_event":"2026-01-19T00:00:00.000Z","last_event":"2026-01-23T00:00:00.000Z"},{"level":1,"kind":"compacted","files":1,"events":100000,"bytes":1200000,"first_event":"2026-01-01T00:00:00.000Z","last_event":"2026-01-21T00:00:00.000Z"}],"queue":[],"columns":[],"shards":[{"shard":"shard-0","landed_to":"17"}],"users":{"linked_ids":1200,"ids_to_move":7,"refused_links":1,"refused":[{"from":"kiosk","to":"ben","stays":"ana","reason":"other_user","received_at":"2026-01-01T00:00:00.000Z"}]}}"#);
        insta::assert_snapshot!(show(Format::Csv), @"
        level,kind,files,events,bytes,first_event,last_event
        0,landed,2,2000,24000,2026-01-19T00:00:00.000Z,2026-01-23T00:00:00.000Z
        1,compacted,1,100000,1200000,2026-01-01T00:00:00.000Z,2026-01-21T00:00:00.000Z
        ");
    }

    #[test]
    fn what_is_worth_compacting_is_shown() {
        let landed = (0..9).map(|n| file(&format!("l{n}"), Level::Landed, (0, 2), 1_000));
        let snapshot = Snapshot { files: landed.collect(), ..snapshot() };
        let stats = Stats::of("./lake", &snapshot);
        let text = render(&stats, Format::Table, 80).unwrap();
        let (_, shown) = text.split_once("to merge").unwrap();
        insta::assert_snapshot!(format!("to merge{shown}"), @"
        to merge  from        days  files  events      size  why
        ────────  ──────────  ────  ─────  ──────  ────────  ───────────
        landed    2026-01-01    30      9   9,000  108.0 kB  many landed
        ");
        let json = render(&stats, Format::Json, 80).unwrap();
        let queue = r#""queue":[{"kind":"landed","from":"2026-01-01","days":30,"files":9,"events":9000,"bytes":108000,"why":"many_landed"}]"#;
        assert!(json.contains(queue), "{json}");
    }

    #[test]
    fn an_empty_lake_has_figures_too() {
        let stats = Stats::of("./lake", &Snapshot::default());
        insta::assert_snapshot!(render(&stats, Format::Table, 80).unwrap(), @"
        lake            ./lake
        version         0
        complete to     nothing received yet
        events          0
        first event     –
        last event      –
        files           0
        size            0 B (0 bytes)
        bytes an event  –
        ");
        insta::assert_snapshot!(render(&stats, Format::Json, 80).unwrap(), @r#"{"lake":"./lake","version":0,"complete_to":null,"events":0,"files":0,"bytes":0,"bytes_per_event":null,"first_event":null,"last_event":null,"levels":[],"queue":[],"columns":[],"shards":[],"users":{"linked_ids":0,"ids_to_move":0,"refused_links":0,"refused":[]}}"#);
    }
}
