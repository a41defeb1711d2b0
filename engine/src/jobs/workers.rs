//! The workers: take due jobs under a lease, do them, and put failures off or aside.
//!
//! What a job does is not known here; a performer gets it and says done, try again, or cannot be done. A performer
//! that panics counts as a failure of that job and of nothing else. A crash leaves the lease to run out, and the job
//! is taken again: performers must not mind repeats.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{Notify, Semaphore};

use super::{Job, LEASE_ENDED, Queue, Retry, metrics as names};
use crate::clock::Clock;
use crate::fail_point;
use crate::store::StoreError;

/// Why a try came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The world failed: disk, bucket, mail server. It will be tried for about a day.
    #[error("{0}")]
    Passing(String),
    /// Trying again will not help until somebody changes something.
    #[error("{0}")]
    Permanent(String),
}

/// How the workers work.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// Jobs under way at once.
    pub jobs_at_once_max: usize,
    /// How long a job may take before another worker may take it.
    pub lease: Duration,
    /// How often to look for due jobs when nobody says there are any.
    pub poll: Duration,
    /// Failed tries after which a job that panics is put aside.
    pub panics_max: u32,
    /// The longest pause between two tries.
    pub back_off_max: Duration,
}

impl WorkersConfig {
    /// Failed tries after which a job that the world fails is put aside: about a day of them.
    fn failures_max(&self) -> u32 {
        let longest_s = self.back_off_max.as_secs().max(1);
        let pauses_count = u32::try_from(GIVE_UP_AFTER.as_secs() / longest_s).unwrap_or(u32::MAX);
        // As many more as the pause takes to double up to the longest.
        pauses_count.saturating_add(longest_s.ilog2() + 1)
    }
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            jobs_at_once_max: 8,
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(500),
            panics_max: 5,
            back_off_max: Duration::from_secs(600),
        }
    }
}

/// How long the world may fail a job.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// The pause after the first failure; it doubles.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);

/// The pause before the next try after so many failures.
#[must_use]
fn back_off(failures_count: u32, longest: Duration) -> Duration {
    BACK_OFF_MIN.saturating_mul(1 << failures_count.saturating_sub(1).min(16)).min(longest)
}

/// The workers of one process; clones share them.
#[derive(Clone)]
pub struct Workers {
    queue: Arc<dyn Queue>,
    clock: Clock,
    config: WorkersConfig,
    permits: Arc<Semaphore>,
    wake: Arc<Notify>,
}

enum Failure {
    Told(JobError),
    Panicked,
    /// Several tries in a row have ended with their worker.
    Vanished,
}

