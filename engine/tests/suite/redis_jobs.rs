//! The queue that Redis deals: the conformance suite over a real server, and what becomes of jobs whose entries are
//! lost, late or left behind. SQLite keeps the durable rows, CQL in one test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tempfile::TempDir;
use usher_core::{OrderId, UnixMillis};
use usher_engine::adapters::cql;
use usher_engine::adapters::redis::jobs::{StreamConfig, StreamJobs};
use usher_engine::adapters::redis::{Redis, RedisConfig};
use usher_engine::adapters::sqlite;
use usher_engine::clock::Clock;
use usher_engine::jobs::{
    DurableQueue, Job, JobCounts, JobError, JobState, Queue, Retry, Task, Workers, WorkersConfig,
};
use usher_engine::store::{Page, StoreError};

use crate::cql_stores::empty_jobs;
use crate::jobs_conformance::every_queue;
use crate::support::cql::shared_cluster;
use crate::support::redis_server::RedisServer;

const START: UnixMillis = UnixMillis(1_900_000_000_000);
/// Longer than from the first to the last time of any test.
const NEVER: Duration = Duration::from_secs(10_000_000_000);
/// How long what follows by itself may take; generous, for a machine that is busy with other tests.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);

/// A durable queue that counts how often it is looked through.
struct Counted {
    queue: Arc<dyn DurableQueue>,
    sweeps_count: AtomicU32,
}

#[async_trait]
impl Queue for Counted {
    async fn enqueue(&self, jobs: Vec<Job>) -> Result<(), StoreError> {
        self.queue.enqueue(jobs).await
    }
    async fn claim(&self, now: UnixMillis, leased_until: UnixMillis, jobs_max: u32) -> Result<Vec<Job>, StoreError> {
        self.sweeps_count.fetch_add(1, Ordering::Relaxed);
        self.queue.claim(now, leased_until, jobs_max).await
    }
    async fn complete(&self, id: &str) -> Result<(), StoreError> {
        self.queue.complete(id).await
    }
    async fn fail(&self, id: &str, error: &str, retry: Retry) -> Result<(), StoreError> {
        self.queue.fail(id, error, retry).await
    }
    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        self.queue.job(id).await
    }
    async fn list(&self, state: JobState, cursor: Option<&str>, rows_max: u32) -> Result<Page<Job>, StoreError> {
        self.queue.list(state, cursor, rows_max).await
    }
    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        self.queue.replay(id, now).await
    }
    async fn counts(&self) -> Result<JobCounts, StoreError> {
        self.queue.counts().await
    }
}

#[async_trait]
impl DurableQueue for Counted {
    async fn claim_these(
        &self,
        ids: &[String],
        now: UnixMillis,
        leased_until: UnixMillis,
    ) -> Result<Vec<Job>, StoreError> {
        self.queue.claim_these(ids, now, leased_until).await
    }
}

/// Durable rows and a Redis, for queues of several nodes.
struct Ground {
    server: RedisServer,
    config: RedisConfig,
    durable: Arc<Counted>,
    _folder: TempDir,
}

impl Ground {
    fn new() -> Option<Self> {
        let server = RedisServer::own()?;
        let folder = tempfile::tempdir().unwrap();
        let queue = sqlite::Folder::open(folder.path()).unwrap().stores.jobs;
        let durable = Arc::new(Counted { queue, sweeps_count: AtomicU32::new(0) });
        Some(Self { config: server.config(), server, durable, _folder: folder })
    }

    fn redis(&self) -> Redis {
        self.server.redis(&self.config)
    }

    /// The queue of one more node, after the sweep of its start.
    async fn node(&self, config: &StreamConfig) -> Arc<StreamJobs> {
        let durable: Arc<dyn DurableQueue> = self.durable.clone();
        let node = Arc::new(StreamJobs::open(self.redis(), durable, config.clone()));
        assert!(node.claim(UnixMillis(0), UnixMillis(1), 1).await.unwrap().is_empty());
        // The first has found that there is no group and made it; whatever was lost before is looked for once more.
        assert!(node.claim(UnixMillis(0), UnixMillis(1), 1).await.unwrap().is_empty());
        node
    }

    fn sweeps_count(&self) -> u32 {
        self.durable.sweeps_count.load(Ordering::Relaxed)
    }

    fn stream(&self, words: &[&str]) -> String {
        let key = format!("{}:jobs", self.config.prefix);
        let words: Vec<&str> = words.iter().map(|&word| if word == "KEY" { key.as_str() } else { word }).collect();
        self.server.say(&words)
    }
}

/// Nothing is found by chance: neither sweeps nor others' entries are looked for.
fn dealing_only() -> StreamConfig {
    StreamConfig { sweep_every: NEVER, abandoned_after: NEVER, take_over_every: NEVER }
}

fn task(order: u128) -> Job {
    Task::PrintTickets { order: OrderId(order) }.job(START)
}

