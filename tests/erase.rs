//! Erasing a user from outside: `weir delete-user` that loses its power at any moment, and beside a running server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, and real processes run in real time"
)]

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use weir_tests::cli::{Process, command, weir};
use weir_tests::dice::Dice;
use weir_tests::http::receipt_of;
use weir_tests::server::Server;
use weir_tests::{Scratch, wait_for};

/// A change of the settings is in force by then.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(30);
/// Longer than any file of a crashed writer is left alone.
const LONG_AGO: Duration = Duration::from_secs(26 * 3600);
const USERS: usize = 40;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the lake") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// Files of the lake that have a text in their bytes, not unpacked.
fn files_with(lake: &str, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(Path::new(lake), &mut found);
    let holds = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    found.into_iter().filter(|file| holds(fs::read(file).expect("a file"))).collect()
}

fn counts(lake: &str) -> Vec<(String, u64)> {
    let query = "SELECT \"user\" AS who, count(*) AS n FROM events GROUP BY 1 ORDER BY 1";
    let rows = weir(&["sql", query, "--lake", lake, "--format", "json"]).ok().json();
    let row = |row: &Value| (row["who"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap());
    rows.as_array().unwrap().iter().map(row).collect()
}

fn import(scratch: &Scratch, lake: &str, name: &str, events: usize) {
    let mut dice = Dice::new(events as u64);
    let line = |n: usize| {
        let user = format!("usr-{}-qzx", dice.below(USERS));
        json!({"event": "tick", "user_id": user, "event_id": format!("{name}-{n}"), "properties": {"n": n}}).to_string()
    };
    let text: Vec<String> = (0..events).map(line).collect();
    weir(&["import", &scratch.file(name, text.join("\n")), "--lake", lake]).ok();
}

#[test]
fn an_erasure_that_loses_its_power_is_finished_by_the_next() {
    let scratch = Scratch::new();
    let whole = scratch.arg("whole");
    import(&scratch, &whole, "first", 20_000);
    let started = Instant::now();
    weir(&["delete-user", "usr-0-qzx", "--yes", "--lake", &whole]).ok();
    let takes = started.elapsed();

    let lake = scratch.lake();
    for n in 0..6 {
        import(&scratch, &lake, &format!("part-{n}"), 20_000 + n);
    }
    let (mut dice, mut cut) = (Dice::new(3), 0);
    let mut expected = counts(&lake);
    for victim in 1..=10 {
        let user = format!("usr-{victim}-qzx");
        let erase = ["delete-user", &user, "--yes", "--lake", &lake, "--format", "json"];
        let mut process = Process::spawn(command(&erase));
        let beside = (victim % 3 == 0).then(|| Process::spawn(command(&["compact", "--lake", &lake])));
        std::thread::sleep(takes.mul_f64(dice.between(5, 130) as f64 / 100.0));
        cut += u64::from(process.kill());
        drop(beside);
        // The table opens, and everybody else is whole.
        let others = |(who, _): &&(String, u64)| *who != user;
        assert!(counts(&lake).iter().filter(others).eq(expected.iter().filter(others)), "{user}");
        let report = weir(&erase).ok().json();
        assert_eq!(report["complete"], true, "{report}");
        expected.retain(|(who, _)| *who != user);
        assert_eq!(counts(&lake), expected, "{user}");
    }
    assert!(cut > 2, "only {cut} of 10 erasures were cut off");
    println!("{cut} of 10 erasures cut off");

    // What the crashes left, and old versions, go with a vacuum.
    weir(&["vacuum", "--lake", &lake]).ok();
    let mut all = Vec::new();
    files_below(Path::new(&lake), &mut all);
    for file in all {
        let times = FileTimes::new().set_modified(SystemTime::now() - LONG_AGO);
        File::options().write(true).open(file).unwrap().set_times(times).unwrap();
    }
    weir(&["vacuum", "--lake", &lake]).ok();
    assert_eq!(counts(&lake), expected);
    let stats = weir(&["stats", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(scratch_files(&lake), stats["files"].as_u64().unwrap(), "{stats}");
    let old = weir(&["funnel", "--at-version", "1", "--step", "tick", "--lake", &lake]).exits(1);
    old.says("version 1 was vacuumed; the oldest that can be read is");
    for victim in 1..=10 {
        assert_eq!(files_with(&lake, &format!("usr-{victim}-qzx")), [] as [PathBuf; 0]);
    }
}

/// Data files of the events in the folder, with whatever is called nearly so.
fn scratch_files(lake: &str) -> u64 {
    let mut found = Vec::new();
    files_below(&Path::new(lake).join("events"), &mut found);
    found.iter().filter(|file| file.to_string_lossy().contains(".parquet")).count() as u64
}

#[test]
fn an_erased_user_is_refused_until_allowed_again() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let send = |user: &str, name: &str| {
        server.http().post_events(json!({"event": name, "user_id": user, "anonymous_id": "phone-qzx"}).to_string())
    };
    let landed = |answer: &Value| server.http().wait_until_queryable(&receipt_of(answer));
    landed(&send("ann-qzx", "identify").with_status(200).json());
    server.http().post_events(json!({"event": "x", "user_id": "ann-qzx", "oops": 1}).to_string()).with_status(400);
    landed(&send("bob", "view").with_status(200).json());

    weir(&["delete-user", "ann-qzx", "--lake", &lake]).exits(2).says("there is nobody here to ask");
    let dry = weir(&["delete-user", "ann-qzx", "--dry-run", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!((&dry["events"]["rows_removed"], &dry["failed"]["rows_removed"]), (&json!(1), &json!(1)), "{dry}");
    let erase =
        ["delete-user", "ann-qzx", "--refuse-later", "--vacuum-now", "--yes", "--lake", &lake, "--format", "json"];
    let report = weir(&erase).ok().json();
    assert_eq!((&report["complete"], &report["anonymous_ids"]), (&json!(true), &json!(["phone-qzx"])), "{report}");
    assert_eq!((&report["events"]["rows_removed"], &report["failed"]["rows_removed"]), (&json!(1), &json!(1)));
    let places: Vec<_> = report["remains"].as_array().unwrap().iter().map(|one| one["place"].clone()).collect();
    assert_eq!(places, ["log", "erasures/open"], "{report}");
    let left = weir(&["sql", "SELECT user_id, anonymous_id FROM events", "--lake", &lake, "--format", "json"]).ok();
    assert_eq!(left.json(), json!([{"user_id": "bob", "anonymous_id": null}]));
    for folder in ["events", "failed", "settings", "erasures"] {
        for id in ["ann-qzx", "phone-qzx"] {
            let folder = scratch.arg(&format!("lake/{folder}"));
            assert_eq!(files_with(&folder, id), [] as [PathBuf; 0], "{id}");
        }
    }

    let refused = wait_for(IN_FORCE_WITHIN, || {
        let answer = send("ann-qzx", "again").json();
        (answer["accepted"] == 0).then_some(answer)
    });
    let refused = refused.expect("the refusal is not in force");
    assert_eq!(refused["rejected"][0]["code"], "user_erased", "{refused}");
    landed(&send("bob", "still here").with_status(200).json());
    let failed = weir(&["failed", "list", "--each", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(failed[0]["code"], "user_erased", "{failed}");
    let file = scratch.file("old.ndjson", json!({"event": "old", "user_id": "ann-qzx"}).to_string());
    weir(&["import", &file, "--lake", &lake]).exits(1).says("user_erased");

    let allowed = weir(&["delete-user", "--allow-again", "ann-qzx", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(allowed, json!({"allowed": 2, "refused": 0}), "her phone too");
    weir(&["delete-user", "--allow-again", "ann-qzx", "--lake", &lake]).exits(1).says("are not refused");
    let taken = wait_for(IN_FORCE_WITHIN, || (send("ann-qzx", "back").json()["accepted"] == 1).then_some(()));
    taken.expect("the user is still refused");
    let list = weir(&["delete-user", "--list", "--lake", &lake, "--format", "json"]).ok().json();
    assert!(list[0]["events"].as_u64() >= Some(1) && list[0]["finished_at"].is_string(), "{list}");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    server.stop();
}

#[test]
fn a_retention_is_set_shown_and_applied() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let at = |time: &str, user: &str| json!({"event": "a", "user_id": user, "timestamp": time}).to_string();
    let text = [at("2020-01-01T00:00:00Z", "old"), at("2020-06-01T00:00:00Z", "older")].join("\n");
    weir(&["import", &scratch.file("old.ndjson", text), "--lake", &lake]).ok();
    let now = json!({"event": "a", "user_id": "new"}).to_string();
    weir(&["import", &scratch.file("new.ndjson", now), "--lake", &lake]).ok();

    weir(&["keep", "set", "--events", "1h", "--lake", &lake]).exits(2).says("less than a day");
    weir(&["keep", "set", "--lake", &lake]).exits(2);
    weir(&["keep", "set", "--events", "400d", "--lake", &lake]).exits(2).says("2 events");
    let set = ["keep", "set", "--events", "400d", "--old-versions", "2h", "--yes", "--lake", &lake, "--format", "json"];
    let shown = weir(&set).ok().json();
    assert_eq!((&shown["events"], &shown["events_gone_after_days"]), (&json!("400d"), &json!(407)), "{shown}");
    weir(&["compact", "--lake", &lake]).ok();
    assert_eq!(counts(&lake), [("new".to_owned(), 1)]);
    let unset = weir(&["keep", "unset", "events", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!((&unset["events"], &unset["old_versions"]), (&json!(null), &json!("2h")));
    // The name that it had before.
    let former = weir(&["retention", "show", "--lake", &lake, "--format", "json"]).ok().says("`weir keep show`");
    assert_eq!(former.json(), unset);
    let dry = weir(&["vacuum", "--dry-run", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!((&dry["dry_run"], &dry["files"]), (&json!(true), &json!(0)), "they are too young: {dry}");
    assert!(dry["waiting"].as_u64() > Some(0), "{dry}");
    weir(&["vacuum", "--keep", "10m", "--lake", &lake]).exits(2).says("less than an hour");
}
