//! Jobs: work that follows from facts and may fail for a while: rendering, mail, money going back.
//!
//! A job's id is derived from what it is for, so enqueueing it again is harmless. A job that keeps failing is kept as
//! dead, where an operator sees and replays it.

mod kind;
mod metrics;
mod workers;

pub use kind::{Letter, Task};
pub use metrics::describe;
pub use workers::{JobError, Workers, WorkersConfig};

use async_trait::async_trait;
use usher_core::UnixMillis;

use crate::store::{Page, StoreError};

/// The error of a try that nobody heard the end of.
pub const LEASE_ENDED: &str = "its worker vanished";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time or for a worker.
    Ready,
    /// A worker has it until its lease ends.
    Running,
    /// Failed too often.
    Dead,
    /// Done; kept so that the same id is not done again.
    Done,
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Derived from what it is for, such as `render:tkt_…`.
    pub id: String,
    /// Which worker does it.
    pub kind: String,
    /// What it is about, as JSON.
    pub payload: String,
    /// Where it stands.
    pub state: JobState,
    /// Tries that failed.
    pub failures_count: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// Not before this time.
    pub run_at: UnixMillis,
    /// When it was enqueued.
    pub created_at: UnixMillis,
}

/// What a failed try leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Again at this time.
    At(UnixMillis),
    /// Not again by itself.
    Dead,
}

/// Jobs by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct JobCounts {
    /// Ready.
    pub ready_count: u64,
    /// Running.
    pub running_count: u64,
    /// Dead.
    pub dead_count: u64,
}

/// A durable queue.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Keeps jobs; ids that are there already, in any state, are left as they are.
    async fn enqueue(&self, jobs: Vec<Job>) -> Result<(), StoreError>;
    /// Takes up to `jobs_max` jobs that are due, or whose lease has ended, oldest first, until `leased_until`. A lease
    /// that ended counts as a failure, with [`LEASE_ENDED`] as its error: a job that ends its process is found out.
    async fn claim(&self, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Result<Vec<Job>, StoreError>;
    /// Marks a job done.
    async fn complete(&self, id: &str) -> Result<(), StoreError>;
    /// Counts a failure and says what follows.
    async fn fail(&self, id: &str, error: &str, retry: Retry) -> Result<(), StoreError>;
    /// One job.
    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError>;
    /// Jobs of a state, oldest first.
    async fn list(&self, state: JobState, cursor: Option<&str>, rows_max: u32) -> Result<Page<Job>, StoreError>;
    /// Makes a dead job ready again with no failures; tells whether it was dead.
    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError>;
    /// How many there are.
    async fn counts(&self) -> Result<JobCounts, StoreError>;
}

/// A queue that keeps its jobs itself, and whose jobs can be taken by their ids: something faster than looking for what
/// is due may then deal them out among nodes.
#[async_trait]
pub trait DurableQueue: Queue {
    /// Takes those of the jobs that [`Queue::claim`] could take now, as it would; the others are left as they are.
    async fn claim_these(
        &self,
        ids: &[String],
        now: UnixMillis,
        leased_until: UnixMillis,
    ) -> Result<Vec<Job>, StoreError>;
}
