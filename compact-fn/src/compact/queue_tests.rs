use std::collections::{BTreeMap, BTreeSet};

use weir_lake::schema::BUCKETS;

use super::*;

const DAY_0: i64 = 1_767_225_600_000 / (360 * DAY_MS) * (360 * DAY_MS);
const NO_LIMIT: u64 = u64::MAX;

fn file(path: &str, level: Level, days: (i64, i64), rows: u64, received_day: i64) -> DataFile {
    let mut bucket_rows = vec![0; BUCKETS];
    bucket_rows[7] = rows;
    DataFile {
        path: path.to_owned(),
        bytes: rows * 36,
        rows,
        min_time_ms: DAY_0 + days.0 * DAY_MS,
        max_time_ms: DAY_0 + days.1 * DAY_MS + DAY_MS - 1,
        min_received_ms: DAY_0 + received_day * DAY_MS,
        max_received_ms: DAY_0 + received_day * DAY_MS,
        level,
        bucket_rows,
        landed_in: 1,
        links: None,
    }
}

fn snapshot(files: impl IntoIterator<Item = DataFile>) -> Snapshot {
    let files = files.into_iter().map(|file| (file.path.clone(), Arc::new(file)));
    Snapshot { files: files.collect(), ..Snapshot::default() }
}

fn compacted(rows: &[u64]) -> Snapshot {
    snapshot((0..).zip(rows).map(|(n, rows)| file(&format!("{n:03}"), Level::Compacted(1), (0, 9), *rows, 20)))
}

fn rows_in(works: &[Work]) -> Vec<Vec<u64>> {
    works.iter().map(|work| work.files.iter().map(|file| file.rows).collect()).collect()
}

#[test]
fn small_files_merge_and_a_large_one_is_left_alone() {
    let worthwhile = |rows: &[u64]| rows_in(&queue(&compacted(rows), Extent::Worthwhile, NO_LIMIT));
    assert_eq!(worthwhile(&[500; 7]), [[0_u64; 0]; 0], "seven are few");
    assert_eq!(worthwhile(&[500; 8]), [[500; 8]]);
    let mut rows = vec![500; 8];
    rows.push(40_000);
    assert_eq!(worthwhile(&rows), [[500; 8]], "a trickle does not have a large file rewritten");
    assert_eq!(worthwhile(&[500; 20]), [[500; 20]], "the more the better");
    let everything = |rows: &[u64]| rows_in(&queue(&compacted(rows), Extent::Everything, NO_LIMIT));
    assert_eq!(everything(&rows).concat().len(), 9);
    assert_eq!(everything(&[500]), [[0_u64; 0]; 0], "one file a range is the end");
    assert_eq!(everything(&[FILE_ROWS, FILE_ROWS, 500]), [[0_u64; 0]; 0], "full files are left alone");
}

#[test]
fn a_merge_keeps_to_what_it_may_write() {
    let works = queue(&compacted(&[500; 100]), Extent::Worthwhile, 10_000);
    assert_eq!(rows_in(&works), [[500; 20]]);
    let landed = (0..40).map(|n| file(&format!("{n:03}"), Level::Landed, (0, 50), 1_000, 20));
    let works = queue(&snapshot(landed), Extent::Worthwhile, 10_000);
    assert_eq!(rows_in(&works), vec![vec![1_000; 10]; 4], "and the others are works of their own");
}

#[test]
fn settled_ranges_grow_where_they_are_small() {
    let ranges = |rows: u64, received_day: i64| {
        let of_a_year =
            (0..12).map(|n| file(&format!("{n:03}"), Level::Compacted(2), (30 * n, 30 * n + 29), rows, received_day));
        let works = queue(&snapshot(of_a_year), Extent::Worthwhile, NO_LIMIT);
        let ranges: Vec<_> = works.iter().map(|work| (work.kind, work.why, work.files.len())).collect();
        ranges
    };
    assert_eq!(ranges(1_000, 100), []);
    let quarter = |n: i64| (Kind::Range { from_ms: DAY_0 + 90 * n * DAY_MS, days: 90 }, Why::Settled, 3);
    assert_eq!(ranges(1_000, 360), [quarter(0), quarter(1), quarter(2)]);
    assert_eq!(ranges(500_000, 360), [], "large ones stay");
}

