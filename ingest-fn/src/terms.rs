//! The terms of one request: on what conditions its events are taken, and what is made of each before it is stored.
//!
//! ```text
//! event as sent ──▶ tracking plan ──▶ enrichment ──▶ privacy ──▶ record
//! ```
//!
//! Enrichment comes first, so that the rules of privacy hold for what weir adds as well, and so that a rule may drop the user
//! agent of an event, of which browser and device stay. Nothing is stored between the two. The check against the plan comes
//! before both: it is about what was agreed with the app, and a property that is dropped here was sent all the same.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use memchr::memchr;
use memchr::memmem::Finder;
use weir_core::event::{Event, Rejection, kept_body, mentions};
use weir_store::erased::Refused;

use crate::enrich::{Agents, Enrichment, RequestFacts};
use crate::keys::Source;
use crate::plan::PlanGuard;
use crate::privacy::{self, Rules};
use crate::refusals;

/// What holds for all events of a request.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The name of their source.
    pub source: &'a str,
    stores_address: bool,
    rules: Arc<Rules>,
    refused: Arc<Refused>,
    enrichment: Option<Enrichment<'a>>,
    /// What the tracking plan has to say about events as their app sent them.
    pub plan: PlanGuard,
}

impl<'a> Terms<'a> {
    /// Those of a source that stores its events as they are, but for addresses.
    pub fn plain(source: &'a str) -> Self {
        Self {
            source,
            stores_address: false,
            rules: Arc::default(),
            refused: Arc::default(),
            enrichment: None,
            plan: PlanGuard::default(),
        }
    }

    /// Those of a request.
    pub fn new(source: &'a Source, rules: Arc<Rules>, facts: &'a RequestFacts, agents: &'a Agents) -> Self {
        let enrichment = Some(Enrichment::new(facts, agents, source.store_ip));
        let stores_address = source.store_ip;
        Self { rules, enrichment, stores_address, ..Self::plain(&source.name) }
    }

    /// With a tracking plan to keep to. Without this there is none.
    #[must_use]
    pub fn with_plan(self, plan: PlanGuard) -> Self {
        Self { plan, ..self }
    }

    /// With users whose events are refused. Without this there are none.
    #[must_use]
    pub fn with_refused(self, refused: Arc<Refused>) -> Self {
        Self { refused, ..self }
    }

    /// Whether events of its user are taken.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, event: &Event<'_>) -> Result<(), Rejection> {
        refusals::check(&self.refused, event)
    }

    /// The event as it is stored. `buffers` keeps what of it is new.
    ///
    /// # Errors
    /// Why it is not taken after all.
    pub fn applied<'b>(&self, event: Event<'b>, buffers: &'b mut Buffers) -> Result<Event<'b>, Rejection> {
        let Buffers { context, without_address, by_rules } = buffers;
        *context = self.enrichment.as_ref().and_then(|enrichment| enrichment.context(event.context));
        // weir adds an address only where the key stores addresses, so what is taken out is what the client sent.
        let event = Event { context: context.as_deref().or(event.context), ..event };
        let event = match self.stores_address || !may_hold_address(&event) {
            true => event,
            false => Rules::without_addresses().apply(self.source, event, without_address),
        };
        Ok(self.rules.apply(self.source, event, by_rules))
    }

    /// What of a refusal may be kept: the body that was refused, and the message why.
    ///
    /// The body is changed by the same rules as events are, wherever they may match. One that is no JSON is withheld where there
    /// are rules for the source, because what they name cannot be found in it; so is the message then, which may quote values. So
    /// is one that mentions a user whose events are refused.
    pub fn kept<'b>(&self, raw: &'b [u8], message: &'b str) -> Kept<'b> {
        if !self.refused.is_empty() && mentions(&kept_body(raw), |id| self.refused.refuses(id)) {
            let message = Cow::Borrowed("withheld, because it mentions a user who was erased");
            return Kept { body: Cow::Borrowed(b""), bytes: raw.len() as u64, message };
        }
        let whole = Kept { body: Cow::Borrowed(raw), bytes: raw.len() as u64, message: Cow::Borrowed(message) };
        let text = std::str::from_utf8(raw).ok();
        let scrubbed = text.map(|text| self.scrubbed(text));
        if !self.rules.concern(self.source) {
            return match scrubbed.flatten() {
                Some(Cow::Owned(text)) => {
                    Kept { bytes: text.len() as u64, body: Cow::Owned(text.into_bytes()), ..whole }
                }
                _ => whole,
            };
        }
        let message = Cow::Borrowed("withheld, because rules of privacy hold for this source");
        match scrubbed.flatten() {
            Some(text) => Kept { bytes: text.len() as u64, body: Cow::Owned(text.into_owned().into_bytes()), message },
            None => Kept { body: Cow::Borrowed(b""), message, ..whole },
        }
    }

    /// The text without what must not be stored; `None` where nothing of it may be kept.
    fn scrubbed<'b>(&self, raw: &'b str) -> Option<Cow<'b, str>> {
        let without_address = match self.stores_address {
            true => Cow::Borrowed(raw),
            // In what is no JSON an address cannot be found; whether that is kept is up to the rules.
            false => match Rules::without_addresses().scrub_raw(self.source, raw) {
                Some(text) if text != raw => Cow::Owned(text),
                _ => Cow::Borrowed(raw),
            },
        };
        if !self.rules.concern(self.source) {
            return Some(without_address);
        }
        self.rules.scrub_raw(self.source, &without_address).map(Cow::Owned)
    }
}

/// Whether an event may hold an address under one of its names, `ip` and `$ip`: a quick look, without finding out where. Names
/// may be written with escapes.
fn may_hold_address(event: &Event<'_>) -> bool {
    static END_OF_NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("ip\""));
    let may = |text: &str| END_OF_NAME.find(text.as_bytes()).is_some() || memchr(b'\\', text.as_bytes()).is_some();
    event.properties.is_some_and(may) || event.context.is_some_and(may)
}

/// What is kept of a refusal.
#[derive(Debug)]
pub struct Kept<'a> {
    /// What was sent; less than `bytes` of it, where it is withheld.
    pub body: Cow<'a, [u8]>,
    /// The length of what was sent, without what must not be stored.
    pub bytes: u64,
    /// Why it was refused.
    pub message: Cow<'a, str>,
}

/// The texts of one event that are not its sender's.
#[derive(Debug, Default)]
pub struct Buffers {
    context: Option<String>,
    without_address: privacy::Buffers,
    by_rules: privacy::Buffers,
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
