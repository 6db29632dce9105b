//! The one configuration of everything that talks to AWS: S3 here, and the stream of the event log.
//!
//! Credentials, region, endpoint and retries come from where every AWS tool takes them: environment (`AWS_PROFILE`,
//! `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_MAX_ATTEMPTS`, …), profile files, the role of a function or a machine. All clients
//! that are made from one configuration share its HTTPS client, and so its connections and its cache of credentials.
//!
//! ```no_run
//! # async fn example() -> Result<(), weir_store::StoreError> {
//! let aws = weir_store::aws::config().await;
//! let lake = weir_store::Store::open_with("s3://bucket/lake", weir_store::store::IfMissing::Fail, &aws).await?;
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub use aws_config::SdkConfig;

/// Making a connection takes at most so long.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One try of a request takes at most so long, until its answer begins: a part of 10 MiB on a slow line included.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the configuration of this process. A request is tried 3 times, unless `AWS_MAX_ATTEMPTS` says otherwise, with the
/// SDK's growing pauses between; [`CONNECT_TIMEOUT`] and [`ATTEMPT_TIMEOUT`] bound each try.
///
/// An HTTPS client belongs to the runtime that it first ran on: make one configuration in each program, and share it.
pub async fn config() -> SdkConfig {
    loader().load().await
}

/// What [`config`] reads, before it is read: for a program that knows some of it better.
pub fn loader() -> ConfigLoader {
    // The default of the SDK would bring a second library of cryptography.
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::latest()).http_client(https).timeout_config(timeouts)
}
