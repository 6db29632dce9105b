//! What every implementation of a port has to do, as functions that panic with the rule that was broken.
//!
//! An implementation calls the suite of its port from a test of its own, wherever it lives:
//!
//! ```
//! use weir_core::ports::{ManualClock, conformance};
//!
//! conformance::clock(&ManualClock::new(1_700_000_000_000));
//! ```
//!
//! The suites know no runtime and no backend. [`event_log`] takes one shard or hundreds, sequence numbers of any
//! length, and a log that already holds records; it only asks that nobody else writes to it meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite tells its findings by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;

use super::{Clock, EventLog, Ids, LogError, LogPosition, LogRecord, SequenceNumber, ShardId};

/// A page that holds everything the suite appends at once.
const PAGE: usize = 8 << 20;

/// The largest record the suite appends: every log has to take it.
const LARGE: usize = 512 << 10;

/// Runs the whole contract of [`EventLog`] against logs that come from `make`.
///
/// `make` is called once a rule; the log of the last call is dropped before the next. It may give a fresh log or the
/// same stored log again: the suite looks only at records behind the end it found.
///
/// # Panics
///
/// If the log breaks a rule; the message names the rule, the shard and the position.
pub async fn event_log<L, F, Fut>(make: F)
where
    L: EventLog,
    F: Fn() -> Fut,
    Fut: Future<Output = L>,
{
    sequence_numbers();
    shards_are_stable(&make().await).await;
    an_unknown_shard_is_an_error(&make().await).await;
    records_are_read_back_byte_for_byte(&make().await).await;
    reading_starts_behind_a_position(&make().await).await;
    pages_keep_to_max_bytes(&make().await).await;
    reading_is_repeatable(&make().await).await;
    the_end_is_empty_and_grows(&make().await).await;
    concurrent_appends_are_all_stored_once(&make().await).await;
    a_follower_misses_nothing(&make().await).await;
    an_abandoned_append_harms_nothing(&make().await).await;
    trimming_keeps_what_is_behind(&make().await).await;
    asking_stores_nothing(&make().await).await;
}

/// Sequence numbers compare by value, whatever their length.
///
/// # Panics
///
/// If they do not.
pub fn sequence_numbers() {
    let long = "49590338271490256608559692538361571095921575989136588898";
    let longer = "149590338271490256608559692538361571095921575989136588898";
    let growing = ["0", "1", "9", "10", "99", "100", "18446744073709551615", "18446744073709551616", long, longer];
    let numbers: Vec<_> = growing.iter().map(|digits| SequenceNumber::parse(digits).expect("digits")).collect();
    for (i, a) in numbers.iter().enumerate() {
        for (j, b) in numbers.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "sequence numbers {a} and {b} do not compare by value");
        }
        let padded = SequenceNumber::parse(&format!("000{a}")).expect("digits");
        assert_eq!(*a, padded, "leading zeros make {a} another sequence number");
    }
}

async fn shards_are_stable(log: &dyn EventLog) {
    let shards = log.shards().await.unwrap_or_else(|e| panic!("shards() failed: {e}"));
    assert!(!shards.is_empty(), "a log has at least one shard, this one has none");
    let distinct: BTreeSet<_> = shards.iter().collect();
    assert_eq!(distinct.len(), shards.len(), "shards() names a shard twice: {shards:?}");
    append(log, b"between").await;
    let again = log.shards().await.unwrap_or_else(|e| panic!("shards() failed: {e}"));
    assert_eq!(shards, again, "shards() does not keep its order");
}

async fn an_unknown_shard_is_an_error(log: &dyn EventLog) {
    let unknown = ShardId("no-such-shard".to_owned());
    let number = SequenceNumber::from(1);
    let answers = [
        ("read from the start", log.read(&unknown, None, PAGE).await.err()),
        ("read behind a position", log.read(&unknown, Some(&number), PAGE).await.err()),
        ("trim", log.trim(&unknown, &number).await.err()),
    ];
    for (call, error) in answers {
        match error {
            Some(LogError::NoShard(named)) => assert_eq!(named, unknown, "{call}: NoShard names another shard"),
            other => panic!("{call} of an unknown shard has to answer NoShard, it answered {other:?}"),
        }
    }
}

