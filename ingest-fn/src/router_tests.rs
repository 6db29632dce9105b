use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::HeaderName;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use weir_core::event::frame;
use weir_core::ports::{
    CountingIds, EventLog, FaultyLog, LogError, LogPosition, LogRecord, ManualClock, MemoryLog, SequenceNumber, ShardId,
};

use super::*;
use crate::collector::{LandedProgress, ProgressError};
use crate::keys::{KeyPolicy, Keys};

pub(super) const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z
pub(super) const GOOD: &str = r#"{"event":"a","user_id":"u"}"#;

#[derive(Default)]
struct Landed(Mutex<HashMap<ShardId, (SequenceNumber, u64)>>);

#[async_trait]
impl LandedProgress for Landed {
    async fn landed_in(&self, record: &LogPosition) -> Result<Option<u64>, ProgressError> {
        let landed = self.0.lock().unwrap().get(&record.shard).cloned();
        Ok(landed.filter(|(through, _)| *through >= record.sequence).map(|(_, version)| version))
    }
}

pub(super) struct Site {
    pub log: Arc<FaultyLog<MemoryLog>>,
    landed: Arc<Landed>,
    pub router: Router,
}

fn router_on(log: Arc<dyn EventLog>, landed: Arc<Landed>) -> Router {
    let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
    router(Arc::new(Collector::new(log, clock, ids, KeyPolicy::anyone_as("dev", Keys::default()), landed)))
}

impl Site {
    pub(super) fn new() -> Self {
        let (log, landed) = (Arc::new(FaultyLog::new(MemoryLog::default())), Arc::new(Landed::default()));
        Self { router: router_on(log.clone(), landed.clone()), log, landed }
    }

    pub(super) async fn post(&self, body: impl Into<Body>) -> Answer {
        ask(&self.router, Request::post("/v1/events").body(body.into()).unwrap()).await
    }

