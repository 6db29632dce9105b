//! The shorthand of the command line, turned into the JSON form of a spec, so that there is only one meaning.
//!
//! ```text
//! step       = event { "|" event } [ "as" label ]
//! event      = name [ "where" conditions ]
//! conditions = condition { "and" condition }
//! condition  = property op [ value ]
//! value      = number | true | false | text | "(" value { "," value } ")"      a list also in [ ]
//! ```
//!
//! An exclusion is a step without a label, with the steps between which it must not happen at its end:
//! `remove_from_cart where all = true between 1 and 3`. A cohort is one with how often and when at its end:
//! `purchase at least 3 last 30d`. A series of a trend is a step with a measure before it: `sum of price: purchase`.
//!
//! `Order Completed where total >= 10 and country in (KR, JP) | Order Paid as bought` is one step. Keywords are
//! case-insensitive. A text goes up to the next keyword, `|` or the end; quoted, it may hold those too: `"…"` with
//! the escapes of JSON, `'…'` as it stands, with `''` for one `'`. The event `*` is any event.

use std::fmt;

use serde_json::{Map, Number, Value, json};

use super::trends::MEASURES;

/// Signs of an `op`, and the way JSON writes it.
const SIGNS: &[(&str, &str)] =
    &[("==", "="), ("=", "="), ("!=", "!="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")];

/// Words of an `op`, those that begin like another one first.
const WORDS: &[&[&str]] = &[
    &["not", "in"],
    &["not", "contains"],
    &["not", "exists"],
    &["in"],
    &["contains"],
    &["starts", "with"],
    &["ends", "with"],
    &["matches"],
    &["exists"],
];

const EXPECTED_OP: &str = "an operator: =, !=, <, <=, >, >=, in, not in, contains, not contains, starts with, \
                           ends with, matches, exists or not exists";

const EXAMPLE_STEP: &str = "Order Completed where total >= 10 and country in (KR, JP) as bought";
const EXAMPLE_ANY: &str = "add_to_cart | add_to_wishlist as wants it";
const EXAMPLE_CONDITIONS: &str = "total >= 10 and context.platform in (ios, android)";
const EXAMPLE_EXCLUDE: &str = "remove_from_cart between 1 and 3";
const EXAMPLE_COHORT: &str = "purchase where price > 10 at least 3 last 30d";
const EXAMPLE_QUOTED: &str = "title = \"salt | pepper\"";

/// A shorthand text that cannot be read. Shown, it quotes the text with a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ShorthandError {
    /// The whole text.
    pub text: String,
    /// Where reading stopped, in bytes of `text`.
    pub at: usize,
    /// What was found and what was expected.
    pub message: String,
    /// A text that can be read.
    pub example: &'static str,
}

impl fmt::Display for ShorthandError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text.get(..self.at).unwrap_or(&self.text);
        let indent = " ".repeat(before.chars().map(columns).sum());
        let shown = format!("  {}", self.text.replace(char::is_control, " "));
        write!(formatter, "{}\n{}\n  {indent}^\nfor example: {}", self.message, shown.trim_end(), self.example)
    }
}

/// How wide a terminal shows a character: East Asian letters and emoji take two columns.
fn columns(char: char) -> usize {
    let wide = matches!(
        char as u32,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD
    );
    if wide { 2 } else { 1 }
}

/// One step, in the JSON form of a spec: `{"event": …}` or `{"any": […]}`, with `where` and `label` as written.
///
/// # Errors
/// [`ShorthandError`] names the first place that cannot be read. That names, values and operators fit together is
/// checked where the JSON form is parsed.
pub fn parse_step(text: &str) -> Result<Value, ShorthandError> {
    let mut reader = Reader { text, at: 0, in_step: true, next: "`where`", example: EXAMPLE_STEP };
    let mut events = vec![reader.event()?];
    while reader.take("|") {
        reader.example = EXAMPLE_ANY;
        events.push(reader.event()?);
    }
    let label = if reader.keyword("as") { Some(reader.label()?) } else { None };
    reader.end(if label.is_some() { "the end" } else { ", `|`, `as` or the end" })?;
    let mut step = match <[_; 1]>::try_from(events) {
        Ok([event]) => event,
        Err(events) => Map::from_iter([("any".to_owned(), events.into_iter().map(Value::Object).collect())]),
    };
    step.extend(label.map(|label| ("label".to_owned(), Value::String(label))));
    Ok(Value::Object(step))
}

