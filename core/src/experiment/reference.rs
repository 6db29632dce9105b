//! An experiment by looking at each user's events by themselves, straight from the definition: what
//! [`ExperimentTally`](super::ExperimentTally) and [`Exposures`](super::Exposures) are tested against.

use std::collections::BTreeSet;

use crate::funnel::{Rules, StepEvent, reference};
use crate::spec::{ExperimentSpec, Mixed, Window};

/// An event of a user: what the funnel looks at, and the variant that it shows.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub at: StepEvent,
    pub variant: Option<&'static str>,
}

/// Users, converted, open, mixed.
pub type Counts = [u64; 4];

/// What is to be counted of one variant.
pub fn counts(spec: &ExperimentSpec, users: &[Vec<Event>], variant: &str, complete_to_ms: i64) -> Counts {
    let Window::Duration(window_ms) = spec.funnel.window else { return Counts::default() };
    let mut counts = Counts::default();
    for events in users {
        let steps: Vec<StepEvent> = events.iter().map(|event| event.at).collect();
        let Some(outcome) = reference::run(&Rules::from(&spec.funnel), &steps) else { continue };
        let Some(exposure) = outcome.attempt.get(spec.exposure.step - 1) else { continue };
        if events[*exposure].variant != Some(variant) {
            continue;
        }
        let bit = spec.exposure.step - 1;
        let shows = |event: &&Event| event.at.steps >> bit & 1 == 1 && spec.funnel.range.contains(event.at.time_ms);
        let others: BTreeSet<&str> = events.iter().filter(shows).filter_map(|event| event.variant).collect();
        let is_mixed = others.iter().any(|other| *other != variant);
        counts[3] += u64::from(is_mixed);
        if is_mixed && spec.mixed == Mixed::Exclude {
            continue;
        }
        counts[0] += 1;
        if outcome.attempt.len() >= spec.metric {
            counts[1] += 1;
        } else if outcome.latest_start_ms + window_ms >= complete_to_ms {
            counts[2] += 1;
        }
    }
    counts
}
