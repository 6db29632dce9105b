//! From users to numbers: counts, shares, times and groups.

use super::listed::Listed;
use super::members::{self, Members, TooManyValues};
use super::report::{BreakdownGroup, ConversionTimes, FunnelReport, HistogramBin, StepReport};
use super::trend::Trend;
use crate::answer::{GroupValue, Scanned, percentile, share};
use crate::spec::{FunnelSpec, FunnelState, FunnelUsers};
use crate::time::rfc3339;

/// One user's part in a funnel; or that of a session or an attempt, where those are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserResult {
    /// Who it is; `None` where nobody asks.
    pub user: Option<String>,
    /// Times of the chosen attempt's events, milliseconds since 1970; `None` for a step that was passed over. Its length is
    /// the user's depth.
    pub times_ms: Vec<Option<i64>>,
    /// The last instant at which an attempt of that depth may go on, milliseconds since 1970.
    pub open_until_ms: i64,
    /// The user's group, from [`group_key`](crate::answer::group_key); `None` where no breakdown is asked.
    pub group: Option<String>,
}

impl UserResult {
    /// Whether the user is at this place of the funnel. `complete_to_ms` says up to when everything received is known.
    pub fn is_at(&self, place: FunnelUsers, complete_to_ms: Option<i64>) -> bool {
        let depth = self.times_ms.len();
        let is_open = is_open(self.open_until_ms, complete_to_ms);
        match place.state {
            FunnelState::Converted => depth >= place.step,
            FunnelState::Dropped => depth + 1 == place.step && !is_open,
            FunnelState::Open => depth + 1 == place.step && is_open,
        }
    }
}

/// Whether an attempt that may go on until an instant still may, by what has been received.
fn is_open(open_until_ms: i64, complete_to_ms: Option<i64>) -> bool {
    complete_to_ms.is_none_or(|complete_to| open_until_ms >= complete_to)
}

/// What a report says beside its numbers.
#[derive(Debug, Clone, Copy)]
pub struct ReportContext<'a> {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in that version; milliseconds since 1970.
    pub complete_to_ms: Option<i64>,
    /// A label for each step.
    pub labels: &'a [String],
    /// So many groups by name; the others are summed. `None` where no breakdown is asked.
    pub group_limit: Option<usize>,
    /// What it took.
    pub scanned: Scanned,
}

/// Counts users as they come, in any order.
#[derive(Debug)]
pub struct FunnelTally {
    complete_to_ms: Option<i64>,
    optional: u64,
    whole: Group,
    members: Members,
    trend: Option<Trend>,
    listed: Option<Listed>,
}

/// Counts of one group of users.
#[derive(Debug, Clone)]
struct Group {
    /// Users of exactly depth n + 1.
    depth: Vec<u64>,
    /// Of these, users whose window is open.
    open: Vec<u64>,
    /// Users who took step n + 1.
    taken: Vec<u64>,
    /// Times to step n + 2 from the step before it that was taken.
    step_ms: Vec<Vec<i64>>,
    /// Times from the first to the last step.
    conversion_ms: Vec<i64>,
}

impl FunnelTally {
    /// For a funnel. `complete_to_ms` says up to when everything received is known.
    pub fn new(spec: &FunnelSpec, complete_to_ms: Option<i64>) -> Self {
        let optional = spec.steps.iter().enumerate().filter(|(_, step)| step.optional);
        Self {
            complete_to_ms,
            optional: optional.fold(0, |mask, (at, _)| mask | 1 << at),
            whole: Group::new(spec.steps.len()),
            members: Members::default(),
            listed: spec.users.map(|list| Listed::new(list, complete_to_ms)),
            trend: spec.interval.map(|interval| Trend::new(interval, spec.timezone, spec.range)),
        }
    }

    /// Counts one user.
    pub fn add(&mut self, user: &UserResult) {
        let open = is_open(user.open_until_ms, self.complete_to_ms);
        self.whole.add(&user.times_ms, open);
        if let Some(listed) = &mut self.listed {
            listed.add(user);
        }
        if let (Some(trend), Some(start_ms)) = (&mut self.trend, user.times_ms.first().copied().flatten()) {
            trend.add(start_ms, user.times_ms.len() == self.whole.depth.len(), open);
        }
        if let Some(key) = &user.group {
            self.members.add(key, &user.times_ms, open);
        }
    }

