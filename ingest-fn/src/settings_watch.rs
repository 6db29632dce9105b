//! Follows the settings of a lake, so that a change of keys, of rules of privacy or of refused users needs no restart.

use std::time::Duration;

use tokio::sync::watch;
use weir_core::plan::{self, CompiledPlan};
use weir_store::erased::Refused;
use weir_store::{Settings, Store, StoreError, names};

use crate::keys::{Key, Keys, decode_base64};
use crate::plan::Plans;
use crate::privacy::{PrivacyRules, Rule, Rules};
use crate::refusals::Refusals;

/// The field of the settings that lists the write keys.
pub const KEYS: &str = "keys";
/// The field of the settings that holds the tracking plan, as the document that somebody wrote.
pub const PLAN: &str = plan::SETTING;
/// The field that lists the rules of privacy.
pub const PRIVACY: &str = "privacy";
/// The field with the secret that values are hashed with: base64.
pub const PRIVACY_SECRET: &str = "privacy_secret";
/// How often the next document is asked for: one read of an object that mostly is not there.
pub const POLL: Duration = Duration::from_secs(5);

/// The write keys of a lake.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn keys_of(settings: &Settings) -> Result<Vec<Key>, StoreError> {
    Ok(settings.get(KEYS)?.unwrap_or_default())
}

/// The rules of privacy of a lake, as they are written there.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn rules_of(settings: &Settings) -> Result<Vec<Rule>, StoreError> {
    Ok(settings.get(PRIVACY)?.unwrap_or_default())
}

/// The rules of privacy of a lake, ready for use.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read, or one of them is none.
pub fn privacy_of(settings: &Settings) -> Result<Rules, StoreError> {
    let secret = settings.get::<String>(PRIVACY_SECRET)?.as_deref().and_then(decode_base64);
    let rules = Rules::compile(&rules_of(settings)?, secret.as_deref());
    rules.map_err(|problem| StoreError::Settings {
        object: names::settings(settings.number()).to_string(),
        problem: format!("`{PRIVACY}`: {problem}"),
    })
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

/// What the settings say to the collector, as it is now. Requests share it, and see all of a change or nothing.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    /// Who may write.
    pub keys: Keys,
    /// What is not stored.
    pub privacy: PrivacyRules,
    /// What events apps are to send.
    pub plans: Plans,
    /// Whose events are refused.
    pub refusals: Refusals,
}

impl InForce {
    /// What some settings say.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where they cannot be read.
    pub fn of(settings: &Settings) -> Result<Self, StoreError> {
        let in_force = Self::default();
        in_force.replace(settings)?;
        Ok(in_force)
    }

    /// Puts what other settings say in force: all of it or, where they cannot be read, nothing.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn replace(&self, settings: &Settings) -> Result<(), StoreError> {
        let (keys, rules, plan) = (keys_of(settings)?, privacy_of(settings)?, plan_of(settings)?);
        let refused = Refused::of(settings)?;
        tracing::debug!(number = settings.number(), keys = keys.len(), "settings are in force");
        self.keys.replace(keys);
        self.privacy.replace(rules);
        self.plans.replace(plan);
        self.refusals.replace(refused);
        Ok(())
    }
}

/// Follows the settings until told to stop. `settings` are those that are in force.
pub async fn follow(store: Store, settings: Settings, in_force: InForce, mut stop: watch::Receiver<bool>) {
    let mut follower = Follower { settings: Some(settings), ..Follower::new(store, in_force) };
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(POLL) => follower.look().await,
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Puts what newer settings say in force, each time it is told to look. Settings that cannot be read change nothing: the last
/// good ones stay in force, and the log says what is wrong, once.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    /// The last good ones; `None` before the first.
    settings: Option<Settings>,
    in_force: InForce,
    /// What was said last, while it lasts.
    complained: Option<String>,
}

impl Follower {
    /// Follows the settings of a lake. None are in force until it has looked.
    pub fn new(store: Store, in_force: InForce) -> Self {
        Self { store, settings: None, in_force, complained: None }
    }

    /// Whether settings were read, be it that the lake has none.
    pub fn has_settings(&self) -> bool {
        self.settings.is_some()
    }

    /// Reads what is newer, and puts it in force.
    pub async fn look(&mut self) {
        match self.take_up().await {
            Ok(()) => self.complained = None,
            Err(error) => {
                let message = error.to_string();
                if self.complained.as_ref() != Some(&message) {
                    let in_force = self.settings.as_ref().map(Settings::number);
                    tracing::error!(%error, in_force, "the settings cannot be read; those from before stay in force");
                    self.complained = Some(message);
                }
            }
        }
    }

    async fn take_up(&mut self) -> Result<(), StoreError> {
        let newer = match &self.settings {
            Some(settings) => settings.newer(&self.store).await?,
            None => Some(Settings::newest(&self.store).await?),
        };
        let Some(newer) = newer else { return Ok(()) };
        self.in_force.replace(&newer)?;
        tracing::info!(number = newer.number(), "new settings are in force");
        self.settings = Some(newer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::keys::{KeyPolicy, WriteKey, authorize};
    use crate::plan::PlanMode;
    use serde_json::{Value, json};
    use weir_core::event::{self, Receipt};
    use weir_core::ports::ManualClock;

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
        let in_force = InForce::default();
        let privacy = &in_force.privacy;
        let policy = KeyPolicy::with_key(in_force.keys.clone());
        let knows = |key| authorize(&policy, Some(&WriteKey::new(key)), None, 1, &ManualClock::new(0)).is_ok();
        let mut watch = Follower::new(store.clone(), in_force.clone());
        assert!(!watch.has_settings());
        watch.look().await;
        assert!(!knows("wk_1") && watch.has_settings());
        put(&store, 1, with_key("wk_1")).await;
        watch.look().await;
        assert!(knows("wk_1"));
        assert!(!privacy.current().concern("web"));
        let email = json!([{"property": "email", "action": "drop"}]);
        for broken in [
            json!([]),
            json!({"weir_settings": 2}),
            json!({"weir_settings": 1, "keys": [{"key": "wk_2"}]}),
            json!({"weir_settings": 1, "plan": {"weir_plan": 1}}),
            json!({"weir_settings": 1, "privacy": [{"property": "email", "action": "hash"}]}),
            json!({"weir_settings": 1, "privacy": [{"property": "context", "action": "drop"}]}),
        ] {
            put(&store, 2, broken).await;
            watch.look().await;
            assert!(knows("wk_1") && watch.complained.is_some());
            store.delete(&names::settings(2)).await.unwrap();
        }
        let mut good = with_key("wk_3");
        good["privacy"] = email;
        put(&store, 2, good).await;
        watch.look().await;
        assert!(privacy.current().concern("web"));
        assert!(knows("wk_3") && !knows("wk_1") && watch.complained.is_none());
    }

    #[tokio::test]
    async fn a_plan_comes_and_goes_with_the_settings() {
        let (store, in_force) = (Store::in_memory(), InForce::default());
        let plans = in_force.plans.clone();
        let mut watch = Follower::new(store.clone(), in_force);
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
        let following = follow(Store::in_memory(), Settings::default(), InForce::default(), stopped);
        let following = tokio::spawn(following);
        stop.send_replace(true);
        following.await.unwrap();
    }
}
