use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::Instant;
use weir_core::event::envelope::{MAX_RECORD_BYTES, pack, unpack};
use weir_core::ports::{
    CountingIds, EventLog, FaultyLog, LogPosition, LogRecord, MemoryLog, SequenceNumber, ShardId, conformance as ports,
};
use weir_store::store::IfMissing;

use super::*;

/// A log that can hang, refuse, or find everything too large, and counts how often it is asked.
#[derive(Default)]
struct Moody {
    inner: MemoryLog,
    mood: Mutex<Mood>,
    asked: AtomicU64,
}

#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    Good,
    Refuses,
    Hangs,
    FindsTooLarge,
}

#[async_trait]
impl EventLog for Moody {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Good => self.inner.append(payload).await,
            Mood::Refuses => Err(LogError::Unavailable("in a mood".to_owned())),
            Mood::Hangs => std::future::pending().await,
            Mood::FindsTooLarge => Err(LogError::TooLarge { bytes: payload.len(), limit: 1 }),
        }
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
        self.inner.read(shard, after, max_bytes).await
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        self.inner.trim(shard, through).await
    }
}

type Rig = (Arc<FaultyOverflow<MemoryOverflow>>, OverflowingLog<Moody>);

/// Short enough for a test, and far enough apart that a slow machine does not mix them up.
const SETTINGS: OverflowSettings = OverflowSettings {
    log_deadline: Duration::from_millis(50),
    overflow_deadline: Duration::from_secs(5),
    failures_to_open: 3,
    open_for: Duration::from_secs(3600),
};

fn rig(settings: OverflowSettings) -> Rig {
    let overflow = Arc::new(FaultyOverflow::new(MemoryOverflow::default()));
    let log = OverflowingLog::new(Moody::default(), overflow.clone(), Arc::new(CountingIds::default()), settings);
    (overflow, log)
}

impl OverflowingLog<Moody> {
    fn feels(&self, mood: Mood) {
        *self.log().mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> u64 {
        self.log().asked.load(Ordering::SeqCst)
    }

    async fn put(&self, payload: &'static str) -> String {
        self.append(payload.into()).await.unwrap().shard.0
    }
}

#[tokio::test]
async fn overflows_conform() {
    conformance::overflow(&MemoryOverflow::default()).await;
    conformance::overflow(&FaultyOverflow::new(MemoryOverflow::default())).await;
    conformance::overflow(&StoreOverflow::new(&Store::in_memory())).await;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Fail).await.unwrap();
    conformance::overflow(&StoreOverflow::new(&store)).await;
    assert!(dir.path().join("overflow/340282366920938463463374607431768211455.weir").is_file());
}

