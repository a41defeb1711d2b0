//! Redis: what nodes share that can be lost. It deals out jobs, counts tries, and carries the feed between nodes.
//!
//! Nothing here is the truth of anything: a Redis that is empty, hangs or is gone costs speed and no data, and whoever
//! uses it goes on without it at once. Every call ends by a deadline, none is made while Redis is in trouble (see
//! [`crate::health`]), and none has to be waited for by a buyer. The driver's own repeats and reconnects were refused:
//! they hide for how long somebody waits.

mod client;
mod config;
mod failure;
mod feed;
pub mod jobs;
mod metrics;
mod rate;

pub use client::Redis;
pub use config::{RedisAddress, RedisConfig};
pub use failure::No;
pub use feed::RedisFeed;
pub use metrics::describe;
pub use rate::SharedRate;

/// What Redis is called where the house says how its back ends are.
pub const REDIS: &str = "redis";
