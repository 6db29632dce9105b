//! What weir adds to the `context` of an event: browser, system and device from the user agent, country from the CDN, and
//! the address of the sender where its key asks for it.
//!
//! ```text
//! headers ──facts──▶ RequestFacts ─┐
//! context.userAgent ──agent──▶ Agent ─┴─▶ members that the context does not have yet
//!
//! {"locale":"ko"}  ->  {"country":"KR","browser":{"name":"Safari","version":"18.6"},"os":{…},"device":{"type":"mobile"},"locale":"ko"}
//! ```
//!
//! What the client says stays, byte for byte: only members that are absent are added, inside its own `browser`, `os` and
//! `device` too, and a `browser` that is no object is left alone. The agent that an event names (`context.userAgent`, or
//! `user_agent`) goes before the one of the request: servers send events on for browsers. Such a request comes from the
//! server, so its country and address are not the user's, and are not added.
//!
//! - [`facts`]: what a request says of where it comes from.
//! - [`agent`]: what a user agent tells.

pub mod agent;
pub mod facts;

pub use agent::{Agent, Agents};
pub use facts::{COUNTRY_HEADERS, RequestFacts};

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use serde_json::Value;

use self::agent::Product;
use crate::json_text::{Edits, Member, members, skip_space};

/// The members of a context that may be added.
const ADDED: [&str; 6] = ["country", "ip", "bot", "browser", "os", "device"];

/// What is to be added to the events of one request.
#[derive(Debug)]
pub struct Enrichment<'a> {
    facts: &'a RequestFacts,
    agents: &'a Agents,
    /// Whether the key stores addresses.
    stores_address: bool,
    /// What the request itself tells, once an event has asked for it.
    of_request: OnceCell<Told>,
    /// What agents tell that events of this request name.
    of_events: RefCell<HashMap<String, Rc<Told>>>,
}

/// What there is to add. Its address is left out of what is logged.
#[derive(Default)]
struct Told {
    agent: Arc<Agent>,
    country: Option<String>,
    address: Option<String>,
    /// All of it, as members of a context that has none of [`ADDED`].
    members: String,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("agent", &self.agent).field("country", &self.country).finish_non_exhaustive()
    }
}

impl Told {
    fn new(agent: Arc<Agent>, country: Option<String>, address: Option<String>) -> Self {
        let mut told = Self { agent, country, address, members: String::new() };
        let mut additions = Additions::to("{}", &[]);
        additions.all(&told);
        told.members = additions.new;
        told
    }
}

impl<'a> Enrichment<'a> {
    /// For the events of a request.
    pub fn new(facts: &'a RequestFacts, agents: &'a Agents, stores_address: bool) -> Self {
        Self { facts, agents, stores_address, of_request: OnceCell::new(), of_events: RefCell::default() }
    }

    /// The context of an event with what is added; `None` where nothing is.
    pub fn context(&self, context: Option<&str>) -> Option<String> {
        let told = self.of_request();
        let Some(context) = context else { return added_to("{}", 0, false, &told.members) };
        if told.members.is_empty() && !may_name_agent(context) {
            return None;
        }
        let start = skip_space(context, 0);
        let members = members(context, start)?;
        let own = members.iter().find(|member| matches!(member.name.as_ref(), "userAgent" | "user_agent"));
        let own = own.and_then(|member| text_of(context.get(member.value.clone())?));
        let own = own.filter(|agent| !agent.is_empty() && self.facts.agent.as_deref() != Some(agent.as_ref()));
        let of_event = own.map(|agent| self.of_event(&agent));
        let told = of_event.as_deref().unwrap_or(told);
        if members.iter().all(|member| !ADDED.contains(&member.name.as_ref())) {
            return added_to(context, start, !members.is_empty(), &told.members);
        }
        let mut additions = Additions::to(context, &members);
        additions.all(told);
        additions.finish(start)
    }

    fn of_request(&self) -> &Told {
        self.of_request.get_or_init(|| {
            let agent = self.facts.agent.as_deref().map(|text| self.agents.read(text)).unwrap_or_default();
            let address = self.facts.address.filter(|_| self.stores_address).map(|address| address.to_string());
            Told::new(agent, self.facts.country.clone(), address)
        })
    }

