//! The embedded default: one folder, three SQLite files, no server.
//!
//! - `journal.db` holds what is true, `store.db` what people told us besides; both sync each commit.
//! - `views.db` holds what follows from the journal; it may lose its last commits and may be deleted.
//!
//! Each file has one writer thread that puts all that waits into one transaction, and readers that never wait for it.

mod accounts;
mod audit_log;
pub mod backup;
mod catalogue;
mod columns;
mod contacts;
mod database;
#[cfg(test)]
mod database_tests;
mod failure;
mod folder;
mod inbox;
mod jobs;
mod journal;
mod metrics;
mod open;
mod orders;
mod payments;
mod writer;

use super::page;

pub use folder::Folder;
pub use metrics::describe;
