//! Whether the store keeps its word: an object is made, made again, read, listed and removed.
//!
//! Commits rest on one promise, that of two who make an object only one succeeds. A store that takes the second for a success
//! loses commits without a word.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use weir_core::event::uuid_text;
use weir_core::ports::Ids;
use weir_core::time::rfc3339;

use super::{CLOCKS_DIFFER_MS, Examiner, Finding, Severity};
use crate::names;
use weir_store::StoreError;

/// A request that takes longer is slow, in milliseconds: a landing makes four.
const SLOW_MS: u64 = 2_000;

const FIRST: &[u8] = b"weir doctor: the first\n";
const SECOND: &[u8] = b"weir doctor: the second\n";

/// What the store did.
struct Answers {
    first: bool,
    second: bool,
    read: Option<Bytes>,
    listed: bool,
    /// The longest of the requests, in milliseconds.
    slowest_ms: u64,
    /// By the store's clock and by ours, before and after.
    made_ms: i64,
    between_ms: (i64, i64),
}

impl Examiner<'_> {
    pub(super) async fn probe(&mut self, ids: &dyn Ids) {
        let name = names::probe(&uuid_text(&ids.next_id()));
        let asked = self.ask(&name).await;
        let removed = self.store.delete(&name).await;
        match asked {
            Ok(answers) => self.judge(&answers),
            Err(error) => self.store_failed(name.as_ref(), &error),
        }
        if let Err(error) = removed {
            self.store_failed(name.as_ref(), &error);
        }
    }

    async fn ask(&self, name: &object_store::path::Path) -> Result<Answers, StoreError> {
        let mut slowest_ms = 0;
        let mut last = self.clock.now_ms();
        let before = last;
        let mut lap = || {
            let now = self.clock.now_ms();
            slowest_ms = slowest_ms.max(now.abs_diff(last));
            last = now;
        };
        let first = self.store.create(name, Bytes::from_static(FIRST)).await?;
        lap();
        let after = self.clock.now_ms();
        let second = self.store.create(name, Bytes::from_static(SECOND)).await?;
        lap();
        let read = self.store.read(name).await?;
        lap();
        let listed = self.store.list(&names::probes(), None).await?.contains(name);
        lap();
        let head = self.store.objects().head(name).await.map_err(|e| StoreError::failed(name, e))?;
        lap();
        let made_ms = head.last_modified.timestamp_millis();
        Ok(Answers { first, second, read, listed, slowest_ms, made_ms, between_ms: (before, after) })
    }

    fn judge(&mut self, answers: &Answers) {
        let object = self.store.url().to_owned();
        let mut finding = |severity, code, found: String, means: &str, remedy: &str| {
            let (means, remedy) = (means.to_owned(), remedy.to_owned());
            self.findings.push(Finding { severity, code, object: object.clone(), found, means, remedy, mend: None });
        };
        let kept = answers.read.as_deref() == Some(FIRST);
        if !answers.first || answers.second || !kept || !answers.listed {
            let found = match answers {
                Answers { first: false, .. } => "it says that an object is there which nobody has made",
                Answers { second: true, .. } => "it made an object that was there already, though told not to",
                _ if !kept => "it gives back other bytes than those that were written",
                _ => "it does not list an object that was just made",
            };
            finding(
                Severity::Error,
                "store_breaks_word",
                found.to_owned(),
                "two who commit at once may overwrite each other: events may be lost or counted twice without a word",
                "let one process write at a time, and move the lake to a store with conditional writes (If-None-Match)",
            );
        }
        if answers.slowest_ms > SLOW_MS {
            finding(
                Severity::Warning,
                "slow_store",
                format!("it took {} ms for one small request", answers.slowest_ms),
                "events become queryable late, and questions take long",
                "see to the network, and whether the store is in the same region",
            );
        }
        let (before, after) = answers.between_ms;
        let (early, late) = (before.saturating_sub(CLOCKS_DIFFER_MS), after.saturating_add(CLOCKS_DIFFER_MS));
        if answers.made_ms < early || answers.made_ms > late {
            finding(
                Severity::Warning,
                "clock_off",
                format!("its clock says {}, the one here {}", rfc3339(answers.made_ms), rfc3339(after)),
                "times of receipt that are given here are wrong, if the clock here is; copies are looked for by them",
                "see to the clock of this machine (NTP)",
            );
        }
    }
}
