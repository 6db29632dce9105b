//! What these tests share: a stream, a lake with a key, and functions over both.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aws_sdk_kinesis::primitives::Blob;
use compact_fn::land::Lander;
use flate2::Compression;
use flate2::write::GzEncoder;
use ingest_fn::kinesis::{KinesisLog, KinesisSettings};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use weir_core::ports::{EventLog, RandomIds, SystemClock};
use weir_lake::{Snapshot, Table};
use weir_store::store::IfMissing;
use weir_store::{Settings, Store, StoreError};
use weir_tests::kinesis::Kinesis;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::source::{Mapping, Source};
use weir_tests::lambda::{Config, Function};
use weir_tests::moto::Moto;
use weir_tests::now_ms;

const STREAM: &str = "events";
const KEY: &str = "wk_test_key_of_the_function";
/// A port on which nothing listens.
const NOBODY: &str = "http://127.0.0.1:1";

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Takes another program than the one beside `weir`. To be called first.
#[allow(dead_code, reason = "measurements choose, tests do not")]
pub fn choose_program(program: PathBuf) {
    PROGRAM.set(program).expect("nobody has asked for a program yet");
}

/// The compiled function: the one beside the program `weir`.
pub fn program() -> &'static Path {
    PROGRAM.get_or_init(|| {
        let path = weir_tests::binary().with_file_name("ingest-fn");
        assert!(path.is_file(), "there is no function `{}`: run `make test`, which builds it first", path.display());
        path
    })
}

/// The compiled compactor, beside the other.
pub fn compactor_program() -> PathBuf {
    let path = program().with_file_name("compact-fn");
    assert!(path.is_file(), "there is no function `{}`: run `make test`, which builds it first", path.display());
    path
}

/// Everything that stands behind a function.
pub struct Site {
    kinesis: Kinesis,
    lake: String,
    store: Store,
    stream: KinesisLog,
    lander: Lander,
    runtime: Runtime,
}

impl Site {
    /// A stream of two shards, and a lake with one key in a bucket of its own.
    pub fn new(name: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let moto = Moto::shared();
        let lake = format!("s3://{}/lake", moto.bucket(&format!("function-{name}")));
        let (kinesis, store, stream, lander) = runtime.block_on(async {
            let kinesis = Kinesis::start().await;
            kinesis.stream(STREAM, 2).await;
            let store = Store::open_with(&lake, IfMissing::Create, &moto.config().await).await.unwrap();
            set_keys(&store, json!([{"key": KEY, "source": "web", "created_at": 0}])).await;
            let aws = weir_tests::aws::config(&format!("http://{}", kinesis.address())).await;
            let stream = KinesisLog::new(&aws, KinesisSettings::new(STREAM), Arc::new(RandomIds));
            let lander = Lander::open(&store, Arc::new(SystemClock), Arc::new(RandomIds)).await.unwrap();
            (kinesis, store, stream, lander)
        });
        Self { kinesis, lake, store, stream, lander, runtime }
    }

    /// The key that the lake knows.
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// A function behind a door.
    pub fn function(&self, door: Door) -> Function {
        Function::new(Config { door, ..self.config(&[]) })
    }

    /// A function with more variables.
    pub fn function_with(&self, more: &[(&str, &str)]) -> Function {
        Function::new(self.config(more))
    }

    /// A function whose stream nobody answers for.
    pub fn function_without_stream(&self) -> Function {
        Function::new(self.config(&[("AWS_ENDPOINT_URL_KINESIS", NOBODY), ("WEIR_APPEND_MS", "500")]))
    }

    /// The compactor, with so many processes at once.
    pub fn compactor(&self, concurrency: usize) -> Function {
        self.compactor_of(concurrency, &[])
    }

    /// A compactor whose stream nobody answers for.
    pub fn compactor_without_stream(&self) -> Function {
        self.compactor_of(1, &[("AWS_ENDPOINT_URL_KINESIS", NOBODY)])
    }

    /// The compactor with more variables.
    #[allow(dead_code, reason = "measurements count its requests, tests do not")]
    pub fn compactor_with(&self, more: &[(&str, &str)]) -> Function {
        self.compactor_of(1, more)
    }

    fn compactor_of(&self, concurrency: usize, more: &[(&str, &str)]) -> Function {
        let timeout = std::time::Duration::from_secs(60);
        Function::new(Config { program: compactor_program(), concurrency, timeout, ..self.config(more) })
    }

    /// An event source mapping of the stream.
    pub fn source(&self, settings: Mapping) -> Source<'_> {
        Source::new(self.kinesis.admin().clone(), STREAM, settings, &self.runtime)
    }

    /// Puts bytes into the shard of a number: its range of hashes, of two that there are first.
    pub fn put(&self, half: usize, payload: &[u8]) {
        // The hash ranges of the two halves, by numbers of 128 bits.
        let hash = if half == 0 { "1".to_owned() } else { format!("{}", (1_u128 << 127) + 1) };
        let call = self.kinesis.admin().put_record().stream_name(STREAM).partition_key("p").explicit_hash_key(hash);
        let put = call.data(Blob::new(payload.to_vec())).send();
        self.runtime.block_on(put).expect("kinesis-local takes a record");
    }

    /// The stream's stand-in.
    pub fn kinesis(&self) -> &Kinesis {
        &self.kinesis
    }

    /// Runs something to its end.
    pub fn wait_for<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The lake's store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The table of the lake as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.runtime.block_on(Table::open(&self.store)).expect("the table opens").snapshot()
    }

    fn config(&self, more: &[(&str, &str)]) -> Config {
        let stream = format!("http://{}", self.kinesis.address());
        let mut variables = Moto::shared().environment().to_vec();
        variables.extend([("WEIR_LAKE", self.lake.as_str()), ("WEIR_STREAM", STREAM)]);
        variables.push(("AWS_ENDPOINT_URL_KINESIS", &stream));
        variables.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        variables.extend(more);
        Config::new(program(), &variables)
    }

    /// Switches the key off.
    pub fn disable_key(&self) {
        let keys = json!([{"key": KEY, "source": "web", "created_at": 0, "disabled_at": now_ms()}]);
        self.runtime.block_on(set_keys(&self.store, keys));
    }

    /// Lands everything, and gives the number of events that the lake has.
    pub fn land(&mut self) -> u64 {
        self.runtime.block_on(async {
            for shard in self.stream.shards().await.unwrap() {
                let mut through = BTreeSet::new();
                loop {
                    let landed = self.lander.land_log(&self.stream, &shard).await.unwrap();
                    assert_eq!(landed.unreadable, [""; 0]);
                    if !through.insert(landed.through.map(|through| through.to_string())) {
                        break;
                    }
                }
            }
            let landed = self.lander.land_overflow(1 << 20).await.unwrap();
            assert_eq!((landed.unreadable.len(), landed.is_full), (0, false));
            self.lander.snapshot().rows()
        })
    }

    /// The newest version of the lake's table.
    pub fn version(&self) -> u64 {
        self.lander.snapshot().version
    }
}

async fn set_keys(store: &Store, keys: Value) {
    let set = Settings::update(store, |settings| settings.set("keys", &keys));
    let set: Result<(), StoreError> = set.await;
    set.unwrap();
}

/// An event like no other.
pub fn event(number: u64) -> Value {
    json!({"event": "E", "user_id": format!("u{number}"), "event_id": format!("e{number}")})
}

/// A body, packed.
pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::default());
    packing.write_all(body).and_then(|()| packing.finish()).expect("memory takes everything")
}
