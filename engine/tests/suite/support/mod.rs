//! Fixtures and fakes that the modules share.

pub(crate) mod bucket_server;
pub(crate) mod cql;
pub(crate) mod events;
pub(crate) mod memory_journal;
pub(crate) mod payment_world;
pub(crate) mod servers;
pub(crate) mod tcp_proxy;
