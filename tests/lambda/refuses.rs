//! What the function refuses, and what it says and does not say.

use serde_json::{Value, json};
use weir_tests::http::Http;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::{Config, Function};

use crate::site::{Site, event, gzip, program};

#[test]
fn a_key_that_is_switched_off_is_refused_while_the_function_runs() {
    let site = Site::new("off");
    let function = site.function(Door::FunctionUrl);
    let http = Http::new(function.url());
    let send = || http.post("/v1/events", ("x-write-key", site.key()), event(0).to_string().as_bytes()).status;
    assert_eq!(send(), 200);
    site.disable_key();
    let refused = weir_tests::wait_for(std::time::Duration::from_secs(30), || (send() == 401).then_some(()));
    assert!(refused.is_some(), "the key is still taken after 30 s");
}

#[test]
fn requests_that_bring_nothing_are_answered_as_by_a_server() {
    let site = Site::new("refusals");
    let function = site.function(Door::FunctionUrl);
    let http = Http::new(function.url());
    let key = ("x-write-key", site.key());
    assert_eq!(http.post_events(event(0).to_string()).with_status(401).json()["error"]["code"], "missing_key");
    let unknown = http.post("/v1/events", ("x-write-key", "wk_other"), event(0).to_string().as_bytes());
    assert_eq!(unknown.with_status(401).json()["error"]["code"], "unknown_key");
    let bad = http.post("/v1/events", key, b"{\"event\":").with_status(400).json();
    assert_eq!(bad["rejected"][0]["code"], "invalid_json");
    let bomb = gzip(&vec![b' '; 20 * 1024 * 1024]);
    http.post("/v1/events", key, &bomb).with_status(413);
    http.get("/v1/nothing").with_status(404);
    assert_eq!(http.get("/v1/events").with_status(405).header("allow"), "POST, OPTIONS");
}

#[test]
fn logs_and_metrics_hold_neither_keys_nor_payloads() {
    let site = Site::new("logs");
    let function = site.function_with(&[("WEIR_LOG", "debug")]);
    let http = Http::new(function.url());
    let secret =
        json!({"event": "E", "user_id": "user-zzyzx", "properties": {"note": "payload-zzyzx"}, "event_id": "x"});
    http.post("/v1/events", ("x-write-key", site.key()), secret.to_string().as_bytes()).with_status(200);
    let bad = http.post("/v1/events", ("x-write-key", site.key()), b"[{\"event\":\"payload-zzyzx\"}]");
    bad.with_status(400);
    http.post("/v1/events", ("x-write-key", "wk_zzyzx"), b"payload-zzyzx").with_status(401);
    let said = function.end().said;
    assert!(!said.contains("zzyzx") && !said.contains(site.key()), "{said}");
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let metrics: Vec<Value> = lines.filter(|line| line.get("_aws").is_some()).collect();
    assert!(!metrics.is_empty(), "{said}");
    assert_eq!(metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "weir");
}

#[test]
fn an_environment_that_is_wrong_is_told_whole() {
    let function = Function::new(Config::new(program(), &[("WEIR_APPEND_MS", "soon")]));
    let answer = Http::new(function.url()).get("/health/live").with_status(502);
    let said = answer.body + &function.end().said;
    for part in ["WEIR_LAKE is not set", "WEIR_STREAM is not set", "WEIR_APPEND_MS is `soon`"] {
        assert!(said.contains(part), "{part} not in {said}");
    }
}
