//! One crowd after the other, each larger, at everything embedded and at the full stack on the same machine: how much
//! each sells, how long buyers wait, whose processor time it takes, and an audit of every sale.
//!
//! ```sh
//! USHER_FAULTS=whole cargo test --release -p usher --features fail-points --test faults full_stack -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use usher_loadtest::drive::Crowd;
use usher_loadtest::inspect::OwnEvent;
use usher_loadtest::run::{Occasion, Settings, Target, run};

use crate::cassandra::{Cassandra, jars, skip};
use crate::nodes::House;
use crate::support::redis_server::RedisServer;
use crate::support::server::ServerSpec;
use crate::support::shop::Shop;
use crate::support::{figure, is_whole};

const SEATS_COUNT: u32 = 14_000;
/// How long buyers come.
const BUYERS_COME: Duration = Duration::from_secs(10);
/// Short, so that late payers do not keep the run waiting.
const HOLD: Duration = Duration::from_secs(6);
/// Ticks of processor time in a second, as Linux tells them to programs.
const TICKS_PER_S: f64 = 100.0;

/// Who works for a sale, by name.
type Workers = Vec<(&'static str, Vec<u32>)>;

fn ticks(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the program's name, in parentheses, with whatever is in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
    field(11) + field(12)
}

fn pids_of(cassandra: &Cassandra) -> Vec<u32> {
    cassandra.nodes.iter().filter_map(|node| Some(node.running.lock().unwrap().as_ref()?.pid)).collect()
}

fn spent(workers: &Workers) -> BTreeMap<&'static str, f64> {
    workers.iter().map(|(name, pids)| (*name, pids.iter().copied().map(ticks).sum::<f64>() / TICKS_PER_S)).collect()
}

/// Sends crowds of those rates, and says what came of each.
async fn climb(stack: &str, urls: Vec<String>, rates: &[f64], workers: &Workers) {
    for (seed, rate_per_s) in (1..).zip(rates.iter().copied()) {
        let target = Target::Running {
            urls: urls.clone(),
            email: "o@example.org".to_owned(),
            password: "correct horse".to_owned(),
        };
        let crowd = Crowd { seed, rate_per_s, burst_count: 0, duration: BUYERS_COME, only: None, buyers_max: 2_000 };
        let event = Occasion::Own(OwnEvent { seats_count: SEATS_COUNT, hold: HOLD });
        let settings =
            Settings { target, crowd, event, settle_within: Duration::from_secs(180), expect_restarts: false };
        let (before, began) = (spent(workers), Instant::now());
        let report = run(&settings).await.unwrap();
        let (after, took_s) = (spent(workers), began.elapsed().as_secs_f64());
        assert_eq!(report.violations, 0, "{report}");
        let shares = after.iter().map(|(name, s)| format!("{name} {:.0} %", (s - before[name]) / took_s * 100.0));
        let shares = shares.collect::<Vec<_>>().join(", ");
        let sheet = serde_json::to_value(&report).unwrap();
        let ms = |step: &str, part: &str| sheet["latency_us"][step][part].as_f64().unwrap_or_default() / 1_000.0;
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        figure(&format!(
            "{stack}: {rate_per_s} buyers/s for {} s: {} holds, {} paid in {:.0} s; hold p50 {:.0} ms, p99 {:.0} ms; \
             tickets in hand p50 {:.0} ms; {} refusals; at rest after {:.1} s; processor, of one core: {shares}; \
             generator behind by p99 {:.0} ms; 0 contradictions",
            BUYERS_COME.as_secs(),
            report.totals.holds_count,
            report.totals.paid_count,
            number(&sheet["took_s"]),
            ms("hold", "p50"),
            ms("hold", "p99"),
            ms("tickets_in_hand", "p50"),
            report.refusals_count,
            number(&sheet["settled_in_s"]),
            number(&sheet["schedule_lag_us"]["p99"]) / 1_000.0,
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_the_full_stack_is_served_as_one_at_everything_embedded() {
    let test = "a_crowd_at_the_full_stack_is_served_as_one_at_everything_embedded";
    let Some(jars) = jars() else { return skip(test) };
    let (embedded_rates, stack_rates): (&[f64], &[f64]) =
        if is_whole() { (&[25.0, 100.0, 400.0, 800.0], &[5.0, 10.0, 20.0, 40.0, 80.0]) } else { (&[20.0], &[5.0]) };
    let own = std::process::id();

    let folder = tempfile::tempdir().unwrap();
    let spec = ServerSpec::new(&folder.path().join("data"));
    let (server, _) = spec.start_ready().await;
    Shop::open(&spec.url()).await;
    let workers = vec![("usher", vec![server.pid()]), ("buyers", vec![own])];
    climb("embedded", vec![spec.url()], embedded_rates, &workers).await;
    server.terminate();

    // One node in the sample, whose purpose is that it works at all.
    let cassandra = Cassandra::start(&jars, if is_whole() { 3 } else { 1 });
    let Some(redis) = RedisServer::own() else { return };
    let Some(house) = House::on(&cassandra, "usher_full_stack", &[("USHER__REDIS__URL", &redis.url())]).await else {
        return;
    };
    let (a, b) = house.both().await;
    Shop::open(&house.a.url()).await;
    let workers = vec![
        ("usher a", vec![a.pid()]),
        ("usher b", vec![b.pid()]),
        ("cassandra", pids_of(&cassandra)),
        ("redis", redis.pid().into_iter().collect()),
        ("bucket", house.bucket.pid().into_iter().collect()),
        ("sandbox", vec![house.sandbox.pid()]),
        ("buyers", vec![own]),
    ];
    climb("full stack", house.urls(), stack_rates, &workers).await;
}
