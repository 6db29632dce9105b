//! Readers: positions, waiting, the end, and what trimming takes away.

use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

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
