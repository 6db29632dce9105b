//! Restarts, two writers, two servers, one port.

use std::fs;
use std::time::Duration;

use serde_json::json;
use weir_tests::cli::weir;
use weir_tests::server::Server;
use weir_tests::{Scratch, wait_for};

use super::ask::{counts, event, event_count, funnel_of, sql, without_cost};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;

#[test]
fn a_restart_keeps_everything() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let first = server.http().send(&[event("view", "u1", MONDAY), event("buy", "u1", MONDAY + 5)]);
    // Not waited for: what is stored when the server is asked to end is landed before it does.
    server.stop();
    assert_eq!(event_count(&scratch.lake()), 2);
    let server = Server::start(&scratch.lake());
    let spec = funnel_of(&["view", "buy"]);
    assert_eq!(counts(&server.http().query(&spec)), [1, 1]);
    server.http().wait_until_queryable(&first);
    server.http().land(&[event("view", "u2", MONDAY), event("buy", "u2", MONDAY + 5)]);
    let before = server.http().query(&spec);
    assert_eq!(counts(&before), [2, 2]);
    // A receipt of now is behind every receipt of before.
    assert_ne!(server.http().send(&[event("view", "u1", MONDAY)]), first);
    server.stop();
    let server = Server::start(&scratch.lake());
    let after = server.http().query(&spec);
    assert_eq!(without_cost(after)["steps"], without_cost(before)["steps"]);
    assert!(server.said().contains("5 events"), "{}", server.said());
}

#[test]
fn a_killed_server_has_all_it_acknowledged() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let receipt = server.http().send(&[event("view", "u1", MONDAY), event("buy", "u1", MONDAY)]);
    server.kill();
    let server = Server::start(&scratch.lake());
    server.http().wait_until_queryable(&receipt);
    assert_eq!(event_count(&scratch.lake()), 2);
}

#[test]
fn an_import_into_the_lake_of_a_running_server_loses_nothing() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let line = |n: i64| {
        let (user, id) = (format!("u{n}"), format!("i-{n}"));
        json!({"event": "imported", "user_id": user, "event_id": id, "timestamp": MONDAY + n})
    };
    let file = scratch.file("events.ndjson", (0..20_000).map(|n| line(n).to_string() + "\n").collect::<String>());
    let report = std::thread::scope(|scope| {
        let import = scope.spawn(|| weir(&["import", &file, "--lake", &lake, "--format", "json"]).ok().json());
        let mut receipt = String::new();
        let mut sent = 0_i64;
        while !import.is_finished() || sent < 50 {
            receipt = server.http().send(&[event("sent", &format!("u{sent}"), MONDAY + 30_000 + sent)]);
            sent += 1;
        }
        server.http().wait_until_queryable(&receipt);
        let counted = sql(&lake, "SELECT count(*) AS n FROM events WHERE event = 'sent'");
        assert_eq!(counted, [json!({"n": sent})]);
        import.join().unwrap()
    });
    assert_eq!((&report["accepted"], &report["duplicates"]), (&json!(20_000), &json!(0)));
    let counted =
        sql(&lake, "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM events WHERE event = 'imported'");
    assert_eq!(counted, [json!({"n": 20_000, "ids": 20_000})]);
    // The server answers with what another process has brought.
    let report = server.http().query(&funnel_of(&["imported", "sent"]));
    assert_eq!(report["steps"][0]["count"], 20_000);
    assert!(report["steps"][1]["count"].as_u64().unwrap() >= 50, "{report}");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_helps() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let port = server.address().rsplit_once(':').unwrap().1;
    let ran = weir(&["dev", "--lake", &scratch.arg("other"), "--port", port]).exits(1);
    ran.says(port).says("--port");
}

#[test]
fn a_second_server_on_one_lake_is_told_who_has_it() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let ran = weir(&["dev", "--lake", &scratch.lake(), "--port", "0"]).exits(1);
    let ran = ran.says("another process").says(&scratch.lake());
    assert_eq!(ran.stdout, "");
    // The first is not disturbed.
    server.http().land(&[event("view", "u1", MONDAY)]);
    server.stop();
    // And its lake is free again.
    let server = Server::start(&scratch.lake());
    assert_eq!(counts(&server.http().query(&funnel_of(&["view"]))), [1]);
    server.stop();
}

#[test]
fn a_server_that_says_it_is_ready_ends_well_when_asked_at_once() {
    let scratch = Scratch::new();
    for _ in 0..12 {
        Server::start(&scratch.lake()).stop();
    }
}

#[test]
fn a_server_that_may_be_reached_from_elsewhere_is_refused() {
    let scratch = Scratch::new();
    weir(&["dev", "--lake", &scratch.lake(), "--port", "0", "--host", "0.0.0.0"]).exits(2).says("0.0.0.0");
}

#[test]
fn demo_data_fills_an_empty_lake_and_no_other() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = weir_tests::server::Starting::new(&lake, &["--demo", "3000"]).ready();
    let report = server.http().query(&funnel_of(&["view_job", "apply_start"]));
    assert!(counts(&report)[0] > 50 && counts(&report)[1] > 10, "{report}");
    assert!(report["complete_to"].is_string(), "{report}");
    server.stop();
    let events = event_count(&lake);
    assert!((2_900..=3_000).contains(&events), "{events} without copies");
    let server = weir_tests::server::Starting::new(&lake, &["--demo", "3000"]).ready();
    assert!(server.said().contains("already"), "{}", server.said());
    assert_eq!(event_count(&lake), events);
    server.stop();
}

/// Puts a record into the overflow of a lake, as a collector does whose log is out.
fn overflow(scratch: &Scratch, number: u128, event: &str) {
    let header = json!({"weir": 1, "received": MONDAY, "source": "shop"});
    let line = json!({"place": 0, "event": event, "user_id": "u", "timestamp": MONDAY, "event_id": event});
    let folder = scratch.path("lake/overflow");
    fs::create_dir_all(&folder).unwrap();
    // It is there whole or not at all.
    let written = scratch.file("record", format!("{header}\n{line}\n"));
    fs::rename(written, folder.join(format!("{number:039}.weir"))).unwrap();
}

#[test]
fn what_the_overflow_holds_lands_at_the_start_and_while_the_server_runs() {
    let scratch = Scratch::new();
    overflow(&scratch, 1, "before");
    let server = Server::start(&scratch.lake());
    let spec = funnel_of(&["before", "meanwhile"]);
    let comes_to = |expected: [u64; 2]| {
        let is_there = || (counts(&server.http().query(&spec)) == expected).then_some(());
        wait_for(Duration::from_secs(20), is_there).unwrap_or_else(|| panic!("not {expected:?}: {}", server.said()));
    };
    comes_to([1, 0]);
    overflow(&scratch, 2, "meanwhile");
    comes_to([1, 1]);
    let gone = || fs::read_dir(scratch.path("lake/overflow")).unwrap().next().is_none().then_some(());
    wait_for(Duration::from_secs(20), gone).expect("what is landed is removed");
    server.stop();
    assert_eq!(event_count(&scratch.lake()), 2);
}
