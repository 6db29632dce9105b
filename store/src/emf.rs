//! How functions write their metrics: in CloudWatch's embedded format, or as plain lines of log.
//!
//! ```text
//! emf   {"_aws":{…},"weir_events_accepted_total":10,"source":"web"}    CloudWatch makes metrics of it, and charges for each
//! log   {"weir_events_accepted_total":10,"source":"web"}               there to be searched, and for metric filters
//! ```

use std::io::{self, Write};
use std::str::FromStr;

use serde_json::Value;

/// In which form metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricsForm {
    /// As metrics.
    #[default]
    Emf,
    /// As lines of log alone.
    Log,
}

impl FromStr for MetricsForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "emf" => Ok(Self::Emf),
            "log" => Ok(Self::Log),
            _ => Err(format!("`{text}`; expected emf or log")),
        }
    }
}

impl MetricsForm {
    /// Writes lines of the embedded format in this form.
    ///
    /// # Errors
    /// What is wrong with where they go.
    pub fn write(self, lines: &[u8], mut to: impl Write) -> io::Result<()> {
        if self == Self::Emf {
            return to.write_all(lines);
        }
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Value>(line) {
                Ok(Value::Object(mut fields)) => {
                    fields.shift_remove("_aws");
                    writeln!(to, "{}", Value::Object(fields))?;
                }
                // It is not what was expected, and still worth reading.
                _ => to.write_all(&[line, b"\n"].concat())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_log_are_no_metrics() {
        let lines = b"{\"_aws\":{\"Timestamp\":1,\"CloudWatchMetrics\":[]},\"source\":\"web\",\"n\":3}\n{\"_aws\":{},\"m\":[1,2]}\n";
        let written = |form: MetricsForm| {
            let mut bytes = Vec::new();
            form.write(lines, &mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(written(MetricsForm::Log), "{\"source\":\"web\",\"n\":3}\n{\"m\":[1,2]}\n");
        assert_eq!(written(MetricsForm::Emf).as_bytes(), lines);
        assert!("json".parse::<MetricsForm>().is_err());
    }
}