async fn records_are_read_back_byte_for_byte(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let payloads = [
        Bytes::new(),
        Bytes::from_static(b"x"),
        Bytes::from(every_byte),
        Bytes::from_static(b"{\"line\":\"\\r\\n\"}\r\n\0\0\n"),
        patterned(LARGE, 1),
        Bytes::new(),
        patterned(1000, 2),
    ];
    let mut appended = Vec::new();
    for payload in payloads {
        appended.push((append(log, &payload).await, payload));
    }
    assert_exactly(&appended, &marks.drain(log, PAGE).await);
}

async fn reading_starts_behind_a_position(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let appended = append_numbered(log, "after", 120).await;
    let all = marks.drain(log, PAGE).await;
    assert_exactly(&appended, &all);
    for (shard, records) in &all {
        for (i, record) in records.iter().enumerate() {
            let behind = drain(log, shard, Some(&record.sequence), PAGE).await;
            assert!(
                behind == records[i + 1..],
                "shard `{shard}`: reading behind {} gave {} records, {} are behind it",
                record.sequence,
                behind.len(),
                records.len() - i - 1
            );
        }
    }
}

async fn pages_keep_to_max_bytes(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let mut appended = Vec::new();
    for (i, len) in [0, 0, 1, 7, 8, 9, 0, 100, 5000, 3, 0, 64, 64, 64, 1, 0].into_iter().enumerate() {
        let payload = patterned(len, i);
        appended.push((append(log, &payload).await, payload));
    }
    // `page` checks the limit itself; what is left to see is that small pages leave nothing out.
    for max_bytes in [0, 1, 8, 64, 128, 4999, 6000, usize::MAX] {
        assert_exactly(&appended, &marks.drain(log, max_bytes).await);
    }
}

async fn reading_is_repeatable(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    append_numbered(log, "repeat", 30).await;
    let first = marks.drain(log, PAGE).await;
    let second = marks.drain(log, 10).await;
    assert!(first == second, "reading is not repeatable: the same records were read differently a second time");
    append_numbered(log, "more", 30).await;
    for (shard, records) in marks.drain(log, PAGE).await {
        let before = first.get(&shard).map_or(&[][..], Vec::as_slice);
        assert!(
            records.starts_with(before),
            "reading is not repeatable: shard `{shard}` reads differently since more was appended"
        );
    }
}

async fn the_end_is_empty_and_grows(log: &dyn EventLog) {
    append_numbered(log, "end", 5).await;
    for round in 0..3 {
        let marks = Marks::at_end(log).await;
        for (shard, end) in &marks.0 {
            for max_bytes in [0, 1, usize::MAX] {
                let behind = page(log, shard, end.as_ref(), max_bytes).await;
                assert!(behind.is_empty(), "shard `{shard}`: {} records behind the end", behind.len());
            }
        }
        // What a reader has not seen at the end has to come behind it, or a landing would skip it.
        let appended = append_numbered(log, &format!("round {round}"), 3).await;
        assert_exactly(&appended, &marks.drain(log, PAGE).await);
    }
}

async fn concurrent_appends_are_all_stored_once(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let appends = (0..64).map(|i| boxed(append_one(log, patterned(i % 50, i)))).collect();
    let appended = join_all(appends).await;
    let places: HashSet<_> = appended.iter().map(|(position, _)| position).collect();
    assert_eq!(places.len(), appended.len(), "two appends were given the same position");
    assert_exactly(&appended, &marks.drain(log, PAGE).await);
}

async fn a_follower_misses_nothing(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let mut followed: Drained = BTreeMap::new();
    let appends = async {
        let mut appended = Vec::new();
        for round in 0..8 {
            let some = (0..8).map(|i| boxed(append_one(log, patterned(i + 1, round)))).collect();
            appended.extend(join_all(some).await);
        }
        appended
    };
    let follow = async {
        for _ in 0..20 {
            for (shard, from) in &marks.0 {
                let seen = followed.entry(shard.clone()).or_default();
                let after = seen.last().map(|r: &LogRecord| r.sequence.clone()).or_else(|| from.clone());
                seen.extend(page(log, shard, after.as_ref(), 30).await);
            }
        }
        Vec::new()
    };
    let appended = join_all(vec![boxed(appends), boxed(follow)]).await;
    let all = marks.drain(log, PAGE).await;
    assert_exactly(&appended, &all);
    for (shard, seen) in followed {
        let records = all.get(&shard).map_or(&[][..], Vec::as_slice);
        assert!(records.starts_with(&seen), "shard `{shard}`: a reader that follows the appends missed a record");
    }
}

