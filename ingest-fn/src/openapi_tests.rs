//! The document, held against the server.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use flate2::write::GzEncoder;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use tower::ServiceExt;
use weir_core::event::{MAX_DEPTH, MAX_EVENT_BYTES, MAX_KEYS, MAX_NAME_BYTES};
use weir_core::ports::{CountingIds, FaultyLog, ManualClock, MemoryLog};

use super::*;
use crate::body::{MAX_BODY_BYTES, MAX_EVENTS};
use crate::collector::testing::NothingLands;
use crate::keys::{KeyPolicy, Keys};
use crate::load::{Amount, LoadSettings};
use crate::{Collector, codes, router};

const GOOD: &str = r#"{"event":"a","user_id":"u"}"#;
const BATCH: &str = r#"{"batch":[{"type":"track","event":"E","userId":"u"}]}"#;
const POSTHOG: &str = r#"{"event":"E","distinct_id":"d"}"#;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Follows a reference within the document.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).expect(reference),
        None => value,
    }
}

/// A validator of one schema of the document.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
        "allOf": [schema],
    });
    jsonschema::validator_for(&whole).unwrap()
}

#[track_caller]
fn assert_valid(document: &Value, schema: &Value, instance: &Value, what: &str) {
    let problems: Vec<_> = validator(document, schema).iter_errors(instance).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{what}: {problems:?} in {instance}");
}

struct Site {
    log: Arc<FaultyLog<MemoryLog>>,
    router: Router,
}

fn site(body_time: Duration, requests: u64) -> Site {
    let log = Arc::new(FaultyLog::new(MemoryLog::default()));
    let keys = [
        json!({"key": "wk_any", "source": "app", "created_at": 0}),
        json!({"key": "wk_page", "source": "web", "created_at": 0, "origins": ["https://a.example"]}),
        json!({"key": "wk_slow", "source": "slow", "created_at": 0, "events_per_second": 1, "burst": 1}),
        json!({"key": "wk_off", "source": "app", "created_at": 0, "disabled_at": 0}),
    ];
    let keys = Keys::new(keys.into_iter().map(|key| serde_json::from_value(key).unwrap()).collect());
    let (clock, ids) = (Arc::new(ManualClock::new(1_767_225_600_000)), Arc::new(CountingIds::default()));
    let collector = Collector::new(log.clone(), clock, ids, KeyPolicy::anyone_as("dev", keys), Arc::new(NothingLands));
    let most = Amount { bytes: LoadSettings::FEWEST_BYTES, requests };
    let collector = collector.with_load(LoadSettings { most, body_time, ..LoadSettings::default() });
    Site { log, router: router(Arc::new(collector)) }
}

/// The paths of a router, as its debug text lists them: axum has no other way to ask.
fn routes(router: &Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with('/')).map(str::to_owned).collect()
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = document();
    let listed: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let mut routes = routes(&site(Duration::from_secs(30), 16).router);
    // The last two are axum's own, for paths that are none of the collector's.
    for nothing_here in ["/v1", "/v1/", "/v1/{*rest}", "/", "/{*__private__axum_fallback}"] {
        assert!(routes.remove(nothing_here), "{nothing_here}: {routes:?}");
    }
    assert!(routes.len() > 40, "the routes are not found: {routes:?}");
    assert_eq!(routes, listed);
}

#[tokio::test]
async fn every_operation_of_the_document_is_served() {
    let document = document();
    let router = site(Duration::from_secs(30), 16).router;
    for (path, item) in document["paths"].as_object().unwrap() {
        let served = path.replace("{key}", "wk_any").replace("{receipt}", "r1-memory-0-1");
        let operations = resolved(&document, item).as_object().unwrap();
        for method in ["get", "post", "options", "put", "delete"] {
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&served);
            let request = request.header("host", "localhost").body(Body::empty()).unwrap();
            let status = router.clone().oneshot(request).await.unwrap().status().as_u16();
            let is_there = operations.contains_key(method);
            assert_eq!(is_there, !matches!(status, 404 | 405), "{method} {path}: {status}");
        }
    }
}

