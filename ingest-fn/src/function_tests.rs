use std::sync::atomic::AtomicUsize;

use axum::body::Body;
use serde_json::{Value, json};
use tower::ServiceExt;
use weir_core::ports::{CountingIds, ManualClock, MemoryLog};
use weir_store::names;

use super::*;

const NOW: i64 = 1_767_225_600_000;

struct Site {
    app: Router,
    store: Store,
    clock: Arc<ManualClock>,
    flushes: Arc<AtomicUsize>,
}

impl Site {
    fn over(store: Store) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let flushes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&flushes);
        let flush: FlushMetrics = Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let (log, ids) = (Arc::new(MemoryLog::default()), Arc::new(CountingIds::default()));
        Self { app: app(store.clone(), log, clock.clone(), ids, flush), store, clock, flushes }
    }

    async fn put(&self, number: u64, keys: Value) {
        let document = json!({"weir_settings": 1, "keys": keys}).to_string();
        assert!(self.store.create(&names::settings(number), document.into_bytes().into()).await.unwrap());
    }

    async fn send(&self, key: &str) -> u16 {
        let request = Request::post("/v1/events").header("x-write-key", key);
        let request = request.body(Body::from(r#"{"event":"a","user_id":"u"}"#)).unwrap();
        self.app.clone().oneshot(request).await.unwrap().status().as_u16()
    }
}

fn key(key: &str) -> Value {
    json!({"key": key, "source": "web", "created_at": 0})
}

#[tokio::test]
async fn a_change_of_keys_is_in_force_within_ten_seconds() {
    let site = Site::over(Store::in_memory());
    site.put(1, json!([key("wk_1")])).await;
    assert_eq!(site.send("wk_1").await, 200);
    site.put(2, json!([key("wk_2")])).await;
    site.clock.advance(FRESH - 1);
    assert_eq!(site.send("wk_1").await, 200);
    site.clock.advance(1);
    assert_eq!((site.send("wk_1").await, site.send("wk_2").await), (401, 200));
    // A clock that is set back does not stop it from looking.
    site.put(3, json!([])).await;
    site.clock.advance(-3_600_000);
    assert_eq!(site.send("wk_2").await, 401);
}

#[tokio::test]
async fn without_settings_nobody_is_told_that_a_key_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap(), weir_store::store::IfMissing::Fail).await.unwrap();
    let site = Site::over(store);
    // Settings that cannot be read.
    let document = folder.path().join(names::settings(1).as_ref());
    std::fs::create_dir_all(folder.path().join("settings")).unwrap();
    std::fs::write(&document, "{").unwrap();
    assert_eq!(site.send("wk_1").await, 503);
    let good = json!({"weir_settings": 1, "keys": [key("wk_1")]});
    std::fs::write(&document, good.to_string()).unwrap();
    assert_eq!(site.send("wk_1").await, 200, "it looks again at once");
    // Settings that break later leave those from before in force.
    std::fs::write(folder.path().join(names::settings(2).as_ref()), "{").unwrap();
    site.clock.advance(FRESH);
    assert_eq!(site.send("wk_1").await, 200);
}

#[tokio::test]
async fn metrics_are_written_after_the_first_request_and_then_not_too_often() {
    let site = Site::over(Store::in_memory());
    let flushes = || site.flushes.load(Ordering::SeqCst);
    for _ in 0..5 {
        site.send("wk_1").await;
        assert_eq!(flushes(), 1);
        site.clock.advance(FLUSH / 5);
    }
    site.send("wk_1").await;
    assert_eq!(flushes(), 2);
}

#[tokio::test]
async fn metrics_of_many_requests_are_written_before_values_are_lost() {
    let site = Site::over(Store::in_memory());
    for _ in 0..=2 * MOST_UNWRITTEN {
        site.send("wk_1").await;
    }
    assert_eq!(site.flushes.load(Ordering::SeqCst), 3);
}

#[test]
fn a_named_stage_is_no_part_of_a_path() {
    let path = |stage: &str, uri: &str| {
        let context = serde_json::from_value(json!({"stage": stage, "http": {"method": "POST"}})).unwrap();
        let mut request = http::Request::post(uri).body(()).unwrap();
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
        without_stage(request).uri().to_string()
    };
    for (stage, uri, expected) in [
        ("live", "https://h/live/v1/events?a=1", "https://h/v1/events?a=1"),
        ("live", "/live/v1/t", "/v1/t"),
        ("live", "/live", "/"),
        ("live", "/lively/v1/t", "/lively/v1/t"),
        ("live", "/v1/live/t", "/v1/live/t"),
        ("$default", "/v1/t", "/v1/t"),
    ] {
        assert_eq!(path(stage, uri), expected, "{stage} {uri}");
    }
    assert_eq!(without_stage(http::Request::get("/live/x").body(()).unwrap()).uri(), "/live/x");
}
