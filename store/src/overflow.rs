//! The overflow: records that the event log could not take, each an object of the store until it is landed.
//!
//! ```text
//! overflow/002107239412345678901234567890123456789.weir    one record, byte for byte as the log would have it
//! ```
//!
//! A record is durable when it is put, so its events may be acknowledged. Whoever lands records takes the oldest first, and
//! deletes them once their events are committed. Nothing else says whether a record is landed: it is, when it is not there.

use bytes::Bytes;

use crate::error::StoreError;
use crate::names;
use crate::store::Store;

/// The overflow of a lake.
#[derive(Debug, Clone)]
pub struct Overflow {
    store: Store,
}

/// A record that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its number: a UUID of version 7, so that greater is later.
    pub number: u128,
    /// Its size.
    pub bytes: u64,
}

impl Overflow {
    /// The overflow of the lake in a store.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// Makes a record durable. `number` is a new UUID of version 7; putting the same record again is no error.
    ///
    /// # Errors
    /// [`StoreError::Failed`], [`StoreError::NumberTaken`]. The record may be there all the same, and its events then land.
    pub async fn put(&self, number: u128, record: Bytes) -> Result<(), StoreError> {
        let name = names::overflow_record(number);
        match self.store.create(&name, record.clone()).await? {
            true => Ok(()),
            false if self.get(number).await?.as_ref() == Some(&record) => Ok(()),
            false => Err(StoreError::NumberTaken { object: name.to_string() }),
        }
    }

    /// Records that wait behind `after` (all, if `None`), at most `limit`, the oldest first. One request on S3 for up to 1,000.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list(&self, after: Option<u128>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        let after = after.map(names::overflow_record);
        let found = self.store.list_first(&names::overflow(), after.as_ref(), limit).await?;
        let waiting = |object: object_store::ObjectMeta| {
            names::overflow_number(&object.location).map(|number| Waiting { number, bytes: object.size })
        };
        Ok(found.into_iter().filter_map(waiting).collect())
    }

    /// A record; `None` if it is not there, because it was landed meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn get(&self, number: u128) -> Result<Option<Bytes>, StoreError> {
        self.store.read(&names::overflow_record(number)).await
    }

    /// Whether a record waits: once it was put, until it is landed.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn is_there(&self, number: u128) -> Result<bool, StoreError> {
        self.store.has(&names::overflow_record(number)).await
    }

    /// Removes a record whose events are committed. Removing what is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn delete(&self, number: u128) -> Result<(), StoreError> {
        self.store.delete(&names::overflow_record(number)).await
    }

    /// Takes a record that cannot be read out of the way, and keeps it. Gives the name that it has then.
    ///
    /// # Errors
    /// [`StoreError::Failed`]. It is in one of both places, or in both.
    pub async fn set_aside(&self, number: u128, record: Bytes) -> Result<String, StoreError> {
        let name = names::overflow_unreadable(number);
        // One that is there already is this one, from a try that did not come to its end.
        self.store.create(&name, record).await?;
        self.delete(number).await?;
        Ok(name.to_string())
    }
}

/// What an overflow must do on every store; run by the tests of each.
pub mod conformance {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a suite of assertions")]

    use super::{Bytes, Overflow, Store, StoreError, Waiting};

    /// Runs the suite on an empty store.
    pub async fn overflow(store: &Store) {
        let overflow = Overflow::new(store);
        assert_eq!(overflow.list(None, 10).await.unwrap(), [], "nothing waits in a new lake");
        let number = |n: u128| (0x0198_0000_0000_7000_8000_0000_0000_0000_u128) + n;
        for n in [3, 1, 2] {
            overflow.put(number(n), Bytes::from(vec![b'x'; n as usize])).await.unwrap();
        }
        let waits = |n: u64| Waiting { number: number(n.into()), bytes: n };
        assert_eq!(overflow.list(None, 2).await.unwrap(), [waits(1), waits(2)], "the oldest first");
        assert_eq!(overflow.list(Some(number(1)), 10).await.unwrap(), [waits(2), waits(3)]);
        assert_eq!(overflow.get(number(2)).await.unwrap().unwrap().as_ref(), b"xx");
        overflow.put(number(2), Bytes::from_static(b"xx")).await.unwrap();
        let again = overflow.put(number(2), Bytes::from_static(b"other")).await.unwrap_err();
        assert!(matches!(again, StoreError::NumberTaken { .. }), "{again}");

        assert!(overflow.is_there(number(1)).await.unwrap());
        overflow.delete(number(1)).await.unwrap();
        overflow.delete(number(1)).await.unwrap();
        assert!(!overflow.is_there(number(1)).await.unwrap());
        assert_eq!(overflow.get(number(1)).await.unwrap(), None);

        let aside = overflow.set_aside(number(2), Bytes::from_static(b"xx")).await.unwrap();
        assert_eq!(overflow.list(None, 10).await.unwrap(), [waits(3)], "what was set aside does not wait");
        assert!(aside.starts_with("overflow/unreadable/"), "{aside}");
        assert_eq!(store.read(&aside.into()).await.unwrap().unwrap().as_ref(), b"xx");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::IfMissing;

    #[tokio::test]
    async fn memory_conforms() {
        conformance::overflow(&Store::in_memory()).await;
    }

    #[tokio::test]
    async fn a_directory_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
        conformance::overflow(&store).await;
    }
}
