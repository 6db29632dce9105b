//! The paths of other protocols, over HTTP.

use std::io::Write;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CONTENT_ENCODING,
    RETRY_AFTER,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use weir_core::event::frame;
use weir_core::ports::{CountingIds, EventLog, ManualClock, MemoryLog, ShardId};

use super::tests::{Answer, NOW, Numbers, Site, ask, failures, mutate};
use super::*;
use crate::collector::testing::NothingLands;
use crate::keys::{KeyPolicy, Keys};

const BATCH: &str = r#"{"batch":[{"type":"track","event":"E","userId":"u","messageId":"m"}],"writeKey":"k1"}"#;
const EVENT: &str = r#"{"event":"E","userId":"u","groupId":"g","previousId":"p"}"#;
const POSTHOG: &str = r#"{"api_key":"k1","batch":[{"event":"E","distinct_id":"d","uuid":"x"}]}"#;

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(text.as_ref()).unwrap();
    packing.finish().unwrap()
}

async fn send(router: &Router, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    ask(router, request.body(body.into()).unwrap()).await
}

/// A collector that knows one key, `k1`.
fn keyed() -> (Arc<MemoryLog>, Router) {
    let log = Arc::new(MemoryLog::default());
    let key = serde_json::from_value(json!({"key": "k1", "source": "shop", "created_at": 0})).unwrap();
    let keys = KeyPolicy::with_key(Keys::new(vec![key]));
    let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
    let collector = Collector::new(log.clone(), clock, ids, keys, Arc::new(NothingLands));
    (log, router(Arc::new(collector)))
}

