//! What a funnel does with sorted rows: which steps each event fills, and, at the end of each user, how far they came.
//!
//! Where steps are in order and nothing else is asked, an event is a time and some bits. Other rules ask for more, which is only
//! read and kept for them: sessions, held values, exclusions, events that fill no step.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int32Type, TimestampMicrosecondType};
use weir_core::funnel::{
    Entangled, HeldValues, Journey, Journeys, Matcher, RuleSet, Sessions, StepEvent, UserEvent, UserResult, group_key,
};
use weir_core::property::PropertyValue;
use weir_core::spec::{Breakdown, Condition, EventMatch, FunnelSpec, PropertyPath, PropertyRoot};
use weir_lake::LakeError;
use weir_lake::schema::{CONTEXT, EVENT, PROPERTIES, SESSION_ID, TIME, USER};
use weir_lake::typed::{self, TypedColumn};

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
}

/// A funnel, ready to run over rows.
#[derive(Debug)]
pub struct FunnelPlan {
    rules: RuleSet,
    /// Alternatives of all steps and exclusions, with what an event that passes fills.
    alternatives: Vec<(Fills, EventMatch)>,
    filters: Vec<Condition>,
    breakdown: Option<Breakdown>,
    hold: Vec<PropertyPath>,
}

/// Steps and exclusions, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fills {
    steps: u64,
    excludes: u64,
}

impl Fills {
    fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn and(self, other: Self) -> Self {
        Self { steps: self.steps | other.steps, excludes: self.excludes | other.excludes }
    }
}

impl FunnelPlan {
    /// The plan of a checked question.
    pub fn new(spec: &FunnelSpec) -> Self {
        let steps = spec.steps.iter().enumerate().flat_map(|(n, step)| {
            let fills = Fills { steps: 1 << n, excludes: 0 };
            step.any.iter().map(move |event| (fills, event.clone()))
        });
        let excludes = spec.exclude.iter().enumerate().flat_map(|(n, exclude)| {
            let fills = Fills { steps: 0, excludes: 1 << n };
            exclude.any.iter().map(move |event| (fills, event.clone()))
        });
        Self {
            rules: RuleSet::from(spec),
            alternatives: steps.chain(excludes).collect(),
            filters: spec.filters.clone(),
            breakdown: spec.breakdown.clone(),
            hold: spec.hold.clone(),
        }
    }

    /// What is read of rows, in a table with these typed columns.
    pub fn columns(&self, typed: &[TypedColumn]) -> Wanted {
        let known = typed.to_vec();
        let mut wanted = Wanted { text_for_these: true, known, ..Wanted::of(&[USER, TIME, EVENT]) };
        if self.rules.needs_sessions() {
            wanted.columns.insert(SESSION_ID);
        }
        wanted.rows = WantedRows { events: self.events(), time_micros: Some(self.bounds_micros()) };
        for path in self.properties() {
            let column = match path.root {
                PropertyRoot::Properties => PROPERTIES,
                PropertyRoot::Context => CONTEXT,
            };
            wanted.columns.insert(column);
            if path.root == PropertyRoot::Context {
                continue;
            }
            match typed.iter().find(|typed| typed.property == path.path) {
                Some(typed) if wanted.typed.contains(typed) => {}
                Some(typed) => wanted.typed.push(typed.clone()),
                None => wanted.text_for_these = false,
            }
        }
        wanted
    }

    /// Names of the events that can fill anything; `None` where all matter.
    fn events(&self) -> Option<BTreeSet<String>> {
        let names = self.alternatives.iter().map(|(_, event)| event.event.clone());
        if self.needs_every_event() { None } else { names.collect() }
    }

    /// Properties that are looked at.
    fn properties(&self) -> impl Iterator<Item = &PropertyPath> {
        let conditions = self.alternatives.iter().flat_map(|(_, e)| &e.filters).chain(&self.filters);
        let tested = conditions.map(|condition| &condition.property);
        tested.chain(self.breakdown.iter().map(|b| &b.property)).chain(&self.hold)
    }

