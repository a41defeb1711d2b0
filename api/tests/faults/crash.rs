//! The server killed at every fail point and at random, under buyers, on one data folder after the other.
//!
//! `./test faults` kills 1,000 times at points and 200 times at random; a sample kills once at each point. The auditor
//! belongs to the load tester and knows nothing of the server. Every seed is printed; a kill's place in the sale
//! depends on the machine, so a seed does not replay a run, only its plan.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use usher_engine::fail_point::NAMES;

use crate::support::crowd::Crowd;
use crate::support::refunds::Refunds;
use crate::support::server::{Server, ServerSpec};
use crate::support::shop::{Shop, Show};
use crate::support::{figure, is_whole};

/// A point that is not reached within this time is given up, and the server killed as it is.
const REACHED_WITHIN: Duration = Duration::from_secs(6);
/// Points that only an orderly end reaches.
const AT_THE_END: &str = "snapshot.";
/// Points that are reached while the server starts, once for each event or file.
const AT_THE_START: [&str; 3] = ["open.", "take_over.", "load."];
/// Points of what few buyers do.
const SELDOM: [&str; 5] = ["cancel.", "refund.", "mail.", "file.", "job."];

/// What a campaign on one data folder came to.
#[derive(Debug, Default)]
struct Campaign {
    point_kills: BTreeMap<&'static str, u32>,
    missed: Vec<&'static str>,
    random_kills: u32,
    slowest_stop: Duration,
    ready_after: Duration,
    orders_count: usize,
    violations: Vec<String>,
}

/// How often a point is to be passed before it kills.
fn passes(point: &str, chance: &mut StdRng) -> u32 {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| point.starts_with(prefix));
    if starts(&["open."]) || starts(&[AT_THE_END]) {
        1
    } else if starts(&AT_THE_START) {
        chance.random_range(1..=2)
    } else if starts(&SELDOM) {
        chance.random_range(1..=3)
    } else {
        chance.random_range(1..=40)
    }
}

