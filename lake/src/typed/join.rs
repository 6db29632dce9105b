//! Gives properties back as one JSON text.

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::Float64Type;
use serde_json::Number;

use super::{ColumnKind, TypedColumn};

/// Below this size a whole double is written as an integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole text of each row: members that have columns, in the order of these, and the rest behind them.
pub fn join(rest: &StringViewArray, columns: &[(&TypedColumn, &ArrayRef)]) -> StringViewArray {
    let mut whole = StringViewBuilder::with_capacity(rest.len());
    let mut text = String::new();
    let columns: Vec<(String, ColumnKind, &ArrayRef)> =
        columns.iter().map(|(column, values)| (key(&column.property), column.kind, *values)).collect();
    for row in 0..rest.len() {
        text.clear();
        for (key, kind, values) in columns.iter().filter(|(_, _, values)| values.is_valid(row)) {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(key);
            push_value(&mut text, *kind, values, row);
        }
        let left = rest.is_valid(row).then(|| rest.value(row));
        if text.is_empty() {
            whole.append_option(left);
            continue;
        }
        let members = left.and_then(|left| left.trim().strip_prefix('{')?.strip_suffix('}')).unwrap_or_default();
        if !members.trim().is_empty() {
            text.push(',');
            text.push_str(members);
        }
        text.push('}');
        whole.append_value(&text);
    }
    whole.finish()
}

/// A number of a column as JSON has it: without a fraction it is an integer.
pub fn number_of(value: f64) -> Option<Number> {
    let is_minus_zero = value == 0.0 && value.is_sign_negative();
    if value.fract() == 0.0 && value.abs() < EXACT && !is_minus_zero {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// The key with its quotes and its colon. Names with a column need no escapes.
fn key(property: &str) -> String {
    format!("\"{property}\":")
}

fn push_value(text: &mut String, kind: ColumnKind, values: &ArrayRef, row: usize) {
    match kind {
        ColumnKind::Text => push_text(text, values.as_string_view().value(row)),
        ColumnKind::Number => {
            let number = number_of(values.as_primitive::<Float64Type>().value(row));
            // Only another engine can have written a number that JSON does not have.
            text.push_str(&number.map_or_else(|| "null".to_owned(), |number| number.to_string()));
        }
        ColumnKind::Flag => text.push_str(if values.as_boolean().value(row) { "true" } else { "false" }),
    }
}

fn push_text(text: &mut String, value: &str) {
    if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&serde_json::Value::from(value).to_string());
    }
}
