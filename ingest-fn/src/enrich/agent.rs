//! What a user agent string tells: browser, system, kind of device, and whether nobody sits before it.
//!
//! Words:
//! - a *bot* says so itself: a crawler, a fetcher of previews, a monitor, a headless browser. Its events are flagged, not dropped.
//! - a *library* is any other program without a person before it: the SDK of a server, `curl`, an HTTP client. Nothing is
//!   known of a user's browser then, so nothing is told, and it is no bot either: it sends what a server has to report.
//!   A library is known by what it lacks: no rule knows a browser in its agent, nor a system that only people carry around.
//!
//! The rules are data (`data/uap-core`), read by the library `ua-parser`. They are compiled when the first agent is read, not
//! when the process starts. What was read is kept for the next request, for a bounded number of agents.
//!
//! ```text
//! Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) … Version/18.6 Mobile/15E148 Safari/604.1
//!   browser Safari 18.6, system iOS 18.6, device mobile
//! ```

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Deserialize;
use ua_parser::{os, user_agent};

const RULES: &str = include_str!("../../data/uap-core/agents.json");
/// A longer agent, in bytes, is not read: none that is real is so long, and reading takes time for each byte.
pub const MAX_AGENT_BYTES: usize = 1_000;
/// So many agents are known at once. When there are more, all are forgotten: the common ones come back at once.
const MAX_KNOWN: usize = 1_024;
/// Systems that a program without a browser tells of only if it is an app.
const APP_SYSTEMS: [&str; 7] = ["Android", "iOS", "iPadOS", "tvOS", "watchOS", "KaiOS", "Tizen"];

/// A browser or a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Such as `Chrome` or `iOS`.
    pub name: String,
    /// Such as `140.0`; `None` where the agent does not say.
    pub version: Option<String>,
}

/// What something is looked at with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// A computer. An iPad that asks for the pages of computers says that it is one.
    Desktop,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// Nobody looks.
    Bot,
    /// A television, a watch, a console.
    Other,
}

impl Device {
    /// As `context.device.type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Bot => "bot",
            Self::Other => "other",
        }
    }
}

/// What an agent tells; all of it `None` for a library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agent {
    /// The browser, or the app whose pages it shows. For a bot its name.
    pub browser: Option<Product>,
    /// The system. Bots do not tell theirs truthfully.
    pub os: Option<Product>,
    /// The kind of device.
    pub device: Option<Device>,
}

impl Agent {
    /// Whether it is a bot.
    pub fn is_bot(&self) -> bool {
        self.device == Some(Device::Bot)
    }
}

/// Reads agents, and remembers some of them. Cheap to make; shared by all requests.
#[derive(Default)]
pub struct Agents {
    rules: OnceLock<Option<Rules>>,
    known: Mutex<HashMap<Box<str>, Arc<Agent>>>,
}

impl Agents {
    /// What `text` tells.
    pub fn read(&self, text: &str) -> Arc<Agent> {
        if text.len() > MAX_AGENT_BYTES {
            return Arc::default();
        }
        if let Some(agent) = self.known().get(text) {
            return Arc::clone(agent);
        }
        let rules = self.rules.get_or_init(|| {
            let rules = Rules::compile(RULES);
            rules.inspect_err(|error| tracing::error!(%error, "user agents are not read: their rules are broken")).ok()
        });
        let agent = Arc::new(rules.as_ref().map(|rules| rules.read(text)).unwrap_or_default());
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(text.into(), Arc::clone(&agent));
        agent
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Agent>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agents").field("known", &self.known().len()).finish_non_exhaustive()
    }
}

/// The file of rules.
#[derive(Deserialize)]
struct Lists<'a> {
    #[serde(borrow)]
    bots: Vec<user_agent::Parser<'a>>,
    #[serde(borrow)]
    browsers: Vec<user_agent::Parser<'a>>,
    #[serde(borrow)]
    systems: Vec<os::Parser<'a>>,
}

struct Rules {
    bots: user_agent::Extractor<'static>,
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

impl Rules {
    fn compile(json: &'static str) -> Result<Self, String> {
        let lists: Lists<'static> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let products = |list| -> Result<_, String> {
            let builder = user_agent::Builder::new().push_all(list).map_err(|error| error.to_string())?;
            builder.build().map_err(|error| error.to_string())
        };
        let systems = os::Builder::new().push_all(lists.systems).map_err(|error| error.to_string())?;
        let systems = systems.build().map_err(|error| error.to_string())?;
        Ok(Self { bots: products(lists.bots)?, browsers: products(lists.browsers)?, systems })
    }

    fn read(&self, text: &str) -> Agent {
        if let Some(bot) = self.bots.extract(text) {
            return Agent { browser: Some(product(&bot)), os: None, device: Some(Device::Bot) };
        }
        let browser = self.browsers.extract(text).as_ref().map(product);
        let os = self.systems.extract(text).map(|found| {
            let name = match found.os.as_ref() {
                // An iPad whose browser asks for the pages of computers says `Macintosh`, and its browser gives it away.
                "iOS" if text.contains("iPad") || text.contains("Macintosh") => "iPadOS",
                name => name,
            };
            let version = [found.major.as_deref(), found.minor.as_deref(), found.patch.as_deref()];
            Product { name: name.to_owned(), version: version_of(&version) }
        });
        let os = os.filter(|os| browser.is_some() || APP_SYSTEMS.contains(&os.name.as_str()));
        let device = (browser.is_some() || os.is_some()).then(|| device_of(text, os.as_ref()));
        Agent { browser, os, device }
    }
}

fn product(found: &user_agent::ValueRef<'_>) -> Product {
    Product { name: found.family.clone().into_owned(), version: version_of(&[found.major, found.minor]) }
}

fn version_of(parts: &[Option<&str>]) -> Option<String> {
    let parts: Vec<&str> = parts.iter().map_while(|part| part.filter(|part| !part.is_empty())).collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

fn device_of(text: &str, os: Option<&Product>) -> Device {
    let has = |word: &str| text.contains(word);
    if ["TV", "AFT", "CrKey", "BRAVIA", "PlayStation", "Xbox", "Watch", "OculusBrowser"].iter().any(|word| has(word)) {
        return Device::Other;
    }
    match os.map_or("", |os| os.name.as_str()) {
        "iPadOS" => Device::Tablet,
        "iOS" | "KaiOS" | "Windows Phone" => Device::Mobile,
        // Browsers of tablets leave `Mobile` away. The agent of an app without a browser says nothing; most are on phones.
        "Android" if has("Mobile") || !has("Mozilla/") => Device::Mobile,
        "Android" => Device::Tablet,
        "Windows" | "macOS" | "Linux" | "ChromeOS" | "FreeBSD" | "Debian" | "Linux Mint" => Device::Desktop,
        "Tizen" if has("Mobile") => Device::Mobile,
        _ => Device::Other,
    }
}

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
