//! The job queue of several nodes: durable rows keep the jobs, a Redis stream deals them out.
//!
//! A job is kept in its durable row first and added to the stream then; whoever gets the entry claims the row, does the
//! job, completes the row and deletes the entry. The row alone decides who has a job and until when, so an entry that
//! is lost, repeated or late changes nothing: what Redis does not deal is found by a sweep through the rows, at once
//! when something failed, and each so often in any case. While Redis is in trouble every claim is such a sweep.
//!
//! Keeping jobs in Redis alone was refused: it may be emptied. Nobody who enqueues or completes waits for Redis; what is
//! to be told goes through a bounded queue, and a claim of the same node waits for it, at most as long as a call takes.

mod background;
mod ledger;
mod outgoing;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use metrics::counter;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use usher_core::UnixMillis;

use self::ledger::Ledger;
use self::outgoing::Outgoing;
use self::stream::{Entry, Stream};
use super::client::Redis;
use super::failure::No;
use super::metrics::JOBS_TAKEN;
use crate::ids;
use crate::jobs::{DurableQueue, Job, JobCounts, JobState, Queue, Retry};
use crate::store::{Page, StoreError};

/// How the queue deals.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// How often the durable rows are looked through for what Redis lost.
    pub sweep_every: Duration,
    /// How long an entry is left to its consumer; longer than a job's lease, or its row could not be claimed.
    pub abandoned_after: Duration,
    /// How often entries of consumers that are gone are looked for.
    pub take_over_every: Duration,
}

impl StreamConfig {
    /// For jobs with this lease.
    #[must_use]
    pub fn for_lease(lease: Duration) -> Self {
        Self {
            sweep_every: Duration::from_secs(10),
            abandoned_after: lease + Duration::from_secs(1),
            take_over_every: Duration::from_secs(5),
        }
    }
}

/// [`Queue`] over a durable one and a Redis stream.
pub struct StreamJobs {
    parts: Arc<Parts>,
    background: [AbortHandle; 2],
}

/// What the queue shares with its background tasks.
struct Parts {
    durable: Arc<dyn DurableQueue>,
    stream: Stream,
    config: StreamConfig,
    ledger: Mutex<Ledger>,
    outgoing: Outgoing,
    /// A worker found nothing to do.
    idle: Notify,
    /// There may be something to do.
    bell: Notify,
    next_take_over: Mutex<Instant>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StreamJobs {
    /// The queue of one node. Its tasks run where Redis' connections live, until it is dropped.
    #[must_use]
    pub fn open(redis: Redis, durable: Arc<dyn DurableQueue>, config: StreamConfig) -> Self {
        let home = redis.home().clone();
        let consumer = format!("{:032x}", ids::fresh());
        let parts = Arc::new(Parts {
            durable,
            stream: Stream::new(redis, consumer),
            ledger: Mutex::new(Ledger::new(config.sweep_every)),
            config,
            outgoing: Outgoing::default(),
            idle: Notify::new(),
            bell: Notify::new(),
            next_take_over: Mutex::new(Instant::now()),
        });
        let telling = home.spawn(background::tell(Arc::clone(&parts))).abort_handle();
        let listening = home.spawn(background::listen(Arc::clone(&parts))).abort_handle();
        Self { parts, background: [telling, listening] }
    }

    /// Waits until there may be something to do: for whoever wakes the workers.
    pub async fn rung(&self) {
        self.parts.bell.notified().await;
    }
}

impl Drop for StreamJobs {
    fn drop(&mut self) {
        self.background.iter().for_each(AbortHandle::abort);
    }
}

/// A claim's terms.
#[derive(Clone, Copy)]
struct Terms {
    now: UnixMillis,
    leased_until: UnixMillis,
}

impl Parts {
    /// Takes what is due from the durable rows.
    async fn sweep(&self, terms: Terms, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        let wish = locked(&self.ledger).sweeps(terms.now);
        let jobs = self.durable.claim(terms.now, terms.leased_until, jobs_max).await?;
        let mut ledger = locked(&self.ledger);
        if u32::try_from(jobs.len()).is_ok_and(|found| found < jobs_max) {
            ledger.swept_all(wish);
        }
        jobs.iter().for_each(|job| ledger.took(&job.id, None, terms.leased_until));
        counter!(JOBS_TAKEN, "way" => "swept").increment(jobs.len() as u64);
        Ok(jobs)
    }

    /// Takes what Redis deals.
    async fn take_dealt(&self, terms: Terms, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        let jobs_max = usize::try_from(jobs_max).unwrap_or(usize::MAX);
        let mut jobs = Vec::new();
        let due = {
            let mut next = locked(&self.next_take_over);
            let is_due = *next <= Instant::now();
            if is_due {
                *next = Instant::now() + self.config.take_over_every;
            }
            is_due
        };
        if due {
            let entries = self.entries(self.stream.take_over(self.config.abandoned_after, jobs_max).await).await;
            jobs = self.claim_rows(entries?, terms, "taken_over").await?;
        }
        let room = jobs_max.saturating_sub(jobs.len());
        if room == 0 {
            return Ok(jobs);
        }
        let dealt = match self.entries(self.stream.take(room).await).await {
            Ok(entries) => self.claim_rows(entries, terms, "dealt").await,
            Err(error) => Err(error),
        };
        match dealt {
            Ok(more) => jobs.extend(more),
            Err(error) if jobs.is_empty() => return Err(error),
            // What was taken over is given to the workers; the next claim sweeps.
            Err(_) => {}
        }
        Ok(jobs)
    }

