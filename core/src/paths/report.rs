//! The answer to a question about paths, in the shape that programs rely on.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::PathsWalk;
use super::counts::{Counts, Ends, Link, TooManyPaths, Whole};
use crate::answer::{Figure, Groups, Scanned, Source, percentile, share};
use crate::tallies::{Times, most_frequent};

/// Branches of the tree have at least this share of all paths.
const LEAST_SHARE: f64 = 0.01;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathsReport {
    /// Always `paths`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// What is counted: `users`, `sessions`, `every`.
    pub count: &'static str,
    /// Paths.
    pub total: u64,
    /// What there is on each level, from the anchor on.
    pub levels: Vec<PathLevel>,
    /// What follows what, or, backwards, what comes before what.
    pub links: Vec<PathLink>,
    /// The most frequent whole paths.
    pub paths: Vec<WholePath>,
    /// The beginnings of whole paths, as branches. Empty, as `paths`, where no whole paths are asked for.
    pub tree: Vec<PathBranch>,
    /// What it took.
    pub scanned: Scanned,
}

/// One level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathLevel {
    /// From 1, which is the anchor.
    pub level: usize,
    /// The most frequent events, then all others, then paths that end before this level.
    pub nodes: Vec<PathNode>,
}

/// Paths that are at one place of a level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathNode {
    /// Which.
    #[serde(flatten)]
    pub place: PathPlace,
    /// How many.
    pub count: u64,
    /// Of all paths.
    pub share: f64,
}

/// Where on a level a path is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PathPlace {
    /// At an event of this name.
    Event {
        /// The name.
        event: String,
    },
    /// At any event that is not listed.
    Other {
        /// Always `true`.
        other: bool,
    },
    /// At its end, one level before.
    End {
        /// What kind of end.
        end: PathEnd,
    },
}

/// How a path ends before it has as many steps as were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathEnd {
    /// For good.
    Stopped,
    /// So far: it may go on.
    Open,
}

/// Paths that go from a place of one level to one of the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathLink {
    /// That of `from`.
    pub level: usize,
    /// Nearer to the anchor.
    pub from: PathPlace,
    /// On the next level.
    pub to: PathPlace,
    /// How many.
    pub count: u64,
    /// Median time between the two, in milliseconds; none to an end.
    pub median_ms: Figure,
}

/// Paths of the same steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WholePath {
    /// By level: backwards, the anchor is the first here too.
    pub events: Vec<String>,
    /// How many.
    pub count: u64,
    /// Of all paths.
    pub share: f64,
    /// Of them, those that may go on.
    pub open: u64,
}

/// Paths that begin with the same steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathBranch {
    /// The last of these steps, or the end behind them.
    #[serde(flatten)]
    pub place: PathPlace,
    /// How many.
    pub count: u64,
    /// Of all paths.
    pub share: f64,
    /// What comes next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<PathBranch>,
}

impl PathPlace {
    fn event(name: &str) -> Self {
        Self::Event { event: name.to_owned() }
    }
}

impl PathsWalk {
    /// The answer.
    ///
    /// # Errors
    /// [`TooManyPaths`]
    pub fn report(self, source: Source) -> Result<PathsReport, TooManyPaths> {
        let Self { spec, names, counts, .. } = self;
        let mut counts = counts.finish()?;
        let levels = levels(&counts, &names, spec.limit);
        let links = links(std::mem::take(&mut counts.links), &counts.ends, &levels);
        let total = counts.total;
        let mut whole: Vec<CountedPath> = counts.whole.into_iter().collect();
        whole.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let tree = Tree { names: &names, limit: spec.limit, depth: spec.depth, total }.branches(&whole, 0);
        let to_level = |listed: Listed| PathLevel {
            level: listed.level,
            nodes: listed
                .places
                .into_iter()
                .map(|(place, count)| PathNode { place, count, share: share(count, total) })
                .collect(),
        };
        Ok(PathsReport {
            kind: "paths",
            version: source.version,
            complete_to: source.complete_to(),
            count: spec.count.name(),
            total,
            levels: levels.into_iter().map(to_level).collect(),
            links,
            paths: most_frequent_paths(whole, &names, spec.top, total),
            tree,
            scanned: source.scanned,
        })
    }
}

/// The names of a whole path, and how many there are.
type CountedPath = (Box<[u32]>, Whole);

/// What is listed of one level.
struct Listed {
    level: usize,
    /// In the order of the answer, with their counts.
    places: Vec<(PathPlace, u64)>,
    /// Where names are in `places`. Those that are not here are the others.
    by_name: HashMap<u32, usize>,
}

impl Listed {
    fn place_of(&self, name: u32) -> usize {
        // All others stand right behind those that have a name.
        self.by_name.get(&name).copied().unwrap_or(self.by_name.len())
    }

    fn place_of_end(&self, end: PathEnd) -> Option<usize> {
        self.places.iter().position(|(place, _)| *place == PathPlace::End { end })
    }
}

