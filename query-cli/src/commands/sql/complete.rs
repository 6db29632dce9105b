//! What may follow a text that somebody types: keywords, tables, columns, functions; inside of quotes the names of events and
//! properties.
//!
//! ```text
//! sel⇥                                    select
//! SELECT ev⇥                              event, event_id, events
//! … WHERE event = 'view_⇥                 view_item, view_job
//! … property(properties, 'pr⇥             price
//! \form⇥                                  \format
//! ```

use super::statement::{Open, open_at_end};

/// Keywords that a question may need.
const KEYWORDS: [&str; 45] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "SELECT",
    "THEN",
    "UNION",
    "WHERE",
];

/// Functions that questions of events often need; there are more.
const FUNCTIONS: [&str; 20] = [
    "approx_distinct(",
    "approx_percentile_cont(",
    "array_length(",
    "avg(",
    "coalesce(",
    "count(",
    "date_bin(",
    "date_trunc(",
    "extract(",
    "funnel(",
    "funnel_users(",
    "lag(",
    "lead(",
    "max(",
    "min(",
    "now(",
    "property(",
    "property_number(",
    "row_number(",
    "sum(",
];

/// Commands of the prompt.
pub const COMMANDS: [&str; 6] = ["\\?", "\\d", "\\format", "\\q", "\\rows", "\\timing"];
/// What `\format` takes.
pub const FORMATS: [&str; 5] = ["csv", "json", "markdown", "ndjson", "table"];
/// The tables.
pub const TABLES: [&str; 2] = ["events", "failed"];

/// Names that a lake has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Columns of all tables.
    pub columns: Vec<String>,
    /// Events, the most frequent first.
    pub events: Vec<String>,
    /// Properties of any event.
    pub properties: Vec<String>,
}

/// What may stand in a line instead of what is there from a byte up to the cursor, in order.
pub fn complete(line: &str, cursor: usize, names: &Names) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if before.trim_start().starts_with('\\') {
        return complete_command(before);
    }
    match open_at_end(before) {
        Open::Comment => (cursor, Vec::new()),
        Open::Text(from) => {
            let typed = before[from..].replace("''", "'");
            let known = if is_property(&before[..from]) { &names.properties } else { &names.events };
            let found = beginning(&typed, known.iter().map(String::as_str));
            (from, found.map(|name| name.replace('\'', "''")).collect())
        }
        Open::Name(from) => {
            let found = beginning(&before[from..], names.columns.iter().map(String::as_str));
            (from, sorted(found.map(str::to_owned).collect()))
        }
        Open::Nothing => {
            let from = before
                .rfind(|char: char| !char.is_alphanumeric() && char != '_')
                .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
            (from, complete_word(&before[from..], names))
        }
    }
}

fn complete_word(typed: &str, names: &Names) -> Vec<String> {
    if typed.is_empty() {
        return Vec::new();
    }
    let is_small = typed.chars().all(|char| !char.is_uppercase());
    let keyword = |word: &str| if is_small { word.to_lowercase() } else { word.to_owned() };
    let mut found: Vec<String> = beginning(typed, KEYWORDS).map(keyword).collect();
    found.extend(beginning(typed, TABLES).map(str::to_owned));
    found.extend(beginning(typed, FUNCTIONS).map(str::to_owned));
    found.extend(beginning(typed, names.columns.iter().map(String::as_str)).map(quoted));
    sorted(found)
}

fn complete_command(before: &str) -> (usize, Vec<String>) {
    let typed = before.trim_start();
    let at = |word: &str| before.len() - word.len();
    match typed.split_once(char::is_whitespace) {
        None => (at(typed), beginning(typed, COMMANDS).map(str::to_owned).collect()),
        Some((command, rest)) => {
            let word = rest.trim_start();
            let known: &[&str] = match command {
                "\\d" => &TABLES,
                "\\format" => &FORMATS,
                _ => &[],
            };
            (at(word), beginning(word, known.iter().copied()).map(str::to_owned).collect())
        }
    }
}

/// Whether the quote behind a text is the path of a property: `property(properties, '`.
fn is_property(before: &str) -> bool {
    let call = before.rfind('(').map_or("", |at| &before[..at]);
    let function = call.rsplit(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or_default();
    ["property", "property_number"].iter().any(|name| function.eq_ignore_ascii_case(name))
}

/// Names that begin with what is typed, in any case of letters.
fn beginning<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> impl Iterator<Item = &'n str> {
    let typed = typed.to_lowercase();
    names.into_iter().filter(move |name| name.to_lowercase().starts_with(&typed))
}

/// A column as a statement names it: `user` is a function of SQL, and other letters would be made small.
pub fn quoted(column: &str) -> String {
    let is_plain = column.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
    if is_plain && column != "user" { column.to_owned() } else { format!("\"{column}\"") }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> (usize, Vec<String>) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let names = Names {
            columns: owned(&["user", "event", "event_id", "p_price", "p_Tab", "properties"]),
            events: owned(&["view_job", "apply", "it's", "View Item", "구매"]),
            properties: owned(&["price", "cart.total"]),
        };
        complete(line, line.len(), &names)
    }

    fn words(line: &str) -> Vec<String> {
        completed(line).1
    }

    #[test]
    fn words_are_those_of_sql_and_of_the_lake() {
        assert_eq!(completed("sel"), (0, vec!["select".to_owned()]));
        assert_eq!(completed("SELECT * FR"), (9, vec!["FROM".to_owned()]));
        assert_eq!(words("SELECT ev"), ["event", "event_id", "events"]);
        assert_eq!(words("SELECT count(us"), ["\"user\""]);
        assert_eq!(words("SELECT p_"), ["\"p_Tab\"", "p_price"]);
        assert_eq!(words("SELECT * FROM funn"), ["funnel(", "funnel_users("]);
        assert_eq!(completed("SELECT 서울, li"), (15, vec!["like".to_owned(), "limit".to_owned()]));
        assert!(words("SELECT ").is_empty() && words("SELECT x -- ev").is_empty());
    }

    #[test]
    fn quotes_hold_events_and_properties() {
        assert_eq!(completed("SELECT 1 WHERE event = 'vi"), (24, vec!["view_job".to_owned(), "View Item".to_owned()]));
        assert_eq!(words("WHERE event IN ('apply', 'IT'"), ["x"; 0]);
        assert_eq!(words("WHERE event IN ('apply', 'it"), ["it''s"]);
        assert_eq!(words("WHERE event = 'it''"), ["it''s"]);
        assert_eq!(words("FROM funnel('구"), ["구매"]);
        assert_eq!(words("SELECT property(properties, 'ca"), ["cart.total"]);
        assert_eq!(words("SELECT Property_Number(properties, '"), ["price", "cart.total"]);
        assert_eq!(words("SELECT \"us"), ["user"]);
    }

    #[test]
    fn commands_have_their_own_words() {
        assert_eq!(completed("\\ti"), (0, vec!["\\timing".to_owned()]));
        assert_eq!(completed("\\d fa"), (3, vec!["failed".to_owned()]));
        assert_eq!(words("\\format "), FORMATS);
        assert!(words("\\q x").is_empty());
    }
}
