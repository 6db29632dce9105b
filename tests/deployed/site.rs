//! The deployment on this machine: the functions of the compute stack over the data stack, with stand-ins that fail between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use weir_lake::{Snapshot, Table};
use weir_store::store::IfMissing;
use weir_store::{Settings, Store, StoreError};
use weir_tests::Scratch;
use weir_tests::fault_proxy::Proxy;
use weir_tests::kinesis::Kinesis;
use weir_tests::kinesis_faults::FaultProxy;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::source::{Mapping, Source};
use weir_tests::lambda::{Config, Function};
use weir_tests::moto::Moto;

use super::stacks::Stacks;

/// Keys that the lake knows: one for good, one that is switched off in the middle.
pub const KEY: &str = "wk_for_the_whole_day_00001";
pub const OFF_KEY: &str = "wk_switched_off_in_the_middle";
/// The SHA-256 of the token `wt_test`, by which questions are asked.
const TOKEN: &str = "wt_test";
const TOKEN_SHA256: &str = "4b7dd90a10807a84379a8409534134177008c12ccea3277b50356f61a885fe88";

/// Everything that is there.
pub struct Site {
    pub stacks: Stacks,
    pub kinesis: Kinesis,
    /// What stands before the stream.
    pub stream_faults: FaultProxy,
    /// What stands before the lake.
    pub store_faults: Proxy,
    pub stream: String,
    store: Store,
    runtime: Runtime,
    /// Where the query function's package is.
    package: Scratch,
}

impl Site {
    pub fn deploy() -> Self {
        let stacks = Stacks::deploy();
        let (stream, lake) = (stacks.output("StreamName").to_owned(), stacks.output("LakeUrl").to_owned());
        let runtime = Runtime::new().expect("a runtime");
        let shards = runtime.block_on(shards_of(&stream));
        let moto = Moto::shared();
        let store_faults = Proxy::start(moto.url());
        let (kinesis, stream_faults, store) = runtime.block_on(async {
            let kinesis = Kinesis::start().await;
            kinesis.stream(&stream, shards).await;
            let faults = FaultProxy::start(kinesis.address(), 20_261_129).await;
            let store = Store::open_with(&lake, IfMissing::Create, &moto.config().await).await.unwrap();
            Table::open_or_create(&store, "0190a2b4-7c1e-7000-8000-000000000001", weir_tests::now_ms()).await.unwrap();
            (kinesis, faults, store)
        });
        let site =
            Self { stacks, kinesis, stream_faults, store_faults, stream, store, runtime, package: Scratch::new() };
        let key = |key: &str, source: &str| json!({"key": key, "source": source, "created_at": 0});
        site.set("keys", &json!([key(KEY, "web"), key(OFF_KEY, "old")]));
        let token = json!({"name": "test", "role": "admin", "sha256": TOKEN_SHA256, "created_at": 0});
        site.set("tokens", &json!([token]));
        site
    }

    /// Changes a field of the lake's settings, as its commands do.
    pub fn set(&self, field: &str, value: &Value) {
        let set: Result<(), StoreError> =
            self.wait_for(Settings::update(&self.store, |settings| settings.set(field, value)));
        set.unwrap();
    }

