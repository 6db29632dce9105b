use serde_json::json;
use weir_core::ports::ManualClock;

use super::*;

fn key(fields: serde_json::Value) -> Key {
    let mut key = json!({"key": "wk_1", "source": "web", "created_at": 0});
    key.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(key).unwrap()
}

fn ask(policy: &KeyPolicy, key: Option<&str>, origin: Option<&str>, clock: &ManualClock) -> Result<Source, KeyProblem> {
    authorize(policy, key.map(WriteKey::new).as_ref(), origin, 1, clock)
}

fn source(name: &str) -> Result<Source, KeyProblem> {
    Ok(Source { name: name.into(), readers: Readers::Anyone, store_ip: false, plan: PlanMode::Off })
}

#[test]
fn a_key_gives_its_source_and_no_key_that_of_the_policy() {
    let keys = Keys::new(vec![key(json!({})), key(json!({"key": "wk_2", "source": "app"}))]);
    let (dev, strict) = (KeyPolicy::anyone_as("dev", keys.clone()), KeyPolicy::with_key(keys));
    let clock = ManualClock::new(0);
    for policy in [&dev, &strict] {
        assert_eq!(ask(policy, Some("wk_1"), None, &clock), source("web"));
        assert_eq!(ask(policy, Some("wk_2"), Some("https://any.example"), &clock), source("app"));
        assert_eq!(ask(policy, Some("wk_3"), None, &clock), Err(KeyProblem::Unknown));
        assert_eq!(ask(policy, Some("wk_"), None, &clock), Err(KeyProblem::Unknown));
    }
    assert_eq!(ask(&dev, None, Some("https://any.example"), &clock), source("dev"));
    assert_eq!(ask(&strict, None, None, &clock), Err(KeyProblem::Missing));
}

#[test]
fn a_key_says_what_follows_from_the_plan() {
    let keys = [
        ("wk_1", json!({})),
        ("wk_2", json!({"plan": "warn"})),
        ("wk_3", json!({"plan": "enforce", "events_per_second": 9})),
    ];
    let keys = Keys::new(keys.map(|(text, fields)| Key { key: WriteKey::new(text), ..key(fields) }).to_vec());
    let policy = KeyPolicy::anyone_as("dev", keys);
    let mode = |policy: &KeyPolicy, key| ask(policy, key, None, &ManualClock::new(0)).unwrap().plan;
    assert_eq!(
        ["wk_1", "wk_2", "wk_3"].map(|key| mode(&policy, Some(key))),
        [PlanMode::Off, PlanMode::Warn, PlanMode::Enforce]
    );
    assert_eq!(mode(&policy, None), PlanMode::Off);
    assert_eq!(mode(&policy.with_plan_for_keyless(PlanMode::Warn), None), PlanMode::Warn);
}

#[test]
fn a_key_ends_while_the_table_stays() {
    let policy = KeyPolicy::with_key(Keys::new(vec![key(json!({"disabled_at": 1_000}))]));
    let clock = ManualClock::new(999);
    assert_eq!(ask(&policy, Some("wk_1"), None, &clock), source("web"));
    clock.advance(1);
    assert_eq!(ask(&policy, Some("wk_1"), None, &clock), Err(KeyProblem::Disabled));
}

#[test]
fn only_listed_origins_may_use_a_key_and_read_its_answers() {
    let listed = key(json!({"origins": ["https://a.example", "http://localhost:3000"]}));
    let policy = KeyPolicy::with_key(Keys::new(vec![listed]));
    let ask = |origin| ask(&policy, Some("wk_1"), origin, &ManualClock::new(0));
    let only = |origin| {
        Ok(Source {
            name: "web".into(),
            readers: Readers::Only(HeaderValue::from_static(origin)),
            store_ip: false,
            plan: PlanMode::Off,
        })
    };
    assert_eq!(ask(Some("https://a.example")), only("https://a.example"));
    assert_eq!(ask(Some("http://localhost:3000")), only("http://localhost:3000"));
    assert_eq!(ask(None), source("web"));
    for origin in
        ["https://b.example", "http://a.example", "https://a.example:8443", "https://a.example.evil", "null", ""]
    {
        assert_eq!(ask(Some(origin)), Err(KeyProblem::OriginNotAllowed { origin: origin.to_owned() }));
    }
    let long = ask(Some(&"x".repeat(10_000))).unwrap_err().to_string();
    assert!(long.len() < 400, "{long}");
}

#[test]
fn events_are_counted_against_the_rate_of_their_key() {
    let limited = || vec![key(json!({"events_per_second": 10, "burst": 20})), key(json!({"key": "wk_2"}))];
    let keys = Keys::new(limited());
    let policy = KeyPolicy::anyone_as("dev", keys.clone());
    let clock = ManualClock::new(0);
    let send = |key: &str, events| authorize(&policy, Some(&WriteKey::new(key)), None, events, &clock).map(|s| s.name);
    let over = |retry_after_s| Err(KeyProblem::OverRate { events_per_second: 10, retry_after_s });
    assert_eq!(send("wk_1", 20), Ok("web".into()));
    assert_eq!((send("wk_1", 1), send("wk_1", 0)), (over(1), over(1)));
    assert_eq!(send("wk_2", 1_000_000), Ok("web".into()), "the limit of one key is not that of another");
    // Reloading neither fills the bucket nor forgets a debt.
    keys.replace(limited());
    assert_eq!(send("wk_1", 1), over(1));
    clock.advance(2_000);
    assert_eq!(send("wk_1", 100), Ok("web".into()), "more than the burst, on a full bucket");
    assert_eq!(send("wk_1", 1), over(9));
    keys.replace(vec![key(json!({}))]);
    assert_eq!(send("wk_1", 1_000_000), Ok("web".into()));
    assert_eq!(send("wk_2", 1), Err(KeyProblem::Unknown));
}

#[test]
fn who_is_refused_for_another_reason_uses_nothing_up() {
    let limited = key(json!({"events_per_second": 1, "burst": 1, "origins": ["https://a.example"]}));
    let policy = KeyPolicy::with_key(Keys::new(vec![limited]));
    let clock = ManualClock::new(0);
    for _ in 0..5 {
        assert!(ask(&policy, Some("wk_1"), Some("https://b.example"), &clock).is_err());
    }
    assert!(ask(&policy, Some("wk_1"), Some("https://a.example"), &clock).is_ok());
}

#[test]
fn requests_run_while_keys_are_swapped() {
    let keys = Keys::new(vec![key(json!({"events_per_second": 1, "burst": 100}))]);
    let policy = KeyPolicy::with_key(keys.clone());
    let clock = ManualClock::new(0);
    let write_key = WriteKey::new("wk_1");
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..500).filter(|_| authorize(&policy, Some(&write_key), None, 1, &clock).is_ok()).count()
                })
            })
            .collect();
        (0..50).for_each(|_| keys.replace(vec![key(json!({"events_per_second": 1, "burst": 100}))]));
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 100);
}
