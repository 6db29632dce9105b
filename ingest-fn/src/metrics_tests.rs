//! What is counted, as Prometheus text, by a recorder of the test's own.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::collector::testing::NothingLands;
use crate::keys::{Key, KeyPolicy, Keys};
use crate::router;
use axum::body::Body;
use axum::extract::Request;
use std::sync::Arc;
use tower::ServiceExt;
use weir_core::ports::{CountingIds, FaultyLog, ManualClock, MemoryLog};

/// Runs with a recorder of its own, and gives back the text.
fn counted(run: impl AsyncFnOnce()) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(run()));
    handle.render()
}

fn key(key: &str, source: &str) -> Key {
    serde_json::from_value(serde_json::json!({"key": key, "source": source, "created_at": 0})).unwrap()
}

fn value(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}

#[test]
fn requests_and_events_are_counted() {
    let text = counted(async || {
        let log = Arc::new(FaultyLog::new(MemoryLog::default()));
        let policy = KeyPolicy::anyone_as("dev", Keys::new(vec![key("wk_shop", "shop")]));
        let (clock, ids) = (Arc::new(ManualClock::new(1_767_225_600_000)), Arc::new(CountingIds::default()));
        let collector = crate::Collector::new(log.clone(), clock, ids, policy, Arc::new(NothingLands));
        let router = router(Arc::new(collector));
        let send = async |path: &str, key: &str, body: &str| {
            let request = Request::post(path).header("x-write-key", key).body(Body::from(body.to_owned())).unwrap();
            router.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        let good = r#"{"event":"a","user_id":"u"}"#;
        let mixed = format!(r#"[{good},{good},{{"event":"a"}},{{"event":"b"}},5]"#);
        assert_eq!(send("/v1/events", "wk_shop", good).await, 200);
        assert_eq!(send("/v1/events", "wk_shop", &mixed).await, 200);
        assert_eq!(send("/v1/events", "wk_shop", "[").await, 400);
        assert_eq!(send("/v1/events", "wk_none", good).await, 401);
        assert_eq!(send("/v1/track", "wk_shop", r#"{"event":"a","userId":"u"}"#).await, 200);
        assert_eq!(send("/v1/nope", "wk_shop", good).await, 404);
        log.refuse(true);
        assert_eq!(send("/v1/events", "wk_shop", good).await, 503);
        assert_eq!(send("/v1/import", "wk_shop", r#"{"batch":[{}]}"#).await, 429);
    });
    for (line, expected) in [
        (r#"weir_requests_total{protocol="weir",status="200"}"#, 2.0),
        (r#"weir_requests_total{protocol="weir",status="400"}"#, 1.0),
        (r#"weir_requests_total{protocol="weir",status="401"}"#, 1.0),
        (r#"weir_requests_total{protocol="weir",status="503"}"#, 1.0),
        (r#"weir_requests_total{protocol="segment",status="200"}"#, 1.0),
        (r#"weir_requests_total{protocol="segment",status="429"}"#, 1.0),
        (r#"weir_requests_total{protocol="none",status="404"}"#, 1.0),
        (r#"weir_body_bytes_total{protocol="segment"}"#, 26.0),
        (r#"weir_events_accepted_total{source="shop"}"#, 4.0),
        (r#"weir_events_rejected_total{code="missing_field"}"#, 2.0),
        (r#"weir_events_rejected_total{code="not_an_object"}"#, 1.0),
        (r#"weir_events_rejected_total{code="invalid_json"}"#, 1.0),
        (r#"weir_events_rejected_total{code="other"}"#, 0.0),
        ("weir_append_seconds_count", 5.0),
        ("weir_append_failures_total", 1.0),
        (r#"weir_shed_total{lane="bulk"}"#, 1.0),
        (r#"weir_shed_total{lane="live"}"#, 0.0),
        (r#"weir_in_flight_requests{lane="live"}"#, 0.0),
        (r#"weir_in_flight_bytes{lane="live"}"#, 0.0),
    ] {
        assert_eq!(value(&text, line), Some(expected), "{line} in\n{text}");
    }
    assert!(!text.contains("wk_"), "{text}");
}

#[test]
fn sources_without_end_make_no_labels_without_end() {
    let text = counted(async || {
        let meters = Meters::new();
        for round in 0..2 {
            for n in 0..MAX_SOURCES + 50 {
                meters.accepted(&format!("s{n}").into(), 1 + round);
            }
        }
    });
    let sources = text.lines().filter(|line| line.starts_with("weir_events_accepted_total{")).count();
    assert_eq!(sources, MAX_SOURCES + 1);
    assert_eq!(value(&text, r#"weir_events_accepted_total{source="s0"}"#), Some(3.0));
    assert_eq!(value(&text, r#"weir_events_accepted_total{source="other"}"#), Some(150.0));
}

#[test]
fn every_metric_is_described_here_and_to_people() {
    let names =
        [REQUESTS, BODY_BYTES, ACCEPTED, REJECTED, APPEND, APPEND_FAILURES, IN_FLIGHT_REQUESTS, IN_FLIGHT_BYTES, SHED];
    let text = counted(async || {
        let (meters, load) = (Meters::new(), LoadMeters::new(true));
        meters.append(Duration::from_millis(1), true);
        load.in_flight(Lane::Live, Amount::default());
    });
    let page = std::fs::read_to_string("../docs/METRICS.md").unwrap();
    for name in names {
        assert!(text.contains(&format!("# HELP {name} ")), "{name} in\n{text}");
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/METRICS.md");
    }
}
