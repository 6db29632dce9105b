//! Properties that are dropped or hashed before anything is stored: rules in the lake's settings, and what they do.
//!
//! ```json
//! {"privacy":[{"property":"email","action":"hash"},
//!             {"property":"cart.card","action":"drop","source":"web"},
//!             {"property":"context.traits.phone","action":"drop","event":"signup"},
//!             {"property":"user_id","action":"hash"}],
//!  "privacy_secret":"…"}
//! ```
//!
//! A rule names a property as questions do: `cart.card` is `card` inside `cart`, or a key that is called so; `context.…` lies
//! in the context. What lies in lists is found too. A property is also taken out of the copies that protocols keep of it:
//! `context.traits`, PostHog's `$set` and `$set_once`.
//!
//! `hash` puts the first 128 bits of HMAC-SHA-256 in the place of the value, in hex, made with a secret of the lake's. Equal
//! values give equal hashes, in every property, so they can be counted and grouped still. A text is hashed as it reads, a number
//! as it is written, an object or a list as its compact JSON; `null` stays.
//!
//! `user_id` is the one field of an event that a rule may name. It is hashed together with `anonymous_id` and the ids that the
//! properties of `identify` and `alias` have, because users are joined by them. It cannot be dropped: an event has a user.
//!
//! - [`Rule`] is one rule as the settings have it; [`Rules`] are all of them, compiled; [`PrivacyRules`] are those in force.
//! - `scrub` finds and changes values in the text.

mod scrub;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use weir_core::event::Event;
use weir_core::ports::Ids;

use self::scrub::{Act, Target};
use crate::keys::SourceName;

/// Bytes of the secret, drawn when the first rule is made.
pub const SECRET_BYTES: usize = 32;
/// Bytes of a hash: as many as keep two values of a trillion apart.
const HASH_BYTES: usize = 16;
/// The longest name of a property or an event in a rule, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// The field of an event that a rule may name.
const USER_ID: &str = "user_id";
/// Ids of users that clients put into properties: they are hashed with `user_id`.
const IDS_IN_PROPERTIES: [&str; 10] = [
    "previousId",
    "previous_id",
    "userId",
    "anonymousId",
    "distinct_id",
    "alias",
    "$user_id",
    "$anon_distinct_id",
    "$device_id",
    "$distinct_id",
];
/// Where protocols keep copies of what they know of a user.
const COPIES: [&str; 2] = ["$set", "$set_once"];

/// Identifiers that a secret is made of: one may hold as few as 32 bits that were not drawn before.
const IDS_OF_A_SECRET: usize = 16;

/// A secret that nobody has.
pub fn fresh_secret(ids: &dyn Ids) -> [u8; SECRET_BYTES] {
    let drawn: Vec<u8> = (0..IDS_OF_A_SECRET).flat_map(|_| ids.next_id()).collect();
    Sha256::digest(drawn).into()
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is left out, with its name.
    Drop,
    /// A hash takes its place.
    Hash,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "drop",
            Self::Hash => "hash",
        })
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The property.
    pub property: String,
    /// What becomes of it.
    pub action: Action,
    /// Only in events of this source; absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// Only in events of this name; absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why there is no such rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// It names no property.
    #[error("`{0}` names no property; write one as `email`, `cart.card` or `context.traits.email`")]
    Property(String),
    /// It names an event that no event is called.
    #[error("`{0}` names no event; an event has a name of 1 to {MAX_NAME_BYTES} bytes")]
    Event(String),
    /// It names a field that is needed.
    #[error(
        "`{0}` is no property and cannot be changed by a rule; of the fields of an event only `user_id` can be hashed"
    )]
    Field(String),
    /// It names the whole context.
    #[error("`context` is not one property; name what lies in it, such as `context.traits`")]
    Context,
    /// Users without ids.
    #[error("`user_id` cannot be dropped, since an event has a user; hash it, which takes `anonymous_id` along")]
    UserDropped,
    /// Users of one event under another id.
    #[error("`user_id` is hashed in all events or in none, or a user would be two; leave the event away")]
    UserOfOneEvent,
    /// A rule that hashes, and nothing to hash with.
    #[error(
        "rules hash, but there is no secret of {SECRET_BYTES} bytes in base64; add a rule with `weir privacy add`, which makes one"
    )]
    NoSecret,
}

