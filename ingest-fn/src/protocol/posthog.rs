//! PostHog's capture protocol.
//!
//! ```text
//! {"api_key":"…","batch":[{"event":"view_job","distinct_id":"u","uuid":"…","timestamp":"…","properties":{}}],"sent_at":"…"}
//! ```
//!
//! A body is such a batch, one event, or a list of events; it may come as a form, `data=` with base64. The key is `api_key`
//! or `token`, in the batch, in its first event, or in that event's properties.
//!
//! - Whose event: `distinct_id` is the known user if the event says that it is (`$identify`, `$create_alias`, or
//!   `properties.$is_identified` is true), else the device. A text in `properties.$user_id` is the known user in any case;
//!   `properties.$anon_distinct_id` is then the device.
//! - `$identify` becomes the event `identify`, and `$create_alias` the event `alias` with `previousId`, as other protocols
//!   call them, so that users are joined alike whatever the client. Every other name is kept.
//! - `$set` and `$set_once` beside the properties go into them. `offset` is how many milliseconds ago it happened.

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_core::event::{Field, FieldNames, Parts, Receipt, Rejection, fields};

use super::{Batch, Dialect, Protocol, id, is_historical, made, with_added};
use crate::body::{self, BodyProblem};
use crate::decode::unpacked;
use crate::keys::decode_base64;

const NAMES: FieldNames = [
    "event",
    "distinct_id",
    "properties.distinct_id",
    "timestamp",
    "uuid",
    "properties.$session_id",
    "properties",
    "context",
    "sent_at",
];

/// What a body says about all its events.
#[derive(Debug)]
pub struct Envelope<'a> {
    sent_at: Option<&'a RawValue>,
}

/// Takes a body out of a form.
///
/// # Errors
/// [`BodyProblem::NotBase64`], or [`BodyProblem::Encoded`] for a compression that is not gzip.
pub fn unwrapped<'a>(body: Cow<'a, [u8]>, query: &str) -> Result<Cow<'a, [u8]>, BodyProblem> {
    let form = body.trim_ascii().strip_prefix(b"data=");
    let in_form = form.and_then(|form| std::str::from_utf8(form).ok()).and_then(|form| form.split_once('&'));
    let named = |part: &str| part.strip_prefix("compression=").map(str::to_owned);
    let parts = query.split('&').chain(in_form.map_or("", |(_, rest)| rest).split('&'));
    if let Some(found) = parts.filter_map(named).find(|found| !matches!(&**found, "" | "gzip" | "gzip-js" | "base64")) {
        return Err(BodyProblem::Encoded { found });
    }
    let Some(form) = form else { return Ok(body) };
    let data = form.split(|byte| *byte == b'&').next().unwrap_or_default();
    let data = percent_decoded(data).ok_or(BodyProblem::NotBase64)?;
    if matches!(data.trim_ascii().first(), Some(b'{' | b'[')) {
        return Ok(Cow::Owned(data));
    }
    // Clients forget to escape `+`, which a form reads as a space.
    let text = String::from_utf8(data).map_err(|_| BodyProblem::NotBase64)?.trim().replace(' ', "+");
    let data = decode_base64(&text).ok_or(BodyProblem::NotBase64)?;
    Ok(Cow::Owned(unpacked(&data)?.into_owned()))
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let mut digit = || (*rest.next()? as char).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push((high << 4 | low) as u8);
    }
    Some(bytes)
}

/// Finds the events of a body.
///
/// # Errors
/// A [`BodyProblem`], where nothing of the body can be taken.
pub fn read(text: &str) -> Result<Batch<'_>, BodyProblem> {
    let (key, sent_at, historical, candidates) = if text.trim_ascii().starts_with('[') {
        let list: &RawValue =
            serde_json::from_str(text).map_err(|e| BodyProblem::InvalidJson { message: e.to_string() })?;
        (None, None, false, body::listed(list, "batch")?)
    } else {
        let wanted = ["api_key", "token", "batch", "sent_at", "sentAt", "historical", "historical_migration"];
        let [api_key, token, batch, sent_at, other_sent_at, historical @ ..] = body::object(text, &wanted)?;
        let candidates = match batch {
            Some(list) => body::listed(list, "batch")?,
            None => vec![Ok(text.trim_ascii())],
        };
        let historical = batch.is_some() && is_historical(historical);
        (api_key.or(token), sent_at.or(other_sent_at), historical, candidates)
    };
    let first = candidates.first().and_then(|first| first.as_ref().ok());
    let key = key.or_else(|| key_of(first?));
    let dialect = Dialect::PostHog(Envelope { sent_at });
    Ok(Batch { key, historical, candidates, dialect, protocol: Protocol::PostHog })
}

