//! Lanes, load and readiness, over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::header::RETRY_AFTER;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use weir_core::ports::{
    CountingIds, EventLog, FaultyLog, LogError, LogPosition, LogRecord, ManualClock, MemoryLog, SequenceNumber, ShardId,
};

use super::tests::{Answer, GOOD, NOW, ask};
use super::*;
use crate::collector::testing::NothingLands;
use crate::keys::{KeyPolicy, Keys};
use crate::load::{Amount, LoadSettings};

const TRACK: &str = r#"{"type":"track","event":"a","userId":"u"}"#;
const POSTHOG: &str = r#"{"event":"a","distinct_id":"u"}"#;

/// A log whose appends wait until they are let through.
struct Held {
    inner: MemoryLog,
    gate: Semaphore,
}

#[async_trait]
impl EventLog for Held {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        let permit = self.gate.acquire().await.map_err(|error| LogError::Unavailable(error.to_string()))?;
        permit.forget();
        self.inner.append(payload).await
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        self.inner.shards().await
    }

    async fn read(&self, s: &ShardId, a: Option<&SequenceNumber>, most: usize) -> Result<Vec<LogRecord>, LogError> {
        self.inner.read(s, a, most).await
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        self.inner.trim(shard, through).await
    }
}

/// A log that counts how often it is asked.
#[derive(Default)]
struct Asked {
    inner: MemoryLog,
    times: AtomicUsize,
}

#[async_trait]
impl EventLog for Asked {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        self.inner.append(payload).await
    }

    async fn check(&self) -> Result<(), LogError> {
        self.times.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        self.inner.shards().await
    }

    async fn read(&self, s: &ShardId, a: Option<&SequenceNumber>, most: usize) -> Result<Vec<LogRecord>, LogError> {
        self.inner.read(s, a, most).await
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        self.inner.trim(shard, through).await
    }
}

struct Loaded {
    collector: Arc<Collector>,
    router: Router,
}

fn loaded(log: Arc<dyn EventLog>, requests: u64, body_time: Duration) -> Loaded {
    let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
    let keys = KeyPolicy::anyone_as("dev", Keys::default());
    let most = Amount { bytes: LoadSettings::FEWEST_BYTES, requests };
    let settings = LoadSettings { most, body_time, ..LoadSettings::default() };
    let collector = Arc::new(Collector::new(log, clock, ids, keys, Arc::new(NothingLands)).with_load(settings));
    Loaded { router: router(Arc::clone(&collector)), collector }
}