    /// Of an agent that is not the request's own: whoever sends the request only passes the event on.
    fn of_event(&self, text: &str) -> Rc<Told> {
        let mut known = self.of_events.borrow_mut();
        if let Some(told) = known.get(text) {
            return Rc::clone(told);
        }
        let told = Rc::new(Told::new(self.agents.read(text), None, None));
        known.insert(text.to_owned(), Rc::clone(&told));
        told
    }
}

/// Whether a context may name an agent: a quick look, without finding out where. Names may be written with escapes.
fn may_name_agent(context: &str) -> bool {
    static END_OF_NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("gent\""));
    END_OF_NAME.find(context.as_bytes()).is_some() || memchr::memchr(b'\\', context.as_bytes()).is_some()
}

/// The text that a JSON value is; `None` if it is none.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// The object whose brace stands at `start`, with new members; `None` if there are none.
fn added_to(object: &str, start: usize, is_filled: bool, new: &str) -> Option<String> {
    if new.is_empty() {
        return None;
    }
    let (before, behind) = object.split_at_checked(start + 1)?;
    let comma = if is_filled { "," } else { "" };
    Some([before, new, comma, behind].concat())
}

/// Members to add to one context.
struct Additions<'a> {
    context: &'a str,
    members: &'a [Member<'a>],
    /// Of the context itself: JSON members, with commas between them.
    new: String,
    /// Of objects inside it.
    edits: Edits,
}

impl<'a> Additions<'a> {
    fn to(context: &'a str, members: &'a [Member<'a>]) -> Self {
        Self { context, members, new: String::new(), edits: Edits::default() }
    }

    fn all(&mut self, told: &Told) {
        self.value("country", told.country.as_deref().map(Value::from));
        self.value("ip", told.address.as_deref().map(Value::from));
        self.value("bot", told.agent.is_bot().then_some(Value::Bool(true)));
        self.product("browser", told.agent.browser.as_ref());
        self.product("os", told.agent.os.as_ref());
        self.object("device", [("type", told.agent.device.map(|device| Value::from(device.name())))]);
    }

    fn of_client(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|member| member.name == name).map(|member| member.value.clone())
    }

    fn value(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value.filter(|_| self.of_client(name).is_none()) {
            push_member(&mut self.new, name, &value);
        }
    }

    fn product(&mut self, name: &str, product: Option<&Product>) {
        let Some(Product { name: called, version }) = product else { return };
        let version = version.as_deref().map(Value::from);
        self.object(name, [("name", Some(Value::from(called.as_str()))), ("version", version)]);
    }

    /// Adds an object, or what the client's own lacks.
    fn object<const N: usize>(&mut self, name: &str, parts: [(&str, Option<Value>); N]) {
        let own = self.of_client(name);
        // A value that is no object has no members, and stays as it is.
        let has = match &own {
            Some(own) => members(self.context, own.start),
            None => Some(Vec::new()),
        };
        let Some(has) = has else { return };
        let mut lacks = String::new();
        for (part, value) in parts {
            if let Some(value) = value.filter(|_| has.iter().all(|member| member.name != part)) {
                push_member(&mut lacks, part, &value);
            }
        }
        match own {
            _ if lacks.is_empty() => {}
            Some(own) => insert(&mut self.edits, own.start, lacks, !has.is_empty()),
            None => {
                let comma = if self.new.is_empty() { "" } else { "," };
                self.new.push_str(&format!("{comma}\"{name}\":{{{lacks}}}"));
            }
        }
    }

    /// The context, whose brace stands at `start`; `None` if nothing is added.
    fn finish(self, start: usize) -> Option<String> {
        let Self { context, members, new, mut edits } = self;
        if !new.is_empty() {
            insert(&mut edits, start, new, !members.is_empty());
        }
        (!edits.is_empty()).then(|| edits.applied(context))
    }
}

fn push_member(list: &mut String, name: &str, value: &Value) {
    let comma = if list.is_empty() { "" } else { "," };
    list.push_str(&format!("{comma}\"{name}\":{value}"));
}

/// Inserts `new` members into the object whose brace stands at `brace`.
fn insert(edits: &mut Edits, brace: usize, mut new: String, is_filled: bool) {
    if is_filled {
        new.push(',');
    }
    edits.replace(brace + 1..brace + 1, new);
}

#[cfg(test)]
#[path = "enrich_tests.rs"]
mod tests;