/// One exclusion, in the JSON form of a spec: a step without a label, with `from` and `to` where they are given by
/// `between … and …` at the end.
///
/// # Errors
/// As [`parse_step`].
pub fn parse_exclude(text: &str) -> Result<Value, ShorthandError> {
    let (events, steps) = split_between(text);
    let mut exclude = parse_step(events)?;
    let error = |at: usize, message: &str| {
        Err(ShorthandError { text: text.to_owned(), at, message: message.to_owned(), example: EXAMPLE_EXCLUDE })
    };
    if exclude.get("label").is_some() {
        return error(0, "an exclusion has no label; leave `as …` out");
    }
    if let Some((from, to)) = steps {
        exclude["from"] = from.into();
        exclude["to"] = to.into();
    }
    Ok(exclude)
}

/// The text before `between N and M` at its end, and the two numbers.
fn split_between(text: &str) -> (&str, Option<(u64, u64)>) {
    let mut words = text.trim_end().rsplitn(5, char::is_whitespace);
    let mut next = || words.next().unwrap_or_default();
    let (to, and, from, between, events) = (next(), next(), next(), next(), next());
    let keywords = between.eq_ignore_ascii_case("between") && and.eq_ignore_ascii_case("and");
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if keywords && !events.trim().is_empty() => (events, Some((from, to))),
        _ => (text, None),
    }
}

/// One series, in the JSON form of a spec: a step, with what is measured before it and a colon: `users: view`,
/// `sum of price: purchase`. What is no measure before a colon belongs to the name of the event.
///
/// # Errors
/// As [`parse_step`].
pub fn parse_series(text: &str) -> Result<Value, ShorthandError> {
    let measured = text.split_once(':').and_then(|(before, step)| Some((measure(before.trim())?, step)));
    let Some(((measure, property), step)) = measured else { return parse_step(text) };
    let cut = text.len() - step.len();
    let mut series =
        parse_step(step).map_err(|error| ShorthandError { text: text.to_owned(), at: error.at + cut, ..error })?;
    series["measure"] = measure.into();
    if let Some(property) = property {
        series["property"] = property.into();
    }
    Ok(series)
}

/// `users` or `sum of price`.
fn measure(text: &str) -> Option<(&str, Option<&str>)> {
    let (word, property) = match text.split_once(char::is_whitespace) {
        None => (text, None),
        Some((word, rest)) => {
            let (of, property) = rest.trim_start().split_once(char::is_whitespace)?;
            if !of.eq_ignore_ascii_case("of") {
                return None;
            }
            (word, Some(property.trim()))
        }
    };
    let is_percentile = word.strip_prefix('p').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    (MEASURES.contains(&word) || is_percentile).then_some((word, property))
}

/// One cohort, in the JSON form of a spec: an event, or several, with how often and when at its end:
/// `purchase where price > 10 at least 3 last 30d`, or `purchase never`.
///
/// # Errors
/// As [`parse_step`].
pub fn parse_cohort(text: &str) -> Result<Value, ShorthandError> {
    let mut events = text.trim_end();
    let mut limits: Vec<(&str, Value)> = Vec::new();
    while let Some((before, limit)) = limit_at_end(events) {
        events = before;
        limits.push(limit);
    }
    let mut cohort = parse_step(events)?;
    if cohort.get("label").is_some() {
        let message = "a cohort has no label; leave `as …` out".to_owned();
        return Err(ShorthandError { text: text.to_owned(), at: 0, message, example: EXAMPLE_COHORT });
    }
    limits.into_iter().for_each(|(name, value)| cohort[name] = value);
    Ok(cohort)
}

/// A limit of a cohort at the end of a text, and what is before it.
fn limit_at_end(text: &str) -> Option<(&str, (&'static str, Value))> {
    let mut words = text.rsplitn(4, char::is_whitespace);
    let last = words.next()?;
    let second = words.next()?;
    let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
    let before = |taken: usize| {
        let end = text.rmatch_indices(char::is_whitespace).nth(taken - 1)?.0;
        Some(text[..end].trim_end()).filter(|text| !text.is_empty())
    };
    if is(last, "never") {
        return Some((before(1)?, ("at_most", 0.into())));
    }
    if is(second, "last") && last.starts_with(|first: char| first.is_ascii_digit()) {
        return Some((before(2)?, ("last", last.into())));
    }
    let number: u64 = last.parse().ok()?;
    let third = words.next()?;
    let name = match () {
        () if is(third, "at") && is(second, "least") => "at_least",
        () if is(third, "at") && is(second, "most") => "at_most",
        () => return None,
    };
    Some((before(3)?, (name, number.into())))
}

/// Conditions joined by `and`, in the JSON form of a spec: `[{"property": …, "op": …, "value": …}]`.
///
/// # Errors
/// As [`parse_step`].
pub fn parse_conditions(text: &str) -> Result<Vec<Value>, ShorthandError> {
    let mut reader = Reader { text, at: 0, in_step: false, next: "`and`", example: EXAMPLE_CONDITIONS };
    let conditions = reader.conditions()?;
    reader.end(" or the end")?;
    Ok(conditions)
}

struct Reader<'t> {
    text: &'t str,
    /// Bytes read; always between two characters.
    at: usize,
    /// Whether `as` ends a text.
    in_step: bool,
    /// What may come next, besides what always may.
    next: &'static str,
    /// The example of the error that may come.
    example: &'static str,
}

