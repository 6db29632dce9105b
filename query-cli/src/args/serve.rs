//! What a server is told beside where its lake is: how much it may have under way, and how it writes its log.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use clap::{Args, ValueEnum};
use ingest_fn::LoadSettings;

use url::Url;

use super::LakeArg;
use super::openid::{OpenIdArgs, address};
use crate::checks::{WebhookHost, Webhooks};
use crate::http::{Origin, QueryLimits};
use crate::tokens::Role;

const SERVE_AFTER_HELP: &str = "\
Examples:
  weir serve --lake ./lake
  weir tokens add --name ana --role admin --lake s3://bucket/lake
  weir serve --host 0.0.0.0 --lake s3://bucket/lake
  weir serve --host 0.0.0.0 --lake s3://bucket/lake --url https://weir.example \\
    --openid-issuer https://login.example --openid-client weir --openid-role staff=viewer

It speaks HTTP alone: put a proxy in front of it that speaks HTTPS. WEIR_SESSION_KEY, at least
32 random bytes, keeps people logged in when it starts again, and lets several servers share
their sessions. WEIR_OPENID_CLIENT_SECRET is what the provider gave for this server.";

/// Whom the checks of reports may call.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    /// A host that checks of reports may call, such as hooks.example or hooks.example:8443; once for each [default: none]
    #[arg(
        long = "webhook-host",
        value_name = "HOST",
        env = "WEIR_WEBHOOK_HOSTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub hosts: Vec<WebhookHost>,
}

impl WebhookArgs {
    /// Those, and no others.
    pub fn webhooks(&self) -> Webhooks {
        Webhooks::to(self.hosts.clone())
    }
}

/// How a server serves.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServeArgs {
    /// Hold at most so many bytes of requests with events at once, such as 256MiB; what is over is refused with a
    /// Retry-After, imports and historical batches first
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = in_flight)]
    pub max_in_flight: u64,

    /// How to write the log: as text, or one JSON object a line, then with a line for each request
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

impl ServeArgs {
    /// The bounds of the collector.
    pub fn load(&self) -> LoadSettings {
        let mut settings = LoadSettings::default();
        settings.most.bytes = self.max_in_flight;
        settings
    }
}

/// `weir serve`
#[derive(Debug, Args)]
#[command(after_help = SERVE_AFTER_HELP)]
pub struct ServeCommandArgs {
    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Listen on this port; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    pub port: u16,

    /// Listen on this address; on any that can be reached from elsewhere it asks for a token
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,

    /// The address under which browsers reach this server.
    #[arg(long, help = "The address under which browsers reach this server, such as https://weir.example", value_name = "URL", env = "WEIR_URL", hide_env_values = true, value_parser = address)]
    pub url: Option<Url>,

    /// How it finds out who asks [default: by OpenID Connect and tokens where there is a provider; by tokens, where the lake has
    /// any or it can be reached from elsewhere]
    #[arg(long, value_name = "HOW", value_enum, env = "WEIR_AUTH", hide_env_values = true)]
    pub auth: Option<AuthArg>,

    /// The role of whoever AWS lets through, with --auth iam
    #[arg(
        long,
        value_name = "ROLE",
        value_enum,
        env = "WEIR_IAM_ROLE",
        hide_env_values = true,
        default_value = "viewer"
    )]
    pub iam_role: Role,

    /// Sites that may show embeds in a frame.
    #[arg(
        long = "frame-ancestor",
        value_name = "SITE",
        env = "WEIR_FRAME_ANCESTORS",
        hide_env_values = true,
        value_delimiter = ',',
        help = "A site that may show embeds in a frame, such as https://wiki.example; once for each, or with commas [default: none]"
    )]
    pub frame_ancestors: Vec<Origin>,

    /// Answer as a function of AWS Lambda, instead of listening
    #[arg(long, conflicts_with_all = ["port", "host", "checks"])]
    pub function: bool,

    /// Let the cookie of a session travel over connections that are not encrypted
    #[arg(long)]
    pub insecure_cookie: bool,

    /// Answer so many questions of viewers and editors at once
    #[arg(long, value_name = "N", default_value = "8", env = "WEIR_QUERIES", hide_env_values = true)]
    pub queries: NonZeroU32,

    /// Give up on a question of a viewer or editor after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", env = "WEIR_QUERY_SECONDS", hide_env_values = true)]
    pub query_seconds: NonZeroU32,

    /// What sessions are encrypted with: not for a command line, which others on the machine can read.
    #[arg(long, env = "WEIR_SESSION_KEY", hide = true, hide_env_values = true)]
    pub session_key: Option<String>,

    /// Run the checks of reports when they are due
    #[arg(long)]
    pub checks: bool,

    /// Whom they may call.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// How to write the log: as text, or one JSON object a line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// A provider of OpenID Connect. Last, because its heading stands over all that follows.
    #[command(flatten)]
    pub openid: OpenIdArgs,
}

impl ServeCommandArgs {
    /// What questions may take.
    pub fn limits(&self) -> QueryLimits {
        QueryLimits { at_once: self.queries, seconds: self.query_seconds }
    }
}

/// How a server finds out who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthArg {
    /// By the tokens of the lake
    Token,
    /// By a provider of OpenID Connect, and by tokens
    Openid,
    /// AWS has asked: a function URL or an HTTP API whose authorizer is IAM
    Iam,
    /// Not at all: whoever is on this machine may do everything
    None,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

fn in_flight(text: &str) -> Result<u64, String> {
    const LEAST: u64 = LoadSettings::FEWEST_BYTES;
    match size(text) {
        Some(bytes) if bytes >= LEAST => Ok(bytes),
        Some(bytes) => {
            let least = LEAST.div_ceil(1 << 20);
            Err(format!("{bytes} bytes are too few for one large request in each lane; use at least {least}MiB"))
        }
        None => Err("expected a whole number of bytes, such as 256MiB or 1GiB".to_owned()),
    }
}

/// A number of bytes, with `KiB`, `MiB` or `GiB` behind it or none.
pub(super) fn size(text: &str) -> Option<u64> {
    let units = [("KiB", 1_u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let found = units.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, unit) = found.unwrap_or((text, 1));
    number.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("7", Some(7)),
            ("7KiB", Some(7 << 10)),
            ("256MiB", Some(256 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("0", Some(0)),
            ("", None),
            ("MiB", None),
            ("1.5GiB", None),
            ("-1", None),
            ("5MB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn each_lane_must_take_a_request_of_any_allowed_size() {
        assert_eq!(in_flight("256MiB"), Ok(256 << 20));
        assert_eq!(in_flight(&LoadSettings::FEWEST_BYTES.to_string()), Ok(LoadSettings::FEWEST_BYTES));
        let refused = in_flight(&(LoadSettings::FEWEST_BYTES - 1).to_string()).unwrap_err();
        assert!(refused.ends_with("use at least 21MiB"), "{refused}");
        assert!(in_flight("21MiB").is_ok());
        assert_eq!(in_flight("much").unwrap_err(), "expected a whole number of bytes, such as 256MiB or 1GiB");
    }
}