/// Waits until the server has ended by itself; tells whether it did in time.
async fn ends_by_itself(server: &mut Server, point: &str) -> bool {
    let began = Instant::now();
    let mut told_to_stop = false;
    while began.elapsed() < REACHED_WITHIN {
        if let Some(status) = server.ended() {
            return !status.success();
        }
        if !told_to_stop && point.starts_with(AT_THE_END) && began.elapsed() > Duration::from_millis(700) {
            told_to_stop = true;
            server.signal("TERM");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

/// What kills the server next.
enum Kill {
    At(&'static str, u32),
    After(Duration),
    /// Told to stop, and waited for.
    Told(Duration),
}

async fn campaign(seed: u64, buyers: usize, kills: Vec<Kill>) -> Campaign {
    let folder = tempfile::tempdir().unwrap();
    let spec = ServerSpec::new(&folder.path().join("data"));
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show { seats_count: 20_000, ..Show::default() }).await;
    let mut crowd = Crowd::before(&shop, &event, seed).await;
    let refunds = Refunds::begin(&shop).await;
    crowd.come(buyers);
    let mut done = Campaign::default();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.kill();
    for kill in kills {
        // The server that is to die next is also the one that has to repair what the last one left.
        let mut server = match kill {
            Kill::At(point, passes) => {
                spec.clone().with("USHER_FAIL_POINT", &format!("{point}:{passes}:abort")).start()
            }
            Kill::After(_) | Kill::Told(_) => spec.start(),
        };
        match kill {
            Kill::At(point, _) if ends_by_itself(&mut server, point).await => {
                *done.point_kills.entry(point).or_default() += 1;
            }
            Kill::At(point, _) => done.missed.push(point),
            Kill::After(wait) => {
                tokio::time::sleep(wait).await;
                done.random_kills += 1;
            }
            Kill::Told(wait) => {
                server.ready().await.unwrap();
                tokio::time::sleep(wait).await;
                let told = Instant::now();
                let status = tokio::task::block_in_place(|| server.terminate());
                assert!(status.success(), "{status}");
                done.slowest_stop = done.slowest_stop.max(told.elapsed());
                continue;
            }
        }
        server.kill();
    }
    let (server, took) = spec.start_ready().await;
    done.ready_after = took;
    let audited = crowd.leave_and_audit().await;
    refunds.end_and_check().await;
    server.kill();
    let (_server, _) = spec.start_ready().await;
    audited.assert_same_after_replay().await;
    done.orders_count = audited.orders_told_count();
    done.violations = audited.contradictions;
    if !done.violations.is_empty() {
        let kept = folder.keep();
        done.violations.push(format!("seed {seed}; the data is kept in {}", kept.display()));
    }
    done
}

fn seed() -> u64 {
    let given = std::env::var("USHER_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}

fn point_kills(chance: &mut StdRng) -> Vec<Kill> {
    // One point alone, again and again, for whoever hunts a bug there.
    let only = std::env::var("USHER_FAULTS_POINT").ok();
    let mut points = NAMES.to_vec();
    if let Some(only) = NAMES.iter().find(|name| only.as_deref() == Some(**name)) {
        points.fill(only);
    }
    points.shuffle(chance);
    points.into_iter().map(|point| Kill::At(point, passes(point, chance))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_every_fail_point_loses_nothing_and_sells_nothing_twice() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let wanted = if is_whole() { 1_000 } else { NAMES.len() as u32 / 2 };
    let (mut kills, mut orders_count, mut slowest_ready) = (0, 0, Duration::ZERO);
    let (mut by_point, mut missed) = (BTreeMap::<&str, u32>::new(), 0);
    figure(&format!("crash seed {seed}"));
    while kills < wanted {
        let done = campaign(seed + u64::from(kills), 12, point_kills(&mut chance)).await;
        assert!(done.violations.is_empty(), "{:#?}", done.violations);
        kills += done.point_kills.values().sum::<u32>();
        missed += done.missed.len();
        for (point, count) in done.point_kills {
            *by_point.entry(point).or_default() += count;
        }
        orders_count += done.orders_count;
        slowest_ready = slowest_ready.max(done.ready_after);
        figure(&format!("{kills} kills at fail points so far, {orders_count} orders; not reached: {:?}", done.missed));
    }
    let never: Vec<_> = NAMES.iter().filter(|name| !by_point.contains_key(*name)).collect();
    figure(&format!(
        "{kills} kills at {} fail points ({missed} arms not reached), {orders_count} orders, 0 violations, \
         slowest start to ready {slowest_ready:?}, never reached: {never:?}",
        by_point.len()
    ));
    let only_one = std::env::var("USHER_FAULTS_POINT").is_ok();
    assert!(never.is_empty() || only_one || !is_whole(), "never reached: {never:?}");
    assert!(by_point.len() >= 40 || only_one, "{by_point:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_random_loses_nothing_and_sells_nothing_twice() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed ^ 1);
    let (campaigns, kills_each, buyers) = if is_whole() { (4, 50, 100) } else { (1, 10, 12) };
    let (mut kills, mut orders_count) = (0, 0);
    for number in 0..campaigns {
        let after = (0..kills_each).map(|_| Kill::After(Duration::from_millis(chance.random_range(20..1_500))));
        let done = campaign(seed + 1_000_000 + number, buyers, after.collect()).await;
        assert!(done.violations.is_empty(), "{:#?}", done.violations);
        kills += done.random_kills;
        orders_count += done.orders_count;
    }
    figure(&format!("{kills} kills at random times, {orders_count} orders, 0 violations (seed {seed})"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_told_to_stop_finishes_what_it_has_begun_and_the_next_one_goes_on() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed ^ 2);
    let stops_count = if is_whole() { 20 } else { 3 };
    let told = (0..stops_count).map(|_| Kill::Told(Duration::from_millis(chance.random_range(300..1_200))));
    let done = campaign(seed + 2_000_000, 12, told.collect()).await;
    assert!(done.violations.is_empty(), "{:#?}", done.violations);
    figure(&format!(
        "{stops_count} restarts by SIGTERM under buyers, {} orders, 0 violations, slowest stop {:?}",
        done.orders_count, done.slowest_stop
    ));
}
