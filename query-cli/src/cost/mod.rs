//! What weir costs on AWS, from prices and from what the benchmarks have measured.
//!
//! ```text
//! load (events/s, events a request, bytes, retention) ┐
//! deployment (edge, shards, window, memory …)         ┼▸ parts: what each is charged for a month of 730 hours ▸ a month,
//! prices.json, measured.json                          ┘                                       a million events, and with no event
//! ```
//!
//! Everything that AWS charges for is a part: the stream, requests and time of functions, requests and bytes of the store, what
//! is sent out, metrics, logs, alarms and the dashboard, secrets, and people's questions. Free tiers are not counted unless
//! asked for. Where the benchmarks cannot know (how long AWS's own answers take), an assumption is made that the estimate names.

mod figures;

use serde::Serialize;

pub use figures::{Measured, Prices};

/// Hours of a month, as AWS counts.
const MONTH_HOURS: f64 = 730.0;
const MONTH_SECONDS: f64 = MONTH_HOURS * 3_600.0;
const MONTH_DAYS: f64 = MONTH_HOURS / 24.0;
const GB: f64 = 1e9;
/// What one shard takes in a second.
const SHARD_RECORDS: f64 = 1_000.0;
const SHARD_BYTES: f64 = 1e6;
/// A function with so much memory, in GB, has a whole processor; what counts CPU seconds costs the same with less.
const CPU_GB: f64 = 1.769;
/// How long AWS's own answers take, which stand-ins cannot tell.
const STREAM_PUT_MS: f64 = 12.0;
const STORE_REQUEST_MS: f64 = 25.0;
/// A busy process writes its metrics after so many requests, or ten seconds.
const METRICS_REQUESTS: f64 = 90.0;
const METRICS_SECONDS: f64 = 10.0;
/// Logs are kept so long.
const LOG_DAYS: f64 = 30.0;
/// The largest payload of an invocation, as base64 has it.
const BATCH_BYTES: f64 = 6e6 * 3.0 / 4.0;

/// What comes in and what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Load {
    /// Events a second, in the mean.
    pub events_per_second: f64,
    /// Events of one request.
    pub events_per_request: f64,
    /// Bytes of an event as JSON.
    pub bytes: f64,
    /// Days that events are kept.
    pub retention_days: f64,
    /// The busiest second has so many times the mean.
    pub peak: f64,
    /// Questions a day.
    pub questions_per_day: f64,
    /// Days that a question looks at.
    pub question_days: f64,
}

/// What stands before the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "kebab-case")]
pub enum Edge {
    /// A function URL alone
    FunctionUrl,
    /// CloudFront before it
    Cloudfront,
    /// An HTTP API
    HttpApi,
}

/// What the functions run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Architecture {
    /// x86_64
    #[serde(rename = "x86_64")]
    #[value(name = "x86_64")]
    X86,
    /// arm64
    #[serde(rename = "arm64")]
    #[value(name = "arm64")]
    Arm,
}

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Deployment {
    /// What stands before the collector.
    pub edge: Edge,
    /// What the functions run on.
    pub architecture: Architecture,
    /// Shards; `None`: as many as the load needs.
    pub shards: Option<u32>,
    /// A stream on demand instead of shards.
    pub on_demand: bool,
    /// Hours that the stream keeps records; over 24 costs more.
    pub stream_hours: f64,
    /// Seconds that a batch waits for more.
    pub window_seconds: f64,
    /// Seconds from one turn of the schedule to the next.
    pub schedule_seconds: f64,
    /// Memory of the collector, in MB.
    pub collector_mb: f64,
    /// Memory of the compactor, in MB.
    pub compactor_mb: f64,
    /// Figures under alarms, which is what is charged.
    pub alarms: f64,
    /// Dashboards.
    pub dashboards: f64,
    /// Secrets.
    pub secrets: f64,
    /// Whether what is free each month is taken off.
    pub free_tier: bool,
}

impl Default for Deployment {
    /// What the app in `infra` sets up if nothing else is said.
    fn default() -> Self {
        Self {
            edge: Edge::FunctionUrl,
            architecture: Architecture::X86,
            shards: None,
            on_demand: false,
            stream_hours: 24.0,
            window_seconds: 20.0,
            schedule_seconds: 60.0,
            collector_mb: 256.0,
            compactor_mb: 512.0,
            alarms: 20.0,
            dashboards: 0.0,
            secrets: 1.0,
            free_tier: false,
        }
    }
}

