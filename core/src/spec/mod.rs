//! Query specs: a question about users as one JSON document, read into types that cannot be wrong.
//!
//! The same document is a file, a URL of the builder, the body of an HTTP request and an argument of the command line.
//! `docs/SEMANTICS.md` says what a question means and `docs/query-spec.schema.json` is its JSON Schema.
//!
//! Words:
//! - *spec*: the whole question. Of its kinds, this version has the funnel.
//! - *step*: what has to happen next, any of one or more events; numbered from 1.
//! - *condition*: one test of one property, of a step or of every event.
//! - *range*: the instants that a first step may have. *window*: how long an attempt may take from there.
//! - *problem*: one thing that is wrong, with the path of its field. A spec is refused with all its problems at once.
//! - *shorthand*: a step or conditions as one line of text, turned into JSON before anything else looks at it.
//!
//! ```
//! use weir_core::spec::{Window, parse, parse_step};
//!
//! let step = parse_step("purchase where price >= 100").unwrap();
//! let json = format!(r#"{{"kind": "funnel", "steps": [{{"event": "view_item"}}, {step}], "window": "1d"}}"#);
//! let funnel = parse(&json, 0).unwrap().into_funnel().unwrap();
//! assert_eq!(funnel.steps[1].label, "purchase");
//! assert_eq!(funnel.window, Window::Duration(86_400_000));
//!
//! let error = parse(r#"{"kind": "funnel", "steps": [{"event": "a"}], "widnow": "1d"}"#, 0).unwrap_err();
//! assert_eq!(error.to_string(), "widnow: unknown field `widnow`; did you mean `window`?");
//! ```

mod activity;
mod condition;
mod experiment;
pub(crate) mod fields;
mod formula;
mod model;
mod parse;
mod paths;
mod retention;
mod rules;
mod scope;
mod sessions;
mod shorthand;
mod time;
mod trends;

pub use activity::{Activity, LifecycleSpec, StickinessSpec};
pub use experiment::{ExperimentSpec, ExposureStep, MAX_VARIANTS, Mixed, Variant, variant_name};
pub use formula::Formula;
pub use model::{
    Breakdown, Cohort, Condition, Count, DateRange, EventMatch, Exclude, Exclusion, FunnelSpec, FunnelState,
    FunnelUsers, Interval, MAX_STEPS, Order, Period, PropertyPath, PropertyRoot, Scope, Spec, SpecError, SpecProblem,
    SplitBy, Step, Test, Ties, UserList, Window,
};
pub use parse::{MAX_SPEC_BYTES, parse, parse_period, parse_value, read};
pub use paths::{Anchor, Direction, PathCount, PathsSpec};
pub use retention::{Occurrence, Periods, RetentionSpec};
pub use sessions::SessionsSpec;
pub use shorthand::{ShorthandError, parse_cohort, parse_conditions, parse_exclude, parse_series, parse_step};
pub use time::duration_ms;
pub use trends::{Measure, TrendFormula, TrendSeries, TrendsSpec};

#[cfg(test)]
#[path = "schema_tests.rs"]
mod schema_tests;
