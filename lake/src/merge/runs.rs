//! Sorted inputs as one sequence of runs, without copying a row.
//!
//! ```text
//!   file 1   u1 u1 u1 u4          a run: while the user of the front cursor is smaller than that of the next one, whole users
//!   file 2   u1 u2 u2 u4    ──▶   are taken without comparing their events; only where two files hold one user are events
//!   file 3   u3 u3                compared by (time, arrival, id)
//! ```

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::TryStreamExt;

use super::keys::Keys;
use crate::error::LakeError;
use crate::reader::Batches;

/// Chooses rows of a batch, ascending; `None` where all matter.
pub type Select = Arc<dyn Fn(&RecordBatch) -> Option<Vec<u32>> + Send + Sync>;

/// Many sorted inputs, in one order.
pub struct Runs {
    cursors: Vec<Cursor>,
    /// A binary heap of cursors that have rows, the smallest first, each with the head of its next row.
    heap: Vec<(u128, usize)>,
    select: Option<Select>,
    /// What the front cursor has to do before the next run.
    unsettled: Option<Unsettled>,
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs").field("inputs", &self.cursors.len()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Unsettled {
    /// Its batch is used up.
    Spent,
    /// It has come to another user.
    OtherUser,
    /// It has come to another event of the same user.
    SameUser,
}

struct Cursor {
    input: Batches,
    loaded: Arc<Loaded>,
    /// The next one of the rows that matter.
    at: usize,
    /// How many batches came before.
    number: usize,
}

/// A batch of an input.
pub(super) struct Loaded {
    pub(super) batch: RecordBatch,
    pub(super) keys: Keys,
    /// The rows that matter; `None` for all.
    selected: Option<Vec<u32>>,
}

impl Loaded {
    /// Number of rows that matter.
    fn len(&self) -> usize {
        self.selected.as_ref().map_or(self.batch.num_rows(), Vec::len)
    }

    /// The row that is the `at`-th of those that matter.
    #[inline]
    fn row(&self, at: usize) -> usize {
        self.selected.as_ref().map_or(at, |rows| rows[at] as usize)
    }
}

/// Neighbouring rows of one batch that come next. Between them there may be rows that do not matter.
#[derive(Clone)]
pub struct Run<'m> {
    /// The input, by its place among all.
    pub input: usize,
    /// How many batches the input gave before this one.
    pub number: usize,
    pub(super) loaded: &'m Arc<Loaded>,
    range: Range<usize>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "input {}, batch {}, rows {:?}", self.input, self.number, self.range)
    }
}

impl<'m> Run<'m> {
    /// The batch that the rows are in.
    pub fn batch(&self) -> &'m RecordBatch {
        &self.loaded.batch
    }

    /// The rows, ascending.
    #[inline]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = usize> + use<'m> {
        let loaded = self.loaded.as_ref();
        self.range.clone().map(|at| loaded.row(at))
    }

    /// The rows where they are all that lie between the first and the last.
    pub(super) fn as_range(&self) -> Option<Range<usize>> {
        self.loaded.selected.is_none().then(|| self.range.clone())
    }

    /// Whether no row of the batch is left.
    pub(super) fn is_last(&self) -> bool {
        self.range.end == self.loaded.len()
    }
}

impl Runs {
    /// Of inputs that are sorted by [`KEY_COLUMNS`](super::KEY_COLUMNS) (and arrival, and id) inside of buckets, and have at least
    /// those columns. Arrival and id are compared where both inputs have them; else rows of one user and time come in the order of
    /// the inputs. `select` chooses the rows that matter.
    ///
    /// # Errors
    /// What the inputs say.
    pub async fn new(inputs: Vec<Batches>, select: Option<Select>) -> Result<Self, LakeError> {
        let mut runs = Self { cursors: Vec::with_capacity(inputs.len()), heap: Vec::new(), select, unsettled: None };
        for mut input in inputs {
            if let Some(loaded) = next_with_rows(&mut input, runs.select.as_ref()).await? {
                runs.heap.push((loaded.keys.head(loaded.row(0)), runs.cursors.len()));
                runs.cursors.push(Cursor { input, loaded: Arc::new(loaded), at: 0, number: 0 });
            }
        }
        (0..runs.heap.len() / 2).rev().for_each(|at| runs.sift_down(at));
        Ok(runs)
    }

