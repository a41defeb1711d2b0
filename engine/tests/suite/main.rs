//! The engine's integration tests: conformance suites over the domain's traits, stored samples, and stress.
#![expect(clippy::unwrap_used, reason = "a test says what failed by the line it failed on")]

mod accounts_conformance;
mod audit_log_conformance;
#[path = "../cassandra/mod.rs"]
mod cassandra;
mod catalogue_conformance;
mod cql_journal;
mod cql_schema;
mod cql_stores;
mod event_actor;
mod event_faults;
mod event_registry;
mod event_sqlite;
mod job_workers;
mod jobs_conformance;
mod journal_conformance;
mod journal_damage;
mod journal_samples;
mod leases_conformance;
mod load_overtaken;
mod orders_conformance;
mod payment_process;
mod payments_conformance;
mod projector_doubt;
mod redis_jobs;
mod redis_shared;
mod several_nodes;
mod snapshot_samples;
mod sqlite_journal;
mod sqlite_stores;
mod sqlite_stress;
mod support;
mod ticket_bucket;
mod ticket_files_conformance;
mod webhook_samples;
