//! Power lost at many points of every kind of work on one lake: import, landing, compaction, erasure.
//!
//! What is done is chosen by dice, and so is when it ends. After each end the lake must open, and have nothing twice and nothing
//! that nobody sent; in the end, once everything was done to its end, it must have exactly what it should. `CRASH_POINTS` says
//! how many; `make crash` takes 200.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{Process, command, weir};
use weir_tests::dice::Dice;
use weir_tests::server::Server;

use super::{ids_of, repeated};

/// Users of each file of events; their names begin with the number of the file.
const USERS: usize = 40;
/// Events of a file.
const EVENTS: usize = 4_000;

/// How long each kind of work took when it was let be, so that most ends lie inside of it.
struct Pace {
    import: Duration,
    compaction: Duration,
    erasure: Duration,
}

/// A lake that loses its power again and again, and what must be in it.
struct World {
    scratch: Scratch,
    lake: String,
    dice: Dice,
    /// Files that were imported, or were begun to be; the first one, whose users are erased, to its end.
    files: Vec<String>,
    /// Ids of the users of the first file.
    of_first: BTreeMap<String, Vec<String>>,
    /// Ids that are in the lake or may be.
    sent: BTreeSet<String>,
    /// Ids that must be there.
    kept: BTreeSet<String>,
    /// Users whose erasure was begun.
    erased: Vec<String>,
    /// Ends in the middle of something.
    cut: u64,
}

fn user(file: usize, number: usize) -> String {
    format!("f{file}-u{number}")
}

impl World {
    fn new(points: u64) -> Self {
        let scratch = Scratch::new();
        let lake = scratch.lake();
        let dice = Dice::new(7_000 + points);
        Self {
            scratch,
            lake,
            dice,
            files: Vec::new(),
            of_first: BTreeMap::new(),
            sent: BTreeSet::new(),
            kept: BTreeSet::new(),
            erased: Vec::new(),
            cut: 0,
        }
    }

    /// Does everything once to its end, and takes the time.
    fn pace(&mut self) -> Pace {
        let lake = self.lake.clone();
        let timed = |args: &[&str]| {
            let started = Instant::now();
            weir(args).ok();
            started.elapsed()
        };
        let first = self.new_file();
        let import = timed(&["import", &first, "--lake", &lake]);
        let second = self.new_file();
        weir(&["import", &second, "--lake", &lake]).ok();
        let compaction = timed(&["compact", "--lake", &lake]);
        self.erased.push(user(0, 0));
        let erasure = timed(&["delete-user", &user(0, 0), "--yes", "--lake", &lake]);
        Pace { import, compaction, erasure }
    }

    /// A new file of events of users of its own, some lines twice.
    fn new_file(&mut self) -> String {
        let file = self.files.len();
        let mut text = String::new();
        for n in 0..EVENTS {
            let (id, user) = (format!("f{file}-{n}"), user(file, self.dice.below(USERS)));
            let time_ms = 1_748_854_800_000_u64 + self.dice.below(40 * 86_400_000) as u64;
            let event = json!({"event": "tick", "user_id": user, "event_id": id, "timestamp": time_ms,
                "properties": {"n": n, "of": user}});
            let line = format!("{event}\n");
            text.push_str(&line);
            if n % 13 == 0 {
                text.push_str(&line);
            }
            if file == 0 {
                self.of_first.entry(user.clone()).or_default().push(id.clone());
            }
            self.sent.insert(id.clone());
            self.kept.insert(id);
        }
        let path = self.scratch.file(&format!("{file}.ndjson"), text);
        self.files.push(path.clone());
        path
    }

    /// Runs a command, and kills it somewhere around `usual`; or lets it end, if it is quicker.
    fn cut_short(&mut self, args: &[&str], usual: Duration) {
        let mut process = Process::spawn(command(args));
        std::thread::sleep(usual.mul_f64(self.dice.between(1, 100) as f64 / 100.0));
        self.cut += u64::from(process.kill());
    }

