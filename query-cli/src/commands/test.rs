//! `weir test`: questions asked of events that are written down, with the answers that are expected.
//!
//! ```yaml
//! weir_test: 1
//! events: events.ndjson                # beside this file; or a list of events
//! now: 2026-02-01T00:00:00Z            # when it is asked; by default a year after the latest event
//! tests:
//!   - name: who buys
//!     spec: {kind: funnel, steps: [{event: view}, {event: buy}]}      # or the name of a file
//!     expect: {steps: [{count: 3}, {count: 1}]}
//! ```
//!
//! The events go through the checks of an import into a lake in memory, so that what is tested is what is used.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::DateTime;
use compact_fn::land::Lander;
use indicatif::ProgressBar;
use ingest_fn::privacy::Rules;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_core::event::{Receipt, parse};
use weir_core::ports::{Clock, CountingIds, ManualClock};
use weir_core::spec::parse_value;
use weir_lake::Store;
use weir_lake::erased::Refused;

use super::import::open;
use crate::args::TestArgs;
use crate::engine::Engine;
use crate::error::Failure;
use crate::expectation::{Difference, differences};
use crate::importer::{ImportTerms, Input, import, next_line};
use crate::output;
use crate::plan::document::read_document;
use crate::render::numbers::counted;
use crate::render::table::{Align, Table, plain};
use crate::render::{Records, Report};

/// The form of these files.
const FORM: u64 = 1;

/// Later than any event: what is written down is not too far ahead.
const LATEST_MS: i64 = 253_402_300_799_000;

/// From the latest event to when it is asked, unless that is given: longer than windows are.
const YEAR_MS: i64 = 365 * 86_400_000;

/// Why a question of a test names no report.
const NO_REPORTS: &str = "names a saved report, which a test has none of; write its funnel here, as {\"funnel\": {…}}, with the same step and state";

