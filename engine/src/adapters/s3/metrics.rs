//! The bucket's metrics, all on one page.

use metrics::{Unit, describe_counter, describe_histogram};

/// Calls to the ticket store by `operation` and `result` (`done`, `missing`, `there`, `failed`, `held_back`) (count).
pub(super) const STORE_CALLS: &str = "usher_ticket_store_calls_total";
/// How long a call to the ticket store took with all its attempts, by `operation` (seconds).
pub(super) const STORE_SECONDS: &str = "usher_ticket_store_call_seconds";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_counter!(STORE_CALLS, Unit::Count, "Calls to the ticket store by operation and result");
    describe_histogram!(STORE_SECONDS, Unit::Seconds, "How long a call to the ticket store took");
}
