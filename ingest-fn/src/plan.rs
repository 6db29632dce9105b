//! Holds the events of a request against the tracking plan of the lake, as their key asks for.
//!
//! ```text
//! off       nothing is looked at
//! warn      the event is kept, with  "context": {"plan_violations": ["missing_property: job_id"]}
//! enforce   the event is refused: code missing_property, field properties.job_id
//! ```
//!
//! Words: a *mode* is one of these three, and belongs to a key; the plan belongs to the lake. [`Plans`] is the plan in force,
//! shared by all requests and swapped as a whole while they run; a [`PlanGuard`] is what one request uses of it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_core::event::{Event, Rejection, entries};
use weir_core::plan::{CompiledPlan, Violation};

/// The key of the context that lists what a kept event violates.
pub const FLAG: &str = "plan_violations";
/// The most violations that an event is flagged with. [`Violation::flag`] cuts each to some 80 characters.
const MAX_FLAGS: usize = 10;

/// What follows where an event departs from the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Nothing.
    #[default]
    Off,
    /// It is kept, and flagged.
    Warn,
    /// It is refused.
    Enforce,
}

impl PlanMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Enforce];

    /// As settings and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// Whether nothing is looked at.
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

impl fmt::Display for PlanMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The plan in force, shared by all requests and by whoever replaces it.
#[derive(Debug, Clone, Default)]
pub struct Plans(Arc<RwLock<Option<Arc<CompiledPlan>>>>);

impl Plans {
    /// Puts this plan in force, or none.
    pub fn new(plan: Option<CompiledPlan>) -> Self {
        let plans = Self::default();
        plans.replace(plan);
        plans
    }

    /// Swaps the plan. Requests under way go on with the one they began with.
    pub fn replace(&self, plan: Option<CompiledPlan>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = plan.map(Arc::new);
    }

    /// What a request in this mode uses of it.
    pub fn guard(&self, mode: PlanMode) -> PlanGuard {
        let current = || self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        PlanGuard { plan: if mode.is_off() { None } else { current() }, refuses: mode == PlanMode::Enforce }
    }
}

/// Holds the events of one request against the plan. The default lets everything pass as it is.
#[derive(Debug, Clone, Default)]
pub struct PlanGuard {
    plan: Option<Arc<CompiledPlan>>,
    refuses: bool,
}

impl PlanGuard {
    /// Hands an event over: as it is where it keeps to the plan, else flagged.
    ///
    /// # Errors
    /// A [`Rejection`] with all violations, where the mode is to enforce; what `take` refuses.
    pub fn pass(
        &self,
        event: Event<'_>,
        take: impl FnOnce(Event<'_>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        let Some(plan) = &self.plan else { return take(event) };
        let violations = plan.check(&event.event, event.properties);
        let context = match violations.first() {
            // Only weir says what a plan finds. A context without the name, which is nearly every one, is not looked into.
            None if !event.context.is_some_and(may_have_flag) => return take(event),
            Some(first) if self.refuses => return Err(rejection(first, &violations)),
            _ => with_flags(event.context, &violations),
        };
        take(Event { context: context.as_deref(), ..event })
    }
}

fn rejection(first: &Violation, violations: &[Violation]) -> Rejection {
    let field_of = |violation: &Violation| match violation.property.as_str() {
        "" => "event".to_owned(),
        property => format!("properties.{property}"),
    };
    let said: Vec<String> = violations.iter().map(|v| format!("{}: {}", field_of(v), v.message)).collect();
    Rejection { code: first.code, field: field_of(first), message: said.join("; ") }
}

/// Whether a context may hold a flag that somebody else has written. An escape could hide the name.
fn may_have_flag(context: &str) -> bool {
    context.contains(FLAG) || context.contains('\\')
}

/// A context with these flags in place of any that were there; `None` where nothing is left in it.
fn with_flags(context: Option<&str>, violations: &[Violation]) -> Option<String> {
    let context = context.unwrap_or("{}");
    let Ok(entries) = entries(context) else {
        // A name that is no Unicode text cannot be written again. Of two equal names the last counts, and null is no flag.
        let open = context.trim_end().strip_suffix('}').unwrap_or("{");
        let last = if violations.is_empty() { Value::Null } else { flags(violations) };
        return Some(format!("{open},{}:{last}}}", Value::from(FLAG)));
    };
    let mut members: Vec<String> = Vec::with_capacity(entries.len() + 1);
    let others = entries.iter().filter(|(name, _)| name != FLAG);
    members.extend(others.map(|(name, value)| format!("{}:{}", Value::from(name.as_ref()), value.get())));
    if !violations.is_empty() {
        members.push(format!("{}:{}", Value::from(FLAG), flags(violations)));
    }
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

fn flags(violations: &[Violation]) -> Value {
    violations.iter().take(MAX_FLAGS).map(|violation| Value::from(violation.flag())).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
