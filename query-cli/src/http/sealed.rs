//! Cookies that only this server can read: encrypted and authenticated with its key, under their name.

use std::fmt;

use axum::http::{HeaderMap, header};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};

/// Seals and opens cookies.
pub struct Sealed {
    key: Key,
    /// Whether they are for encrypted connections only, whatever a proxy says.
    is_secure: bool,
}

/// Keys are in no log.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

/// Where a cookie goes, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// What it is called.
    pub name: &'static str,
    /// It is sent to this path and what is below it.
    pub path: &'static str,
    /// Which requests of other sites it comes along with.
    pub same_site: SameSite,
    /// Milliseconds until the browser forgets it.
    pub lasts_ms: i64,
}

impl Sealed {
    /// With a key.
    pub fn new(key: Key, is_secure: bool) -> Self {
        Self { key, is_secure }
    }

    /// What `Set-Cookie` says to keep a value.
    pub(super) fn seal(&self, place: Place, value: String, headers: &HeaderMap) -> String {
        // A proxy that speaks HTTPS says so. Who says it untruly gets a cookie that is of less use to them.
        let is_https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
        let cookie = self.cookie(place, value, self.is_secure || is_https);
        let mut jar = CookieJar::new();
        jar.private_mut(&self.key).add(cookie);
        jar.get(place.name).map(ToString::to_string).unwrap_or_default()
    }

    /// What `Set-Cookie` says to forget it.
    pub(super) fn end(&self, place: Place) -> String {
        self.cookie(Place { lasts_ms: 0, ..place }, String::new(), self.is_secure).to_string()
    }

    /// The value of a cookie that this server has sealed.
    pub(super) fn open(&self, name: &str, headers: &HeaderMap) -> Option<String> {
        let mut jar = CookieJar::new();
        jar.add_original(sent(name, headers)?);
        Some(jar.private(&self.key).get(name)?.value().to_owned())
    }

    fn cookie(&self, place: Place, value: String, is_secure: bool) -> Cookie<'static> {
        Cookie::build((place.name, value))
            .path(place.path)
            .http_only(true)
            .same_site(place.same_site)
            .secure(is_secure)
            .max_age(Duration::milliseconds(place.lasts_ms))
            .build()
    }
}

/// A cookie as it came.
pub(super) fn sent(name: &str, headers: &HeaderMap) -> Option<Cookie<'static>> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = sent.flat_map(|value| Cookie::split_parse(value.to_owned())).flatten();
    cookies.find(|cookie| cookie.name() == name)
}
