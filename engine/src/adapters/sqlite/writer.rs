//! The one thread that writes a file: everything that waits goes into one transaction, and answers leave after it.
//!
//! A failed commit is an unknown outcome: SQLite has been seen to hide a row after a failed sync and to show it again
//! after reopening. So the connection is closed and reopened, and whoever asked must look. Everything before the commit
//! is certain. A panic in a write is a bug of that write; it takes its batch with it, not the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::metrics as names;
use super::open::{FileSpec, open_writer};
use crate::fail_point;

/// Writes that share one commit at most: bounds how long the first of them waits for the last.
const COMMIT_WRITES_MAX: usize = 512;

/// What becomes of a write's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Commit them.
    Keep,
    /// Undo this write's, keep the others'.
    Undo,
}

/// How a write's transaction ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Committed: the write's own result counts.
    Committed,
    /// Rolled back because of this very write: its own error is the reason.
    OwnFault,
    /// Failed for a reason that is not the write's.
    Failed(Failure),
}

/// One write: run inside the batch's transaction, answered after its end.
pub(super) trait Write: Send {
    /// Whether it may fail after it has changed something, and so needs a savepoint.
    fn guarded(&self) -> bool;
    /// Changes what is to be changed.
    fn run(&mut self, conn: &Connection) -> Verdict;
    /// Tells the caller.
    fn answer(self: Box<Self>, outcome: Outcome);
}

/// A closure as a [`Write`].
pub(super) struct Call<T, E, F> {
    pub(super) guarded: bool,
    pub(super) work: Option<F>,
    pub(super) done: Option<Result<T, E>>,
    pub(super) reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Write for Call<T, E, F>
where
    T: Send,
    E: From<Failure> + Send,
    F: FnOnce(&Connection) -> Result<T, E> + Send,
{
    fn guarded(&self) -> bool {
        self.guarded
    }

    fn run(&mut self, conn: &Connection) -> Verdict {
        let Some(work) = self.work.take() else { return Verdict::Keep };
        let done = work(conn);
        let verdict = if done.is_ok() { Verdict::Keep } else { Verdict::Undo };
        self.done = Some(done);
        verdict
    }

    fn answer(self: Box<Self>, outcome: Outcome) {
        let answer = match (outcome, self.done) {
            (Outcome::Committed, Some(done)) | (Outcome::OwnFault, Some(done @ Err(_))) => done,
            (Outcome::Committed, None) | (Outcome::OwnFault, Some(Ok(_)) | None) => {
                Err(Failure::NotDone("the transaction was rolled back".to_owned()).into())
            }
            // It had failed by itself, so it is certainly not there; but its reason may have been rolled back.
            (Outcome::Failed(Failure::Unknown(what)), Some(Err(_))) => Err(Failure::NotDone(what).into()),
            (Outcome::Failed(failure), Some(_) | None) => Err(failure.into()),
        };
        // A caller who left does not want to know.
        let _ = self.reply.send(answer);
    }
}

/// The thread's body; ends when all senders are gone.
pub(super) fn run(spec: &'static FileSpec, path: &Path, conn: Connection, mut queue: mpsc::Receiver<Box<dyn Write>>) {
    let mut conn = Some(conn);
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < COMMIT_WRITES_MAX
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        let open = match conn.take().map_or_else(|| open_writer(spec, path), Ok) {
            Ok(open) => open,
            Err(error) => {
                let failure = Failure::NotDone(error.to_string());
                batch.into_iter().for_each(|write| write.answer(Outcome::Failed(failure.clone())));
                continue;
            }
        };
        let (started, writes_count) = (Instant::now(), batch.len());
        let fit = catch_unwind(AssertUnwindSafe(|| commit(spec.name, &open, batch))).unwrap_or(false);
        metrics::histogram!(names::COMMIT_SECONDS, "file" => spec.name).record(started.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "at most COMMIT_WRITES_MAX")]
        metrics::histogram!(names::COMMIT_WRITES, "file" => spec.name).record(writes_count as f64);
        if fit {
            conn = Some(open);
        } else {
            metrics::counter!(names::REOPENED, "file" => spec.name).increment(1);
            tracing::error!(file = spec.name, "a commit has an unknown outcome: the file is closed and reopened");
        }
    }
}

/// Why a transaction stopped before its commit, and because of which write.
struct Stopped {
    failure: Failure,
    culprit: Option<usize>,
}

/// Runs a batch in one transaction and answers it; tells whether the connection can be trusted afterwards.
fn commit(file: &'static str, conn: &Connection, mut batch: Vec<Box<dyn Write>>) -> bool {
    let (outcome, culprit, fit) = match run_all(file, conn, &mut batch) {
        Ok(()) => match conn.execute_batch("COMMIT") {
            Ok(()) => (Outcome::Committed, None, true),
            Err(error) => match Failure::from(error) {
                Failure::Full => (Outcome::Failed(Failure::Full), None, rolled_back(conn)),
                Failure::NotDone(what) | Failure::Unknown(what) => {
                    (Outcome::Failed(Failure::Unknown(what)), None, false)
                }
            },
        },
        Err(Stopped { failure, culprit }) => (Outcome::Failed(failure), culprit, rolled_back(conn)),
    };
    fail_point!("commit.after", file);
    for (position, write) in batch.into_iter().enumerate() {
        write.answer(if culprit == Some(position) { Outcome::OwnFault } else { outcome.clone() });
    }
    fail_point!("batch.answered", file);
    fit
}

fn run_all(file: &'static str, conn: &Connection, batch: &mut [Box<dyn Write>]) -> Result<(), Stopped> {
    let nobody = |error: rusqlite::Error| Stopped { failure: error.into(), culprit: None };
    conn.execute_batch("BEGIN IMMEDIATE").map_err(nobody)?;
    fail_point!("batch.begun", file);
    for (position, write) in batch.iter_mut().enumerate() {
        let whole = if write.guarded() {
            run_guarded(conn, write.as_mut()).map_err(nobody)?
        } else {
            let changes_before = conn.total_changes();
            write.run(conn) == Verdict::Keep || conn.total_changes() == changes_before
        };
        // A full disk and some I/O errors make SQLite roll the whole transaction back by itself.
        if !whole || conn.is_autocommit() {
            let failure = Failure::NotDone("another write of the same commit failed halfway".to_owned());
            return Err(Stopped { failure, culprit: Some(position) });
        }
    }
    fail_point!("commit.before", file);
    Ok(())
}

/// Runs a write in a savepoint; tells whether the transaction still stands.
fn run_guarded(conn: &Connection, write: &mut dyn Write) -> rusqlite::Result<bool> {
    conn.prepare_cached("SAVEPOINT one_write")?.execute([])?;
    let verdict = write.run(conn);
    if conn.is_autocommit() {
        return Ok(false);
    }
    if verdict == Verdict::Undo {
        conn.prepare_cached("ROLLBACK TO one_write")?.execute([])?;
    }
    conn.prepare_cached("RELEASE one_write")?.execute([])?;
    Ok(true)
}

fn rolled_back(conn: &Connection) -> bool {
    conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok()
}
