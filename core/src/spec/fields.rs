//! Reading a JSON object with a fixed set of fields: what is unknown, missing or of a wrong type becomes a problem with
//! its path, and reading goes on.

use serde_json::{Map, Value};

use super::model::{SpecError, SpecProblem};
use crate::nearest::nearest;

/// Words longer than this are echoed short.
const LONGEST_WORD: usize = 64;

/// So many problems are told one by one: more are no help, and a document of a megabyte can have a hundred thousand.
const MOST_PROBLEMS: usize = 100;

/// The fields of one kind of object.
#[derive(Debug)]
pub(crate) struct FieldTable {
    /// What this version reads. `docs/query-spec.schema.json` has the same names; a test holds the two together.
    pub supported: &'static [&'static str],
    /// What the language has and this version refuses, unless it asks for nothing.
    pub later: &'static [&'static str],
}

pub(crate) const SPEC_FIELDS: FieldTable = FieldTable {
    supported: &[
        "kind",
        "from",
        "to",
        "last",
        "timezone",
        "steps",
        "window",
        "order",
        "ties",
        "count",
        "exclude",
        "exclusion",
        "where",
        "breakdown",
        "hold",
        "interval",
        "compare",
        "users",
        "cohort",
        "version",
    ],
    later: &[],
};

pub(crate) const USERS_FIELDS: FieldTable = FieldTable { supported: &["step", "state", "limit"], later: &[] };

pub(crate) const TRENDS_FIELDS: FieldTable = FieldTable {
    supported: &[
        "kind",
        "from",
        "to",
        "last",
        "timezone",
        "interval",
        "series",
        "formulas",
        "where",
        "breakdown",
        "cumulative",
        "moving_average",
        "compare",
        "cohort",
        "version",
    ],
    later: &[],
};

pub(crate) const SERIES_FIELDS: FieldTable =
    FieldTable { supported: &["event", "any", "where", "label", "measure", "property"], later: &[] };

pub(crate) const FORMULA_FIELDS: FieldTable = FieldTable { supported: &["formula", "label"], later: &[] };

pub(crate) const SPLIT_FIELDS: FieldTable = FieldTable { supported: &["property", "limit"], later: &[] };

pub(crate) const COHORT_EVENT_FIELDS: FieldTable =
    FieldTable { supported: &["event", "any", "where", "at_least", "at_most", "from", "to", "last"], later: &[] };

pub(crate) const COHORT_FUNNEL_FIELDS: FieldTable = FieldTable { supported: &["funnel", "step", "state"], later: &[] };

pub(crate) const COHORT_REPORT_FIELDS: FieldTable = FieldTable { supported: &["report", "step", "state"], later: &[] };

pub(crate) const STEP_FIELDS: FieldTable =
    FieldTable { supported: &["event", "any", "where", "label", "optional"], later: &[] };

pub(crate) const EXCLUDE_FIELDS: FieldTable =
    FieldTable { supported: &["event", "any", "where", "from", "to"], later: &[] };

pub(crate) const ALTERNATIVE_FIELDS: FieldTable = FieldTable { supported: &["event", "where"], later: &[] };

pub(crate) const CONDITION_FIELDS: FieldTable = FieldTable { supported: &["property", "op", "value"], later: &[] };

pub(crate) const BREAKDOWN_FIELDS: FieldTable = FieldTable { supported: &["property", "step", "limit"], later: &[] };

/// What bounds a list of events, where no more is asked.
pub(crate) const PERIOD_FIELDS: FieldTable = FieldTable { supported: &["from", "to", "last", "timezone"], later: &[] };

pub(crate) const RETENTION_FIELDS: FieldTable = FieldTable {
    supported: &[
        "kind",
        "from",
        "to",
        "last",
        "timezone",
        "start",
        "return",
        "interval",
        "periods",
        "brackets",
        "mode",
        "occurrence",
        "where",
        "breakdown",
        "cohort",
        "version",
    ],
    later: &[],
};

