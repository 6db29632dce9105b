//! What the routes of the API share.

use std::sync::Arc;

use axum::extract::FromRef;
use weir_core::ports::Ids;

use super::auth::{Auth, Identity};
use super::frames::Origin;
use super::known::Known;
use super::turns::{QueryLimits, Turns};
use crate::checks::{Checks, Webhooks};
use crate::engine::Engine;
use crate::saved::Saving;

/// What the routes of the API share.
#[derive(Clone)]
pub struct Api {
    /// Who answers.
    pub(super) engine: Arc<Engine>,
    /// Names of what is new.
    pub(super) ids: Arc<dyn Ids>,
    /// What people read as the name of the lake.
    pub(super) lake: Arc<str>,
    /// Whom the settings of the lake know.
    pub(super) known: Arc<Known>,
    /// How it finds out who asks.
    pub(super) auth: Auth,
    /// The sites that may show this one in a frame.
    pub(super) frame_ancestors: Arc<[Origin]>,
    /// Who may ask now.
    pub(super) turns: Turns,
    /// Whom the checks of reports may call.
    pub(super) webhooks: Webhooks,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("lake", &self.lake).finish_non_exhaustive()
    }
}

impl Api {
    /// Of what is answered by an engine, over the lake of this URL, to whoever asks.
    pub fn new(engine: Engine, ids: Arc<dyn Ids>, lake_url: &str) -> Self {
        let known = Known::new(engine.store().clone(), Arc::clone(engine.clock()));
        Self {
            engine: Arc::new(engine),
            ids,
            lake: lake_name(lake_url).into(),
            known: Arc::new(known),
            auth: Auth::None,
            frame_ancestors: Arc::new([]),
            turns: Turns::new(QueryLimits::default()),
            webhooks: Webhooks::to(Vec::new()),
        }
    }

    /// The same, that knows those whom its settings know already.
    #[must_use]
    pub fn with_known(self, known: Arc<Known>) -> Self {
        Self { known, ..self }
    }

    /// The same, which these sites may show in a frame.
    #[must_use]
    pub fn with_frame_ancestors(self, frame_ancestors: Vec<Origin>) -> Self {
        Self { frame_ancestors: frame_ancestors.into(), ..self }
    }

    /// The same, with another way to find out who asks.
    #[must_use]
    pub fn with_auth(self, auth: Auth) -> Self {
        Self { auth, ..self }
    }

    /// The same, with other bounds of questions.
    #[must_use]
    pub fn with_limits(self, limits: QueryLimits) -> Self {
        Self { turns: Turns::new(limits), ..self }
    }

    /// The same, whose checks may call these webhooks.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Webhooks) -> Self {
        Self { webhooks, ..self }
    }

    /// The checks of reports.
    pub fn checks(&self) -> Checks {
        Checks::new(self.engine.as_ref().clone(), self.webhooks.clone())
    }

    /// A save by somebody, now.
    pub(super) fn saving<'a>(&self, who: &'a Identity) -> Saving<'a> {
        Saving { by: who.name.as_deref(), now_ms: self.engine.now_ms() }
    }
}

impl FromRef<Api> for Arc<Engine> {
    fn from_ref(api: &Api) -> Self {
        Arc::clone(&api.engine)
    }
}

/// The last part of a lake's URL.
fn lake_name(url: &str) -> &str {
    let trimmed = url.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some(last) if !last.is_empty() => last,
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_is_called_by_its_last_part() {
        for (url, name) in [
            ("/data/demo", "demo"),
            ("./lake/", "lake"),
            ("s3://bucket/a/prod", "prod"),
            ("s3://bucket", "bucket"),
            ("file:///tmp/x", "x"),
            ("/", "/"),
        ] {
            assert_eq!(lake_name(url), name);
        }
    }
}
