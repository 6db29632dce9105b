//! What the compactor is told by its environment when it runs as a function: the only place that reads it.
//!
//! | variable | means | default |
//! |---|---|---|
//! | `WEIR_LAKE` | the lake: `s3://bucket/prefix` | required |
//! | `WEIR_STREAM` | the Kinesis stream that is landed: its name, or its ARN | required |
//! | `WEIR_METRICS` | how metrics are written: `emf`, CloudWatch's embedded format, or `log`, lines that are no metrics | `emf` |
//! | `WEIR_LOG` | what weir logs: `error`, `warn`, `info`, `debug` or `trace`; of libraries only warnings | `info` |
//!
//! Region, credentials and endpoints are those of every AWS program (`AWS_REGION`, `AWS_ENDPOINT_URL`, …).

use std::fmt;

use tracing::Level;
use weir_store::emf::MetricsForm;

/// A compactor's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The lake.
    pub lake: String,
    /// The stream: name or ARN.
    pub stream: String,
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
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let mut required = |name: &str, what: &str| {
            variable(name).unwrap_or_else(|| {
                problems.push(format!("{name} is not set; it is {what}"));
                String::new()
            })
        };
        let lake = required("WEIR_LAKE", "the lake, such as s3://bucket/prefix");
        let stream = required("WEIR_STREAM", "the Kinesis stream that is landed, by its name or its ARN");
        let log = match variable("WEIR_LOG").map(|text| text.parse().map_err(|_| text)) {
            None => Level::INFO,
            Some(Ok(level)) => level,
            Some(Err(text)) => {
                problems.push(format!("WEIR_LOG is `{text}`; expected error, warn, info, debug or trace"));
                Level::INFO
            }
        };
        let metrics = match variable("WEIR_METRICS").map(|text| text.parse()) {
            None => MetricsForm::default(),
            Some(Ok(form)) => form,
            Some(Err(problem)) => {
                problems.push(format!("WEIR_METRICS is {problem}"));
                MetricsForm::default()
            }
        };
        if problems.is_empty() { Ok(Self { lake, stream, metrics, log }) } else { Err(ConfigError { problems }) }
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
            metrics: MetricsForm::Emf,
            log: Level::INFO,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = read(&[("WEIR_STREAM", ""), ("WEIR_LOG", "loud")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment has 3 problems: WEIR_LAKE is not set; it is the lake, such as s3://bucket/prefix; \
             WEIR_STREAM is not set; it is the Kinesis stream that is landed, by its name or its ARN; \
             WEIR_LOG is `loud`; expected error, warn, info, debug or trace"
        );
    }
}
