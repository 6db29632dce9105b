//! What the collector is told by its environment when it runs as a function: the only place that reads it.
//!
//! | variable | means | default |
//! |---|---|---|
//! | `WEIR_LAKE` | the lake: `s3://bucket/prefix`; its settings and its overflow are there | required |
//! | `WEIR_STREAM` | the Kinesis stream: its name, or its ARN | required |
//! | `WEIR_RECORD_BYTES` | the largest record that the stream takes, in bytes | 1048576 |
//! | `WEIR_APPEND_MS` | how long the stream may take before the overflow is used, in milliseconds | 3000 |
//! | `WEIR_METRICS` | how metrics are written: `emf`, CloudWatch's embedded format, or `log`, lines that are no metrics | `emf` |
//! | `WEIR_LOG` | what weir logs: `error`, `warn`, `info`, `debug` or `trace`; of libraries only warnings | `info` |
//!
//! Region, credentials and endpoints are those of every AWS program (`AWS_REGION`, `AWS_ENDPOINT_URL`, …).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tracing::Level;
use weir_store::emf::MetricsForm;

/// The largest record that a stream takes unless it is set to take more.
const DEFAULT_RECORD_BYTES: usize = 1 << 20;
/// The largest record that a stream can be set to take.
const MOST_RECORD_BYTES: usize = 10 << 20;
const DEFAULT_APPEND_MS: u64 = 3_000;

/// A collector's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The lake.
    pub lake: String,
    /// The stream: name or ARN.
    pub stream: String,
    /// The largest record that the stream takes, in bytes.
    pub record_bytes: usize,
    /// How long the stream may take.
    pub append_time: Duration,
    /// How metrics are written.
    pub metrics: MetricsForm,
    /// What weir logs.
    pub log: Level,
}

/// Everything that is wrong with the environment, at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// A line each.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment has {} problems: {}", self.problems.len(), self.problems.join("; "))
    }
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_env() -> Result<Self, ConfigError> {
        #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads an environment; an empty variable is none.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut read = Reader { variable: |name: &str| variable(name).filter(|v| !v.is_empty()), problems: Vec::new() };
        let config = Self {
            lake: read.required("WEIR_LAKE", "the lake, such as s3://bucket/prefix"),
            stream: read.required("WEIR_STREAM", "the Kinesis stream, by its name or its ARN"),
            record_bytes: read.number("WEIR_RECORD_BYTES", DEFAULT_RECORD_BYTES, 1024..=MOST_RECORD_BYTES),
            append_time: Duration::from_millis(read.number("WEIR_APPEND_MS", DEFAULT_APPEND_MS, 100..=25_000)),
            metrics: read.metrics("WEIR_METRICS"),
            log: read.level("WEIR_LOG", Level::INFO),
        };
        if read.problems.is_empty() { Ok(config) } else { Err(ConfigError { problems: read.problems }) }
    }
}

struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn metrics(&mut self, name: &str) -> MetricsForm {
        let read = (self.variable)(name).map(|text| text.parse()).transpose();
        read.map(Option::unwrap_or_default).unwrap_or_else(|problem: String| {
            self.problems.push(format!("{name} is {problem}"));
            MetricsForm::default()
        })
    }

    fn level(&mut self, name: &str, default: Level) -> Level {
        let Some(text) = (self.variable)(name) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.problems.push(format!("{name} is `{text}`; expected error, warn, info, debug or trace"));
            default
        })
    }

    fn required(&mut self, name: &str, what: &str) -> String {
        (self.variable)(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set; it is {what}"));
            String::new()
        })
    }

    fn number<T>(&mut self, name: &str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let Some(text) = (self.variable)(name) else { return default };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = (range.start(), range.end());
                self.problems.push(format!("{name} is `{text}`; expected a whole number from {least} to {most}"));
                default
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_not_set_has_a_default() {
        let config = read(&[("WEIR_LAKE", "s3://b/p"), ("WEIR_STREAM", "events"), ("WEIR_LOG", "")]).unwrap();
        let expected = Config {
            lake: "s3://b/p".to_owned(),
            stream: "events".to_owned(),
            record_bytes: 1_048_576,
            append_time: Duration::from_secs(3),
            metrics: MetricsForm::Emf,
            log: Level::INFO,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = read(&[
            ("WEIR_STREAM", ""),
            ("WEIR_RECORD_BYTES", "1 MiB"),
            ("WEIR_APPEND_MS", "99"),
            ("WEIR_LOG", "aws_smithy_runtime=debug"),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment has 5 problems: WEIR_LAKE is not set; it is the lake, such as s3://bucket/prefix; \
             WEIR_STREAM is not set; it is the Kinesis stream, by its name or its ARN; \
             WEIR_RECORD_BYTES is `1 MiB`; expected a whole number from 1024 to 10485760; \
             WEIR_APPEND_MS is `99`; expected a whole number from 100 to 25000; \
             WEIR_LOG is `aws_smithy_runtime=debug`; expected error, warn, info, debug or trace"
        );
    }
}
