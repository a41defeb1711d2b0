//! What nodes share by Redis, and what one does alone where there is none.

use std::sync::Arc;

use tokio::runtime::Handle;
use usher_engine::adapters::redis::jobs::{StreamConfig, StreamJobs};
use usher_engine::adapters::redis::{No, Redis, RedisFeed, SharedRate};
use usher_engine::feed::{Alone, Feed};
use usher_engine::jobs::{DurableQueue, Queue, Workers};

use super::forever;
use crate::access::logins::Logins;
use crate::config::{Fault, RedisSettings, Settings};

/// What the tries to log in are called in Redis.
const LOGINS: &str = "logins";

/// The shared parts.
pub(super) struct Shared {
    pub(super) redis: Option<Redis>,
    pub(super) jobs: Arc<dyn Queue>,
    pub(super) feed: Arc<dyn Feed>,
    dealt: Option<Arc<StreamJobs>>,
}

/// Opens the way to Redis, if there is one. One that refuses is a fault, since a setting is wrong; one that does not
/// answer is not, since nothing depends on it.
pub(super) fn redis(settings: &RedisSettings, runtime: &Handle) -> Result<Option<Redis>, Fault> {
    let fault = |what: String| Fault { key: "redis".to_owned(), what };
    let Some(config) = settings.config().map_err(|what| fault(what.to_owned()))? else { return Ok(None) };
    let address = format!("{:?}", config.address);
    let redis = Redis::new(config, runtime.clone()).map_err(|no| fault(no.to_string()))?;
    // Waits where a runtime must not be waited for.
    let looked = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(redis.look())).join());
    match looked {
        Ok(Err(no @ No::Refused(_))) => Err(fault(format!("{address}: {no}"))),
        // Its health says how it is.
        Ok(Ok(()) | Err(No::HeldBack | No::Emptied | No::There | No::Failed(_))) | Err(_) => Ok(Some(redis)),
    }
}

impl Shared {
    /// Over this Redis, if there is one.
    pub(super) fn open(redis: Option<Redis>, durable: &Arc<dyn DurableQueue>, settings: &Settings) -> Self {
        let Some(redis) = redis else {
            return Self { redis: None, jobs: durable.clone(), feed: Alone::feed(), dealt: None };
        };
        let config = StreamConfig::for_lease(settings.jobs.lease.0);
        let dealt = Arc::new(StreamJobs::open(redis.clone(), Arc::clone(durable), config));
        let feed = Arc::new(RedisFeed::open(redis.clone()));
        Self { redis: Some(redis), jobs: dealt.clone(), feed, dealt: Some(dealt) }
    }

    /// The limit of tries to log in.
    pub(super) fn logins(&self, settings: &Settings) -> Logins {
        let (burst_count, refill_ms) = (settings.accounts.login_burst_max, settings.accounts.login_refill.ms());
        let shared = self.redis.clone().map(|redis| SharedRate::new(redis, LOGINS, burst_count, refill_ms));
        Logins::new(burst_count, refill_ms, shared)
    }

    /// Starts what runs in the background.
    pub(super) fn start(&self, workers: &Workers, runtime: &Handle) {
        if let Some(redis) = self.redis.clone() {
            forever::run(runtime, "redis", move || {
                let redis = redis.clone();
                async move { redis.watch().await }
            });
        }
        if let Some(dealt) = self.dealt.clone() {
            let workers = workers.clone();
            forever::run(runtime, "dealt_jobs", move || {
                let (dealt, workers) = (Arc::clone(&dealt), workers.clone());
                async move {
                    loop {
                        dealt.rung().await;
                        workers.wake();
                    }
                }
            });
        }
    }
}