/// A file of tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    weir_test: u64,
    events: Events,
    now: Option<String>,
    tests: Vec<TestCase>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Events {
    File(PathBuf),
    Here(Vec<Value>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestCase {
    name: String,
    spec: SpecSource,
    expect: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SpecSource {
    File(PathBuf),
    Here(Value),
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tested {
    file: String,
    name: String,
    passed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What became of all.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct TestReport {
    passed: usize,
    failed: usize,
    tests: Vec<Tested>,
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read, or a test that fails.
pub async fn run(args: &TestArgs) -> Result<(), Failure> {
    let mut tests = Vec::new();
    for file in &args.files {
        tests.extend(run_file(file).await?);
    }
    let failed = tests.iter().filter(|test| !test.passed).count();
    let report = TestReport { passed: tests.len() - failed, failed, tests };
    output::print(&report, args.output.format)?;
    match failed {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {} failed", counted(report.tests.len() as u64, "test")))),
    }
}

async fn run_file(path: &Path) -> Result<Vec<Tested>, Failure> {
    let file: TestFile = serde_json::from_value(read_document(path, "a file of tests")?).map_err(|error| {
        Failure::usage(format!("`{}` is no file of tests: {error}", path.display()))
            .hint("it has `weir_test: 1`, `events`, `tests` and perhaps `now`; `weir help test` shows one")
    })?;
    if file.weir_test != FORM {
        let message = format!("`{}` has `weir_test: {}`; this weir reads {FORM}", path.display(), file.weir_test);
        return Err(Failure::usage(message));
    }
    let beside = path.parent().unwrap_or(Path::new("."));
    let events = events(&file.events, beside)?;
    let now_ms = match &file.now {
        Some(text) => DateTime::parse_from_rfc3339(text).map(|now| now.timestamp_millis()).map_err(|_| {
            Failure::usage(format!(
                "`{}`: now is `{text}`; expected an instant such as 2026-02-01T00:00:00Z",
                path.display()
            ))
        })?,
        None => latest_ms(&events)?.saturating_add(YEAR_MS),
    };
    let engine = lake_of(events, now_ms, path).await?;
    let mut tested = Vec::new();
    for test in file.tests {
        tested.push(run_test(&engine, test, path, beside, file.now.is_some()).await?);
    }
    Ok(tested)
}

/// The lines of the events.
fn events(events: &Events, beside: &Path) -> Result<Vec<u8>, Failure> {
    match events {
        Events::Here(list) => Ok(list.iter().flat_map(|event| format!("{event}\n").into_bytes()).collect()),
        Events::File(name) => {
            let path = beside.join(name);
            let mut input = open(&path, &ProgressBar::hidden())?;
            let mut text = Vec::new();
            let read = input.lines.read_to_end(&mut text);
            read.map_err(|error| Failure::failed(format!("cannot read `{}`: {error}", path.display())))?;
            Ok(text)
        }
    }
}

/// The latest time that an event says it has.
fn latest_ms(events: &[u8]) -> Result<i64, Failure> {
    let (mut input, mut line, mut latest) = (Cursor::new(events), Vec::new(), 0);
    while next_line(&mut input, &mut line).map_err(Failure::failed)? {
        let text = String::from_utf8_lossy(&line);
        // What is no event is refused when it is imported.
        if let Ok(event) = parse(&text, Receipt { received_ms: LATEST_MS, place: 0, correct_skew: false })
            && event.time_ms < LATEST_MS
        {
            latest = latest.max(event.time_ms);
        }
    }
    Ok(latest)
}

/// A lake in memory that has received these events, and nothing else, by then.
async fn lake_of(events: Vec<u8>, now_ms: i64, path: &Path) -> Result<Engine, Failure> {
    let store = Store::in_memory();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now_ms));
    let mut lander = Lander::open(&store, Arc::clone(&clock), Arc::new(CountingIds::default())).await?;
    let input = Input { name: "events".to_owned(), lines: Box::new(Cursor::new(events)) };
    let terms = ImportTerms::new("dev", Rules::default(), Refused::default());
    let imported = import(&mut lander, vec![input], terms, now_ms, |_| Some(now_ms)).await?;
    if let Some(first) = imported.rejections.first() {
        let message =
            format!("`{}`: event {} is refused ({}): {}", path.display(), first.line, first.code, first.message);
        return Err(Failure::failed(plain(&message)));
    }
    Ok(Engine::new(store, clock))
}

async fn run_test(
    engine: &Engine,
    test: TestCase,
    path: &Path,
    beside: &Path,
    has_now: bool,
) -> Result<Tested, Failure> {
    let spec = match test.spec {
        SpecSource::Here(spec) => spec,
        SpecSource::File(name) => read_document(&beside.join(name), "a question")?,
    };
    let mut tested = Tested {
        file: path.display().to_string(),
        name: test.name,
        passed: false,
        differences: Vec::new(),
        error: None,
    };
    if spec.get("last").is_some_and(|last| !last.is_null()) && !has_now {
        tested.error = Some("`last` counts back from `now`, which the file of tests does not give".to_owned());
        return Ok(tested);
    }
    let spec = parse_value(&spec, engine.now_ms()).and_then(|spec| spec.without_reports(NO_REPORTS).map(|()| spec));
    match spec {
        Err(error) => tested.error = Some(error.to_string()),
        Ok(spec) => {
            let answer = serde_json::to_value(engine.answer(&spec).await?).map_err(Failure::failed)?;
            tested.differences = differences(&test.expect, &answer);
            tested.passed = tested.differences.is_empty();
        }
    }
    Ok(tested)
}

impl TestReport {
    fn table(&self) -> Table {
        let columns = ["test", "result", "why"].map(|title| (title.to_owned(), Align::Left));
        let mut table = Table::new(columns.to_vec());
        for test in &self.tests {
            let result = if test.passed { "passed" } else { "FAILED" };
            let why = test.why();
            let first = why.first().cloned().unwrap_or_default();
            table.row(vec![test.name.clone(), result.to_owned(), first]);
            why.into_iter().skip(1).for_each(|line| table.row(vec![String::new(), String::new(), line]));
        }
        table
    }

    fn sentence(&self) -> String {
        match self.failed {
            0 => format!("{} passed.\n", counted(self.passed as u64, "test")),
            failed => format!("{} passed, {failed} failed.\n", counted(self.passed as u64, "test")),
        }
    }
}

impl Tested {
    fn why(&self) -> Vec<String> {
        let error = self.error.iter().flat_map(|error| error.lines().map(str::to_owned));
        error.chain(self.differences.iter().map(ToString::to_string)).collect()
    }
}

impl Report for TestReport {
    fn records(&self) -> Records {
        let row =
            |test: &Tested| vec![json!(test.file), json!(test.name), json!(test.passed), json!(test.why().join("; "))];
        Records { columns: vec!["file", "name", "passed", "why"], rows: self.tests.iter().map(row).collect() }
    }

    fn text(&self, _: usize) -> String {
        format!("{}\n{}", self.table().text(), self.sentence())
    }

    fn markdown(&self) -> String {
        format!("{}\n{}", self.table().markdown(), self.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = r#"[{"event":"view","user_id":"a","timestamp":"2026-01-01T00:00:00Z"},
        {"event":"buy","user_id":"a","timestamp":"2026-01-01T01:00:00Z"},
        {"event":"view","user_id":"b","timestamp":"2026-01-02T00:00:00Z"}]"#;

    async fn tested(head: &str, spec: &str, expect: &str) -> Result<Tested, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tests.yaml");
        let text = format!(
            "weir_test: 1\n{head}events: {EVENTS}\ntests:\n  - name: buyers\n    spec: {spec}\n    expect: {expect}\n"
        );
        std::fs::write(&path, text).unwrap();
        std::fs::write(
            folder.path().join("buyers.json"),
            r#"{"kind":"funnel","steps":[{"event":"view"},{"event":"buy"}]}"#,
        )
        .unwrap();
        run_file(&path).await.map(|mut tests| tests.remove(0))
    }

    #[tokio::test]
    async fn an_answer_is_held_against_what_is_expected() {
        let passed = tested("", "buyers.json", "{steps: [{count: 2}, {count: 1, in_window: 0}]}").await.unwrap();
        assert!(passed.passed, "{passed:?}");
        let failed = tested("", "buyers.json", "{steps: [{count: 2}, {count: 2}]}").await.unwrap();
        assert_eq!((failed.passed, failed.why()), (false, vec!["steps[1].count: expected 2, found 1".to_owned()]));
        let trends = "{kind: trends, series: [{event: view, measure: users}]}";
        assert!(tested("", trends, "{series: [{values: [1, 1], total: 2}]}").await.unwrap().passed);
    }

    #[tokio::test]
    async fn the_present_can_be_given() {
        let spec = "{kind: funnel, last: 1d, steps: [{event: view}, {event: buy}]}";
        let without = tested("", spec, "{}").await.unwrap();
        assert!(without.error.unwrap().starts_with("`last` counts back from `now`"));
        let open = tested("now: 2026-01-02T12:00:00Z\n", spec, "{steps: [{count: 1}, {count: 0, in_window: 1}]}").await;
        assert!(open.as_ref().unwrap().passed, "{open:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_asked_says_why() {
        let unknown = tested("", "{kind: funnel, stps: []}", "{}").await.unwrap();
        assert!(unknown.error.unwrap().starts_with("stps: unknown field `stps`; did you mean `steps`?"));
        let saved = "{kind: trends, series: [{event: view}], cohort: {report: 0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e}}";
        let saved = tested("", saved, "{}").await.unwrap();
        assert!(saved.error.as_ref().unwrap().starts_with("cohort.report: names a saved report"), "{saved:?}");
        let early = tested("now: 2025-01-01T00:00:00Z\n", "buyers.json", "{}").await.unwrap_err();
        assert!(early.message.contains("event 1 is refused (timestamp_too_far_ahead)"), "{early}");
        let gone = tested("", "gone.json", "{}").await.unwrap_err();
        assert!(gone.message.contains("gone.json"), "{gone}");
    }
}
