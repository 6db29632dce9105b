//! Failed events, from outside: what is sent and not taken is kept with its reason, shown, tried again and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::weir;
use weir_tests::dice::Dice;
use weir_tests::http::{Http, receipt_of};
use weir_tests::server::Server;

use super::ask::{event, event_count, sql};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;

/// Runs `weir failed` on the lake of a test, and gives its document.
#[track_caller]
fn failed(lake: &str, args: &[&str]) -> Value {
    weir(&[&["failed"], args, &["--lake", lake, "--format", "json"]].concat()).ok().json()
}

/// Every failed event, with what was sent.
#[track_caller]
fn all(lake: &str) -> Vec<Value> {
    let listed = failed(lake, &["list", "--each", "--limit", "100000"]);
    let show = |row: &Value| failed(lake, &["show", row["failed_id"].as_str().unwrap()]);
    listed.as_array().unwrap().iter().map(show).collect()
}

/// Waits until everything that was sent before is in the lake.
#[track_caller]
fn land_what_was_sent(http: &Http) {
    http.land(&[event("after", "u", MONDAY)]);
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(text.as_bytes()).unwrap();
    packing.finish().unwrap()
}

#[test]
fn what_is_not_taken_is_listed_with_its_reason_and_as_it_was_sent() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let http = server.http();
    weir(&["failed", "list", "--lake", &lake]).ok().says("no failed events");
    assert_eq!(sql(&lake, "SELECT count(*) AS n FROM failed"), [json!({"n": 0})]);
    assert!(!scratch.path("lake/failed").exists(), "nothing failed, nothing is made");

    let good = event("view", "u1", MONDAY);
    let mixed = format!("[{good},{{\"event\":\"가\",  \"user_id\":7}},42]");
    let answer = http.post_events(&mixed).with_status(200).json();
    assert_eq!(answer["rejected"].as_array().unwrap().len(), 2);
    let first_version = http.wait_until_queryable(&receipt_of(&answer));

    // Each with what is kept of it.
    let refused: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("/v1/events", b"{\"event\":\"x\"}".to_vec(), "missing_field", "{\"event\":\"x\"}"),
        ("/v1/events", b"[{\"event\":".to_vec(), "invalid_json", "[{\"event\":"),
        ("/v1/events", b"[]".to_vec(), "empty", "[]"),
        ("/v1/events", gzip("{\"events\":[1],\"app\":2}"), "unknown_field", "{\"events\":[1],\"app\":2}"),
        ("/v1/events", b"caf\xe9".to_vec(), "invalid_json", "caf\u{fffd}"),
        ("/v1/track", b"{\"event\":\"bought\"}".to_vec(), "missing_field", "{\"event\":\"bought\"}"),
        ("/e/", b"data=%%%".to_vec(), "invalid_base64", "data=%%%"),
    ];
    for (path, body, code, _) in &refused {
        let answer = http.post(path, ("content-type", "text/plain"), body).with_status(400).json();
        assert_eq!((&answer["accepted"], answer["rejected"][0]["code"].as_str()), (&json!(0), Some(*code)), "{path}");
        let receipt = receipt_of(&answer);
        assert!(receipt.starts_with("x1-"), "{receipt}");
        let told = http.get(&format!("/v1/receipts/{receipt}")).with_status(200).json();
        assert_eq!(told, json!({"receipt": receipt, "status": "rejected"}));
    }
    // Nothing of these is kept.
    let many = format!("[{}]", vec!["1"; 5_001].join(","));
    for (body, status) in [("", 400), (many.as_str(), 413)] {
        assert_eq!(http.post_events(body).with_status(status).json()["receipt"], Value::Null);
    }
    http.post("/v1/events", ("x-write-key", "wk_none"), mixed.as_bytes()).with_status(401);
    land_what_was_sent(http);

    let rows = all(&lake);
    let found: BTreeSet<(&str, &str)> =
        rows.iter().map(|row| (row["code"].as_str().unwrap(), row["body"].as_str().unwrap())).collect();
    let mut expected: BTreeSet<(&str, &str)> = refused.iter().map(|(_, _, code, kept)| (*code, *kept)).collect();
    expected.extend([("wrong_type", "{\"event\":\"가\",  \"user_id\":7}"), ("not_an_object", "42")]);
    assert_eq!((found, rows.len()), (expected, 9));
    let row = rows.iter().find(|row| row["code"] == "wrong_type").unwrap();
    assert_eq!((&row["source"], &row["event"], &row["place"]), (&json!("dev"), &json!("가"), &json!(1)));
    assert!(row["message"].as_str().unwrap().contains("user_id: is the number 7"), "{row}");
    let bought = rows.iter().find(|row| row["event"] == "bought").unwrap();
    assert_eq!((&bought["protocol"], &bought["field"]), (&json!("segment/track"), &json!("userId")));

    let groups = failed(&lake, &["list"]);
    assert_eq!(groups.as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum::<u64>(), 9);
    let by_code = sql(&lake, "SELECT code, count(*) AS n FROM failed GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2");
    assert_eq!(by_code, [json!({"code": "invalid_json", "n": 2}), json!({"code": "missing_field", "n": 2})]);
    assert_eq!(failed(&lake, &["list", "--event", "bought"]).as_array().unwrap().len(), 1);
    assert_eq!(failed(&lake, &["list", "--since", "2000-01-01", "--until", "2020-01-01"]), json!([]));
    assert_eq!(event_count(&lake), 2, "the good ones");

    // The first version that held it, and not the newest.
    let again = http.get(&format!("/v1/receipts/{}", receipt_of(&answer))).json();
    assert_eq!(again, json!({"receipt": receipt_of(&answer), "status": "queryable", "version": first_version}));
    server.stop();
}

