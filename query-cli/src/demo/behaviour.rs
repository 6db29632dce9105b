//! What people do: sessions, how an application goes on for days, and what the network makes of it.
//!
//! ```text
//! view_job ─▶ apply_start ─┬─▶ apply_submit ─┬─▶ chat_open ─▶ interview_scheduled
//!                          └┄┄▶ later        └┄┄▶ later                └┄┄▶ later: hired
//! ```
//!
//! A dotted line is a [`Visit`]: the user leaves, and a notification calls them back hours or days later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::dice::{Dice, Of};
use super::town::{Reach, Town, User};
use super::world::{self, Name};
use super::{HOUR_MS, Window};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// One event before it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// When it reaches the stream.
    pub arrival: i64,
    /// Its timestamp.
    pub at: i64,
    /// Unique, except that a copy has the number of its original; the line depends on it and not on the arrival.
    pub number: u64,
    /// The number of the session's first event.
    pub session: u64,
    pub user: u32,
    /// The job that the event, or the session at that point, is about.
    pub job: u32,
    pub name: Name,
    /// Whether the app tells the session.
    pub tells_session: bool,
}

/// What somebody comes back for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Submit,
    Chat,
    Hire,
}

/// A session to come. Ordered by when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    due: i64,
    user: u32,
    job: u32,
    step: Step,
}

/// Plans the events of one window after the other.
pub(super) struct Behaviour {
    end_ms: i64,
    next_number: u64,
    visits: BinaryHeap<Reverse<Visit>>,
}

impl Behaviour {
    pub(super) fn new(end_ms: i64) -> Self {
        Behaviour { end_ms, next_number: 0, visits: BinaryHeap::new() }
    }

    /// Adds exactly `quota` plans of sessions that start in the window. The last session is cut off at the quota.
    pub(super) fn plan_window(&mut self, town: &Town, window: &Window, quota: u64, plans: &mut Vec<Plan>) {
        let mut dice = Dice::of(town.seed, Of::Day, u64::from(window.index));
        let hours = window.hours();
        let mut sink = Sink { room: quota, end_ms: self.end_ms, next_number: &mut self.next_number, plans };
        while sink.room > 0 {
            // Visits first: those that the window itself has caused must not wait for the next one.
            if let Some(visit) = due_visit(&mut self.visits, window.last) {
                let user = town.user(visit.user);
                let visits = &mut self.visits;
                let mut session = Session::new(town, window.index, &mut dice, &mut sink, visits, &user, visit.due);
                session.job = visit.job;
                session.come_back(visit.step);
            } else {
                let user = town.draw_user(&mut dice, window.index);
                let start = window.first + dice.weighted(&hours) * HOUR_MS + dice.between(0, HOUR_MS - 1);
                let visits = &mut self.visits;
                let mut session = Session::new(town, window.index, &mut dice, &mut sink, visits, &user, start);
                session.job = town.draw_job(session.dice, window.index, &user);
                session.run();
            }
        }
        // What finds no room never happened; left until the next window it would arrive out of order.
        while due_visit(&mut self.visits, window.last).is_some() {}
    }
}

/// Takes the next visit out if it is due by an instant.
fn due_visit(visits: &mut BinaryHeap<Reverse<Visit>>, by: i64) -> Option<Visit> {
    let due = visits.peek().is_some_and(|Reverse(visit)| visit.due <= by);
    if due { visits.pop().map(|Reverse(visit)| visit) } else { None }
}

/// Takes plans as long as there is room.
struct Sink<'a> {
    room: u64,
    end_ms: i64,
    next_number: &'a mut u64,
    plans: &'a mut Vec<Plan>,
}

impl Sink<'_> {
    /// Adds a plan, and sometimes a copy of it. What has not happened by the end of the period is left out.
    fn put(&mut self, plan: Plan, copy_after: Option<i64>) {
        if self.room == 0 || plan.at > self.end_ms {
            return;
        }
        *self.next_number += 1;
        self.room -= 1;
        self.plans.push(plan);
        if let Some(after) = copy_after.filter(|_| self.room > 0) {
            self.room -= 1;
            self.plans.push(Plan { arrival: plan.arrival + after, ..plan });
        }
    }
}

