//! `weir dev`: the whole system on one machine and one port: collector, event log, landing, compaction, queries and page.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use compact_fn::land::Lander;
use ingest_fn::{Collector, KeyPolicy};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weir_core::ports::{Clock, Ids, LogError, RandomIds, SequenceNumber, ShardId, SystemClock};
use weir_lake::erased::Refused;
use weir_lake::file_log::{FileLog, FileLogSettings, SHARD};
use weir_lake::store::IfMissing;
use weir_lake::{Settings, Store, Table, names};

use crate::args::DevArgs;
use crate::commands::import::log_is_landed;
use crate::commands::listening::{self, End, listen, wait_for};
use crate::demo::{DemoConfig, generate};
use crate::engine::Engine;
use crate::error::Failure;
use crate::http::{self, Api};
use crate::importer::{ImportTerms, Input, import};
use crate::landing::{self, Landed};
use crate::metrics::{self, LoopMeters};
use crate::output;
use crate::render::numbers::count;
use ingest_fn::privacy::Rules;
use ingest_fn::settings_watch::{self, InForce};

/// Events without a write key belong to this source.
const SOURCE: &str = "dev";
/// Generated events belong to this source.
const DEMO_SOURCE: &str = "demo";

/// Runs until interrupted, and then lands what the log has.
///
/// # Errors
/// What keeps the system from starting.
pub async fn run(args: &DevArgs) -> Result<(), Failure> {
    if !args.host.is_loopback() {
        return Err(Failure::usage(format!(
            "`weir dev` does not listen on {}: it asks nobody who they are",
            args.host
        ))
        .hint("leave --host away; `weir serve` can be reached from elsewhere, with tokens"));
    }
    if args.lake.starts_with("s3://") {
        return Err(no_directory(&args.lake));
    }
    let figures = metrics::install()?;
    let meters = Arc::new(LoopMeters::new());
    // From here on an interrupt ends the program in order, however early it comes.
    let mut end = End::listen()?;
    let listener = listen(SocketAddr::new(args.host, args.port)).await?;
    let address = listener.local_addr()?;
    let store = Store::open(&args.lake, IfMissing::Create).await?;
    let directory = store.directory().ok_or_else(|| no_directory(&args.lake))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let mut lander = Lander::open(&store, Arc::clone(&clock), Arc::clone(&ids)).await?;
    let landed_to = lander.landed_to(&ShardId(SHARD.to_owned()));
    let log = open_log(&directory.join(names::FILE_LOG), landed_to.as_ref())?;
    let settings = Settings::newest(&store).await?;
    let in_force = InForce::of(&settings)?;
    if let Some(events) = args.demo {
        tokio::select! {
            filled = fill(&mut lander, &store, clock.now_ms(), events, args.seed) => filled?,
            () = end.asked_for() => return Ok(()),
        }
    }
    let events = lander.snapshot().rows();

    let landed = Arc::new(Landed::default());
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(metrics::keep_up(figures.clone(), stopped.clone()));
    let progress =
        landing::Progress { landed: Arc::clone(&landed), meters: Arc::clone(&meters), clock: Arc::clone(&clock) };
    let landing = tokio::spawn(landing::land(lander, Arc::clone(&log), progress, stopped.clone()));
    let table = Table::open(&store).await?;
    let compaction = landing::keep_compact(table, Arc::clone(&clock), Arc::clone(&ids), meters, stopped.clone());
    let compaction = tokio::spawn(compaction);
    let following = settings_watch::follow(store.clone(), settings, in_force.clone(), stopped.clone());
    let following = tokio::spawn(following);
    let policy = KeyPolicy::anyone_as(SOURCE, in_force.keys).with_plan_for_keyless(args.plan);
    let collector = Collector::new(Arc::clone(&log) as _, Arc::clone(&clock), ids, policy, landed)
        .with_privacy(in_force.privacy)
        .with_plans(in_force.plans)
        .with_refusals(in_force.refusals)
        .with_load(args.serve.load());
    let collector = match args.country_headers.as_slice() {
        [] => collector,
        headers => collector.with_country_headers(headers.to_vec()),
    };
    let api = Api::new(Engine::new(store.clone(), clock), Arc::new(RandomIds), store.url())
        .with_webhooks(args.webhooks.webhooks());
    tokio::spawn(api.checks().keep_checking(stopped.clone()));
    let app = http::router(Arc::new(collector), api, figures);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(wait_for(stopped));
    let server = tokio::spawn(server.into_future());
    output::say(welcome(address, &store, events));

    end.asked_for().await;
    output::say("stopping: landing what the log has");
    stop.send_replace(true);
    finish(server, landing, compaction, following).await;
    log.close().await;
    Ok(())
}

fn no_directory(lake: &str) -> Failure {
    Failure::usage(format!("`weir dev` keeps its event log in the directory of its lake, and `{lake}` is none"))
        .hint("give it a directory; `weir import` and the commands that ask work on lakes on S3 as well")
}

