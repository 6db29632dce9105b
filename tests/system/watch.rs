//! What a server tells those who watch it: figures, a log for machines, its own description.

use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::server::{Server, Starting};
use weir_tests::{Scratch, wait_for};

/// The value of a figure.
fn figure(server: &Server, name: &str) -> Option<f64> {
    let answer = server.http().get("/metrics").with_status(200);
    assert!(answer.header("content-type").starts_with("text/plain"), "{:?}", answer.headers);
    let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.map(|value| value.parse().expect("a number"))
}

#[test]
fn figures_follow_an_event_from_its_request_to_the_table() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let event = json!({"event": "view", "user_id": "u", "event_id": "e1"});
    server.http().land(&[event.clone(), event.clone()]);
    server.http().land(&[event]);
    server.http().post_events("{").with_status(400);
    for (name, value) in [
        (r#"weir_requests_total{protocol="weir",status="200"}"#, 2.0),
        (r#"weir_requests_total{protocol="weir",status="400"}"#, 1.0),
        (r#"weir_events_accepted_total{source="dev"}"#, 3.0),
        (r#"weir_events_rejected_total{code="invalid_json"}"#, 1.0),
        ("weir_append_seconds_count", 3.0),
        (r#"weir_in_flight_requests{lane="live"}"#, 0.0),
        ("weir_events_landed_total", 1.0),
        ("weir_duplicates_total", 2.0),
        ("weir_table_files", 1.0),
    ] {
        assert_eq!(figure(&server, name), Some(value), "{name}");
    }
    // The receipt is told before the loop finds that nothing more waits.
    let lag =
        wait_for(Duration::from_secs(10), || figure(&server, "weir_landing_lag_seconds").filter(|lag| *lag == 0.0));
    assert!(lag.is_some(), "{}", server.http().get("/metrics").body);
    server.stop();
}

#[test]
fn a_log_for_machines_has_each_request_and_no_key() {
    let scratch = Scratch::new();
    let server = Starting::new(&scratch.lake(), &["--log-format", "json"]).ready();
    server.http().post_events(r#"{"event":"secret","user_id":"u"}"#).with_status(200);
    server.http().get("/v1/projects/wk_sesame/settings").with_status(401);
    let lines = || {
        let said = server.said();
        let requests = said.lines().filter(|line| line.contains("weir::requests")).map(str::to_owned);
        Some(requests.collect::<Vec<_>>()).filter(|lines| lines.len() >= 2)
    };
    let lines = wait_for(Duration::from_secs(10), lines).unwrap_or_else(|| panic!("{}", server.said()));
    let fields = |line: &str| serde_json::from_str::<Value>(line).unwrap()["fields"].clone();
    let taken = fields(&lines[0]);
    assert_eq!((&taken["path"], &taken["status"], &taken["accepted"]), (&json!("/v1/events"), &json!(200), &json!(1)));
    let refused = fields(&lines[1]);
    assert_eq!((&refused["path"], &refused["status"]), (&json!("/v1/projects/{key}/settings"), &json!(401)));
    assert!(!server.said().contains("sesame") && !server.said().contains("secret"), "{}", server.said());
    server.stop();

    let quiet = Server::start(&scratch.lake());
    quiet.http().post_events(r#"{"event":"a","user_id":"u"}"#).with_status(200);
    assert!(!quiet.said().contains("answered"), "a log for people has no line for each request:\n{}", quiet.said());
    quiet.stop();
}

#[test]
fn a_server_describes_itself_and_says_that_it_is_ready() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let document = server.http().get("/openapi.json").with_status(200).json();
    assert!(document["paths"]["/v1/events"]["post"].is_object(), "{document}");
    for _ in 0..3 {
        assert_eq!(server.http().get("/health/ready").with_status(200).json(), json!({"status": "ready"}));
    }
    // A log whose directory is gone is found out by asking, although nobody sends.
    std::fs::rename(scratch.path("lake/log"), scratch.path("lake/away")).unwrap();
    let status = || Some(server.http().get("/health/ready")).filter(|answer| answer.status == 503);
    let answer = wait_for(Duration::from_secs(30), status).expect("the log is found to be gone");
    assert_eq!(answer.json()["error"]["code"], "unavailable");
    assert!(!answer.header("retry-after").is_empty());
    std::fs::rename(scratch.path("lake/away"), scratch.path("lake/log")).unwrap();
    let ready = || Some(server.http().get("/health/ready").status).filter(|status| *status == 200);
    assert!(wait_for(Duration::from_secs(30), ready).is_some(), "it becomes ready again by itself");
    server.stop();
}