impl Loaded {
    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        ask(&self.router, Request::post(path).body(body.into()).unwrap()).await
    }

    fn posting(&self, path: &'static str, body: impl Into<Body>) -> JoinHandle<Answer> {
        let (router, body) = (self.router.clone(), body.into());
        tokio::spawn(async move { ask(&router, Request::post(path).body(body).unwrap()).await })
    }

    async fn ready(&self) -> Answer {
        ask(&self.router, Request::get("/health/ready").body(Body::empty()).unwrap()).await
    }

    async fn until(&self, what: &str, holds: impl Fn(f64) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !holds(self.collector.load().level()) {
            assert!(Instant::now() < end, "{what}: the level is {}", self.collector.load().level());
            sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn records(log: &dyn EventLog) -> usize {
    log.read(&ShardId("memory-0".to_owned()), None, usize::MAX).await.unwrap().len()
}

fn held() -> Arc<Held> {
    Arc::new(Held { inner: MemoryLog::default(), gate: Semaphore::new(0) })
}

#[tokio::test]
async fn a_full_lane_leaves_the_other_alone() {
    let log = held();
    let site = loaded(log.clone(), 16, Duration::from_secs(30));
    let batch = format!(r#"{{"batch":[{TRACK}]}}"#);
    // Bulk may have a quarter of 16 requests.
    let mut waiting: Vec<_> = (0..4).map(|_| site.posting("/v1/import", batch.clone())).collect();
    site.until("four imports", |level| level >= 4.0 / 16.0).await;
    let refused = site.post("/v1/import", batch.clone()).await;
    assert_eq!((refused.status, refused.error().0.as_str()), (429, "bulk_paused"));
    assert!(refused.header(RETRY_AFTER).parse::<u64>().unwrap() >= 5);
    let historical = format!(r#"{{"batch":[{TRACK}],"historical":true}}"#);
    assert_eq!(site.post("/v1/batch", historical).await.error().0, "bulk_paused");
    assert_eq!(site.ready().await.status, 200, "bulk is no matter of health");

    waiting.extend((0..12).map(|_| site.posting("/v1/events", GOOD)));
    site.until("twelve live requests", |level| level >= 1.0).await;
    let refused = site.post("/v1/events", GOOD).await;
    assert_eq!((refused.status, refused.error().0.as_str()), (503, "overloaded"));
    assert!(refused.header(RETRY_AFTER).parse::<u64>().unwrap() >= 1);
    let ready = site.ready().await;
    assert_eq!((ready.status, ready.error().0.as_str()), (503, "overloaded"));

    log.gate.add_permits(100);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!((site.collector.load().level(), records(log.as_ref()).await), (0.0, 16));
    assert_eq!((site.ready().await.status, site.post("/v1/events", GOOD).await.status), (200, 200));
}

#[tokio::test]
async fn a_request_that_is_given_up_gives_back_its_share() {
    let site = loaded(held(), 16, Duration::from_secs(30));
    let waiting: Vec<_> = (0..12).map(|_| site.posting("/v1/events", GOOD)).collect();
    site.until("twelve requests", |level| level >= 12.0 / 16.0).await;
    for task in &waiting {
        task.abort();
    }
    site.until("none", |level| level == 0.0).await;
}

#[tokio::test]
async fn bulk_waits_while_the_log_fails_and_live_does_not() {
    let log = Arc::new(FaultyLog::new(MemoryLog::default()));
    let site = loaded(log.clone(), 16, Duration::from_secs(30));
    let bulk = |more: &str| format!(r#"{{"batch":[{TRACK}]{more}}}"#);
    let posthog = |more: &str| format!(r#"{{"batch":[{POSTHOG}]{more}}}"#);
    log.refuse(true);
    assert_eq!(site.post("/v1/events", GOOD).await.error().0, "unavailable");
    log.refuse(false);
    for (path, body, status) in [
        ("/v1/import", bulk(""), 429),
        ("/v1/batch", bulk(r#","historical":true"#), 429),
        ("/v1/b", bulk(r#","historical_migration":true"#), 429),
        ("/batch/", posthog(r#","historical_migration":true"#), 429),
        ("/batch", posthog(r#","historical":true"#), 429),
        ("/v1/batch", bulk(r#","historical":false"#), 200),
        ("/v1/batch", bulk(r#","historical":"true""#), 200),
        ("/batch/", posthog(r#","historical_migration":null"#), 200),
        ("/e/", POSTHOG.replace('}', r#","historical_migration":true}"#), 200),
        ("/v1/track", TRACK.replace('}', r#","historical":true}"#), 200),
        ("/v1/events", GOOD.to_owned(), 200),
    ] {
        let answer = site.post(path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}");
        assert_eq!(answer.header(RETRY_AFTER).is_empty(), status == 200);
    }
    assert_eq!(records(log.as_ref()).await, 6);
    assert_eq!(site.collector.load().level(), 0.0);
}

#[tokio::test]
async fn many_slow_clients_fill_no_memory() {
    let site = loaded(held(), 4_000, Duration::from_secs(30));
    // Each sends 4 MiB bit by bit, and never the end.
    let slow = || {
        let bits = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 16])).take(64);
        Body::from_stream(
            bits.then(async |bit| {
                tokio::task::yield_now().await;
                bit
            })
            .chain(stream::pending()),
        )
    };
    let clients: Vec<_> = (0..500).map(|_| site.posting("/v1/events", slow())).collect();
    let end = Instant::now() + Duration::from_secs(20);
    while clients.iter().filter(|client| client.is_finished()).count() < 400 {
        let level = site.collector.load().level();
        assert!(level <= 0.75, "live has more than its part: {level}");
        assert!(Instant::now() < end, "the slow clients are not refused");
        sleep(Duration::from_millis(2)).await;
    }
    for client in clients {
        if client.is_finished() {
            assert_eq!(client.await.unwrap().error().0, "overloaded");
        } else {
            client.abort();
        }
    }
    site.until("the others are gone", |level| level == 0.0).await;
}

#[tokio::test]
async fn who_announces_more_than_there_is_room_for_need_not_send_it() {
    let log = held();
    let site = loaded(log.clone(), 16, Duration::from_secs(30));
    let large = |bytes: usize| format!("{GOOD}{}", " ".repeat(bytes - GOOD.len()));
    let waiting: Vec<_> = (0..3)
        .map(|_| site.posting("/v1/events", Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>())))
        .collect();
    site.until("three requests", |level| level > 0.0).await;
    let announcing = |bytes: usize| {
        let request = Request::post("/v1/events").header("content-length", bytes.to_string());
        request.body(Body::from(large(bytes))).unwrap()
    };
    log.gate.add_permits(1);
    let answer = ask(&site.router, announcing(5 << 20)).await;
    assert_eq!(answer.status, 200, "who announces and does not send takes no room");
    for task in waiting {
        task.abort();
    }
}

#[tokio::test]
async fn who_is_refused_while_sending_hears_of_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    // Too few requests for even one in a lane.
    let site = loaded(held(), 3, Duration::from_secs(30));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, site.router.clone()).into_future());
    for lines in ["Content-Length: 4000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let chunked = lines.contains("chunked");
        let chunk = if chunked { format!("3e8\r\n{}\r\n", " ".repeat(1_000)) } else { " ".repeat(1_000) };
        client.write_all(chunk.repeat(4_000).as_bytes()).await.unwrap();
        client.write_all(if chunked { b"0\r\n\r\n" } else { b"" }).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    }
    // Who asks before it sends is not told to go on.
    for length in [4_000_000, 6_000_000] {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = "POST /v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n";
        client.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    server.abort();
}

#[tokio::test]
async fn what_is_announced_too_large_is_not_waited_for() {
    let site = loaded(Arc::new(MemoryLog::default()), 16, Duration::from_secs(30));
    let announced = Request::post("/v1/events").header("content-length", "5242881").header("expect", "100-continue");
    let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let answer = ask(&site.router, announced.body(endless).unwrap()).await;
    assert_eq!((answer.status, answer.only_rejection().0.as_str()), (413, "too_large"));
}

#[tokio::test]
async fn many_who_ask_at_once_ask_the_log_once() {
    let log = Arc::new(Asked::default());
    let site = loaded(log.clone(), 16, Duration::from_secs(30));
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let router = site.router.clone();
            let request = Request::get("/health/ready").body(Body::empty()).unwrap();
            tokio::spawn(async move { ask(&router, request).await.status })
        })
        .collect();
    for answer in asking {
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(log.times.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_a_408() {
    let log = Arc::new(MemoryLog::default());
    let site = loaded(log.clone(), 16, Duration::from_millis(30));
    let first = stream::iter([Ok::<_, std::io::Error>(GOOD)]);
    let answer = site.post("/v1/events", Body::from_stream(first.chain(stream::pending()))).await;
    let (code, _, message) = answer.only_rejection();
    assert_eq!((answer.status, code.as_str()), (408, "too_slow"));
    assert!(message.contains("nothing of it was stored"), "{message}");
    assert_eq!(answer.headers.get("connection").unwrap(), "close");
    assert_eq!((records(log.as_ref()).await, site.collector.load().level()), (0, 0.0));
}

#[tokio::test]
async fn a_log_that_recovers_is_found_ready_without_traffic() {
    let log = Arc::new(FaultyLog::new(MemoryLog::default()));
    let site = loaded(log.clone(), 16, Duration::from_secs(30));
    log.refuse(true);
    let ready = site.ready().await;
    assert_eq!((ready.status, ready.error().0.as_str()), (503, "unavailable"), "nobody has sent anything yet");
    assert!(!ready.header(RETRY_AFTER).is_empty());
    assert_eq!(site.post("/v1/events", GOOD).await.status, 503);
    log.refuse(false);
    assert_eq!(site.ready().await.status, 503, "a failure counts for a while");
    let end = Instant::now() + Duration::from_secs(20);
    while site.ready().await.status != 200 {
        assert!(Instant::now() < end, "it stays not ready");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(records(log.as_ref()).await, 0, "asking stores nothing");
}
