//! What nodes share by Redis, over a real server: tries counted together, the feed, and how its health is told.

use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use usher_core::EventId;
use usher_engine::adapters::redis::{No, Redis, RedisAddress, RedisConfig, RedisFeed, SharedRate};
use usher_engine::feed::{Feed, Notice};

use crate::support::redis_server::{PASSWORD, RedisServer};

/// How long what follows by itself may take; generous, for a machine that is busy with other tests.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);

async fn takes(rate: &SharedRate, key: &str) -> bool {
    rate.take(key).await.unwrap() == 0
}

#[tokio::test]
async fn nodes_count_tries_together() {
    let Some(server) = RedisServer::own() else { return };
    let config = server.config();
    let nodes = [0, 1].map(|_| SharedRate::new(server.redis(&config), "logins", 10, 600_000));
    let tries = (0..40).map(|number| takes(&nodes[number % 2], "192.0.2.1"));
    let taken_count = futures_util::future::join_all(tries).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken_count, 10);
    for node in &nodes {
        let waits_ms = node.take("192.0.2.1").await.unwrap();
        assert!((1..=600_000).contains(&waits_ms), "{waits_ms}");
        assert!(takes(node, "192.0.2.2").await, "another sender has tries of its own");
    }
    let elsewhere = SharedRate::new(server.redis(&server.config()), "logins", 10, 600_000);
    assert!(takes(&elsewhere, "192.0.2.1").await, "another house shares nothing");
    server.say(&["FLUSHALL"]);
    assert!(takes(&nodes[0], "192.0.2.1").await, "a lost bucket is full again");
}