impl Workers {
    /// Workers that do nothing until [`Workers::run`].
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, clock: Clock, config: WorkersConfig) -> Self {
        let permits = Arc::new(Semaphore::new(config.jobs_at_once_max));
        Self { queue, clock, config, permits, wake: Arc::new(Notify::new()) }
    }

    /// Says that there may be jobs. Never waits.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Does jobs until the future is dropped.
    pub async fn run<P, F>(&self, perform: P)
    where
        P: Fn(Job) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        let perform = Arc::new(perform);
        loop {
            if !self.take_due(&perform).await {
                let _ = tokio::time::timeout(self.config.poll, self.wake.notified()).await;
                self.report().await;
            }
        }
    }

    /// Waits until no job is under way; with [`Workers::run`] dropped before, none will start.
    pub async fn idle(&self) {
        let all = u32::try_from(self.config.jobs_at_once_max).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    /// Starts what is due and fits; tells whether there was anything.
    async fn take_due<P, F>(&self, perform: &Arc<P>) -> bool
    where
        P: Fn(Job) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        let Ok(first) = Arc::clone(&self.permits).acquire_owned().await else { return false };
        let free_count = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX).saturating_add(1);
        let jobs = match self.claim(free_count).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::error!(%error, "jobs cannot be claimed");
                return false;
            }
        };
        let mut first = Some(first);
        let any = !jobs.is_empty();
        for job in jobs {
            let permit = match first.take() {
                Some(permit) => permit,
                None => match Arc::clone(&self.permits).acquire_owned().await {
                    Ok(permit) => permit,
                    Err(_) => return false,
                },
            };
            let (workers, perform) = (self.clone(), Arc::clone(perform));
            tokio::spawn(async move {
                workers.try_once(job, perform.as_ref()).await;
                drop(permit);
            });
        }
        any
    }

    /// Takes up to `jobs_max` due jobs under a lease.
    ///
    /// # Errors
    /// The queue failed; jobs that it leased all the same come back when the lease ends.
    pub async fn claim(&self, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        let now = self.clock.now();
        let lease_ms = u64::try_from(self.config.lease.as_millis()).unwrap_or(u64::MAX);
        self.queue.claim(now, now.plus_ms(lease_ms), jobs_max).await
    }

    /// Does a claimed job once and keeps what came of it.
    pub async fn try_once<P, F>(&self, job: Job, perform: &P)
    where
        P: Fn(Job) -> F + Send + Sync,
        F: Future<Output = Result<(), JobError>> + Send,
    {
        fail_point!("job.leased");
        let started = Instant::now();
        let vanished = job.failures_count >= self.config.panics_max && job.last_error.as_deref() == Some(LEASE_ENDED);
        let outcome = if vanished {
            Err(Failure::Vanished)
        } else {
            // What a panicking performer leaves half done is its own, and performers must not mind repeats.
            match AssertUnwindSafe(async { perform(job.clone()).await }).catch_unwind().await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Failure::Told(error)),
                Err(_panic) => Err(Failure::Panicked),
            }
        };
        metrics::histogram!(names::JOB_SECONDS, "kind" => job.kind.clone()).record(started.elapsed().as_secs_f64());
        fail_point!("job.performed");
        let (result, stored) = match outcome {
            Ok(()) => ("done", self.queue.complete(&job.id).await),
            Err(failure) => {
                let (message, retry) = self.judge(&job, failure);
                tracing::warn!(job = %job.id, failures_count = job.failures_count + 1, ?retry, "job failed: {message}");
                let result = if retry == Retry::Dead { "dead" } else { "retry" };
                (result, self.queue.fail(&job.id, &message, retry).await)
            }
        };
        fail_point!("job.completed");
        metrics::counter!(names::JOB_TRIES, "kind" => job.kind.clone(), "result" => result).increment(1);
        if let Err(error) = stored {
            // The lease runs out and the job is taken again.
            tracing::error!(job = %job.id, %error, "the outcome of a job could not be kept");
        }
    }

    fn judge(&self, job: &Job, failure: Failure) -> (String, Retry) {
        let failures_count = job.failures_count + 1;
        let (message, failures_max) = match failure {
            Failure::Told(JobError::Permanent(message)) => (message, 0),
            Failure::Told(JobError::Passing(message)) => (message, self.config.failures_max()),
            Failure::Vanished => (format!("{LEASE_ENDED} {} times", job.failures_count), 0),
            Failure::Panicked => ("the worker panicked; its log has the place".to_owned(), self.config.panics_max),
        };
        if failures_count >= failures_max {
            return (message, Retry::Dead);
        }
        let pause_ms =
            u64::try_from(back_off(failures_count, self.config.back_off_max).as_millis()).unwrap_or(u64::MAX);
        (message, Retry::At(self.clock.now().plus_ms(pause_ms)))
    }

    async fn report(&self) {
        let Ok(counts) = self.queue.counts().await else { return };
        let by_state = [("ready", counts.ready_count), ("running", counts.running_count), ("dead", counts.dead_count)];
        for (state, count) in by_state {
            #[expect(clippy::cast_precision_loss, reason = "a gauge; exact below 2^52 jobs")]
            metrics::gauge!(names::JOBS, "state" => state).set(count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_may_fail_a_job_for_about_a_day_whatever_the_longest_pause() {
        for longest in [1, 10, 600, 3_600].map(Duration::from_secs) {
            let config = WorkersConfig { back_off_max: longest, ..WorkersConfig::default() };
            let tried_for: Duration = (1..config.failures_max()).map(|failures| back_off(failures, longest)).sum();
            let hours = tried_for.as_secs_f64() / 3_600.0;
            assert!((23.0..30.0).contains(&hours), "{longest:?}: {hours} hours");
        }
    }
}