async fn claimed(queue: &StreamJobs, now: UnixMillis, jobs_max: u32) -> Vec<String> {
    let jobs = queue.claim(now, now.plus_ms(1_000), jobs_max).await.unwrap();
    jobs.into_iter().map(|job| job.id).collect()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < FOLLOWS_WITHIN, "it did not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn redis_over_sqlite_keeps_every_rule_of_jobs() {
    let grounds = Mutex::new(Vec::new());
    if Ground::new().is_none() {
        return;
    }
    every_queue(async || -> Arc<dyn Queue> {
        let ground = Ground::new().unwrap();
        let node = ground.node(&dealing_only()).await;
        grounds.lock().unwrap().push(ground);
        let queue: Arc<dyn Queue> = node;
        queue
    })
    .await;
}

#[tokio::test]
async fn redis_over_cql_keeps_every_rule_of_jobs() {
    let Some(server) = RedisServer::own() else { return };
    let Some(cluster) = shared_cluster("redis_over_cql_keeps_every_rule_of_jobs").await else { return };
    every_queue(async || -> Arc<dyn Queue> {
        empty_jobs(&cluster).await;
        let durable = cql::open_stores(&cluster).await.unwrap().jobs;
        let queue: Arc<dyn Queue> = Arc::new(StreamJobs::open(server.redis(&server.config()), durable, dealing_only()));
        queue
    })
    .await;
}

#[tokio::test]
async fn jobs_are_dealt_without_looking_through_the_rows_and_leave_nothing_behind() {
    let Some(ground) = Ground::new() else { return };
    let (one, other) = (ground.node(&dealing_only()).await, ground.node(&dealing_only()).await);
    let swept_count = ground.sweeps_count();
    one.enqueue((0..20).map(task).collect()).await.unwrap();
    let mut taken = claimed(&one, START, 8).await;
    assert_eq!(taken.len(), 8);
    let by_other = claimed(&other, START, 99).await;
    assert_eq!(by_other.len(), 12, "one node's jobs are dealt to all");
    taken.extend(by_other);
    for id in &taken[..10] {
        one.complete(id).await.unwrap();
    }
    for id in &taken[10..] {
        other.complete(id).await.unwrap();
    }
    assert_eq!(ground.sweeps_count(), swept_count);
    // What one took, the other completed: such entries stay until they are looked at again.
    until("entries are deleted with their jobs", async || ground.stream(&["XLEN", "KEY"]) == "2").await;
    let taking_over =
        StreamConfig { abandoned_after: Duration::ZERO, take_over_every: Duration::ZERO, ..dealing_only() };
    let third = ground.node(&taking_over).await;
    until("the others, too", async || {
        assert!(claimed(&third, START, 9).await.is_empty());
        ground.stream(&["XLEN", "KEY"]) == "0"
    })
    .await;
    assert_eq!(ground.stream(&["XPENDING", "KEY", "workers"]).lines().next(), Some("0"));
}

#[tokio::test]
async fn what_a_vanished_node_had_is_taken_over_when_its_lease_has_ended() {
    let Some(ground) = Ground::new() else { return };
    let gone = ground.node(&dealing_only()).await;
    let abandoned_after = Duration::from_millis(50);
    let config = StreamConfig { abandoned_after, take_over_every: Duration::ZERO, ..dealing_only() };
    let node = ground.node(&config).await;
    gone.enqueue(vec![task(1)]).await.unwrap();
    assert_eq!(claimed(&gone, START, 1).await, [task(1).id]);
    drop(gone);
    let swept_count = ground.sweeps_count();
    let began = Instant::now();
    while began.elapsed() < 3 * abandoned_after {
        assert!(claimed(&node, START.plus_ms(999), 1).await.is_empty(), "its lease has not ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until("its lease has ended", async || claimed(&node, START.plus_ms(1_000), 1).await == [task(1).id]).await;
    assert_eq!(ground.sweeps_count(), swept_count, "the stream knew of it");
    node.complete(&task(1).id).await.unwrap();
    until("its entry goes", async || ground.stream(&["XLEN", "KEY"]) == "0").await;
}

#[tokio::test]
async fn the_stream_is_bounded_and_what_falls_out_of_it_is_found_in_the_rows() {
    let Some(ground) = Ground::new() else { return };
    let node = ground.node(&dealing_only()).await;
    let jobs_count = 12_000;
    for some in (0..jobs_count).map(task).collect::<Vec<_>>().chunks(1_000) {
        node.enqueue(some.to_vec()).await.unwrap();
        node.claim(UnixMillis(0), UnixMillis(1), 1).await.unwrap();
    }
    let kept: u32 = ground.stream(&["XLEN", "KEY"]).parse().unwrap();
    assert!(kept <= 10_200, "{kept} entries");
    let sweeping = ground.node(&StreamConfig { sweep_every: Duration::ZERO, ..dealing_only() }).await;
    let mut taken = Vec::new();
    loop {
        let some = claimed(&sweeping, START, 500).await;
        if some.is_empty() {
            break;
        }
        taken.extend(some);
    }
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), usize::try_from(jobs_count).unwrap());
}