    /// Whether events matter that fill nothing.
    fn needs_every_event(&self) -> bool {
        self.rules.needs_all_events() || self.rules.needs_sessions()
    }

    /// Instants that an event of an attempt can have, in microseconds, inclusive.
    fn bounds_micros(&self) -> (i64, i64) {
        let base = &self.rules.base;
        let from = base.range.from_ms.map_or(i64::MIN, |from| from.saturating_mul(1000));
        let to = base.range.to_ms.map_or(i64::MAX, |to| to.saturating_add(base.window_ms).saturating_mul(1000));
        (from, to)
    }
}

/// What an event name can fill.
#[derive(Debug, Clone, Default)]
struct NameFills {
    /// What every event of this name fills.
    always: Fills,
    /// Alternatives that depend on properties: indices into the plan's.
    depending: Vec<usize>,
}

impl NameFills {
    fn is_nothing(&self) -> bool {
        self.always.is_nothing() && self.depending.is_empty()
    }
}

/// Takes batches in the order of user and time, and gives the results of each user who is in the funnel.
#[derive(Debug)]
pub struct FunnelWalk {
    plan: Arc<FunnelPlan>,
    events: Events,
    bounds: (i64, i64),
    /// For each name of the dictionary that was seen last. The array is held, so that its address stands for it.
    names: Option<(ArrayRef, Vec<NameFills>)>,
    user: String,
    last_ms: i64,
    /// Where each event of the user is: batch in `held`, row. Only kept for a breakdown.
    rows: Vec<(usize, usize)>,
    held: Vec<Batch>,
}

/// The events of one user, for what runs over them.
#[derive(Debug)]
enum Events {
    /// Steps in order and nothing else: the fast way.
    Plain { matcher: Matcher, events: Vec<StepEvent> },
    /// All other rules.
    Ruled(Box<Ruled>),
}

#[derive(Debug)]
struct Ruled {
    journeys: Journeys,
    events: Vec<UserEvent>,
    sessions: Sessions,
    values: HeldValues,
}

/// The columns of a batch, typed.
#[derive(Debug, Clone)]
struct Batch {
    user: StringViewArray,
    time: TimestampMicrosecondArray,
    event: DictionaryArray<Int32Type>,
    session: Option<StringViewArray>,
    properties: Option<StringViewArray>,
    context: Option<StringViewArray>,
    /// Columns of properties, by their names there.
    typed: Vec<(String, ArrayRef)>,
}

impl Batch {
    fn of(batch: &RecordBatch) -> Result<Self, LakeError> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("a funnel without column `{name}`")))
        };
        let text = |name: &str| batch.column_by_name(name).map(|c| c.as_string_view().clone());
        let named = batch.schema_ref().fields().iter().zip(batch.columns());
        let typed = named
            .filter_map(|(field, column)| Some((typed::property_of(field.name())?.to_owned(), Arc::clone(column))));
        Ok(Self {
            typed: typed.collect(),
            user: column(USER)?.as_string_view().clone(),
            time: column(TIME)?.as_primitive::<TimestampMicrosecondType>().clone(),
            event: column(EVENT)?.as_dictionary::<Int32Type>().clone(),
            session: text(SESSION_ID),
            properties: text(PROPERTIES),
            context: text(CONTEXT),
        })
    }

    /// The value of a property of a row: in its column, or else in the text.
    fn value(&self, path: &PropertyPath, row: usize) -> Option<PropertyValue<'_>> {
        if path.root == PropertyRoot::Properties
            && let Some((_, column)) = self.typed.iter().find(|(property, _)| *property == path.path)
            && column.is_valid(row)
        {
            return match column.data_type() {
                DataType::Utf8View => Some(PropertyValue::Text(Cow::Borrowed(column.as_string_view().value(row)))),
                DataType::Boolean => Some(PropertyValue::Bool(column.as_boolean().value(row))),
                _ => typed::number_of(column.as_primitive::<Float64Type>().value(row)).map(PropertyValue::Number),
            };
        }
        path.find(text_at(self.properties.as_ref(), row), text_at(self.context.as_ref(), row))
    }

    fn holds(&self, conditions: &[Condition], row: usize) -> bool {
        conditions.iter().all(|condition| condition.test.accepts(self.value(&condition.property, row).as_ref()))
    }
}

