//! What a request says of where it comes from, read once for all its events.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::header::USER_AGENT;
use axum::http::{Extensions, HeaderMap, HeaderName};
use lambda_http::request::RequestContext;

/// Headers in which a CDN says the country of who asks, in the order in which they are looked at: those of CloudFront,
/// Cloudflare, Vercel and App Engine.
pub const COUNTRY_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("cloudfront-viewer-country"),
    HeaderName::from_static("cf-ipcountry"),
    HeaderName::from_static("x-vercel-ip-country"),
    HeaderName::from_static("x-appengine-country"),
];
/// The address of who asks, and their port, as CloudFront says it.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
/// The addresses on the way, the first being that of who asks.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What CDNs say of an address that they cannot place, or that is in no one country: unknown, Tor is `T1`, Europe, Asia/Pacific.
const NO_COUNTRIES: [&str; 4] = ["XX", "ZZ", "EU", "AP"];
/// Agents of SDKs that run on servers: where such a request comes from is where the server stands, not the user.
const SERVER_SDKS: [&str; 13] = [
    "analytics-node/",
    "analytics-python/",
    "analytics-ruby/",
    "analytics-go",
    "analytics-java/",
    "analytics-php/",
    "analytics-csharp/",
    "posthog-node/",
    "posthog-python/",
    "posthog-ruby",
    "posthog-go/",
    "posthog-php/",
    "rudder-server",
];

/// Where a request comes from. Its address is left out of what is logged.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RequestFacts {
    /// The user agent that sent it.
    pub agent: Option<String>,
    /// ISO 3166-1 alpha-2, in capitals.
    pub country: Option<String>,
    /// The address of who sent it. Looked at only where a key stores it.
    pub address: Option<IpAddr>,
}

impl RequestFacts {
    /// Reads the facts. `country_headers` are those in which a country is looked for, the first that has one counts. The address
    /// is looked for where it is wanted.
    pub fn of(
        headers: &HeaderMap,
        extensions: &Extensions,
        country_headers: &[HeaderName],
        wants_address: bool,
    ) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let agent = text(&USER_AGENT).filter(|agent| !agent.is_empty()).map(str::to_owned);
        if agent.as_deref().is_some_and(is_server_sdk) {
            return Self { agent, country: None, address: None };
        }
        let country = country_headers.iter().find_map(|name| country(text(name)?));
        if !wants_address {
            return Self { agent, country, address: None };
        }
        let address = text(&VIEWER_ADDRESS).and_then(viewer_address);
        let address = address.or_else(|| text(&FORWARDED_FOR)?.split(',').next().and_then(hop_address));
        Self { agent, country, address: address.or_else(|| peer(extensions)) }
    }
}

impl fmt::Debug for RequestFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent, country, address: _ } = self;
        f.debug_struct("RequestFacts").field("agent", agent).field("country", country).finish_non_exhaustive()
    }
}

fn is_server_sdk(agent: &str) -> bool {
    SERVER_SDKS.iter().any(|name| agent.starts_with(name))
}

fn country(text: &str) -> Option<String> {
    let country = text.to_ascii_uppercase();
    let is_one = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_one && !NO_COUNTRIES.contains(&country.as_str())).then_some(country)
}

/// `203.0.113.9:443`, and `2001:db8::1:443` without brackets.
fn viewer_address(text: &str) -> Option<IpAddr> {
    text.rsplit_once(':').and_then(|(address, _)| hop_address(address))
}

/// An address with or without a port, and with or without brackets.
fn hop_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Who is at the other end: of the function's URL, or of the socket.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    if let Some(RequestContext::ApiGatewayV2(context)) = extensions.get() {
        return context.http.source_ip.as_deref().and_then(hop_address);
    }
    extensions.get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(headers: &[(&'static str, &str)]) -> RequestFacts {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        RequestFacts::of(&headers.collect(), &Extensions::new(), &COUNTRY_HEADERS, true)
    }

    fn address(headers: &[(&'static str, &str)]) -> Option<String> {
        facts(headers).address.map(|address| address.to_string())
    }

    #[test]
    fn a_country_is_two_letters_that_stand_for_one() {
        for header in COUNTRY_HEADERS {
            let headers = HeaderMap::from_iter([(header, "kr".parse().unwrap())]);
            let facts = RequestFacts::of(&headers, &Extensions::new(), &COUNTRY_HEADERS, true);
            assert_eq!(facts.country.as_deref(), Some("KR"));
        }
        for unknown in ["XX", "T1", "", "KOR", "K", "zz", "가", "EU"] {
            assert_eq!(facts(&[("cf-ipcountry", unknown)]).country, None, "{unknown}");
        }
        let both = facts(&[("cf-ipcountry", "DE"), ("cloudfront-viewer-country", "XX")]);
        assert_eq!(both.country.as_deref(), Some("DE"), "a header that knows nothing does not hide one that does");
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-country"), "JP".parse().unwrap())]);
        assert_eq!(RequestFacts::of(&headers, &Extensions::new(), &COUNTRY_HEADERS, true).country, None);
        let own = [HeaderName::from_static("x-country")];
        assert_eq!(RequestFacts::of(&headers, &Extensions::new(), &own, false).country.as_deref(), Some("JP"));
    }

    #[test]
    fn an_address_is_that_of_who_asks() {
        assert_eq!(address(&[("x-forwarded-for", "203.0.113.9, 10.0.0.1")]).unwrap(), "203.0.113.9");
        assert_eq!(address(&[("x-forwarded-for", "[2001:db8::1]:443")]).unwrap(), "2001:db8::1");
        assert_eq!(address(&[("cloudfront-viewer-address", "203.0.113.9:1234")]).unwrap(), "203.0.113.9");
        assert_eq!(address(&[("cloudfront-viewer-address", "2001:db8::1:443")]).unwrap(), "2001:db8::1");
        let both = [("x-forwarded-for", "198.51.100.7"), ("cloudfront-viewer-address", "203.0.113.9:1")];
        assert_eq!(address(&both).unwrap(), "203.0.113.9");
        assert_eq!(address(&[("x-forwarded-for", "unknown")]), None);
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 8080))));
        let facts = RequestFacts::of(&HeaderMap::new(), &extensions, &COUNTRY_HEADERS, true);
        assert_eq!(facts.address.unwrap().to_string(), "127.0.0.1");
        assert!(!format!("{facts:?}").contains("127.0.0.1"), "an address is not shown");
    }

    #[test]
    fn a_function_url_says_who_asks() {
        let mut context = lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some("203.0.113.9".to_owned());
        let mut extensions = Extensions::new();
        extensions.insert(RequestContext::ApiGatewayV2(context));
        let facts = RequestFacts::of(&HeaderMap::new(), &extensions, &COUNTRY_HEADERS, true);
        assert_eq!(facts.address.unwrap().to_string(), "203.0.113.9");
    }

    #[test]
    fn a_server_is_not_where_the_user_is() {
        let headers = [("cf-ipcountry", "US"), ("x-forwarded-for", "203.0.113.9")];
        let of = |agent| facts(&[headers[0], headers[1], ("user-agent", agent)]);
        let sdk = of("analytics-node/3.1.0");
        assert_eq!((sdk.country, sdk.address, sdk.agent.as_deref()), (None, None, Some("analytics-node/3.1.0")));
        assert_eq!(of("curl/8.5.0").country.as_deref(), Some("US"));
    }
}