#[test]
fn the_document_is_of_this_version_and_has_its_codes_and_limits() {
    let document = document();
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&json!("3.1.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let schemas = &document["components"]["schemas"];
    let names = |schema: &str| {
        let names = schemas[schema]["enum"].as_array().unwrap();
        names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>()
    };
    let listed: BTreeSet<_> = names("RejectionCode").into_iter().chain(names("ErrorCode")).collect();
    assert_eq!(listed, codes::ALL.iter().map(|code| code.name).collect());
    let limits = json!({
        "body_bytes": MAX_BODY_BYTES, "events_of_a_body": MAX_EVENTS, "event_bytes": MAX_EVENT_BYTES,
        "name_bytes": MAX_NAME_BYTES, "levels": MAX_DEPTH, "names": MAX_KEYS,
        "body_seconds": LoadSettings::default().body_time.as_secs(),
    });
    assert_eq!(document["info"]["x-limits"], limits);
    for pointer in ["/Events/oneOf/1/maxItems", "/SegmentBatch/properties/batch/maxItems"] {
        assert_eq!(schemas.pointer(pointer), Some(&json!(MAX_EVENTS)), "{pointer}");
    }
    assert_eq!(schemas["Event"]["properties"]["user_id"]["maxLength"], json!(MAX_NAME_BYTES));
}

#[test]
fn every_code_has_an_example_and_every_example_is_valid() {
    let document = document();
    let mut shown = BTreeSet::new();
    let mut check = |content: &Value, what: &str| {
        for (media, content) in content.as_object().into_iter().flatten() {
            for (name, example) in content["examples"].as_object().into_iter().flatten() {
                assert_valid(&document, &content["schema"], &example["value"], &format!("{what} {media} {name}"));
                shown.insert(name.clone());
            }
        }
    };
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        check(&response["content"], name);
        for code in codes::ALL {
            let example = &response["content"]["application/json"]["examples"][code.name]["value"];
            let found = example.pointer("/error/code").or(example.pointer("/rejected/0/code"));
            assert!(example.is_null() || found == Some(&json!(code.name)), "{name}: {example}");
        }
    }
    for item in document["components"]["pathItems"]
        .as_object()
        .unwrap()
        .values()
        .chain(document["paths"].as_object().unwrap().values())
    {
        check(&item["post"]["requestBody"]["content"], "a request");
    }
    for code in codes::ALL {
        assert!(shown.contains(code.name), "{} has no example", code.name);
    }
}

/// A request of the table: what it is, and what it is answered with.
type Case = (&'static str, &'static str, Vec<(&'static str, &'static str)>, Vec<u8>, u16, &'static str);

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packing.write_all(text).unwrap();
    packing.finish().unwrap()
}