impl<'t> Reader<'t> {
    fn event(&mut self) -> Result<Map<String, Value>, ShorthandError> {
        self.skip_space();
        let name = match self.quoted()? {
            Some(name) => name,
            None => {
                let start = self.at;
                let name = self.bare(&["where", "as"], &['|']);
                if name.is_empty() {
                    return Err(self.error_at(start, &self.expected("the name of an event, or `*` for any event")));
                }
                name.to_owned()
            }
        };
        let mut event = Map::from_iter([("event".to_owned(), Value::String(name))]);
        self.next = "`where`";
        if self.keyword("where") {
            event.insert("where".to_owned(), Value::Array(self.conditions()?));
        }
        Ok(event)
    }

    fn label(&mut self) -> Result<String, ShorthandError> {
        self.next = "";
        self.skip_space();
        if let Some(label) = self.quoted()? {
            return Ok(label);
        }
        let start = self.at;
        let label = self.bare(&[], &['|']);
        if self.rest().starts_with('|') {
            return Err(self.error("the label comes last; quote a label that holds `|`"));
        }
        if label.is_empty() {
            return Err(self.error_at(start, &self.expected("a label")));
        }
        Ok(label.to_owned())
    }

    fn conditions(&mut self) -> Result<Vec<Value>, ShorthandError> {
        self.next = "`and`";
        let mut conditions = vec![self.condition("")?];
        while self.keyword("and") {
            conditions.push(self.condition("; quote a value that holds `and`")?);
        }
        Ok(conditions)
    }

    /// `hint` ends the message where no operator is found.
    fn condition(&mut self, hint: &str) -> Result<Value, ShorthandError> {
        self.skip_space();
        let property = match self.quoted()? {
            Some(property) => property,
            None => {
                let ends = |char: char| char.is_whitespace() || "=!<>~|()[],\"'".contains(char);
                let length = self.rest().find(ends).unwrap_or(self.rest().len());
                let property = &self.rest()[..length];
                if property.is_empty() {
                    return Err(self.error(&self.expected("the name of a property")));
                }
                self.at += length;
                property.to_owned()
            }
        };
        let op = self.op(&property, hint)?;
        let value = match op.as_str() {
            "exists" | "not exists" => return Ok(json!({"property": property, "op": op})),
            "in" | "not in" => self.list(&op)?,
            // Only texts start, end and match: `sku starts with 12` means the digits.
            "starts with" | "ends with" | "matches" => self.value(&["and"], &['|'], |text| Ok(Value::from(text)))?,
            _ => self.value(&["and"], &['|'], literal)?,
        };
        Ok(json!({"property": property, "op": op, "value": value}))
    }

    fn op(&mut self, property: &str, hint: &str) -> Result<String, ShorthandError> {
        self.skip_space();
        // All signs together, lest `=>` be read as `=` and the text `> 5`.
        let signs = self.rest().find(|char| !"=!<>~".contains(char)).unwrap_or(self.rest().len());
        if let Some((sign, op)) = SIGNS.iter().find(|(sign, _)| *sign == &self.rest()[..signs]) {
            self.at += sign.len();
            return Ok((*op).to_owned());
        }
        let start = self.at;
        for words in WORDS {
            if words.iter().all(|word| self.keyword(word)) {
                return Ok(words.join(" "));
            }
            self.at = start;
        }
        let found = if signs > 0 { &self.rest()[..signs] } else { self.word() };
        let after = format!("after `{property}`");
        Err(self.error(&match found {
            "" => format!("nothing {after}; expected {EXPECTED_OP}{hint}"),
            found => format!("`{found}` {after}; expected {EXPECTED_OP}{hint}"),
        }))
    }

    fn list(&mut self, op: &str) -> Result<Value, ShorthandError> {
        self.skip_space();
        let close = match self.rest().chars().next() {
            Some('(') => ')',
            Some('[') => ']',
            _ => return Err(self.error(&self.expected(&format!("a list after `{op}`, such as (KR, JP)")))),
        };
        self.at += 1;
        let mut values = Vec::new();
        loop {
            values.push(self.value(&[], &[',', close], literal)?);
            if self.take(close.encode_utf8(&mut [0; 4])) {
                return Ok(Value::Array(values));
            }
            if !self.take(",") {
                return Err(self.error(&self.expected(&format!("`,` or `{close}`"))));
            }
        }
    }

