//! What a funnel does with sorted rows: which steps each event fills, and, at the end of each user, how far they came.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int32Type, TimestampMicrosecondType};
use weir_core::funnel::{Matcher, Rules, StepEvent, UserResult, group_key};
use weir_core::property::PropertyValue;
use weir_core::spec::{Breakdown, Condition, EventMatch, FunnelSpec, PropertyPath, PropertyRoot};
use weir_lake::LakeError;
use weir_lake::schema::{CONTEXT, EVENT, PROPERTIES, TIME, USER};
use weir_lake::typed::{self, TypedColumn};

use super::merge_scan::Wanted;

/// A funnel, ready to run over rows.
#[derive(Debug)]
pub struct FunnelPlan {
    rules: Rules,
    /// Alternatives of all steps, with the bit of their step.
    alternatives: Vec<(u64, EventMatch)>,
    filters: Vec<Condition>,
    breakdown: Option<Breakdown>,
}

impl FunnelPlan {
    /// The plan of a checked question.
    pub fn new(spec: &FunnelSpec) -> Self {
        let steps = spec.steps.iter().enumerate();
        let alternatives = steps.flat_map(|(n, step)| step.any.iter().map(move |event| (1 << n, event.clone())));
        Self {
            rules: Rules::from(spec),
            alternatives: alternatives.collect(),
            filters: spec.filters.clone(),
            breakdown: spec.breakdown.clone(),
        }
    }

    /// What is read of rows, in a table with these typed columns.
    pub fn columns(&self, typed: &[TypedColumn]) -> Wanted {
        let conditions = self.alternatives.iter().flat_map(|(_, e)| &e.filters).chain(&self.filters);
        let paths = conditions.map(|c| &c.property).chain(self.breakdown.iter().map(|b| &b.property));
        let known = typed.to_vec();
        let mut wanted = Wanted { text_for_these: true, known, ..Wanted::of(&[USER, TIME, EVENT]) };
        for path in paths {
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

    /// Instants that an event of an attempt can have, in microseconds, inclusive.
    fn bounds_micros(&self) -> (i64, i64) {
        let from = self.rules.range.from_ms.map_or(i64::MIN, |from| from.saturating_mul(1000));
        let to =
            self.rules.range.to_ms.map_or(i64::MAX, |to| to.saturating_add(self.rules.window_ms).saturating_mul(1000));
        (from, to)
    }
}

/// What an event name can fill.
#[derive(Debug, Clone, Default)]
struct NameSteps {
    /// Steps that every event of this name fills.
    always: u64,
    /// Alternatives that depend on properties: indices into the plan's.
    depending: Vec<usize>,
}

/// Takes batches in the order of user and time, and gives a result for each user who is in the funnel.
#[derive(Debug)]
pub struct FunnelWalk {
    plan: Arc<FunnelPlan>,
    matcher: Matcher,
    bounds: (i64, i64),
    /// For each name of the dictionary that was seen last. The array is held, so that its address stands for it.
    names: Option<(ArrayRef, Vec<NameSteps>)>,
    user: String,
    events: Vec<StepEvent>,
    /// Where each event of the user is: batch in `held`, row. Only kept for a breakdown.
    rows: Vec<(usize, usize)>,
    held: Vec<Batch>,
}

/// The columns of a batch, typed.
#[derive(Debug, Clone)]
struct Batch {
    user: StringViewArray,
    time: TimestampMicrosecondArray,
    event: DictionaryArray<Int32Type>,
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
            properties: text(PROPERTIES),
            context: text(CONTEXT),
        })
    }

    /// The value of a property of a row: in its column, or else in the text.
    fn value(&self, path: &PropertyPath, row: usize) -> Option<PropertyValue<'_>> {
        fn at(column: Option<&StringViewArray>, row: usize) -> Option<&str> {
            column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
        }
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
        path.find(at(self.properties.as_ref(), row), at(self.context.as_ref(), row))
    }
}

