//! From users of a funnel to users of variants.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::report::{Apart, ExperimentReport, Found, MixedUsers};
use super::statistics::Sample;
use crate::answer::{Source, group_key, percentile};
use crate::funnel::UserResult;
use crate::spec::{
    ExperimentSpec, FunnelState, FunnelUsers, MAX_VARIANTS, Mixed, SpecError, SpecProblem, variant_name,
};

/// Counts users as they come, in any order. What is kept of each who converted is how long it took.
#[derive(Debug)]
pub struct ExperimentTally {
    spec: Arc<ExperimentSpec>,
    complete_to_ms: Option<i64>,
    /// By the key of the value. Where variants are named, these and no others.
    groups: HashMap<String, Group>,
    apart: Apart,
    /// Whether there were more values than are compared.
    are_too_many: bool,
}

/// Users of one variant.
#[derive(Debug, Clone, Default)]
struct Group {
    sample: Sample,
    open: u64,
    mixed: u64,
    conversion_ms: Vec<i64>,
}

impl ExperimentTally {
    /// For an experiment. `complete_to_ms` says up to when everything received is known.
    pub fn new(spec: Arc<ExperimentSpec>, complete_to_ms: Option<i64>) -> Self {
        let listed = spec.variants.iter().map(|variant| (group_key(Some(&variant.value)), Group::default()));
        Self { groups: listed.collect(), spec, complete_to_ms, apart: Apart::default(), are_too_many: false }
    }

    /// Counts a user of the funnel. `is_mixed` says whether other variants were seen than that of the chosen attempt.
    pub fn add(&mut self, user: &UserResult, is_mixed: bool) {
        let depth = user.times_ms.len();
        if depth < self.spec.exposure.step {
            self.apart.not_exposed += 1;
            return;
        }
        let Some(key) = user.group.as_deref().filter(|key| *key != "null") else {
            self.apart.missing += 1;
            return;
        };
        let Some(group) = self.group(key) else {
            self.apart.other += 1;
            return;
        };
        if is_mixed {
            group.mixed += 1;
        }
        if is_mixed && self.spec.mixed == Mixed::Exclude {
            return;
        }
        let still_open = FunnelUsers { step: depth + 1, state: FunnelState::Open };
        let is_open = user.is_at(still_open, self.complete_to_ms);
        let (from, to) = (self.spec.exposure.step - 1, self.spec.metric - 1);
        let Some(group) = self.group(key) else { return };
        group.sample.users += 1;
        match user.times_ms.get(to) {
            None => group.open += u64::from(is_open),
            Some(time_ms) => {
                group.sample.converted += 1;
                group.conversion_ms.extend(time_ms.zip(user.times_ms[from]).map(|(end, start)| end - start));
            }
        }
    }

    /// The group of a value, if it is one that is compared.
    fn group(&mut self, key: &str) -> Option<&mut Group> {
        // A list or an object equals nothing, and names no variant.
        let is_scalar = !key.starts_with(['[', '{']);
        if is_scalar && self.spec.variants.is_empty() && !self.groups.contains_key(key) {
            if self.groups.len() == MAX_VARIANTS {
                self.are_too_many = true;
                return None;
            }
            self.groups.insert(key.to_owned(), Group::default());
        }
        self.groups.get_mut(key)
    }

    /// Adds what another tally has counted of other users.
    pub fn merge(&mut self, other: Self) {
        self.are_too_many |= other.are_too_many;
        self.apart.missing += other.apart.missing;
        self.apart.other += other.apart.other;
        self.apart.not_exposed += other.apart.not_exposed;
        for (key, theirs) in other.groups {
            match self.group(&key) {
                Some(mine) => mine.merge(theirs),
                None => self.apart.other += theirs.sample.users,
            }
        }
    }

    /// The answer.
    ///
    /// # Errors
    /// [`SpecError`] where the question cannot be asked of what was found: too many values, or no control among them.
    pub fn report(self, source: Source) -> Result<ExperimentReport, SpecError> {
        if self.are_too_many {
            return Err(self.too_many());
        }
        let spec = Arc::clone(&self.spec);
        let mixed = MixedUsers {
            users: self.groups.values().map(|group| group.mixed).sum(),
            handling: spec.mixed.name().to_owned(),
        };
        let apart = self.apart;
        let mut found: Vec<Found> = self.groups.into_iter().map(|(key, group)| group.found(&key, &spec)).collect();
        let place = |value: &Value| spec.variants.iter().position(|variant| variant.value == *value);
        found.sort_by(|a, b| (place(&a.value).cmp(&place(&b.value))).then_with(|| by_value(&a.value, &b.value)));
        put_control_first(&mut found, spec.control.as_ref(), &spec)?;
        Ok(ExperimentReport::new(&spec, found, apart, mixed, source))
    }

    fn too_many(&self) -> SpecError {
        let property = &self.spec.exposure.property;
        let message = format!(
            "found more than {MAX_VARIANTS} values of `{property}`; expected a property that names variants, or those that \
             are to be compared in `variants`"
        );
        SpecError { problems: vec![SpecProblem { field: "variant".to_owned(), message }] }
    }
}

impl Group {
    fn merge(&mut self, other: Self) {
        self.sample.users += other.sample.users;
        self.sample.converted += other.sample.converted;
        self.open += other.open;
        self.mixed += other.mixed;
        self.conversion_ms.extend(other.conversion_ms);
    }

    fn found(mut self, key: &str, spec: &ExperimentSpec) -> Found {
        self.conversion_ms.sort_unstable();
        let named = spec.variants.iter().find(|variant| group_key(Some(&variant.value)) == key);
        Found {
            value: named.map_or_else(|| serde_json::from_str(key).unwrap_or_default(), |named| named.value.clone()),
            share: named.map(|named| named.share),
            sample: self.sample,
            open: self.open,
            mixed: self.mixed,
            median_ms: percentile(&self.conversion_ms, 5),
        }
    }
}

/// Booleans, then numbers, then texts; each by size.
fn by_value(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        _ => 2,
    };
    let as_numbers = || a.as_f64().zip(b.as_f64()).map_or(Ordering::Equal, |(a, b)| a.total_cmp(&b));
    (rank(a).cmp(&rank(b)))
        .then_with(|| a.as_bool().cmp(&b.as_bool()))
        .then_with(as_numbers)
        .then_with(|| variant_name(a).cmp(&variant_name(b)))
}

/// The control, or else the first. Nothing is wrong where nobody was found at all.
fn put_control_first(found: &mut [Found], control: Option<&Value>, spec: &ExperimentSpec) -> Result<(), SpecError> {
    let Some(control) = control.filter(|_| !found.is_empty()) else { return Ok(()) };
    let key = group_key(Some(control));
    if let Some(at) = found.iter().position(|found| group_key(Some(&found.value)) == key) {
        found[..=at].rotate_right(1);
        return Ok(());
    }
    let names: Vec<String> = found.iter().map(|found| format!("`{}`", variant_name(&found.value))).collect();
    let message = format!(
        "no user was shown `{}`; the values of `{}` are {}",
        variant_name(control),
        spec.exposure.property,
        names.join(", ")
    );
    Err(SpecError { problems: vec![SpecProblem { field: "control".to_owned(), message }] })
}