#[test]
fn landed_files_come_first_and_no_file_is_in_two_works() {
    let mut files = Vec::new();
    files.extend((0..600).map(|n| file(&format!("l{n:03}"), Level::Landed, (0, 50), 1_000, 400)));
    files.extend(
        (0..50).map(|n| file(&format!("c{n:03}"), Level::Compacted(1), (30 * (n % 5), 30 * (n % 5) + 1), 500, 400)),
    );
    let works = queue(&snapshot(files), Extent::Worthwhile, NO_LIMIT);
    let kinds: Vec<usize> =
        works.iter().filter(|work| work.kind == Kind::Landed).map(|work| work.files.len()).collect();
    assert_eq!(kinds, [256, 256, 88]);
    assert!(works[..3].iter().all(|work| work.kind == Kind::Landed) && works.len() > 3);
    let paths: Vec<_> = works.iter().flat_map(|work| work.files.iter().map(|file| file.path.clone())).collect();
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len());
}

/// The live files of a lake that is only reckoned with.
struct Simulated {
    files: BTreeMap<String, Arc<DataFile>>,
    next: u64,
    state: u64,
    written: u64,
    most_files: usize,
}

impl Simulated {
    fn random(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    fn add(&mut self, level: Level, days: (i64, i64), rows: u64, today: i64) {
        self.next += 1;
        let path = format!("{:012}", self.next);
        let file = DataFile { landed_in: self.next, ..file(&path, level, days, rows, today) };
        self.files.insert(path, Arc::new(file));
    }

    /// Lands events of today, and now and then some that are late by up to `late` days.
    fn land(&mut self, today: i64, rows: u64, late: i64) {
        let oldest =
            if self.random(4) == 0 { today - i64::try_from(self.random(late.unsigned_abs())).unwrap() } else { today };
        self.add(Level::Landed, (oldest.max(0), today), rows, today);
    }

    /// Does what the queue says until nothing is left.
    fn compact(&mut self, today: i64, extent: Extent) {
        loop {
            let snapshot = Snapshot { files: self.files.clone(), ..Snapshot::default() };
            let Some(work) = queue(&snapshot, extent, NO_LIMIT).into_iter().next() else { return };
            let (mut of_range, mut total) = (BTreeMap::<i64, u64>::new(), 0);
            let days = match work.kind {
                Kind::Landed => RANGE_DAYS,
                Kind::Range { days, .. } => days,
            };
            for file in &work.files {
                self.files.remove(&file.path);
                total += file.rows;
                let day = |ms: i64| (ms - DAY_0).div_euclid(DAY_MS);
                let (first, last) = (day(file.min_time_ms).div_euclid(days), day(file.max_time_ms).div_euclid(days));
                // Late events are a few: one row for each older range, and the rest is of the newest.
                (first..last).for_each(|range| *of_range.entry(range).or_default() += 1);
                *of_range.entry(last).or_default() += file.rows.saturating_sub(u64::try_from(last - first).unwrap());
            }
            self.written += total;
            for (range, rows) in of_range.into_iter().filter(|(_, rows)| *rows > 0) {
                let end = ((range + 1) * days - 1).min(today);
                self.add(Level::Compacted(1), (range * days, end), rows, today);
            }
        }
    }

    fn files_of_a_range(&self) -> usize {
        let mut of_range = BTreeMap::<i64, usize>::new();
        for file in self.files.values().filter(|file| file.level != Level::Landed) {
            *of_range.entry(file.min_time_ms.div_euclid(RANGE_DAYS * DAY_MS)).or_default() += 1;
        }
        of_range.into_values().max().unwrap_or(0)
    }
}

#[test]
fn a_year_of_landings_is_written_a_few_times_and_ends_in_few_files() {
    for (rows, late, a_day) in [(100, 30, 288), (5_000, 360, 96), (100_000, 90, 24)] {
        let mut lake = Simulated { files: BTreeMap::new(), next: 0, state: 7, written: 0, most_files: 0 };
        let mut landed = 0;
        for today in 0..365 {
            for _ in 0..a_day {
                let of_this = rows / 2 + lake.random(rows);
                lake.land(today, of_this, late);
                landed += of_this;
                lake.compact(today, Extent::Worthwhile);
                lake.most_files = lake.most_files.max(lake.files_of_a_range());
            }
        }
        let amplification = lake.written as f64 / landed as f64;
        let of_a_range = lake.files_of_a_range();
        println!(
            "{rows} rows, {late} days late, {a_day} a day: written {amplification:.1} times, most {} in a range, {} files",
            lake.most_files,
            lake.files.len()
        );
        assert!(amplification < 8.0, "{rows} rows {late} days late: each row is written {amplification:.1} times");
        assert!(lake.most_files <= 16 && of_a_range <= 16, "{rows} rows, {late} days late: {} files", lake.most_files);
        lake.compact(364, Extent::Everything);
        let rest = queue(&Snapshot { files: lake.files.clone(), ..Snapshot::default() }, Extent::Everything, NO_LIMIT);
        assert_eq!(rest, [], "it comes to an end");
    }
}
