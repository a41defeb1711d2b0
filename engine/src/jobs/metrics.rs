//! The workers' metrics, all on one page.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Tries of jobs by `kind` and `result` (`done`, `retry`, `dead`) (count).
pub(super) const JOB_TRIES: &str = "usher_job_tries_total";
/// How long one try took, by `kind` (seconds).
pub(super) const JOB_SECONDS: &str = "usher_job_seconds";
/// Jobs by `state` (`ready`, `running`, `dead`) (jobs).
pub(super) const JOBS: &str = "usher_jobs";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_counter!(JOB_TRIES, Unit::Count, "Tries of jobs by kind and result");
    describe_histogram!(JOB_SECONDS, Unit::Seconds, "How long one try of a job took");
    describe_gauge!(JOBS, Unit::Count, "Jobs by state");
}