    pub fn wait_for<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.wait_for(Table::open(&self.store)).expect("the table opens").snapshot()
    }

    /// The function whose name ends so, as the template sets it up, with so many processes at once at most.
    pub fn function(&self, name: &str, most: usize) -> Function {
        self.function_with(name, most, None)
    }

    /// The same, with less time for an event.
    pub fn function_with(&self, name: &str, most: usize, timeout: Option<Duration>) -> Function {
        let properties = self.stacks.function(name);
        let reserved = properties["ReservedConcurrentExecutions"].as_u64().map_or(most, |n| most.min(n as usize));
        let seconds = properties["Timeout"].as_u64().expect("it has a timeout");
        let mut variables = self.stacks.variables(properties);
        let stream_url = format!("http://{}", self.stream_faults.address());
        let own = Moto::shared().environment().map(|(name, value)| (name.to_owned(), value.to_owned()));
        variables.extend(own);
        variables.push(("AWS_ENDPOINT_URL_KINESIS".to_owned(), stream_url));
        variables.push(("AWS_ENDPOINT_URL_S3".to_owned(), self.store_faults.url().to_owned()));
        let program = match name {
            "-ingest-live" | "-ingest-bulk" => beside("ingest-fn"),
            "-landing" | "-maintenance" => beside("compact-fn"),
            _ => {
                variables.push(("LAMBDA_TASK_ROOT".to_owned(), self.package.lake()));
                self.query_package()
            }
        };
        Function::new(Config {
            program,
            variables,
            timeout: timeout.unwrap_or(Duration::from_secs(seconds)),
            concurrency: reserved,
            door: Door::FunctionUrl,
        })
    }

    /// What `make package` makes of the program: it, and the file that starts it.
    fn query_package(&self) -> PathBuf {
        let folder = PathBuf::from(self.package.lake());
        std::fs::create_dir_all(&folder).expect("a folder");
        let bootstrap = folder.join("bootstrap");
        if !bootstrap.exists() {
            std::os::unix::fs::symlink(beside("weir"), folder.join("weir")).expect("a link");
            std::fs::copy("../infra/functions/query/bootstrap", &bootstrap).expect("the file is copied");
        }
        bootstrap
    }

    /// The event source mapping as the template has it.
    pub fn mapping(&self) -> Source<'_> {
        let mut mappings = self.stacks.of_type("AWS::Lambda::EventSourceMapping");
        let (Some(mapping), None) = (mappings.next(), mappings.next()) else { panic!("there is one mapping") };
        // What is emulated is a mapping that is set up like this, and no other.
        for (setting, value) in [
            ("StartingPosition", json!("TRIM_HORIZON")),
            ("FunctionResponseTypes", json!(["ReportBatchItemFailures"])),
            ("ParallelizationFactor", json!(1)),
            ("TumblingWindowInSeconds", json!(0)),
            ("MaximumRecordAgeInSeconds", json!(-1)),
        ] {
            assert_eq!(mapping[setting], value, "{setting}");
        }
        assert!(mapping["DestinationConfig"]["OnFailure"]["Destination"].is_object());
        let number = |name: &str| mapping[name].as_i64().unwrap_or_else(|| panic!("{name} is a number"));
        let settings = Mapping {
            batch: usize::try_from(number("BatchSize")).unwrap(),
            window: Duration::from_secs(number("MaximumBatchingWindowInSeconds").unsigned_abs()),
            bisects: mapping["BisectBatchOnFunctionError"] == true,
            retries: u32::try_from(number("MaximumRetryAttempts")).ok(),
        };
        Source::new(self.kinesis.admin().clone(), &self.stream, settings, &self.runtime)
    }

    /// The events of the schedules, as the template has them.
    pub fn schedules(&self) -> Vec<Value> {
        let schedules = self.stacks.of_type("AWS::Scheduler::Schedule");
        let event =
            |schedule: &Value| schedule["Target"]["Input"].as_str().map(|text| serde_json::from_str(text).unwrap());
        let events: Vec<Value> =
            schedules.filter_map(event).filter(|event: &Value| event["weir"] != "checks").collect();
        for task in ["land-overflow", "complete", "compact", "upkeep"] {
            assert!(events.contains(&json!({"weir": task})), "nothing does `{task}`");
        }
        events
    }

    /// What questions come with.
    pub fn authorization(&self) -> String {
        format!("Bearer {TOKEN}")
    }
}

/// Shards of the stream that the data stack has.
async fn shards_of(stream: &str) -> i32 {
    let client = aws_sdk_kinesis::Client::new(&Moto::shared().config().await);
    let listed = client.list_shards().stream_name(stream).send().await.expect("moto has the stream");
    i32::try_from(listed.shards().len()).unwrap()
}

/// A program: of the packages that `make package` has made, if `WEIR_PACKAGES` names their folder; else as it was built with this test.
fn beside(name: &str) -> PathBuf {
    if let Some(packages) = std::env::var_os("WEIR_PACKAGES").filter(|folder| !folder.is_empty()) {
        let in_package = if name == "weir" { "weir/weir".to_owned() } else { format!("{name}/bootstrap") };
        return PathBuf::from(packages).join(in_package);
    }
    let path = weir_tests::binary().with_file_name(name);
    assert!(
        Path::is_file(&path),
        "there is no program `{}`: run `make test-aws`, which builds it first",
        path.display()
    );
    path
}