fn text_at(column: Option<&StringViewArray>, row: usize) -> Option<&str> {
    column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
}

impl FunnelWalk {
    /// A walk that has seen nothing.
    pub fn new(plan: Arc<FunnelPlan>) -> Self {
        let bounds = plan.bounds_micros();
        let events = if plan.rules.is_plain() {
            Events::Plain { matcher: Matcher::new(plan.rules.base), events: Vec::new() }
        } else {
            Events::Ruled(Box::new(Ruled {
                journeys: Journeys::new(plan.rules.clone()),
                events: Vec::new(),
                sessions: Sessions::default(),
                values: HeldValues::default(),
            }))
        };
        Self {
            plan,
            events,
            bounds,
            names: None,
            user: String::new(),
            last_ms: i64::MIN,
            rows: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes a batch; appends the results of users whose last event it shows.
    ///
    /// # Errors
    /// [`LakeError::Invariant`] where rows are not in order: wrong counts are worse than none. [`Entangled`].
    pub fn take(&mut self, batch: &RecordBatch, results: &mut Vec<UserResult>) -> Result<(), WalkError> {
        let batch = Batch::of(batch)?;
        self.resolve_names(&batch.event);
        let keys = batch.event.keys().values();
        let times = batch.time.values();
        let needs_every_event = self.plan.needs_every_event();
        let mut is_held = false;
        for row in 0..batch.time.len() {
            let fills = self.fills_of(&batch, row, keys[row], needs_every_event);
            let Some(fills) = fills.filter(|_| times[row] >= self.bounds.0 && times[row] <= self.bounds.1) else {
                continue;
            };
            let user = batch.user.value(row);
            if user != self.user {
                self.finish_user(results)?;
                self.user.push_str(user);
                self.held.clear();
                is_held = false;
            }
            let time_ms = times[row].div_euclid(1000);
            if self.last_ms > time_ms {
                let user = &self.user;
                let message = format!("events of user `{user}` come out of the scan out of order");
                return Err(LakeError::Invariant(message).into());
            }
            self.last_ms = time_ms;
            if self.push(&batch, row, time_ms, fills) && self.plan.breakdown.is_some() {
                if !is_held {
                    self.held.push(batch.clone());
                    is_held = true;
                }
                self.rows.push((self.held.len() - 1, row));
            }
        }
        Ok(())
    }

    /// The results of the last user.
    ///
    /// # Errors
    /// [`Entangled`]
    pub fn finish(&mut self, results: &mut Vec<UserResult>) -> Result<(), WalkError> {
        self.finish_user(results)
    }

    /// Takes an event of the user. Whether it is one of those that are kept.
    fn push(&mut self, batch: &Batch, row: usize, time_ms: i64, fills: Fills) -> bool {
        let plan = &self.plan;
        match &mut self.events {
            Events::Plain { events, .. } => events.push(StepEvent { time_ms, steps: fills.steps }),
            Events::Ruled(ruled) => {
                let session = match plan.rules.needs_sessions() {
                    true => ruled.sessions.next(time_ms, text_at(batch.session.as_ref(), row)),
                    false => 0,
                };
                if fills.is_nothing() && !plan.rules.needs_all_events() {
                    return false;
                }
                let held = match fills.steps {
                    _ if plan.hold.is_empty() => Some(0),
                    0 => None,
                    _ => ruled.values.next(plan.hold.iter().map(|property| batch.value(property, row))),
                };
                let Fills { steps, excludes } = fills;
                ruled.events.push(UserEvent { time_ms, steps, excludes, session, held });
            }
        }
        true
    }

    fn finish_user(&mut self, results: &mut Vec<UserResult>) -> Result<(), WalkError> {
        let journeys: Vec<Journey> = match &mut self.events {
            Events::Plain { matcher, events } => {
                let window_ms = self.plan.rules.base.window_ms;
                let journey = matcher.run(events).map(|outcome| Journey {
                    attempt: outcome.attempt.into_iter().map(Some).collect(),
                    open_until_ms: outcome.latest_start_ms.saturating_add(window_ms),
                });
                journey.into_iter().collect()
            }
            Events::Ruled(ruled) => ruled.journeys.run(&ruled.events, ruled.sessions.ends_ms())?,
        };
        for journey in journeys {
            results.push(UserResult {
                times_ms: journey.attempt.iter().map(|event| event.map(|event| self.time_ms(event))).collect(),
                open_until_ms: journey.open_until_ms,
                group: self.plan.breakdown.as_ref().map(|b| self.group(b, &journey.attempt)),
            });
        }
        self.clear();
        Ok(())
    }

    fn time_ms(&self, event: usize) -> i64 {
        match &self.events {
            Events::Plain { events, .. } => events[event].time_ms,
            Events::Ruled(ruled) => ruled.events[event].time_ms,
        }
    }

    /// Forgets the user.
    fn clear(&mut self) {
        match &mut self.events {
            Events::Plain { events, .. } => events.clear(),
            Events::Ruled(ruled) => {
                ruled.events.clear();
                ruled.sessions.clear();
                ruled.values.clear();
            }
        }
        self.user.clear();
        self.last_ms = i64::MIN;
        self.rows.clear();
    }

    /// The breakdown value of an attempt: at the step asked for, or at the deepest reached up to there.
    fn group(&self, breakdown: &Breakdown, attempt: &[Option<usize>]) -> String {
        let upto = &attempt[..breakdown.step.min(attempt.len())];
        let value = upto.iter().rev().flatten().next().and_then(|event| {
            let (batch, row) = self.rows[*event];
            self.held[batch].value(&breakdown.property, row).map(PropertyValue::into_value)
        });
        group_key(value.as_ref())
    }

    /// What an event fills; `None` where it does not matter at all.
    fn fills_of(&self, batch: &Batch, row: usize, key: i32, needs_every_event: bool) -> Option<Fills> {
        let (_, names) = self.names.as_ref()?;
        let name = names.get(usize::try_from(key).ok()?)?;
        if name.is_nothing() && !needs_every_event {
            return None;
        }
        if !batch.holds(&self.plan.filters, row) {
            return None;
        }
        let mut fills = name.always;
        for alternative in &name.depending {
            let (more, event) = &self.plan.alternatives[*alternative];
            if fills.and(*more) != fills && batch.holds(&event.filters, row) {
                fills = fills.and(*more);
            }
        }
        (needs_every_event || !fills.is_nothing()).then_some(fills)
    }

    /// Names are compared once a dictionary, not once a row.
    fn resolve_names(&mut self, events: &DictionaryArray<Int32Type>) {
        if self.names.as_ref().is_some_and(|(seen, _)| Arc::ptr_eq(seen, events.values())) {
            return;
        }
        let names = events.values().as_string::<i32>();
        let fills = (0..names.len()).map(|at| self.name_fills(names.value(at))).collect();
        self.names = Some((Arc::clone(events.values()), fills));
    }

    fn name_fills(&self, name: &str) -> NameFills {
        let mut fills = NameFills::default();
        for (at, (more, event)) in self.plan.alternatives.iter().enumerate() {
            if event.event.as_deref().is_none_or(|wanted| wanted == name) {
                if event.filters.is_empty() {
                    fills.always = fills.always.and(*more);
                } else {
                    fills.depending.push(at);
                }
            }
        }
        fills
    }
}
