//! The embedded databases' metrics, all on one page.

use metrics::{Unit, describe_counter, describe_histogram};

/// How long a commit took, its sync included (seconds), by `file`.
pub(super) const COMMIT_SECONDS: &str = "usher_sqlite_commit_seconds";
/// Writes that shared a commit (count), by `file`.
pub(super) const COMMIT_WRITES: &str = "usher_sqlite_commit_writes";
/// Commits whose outcome is unknown, after which the file was reopened (count), by `file`.
pub(super) const REOPENED: &str = "usher_sqlite_reopened_total";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "Duration of SQLite commits with their sync, by file");
    describe_histogram!(COMMIT_WRITES, Unit::Count, "Writes that shared one SQLite commit, by file");
    describe_counter!(REOPENED, Unit::Count, "SQLite files reopened after a commit of unknown outcome, by file");
}
