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

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use self::agent::Product;
use crate::json_text::{Edits, Member, members, skip_space};

/// What is to be added to the events of one request.
#[derive(Debug)]
pub struct Enrichment<'a> {
    facts: &'a RequestFacts,
    agents: &'a Agents,
    /// Whether the key stores addresses.
    stores_address: bool,
    /// The request's own agent, once an event has asked for it.
    of_request: RefCell<Option<Arc<Agent>>>,
    /// Agents that events of this request name.
    of_events: RefCell<HashMap<String, Arc<Agent>>>,
}

impl<'a> Enrichment<'a> {
    /// For the events of a request.
    pub fn new(facts: &'a RequestFacts, agents: &'a Agents, stores_address: bool) -> Self {
        Self { facts, agents, stores_address, of_request: RefCell::default(), of_events: RefCell::default() }
    }

    /// The context of an event with what is added; `None` where nothing is.
    pub fn context(&self, context: Option<&str>) -> Option<String> {
        let may_name_agent = context.is_some_and(|text| text.contains("gent\"") || text.contains('\\'));
        if !may_name_agent && *self.facts == RequestFacts::default() {
            return None;
        }
        let context = context.unwrap_or("{}");
        let start = skip_space(context, 0);
        let members = members(context, start)?;
        let own = members.iter().find(|member| matches!(member.name.as_ref(), "userAgent" | "user_agent"));
        let own = own.and_then(|member| serde_json::from_str::<String>(&context[member.value.clone()]).ok());
        let (agent, is_relayed) = match own.filter(|agent| !agent.is_empty()) {
            Some(own) => (Some(self.of_event(&own)), self.facts.agent.as_deref() != Some(own.as_str())),
            None => (self.of_request(), false),
        };
        let mut additions = Additions { context, members: &members, new: String::new(), edits: Edits::default() };
        if !is_relayed {
            additions.value("country", self.facts.country.as_deref().map(Value::from));
            let address = self.facts.address.filter(|_| self.stores_address);
            additions.value("ip", address.map(|address| Value::from(address.to_string())));
        }
        if let Some(agent) = agent.filter(|agent| agent.is_known()) {
            additions.value("bot", agent.is_bot().then_some(Value::Bool(true)));
            additions.product("browser", agent.browser.as_ref());
            additions.product("os", agent.os.as_ref());
            additions.object("device", [("type", agent.device.map(|device| Value::from(device.name())))]);
        }
        additions.finish(start)
    }

    fn of_request(&self) -> Option<Arc<Agent>> {
        let text = self.facts.agent.as_deref()?;
        Some(Arc::clone(self.of_request.borrow_mut().get_or_insert_with(|| self.agents.read(text))))
    }

    fn of_event(&self, text: &str) -> Arc<Agent> {
        let mut known = self.of_events.borrow_mut();
        if let Some(agent) = known.get(text) {
            return Arc::clone(agent);
        }
        let agent = self.agents.read(text);
        known.insert(text.to_owned(), Arc::clone(&agent));
        agent
    }
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

impl Additions<'_> {
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