async fn an_abandoned_append_harms_nothing(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let lost = Bytes::from_static(b"abandoned");
    for _ in 0..3 {
        let mut append = log.append(lost.clone());
        // Polled once, so that it has begun, and dropped, as a server does when its client hangs up.
        let _ = poll_fn(|cx| Poll::Ready(append.as_mut().poll(cx))).await;
    }
    let appended = append_numbered(log, "after an abandoned append", 5).await;
    let mut found = marks.drain(log, PAGE).await;
    // Whether an abandoned record was stored is open; that the others were is not.
    found.values_mut().for_each(|records| records.retain(|r| r.payload != lost));
    assert_exactly(&appended, &found);
}

async fn asking_stores_nothing(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    let mut appended = append_numbered(log, "before", 2).await;
    for _ in 0..3 {
        log.check().await.unwrap_or_else(|e| panic!("a log that takes appends does not say so when it is asked: {e}"));
    }
    appended.extend(append_numbered(log, "after", 2).await);
    assert_exactly(&appended, &marks.drain(log, PAGE).await);
}

async fn trimming_keeps_what_is_behind(log: &dyn EventLog) {
    let marks = Marks::at_end(log).await;
    append_numbered(log, "trim", 40).await;
    let all = marks.drain(log, PAGE).await;
    for (shard, records) in all.iter().filter(|(_, records)| !records.is_empty()) {
        let (gone, kept) = records.split_at(records.len().div_ceil(2));
        let through = &gone.last().expect("half of something").sequence;
        for _ in 0..2 {
            log.trim(shard, through).await.unwrap_or_else(|e| panic!("trimming `{shard}` through {through}: {e}"));
            for (after, what) in [(Some(through), "behind the trimmed position"), (None, "from the oldest kept")] {
                let found = drain(log, shard, after, PAGE).await;
                assert!(found.ends_with(kept), "shard `{shard}`: trim through {through} lost records, read {what}");
            }
        }
        let oldest = &gone[0].sequence;
        log.trim(shard, oldest).await.unwrap_or_else(|e| panic!("trimming `{shard}` again, further back: {e}"));
        let found = drain(log, shard, Some(through), PAGE).await;
        assert!(found == kept, "shard `{shard}`: trimming further back changed what is read");
    }
    // Another shard's trim must not have touched a shard; and a log trimmed to its end still grows behind it.
    for (shard, records) in &all {
        let kept = &records[records.len().div_ceil(2)..];
        assert!(drain(log, shard, None, PAGE).await.ends_with(kept), "shard `{shard}`: lost records to a later trim");
        if let Some(last) = records.last() {
            log.trim(shard, &last.sequence).await.unwrap_or_else(|e| panic!("trimming `{shard}` to its end: {e}"));
        }
    }
    let ends = marks.moved_behind(&all);
    let appended = append_numbered(log, "behind the trim", 10).await;
    assert_exactly(&appended, &ends.drain(log, PAGE).await);
}

/// Checks a clock that shows the present, or a manual one set to a time of this century.
///
/// # Panics
///
/// If the time is not in milliseconds since 1970, or jumps from one call to the next.
pub fn clock(clock: &dyn Clock) {
    const YEAR_2010: i64 = 1_262_304_000_000;
    const YEAR_2200: i64 = 7_258_118_400_000;
    const HOUR: i64 = 3_600_000;
    let first = clock.now_ms();
    assert!(
        (YEAR_2010..YEAR_2200).contains(&first),
        "now_ms() says {first}, which is no time between 2010 and 2200: is it in milliseconds since 1970?"
    );
    let elsewhere = std::thread::scope(|s| {
        let threads: Vec<_> = (0..4).map(|_| s.spawn(|| clock.now_ms())).collect();
        threads.into_iter().map(|t| t.join().expect("now_ms() does not panic")).collect::<Vec<_>>()
    });
    // Clocks are set back and forth, so the order is not checked, only that it is the same time.
    for now in elsewhere.into_iter().chain([clock.now_ms()]) {
        assert!((now - first).abs() < HOUR, "now_ms() said {first} and then {now}");
    }
}