/// One thing that is charged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// What.
    pub part: &'static str,
    /// What a month of it costs.
    pub month: f64,
    /// How much of it there is.
    pub amount: String,
}

/// What it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The day of the prices.
    pub priced_on: String,
    /// Their region.
    pub region: String,
    /// Their money.
    pub currency: String,
    /// A month of everything.
    pub month: f64,
    /// By million events that come in; `None` where none does.
    pub per_million_events: Option<f64>,
    /// A month in which no event comes and nobody asks.
    pub idle_month: f64,
    /// Events a second.
    pub events_per_second: f64,
    /// Shards, where there are any.
    pub shards: Option<u32>,
    /// The most expensive first.
    pub parts: Vec<Part>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
}

/// A lake as it is, of which is reckoned what its load costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Running {
    /// Events a second that came lately, in the mean.
    pub events_per_second: f64,
    /// Events that it holds, and their bytes.
    pub events: u64,
    /// Bytes of its files.
    pub stored_bytes: u64,
}

/// What a lake costs a month, if what comes goes on as lately. What is not known of it is as `weir cost` has it by default.
pub fn estimate_of(lake: Running, prices: &Prices, measured: &Measured) -> Cost {
    let stored = lake.stored_bytes as f64;
    let bytes = if lake.events > 0 { stored / lake.events as f64 / measured.stored_bytes_per_json_byte } else { 400.0 };
    // So many days of what comes are what is there.
    let daily = lake.events_per_second * 86_400.0;
    let retention_days = if daily > 0.0 { lake.events as f64 / daily } else { 0.0 };
    let load = Load {
        events_per_second: lake.events_per_second,
        events_per_request: 10.0,
        bytes,
        retention_days,
        peak: 3.0,
        questions_per_day: 100.0,
        question_days: 30.0,
    };
    let mut cost = estimate(&load, &Deployment::default(), prices, measured);
    if daily == 0.0 {
        let gb = stored / GB;
        let month = gb * prices.s3.gb_month;
        cost.parts.push(Part { part: "storage", month, amount: format!("{gb:.1} GB") });
        cost.month += month;
    }
    cost
}

/// What a load costs.
pub fn estimate(load: &Load, deployment: &Deployment, prices: &Prices, measured: &Measured) -> Cost {
    let parts = Reckoning { load, deployment, prices, measured }.parts();
    let nothing = Load { events_per_second: 0.0, questions_per_day: 0.0, ..*load };
    let idle = Reckoning { load: &nothing, deployment, prices, measured }.parts();
    let sum = |parts: &[Part]| parts.iter().map(|part| part.month).sum::<f64>();
    let month = sum(&parts);
    let millions = load.events_per_second * MONTH_SECONDS / 1e6;
    let reckoning = Reckoning { load, deployment, prices, measured };
    Cost {
        priced_on: prices.priced_on.clone(),
        region: prices.region.clone(),
        currency: prices.currency.clone(),
        month,
        per_million_events: (millions > 0.0).then(|| month / millions),
        // What is stored is there without events, too: idle is a deployment to which none ever came.
        idle_month: sum(&idle),
        events_per_second: load.events_per_second,
        shards: (!deployment.on_demand).then(|| reckoning.shards()),
        parts,
        assumptions: reckoning.assumptions(),
    }
}

/// What one estimate is made from.
#[derive(Clone, Copy)]
struct Reckoning<'a> {
    load: &'a Load,
    deployment: &'a Deployment,
    prices: &'a Prices,
    measured: &'a Measured,
}

/// What functions do in a month.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    invocations: f64,
    gb_seconds: f64,
}

impl Work {
    fn of(invocations: f64, ms: f64, megabytes: f64) -> Self {
        Self { invocations, gb_seconds: invocations * ms / 1e3 * megabytes / 1024.0 }
    }

    fn and(self, other: Self) -> Self {
        let (invocations, gb_seconds) = (self.invocations + other.invocations, self.gb_seconds + other.gb_seconds);
        Self { invocations, gb_seconds }
    }
}

/// How long work takes in a function of so much memory, which has a part of a processor accordingly.
fn wall_ms(cpu_ms: f64, megabytes: f64) -> f64 {
    cpu_ms * (CPU_GB * 1_000.0 / megabytes).max(1.0)
}

/// Requests to the store in a month.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    writes: f64,
    reads: f64,
}

