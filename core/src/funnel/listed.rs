//! The users at a step of a funnel.

use super::UserResult;
use super::report::{ListedUser, UsersAtStep};
use crate::answer::GroupValue;
use crate::spec::UserList;
use crate::time::rfc3339;

/// Collects users as they come, and keeps those who are listed.
#[derive(Debug)]
pub(super) struct Listed {
    list: UserList,
    complete_to_ms: Option<i64>,
    total: u64,
    /// Not more than twice as many as are listed.
    users: Vec<UserResult>,
}

impl Listed {
    pub fn new(list: UserList, complete_to_ms: Option<i64>) -> Self {
        Self { list, complete_to_ms, total: 0, users: Vec::new() }
    }

    /// Takes a user, if this is one of them.
    pub fn add(&mut self, user: &UserResult) {
        if !user.is_at(self.list.place, self.complete_to_ms) {
            return;
        }
        self.total += 1;
        self.users.push(user.clone());
        if self.users.len() >= self.list.limit.saturating_mul(2) {
            self.keep_latest();
        }
    }

    /// Adds those of other users.
    pub fn merge(&mut self, mut other: Self) {
        self.total += other.total;
        self.users.append(&mut other.users);
        self.keep_latest();
    }

    fn keep_latest(&mut self) {
        let last = |user: &UserResult| user.times_ms.iter().flatten().max().copied();
        self.users.sort_unstable_by(|a, b| {
            last(b).cmp(&last(a)).then_with(|| a.user.cmp(&b.user)).then_with(|| b.times_ms.cmp(&a.times_ms))
        });
        self.users.truncate(self.list.limit);
    }

    pub fn report(mut self) -> UsersAtStep {
        self.keep_latest();
        let user = |user: UserResult| ListedUser {
            user: user.user.unwrap_or_default(),
            times: user.times_ms.iter().map(|time| time.map(rfc3339)).collect(),
            open_until: rfc3339(user.open_until_ms),
            group: user.group.as_deref().map(GroupValue::of_key),
        };
        let place = self.list.place;
        let listed = self.users.into_iter().map(user).collect();
        UsersAtStep { step: place.step, state: place.state.name(), total: self.total, listed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{FunnelState, FunnelUsers};

    fn user(name: &str, times: &[i64], open_until_ms: i64) -> UserResult {
        let times_ms = times.iter().copied().map(Some).collect();
        UserResult { user: Some(name.to_owned()), times_ms, open_until_ms, group: None }
    }

    fn listed(step: usize, state: FunnelState, limit: usize) -> (u64, Vec<String>) {
        let list = UserList { place: FunnelUsers { step, state }, limit };
        let mut listed = Listed::new(list, Some(100));
        for user in [
            user("a", &[10, 20], 110),
            user("b", &[10], 50),
            user("c", &[30], 99),
            user("d", &[30], 100),
            user("e", &[5, 20], 6),
            user("f", &[30], 60),
        ] {
            listed.add(&user);
        }
        let report = listed.report();
        (report.total, report.listed.into_iter().map(|user| user.user).collect())
    }

    #[test]
    fn users_of_the_step_before_took_it_or_lost_it_or_have_time() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(listed(2, FunnelState::Converted, 10), (2, names(&["a", "e"])));
        assert_eq!(listed(2, FunnelState::Dropped, 10), (3, names(&["c", "f", "b"])));
        assert_eq!(listed(2, FunnelState::Open, 10), (1, names(&["d"])));
        assert_eq!(listed(1, FunnelState::Converted, 1), (6, names(&["c"])));
        assert_eq!(listed(1, FunnelState::Dropped, 1), (0, names(&[])));
    }
}