    /// Adds what another tally of the same funnel has counted of other users.
    pub fn merge(&mut self, other: Self) {
        self.whole.merge(other.whole);
        self.members.merge(other.members);
        if let (Some(trend), Some(other)) = (&mut self.trend, other.trend) {
            trend.merge(other);
        }
        if let (Some(listed), Some(other)) = (&mut self.listed, other.listed) {
            listed.merge(other);
        }
    }

    /// Whether all users could be counted so far; to be asked now and then.
    ///
    /// # Errors
    /// [`TooManyValues`] where the breakdown has more values than memory is there for.
    pub fn check(&self) -> Result<(), TooManyValues> {
        self.members.check()
    }

    /// The answer.
    pub fn report(self, context: &ReportContext<'_>) -> FunnelReport {
        let empty = Group::new(self.whole.depth.len());
        let breakdown =
            context.group_limit.map(|limit| breakdown(self.members, limit, &empty, context.labels, self.optional));
        let (steps, conversion_ms) = self.whole.report(context.labels, self.optional);
        FunnelReport {
            kind: "funnel",
            version: context.version,
            complete_to: context.complete_to_ms.map(rfc3339),
            steps,
            conversion_ms,
            breakdown,
            trend: self.trend.map(Trend::report),
            previous: None,
            users: self.listed.map(Listed::report),
            scanned: context.scanned,
        }
    }
}

fn breakdown(members: Members, limit: usize, empty: &Group, labels: &[String], optional: u64) -> Vec<BreakdownGroup> {
    let listed = members.list(limit, empty, Group::add);
    let report = |one: members::Listed<Group>| {
        let (steps, conversion_ms) = one.group.report(labels, optional);
        let value = one.key.map_or_else(GroupValue::other, |key| GroupValue::of_key(&key));
        BreakdownGroup { value, steps, conversion_ms }
    };
    listed.into_iter().map(report).collect()
}

impl Group {
    fn new(steps: usize) -> Self {
        Self {
            depth: vec![0; steps],
            open: vec![0; steps],
            taken: vec![0; steps],
            step_ms: vec![Vec::new(); steps.saturating_sub(1)],
            conversion_ms: Vec::new(),
        }
    }

    fn users(&self) -> u64 {
        self.depth.iter().sum()
    }