/// Checks that identifiers are UUIDs and never the same, on one thread and on several.
///
/// # Panics
///
/// If they are not.
pub fn ids(ids: &dyn Ids) {
    let made = std::thread::scope(|s| {
        let draw = || (0..5_000).map(|_| ids.next_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| s.spawn(draw)).collect();
        threads.into_iter().flat_map(|t| t.join().expect("next_id() does not panic")).collect::<Vec<_>>()
    });
    let mut seen = HashSet::new();
    for id in made {
        let (version, variant) = (id[6] >> 4, id[8] >> 6);
        assert!((1..=8).contains(&version), "{id:02x?} has UUID version {version}, which RFC 9562 does not know");
        assert_eq!(variant, 0b10, "{id:02x?} does not have the UUID variant bits of RFC 9562");
        assert!(seen.insert(id), "{id:02x?} was made twice");
    }
}

type Drained = BTreeMap<ShardId, Vec<LogRecord>>;

type Appended = (LogPosition, Bytes);

/// How far each shard was read. A log under test may hold records from before.
struct Marks(BTreeMap<ShardId, Option<SequenceNumber>>);

impl Marks {
    async fn at_end(log: &dyn EventLog) -> Self {
        let mut marks = BTreeMap::new();
        for shard in log.shards().await.unwrap_or_else(|e| panic!("shards() failed: {e}")) {
            // Page by page and keeping only the last: what is there may be large.
            let mut end = None;
            while let Some(last) = page(log, &shard, end.as_ref(), PAGE).await.pop() {
                end = Some(last.sequence);
            }
            marks.insert(shard, end);
        }
        Self(marks)
    }

    fn moved_behind(mut self, read: &Drained) -> Self {
        for (shard, mark) in &mut self.0 {
            if let Some(last) = read.get(shard).and_then(|records| records.last()) {
                *mark = Some(last.sequence.clone());
            }
        }
        self
    }

    async fn drain(&self, log: &dyn EventLog, max_bytes: usize) -> Drained {
        let mut read = BTreeMap::new();
        for (shard, mark) in &self.0 {
            read.insert(shard.clone(), drain(log, shard, mark.as_ref(), max_bytes).await);
        }
        read
    }
}

/// Every record of `shard` behind `after`, in pages of `max_bytes`.
async fn drain(
    log: &dyn EventLog,
    shard: &ShardId,
    after: Option<&SequenceNumber>,
    max_bytes: usize,
) -> Vec<LogRecord> {
    let mut read: Vec<LogRecord> = Vec::new();
    loop {
        let from = read.last().map(|r| &r.sequence).or(after);
        let next = page(log, shard, from, max_bytes).await;
        if next.is_empty() {
            return read;
        }
        read.extend(next);
    }
}

/// One read, checked for what holds for every read: strictly growing numbers behind `after`, within `max_bytes`.
async fn page(log: &dyn EventLog, shard: &ShardId, after: Option<&SequenceNumber>, max_bytes: usize) -> Vec<LogRecord> {
    let read = log.read(shard, after, max_bytes).await.unwrap_or_else(|e| panic!("reading `{shard}`: {e}"));
    let mut last = after;
    for record in &read {
        assert!(
            last.is_none_or(|last| record.sequence > *last),
            "shard `{shard}`: record {} follows {}, sequence numbers have to grow strictly",
            record.sequence,
            last.map_or("nothing", |l| l.as_str())
        );
        last = Some(&record.sequence);
    }
    let bytes: usize = read.iter().map(|r| r.payload.len()).sum();
    assert!(
        bytes <= max_bytes || read.len() == 1,
        "shard `{shard}`: a read of at most {max_bytes} bytes gave {bytes} bytes in {} records",
        read.len()
    );
    read
}

async fn append(log: &dyn EventLog, payload: &[u8]) -> LogPosition {
    let bytes = payload.len();
    let payload = Bytes::copy_from_slice(payload);
    log.append(payload).await.unwrap_or_else(|e| panic!("appending a record of {bytes} bytes: {e}"))
}

async fn append_one(log: &dyn EventLog, payload: Bytes) -> Vec<Appended> {
    vec![(append(log, &payload).await, payload)]
}

