//! Cohorts that are saved reports: the funnels that stand for them.
//!
//! ```text
//! {"report": "0190…", "step": 2}  ▸ the report's newest revision ▸ {"funnel": {…}, "step": 2}
//!                                      └─ its own cohorts, which may be reports too
//! ```
//!
//! What is wrong with a report, or with one that it names, is a problem of the cohort in the question that was asked.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use weir_core::spec::{Cohort, FunnelSpec, FunnelState, FunnelUsers, SpecError, SpecProblem, parse_value};
use weir_lake::names::SavedKind;

use super::{Engine, EngineError};
use crate::render::table::plain;
use crate::saved::{Document, SavedError};

/// The most reports of one question, those that reports name included: each is a question of its own.
const MOST_REPORTS: usize = 32;

/// What a cohort says of its report.
struct Named<'c> {
    report: &'c str,
    step: Option<usize>,
    state: FunnelState,
    /// The cohort in the question that was asked.
    path: &'c str,
}

/// Puts funnels in the place of reports.
struct Resolving<'e> {
    engine: &'e Engine,
    /// Reports that were read.
    read: usize,
    /// Ids and names of those that lead to where it is.
    trail: Vec<(String, String)>,
}

impl Engine {
    /// Cohorts with a funnel in the place of each saved report.
    ///
    /// # Errors
    /// A report that is not there, is no funnel, or is about its own users.
    pub(super) async fn with_reports(&self, cohorts: &[Cohort]) -> Result<Vec<Cohort>, EngineError> {
        Resolving { engine: self, read: 0, trail: Vec::new() }.all(cohorts, None).await
    }
}

impl Resolving<'_> {
    /// Cohorts of the question, or those of a report, which belong to a cohort of the question.
    fn all<'r>(
        &'r mut self,
        cohorts: &'r [Cohort],
        of: Option<&'r str>,
    ) -> BoxFuture<'r, Result<Vec<Cohort>, EngineError>> {
        async move {
            let mut resolved = Vec::with_capacity(cohorts.len());
            for cohort in cohorts {
                resolved.push(match cohort {
                    Cohort::InReport { report, step, state, path } => {
                        let path = of.unwrap_or(path);
                        self.one(&Named { report, step: *step, state: *state, path }).await?
                    }
                    Cohort::Did { .. } | Cohort::InFunnel { .. } => cohort.clone(),
                });
            }
            Ok(resolved)
        }
        .boxed()
    }

    async fn one(&mut self, named: &Named<'_>) -> Result<Cohort, EngineError> {
        self.read += 1;
        if self.read > MOST_REPORTS {
            return Err(named.refused(format!("leads to more than {MOST_REPORTS} reports; expected fewer")));
        }
        let document = self.document(named).await?;
        let name = name_of(&document);
        if let Some(from) = self.trail.iter().position(|(id, _)| *id == document.id) {
            let names: Vec<&str> = self.trail.iter().skip(from).map(|(_, name)| name.as_str()).collect();
            let message = format!("report `{name}` is about its own users: {} → {name}", names.join(" → "));
            return Err(named.refused(message));
        }
        let mut funnel = self.funnel(named, &document, &name)?;
        let steps = funnel.steps.len();
        let step = named.step.unwrap_or(steps);
        if step > steps {
            let message = format!("found the number {step}; report `{name}` has {steps}");
            return Err(problem(format!("{}.step", named.path), message));
        }
        self.trail.push((document.id.clone(), name));
        let cohorts = std::mem::take(&mut funnel.cohorts);
        funnel.cohorts = self.all(&cohorts, Some(named.path)).await?;
        self.trail.pop();
        Ok(Cohort::InFunnel { funnel: Box::new(funnel), users: FunnelUsers { step, state: named.state } })
    }

    async fn document(&self, named: &Named<'_>) -> Result<Arc<Document>, EngineError> {
        match self.engine.library().get(SavedKind::Reports, named.report).await {
            Ok(document) if document.removed => {
                let message = format!(
                    "report `{}` was removed; save it again, or write its funnel here, as {{\"funnel\": {{…}}}}",
                    name_of(&document)
                );
                Err(named.refused(message))
            }
            Ok(document) => Ok(document),
            Err(SavedError::Store(error)) => Err(EngineError::Lake(error.into())),
            Err(error) => Err(named.refused(error.to_string())),
        }
    }

    /// The funnel of a report. What it compares, lists and breaks down does not touch who is in it.
    fn funnel(&self, named: &Named<'_>, document: &Document, name: &str) -> Result<FunnelSpec, EngineError> {
        let Some(report) = document.report() else {
            let format = document.newer_format().unwrap_or_default();
            let message = format!("report `{name}` was saved by a newer weir, in format {format}; upgrade weir");
            return Err(named.refused(message));
        };
        let spec = parse_value(&report.spec, self.engine.now_ms())
            .map_err(|error| named.refused(format!("report `{name}` cannot be asked: {error}")))?;
        let kind = spec.kind();
        let funnel = spec.into_funnel();
        let funnel =
            funnel.map_err(|_| named.refused(format!("report `{name}` asks for {kind}; expected a funnel")))?;
        if let Some(version) = funnel.version {
            let message =
                format!("report `{name}` is bound to version {version} of the lake; expected one that is not");
            return Err(named.refused(message));
        }
        Ok(FunnelSpec { previous: None, users: None, breakdown: None, ..funnel })
    }
}

impl Named<'_> {
    fn refused(&self, message: String) -> EngineError {
        problem(format!("{}.report", self.path), message)
    }
}

/// What people call it, as a message may repeat it.
fn name_of(document: &Document) -> String {
    plain(&document.text("name")).into_owned()
}

fn problem(field: String, message: String) -> EngineError {
    EngineError::Spec(SpecError { problems: vec![SpecProblem { field, message }] })
}
