//! One revision of a saved document, as bytes and as answers have it.
//!
//! ```text
//! {"format":1,"id":"0190…","revision":3,"name":"Buyers",…,"saved_at":"2026-01-05T09:00:00.000Z","saved_by":"ana","removed":false}
//! ```

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use weir_core::saved::{Annotation, Dashboard, FORMAT, Report};
use weir_core::spec::SpecError;
use weir_core::time::rfc3339;
use weir_lake::names::{self, SavedKind};

use super::SavedError;

/// What somebody keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A report.
    Report(Report),
    /// A dashboard.
    Dashboard(Dashboard),
    /// An annotation.
    Annotation(Annotation),
    /// What a newer weir wrote: its fields as they are.
    Newer {
        /// The format.
        format: u64,
        /// Everything that it has.
        fields: Map<String, Value>,
    },
}

/// One revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Which document.
    pub id: String,
    /// Numbered from 1.
    pub revision: u64,
    /// What it holds.
    pub body: Body,
    /// When it was saved, as RFC 3339.
    pub saved_at: Option<String>,
    /// By whom, where that is known.
    pub saved_by: Option<String>,
    /// Whether it is removed. What it was is still there.
    pub removed: bool,
}

impl Body {
    /// Reads what somebody wants to keep.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(kind: SavedKind, value: &Value, now_ms: i64) -> Result<Self, SpecError> {
        Ok(match kind {
            SavedKind::Reports => Self::Report(Report::parse(value, now_ms)?),
            SavedKind::Dashboards => Self::Dashboard(Dashboard::parse(value)?),
            SavedKind::Annotations => Self::Annotation(Annotation::parse(value)?),
        })
    }

    /// Its fields, in the order of answers.
    fn fields(&self) -> Map<String, Value> {
        let value = match self {
            Self::Report(report) => serde_json::to_value(report),
            Self::Dashboard(dashboard) => serde_json::to_value(dashboard),
            Self::Annotation(annotation) => serde_json::to_value(annotation),
            Self::Newer { fields, .. } => return fields.clone(),
        };
        match value {
            Ok(Value::Object(fields)) => fields,
            // They are objects of texts and trees, which JSON can say.
            _ => Map::new(),
        }
    }
}

impl Document {
    /// A revision that is to be written now.
    pub fn new(id: String, revision: u64, body: Body, by: Option<&str>, now_ms: i64) -> Self {
        let saved_at = Some(rfc3339(now_ms));
        Self { id, revision, body, saved_at, saved_by: by.map(str::to_owned), removed: false }
    }

    /// The report, if it is one that this version reads.
    pub fn report(&self) -> Option<&Report> {
        match &self.body {
            Body::Report(report) => Some(report),
            _ => None,
        }
    }

    /// A field of what it holds, of those that lists show; `null` where it has none.
    pub fn field(&self, name: &str) -> Value {
        let text = |text: &String| Value::from(text.as_str());
        match (&self.body, name) {
            (Body::Newer { fields, .. }, _) => fields.get(name).cloned().unwrap_or_default(),
            (Body::Report(Report { name, .. }) | Body::Dashboard(Dashboard { name, .. }), "name") => text(name),
            (Body::Report(Report { folder, .. }) | Body::Dashboard(Dashboard { folder, .. }), "folder") => text(folder),
            (
                Body::Report(Report { description, .. }) | Body::Dashboard(Dashboard { description, .. }),
                "description",
            ) => text(description),
            (Body::Report(report), "spec") => report.spec.clone(),
            (Body::Annotation(annotation), "date") => text(&annotation.date),
            (Body::Annotation(annotation), "text") => text(&annotation.text),
            _ => Value::Null,
        }
    }

    /// A text of what it holds; empty where it has none.
    pub fn text(&self, name: &str) -> String {
        self.field(name).as_str().unwrap_or_default().to_owned()
    }

    /// The format, where it is newer than this version knows.
    pub fn newer_format(&self) -> Option<u64> {
        match &self.body {
            Body::Newer { format, .. } => Some(*format),
            _ => None,
        }
    }

    /// The whole document.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let format = self.newer_format().unwrap_or(FORMAT);
        for (name, value) in [("format", json!(format)), ("id", json!(self.id)), ("revision", json!(self.revision))] {
            fields.insert(name.to_owned(), value);
        }
        fields.extend(self.body.fields());
        let own =
            [("saved_at", json!(self.saved_at)), ("saved_by", json!(self.saved_by)), ("removed", json!(self.removed))];
        fields.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if self.newer_format().is_some() {
            fields.insert("newer".to_owned(), json!(true));
        }
        Value::Object(fields)
    }

    /// What is written.
    pub fn bytes(&self) -> Bytes {
        Bytes::from(format!("{:#}\n", self.to_json()))
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// [`SavedError::Damaged`].
    pub fn read(kind: SavedKind, id: &str, revision: u64, bytes: &[u8]) -> Result<Self, SavedError> {
        let damaged = |problem: String| SavedError::Damaged {
            object: names::saved_revision(kind, id, revision).to_string(),
            problem,
        };
        let fields: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| damaged(format!("it is no JSON object: {error}")))?;
        let format = fields.get("format").and_then(Value::as_u64).filter(|format| *format > 0);
        let format = format.ok_or_else(|| damaged("it has no `format` that is a whole number from 1".to_owned()))?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let (saved_at, saved_by) = (text("saved_at"), text("saved_by"));
        let removed = fields.get("removed").and_then(Value::as_bool).unwrap_or(false);
        let body = match kind {
            _ if format > FORMAT => Body::Newer { format, fields },
            SavedKind::Reports => Body::Report(typed(fields).map_err(damaged)?),
            SavedKind::Dashboards => Body::Dashboard(typed(fields).map_err(damaged)?),
            SavedKind::Annotations => Body::Annotation(typed(fields).map_err(damaged)?),
        };
        Ok(Self { id: id.to_owned(), revision, body, saved_at, saved_by, removed })
    }
}

fn typed<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}
