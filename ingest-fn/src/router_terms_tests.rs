use axum::body::Body;
use serde_json::json;
use tower::ServiceExt;
use weir_core::event::frame;
use weir_core::ports::{CountingIds, EventLog, ManualClock, MemoryLog, ShardId};

use super::*;
use crate::collector::testing::NothingLands;
use crate::keys::{Key, KeyPolicy, Keys};
use crate::privacy::{PrivacyRules, Rule, Rules};

const NOW: i64 = 1_767_225_600_000;
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const HEADERS: [(&str, &str); 3] =
    [("user-agent", SAFARI), ("cf-ipcountry", "kr"), ("x-forwarded-for", "203.0.113.9, 10.0.0.1")];

/// A collector with a key that stores addresses and one that does not, and its rules.
struct Site {
    log: Arc<MemoryLog>,
    privacy: PrivacyRules,
    router: Router,
}

fn site(make: impl FnOnce(Collector) -> Collector) -> Site {
    let key = |json: Value| -> Key { serde_json::from_value(json).unwrap() };
    let keys = Keys::new(vec![
        key(json!({"key": "wk_1", "source": "web", "created_at": 0})),
        key(json!({"key": "wk_ip", "source": "app", "created_at": 0, "store_ip": true})),
    ]);
    let (log, clock, ids) = (Arc::new(MemoryLog::default()), ManualClock::new(NOW), CountingIds::default());
    let (privacy, policy) = (PrivacyRules::default(), KeyPolicy::with_key(keys));
    let collector = Collector::new(log.clone(), Arc::new(clock), Arc::new(ids), policy, Arc::new(NothingLands));
    let collector = make(collector.with_privacy(privacy.clone()));
    Site { log, privacy, router: router(Arc::new(collector)) }
}

impl Site {
    /// Sends a body, and gives the last line of the log: an event as it is stored.
    async fn stored(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Value {
        let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let records = self.log.read(&ShardId("memory-0".to_owned()), None, usize::MAX).await.unwrap();
        let (_, lines) = frame::open(&records.last().unwrap().payload).unwrap();
        let line = lines.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
        serde_json::from_slice(line).unwrap()
    }

    async fn context(&self, key: &str, headers: &[(&str, &str)]) -> Value {
        let headers = [&[("x-write-key", key)], headers].concat();
        self.stored("/v1/events", &headers, &json!({"event": "a", "user_id": "u"})).await["context"].clone()
    }
}

#[tokio::test]
async fn headers_tell_browser_country_and_address() {
    let site = site(|collector| collector);
    let known = json!({"country": "KR", "browser": {"name": "Safari", "version": "18.6"},
        "os": {"name": "iOS", "version": "18.6"}, "device": {"type": "mobile"}});
    assert_eq!(site.context("wk_1", &HEADERS).await, known);
    let mut with_address = known;
    with_address["ip"] = json!("203.0.113.9");
    assert_eq!(site.context("wk_ip", &HEADERS).await, with_address);
    for agent in ["curl/8.5.0", "analytics-node/3.1.0", "posthog-node/5.8.0"] {
        assert_eq!(site.context("wk_1", &[("user-agent", agent)]).await, Value::Null);
    }
}

#[tokio::test]
async fn the_header_of_the_country_is_chosen() {
    let site = site(|collector| collector.with_country_headers(vec!["x-country".parse().unwrap()]));
    assert_eq!(site.context("wk_1", &[("cf-ipcountry", "KR"), ("x-country", "DE")]).await, json!({"country": "DE"}));
}

#[tokio::test]
async fn every_protocol_is_held_to_the_terms() {
    let site = site(|collector| collector);
    let segment = json!({"writeKey": "wk_1", "userId": "u", "event": "a", "properties": {"email": "a@b.c"},
        "context": {"ip": "10.0.0.1", "traits": {"email": "a@b.c"}, "userAgent": SAFARI}});
    let posthog = json!({"api_key": "wk_1", "event": "a", "distinct_id": "u",
        "properties": {"$ip": "10.0.0.1", "$set": {"email": "a@b.c"}, "n": 1}});
    let stored = site.stored("/v1/track", &[("user-agent", "analytics-node/3.1.0")], &segment).await;
    assert_eq!(stored["context"]["os"], json!({"name": "iOS", "version": "18.6"}));
    assert!(stored.to_string().contains("a@b.c") && !stored.to_string().contains("10.0.0.1"), "{stored}");

    // Rules are in force for the next request, and gone for the one after they are taken back.
    let email: Rule = serde_json::from_value(json!({"property": "email", "action": "drop"})).unwrap();
    site.privacy.replace(Rules::compile(&[email], None).unwrap());
    let stored = site.stored("/v1/track", &HEADERS, &segment).await;
    assert_eq!((&stored["properties"], &stored["context"]["traits"]), (&json!({}), &json!({})));
    let stored = site.stored("/capture/", &HEADERS, &posthog).await;
    assert_eq!(stored["properties"], json!({"$set": {}, "n": 1}));
    assert_eq!(stored["context"]["browser"]["name"], "Safari");
    site.privacy.replace(Rules::default());
    assert!(site.stored("/v1/track", &HEADERS, &segment).await.to_string().contains("a@b.c"));
}
