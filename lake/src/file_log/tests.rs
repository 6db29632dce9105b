#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::task::JoinSet;
use weir_core::ports::conformance;

use super::segment::{FORMAT, FRAME_LEN, Frames, HEADER_LEN, encode, file_name, header};
use super::*;

fn settings(dir: &Path) -> FileLogSettings {
    FileLogSettings::new(dir)
}

fn small_segments(dir: &Path) -> FileLogSettings {
    FileLogSettings { segment_bytes: 200, ..settings(dir) }
}

fn open(dir: &Path) -> (FileLog, OpenReport) {
    FileLog::open(settings(dir)).unwrap()
}

fn refused(dir: &Path) -> LogError {
    FileLog::open(settings(dir)).map(|(_, report)| report).unwrap_err()
}

fn shard() -> ShardId {
    ShardId(SHARD.to_owned())
}

async fn put(log: &FileLog, payload: &[u8]) -> u64 {
    let position = log.append(Bytes::copy_from_slice(payload)).await.unwrap();
    assert_eq!(position.shard, shard());
    position.sequence.as_u64().unwrap()
}

async fn read_behind(log: &FileLog, after: Option<u64>, max_bytes: usize) -> Result<Vec<(u64, Bytes)>, LogError> {
    let after = after.map(SequenceNumber::from);
    let read = log.read(&shard(), after.as_ref(), max_bytes).await?;
    Ok(read.into_iter().map(|r| (r.sequence.as_u64().unwrap(), r.payload)).collect())
}

async fn payloads(log: &FileLog) -> Vec<Bytes> {
    read_behind(log, None, usize::MAX).await.unwrap().into_iter().map(|(_, payload)| payload).collect()
}

/// The names of a directory's segments, in order.
fn segments(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|n| n.ends_with(".log")).collect();
    names.sort();
    names
}

/// A segment file of hand-made commits, each a list of payloads; gives the byte at which each frame begins.
fn write_segment(dir: &Path, start: u64, commits: &[&[&[u8]]]) -> Vec<usize> {
    let mut frames = Vec::new();
    let mut places = Vec::new();
    for commit in commits {
        let begin = start + frames.len() as u64;
        for payload in *commit {
            places.push(HEADER_LEN as usize + frames.len());
            let at = start + frames.len() as u64;
            encode(&mut frames, payload, at, begin);
        }
    }
    fs::write(dir.join(file_name(start)), [header(start), frames].concat()).unwrap();
    places
}

