//! A plan as types. What [`parse`](super::parse()) gives is consistent in itself.

use std::fmt;

use serde_json::{Number, Value};

/// The version of the document that is read.
pub const VERSION: u64 = 1;

/// Which events an app sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it is about.
    pub description: Option<String>,
    /// Whether events that are not planned are no violation.
    pub additional_events: bool,
    /// In the order of the document. Names are there once.
    pub events: Vec<PlannedEvent>,
}

/// What the plan says of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedEvent {
    /// Its name.
    pub name: String,
    /// When it is sent.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether properties that are not planned are no violation.
    pub additional_properties: bool,
    /// In the order of the document. Names are there once.
    pub properties: Vec<PlannedProperty>,
}

/// What the plan says of one property.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedProperty {
    /// Its name; dots lead into objects.
    pub name: String,
    /// What it tells.
    pub description: Option<String>,
    /// Any of these; empty: any type.
    pub types: Vec<JsonType>,
    /// Whether every event has it.
    pub required: bool,
    /// Strings, numbers and booleans; empty: any value.
    pub allowed: Vec<Value>,
    /// The smallest number.
    pub minimum: Option<Number>,
    /// The largest number.
    pub maximum: Option<Number>,
}

/// The types of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JsonType {
    /// A text.
    String,
    /// A whole number; `1.0` is one.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
    /// `null`, which is no value: see [`PlannedProperty::required`].
    Null,
}

impl JsonType {
    /// All of them, in the order in which a draft names them.
    pub const ALL: [Self; 7] =
        [Self::String, Self::Integer, Self::Number, Self::Boolean, Self::Array, Self::Object, Self::Null];

    /// As a plan writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
            Self::Null => "null",
        }
    }

    /// The type of a value. A whole number is an integer, and so a number too.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if is_whole(number) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// Whether a property of these types may have a value of this type.
    pub(super) fn is_in(self, types: &[Self]) -> bool {
        types.is_empty() || types.contains(&self) || (self == Self::Integer && types.contains(&Self::Number))
    }
}

/// `1.0` is as whole as `1`, as in JSON Schema.
pub(super) fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|double| double.fract() == 0.0)
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything that is wrong with a plan, never only the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PlanError {
    /// At least one.
    pub problems: Vec<PlanProblem>,
}

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if .field.is_empty() { "plan" } else { .field.as_str() })]
pub struct PlanProblem {
    /// Path of the field, such as `events.apply_submit.properties.job_id.type`; empty for the document itself.
    pub field: String,
    /// What is wrong, what was found, and what to write instead.
    pub message: String,
}
