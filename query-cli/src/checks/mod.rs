//! Checks of reports: their questions asked on a schedule, and a number of the answer held against bounds.
//!
//! ```text
//! report with a check ▸ due? ▸ ask ▸ hold against the bounds ▸ checks/{report}/{time}.json ▸ changed? ▸ webhook
//!                                                               made only if it is not there
//! ```
//!
//! A check is due once in each span of its `every`, counted from 1970, so all servers of a lake agree when that is. How it
//! went is an object made if it is not there: of several servers that ran it one keeps its result, and that one calls the
//! webhook. Nobody calls for a result that is there already.

mod webhook;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use weir_core::check::{Check, Measure, Standing};
use weir_core::spec::parse_value;
use weir_core::time::rfc3339;
use weir_lake::names::{self, SavedKind};
use weir_lake::{Store, StoreError};

use crate::engine::Engine;
use crate::render::numbers::{figure, percent};
use crate::saved::{Document, SavedError};

pub use webhook::{WebhookHost, Webhooks};

/// How often a server looks which checks are due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// So many checks run at once.
const AT_ONCE: usize = 2;
/// So many results are read at once.
const READ_AT_ONCE: usize = 16;
/// So many results of a report are kept.
const MOST_KEPT: usize = 50;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// The value keeps the bounds.
    Ok,
    /// It does not.
    Failing,
    /// There is no value.
    None,
    /// The question could not be asked.
    Error,
    /// It did not run yet.
    Waiting,
}

impl CheckState {
    /// Whether somebody should look.
    fn is_bad(self) -> bool {
        matches!(self, Self::Failing | Self::Error)
    }
}

/// What became of the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// It took the news.
    Sent,
    /// It did not, however often it was tried.
    Failed,
    /// Its host is not one that may be called.
    NotAllowed,
}

/// How a check went, as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The id of the report.
    pub report: String,
    /// What people call it.
    pub name: String,
    /// Which revision of it.
    pub revision: u64,
    /// How it went.
    pub state: CheckState,
    /// What was looked at.
    pub measure: String,
    /// The number that the answer had.
    pub value: Option<f64>,
    /// The bounds.
    pub below: Option<f64>,
    /// The bounds.
    pub above: Option<f64>,
    /// When, as RFC 3339.
    pub checked_at: Option<String>,
    /// The same in words.
    pub message: String,
    /// What became of the webhook, where there was news for it.
    pub webhook: Option<WebhookState>,
}

/// What goes wrong with checks as a whole. What goes wrong with one of them is its result.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The report.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// A report without a check.
    #[error("the report `{0}` has no check, or is removed; save it with one")]
    NoCheck(String),
}

/// A report with its check.
struct Checked {
    report: Arc<Document>,
    check: Check,
}

/// Runs the checks of one lake.
#[derive(Debug, Clone)]
pub struct Checks {
    engine: Engine,
    webhooks: Webhooks,
}

impl Checks {
    /// Over a lake, with the hosts that may be called.
    pub fn new(engine: Engine, webhooks: Webhooks) -> Self {
        Self { engine, webhooks }
    }