pub(crate) const LIFECYCLE_FIELDS: FieldTable = FieldTable {
    supported: &["kind", "from", "to", "last", "timezone", "of", "interval", "where", "cohort", "version"],
    later: &[],
};

pub(crate) const STICKINESS_FIELDS: FieldTable = LIFECYCLE_FIELDS;

pub(crate) const ACTIVITY_FIELDS: FieldTable =
    FieldTable { supported: &["event", "any", "where", "label"], later: &[] };

pub(crate) const EXPERIMENT_FIELDS: FieldTable = FieldTable {
    supported: &[
        "kind",
        "from",
        "to",
        "last",
        "timezone",
        "steps",
        "window",
        "order",
        "ties",
        "count",
        "exclude",
        "exclusion",
        "where",
        "hold",
        "cohort",
        "version",
        "variant",
        "control",
        "variants",
        "expected",
        "mixed",
        "metric",
        "confidence",
    ],
    later: &[],
};

pub(crate) const VARIANT_FIELDS: FieldTable = FieldTable { supported: &["property", "step"], later: &[] };

pub(crate) const METRIC_FIELDS: FieldTable = FieldTable { supported: &["step"], later: &[] };

pub(crate) const PATHS_FIELDS: FieldTable = FieldTable {
    supported: &[
        "kind", "from", "to", "last", "timezone", "start", "end", "depth", "limit", "top", "collapse", "only", "hide",
        "window", "count", "where", "cohort", "version",
    ],
    later: &[],
};

pub(crate) const ANCHOR_FIELDS: FieldTable = FieldTable { supported: &["event", "any", "where", "label"], later: &[] };

pub(crate) const SESSIONS_FIELDS: FieldTable = FieldTable {
    supported: &[
        "kind",
        "from",
        "to",
        "last",
        "timezone",
        "interval",
        "breakdown",
        "limit",
        "where",
        "cohort",
        "version",
    ],
    later: &[],
};

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<SpecProblem>,
    /// Problems beyond those.
    further: usize,
    expressions: usize,
}

impl Problems {
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.is_full() {
            self.further += 1;
        } else {
            self.found.push(SpecProblem { field: field.into(), message: message.into() });
        }
    }

    /// Whether further problems are only counted, so that nobody need look for words.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MOST_PROBLEMS
    }

    /// Counts a regular expression of the document, this one included.
    pub fn count_expression(&mut self) -> usize {
        self.expressions += 1;
        self.expressions
    }

    /// What was found, for another kind of document than a spec.
    pub fn into_found(mut self) -> Vec<SpecProblem> {
        if self.further > 0 {
            let message = format!("has {} more problems; these are the first {MOST_PROBLEMS}", self.further);
            self.found.push(SpecProblem { field: String::new(), message });
        }
        self.found
    }

    /// `read`, if nothing was wrong with it.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, SpecError> {
        match read {
            Some(read) if self.found.is_empty() => Ok(read),
            _ => {
                if self.found.is_empty() {
                    self.add("", "cannot be read");
                }
                Err(SpecError { problems: self.into_found() })
            }
        }
    }
}

/// One JSON object, and where in the document it is.
#[derive(Debug)]
pub(crate) struct Fields<'v> {
    path: String,
    members: &'v Map<String, Value>,
}

impl<'v> Fields<'v> {
    /// Takes `value` as an object with the fields of `table`, and reports every other field.
    pub fn open(
        value: &'v Value,
        path: &str,
        table: &FieldTable,
        expected: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Some(members) = value.as_object() else {
            problems.add(path, format!("found {}; expected {expected}", describe(value)));
            return None;
        };
        let fields = Self { path: path.to_owned(), members };
        for name in members.keys() {
            let known = || table.supported.iter().chain(table.later).copied();
            if known().any(|field| field == name) {
                continue;
            }
            if problems.is_full() {
                problems.add("", "unknown field");
            } else {
                let hint = did_you_mean(name, known(), || format!("known fields: {}", table.supported.join(", ")));
                problems.add(fields.path_of(name), format!("unknown field `{}`; {hint}", shorten(name)));
            }
        }
        Some(fields)
    }