    /// The entries, or what a failure to get them leads to.
    async fn entries(&self, answer: Result<Vec<Entry>, No>) -> Result<Vec<Entry>, StoreError> {
        let no = match answer {
            Ok(entries) => return Ok(entries),
            Err(no) => no,
        };
        locked(&self.ledger).want_sweep();
        if no == No::Emptied {
            tracing::info!("the stream of jobs is begun anew, and all durable jobs are looked through");
            // If it cannot be made now, the next claim tries again.
            let _ = self.stream.make_group().await;
        }
        Err(StoreError::Unavailable(no.to_string()))
    }

    /// Claims the durable rows of entries. Entries whose job is not to be done any more, or not yet, go.
    async fn claim_rows(&self, entries: Vec<Entry>, terms: Terms, way: &'static str) -> Result<Vec<Job>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut names: Vec<String> = Vec::new();
        entries.iter().filter(|entry| !entry.job.is_empty()).for_each(|entry| {
            if !names.contains(&entry.job) {
                names.push(entry.job.clone());
            }
        });
        let claimed = self.durable.claim_these(&names, terms.now, terms.leased_until).await;
        // Entries whose rows could not be claimed stay pending; the sweep is earlier.
        let jobs = claimed.inspect_err(|error| self.not_claimed(error))?;
        jobs.iter().for_each(|job| locked(&self.ledger).took(&job.id, None, terms.leased_until));
        counter!(JOBS_TAKEN, "way" => way).increment(jobs.len() as u64);
        let mut done = Vec::new();
        for Entry { id, job } in entries {
            if jobs.iter().any(|claimed| claimed.id == job) {
                done.extend(locked(&self.ledger).entry_of_running(&job, id));
                continue;
            }
            match self.durable.job(&job).await {
                Ok(Some(row)) => match row.state {
                    JobState::Ready => {
                        locked(&self.ledger).due_at(row.run_at);
                        done.push(id);
                    }
                    JobState::Running => done.extend(locked(&self.ledger).entry_of_running(&job, id)),
                    JobState::Dead | JobState::Done => done.push(id),
                },
                Ok(None) => done.push(id),
                // It stays pending and is looked at again.
                Err(error) => self.not_claimed(&error),
            }
        }
        self.tell(Vec::new(), done);
        Ok(jobs)
    }

    fn not_claimed(&self, error: &StoreError) {
        locked(&self.ledger).want_sweep();
        tracing::warn!(%error, "jobs that were dealt could not be claimed");
    }

    /// Has Redis told, later, of jobs that are due and of entries that are done with.
    fn tell(&self, added: Vec<String>, done: Vec<ledger::EntryId>) {
        if !self.outgoing.push(added, done) {
            locked(&self.ledger).want_sweep();
        }
    }

    /// The node is done with the job for now.
    fn let_go(&self, id: &str) {
        let entry = locked(&self.ledger).let_go(id);
        self.tell(Vec::new(), entry.into_iter().collect());
    }
}

#[async_trait]
impl Queue for StreamJobs {
    async fn enqueue(&self, jobs: Vec<Job>) -> Result<(), StoreError> {
        let mut due: Vec<_> = jobs.iter().map(|job| (job.run_at, job.created_at, job.id.clone())).collect();
        self.parts.durable.enqueue(jobs).await?;
        due.sort();
        let (now, later): (Vec<_>, Vec<_>) = due.into_iter().partition(|(run_at, created_at, _)| run_at <= created_at);
        later.into_iter().for_each(|(run_at, ..)| locked(&self.parts.ledger).due_at(run_at));
        self.parts.tell(now.into_iter().map(|(.., id)| id).collect(), Vec::new());
        Ok(())
    }

    async fn claim(&self, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        let (parts, terms) = (&self.parts, Terms { now, leased_until });
        parts.outgoing.settled(parts.stream.redis().call_within()).await;
        let sweeps_first = locked(&parts.ledger).is_sweep_due(now);
        let mut jobs = if sweeps_first { parts.sweep(terms, jobs_max).await? } else { Vec::new() };
        let room = jobs_max.saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        if room > 0 {
            match parts.take_dealt(terms, room).await {
                Ok(dealt) => jobs.extend(dealt),
                Err(_) if sweeps_first => {}
                // Redis gave nothing: the rows have it all.
                Err(_) => jobs = parts.sweep(terms, jobs_max).await?,
            }
        }
        if jobs.is_empty() {
            parts.idle.notify_one();
        }
        Ok(jobs)
    }

    async fn complete(&self, id: &str) -> Result<(), StoreError> {
        self.parts.durable.complete(id).await?;
        self.parts.let_go(id);
        Ok(())
    }

    async fn fail(&self, id: &str, error: &str, retry: Retry) -> Result<(), StoreError> {
        self.parts.durable.fail(id, error, retry).await?;
        match retry {
            Retry::At(at) => locked(&self.parts.ledger).due_at(at),
            Retry::Dead => {}
        }
        self.parts.let_go(id);
        Ok(())
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        self.parts.durable.job(id).await
    }

    async fn list(&self, state: JobState, cursor: Option<&str>, rows_max: u32) -> Result<Page<Job>, StoreError> {
        self.parts.durable.list(state, cursor, rows_max).await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        let was_dead = self.parts.durable.replay(id, now).await?;
        if was_dead {
            self.parts.tell(vec![id.to_owned()], Vec::new());
        }
        Ok(was_dead)
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        self.parts.durable.counts().await
    }
}