/// One user's session while it goes on.
struct Session<'a, 'b> {
    town: &'a Town,
    day: u32,
    dice: &'a mut Dice,
    sink: &'a mut Sink<'b>,
    visits: &'a mut BinaryHeap<Reverse<Visit>>,
    user: &'a User,
    /// The present.
    at: i64,
    /// The job in view.
    job: u32,
    /// The number of its first event.
    id: u64,
    /// Whether its events carry a `session_id`.
    tells: bool,
}

impl<'a, 'b> Session<'a, 'b> {
    fn new(
        town: &'a Town,
        day: u32,
        dice: &'a mut Dice,
        sink: &'a mut Sink<'b>,
        visits: &'a mut BinaryHeap<Reverse<Visit>>,
        user: &'a User,
        at: i64,
    ) -> Self {
        let id = *sink.next_number;
        let tells = dice.chance(7_000);
        Session { town, day, dice, sink, visits, user, at, job: 0, id, tells }
    }

    /// An event happens now.
    fn happens(&mut self, name: Name) {
        let late = if self.dice.chance(100) { self.delay() } else { self.dice.skewed(40, 2_500) };
        let copy_after = self.dice.chance(50).then(|| self.dice.skewed(1, 110 * MINUTE_MS));
        let plan = Plan {
            arrival: self.at + late,
            at: self.at,
            number: *self.sink.next_number,
            session: self.id,
            user: self.user.number,
            job: self.job,
            name,
            tells_session: self.tells,
        };
        self.sink.put(plan, copy_after);
    }

    /// How long the event of a device without a connection takes.
    fn delay(&mut self) -> i64 {
        let (low, high) = self.dice.weighted(&[
            ((6 * MINUTE_MS, HOUR_MS), 45),
            ((HOUR_MS, 12 * HOUR_MS), 35),
            ((12 * HOUR_MS, 71 * HOUR_MS), 20),
        ]);
        self.dice.between(low, high)
    }

    /// Time passes; rarely none, so that two events share a millisecond.
    fn pause(&mut self, low: i64, high: i64) {
        if !self.dice.chance(35) {
            self.at += self.dice.skewed(low, high);
        }
    }

    /// A pause, then an event.
    fn then(&mut self, low: i64, high: i64, name: Name) {
        self.pause(low, high);
        self.happens(name);
    }

    /// A session that nothing has called for.
    fn run(&mut self) {
        if self.dice.chance(2_600) && self.user.joined != i64::from(self.day) {
            self.happens(Name::NotificationReceive);
            if !self.dice.chance(4_000) {
                return;
            }
            self.then(2 * SECOND_MS, 25 * MINUTE_MS, Name::NotificationOpen);
            self.pause(200, 2 * SECOND_MS);
        }
        self.open();
        let does = if self.user.employer { world::EMPLOYER_DOES } else { world::SEEKER_DOES };
        for _ in 0..self.dice.pick(world::SESSION_LENGTHS) {
            let name = self.dice.weighted(does);
            if matches!(name, Name::ViewJob | Name::PostJob) {
                self.job = self.town.draw_job(self.dice, self.day, self.user);
            }
            let longest = if self.dice.chance(200) { 25 * MINUTE_MS } else { 100 * SECOND_MS };
            self.then(SECOND_MS, longest, name);
            if name == Name::ViewJob && self.user.reach >= Reach::Starts && !self.user.employer {
                self.maybe_apply();
            }
        }
        if self.dice.chance(250) {
            self.then(SECOND_MS, MINUTE_MS, Name::Logout);
        }
    }

