//! Any history of appends, reads, faults and openings reads like a list.

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::disk::{Faults, FaultyDisk};
use super::*;

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<usize>),
    Read { from: usize, max_bytes: usize },
    Trim(usize),
    Reopen,
    Tear(Vec<u8>),
    Break(u8),
    Heal,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => prop::collection::vec(prop_oneof![Just(0), 0..60usize, 0..600usize], 1..5).prop_map(Op::Append),
        4 => (0..1000usize, prop_oneof![0..400usize, Just(usize::MAX)])
            .prop_map(|(from, max_bytes)| Op::Read { from, max_bytes }),
        1 => (0..1000usize).prop_map(Op::Trim),
        2 => Just(Op::Reopen),
        1 => prop::collection::vec(any::<u8>(), 1..50).prop_map(Op::Tear),
        2 => (1..16u8).prop_map(Op::Break),
        2 => Just(Op::Heal),
    ]
}

/// What a log has to hold, next to the log.
struct Model {
    dir: TempDir,
    disk: FaultyDisk,
    log: Option<FileLog>,
    records: Vec<(u64, Bytes)>,
    trimmed: u64,
    /// Appends that failed since the last that did not: they may come back when the log is opened again.
    unanswered: usize,
    appended: u8,
}

impl Model {
    fn new() -> Self {
        let (dir, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
        let log = Some(disk.open(small_segments(dir.path())).0);
        Self { dir, disk, log, records: Vec::new(), trimmed: 0, unanswered: 0, appended: 0 }
    }

    fn log(&self) -> &FileLog {
        self.log.as_ref().unwrap()
    }

    async fn apply(&mut self, op: Op) {
        match op {
            Op::Append(lens) => self.append(&lens).await,
            Op::Read { from, max_bytes } => self.read(from, max_bytes).await,
            Op::Trim(at) if !self.records.is_empty() => {
                let through = self.records[at % self.records.len()].0;
                self.log().trim(&shard(), &through.into()).await.unwrap();
                self.trimmed = self.trimmed.max(through);
            }
            Op::Trim(_) => {}
            Op::Reopen => self.reopen(&[]).await,
            Op::Tear(garbage) => self.reopen(&garbage).await,
            Op::Break(switches) => {
                let Faults { full, no_sync, no_truncate, no_sync_dir, .. } = &*self.disk.0;
                for (bit, switch) in [full, no_sync, no_truncate, no_sync_dir].into_iter().enumerate() {
                    FaultyDisk::set(switch, switches >> bit & 1 == 1);
                }
            }
            Op::Heal => self.disk.heal(),
        }
        self.check().await;
    }

    async fn append(&mut self, lens: &[usize]) {
        let mut offered = Vec::new();
        for len in lens {
            self.appended = self.appended.wrapping_add(1);
            offered.push(Bytes::from(vec![self.appended; *len]));
        }
        let log = Arc::new(self.log.take().unwrap());
        let mut appends = JoinSet::new();
        for payload in offered {
            let log = Arc::clone(&log);
            appends.spawn(async move { (log.append(payload.clone()).await, payload) });
        }
        let mut stored = Vec::new();
        for (answer, payload) in appends.join_all().await {
            match answer {
                Ok(position) => stored.push((position.sequence.as_u64().unwrap(), payload)),
                Err(LogError::Unavailable(_)) => self.unanswered += 1,
                Err(other) => panic!("{other}"),
            }
        }
        stored.sort();
        self.records.extend(stored);
        self.log = Some(Arc::into_inner(log).unwrap());
    }

    async fn kept(&self) -> usize {
        let all = read_behind(self.log(), None, usize::MAX).await.unwrap();
        assert!(self.records.ends_with(&all), "read {all:?} of {:?}", self.records);
        let kept = self.records.len() - all.len();
        assert!(self.records[..kept].iter().all(|(end, _)| *end <= self.trimmed), "more is gone than was trimmed");
        kept
    }

    async fn check(&self) {
        self.kept().await;
        assert_eq!(self.log().end(), self.records.last().map(|(end, _)| (*end).into()));
    }

    async fn read(&self, from: usize, max_bytes: usize) {
        let from = from % (self.records.len() + 1);
        let after = from.checked_sub(1).map(|i| self.records[i].0);
        let mut bytes = 0;
        let behind = &self.records[from.max(self.kept().await)..];
        let fits = behind.iter().take_while(|(_, payload)| {
            bytes += payload.len();
            bytes <= max_bytes
        });
        let expected = &behind[..fits.count().max(1).min(behind.len())];
        assert_eq!(read_behind(self.log(), after, max_bytes).await.unwrap(), expected);
    }

    async fn reopen(&mut self, garbage: &[u8]) {
        drop(self.log.take());
        let torn = segments(self.dir.path()).pop().filter(|_| !garbage.is_empty());
        if let Some(last) = &torn {
            change(&self.dir.path().join(last), |bytes| bytes.extend_from_slice(garbage));
        }
        let (log, report) = self.disk.open(small_segments(self.dir.path()));
        assert!(report.cut_bytes >= torn.map_or(0, |_| garbage.len() as u64));
        let end = self.records.last().map(|(end, _)| *end);
        let mut back = read_behind(&log, None, usize::MAX).await.unwrap();
        back.retain(|(at, _)| end.is_none_or(|end| *at > end));
        assert!(back.len() <= self.unanswered, "records nobody appended: {back:?}");
        self.records.extend(back);
        self.unanswered = 0;
        self.log = Some(log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_history_reads_like_the_model(ops in prop::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for op in ops {
                model.apply(op).await;
            }
        });
    }
}