impl FunnelWalk {
    /// A walk that has seen nothing.
    pub fn new(plan: Arc<FunnelPlan>) -> Self {
        let (matcher, bounds) = (Matcher::new(plan.rules), plan.bounds_micros());
        Self {
            plan,
            matcher,
            bounds,
            names: None,
            user: String::new(),
            events: Vec::new(),
            rows: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes a batch; appends the results of users whose last event it shows.
    ///
    /// # Errors
    /// [`LakeError::Invariant`] where rows are not in order: wrong counts are worse than none.
    pub fn take(&mut self, batch: &RecordBatch, results: &mut Vec<UserResult>) -> Result<(), LakeError> {
        let batch = Batch::of(batch)?;
        self.resolve_names(&batch.event);
        let keys = batch.event.keys().values();
        let times = batch.time.values();
        let mut is_held = false;
        for row in 0..batch.time.len() {
            let steps = self.steps_of(&batch, row, keys[row]);
            if steps == 0 || times[row] < self.bounds.0 || times[row] > self.bounds.1 {
                continue;
            }
            let user = batch.user.value(row);
            if user != self.user {
                self.finish_user(results);
                self.user.push_str(user);
                self.held.clear();
                is_held = false;
            }
            let time_ms = times[row].div_euclid(1000);
            if self.events.last().is_some_and(|last| last.time_ms > time_ms) {
                let user = &self.user;
                return Err(LakeError::Invariant(format!("events of user `{user}` come out of the scan out of order")));
            }
            self.events.push(StepEvent { time_ms, steps });
            if self.plan.breakdown.is_some() {
                if !is_held {
                    self.held.push(batch.clone());
                    is_held = true;
                }
                self.rows.push((self.held.len() - 1, row));
            }
        }
        Ok(())
    }

    /// The result of the last user.
    pub fn finish(&mut self, results: &mut Vec<UserResult>) {
        self.finish_user(results);
    }

    fn finish_user(&mut self, results: &mut Vec<UserResult>) {
        if let Some(outcome) = self.matcher.run(&self.events) {
            results.push(UserResult {
                times_ms: outcome.attempt.iter().map(|event| Some(self.events[*event].time_ms)).collect(),
                open_until_ms: outcome.latest_start_ms.saturating_add(self.plan.rules.window_ms),
                group: self.plan.breakdown.as_ref().map(|b| self.group(b, &outcome.attempt)),
            });
        }
        self.user.clear();
        self.events.clear();
        self.rows.clear();
    }

    /// The breakdown value of an attempt: at the step asked for, or at the deepest reached.
    fn group(&self, breakdown: &Breakdown, attempt: &[usize]) -> String {
        let step = breakdown.step.min(attempt.len()).saturating_sub(1);
        let (batch, row) = self.rows[attempt[step]];
        let value = self.held[batch].value(&breakdown.property, row).map(PropertyValue::into_value);
        group_key(value.as_ref())
    }

    fn steps_of(&self, batch: &Batch, row: usize, key: i32) -> u64 {
        let Some((_, names)) = &self.names else { return 0 };
        let Some(name) = usize::try_from(key).ok().and_then(|key| names.get(key)) else { return 0 };
        if name.always == 0 && name.depending.is_empty() {
            return 0;
        }
        let holds = |condition: &Condition| condition.test.accepts(batch.value(&condition.property, row).as_ref());
        let hold = |conditions: &[Condition]| conditions.iter().all(holds);
        if !hold(&self.plan.filters) {
            return 0;
        }
        let mut steps = name.always;
        for alternative in &name.depending {
            let (bit, event) = &self.plan.alternatives[*alternative];
            if steps & bit == 0 && hold(&event.filters) {
                steps |= bit;
            }
        }
        steps
    }

    /// Names are compared once a dictionary, not once a row.
    fn resolve_names(&mut self, events: &DictionaryArray<Int32Type>) {
        if self.names.as_ref().is_some_and(|(seen, _)| Arc::ptr_eq(seen, events.values())) {
            return;
        }
        let names = events.values().as_string::<i32>();
        let steps = (0..names.len()).map(|at| self.name_steps(names.value(at))).collect();
        self.names = Some((Arc::clone(events.values()), steps));
    }

    fn name_steps(&self, name: &str) -> NameSteps {
        let mut steps = NameSteps::default();
        for (at, (bit, event)) in self.plan.alternatives.iter().enumerate() {
            if event.event.as_deref().is_none_or(|wanted| wanted == name) {
                if event.filters.is_empty() {
                    steps.always |= bit;
                } else {
                    steps.depending.push(at);
                }
            }
        }
        steps
    }
}
