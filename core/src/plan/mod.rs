//! Tracking plans: which events an app sends, with which properties, and whether an event keeps to that.
//!
//! ```json
//! {"weir_plan": 1, "events": {"apply_submit": {"owner": "growth", "properties": {
//!   "job_id": {"type": "string", "required": true}, "channel": {"enum": ["web", "ios"]}}}}}
//! ```
//!
//! `docs/TRACKING-PLAN.md` says what a plan means to who writes one, and `docs/tracking-plan.schema.json` is its JSON Schema.
//!
//! Words:
//! - *plan*: the document, read and checked. A plan with problems is refused with all of them at once.
//! - *rule*: what the plan says of one property. The names of properties are those of [`property`](crate::property):
//!   `cart.total` is the key `cart.total`, or `total` inside `cart`.
//! - *violation*: one thing in which an event departs from the plan. What follows from it is not decided here.
//! - *profile*: what a lot of events have in fact: names, properties, types, values, each with a count. A plan is drafted
//!   from a profile, and compared with one.
//!
//! ```
//! use weir_core::plan::{CompiledPlan, parse};
//!
//! let document = serde_json::json!({"weir_plan": 1, "events": {"apply_submit": {"properties": {
//!     "job_id": {"type": "string", "required": true}, "channel": {"enum": ["web", "ios"]}}}}});
//! let plan = CompiledPlan::new(&parse(&document).unwrap());
//! let violations = plan.check("apply_submit", Some(r#"{"channel": "tv"}"#));
//! let flags: Vec<String> = violations.iter().map(|violation| violation.flag()).collect();
//! assert_eq!(flags, ["missing_property: job_id", "value_not_allowed: channel"]);
//!
//! let wrong = serde_json::json!({"weir_plan": 1, "events": {"view": {"ownr": "growth"}}});
//! assert_eq!(parse(&wrong).unwrap_err().to_string(), "events.view.ownr: unknown field `ownr`; did you mean `owner`?");
//! ```

mod checker;
mod diff;
mod draft;
mod members;
mod model;
mod parse;
mod profile;

pub use checker::{CODES, CompiledPlan, MAX_VIOLATIONS, Violation};
pub use diff::{Difference, Kind, differences};
pub use draft::{Draft, draft};
pub use model::{JsonType, Plan, PlanError, PlanProblem, PlannedEvent, PlannedProperty, VERSION};
pub use parse::parse;
pub use profile::{EventProfile, Profile, PropertyProfile};

/// The field of a lake's settings that holds the plan in force.
pub const SETTING: &str = "plan";