/// Changes the bytes of a segment file.
fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    how(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A disk with switches, and counters.
#[derive(Debug, Default, Clone)]
struct FaultyDisk(Arc<Faults>);

#[derive(Debug, Default)]
struct Faults {
    full: AtomicBool,
    no_sync: AtomicBool,
    no_truncate: AtomicBool,
    no_sync_dir: AtomicBool,
    slow: AtomicBool,
    syncs: AtomicUsize,
}

impl FaultyDisk {
    fn set(switch: &AtomicBool, on: bool) {
        switch.store(on, Ordering::SeqCst);
    }

    fn check(switch: &AtomicBool, kind: ErrorKind) -> io::Result<()> {
        if switch.load(Ordering::SeqCst) { Err(kind.into()) } else { Ok(()) }
    }

    fn heal(&self) {
        let Faults { full, no_sync, no_truncate, no_sync_dir, slow, syncs: _ } = &*self.0;
        for switch in [full, no_sync, no_truncate, no_sync_dir, slow] {
            Self::set(switch, false);
        }
    }

    fn open(&self, settings: FileLogSettings) -> (FileLog, OpenReport) {
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
async fn a_new_log_conforms() {
    let dirs = Mutex::new(Vec::new());
    conformance::event_log(|| async {
        let dir = TempDir::new().unwrap();
        let log = open(dir.path()).0;
        dirs.lock().unwrap().push(dir);
        log
    })
    .await;
}

#[tokio::test]
async fn a_log_of_tiny_segments_that_is_reopened_conforms() {
    let dir = TempDir::new().unwrap();
    conformance::event_log(|| async { FileLog::open(small_segments(dir.path())).unwrap().0 }).await;
    assert_ne!(segments(dir.path())[0], file_name(0), "the suite trims, so the first segments are gone");
}

#[tokio::test]
async fn reopening_after_a_clean_close_finds_everything() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("made/when/missing");
    let (log, report) = open(&path);
    assert_eq!(report, OpenReport { segments: 0, records: 0, end: None, cut_bytes: 0, torn_file: None });
    assert_eq!(log.end(), None);
    assert_eq!((put(&log, b"hi").await, put(&log, b"").await, put(&log, b"abc").await), (18, 34, 53));
    assert_eq!(log.end(), Some(53.into()));
    log.close().await;
    let error = log.append(Bytes::from_static(b"late")).await.unwrap_err();
    assert!(matches!(&error, LogError::Unavailable(why) if why.contains("is closed")), "{error}");
    assert_eq!(payloads(&log).await, ["hi", "", "abc"], "a closed log can still be read");

    let (log, report) = open(&path);
    assert_eq!(report, OpenReport { segments: 1, records: 3, end: Some(53.into()), cut_bytes: 0, torn_file: None });
    assert_eq!(put(&log, b"more").await, 73);
    drop(log);
    assert_eq!(payloads(&open(&path).0).await, ["hi", "", "abc", "more"]);
}

/// The bytes of the module's example. A change here is a new format, and needs a new format number.
#[tokio::test]
async fn the_bytes_of_format_1_are_pinned() {
    let dir = TempDir::new().unwrap();
    write_segment(dir.path(), 0, &[&[b"hi"], &[b"a", b"bc"]]);
    let bytes = fs::read(dir.path().join("00000000000000000000.log")).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(hex(&bytes[..24]), "776569726c6f670a0100000000000000000000009a75dc22");
    assert_eq!(hex(&bytes[24..42]), "0200000000000000e7f784a362670bd36869");
    assert_eq!(hex(&bytes[42..59]), "0100000000000000ee6472a669263e8e61");
    assert_eq!(hex(&bytes[59..]), "02000000110000003419985dc83006426263");
    let (log, report) = open(dir.path());
    assert_eq!((report.records, report.end), (3, Some(53.into())));
    assert_eq!(
        read_behind(&log, None, 100).await.unwrap(),
        [(18, Bytes::from_static(b"hi")), (35, Bytes::from_static(b"a")), (53, Bytes::from_static(b"bc"))]
    );
}

#[tokio::test]
async fn segments_roll_and_chain() {
    let dir = TempDir::new().unwrap();
    let (log, _) = FileLog::open(small_segments(dir.path())).unwrap();
    let mut expected = Vec::new();
    for i in 0..40u8 {
        // One record is larger than a segment, and gets one to itself.
        let payload = vec![i; if i == 20 { 1000 } else { usize::from(i) }];
        put(&log, &payload).await;
        expected.push(Bytes::from(payload));
    }
    assert!(segments(dir.path()).len() > 5);
    for name in segments(dir.path()) {
        let len = fs::metadata(dir.path().join(&name)).unwrap().len();
        assert!(len <= 200 || len == HEADER_LEN + FRAME_LEN + 1000, "{name} has {len} bytes");
    }
    assert_eq!(payloads(&log).await, expected);
    drop(log);
    let (log, report) = FileLog::open(small_segments(dir.path())).unwrap();
    assert_eq!(report.segments, segments(dir.path()).len());
    assert_eq!(payloads(&log).await, expected);
}

#[tokio::test]
async fn a_torn_last_record_is_cut_at_every_length() {
    let origin = TempDir::new().unwrap();
    let name = file_name(0);
    let places = write_segment(origin.path(), 0, &[&[b"first"], &[b"second"], &[b"the last record"]]);
    let whole = fs::read(origin.path().join(&name)).unwrap();
    let last = *places.last().unwrap();
    type Damage = (&'static str, fn(&mut [u8]));
    let damages: [Damage; 4] = [
        ("truncated", |_| {}),
        ("garbage", |tail| tail.iter_mut().for_each(|b| *b ^= 0x5a)),
        ("zeros", |tail| tail.iter_mut().for_each(|b| *b = if *b == 0 { 1 } else { 0 })),
        ("one bit", |tail| tail[0] ^= 1),
    ];
    for at in last..whole.len() {
        for (damage, apply) in damages {
            let mut torn = whole.clone();
            if damage == "truncated" {
                torn.truncate(at);
            } else {
                apply(&mut torn[at..]);
            }
            let what = format!("{damage} at byte {at} of {}", whole.len());
            let dir = TempDir::new().unwrap();
            fs::write(dir.path().join(&name), &torn).unwrap();
            assert_eq!(FileLog::peek_end(dir.path()).unwrap(), Some(43.into()), "{what}");
            let (log, report) = open(dir.path());
            assert_eq!((report.records, report.end), (2, Some(43.into())), "{what}");
            assert_eq!(report.cut_bytes, (torn.len() - last) as u64, "{what}");
            match report.torn_file {
                Some(kept) => assert_eq!(fs::read(kept).unwrap(), torn[last..], "{what}"),
                None => assert_eq!(torn.len(), last, "{what}"),
            }
            put(&log, b"goes on").await;
            drop(log);
            let (log, report) = open(dir.path());
            assert_eq!((report.records, report.cut_bytes), (3, 0), "{what}");
            assert_eq!(payloads(&log).await, ["first", "second", "goes on"], "{what}");
        }
    }
}

#[tokio::test]
async fn two_tails_torn_at_the_same_place_are_both_kept() {
    let dir = TempDir::new().unwrap();
    let mut kept = Vec::new();
    for garbage in ["first garbage", "second garbage"] {
        let places = write_segment(dir.path(), 0, &[&[b"kept"]]);
        assert_eq!(places, [24]);
        change(&dir.path().join(file_name(0)), |bytes| bytes.extend_from_slice(garbage.as_bytes()));
        kept.push(open(dir.path()).1.torn_file.unwrap());
    }
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), "first garbage");
    assert_eq!(fs::read_to_string(&kept[1]).unwrap(), "second garbage");
}

/// The disk may write the pages of one commit in any order.
#[tokio::test]
async fn a_torn_commit_is_cut_though_its_later_records_are_whole() {
    for (place, flip) in [(2, 0), (2, 5), (2, 16), (3, 2)] {
        let dir = TempDir::new().unwrap();
        let commits: &[&[&[u8]]] = &[&[b"one", b"two"], &[b"three", b"four", b"five"]];
        let places = write_segment(dir.path(), 0, commits);
        change(&dir.path().join(file_name(0)), |bytes| bytes[places[place] + flip] ^= 0x10);
        let (log, report) = open(dir.path());
        assert_eq!(report.records as usize, place, "flip at {flip} of record {place}");
        assert!(report.torn_file.is_some());
        assert_eq!(payloads(&log).await, ["one", "two", "three", "four"][..place]);
    }
}

#[tokio::test]
async fn a_flipped_bit_before_a_later_commit_is_damage_and_named() {
    let commits: &[&[&[u8]]] = &[&[b"one"], &[b"two", b"zwei"], &[b"three"]];
    for place in 0..3 {
        let len = FRAME_LEN as usize + [3, 3, 4][place];
        for byte in 0..len {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join(file_name(0));
            let places = write_segment(dir.path(), 0, commits);
            change(&path, |bytes| bytes[places[place] + byte] ^= 1 << (byte % 8));
            let before = fs::read(&path).unwrap();
            let error = refused(dir.path());
            let text = error.to_string();
            assert!(matches!(error, LogError::Corrupt(_)), "{text}");
            assert!(text.contains(path.to_str().unwrap()), "{text}");
            assert!(text.contains(&format!("damaged at byte {}:", places[place])), "{text}");
            assert!(text.contains("restore the file from a copy"), "{text}");
            assert_eq!(fs::read(&path).unwrap(), before, "a damaged file is left alone");
            assert_eq!(segments(dir.path()).len(), 1);
        }
    }
}

#[tokio::test]
async fn damage_in_an_older_segment_is_found_by_reading_it() {
    let dir = TempDir::new().unwrap();
    let places = write_segment(dir.path(), 0, &[&[b"one"], &[b"two"], &[b"three"]]);
    write_segment(dir.path(), 19 + 19 + 21, &[&[b"four"]]);
    let path = dir.path().join(file_name(0));
    change(&path, |bytes| bytes[places[1] + 17] ^= 1);
    let (log, _) = open(dir.path());
    // First what is good, then the finding, again and again.
    assert_eq!(read_behind(&log, None, usize::MAX).await.unwrap().len(), 1);
    for _ in 0..2 {
        let error = read_behind(&log, Some(19), usize::MAX).await.unwrap_err();
        let expected = format!("`{}` is damaged at byte {}: the checksum of a record", path.display(), places[1]);
        assert!(matches!(&error, LogError::Corrupt(text) if text.contains(&expected)), "{error}");
    }
    // As the message advises: without that file the later records can be read.
    drop(log);
    fs::rename(&path, dir.path().join("aside")).unwrap();
    assert_eq!(payloads(&open(dir.path()).0).await, ["four"]);
}

#[test]
fn a_segment_that_is_missing_or_too_short_is_named() {
    let dir = TempDir::new().unwrap();
    write_segment(dir.path(), 0, &[&[b"one"]]);
    write_segment(dir.path(), 19, &[&[b"two"]]);
    write_segment(dir.path(), 38, &[&[b"three"]]);
    fs::remove_file(dir.path().join(file_name(19))).unwrap();
    let text = refused(dir.path()).to_string();
    assert!(text.contains("00000000000000000000.log` holds 19 bytes of records"), "{text}");
    assert!(text.contains("`00000000000000000038.log`, starts 38 bytes behind its start"), "{text}");
}

#[test]
fn a_header_that_is_not_right_is_named() {
    type Damage = (fn(&mut Vec<u8>), &'static str);
    let damages: [Damage; 5] = [
        (|b| b.truncate(23), "shorter than a header"),
        (|b| b[0] = b'W', "does not begin with `weirlog`"),
        (|b| b[9] ^= 1, "the checksum of its header does not match"),
        (|b| b[22] ^= 1, "the checksum of its header does not match"),
        (|b| b[..24].copy_from_slice(&header(100)), "says that it starts at 100, its name says 0"),
    ];
    for (apply, expected) in damages {
        let dir = TempDir::new().unwrap();
        write_segment(dir.path(), 0, &[&[b"one"]]);
        change(&dir.path().join(file_name(0)), apply);
        for error in [refused(dir.path()), FileLog::peek_end(dir.path()).unwrap_err()] {
            assert!(matches!(&error, LogError::Corrupt(text) if text.contains(expected)), "{error}");
        }
    }
}

#[test]
fn a_newer_format_asks_for_an_upgrade() {
    let dir = TempDir::new().unwrap();
    write_segment(dir.path(), 0, &[&[b"one"]]);
    change(&dir.path().join(file_name(0)), |bytes| {
        bytes[8..12].copy_from_slice(&(FORMAT + 1).to_le_bytes());
        let check = crc32c::crc32c(&bytes[..20]);
        bytes[20..24].copy_from_slice(&check.to_le_bytes());
    });
    let error = refused(dir.path());
    let expected = "is written in log format 2, this build reads up to format 1; upgrade weir";
    assert!(matches!(&error, LogError::Corrupt(text) if text.contains(expected)), "{error}");
}

#[test]
fn what_an_unfinished_segment_left_is_removed_and_other_files_are_not() {
    let dir = TempDir::new().unwrap();
    write_segment(dir.path(), 0, &[&[b"one"]]);
    for name in ["00000000000000000019.log.new", "notes.log", "19.log", "x.new", "00000000000000000019.torn"] {
        fs::write(dir.path().join(name), "?").unwrap();
    }
    assert_eq!(open(dir.path()).1.segments, 1);
    assert!(!dir.path().join("00000000000000000019.log.new").exists());
    for name in ["notes.log", "19.log", "x.new", "00000000000000000019.torn"] {
        assert!(dir.path().join(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_directory_is_held_by_one_log_at_a_time() {
    let dir = TempDir::new().unwrap();
    let (log, _) = open(dir.path());
    let error = refused(dir.path());
    let expected = format!("the log directory `{}` is held by another process", dir.path().display());
    assert!(matches!(&error, LogError::Unavailable(text) if text.contains(&expected)), "{error}");
    put(&log, b"unharmed").await;
    log.close().await;
    let (again, _) = open(dir.path());
    assert_eq!(payloads(&again).await, ["unharmed"]);
}

#[tokio::test]
async fn too_large_a_record_is_refused_and_the_largest_is_taken() {
    let dir = TempDir::new().unwrap();
    let (log, _) = FileLog::open(FileLogSettings { max_record_bytes: 10, ..settings(dir.path()) }).unwrap();
    put(&log, &[1; 10]).await;
    let error = log.append(Bytes::from(vec![1; 11])).await.unwrap_err();
    assert!(matches!(error, LogError::TooLarge { bytes: 11, limit: 10 }), "{error}");
    drop(log);
    // A limit that was lowered does not make stored records unreadable, let alone torn.
    let (log, report) = FileLog::open(FileLogSettings { max_record_bytes: 1, ..settings(dir.path()) }).unwrap();
    assert_eq!((report.records, report.cut_bytes), (1, 0));
    assert_eq!(payloads(&log).await, [vec![1; 10]]);
}

#[tokio::test]
async fn records_larger_than_a_group_commit_are_stored() {
    let dir = TempDir::new().unwrap();
    let (log, _) = open(dir.path());
    let large = Bytes::from(vec![7; (16 << 20) - 1]);
    let (a, b, c) = tokio::join!(log.append(large.clone()), log.append(Bytes::new()), log.append(large.clone()));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    drop(log);
    let (log, report) = open(dir.path());
    assert_eq!((report.records, report.cut_bytes), (3, 0));
    assert!(payloads(&log).await == [large.clone(), Bytes::new(), large]);
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

#[tokio::test]
async fn positions_of_another_log_are_told_from_damage() {
    let dir = TempDir::new().unwrap();
    let (log, _) = open(dir.path());
    put(&log, b"one").await;
    put(&log, b"two").await;
    let beyond = "lies behind the end 38 of the log in";
    for position in ["39", "18446744073709551616", "49590338271490256608559692538361571095921575989136588898"] {
        let position = SequenceNumber::parse(position).unwrap();
        let errors = [
            log.read(&shard(), Some(&position), 1).await.unwrap_err(),
            log.trim(&shard(), &position).await.unwrap_err(),
            log.wait_for_append(Some(&position)).await.unwrap_err(),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(matches!(error, LogError::Corrupt(_)) && text.contains(beyond), "{text}");
            assert!(text.contains(&format!("position {position} ")), "{text}");
        }
    }
    for inside in (1..38).filter(|at| *at != 19) {
        let error = read_behind(&log, Some(inside), 1).await.unwrap_err();
        let expected = format!("position {inside} is not the end of a record");
        assert!(matches!(&error, LogError::Corrupt(text) if text.contains(&expected)), "{error}");
    }
}

#[tokio::test]
async fn trimming_deletes_whole_segments_but_never_the_last() {
    let dir = TempDir::new().unwrap();
    let (log, _) = FileLog::open(small_segments(dir.path())).unwrap();
    let mut ends = Vec::new();
    for i in 0..10 {
        // Two to a segment.
        ends.push(put(&log, &[i; 60]).await);
    }
    assert_eq!(segments(dir.path()).len(), 5);
    let trim = async |through: u64| log.trim(&shard(), &through.into()).await.unwrap();
    trim(ends[0]).await;
    trim(ends[1] - 1).await;
    assert_eq!(segments(dir.path()).len(), 5, "half a segment stays");
    trim(ends[1]).await;
    assert_eq!(segments(dir.path()).len(), 4);
    trim(ends[4]).await;
    assert_eq!(segments(dir.path())[0], file_name(ends[3]));
    // A position before the oldest kept record starts there.
    for after in [None, Some(ends[0]), Some(ends[3]), Some(1)] {
        assert_eq!(read_behind(&log, after, 60).await.unwrap(), [(ends[4], Bytes::from(vec![4; 60]))]);
    }
    trim(ends[9]).await;
    assert_eq!(segments(dir.path()), [file_name(ends[7])]);
    assert_eq!(payloads(&log).await.len(), 2);
    assert!(read_behind(&log, Some(ends[9]), 60).await.unwrap().is_empty());
    drop(log);
    let (log, report) = FileLog::open(small_segments(dir.path())).unwrap();
    assert_eq!((report.segments, report.end), (1, Some(ends[9].into())), "positions go on after a trim");
    assert!(put(&log, b"on").await > ends[9]);
}

#[tokio::test]
async fn a_reader_can_wait_for_the_next_record() {
    let dir = TempDir::new().unwrap();
    let log = Arc::new(open(dir.path()).0);
    let waiting = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.wait_for_append(None).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    let end = SequenceNumber::from(put(&log, b"one").await);
    waiting.await.unwrap().unwrap();
    log.wait_for_append(None).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), log.wait_for_append(Some(&end))).await.is_err());
    log.close().await;
    log.wait_for_append(None).await.unwrap();
    let error = log.wait_for_append(Some(&end)).await.unwrap_err();
    assert!(matches!(&error, LogError::Unavailable(why) if why.contains("is closed")), "{error}");
}

#[tokio::test]
async fn the_end_can_be_seen_from_outside() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("log");
    assert_eq!(FileLog::peek_end(&path).unwrap(), None);
    assert!(!path.exists(), "a look changes nothing");
    let (log, _) = FileLog::open(small_segments(&path)).unwrap();
    assert_eq!(FileLog::peek_end(&path).unwrap(), None);
    for i in 0..20 {
        put(&log, &[i; 50]).await;
        assert_eq!(FileLog::peek_end(&path).unwrap(), log.end());
    }
    let last = path.join(segments(&path).pop().unwrap());
    change(&last, |bytes| bytes.extend_from_slice(b"half a fra"));
    assert_eq!(FileLog::peek_end(&path).unwrap(), log.end(), "a record in the making does not count");
    assert!(fs::read(&last).unwrap().ends_with(b"half a fra"));
}

/// An old reader must not see a torn or missing record while segments come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_follow_while_segments_roll_and_are_trimmed() {
    let dir = TempDir::new().unwrap();
    let log = Arc::new(FileLog::open(small_segments(dir.path())).unwrap().0);
    let follower = tokio::spawn({
        let log = Arc::clone(&log);
        async move {
            let (mut after, mut seen) = (None, 0u32);
            while seen < 300 {
                log.wait_for_append(after.as_ref()).await.unwrap();
                for record in log.read(&shard(), after.as_ref(), 100).await.unwrap() {
                    assert_eq!(record.payload, seen.to_le_bytes().as_slice());
                    (after, seen) = (Some(record.sequence), seen + 1);
                }
                log.trim(&shard(), after.as_ref().unwrap()).await.unwrap();
            }
        }
    });
    // Readers that start over again and again meet files that vanish under them.
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let log = Arc::clone(&log);
        readers.spawn(async move {
            while log.end() != Some((300 * 20).into()) {
                read_behind(&log, None, 1000).await.unwrap();
            }
        });
    }
    for i in 0..300u32 {
        put(&log, &i.to_le_bytes()).await;
    }
    follower.await.unwrap();
    readers.join_all().await;
    assert!(segments(dir.path()).len() <= 2);
}

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<usize>),
    Read { from: usize, max_bytes: usize },
    Trim(usize),
    Reopen,
    Tear(Vec<u8>),
    Break(u8),
    Heal,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => prop::collection::vec(prop_oneof![Just(0), 0..60usize, 0..600usize], 1..5).prop_map(Op::Append),
        4 => (0..1000usize, prop_oneof![0..400usize, Just(usize::MAX)])
            .prop_map(|(from, max_bytes)| Op::Read { from, max_bytes }),
        1 => (0..1000usize).prop_map(Op::Trim),
        2 => Just(Op::Reopen),
        1 => prop::collection::vec(any::<u8>(), 1..50).prop_map(Op::Tear),
        2 => (1..16u8).prop_map(Op::Break),
        2 => Just(Op::Heal),
    ]
}