    fn import(&mut self, pace: &Pace) {
        let lake = self.lake.clone();
        let path = self.new_file();
        self.cut_short(&["import", &path, "--lake", &lake], pace.import);
        // Half of them are finished at once, the others wait until the end: erasures and compactions come in between.
        if self.dice.chance(50) {
            weir(&["import", &path, "--lake", &lake]).ok();
        }
    }

    /// A server that takes events and loses its power; what it acknowledged must stay.
    fn land(&mut self) {
        let server = Server::start(&self.lake);
        let until = Instant::now() + Duration::from_millis(self.dice.below(500) as u64);
        let mut batch = 0;
        while Instant::now() < until {
            let ids: Vec<String> = (0..20).map(|n| format!("l{}-{batch}-{n}", self.cut)).collect();
            let events: Vec<Value> = ids
                .iter()
                .map(|id| json!({"event": "tick", "user_id": format!("l-u{}", self.dice.below(USERS)), "event_id": id}))
                .collect();
            server.http().send(&events);
            self.sent.extend(ids.iter().cloned());
            self.kept.extend(ids);
            batch += 1;
        }
        server.kill();
        self.cut += 1;
    }

    fn compact(&mut self, pace: &Pace) {
        let lake = self.lake.clone();
        self.cut_short(&["compact", "--lake", &lake], pace.compaction);
    }

    /// Erases a user of the first file; or, once all are erased, one of them again.
    fn erase(&mut self, pace: &Pace) {
        let lake = self.lake.clone();
        let user = user(0, self.erased.len() % USERS);
        self.erased.push(user.clone());
        self.cut_short(&["delete-user", &user, "--yes", "--lake", &lake], pace.erasure);
    }

    /// Does everything to its end. What must be there then, is.
    fn finish(&mut self) {
        let lake = self.lake.clone();
        for user in self.erased.iter().collect::<BTreeSet<_>>() {
            weir(&["delete-user", user, "--yes", "--lake", &lake]).ok();
            for id in self.of_first.get(user).into_iter().flatten() {
                self.kept.remove(id);
                self.sent.remove(id);
            }
        }
        for path in &self.files[1..] {
            weir(&["import", path, "--lake", &lake]).ok();
        }
        // What the log still holds lands.
        let server = Server::start(&self.lake);
        let last = server.http().send(&[json!({"event": "tick", "user_id": "last", "event_id": "last"})]);
        self.sent.insert("last".to_owned());
        server.http().wait_until_queryable(&last);
        server.stop();
        self.check("all was done");
        weir(&["compact", "--lake", &lake]).ok();
        self.check("a last compaction");
        let there: BTreeSet<String> = ids_of(&lake).into_iter().collect();
        let lost: Vec<_> = self.kept.difference(&there).take(5).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }

    /// The lake opens, and has nothing twice and nothing unknown.
    fn check(&self, what: &str) {
        let ids = ids_of(&self.lake);
        assert_eq!(repeated(&ids), [""; 0], "there twice after {what}");
        let unknown: Vec<_> = ids.iter().filter(|id| !self.sent.contains(*id)).collect();
        assert!(unknown.is_empty(), "nobody sent {unknown:?}; after {what}");
    }
}

#[test]
fn power_lost_at_any_point_of_any_work_loses_and_doubles_nothing() {
    let points: u64 =
        std::env::var("CRASH_POINTS").map_or(40, |points| points.parse().expect("CRASH_POINTS: a number"));
    let mut world = World::new(points);
    let pace = world.pace();
    for point in 0..points {
        let work = *world.dice.pick(&["import", "landing", "compaction", "erasure"]);
        match work {
            "import" => world.import(&pace),
            "landing" => world.land(),
            "compaction" => world.compact(&pace),
            _ => world.erase(&pace),
        }
        world.check(&format!("{work}, point {point}"));
    }
    world.finish();
    let (cut, events) = (world.cut, world.kept.len());
    println!("{points} points, {cut} in the middle of work; {events} events are there once");
    assert!(cut * 2 > points, "only {cut} of {points} were in the middle of work");
}
