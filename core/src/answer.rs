//! What answers of all kinds are made of: figures, groups, and what it took.

use std::collections::HashMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::property::PropertyValue;
use crate::time::rfc3339;

/// What is known of the data that an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in that version; milliseconds since 1970.
    pub complete_to_ms: Option<i64>,
    /// What it took.
    pub scanned: Scanned,
}

impl Source {
    /// Up to when everything received is known, as RFC 3339.
    pub fn complete_to(&self) -> Option<String> {
        self.complete_to_ms.map(rfc3339)
    }

    /// Whether events before this instant may still come in.
    pub fn is_open(&self, end_ms: i64) -> bool {
        self.complete_to_ms.is_none_or(|complete_to| complete_to < end_ms)
    }
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Scanned {
    /// Files opened.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Rows in them.
    pub rows: u64,
    /// From question to answer.
    pub elapsed_ms: u64,
}

impl Scanned {
    /// With what another part of the same answer cost, but for the time.
    pub fn and(self, other: Self) -> Self {
        let Self { files, bytes, rows, elapsed_ms } = self;
        Self { files: files + other.files, bytes: bytes + other.bytes, rows: rows + other.rows, elapsed_ms }
    }
}

/// What the members of a group share.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum GroupValue {
    /// This value; `null` where the property is absent.
    Value {
        /// A JSON value.
        value: Value,
    },
    /// Any value that is not listed by name.
    Other {
        /// Always `true`.
        other: bool,
    },
}

impl GroupValue {
    /// The value of a key that [`group_key`] wrote.
    pub fn of_key(key: &str) -> Self {
        Self::Value { value: serde_json::from_str(key).unwrap_or(Value::Null) }
    }

    /// All that are not listed.
    pub fn other() -> Self {
        Self::Other { other: true }
    }
}

/// A breakdown value as a key: equal for equal values, and never equal for a number, a text and a boolean that look alike.
pub fn group_key(value: Option<&Value>) -> String {
    match value {
        None => Value::Null.to_string(),
        // 1 and 1.0 are one number.
        Some(Value::Number(number)) => match number.as_f64() {
            Some(f) if number.is_f64() && f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0 => {
                (f as i64).to_string()
            }
            _ => number.to_string(),
        },
        Some(value) => value.to_string(),
    }
}

/// Writes the [`group_key`] of a property over what was in `key`.
pub fn write_group_key(value: Option<PropertyValue<'_>>, key: &mut String) {
    key.clear();
    match value {
        // JSON writes it as it is.
        Some(PropertyValue::Text(text)) if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') => {
            key.extend(["\"", &text, "\""]);
        }
        value => key.push_str(&group_key(value.map(PropertyValue::into_value).as_ref())),
    }
}

/// Numbers for the keys of groups, so that counting does not copy texts.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    numbers: HashMap<String, u32>,
    keys: Vec<String>,
}

impl Groups {
    /// The number of a key.
    pub fn number(&mut self, key: &str) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        // More groups than this do not fit into memory in the first place.
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.numbers.insert(key.to_owned(), number);
        self.keys.push(key.to_owned());
        number
    }

    /// The key of a number.
    pub fn key(&self, number: u32) -> &str {
        self.keys.get(number as usize).map_or("null", String::as_str)
    }

    /// All keys, by their numbers.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }
}

/// A figure, or none. `61000` is written rather than `61000.0`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figure(pub Option<f64>);

impl From<u64> for Figure {
    fn from(count: u64) -> Self {
        Self(Some(count as f64))
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        whole_where_possible(&self.0, serializer)
    }
}

/// `61000` rather than `61000.0`: most figures are whole.
pub fn whole_where_possible<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    match *value {
        None => serializer.serialize_none(),
        Some(v) if v.fract() == 0.0 && v.abs() < EXACT => serializer.serialize_i64(v as i64),
        Some(v) => serializer.serialize_f64(v),
    }
}

/// A part of a whole; 0 where there is no whole.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The quantile of `tenths`/10 of sorted values by linear interpolation between the two nearest ranks (method 7 of Hyndman and Fan,
/// the default of R, NumPy and most tools).
/// Reckoned in whole numbers up to the last division, so that the result is the double nearest to the exact value.
pub fn percentile(sorted: &[i64], tenths: usize) -> Option<f64> {
    let rank = sorted.len().checked_sub(1)? * tenths;
    let (below, part) = (rank / 10, i128::try_from(rank % 10).unwrap_or_default());
    let above = sorted[if part == 0 { below } else { below + 1 }];
    let sum = i128::from(sorted[below]) * (10 - part) + i128::from(above) * part;
    Some(sum as f64 / 10.0)
}

/// As [`percentile`], of doubles, in hundredths.
pub fn percentile_of(sorted: &[f64], percent: u8) -> Option<f64> {
    let rank = sorted.len().checked_sub(1)? * usize::from(percent);
    let (below, part) = (rank / 100, (rank % 100) as f64 / 100.0);
    let low = sorted[below];
    if part == 0.0 {
        return Some(low);
    }
    Some(low + (sorted[below + 1] - low) * part)
}

/// A sum of doubles that does not depend on their order, but for the last of some thirty digits: the rounding error of each addition
/// is kept (Neumaier's way of Kahan's summation).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        let sum = self.high + number;
        let rounded = sum - self.high;
        self.low += (self.high - (sum - rounded)) + (number - rounded);
        self.high = sum;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.high);
        self.low += other.low;
    }

    /// The sum.
    pub fn value(self) -> f64 {
        self.high + self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_value_are_one_group() {
        let key = |json: &str| group_key(Some(&serde_json::from_str(json).unwrap()));
        assert_eq!(key("1"), key("1.0"));
        assert_ne!(key("1"), key("\"1\""));
        assert_ne!(key("1"), key("1.5"));
        assert_eq!(group_key(None), key("null"));
    }

    #[test]
    fn a_key_is_written_as_it_is_made() {
        let mut key = "of the user before".to_owned();
        for json in ["null", "1.0", "true", r#""""#, r#""KR""#, r#""가 \"q\" \\ \n \u007f""#, r#"[1, "a"]"#, "-0.5"] {
            let value: Value = serde_json::from_str(json).unwrap();
            write_group_key(PropertyValue::from_value(&value), &mut key);
            assert_eq!(key, group_key(Some(&value)), "{json}");
        }
        write_group_key(None, &mut key);
        assert_eq!(key, "null");
    }

    #[test]
    fn a_sum_does_not_depend_on_order() {
        let numbers: Vec<f64> = (0..10_000).map(|n| f64::from(n % 97) * 0.1 + 1e9 / f64::from(n + 1)).collect();
        let sum = |numbers: &[f64]| {
            let mut sum = Sum::default();
            numbers.iter().for_each(|n| sum.add(*n));
            sum
        };
        let mut parts = sum(&numbers[7_000..]);
        parts.merge(sum(&numbers[..7_000]));
        let backwards: Vec<f64> = numbers.iter().rev().copied().collect();
        assert_eq!(sum(&numbers).value(), sum(&backwards).value());
        assert_eq!(sum(&numbers).value(), parts.value());
        assert_eq!(sum(&[1e16, 1.0, -1e16]).value(), 1.0);
    }

    #[test]
    fn percentiles_lie_between_the_nearest_ranks() {
        assert_eq!([1, 50, 90].map(|p| percentile_of(&[1.0, 2.0, 4.0], p)), [Some(1.02), Some(2.0), Some(3.6)]);
        assert_eq!(percentile_of(&[], 50), None);
        assert_eq!(percentile_of(&[7.0], 99), Some(7.0));
    }
}