    /// A quoted text, or a bare one up to one of `keywords` or `signs`, of which `read` makes a value.
    fn value(
        &mut self,
        keywords: &[&str],
        signs: &[char],
        read: impl Fn(&str) -> Result<Value, &'static str>,
    ) -> Result<Value, ShorthandError> {
        self.skip_space();
        if let Some(text) = self.quoted()? {
            return Ok(Value::String(text));
        }
        let start = self.at;
        let label: &[&str] = if self.in_step && !keywords.is_empty() { &["as"] } else { &[] };
        let bare = self.bare(&[keywords, label].concat(), signs);
        if bare.is_empty() {
            return Err(self.error_at(start, &self.expected("a value: a number, true, false or a text")));
        }
        read(bare).map_err(|message| self.error_at(start, message))
    }

    /// A text in quotes, if one begins here.
    fn quoted(&mut self) -> Result<Option<String>, ShorthandError> {
        let start = self.at;
        let rest = self.rest();
        let (text, length) = if rest.starts_with('"') {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, char)| {
                let ends = *char == '"' && !escaped;
                escaped = *char == '\\' && !escaped;
                ends
            });
            let Some((end, _)) = end else {
                return Err(self.error("the quote is not closed; expected another `\"`"));
            };
            let text = serde_json::from_str(&rest[..=end]).map_err(|_| {
                self.error_at(start, "not a text as JSON writes it: in \"…\" a backslash is \\\\; or write '…'")
            })?;
            (text, end + 1)
        } else if let Some(inner) = rest.strip_prefix('\'') {
            // Two quotes in a row are one of the text, so the first that stands alone ends it.
            let mut end = 0;
            loop {
                let Some(next) = inner[end..].find('\'') else {
                    return Err(self.error("the quote is not closed; expected another `'`"));
                };
                end += next;
                if !inner[end + 1..].starts_with('\'') {
                    break;
                }
                end += 2;
            }
            (inner[..end].replace("''", "'"), end + 2)
        } else {
            return Ok(None);
        };
        self.at += length;
        Ok(Some(text))
    }

    /// A text up to one of `keywords` as a word of its own, one of `signs`, or the end; without space around it.
    fn bare(&mut self, keywords: &[&str], signs: &[char]) -> &'t str {
        let start = self.at;
        let mut after_space = true;
        while let Some(char) = self.rest().chars().next() {
            let at_keyword = after_space && keywords.iter().any(|keyword| self.keyword_length(keyword).is_some());
            if at_keyword || signs.contains(&char) {
                break;
            }
            after_space = char.is_whitespace();
            self.at += char.len_utf8();
        }
        self.text[start..self.at].trim()
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let length = self.keyword_length(keyword);
        self.at += length.unwrap_or(0);
        length.is_some()
    }

    /// The length of a keyword that stands here as a whole word.
    fn keyword_length(&self, keyword: &str) -> Option<usize> {
        let word = self.rest().get(..keyword.len())?;
        let next = self.rest()[keyword.len()..].chars().next();
        let is_whole = next.is_none_or(|next| next.is_whitespace() || "([\"'|".contains(next));
        (word.eq_ignore_ascii_case(keyword) && is_whole).then_some(keyword.len())
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn end(&mut self, expected: &str) -> Result<(), ShorthandError> {
        self.skip_space();
        if self.rest().is_empty() {
            return Ok(());
        }
        let mut message = self.expected(&format!("{}{expected}", self.next));
        if self.rest().starts_with('|') {
            message.push_str("; quote a value that holds `|`");
            self.example = EXAMPLE_QUOTED;
        }
        Err(self.error(&message))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn word(&self) -> &'t str {
        self.rest().split(|char: char| char.is_whitespace() || char == '|').next().unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// What is found here, and what should be.
    fn expected(&self, what: &str) -> String {
        match self.rest().trim_start().chars().next() {
            Some(_) if !self.word().is_empty() => format!("found `{}`; expected {what}", self.word()),
            Some(char) => format!("found `{char}`; expected {what}"),
            None => format!("the text ends here; expected {what}"),
        }
    }

    fn error(&self, message: &str) -> ShorthandError {
        self.error_at(self.at, message)
    }

    fn error_at(&self, at: usize, message: &str) -> ShorthandError {
        ShorthandError { text: self.text.to_owned(), at, message: message.to_owned(), example: self.example }
    }
}

/// A bare value: a JSON number, `true`, `false`, or else a text.
fn literal(text: &str) -> Result<Value, &'static str> {
    match text {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        "null" => Err("no property equals null; expected `exists` or `not exists`, or \"null\" in quotes for the text"),
        _ => Ok(serde_json::from_str::<Number>(text).map_or_else(|_| Value::from(text), Value::Number)),
    }
}

#[cfg(test)]
#[path = "shorthand_tests.rs"]
mod tests;