#[tokio::test]
async fn a_waiting_node_hears_of_another_nodes_job_at_once() {
    let Some(ground) = Ground::new() else { return };
    let (one, other) = (ground.node(&dealing_only()).await, ground.node(&dealing_only()).await);
    // It listens from when it has found nothing; what is added before it does is found when it looks again.
    let mut number = 0;
    until("it is rung for", async || {
        while !claimed(&other, START, 9).await.is_empty() {}
        number += 1;
        one.enqueue(vec![task(number)]).await.unwrap();
        tokio::time::timeout(Duration::from_millis(200), other.rung()).await.is_ok()
    })
    .await;
    assert_eq!(claimed(&other, START, 1).await, [task(number).id]);
}

/// What workers of two nodes did.
#[derive(Default)]
struct Done {
    tries: Mutex<HashMap<String, u32>>,
}

/// Two nodes' workers do jobs while `trouble` goes on and jobs keep coming; then every job must be done, once.
async fn jobs_flow_through(trouble: impl AsyncFnOnce(&mut RedisServer)) {
    const JOBS_COUNT: u128 = 600;
    let Some(mut ground) = Ground::new() else { return };
    let config = StreamConfig::for_lease(Duration::from_secs(60));
    let nodes = [ground.node(&config).await, ground.node(&config).await];
    let watched = [ground.redis(), ground.redis()];
    let done = Arc::new(Done::default());
    let clock = Clock::system();
    let (mut tasks, mut queues) = (Vec::new(), Vec::new());
    for (node, redis) in nodes.iter().zip(watched) {
        tasks.push(tokio::spawn(async move { redis.watch().await }));
        let queue: Arc<dyn Queue> = node.clone();
        let workers =
            Workers::new(queue, clock.clone(), WorkersConfig { poll: Duration::from_millis(50), ..Default::default() });
        let (waking, node, done) = (workers.clone(), Arc::clone(node), Arc::clone(&done));
        queues.push(Arc::clone(&node));
        tasks.push(tokio::spawn(async move {
            loop {
                node.rung().await;
                waking.wake();
            }
        }));
        tasks.push(tokio::spawn(async move {
            workers
                .run(move |job| {
                    let done = Arc::clone(&done);
                    async move {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        *done.tries.lock().unwrap().entry(job.id.clone()).or_default() += 1;
                        if job.id == task(11).id {
                            Err(JobError::Permanent("no such order".to_owned()))
                        } else {
                            Ok(())
                        }
                    }
                })
                .await;
        }));
    }
    let coming = {
        let (node, clock) = (Arc::clone(&queues[0]), clock.clone());
        tokio::spawn(async move {
            for order in 0..JOBS_COUNT {
                let began = Instant::now();
                node.enqueue(vec![Task::PrintTickets { order: OrderId(order) }.job(clock.now())]).await.unwrap();
                assert!(began.elapsed() < Duration::from_secs(5), "whoever enqueues waited for Redis");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    trouble(&mut ground.server).await;
    coming.await.unwrap();
    let rest = JobCounts { ready_count: 0, running_count: 0, dead_count: 1 };
    until("every job is done", async || ground.durable.counts().await.unwrap() == rest).await;
    let tries = done.tries.lock().unwrap().clone();
    assert_eq!(tries.len(), usize::try_from(JOBS_COUNT).unwrap(), "a job was lost");
    let repeated: Vec<_> = tries.iter().filter(|(_, count)| **count != 1).collect();
    assert!(repeated.is_empty(), "done more than once within their leases: {repeated:?}");
    // The one that cannot be done is put aside, and comes back when somebody says so.
    let dead = nodes[1].list(JobState::Dead, None, 9).await.unwrap().rows;
    assert_eq!(dead.len(), 1);
    assert!(nodes[1].replay(&dead[0].id, clock.now()).await.unwrap());
    until("it is tried again", async || done.tries.lock().unwrap()[&dead[0].id] == 2).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Long enough for some jobs to meet the trouble; nothing is awaited by it.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_or_done_twice_while_redis_is_emptied() {
    jobs_flow_through(async |server| {
        for _ in 0..5 {
            a_while().await;
            server.say(&["FLUSHALL"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_or_done_twice_while_redis_is_killed_and_starts_empty() {
    jobs_flow_through(async |server| {
        for _ in 0..3 {
            a_while().await;
            server.kill();
            a_while().await;
            server.start();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_or_done_twice_while_redis_hangs() {
    jobs_flow_through(async |server| {
        for _ in 0..2 {
            a_while().await;
            server.hang();
            tokio::time::sleep(Duration::from_secs(2)).await;
            server.go_on();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_done_when_redis_never_was_there() {
    let Some(mut ground) = Ground::new() else { return };
    ground.server.kill();
    let durable: Arc<dyn DurableQueue> = ground.durable.clone();
    let node = StreamJobs::open(ground.redis(), durable, StreamConfig::for_lease(Duration::from_secs(60)));
    node.enqueue(vec![task(1), task(2)]).await.unwrap();
    assert_eq!(claimed(&node, START, 9).await, [task(1).id, task(2).id]);
    node.complete(&task(1).id).await.unwrap();
    assert_eq!(node.job(&task(1).id).await.unwrap().unwrap().state, JobState::Done);
}