/// What a log has to hold, next to the log.
struct Model {
    dir: TempDir,
    disk: FaultyDisk,
    log: Option<FileLog>,
    records: Vec<(u64, Bytes)>,
    trimmed: u64,
    /// Appends that failed since the last that did not: they may come back when the log is opened again.
    unanswered: usize,
    appended: u8,
}

impl Model {
    fn new() -> Self {
        let (dir, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
        let log = Some(disk.open(small_segments(dir.path())).0);
        Self { dir, disk, log, records: Vec::new(), trimmed: 0, unanswered: 0, appended: 0 }
    }

    fn log(&self) -> &FileLog {
        self.log.as_ref().unwrap()
    }

    async fn apply(&mut self, op: Op) {
        match op {
            Op::Append(lens) => self.append(&lens).await,
            Op::Read { from, max_bytes } => self.read(from, max_bytes).await,
            Op::Trim(at) if !self.records.is_empty() => {
                let through = self.records[at % self.records.len()].0;
                self.log().trim(&shard(), &through.into()).await.unwrap();
                self.trimmed = self.trimmed.max(through);
            }
            Op::Trim(_) => {}
            Op::Reopen => self.reopen(&[]).await,
            Op::Tear(garbage) => self.reopen(&garbage).await,
            Op::Break(switches) => {
                let Faults { full, no_sync, no_truncate, no_sync_dir, .. } = &*self.disk.0;
                for (bit, switch) in [full, no_sync, no_truncate, no_sync_dir].into_iter().enumerate() {
                    FaultyDisk::set(switch, switches >> bit & 1 == 1);
                }
            }
            Op::Heal => self.disk.heal(),
        }
        self.check().await;
    }

    async fn append(&mut self, lens: &[usize]) {
        let mut offered = Vec::new();
        for len in lens {
            self.appended = self.appended.wrapping_add(1);
            offered.push(Bytes::from(vec![self.appended; *len]));
        }
        let log = Arc::new(self.log.take().unwrap());
        let mut appends = JoinSet::new();
        for payload in offered {
            let log = Arc::clone(&log);
            appends.spawn(async move { (log.append(payload.clone()).await, payload) });
        }
        let mut stored = Vec::new();
        for (answer, payload) in appends.join_all().await {
            match answer {
                Ok(position) => stored.push((position.sequence.as_u64().unwrap(), payload)),
                Err(LogError::Unavailable(_)) => self.unanswered += 1,
                Err(other) => panic!("{other}"),
            }
        }
        stored.sort();
        self.records.extend(stored);
        self.log = Some(Arc::into_inner(log).unwrap());
    }

    async fn kept(&self) -> usize {
        let all = read_behind(self.log(), None, usize::MAX).await.unwrap();
        assert!(self.records.ends_with(&all), "read {all:?} of {:?}", self.records);
        let kept = self.records.len() - all.len();
        assert!(self.records[..kept].iter().all(|(end, _)| *end <= self.trimmed), "more is gone than was trimmed");
        kept
    }

    async fn check(&self) {
        self.kept().await;
        assert_eq!(self.log().end(), self.records.last().map(|(end, _)| (*end).into()));
    }

    async fn read(&self, from: usize, max_bytes: usize) {
        let from = from % (self.records.len() + 1);
        let after = from.checked_sub(1).map(|i| self.records[i].0);
        let mut bytes = 0;
        let behind = &self.records[from.max(self.kept().await)..];
        let fits = behind.iter().take_while(|(_, payload)| {
            bytes += payload.len();
            bytes <= max_bytes
        });
        let expected = &behind[..fits.count().max(1).min(behind.len())];
        assert_eq!(read_behind(self.log(), after, max_bytes).await.unwrap(), expected);
    }

    async fn reopen(&mut self, garbage: &[u8]) {
        drop(self.log.take());
        let torn = segments(self.dir.path()).pop().filter(|_| !garbage.is_empty());
        if let Some(last) = &torn {
            change(&self.dir.path().join(last), |bytes| bytes.extend_from_slice(garbage));
        }
        let (log, report) = self.disk.open(small_segments(self.dir.path()));
        assert!(report.cut_bytes >= torn.map_or(0, |_| garbage.len() as u64));
        let end = self.records.last().map(|(end, _)| *end);
        let mut back = read_behind(&log, None, usize::MAX).await.unwrap();
        back.retain(|(at, _)| end.is_none_or(|end| *at > end));
        assert!(back.len() <= self.unanswered, "records nobody appended: {back:?}");
        self.records.extend(back);
        self.unanswered = 0;
        self.log = Some(log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_history_reads_like_the_model(ops in prop::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for op in ops {
                model.apply(op).await;
            }
        });
    }
}

#[tokio::test]
async fn a_new_log_begins_where_it_is_told_and_an_old_one_where_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let begin_at_500 = || FileLogSettings { begin_at: 500, ..settings(dir.path()) };
    let (log, report) = FileLog::open(begin_at_500()).unwrap();
    assert_eq!(report.end, Some(SequenceNumber::from(500)));
    let shard = ShardId(SHARD.to_owned());
    let landed = SequenceNumber::from(500);
    assert!(log.read(&shard, Some(&landed), 100).await.unwrap().is_empty());
    let position = log.append("a".into()).await.unwrap();
    assert!(position.sequence > landed);
    assert_eq!(log.read(&shard, Some(&landed), 100).await.unwrap()[0].payload, "a");
    log.close().await;
    drop(log);
    let (_, report) = FileLog::open(FileLogSettings { begin_at: 9999, ..settings(dir.path()) }).unwrap();
    assert_eq!(report.end, Some(position.sequence), "what is there decides");
}
