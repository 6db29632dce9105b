//! Write keys from outside: `weir keys` beside a running `weir dev`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, and real processes run in real time"
)]

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::cli::weir;
use weir_tests::http::{Answer, Http, receipt_of};
use weir_tests::server::Server;
use weir_tests::{Scratch, instant_ms, now_ms, wait_for};

/// A change of keys is in force by then, without a restart.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(30);

/// Runs `weir keys` on the lake of a test, and gives its document.
#[track_caller]
fn keys(scratch: &Scratch, args: &[&str]) -> Value {
    let lake = scratch.lake();
    weir(&[&["keys"], args, &["--lake", &lake, "--format", "json"]].concat()).ok().json()
}

/// Makes a key, and gives its text.
#[track_caller]
fn add(scratch: &Scratch, args: &[&str]) -> String {
    keys(scratch, &[&["add"], args].concat())["key"].as_str().unwrap().to_owned()
}

fn batch(events: usize, user: &str) -> String {
    let event = |n: usize| json!({"event": "view", "user_id": user, "properties": {"n": n}});
    Value::from_iter((0..events).map(event)).to_string()
}

fn send(http: &Http, key: &str, body: &str) -> Answer {
    http.post("/v1/events", ("x-write-key", key), body.as_bytes())
}

/// Sends one event again and again until it is answered with a status, and gives that answer.
#[track_caller]
fn wait_for_status(http: &Http, key: &str, status: u16) -> Answer {
    let answered = wait_for(IN_FORCE_WITHIN, || {
        let answer = send(http, key, &batch(1, "waiting"));
        if answer.status == status {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(200));
        None
    });
    answered.unwrap_or_else(|| panic!("{key} is not answered with {status} after {IN_FORCE_WITHIN:?}"))
}

