//! The entries of a commit, as Delta Lake's protocol has them
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md>, "Actions").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of a commit. Exactly one field is set; a line with an action that weir has no use for has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Who did it and why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit_info: Option<Value>,
    /// What a reader and a writer must know.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub protocol: Option<Protocol>,
    /// What the table is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub meta_data: Option<MetaData>,
    /// A file becomes live.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub add: Option<Add>,
    /// A file is live no more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remove: Option<Remove>,
    /// How far an application of another engine has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub txn: Option<Txn>,
    /// Text that belongs to one application: weir keeps the landed positions there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub domain_metadata: Option<DomainMetadata>,
}

/// `protocol`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// The lowest reader version.
    pub min_reader_version: u32,
    /// The lowest writer version.
    pub min_writer_version: u32,
    /// Features that a reader must know.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reader_features: Option<Vec<String>>,
    /// Features that a writer must know.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub writer_features: Option<Vec<String>>,
}

/// `metaData`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetaData {
    /// A UUID.
    pub id: String,
    /// The table's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// What another engine let somebody say of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// Always Parquet.
    pub format: Value,
    /// The columns, as JSON text.
    pub schema_string: String,
    /// None: files hold ranges of users and times, not partitions.
    #[serde(default)]
    pub partition_columns: Vec<String>,
    /// Settings of the table.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created_time: Option<i64>,
}

/// `add`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Add {
    /// Relative to the table.
    pub path: String,
    /// Always empty.
    #[serde(default)]
    pub partition_values: BTreeMap<String, String>,
    /// Bytes.
    pub size: u64,
    /// Milliseconds since 1970.
    pub modification_time: i64,
    /// False where rows only moved from other files.
    pub data_change: bool,
    /// Counts and ranges, as JSON text that every engine reads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stats: Option<String>,
    /// What only weir reads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tags: Option<BTreeMap<String, String>>,
}

/// `remove`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    /// As it was added.
    pub path: String,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deletion_timestamp: Option<i64>,
    /// False where the rows live on in other files.
    pub data_change: bool,
}

/// `txn`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Txn {
    /// Which application.
    pub app_id: String,
    /// How far it has come.
    pub version: i64,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_updated: Option<i64>,
}

/// `domainMetadata`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainMetadata {
    /// Whose it is.
    pub domain: String,
    /// Any text.
    pub configuration: String,
    /// Whether it is gone.
    pub removed: bool,
}

/// The text of a commit: one action a line.
///
/// # Errors
/// Never in practice: only if a plain struct cannot be written as JSON.
pub fn write(actions: &[Action]) -> Result<String, serde_json::Error> {
    actions.iter().map(|action| serde_json::to_string(action).map(|line| line + "\n")).collect()
}

/// The actions of a commit.
///
/// # Errors
/// If a line is not JSON, or an action that weir knows lacks something.
pub fn read(text: &[u8]) -> Result<Vec<Action>, serde_json::Error> {
    text.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(serde_json::from_slice).collect()
}