/// All levels that a path comes to, or ends before.
fn levels(counts: &Counts, names: &Groups, limit: usize) -> Vec<Listed> {
    let mut by_level: BTreeMap<usize, (HashMap<u32, u64>, Ends)> = BTreeMap::new();
    if counts.total > 0 {
        by_level.entry(1).or_default().0.clone_from(&counts.first);
    }
    for ((level, _, to), link) in &counts.links {
        *by_level.entry(level + 1).or_default().0.entry(*to).or_default() += link.count;
    }
    for ((level, _), ends) in &counts.ends {
        let before = &mut by_level.entry(level + 1).or_default().1;
        before.stopped += ends.stopped;
        before.open += ends.open;
    }
    let listed = by_level.into_iter().map(|(level, (events, ends))| {
        let (named, others) = most_frequent(events, names, limit);
        let by_name = named.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
        let mut places: Vec<(PathPlace, u64)> =
            named.into_iter().map(|(name, count)| (PathPlace::event(names.key(name)), count)).collect();
        places.extend(rest(others, ends));
        Listed { level, places, by_name }
    });
    listed.collect()
}

/// The places behind those that have a name, as far as anybody is there.
fn rest(others: u64, ends: Ends) -> impl Iterator<Item = (PathPlace, u64)> {
    let places = [
        (PathPlace::Other { other: true }, others),
        (PathPlace::End { end: PathEnd::Stopped }, ends.stopped),
        (PathPlace::End { end: PathEnd::Open }, ends.open),
    ];
    places.into_iter().filter(|(_, count)| *count > 0)
}

/// Links between the places of levels, in the order of these.
fn links(
    links: HashMap<(usize, u32, u32), Link>,
    ends: &HashMap<(usize, u32), Ends>,
    levels: &[Listed],
) -> Vec<PathLink> {
    let mut between: BTreeMap<(usize, usize, usize), (u64, Times)> = BTreeMap::new();
    for ((level, from, to), link) in links {
        let (here, next) = (&levels[level - 1], &levels[level]);
        let (count, times) = between.entry((level, here.place_of(from), next.place_of(to))).or_default();
        *count += link.count;
        times.merge(link.times);
    }
    for ((level, last), ends) in ends {
        let (here, next) = (&levels[level - 1], &levels[*level]);
        for (end, count) in [(PathEnd::Stopped, ends.stopped), (PathEnd::Open, ends.open)] {
            if let Some(to) = next.place_of_end(end).filter(|_| count > 0) {
                between.entry((*level, here.place_of(*last), to)).or_default().0 += count;
            }
        }
    }
    let link = |((level, from, to), (count, times)): ((usize, usize, usize), (u64, Times))| PathLink {
        level,
        from: levels[level - 1].places[from].0.clone(),
        to: levels[level].places[to].0.clone(),
        count,
        median_ms: Figure(percentile(&times.sorted(), 5)),
    };
    between.into_iter().map(link).collect()
}

/// The most frequent whole paths, those of equal counts by the names of their events.
fn most_frequent_paths(mut whole: Vec<CountedPath>, names: &Groups, top: usize, total: u64) -> Vec<WholePath> {
    let texts = |path: &CountedPath| path.0.iter().map(|name| names.key(*name)).collect::<Vec<_>>();
    whole.sort_unstable_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| texts(a).cmp(&texts(b))));
    let listed = whole.iter().take(top).map(|path| WholePath {
        events: texts(path).into_iter().map(str::to_owned).collect(),
        count: path.1.count,
        share: share(path.1.count, total),
        open: path.1.open,
    });
    listed.collect()
}

/// Makes branches of whole paths.
struct Tree<'n> {
    names: &'n Groups,
    limit: usize,
    depth: usize,
    total: u64,
}

impl Tree<'_> {
    /// The branches behind so many equal steps of some paths, which are in order.
    fn branches(&self, paths: &[CountedPath], steps: usize) -> Vec<PathBranch> {
        // Those that are no longer than that come first.
        let (ended, going) = paths.split_at(paths.partition_point(|(names, _)| names.len() <= steps));
        let mut ends = Ends::default();
        if steps < self.depth {
            for (_, whole) in ended {
                ends.open += whole.open;
                ends.stopped += whole.count - whole.open;
            }
        }
        let runs: HashMap<u32, &[CountedPath]> =
            going.chunk_by(|a, b| a.0[steps] == b.0[steps]).map(|run| (run[0].0[steps], run)).collect();
        let sizes = runs.iter().map(|(name, run)| (*name, run.iter().map(|(_, whole)| whole.count).sum::<u64>()));
        let (mut named, mut others) = most_frequent(sizes, self.names, self.limit);
        let large = named.partition_point(|(_, count)| share(*count, self.total) >= LEAST_SHARE);
        others += named.drain(large..).map(|(_, count)| count).sum::<u64>();
        let mut branches: Vec<PathBranch> = Vec::with_capacity(named.len() + 1);
        for (name, count) in named {
            let children = self.branches(runs[&name], steps + 1);
            branches.push(self.branch(PathPlace::event(self.names.key(name)), count, children));
        }
        branches.extend(rest(others, ends).map(|(place, count)| self.branch(place, count, Vec::new())));
        branches
    }

    fn branch(&self, place: PathPlace, count: u64, children: Vec<PathBranch>) -> PathBranch {
        PathBranch { place, count, share: share(count, self.total), children }
    }
}