impl Reckoning<'_> {
    fn parts(&self) -> Vec<Part> {
        let mut parts = vec![
            self.stream(),
            self.collector(),
            self.landing(),
            self.schedules(),
            self.compaction(),
            self.store_requests(),
            self.storage(),
            self.questions(),
            self.edge(),
            self.watching(),
            self.logs(),
            Part {
                part: "secrets",
                month: self.deployment.secrets * self.prices.secrets.secret_month,
                amount: format!("{:.0} in Secrets Manager", self.deployment.secrets),
            },
        ];
        if self.deployment.free_tier {
            self.take_off(&mut parts);
        }
        parts.retain(|part| part.month != 0.0);
        parts.sort_by(|a, b| b.month.total_cmp(&a.month));
        parts
    }

    fn events(&self) -> f64 {
        self.load.events_per_second * MONTH_SECONDS
    }

    fn requests_per_second(&self) -> f64 {
        self.load.events_per_second / self.load.events_per_request
    }

    fn requests(&self) -> f64 {
        self.requests_per_second() * MONTH_SECONDS
    }

    fn record_bytes(&self) -> f64 {
        self.load.events_per_request * self.load.bytes * self.measured.record_bytes_per_json_byte
    }

    fn shards(&self) -> u32 {
        let records = self.requests_per_second() * self.load.peak;
        let needed = (records / SHARD_RECORDS).max(records * self.record_bytes() / SHARD_BYTES).ceil().max(1.0);
        // A number of shards that is far beyond what a stream can have is still a number.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded")]
        let needed = needed.min(1e6) as u32;
        self.deployment.shards.unwrap_or(needed)
    }

    /// Shards that batches come from. A stream on demand begins with four.
    fn sources(&self) -> f64 {
        if self.deployment.on_demand { f64::from(self.shards().max(4)) } else { f64::from(self.shards()) }
    }

    fn stream(&self) -> Part {
        let kinesis = &self.prices.kinesis;
        let is_long = self.deployment.stream_hours > 24.0;
        if self.deployment.on_demand {
            // Each record counts as whole kilobytes.
            let kb = (self.record_bytes() / 1024.0).ceil();
            let gb = self.requests() * kb * 1024.0 / GB;
            let month =
                MONTH_HOURS * kinesis.on_demand_stream_hour + gb * (kinesis.on_demand_gb_in + kinesis.on_demand_gb_out);
            return Part { part: "stream", month, amount: format!("on demand, {gb:.1} GB") };
        }
        let shards = f64::from(self.shards());
        let hourly = kinesis.shard_hour + if is_long { kinesis.extended_shard_hour } else { 0.0 };
        let units = self.requests() * (self.record_bytes() / kinesis.put_unit_bytes).ceil();
        let month = shards * MONTH_HOURS * hourly + units / 1e6 * kinesis.million_put_units;
        let s = if shards > 1.0 { "s" } else { "" };
        Part { part: "stream", month, amount: format!("{shards:.0} shard{s}, {:.1} million records", units / 1e6) }
    }

    fn collecting(&self) -> Work {
        let megabytes = self.deployment.collector_mb;
        Work::of(self.requests(), wall_ms(self.measured.collector_cpu_ms, megabytes) + STREAM_PUT_MS, megabytes)
    }

    fn collector(&self) -> Part {
        self.function("collector", self.collecting())
    }

    /// Batches of a month: one a window from each shard while records come, and more where they do not fit into one.
    fn batches(&self) -> f64 {
        let by_window = self.sources() / self.deployment.window_seconds.max(1.0);
        let by_size = self.requests_per_second() * self.record_bytes() / BATCH_BYTES;
        // Where a window has less than one record, each record is a batch.
        by_window.max(by_size).min(self.requests_per_second()) * MONTH_SECONDS
    }

    fn landed(&self) -> Work {
        let landing = &self.measured.landing;
        let batches = self.batches();
        if batches == 0.0 {
            return Work::default();
        }
        let requests = landing.writes + landing.lists + landing.reads;
        let events = self.events() / batches / 1e3;
        let megabytes = self.deployment.compactor_mb;
        let cpu_ms = landing.cpu_ms + events * landing.cpu_ms_per_thousand_events;
        Work::of(batches, wall_ms(cpu_ms, megabytes) + requests * STORE_REQUEST_MS, megabytes)
    }

    fn landing(&self) -> Part {
        self.function("landing", self.landed())
    }

    fn turns(&self) -> f64 {
        MONTH_SECONDS / self.deployment.schedule_seconds.max(1.0)
    }

    fn scheduled(&self) -> Work {
        let schedule = &self.measured.schedule;
        let requests = schedule.writes + schedule.lists + schedule.reads;
        let megabytes = self.deployment.compactor_mb;
        Work::of(self.turns(), wall_ms(schedule.cpu_ms, megabytes) + requests * STORE_REQUEST_MS, megabytes)
    }

    fn schedules(&self) -> Part {
        self.function("schedules", self.scheduled())
    }

    fn compacting(&self) -> Work {
        let millions = self.events() / 1e6;
        let seconds =
            millions * self.measured.compaction_cpu_seconds_per_million_events * self.measured.compaction_passes;
        Work { invocations: 0.0, gb_seconds: seconds * CPU_GB }
    }

    fn compaction(&self) -> Part {
        self.function("compaction", self.compacting())
    }

    fn store_requests(&self) -> Part {
        let (landing, schedule) = (&self.measured.landing, &self.measured.schedule);
        let (batches, turns) = (self.batches(), self.turns());
        // A merge takes eight files or more: it reads each, and writes one and a commit.
        let merged = batches * self.measured.compaction_passes;
        let all = Requests {
            writes: batches * (landing.writes + landing.lists)
                + turns * (schedule.writes + schedule.lists)
                + merged / 8.0 * 3.0,
            reads: batches * (landing.reads + self.measured.compaction_reads_per_file)
                + turns * schedule.reads
                + merged / 8.0 * 3.0,
        };
        let s3 = &self.prices.s3;
        let month = all.writes / 1e3 * s3.thousand_writes + all.reads / 1e3 * s3.thousand_reads;
        let amount =
            format!("{:.2} million that write or list, {:.2} million that read", all.writes / 1e6, all.reads / 1e6);
        Part { part: "store requests", month, amount }
    }

    fn stored_gb(&self) -> f64 {
        let events = self.load.events_per_second * 86_400.0 * self.load.retention_days;
        events * self.load.bytes * self.measured.stored_bytes_per_json_byte / GB
    }

    fn storage(&self) -> Part {
        let gb = self.stored_gb();
        Part { part: "storage", month: gb * self.prices.s3.gb_month, amount: format!("{gb:.1} GB") }
    }

    fn asking(&self) -> Work {
        let questions = self.load.questions_per_day * MONTH_DAYS;
        let days = self.load.question_days.min(self.load.retention_days);
        let millions = self.load.events_per_second * 86_400.0 * days / 1e6;
        let seconds = millions * self.measured.question_cpu_seconds_per_million_events
            + self.measured.question_reads * STORE_REQUEST_MS / 1e3 / 8.0;
        Work { invocations: questions, gb_seconds: questions * seconds * CPU_GB }
    }

    fn questions(&self) -> Part {
        let asked = self.asking();
        let reads = asked.invocations * self.measured.question_reads / 1e3 * self.prices.s3.thousand_reads;
        let part = self.function("questions", asked);
        Part { month: part.month + reads, ..part }
    }

    fn function(&self, part: &'static str, work: Work) -> Part {
        let lambda = &self.prices.lambda;
        let gb_second = match self.deployment.architecture {
            Architecture::X86 => lambda.gb_second_x86_64,
            Architecture::Arm => lambda.gb_second_arm64,
        };
        let month = work.invocations / 1e6 * lambda.million_requests + work.gb_seconds * gb_second;
        let amount = format!("{:.2} million invocations, {:.0} GB-s", work.invocations / 1e6, work.gb_seconds);
        Part { part, month, amount }
    }

    fn gb_out(&self) -> f64 {
        self.requests() * self.measured.collector_response_bytes / GB
    }

    fn edge(&self) -> Part {
        let (edge, millions, gb) = (&self.prices.edge, self.requests() / 1e6, self.gb_out());
        let (requests, gb_price) = match self.deployment.edge {
            Edge::FunctionUrl => (0.0, edge.gb_out),
            Edge::Cloudfront => (edge.million_cloudfront_requests, edge.cloudfront_gb_out),
            Edge::HttpApi => (edge.million_http_api_requests, edge.gb_out),
        };
        Part { part: "edge", month: millions * requests + gb * gb_price, amount: format!("{gb:.1} GB of answers") }
    }

    fn metrics(&self) -> f64 {
        // What nobody writes is not charged.
        if self.load.events_per_second > 0.0 { self.measured.metrics } else { 0.0 }
    }

    fn watching(&self) -> Part {
        let (watch, Deployment { alarms, dashboards, .. }) = (&self.prices.cloudwatch, self.deployment);
        let metrics = self.metrics();
        let month = metrics * watch.metric_month + alarms * watch.alarm_month + dashboards * watch.dashboard_month;
        let amount = format!("{metrics:.0} metrics, {alarms:.0} figures under alarms, {dashboards:.0} dashboards");
        Part { part: "metrics and alarms", month, amount }
    }

    fn log_gb(&self) -> f64 {
        let (requests, batches) = (self.requests(), self.batches());
        // A process that is less busy writes after each ten seconds in which it had a request.
        let lines = (requests / METRICS_REQUESTS).max((MONTH_SECONDS / METRICS_SECONDS).min(requests));
        let measured = self.measured;
        let metrics = (lines + batches + self.turns()) * measured.metric_line_bytes;
        (metrics + batches * measured.landing_line_bytes) / GB
    }

    fn logs(&self) -> Part {
        let (gb, watch) = (self.log_gb(), &self.prices.cloudwatch);
        let month = gb * (watch.log_gb + watch.log_gb_month * LOG_DAYS / MONTH_DAYS);
        Part { part: "logs", month, amount: format!("{gb:.2} GB, kept for {LOG_DAYS:.0} days") }
    }

    /// Takes off what is free, part by part.
    fn take_off(&self, parts: &mut [Part]) {
        let (free, prices) = (&self.prices.free_tier, self.prices);
        let all = [self.collecting(), self.landed(), self.scheduled(), self.compacting(), self.asking()];
        let all = all.into_iter().fold(Work::default(), Work::and);
        let gb_second = match self.deployment.architecture {
            Architecture::X86 => prices.lambda.gb_second_x86_64,
            Architecture::Arm => prices.lambda.gb_second_arm64,
        };
        let lambda = all.invocations.min(free.lambda_requests) / 1e6 * prices.lambda.million_requests
            + all.gb_seconds.min(free.lambda_gb_seconds) * gb_second;
        let watch = &prices.cloudwatch;
        let watching = self.metrics().min(free.metrics) * watch.metric_month
            + self.deployment.alarms.min(free.alarms) * watch.alarm_month
            + self.deployment.dashboards.min(free.dashboards) * watch.dashboard_month;
        let logs = self.log_gb().min(free.log_gb) * watch.log_gb;
        let out = self.gb_out().min(free.gb_out) * prices.edge.gb_out;
        let functions = ["collector", "landing", "schedules", "compaction", "questions"];
        let functions_cost: f64 =
            parts.iter().filter(|part| functions.contains(&part.part)).map(|part| part.month).sum();
        for part in parts.iter_mut() {
            let off = match part.part {
                "metrics and alarms" => watching,
                "logs" => logs,
                "edge" => out,
                name if functions.contains(&name) && functions_cost > 0.0 => lambda * part.month / functions_cost,
                _ => 0.0,
            };
            part.month = (part.month - off).max(0.0);
        }
    }

    fn assumptions(&self) -> Vec<String> {
        let Load { events_per_request, bytes, retention_days, peak, questions_per_day, question_days, .. } = self.load;
        let free =
            if self.deployment.free_tier { "what is free each month is taken off" } else { "no free tier is counted" };
        vec![
            format!("{events_per_request} events a request, {bytes:.0} bytes of JSON an event"),
            format!(
                "events are kept for {retention_days:.0} days, and storage is counted as if all of them were there"
            ),
            format!("the busiest second has {peak} times the mean: shards are enough for that"),
            format!("{questions_per_day:.0} questions a day, each about {question_days:.0} days"),
            format!(
                "a write to the stream takes {STREAM_PUT_MS:.0} ms and a request to the store {STORE_REQUEST_MS:.0} ms"
            ),
            format!(
                "a batch waits {} s for more; the schedule runs every {} s",
                self.deployment.window_seconds, self.deployment.schedule_seconds
            ),
            format!("{}, {}; {free}", self.prices.source, self.prices.region),
            format!("work is as measured on {} ({})", self.measured.measured_on, self.measured.how),
        ]
    }
}

#[cfg(test)]
mod tests;
