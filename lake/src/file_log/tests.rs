//! The log as it is used every day. Its bad days are in the modules beside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;

use tempfile::TempDir;
use weir_core::ports::conformance;

use super::segment::{FRAME_LEN, HEADER_LEN, encode, file_name, header};
use super::*;

#[path = "damage_tests.rs"]
mod damage;
#[path = "disk_tests.rs"]
mod disk;
#[path = "model_tests.rs"]
mod model;
#[path = "reading_tests.rs"]
mod reading;

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
