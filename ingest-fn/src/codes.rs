//! Every code that the collector answers with: the short stable names that programs go by. What each means to a person, and
//! what to do, is in `docs/ERRORS.md`; tests hold that page, the OpenAPI document and the sources against this table.
//!
//! ```
//! let code = ingest_fn::codes::ALL.iter().find(|code| code.name == "over_rate").unwrap();
//! assert_eq!(code.statuses, [429]);
//! ```

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its name.
    pub name: &'static str,
    /// The statuses of answers about the whole request that have it; empty where only single events do.
    pub statuses: &'static [u16],
    /// Whether it is said of single events, also in answers with status 200 or 400.
    pub of_events: bool,
}

const fn event(name: &'static str) -> Code {
    Code { name, statuses: &[], of_events: true }
}

const fn both(name: &'static str, statuses: &'static [u16]) -> Code {
    Code { name, statuses, of_events: true }
}

const fn request(name: &'static str, statuses: &'static [u16]) -> Code {
    Code { name, statuses, of_events: false }
}

/// Every code: first those of events, then those of bodies, then those of requests.
pub const ALL: &[Code] = &[
    both("invalid_json", &[400]),
    both("not_an_object", &[400]),
    both("too_large", &[413]),
    both("missing_field", &[400]),
    both("unknown_field", &[400]),
    both("duplicate_field", &[400]),
    both("wrong_type", &[400]),
    both("empty", &[400]),
    event("too_long"),
    event("invalid_text"),
    event("unknown_type"),
    event("too_deep"),
    event("too_many_keys"),
    event("timestamp_invalid"),
    event("timestamp_in_seconds"),
    event("timestamp_too_old"),
    event("timestamp_too_far_ahead"),
    event("user_erased"),
    request("too_many_events", &[413]),
    request("invalid_gzip", &[400]),
    request("invalid_base64", &[400]),
    request("unsupported_encoding", &[415]),
    request("incomplete_body", &[400]),
    request("too_slow", &[408]),
    request("unknown_key", &[401]),
    request("missing_key", &[401]),
    request("disabled_key", &[401]),
    request("origin_not_allowed", &[403]),
    request("over_rate", &[429]),
    request("bulk_paused", &[429]),
    request("overloaded", &[503]),
    request("unavailable", &[503]),
    request("internal", &[500]),
    request("no_host", &[400]),
    request("unknown_receipt", &[404]),
    request("not_found", &[404]),
    request("method_not_allowed", &[405]),
];

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
