//! The users and jobs of the town, rolled from their numbers.

use super::dice::{Dice, Of};
use super::world::{self, Platform, TIERS, Tier};
use super::{DAY_MS, DemoConfig};

/// How many days before the period the oldest users came.
const OLDEST_USER_DAYS: i64 = 60;

/// How long a job is open.
const JOB_OPEN_DAYS: u64 = 21;

/// One job in this many has an odd title. Prime, so that odd titles occur in all regions.
const ODD_EVERY: u32 = 41;

/// Where users and jobs come from.
#[derive(Debug)]
pub(super) struct Town {
    pub seed: u64,
    days: u32,
    end_ms: i64,
    jobs: u32,
    /// From the most active to the least.
    levels: Vec<Level>,
}

/// The users of this town who are in a tier: a run of numbers, so early users are the most active.
#[derive(Debug)]
struct Level {
    tier: Tier,
    /// The number of the first one.
    first: u32,
    count: u32,
    /// What all of them do together.
    activity: u64,
}

/// How far a user ever gets in the funnel. Without such a limit everybody who looks at enough jobs would be hired in
/// the end, and a funnel over two months would lose nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Looks,
    Starts,
    Submits,
    Chats,
    IsHired,
}

/// Which of the two ids a user's events carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    User,
    Anonymous,
    Both,
}

/// A user.
#[derive(Debug)]
pub(super) struct User {
    pub number: u32,
    /// The day of the first visit, as the index of a window; negative if before the period.
    pub joined: i64,
    /// Offers jobs instead of looking for one.
    pub employer: bool,
    pub reach: Reach,
    /// The chance of applying for a job looked at, in ten thousandths.
    pub applies: u32,
    /// Whether the user is so active that coming back is no question.
    pub regular: bool,
    pub known: Known,
    /// Whether the user id is a UUID instead of a short name.
    pub uuid: bool,
    /// Random bits for ids.
    pub bits: [u64; 3],
    pub platform: Platform,
    pub os_version: &'static str,
    pub model: &'static str,
    pub locale: &'static str,
    /// Releases behind the newest.
    pub releases_behind: u32,
    /// Index of the region the user lives in.
    pub region: u32,
}

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub number: u32,
    pub category: &'static str,
    pub region: &'static str,
    /// A title without its end, and the end.
    pub title: (&'static str, &'static str),
    /// In won.
    pub wage: u32,
    /// What the wage is paid for.
    pub wage_type: &'static str,
    pub urgent: bool,
    pub tags: &'static [&'static str],
}

impl Town {
    /// A town for the number of events asked for: about one user for every twelve, one job for every 60.
    pub(super) fn new(config: &DemoConfig) -> Self {
        // Some users are never drawn, so there are more of them than that.
        let users = (config.events / 2).clamp(8, 500_000_000);
        // The tiers assume that there are many users; in a small town the most active would dominate.
        let most = (users * 20 / 100).max(300);
        let mut levels = Vec::with_capacity(TIERS.len());
        let mut first = 0;
        for (index, tier) in TIERS.iter().enumerate() {
            let count = if index + 1 == TIERS.len() { users - first } else { users * tier.users / 100_000 };
            let activity = count * tier.activity.min(most);
            levels.push(Level { tier: *tier, first: first as u32, count: count as u32, activity });
            first += count;
        }
        let jobs = (config.events / 60).clamp(64, u64::from(u32::MAX)) as u32;
        Town { seed: config.seed, days: config.days, end_ms: config.end_ms, jobs, levels }
    }

    /// The user of a number.
    pub(super) fn user(&self, number: u32) -> User {
        let mut dice = Dice::of(self.seed, Of::User, u64::from(number));
        let level = self.levels.iter().rev().find(|level| number >= level.first && level.count > 0);
        let tier = level.map_or(TIERS[TIERS.len() - 1], |level| level.tier);
        let platform = dice.weighted(world::PLATFORMS);
        User {
            number,
            joined: dice.between(-OLDEST_USER_DAYS, i64::from(self.days) - 1),
            employer: dice.chance(600),
            reach: dice.weighted(&[
                (Reach::Looks, 4_400),
                (Reach::Starts, 2_150),
                (Reach::Submits, 1_840),
                (Reach::Chats, 1_180),
                (Reach::IsHired, 430),
            ]),
            applies: tier.applies,
            regular: tier.activity >= 400,
            known: dice.weighted(&[(Known::User, 46), (Known::Anonymous, 30), (Known::Both, 24)]),
            uuid: dice.chance(1_500),
            bits: [dice.bits(), dice.bits(), dice.bits()],
            platform,
            os_version: dice.pick(platform.versions),
            model: dice.pick(platform.models),
            locale: dice.weighted(world::LOCALES),
            releases_behind: dice.weighted(&[(0, 70), (1, 20), (2, 7), (3, 3)]),
            region: dice.below(world::REGIONS.len() as u32),
        }
    }

