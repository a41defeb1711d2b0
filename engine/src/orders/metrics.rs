//! The projector's metrics, all on one page.

use metrics::{Unit, describe_counter, describe_gauge};

/// Entries the projector has projected (count).
pub(super) const PROJECTED_ENTRIES: &str = "usher_projected_entries_total";
/// Steps of the projector that failed and are tried again (count).
pub(super) const PROJECTOR_FAILURES: &str = "usher_projector_failures_total";
/// Committed entries of the event last projected that the views lack (entries).
pub(super) const PROJECTOR_LAG: &str = "usher_projector_lag_entries";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_counter!(PROJECTED_ENTRIES, Unit::Count, "Journal entries projected into the views");
    describe_counter!(PROJECTOR_FAILURES, Unit::Count, "Projector steps that failed and are tried again");
    describe_gauge!(PROJECTOR_LAG, Unit::Count, "Committed entries that the views of the last projected event lack");
}