#[test]
fn what_is_still_bad_stays_and_what_is_dropped_is_gone() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let http = server.http();
    for name in ["a", "b", "c"] {
        http.post_events(json!({"event": name}).to_string()).with_status(400);
    }
    http.post_events("[{").with_status(400);
    land_what_was_sent(http);
    let before = all(&lake);
    for dry_run in [&["--dry-run"][..], &[]] {
        let done = failed(&lake, &[&["replay"], dry_run].concat());
        assert_eq!((&done["replayed"], &done["failing"], &done["left"]), (&json!(0), &json!(4), &json!(0)));
        assert_eq!(all(&lake), before, "nothing changed, so it fails as it did");
    }

    let id = before.iter().find(|row| row["event"] == "a").unwrap()["failed_id"].as_str().unwrap();
    weir(&["failed", "drop", id, "--lake", &lake]).exits(2).says("--yes");
    assert_eq!(failed(&lake, &["drop", id, "--yes"]), json!({"dropped": 1}));
    assert_eq!(failed(&lake, &["drop", "--event", "b", "--yes"]), json!({"dropped": 1}));
    weir(&["failed", "show", id, "--lake", &lake]).exits(1).says("weir failed list --each");
    let left: BTreeSet<String> = all(&lake).iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, BTreeSet::from(["[{".to_owned(), "{\"event\":\"c\"}".to_owned()]));

    // Landing and compaction go on beside it.
    http.post_events("[5]").with_status(400);
    land_what_was_sent(http);
    weir(&["compact", "--lake", &lake]).ok();
    assert_eq!(all(&lake).len(), 3);
    assert_eq!(failed(&lake, &["drop", "--yes"]), json!({"dropped": 3}));
    assert_eq!(failed(&lake, &["drop"]), json!({"dropped": 0}), "nothing to ask about");
    weir(&["failed", "list", "--lake", &lake]).ok().says("no failed events");
    server.stop();
}

#[test]
fn results_are_the_same_rows_in_every_format() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    server.http().post_events("{\"event\":\"보기, \\\"view\\\" | 1\"}").with_status(400);
    land_what_was_sent(server.http());
    let id = failed(&lake, &["list", "--each"])[0]["failed_id"].as_str().unwrap().to_owned();
    for command in
        [&["list"][..], &["list", "--each"], &["show", &id[..20]], &["replay", "--dry-run"], &["replay", &id]]
    {
        let print =
            |format: &str| weir(&[&["failed"], command, &["--lake", &lake, "--format", format]].concat()).ok().stdout;
        let document: Value = serde_json::from_str(&print("json")).unwrap();
        let row = document.get(0).unwrap_or(&document).clone();
        let ndjson: Value = serde_json::from_str(&print("ndjson")).unwrap();
        assert_eq!(ndjson, row, "{command:?}");
        let csv = print("csv");
        let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert!(header.iter().eq(row.as_object().unwrap().keys()), "{command:?}: {header:?} and {row}");
        assert!(print("markdown").contains("\n| ---") && !print("table").is_empty(), "{command:?}");
    }
    server.stop();
}

