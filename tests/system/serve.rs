//! `weir serve`: questions alone, over a lake that is filled elsewhere, for those who may.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::cli::{weir, weir_in, weir_with_input};
use weir_tests::http::Http;
use weir_tests::server::{Server, Starting};
use weir_tests::{Scratch, wait_for};

use super::ask::{event, funnel_of};
use super::progress::{asks, slow};

/// At least 32 bytes.
const KEY: (&str, &str) = ("WEIR_SESSION_KEY", "0123456789abcdef0123456789abcdef");

fn lake(scratch: &Scratch) -> String {
    let event = event("view", "ana", 1_748_854_800_000).to_string();
    weir_with_input(&["import", "-", "--lake", &scratch.lake()], event.as_bytes()).ok();
    scratch.lake()
}

#[track_caller]
fn token(lake: &str, name: &str, role: &str) -> String {
    let added =
        weir(&["tokens", "add", "--name", name, "--role", role, "--lake", lake, "--format", "json"]).ok().json();
    added["token"].as_str().unwrap().to_owned()
}

fn serve(lake: &str, more: &[&str]) -> Server {
    Starting::answering(lake, &[], more).ready()
}

/// The status and the code of an answer to somebody with a token.
fn ask(http: &Http, bearer: &str, path: &str, body: &Value) -> (u16, Value) {
    let header = format!("Bearer {bearer}");
    let answer = http.request("POST", path, &[("authorization", &header)], body.to_string().as_bytes());
    (answer.status, answer.json())
}

#[test]
fn a_server_alone_answers_and_collects_nothing() {
    let scratch = Scratch::new();
    let server = serve(&lake(&scratch), &[]);
    let http = server.http();
    assert_eq!(http.query(&funnel_of(&["view"]))["steps"][0]["count"], 1);
    assert_eq!(http.get("/api/session").json()["auth"], "none");
    http.post_events(event("view", "bob", 1_748_854_800_000).to_string()).with_status(404);
    assert!(http.get("/").with_status(200).body.contains("<html"));
    http.get("/metrics").with_status(200);
    assert!(!scratch.path("lake/log").exists(), "it needs no event log");
    // What lands elsewhere is seen.
    let more = event("view", "bob", 1_748_854_800_000).to_string();
    weir_with_input(&["import", "-", "--lake", &scratch.lake()], more.as_bytes()).ok();
    assert_eq!(http.query(&funnel_of(&["view"]))["steps"][0]["count"], 2);
    server.stop();
}

#[test]
fn what_can_be_reached_from_elsewhere_asks_who_is_there() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let on = |more: &[&str]| weir(&[&["serve", "--lake", &lake, "--port", "0"], more].concat());
    on(&["--host", "0.0.0.0"])
        .exits(1)
        .says("no token that is in force")
        .says("weir tokens add --name YOU --role admin");
    on(&["--host", "0.0.0.0", "--auth", "none"]).exits(2).says("without asking who is there");
    on(&["--auth", "token"]).exits(1).says("no token that is in force");
    token(&lake, "ana", "viewer");
    weir(&["tokens", "disable", "ana", "--lake", &lake]).ok();
    on(&[]).exits(1).says("no token that is in force");
    let none = scratch.arg("none");
    weir(&["serve", "--lake", &none]).exits(1).says("there is no lake");
}

#[test]
fn a_token_is_shown_once_and_its_hash_alone_is_kept() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let text = token(&lake, "ana", "editor");
    weir(&["tokens", "add", "--name", "ana", "--role", "admin", "--lake", &lake])
        .exits(1)
        .says("there is a token `ana` already");
    let listed = weir(&["tokens", "list", "--lake", &lake, "--format", "json"]).ok();
    assert!(!listed.stdout.contains(&text), "{}", listed.stdout);
    assert_eq!((&listed.json()[0]["name"], &listed.json()[0]["state"]), (&json!("ana"), &json!("active")));
    for entry in fs::read_dir(scratch.path("lake/settings")).unwrap() {
        let settings = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(settings.contains("ana") && !settings.contains(&text) && !settings.contains(&text[3..]), "{settings}");
    }
}