impl Rule {
    /// Checks a rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), RuleProblem> {
        let property = self.property.as_str();
        let is_path = property.split('.').all(|part| !part.is_empty()) && property.len() <= MAX_NAME_BYTES;
        match property {
            _ if !is_path || property.chars().any(char::is_control) => {
                return Err(RuleProblem::Property(property.to_owned()));
            }
            "context" => return Err(RuleProblem::Context),
            USER_ID if self.action == Action::Drop => return Err(RuleProblem::UserDropped),
            USER_ID if self.event.is_some() => return Err(RuleProblem::UserOfOneEvent),
            "event" | "anonymous_id" | "timestamp" | "event_id" | "session_id" | "properties" | "sent_at" => {
                return Err(RuleProblem::Field(property.to_owned()));
            }
            _ => {}
        }
        match &self.event {
            Some(event) if event.is_empty() || event.len() > MAX_NAME_BYTES => Err(RuleProblem::Event(event.clone())),
            _ => Ok(()),
        }
    }

    /// Whether the other rule is about the same property of the same events.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        (&self.property, &self.source, &self.event) == (&other.property, &other.source, &other.event)
    }
}

/// A rule, ready for use.
#[derive(Debug)]
struct Compiled {
    source: Option<String>,
    event: Option<String>,
    in_properties: Vec<Target>,
    in_context: Vec<Target>,
    /// In the properties of `identify`, which may be the traits of the context.
    in_identify: Vec<Target>,
    /// In a body whose protocol is not known.
    anywhere: Vec<Target>,
    /// Whether the ids of the event itself are hashed.
    hashes_ids: bool,
}

/// All rules, ready for use.
#[derive(Default)]
pub struct Rules {
    list: Vec<Compiled>,
    hasher: Option<Hmac<Sha256>>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("len", &self.list.len()).finish_non_exhaustive()
    }
}

/// Addresses that clients send, of events whose key does not store them.
static ADDRESSES: LazyLock<Rules> = LazyLock::new(|| {
    let drop = |names: &[&str]| Target::new(names, Act::Drop);
    let in_properties = vec![drop(&["$ip"]), drop(&["$set", "$ip"]), drop(&["$set_once", "$ip"])];
    let in_context = vec![drop(&["ip"]), drop(&["$ip"])];
    let anywhere = vec![drop(&["context", "ip"]), drop(&["$ip"])];
    let rule = Compiled {
        source: None,
        event: None,
        in_properties,
        in_context,
        in_identify: Vec::new(),
        anywhere,
        hashes_ids: false,
    };
    Rules { list: vec![rule], hasher: None }
});

impl Rules {
    /// Compiles rules. `secret` is what values are hashed with.
    ///
    /// # Errors
    /// The first rule that is none, or [`RuleProblem::NoSecret`].
    pub fn compile(rules: &[Rule], secret: Option<&[u8]>) -> Result<Self, RuleProblem> {
        rules.iter().try_for_each(Rule::check)?;
        let secret = secret.filter(|secret| secret.len() == SECRET_BYTES);
        let hasher = secret.and_then(|secret| Hmac::<Sha256>::new_from_slice(secret).ok());
        if hasher.is_none() && rules.iter().any(|rule| rule.action == Action::Hash) {
            return Err(RuleProblem::NoSecret);
        }
        Ok(Self { list: rules.iter().map(Compiled::of).collect(), hasher })
    }