    async fn post_with(&self, name: &str, value: &str) -> Answer {
        ask(&self.router, Request::post("/v1/events").header(name, value).body(GOOD.into()).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        ask(&self.router, Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn method(&self, method: &str, path: &str) -> Answer {
        ask(&self.router, Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn records(&self) -> Vec<LogRecord> {
        self.log.read(&ShardId("memory-0".to_owned()), None, usize::MAX).await.unwrap()
    }
}

pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The JSON of the body, which must say that it is JSON.
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.header(CONTENT_TYPE), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Code and message of an error.
    pub(super) fn error(&self) -> (String, String) {
        let error = &self.json()["error"];
        (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    }

    /// The receipt, where there is one.
    pub(super) fn receipt(&self) -> Option<String> {
        self.json()["receipt"].as_str().map(str::to_owned)
    }

    /// Code, field and message of the only rejection of an answer that took nothing.
    pub(super) fn only_rejection(&self) -> (String, String, String) {
        let answer = self.json();
        let one = &answer["rejected"][0];
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        let (code, field, message) = (text("code"), text("field"), text("message"));
        let rejected = json!([{"index": 0, "code": code, "field": field, "message": message}]);
        let receipt = self.receipt();
        assert_eq!(answer, json!({"accepted": 0, "duplicates": null, "rejected": rejected, "receipt": receipt}));
        (code, field, message)
    }
}

pub(super) async fn ask(router: &Router, request: Request) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap() }
}

#[tokio::test]
async fn each_form_is_stored_as_one_record() {
    let site = Site::new();
    let forms = [
        (GOOD.to_owned(), 1),
        ("{\n  \"event\": \"a\",\n  \"user_id\": \"u\"\n}\n".to_owned(), 1),
        (format!("[{GOOD},{GOOD}]"), 2),
        (format!("{{\"events\":[{GOOD},{GOOD},{GOOD}]}}"), 3),
        (format!("\u{feff}{GOOD}\r\n\r\n{GOOD}\r\n"), 2),
    ];
    for (at, (body, events)) in forms.iter().enumerate() {
        let answer = site.post(body.clone()).await;
        let receipt = format!("r1-memory-0-{}", at + 1);
        let expected = json!({"accepted": events, "duplicates": null, "rejected": [], "receipt": receipt});
        assert_eq!((answer.status, answer.json()), (200, expected), "{body}");
        let records = site.records().await;
        assert_eq!(records.len(), at + 1);
        let (header, lines) = frame::open(&records[at].payload).unwrap();
        assert_eq!((header.source.as_str(), header.received), ("dev", NOW));
        let places: Vec<_> = frame::events(&header, lines).map(|e| e.unwrap().place).collect();
        assert_eq!(places, (0..*events).collect::<Vec<u64>>());
    }
}

#[tokio::test]
async fn good_events_are_kept_when_others_are_bad() {
    let site = Site::new();
    let list =
        format!("[{{\"event\":\"a\"}},{GOOD},{{\"event\":\"b\",\"user_id\":\"u\",\"prperties\":{{}}}},{GOOD},5]");
    let lines = format!("nonsense\n{GOOD}\n\n{{\"event\":1,\"user_id\":\"u\"}}\n{GOOD}\n{{\"event\":\"c\"");
    for (body, rejected) in [
        (list, vec![(0, "missing_field", "user_id"), (2, "unknown_field", "prperties"), (4, "not_an_object", "")]),
        (lines, vec![(0, "invalid_json", ""), (2, "wrong_type", "event"), (4, "invalid_json", "")]),
    ] {
        let answer = site.post(body).await;
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        assert_eq!(answer["accepted"], 2);
        let found: Vec<_> = answer["rejected"].as_array().unwrap().iter().collect();
        assert_eq!(found.len(), rejected.len());
        for (found, (index, code, field)) in found.iter().zip(rejected) {
            let message = found["message"].as_str().unwrap();
            assert!(!message.is_empty());
            assert_eq!(**found, json!({"index": index, "code": code, "field": field, "message": message}));
        }
        let records = site.records().await;
        let (header, lines) = frame::open(&records.last().unwrap().payload).unwrap();
        assert_eq!(frame::events(&header, lines).map(|e| e.unwrap().place).collect::<Vec<_>>(), [1, 3]);
    }
}

#[tokio::test]
async fn where_no_event_is_good_the_reasons_are_stored() {
    let site = Site::new();
    let answer = site.post("[{\"event\":\"a\"},1]").await;
    assert_eq!(answer.status, 400);
    let json = answer.json();
    assert_eq!((&json["accepted"], &json["duplicates"]), (&json!(0), &Value::Null));
    assert_eq!(json["receipt"], "x1-memory-0-1");
    assert_eq!((&json["rejected"][0]["index"], &json["rejected"][1]["index"]), (&json!(0), &json!(1)));
    let cases = [
        ("[]", "empty", "", None),
        ("{\"events\":[]}", "empty", "", None),
        ("{", "invalid_json", "", None),
        ("[{\"event\":\"a\",\"user_id\":\"u\"},]", "invalid_json", "", None),
        ("{\"events\":[1],\"app\":2}", "unknown_field", "app", None),
        ("{\"events\":1}", "wrong_type", "events", None),
        ("{\"event\":\"a\"}", "missing_field", "user_id", Some(0)),
        ("true", "not_an_object", "", Some(0)),
    ];
    for (at, (body, code, field, place)) in cases.into_iter().enumerate() {
        let answer = site.post(body).await;
        let (found_code, found_field, message) = answer.only_rejection();
        let found = (answer.status, found_code.as_str(), found_field.as_str());
        assert_eq!(found, (400, code, field), "{body}: {message}");
        let receipt = answer.receipt().unwrap();
        assert_eq!(receipt, format!("x1-memory-0-{}", at + 2));
        let told = site.get(&format!("/v1/receipts/{receipt}")).await.json();
        assert_eq!(told, json!({"receipt": receipt, "status": "rejected"}));
        let records = site.records().await;
        let kept = failures(&records[at + 1]);
        let kept: Vec<_> =
            kept.iter().map(|failed| (failed.code.as_str(), failed.body.as_str(), failed.place)).collect();
        assert_eq!(kept, [(code, body, place)]);
    }
}

/// What a test looks at of a failure in a record.
pub(super) struct KeptFailure {
    pub code: String,
    pub body: String,
    pub place: Option<u64>,
}

pub(super) fn failures(record: &LogRecord) -> Vec<KeptFailure> {
    let (header, lines) = frame::open(&record.payload).unwrap();
    let entries = frame::entries(&header, lines).map(Result::unwrap);
    let kept = entries.filter_map(|entry| if let frame::Entry::Failed(failed) = entry { Some(failed) } else { None });
    kept.map(|f| KeptFailure { code: f.code.into_owned(), body: f.body.into_owned(), place: f.place }).collect()
}

#[tokio::test]
async fn what_holds_nothing_to_look_at_is_not_kept() {
    let site = Site::new();
    let large = " ".repeat(MAX_BODY_BYTES + 1);
    for (body, status) in [("", 400), (" \n", 400), (&*large, 413)] {
        let answer = site.post(body.to_owned()).await;
        assert_eq!((answer.status, answer.receipt()), (status, None));
    }
    assert_eq!(site.post_with("content-encoding", "br").await.receipt(), None);
    assert_eq!(site.post_with("x-write-key", "unknown").await.status, 401);
    assert_eq!(site.records().await, []);
}

#[tokio::test]
async fn good_and_bad_events_of_a_request_are_one_record() {
    let site = Site::new();
    let answer = site.post(format!("[{GOOD},{{\"event\":\"b\"}},{GOOD}]")).await;
    assert_eq!((answer.status, answer.receipt().as_deref()), (200, Some("r1-memory-0-1")));
    let records = site.records().await;
    let [record] = records.as_slice() else { panic!("{} records", records.len()) };
    let (header, lines) = frame::open(&record.payload).unwrap();
    let places: Vec<u64> = frame::events(&header, lines).map(|event| event.unwrap().place).collect();
    assert_eq!((places, failures(record)[0].place), (vec![0, 2], Some(1)));
}

#[tokio::test]
async fn nobody_is_told_to_send_bad_events_again() {
    let site = Site::new();
    site.log.refuse(true);
    for body in ["{", "{\"event\":\"a\"}"] {
        let answer = site.post(body).await;
        assert_eq!((answer.status, answer.receipt(), answer.only_rejection().2.is_empty()), (400, None, false));
    }
    assert_eq!(site.post(format!("[{GOOD},1]")).await.status, 503, "a good event among them is to come again");
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_not() {
    let site = Site::new();
    let largest = GOOD.to_owned() + &" ".repeat(MAX_BODY_BYTES - GOOD.len());
    assert_eq!(site.post(largest.clone()).await.status, 200);
    let answer = site.post(largest + " ").await;
    let (code, _, message) = answer.only_rejection();
    assert_eq!((answer.status, code.as_str()), (413, "too_large"));
    assert!(message.contains("5242880"), "{message}");
    assert_eq!(site.records().await.len(), 1);
}

#[tokio::test]
async fn a_body_holds_at_most_5000_events() {
    let site = Site::new();
    let most = site.post(format!("[{}]", vec![GOOD; 5000].join(","))).await;
    assert_eq!((most.status, &most.json()["accepted"]), (200, &json!(5000)));
    for body in [format!("[{}]", vec![GOOD; 5001].join(",")), vec![GOOD; 5001].join("\n")] {
        let answer = site.post(body).await;
        assert_eq!((answer.status, answer.only_rejection().0.as_str()), (413, "too_many_events"));
    }
    assert_eq!(site.records().await.len(), 1);
}

#[tokio::test]
async fn the_content_type_does_not_matter_but_compression_does() {
    let site = Site::new();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "image/png", "nonsense"] {
        assert_eq!(site.post_with("content-type", content_type).await.status, 200);
    }
    for plain in ["identity", "Identity", "", "identity, identity"] {
        assert_eq!(site.post_with("content-encoding", plain).await.status, 200, "{plain}");
    }
    // A proxy may have unpacked the body and left the header.
    assert_eq!(site.post_with("content-encoding", "gzip").await.status, 200);
    for encoding in ["br", "deflate", "gzip, gzip"] {
        let answer = site.post_with("content-encoding", encoding).await;
        let (code, _, message) = answer.only_rejection();
        assert_eq!((answer.status, code.as_str()), (415, "unsupported_encoding"));
        assert!(message.contains(encoding) && message.contains("only gzip is taken"), "{message}");
        assert_eq!(answer.header(ACCEPT_ENCODING), "gzip, identity");
    }
}

#[tokio::test]
async fn a_key_is_unknown_while_there_are_none() {
    let site = Site::new();
    for (name, value) in [
        ("authorization", "Basic azE6"),
        ("authorization", "Bearer k1"),
        ("authorization", "Digest k1"),
        ("x-write-key", "k1"),
    ] {
        let answer = site.post_with(name, value).await;
        let (code, message) = answer.error();
        assert_eq!((answer.status, code.as_str()), (401, "unknown_key"));
        assert!(message.starts_with("unknown write key") && !message.contains("k1"), "{message}");
        assert_eq!(answer.header(WWW_AUTHENTICATE), "Basic realm=\"weir\"");
    }
    assert_eq!(site.records().await, []);
}

#[tokio::test]
async fn a_log_that_refuses_is_a_503_until_it_takes_a_batch_again() {
    let site = Site::new();
    assert_eq!(site.get("/health/ready").await.status, 200);
    site.log.refuse(true);
    let answer = site.post(GOOD).await;
    let (code, message) = answer.error();
    assert_eq!((answer.status, code.as_str(), answer.header(RETRY_AFTER)), (503, "unavailable", "1"));
    assert!(message.contains("nothing was stored"), "{message}");
    assert_eq!(site.records().await, []);
    assert_eq!(site.get("/health/live").await.status, 200);
    let ready = site.get("/health/ready").await;
    assert_eq!((ready.status, ready.error().0.as_str()), (503, "unavailable"));
    // A body without a good event says nothing about the log.
    assert_eq!(site.post("[]").await.status, 400);
    assert_eq!(site.get("/health/ready").await.status, 503);

    site.log.refuse(false);
    assert_eq!(site.post(GOOD).await.status, 200);
    let ready = site.get("/health/ready").await;
    assert_eq!((ready.status, ready.json()), (200, json!({"status": "ready"})));
}

/// A log that answers every append with the same error.
struct Failing(fn() -> LogError);

#[async_trait]
impl EventLog for Failing {
    async fn append(&self, _: Bytes) -> Result<LogPosition, LogError> {
        Err((self.0)())
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        Ok(Vec::new())
    }

    async fn read(&self, s: &ShardId, _: Option<&SequenceNumber>, _: usize) -> Result<Vec<LogRecord>, LogError> {
        Err(LogError::NoShard(s.clone()))
    }

    async fn trim(&self, shard: &ShardId, _: &SequenceNumber) -> Result<(), LogError> {
        Err(LogError::NoShard(shard.clone()))
    }
}

#[tokio::test]
async fn each_failure_of_the_log_has_its_status() {
    let too_large = Failing(|| LogError::TooLarge { bytes: 1200, limit: 1000 });
    let router = router_on(Arc::new(too_large), Arc::default());
    let answer = ask(&router, Request::post("/v1/events").body(GOOD.into()).unwrap()).await;
    let (code, _, message) = answer.only_rejection();
    assert_eq!((answer.status, code.as_str()), (413, "too_large"));
    assert!(
        message.contains("1200") && message.contains("1000") && message.contains("nothing was stored"),
        "{message}"
    );
    let ready = ask(&router, Request::get("/health/ready").body(Body::empty()).unwrap()).await;
    assert_eq!(ready.status, 200, "one large record says nothing about the next");

    let corrupt = Failing(|| LogError::Corrupt("/var/lib/secret is bad".to_owned()));
    let router = router_on(Arc::new(corrupt), Arc::default());
    let answer = ask(&router, Request::post("/v1/events").body(GOOD.into()).unwrap()).await;
    let (code, message) = answer.error();
    assert_eq!((answer.status, code.as_str(), answer.header(RETRY_AFTER)), (500, "internal", ""));
    assert!(!message.contains("secret"), "{message}");
    let ready = ask(&router, Request::get("/health/ready").body(Body::empty()).unwrap()).await;
    assert_eq!(ready.status, 503);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken() {
    let site = Site::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let router = site.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    // One good chunk that holds a whole event, then something that is no chunk.
    let head = "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request = format!("{head}{:x}\r\n{GOOD}\r\nnonsense\r\n", GOOD.len());
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    server.abort();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"code\":\"incomplete_body\""), "{answer}");
    assert_eq!(site.records().await, []);
}

#[tokio::test]
async fn a_receipt_tells_when_its_record_is_queryable() {
    let site = Site::new();
    let receipt = site.post(GOOD).await.json()["receipt"].as_str().unwrap().to_owned();
    let path = format!("/v1/receipts/{receipt}");
    let stored = json!({"receipt": receipt, "status": "stored"});
    assert_eq!(site.get(&path).await.json(), stored);
    let land = |through: u64, version| {
        let shard = ShardId("memory-0".to_owned());
        site.landed.0.lock().unwrap().insert(shard, (SequenceNumber::from(through), version));
    };
    land(0, 41);
    assert_eq!(site.get(&path).await.json(), stored);
    land(1, 42);
    let answer = site.get(&path).await;
    assert_eq!(answer.json(), json!({"receipt": receipt, "status": "queryable", "version": 42}));
    assert_eq!((answer.status, answer.header(CACHE_CONTROL)), (200, "no-store"));
    land(10, 50);
    assert_eq!(site.get(&path).await.json()["version"], 50);
    assert_eq!(site.get("/v1/receipts/r1-memory-0-11").await.json()["status"], "stored");
    assert_eq!(site.get("/v1/receipts/r1-other-1").await.json()["status"], "stored");
}

#[tokio::test]
async fn what_is_no_receipt_is_not_found() {
    let site = Site::new();
    for receipt in ["x", "r1-memory-0-x", "r2-memory-0-1", "%ff", "r1-a%2Fb-1", "r1-memory-0-01"] {
        let answer = site.get(&format!("/v1/receipts/{receipt}")).await;
        let (code, message) = answer.error();
        assert_eq!((answer.status, code.as_str()), (404, "unknown_receipt"), "{receipt}");
        assert!(message.contains("not a receipt"), "{message}");
    }
    let long = site.get(&format!("/v1/receipts/{}", "x".repeat(5000))).await;
    assert!(long.status == 404 && long.body.len() < 400);
}

#[tokio::test]
async fn other_paths_and_methods_are_told_apart() {
    let site = Site::new();
    for path in
        ["/v1", "/v1/", "/v1/nope", "/v1/events/", "/v1/events/1", "/v1/receipts", "/v1/receipts/", "/v1/receipts/a/b"]
    {
        for method in ["GET", "POST", "DELETE"] {
            let answer = site.method(method, path).await;
            let (code, message) = answer.error();
            assert_eq!((answer.status, code.as_str()), (404, "not_found"), "{method} {path}");
            assert!(message.contains(path), "{message}");
        }
    }
    for (method, path, allowed) in [
        ("GET", "/v1/events", "POST, OPTIONS"),
        ("PUT", "/v1/events", "POST, OPTIONS"),
        ("POST", "/v1/receipts/r1-memory-0-1", "GET, HEAD, OPTIONS"),
        ("POST", "/health/live", "GET, HEAD"),
        ("DELETE", "/health/ready", "GET, HEAD"),
    ] {
        let answer = site.method(method, path).await;
        assert_eq!((answer.status, answer.header(ALLOW)), (405, allowed), "{method} {path}");
        assert_eq!(answer.error().0, "method_not_allowed");
        assert!(answer.error().1.starts_with(method));
    }
    assert_eq!(site.method("HEAD", "/health/live").await.status, 200);
    assert_eq!(site.get("/health/live").await.json(), json!({"status": "live"}));
    assert_eq!(site.get("/elsewhere").await.status, 404);
}

#[tokio::test]
async fn other_routers_can_be_merged() {
    let rest = Router::new().route("/api/query", get(async || "query")).fallback(async || "page");
    let both = Site::new().router.merge(rest);
    for (path, status, body) in [("/api/query", 200, "query"), ("/", 200, "page"), ("/v1x", 200, "page")] {
        let answer = ask(&both, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.body.as_ref()), (status, body.as_bytes()), "{path}");
        assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), "", "{path}");
    }
    assert_eq!(ask(&both, Request::get("/v1/nope").body(Body::empty()).unwrap()).await.error().0, "not_found");
    assert_eq!(
        ask(&both, Request::get("/v1/events").body(Body::empty()).unwrap()).await.error().0,
        "method_not_allowed"
    );
}