fn key_of(event: &str) -> Option<&RawValue> {
    let [api_key, token, properties] = fields(event, &["api_key", "token", "properties"]).ok()?.values;
    api_key.or(token).or_else(|| fields(properties?.get(), &["token"]).ok()?.values[0])
}

impl<'e> Envelope<'e> {
    /// That of an event which came in such a body.
    pub fn of_one(sent_at: Option<&'e RawValue>) -> Self {
        Self { sent_at }
    }

    /// When the body was sent: JSON.
    pub fn sent_at(&self) -> Option<&str> {
        self.sent_at.map(RawValue::get)
    }

    /// The parts of an event.
    ///
    /// # Errors
    /// A [`Rejection`], where the event is no object, or too large.
    pub fn parts<'a>(&'a self, json: &'a str, receipt: Receipt) -> Result<Parts<'a>, Rejection> {
        let wanted = ["event", "distinct_id", "uuid", "timestamp", "offset", "properties", "$set", "$set_once"];
        let (mut parts, values) = Parts::read(json, &wanted, &NAMES)?;
        let [name, distinct_id, uuid, timestamp, offset, properties, set, set_once] = values;
        let wanted =
            ["distinct_id", "$user_id", "$is_identified", "$anon_distinct_id", "$session_id", "$insert_id", "alias"];
        let inside = properties.and_then(|properties| fields(properties.get(), &wanted).ok());
        let [inner_id, user_id, is_identified, device, session_id, insert_id, alias] =
            inside.map_or([None; 7], |found| found.values);

        let name_text = name.map(RawValue::get);
        let (renamed, previous) = match name_text {
            Some("\"$identify\"") => (Some("\"identify\""), None),
            Some("\"$create_alias\"") => (Some("\"alias\""), alias),
            _ => (None, None),
        };
        let renamed = renamed.and_then(|name| serde_json::from_str::<&RawValue>(name).ok());
        let is_identified = renamed.is_some() || is_identified.is_some_and(|flag| flag.get() == "true");
        parts.set(Field::Event, renamed.or(name).map(Cow::Borrowed));

        let distinct_id = id(distinct_id).or_else(|| id(inner_id));
        let user_id = user_id.filter(|value| value.get().starts_with('"'));
        match id(user_id) {
            None if is_identified => {
                parts.set(Field::UserId, distinct_id);
                parts.set_named(Field::AnonymousId, "properties.$anon_distinct_id", id(device));
            }
            None if distinct_id.is_none() => {}
            user_id => {
                parts.set_named(Field::UserId, "properties.$user_id", user_id);
                parts.set_named(Field::AnonymousId, "distinct_id", distinct_id);
            }
        }
        parts.set(Field::EventId, id(uuid).or_else(|| id(insert_id)));
        parts.set(Field::SessionId, id(session_id));
        let added = [("$set", set), ("$set_once", set_once), ("previousId", previous)];
        let properties = with_added(properties, &added, &mut parts);
        parts.set(Field::Properties, properties);
        match offset.and_then(|offset| offset.get().parse::<i64>().ok()) {
            // The server's clock less some time: there is no client's clock in it that could be wrong.
            Some(ago) if timestamp.is_none() => {
                parts.set_named(Field::Timestamp, "offset", made(receipt.received_ms.saturating_sub(ago).to_string()));
            }
            _ => {
                parts.set(Field::Timestamp, timestamp.map(Cow::Borrowed));
                parts.set(Field::SentAt, self.sent_at.map(Cow::Borrowed));
            }
        }
        Ok(parts)
    }
}

#[cfg(test)]
#[path = "posthog_tests.rs"]
mod tests;