    /// What takes addresses out.
    pub fn without_addresses() -> &'static Self {
        &ADDRESSES
    }

    /// Whether any rule may concern a source.
    pub fn concern(&self, source: &str) -> bool {
        self.of_source(source).next().is_some()
    }

    fn of_source(&self, source: &str) -> impl Iterator<Item = &Compiled> {
        self.list.iter().filter(move |rule| rule.source.as_deref().is_none_or(|only| only == source))
    }

    /// Applies the rules to an event. What is changed is kept in `buffers`, from which the event borrows then.
    pub fn apply<'a>(&self, source: &str, mut event: Event<'a>, buffers: &'a mut Buffers) -> Event<'a> {
        if !self.concern(source) {
            return event;
        }
        let name = event.event.clone();
        let rules = || self.of_source(source).filter(|rule| rule.event.as_deref().is_none_or(|only| only == name));
        let hash = |value: &str| self.hash(value);
        let in_context = rules().flat_map(|rule| &rule.in_context);
        let is_identify = name == "identify";
        let in_identify = rules().filter(|_| is_identify).flat_map(|rule| &rule.in_identify);
        let in_properties = rules().flat_map(|rule| &rule.in_properties).chain(in_identify);
        *buffers = Buffers {
            properties: event.properties.and_then(|text| scrub::object(text, in_properties, &hash)),
            context: event.context.and_then(|text| scrub::object(text, in_context, &hash)),
        };
        if rules().any(|rule| rule.hashes_ids) {
            let hashed = |id: Cow<'a, str>| Cow::Owned(self.hash(&id));
            event.user_id = event.user_id.map(hashed);
            event.anonymous_id = event.anonymous_id.map(hashed);
        }
        let Buffers { properties, context } = buffers;
        Event {
            properties: properties.as_deref().or(event.properties),
            context: context.as_deref().or(event.context),
            ..event
        }
    }

    /// A body of a source as it may be kept, or a part of one: values that a rule names are changed wherever they may lie,
    /// whatever the protocol and the event. `None` where rules concern the source and the body is no JSON, in which nothing
    /// can be found.
    pub fn scrub_raw(&self, source: &str, raw: &str) -> Option<String> {
        if !self.concern(source) {
            return Some(raw.to_owned());
        }
        scrub::anywhere(raw, self.of_source(source).flat_map(|rule| &rule.anywhere), &|value| self.hash(value))
    }

    /// The hash that stands in the place of a value wherever a rule hashes it; `None` where no rule ever did.
    pub fn hash_of(&self, text: &str) -> Option<String> {
        self.hasher.is_some().then(|| self.hash(text))
    }

    /// The hash of a text, in hex.
    fn hash(&self, text: &str) -> String {
        let Some(hasher) = &self.hasher else { return String::new() };
        let mut hasher = hasher.clone();
        hasher.update(text.as_bytes());
        let bytes = hasher.finalize().into_bytes();
        let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or_default();
        bytes.iter().take(HASH_BYTES).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

/// The texts of one event that was changed.
#[derive(Debug, Default)]
pub struct Buffers {
    properties: Option<String>,
    context: Option<String>,
}

impl Compiled {
    fn of(rule: &Rule) -> Self {
        let act = match rule.action {
            Action::Drop => Act::Drop,
            Action::Hash => Act::Hash,
        };
        let target = |names: &[&str]| Target::new(names, act);
        let path: Vec<&str> = rule.property.split('.').collect();
        let (mut in_properties, mut in_context) = (Vec::new(), Vec::new());
        let (mut in_identify, mut anywhere) = (Vec::new(), Vec::new());
        let hashes_ids = rule.property == USER_ID;
        if hashes_ids {
            in_properties.extend(IDS_IN_PROPERTIES.map(|name| target(&[name])));
            in_context.extend(IDS_IN_PROPERTIES.map(|name| target(&["traits", name])));
            let fields = ["user_id", "anonymous_id"].into_iter().chain(IDS_IN_PROPERTIES);
            anywhere.extend(fields.map(|name| target(&[name])));
        } else if let ["context", rest @ ..] = path.as_slice() {
            in_context.push(target(rest));
            if let ["traits", rest @ ..] = rest
                && !rest.is_empty()
            {
                in_identify.push(target(rest));
            }
            anywhere.extend([target(&path), target(rest)]);
        } else {
            let path = match path.as_slice() {
                ["properties" | "traits", rest @ ..] if !rest.is_empty() => rest,
                path => path,
            };
            in_properties.push(target(path));
            in_properties.extend(COPIES.map(|copy| target(&[&[copy], path].concat())));
            in_context.push(target(&[&["traits"], path].concat()));
            anywhere.push(target(path));
        }
        let source = rule.source.as_ref().map(|source| source.as_str().to_owned());
        Self { source, event: rule.event.clone(), in_properties, in_context, in_identify, anywhere, hashes_ids }
    }
}

/// The rules in force, shared by all requests and by whoever replaces them.
#[derive(Debug, Clone, Default)]
pub struct PrivacyRules(Arc<RwLock<Arc<Rules>>>);

impl PrivacyRules {
    /// Puts rules in force.
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(rules))))
    }

    /// Swaps the rules. Requests that have begun keep those from before.
    pub fn replace(&self, rules: Rules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The rules in force.
    pub fn current(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[path = "privacy_tests.rs"]
mod tests;
