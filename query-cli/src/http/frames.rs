//! What a browser lets this site load, and which other sites it lets show it in a frame.
//!
//! A frame on another site has no session: its cookie does not travel there. So what is shown there is an embed, or a server that
//! asks nobody who they are.

use std::fmt;
use std::str::FromStr;

use axum::http::HeaderValue;
use serde::Serialize;
use url::{Origin as UrlOrigin, Url};

/// A site: `https://wiki.example`, with a port if it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let bare = |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        match url
            .filter(|url| bare(url) && url.username().is_empty() && url.password().is_none())
            .map(|url| url.origin())
        {
            Some(origin @ UrlOrigin::Tuple(..)) if is_plain(&origin.ascii_serialization()) => {
                Ok(Self(origin.ascii_serialization()))
            }
            _ => Err(format!("found `{text}`; expected a site such as `https://wiki.example`, without a path")),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing in it means more in a policy than it does in an address.
fn is_plain(origin: &str) -> bool {
    origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte))
}

/// Nothing from elsewhere, nothing inline, and no other site around it but these.
pub(super) fn policy(frame_ancestors: &[Origin]) -> HeaderValue {
    const OWN: &str = "default-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";
    let sites: Vec<&str> = frame_ancestors.iter().map(|origin| origin.0.as_str()).collect();
    let sites = if sites.is_empty() { "'none'".to_owned() } else { sites.join(" ") };
    // Origins are ASCII without spaces, so this is a header; if it were not, nobody may frame.
    HeaderValue::from_str(&format!("{OWN}; frame-ancestors {sites}"))
        .unwrap_or(HeaderValue::from_static("default-src 'self'; frame-ancestors 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_named_without_a_path() {
        for (text, origin) in [
            ("https://wiki.example", "https://wiki.example"),
            ("https://Wiki.example:443/", "https://wiki.example"),
            ("http://localhost:8090", "http://localhost:8090"),
            ("https://위키.example", "https://xn--9q5b29o.example"),
        ] {
            assert_eq!(text.parse::<Origin>().map(|origin| origin.to_string()), Ok(origin.to_owned()), "{text}");
        }
        for wrong in [
            "",
            "wiki.example",
            "https://wiki.example/x",
            "https://*.example x",
            "file:///x",
            "https://a@b",
            "'self'",
            "*",
            "https://x;y",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_frames_this_site_unless_it_is_named() {
        assert!(policy(&[]).to_str().unwrap().ends_with("; frame-ancestors 'none'"));
        let sites = ["https://wiki.example", "https://b.example"].map(|site| site.parse().unwrap());
        let policy = policy(&sites);
        assert!(
            policy.to_str().unwrap().ends_with("; frame-ancestors https://wiki.example https://b.example"),
            "{policy:?}"
        );
    }
}