/// Events, good and bad.
fn events() -> Vec<Case> {
    let text = |text: &str| text.as_bytes().to_vec();
    let deep = format!(r#"{{"event":"a","user_id":"u","properties":{{"p":{}1{}}}}}"#, "[".repeat(32), "]".repeat(32));
    let names = (0..10_001).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(",");
    let broad = format!(r#"{{"event":"a","user_id":"u","properties":{{{names}}}}}"#);
    let event = |more: &str| text(&format!(r#"{{"event":"a","user_id":"u",{more}}}"#));
    let post = "POST";
    let native = "/v1/events";
    vec![
        (post, native, vec![], text(GOOD), 200, ""),
        (post, native, vec![("x-write-key", "wk_any")], gzip(GOOD.as_bytes()), 200, ""),
        (post, native, vec![], text(&format!("{GOOD}\n{{\"event\":1}}\n")), 200, "wrong_type"),
        (post, native, vec![], text(""), 400, "empty"),
        (post, native, vec![], text("{"), 400, "invalid_json"),
        (post, native, vec![], text("5"), 400, "not_an_object"),
        (post, native, vec![], text(r#"{"event":"a"}"#), 400, "missing_field"),
        (post, native, vec![], event(r#""x":1"#), 400, "unknown_field"),
        (post, native, vec![], event(r#""event":"b""#), 400, "duplicate_field"),
        (post, native, vec![], event(r#""session_id":7"#), 400, "wrong_type"),
        (post, native, vec![], event(&format!(r#""session_id":"{}""#, "x".repeat(201))), 400, "too_long"),
        (post, native, vec![], event(r#""session_id":"\ud800""#), 400, "invalid_text"),
        (post, native, vec![], text(&deep), 400, "too_deep"),
        (post, native, vec![], text(&broad), 400, "too_many_keys"),
        (post, native, vec![], event(r#""timestamp":"soon""#), 400, "timestamp_invalid"),
        (post, native, vec![], event(r#""timestamp":1767225600"#), 400, "timestamp_in_seconds"),
        (post, native, vec![], event(r#""timestamp":-1"#), 400, "timestamp_too_old"),
        (post, native, vec![], event(r#""timestamp":1797225600000"#), 400, "timestamp_too_far_ahead"),
        (
            post,
            native,
            vec![],
            event(&format!(r#""context":{{"p":"{}"}}"#, "x".repeat(MAX_EVENT_BYTES))),
            400,
            "too_large",
        ),
    ]
}

/// Bodies, keys, paths and methods, good and bad.
fn requests() -> Vec<Case> {
    let key = |key: &'static str| vec![("x-write-key", key)];
    let page = |origin: &'static str| vec![("x-write-key", "wk_page"), ("origin", origin)];
    let text = |text: &str| text.as_bytes().to_vec();
    let post = "POST";
    let (native, batch) = ("/v1/events", "/v1/batch");
    vec![
        (post, native, page("https://a.example"), text(GOOD), 200, ""),
        (post, native, vec![], vec![b' '; MAX_BODY_BYTES + 1], 413, "too_large"),
        (post, native, vec![], gzip(&vec![b' '; MAX_BODY_BYTES + 1]), 413, "too_large"),
        (post, native, vec![], text(&format!("{GOOD}\n").repeat(MAX_EVENTS + 1)), 413, "too_many_events"),
        (post, native, vec![], vec![0x1f, 0x8b, 8, 0], 400, "invalid_gzip"),
        (post, native, vec![("content-encoding", "br")], text(GOOD), 415, "unsupported_encoding"),
        (post, native, key("wk_none"), text(GOOD), 401, "unknown_key"),
        (post, native, vec![("authorization", "Basic !")], text(GOOD), 401, "unknown_key"),
        (post, native, key("wk_off"), text(GOOD), 401, "disabled_key"),
        (post, native, page("https://b.example"), text(GOOD), 403, "origin_not_allowed"),
        (post, native, key("wk_slow"), text(&format!("[{GOOD},{GOOD},{GOOD}]")), 200, ""),
        (post, native, key("wk_slow"), text(GOOD), 429, "over_rate"),
        ("PUT", native, vec![], text(GOOD), 405, "method_not_allowed"),
        ("OPTIONS", native, vec![], vec![], 204, ""),
        (post, batch, vec![], text(BATCH), 200, ""),
        (post, batch, vec![], text(&BATCH.replace("track", "trak")), 400, "unknown_type"),
        (post, batch, vec![], text(r#"{"writeKey":"wk_none","batch":[{}]}"#), 401, "unknown_key"),
        (post, "/v1/import", vec![], text(BATCH), 200, ""),
        (post, "/v1/identify", vec![], text(r#"{"userId":"u","traits":{"plan":"pro"}}"#), 200, ""),
        (post, "/t", vec![], text("[]"), 400, "not_an_object"),
        (post, "/batch/", vec![], text(&format!(r#"{{"batch":[{POSTHOG}]}}"#)), 200, ""),
        (post, "/e", vec![], text(POSTHOG), 200, ""),
        (post, "/i/v0/e/", vec![], text("data=!"), 400, "invalid_base64"),
        (post, "/capture/", vec![], text(r#"{"event":"E"}"#), 400, "missing_field"),
        (post, "/flags/", vec![], text("{}"), 200, ""),
        ("GET", "/decide", vec![], vec![], 200, ""),
        ("GET", "/array/wk_any/config", vec![], vec![], 200, ""),
        ("GET", "/array/wk_any/config.js", vec![], vec![], 200, ""),
        ("GET", "/v1/projects/wk_any/settings", vec![("host", "localhost")], vec![], 200, ""),
        ("GET", "/v1/projects/wk_any/settings", vec![("host", "a b")], vec![], 400, "no_host"),
        ("GET", "/v1/projects/wk_none/settings", vec![("host", "localhost")], vec![], 401, "unknown_key"),
        ("GET", "/v1/receipts/r1-memory-0-1", vec![], vec![], 200, ""),
        ("GET", "/v1/receipts/x", vec![], vec![], 404, "unknown_receipt"),
        ("GET", "/v1/nope", vec![], vec![], 404, "not_found"),
        ("GET", "/openapi.json", vec![], vec![], 200, ""),
        ("GET", "/health/live", vec![], vec![], 200, ""),
        ("GET", "/health/ready", vec![], vec![], 200, ""),
        ("DELETE", "/health/ready", vec![], vec![], 405, "method_not_allowed"),
    ]
}

/// The path of the document that a path of a request is of.
fn template(path: &str) -> String {
    let path = path.replace("/wk_any", "/{key}").replace("/wk_none", "/{key}");
    path.strip_prefix("/v1/receipts/").map_or(path.clone(), |_| "/v1/receipts/{receipt}".to_owned())
}

/// Sends a request, and holds the answer against the document.
async fn held(document: &Value, router: &Router, method: &str, path: &str, request: Request) -> (u16, Value) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let (status, what) = (parts.status.as_u16(), format!("{method} {path}"));
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let responses = &document["components"]["responses"];
    let item = resolved(document, &document["paths"][template(path)]);
    let operation = &item[method.to_lowercase()]["responses"];
    let response = match status {
        404 if item.is_null() => &responses["NotFound"],
        405 => &responses["WrongMethod"],
        _ => resolved(document, &operation[status.to_string()]),
    };
    assert!(response.is_object(), "{what}: {status} is not in the document");
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let found = parts.headers.get(name.to_lowercase()).unwrap_or_else(|| panic!("{what}: {status} has no {name}"));
        let found = found.to_str().unwrap();
        let value = found.parse::<u64>().map_or(json!(found), |number| json!(number));
        assert_valid(document, &resolved(document, header)["schema"], &value, &what);
    }
    let Some((media, content)) = response["content"].as_object().and_then(|content| content.iter().next()) else {
        assert!(bytes.is_empty(), "{what}: {status} has a body");
        return (status, Value::Null);
    };
    assert_eq!(parts.headers["content-type"].to_str().unwrap(), media, "{what}");
    let is_json = media == "application/json";
    let json = if is_json { serde_json::from_slice(&bytes).unwrap() } else { json!(str::from_utf8(&bytes).unwrap()) };
    assert_valid(document, &content["schema"], &json, &what);
    (status, json)
}

fn code(answer: &Value) -> &str {
    answer.pointer("/error/code").or(answer.pointer("/rejected/0/code")).and_then(Value::as_str).unwrap_or_default()
}

/// Sees to it that a code is answered with the statuses that the table of codes has for it.
fn is_of_the_table(status: u16, answer: &Value) {
    if let Some(known) = codes::ALL.iter().find(|known| known.name == code(answer)) {
        let of_events = known.of_events && matches!(status, 200 | 400);
        assert!(of_events || known.statuses.contains(&status), "{status} {}", known.name);
    }
}

#[tokio::test]
async fn every_answer_is_one_of_the_document() {
    let document = document();
    let site = site(Duration::from_secs(30), 16);
    let mut seen = BTreeSet::new();
    for (method, path, headers, body, status, expected) in events().into_iter().chain(requests()) {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (found, answer) = held(&document, &site.router, method, path, request.body(body.into()).unwrap()).await;
        assert_eq!((found, code(&answer)), (status, expected), "{method} {path}: {answer}");
        is_of_the_table(found, &answer);
        seen.insert(code(&answer).to_owned());
    }
    // What a bad day brings.
    site.log.refuse(true);
    let post = |path: &str, body: Body| Request::post(path).body(body).unwrap();
    let endless = || Body::from_stream(stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::pending()));
    let broken = Body::from_stream(stream::iter([Err::<&str, _>(std::io::Error::other("reset"))]));
    let impatient = self::site(Duration::from_millis(5), 16);
    // Too few requests for even one in a lane.
    let full = self::site(Duration::from_secs(30), 3);
    for (site, path, body, status, expected) in [
        (&site, "/v1/events", GOOD.into(), 503, "unavailable"),
        (&site, "/v1/import", BATCH.into(), 429, "bulk_paused"),
        (&site, "/v1/events", broken, 400, "incomplete_body"),
        (&impatient, "/v1/events", endless(), 408, "too_slow"),
        (&impatient, "/v1/track", endless(), 408, "too_slow"),
        (&full, "/v1/events", GOOD.into(), 503, "overloaded"),
        (&full, "/batch/", POSTHOG.into(), 503, "overloaded"),
    ] {
        let (found, answer) = held(&document, &site.router, "POST", path, post(path, body)).await;
        assert_eq!((found, code(&answer)), (status, expected), "{path}: {answer}");
        is_of_the_table(found, &answer);
        seen.insert(code(&answer).to_owned());
    }
    for (site, expected) in [(&site, "unavailable"), (&full, "overloaded")] {
        let request = Request::get("/health/ready").body(Body::empty()).unwrap();
        let (status, answer) = held(&document, &site.router, "GET", "/health/ready", request).await;
        assert_eq!((status, code(&answer)), (503, expected));
    }
    let never = ["user_erased", "missing_key", "internal"];
    let missing: Vec<_> = codes::ALL.iter().map(|code| code.name).filter(|name| !seen.contains(*name)).collect();
    assert_eq!(missing, never, "codes that no request of the table brings; other tests bring these three");
}