#[test]
fn whoever_has_a_token_is_in_until_it_is_disabled() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let (ana, bob) = (token(&lake, "ana", "editor"), token(&lake, "bob", "viewer"));
    let server = serve(&lake, &[]);
    let http = server.http();
    let question = funnel_of(&["view"]);
    let nobody = http.request("POST", "/api/query", &[], question.to_string().as_bytes()).with_status(401);
    assert_eq!(
        (nobody.json()["error"]["code"].as_str(), nobody.header("www-authenticate")),
        (Some("unauthorized"), "Bearer")
    );
    assert!(http.get("/").with_status(200).body.contains("<html"), "the page itself asks for the token");
    assert_eq!(ask(http, &ana, "/api/query", &question).1["steps"][0]["count"], 1);
    let report = json!({"name": "Viewers", "spec": question});
    let (status, refused) = ask(http, &bob, "/api/reports", &report);
    assert_eq!((status, refused["error"]["code"].as_str()), (403, Some("wrong_role")));
    assert_eq!(ask(http, &ana, "/api/reports", &report).1["saved_by"], "ana");

    let login = json!({"token": ana}).to_string();
    let entered = http.request("POST", "/api/login", &[], login.as_bytes()).with_status(200);
    let cookie = entered.header("set-cookie").split(';').next().unwrap().to_owned();
    let session = || http.request("GET", "/api/session", &[("cookie", &cookie)], b"").json()["role"].clone();
    assert_eq!(session(), "editor");
    weir(&["tokens", "disable", "ana", "--lake", &lake]).ok();
    let is_out = wait_for(Duration::from_secs(10), || {
        (session().is_null() && ask(http, &ana, "/api/query", &question).0 == 401).then_some(())
    });
    assert!(is_out.is_some(), "a disabled token goes on");
    assert_eq!(ask(http, &bob, "/api/query", &question).0, 200);
    assert!(!server.said().contains(&ana) && !server.said().contains(&bob), "{}", server.said());
    server.stop();
}

#[test]
fn a_key_of_sessions_keeps_people_logged_in() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let login = json!({"token": token(&lake, "ana", "admin")}).to_string();
    let start = |environment: &[(&str, &str)]| Starting::answering(&lake, environment, &[]).ready();
    let role = |server: &Server, cookie: &str| {
        server.http().request("GET", "/api/session", &[("cookie", cookie)], b"").json()["role"].clone()
    };
    for (environment, remains) in [(&[KEY][..], json!("admin")), (&[], Value::Null)] {
        let server = start(environment);
        let entered = server.http().request("POST", "/api/login", &[], login.as_bytes()).with_status(200);
        let cookie = entered.header("set-cookie").split(';').next().unwrap().to_owned();
        assert_eq!(role(&server, &cookie), "admin");
        server.stop();
        let again = start(environment);
        assert_eq!(role(&again, &cookie), remains);
        again.stop();
    }
    weir_in(&[("WEIR_SESSION_KEY", "short")], &["serve", "--lake", &lake, "--port", "0"])
        .exits(2)
        .says("WEIR_SESSION_KEY has 5 bytes; use at least 32");
}

#[test]
fn a_question_of_a_viewer_has_its_time_and_that_of_an_admin_all_it_needs() {
    let scratch = Scratch::new();
    let question = slow(&scratch, 80_000, 600);
    let lake = scratch.lake();
    let (viewer, admin) = (token(&lake, "ana", "viewer"), token(&lake, "root", "admin"));
    let server = serve(&lake, &["--queries", "1", "--query-seconds", "1"]);
    let http = server.http();
    // The question itself and a few like it, of which each takes a while.
    let mut heavy = question.clone();
    heavy["cohort"] = json!(vec![json!({"funnel": {"steps": question["steps"]}}); 4]);
    let started = Instant::now();
    let (status, given_up) = ask(http, &viewer, "/api/query", &heavy);
    assert_eq!((status, given_up["error"]["code"].as_str()), (503, Some("query_too_long")));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let bearer = format!("Bearer {viewer}");
    let mut lines = String::new();
    asks(&server, &[("authorization", &bearer)], &heavy).read_to_string(&mut lines).unwrap();
    assert!(lines.contains(r#"{"progress":"#) && lines.contains(r#"{"error":{"code":"query_too_long""#), "{lines}");
    // Its turn is free again.
    assert_eq!(ask(http, &viewer, "/api/query", &funnel_of(&["a"])).0, 200);
    let (status, answer) = ask(http, &admin, "/api/query", &heavy);
    assert_eq!((status, &answer["steps"][0]["count"]), (200, &json!(0)));
    server.stop();
}
