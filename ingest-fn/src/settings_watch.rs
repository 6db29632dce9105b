//! Follows the settings of a lake, so that a change of keys needs no restart.

use std::time::Duration;

use tokio::sync::watch;
use weir_store::{Settings, Store, StoreError};

use crate::keys::{Key, Keys};

/// The field of the settings that lists the write keys.
pub const KEYS: &str = "keys";
/// How often the next document is asked for: one read of an object that mostly is not there.
pub const POLL: Duration = Duration::from_secs(5);

/// The write keys of a lake.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn keys_of(settings: &Settings) -> Result<Vec<Key>, StoreError> {
    Ok(settings.get(KEYS)?.unwrap_or_default())
}

/// Follows the settings until told to stop. `in_force` are those that the keys were made of.
pub async fn follow(store: Store, in_force: Settings, keys: Keys, mut stop: watch::Receiver<bool>) {
    let mut follower = Follower { in_force: Some(in_force), ..Follower::new(store, keys) };
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
    in_force: Option<Settings>,
    keys: Keys,
    /// What was said last, while it lasts.
    complained: Option<String>,
}

impl Follower {
    /// Follows the settings of a lake. None are in force until it has looked.
    pub fn new(store: Store, keys: Keys) -> Self {
        Self { store, in_force: None, keys, complained: None }
    }

    /// Whether settings were read, be it that the lake has none.
    pub fn has_settings(&self) -> bool {
        self.in_force.is_some()
    }

    /// Reads what is newer, and puts it in force.
    pub async fn look(&mut self) {
        match self.take_up().await {
            Ok(()) => self.complained = None,
            Err(error) => {
                let message = error.to_string();
                if self.complained.as_ref() != Some(&message) {
                    let in_force = self.in_force.as_ref().map(Settings::number);
                    tracing::error!(%error, in_force, "the settings cannot be read; those from before stay in force");
                    self.complained = Some(message);
                }
            }
        }
    }

    async fn take_up(&mut self) -> Result<(), StoreError> {
        let newer = match &self.in_force {
            Some(settings) => settings.newer(&self.store).await?,
            None => Some(Settings::newest(&self.store).await?),
        };
        let Some(newer) = newer else { return Ok(()) };
        let keys = keys_of(&newer)?;
        tracing::info!(number = newer.number(), keys = keys.len(), "new settings are in force");
        self.keys.replace(keys);
        self.in_force = Some(newer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use weir_core::ports::ManualClock;
    use weir_store::names;

    use crate::keys::{KeyPolicy, WriteKey, authorize};

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
        let mut watch = Follower::new(store.clone(), keys);
        assert!(!watch.has_settings());
        watch.look().await;
        assert!(!knows("wk_1") && watch.has_settings());
        put(&store, 1, with_key("wk_1")).await;
        watch.look().await;
        assert!(knows("wk_1"));
        for broken in [json!([]), json!({"weir_settings": 2}), json!({"weir_settings": 1, "keys": [{"key": "wk_2"}]})] {
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
    async fn following_ends_when_it_is_told() {
        assert!(POLL * 3 <= Duration::from_secs(30), "a change is in force within 30 s");
        let (stop, stopped) = watch::channel(false);
        let following = tokio::spawn(follow(Store::in_memory(), Settings::default(), Keys::default(), stopped));
        stop.send_replace(true);
        following.await.unwrap();
    }
}
