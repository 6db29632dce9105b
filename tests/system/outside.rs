//! `weir doctor` from outside: an event sent, followed and asked for, and what it says of each part that fails; and `weir embeds`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{Ran, weir, weir_with_input};
use weir_tests::http::Http;
use weir_tests::server::{Server, Starting};

use super::ask::event;

fn doctor(lake: &str, collector: &str, more: &[&str]) -> Ran {
    let fixed = ["doctor", "--lake", lake, "--collector", collector, "--format", "json"];
    weir(&[&fixed[..], more].concat())
}

#[track_caller]
fn code(ran: &Ran) -> String {
    ran.json()["findings"][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// Something that answers every request so.
fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let _ = client.read(&mut head);
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            let _ = client.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn an_event_is_followed_from_the_collector_into_the_lake() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let address = format!("http://{}", server.address());
    weir(&["keys", "add", "--source", "doctor", "--lake", &lake]).ok();
    weir_tests::wait_for(std::time::Duration::from_secs(10), || {
        // The running collector has to know the key.
        let ran = doctor(&lake, &address, &["--wait", "30"]);
        (ran.json()["healthy"] == json!(true)).then_some(())
    })
    .expect("all is well");
    let well = doctor(&lake, &address, &["--wait", "30"]).ok();
    well.says("the collector took an event in").says("it was in the lake").says("a question about this lake finds it");
    let timeline = weir(&["user", "weir-doctor", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(timeline["events"][0]["event"], "weir_doctor");
    // `weir dev` asks nobody who they are, which is no way to be on the internet.
    let open = doctor(&lake, &address, &["--page", &address]).exits(1);
    assert_eq!(code(&open), "page_is_open");
    let wrong_key = doctor(&lake, &address, &["--key", "wk_nobody"]).exits(1);
    assert_eq!(code(&wrong_key), "event_refused");

    let other = Scratch::new();
    let copy = event("view", "ana", 1_748_854_800_000).to_string();
    weir_with_input(&["import", "-", "--lake", &other.lake()], copy.as_bytes()).ok();
    assert_eq!(code(&doctor(&other.lake(), &address, &[]).exits(1)), "no_key");
    let keys = weir(&["keys", "list", "--lake", &lake, "--format", "json"]).ok().json();
    let key = keys[0]["key"].as_str().unwrap();
    let elsewhere = doctor(&other.lake(), &address, &["--key", key]).exits(1);
    assert_eq!(code(&elsewhere), "other_lake", "{}", elsewhere.json());
    server.stop();
}

#[test]
fn each_part_that_fails_is_named() {
    let scratch = Scratch::new();
    let copy = event("view", "ana", 1_748_854_800_000).to_string();
    weir_with_input(&["import", "-", "--lake", &scratch.lake()], copy.as_bytes()).ok();
    let lake = scratch.lake();
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let silent = doctor(&lake, &format!("http://{nobody}"), &[]).exits(1);
    assert_eq!(code(&silent), "collector_unreachable");
    let refused = doctor(&lake, &answering("403 Forbidden", "{\"Message\":\"Forbidden\"}"), &[]).exits(1);
    assert_eq!(code(&refused), "collector_not_ready");
    let remedy = refused.json()["findings"][0]["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("function URL"), "{remedy}");
    let stays = answering("200 OK", r#"{"receipt":"r1-x","status":"stored"}"#);
    let waits = doctor(&lake, &stays, &["--key", "wk_any", "--wait", "1"]).exits(1);
    assert_eq!(code(&waits), "event_does_not_land");
    let remedy = waits.json()["findings"][0]["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("kinesis:GetRecords") && remedy.contains("event source mapping"), "{remedy}");
    weir(&["doctor", "--lake", &lake, "--collector", "events.example"]).exits(2).says("https://weir.example");
}

#[test]
fn an_embed_is_made_on_the_command_line_and_shows_one_report() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let copy = event("view", "ana", 1_748_854_800_000).to_string();
    weir_with_input(&["import", "-", "--lake", &lake], copy.as_bytes()).ok();
    let server = Starting::answering(&lake, &[], &["--frame-ancestor", "https://wiki.example"]).ready();
    let report = json!({"name": "Buyers", "spec": {"kind": "funnel", "steps": [{"event": "view"}]}});
    let saved = server.http().post("/api/reports", ("content-type", "application/json"), report.to_string().as_bytes());
    let id = saved.with_status(201).json()["id"].as_str().unwrap().to_owned();
    let add = |name: &str, report: &str| {
        weir(&["embeds", "add", "--name", name, "--report", report, "--lake", &lake, "--format", "json"])
    };
    let token = add("wiki", &id).ok().json()["token"].as_str().unwrap().to_owned();
    add("wiki", &id).exits(1).says("there is an embed `wiki` already");
    add("hall", "0190").exits(1).says("the lake has no report `0190`");
    let listed = weir(&["embeds", "list", "--lake", &lake]).ok();
    assert!(!listed.stdout.contains(&token) && listed.stdout.contains("wiki"), "{}", listed.stdout);
    let seen = |http: &Http| {
        let header = format!("Bearer {token}");
        http.request("POST", "/api/embedded/query", &[("authorization", &header)], b"")
    };
    let shown = weir_tests::wait_for(std::time::Duration::from_secs(10), || {
        let answer = seen(server.http());
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(shown.expect("it is known soon")["steps"][0]["count"], Value::from(1));
    let page = server.http().get("/").with_status(200);
    assert!(page.header("content-security-policy").ends_with("frame-ancestors https://wiki.example"));
    weir(&["embeds", "disable", "wikki", "--lake", &lake]).exits(1).says("did you mean `wiki`?");
    weir(&["embeds", "disable", "wiki", "--lake", &lake]).ok().says("knows within seconds");
    let gone =
        weir_tests::wait_for(std::time::Duration::from_secs(10), || (seen(server.http()).status == 401).then_some(()));
    gone.expect("it is known soon");
    server.stop();
}
