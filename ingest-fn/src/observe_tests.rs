//! What the log has of a request, and what it has not.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;
use weir_core::ports::{CountingIds, FaultyLog, ManualClock, MemoryLog};

use super::*;
use crate::collector::testing::NothingLands;
use crate::keys::{KeyPolicy, Keys, decode_base64};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const KEY: &str = "wk_sesame";
/// `wk_sesame:` in base64.
const BASIC: &str = "d2tfc2VzYW1lOg==";

/// Requests with the key and a payload in every place where one can stand.
fn requests() -> Vec<Request> {
    let post = |path: &str, header: (&str, &str), body: &str| {
        Request::post(path).header(header.0, header.1).body(Body::from(body.to_owned())).unwrap()
    };
    let get = |path: &str| Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    let event = r#"{"event":"payload1","user_id":"payload2","properties":{"payload3":"payload4"}}"#;
    let segment = r#"{"writeKey":"wk_sesame","batch":[{"type":"track","event":"payload1","userId":"payload2"}]}"#;
    let posthog = r#"{"api_key":"wk_sesame","event":"payload1","distinct_id":"payload2"}"#;
    let none = ("accept", "*/*");
    vec![
        post("/v1/events", ("x-write-key", KEY), event),
        post("/v1/events", ("authorization", "Bearer wk_sesame"), event),
        post("/v1/events", ("authorization", "Basic d2tfc2VzYW1lOg=="), event),
        post("/v1/events", ("authorization", "Digest wk_sesame"), event),
        post("/v1/events", ("x-write-key", "wk_sesame_unknown"), event),
        post("/v1/events?key=wk_sesame", none, "payload5 [ is no JSON"),
        post("/v1/events", ("x-write-key", KEY), r#"{"event":"payload1","payload6":"payload7"}"#),
        post("/v1/events", ("content-encoding", "payload8"), event),
        post("/v1/batch", none, segment),
        post("/v1/batch", none, &segment.replace("sesame", "sesame_unknown")),
        post("/v1/import", none, &segment.replace("track", "payload9")),
        post("/e/?compression=payload10", none, posthog),
        post("/batch/", none, posthog),
        post("/e/", none, "data=payload11"),
        post("/flags/?token=wk_sesame", none, posthog),
        post("/v1/wk_sesame", none, event),
        post("/wk_sesame", none, event),
        get("/v1/projects/wk_sesame/settings"),
        get("/v1/projects/wk_sesame_unknown/settings"),
        get("/array/wk_sesame/config"),
        get("/array/wk_sesame/config.js"),
        get("/v1/receipts/wk_sesame"),
        Request::builder().method("WK_SESAME").uri("/v1/events").body(Body::from("payload12")).unwrap(),
    ]
}

/// The lines that all requests leave at the finest level, while the log takes them and while it does not.
fn lines() -> String {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .json()
        .with_writer(written.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let key = serde_json::json!({"key": KEY, "source": "shop", "created_at": 0});
            let policy = KeyPolicy::anyone_as("dev", Keys::new(vec![serde_json::from_value(key).unwrap()]));
            let (clock, ids) = (Arc::new(ManualClock::new(1_767_225_600_000)), Arc::new(CountingIds::default()));
            let log = Arc::new(FaultyLog::new(MemoryLog::default()));
            let collector = Collector::new(log.clone(), clock, ids, policy, Arc::new(NothingLands));
            let router = crate::router(Arc::new(collector));
            for refusing in [false, true] {
                log.refuse(refusing);
                for request in requests() {
                    router.clone().oneshot(request).await.unwrap();
                }
            }
        });
    });
    let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_log_has_each_request_and_neither_key_nor_payload() {
    let lines = lines();
    let has = |part: &str| assert!(lines.contains(part), "`{part}` is not in\n{lines}");
    for part in [
        r#""target":"weir::requests""#,
        r#""path":"/v1/events","status":200,"protocol":"weir","source":"shop","accepted":1,"rejected":0,"bytes":78"#,
        r#""path":"/v1/projects/{key}/settings""#,
        r#""path":"/v1/batch","status":200,"protocol":"segment","source":"shop""#,
        r#""path":"/e/","status":415,"protocol":"posthog""#,
        r#""status":503"#,
        r#""method":"other""#,
    ] {
        has(part);
    }
    assert_eq!(decode_base64(BASIC).unwrap(), format!("{KEY}:").as_bytes());
    for secret in ["sesame", "SESAME", "payload", BASIC.trim_end_matches('='), "data="] {
        assert!(!lines.contains(secret), "`{secret}` is in\n{lines}");
    }
    let requests = lines.lines().filter(|line| line.contains(r#""target":"weir::requests""#)).count();
    assert_eq!(requests, 2 * self::requests().len(), "{lines}");
}
