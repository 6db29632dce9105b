//! The webhook of a check: one request to a host that whoever runs the server named.
//!
//! Editors write the address, so it must not lead wherever this server can reach: only hosts that were named are called, over
//! HTTPS, or over HTTP where a named host is this machine; a redirect is not followed.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use url::{Host, Url};

use super::{CheckResult, CheckState, WebhookState, news};

/// One try takes at most so long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits before each further try.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// A host that may be called, such as `hooks.example` or `127.0.0.1:9000`. Without a port: at the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookHost {
    host: String,
    port: Option<u16>,
}

impl FromStr for WebhookHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("found `{text}`; expected a host such as `hooks.example`, or one with a port");
        let url = Url::parse(&format!("https://{text}")).map_err(|_| expected())?;
        let is_bare =
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        match url.host_str() {
            Some(host) if is_bare && !text.ends_with('/') => Ok(Self { host: host.to_owned(), port: url.port() }),
            _ => Err(expected()),
        }
    }
}

impl WebhookHost {
    fn is_of(&self, url: &Url) -> bool {
        url.host_str() == Some(self.host.as_str()) && url.port() == self.port
    }
}

/// Calls webhooks.
#[derive(Debug, Clone)]
pub struct Webhooks {
    allowed: Arc<[WebhookHost]>,
    pauses: [Duration; 2],
}

impl Webhooks {
    /// To these hosts and no others.
    pub fn to(allowed: Vec<WebhookHost>) -> Self {
        Self { allowed: allowed.into(), pauses: PAUSES }
    }

    /// The same, without a pause between tries.
    #[cfg(test)]
    pub(super) fn without_pauses(self) -> Self {
        Self { pauses: [Duration::ZERO; 2], ..self }
    }

    /// Tells a webhook how a check went, as often as it takes within reason.
    pub(super) async fn call(&self, address: &str, result: &CheckResult, before: Option<CheckState>) -> WebhookState {
        if !self.may_call(address) {
            tracing::warn!(report = %result.name, "the webhook of a check is not called: its host is not one of --webhook-host");
            return WebhookState::NotAllowed;
        }
        let body = news(result, before);
        let mut pauses = self.pauses.iter();
        loop {
            let (address, body) = (address.to_owned(), body.clone());
            let sent = tokio::task::spawn_blocking(move || send(&address, &body)).await;
            let why = match sent {
                Ok(Ok(())) => return WebhookState::Sent,
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => {
                    // The address may have a secret in it.
                    tracing::error!(report = %result.name, error = %why, "the webhook of a check failed");
                    return WebhookState::Failed;
                }
            }
        }
    }

    fn may_call(&self, address: &str) -> bool {
        let Ok(url) = Url::parse(address) else { return false };
        let is_named = self.allowed.iter().any(|allowed| allowed.is_of(&url));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url));
        is_named && is_safe
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// One try. What is not a success, a redirect included, is an error.
fn send(address: &str, body: &serde_json::Value) -> Result<(), ureq::Error> {
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")));
    let status = Agent::from(config.build()).post(address).send_json(body)?.status();
    if status.is_success() { Ok(()) } else { Err(ureq::Error::StatusCode(status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_hosts_are_called_and_in_the_clear_only_here() {
        let hosts = ["hooks.example", "127.0.0.1:9000", "plain.example:80"].map(|host| host.parse().unwrap());
        let webhooks = Webhooks::to(hosts.to_vec());
        for (address, may) in [
            ("https://hooks.example/weir?key=1", true),
            ("https://HOOKS.example/", true),
            ("https://hooks.example:8443/", false),
            ("https://hooks.example.evil/", false),
            ("https://hooks.example@evil/", false),
            ("http://hooks.example/", false),
            ("http://127.0.0.1:9000/x", true),
            ("http://127.0.0.1:9001/x", false),
            ("http://plain.example:80/", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("file:///etc/passwd", false),
            ("no address", false),
        ] {
            assert_eq!(webhooks.may_call(address), may, "{address}");
        }
        assert!(!Webhooks::to(Vec::new()).may_call("https://hooks.example/"), "nothing is named");
    }

    #[test]
    fn a_host_is_a_host_and_nothing_more() {
        for text in ["", "https://hooks.example", "hooks.example/", "hooks.example/x", "a@b", "a b", "x?y"] {
            assert!(text.parse::<WebhookHost>().is_err(), "{text}");
        }
    }
}
