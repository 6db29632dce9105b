//! How many questions are asked at once, and how long each may take.
//!
//! Who is an admin, or asks a server that knows nobody, takes as long as they like. All others share so many turns: who finds
//! none waits shortly, and is then told to come again.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::api::ApiError;
use super::auth::Identity;
use crate::tokens::Role;

/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the questions of viewers and editors may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// So many at once.
    pub at_once: NonZeroU32,
    /// Each so many seconds.
    pub seconds: NonZeroU32,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { at_once: NonZeroU32::MIN.saturating_add(7), seconds: NonZeroU32::MIN.saturating_add(59) }
    }
}

/// Turns that are taken and given back.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    free: Arc<Semaphore>,
    limits: QueryLimits,
    patience: Duration,
}

/// Leave to ask a question, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Option<Limited>);

#[derive(Debug)]
struct Limited {
    until: Instant,
    seconds: u32,
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    pub fn new(limits: QueryLimits) -> Self {
        let at_once = usize::try_from(limits.at_once.get()).unwrap_or(usize::MAX);
        let free = Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)));
        Self { free, limits, patience: PATIENCE }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if there is none for a while.
    pub async fn take(&self, who: &Identity) -> Result<Turn, ApiError> {
        if who.role == Some(Role::Admin) {
            return Ok(Turn(None));
        }
        let permit = timeout(self.patience, Arc::clone(&self.free).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(ApiError::Busy(self.limits.at_once.get())) };
        let seconds = self.limits.seconds.get();
        let until = Instant::now() + Duration::from_secs(u64::from(seconds));
        Ok(Turn(Some(Limited { until, seconds, _permit: permit })))
    }
}

impl Turn {
    /// Does what is asked, in the time that there is. What takes longer is dropped, and all its work with it.
    ///
    /// # Errors
    /// [`ApiError::TooLong`], and those of what is asked.
    pub async fn ask<T, E: Into<ApiError>>(&self, asked: impl Future<Output = Result<T, E>>) -> Result<T, ApiError> {
        match &self.0 {
            None => asked.await.map_err(Into::into),
            Some(limited) => match timeout_at(limited.until, asked).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(ApiError::TooLong(limited.seconds)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::auth::By;
    use super::*;
    use crate::engine::EngineError;

    fn turns(at_once: u32, seconds: u32) -> Turns {
        let (at_once, seconds) = (NonZeroU32::new(at_once).unwrap(), NonZeroU32::new(seconds).unwrap());
        Turns { patience: Duration::from_millis(300), ..Turns::new(QueryLimits { at_once, seconds }) }
    }

    fn someone(role: Role) -> Identity {
        Identity::of(Some("ana".to_owned()), role, By::Token)
    }

    async fn forever() -> Result<(), EngineError> {
        std::future::pending().await
    }

    #[tokio::test]
    async fn who_finds_no_turn_waits_shortly_and_is_told() {
        let turns = turns(2, 60);
        let first = turns.take(&someone(Role::Viewer)).await.unwrap();
        let _second = turns.take(&someone(Role::Editor)).await.unwrap();
        let started = Instant::now();
        assert!(matches!(turns.take(&someone(Role::Viewer)).await, Err(ApiError::Busy(2))));
        assert!(started.elapsed() >= turns.patience);
        turns.take(&someone(Role::Admin)).await.unwrap();
        let viewer = someone(Role::Viewer);
        let (waiting, _) = tokio::join!(turns.take(&viewer), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(first);
        });
        assert!(waiting.is_ok(), "a turn came back in time");
    }

    #[tokio::test]
    async fn a_question_has_its_time_and_an_admin_all_of_it() {
        let turns = turns(1, 1);
        let turn = turns.take(&someone(Role::Editor)).await.unwrap();
        let started = Instant::now();
        assert!(matches!(turn.ask(forever()).await, Err(ApiError::TooLong(1))));
        assert!(started.elapsed() >= Duration::from_secs(1));
        let turn = turns.take(&someone(Role::Admin)).await.unwrap();
        assert!(timeout(Duration::from_millis(1_200), turn.ask(forever())).await.is_err());
    }
}