    /// The first things in a session.
    fn open(&mut self) {
        self.happens(if self.user.platform.name == "web" { Name::Page } else { Name::AppOpen });
        if self.user.joined == i64::from(self.day) && self.dice.chance(7_000) {
            self.then(10 * SECOND_MS, 4 * MINUTE_MS, Name::SignUp);
            if self.dice.chance(5_000) {
                self.then(5 * SECOND_MS, 3 * MINUTE_MS, Name::EditProfile);
            }
        } else if self.dice.chance(900) {
            self.then(2 * SECOND_MS, 40 * SECOND_MS, Name::Login);
        }
    }

    /// Applies for the job in view, or not.
    fn maybe_apply(&mut self) {
        if !self.dice.chance(self.user.applies) {
            return;
        }
        // Some ask before they apply, which a funnel in a fixed order does not count.
        if self.user.reach >= Reach::Chats && self.dice.chance(800) {
            self.then(5 * SECOND_MS, 2 * MINUTE_MS, Name::ChatOpen);
        }
        self.then(3 * SECOND_MS, 3 * MINUTE_MS, Name::ApplyStart);
        if self.dice.chance(600) {
            self.then(SECOND_MS, MINUTE_MS, Name::ApplyStart);
        }
        if self.user.reach < Reach::Submits || self.dice.chance(500) {
            return;
        }
        if self.dice.chance(7_500) {
            self.pause(15 * SECOND_MS, 8 * MINUTE_MS);
            self.submit();
        } else {
            self.plan_visit(Step::Submit, 40 * MINUTE_MS, 48 * HOUR_MS);
        }
    }

    fn submit(&mut self) {
        self.happens(Name::ApplySubmit);
        if self.dice.chance(300) {
            self.then(400, 10 * SECOND_MS, Name::ApplySubmit);
        }
        if self.user.reach < Reach::Chats || self.dice.chance(500) {
            return;
        }
        if self.dice.chance(3_000) {
            self.pause(5 * SECOND_MS, 10 * MINUTE_MS);
            self.chat();
        } else {
            self.plan_visit(Step::Chat, 35 * MINUTE_MS, 72 * HOUR_MS);
        }
    }

    fn chat(&mut self) {
        self.happens(Name::ChatOpen);
        for _ in 0..self.dice.below(5) {
            self.then(4 * SECOND_MS, 4 * MINUTE_MS, Name::ChatMessage);
        }
        if self.user.reach < Reach::IsHired {
            return;
        }
        if self.dice.chance(6_000) {
            self.then(10 * SECOND_MS, 5 * MINUTE_MS, Name::InterviewScheduled);
        }
        if self.dice.chance(800) {
            self.then(10 * SECOND_MS, 20 * MINUTE_MS, Name::InterviewCancelled);
        } else {
            self.plan_visit(Step::Hire, 5 * HOUR_MS, 8 * 24 * HOUR_MS);
        }
    }

    /// Arranges for the user to come back for the job in view, not in the middle of the night. A session that has
    /// been cut off has no consequences.
    fn plan_visit(&mut self, step: Step, low: i64, high: i64) {
        if self.sink.room == 0 {
            return;
        }
        let due = self.at + self.dice.skewed(low, high);
        let korean_hour = (due.div_euclid(HOUR_MS) + 9).rem_euclid(24);
        let sleeps = if korean_hour < 7 { 7 * HOUR_MS } else { 0 };
        self.visits.push(Reverse(Visit { due: due + sleeps, user: self.user.number, job: self.job, step }));
    }

    /// The visit that an earlier session has arranged.
    fn come_back(&mut self, step: Step) {
        self.happens(Name::NotificationReceive);
        self.then(2 * SECOND_MS, 25 * MINUTE_MS, Name::NotificationOpen);
        self.pause(2 * SECOND_MS, 2 * MINUTE_MS);
        match step {
            Step::Submit => self.submit(),
            Step::Chat => self.chat(),
            Step::Hire => {
                self.happens(Name::Hired);
                if self.dice.chance(2_000) {
                    self.then(20 * SECOND_MS, 10 * MINUTE_MS, Name::ReviewWrite);
                }
            }
        }
    }
}
