use super::*;

const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const OF_SAFARI: &str =
    r#""browser":{"name":"Safari","version":"18.6"},"os":{"name":"iOS","version":"18.6"},"device":{"type":"mobile"}"#;

fn facts(agent: &str, country: &str) -> RequestFacts {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    RequestFacts { agent: filled(agent), country: filled(country), address: "203.0.113.9".parse().ok() }
}

fn enriched(facts: &RequestFacts, stores_address: bool, context: Option<&str>) -> Option<String> {
    let text = Enrichment::new(facts, &Agents::default(), stores_address).context(context);
    if let Some(text) = &text {
        serde_json::from_str::<serde::de::IgnoredAny>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    text
}

#[test]
fn what_the_request_tells_is_added() {
    let safari = facts(SAFARI, "KR");
    let all = format!(r#"{{"country":"KR",{OF_SAFARI}}}"#);
    assert_eq!(enriched(&safari, false, None).unwrap(), all);
    assert_eq!(enriched(&safari, false, Some("{}")).unwrap(), all);
    let sent = "{ \"locale\" : \"ko\", \"n\":1.0}";
    let added = format!(r#"{{"country":"KR",{OF_SAFARI}, "locale" : "ko", "n":1.0}}"#);
    assert_eq!(enriched(&safari, false, Some(sent)).unwrap(), added, "what was sent stays byte for byte");
    let with_address = enriched(&safari, true, None).unwrap();
    assert!(with_address.starts_with(r#"{"country":"KR","ip":"203.0.113.9","browser""#), "{with_address}");
}

#[test]
fn what_the_client_says_stays() {
    let safari = facts(SAFARI, "KR");
    let sent = r#"{"os":{"version":"9"},"device":{"model":"x"},"browser":"mine","country":null,"ip":"10.0.0.1"}"#;
    let kept = r#"{"os":{"name":"iOS","version":"9"},"device":{"type":"mobile","model":"x"},"browser":"mine","country":null,"ip":"10.0.0.1"}"#;
    assert_eq!(enriched(&safari, true, Some(sent)).unwrap(), kept);
    assert_eq!(enriched(&safari, true, Some(kept)), None, "nothing is left to add");
    let escaped = r#"{"\u006fs":7,"browser":{},"device":[],"country":"x","ip":""}"#;
    let added = r#"{"\u006fs":7,"browser":{"name":"Safari","version":"18.6"},"device":[],"country":"x","ip":""}"#;
    assert_eq!(enriched(&safari, true, Some(escaped)).unwrap(), added);
}

#[test]
fn the_agent_of_the_event_goes_before_that_of_the_request() {
    let own = format!(r#"{{"userAgent":"{SAFARI}"}}"#);
    let added = format!(r#"{{{OF_SAFARI},"userAgent":"{SAFARI}"}}"#);
    // The server that sends it on stands elsewhere, so neither its country nor its address is the user's.
    for server in ["analytics-node/3.1.0", "python-requests/2.32.3", CHROME, ""] {
        assert_eq!(enriched(&facts(server, "US"), true, Some(&own)).unwrap(), added, "{server}");
    }
    let by_hand = own.replace("userAgent", "user_agent");
    assert_eq!(enriched(&facts("", ""), false, Some(&by_hand)).unwrap(), added.replace("userAgent", "user_agent"));
    // A browser that names its own agent sends for itself.
    let itself = enriched(&facts(SAFARI, "KR"), false, Some(&own)).unwrap();
    assert!(itself.starts_with(r#"{"country":"KR","browser""#), "{itself}");
    for odd in [r#"{"userAgent":5}"#, r#"{"userAgent":""}"#, r#"{"userAgent":"\ud800"}"#] {
        assert!(enriched(&facts(SAFARI, ""), false, Some(odd)).unwrap().contains("Safari"), "{odd}");
    }
}

#[test]
fn an_address_is_not_shown() {
    let (facts, agents) = (facts(SAFARI, "KR"), Agents::default());
    let enrichment = Enrichment::new(&facts, &agents, true);
    assert!(enrichment.context(None).unwrap().contains("203.0.113.9"));
    let shown = format!("{enrichment:?}");
    assert!(shown.contains("KR") && !shown.contains("203.0.113.9"), "{shown}");
}

#[test]
fn bots_are_flagged_and_libraries_are_not() {
    let bot = r#"{"bot":true,"browser":{"name":"Googlebot","version":"2.1"},"device":{"type":"bot"}}"#;
    assert_eq!(enriched(&facts(GOOGLEBOT, ""), false, None).unwrap(), bot);
    for library in ["analytics-node/3.1.0", "curl/8.5.0", "Go-http-client/2.0", "python-requests/2.32.3", ""] {
        assert_eq!(enriched(&facts(library, ""), false, None), None, "{library}");
        assert_eq!(enriched(&facts(library, ""), false, Some("{\"a\":1}")), None, "{library}");
        assert_eq!(enriched(&facts(library, "DE"), false, None).unwrap(), r#"{"country":"DE"}"#, "{library}");
    }
}

#[test]
fn an_agent_is_read_once_for_all_events() {
    let (facts, agents) = (facts(SAFARI, ""), Agents::default());
    let enrichment = Enrichment::new(&facts, &agents, false);
    for event in 0..100 {
        let own = format!(r#"{{"userAgent":"{CHROME}","n":{event}}}"#);
        assert!(enrichment.context(Some(&own)).unwrap().contains("Windows"));
        assert!(enrichment.context(None).unwrap().contains("Safari"));
    }
    assert_eq!(enrichment.of_events.borrow().len(), 1);
    // Even where the other requests of the process make it forget.
    let before = enrichment.of_event(CHROME);
    (0..3_000).for_each(|n| drop(agents.read(&format!("agent {n}"))));
    assert!(Rc::ptr_eq(&before, &enrichment.of_event(CHROME)));
}
