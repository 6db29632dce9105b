//! Walks over sorted rows, a user at a time: which rows matter, whose they are, and what is made of them.
//!
//! ```text
//!   runs by (bucket, user, time, arrival, id) ──▶ RowWalk ──▶ Take, the events of one user after another
//!                                                   │          funnels: `funnel_walk`; all other kinds: `Taker`
//!                                                   └─ counts what cohorts ask for
//! ```

use std::sync::Arc;

use weir_core::funnel::{Entangled, TooManyValues};
use weir_core::property::PropertyValue;
use weir_core::scan::{Properties, Seen, Walk, Wants};
use weir_core::spec::{Cohort, PropertyPath};
use weir_lake::LakeError;
use weir_lake::merge::Run;
use weir_lake::schema::{EVENT, SESSION_ID, TIME, USER};
use weir_lake::typed::TypedColumn;

use super::cohorts::{CohortCounter, CohortSets, Cohorts};
use super::rows::{Batch, Fitter, Selectors, want_properties};
use super::wanted::{Wanted, WantedRows};

/// What stops a walk.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The rows.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The question, for the events of one user.
    #[error(transparent)]
    Entangled(#[from] Entangled),
    /// The question, for what all users are broken down by.
    #[error(transparent)]
    TooManyValues(#[from] TooManyValues),
}

/// What a question wants of rows, ready to run over them.
#[derive(Debug)]
pub struct RowPlan {
    pub(super) selectors: Selectors,
    /// Properties that are looked at beside those of conditions, by their numbers.
    pub(super) properties: Vec<PropertyPath>,
    /// First and last instant of events of the question, in milliseconds.
    pub(super) bounds_ms: (i64, i64),
    needs_sessions: bool,
    any_order_of_ties: bool,
    cohorts: Option<Arc<Cohorts>>,
}

impl RowPlan {
    /// For a question about the users of some cohorts, of which those that are results of funnels are given as sets.
    pub fn new(wants: Wants, cohorts: &[Cohort], sets: CohortSets) -> Self {
        let cohorts = (!cohorts.is_empty()).then(|| Arc::new(Cohorts::new(cohorts, sets)));
        Self {
            selectors: Selectors {
                of_question: wants.selectors,
                of_cohorts: cohorts.as_ref().map(|cohorts| cohorts.selectors()).unwrap_or_default(),
                filters: wants.filters,
                every_event: wants.needs_every_event,
            },
            properties: wants.properties,
            bounds_ms: wants.bounds_ms.unwrap_or((i64::MIN, i64::MAX)),
            needs_sessions: wants.needs_sessions,
            any_order_of_ties: false,
            cohorts,
        }
    }

    /// For a question whose answer is the same in whatever order events of one user and millisecond come.
    #[must_use]
    pub fn in_any_order_of_ties(mut self, is_so: bool) -> Self {
        self.any_order_of_ties = is_so;
        self
    }

    /// What is read of rows, in a table with these typed columns.
    pub fn wanted(&self, typed: &[TypedColumn]) -> Wanted {
        let known = typed.to_vec();
        let mut wanted = Wanted { text_for_these: true, known, ..Wanted::of(&[USER, TIME, EVENT]) };
        if self.needs_sessions {
            wanted.columns.insert(SESSION_ID);
        }
        let (from, to) = self.all_bounds_ms();
        let micros = (from.saturating_mul(1000), to.saturating_mul(1000));
        wanted.any_order_of_ties = self.any_order_of_ties;
        wanted.rows = WantedRows { events: self.selectors.events(), time_micros: Some(micros) };
        let conditions = self.selectors.conditions().map(|one| (&one.property, one.test.only_kind()));
        let others = self.properties.iter().map(|property| (property, None));
        want_properties(&mut wanted, conditions.chain(others), typed);
        wanted
    }

    /// First and last instant of events that matter to the question or to a cohort, in milliseconds.
    pub fn all_bounds_ms(&self) -> (i64, i64) {
        let (from, to) = self.bounds_ms;
        let of_cohorts = self.cohorts.as_ref().and_then(|cohorts| cohorts.bounds_ms());
        of_cohorts.map_or((from, to), |cohorts| (from.min(cohorts.0), to.max(cohorts.1)))
    }
}

/// Takes what a walk finds.
pub(super) trait Take {
    /// Takes the user's next event: a row of the batch of this number.
    fn take(&mut self, event: &Found<'_>);

    /// The user has no more events.
    fn end_user(&mut self, user: &str, is_counted: bool) -> Result<(), WalkError>;
}

/// A row that matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'b> {
    pub batch: &'b Arc<Batch>,
    /// Of the batch, in this walk.
    pub number: usize,
    pub row: usize,
    pub time_ms: i64,
    /// Bits of the question's selectors that it fits.
    pub bits: u128,
}

/// Takes runs in the order of user and time.
#[derive(Debug)]
pub(super) struct RowWalk {
    plan: Arc<RowPlan>,
    /// Of each input of the merge its current batch.
    inputs: Vec<Option<Box<Input>>>,
    counter: Option<CohortCounter>,
    bounds_micros: (i64, i64),
    user: String,
    /// The batch, and the view in it, that `user` was last seen as.
    seen_as: Option<(usize, u128)>,
    last_ms: i64,
    batches: usize,
}

/// A batch of an input.
#[derive(Debug)]
struct Input {
    /// How many the input gave before.
    number: usize,
    /// How many this walk has seen before, of all inputs.
    id: usize,
    batch: Arc<Batch>,
    fitter: Fitter,
}

impl RowWalk {
    /// A walk that has seen nothing.
    pub fn new(plan: Arc<RowPlan>) -> Self {
        let (from, to) = plan.bounds_ms;
        Self {
            inputs: Vec::new(),
            counter: plan.cohorts.as_ref().map(|cohorts| cohorts.counter()),
            bounds_micros: (from.saturating_mul(1000), to.saturating_add(1).saturating_mul(1000).saturating_sub(1)),
            user: String::new(),
            seen_as: None,
            last_ms: i64::MIN,
            batches: 0,
            plan,
        }
    }

    /// The batch of a run, ready to be looked at.
    fn prepare(&mut self, run: &Run<'_>) -> Result<(), LakeError> {
        if self.inputs.len() <= run.input {
            self.inputs.resize_with(run.input + 1, || None);
        }
        let input = &mut self.inputs[run.input];
        if input.as_ref().is_some_and(|input| input.number == run.number) {
            return Ok(());
        }
        let batch = Arc::new(Batch::of(run.batch(), &self.plan.properties)?);
        let mut fitter = input.take().map(|input| input.fitter).unwrap_or_default();
        fitter.begin(&self.plan.selectors, &batch);
        *input = Some(Box::new(Input { number: run.number, id: self.batches, batch, fitter }));
        self.batches += 1;
        Ok(())
    }

    /// Gives the rows of a run.
    ///
    /// # Errors
    /// [`LakeError::Invariant`] where rows are not in order: wrong counts are worse than none; what `to` says.
    pub fn take(&mut self, run: &Run<'_>, to: &mut impl Take) -> Result<(), WalkError> {
        self.prepare(run)?;
        let Some(input) = self.inputs[run.input].take() else { return Ok(()) };
        let taken = self.take_rows(&input, run.rows(), to);
        self.inputs[run.input] = Some(input);
        taken
    }

    fn take_rows(
        &mut self,
        input: &Input,
        rows: impl Iterator<Item = usize>,
        to: &mut impl Take,
    ) -> Result<(), WalkError> {
        let plan = Arc::clone(&self.plan);
        let Input { id, batch, fitter, .. } = input;
        let (keys, times, users) = (batch.event.keys().values(), batch.time.values(), batch.user.views());
        for row in rows {
            let Some(fit) = fitter.of(&plan.selectors, batch, row, keys[row]) else { continue };
            let is_inside = times[row] >= self.bounds_micros.0 && times[row] <= self.bounds_micros.1;
            let is_of_question = fit.is_of_question && is_inside;
            if !is_of_question && self.counter.is_none() {
                continue;
            }
            // Equal views of one batch are equal texts; unequal ones may still be.
            let seen_as = Some((*id, users[row]));
            if self.seen_as != seen_as {
                self.seen_as = seen_as;
                let user = batch.user.value(row);
                if user != self.user {
                    self.end_user(to)?;
                    self.user.push_str(user);
                }
            }
            let time_ms = times[row].div_euclid(1000);
            if self.last_ms > time_ms {
                let user = &self.user;
                let message = format!("events of user `{user}` come out of the scan out of order");
                return Err(LakeError::Invariant(message).into());
            }
            self.last_ms = time_ms;
            if let Some(counter) = &mut self.counter {
                counter.take(time_ms, fit.bits);
            }
            if is_of_question {
                to.take(&Found { batch, number: *id, row, time_ms, bits: fit.bits });
            }
        }
        Ok(())
    }

    /// The last user has no more events.
    ///
    /// # Errors
    /// What `to` says.
    pub fn finish(&mut self, to: &mut impl Take) -> Result<(), WalkError> {
        self.end_user(to)
    }

    fn end_user(&mut self, to: &mut impl Take) -> Result<(), WalkError> {
        let is_counted = self.counter.as_mut().is_none_or(|counter| counter.end_user(&self.user));
        to.end_user(&self.user, is_counted)?;
        self.user.clear();
        self.last_ms = i64::MIN;
        Ok(())
    }
}

/// Gives what is found to the walk of a question.
#[derive(Debug)]
pub(super) struct Taker<W> {
    plan: Arc<RowPlan>,
    pub walk: W,
}

impl<W: Walk> Taker<W> {
    pub fn new(plan: Arc<RowPlan>, walk: W) -> Self {
        Self { plan, walk }
    }
}

/// The properties of a row, by the numbers of the question.
struct OfRow<'r> {
    plan: &'r RowPlan,
    batch: &'r Batch,
    row: usize,
}

impl Properties for OfRow<'_> {
    fn get(&self, number: usize) -> Option<PropertyValue<'_>> {
        self.batch.numbered(number, self.plan.properties.get(number)?, self.row)
    }
}

impl<W: Walk> Take for Taker<W> {
    fn take(&mut self, event: &Found<'_>) {
        let Found { batch, row, time_ms, bits, .. } = *event;
        self.walk.take(&Seen {
            time_ms,
            bits,
            event: batch.event_name(row),
            session_id: batch.session(row),
            properties: &OfRow { plan: &self.plan, batch, row },
        });
    }

    fn end_user(&mut self, _: &str, is_counted: bool) -> Result<(), WalkError> {
        self.walk.end_user(is_counted);
        Ok(())
    }
}
