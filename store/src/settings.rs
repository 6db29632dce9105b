//! The settings of a lake: one JSON document that every part of weir reads, and that changes while they run.
//!
//! ```text
//! settings/00000000000000000001.json    {"weir_settings":1,"keys":[…]}
//! settings/00000000000000000002.json    {"weir_settings":1,"keys":[…],"what a newer weir knows":…}
//! ```
//!
//! A change makes the next document, whole, by the rule of commits: it is made only if it is not there, so exactly one writer
//! makes number N + 1. Who loses reads the new one and applies the change again. Documents are never replaced, so the one of
//! the highest number is in force, and those before it tell what was in force when.
//!
//! What the fields mean is up to who reads them. Fields that a reader does not know stay as they are when it changes others,
//! so that an old and a new weir may work on one lake; only a document of a newer format is left alone altogether.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::StoreError;
use crate::names;
use crate::store::Store;

/// The format of the document that this version writes, and the newest that it reads.
pub const FORMAT: u64 = 1;
/// The field that holds the format.
const FORMAT_FIELD: &str = "weir_settings";
/// Changes lost to other writers in a row before giving up.
const MOST_TRIES: usize = 100;

/// One document: a lake's settings as they are after some change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    number: u64,
    fields: Map<String, Value>,
}

impl Settings {
    /// The settings in force; those of a lake that has none are empty and have number 0.
    ///
    /// # Errors
    /// [`StoreError::Settings`] if they cannot be read, [`StoreError::Newer`] if a newer weir wrote them in another format.
    pub async fn newest(store: &Store) -> Result<Self, StoreError> {
        let found = store.list(&names::all_settings(), None).await?;
        let Some(number) = found.iter().filter_map(names::settings_number).max() else { return Ok(Self::default()) };
        let Some(bytes) = store.read(&names::settings(number)).await? else {
            return Err(StoreError::settings(number, "it was there, and now it is not"));
        };
        let listed = Self::read(number, &bytes);
        // A listing may be older than the newest document; and what is read last is all that counts.
        match Self::after(number, store).await? {
            Some(newer) => Ok(newer),
            None => listed,
        }
    }

    /// The settings in force, if they are newer than these; one read where they are not.
    ///
    /// # Errors
    /// As [`newest`](Self::newest). These settings stay as they are.
    pub async fn newer(&self, store: &Store) -> Result<Option<Self>, StoreError> {
        Self::after(self.number, store).await
    }

    async fn after(mut number: u64, store: &Store) -> Result<Option<Self>, StoreError> {
        let mut newest = None;
        while let Some(bytes) = store.read(&names::settings(number + 1)).await? {
            number += 1;
            newest = Some(bytes);
        }
        newest.map(|bytes| Self::read(number, &bytes)).transpose()
    }

    /// Changes the settings in force, and makes them durable. `change` is called again on newer settings if another writer
    /// was first. Nothing is written where it changes nothing.
    ///
    /// # Errors
    /// What `change` refuses; as [`newest`](Self::newest); [`StoreError::Conflict`] if others were first again and again.
    pub async fn update<T, E: From<StoreError>>(
        store: &Store,
        mut change: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut settings = Self::newest(store).await?;
        for _ in 0..MOST_TRIES {
            let mut changed = settings.clone();
            let outcome = change(&mut changed)?;
            if changed.fields == settings.fields || changed.write(store).await? {
                return Ok(outcome);
            }
            if let Some(newer) = settings.newer(store).await? {
                settings = newer;
            }
        }
        Err(StoreError::Conflict { number: settings.number + 1 }.into())
    }

    /// Makes the next document. False if another writer was first.
    async fn write(mut self, store: &Store) -> Result<bool, StoreError> {
        let mut document = Map::from_iter([(FORMAT_FIELD.to_owned(), Value::from(FORMAT))]);
        document.append(&mut self.fields);
        let mut text = serde_json::to_vec_pretty(&document).map_err(|e| StoreError::NotJson(e.to_string()))?;
        text.push(b'\n');
        store.create(&names::settings(self.number + 1), Bytes::from(text)).await
    }