    /// The job of a number.
    pub(super) fn job(&self, number: u32) -> Job {
        let mut dice = Dice::of(self.seed, Of::Job, u64::from(number));
        let category = dice.weighted(world::CATEGORIES);
        let (wage_type, low, high, step) = dice.weighted(&[
            (("hourly", 10_030, 16_000, 10), 80),
            (("daily", 90_000, 190_000, 5_000), 12),
            (("monthly", 1_800_000, 3_400_000, 50_000), 5),
            (("per_task", 5_000, 60_000, 1_000), 3),
        ]);
        let tags = dice.below(world::TAGS.len() as u32) as usize;
        Job {
            number,
            category: category.name,
            region: world::REGIONS[number as usize % world::REGIONS.len()],
            title: match number % ODD_EVERY {
                // By number, not by chance, so that a small town has most of them too.
                0 => (world::ODD_TITLES[(number / ODD_EVERY) as usize % world::ODD_TITLES.len()], ""),
                _ => (dice.pick(category.titles), dice.weighted(world::TITLE_ENDS)),
            },
            wage: dice.skewed(low, high) as u32 / step * step,
            wage_type,
            urgent: dice.chance(1_800),
            tags: &world::TAGS[tags..(tags + dice.below(4) as usize).min(world::TAGS.len())],
        }
    }

    /// The release of the app that a user has at an instant; the newest came out in the last two weeks.
    pub(super) fn app_version(&self, user: &User, at: i64) -> &'static str {
        let behind = (self.end_ms - at) / (14 * DAY_MS) + i64::from(user.releases_behind);
        let newest = world::APP_VERSIONS.len() as i64 - 1;
        world::APP_VERSIONS[(newest - behind).max(0) as usize]
    }

    /// A user who starts a session on a day, the active ones more often, new ones more often than old ones.
    pub(super) fn draw_user(&self, dice: &mut Dice, day: u32) -> User {
        let mut user = self.draw_any_user(dice);
        // A small town may have nobody who fits; then somebody who does not must do.
        for _ in 0..400 {
            let age = i64::from(day) - user.joined;
            if age >= 0 && dice.chance(returns(&user, age)) {
                break;
            }
            user = self.draw_any_user(dice);
        }
        user
    }

    fn draw_any_user(&self, dice: &mut Dice) -> User {
        let mut left = dice.below_u64(self.levels.iter().map(|level| level.activity).sum());
        for level in &self.levels {
            if left < level.activity {
                return self.user(level.first + dice.below(level.count));
            }
            left -= level.activity;
        }
        self.user(0)
    }

    /// A job open on a day, the newer ones more often, and more than half of them close to the user.
    pub(super) fn draw_job(&self, dice: &mut Dice, day: u32, user: &User) -> u32 {
        let all = u64::from(self.jobs);
        let posted_days = u64::from(self.days) + JOB_OPEN_DAYS;
        let oldest = all * u64::from(day) / posted_days;
        let newest = all * (u64::from(day) + JOB_OPEN_DAYS) / posted_days;
        let job = newest - dice.skewed(0, (newest - oldest) as i64) as u64;
        let regions = world::REGIONS.len() as u64;
        let job = if dice.chance(6_000) { job / regions * regions + u64::from(user.region) } else { job };
        job as u32
    }
}

/// The chance, in ten thousandths, that a user of this age comes back on a day.
fn returns(user: &User, age: i64) -> u32 {
    if user.regular {
        return 1_000;
    }
    world::RETURNS.iter().find(|(up_to, _)| age <= *up_to).map_or(0, |(_, chance)| *chance)
}
