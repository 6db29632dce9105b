//! A disk that is full, slow or does not keep what it is told.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::segment::Frames;
use super::*;

/// A disk with switches, and counters.
#[derive(Debug, Default, Clone)]
pub(super) struct FaultyDisk(pub(super) Arc<Faults>);

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) full: AtomicBool,
    pub(super) no_sync: AtomicBool,
    pub(super) no_truncate: AtomicBool,
    pub(super) no_sync_dir: AtomicBool,
    slow: AtomicBool,
    syncs: AtomicUsize,
}

impl FaultyDisk {
    pub(super) fn set(switch: &AtomicBool, on: bool) {
        switch.store(on, Ordering::SeqCst);
    }

    fn check(switch: &AtomicBool, kind: ErrorKind) -> io::Result<()> {
        if switch.load(Ordering::SeqCst) { Err(kind.into()) } else { Ok(()) }
    }

    pub(super) fn heal(&self) {
        let Faults { full, no_sync, no_truncate, no_sync_dir, slow, syncs: _ } = &*self.0;
        for switch in [full, no_sync, no_truncate, no_sync_dir, slow] {
            Self::set(switch, false);
        }
    }

    pub(super) fn open(&self, settings: FileLogSettings) -> (FileLog, OpenReport) {
        FileLog::open_on(settings, Box::new(self.clone())).unwrap()
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        // A disk gets full in the middle of a write.
        let full = Self::check(&self.0.full, ErrorKind::StorageFull);
        StdDisk.write(file, if full.is_ok() { bytes } else { &bytes[..bytes.len() / 2] })?;
        full
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        if self.0.slow.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        Self::check(&self.0.no_sync, ErrorKind::Other)?;
        StdDisk.sync(file)
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        Self::check(&self.0.no_truncate, ErrorKind::Other)?;
        StdDisk.truncate(file, len)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Self::check(&self.0.no_sync_dir, ErrorKind::Other)?;
        StdDisk.sync_dir(dir)
    }
}

