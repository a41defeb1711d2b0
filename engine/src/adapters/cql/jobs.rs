//! The job queue: one row per job, listed by when it is due and by state.
//!
//! `due_at` is when a worker may take the job: `run_at` while it is ready, the end of its lease while it runs. A claim
//! walks what is due and takes each job by a conditional write, so of two workers one has it. Claims of one process
//! take turns, because they would only take jobs from each other.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use scylla::client::session::Session as Driver;
use tokio::sync::Mutex;
use usher_core::UnixMillis;

use super::job_row::{DUE, JobRow, by_state, state_name};
use super::lists::{BucketIndex, Span};
use super::rows::{Change, Outcome, Record, Rows, Stored};
use super::values::Name;
use super::{Cluster, CqlError};
use crate::adapters::page::{self, after};
use crate::jobs::{DurableQueue, Job, JobCounts, JobState, LEASE_ENDED, Queue, Retry};
use crate::store::{Page, StoreError};

/// Jobs that are written at once.
const TOGETHER_MAX: usize = 16;
/// Jobs counted of one state; there may be more.
const COUNTED_MAX: u64 = 10_000;

/// [`Queue`] over CQL.
pub(super) struct CqlJobs {
    cluster: Arc<Cluster>,
    jobs: Arc<Rows<JobRow>>,
    claims: Arc<Mutex<()>>,
}

impl CqlJobs {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let jobs = Arc::new(Rows::prepare(cluster, index).await?);
        Ok(Self { cluster: Arc::clone(cluster), jobs, claims: Arc::default() })
    }

    /// Changes a job that is there and that `change` wants to change; tells whether it did.
    async fn change(
        &self,
        id: &str,
        change: impl Fn(&JobRow) -> Option<JobRow> + Send + Sync + 'static,
    ) -> Result<bool, StoreError> {
        let (jobs, id) = (Arc::clone(&self.jobs), Name::Text(id.to_owned()));
        self.cluster
            .call(|cluster| async move {
                let decide = |known: Option<&JobRow>| Ok(known.and_then(&change).map_or(Change::Keep, Change::Put));
                Ok(jobs.change(cluster.session(), &id, decide).await?.is_changed)
            })
            .await
    }
}

#[async_trait]
impl Queue for CqlJobs {
    async fn enqueue(&self, new: Vec<Job>) -> Result<(), StoreError> {
        let jobs = Arc::clone(&self.jobs);
        self.cluster
            .call(|cluster| async move {
                for some in new.chunks(TOGETHER_MAX) {
                    try_join_all(some.iter().map(|job| enqueue(&jobs, cluster.session(), job))).await?;
                }
                Ok(())
            })
            .await
    }

    async fn claim(&self, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        let (jobs, claims) = (Arc::clone(&self.jobs), Arc::clone(&self.claims));
        let lease = Lease { now, leased_until };
        self.cluster
            .call(|cluster| async move {
                let _turn = claims.lock().await;
                claim(&jobs, cluster.session(), lease, page::rows_count(jobs_max)).await
            })
            .await
    }

    async fn complete(&self, id: &str) -> Result<(), StoreError> {
        let done = |known: &JobRow| (known.job.state != JobState::Done).then(|| known.in_state(JobState::Done));
        self.change(id, done).await.map(drop)
    }

    async fn fail(&self, id: &str, error: &str, retry: Retry) -> Result<(), StoreError> {
        let error = error.to_owned();
        // Only a running one: a worker whose lease had ended must not undo what another has done since.
        let failed = move |known: &JobRow| {
            let mut row = match retry {
                Retry::At(at) => known.ready_at(at),
                Retry::Dead => known.in_state(JobState::Dead),
            };
            row.job.failures_count = known.job.failures_count.saturating_add(1);
            row.job.last_error = Some(error.clone());
            (known.job.state == JobState::Running).then_some(row)
        };
        self.change(id, failed).await.map(drop)
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let (jobs, id) = (Arc::clone(&self.jobs), Name::Text(id.to_owned()));
        self.cluster
            .call(|cluster| async move {
                Ok(jobs.read(cluster.session(), &id).await?.map(Stored::into_row).map(|row| row.job))
            })
            .await
    }

    async fn list(&self, state: JobState, cursor: Option<&str>, rows_max: u32) -> Result<Page<Job>, StoreError> {
        let list = page::List::Jobs;
        let after = after(list, cursor)?;
        if after.as_ref().is_some_and(|after| std::str::from_utf8(&after.tie).is_err()) {
            return Err(StoreError::BadCursor);
        }
        let span = Span { after, ..Span::whole(Some(state_name(state)?)) };
        let jobs = Arc::clone(&self.jobs);
        self.cluster
            .call(|cluster| async move {
                let Page { rows, next_cursor } =
                    jobs.page(cluster.session(), (by_state(state), list), span, rows_max, |_| true).await?;
                Ok(Page { rows: rows.into_iter().map(|row| row.job).collect(), next_cursor })
            })
            .await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        let replayed = move |known: &JobRow| {
            let mut row = known.ready_at(now);
            row.job.failures_count = 0;
            (known.job.state == JobState::Dead).then_some(row)
        };
        self.change(id, replayed).await
    }

