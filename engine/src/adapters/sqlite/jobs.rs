//! The job queue in `store.db`.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};
use usher_core::UnixMillis;

use super::columns::{time_of, word, word_of};
use super::database::Database;
use super::page::{Key, List, after, page, rows_asked, rows_count};
use crate::jobs::{DurableQueue, Job, JobCounts, JobState, LEASE_ENDED, Queue, Retry};
use crate::store::{Page, StoreError};

/// [`Queue`] over SQLite.
pub(super) struct SqliteJobs {
    pub(super) database: Arc<Database>,
}

const ENQUEUE: &str = "INSERT INTO jobs
    (job, kind, payload, state, failures_count, last_error, run_at, due_at, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8) ON CONFLICT (job) DO NOTHING";

const CLAIM: &str = "UPDATE jobs SET state = 'running', due_at = ?2,
    failures_count = failures_count + (state = 'running'),
    last_error = CASE state WHEN 'running' THEN ?4 ELSE last_error END WHERE job IN (
    SELECT job FROM jobs WHERE state IN ('ready', 'running') AND due_at <= ?1 ORDER BY due_at, job LIMIT ?3)
    RETURNING *";

const CLAIM_ONE: &str = "UPDATE jobs SET state = 'running', due_at = ?2,
    failures_count = failures_count + (state = 'running'),
    last_error = CASE state WHEN 'running' THEN ?4 ELSE last_error END
    WHERE job = ?3 AND state IN ('ready', 'running') AND due_at <= ?1 RETURNING *";

const LIST: &str = "SELECT * FROM jobs WHERE state = ?1 AND (created_at, job) > (?2, ?3)
    ORDER BY created_at, job LIMIT ?4";

#[async_trait]
impl Queue for SqliteJobs {
    async fn enqueue(&self, jobs: Vec<Job>) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        self.database
            .write(move |conn| {
                let mut insert = conn.prepare_cached(ENQUEUE)?;
                for job in &jobs {
                    let Job { id, kind, payload, failures_count, last_error, run_at, created_at, .. } = job;
                    let state = word(&job.state)?;
                    insert.execute(params![
                        id,
                        kind,
                        payload,
                        state,
                        failures_count,
                        last_error,
                        run_at.0,
                        created_at.0
                    ])?;
                }
                Ok(())
            })
            .await
    }

    async fn claim(&self, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        // Most looks find nothing: they need no turn of the writer.
        let due = self
            .database
            .read(move |conn| {
                let exists = "SELECT EXISTS (SELECT 1 FROM jobs WHERE state IN ('ready', 'running') AND due_at <= ?1)";
                Ok::<bool, StoreError>(conn.prepare_cached(exists)?.query_row([now.0], |row| row.get(0))?)
            })
            .await?;
        if !due {
            return Ok(Vec::new());
        }
        self.database
            .write(move |conn| {
                let mut claim = conn.prepare_cached(CLAIM)?;
                let claimed =
                    claim.query_map(params![now.0, leased_until.0, rows_count(jobs_max), LEASE_ENDED], job_of)?;
                let mut jobs = claimed.collect::<rusqlite::Result<Vec<Job>>>()?;
                // RETURNING promises no order.
                sort(&mut jobs);
                Ok(jobs)
            })
            .await
    }

    async fn complete(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.database
            .write(move |conn| {
                conn.prepare_cached("UPDATE jobs SET state = 'done' WHERE job = ?1")?.execute([id])?;
                Ok(())
            })
            .await
    }

    async fn fail(&self, id: &str, error: &str, retry: Retry) -> Result<(), StoreError> {
        let (id, error) = (id.to_owned(), error.to_owned());
        let (state, run_at) = match retry {
            Retry::At(at) => (JobState::Ready, Some(at.0)),
            Retry::Dead => (JobState::Dead, None),
        };
        let state = word(&state)?;
        // Only a running one: a worker whose lease had ended must not undo what another has done since.
        let fail = "UPDATE jobs SET state = ?2, failures_count = failures_count + 1, last_error = ?3,
                    run_at = coalesce(?4, run_at), due_at = coalesce(?4, due_at)
                    WHERE job = ?1 AND state = 'running'";
        self.database
            .write(move |conn| {
                conn.prepare_cached(fail)?.execute(params![id, state, error, run_at])?;
                Ok(())
            })
            .await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let id = id.to_owned();
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM jobs WHERE job = ?1")?;
                Ok(select.query_row([id], job_of).optional()?)
            })
            .await
    }

    async fn list(&self, state: JobState, cursor: Option<&str>, rows_max: u32) -> Result<Page<Job>, StoreError> {
        let start = after(List::Jobs, cursor)?.unwrap_or(Key { order: i64::MIN, tie: Vec::new() });
        let start_job = String::from_utf8(start.tie).map_err(|_| StoreError::BadCursor)?;
        let state = word(&state)?;
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached(LIST)?;
                let rows = select.query_map(params![state, start.order, start_job, rows_asked(rows_max)], job_of)?;
                let rows = rows.collect::<rusqlite::Result<_>>()?;
                let key = |job: &Job| Key { order: job.created_at.0, tie: job.id.clone().into_bytes() };
                Ok(page(List::Jobs, rows, rows_max, key))
            })
            .await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let replay = "UPDATE jobs SET state = 'ready', failures_count = 0, run_at = ?2, due_at = ?2
                      WHERE job = ?1 AND state = 'dead'";
        self.database.write(move |conn| Ok(conn.prepare_cached(replay)?.execute(params![id, now.0])? > 0)).await
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        let count = "SELECT
            (SELECT count(*) FROM jobs WHERE state = 'ready') AS ready_count,
            (SELECT count(*) FROM jobs WHERE state = 'running') AS running_count,
            (SELECT count(*) FROM jobs WHERE state = 'dead') AS dead_count";
        self.database
            .read(move |conn| {
                Ok(conn.prepare_cached(count)?.query_row([], |row| {
                    Ok(JobCounts {
                        ready_count: row.get("ready_count")?,
                        running_count: row.get("running_count")?,
                        dead_count: row.get("dead_count")?,
                    })
                })?)
            })
            .await
    }
}

#[async_trait]
impl DurableQueue for SqliteJobs {
    async fn claim_these(
        &self,
        ids: &[String],
        now: UnixMillis,
        leased_until: UnixMillis,
    ) -> Result<Vec<Job>, StoreError> {
        let ids = ids.to_vec();
        self.database
            .write(move |conn| {
                let mut claim = conn.prepare_cached(CLAIM_ONE)?;
                let mut jobs = Vec::new();
                for id in ids {
                    let arguments = params![now.0, leased_until.0, id, LEASE_ENDED];
                    jobs.extend(claim.query_row(arguments, job_of).optional()?);
                }
                sort(&mut jobs);
                Ok(jobs)
            })
            .await
    }
}

fn sort(jobs: &mut [Job]) {
    jobs.sort_by(|one, other| (one.run_at, &one.id).cmp(&(other.run_at, &other.id)));
}

fn job_of(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get("job")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        state: word_of(row, "state")?,
        failures_count: row.get("failures_count")?,
        last_error: row.get("last_error")?,
        run_at: time_of(row, "run_at")?,
        created_at: time_of(row, "created_at")?,
    })
}