    fn merge(&mut self, other: Self) {
        let counts = [(&mut self.depth, other.depth), (&mut self.open, other.open), (&mut self.taken, other.taken)];
        for (own, others) in counts {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
        self.step_ms.iter_mut().zip(other.step_ms).for_each(|(own, others)| append(own, others));
        append(&mut self.conversion_ms, other.conversion_ms);
    }

    fn add(&mut self, times: &[Option<i64>], open: bool) {
        let Some(last) = times.len().checked_sub(1) else { return };
        self.depth[last] += 1;
        self.open[last] += u64::from(open);
        let mut before: Option<i64> = None;
        for (step, time) in times.iter().enumerate() {
            let Some(time) = *time else { continue };
            self.taken[step] += 1;
            if let Some(before) = before {
                self.step_ms[step - 1].push(time - before);
            }
            before = Some(time);
        }
        if let (true, Some(first), Some(last)) = (times.len() == self.depth.len(), times[0], times[last]) {
            self.conversion_ms.push(last - first);
        }
    }

    fn report(mut self, labels: &[String], optional: u64) -> (Vec<StepReport>, ConversionTimes) {
        let first = self.users();
        let mut previous = first;
        let mut reached = first;
        let mut steps = Vec::with_capacity(labels.len());
        for (i, label) in labels.iter().enumerate() {
            let times = i.checked_sub(1).map(|pair| &mut self.step_ms[pair]);
            let (median_ms, p90_ms) = times.map_or((None, None), |times| {
                times.sort_unstable();
                (percentile(times, 5), percentile(times, 9))
            });
            steps.push(StepReport {
                step: i + 1,
                label: label.clone(),
                count: reached,
                from_first: share(reached, first),
                from_previous: share(reached, previous),
                median_ms,
                p90_ms,
                in_window: if i == 0 { 0 } else { self.open[i - 1] },
                taken: (optional >> i & 1 == 1).then(|| self.taken[i]),
            });
            previous = reached;
            reached -= self.depth[i];
        }
        (steps, conversion_times(self.conversion_ms))
    }
}

/// The first list takes what the other has, or is the other where it has nothing.
fn append<T>(own: &mut Vec<T>, mut others: Vec<T>) {
    if own.is_empty() {
        *own = others;
    } else {
        own.append(&mut others);
    }
}

fn conversion_times(mut times: Vec<i64>) -> ConversionTimes {
    times.sort_unstable();
    let n = times.len() as u64;
    let sum: i128 = times.iter().map(|t| i128::from(*t)).sum();
    let mean = if n == 0 { None } else { Some(sum as f64 / n as f64) };
    ConversionTimes { n, median: percentile(&times, 5), mean, histogram: histogram(&times) }
}

/// Bin edges that people think in, from a second to 90 days, in milliseconds. Longer ones double.
const EDGES_MS: [i64; 21] = {
    const S: i64 = 1000;
    const M: i64 = 60 * S;
    const H: i64 = 60 * M;
    const D: i64 = 24 * H;
    [
        0,
        S,
        5 * S,
        15 * S,
        30 * S,
        M,
        2 * M,
        5 * M,
        15 * M,
        30 * M,
        H,
        2 * H,
        6 * H,
        12 * H,
        D,
        2 * D,
        4 * D,
        7 * D,
        14 * D,
        30 * D,
        90 * D,
    ]
};

/// Bins of sorted times, from the shortest to the longest.
pub(crate) fn histogram(sorted: &[i64]) -> Vec<HistogramBin> {
    let (Some(shortest), Some(longest)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    // The last edge lies behind the longest time, however long that is.
    let mut edges = EDGES_MS.to_vec();
    while edges.last().is_some_and(|edge| edge <= longest) {
        edges.extend(edges.last().map(|edge| edge * 2));
    }
    let bins = edges.windows(2).filter(|bin| bin[1] > *shortest && bin[0] <= *longest);
    bins.map(|bin| {
        let count = sorted.partition_point(|t| *t < bin[1]) - sorted.partition_point(|t| *t < bin[0]);
        HistogramBin { from: bin[0], to: bin[1], count: count as u64 }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::spec::parse;

    fn user(times: &[i64], latest_start_ms: i64, group: Option<&str>) -> UserResult {
        let times_ms = times.iter().copied().map(Some).collect();
        UserResult { user: None, times_ms, open_until_ms: latest_start_ms + 1000, group: group.map(str::to_owned) }
    }

    fn spec(json: &str) -> FunnelSpec {
        parse(json, 0).unwrap().into_funnel().unwrap()
    }

    const TWO_STEPS: &str = r#"{"kind": "funnel", "steps": [{"event": "a"}, {"event": "b"}], "window": "1s"}"#;

    fn report(users: &[UserResult], group_limit: Option<usize>) -> FunnelReport {
        let mut tally = FunnelTally::new(&spec(TWO_STEPS), Some(5000));
        users.iter().for_each(|u| tally.add(u));
        let labels = ["a".to_owned(), "b".to_owned()];
        let scanned = Scanned::default();
        tally.report(&ReportContext { version: 4, complete_to_ms: Some(5000), labels: &labels, group_limit, scanned })
    }

    #[test]
    fn counts_shares_and_times() {
        let report = report(
            &[user(&[0, 100], 0, None), user(&[0, 300], 0, None), user(&[0], 3999, None), user(&[0], 4000, None)],
            None,
        );
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"funnel","version":4,"complete_to":"1970-01-01T00:00:05.000Z","steps":["#.to_owned()
                + r#"{"step":1,"label":"a","count":4,"from_first":1.0,"from_previous":1.0,"median_ms":null,"p90_ms":null,"in_window":0},"#
                + r#"{"step":2,"label":"b","count":2,"from_first":0.5,"from_previous":0.5,"median_ms":200,"p90_ms":280,"in_window":1}],"#
                + r#""conversion_ms":{"n":2,"median":200.0,"mean":200.0,"histogram":[{"from":0,"to":1000,"count":2}]},"#
                + r#""scanned":{"files":0,"bytes":0,"rows":0,"elapsed_ms":0}}"#
        );
    }

    #[test]
    fn tallies_of_some_users_each_are_together_the_tally_of_all() {
        let asked = r#"{"kind": "funnel", "steps": [{"event": "a"}, {"event": "b"}], "window": "1s", "interval": "hour",
            "breakdown": {"property": "p"}, "users": {"step": 2, "state": "converted", "limit": 3}}"#;
        let spec = spec(asked);
        let labels = ["a".to_owned(), "b".to_owned()];
        let context = ReportContext {
            version: 4,
            complete_to_ms: Some(5000),
            labels: &labels,
            group_limit: Some(2),
            scanned: Scanned::default(),
        };
        let users: Vec<UserResult> = (0_i64..60)
            .map(|n| {
                let start = n * 700_000;
                let times = [start, start + n % 7];
                let group = ["1", "\"x\"", "null", "true"][usize::try_from(n % 4).unwrap()];
                let user = user(&times[..usize::try_from(1 + n % 2).unwrap()], start, Some(group));
                UserResult { user: Some(format!("u{n}")), ..user }
            })
            .collect();
        let counted = |users: &[&UserResult]| {
            let mut tally = FunnelTally::new(&spec, Some(5000));
            users.iter().for_each(|user| tally.add(user));
            tally
        };
        let whole = counted(&users.iter().collect::<Vec<_>>()).report(&context);
        for parts in [1, 2, 7] {
            let mut merged = FunnelTally::new(&spec, Some(5000));
            for part in 0..parts {
                merged.merge(counted(&users.iter().skip(part).step_by(parts).collect::<Vec<_>>()));
            }
            assert_eq!(merged.report(&context), whole, "{parts} parts");
        }
        assert_eq!(whole.users.as_ref().map(|users| (users.total, users.listed.len())), Some((30, 3)));
    }

    #[test]
    fn a_step_that_was_passed_over_has_no_time_and_is_not_taken() {
        let three =
            r#"{"kind": "funnel", "steps": [{"event": "a"}, {"event": "b", "optional": true}, {"event": "c"}]}"#;
        let mut tally = FunnelTally::new(&spec(three), Some(5000));
        for times in [vec![Some(0), Some(10), Some(40)], vec![Some(0), None, Some(100)], vec![Some(0)]] {
            tally.add(&UserResult { user: None, times_ms: times, open_until_ms: 0, group: None });
        }
        let labels = ["a", "b", "c"].map(str::to_owned);
        let scanned = Scanned::default();
        let context =
            ReportContext { version: 4, complete_to_ms: Some(5000), labels: &labels, group_limit: None, scanned };
        let report = tally.report(&context);
        let steps: Vec<_> = report.steps.iter().map(|s| (s.count, s.taken, s.median_ms)).collect();
        assert_eq!(steps, [(3, None, None), (2, Some(1), Some(10.0)), (2, None, Some(65.0))]);
        assert_eq!((report.conversion_ms.n, report.conversion_ms.median), (2, Some(70.0)));
    }

    #[test]
    fn nobody_is_an_honest_zero() {
        let report = report(&[], Some(10));
        assert_eq!(report.steps.iter().map(|s| (s.count, s.from_first)).collect::<Vec<_>>(), [(0, 0.0), (0, 0.0)]);
        assert_eq!(report.conversion_ms, ConversionTimes { n: 0, median: None, mean: None, histogram: vec![] });
        assert_eq!(report.breakdown, Some(vec![]));
    }

    #[test]
    fn groups_add_up_and_the_rest_is_summed() {
        let keys = ["\"KR\"", "\"KR\"", "\"KR\"", "null", "null", "1", "true"];
        let users: Vec<_> = keys.iter().map(|k| user(&[0, 10], 0, Some(k))).collect();
        let groups = report(&users, Some(2)).breakdown.unwrap();
        let json: Vec<_> = groups
            .iter()
            .map(|g| (serde_json::to_value(g.value.clone()).unwrap().to_string(), g.steps[0].count))
            .collect();
        assert_eq!(
            json,
            [
                (r#"{"value":"KR"}"#.to_owned(), 3),
                (r#"{"value":null}"#.to_owned(), 2),
                (r#"{"other":true}"#.to_owned(), 2)
            ]
        );
    }

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(&[], 5), None);
        assert_eq!(percentile(&[7], 9), Some(7.0));
        assert_eq!(percentile(&[0, 10], 5), Some(5.0));
        assert_eq!(percentile(&[0, 10, 20, 30], 9), Some(27.0));
        // No noise in the last digits: what is whole stays whole.
        assert_eq!(percentile(&[70_000, 80_000], 9), Some(79_000.0));
    }

    #[test]
    fn histogram_bins_hold_everything_once() {
        let times = [0, 999, 1000, 59_999, 60_000, 400 * 86_400_000];
        let bins = histogram(&times);
        assert_eq!(bins.iter().map(|b| b.count).sum::<u64>(), times.len() as u64);
        assert_eq!((bins[0].from, bins[0].to, bins[0].count), (0, 1000, 2));
        assert!(bins.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!(histogram(&[45_000]).len(), 1);
    }
}