async fn append_numbered(log: &dyn EventLog, what: &str, count: usize) -> Vec<Appended> {
    let mut appended = Vec::new();
    for i in 0..count {
        appended.extend(append_one(log, Bytes::from(format!("{what} {i}"))).await);
    }
    appended
}

/// `len` bytes that differ from place to place and from one `seed` to the next.
fn patterned(len: usize, seed: usize) -> Bytes {
    (0..len).map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed) as u8).collect()
}

/// That `found` is what was appended, each record once, at the place that `append` named.
fn assert_exactly(appended: &[Appended], found: &Drained) {
    let mut open: BTreeMap<(&ShardId, &SequenceNumber), &LogRecord> = BTreeMap::new();
    for (shard, records) in found {
        open.extend(records.iter().map(|r| ((shard, &r.sequence), r)));
    }
    for (position, payload) in appended {
        let LogPosition { shard, sequence } = position;
        let Some(record) = open.remove(&(shard, sequence)) else {
            panic!("shard `{shard}`: record {sequence} was appended, but is not read");
        };
        assert!(
            record.payload == *payload,
            "shard `{shard}`: record {sequence} was appended with {} bytes and is read with {} other bytes",
            payload.len(),
            record.payload.len()
        );
    }
    if let Some((shard, sequence)) = open.keys().next() {
        panic!("shard `{shard}`: record {sequence} is read, but no append was told of it");
    }
}

type Part<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn boxed<'a, T>(part: impl Future<Output = T> + Send + 'a) -> Part<'a, T> {
    Box::pin(part)
}

