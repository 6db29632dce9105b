//! Whether users of one variant converted more often than those of another.
//!
//! ```text
//!   users of a funnel ──▶ Exposures   with which variants each was seen
//!                     └─▶ Tally       so many users of each variant, and so many of them converted
//!                            └─▶ statistics   rates, intervals and tests of these numbers
//!                                   └─▶ words  one sentence that claims no more than they bear
//! ```
//!
//! Words:
//! - *exposure*: the event that shows a user a variant, by default that of step 1.
//! - *variant*: a value of a property of that event. The *control* is the one that others are compared with.
//! - *converted*: came to the step that is a success, by default the last.
//! - *mixed*: seen with several variants.
//!
//! `docs/SEMANTICS.md` names each method, its source and what it takes for granted.
//!
//! ```
//! use weir_core::experiment::{Sample, difference, two_sided_z};
//!
//! // 56 of 70 against 48 of 80: 20 points more, and at 95 % confidence from 5 to 33.
//! let (control, variant) = (Sample { users: 80, converted: 48 }, Sample { users: 70, converted: 56 });
//! let between = difference(control, variant, two_sided_z(0.95)).unwrap();
//! assert_eq!(format!("{:.4} {:.4}", between.low, between.high), "0.0524 0.3339");
//! ```

mod exposures;
#[cfg(test)]
mod reference;
mod report;
mod statistics;
mod tally;
mod words;

pub use exposures::Exposures;
pub use report::{Apart, Caveat, Comparison, ExperimentReport, MixedUsers, Split, VariantReport, Verdict};
pub use statistics::{
    Interval, Method, Sample, Tested, detectable, difference, holm, lift, split, test, two_sided_z, wilson,
};
pub use tally::ExperimentTally;
pub use words::{p_value, points, share_within};

/// How unlikely a split has to be before it is called a mismatch. Where an experiment is right, one of so many thousand is flagged:
/// the check is made for every answer, and a false alarm costs an experiment.
pub const MISMATCH_P: f64 = 0.001;

/// The power that is asked of a detectable difference.
pub const POWER: f64 = 0.8;

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;
