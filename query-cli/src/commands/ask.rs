//! Asking a question, whatever its kind: once, or again with each new version; or only what it would take.
//!
//! ```text
//!   options, document ──▶ question ──┬─ --print-spec ──▶ the question itself
//!                                    ├─ --dry-run ─────▶ files, rows, bytes, requests
//!                                    ├─ --explain ─────▶ the scans, and what they read
//!                                    └─────────────────▶ the answer; with --watch again and again
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};
use weir_core::ports::{Clock, SystemClock};
use weir_core::spec::{Spec, parse_value};

use super::{engine, question, say_foreign};
use crate::args::{AskArgs, LakeArg, OutputArgs};
use crate::cost::Prices;
use crate::engine::Engine;
use crate::engine::progress::Meter;
use crate::engine::questions::Estimate;
use crate::error::Failure;
use crate::output::{self, Results};
use crate::render::answer::AnswerView;
use crate::render::numbers::{bytes, count, counted};
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport, facts};
use crate::unknown::Names;

/// Before an answer takes so long, nothing is said of it.
const PATIENCE: Duration = Duration::from_millis(400);

/// Asks a question, which was read already without a problem.
///
/// # Errors
/// Whatever is wrong with the lake.
pub(super) async fn ask(document: &Value, lake: &LakeArg, how: &AskArgs, output: OutputArgs) -> Result<(), Failure> {
    if how.print_spec {
        return question::print(document);
    }
    let engine = engine(lake).await?;
    let spec = spec(document)?;
    if how.explain {
        let mut results = Results::stdout();
        results.text(&engine.plan_text(&spec).await?)?;
        return results.finish().map(|_| ());
    }
    if how.dry_run {
        let estimate = engine.estimate(&spec).await?;
        let cost_usd = lake.url()?.starts_with("s3://").then(|| cost_usd(&estimate)).flatten();
        return output::print(&EstimateReport { estimate, cost_usd }, output.format);
    }
    match how.watch {
        None => answer(&engine, &spec, output, false).await,
        Some(seconds) => watch(&engine, document, output, seconds).await,
    }
}

/// The question as it is now: `last` counts back from the present.
fn spec(document: &Value) -> Result<Spec, Failure> {
    Ok(parse_value(document, SystemClock.now_ms())?)
}

async fn answer(engine: &Engine, spec: &Spec, output: OutputArgs, is_again: bool) -> Result<(), Failure> {
    let (metered, meter) = engine.metered(spec).await?;
    let progress = Progress::start(output.quiet, meter);
    let answer = metered.answer(spec).await;
    progress.end();
    let answer = answer?;
    if is_again {
        output::clear();
    }
    output::print(&AnswerView::of(spec, &answer), output.format)?;
    say_foreign(engine.last_snapshot().await.as_ref());
    if !output.quiet {
        output::say(facts(answer.version(), answer.complete_to(), &answer.scanned()));
        if !is_again {
            note_unknown_names(engine, &Names::of(spec, &answer)).await;
        }
    }
    Ok(())
}

/// Names that the lake does not have may be slips of the pen. The answer stands either way.
async fn note_unknown_names(engine: &Engine, names: &Names<'_>) {
    if names.are_suspicious()
        // Only a note is lost where the names cannot be read.
        && let Ok(lake) = engine.catalogue().await
    {
        names.notes(&lake.catalogue).iter().for_each(output::say);
    }
}

/// Asks again whenever there is a new version, until it is stopped.
async fn watch(engine: &Engine, document: &Value, output: OutputArgs, seconds: u32) -> Result<(), Failure> {
    let mut seen = None;
    // What counts back from the present changes without a new version.
    let moves = document.get("last").is_some_and(|last| !last.is_null());
    loop {
        let version = engine.snapshot(None).await?.version;
        if moves || seen != Some(version) {
            answer(engine, &spec(document)?, output, seen.is_some()).await?;
            seen = Some(version);
        }
        tokio::time::sleep(Duration::from_secs(u64::from(seconds.max(1)))).await;
    }
}

/// A line on a terminal while an answer is awaited.
struct Progress(ProgressBar);

impl Progress {
    fn start(is_quiet: bool, meter: Arc<Meter>) -> Self {
        if is_quiet || !output::is_watched() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} reading the lake … {rows}{elapsed}") {
            let rows = move |_: &ProgressState, to: &mut dyn fmt::Write| {
                // Nobody can be told that nobody can be told.
                let _ = to.write_str(&so_far(meter.progress()));
            };
            bar.set_style(style.with_key("rows", rows));
        }
        // An answer that comes at once is not announced.
        bar.enable_steady_tick(PATIENCE);
        Self(bar)
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// `1,000 of 50,000 rows, `; nothing where there is nothing to read.
fn so_far(progress: crate::engine::progress::Progress) -> String {
    match progress.of {
        0 => String::new(),
        of => format!("{} of {}, ", count(progress.rows), counted(of, "row")),
    }
}

/// By the price list; `None` where it is in other money.
fn cost_usd(estimate: &Estimate) -> Option<f64> {
    let prices = Prices::read(None).ok().filter(|prices| prices.currency == "USD")?;
    Some(estimate.requests as f64 * prices.per_read())
}

#[derive(Debug, Serialize)]
struct EstimateReport {
    #[serde(flatten)]
    estimate: Estimate,
    /// Of the requests; reading itself costs nothing within a region.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

impl TableReport for EstimateReport {
    fn records(&self) -> Records {
        let Estimate { version, files, rows, bytes, requests } = self.estimate;
        let mut columns = vec!["version", "files", "rows", "bytes", "requests"];
        let mut row = vec![json!(version), json!(files), json!(rows), json!(bytes), json!(requests)];
        if let Some(cost) = self.cost_usd {
            columns.push("cost_usd");
            row.push(json!(cost));
        }
        Records { columns, rows: vec![row] }
    }

    fn table(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut columns = ["files", "rows", "to read", "requests"].map(right).to_vec();
        let Estimate { files, rows, bytes: size, requests, .. } = self.estimate;
        let mut row = vec![count(files), count(rows), bytes(size), count(requests)];
        if let Some(cost) = self.cost_usd {
            columns.push(right("costs about"));
            row.push(format!("${cost:.6}"));
        }
        let mut table = Table::new(columns);
        table.row(row);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::progress::Progress;

    #[test]
    fn who_waits_reads_how_far_it_is() {
        assert_eq!(so_far(Progress { rows: 0, of: 0 }), "");
        assert_eq!(so_far(Progress { rows: 1_000, of: 50_000 }), "1,000 of 50,000 rows, ");
    }
}