#[tokio::test]
async fn a_log_that_would_take_no_record_says_so_when_it_is_asked() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let moved = dir.path().join("moved");
    let (log_open, _) = open(&log);
    put(&log_open, b"a").await;
    log_open.check().await.unwrap();
    assert!(!log.join("probe").exists(), "the probe is removed");
    fs::rename(&log, &moved).unwrap();
    let error = log_open.check().await.unwrap_err();
    assert!(matches!(&error, LogError::Unavailable(why) if why.contains("probe")), "{error}");
    fs::rename(&moved, &log).unwrap();
    log_open.check().await.unwrap();
    // What a crash may leave of a probe is no matter.
    fs::write(log.join("probe"), "x").unwrap();
    log_open.close().await;
    let error = log_open.check().await.unwrap_err();
    assert!(matches!(&error, LogError::Unavailable(why) if why.contains("is closed")), "{error}");
    let (again, _) = open(&log);
    again.check().await.unwrap();
    assert_eq!(payloads(&again).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_share_their_syncs() {
    let dir = TempDir::new().unwrap();
    let disk = FaultyDisk::default();
    let log = Arc::new(disk.open(settings(dir.path())).0);
    put(&log, b"makes the segment").await;
    let syncs = disk.0.syncs.load(Ordering::SeqCst);
    FaultyDisk::set(&disk.0.slow, true);
    let mut appends = JoinSet::new();
    for i in 0..64u8 {
        let log = Arc::clone(&log);
        appends.spawn(async move { put(&log, &[i]).await });
    }
    assert_eq!(appends.join_all().await.len(), 64);
    let syncs = disk.0.syncs.load(Ordering::SeqCst) - syncs;
    assert!(syncs <= 8, "64 concurrent appends took {syncs} syncs");
    let stats = log.stats();
    assert_eq!((stats.records, stats.commits), (65, 1 + syncs as u64));
    assert_eq!((stats.failed_commits, stats.segments), (0, 1));
    assert_eq!(Some(SequenceNumber::from(stats.bytes)), log.end());

    // Each frame says which commit it is of: recovery tells a torn commit from damage by that.
    let file = File::open(dir.path().join(file_name(0))).unwrap();
    let mut frames = Frames::new(file, 0, 0, stats.bytes).unwrap();
    let (mut commits, mut payload) = (Vec::new(), Vec::new());
    while let Some(head) = frames.head().unwrap() {
        frames.body(&head, &mut payload).unwrap();
        commits.push(head.commit());
    }
    assert_eq!(commits.len(), 65);
    commits.dedup();
    assert_eq!(commits.len() as u64, stats.commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_answers_everybody_and_keeps_what_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let disk = FaultyDisk::default();
    FaultyDisk::set(&disk.0.slow, true);
    let log = Arc::new(disk.open(FileLogSettings { queue_records: 4, ..settings(dir.path()) }).0);
    let mut appends = JoinSet::new();
    for i in 0..100u8 {
        let log = Arc::clone(&log);
        appends.spawn(async move { log.append(Bytes::from(vec![i])).await.is_ok().then_some(vec![i]) });
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    log.close().await;
    let mut acknowledged: Vec<_> = appends.join_all().await.into_iter().flatten().collect();
    assert!(!acknowledged.is_empty());
    let mut stored = payloads(&open(dir.path()).0).await;
    acknowledged.sort();
    stored.sort();
    assert_eq!(stored, acknowledged);
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_when_space_returns() {
    let dir = TempDir::new().unwrap();
    let disk = FaultyDisk::default();
    let (log, _) = disk.open(settings(dir.path()));
    put(&log, b"before").await;
    let len = fs::metadata(dir.path().join(file_name(0))).unwrap().len();
    FaultyDisk::set(&disk.0.full, true);
    for _ in 0..3 {
        let error = log.append(Bytes::from_static(b"no room for this")).await.unwrap_err();
        assert!(
            matches!(&error, LogError::Unavailable(why) if why.contains("writing to the active segment")),
            "{error}"
        );
        assert_eq!(fs::metadata(dir.path().join(file_name(0))).unwrap().len(), len, "the half write is cut off");
    }
    disk.heal();
    put(&log, b"after").await;
    assert_eq!(payloads(&log).await, ["before", "after"]);
    assert_eq!((log.stats().failed_commits, log.stats().segments), (3, 1));
    drop(log);
    let (log, report) = open(dir.path());
    assert_eq!(report.cut_bytes, 0);
    assert_eq!(payloads(&log).await, ["before", "after"]);
}

#[tokio::test]
async fn a_disk_that_is_full_when_a_segment_begins_recovers_too() {
    let dir = TempDir::new().unwrap();
    let disk = FaultyDisk::default();
    FaultyDisk::set(&disk.0.full, true);
    let (log, _) = disk.open(small_segments(dir.path()));
    assert!(log.append(Bytes::from_static(b"x")).await.is_err());
    assert_eq!(segments(dir.path()), [""; 0], "a segment without a header has no segment's name");
    disk.heal();
    put(&log, &[1; 150]).await;
    for fault in [&disk.0.full, &disk.0.no_sync, &disk.0.no_sync_dir] {
        FaultyDisk::set(fault, true);
        for _ in 0..2 {
            assert!(log.append(Bytes::from(vec![9; 150])).await.is_err());
        }
        disk.heal();
        put(&log, &[2; 150]).await;
    }
    assert_eq!(payloads(&log).await, [vec![1; 150], vec![2; 150], vec![2; 150], vec![2; 150]]);
    drop(log);
    assert_eq!(payloads(&open(dir.path()).0).await.len(), 4);
}

/// After a failed sync nobody knows what the disk has of the file.
#[tokio::test]
async fn a_file_whose_sync_failed_takes_no_more_records() {
    for no_truncate in [false, true] {
        let dir = TempDir::new().unwrap();
        let disk = FaultyDisk::default();
        let (log, _) = disk.open(settings(dir.path()));
        let end = put(&log, b"before").await;
        FaultyDisk::set(&disk.0.no_sync, true);
        FaultyDisk::set(&disk.0.no_truncate, no_truncate);
        for _ in 0..2 {
            let error = log.append(Bytes::from_static(b"lost")).await.unwrap_err();
            assert!(matches!(&error, LogError::Unavailable(_)), "{error}");
        }
        assert_eq!(log.end(), Some(end.into()));
        assert_eq!(payloads(&log).await, ["before"], "a record that is not durable is not read");
        disk.heal();
        put(&log, b"after").await;
        assert_eq!(segments(dir.path()), [file_name(0), file_name(end)], "the same offset, another file");
        let old = fs::metadata(dir.path().join(file_name(0))).unwrap().len();
        assert_eq!(old > HEADER_LEN + end, no_truncate);
        assert_eq!(payloads(&log).await, ["before", "after"]);
        drop(log);
        let (log, report) = open(dir.path());
        assert_eq!((report.segments, report.cut_bytes), (2, 0));
        assert_eq!(payloads(&log).await, ["before", "after"]);
    }
}

#[tokio::test]
async fn a_file_given_up_before_its_first_record_is_replaced() {
    let dir = TempDir::new().unwrap();
    let disk = FaultyDisk::default();
    let (log, _) = disk.open(settings(dir.path()));
    // Full and not to be cut: given up with half a frame in it.
    put(&log, b"one").await;
    FaultyDisk::set(&disk.0.full, true);
    FaultyDisk::set(&disk.0.no_truncate, true);
    assert!(log.append(Bytes::from_static(b"given up")).await.is_err());
    disk.heal();
    put(&log, b"two").await;
    // The segment at 19 exists now. Give up a new one before it has a record.
    let (log, name) = {
        drop(log);
        fs::remove_file(dir.path().join(file_name(0))).unwrap();
        fs::remove_file(dir.path().join(file_name(19))).unwrap();
        write_segment(dir.path(), 19, &[]);
        (disk.open(settings(dir.path())).0, file_name(19))
    };
    FaultyDisk::set(&disk.0.no_sync, true);
    FaultyDisk::set(&disk.0.no_truncate, true);
    assert!(log.append(Bytes::from_static(b"given up")).await.is_err());
    disk.heal();
    assert_eq!(put(&log, b"three").await, 19 + 21);
    assert_eq!(segments(dir.path()), [name]);
    assert_eq!(payloads(&log).await, ["three"]);
    drop(log);
    assert_eq!(payloads(&open(dir.path()).0).await, ["three"]);
}
