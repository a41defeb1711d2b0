//! Rates that all nodes keep together: a token bucket per sender, judged by one script.
//!
//! The script is one step to Redis, so two nodes never take the same try; counting on each node and adding up was
//! refused, since it lets through as many times more as there are nodes. A bucket that Redis lost is full again.

use deadpool_redis::redis::Cmd;

use super::client::{Ask, Redis};
use super::failure::No;

const BUCKET: &str = include_str!("bucket.lua");

/// A limiter of tries per key.
#[derive(Debug, Clone)]
pub struct SharedRate {
    redis: Redis,
    name: &'static str,
    burst_count: u32,
    refill_ms: u64,
}

impl SharedRate {
    /// `burst_count` tries at once, and one more each `refill_ms`. The name keeps its buckets apart from others'.
    #[must_use]
    pub fn new(redis: Redis, name: &'static str, burst_count: u32, refill_ms: u64) -> Self {
        Self { redis, name, burst_count, refill_ms: refill_ms.max(1) }
    }

    /// Takes one try; gives the milliseconds until there is one again, 0 when it was taken.
    ///
    /// # Errors
    /// Redis does not judge now; somebody else must. That is known within a call's deadline, at once while it is known
    /// to be in trouble.
    pub async fn take(&self, key: &str) -> Result<u64, No> {
        let mut take = Cmd::new();
        take.arg("EVAL").arg(BUCKET).arg(1).arg(self.redis.key(&format!("rate:{}:{key}", self.name)));
        take.arg(self.burst_count).arg(self.refill_ms);
        self.redis.ask("rate", Ask::One(take)).await
    }
}
