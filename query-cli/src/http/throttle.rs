//! Slows down who guesses: after a few failed logins an address waits, longer each time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// So many failures cost nothing: people mistype.
const FREE: u32 = 3;
/// The first wait, which doubles with each failure.
const FIRST_WAIT_MS: i64 = 1_000;
/// The longest wait.
const LONGEST_WAIT_MS: i64 = 60_000;
/// Failures are forgotten after so long without one.
const FORGOTTEN_AFTER_MS: i64 = 15 * 60_000;
/// So many addresses are remembered; the oldest go first.
const MOST_ADDRESSES: usize = 10_000;

/// Failed logins, by address.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last_ms: i64,
}

impl Failures {
    fn ends_ms(self) -> i64 {
        let doublings = self.count.saturating_sub(FREE);
        let wait = match doublings {
            0 => 0,
            n => (FIRST_WAIT_MS << (n - 1).min(16)).min(LONGEST_WAIT_MS),
        };
        self.last_ms.saturating_add(wait)
    }
}

impl Throttle {
    /// Tries a login of an address, unless it has to wait: then for how many milliseconds. One at a time, so that many at once
    /// are no way around it.
    pub fn attempt<T>(&self, from: IpAddr, now_ms: i64, login: impl FnOnce() -> Option<T>) -> Result<Option<T>, i64> {
        let from = neighbourhood(from);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = failures.get(&from) {
            let wait_ms = known.ends_ms().saturating_sub(now_ms);
            if wait_ms > 0 {
                return Err(wait_ms);
            }
        }
        let outcome = login();
        if outcome.is_some() {
            failures.remove(&from);
        } else {
            let known = failures.get(&from).filter(|known| now_ms.saturating_sub(known.last_ms) < FORGOTTEN_AFTER_MS);
            let count = known.map_or(0, |known| known.count).saturating_add(1);
            failures.insert(from, Failures { count, last_ms: now_ms });
            make_room(&mut failures, now_ms);
        }
        Ok(outcome)
    }
}

fn make_room(failures: &mut HashMap<IpAddr, Failures>, now_ms: i64) {
    if failures.len() <= MOST_ADDRESSES {
        return;
    }
    failures.retain(|_, known| now_ms.saturating_sub(known.last_ms) < FORGOTTEN_AFTER_MS);
    if failures.len() > MOST_ADDRESSES
        && let Some(oldest) = failures.iter().min_by_key(|(_, known)| known.last_ms).map(|(address, _)| *address)
    {
        failures.remove(&oldest);
    }
}

/// Who has one address of version 6 has 2⁶⁴ of them.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn fails(throttle: &Throttle, from: IpAddr, now_ms: i64) -> Result<(), i64> {
        throttle.attempt(from, now_ms, || None::<()>).map(|_| ())
    }

    #[test]
    fn who_fails_again_and_again_waits_longer_and_longer() {
        let throttle = Throttle::default();
        for _ in 0..FREE {
            assert_eq!(fails(&throttle, HERE, 0), Ok(()));
        }
        assert_eq!(fails(&throttle, HERE, 0), Ok(()), "the first beyond those begins the wait");
        assert_eq!(fails(&throttle, HERE, 0), Err(1_000));
        assert_eq!(fails(&throttle, HERE, 1_000), Ok(()));
        assert_eq!(fails(&throttle, HERE, 1_500), Err(1_500));
        let right = throttle.attempt(HERE, 1_500, || Some(()));
        assert_eq!(right, Err(1_500), "the right one has to wait too, or it would be found by guessing");
        let mut now = 3_000;
        for _ in 0..40 {
            assert_eq!(fails(&throttle, HERE, now), Ok(()));
            now += LONGEST_WAIT_MS;
        }
        assert_eq!(fails(&throttle, HERE, now - LONGEST_WAIT_MS), Err(LONGEST_WAIT_MS));
        assert_eq!(throttle.attempt(HERE, now, || Some(7)), Ok(Some(7)));
        assert_eq!(fails(&throttle, HERE, now), Ok(()), "who is in begins anew");
    }

    #[test]
    fn others_do_not_wait_and_time_forgets() {
        let throttle = Throttle::default();
        for _ in 0..=FREE {
            assert_eq!(fails(&throttle, HERE, 0), Ok(()));
        }
        assert_eq!(fails(&throttle, "192.0.2.2".parse().unwrap(), 0), Ok(()));
        let later = FORGOTTEN_AFTER_MS;
        for _ in 0..=FREE {
            assert_eq!(fails(&throttle, HERE, later), Ok(()));
        }
        let neighbours = ["2001:db8::1", "2001:db8::2"].map(|address| neighbourhood(address.parse().unwrap()));
        assert_eq!(neighbours[0], neighbours[1]);
        assert_ne!(neighbours[0], neighbourhood("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(neighbourhood("::ffff:192.0.2.1".parse().unwrap()), HERE);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..MOST_ADDRESSES as u32 + 50 {
            let from = IpAddr::V4(number.into());
            assert_eq!(fails(&throttle, from, i64::from(number)), Ok(()));
        }
        assert_eq!(throttle.failures.lock().unwrap().len(), MOST_ADDRESSES);
    }
}
