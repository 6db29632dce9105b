//! Experiments over rows: a funnel whose users are told apart by the variant that they were shown.

use std::sync::Arc;

use weir_core::answer::Source;
use weir_core::experiment::{ExperimentReport, ExperimentTally, Exposures};
use weir_core::funnel::UserResult;
use weir_core::spec::ExperimentSpec;

use super::funnel_walk::{FunnelPlan, FunnelTaker, TakeUsers};
use super::walk::{Found, Take, WalkError};
use super::{Engine, EngineError};

impl Engine {
    /// Answers an experiment.
    ///
    /// # Errors
    /// A damaged file is named; so is what makes the question one that cannot be asked of what was found.
    pub async fn experiment(&self, spec: &ExperimentSpec) -> Result<ExperimentReport, EngineError> {
        let started_ms = self.now_ms();
        let snapshot = self.snapshot(spec.funnel.version).await?;
        let complete_to_ms = snapshot.complete_to_ms;
        let sets = self.users_of_cohorts(&snapshot, &spec.funnel.cohorts).await?;
        let plan = Arc::new(FunnelPlan::new(&spec.funnel, sets));
        let spec = Arc::new(spec.clone());
        let tally = || ExperimentTally::new(Arc::clone(&spec), complete_to_ms);
        let new = || {
            let variants = Variants { exposures: Exposures::new(spec.funnel.range), tally: tally() };
            ExperimentTaker { spec: Arc::clone(&spec), funnel: FunnelTaker::new(Arc::clone(&plan), variants) }
        };
        let (takers, mut scanned) = self.take_all(&snapshot, &plan.rows, new).await?;
        let mut whole = tally();
        takers.into_iter().for_each(|taker| whole.merge(taker.funnel.users.tally));
        scanned.elapsed_ms = self.now_ms().abs_diff(started_ms);
        Ok(whole.report(Source { version: snapshot.version, complete_to_ms, scanned })?)
    }
}

/// Takes events for a funnel, and beside it notes which variants they show.
#[derive(Debug)]
struct ExperimentTaker {
    spec: Arc<ExperimentSpec>,
    funnel: FunnelTaker<Variants>,
}

/// Counts users by the variants that they were shown.
#[derive(Debug)]
struct Variants {
    /// Of the user whose events are taken.
    exposures: Exposures,
    tally: ExperimentTally,
}

impl TakeUsers for Variants {
    fn take(&mut self, user: &UserResult) -> Result<(), WalkError> {
        self.tally.add(user, self.exposures.are_mixed(user.group.as_deref()));
        Ok(())
    }
}

impl Take for ExperimentTaker {
    fn take(&mut self, event: &Found<'_>) {
        let exposure = &self.spec.exposure;
        if event.bits >> (exposure.step - 1) & 1 == 1 {
            let shown = event.batch.value(&exposure.property, event.row);
            self.funnel.users.exposures.take(event.time_ms, shown);
        }
        self.funnel.take(event);
    }

    fn end_user(&mut self, user: &str, is_counted: bool) -> Result<(), WalkError> {
        self.funnel.end_user(user, is_counted)?;
        self.funnel.users.exposures.clear();
        Ok(())
    }
}
