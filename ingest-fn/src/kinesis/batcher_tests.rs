use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use tokio::sync::Notify;
use weir_core::ports::{CountingIds, SequenceNumber, ShardId};

use super::*;

const GENEROUS: Duration = Duration::from_secs(30);

/// A stream that does as a test tells it, and remembers what it was sent.
#[derive(Default)]
struct Told {
    /// What becomes of the next entries, by their text; `Ok` for those that are not named.
    fates: Mutex<BTreeMap<String, Vec<Fate>>>,
    calls: Mutex<Vec<Vec<Entry>>>,
    /// While there is a gate, calls wait at it.
    gate: Mutex<Option<Arc<Notify>>>,
}

#[derive(Clone, Copy)]
enum Fate {
    Fails,
    FailsTheCall(Failure),
    Hangs,
    IsNotAnswered,
}

fn text(entry: &Entry) -> String {
    String::from_utf8(entry.data.to_vec()).unwrap()
}

impl Told {
    fn tell(&self, entry: &str, fates: &[Fate]) {
        self.fates.lock().unwrap().insert(entry.to_owned(), fates.to_vec());
    }

    fn close(&self) -> Arc<Notify> {
        Arc::clone(self.gate.lock().unwrap().insert(Arc::default()))
    }

    fn calls(&self) -> Vec<Vec<String>> {
        self.calls.lock().unwrap().iter().map(|call| call.iter().map(text).collect()).collect()
    }

    fn sent(&self, entry: &str) -> usize {
        self.calls().concat().iter().filter(|sent| *sent == entry).count()
    }
}

#[async_trait]
impl Puts for Told {
    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<Put>, CallError> {
        self.calls.lock().unwrap().push(entries.clone());
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let mut puts = Vec::new();
        for entry in &entries {
            let fate = self.fates.lock().unwrap().get_mut(&text(entry)).and_then(Vec::pop);
            match fate {
                Some(Fate::FailsTheCall(kind)) => return Err(CallError { kind, problem: "no call today".to_owned() }),
                Some(Fate::Hangs) => std::future::pending().await,
                Some(Fate::IsNotAnswered) => {}
                Some(Fate::Fails) => puts.push(Err("no entry today".to_owned())),
                None => {
                    let sequence = SequenceNumber::from(1);
                    puts.push(Ok(LogPosition { shard: ShardId(text(entry)), sequence }));
                }
            }
        }
        Ok(puts)
    }
}

fn settings() -> KinesisSettings {
    let pause = Duration::from_millis(4);
    KinesisSettings { append_deadline: GENEROUS, first_pause: pause, longest_pause: pause, ..KinesisSettings::new("s") }
}

fn start(settings: &KinesisSettings) -> (Arc<Told>, Arc<Batcher>) {
    let told = Arc::new(Told::default());
    let batcher = Batcher::start(told.clone(), Arc::new(CountingIds::default()), settings);
    (told, Arc::new(batcher))
}

