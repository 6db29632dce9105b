//! What `weir sql` is told: the statement, and what it may use.

use std::time::Duration;

use clap::Args;
use weir_core::spec::duration_ms;

use super::serve::size;
use super::{LakeArg, OutputArgs};

/// Less does not hold one batch of rows in each partition.
const LEAST_MEMORY: u64 = 1 << 20;
/// The longest time that a statement may be given, in days.
const LONGEST_DAYS: i64 = 7;

const AFTER_HELP: &str = "\
Columns of `events`:
  time, received_at                  when it happened, when it arrived
  event, source                      its name, who sent it
  \"user\"                             whose it is; in quotes, as SQL has a user of its own
  user_id, anonymous_id, session_id  as they were sent
  event_id                           what tells it from others
  properties, context                JSON text; property(properties, 'cart.total') gives a text,
                                     property_number(properties, 'price') a number
Properties with columns of their own are p_price and so on, and quicker than the text.
Columns of `failed`:
  failed_id, received_at, source     what tells it from others, when it arrived, who sent it
  code, field, message               why it was not taken
  event, place, protocol, sent_at    its name, its place in the request, and how it came
  body, body_bytes                   what was sent, cut at 64 KiB, and its length
Tables of questions:
  funnel('STEP', …)                  one row a step, as `weir funnel --format csv` has them
  funnel_users('STEP', …)            one row a user: \"user\", depth, times, open_until, \"group\"
A step is written as for `weir funnel --step`; a last text in braces has further fields of the
question, or all of it.

Examples:
  weir sql 'SELECT event, count(*) AS n FROM events GROUP BY event ORDER BY n DESC'
  weir sql --format csv \"SELECT property(context, 'os.name') AS os, count(*) FROM events GROUP BY 1\"
  weir sql \"SELECT step, count FROM funnel('view_job', 'hired', '{\\\"window\\\": \\\"7d\\\"}')\"
  weir sql - --format ndjson < query.sql
  weir sql                                                 (a prompt; \\? helps there)";

/// `weir sql`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct SqlArgs {
    /// The statement; - reads it from standard input. Without one there is a prompt on a terminal, else standard input
    /// is read
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,

    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Let the sorts, joins and groups of a statement hold at most so many bytes together
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = memory)]
    pub max_memory: u64,

    /// Give a statement up after so much time, such as 30s or 5m [default: never]
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    pub timeout: Option<Duration>,

    /// Print at most so many rows, and say how many more there are; 0 prints all [default: 1000 in a table for people,
    /// all in other formats]
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

fn memory(text: &str) -> Result<u64, String> {
    match size(text) {
        Some(bytes) if bytes >= LEAST_MEMORY => Ok(bytes),
        Some(bytes) => Err(format!("{bytes} bytes are too few for any sort; use at least 1MiB")),
        None => Err("expected a whole number of bytes, such as 512MiB or 4GiB".to_owned()),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let ms = duration_ms(text, LONGEST_DAYS)?;
    Ok(Duration::from_millis(ms.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        assert_eq!(memory("512MiB"), Ok(512 << 20));
        assert_eq!(memory("4KiB").unwrap_err(), "4096 bytes are too few for any sort; use at least 1MiB");
        assert_eq!(memory("much").unwrap_err(), "expected a whole number of bytes, such as 512MiB or 4GiB");
        assert_eq!(timeout("30s"), Ok(Duration::from_secs(30)));
        assert!(timeout("30").unwrap_err().contains("14d"));
        assert!(timeout("30d").unwrap_err().contains("at most"));
    }
}
