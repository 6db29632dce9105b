use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, RETRY_AFTER, VARY};

use super::*;
use crate::keys::Key;

/// A site with a few keys, and its clock.
struct Keyed {
    log: Arc<MemoryLog>,
    clock: Arc<ManualClock>,
    keys: Keys,
    router: Router,
}

fn keyed() -> Keyed {
    let key = |json: Value| -> Key { serde_json::from_value(json).unwrap() };
    let keys = Keys::new(vec![
        key(json!({"key": "wk_any", "source": "app", "created_at": 0})),
        key(json!({"key": "wk_page", "source": "web", "created_at": 0, "origins": ["https://a.example"]})),
        key(json!({"key": "wk_slow", "source": "slow", "created_at": 0, "events_per_second": 2, "burst": 4})),
        key(json!({"key": "wk_off", "source": "app", "created_at": 0, "disabled_at": NOW})),
    ]);
    let (log, clock) = (Arc::new(MemoryLog::default()), Arc::new(ManualClock::new(NOW)));
    let policy = KeyPolicy::anyone_as("dev", keys.clone());
    let ids = Arc::new(CountingIds::default());
    let collector = Collector::new(log.clone(), clock.clone(), ids, policy, Arc::new(Landed::default()));
    Keyed { log, clock, keys, router: router(Arc::new(collector)) }
}

impl Keyed {
    async fn send(&self, key: &str, origin: Option<&str>, body: &str) -> Answer {
        let mut request = Request::post("/v1/events").header("x-write-key", key);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        ask(&self.router, request.body(body.to_owned().into()).unwrap()).await
    }

    /// Source and number of events of each stored record.
    async fn stored(&self) -> Vec<(String, usize)> {
        let records = self.log.read(&ShardId("memory-0".to_owned()), None, usize::MAX).await.unwrap();
        let count = |record: &LogRecord| {
            let (header, lines) = frame::open(&record.payload).unwrap();
            (header.source.clone(), frame::events(&header, lines).count())
        };
        records.iter().map(count).collect()
    }
}

#[tokio::test]
async fn events_belong_to_the_source_of_their_key() {
    let site = keyed();
    assert_eq!(site.send("wk_any", None, GOOD).await.status, 200);
    assert_eq!(ask(&site.router, Request::post("/v1/events").body(GOOD.into()).unwrap()).await.status, 200);
    assert_eq!(site.stored().await, [("app".to_owned(), 1), ("dev".to_owned(), 1)]);
}

#[tokio::test]
async fn a_disabled_key_is_told_from_an_unknown_one() {
    let site = keyed();
    for (key, code) in [("wk_off", "disabled_key"), ("wk_none", "unknown_key")] {
        let answer = site.send(key, None, GOOD).await;
        let (found, message) = answer.error();
        assert_eq!((answer.status, found.as_str()), (401, code));
        assert!(!message.contains(key), "{message}");
        assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), "*", "the page may learn why");
    }
    site.keys.replace(Vec::new());
    assert_eq!(site.send("wk_any", None, GOOD).await.status, 401, "keys are looked up anew for each request");
    assert_eq!(site.stored().await, []);
}

#[tokio::test]
async fn a_key_that_lists_origins_answers_those_only() {
    let site = keyed();
    let refused = site.send("wk_page", Some("https://b.example"), GOOD).await;
    let (code, message) = refused.error();
    assert_eq!((refused.status, code.as_str()), (403, "origin_not_allowed"));
    assert!(message.contains("`https://b.example`"), "{message}");
    assert_eq!((refused.header(ACCESS_CONTROL_ALLOW_ORIGIN), refused.header(VARY)), ("", "origin"));
    assert_eq!(site.stored().await, []);

    for (body, status) in [(GOOD, 200), ("{", 400)] {
        let answer = site.send("wk_page", Some("https://a.example"), body).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), "https://a.example");
        assert_eq!((answer.header(VARY), answer.header(ACCESS_CONTROL_EXPOSE_HEADERS)), ("origin", "Retry-After"));
    }
    let server = site.send("wk_page", None, GOOD).await;
    assert_eq!((server.status, server.header(ACCESS_CONTROL_ALLOW_ORIGIN)), (200, "*"));
    assert_eq!(site.send("wk_any", Some("https://b.example"), GOOD).await.header(ACCESS_CONTROL_ALLOW_ORIGIN), "*");
}

