//! A cluster that speaks CQL: Apache Cassandra or ScyllaDB, through the `scylla` driver.
//!
//! - [`Cluster`] is the connection that the stores share. The driver's own defaults are unfit for conditional writes
//!   (it repeats some of them and reports the repeat's refusal), so every statement says by [`How`] it may be sent.
//! - [`journal`] keeps every event's history there.
//! - [`CqlLeases`] says which nodes are alive and who owns which event.
//! - [`Stores`] are the domain's stores over it, each a few tables that answer its questions.
//! - [`migrate()`] brings the keyspace to this program's schema.
//!
//! Tried against Apache Cassandra 5.0.6. ScyllaDB speaks the same protocol and keeps the same contract for conditional
//! writes; nothing here was run against it.

mod accounts;
mod api_keys;
mod audit_log;
mod catalogue;
mod cluster;
mod conditional;
mod contacts;
mod failure;
mod inbox;
mod job_row;
mod jobs;
pub mod journal;
mod leases;
mod lists;
mod metrics;
mod migrate;
mod payments;
mod plans;
mod record_list;
mod routing;
mod rows;
mod sessions;
mod settings;
mod statements;
mod stores;
mod values;
mod view_step;
mod views;

pub use cluster::Cluster;
pub use failure::CqlError;
pub use leases::CqlLeases;
pub use metrics::describe;
pub use migrate::{Applied, Migration, SCHEMA, migrate, migrate_to};
pub use settings::{ClusterSettings, Login, Replication};
pub use statements::{How, is_applied};
pub use stores::open_stores;