    /// The next rows in order, at most so many; `None` at the end.
    ///
    /// # Errors
    /// What the inputs say.
    pub async fn next(&mut self, most: usize) -> Result<Option<Run<'_>>, LakeError> {
        self.settle().await?;
        let Some((head, front)) = self.heap.first().copied() else { return Ok(None) };
        let (range, unsettled) = self.run_of(head, front, most.max(1));
        self.unsettled = Some(unsettled);
        let cursor = &mut self.cursors[front];
        cursor.at = range.end;
        Ok(Some(Run { input: front, number: cursor.number, loaded: &cursor.loaded, range }))
    }

    /// The inputs that are not at their end.
    pub(super) fn open_inputs(&self) -> impl Iterator<Item = usize> + '_ {
        self.heap.iter().map(|(_, input)| *input)
    }

    /// Takes rows of the front cursor as long as they come before the next cursor's.
    fn run_of(&self, head: u128, front: usize, most: usize) -> (Range<usize>, Unsettled) {
        let Cursor { loaded, at: first, .. } = &self.cursors[front];
        let (keys, first) = (&loaded.keys, *first);
        let stop = loaded.len().min(first.saturating_add(most));
        let is_spent = |end: usize, otherwise| if end == loaded.len() { Unsettled::Spent } else { otherwise };
        let next = match (self.heap.get(1), self.heap.get(2)) {
            (Some(one), Some(other)) if self.compare(*other, *one).is_lt() => *other,
            (Some(one), _) => *one,
            // The last input has no other users to wait for.
            (None, _) => return (first..stop, is_spent(stop, Unsettled::OtherUser)),
        };
        // Where the next cursor has the same user: its row, before which to stop.
        let limit = Some(next).filter(|(other, _)| *other == head).map(|(_, next)| {
            let Cursor { loaded, at, .. } = &self.cursors[next];
            (next, &loaded.keys, loaded.row(*at))
        });
        let mut before = loaded.row(first);
        let limit = limit.filter(|(_, other, row)| keys.compare_user(before, other, *row).is_eq());
        for at in first + 1..stop {
            let row = loaded.row(at);
            if !keys.is_same_user(before, row) {
                return (first..at, Unsettled::OtherUser);
            }
            let is_behind = |(next, other, limit): (usize, &Keys, usize)| {
                keys.compare_event(row, other, limit).then(front.cmp(&next)).is_gt()
            };
            if limit.is_some_and(is_behind) {
                return (first..at, Unsettled::SameUser);
            }
            before = row;
        }
        let goes_on = stop < loaded.len() && keys.is_same_user(before, loaded.row(stop));
        (first..stop, is_spent(stop, if goes_on { Unsettled::SameUser } else { Unsettled::OtherUser }))
    }

    /// Brings the front cursor, after a run, where it belongs.
    async fn settle(&mut self) -> Result<(), LakeError> {
        let (Some(unsettled), Some((_, front))) = (self.unsettled.take(), self.heap.first().copied()) else {
            return Ok(());
        };
        let cursor = &mut self.cursors[front];
        match unsettled {
            Unsettled::SameUser => {}
            Unsettled::OtherUser => self.heap[0].0 = cursor.loaded.keys.head(cursor.loaded.row(cursor.at)),
            Unsettled::Spent => match next_with_rows(&mut cursor.input, self.select.as_ref()).await? {
                Some(loaded) => {
                    self.heap[0].0 = loaded.keys.head(loaded.row(0));
                    cursor.loaded = Arc::new(loaded);
                    cursor.at = 0;
                    cursor.number += 1;
                }
                None => {
                    self.heap.swap_remove(0);
                }
            },
        }
        if !self.heap.is_empty() {
            self.sift_down(0);
        }
        Ok(())
    }

    fn compare(&self, (head, a): (u128, usize), (other_head, b): (u128, usize)) -> Ordering {
        head.cmp(&other_head).then_with(|| {
            let (x, y) = (&self.cursors[a], &self.cursors[b]);
            let (row, other) = (x.loaded.row(x.at), y.loaded.row(y.at));
            let (keys, others) = (&x.loaded.keys, &y.loaded.keys);
            let users = keys.compare_user(row, others, other);
            users.then_with(|| keys.compare_event(row, others, other)).then_with(|| a.cmp(&b))
        })
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut smallest = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heap.len() && self.compare(self.heap[child], self.heap[smallest]).is_lt() {
                    smallest = child;
                }
            }
            if smallest == at {
                return;
            }
            self.heap.swap(at, smallest);
            at = smallest;
        }
    }
}

async fn next_with_rows(input: &mut Batches, select: Option<&Select>) -> Result<Option<Loaded>, LakeError> {
    while let Some(batch) = input.try_next().await? {
        let selected = select.and_then(|select| select(&batch));
        if batch.num_rows() > 0 && selected.as_ref().is_none_or(|rows| !rows.is_empty()) {
            return Ok(Some(Loaded { keys: Keys::of(&batch)?, batch, selected }));
        }
    }
    Ok(None)
}
