//! Users who were erased, and rows of theirs in files that weir takes over from another engine.

use std::collections::BTreeSet;

use weir_core::ports::{ManualClock, RandomIds};
use weir_core::time::DAY_MS;
use weir_lake::erased::refuse;
use weir_lake::examine::Options;
use weir_lake::{Settings, StoreError};

use super::world::*;
use super::*;
use crate::erase::{IN_FLIGHT_MS, UserIds, close_old, closed_requests, finish_all, open_requests, request};
use crate::rewrite::Deadline;
use crate::tables::Tables;

const GONE: &str = "user-1";
const LATER: i64 = NOW + IN_FLIGHT_MS + DAY_MS;

async fn erase(lake: &Lake, now_ms: i64) {
    let mut tables = Tables::new(&lake.store);
    let ids = [GONE.to_owned()];
    let ids = UserIds { users: BTreeSet::from(ids.clone()), devices: BTreeSet::from(ids) };
    request(&mut tables, &ids, 0, &ManualClock::new(now_ms), &RandomIds).await.unwrap();
    finish(lake, now_ms).await;
}

/// What a schedule does, without its hourly part.
async fn finish(lake: &Lake, now_ms: i64) {
    let clock = ManualClock::new(now_ms);
    finish_all(&mut Tables::new(&lake.store), &clock, &RandomIds, Deadline::NEVER).await.unwrap();
}

/// The end of the hourly part; gives how many requests stay open.
async fn close(lake: &Lake, now_ms: i64) -> usize {
    let clock = ManualClock::new(now_ms);
    close_old(&mut Tables::new(&lake.store), now_ms, &clock, &RandomIds, Deadline::NEVER).await.unwrap();
    open_requests(&lake.store).await.unwrap().len()
}

async fn rows_of_the_user(lake: &Lake) -> usize {
    lake.content().await.0.iter().filter(|row| row.contains(GONE)).count()
}

/// Repairs as somebody does who runs `weir repair --yes`.
async fn take_over(lake: &Lake) -> Mended {
    let examined = lake.examine(Options::default()).await;
    let steps = plan(&examined.findings);
    assert_eq!(steps.len(), 1, "{}", lake.text(&examined));
    mend(&lake.store, &steps[0], &ManualClock::new(LATER), &RandomIds).await.unwrap()
}

#[tokio::test]
async fn a_request_stays_open_until_another_engines_files_were_looked_at() {
    let lake = Lake::new().await;
    foreign_commit(&lake, 4, &[("part-0.parquet", as_foreign(&batch(3)), 40)], &[]);
    erase(&lake, NOW).await;
    assert_eq!(rows_of_the_user(&lake).await, 0, "in files that weir reads");
    assert_eq!(close(&lake, LATER).await, 1, "its time is over, and nobody has looked into the file");
    assert_eq!(closed_requests(&lake.store).await.unwrap(), None);
    assert_eq!(take_over(&lake).await.rows, 40);
    assert!(rows_of_the_user(&lake).await > 0, "they are here for a moment");
    assert_eq!(close(&lake, LATER).await, 0, "what was taken over is looked at before the hashes go");
    assert_eq!(rows_of_the_user(&lake).await, 0);
    assert_eq!(closed_requests(&lake.store).await.unwrap(), Some((1, NOW)));
    lake.is_healthy().await;
}

#[tokio::test]
async fn a_user_who_is_refused_does_not_come_back_with_a_file_that_came_long_after() {
    for is_refused in [false, true] {
        let lake = Lake::new().await;
        erase(&lake, NOW).await;
        assert_eq!(close(&lake, LATER).await, 0);
        if is_refused {
            let refused = Settings::update(&lake.store, |settings| refuse(settings, GONE, [], NOW, &[7; 32]));
            let refused: Result<usize, StoreError> = refused.await;
            assert_eq!(refused.unwrap(), 1);
        }
        foreign_commit_next(&lake).await;
        let mended = take_over(&lake).await;
        assert_eq!(mended.rows + mended.erased, 40);
        finish(&lake, LATER).await;
        let left = rows_of_the_user(&lake).await;
        // Of the others nothing is known any more: `weir repair` says so.
        assert_eq!((left == 0, mended.erased > 0), (is_refused, is_refused), "{left}");
        lake.is_healthy().await;
    }
}

/// Another engine adds rows behind what there is.
async fn foreign_commit_next(lake: &Lake) {
    let version = Table::open(&lake.store).await.unwrap().snapshot().version;
    foreign_commit(lake, version + 1, &[("part-0.parquet", as_foreign(&batch(3)), 40)], &[]);
}
