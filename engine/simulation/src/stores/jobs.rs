//! The job queue.

use async_trait::async_trait;
use usher_core::UnixMillis;
use usher_engine::jobs::{Job, JobCounts, JobState, LEASE_ENDED, Queue, Retry};
use usher_engine::store::{Page, StoreError};

use super::{Stores, Tables};
use crate::faults::Op;
use crate::planted::Bug;

#[async_trait]
impl Queue for Stores {
    async fn enqueue(&self, jobs: Vec<Job>) -> Result<(), StoreError> {
        if self.bug == Some(Bug::CheckpointBeforeJobs) {
            // Later, when there is time: meanwhile the checkpoint moves.
            let stores = self.clone();
            self.line.sim.spawn(self.line.process, 0x10b5, async move {
                stores.line.sim.sleep_us(50_000).await;
                // Nobody hears whether it worked.
                let _ = stores.write(Op::Enqueue, |tables| enqueue(tables, jobs)).await;
            });
            return Ok(());
        }
        self.write(Op::Enqueue, |tables| enqueue(tables, jobs)).await
    }

    async fn claim(&self, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        self.write(Op::Claim, |tables| Ok(claim(tables, now, leased_until, jobs_max))).await
    }

    async fn complete(&self, id: &str) -> Result<(), StoreError> {
        self.write(Op::Complete, |tables| {
            if let Some((job, _)) = tables.jobs.get_mut(id) {
                job.state = JobState::Done;
            }
            Ok(())
        })
        .await
    }

    async fn fail(&self, id: &str, error: &str, retry: Retry) -> Result<(), StoreError> {
        self.write(Op::FailJob, |tables| {
            if let Some((job, due)) = tables.jobs.get_mut(id).filter(|(job, _)| job.state == JobState::Running) {
                job.failures_count += 1;
                job.last_error = Some(error.to_owned());
                match retry {
                    Retry::At(at) => (job.state, job.run_at, *due) = (JobState::Ready, at, at),
                    Retry::Dead => job.state = JobState::Dead,
                }
            }
            Ok(())
        })
        .await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        self.read(Op::Claim, |tables| tables.jobs.get(id).map(|(job, _)| job.clone())).await
    }

    async fn list(&self, state: JobState, _cursor: Option<&str>, _rows_max: u32) -> Result<Page<Job>, StoreError> {
        self.read(Op::Claim, |tables| {
            let rows = tables.jobs.values().filter(|(job, _)| job.state == state).map(|(job, _)| job.clone()).collect();
            Page { rows, next_cursor: None }
        })
        .await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        self.write(Op::FailJob, |tables| {
            let dead = tables.jobs.get_mut(id).filter(|(job, _)| job.state == JobState::Dead);
            Ok(dead.is_some_and(|(job, due)| {
                (job.state, job.failures_count, job.run_at, *due) = (JobState::Ready, 0, now, now);
                true
            }))
        })
        .await
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        self.read(Op::Claim, |tables| {
            let count = |state| tables.jobs.values().filter(|(job, _)| job.state == state).count() as u64;
            JobCounts {
                ready_count: count(JobState::Ready),
                running_count: count(JobState::Running),
                dead_count: count(JobState::Dead),
            }
        })
        .await
    }
}

fn enqueue(tables: &mut Tables, jobs: Vec<Job>) -> Result<(), StoreError> {
    for job in jobs {
        let due = job.run_at;
        tables.jobs.entry(job.id.clone()).or_insert((job, due));
    }
    Ok(())
}

fn claim(tables: &mut Tables, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Vec<Job> {
    let open = tables
        .jobs
        .iter()
        .filter(|(_, (job, due))| matches!(job.state, JobState::Ready | JobState::Running) && *due <= now);
    let mut due: Vec<(UnixMillis, String)> = open.map(|(id, (_, due))| (*due, id.clone())).collect();
    due.sort();
    due.truncate(usize::try_from(jobs_max).unwrap_or(usize::MAX));
    let mut claimed = Vec::new();
    for (_, id) in due {
        let Some((job, due)) = tables.jobs.get_mut(&id) else { continue };
        if job.state == JobState::Running {
            job.failures_count += 1;
            job.last_error = Some(LEASE_ENDED.to_owned());
        }
        (job.state, *due) = (JobState::Running, leased_until);
        claimed.push(job.clone());
    }
    claimed
}