#[test]
fn without_a_lake_or_with_ids_that_are_none_it_says_what_helps() {
    let scratch = Scratch::new();
    let nowhere = scratch.arg("nowhere");
    for args in [&["list"][..], &["show", "a"], &["replay"], &["drop", "--yes"]] {
        weir(&[&["failed"], args, &["--lake", &nowhere]].concat()).exits(1).says("there is no lake");
    }
    let lake = scratch.lake();
    drop(Server::start(&lake));
    for command in ["show", "replay", "drop"] {
        weir(&["failed", command, "0000", "--lake", &lake]).exits(1).says("there is no failed event `0000`");
    }
    weir(&["failed", "list", "--since", "soon", "--lake", &lake]).exits(2).says("2026-01-31");
    weir(&["failed", "drop", "abc", "--code", "x", "--lake", &lake]).exits(2);
}

/// Sends batches of one good and one bad event each until the server is gone, and gives what was acknowledged, by the answer:
/// names of good events and of bad ones.
fn send_until_gone(http: &Http, round: u64) -> (Vec<String>, Vec<String>, u64) {
    let (mut good, mut bad, mut number) = (Vec::new(), Vec::new(), 0);
    loop {
        number += 1;
        let name = format!("{round}-{number}");
        // Now and then nothing is good, so that the record holds reasons only.
        let only_bad = number % 5 == 0;
        let taken = json!({"event": "good", "user_id": "u", "event_id": name});
        let refused = json!({"event": name});
        let body = if only_bad { json!([refused]) } else { json!([taken, refused]) };
        match http.try_post("/v1/events", "application/json", body.to_string().as_bytes()) {
            Ok(answer) if only_bad => {
                assert_eq!(answer.status, 400, "{}", answer.body);
                if answer.json()["receipt"].is_string() {
                    bad.push(name);
                }
            }
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{}", answer.body);
                good.push(name.clone());
                bad.push(name);
            }
            Err(_) => return (good, bad, number),
        }
    }
}

/// Rows of the live files, by what the commits say of them.
fn rows_in_the_table(scratch: &Scratch) -> u64 {
    let mut live = BTreeMap::new();
    let commits = std::fs::read_dir(scratch.path("lake/failed/_delta_log")).unwrap();
    let mut commits: Vec<_> = commits.map(|commit| commit.unwrap().path()).collect();
    commits.sort();
    for commit in commits {
        for line in std::fs::read_to_string(commit).unwrap().lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["remove"]["path"].as_str() {
                live.remove(path).unwrap();
            }
            if let Some(path) = action["add"]["path"].as_str() {
                let stats: Value = serde_json::from_str(action["add"]["stats"].as_str().unwrap()).unwrap();
                live.insert(path.to_owned(), stats["numRecords"].as_u64().unwrap());
            }
        }
    }
    live.values().sum()
}

#[test]
fn the_counts_are_exact_after_a_loss_of_power_at_any_moment() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let mut dice = Dice::new(17);
    let (mut good, mut bad, mut sent) = (Vec::new(), Vec::new(), 0);
    for round in 0..8 {
        let server = Server::start(&lake);
        let http = server.http().clone();
        let sender = std::thread::spawn(move || send_until_gone(&http, round));
        std::thread::sleep(std::time::Duration::from_millis(200 + dice.below(900) as u64));
        server.kill();
        let (more_good, more_bad, more_sent) = sender.join().unwrap();
        good.extend(more_good);
        bad.extend(more_bad);
        sent += more_sent;
    }
    let server = Server::start(&lake);
    land_what_was_sent(server.http());
    server.stop();

    let mut there: BTreeMap<String, u64> = BTreeMap::new();
    for row in failed(&lake, &["list", "--each", "--limit", "1000000"]).as_array().unwrap() {
        *there.entry(row["event"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(there.values().all(|times| *times == 1), "{:?}", there.iter().find(|(_, times)| **times > 1));
    assert_eq!(rows_in_the_table(&scratch), there.len() as u64, "a row that landed twice would be counted once above");
    let lost: Vec<_> = bad.iter().filter(|name| !there.contains_key(*name)).collect();
    assert!(lost.is_empty(), "{} failed events are lost, such as {}", lost.len(), lost[0]);
    let landed = sql(&lake, "SELECT event_id FROM events WHERE event = 'good'");
    let landed: Vec<&str> = landed.iter().map(|row| row["event_id"].as_str().unwrap()).collect();
    let ids: BTreeSet<&str> = landed.iter().copied().collect();
    assert_eq!(landed.len(), ids.len());
    assert!(good.iter().all(|name| ids.contains(name.as_str())));
    // A record is there whole or not at all, also where nobody heard of it: with each good event its bad one.
    assert!(ids.iter().all(|name| there.contains_key(*name)));
    assert!(there.len() as u64 <= sent && good.len() > 200, "{} of {sent}, {} good", there.len(), good.len());
}
