//! Redis' metrics, all on one page.

use metrics::{Unit, describe_counter, describe_histogram};

/// Calls to Redis by `operation` and `result` (`done`, `emptied`, `there`, `failed`, `held_back`) (count).
pub(super) const REDIS_CALLS: &str = "usher_redis_calls_total";
/// How long a call to Redis took with waiting and connecting, by `operation` (seconds).
pub(super) const REDIS_SECONDS: &str = "usher_redis_call_seconds";
/// Jobs taken by `way`: `dealt` by the stream, `taken_over` from a consumer that is gone, `swept` from the durable rows
/// (count).
pub(super) const JOBS_TAKEN: &str = "usher_redis_jobs_taken_total";
/// Notices heard from other nodes by `notice` (`committed`, `missed`) (count).
pub(super) const FEED_NOTICES: &str = "usher_feed_notices_total";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_counter!(REDIS_CALLS, Unit::Count, "Calls to Redis by operation and result");
    describe_counter!(JOBS_TAKEN, Unit::Count, "Jobs taken, by the way they were found");
    describe_counter!(FEED_NOTICES, Unit::Count, "Notices heard from other nodes");
    describe_histogram!(REDIS_SECONDS, Unit::Seconds, "How long a call to Redis took");
}
