//! What is torn, damaged, missing or too new, as opening and reading find it.

use super::super::segment::FORMAT;
use super::*;

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