    /// Counts no further than some thousands of each state.
    async fn counts(&self) -> Result<JobCounts, StoreError> {
        let jobs = Arc::clone(&self.jobs);
        self.cluster
            .call(|cluster| async move {
                let count = async |state| -> Result<u64, CqlError> {
                    let owner = state_name(state)?;
                    jobs.list(by_state(state))?.count(cluster.session(), Some(&owner), COUNTED_MAX).await
                };
                Ok(JobCounts {
                    ready_count: count(JobState::Ready).await?,
                    running_count: count(JobState::Running).await?,
                    dead_count: count(JobState::Dead).await?,
                })
            })
            .await
    }
}

#[async_trait]
impl DurableQueue for CqlJobs {
    async fn claim_these(
        &self,
        ids: &[String],
        now: UnixMillis,
        leased_until: UnixMillis,
    ) -> Result<Vec<Job>, StoreError> {
        let (jobs, ids) = (Arc::clone(&self.jobs), ids.to_vec());
        let lease = Lease { now, leased_until };
        self.cluster
            .call(|cluster| async move {
                let mut claimed = Vec::new();
                for some in ids.chunks(TOGETHER_MAX) {
                    let keys = some.iter().map(|id| Name::Text(id.clone())).collect::<Vec<_>>();
                    let takings = keys.iter().map(|key| take(&jobs, cluster.session(), lease, key, None));
                    keep_claimed(&mut claimed, join_all(takings).await);
                }
                sort(&mut claimed);
                Ok(claimed)
            })
            .await
    }
}

async fn enqueue(jobs: &Rows<JobRow>, driver: &Driver, job: &Job) -> Result<(), StoreError> {
    let row = JobRow { job: job.clone(), due_at: job.run_at };
    let first = |known: Option<&JobRow>| match known {
        Some(_) => Ok(Change::Keep),
        None => Ok(Change::Put(row.clone())),
    };
    jobs.change(driver, &row.key(), first).await.map(drop)
}

#[derive(Clone, Copy)]
struct Lease {
    now: UnixMillis,
    leased_until: UnixMillis,
}

impl Lease {
    /// The job under this lease, if it is due.
    fn of(self, known: &JobRow) -> Option<JobRow> {
        let was_running = match known.job.state {
            JobState::Ready => false,
            JobState::Running => true,
            JobState::Dead | JobState::Done => return None,
        };
        if known.due_at > self.now {
            return None;
        }
        let mut row = known.in_state(JobState::Running);
        row.due_at = self.leased_until;
        if was_running {
            row.job.failures_count = known.job.failures_count.saturating_add(1);
            row.job.last_error = Some(LEASE_ENDED.to_owned());
        }
        Some(row)
    }
}

async fn claim(jobs: &Rows<JobRow>, driver: &Driver, lease: Lease, jobs_max: usize) -> Result<Vec<Job>, StoreError> {
    let mut claimed = Vec::new();
    let mut span = Span { to: lease.now.0, ..Span::whole(None) };
    while claimed.len() < jobs_max {
        let looked = jobs.look(driver, DUE, span.clone(), jobs_max - claimed.len(), |_| true).await?;
        let found = looked.rows.into_iter().map(|(_, stored)| (stored.row.key(), stored)).collect::<Vec<_>>();
        let takings = found.into_iter().map(async |(key, stored)| take(jobs, driver, lease, &key, Some(stored)).await);
        keep_claimed(&mut claimed, join_all(takings).await);
        match looked.next {
            Some(next) => span.after = Some(next),
            None => break,
        }
    }
    sort(&mut claimed);
    Ok(claimed)
}

/// What was claimed is given to the workers, whatever became of the others; those come back when their lease ends.
fn keep_claimed(claimed: &mut Vec<Job>, outcomes: Vec<Result<Outcome<JobRow>, StoreError>>) {
    for outcome in outcomes {
        match outcome {
            Ok(Outcome { row: Some(row), is_changed: true }) => claimed.push(row.job),
            Ok(Outcome { .. }) => {}
            Err(error) => tracing::warn!(%error, "a job could not be claimed"),
        }
    }
}

fn sort(jobs: &mut [Job]) {
    jobs.sort_by(|one, other| (one.run_at, &one.id).cmp(&(other.run_at, &other.id)));
}

async fn take(
    jobs: &Rows<JobRow>,
    driver: &Driver,
    lease: Lease,
    key: &Name,
    stored: Option<Stored<JobRow>>,
) -> Result<Outcome<JobRow>, StoreError> {
    let decide = |known: Option<&JobRow>| Ok(known.and_then(|known| lease.of(known)).map_or(Change::Keep, Change::Put));
    match stored {
        Some(stored) => jobs.change_from(driver, key, Some(stored), decide).await,
        None => jobs.change(driver, key, decide).await,
    }
}
