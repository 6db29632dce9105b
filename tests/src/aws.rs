//! How clients and programs find a stand-in for AWS on this machine.

use std::time::Duration;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Credentials, Region, SharedCredentialsProvider};
use weir_store::aws::{self, SdkConfig};

/// Tests wait for an answer that does not come for so long.
const ATTEMPT: Duration = Duration::from_secs(20);
/// The region of everything that tests make.
pub const REGION: &str = "eu-central-1";
const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key";

/// The environment of a program whose endpoint is `url`.
pub fn environment(url: &str) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// A configuration whose endpoint is `url`, and which asks nothing of this machine.
pub async fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests");
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    aws::loader()
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .timeout_config(timeouts)
        .load()
        .await
}