/// Opens the log, which begins where the lake has landed if it is new.
fn open_log(directory: &Path, landed_to: Option<&SequenceNumber>) -> Result<Arc<FileLog>, Failure> {
    let begin_at = landed_to.and_then(SequenceNumber::as_u64).unwrap_or(0);
    let settings = FileLogSettings { begin_at, ..FileLogSettings::new(directory) };
    let (log, report) = FileLog::open(settings).map_err(|error| match error {
        // Nothing is stored yet, so nothing is to be sent again.
        LogError::Unavailable(why) => {
            Failure::failed(why).hint("one `weir dev` runs a lake; `weir import` may run beside it")
        }
        other => Failure::failed(other),
    })?;
    if report.end.as_ref() < landed_to {
        let (end, landed) = (report.end.map_or(0, |end| end.as_u64().unwrap_or(0)), begin_at);
        let directory = directory.display();
        return Err(Failure::failed(format!("the event log in {directory} ends at {end}, but the lake has landed up to {landed}"))
            .hint("that is another log, or an old copy of this one: put the right one back, or move this one away to begin anew"));
    }
    if let Some(torn) = report.torn_file {
        let bytes = report.cut_bytes;
        tracing::warn!(bytes, kept = %torn.display(), "the log ended in an unfinished write, which nobody was told is stored; it was cut off");
    }
    Ok(Arc::new(log))
}

/// Fills an empty lake with generated events.
async fn fill(lander: &mut Lander, store: &Store, now_ms: i64, events: u64, seed: u64) -> Result<(), Failure> {
    if lander.snapshot().rows() > 0 {
        output::say(format_args!(
            "the lake has {} events already; --demo leaves it as it is",
            count(lander.snapshot().rows())
        ));
        return Ok(());
    }
    output::say(format_args!("filling the lake with {} generated events", count(events)));
    let lines = generate(&DemoConfig::new(events, seed, now_ms));
    let input = Input { name: "demo".to_owned(), lines: Box::new(Lines { lines, current: Vec::new(), read: 0 }) };
    let complete_to = |snapshot: &weir_lake::Snapshot| log_is_landed(store, snapshot).then_some(now_ms);
    let terms = ImportTerms::new(DEMO_SOURCE, Rules::default(), Refused::default());
    import(lander, vec![input], terms, now_ms, complete_to).await?;
    Ok(())
}

/// Generated lines as something to read from.
struct Lines<I> {
    lines: I,
    current: Vec<u8>,
    read: usize,
}

impl<I: Iterator<Item = String>> std::io::BufRead for Lines<I> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.read == self.current.len() {
            self.current = self.lines.next().map(|line| (line + "\n").into_bytes()).unwrap_or_default();
            self.read = 0;
        }
        Ok(&self.current[self.read..])
    }

    fn consume(&mut self, bytes: usize) {
        self.read = (self.read + bytes).min(self.current.len());
    }
}

impl<I: Iterator<Item = String>> std::io::Read for Lines<I> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let from = std::io::BufRead::fill_buf(self)?;
        let bytes = from.len().min(to.len());
        to[..bytes].copy_from_slice(&from[..bytes]);
        std::io::BufRead::consume(self, bytes);
        Ok(bytes)
    }
}

async fn finish(
    server: JoinHandle<std::io::Result<()>>,
    landing: JoinHandle<()>,
    compaction: JoinHandle<()>,
    following: JoinHandle<()>,
) {
    listening::finish("the server", server).await;
    listening::finish("landing", landing).await;
    listening::finish("compaction", compaction).await;
    listening::finish("following the settings", following).await;
}

/// What a person needs next: an address, and two lines that work as pasted.
fn welcome(address: SocketAddr, store: &Store, events: u64) -> String {
    let program = program();
    let lake = store.directory().map_or_else(|| store.url().to_owned(), |d| d.display().to_string());
    let lake = shell_quoted(&lake);
    format!(
        "\nweir is ready at http://{address}   ({events} events in {lake})\n\n\
         send an event:\n  curl -d '{{\"event\":\"view_job\",\"user_id\":\"me\"}}' http://{address}/v1/events\n\n\
         ask a funnel:\n  {program} funnel --lake {lake} --step view_job --step apply_start --step apply_submit\n\n\
         stop with Ctrl-C\n",
        events = count(events),
    )
}

/// How this program is called from anywhere: by its name if that finds it, else by its path.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "weir".to_owned() };
    let on_path =
        std::env::var_os("PATH").is_some_and(|list| std::env::split_paths(&list).any(|dir| dir.join("weir") == path));
    if on_path { "weir".to_owned() } else { shell_quoted(&path.display().to_string()) }
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead;

    #[test]
    fn generated_lines_read_like_a_file() {
        let lines = generate(&DemoConfig::new(50, 1, 1_767_225_600_000));
        let reader = Lines { lines, current: Vec::new(), read: 0 };
        let expected: Vec<String> = generate(&DemoConfig::new(50, 1, 1_767_225_600_000)).collect();
        assert_eq!(reader.lines().map(Result::unwrap).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(shell_quoted("/a/b-c_d.e"), "/a/b-c_d.e");
        assert_eq!(shell_quoted("/my lake's"), r"'/my lake'\''s'");
    }
}
