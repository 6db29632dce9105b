//! What the estimate is made of: prices with their date, and what the benchmarks have measured.
//!
//! Both are files of this program (`data/prices.json`, `data/measured.json`), so an estimate names what it was made from.

use serde::Deserialize;

/// Prices of one region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day on which they were looked up, as `2026-01-31`.
    pub priced_on: String,
    /// Of which region.
    pub region: String,
    /// Of which money.
    pub currency: String,
    /// Where they are from, and what they leave out.
    pub source: String,
    pub(super) kinesis: Kinesis,
    pub(super) lambda: Lambda,
    pub(super) s3: S3,
    pub(super) cloudwatch: CloudWatch,
    pub(super) edge: EdgePrices,
    pub(super) secrets: Secrets,
    pub(super) free_tier: FreeTier,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kinesis {
    pub shard_hour: f64,
    pub million_put_units: f64,
    pub put_unit_bytes: f64,
    pub extended_shard_hour: f64,
    pub on_demand_stream_hour: f64,
    pub on_demand_gb_in: f64,
    pub on_demand_gb_out: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lambda {
    pub million_requests: f64,
    pub gb_second_x86_64: f64,
    pub gb_second_arm64: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    /// PUT, POST and LIST.
    pub thousand_writes: f64,
    /// GET and HEAD.
    pub thousand_reads: f64,
    pub gb_month: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloudWatch {
    pub metric_month: f64,
    pub alarm_month: f64,
    pub dashboard_month: f64,
    pub log_gb: f64,
    pub log_gb_month: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgePrices {
    pub million_cloudfront_requests: f64,
    pub million_http_api_requests: f64,
    pub gb_out: f64,
    pub cloudfront_gb_out: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secrets {
    pub secret_month: f64,
}

/// What is free each month without an end.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreeTier {
    pub lambda_requests: f64,
    pub lambda_gb_seconds: f64,
    pub metrics: f64,
    pub alarms: f64,
    pub dashboards: f64,
    pub log_gb: f64,
    pub gb_out: f64,
    #[serde(rename = "note")]
    _note: String,
}

/// What was counted, measured or estimated; its `how` says which is which.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The day of the measurement.
    pub measured_on: String,
    /// By what.
    pub how: String,
    /// Bytes of JSON of an event of the benchmarks.
    pub event_json_bytes: f64,
    pub(super) record_bytes_per_json_byte: f64,
    pub(super) stored_bytes_per_json_byte: f64,
    /// Processor time of a warm request.
    pub(super) collector_cpu_ms: f64,
    /// With its head.
    pub(super) collector_response_bytes: f64,
    pub(super) landing: Landing,
    /// One turn of the schedule that finds nothing to merge.
    pub(super) schedule: Schedule,
    pub(super) compaction_cpu_seconds_per_million_events: f64,
    /// How often an event is written again by merges until it lies where it stays.
    pub(super) compaction_passes: f64,
    /// Requests that read, for each landed file that is merged.
    pub(super) compaction_reads_per_file: f64,
    pub(super) question_cpu_seconds_per_million_events: f64,
    pub(super) question_reads: f64,
    /// Figures that are filtered from logs for alarms.
    pub(super) metrics: f64,
    /// Of one line of metrics.
    pub(super) metric_line_bytes: f64,
    /// Of the line about a landing.
    pub(super) landing_line_bytes: f64,
}

/// One batch of one shard.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Landing {
    /// Processor time of a batch.
    pub cpu_ms: f64,
    pub writes: f64,
    pub lists: f64,
    pub reads: f64,
    pub cpu_ms_per_thousand_events: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    pub cpu_ms: f64,
    pub writes: f64,
    pub lists: f64,
    pub reads: f64,
}

const PRICES: &str = include_str!("../../data/prices.json");
const MEASURED: &str = include_str!("../../data/measured.json");

impl Prices {
    /// Those of this program, or of a file of the same form.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(text: Option<&str>) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text.unwrap_or(PRICES))
    }

    /// One request to the store that reads.
    pub fn per_read(&self) -> f64 {
        self.s3.thousand_reads / 1e3
    }
}

impl Measured {
    /// The figures of this program.
    ///
    /// # Errors
    /// None, unless the program was built with a wrong file.
    pub fn read() -> Result<Self, serde_json::Error> {
        serde_json::from_str(MEASURED)
    }
}
