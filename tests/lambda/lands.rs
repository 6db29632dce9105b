//! What is accepted can be asked for, whatever happens to stream and process.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use weir_tests::http::Http;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::source::Mapping;

use crate::site::{Site, event, gzip};

#[test]
fn every_door_and_every_form_of_a_body_leads_to_the_lake() {
    let mut sent = 0;
    let mut site = Site::new("doors");
    for door in [Door::FunctionUrl, Door::HttpApi, Door::HttpApiStage("live")] {
        let function = site.function(door);
        let http = Http::new(function.url());
        let key = ("x-write-key", site.key());
        let text = http.post("/v1/events", key, event(sent).to_string().as_bytes()).with_status(200);
        assert_eq!(text.header("access-control-allow-origin"), "*");
        let packed = gzip(json!([event(sent + 1), event(sent + 2)]).to_string().as_bytes());
        assert_eq!(http.post("/v1/events", key, &packed).with_status(200).json()["accepted"], 2);
        let track = json!({"writeKey": site.key(), "userId": "u", "event": "E", "messageId": format!("m{sent}")});
        let beacon = http.post("/v1/t", ("content-type", "text/plain"), track.to_string().as_bytes());
        assert_eq!(beacon.with_status(200).json()["success"], true);
        sent += 4;
        assert_eq!(http.get("/health/live").with_status(200).json()["status"], "live");
        drop(function);
    }
    assert_eq!(site.land(), sent);
}

#[test]
fn a_receipt_tells_the_version_since_which_its_events_are_there() {
    let mut site = Site::new("receipts");
    let function = site.function(Door::FunctionUrl);
    let http = Http::new(function.url());
    let receipts: Vec<_> = (0..3)
        .map(|number| {
            let answer = http.post("/v1/events", ("x-write-key", site.key()), event(number).to_string().as_bytes());
            let receipt = weir_tests::http::receipt_of(&answer.with_status(200).json());
            let path = format!("/v1/receipts/{receipt}");
            assert_eq!(http.get(&path).with_status(200).json()["status"], "stored");
            assert_eq!(site.land(), number + 1);
            (path, site.version())
        })
        .collect();
    for (path, version) in receipts {
        let answer = http.get(&path).with_status(200).json();
        assert_eq!((&answer["status"], &answer["version"]), (&json!("queryable"), &json!(version)));
    }
}

#[test]
fn without_the_stream_the_overflow_takes_events_and_they_land_too() {
    let mut site = Site::new("overflow");
    let function = site.function_without_stream();
    let http = Http::new(function.url());
    let key = ("x-write-key", site.key());
    let receipt = {
        let answer = http.post("/v1/events", key, event(0).to_string().as_bytes()).with_status(200).json();
        weir_tests::http::receipt_of(&answer)
    };
    for number in 1..10 {
        http.post("/v1/events", key, event(number).to_string().as_bytes()).with_status(200);
    }
    let state = || http.get(&format!("/v1/receipts/{receipt}")).with_status(200).json()["status"].clone();
    assert_eq!(state(), "stored");
    assert_eq!(site.land(), 10);
    assert_eq!(state(), "queryable");
}

#[test]
fn a_process_that_is_killed_takes_nothing_along() {
    let mut site = Site::new("killed");
    let function = site.function(Door::FunctionUrl);
    let http = Http::new(function.url());
    for number in 0..5 {
        let answer = http.post("/v1/events", ("x-write-key", site.key()), event(number).to_string().as_bytes());
        answer.with_status(200);
        function.kill_idle();
    }
    assert_eq!(site.land(), 5);
    assert_eq!(function.end().starts.len(), 5, "each request started a process");
}

/// An old collector runs beside a new compactor while a deployment is shifted, and after it was rolled back. What each version
/// writes is kept by `examples/keep_records.rs`.
#[test]
fn what_collectors_of_every_version_write_is_landed_by_this_compactor() {
    let versions: Vec<_> = std::fs::read_dir("testdata/records").unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!versions.is_empty());
    for (number, file) in versions.iter().enumerate() {
        let site = Site::new(&format!("records-{number}"));
        let text = std::fs::read_to_string(file).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let said = lines.next().unwrap();
        let (compactor, mut source) = (site.compactor(1), site.source(Mapping::default()));
        for (place, record) in lines.enumerate() {
            site.put(place % 2, &STANDARD.decode(record.as_str().unwrap()).unwrap());
        }
        source.deliver(&compactor);
        assert_eq!(site.snapshot().rows(), said["events"].as_u64().unwrap(), "{}", file.display());
        let failed = site.wait_for(site.store().list(&"failed/landed".into(), None)).unwrap();
        assert!(!failed.is_empty() && said["failed"].as_u64().unwrap() > 0, "what failed is kept: {failed:?}");
        assert!(site.wait_for(site.store().list(&"unreadable".into(), None)).unwrap().is_empty());
    }
}
