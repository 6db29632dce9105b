//! What can be set about a stream: plain data, with defaults that fit a stream as it is made.
//!
//! ```
//! use ingest_fn::kinesis::KinesisSettings;
//!
//! let settings = KinesisSettings { max_record_bytes: 4 << 20, ..KinesisSettings::new("events") };
//! assert_eq!(settings.max_call_records, 500);
//! ```

use std::time::Duration;

/// How a [`KinesisLog`](super::KinesisLog) is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KinesisSettings {
    /// The stream's name, or its ARN (`arn:…`).
    pub stream: String,
    /// The largest record that the stream takes, in bytes, partition key included: 1 MiB unless the stream is told
    /// otherwise, and at most 10 MiB. Records are packed before they are measured.
    pub max_record_bytes: usize,
    /// The most records of one `PutRecords` call; Kinesis takes 500.
    pub max_call_records: usize,
    /// The most bytes of one `PutRecords` call, records and partition keys, in bytes. 5 MiB is what Kinesis always took;
    /// it takes 10 MiB where records may be that large. A record that is larger than this is sent alone.
    pub max_call_bytes: usize,
    /// How many `PutRecords` calls may be open at once. Records that come meanwhile wait, and share the next call.
    pub calls_in_flight: usize,
    /// The most bytes of records that wait or are on their way. Further appends wait for room, within their deadline.
    pub max_waiting_bytes: usize,
    /// How long one append may take, all its tries and pauses together.
    pub append_deadline: Duration,
    /// How long one call may take before it counts as failed. Well below the deadline, so that there is time for another.
    pub call_timeout: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// The longest pause before the second try; it doubles with every further one. The pause is drawn between zero and this.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
    /// How often a call for reading is tried before the read fails.
    pub read_tries: u32,
    /// How long one call for reading may take.
    pub read_timeout: Duration,
}

impl KinesisSettings {
    /// The defaults: records of 1 MiB; calls of 500 records and 5 MiB, four at once, each within 1 s; appends within 3 s,
    /// with pauses of up to 50 ms, doubled up to 1 s; 64 MiB waiting.
    pub fn new(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            max_record_bytes: 1 << 20,
            max_call_records: 500,
            max_call_bytes: 5 << 20,
            calls_in_flight: 4,
            max_waiting_bytes: 64 << 20,
            append_deadline: Duration::from_secs(3),
            call_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_millis(500),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
            read_tries: 6,
            read_timeout: Duration::from_secs(10),
        }
    }
}
