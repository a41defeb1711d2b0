//! The cluster's metrics, all on one page.

use metrics::{Unit, describe_counter, describe_histogram};

/// How long an append took until it was certain, or given up (seconds), by `outcome`.
pub(super) const APPEND_SECONDS: &str = "usher_cql_append_seconds";
/// Tries of appends whose answer was lost or late (count).
pub(super) const DOUBTS: &str = "usher_cql_append_doubts_total";
/// Tries of appends that were refused, whatever that turned out to mean (count).
pub(super) const REFUSALS: &str = "usher_cql_append_refusals_total";
/// Tries of the stores' conditional writes whose answer was lost or late (count).
pub(super) const WRITE_DOUBTS: &str = "usher_cql_write_doubts_total";
/// Probes that the cluster did not answer (count).
pub(super) const UNANSWERED: &str = "usher_cql_probes_unanswered_total";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_histogram!(APPEND_SECONDS, Unit::Seconds, "Duration of appends to the CQL cluster, by outcome");
    describe_counter!(DOUBTS, Unit::Count, "Tries of appends whose answer was lost or late");
    describe_counter!(REFUSALS, Unit::Count, "Tries of appends that the CQL cluster refused");
    describe_counter!(WRITE_DOUBTS, Unit::Count, "Tries of conditional writes whose answer was lost or late");
    describe_counter!(UNANSWERED, Unit::Count, "Probes that the CQL cluster did not answer");
}
