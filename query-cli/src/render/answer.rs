//! The view of an answer of any kind.

use serde::{Serialize, Serializer};
use weir_core::spec::Spec;

use super::experiment::ExperimentView;
use super::funnel::FunnelView;
use super::lifecycle::LifecycleView;
use super::paths::PathsView;
use super::retention::RetentionView;
use super::sessions::SessionsView;
use super::stickiness::StickinessView;
use super::trends::TrendsView;
use super::{Records, Report};
use crate::engine::questions::Answer;

/// An answer beside its question.
#[derive(Debug)]
pub struct AnswerView<'a> {
    answer: &'a Answer,
    view: View<'a>,
}

/// What a kind of answer looks like.
#[derive(Debug)]
enum View<'a> {
    Funnel(FunnelView<'a>),
    Trends(TrendsView<'a>),
    Experiment(ExperimentView<'a>),
    Retention(RetentionView<'a>),
    Lifecycle(LifecycleView<'a>),
    Stickiness(StickinessView<'a>),
    Paths(PathsView<'a>),
    Sessions(SessionsView<'a>),
}

impl<'a> AnswerView<'a> {
    /// The view of the answer to a question.
    pub fn of(spec: &'a Spec, answer: &'a Answer) -> Self {
        let view = match answer {
            Answer::Funnel(report) => View::Funnel(FunnelView::of(spec, report)),
            Answer::Trends(report) => View::Trends(TrendsView::of(spec, report)),
            Answer::Experiment(report) => View::Experiment(ExperimentView::of(spec, report)),
            Answer::Retention(report) => View::Retention(RetentionView::of(spec, report)),
            Answer::Lifecycle(report) => View::Lifecycle(LifecycleView { report }),
            Answer::Stickiness(report) => View::Stickiness(StickinessView { report }),
            Answer::Paths(report) => View::Paths(PathsView::of(spec, report)),
            Answer::Sessions(report) => View::Sessions(SessionsView::of(spec, report)),
        };
        Self { answer, view }
    }
}

impl Serialize for AnswerView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.answer.serialize(serializer)
    }
}

impl Report for AnswerView<'_> {
    fn records(&self) -> Records {
        match &self.view {
            View::Funnel(view) => view.records(),
            View::Trends(view) => view.records(),
            View::Experiment(view) => view.records(),
            View::Retention(view) => view.records(),
            View::Lifecycle(view) => view.records(),
            View::Stickiness(view) => view.records(),
            View::Paths(view) => view.records(),
            View::Sessions(view) => view.records(),
        }
    }

    fn text(&self, width: usize) -> String {
        match &self.view {
            View::Funnel(view) => view.text(width),
            View::Trends(view) => view.text(width),
            View::Experiment(view) => view.text(width),
            View::Retention(view) => view.text(width),
            View::Lifecycle(view) => view.text(width),
            View::Stickiness(view) => view.text(width),
            View::Paths(view) => view.text(width),
            View::Sessions(view) => view.text(width),
        }
    }

    fn markdown(&self) -> String {
        match &self.view {
            View::Funnel(view) => view.markdown(),
            View::Trends(view) => view.markdown(),
            View::Experiment(view) => view.markdown(),
            View::Retention(view) => view.markdown(),
            View::Lifecycle(view) => view.markdown(),
            View::Stickiness(view) => view.markdown(),
            View::Paths(view) => view.markdown(),
            View::Sessions(view) => view.markdown(),
        }
    }
}