#[tokio::test]
async fn over_its_rate_a_key_is_told_when_to_come_back_and_nothing_is_stored() {
    let site = keyed();
    let three = format!("[{GOOD},{GOOD},{GOOD}]");
    assert_eq!(site.send("wk_slow", None, &three).await.status, 200);
    let answer = site.send("wk_slow", None, &three).await;
    let (code, message) = answer.error();
    assert_eq!((answer.status, code.as_str(), answer.header(RETRY_AFTER)), (429, "over_rate", "1"));
    assert!(message.contains("2 events a second") && message.contains("nothing was stored"), "{message}");
    assert_eq!(site.send("wk_slow", None, GOOD).await.status, 200, "what was refused used nothing up");
    assert_eq!(site.send("wk_any", None, &three).await.status, 200);
    // A bad body is not looked at.
    assert_eq!(site.send("wk_slow", None, "{").await.status, 429);

    site.clock.advance(2_000);
    let ten = format!("[{}]", [GOOD; 10].join(","));
    assert_eq!(site.send("wk_slow", None, &ten).await.status, 200, "more than the burst, on a full bucket");
    let answer = site.send("wk_slow", None, GOOD).await;
    assert_eq!((answer.status, answer.header(RETRY_AFTER)), (429, "4"));
    site.clock.advance(4_000);
    assert_eq!(site.send("wk_slow", None, "[{},1]").await.status, 400, "events that are not good count too");
    let counts: Vec<_> = site.stored().await.into_iter().map(|(_, events)| events).collect();
    assert_eq!(counts, [3, 1, 3, 10, 0], "the last record holds reasons only");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let router = keyed().router;
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let body = " ".repeat(2_000_000);
    let head = |more: &str| {
        format!(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: wk_off\r\n{more}Content-Length: {}\r\n\r\n",
            body.len()
        )
    };
    client.write_all(head("").as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    client.write_all(body.as_bytes()).await.unwrap();
    client.write_all((head("Connection: close\r\n") + &body).as_bytes()).await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    server.abort();
    assert_eq!(answers.matches("HTTP/1.1 401 ").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_key_in_the_body_is_held_to_the_same() {
    let site = keyed();
    let message = json!({"type": "track", "event": "E", "userId": "u"});
    let send = async |key: &str, events: usize, origin: &str| {
        let body = json!({"writeKey": key, "batch": vec![message.clone(); events]}).to_string();
        ask(&site.router, Request::post("/v1/batch").header(ORIGIN, origin).body(body.into()).unwrap()).await
    };
    assert_eq!(send("wk_any", 2, "https://b.example").await.status, 200);
    for (key, status, code) in [("wk_off", 401, "disabled_key"), ("wk_none", 401, "unknown_key")] {
        let answer = send(key, 1, "https://b.example").await;
        assert_eq!((answer.status, answer.error().0.as_str()), (status, code));
    }
    let refused = send("wk_page", 1, "https://b.example").await;
    assert_eq!((refused.status, refused.error().0.as_str()), (403, "origin_not_allowed"));
    assert!(!refused.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "a page that may not send may not read");
    let taken = send("wk_page", 1, "https://a.example").await;
    assert_eq!((taken.status, taken.header(ACCESS_CONTROL_ALLOW_ORIGIN)), (200, "https://a.example"));
    assert_eq!(send("wk_slow", 4, "https://b.example").await.status, 200);
    let over = send("wk_slow", 1, "https://b.example").await;
    assert_eq!((over.status, over.header(RETRY_AFTER)), (429, "1"));
    let stored = [("app", 2), ("web", 1), ("slow", 4)].map(|(source, events)| (source.to_owned(), events));
    assert_eq!(site.stored().await, stored);
}
