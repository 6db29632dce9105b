//! What clients of other protocols ask before they send, or beside it: where to send, and which features are on. weir has
//! none of those features; an answer that says so lets the client go on.

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};

/// Where a client reached the collector, as it would have to write it in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    protocol: &'static str,
    host: String,
}

impl Address {
    /// The address of a request; `None` where it has no host that could stand in one.
    ///
    /// A proxy that ends TLS says so with `X-Forwarded-Proto`. Where nobody says it, a name of this machine is reached by
    /// plain HTTP and every other by HTTPS: a page that is sent to HTTP by mistake loses its events without a word.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()))?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_plain) {
            return None;
        }
        let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        let protocol = match forwarded.and_then(|list| list.split(',').next()).map(str::trim) {
            Some(proto) if proto.eq_ignore_ascii_case("https") => "https",
            Some(proto) if proto.eq_ignore_ascii_case("http") => "http",
            _ if is_this_machine(host) => "http",
            _ => "https",
        };
        Some(Self { protocol, host: host.to_owned() })
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

/// The settings that Segment's browser client loads before its first event: send everything here, and nothing elsewhere.
pub fn segment_settings(key: &str, address: &Address) -> Value {
    let enabled = || json!({"__default": {"enabled": true, "integrations": {}}});
    json!({
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": format!("{}/v1", address.host),
                "protocol": address.protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": true,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {"track": enabled(), "identify": enabled(), "group": enabled()},
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    })
}

/// The answer to PostHog's clients that ask for feature flags, in the shape of every version of that question.
pub fn no_flags() -> Value {
    json!({
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": false,
        "config": {"enable_collect_everything": false},
        "toolbarParams": {},
        "isAuthenticated": false,
        "supportedCompression": ["gzip", "gzip-js"],
        "sessionRecording": false,
        "siteApps": [],
        "surveys": false,
        "capturePerformance": false,
        "autocapture_opt_out": false,
        "heatmaps": false,
    })
}

/// The settings that PostHog's browser client loads.
pub fn posthog_config(key: &str) -> Value {
    json!({
        "token": key,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": false,
        "analytics": {"endpoint": "/i/v0/e/"},
        "captureDeadClicks": false,
        "capturePerformance": false,
        "autocapture_opt_out": false,
        "autocaptureExceptions": false,
        "elementsChainAsString": true,
        "errorTracking": {"autocaptureExceptions": false, "suppressionRules": []},
        "sessionRecording": false,
        "heatmaps": false,
        "surveys": false,
        "defaultIdentifiedOnly": true,
        "siteApps": [],
    })
}

/// The same settings as the script that PostHog's browser client loads first.
pub fn posthog_config_script(key: &str) -> String {
    let name = Value::from(key);
    let config = posthog_config(key);
    format!(
        "(function(){{var all=window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{{}};all[{name}]={{config:{config},siteApps:[]}};}})();\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(headers: &[(&'static str, &str)]) -> Option<(&'static str, String)> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Address::of(&Uri::from_static("/v1/projects/k/settings"), &headers).map(|found| (found.protocol, found.host))
    }

    #[test]
    fn a_client_is_sent_where_it_came_from() {
        for (host, protocol) in [
            ("localhost:8080", "http"),
            ("127.0.0.1:8080", "http"),
            ("[::1]:8080", "http"),
            ("events.example.com", "https"),
            ("events.example.com:8443", "https"),
            ("localhost.example.com", "https"),
        ] {
            assert_eq!(address(&[("host", host)]), Some((protocol, host.to_owned())));
            for forwarded in ["http", "https", "HTTPS", "https, http"] {
                let expected = if forwarded == "http" { "http" } else { "https" };
                let found = address(&[("host", host), ("x-forwarded-proto", forwarded)]);
                assert_eq!(found, Some((expected, host.to_owned())));
            }
        }
        for bad in ["", "a b", "a/b", "\"", "a@b"] {
            assert_eq!(address(&[("host", bad)]), None, "{bad}");
        }
        assert_eq!(address(&[]), None);
    }

    #[test]
    fn a_key_stays_text_in_a_script() {
        let script = posthog_config_script("a\"];alert(1)//");
        assert!(script.contains(r#"all["a\"];alert(1)//"]={config:"#), "{script}");
    }
}