/// Runs all parts at the same time on the caller's task, whatever its runtime, and gathers what they give.
async fn join_all<T>(parts: Vec<Part<'_, Vec<T>>>) -> Vec<T> {
    let mut parts: Vec<_> = parts.into_iter().map(|part| (Some(part), Vec::new())).collect();
    poll_fn(|cx| {
        for (part, given) in &mut parts {
            if let Some(Poll::Ready(value)) = part.as_mut().map(|p| p.as_mut().poll(cx)) {
                *given = value;
                *part = None;
            }
        }
        if parts.iter().all(|(part, _)| part.is_none()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    parts.into_iter().flat_map(|(_, given)| given).collect()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};
    use std::thread::Thread;

    use async_trait::async_trait;

    use super::super::{CountingIds, FaultyLog, ManualClock, MemoryLog};
    use super::*;

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let waker = Arc::new(Unpark(std::thread::current())).into();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            std::thread::park();
        }
    }

    fn message(run: impl FnOnce()) -> Option<String> {
        let panic = catch_unwind(AssertUnwindSafe(run)).err()?;
        let text = panic.downcast_ref::<String>().cloned();
        Some(text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    }

    #[test]
    fn the_memory_log_conforms() {
        block_on(event_log(|| async { MemoryLog::default() }));
    }

    #[test]
    fn a_faulty_log_that_passes_everything_on_conforms() {
        block_on(event_log(|| async { FaultyLog::new(MemoryLog::default()) }));
    }

    #[test]
    fn a_log_that_refuses_does_not_conform() {
        let refusing = || {
            let log = FaultyLog::new(MemoryLog::default());
            log.refuse(true);
            log
        };
        let found = message(|| block_on(event_log(|| async { refusing() }))).expect("the suite fails");
        assert!(found.contains("refusing, as told"), "{found}");
    }

    #[test]
    fn the_suite_is_fair_to_a_log_that_holds_records_already() {
        let log = Arc::new(ManyShards::default());
        for i in 0..100 {
            block_on(log.append(patterned(i, i))).unwrap();
        }
        block_on(event_log(|| async { Arc::clone(&log) }));
    }

    /// As a stream does it: many shards, and numbers too long for any integer.
    struct ManyShards {
        shards: Vec<MemoryLog>,
        appended: AtomicUsize,
    }

    impl Default for ManyShards {
        fn default() -> Self {
            Self { shards: (0..7).map(|_| MemoryLog::default()).collect(), appended: AtomicUsize::new(0) }
        }
    }

    const STREAM_PREFIX: &str = "49590338271490256608559692538361571095";

    impl ManyShards {
        fn shard(&self, shard: &ShardId) -> Result<&MemoryLog, LogError> {
            let number = shard.0.strip_prefix("stream-").and_then(|n| n.parse::<usize>().ok());
            number.and_then(|n| self.shards.get(n)).ok_or_else(|| LogError::NoShard(shard.clone()))
        }

        fn outward(inner: &SequenceNumber) -> SequenceNumber {
            SequenceNumber::parse(&format!("{STREAM_PREFIX}{:020}", inner.as_u64().unwrap())).unwrap()
        }

        fn inward(outer: &SequenceNumber) -> SequenceNumber {
            SequenceNumber::parse(outer.as_str().strip_prefix(STREAM_PREFIX).unwrap_or("0")).unwrap()
        }
    }

    fn inner_shard() -> ShardId {
        ShardId("memory-0".to_owned())
    }

    #[async_trait]
    impl EventLog for Arc<ManyShards> {
        async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
            let n = self.appended.fetch_add(1, Ordering::SeqCst) * 3 % self.shards.len();
            let position = self.shards[n].append(payload).await?;
            Ok(LogPosition { shard: ShardId(format!("stream-{n}")), sequence: ManyShards::outward(&position.sequence) })
        }

        async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
            Ok((0..self.shards.len()).map(|n| ShardId(format!("stream-{n}"))).collect())
        }

        async fn read(
            &self,
            shard: &ShardId,
            after: Option<&SequenceNumber>,
            max_bytes: usize,
        ) -> Result<Vec<LogRecord>, LogError> {
            let after = after.map(ManyShards::inward);
            let mut read = self.shard(shard)?.read(&inner_shard(), after.as_ref(), max_bytes).await?;
            read.iter_mut().for_each(|r| r.sequence = ManyShards::outward(&r.sequence));
            Ok(read)
        }

        async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
            self.shard(shard)?.trim(&inner_shard(), &ManyShards::inward(through)).await
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Defect {
        LosesEverySeventh,
        StoresTwice,
        ChangesAByte,
        DropsEmptyRecords,
        CutsLargeRecords,
        StartsAtThePosition,
        ComparesAsText,
        IgnoresMaxBytes,
        GivesNothingLargerThanMaxBytes,
        ReadsOnce,
        ForgivesUnknownShards,
        TrimsEverything,
        NamesAnotherPosition,
        StopsAtItsFirstEnd,
    }

    /// A log with one defect.
    struct Broken {
        inner: MemoryLog,
        defect: Defect,
        calls: AtomicUsize,
    }

    impl Broken {
        fn new(defect: Defect) -> Self {
            Self { inner: MemoryLog::default(), defect, calls: AtomicUsize::new(0) }
        }

        fn has(&self, defect: Defect) -> bool {
            self.defect == defect
        }
    }

    #[async_trait]
    impl EventLog for Broken {
        async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            let mut position = self.inner.append(payload.clone()).await?;
            match self.defect {
                Defect::StoresTwice if call == 20 => position = self.inner.append(payload).await?,
                Defect::NamesAnotherPosition => {
                    position.sequence = SequenceNumber::from(position.sequence.as_u64().unwrap() + 1_000);
                }
                _ => {}
            }
            Ok(position)
        }

        async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
            self.inner.shards().await
        }

        async fn read(
            &self,
            shard: &ShardId,
            after: Option<&SequenceNumber>,
            max_bytes: usize,
        ) -> Result<Vec<LogRecord>, LogError> {
            let before = after.and_then(SequenceNumber::as_u64).map(|a| SequenceNumber::from(a.saturating_sub(1)));
            let mut read = match self.inner.read(shard, after, max_bytes).await {
                Err(LogError::NoShard(_)) if self.has(Defect::ForgivesUnknownShards) => return Ok(Vec::new()),
                Ok(_) if self.has(Defect::StartsAtThePosition) => {
                    self.inner.read(shard, before.as_ref(), max_bytes).await?
                }
                Ok(_) if self.has(Defect::IgnoresMaxBytes) => self.inner.read(shard, after, usize::MAX).await?,
                Ok(_) if self.has(Defect::ComparesAsText) => self.inner.read(shard, None, usize::MAX).await?,
                other => other?,
            };
            let position = |r: &LogRecord| r.sequence.as_u64().unwrap();
            match self.defect {
                Defect::LosesEverySeventh => read.retain(|r| position(r) % 7 != 0),
                Defect::ChangesAByte => read.iter_mut().filter(|r| r.payload.len() > 300).for_each(|r| {
                    let mut bytes = r.payload.to_vec();
                    bytes[299] ^= 1;
                    r.payload = bytes.into();
                }),
                Defect::DropsEmptyRecords => read.retain(|r| !r.payload.is_empty()),
                Defect::CutsLargeRecords => read.iter_mut().for_each(|r| r.payload.truncate(1 << 16)),
                Defect::ComparesAsText => read.retain(|r| after.is_none_or(|a| r.sequence.as_str() > a.as_str())),
                Defect::GivesNothingLargerThanMaxBytes => read.retain(|r| r.payload.len() <= max_bytes),
                Defect::ReadsOnce => {
                    if let Some(last) = read.last() {
                        self.inner.trim(shard, &last.sequence).await?;
                    }
                }
                Defect::StopsAtItsFirstEnd if self.calls.load(Ordering::SeqCst) > 5 && after.is_some() => read.clear(),
                _ => {}
            }
            Ok(read)
        }

        async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
            match self.inner.trim(shard, through).await {
                Err(_) if self.has(Defect::ForgivesUnknownShards) => Ok(()),
                Ok(()) if self.has(Defect::TrimsEverything) => self.inner.trim(shard, &u64::MAX.into()).await,
                other => other,
            }
        }
    }

    #[test]
    fn every_defect_is_found_and_named() {
        let defects = [
            (Defect::LosesEverySeventh, "record 7 was appended, but is not read"),
            (Defect::StoresTwice, "is read, but no append was told of it"),
            (Defect::ChangesAByte, "is read with"),
            (Defect::DropsEmptyRecords, "was appended, but is not read"),
            (Defect::CutsLargeRecords, "is read with 65536 other bytes"),
            (Defect::StartsAtThePosition, "sequence numbers have to grow strictly"),
            (Defect::ComparesAsText, "sequence numbers have to grow strictly"),
            (Defect::IgnoresMaxBytes, "a read of at most 0 bytes gave"),
            (Defect::GivesNothingLargerThanMaxBytes, "was appended, but is not read"),
            (Defect::ReadsOnce, "reading behind 1 gave 0 records"),
            (Defect::ForgivesUnknownShards, "has to answer NoShard"),
            (Defect::TrimsEverything, "lost records"),
            (Defect::NamesAnotherPosition, "was appended, but is not read"),
            (Defect::StopsAtItsFirstEnd, "reading behind"),
        ];
        for (defect, expected) in defects {
            let found = message(|| block_on(event_log(|| async { Broken::new(defect) })));
            let found = found.unwrap_or_else(|| panic!("the suite does not find that a log {defect:?}"));
            assert!(found.contains(expected), "{defect:?}: {found}");
        }
    }

    #[test]
    fn the_manual_clock_conforms() {
        clock(&ManualClock::new(1_700_000_000_000));
    }

    #[test]
    fn a_clock_in_seconds_does_not_conform() {
        let found = message(|| clock(&ManualClock::new(1_700_000_000))).expect("the suite fails");
        assert!(found.contains("is it in milliseconds"), "{found}");
    }

    #[test]
    fn a_clock_that_jumps_does_not_conform() {
        struct Jumping(ManualClock);
        impl Clock for Jumping {
            fn now_ms(&self) -> i64 {
                self.0.advance(10_000_000);
                self.0.now_ms()
            }
        }
        let found = message(|| clock(&Jumping(ManualClock::new(1_700_000_000_000)))).expect("the suite fails");
        assert!(found.contains("and then"), "{found}");
    }

    #[test]
    fn counting_ids_conform() {
        ids(&CountingIds::default());
        ids(&CountingIds::starting_at(u64::from(u32::MAX) - 100));
    }

    #[test]
    fn ids_that_repeat_or_are_no_uuids_do_not_conform() {
        struct Always([u8; 16]);
        impl Ids for Always {
            fn next_id(&self) -> [u8; 16] {
                self.0
            }
        }
        let uuid = CountingIds::default().next_id();
        let mut no_variant = uuid;
        no_variant[8] = 0;
        for (id, expected) in [(uuid, "made twice"), ([0; 16], "version 0"), (no_variant, "variant bits")] {
            let found = message(|| ids(&Always(id))).expect("the suite fails");
            assert!(found.contains(expected), "{found}");
        }
    }
}