#[tokio::test]
async fn the_suite_finds_what_an_overflow_must_not_do() {
    /// Replaces what has the number, or forgets everything.
    struct Broken {
        inner: Mutex<MemoryOverflow>,
        forgets: bool,
    }
    #[async_trait]
    impl Overflow for Broken {
        async fn put(&self, number: u128, record: Bytes) -> Result<(), LogError> {
            if !self.forgets {
                self.inner.lock().unwrap().records.lock().unwrap().insert(number, record);
            }
            Ok(())
        }
        async fn is_waiting(&self, number: u128) -> Result<bool, LogError> {
            Ok(self.inner.lock().unwrap().records.lock().unwrap().contains_key(&number))
        }
    }
    for (forgets, expected) in [(true, "is not said to wait"), (false, "a number took two records")] {
        let broken = Broken { inner: Mutex::default(), forgets };
        let panic = tokio::spawn(async move { conformance::overflow(&broken).await }).await.unwrap_err().into_panic();
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap();
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_log_with_an_overflow_behind_it_conforms() {
    ports::event_log(|| async { rig(SETTINGS).1 }).await;
    let refusing = FaultyLog::new(MemoryLog::default());
    refusing.refuse(true);
    let ids = Arc::new(CountingIds::default());
    let log = OverflowingLog::new(refusing, Arc::new(MemoryOverflow::default()), ids, SETTINGS);
    assert_eq!(log.append("x".into()).await.unwrap().shard.0, SHARD);
}

#[tokio::test]
async fn what_the_log_does_not_take_waits_in_the_overflow_packed_under_its_number() {
    let (overflow, log) = rig(SETTINGS);
    let text = "{\"place\":0,\"event\":\"view_job\"}\n".repeat(100);
    for mood in [Mood::Refuses, Mood::FindsTooLarge, Mood::Hangs] {
        log.feels(mood);
        let position = log.append(text.clone().into()).await.unwrap();
        assert_eq!(position.shard.0, SHARD);
        let number: u128 = position.sequence.as_str().parse().unwrap();
        let record = overflow.inner().records()[&number].clone();
        assert_eq!(record, pack(text.as_bytes()));
        assert_eq!(unpack(&record).unwrap(), text.as_bytes());
    }
    assert!(log.log().inner.read(&ShardId("memory-0".to_owned()), None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_where_both_are_out_is_a_record_refused() {
    let (overflow, log) = rig(SETTINGS);
    overflow.refuse(true);
    assert_eq!(log.put("a").await, "memory-0", "the overflow is not needed");
    log.feels(Mood::Refuses);
    let refused = log.append("b".into()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the event log is not available: the log: in a mood; the overflow: refusing, as told; nothing was \
         stored, try again"
    );
    // Too large for the log is not too large for the overflow, which may be back in a moment.
    log.feels(Mood::FindsTooLarge);
    assert!(matches!(log.append("c".into()).await, Err(LogError::Unavailable(_))));
    overflow.refuse(false);
    assert_eq!(log.put("c").await, SHARD);
    assert_eq!(overflow.inner().records().len(), 1);
}

#[tokio::test]
async fn a_record_that_no_reader_would_unpack_is_too_large_for_both() {
    let (overflow, log) = rig(SETTINGS);
    let largest = Bytes::from(vec![b' '; MAX_RECORD_BYTES]);
    log.feels(Mood::FindsTooLarge);
    assert_eq!(log.append(largest.clone()).await.unwrap().shard.0, SHARD);
    let above = [&largest[..], b" "].concat();
    let refused = log.append(above.into()).await.unwrap_err();
    assert!(matches!(refused, LogError::TooLarge { bytes, limit } if bytes == limit + 1 && limit == MAX_RECORD_BYTES));
    assert_eq!((overflow.inner().records().len(), log.asked()), (1, 1));
}

#[tokio::test]
async fn a_log_that_is_plainly_down_costs_only_the_first_requests_their_time() {
    let (_, log) = rig(SETTINGS);
    log.feels(Mood::Hangs);
    let started = Instant::now();
    for _ in 0..200 {
        assert_eq!(log.put("a").await, SHARD);
    }
    assert_eq!(log.asked(), 3);
    assert!(started.elapsed() < 20 * SETTINGS.log_deadline, "{:?}", started.elapsed());
}

#[tokio::test]
async fn records_that_are_too_large_do_not_count_as_failures() {
    let (_, log) = rig(SETTINGS);
    log.feels(Mood::FindsTooLarge);
    for _ in 0..10 {
        assert_eq!(log.put("a").await, SHARD);
    }
    assert_eq!(log.asked(), 10);
    log.feels(Mood::Good);
    assert_eq!(log.put("b").await, "memory-0");
}

#[tokio::test]
async fn after_a_while_one_record_finds_out_that_the_log_is_back() {
    let (_, log) = rig(OverflowSettings { open_for: Duration::from_millis(20), ..SETTINGS });
    log.feels(Mood::Refuses);
    for _ in 0..3 {
        log.put("a").await;
    }
    log.feels(Mood::Good);
    let back = async {
        while log.put("b").await == SHARD {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
    assert_eq!(log.asked(), 4, "one probe was enough");
    assert_eq!(log.put("c").await, "memory-0");
}

#[tokio::test]
async fn a_log_that_is_left_alone_is_asked_when_the_overflow_is_out() {
    let (overflow, log) = rig(SETTINGS);
    log.feels(Mood::Refuses);
    for _ in 0..3 {
        log.put("a").await;
    }
    overflow.refuse(true);
    log.feels(Mood::Good);
    assert_eq!(log.put("b").await, "memory-0");
    assert_eq!(log.put("c").await, "memory-0", "and that closed the breaker");
}

#[tokio::test]
async fn an_overflow_that_hangs_is_given_up() {
    struct Hanging;
    #[async_trait]
    impl Overflow for Hanging {
        async fn put(&self, _: u128, _: Bytes) -> Result<(), LogError> {
            std::future::pending().await
        }
        async fn is_waiting(&self, _: u128) -> Result<bool, LogError> {
            Ok(false)
        }
    }
    let settings = OverflowSettings { overflow_deadline: Duration::from_millis(30), ..SETTINGS };
    let log = OverflowingLog::new(Moody::default(), Arc::new(Hanging), Arc::new(CountingIds::default()), settings);
    log.feels(Mood::Refuses);
    let refused = log.append("a".into()).await.unwrap_err().to_string();
    assert!(refused.contains("the overflow: ") && refused.contains("30ms"), "{refused}");
}
