//! Users who were erased, and whose events are not taken any more, as it was asked for with their erasure.
//!
//! ```text
//! {"event":"view","user_id":"u1"}   ──▶ 400  code user_erased; nothing of it is kept but that it was refused
//! ```
//!
//! The settings of the lake list hashes of ids, so nobody can read there who was erased. An event is refused by whose it is: its
//! `user_id`, else its `anonymous_id`. Somebody else's event on a device of theirs is taken. What is kept of events that are
//! refused for another reason must not bring the user back either: a body that mentions them is withheld.

use std::sync::{Arc, PoisonError, RwLock};

use weir_core::event::{Event, Rejection};
use weir_store::erased::Refused;

/// The code of a refusal.
pub const USER_ERASED: &str = "user_erased";

/// The users in force, shared by all requests and by whoever replaces them.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<RwLock<Arc<Refused>>>);

impl Refusals {
    /// Refuses other users from now on. Requests that have begun keep those from before.
    pub fn replace(&self, refused: Refused) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(refused);
    }

    /// The users in force.
    pub fn current(&self) -> Arc<Refused> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether an event may be taken.
///
/// # Errors
/// A [`Rejection`] that does not name the user.
pub fn check(refused: &Refused, event: &Event<'_>) -> Result<(), Rejection> {
    if !refused.refuses(event.user()) {
        return Ok(());
    }
    let field = if event.user_id.is_some() { "user_id" } else { "anonymous_id" };
    Err(Rejection {
        code: "user_erased",
        field: field.to_owned(),
        message: format!("{field}: this user was erased, and their events are refused since; stop sending them"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_core::event::frame::{self, Entry};
    use weir_core::ports::CountingIds;
    use weir_store::erased::{self, SECRET_BYTES};
    use weir_store::{Settings, Store, names};

    use super::*;
    use crate::accept::{accept, accept_none};
    use crate::body::BodyProblem;
    use crate::protocol::{Batch, Protocol};
    use crate::settings_watch::{Follower, InForce};
    use crate::terms::Terms;

    fn refused(ids: &[&str]) -> Arc<Refused> {
        let mut settings = Settings::default();
        erased::refuse(&mut settings, ids[0], ids.iter().copied(), 0, &[7; SECRET_BYTES]).unwrap();
        Arc::new(Refused::of(&settings).unwrap())
    }

    #[test]
    fn events_are_refused_by_whose_they_are() {
        let terms = Terms::plain("web").with_refused(refused(&["ann-qzx", "tablet-qzx"]));
        let body = json!([
            {"event": "a", "user_id": "ann-qzx"},
            {"event": "b", "user_id": "bob", "anonymous_id": "tablet-qzx"},
            {"event": "c", "anonymous_id": "tablet-qzx"},
            {"event": "d", "user_id": "ann-qzx", "timestamp": "soon"},
            {"event": "e", "user_id": "bob", "timestamp": "soon"},
            {"event": "f", "user_id": "bob", "properties": {"friend": "ann-qzx"}},
        ]);
        let body = body.to_string();
        let batch = Batch::native(body.as_bytes()).unwrap();
        let checked = accept(batch, &terms, 5, &CountingIds::default()).unwrap();
        let codes: Vec<_> = checked.rejected.iter().map(|r| (r.index, r.code, r.field.as_str())).collect();
        let expected = [
            (0, USER_ERASED, "user_id"),
            (2, USER_ERASED, "anonymous_id"),
            (3, "timestamp_invalid", "timestamp"),
            (4, "timestamp_invalid", "timestamp"),
        ];
        assert_eq!(codes, expected);
        assert!(checked.rejected.iter().all(|rejected| !rejected.message.contains("qzx")));

        let (header, lines) = frame::open(&checked.record).unwrap();
        for entry in frame::entries(&header, lines) {
            if let Entry::Failed(failed) = entry.unwrap() {
                assert_eq!(failed.body.is_empty(), failed.place != Some(4), "{failed:?}");
                assert!(failed.is_whole() == (failed.place == Some(4)), "what is withheld is not tried again");
                assert!(!format!("{failed:?}").contains("qzx"), "{failed:?}");
            }
        }
    }

    #[test]
    fn a_body_of_which_nothing_can_be_taken_is_withheld_if_it_mentions_them() {
        let terms = Terms::plain("web").with_refused(refused(&["ann-qzx"]));
        for (body, kept) in [(r#"{"user_id":"ann-qzx","#, false), (r#"{"user_id":"bob","#, true)] {
            let problem = BodyProblem::InvalidJson { message: "it ends".to_owned() };
            let ids = CountingIds::default();
            let checked = accept_none(body.as_bytes(), Protocol::Native, &problem, &terms, 5, &ids).unwrap();
            let record = String::from_utf8(checked.record).unwrap();
            assert_eq!(record.contains("user_id"), kept, "{record}");
        }
    }

    #[tokio::test]
    async fn a_collector_follows_the_settings() {
        let (store, in_force) = (Store::in_memory(), InForce::default());
        let mut follower = Follower::new(store.clone(), in_force.clone());
        follower.look().await;
        assert!(!in_force.refusals.current().refuses("ann"));
        let change = |settings: &mut Settings| erased::refuse(settings, "ann", [], 5, &[7; SECRET_BYTES]);
        Settings::update(&store, change).await.unwrap();
        follower.look().await;
        assert!(in_force.refusals.current().refuses("ann"));
        let broken = json!({"weir_settings": 1, "erased_users": [{"hash": "5", "since": 5}]});
        store.create(&names::settings(2), broken.to_string().into()).await.unwrap();
        follower.look().await;
        assert!(in_force.refusals.current().refuses("ann"), "what cannot be read opens no door");
    }
}