fn append(batcher: &Arc<Batcher>, text: &str) -> tokio::task::JoinHandle<Result<LogPosition, LogError>> {
    let (batcher, record) = (Arc::clone(batcher), Bytes::from(text.to_owned()));
    tokio::spawn(async move { batcher.append(record).await })
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(GENEROUS, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

fn refusal(answer: Result<LogPosition, LogError>) -> String {
    match answer {
        Err(LogError::Unavailable(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

/// Fills all open calls, so that what comes next has to wait. Returns the gate behind which they stand.
async fn all_calls_busy(told: &Told, batcher: &Arc<Batcher>, calls: usize) -> Arc<Notify> {
    let gate = told.close();
    for n in 1..=calls {
        append(batcher, &format!("busy {n}"));
        until("a call of its own", || told.calls().len() == n).await;
    }
    gate
}

#[tokio::test]
async fn an_idle_batcher_sends_at_once_and_a_busy_one_gathers() {
    let (told, batcher) = start(&settings());
    let gate = all_calls_busy(&told, &batcher, 4).await;
    let more: Vec<_> = (0..100).map(|n| append(&batcher, &format!("more {n}"))).collect();
    until("all of them wait", || batcher.room.available_permits() == batcher.all_room - 4 * 6 - (10 * 6 + 90 * 7))
        .await;
    assert_eq!(told.calls().len(), 4, "no more than four calls are open");
    *told.gate.lock().unwrap() = None;
    gate.notify_waiters();
    for (n, one) in more.into_iter().enumerate() {
        assert_eq!(one.await.unwrap().unwrap().shard.0, format!("more {n}"));
    }
    let calls = told.calls();
    assert!(calls[..4].iter().all(|call| call.len() == 1));
    // The first of them was taken out of the queue before the others came, so it may travel alone.
    assert!(calls.len() <= 6, "{} calls", calls.len());
}

#[tokio::test]
async fn calls_keep_to_their_limits() {
    let settings = KinesisSettings { max_call_records: 7, max_call_bytes: 1000, calls_in_flight: 1, ..settings() };
    let (told, batcher) = start(&settings);
    let gate = all_calls_busy(&told, &batcher, 1).await;
    let sizes = (0..60).map(|n| if n % 20 == 7 { 3000 } else { n * 13 % 400 + 1 });
    let all: Vec<_> = sizes.map(|size| append(&batcher, &"x".repeat(size))).collect();
    *told.gate.lock().unwrap() = None;
    gate.notify_waiters();
    for one in all {
        one.await.unwrap().unwrap();
    }
    let calls = told.calls.lock().unwrap().clone();
    let bytes = |call: &[Entry]| call.iter().map(|e| e.data.len() + e.partition_key.len()).sum::<usize>();
    for call in &calls {
        assert!(call.len() <= 7, "{} records", call.len());
        assert!(bytes(call) <= 1000 || call.len() == 1, "{} records of {} bytes", call.len(), bytes(call));
    }
    assert_eq!(calls.concat().len(), 61, "each once");
    assert!(calls.len() < 50, "they were gathered");
}

#[tokio::test]
async fn only_what_failed_is_sent_again_with_another_partition_key() {
    let (told, batcher) = start(&KinesisSettings { calls_in_flight: 1, ..settings() });
    let gate = all_calls_busy(&told, &batcher, 1).await;
    told.tell("b", &[Fate::Fails; 3]);
    told.tell("d", &[Fate::Fails]);
    let all = ["a", "b", "c", "d"].map(|text| append(&batcher, text));
    until("all wait", || batcher.room.available_permits() == batcher.all_room - 6 - 4).await;
    *told.gate.lock().unwrap() = None;
    gate.notify_waiters();
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(["a", "b", "c", "d"].map(|text| told.sent(text)), [1, 4, 1, 2]);
    let calls = told.calls.lock().unwrap().concat();
    let keys: HashSet<_> = calls.iter().map(|entry| entry.partition_key.clone()).collect();
    assert_eq!(keys.len(), calls.len());
    assert!(keys.iter().all(|key| key.len() == PARTITION_KEY_BYTES), "{keys:?}");
}

#[tokio::test]
async fn calls_that_fail_in_passing_are_made_again() {
    let settings = KinesisSettings { call_timeout: Duration::from_millis(50), ..settings() };
    let (told, batcher) = start(&settings);
    told.tell("a", &[Fate::IsNotAnswered, Fate::Hangs, Fate::FailsTheCall(Failure::Passing)]);
    assert_eq!(batcher.append("a".into()).await.unwrap().shard.0, "a");
    assert_eq!(told.sent("a"), 4);
}

#[tokio::test]
async fn what_lasts_is_refused_at_once_with_what_to_do() {
    let (told, batcher) = start(&settings());
    for kind in [Failure::Lasting, Failure::NotFound, Failure::Argument] {
        told.tell("a", &[Fate::FailsTheCall(kind)]);
        assert_eq!(refusal(batcher.append("a".into()).await), "no call today");
    }
    assert_eq!(told.sent("a"), 3);
    batcher.append("a".into()).await.unwrap();
}

#[tokio::test]
async fn an_append_ends_within_its_deadline_whatever_happens() {
    let deadline = Duration::from_millis(200);
    let settings = KinesisSettings { append_deadline: deadline, call_timeout: GENEROUS, ..settings() };
    let (told, batcher) = start(&settings);
    told.tell("fails", &[Fate::Fails; 100_000]);
    told.tell("hangs", &[Fate::Hangs]);
    let started = Instant::now();
    let said = refusal(batcher.append("fails".into()).await);
    // The last pause may reach behind the deadline, or the deadline may come first.
    assert!(said.contains("did not take the record") && said.contains("no entry today"), "{said}");
    assert!(started.elapsed() < 10 * deadline && told.sent("fails") > 3, "{:?}", started.elapsed());
    let started = Instant::now();
    let said = refusal(batcher.append("hangs".into()).await);
    assert!(said.contains("within 200ms"), "{said}");
    assert!(started.elapsed() >= deadline && started.elapsed() < 10 * deadline, "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_append_that_is_given_up_is_not_sent_again_and_holds_nobody_up() {
    let (told, batcher) = start(&KinesisSettings { calls_in_flight: 1, ..settings() });
    let gate = all_calls_busy(&told, &batcher, 1).await;
    told.tell("later", &[Fate::Fails; 1000]);
    let gone = append(&batcher, "gone");
    until("it waits", || batcher.room.available_permits() == batcher.all_room - 6 - 4).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    until("its room is free", || batcher.room.available_permits() == batcher.all_room - 6).await;
    *told.gate.lock().unwrap() = None;
    gate.notify_waiters();
    let later = append(&batcher, "later");
    until("it fails again and again", || told.sent("later") > 2).await;
    later.abort();
    assert!(later.await.unwrap_err().is_cancelled());
    batcher.append("last".into()).await.unwrap();
    assert_eq!(told.sent("gone"), 0);
    assert_eq!(batcher.room.available_permits(), batcher.all_room);
}

#[tokio::test]
async fn no_more_waits_than_there_is_room_for() {
    let (told, batcher) = start(&KinesisSettings { max_waiting_bytes: 100, ..settings() });
    let gate = told.close();
    let first = append(&batcher, &"a".repeat(90));
    until("it is sent", || told.calls().len() == 1).await;
    let second = append(&batcher, &"b".repeat(20));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(told.sent(&"b".repeat(20)), 0, "it waits for room, with three more calls allowed");
    *told.gate.lock().unwrap() = None;
    gate.notify_waiters();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    // A record that is larger than all the room takes all of it.
    batcher.append("c".repeat(500).into()).await.unwrap();
}

#[tokio::test]
async fn the_task_ends_with_its_batcher() {
    let (told, batcher) = start(&settings());
    batcher.append("a".into()).await.unwrap();
    let worker = Arc::downgrade(&batcher.worker);
    drop(batcher);
    until("the task has ended", || worker.strong_count() == 0).await;
    assert_eq!(Arc::strong_count(&told), 1);
}
