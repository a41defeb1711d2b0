//! The stream of jobs and its consumer group, as commands.
//!
//! One entry per job that became due, with the job's id and nothing else: what the job is stands in its durable row. An
//! entry is taken by one consumer, pending until that one is done, and then deleted. Entries past the bound are trimmed
//! by Redis, oldest first; their jobs are found by a sweep.

use std::time::Duration;

use deadpool_redis::redis::streams::{StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamReadReply};
use deadpool_redis::redis::{Cmd, FromRedisValue, Pipeline, from_redis_value};

use super::ledger::EntryId;
use crate::adapters::redis::client::{Ask, Redis};
use crate::adapters::redis::failure::No;

/// Entries kept; a few more stay until Redis trims.
pub(super) const ENTRIES_MAX: u32 = 10_000;
/// A consumer that has nothing and was not heard of for so long is forgotten: each start of a node makes a new one.
const CONSUMER_IDLE_MAX: Duration = Duration::from_secs(3_600);
const GROUP: &str = "workers";
const FIELD: &str = "job";

/// An entry: its id, and its job's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) job: String,
}

/// The stream, as one consumer sees it.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    redis: Redis,
    key: String,
    consumer: String,
}

impl Stream {
    pub(super) fn new(redis: Redis, consumer: String) -> Self {
        let key = redis.key("jobs");
        Self { redis, key, consumer }
    }

    pub(super) fn redis(&self) -> &Redis {
        &self.redis
    }

    /// Makes the group where it is not; it then deals everything that is in the stream.
    pub(super) async fn make_group(&self) -> Result<(), No> {
        let mut make = Cmd::new();
        make.arg("XGROUP").arg("CREATE").arg(&self.key).arg(GROUP).arg("0").arg("MKSTREAM");
        match self.redis.ask::<()>("jobs_group", Ask::One(make)).await {
            // Another node was quicker.
            Err(No::There) => Ok(()),
            answer => answer,
        }
    }

    /// Adds jobs, and takes entries out that are done with.
    pub(super) async fn write(&self, added: &[String], done: &[EntryId]) -> Result<(), No> {
        let mut pipeline = Pipeline::new();
        for job in added {
            let add = pipeline.cmd("XADD").arg(&self.key).arg("MAXLEN").arg("~").arg(ENTRIES_MAX);
            add.arg("*").arg(FIELD).arg(job).ignore();
        }
        if !done.is_empty() {
            pipeline.cmd("XACK").arg(&self.key).arg(GROUP).arg(done).ignore();
            pipeline.cmd("XDEL").arg(&self.key).arg(done).ignore();
        }
        self.redis.ask("jobs_write", Ask::Several(pipeline)).await
    }

    /// Takes up to `entries_max` new entries.
    pub(super) async fn take(&self, entries_max: usize) -> Result<Vec<Entry>, No> {
        let mut read = Cmd::new();
        read.arg("XREADGROUP").arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(entries_max);
        read.arg("STREAMS").arg(&self.key).arg(">");
        // Nil where there is nothing.
        let read: Option<StreamReadReply> = self.redis.ask("jobs_read", Ask::One(read)).await?;
        Ok(read.into_iter().flat_map(|read| read.keys).flat_map(|stream| entries(stream.ids)).collect())
    }

    /// The command that waits for an entry to be added, and takes none.
    pub(super) fn wait(&self, blocks: Duration) -> Cmd {
        let blocks_ms = u64::try_from(blocks.as_millis()).unwrap_or(u64::MAX);
        let mut read = Cmd::new();
        read.arg("XREAD").arg("COUNT").arg(1).arg("BLOCK").arg(blocks_ms).arg("STREAMS").arg(&self.key).arg("$");
        read
    }

    /// Takes up to `entries_max` entries over that have been pending for so long: their consumer is gone.
    pub(super) async fn take_over(&self, pending_for: Duration, entries_max: usize) -> Result<Vec<Entry>, No> {
        let pending_ms = u64::try_from(pending_for.as_millis()).unwrap_or(u64::MAX);
        let mut take = Cmd::new();
        take.arg("XAUTOCLAIM").arg(&self.key).arg(GROUP).arg(&self.consumer).arg(pending_ms).arg("0");
        take.arg("COUNT").arg(entries_max);
        let taken: StreamAutoClaimReply = self.redis.ask("jobs_take_over", Ask::One(take)).await?;
        Ok(entries(taken.claimed))
    }

    /// Forgets consumers that are gone and have nothing left.
    pub(super) async fn forget_consumers(&self) -> Result<(), No> {
        let mut list = Cmd::new();
        list.arg("XINFO").arg("CONSUMERS").arg(&self.key).arg(GROUP);
        let known: StreamInfoConsumersReply = self.redis.ask("jobs_consumers", Ask::One(list)).await?;
        let gone = known.consumers.into_iter().filter(|consumer| {
            let idle_ms = u128::try_from(consumer.idle).unwrap_or_default();
            consumer.pending == 0 && idle_ms > CONSUMER_IDLE_MAX.as_millis() && consumer.name != self.consumer
        });
        let mut pipeline = Pipeline::new();
        for consumer in gone {
            pipeline.cmd("XGROUP").arg("DELCONSUMER").arg(&self.key).arg(GROUP).arg(consumer.name).ignore();
        }
        if pipeline.is_empty() { Ok(()) } else { self.redis.ask("jobs_consumers", Ask::Several(pipeline)).await }
    }
}

fn entries(ids: Vec<StreamId>) -> Vec<Entry> {
    let entry = |StreamId { id, mut map, .. }: StreamId| {
        // An entry of something else names no job; with an empty name it is found to be nothing and goes.
        let job = map.remove(FIELD).and_then(text).unwrap_or_default();
        Entry { id, job }
    };
    ids.into_iter().map(entry).collect()
}

fn text<T: FromRedisValue>(value: deadpool_redis::redis::Value) -> Option<T> {
    from_redis_value(value).ok()
}