    fn read(number: u64, bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|e| StoreError::settings(number, format!("it is not JSON: {e}")))?;
        let mut settings = Self { number, fields };
        let Some(format) = settings.fields.shift_remove(FORMAT_FIELD) else {
            return Err(settings.problem(format!("it has no field `{FORMAT_FIELD}`")));
        };
        match format.as_u64() {
            Some(1..=FORMAT) => Ok(settings),
            Some(newer) if newer > FORMAT => Err(StoreError::Newer { what: format!("settings format {newer}") }),
            _ => Err(settings.problem(format!("`{FORMAT_FIELD}` is {format}, which is no format"))),
        }
    }

    /// The number of the document; 0 where there is none.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A field; `None` if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Settings`] if it is something else.
    pub fn get<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, StoreError> {
        let value = self.fields.get(field).map(T::deserialize).transpose();
        value.map_err(|error| self.problem(format!("`{field}`: {error}")))
    }

    /// Sets a field.
    ///
    /// # Errors
    /// Where the value cannot be written as JSON.
    pub fn set(&mut self, field: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let value = serde_json::to_value(value).map_err(|e| StoreError::NotJson(e.to_string()))?;
        self.fields.insert(field.to_owned(), value);
        Ok(())
    }

    /// Takes a field out; says whether it was there.
    pub fn remove(&mut self, field: &str) -> bool {
        self.fields.shift_remove(field).is_some()
    }

    /// What is wrong with a field that can be read as JSON, and not as what it stands for.
    pub fn problem(&self, problem: String) -> StoreError {
        StoreError::settings(self.number, problem)
    }
}

/// What settings must do on every store; run by the tests of each.
pub mod conformance {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a suite of assertions")]

    use std::collections::BTreeSet;

    use super::{Bytes, Settings, Store, StoreError, names};

    const LIST: &str = "list";
    const WRITERS: u64 = 32;

    async fn add(store: &Store, number: u64) {
        let added = Settings::update(store, |settings| -> Result<(), StoreError> {
            let mut list: Vec<u64> = settings.get(LIST)?.unwrap_or_default();
            list.push(number);
            settings.set(LIST, &list)
        });
        added.await.unwrap();
    }

    /// Runs the suite on an empty store.
    pub async fn settings(store: &Store) {
        let none = Settings::newest(store).await.unwrap();
        assert_eq!(
            (none.number(), none.get::<u64>(LIST).unwrap()),
            (0, None),
            "a lake without settings has empty ones"
        );
        assert_eq!(none.newer(store).await.unwrap(), None);
        Settings::update(store, |_| Ok::<_, StoreError>(())).await.unwrap();
        assert_eq!(Settings::newest(store).await.unwrap(), none, "a change that changes nothing writes nothing");

        let writers: Vec<_> = (1..=WRITERS)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { add(&store, number).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let settings = Settings::newest(store).await.unwrap();
        let list: Vec<u64> = settings.get(LIST).unwrap().unwrap();
        assert_eq!(list.len() as u64, WRITERS, "{list:?}");
        assert_eq!(list.into_iter().collect::<BTreeSet<_>>(), (1..=WRITERS).collect(), "a change of a writer is lost");
        assert_eq!(settings.number(), WRITERS, "one document a change");
        assert_eq!(none.newer(store).await.unwrap().as_ref(), Some(&settings), "who follows comes to the newest");
        assert_eq!(settings.newer(store).await.unwrap(), None);

        // Broken settings are no settings: who has older ones keeps them.
        let broken = names::settings(WRITERS + 1);
        assert!(store.create(&broken, Bytes::from_static(b"{\"weir_settings\":1,")).await.unwrap());
        assert!(settings.newer(store).await.is_err());
        let message = Settings::newest(store).await.unwrap_err().to_string();
        assert!(message.contains(broken.as_ref()), "{message}");
        store.delete(&broken).await.unwrap();
        assert_eq!(Settings::newest(store).await.unwrap(), settings);
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
