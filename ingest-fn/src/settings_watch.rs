//! Follows the settings of a lake, so that a change of keys or of the tracking plan needs no restart.

use std::time::Duration;

use tokio::sync::watch;
use weir_core::plan::{self, CompiledPlan};
use weir_store::{Settings, Store, StoreError};

use crate::keys::{Key, Keys};
use crate::plan::Plans;

/// The field of the settings that lists the write keys.
pub const KEYS: &str = "keys";
/// The field of the settings that holds the tracking plan, as the document that somebody wrote.
pub const PLAN: &str = "plan";
/// How often the next document is asked for: one read of an object that mostly is not there.
pub const POLL: Duration = Duration::from_secs(5);

/// The write keys of a lake.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn keys_of(settings: &Settings) -> Result<Vec<Key>, StoreError> {
    Ok(settings.get(KEYS)?.unwrap_or_default())
}

/// The tracking plan of a lake, if it has one.
///
/// # Errors
/// [`StoreError::Settings`] where it is no plan, which `weir plan set` does not write.
pub fn plan_of(settings: &Settings) -> Result<Option<CompiledPlan>, StoreError> {
    let Some(document) = settings.get::<serde_json::Value>(PLAN)?.filter(|document| !document.is_null()) else {
        return Ok(None);
    };
    let plan = plan::parse(&document).map_err(|error| settings.problem(format!("`{PLAN}`: {error}")))?;
    Ok(Some(CompiledPlan::new(&plan)))
}

/// Puts the keys and the plan of newer settings in force until told to stop. Settings that cannot be read change nothing: the last good
/// ones stay in force, and the log says what is wrong, once.
pub async fn follow(store: Store, settings: Settings, keys: Keys, plans: Plans, mut stop: watch::Receiver<bool>) {
    let mut watch = Watch { store, settings, keys, plans, complained: None };
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(POLL) => watch.look().await,
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

struct Watch {
    store: Store,
    /// The last good ones.
    settings: Settings,
    keys: Keys,
    plans: Plans,
    /// What was said last, while it lasts.
    complained: Option<String>,
}

impl Watch {
    async fn look(&mut self) {
        match self.take_up().await {
            Ok(()) => self.complained = None,
            Err(error) => {
                let message = error.to_string();
                if self.complained.as_ref() != Some(&message) {
                    let in_force = self.settings.number();
                    tracing::error!(%error, in_force, "the settings cannot be read; those from before stay in force");
                    self.complained = Some(message);
                }
            }
        }
    }

    async fn take_up(&mut self) -> Result<(), StoreError> {
        let Some(newer) = self.settings.newer(&self.store).await? else { return Ok(()) };
        // All of it or nothing: what belongs together comes into force together.
        let (keys, plan) = (keys_of(&newer)?, plan_of(&newer)?);
        tracing::info!(number = newer.number(), keys = keys.len(), plan = plan.is_some(), "new settings are in force");
        self.keys.replace(keys);
        self.plans.replace(plan);
        self.settings = newer;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use weir_core::event::{self, Receipt};
    use weir_core::ports::ManualClock;
    use weir_store::names;

    use crate::keys::{KeyPolicy, WriteKey, authorize};
    use crate::plan::PlanMode;

    use super::*;

    async fn put(store: &Store, number: u64, document: Value) {
        let bytes = document.to_string().into_bytes().into();
        assert!(store.create(&names::settings(number), bytes).await.unwrap());
    }

    fn with_key(key: &str) -> Value {
        json!({"weir_settings": 1, "keys": [{"key": key, "source": "web", "created_at": 0}]})
    }

    #[tokio::test]
    async fn broken_settings_leave_the_last_good_ones_in_force() {
        let store = Store::in_memory();
        let keys = Keys::default();
        let policy = KeyPolicy::with_key(keys.clone());
        let knows = |key| authorize(&policy, Some(&WriteKey::new(key)), None, 1, &ManualClock::new(0)).is_ok();
        let mut watch = Watch {
            store: store.clone(),
            settings: Settings::default(),
            keys,
            plans: Plans::default(),
            complained: None,
        };
        watch.look().await;
        assert!(!knows("wk_1"));
        put(&store, 1, with_key("wk_1")).await;
        watch.look().await;
        assert!(knows("wk_1"));
        for broken in [
            json!([]),
            json!({"weir_settings": 2}),
            json!({"weir_settings": 1, "keys": [{"key": "wk_2"}]}),
            json!({"weir_settings": 1, "plan": {"weir_plan": 1}}),
        ] {
            put(&store, 2, broken).await;
            watch.look().await;
            assert!(knows("wk_1") && watch.complained.is_some());
            store.delete(&names::settings(2)).await.unwrap();
        }
        put(&store, 2, with_key("wk_3")).await;
        watch.look().await;
        assert!(knows("wk_3") && !knows("wk_1") && watch.complained.is_none());
    }

    #[tokio::test]
    async fn a_plan_comes_and_goes_with_the_settings() {
        let (store, plans) = (Store::in_memory(), Plans::default());
        let (settings, keys) = (Settings::default(), Keys::default());
        let mut watch = Watch { store: store.clone(), settings, keys, plans: plans.clone(), complained: None };
        let event = r#"{"event":"b","user_id":"u"}"#;
        let refuses = || {
            let receipt = Receipt { received_ms: 0, place: 0, correct_skew: true };
            let event = event::parse(event, receipt).unwrap();
            plans.guard(PlanMode::Enforce).pass(event, |_| Ok(())).is_err()
        };
        assert!(!refuses());
        let plan = json!({"weir_plan": 1, "additional_events": false, "events": {"a": {}}});
        for (number, plan, expected) in [(1, plan, true), (2, json!({"weir_plan": 2}), true), (3, json!(null), false)] {
            put(&store, number, json!({"weir_settings": 1, "plan": plan})).await;
            watch.look().await;
            assert_eq!((refuses(), watch.complained.is_some()), (expected, number == 2), "{:?}", watch.complained);
        }
    }

    #[tokio::test]
    async fn following_ends_when_it_is_told() {
        assert!(POLL * 3 <= Duration::from_secs(30), "a change is in force within 30 s");
        let (stop, stopped) = watch::channel(false);
        let following =
            tokio::spawn(follow(Store::in_memory(), Settings::default(), Keys::default(), Plans::default(), stopped));
        stop.send_replace(true);
        following.await.unwrap();
    }
}
