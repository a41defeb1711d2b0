//! The shell around the rules: event actors, the journal, stores, payments, tickets and workers.
//!
//! Arrows run one way: `api → engine → engine/core`. What decides is pure (the sequencer, the payment process); what
//! talks to the outside is in [`adapters`], behind traits that the domain's own folder defines.

pub mod accounts;
pub mod adapters;
pub mod audit_log;
pub mod catalogue;
pub mod checkout;
pub mod clock;
pub mod cluster;
pub mod event;
pub mod fail_point;
pub mod feed;
pub mod health;
pub mod ids;
pub mod jobs;
pub mod journal;
pub mod mail;
pub mod orders;
pub mod payments;
pub mod store;
pub mod stores;
pub mod tickets;
