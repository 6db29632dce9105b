//! Sends load to a collector, or measures the bars of ingest beside a bare peer.
//!
//! ```text
//! $ ingest-load bars --server target/release/ingest-server
//! $ ingest-load send 127.0.0.1:8080 --events 20 --connections 32 --seconds 5
//! $ ingest-load send 127.0.0.1:8080 --events 20 --rate 1000
//! ```
#![allow(clippy::print_stdout, reason = "figures are this program's result")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use weir_load::bars::{self, Plan};
use weir_load::drive::{Load, drive};

/// Load for a collector.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the bars: the collector beside a bare peer, turn by turn
    Bars {
        /// The program `ingest-server`
        #[arg(long)]
        server: PathBuf,
        /// The core that servers are pinned to
        #[arg(long)]
        core: Option<usize>,
        /// Seconds of each of a comparison's turns
        #[arg(long, default_value_t = 1.5)]
        turn: f64,
        /// How often the two take turns
        #[arg(long, default_value_t = 9)]
        rounds: usize,
        /// Where the file log is kept while it is measured: a folder on the disk that counts
        #[arg(long, default_value = ".")]
        disk: PathBuf,
    },
    /// Send to a collector that runs already
    Send {
        /// Host and port
        address: SocketAddr,
        /// Events of a request
        #[arg(long, default_value_t = 20)]
        events: usize,
        /// How many connections
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// Requests a second; as many as go, if it is not given
        #[arg(long)]
        rate: Option<f64>,
        /// How long, in seconds
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// The number of the first event, which makes its id
        #[arg(long, default_value_t = 0)]
        first: u64,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().command {
        Command::Bars { server, core, turn, rounds, disk } => {
            let plan = Plan { server, core, turn: Duration::from_secs_f64(turn), rounds, disk };
            println!("{}", bars::measure(&plan).await?);
        }
        Command::Send { address, events, connections, rate, seconds, first } => {
            let time = Duration::from_secs_f64(seconds);
            let outcome = drive(Load { address, connections, events, time, rate, first }).await?;
            println!("{}", bars::described(&outcome));
        }
    }
    Ok(())
}