    /// How the check of every report that has one went last, by name.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub async fn results(&self) -> Result<Vec<CheckResult>, CheckError> {
        let reads = self.all().await?.into_iter().map(|checked| async move {
            let last = self.last(&checked.report.id).await?;
            Ok::<_, CheckError>(last.map_or_else(|| waiting(&checked), |(_, result)| named(&checked, result)))
        });
        let results = futures::stream::iter(reads).buffered(READ_AT_ONCE).try_collect().await?;
        Ok(by_name(results))
    }

    /// Runs the check of a report now.
    ///
    /// # Errors
    /// A report that is not there or has no check, and what is wrong with the store.
    pub async fn run(&self, id: &str) -> Result<CheckResult, CheckError> {
        let report = self.engine.library().get(SavedKind::Reports, id).await?;
        let here = Some(&report).filter(|report| !report.removed);
        let checked = here.and_then(checked).ok_or_else(|| CheckError::NoCheck(id.to_owned()))?;
        loop {
            let now_ms = self.now_ms();
            if let Some(result) = self.run_for(&checked, now_ms).await? {
                return Ok(result);
            }
            // Somebody had the same thought in the same millisecond.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Runs the checks of all reports now, by name.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub async fn run_all(&self) -> Result<Vec<CheckResult>, CheckError> {
        let mut results = Vec::new();
        for checked in self.all().await? {
            results.push(self.run(&checked.report.id).await?);
        }
        Ok(by_name(results))
    }

    /// Runs what is due, now and then, until it is told to stop.
    pub async fn keep_checking(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                run = self.run_due() => if let Err(error) = run {
                    tracing::error!(%error, "checks of reports could not be run");
                },
                _ = stop.changed() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Runs what is due, once: how many ran, and how many of them somebody should look at.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub async fn run_once(&self) -> Result<Value, CheckError> {
        let ran = self.run_due().await?;
        let bad = ran.iter().filter(|state| state.is_bad()).count();
        Ok(serde_json::json!({"checks": ran.len(), "bad": bad}))
    }

    /// Runs what is due. How each went that did.
    async fn run_due(&self) -> Result<Vec<CheckState>, CheckError> {
        let mut ran = Vec::new();
        // One that cannot be kept does not hold up the others.
        let runs = self.all().await?.into_iter().map(|checked| self.run_if_due(checked));
        let mut runs = futures::stream::iter(runs).buffer_unordered(AT_ONCE);
        while let Some(run) = runs.next().await {
            match run {
                Ok(Some(result)) => {
                    ran.push(result.state);
                    if result.state.is_bad() {
                        tracing::warn!(report = %result.name, "a check fails: {}", result.message);
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "how a check went could not be kept"),
            }
        }
        Ok(ran)
    }

    /// Runs a check, unless it ran in this span of its time.
    async fn run_if_due(&self, checked: Checked) -> Result<Option<CheckResult>, CheckError> {
        let span = checked.check.every_ms.unsigned_abs().max(1);
        let due_ms = self.now_ms() / span * span;
        match self.last(&checked.report.id).await? {
            Some((last_ms, _)) if last_ms >= due_ms => Ok(None),
            _ => self.run_for(&checked, due_ms).await,
        }
    }

    /// Runs a check for a time, and keeps how it went; `None` if somebody else has.
    async fn run_for(&self, checked: &Checked, time_ms: u64) -> Result<Option<CheckResult>, CheckError> {
        let id = &checked.report.id;
        let before = self.last(id).await?.map(|(_, result)| result.state);
        let mut result = self.ask(checked).await;
        let is_news = match before {
            Some(before) => before != result.state && (before.is_bad() || result.state.is_bad()),
            None => result.state.is_bad(),
        };
        if !self.keep(id, time_ms, &result).await? {
            return Ok(None);
        }
        if let Some(webhook) = checked.check.webhook.as_deref().filter(|_| is_news) {
            result.webhook = Some(self.webhooks.call(webhook, &result, before).await);
            // Only this one wrote the object, and what became of the call is told beside it.
            let (place, bytes) = (names::check(id, time_ms), bytes_of(&result));
            self.store().replace(&place, bytes).await?;
        }
        self.forget(id).await?;
        Ok(Some(result))
    }

    /// Asks the question of a report, and holds the answer against its check.
    async fn ask(&self, checked: &Checked) -> CheckResult {
        let now_ms = self.engine.now_ms();
        let mut result = CheckResult { checked_at: Some(rfc3339(now_ms)), ..waiting(checked) };
        let answer = match checked.report.report().map(|report| parse_value(&report.spec, now_ms)) {
            Some(Ok(spec)) => self.engine.answer(&spec).await.map_err(|error| error.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it was saved by a newer weir".to_owned()),
        };
        let answer = answer.and_then(|answer| serde_json::to_value(answer).map_err(|error| error.to_string()));
        match answer {
            Ok(answer) => {
                result.value = checked.check.value_in(&answer);
                result.state = match checked.check.standing(result.value) {
                    Standing::Ok => CheckState::Ok,
                    Standing::Failing => CheckState::Failing,
                    Standing::None => CheckState::None,
                };
                result.message = said(&checked.check, result.value);
            }
            Err(message) => {
                result.state = CheckState::Error;
                result.message = message;
            }
        }
        result
    }

    /// Every report that has a check which can be read.
    async fn all(&self) -> Result<Vec<Checked>, CheckError> {
        let reports = self.engine.library().list(SavedKind::Reports).await?;
        Ok(reports.iter().filter(|report| !report.removed).filter_map(checked).collect())
    }

    /// How the check of a report went last, and for which time.
    async fn last(&self, report: &str) -> Result<Option<(u64, CheckResult)>, CheckError> {
        let found = self.store().list(&names::checks(report), None).await?;
        for path in found.iter().rev() {
            let Some(time_ms) = names::check_time(path) else { continue };
            let Some(bytes) = self.store().read(path).await? else { continue };
            match serde_json::from_slice(&bytes) {
                Ok(result) => return Ok(Some((time_ms, result))),
                Err(error) => tracing::warn!(%error, %path, "how a check went cannot be read, and is passed over"),
            }
        }
        Ok(None)
    }

    async fn keep(&self, report: &str, time_ms: u64, result: &CheckResult) -> Result<bool, CheckError> {
        Ok(self.store().create(&names::check(report, time_ms), bytes_of(result)).await?)
    }

    /// Takes away what is older than the last results.
    async fn forget(&self, report: &str) -> Result<(), CheckError> {
        let found = self.store().list(&names::checks(report), None).await?;
        for path in found.iter().rev().skip(MOST_KEPT) {
            self.store().delete(path).await?;
        }
        Ok(())
    }

    fn store(&self) -> &Store {
        self.engine.store()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.engine.now_ms()).unwrap_or(0)
    }
}

fn by_name(mut results: Vec<CheckResult>) -> Vec<CheckResult> {
    results.sort_by(|a, b| (&a.name, &a.report).cmp(&(&b.name, &b.report)));
    results
}

/// The check of a report, where it has one that this version reads.
fn checked(report: &Arc<Document>) -> Option<Checked> {
    let kept = report.report()?;
    let kind = kept.kind().unwrap_or("funnel");
    match Check::parse(kept.check.as_ref()?, kind) {
        Ok(check) => Some(Checked { report: Arc::clone(report), check }),
        Err(error) => {
            tracing::warn!(%error, report = %report.id, "the check of a report cannot be read, and does not run");
            None
        }
    }
}

fn waiting(checked: &Checked) -> CheckResult {
    let Check { measure, below, above, .. } = &checked.check;
    CheckResult {
        report: checked.report.id.clone(),
        name: checked.report.text("name"),
        revision: checked.report.revision,
        state: CheckState::Waiting,
        measure: measure.name().to_owned(),
        value: None,
        below: *below,
        above: *above,
        checked_at: None,
        message: "it did not run yet".to_owned(),
        webhook: None,
    }
}

/// A result under the name that its report has now.
fn named(checked: &Checked, result: CheckResult) -> CheckResult {
    CheckResult { name: checked.report.text("name"), ..result }
}

/// `conversion is 18 %, below 20 %`
fn said(check: &Check, value: Option<f64>) -> String {
    let number = |number: f64| if check.measure.is_share() { percent(number) } else { figure(number) };
    let what = match &check.measure {
        Measure::Conversion(Some(step)) => format!("conversion to step {step}"),
        Measure::Count(Some(step)) => format!("the count of step {step}"),
        Measure::Conversion(None) => "conversion".to_owned(),
        Measure::Count(None) => "the count of the last step".to_owned(),
        Measure::Total(series) => format!("the total of {series}"),
        Measure::Latest(series) => format!("the last bucket of {series} that is over"),
        Measure::Returned(period) => format!("the share that came back in period {period}"),
    };
    let Some(value) = value else { return format!("there is no value of {what}") };
    let out = match (check.below, check.above) {
        (Some(below), _) if value < below => format!(", below {}", number(below)),
        (_, Some(above)) if value > above => format!(", above {}", number(above)),
        _ => String::new(),
    };
    format!("{what} is {}{out}", number(value))
}

fn bytes_of(result: &CheckResult) -> Bytes {
    // Texts and numbers, which JSON can say.
    Bytes::from(serde_json::to_vec(result).unwrap_or_default())
}

/// What a webhook is told.
fn news(result: &CheckResult, before: Option<CheckState>) -> Value {
    serde_json::json!({
        "report": {"id": result.report, "name": result.name, "revision": result.revision},
        "state": result.state,
        "previous": before,
        "measure": result.measure,
        "value": result.value,
        "below": result.below,
        "above": result.above,
        "checked_at": result.checked_at,
        "message": result.message,
    })
}

#[cfg(test)]
#[path = "../checks_tests.rs"]
mod tests;