#[tokio::test]
async fn every_path_takes_its_protocol() {
    let site = Site::new();
    let keyless = BATCH.replace(r#","writeKey":"k1""#, "");
    let mut paths: Vec<_> = ["/v1/batch", "/v1/b", "/v1/import", "/b"].map(|path| (path, &*keyless, "E")).into();
    paths.extend(["/v1/track", "/v1/t", "/t"].map(|path| (path, EVENT, "E")));
    paths.extend(["/v1/page", "/v1/p", "/p"].map(|path| (path, EVENT, "page")));
    paths.extend(["/v1/screen", "/v1/s", "/s"].map(|path| (path, EVENT, "screen")));
    paths.extend(["/v1/identify", "/v1/i", "/i"].map(|path| (path, EVENT, "identify")));
    paths.extend(["/v1/group", "/v1/g", "/g"].map(|path| (path, EVENT, "group")));
    paths.extend(["/v1/alias", "/v1/a", "/a"].map(|path| (path, EVENT, "alias")));
    for (at, (path, body, name)) in paths.iter().enumerate() {
        let answer = send(&site.router, path, &[("content-type", "text/plain")], body.to_string()).await;
        let receipt = format!("r1-memory-0-{}", at + 1);
        let expected = json!({"accepted": 1, "duplicates": null, "rejected": [], "receipt": receipt, "success": true});
        assert_eq!((answer.status, answer.json()), (200, expected), "{path}");
        let records = site.records().await;
        let (header, lines) = frame::open(&records[at].payload).unwrap();
        assert_eq!(frame::events(&header, lines).next().unwrap().unwrap().event, *name, "{path}");
    }
    let keyless = POSTHOG.replace(r#""api_key":"k1","#, "");
    for path in ["/batch", "/batch/", "/e", "/e/", "/capture", "/capture/", "/i/v0/e", "/i/v0/e/"] {
        for body in [keyless.clone().into_bytes(), gzip(&keyless)] {
            let answer = send(&site.router, &format!("{path}?compression=gzip-js"), &[], body).await;
            assert_eq!(
                (answer.status, &answer.json()["status"], &answer.json()["accepted"]),
                (200, &json!(1), &json!(1))
            );
        }
    }
}

#[tokio::test]
async fn a_batch_of_bad_messages_is_a_400_in_its_words() {
    let site = Site::new();
    let mixed = r#"{"batch":[{"type":"track"},{"type":"track","event":"E","userId":"u"}]}"#;
    let answer = send(&site.router, "/v1/batch", &[], mixed).await;
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)));
    assert_eq!(answer.json()["rejected"][0]["index"], 0);
    let answer = send(&site.router, "/v1/batch", &[], r#"{"batch":[{"type":"track"}]}"#).await;
    assert_eq!((answer.status, &answer.json()["success"]), (400, &json!(false)));
    assert_eq!(answer.json()["rejected"][0]["field"], "event");
    let answer = send(&site.router, "/e/", &[], r#"[{"event":"E"}]"#).await;
    assert_eq!((answer.status, &answer.json()["status"]), (400, &json!(0)));
    site.log.refuse(true);
    for (path, body) in [("/v1/track", EVENT), ("/batch/", &POSTHOG.replace("api_key", "x"))] {
        let answer = send(&site.router, path, &[], body.to_owned()).await;
        assert_eq!((answer.status, answer.header(RETRY_AFTER)), (503, "1"), "{path}");
    }
}

#[tokio::test]
async fn the_key_is_found_in_header_or_body() {
    let (log, router) = keyed();
    let native = r#"{"event":"a","user_id":"u"}"#;
    let other = BATCH.replace("k1", "k2");
    for (path, headers, body, status) in [
        ("/v1/batch", &[][..], BATCH, 200),
        ("/v1/batch", &[("authorization", "Basic azE6")], BATCH, 200),
        ("/v1/batch", &[("authorization", "Basic azE6")], &*other, 200),
        ("/v1/batch", &[("authorization", "Basic azI6")], BATCH, 401),
        ("/v1/batch", &[], &*other, 401),
        ("/v1/batch", &[], r#"{"batch":[{"writeKey":"k1","type":"track","event":"E","userId":"u"}]}"#, 200),
        ("/v1/batch", &[], r#"{"batch":[{"type":"track","event":"E","userId":"u"}]}"#, 401),
        ("/v1/track", &[], r#"{"writeKey":"k1","event":"E","userId":"u"}"#, 200),
        ("/v1/track", &[], r#"{"writeKey":["k1"],"event":"E","userId":"u"}"#, 401),
        ("/batch/", &[], POSTHOG, 200),
        ("/e/", &[], r#"{"token":"k1","event":"E","distinct_id":"d"}"#, 200),
        ("/e/", &[], r#"{"event":"E","distinct_id":"d"}"#, 401),
        ("/v1/events", &[], native, 401),
        ("/v1/events", &[("x-write-key", "k1")], native, 200),
    ] {
        assert_eq!(send(&router, path, headers, body.to_owned()).await.status, status, "{path} {headers:?} {body}");
    }
    use weir_core::ports::EventLog;
    for record in log.read(&ShardId("memory-0".to_owned()), None, usize::MAX).await.unwrap() {
        assert_eq!(frame::open(&record.payload).unwrap().0.source, "shop");
    }
    for (path, status) in [("/v1/projects/k1/settings", 200), ("/v1/projects/k2/settings", 401)] {
        let request = Request::get(path).header("host", "localhost:1").body(Body::empty()).unwrap();
        assert_eq!(ask(&router, request).await.status, status);
    }
}

#[tokio::test]
async fn gzip_is_taken_everywhere_and_bombs_are_cut() {
    let site = Site::new();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", "gzip")];
    for headers in [&form[..], &form[..1], &[]] {
        let batch = gzip(r#"{"batch":[{"type":"track","event":"E","userId":"u"}]}"#);
        assert_eq!(send(&site.router, "/v1/batch", headers, batch).await.status, 200);
        let native = gzip("{\"event\":\"a\",\"user_id\":\"u\"}\n{\"event\":\"b\",\"user_id\":\"u\"}");
        assert_eq!(send(&site.router, "/v1/events", headers, native).await.json()["accepted"], 2);
    }
    let bomb = gzip(vec![b' '; 50 * MAX_BODY_BYTES]);
    for path in ["/v1/events", "/v1/batch", "/e/"] {
        let answer = send(&site.router, path, &[], bomb.clone()).await;
        let message = answer.json()["rejected"][0]["message"].to_string();
        assert_eq!(answer.status, 413, "{path}");
        assert!(message.contains("5242880"), "{message}");
    }
    let broken =
        send(&site.router, "/v1/events", &[(CONTENT_ENCODING.as_str(), "gzip")], b"\x1f\x8bnonsense".to_vec()).await;
    assert_eq!((broken.status, broken.only_rejection().0.as_str()), (400, "invalid_gzip"));
    assert!(broken.receipt().is_some_and(|receipt| receipt.starts_with("x1-")));
}

#[tokio::test]
async fn clients_are_told_where_to_send_and_that_no_feature_is_on() {
    let site = keyed().1;
    let request =
        Request::get("/v1/projects/k1/settings").header("host", "localhost:8080").body(Body::empty()).unwrap();
    let settings = ask(&site, request).await.json();
    let segment = &settings["integrations"]["Segment.io"];
    assert_eq!(segment["apiKey"], "k1");
    assert_eq!((&segment["apiHost"], &segment["protocol"]), (&json!("localhost:8080/v1"), &json!("http")));
    assert_eq!(settings["plan"]["track"]["__default"]["enabled"], true);
    let nowhere = Request::get("/v1/projects/k1/settings").body(Body::empty()).unwrap();
    assert_eq!(ask(&site, nowhere).await.status, 400);

    for path in ["/flags", "/flags/", "/decide", "/decide/", "/flags/?v=2"] {
        for method in ["GET", "POST"] {
            let request = Request::builder().method(method).uri(path).body(Body::from("{}")).unwrap();
            let answer = ask(&site, request).await;
            assert_eq!((answer.status, &answer.json()["featureFlags"]), (200, &json!({})), "{method} {path}");
        }
    }
    let config = ask(&site, Request::get("/array/k1/config").body(Body::empty()).unwrap()).await;
    assert_eq!(config.json()["hasFeatureFlags"], false);
    let script = ask(&site, Request::get("/array/k1/config.js").body(Body::empty()).unwrap()).await;
    assert_eq!((script.status, script.header(CONTENT_TYPE)), (200, "text/javascript; charset=utf-8"));
}

#[tokio::test]
async fn pages_may_use_every_path() {
    let site = Site::new();
    for path in
        ["/v1/batch", "/v1/t", "/p", "/b", "/batch/", "/e/", "/flags/", "/array/k/config.js", "/v1/projects/k/settings"]
    {
        let preflight = site.method("OPTIONS", path).await;
        assert_eq!((preflight.status, preflight.body.len()), (204, 0), "{path}");
        assert!(preflight.header(ACCESS_CONTROL_ALLOW_HEADERS).contains("x-retry-count"));
        for answer in [preflight, site.method("DELETE", path).await] {
            assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), "*", "{path}");
            assert_eq!(answer.header(ACCESS_CONTROL_EXPOSE_HEADERS), "Retry-After", "{path}");
        }
    }
    let answer = site.get("/v1/batch").await;
    assert_eq!((answer.status, answer.header(ALLOW)), (405, "POST, OPTIONS"));
    assert_eq!(site.get("/batches").await.status, 404);
}

#[tokio::test]
async fn mutated_bodies_of_other_protocols_are_answered() {
    let site = Site::new();
    let rich = r#"{"batch":[{"type":"page","name":"a\"\u00e9","userId":7,"properties":{"name":1,"p":[{"q":null}]},"context":{"sessionId":1}},{"type":"identify","userId":"u","context":{"traits":{"a":1}},"timestamp":"2025-12-31T00:00:00Z"},{"type":"alias","previousId":"d","userId":"u"}],"sentAt":"2025-12-31T00:00:01Z"}"#;
    let posthog = r#"{"batch":[{"event":"$identify","distinct_id":"u","$set":{"a":1},"properties":{"$anon_distinct_id":"d","$session_id":"s"},"offset":5},{"event":"E","distinct_id":"d","uuid":"x"}],"sent_at":"2025-12-31T00:00:01Z"}"#;
    let form = "data=eyJldmVudCI6ImE/PiIsImRpc3RpbmN0X2lkIjoiZCJ9&compression=base64";
    let bodies: [(&str, Vec<u8>); 7] = [
        ("/v1/batch", rich.into()),
        ("/v1/track", EVENT.into()),
        ("/v1/group", EVENT.into()),
        ("/batch/", posthog.into()),
        ("/e/", form.into()),
        ("/v1/batch", gzip(rich)),
        ("/e/", gzip(posthog)),
    ];
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let (mut taken, mut refused, mut whole) = (0, 0, 0);
    for round in 0..20_000 {
        let (path, body) = &bodies[round % bodies.len()];
        let mut body = body.clone();
        mutate(&mut body, &mut numbers);
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = send(&site.router, path, &[], body).await;
        if answer.status == 401 {
            continue; // A mutation made something else a key.
        }
        let json = answer.json();
        let accepted = json["accepted"].as_u64().unwrap();
        let rejected = json["rejected"].as_array().map_or(0, Vec::len);
        assert_eq!(
            (answer.status == 200, matches!(answer.status, 400 | 413 | 415)),
            (accepted > 0, accepted == 0),
            "{shown}"
        );
        let receipt = json["receipt"].as_str();
        assert_eq!(receipt.is_some_and(|text| text.starts_with("r1-")), accepted > 0, "{shown}");
        assert!(answer.status != 413 || receipt.is_none(), "{shown}");
        taken += accepted;
        refused += usize::from(rejected > 0);
        whole += usize::from(accepted == 0);
    }
    assert!(taken > 1000 && refused > 1000 && whole > 1000, "{taken} taken, {refused} refused, {whole} whole bodies");
}

#[tokio::test]
async fn a_body_is_kept_as_far_as_it_could_be_unpacked() {
    let site = Site::new();
    let bodies: [(&str, Vec<u8>, &str, &str); 5] = [
        ("/v1/events", gzip("[{]"), "invalid_json", "[{]"),
        ("/v1/batch", gzip("{\"batch\":5}"), "wrong_type", "{\"batch\":5}"),
        ("/e/", b"data=e30%3D%3D%3D".to_vec(), "invalid_base64", "data=e30%3D%3D%3D"),
        ("/e/", b"data=eyJiYXRjaCI6NX0=".to_vec(), "wrong_type", "{\"batch\":5}"),
        ("/v1/events", b"\x1f\x8bnonsense".to_vec(), "invalid_gzip", "\u{1f}\u{fffd}nonsense"),
    ];
    for (at, (path, body, code, kept)) in bodies.into_iter().enumerate() {
        let answer = send(&site.router, path, &[], body).await;
        assert_eq!((answer.status, answer.receipt()), (400, Some(format!("x1-memory-0-{}", at + 1))), "{path}");
        let records = site.records().await;
        let found = failures(&records[at]);
        assert_eq!((found[0].code.as_str(), found[0].body.as_str(), found[0].place), (code, kept, None));
    }
}

#[tokio::test]
async fn a_body_without_a_source_is_not_kept() {
    let (log, router) = keyed();
    // The key would be in the body, and the body cannot be read.
    let answer = send(&router, "/v1/batch", &[], b"{".to_vec()).await;
    assert_eq!((answer.status, answer.receipt()), (400, None));
    assert_eq!(log.read(&ShardId("memory-0".to_owned()), None, usize::MAX).await.unwrap(), []);
    let answer = send(&router, "/v1/batch", &[("x-write-key", "k1")], b"{".to_vec()).await;
    assert_eq!((answer.status, answer.receipt().as_deref()), (400, Some("x1-memory-0-1")));
}
