//! Lakes on S3, against a real server of its protocol, and through a network that fails.
//!
//! - [`objects`]: what every store must do; pages, parts and ranges.
//! - [`failures`]: answers that are lost, connections that break, and what is said of a refusal.
//! - [`examine`]: what is wrong with a lake there, and mending it.
//! - [`lake`]: two writers of one table, landing, compaction, the overflow.
//! - [`erase`]: a user who goes while others write; [`ids`]: the index of event ids, which several write.
//! - [`program`]: the commands of `weir` on `s3://…`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic; helpers of tests are no production code"
)]

#[path = "s3/erase.rs"]
mod erase;
#[path = "s3/examine.rs"]
mod examine;
#[path = "s3/failures.rs"]
mod failures;
#[path = "s3/ids.rs"]
mod ids;
#[path = "s3/lake.rs"]
mod lake;
#[path = "s3/objects.rs"]
mod objects;
#[path = "s3/program.rs"]
mod program;

use weir_store::Store;
use weir_store::store::IfMissing;
use weir_tests::moto::Moto;

/// An empty lake in a bucket of its own.
async fn store(bucket: &str) -> Store {
    let url = format!("s3://{}/lake", Moto::shared().bucket(bucket));
    Store::open_with(&url, IfMissing::Create, &Moto::shared().config().await).await.unwrap()
}

/// The same lake, through a proxy.
async fn store_through(endpoint: &str, bucket: &str) -> Store {
    let url = format!("s3://{bucket}/lake");
    Store::open_with(&url, IfMissing::Create, &weir_tests::aws::config(endpoint).await).await.unwrap()
}