#[tokio::test]
async fn pages_of_any_origin_may_send_and_read() {
    let site = Site::new();
    for path in ["/v1/events", "/v1/receipts/x", "/v1/nope"] {
        let preflight = site.method("OPTIONS", path).await;
        assert_eq!((preflight.status, preflight.body.len()), (204, 0), "{path}");
        assert_eq!(preflight.header(ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert!(preflight.header(ACCESS_CONTROL_ALLOW_METHODS).contains("POST"));
        for header in ["authorization", "content-type", "x-write-key"] {
            assert!(preflight.header(ACCESS_CONTROL_ALLOW_HEADERS).contains(header));
        }
    }
    site.log.refuse(true);
    for answer in [
        site.post(GOOD).await,
        site.post("").await,
        site.post_with("x-write-key", "k").await,
        site.post_with("content-encoding", "br").await,
        site.get("/v1/events").await,
        site.get("/v1/nope").await,
        site.get("/v1/receipts/r1-a-1").await,
    ] {
        assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), "*", "{}", answer.status);
        assert_eq!(answer.header(ACCESS_CONTROL_EXPOSE_HEADERS), "Retry-After");
    }
    assert_eq!(site.get("/health/live").await.header(ACCESS_CONTROL_ALLOW_ORIGIN), "");
}

