//! Fixtures and fakes that the modules share.

#[expect(dead_code, reason = "shared by three binaries, and none needs all of it")]
pub(crate) mod bucket_server;
pub(crate) mod cql;
pub(crate) mod events;
pub(crate) mod memory_journal;
pub(crate) mod memory_leases;
pub(crate) mod payment_world;
#[expect(dead_code, reason = "shared by three binaries, and none needs all of it")]
pub(crate) mod redis_server;
pub(crate) mod servers;
pub(crate) mod tcp_proxy;