/// Events of each source whose user is not `waiting`.
#[track_caller]
fn events_by_source(scratch: &Scratch) -> Vec<(String, u64)> {
    let query = "SELECT source, count(*) AS n FROM events WHERE user_id <> 'waiting' GROUP BY source ORDER BY source";
    let rows = weir(&["sql", query, "--lake", &scratch.lake(), "--format", "json"]).ok().json();
    let row = |row: &Value| (row["source"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap());
    rows.as_array().unwrap().iter().map(row).collect()
}

/// The code of an error, which must have a status.
#[track_caller]
fn code(answer: Answer, status: u16) -> String {
    answer.with_status(status).json()["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_made_while_the_server_runs_gives_its_events_their_source() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    assert_eq!(keys(&scratch, &["list"]), json!([]));
    let before = now_ms();
    let added = keys(&scratch, &["add", "--source", "shop 앱"]);
    let key = added["key"].as_str().unwrap();
    assert_eq!(added, json!({"key": key, "source": "shop 앱"}));
    let digits = key.strip_prefix("wk_").unwrap();
    assert!(digits.len() == 24 && digits.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");

    wait_for_status(server.http(), key, 200);
    let answer = send(server.http(), key, &batch(3, "u")).with_status(200).json();
    let bearer = format!("Bearer {key}");
    server.http().post("/v1/events", ("authorization", &bearer), batch(2, "u").as_bytes()).with_status(200);
    let last = server.http().post_events(batch(4, "u")).with_status(200).json();
    for answer in [answer, last] {
        server.http().wait_until_queryable(&receipt_of(&answer));
    }
    assert_eq!(events_by_source(&scratch), [("dev".to_owned(), 4), ("shop 앱".to_owned(), 5)]);

    let listed = keys(&scratch, &["list"]);
    let created = instant_ms(listed[0]["created_at"].as_str().unwrap());
    assert!((before..=now_ms()).contains(&created), "{listed}");
    assert_eq!((&listed[0]["state"], &listed[0]["origins"]), (&json!("active"), &json!([])));
    assert_eq!((&listed[0]["events_per_second"], &listed[0]["disabled_at"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_key_is_disabled_enabled_and_replaced_without_a_restart() {
    let scratch = Scratch::new();
    drop(Server::start(&scratch.lake()));
    let old = add(&scratch, &["--source", "web", "--events-per-second", "1000"]);
    // Keys that are there when the server starts are in force from its first answer on.
    let server = Server::start(&scratch.lake());
    send(server.http(), &old, &batch(1, "u")).with_status(200);
    assert_eq!(code(send(server.http(), "wk_000000000000000000000000", &batch(1, "u")), 401), "unknown_key");

    assert_eq!(keys(&scratch, &["disable", &old[..10]])["state"], "disabled");
    assert_eq!(code(wait_for_status(server.http(), &old, 401), 401), "disabled_key");
    assert_eq!(keys(&scratch, &["enable", &old])["state"], "active");
    wait_for_status(server.http(), &old, 200);

    let rotated = keys(&scratch, &["rotate", &old, "--grace", "20s"]);
    let rotated_at = Instant::now();
    let new = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!((&rotated["source"], &rotated["replaces"]), (&json!("web"), &json!(old)));
    wait_for_status(server.http(), &new, 200);
    if rotated_at.elapsed() < Duration::from_secs(15) {
        send(server.http(), &old, &batch(1, "u")).with_status(200);
    }
    // The grace ends by itself, and the new key goes on.
    assert_eq!(code(wait_for_status(server.http(), &old, 401), 401), "disabled_key");
    assert!(rotated_at.elapsed() > Duration::from_secs(18), "the old key ended after {:?}", rotated_at.elapsed());
    send(server.http(), &new, &batch(1, "u")).with_status(200);
    let listed = keys(&scratch, &["list"]);
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["disabled", "active"]);
    assert_eq!(listed[1]["events_per_second"], 1000);
}

#[test]
fn pages_of_other_origins_are_refused() {
    let scratch = Scratch::new();
    drop(Server::start(&scratch.lake()));
    let key = add(
        &scratch,
        &["--source", "web", "--origin", "https://Shop.example:443", "--origin", "http://localhost:3000"],
    );
    let server = Server::start(&scratch.lake());
    let ask = |origin: &str| {
        let body = batch(1, "u");
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nX-Write-Key: {key}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        weir_tests::http::raw(server.address(), &request).to_ascii_lowercase()
    };
    for origin in ["https://shop.example", "http://localhost:3000"] {
        let answer = ask(origin);
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("access-control-allow-origin: {origin}\r\n")), "{answer}");
    }
    let answer = ask("https://evil.example");
    assert!(answer.starts_with("http/1.1 403") && answer.contains("origin_not_allowed"), "{answer}");
    assert!(answer.contains("https://evil.example") && !answer.contains("access-control-allow-origin"), "{answer}");
    // A server names no origin.
    let last = send(server.http(), &key, &batch(1, "u")).with_status(200).json();
    server.http().wait_until_queryable(&receipt_of(&last));
    assert_eq!(events_by_source(&scratch), [("web".to_owned(), 3)]);
}

#[test]
fn over_the_rate_nothing_is_stored_and_the_answer_says_when_to_come_back() {
    let scratch = Scratch::new();
    drop(Server::start(&scratch.lake()));
    let slow = add(&scratch, &["--source", "slow", "--events-per-second", "100", "--burst", "150"]);
    let free = add(&scratch, &["--source", "free"]);
    let server = Server::start(&scratch.lake());
    let (started, http) = (Instant::now(), server.http());
    // Four senders, each at full speed for a few seconds.
    let senders: Vec<(u64, u64, Option<String>)> = std::thread::scope(|scope| {
        let sender = || {
            let (mut accepted, mut refused, mut receipt) = (0, 0, None);
            while started.elapsed() < Duration::from_secs(4) {
                let answer = send(http, &slow, &batch(20, "u"));
                if answer.status == 200 {
                    accepted += answer.json()["accepted"].as_u64().unwrap();
                    receipt = Some(receipt_of(&answer.json()));
                    continue;
                }
                refused += 1;
                let wait: u64 = answer.header("retry-after").parse().expect("seconds");
                assert!((1..=2).contains(&wait), "{wait}");
                assert_eq!(code(answer, 429), "over_rate");
            }
            (accepted, refused, receipt)
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(sender)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let accepted: u64 = senders.iter().map(|sender| sender.0).sum();
    assert!(senders.iter().any(|sender| sender.1 > 0), "nobody was refused");
    assert!(accepted >= 150 && accepted as f64 <= 150.0 + 100.0 * seconds, "{accepted} events in {seconds} s");
    // A batch larger than the burst is taken when the bucket is full; another key has a rate of its own.
    std::thread::sleep(Duration::from_millis(1_600));
    send(server.http(), &slow, &batch(400, "u")).with_status(200);
    assert_eq!(code(send(server.http(), &slow, &batch(1, "u")), 429), "over_rate");
    let last = send(server.http(), &free, &batch(5_000, "u")).with_status(200).json();

    for receipt in senders.into_iter().filter_map(|sender| sender.2).chain([receipt_of(&last)]) {
        server.http().wait_until_queryable(&receipt);
    }
    let expected = [("free".to_owned(), 5_000), ("slow".to_owned(), accepted + 400)];
    assert_eq!(events_by_source(&scratch), expected, "what was accepted is what is queryable");
}

#[test]
fn broken_settings_change_nothing_and_are_named() {
    let scratch = Scratch::new();
    drop(Server::start(&scratch.lake()));
    let key = add(&scratch, &["--source", "web"]);
    let server = Server::start(&scratch.lake());
    let broken = scratch.path("lake/settings/00000000000000000002.json");
    fs::write(&broken, "{\"weir_settings\":1,").unwrap();
    let said = wait_for(IN_FORCE_WITHIN, || server.said().contains("00000000000000000002.json").then_some(()));
    assert!(said.is_some(), "the server says nothing of broken settings: {}", server.said());
    send(server.http(), &key, &batch(1, "u")).with_status(200);
    let ran = weir(&["keys", "list", "--lake", &scratch.lake()]).exits(1);
    ran.says("settings/00000000000000000002.json").says("remove it");
    fs::write(&broken, "{\"weir_settings\":2}").unwrap();
    weir(&["keys", "add", "--source", "x", "--lake", &scratch.lake()]).exits(1).says("upgrade weir");
    fs::remove_file(&broken).unwrap();
    let other = add(&scratch, &["--source", "app"]);
    wait_for_status(server.http(), &other, 200);
}

#[test]
fn what_cannot_be_done_is_said_with_what_helps() {
    let scratch = Scratch::new();
    let nowhere = scratch.arg("nowhere");
    for args in [&["list"][..], &["add", "--source", "a"], &["disable", "wk_1"], &["rotate", "wk_1"]] {
        weir(&[&["keys"], args, &["--lake", &nowhere]].concat()).exits(1).says(&nowhere).says("weir dev");
    }
    assert!(!scratch.path("nowhere").exists());
    // A folder without a table is no lake.
    fs::create_dir(scratch.path("folder")).unwrap();
    weir(&["keys", "add", "--source", "a", "--lake", &scratch.arg("folder")]).exits(1).says("there is no lake");
    assert_eq!(fs::read_dir(scratch.path("folder")).unwrap().count(), 0);

    let lake = scratch.lake();
    drop(Server::start(&lake));
    for key in ["wk_none", ""] {
        weir(&["keys", "disable", key, "--lake", &lake]).exits(1).says("weir keys list");
    }
    weir(&["keys", "add", "--source", "", "--lake", &lake]).exits(2).says("name");
    weir(&["keys", "add", "--source", "a", "--origin", "https://a.example/shop", "--lake", &lake])
        .exits(2)
        .says("no path");
    weir(&["keys", "add", "--source", "a", "--origin", "*", "--lake", &lake]).exits(2).says("https://shop.example");
    weir(&["keys", "add", "--source", "a", "--burst", "5", "--lake", &lake]).exits(2).says("--events-per-second");
    weir(&["keys", "rotate", "wk_1", "--grace", "soon", "--lake", &lake]).exits(2).says("soon");
    assert_eq!(keys(&scratch, &["list"]), json!([]));
}