/// Numbers that look random and are the same in every run (xorshift).
pub(super) struct Numbers(pub u64);

impl Numbers {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

pub(super) fn mutate(body: &mut Vec<u8>, numbers: &mut Numbers) {
    const BYTES: &[u8] = b"{}[]\",:\\\n\r \0\xff\xc3\xa9e0-.tn";
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(body.len().max(1));
        let byte = BYTES[numbers.below(BYTES.len())];
        match numbers.below(5) {
            0 if !body.is_empty() => body[at] = byte,
            1 if !body.is_empty() => drop(body.remove(at)),
            2 => body.insert(at, byte),
            3 => body.truncate(at),
            _ => {
                let part = body[at..(at + numbers.below(40)).min(body.len())].to_vec();
                let to = numbers.below(body.len() + 1);
                body.splice(to..to, part);
            }
        }
    }
}

#[tokio::test]
async fn mutated_bodies_are_answered_and_every_candidate_is_counted() {
    let site = Site::new();
    let event =
        r#"{"event":"café \"x\"","user_id":"u","timestamp":"2025-12-31T00:00:00Z","properties":{"p":[1,{"q":null}]}}"#;
    let bodies = [
        event.to_owned(),
        format!("[{event},{GOOD},{event}]"),
        format!("{{\"events\":[{event},\n{GOOD}]}}"),
        format!("{event}\n{GOOD}\r\n\n{event}\n"),
        "{\n \"event\": \"a\",\n \"user_id\": \"u\"\n}".to_owned(),
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut taken, mut refused, mut empty) = (0, 0, 0);
    for round in 0..20_000 {
        let mut body = bodies[round % bodies.len()].clone().into_bytes();
        mutate(&mut body, &mut numbers);
        let shown = String::from_utf8_lossy(&body).into_owned();
        let candidates = crate::body::candidates(&body).map_or(1, |candidates| candidates.len());
        let answer = site.post(body).await;
        let json = answer.json();
        let accepted = json["accepted"].as_u64().unwrap() as usize;
        let rejected = json["rejected"].as_array().unwrap();
        assert_eq!(accepted + rejected.len(), candidates, "{shown}");
        assert!(rejected.windows(2).all(|two| two[0]["index"].as_u64() < two[1]["index"].as_u64()), "{shown}");
        assert!(rejected.last().is_none_or(|last| last["index"].as_u64() < Some(candidates as u64)), "{shown}");
        assert_eq!((answer.status == 200, answer.status == 400), (accepted > 0, accepted == 0), "{shown}");
        let receipt = json["receipt"].as_str();
        let kept = json["rejected"][0]["code"] != "empty" || !shown.trim_ascii().is_empty();
        assert_eq!(receipt.is_some(), accepted > 0 || kept, "{shown}");
        assert!(receipt.is_none_or(|text| text.starts_with(if accepted > 0 { "r1-" } else { "x1-" })), "{shown}");
        taken += accepted;
        refused += rejected.len();
        empty += usize::from(receipt.is_none());
    }
    assert!(taken > 1000 && refused > 1000, "the mutations miss one side: {taken} taken, {refused} refused");
    let (mut stored, mut kept) = (0, 0);
    for record in site.records().await {
        let (header, lines) = frame::open(&record.payload).unwrap();
        stored += frame::events(&header, lines).collect::<Result<Vec<_>, _>>().unwrap().len();
        kept += failures(&record).len();
    }
    assert_eq!((stored, kept), (taken, refused - empty));
}

#[path = "router_key_tests.rs"]
mod keys;