#[tokio::test]
async fn a_bucket_fills_again_and_forgets_itself_when_it_is_full() {
    let Some(server) = RedisServer::own() else { return };
    let rate = SharedRate::new(server.redis(&server.config()), "logins", 1, 100);
    assert!(takes(&rate, "a").await);
    let began = Instant::now();
    while !takes(&rate, "a").await {
        assert!(began.elapsed() < FOLLOWS_WITHIN);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Its clock is the server's, which has not this process' resolution.
    assert!(began.elapsed() > Duration::from_millis(90), "{:?}", began.elapsed());
    while server.say(&["DBSIZE"]) != "0" {
        assert!(began.elapsed() < FOLLOWS_WITHIN);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nobody_waits_longer_for_a_redis_that_hangs_than_a_call_may_take() {
    let Some(server) = RedisServer::own() else { return };
    let config = server.config();
    assert!(config.call_within() <= Duration::from_millis(500));
    let redis = server.redis(&config);
    let rate = SharedRate::new(redis.clone(), "logins", 1_000, 1);
    // Idle connections that the pool would try in turn.
    let calls = (0..16).map(|_| takes(&rate, "a"));
    assert!(futures_util::future::join_all(calls).await.into_iter().all(|taken| taken));
    server.hang();
    let began = Instant::now();
    let calls = (0..64).map(|_| rate.take("a"));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_err));
    // On an idle machine half a second; one deadline for all of them, not one after the other.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(redis.health().is_down());
    assert_eq!(rate.take("a").await, Err(No::HeldBack), "what is in trouble is not asked");
    assert!(matches!(redis.look().await, Err(No::Failed(_))));
    server.go_on();
    redis.look().await.unwrap();
    assert!(takes(&rate, "a").await);
}

#[tokio::test]
async fn a_redis_that_refuses_is_told_apart_from_one_that_is_silent() {
    let Some(mut server) = RedisServer::own_with_password() else { return };
    let at = |url: &str| {
        let config = RedisConfig::new(RedisAddress::parse(url).unwrap());
        server.redis(&config)
    };
    let (right, wrong) = (at(&server.url_with(PASSWORD)), at(&server.url_with("wrong")));
    let (none, database) = (at(&server.url()), at(&format!("{}/999", server.url_with(PASSWORD))));
    right.look().await.unwrap();
    for redis in [&wrong, &none, &database] {
        let told = redis.look().await.unwrap_err();
        assert!(matches!(told, No::Refused(_)), "{told:?}");
        assert!(redis.health().is_down());
        assert!(!format!("{told} {redis:?}").contains("wrong"), "the password is told");
    }
    server.kill();
    assert!(matches!(right.look().await, Err(No::Failed(_))));
    server.start();
    right.look().await.unwrap();
    assert!(!right.health().is_down());
}

#[tokio::test]
async fn a_replica_which_answers_pings_and_takes_no_writes_is_in_trouble() {
    let Some(server) = RedisServer::own() else { return };
    let redis = server.redis(&server.config());
    redis.look().await.unwrap();
    server.say(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(matches!(redis.look().await, Err(No::Failed(_))));
    server.say(&["REPLICAOF", "NO", "ONE"]);
    redis.look().await.unwrap();
}

/// Two nodes' feeds, and what the second hears.
struct Feeds {
    told: RedisFeed,
    heard: RedisFeed,
    notices: broadcast::Receiver<Notice>,
    watching: tokio::task::JoinHandle<()>,
}

impl Feeds {
    fn of(server: &RedisServer) -> Self {
        let config = server.config();
        let (one, other) = (server.redis(&config), server.redis(&config));
        let watched: [Redis; 2] = [one.clone(), other.clone()];
        let watching = tokio::spawn(async move {
            tokio::join!(watched[0].watch(), watched[1].watch());
        });
        let heard = RedisFeed::open(other);
        let notices = heard.notices();
        Self { told: RedisFeed::open(one), heard, notices, watching }
    }

    /// Everything up to the notice.
    async fn hears(&mut self, wanted: Notice) -> Vec<Notice> {
        let mut all = Vec::new();
        let hearing = async {
            while all.last() != Some(&wanted) {
                all.push(self.notices.recv().await.unwrap());
            }
        };
        let heard = tokio::time::timeout(FOLLOWS_WITHIN, hearing).await;
        assert!(heard.is_ok(), "{wanted:?} is not heard; {all:?} was");
        all
    }

    /// Tells of one entry until it is heard: what is told into trouble may be lost.
    async fn comes_through(&mut self, seq: u64) {
        let began = Instant::now();
        let wanted = Notice::Committed { event: EventId(9), seq };
        loop {
            self.told.committed(EventId(9), seq);
            while let Ok(notice) = self.notices.try_recv() {
                if notice == wanted {
                    return;
                }
            }
            assert!(began.elapsed() < FOLLOWS_WITHIN, "nothing comes through");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_hears_the_newest_of_what_another_committed_and_not_itself() {
    let Some(server) = RedisServer::own() else { return };
    let mut feeds = Feeds::of(&server);
    feeds.hears(Notice::Missed).await;
    feeds.heard.committed(EventId(2), 2);
    let began = Instant::now();
    for seq in 1..=10_000 {
        feeds.told.committed(EventId(1), seq);
    }
    let committing = began.elapsed();
    let heard = feeds.hears(Notice::Committed { event: EventId(1), seq: 10_000 }).await;
    assert!(heard.iter().all(|notice| !matches!(notice, Notice::Committed { event: EventId(2), .. })), "{heard:?}");
    // One at once, and one each 50 ms.
    let most_count = 3 + committing.as_millis() / 50;
    assert!(heard.len() as u128 <= most_count, "{} notices in {committing:?}", heard.len());
    feeds.watching.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_was_cut_off_says_that_it_may_have_missed_some() {
    let Some(mut server) = RedisServer::own() else { return };
    let mut feeds = Feeds::of(&server);
    feeds.hears(Notice::Missed).await;
    feeds.comes_through(1).await;
    server.kill();
    feeds.told.committed(EventId(9), 2);
    server.start();
    feeds.hears(Notice::Missed).await;
    feeds.comes_through(3).await;
    server.hang();
    let began = Instant::now();
    for seq in 4..1_000 {
        feeds.told.committed(EventId(9), seq);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "whoever commits waited for Redis");
    // Until it is known that it hangs, or the test would see nothing of it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.go_on();
    feeds.hears(Notice::Missed).await;
    feeds.comes_through(1_000).await;
    feeds.watching.abort();
}