    /// The value of a field; `null` is the same as no field.
    pub fn get(&self, name: &str) -> Option<&'v Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is written, be it as `null`.
    pub fn is_written(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The path of a field of this object.
    pub fn path_of(&self, name: &str) -> String {
        let name = shorten(name);
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// The path of this object.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `true` or `false` of a field, if there is one.
    pub fn flag(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        let value = self.get(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            problems.add(self.path_of(name), format!("found {}; expected true or false", describe(value)));
        }
        flag
    }

    /// The text of a field, if there is one.
    pub fn text(&self, name: &str, expected: &str, problems: &mut Problems) -> Option<&'v str> {
        let value = self.get(name)?;
        let text = value.as_str();
        if text.is_none() {
            problems.add(self.path_of(name), format!("found {}; expected {expected}", describe(value)));
        }
        text
    }

    /// The elements of a list, if there is one.
    pub fn list(&self, name: &str, expected: &str, problems: &mut Problems) -> Option<&'v [Value]> {
        let value = self.get(name)?;
        let list = value.as_array().map(Vec::as_slice);
        if list.is_none() {
            problems.add(self.path_of(name), format!("found {}; expected {expected}", describe(value)));
        }
        list
    }

    /// As [`Self::list`], with not more than `most` elements.
    pub fn short_list(&self, name: &str, most: usize, expected: &str, problems: &mut Problems) -> Option<&'v [Value]> {
        let list = self.list(name, expected, problems)?;
        if list.len() > most {
            problems.add(self.path_of(name), format!("found a list of {}; expected at most {most}", list.len()));
            return None;
        }
        Some(list)
    }

    /// A whole number of a field from `least` to `most`, if there is one.
    pub fn whole_number(&self, name: &str, least: u64, most: u64, problems: &mut Problems) -> Option<u64> {
        let value = self.get(name)?;
        let number = whole_number(value).filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let range = if most == u64::MAX { format!("from {least}") } else { format!("from {least} to {most}") };
            problems.add(self.path_of(name), format!("found {}; expected a whole number {range}", describe(value)));
        }
        number
    }

    /// One of the words of a closed set: `supported`, or `later`, which is refused.
    pub fn choice(
        &self,
        name: &str,
        supported: &[&'static str],
        later: &[&str],
        problems: &mut Problems,
    ) -> Option<&'static str> {
        let expected = one_of(supported);
        let word = self.text(name, &expected, problems)?;
        let found = supported.iter().find(|known| **known == word).copied();
        if found.is_none() {
            let message = if later.contains(&word) {
                format!("{}; expected {expected}", not_in_this_version(&format!("{name} `{word}`")))
            } else {
                let all = supported.iter().copied().chain(later.iter().copied());
                let hint = did_you_mean(word, all, || format!("expected {expected}"));
                format!("unknown {name} `{}`; {hint}", shorten(word))
            };
            problems.add(self.path_of(name), message);
        }
        found
    }
}

/// `1.0` is as whole as `1`, as in JSON Schema.
fn whole_number(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let double = value.as_f64()?;
        (double.fract() == 0.0 && (0.0..=EXACT).contains(&double)).then_some(double as u64)
    })
}

/// A field or value which the language has, and this version does not.
pub(crate) fn not_in_this_version(what: &str) -> String {
    let what = if what.contains('`') { what.to_owned() } else { format!("`{what}`") };
    format!("{what} is part of the query language but not supported by this version of weir")
}

/// A value as a message names it.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text `{}`", shorten(text)),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A text of the question, short enough for a message.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_WORD) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `` `a`, `b` or `c` ``
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// `` did you mean `window`? `` where one of `known` is near.
pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl Iterator<Item = &'k str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, known).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}
