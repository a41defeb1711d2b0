//! Redis is emptied, killed and hangs under buyers: they do not notice, and nothing that follows is lost.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher_loadtest::audit::OrderState;

use crate::support::crowd::Crowd;
use crate::support::redis_server::RedisServer;
use crate::support::server::{Server, ServerSpec};
use crate::support::shop::{GOOD_CARD, Shop, Show};
use crate::support::{figure, is_whole};

/// How long what follows by itself may take.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);
/// What a Redis that hangs may cost in the middle, measured beside a server without one: a buyer asks every 20 ms whether
/// the order is paid, and one round of that is chance.
const MEDIAN_MORE_MAX: Duration = Duration::from_millis(50);
/// And at the end of the tail, where a busy machine is louder than any Redis. What says more is that nobody asked it.
const TAIL_MORE_MAX: Duration = Duration::from_secs(1);

fn with_redis(data: &std::path::Path, redis: &RedisServer) -> ServerSpec {
    ServerSpec::new(data).with("USHER__REDIS__URL", &redis.url())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < FOLLOWS_WITHIN, "it did not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn degraded(shop: &Shop) -> Value {
    let (status, ready) = shop.try_call(Method::GET, "/readyz", None, None, None).await.unwrap();
    assert_eq!(status, StatusCode::OK, "Redis must not make the server unready: {ready}");
    ready["degraded"].clone()
}

/// The sum of all series that begin so.
async fn metric(shop: &Shop, series: &str) -> f64 {
    let all = shop.http.get(format!("{}/metrics", shop.url)).send().await.unwrap().text().await.unwrap();
    let values = all.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit(' ').next());
    values.filter_map(|value| value.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_in_trouble_under_buyers_costs_no_sale_no_ticket_and_no_letter() {
    let Some(mut redis) = RedisServer::own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = with_redis(&folder.path().join("data"), &redis);
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show { seats_count: 8_000, ..Show::default() }).await;
    let mut crowd = Crowd::before(&shop, &event, 5).await;
    crowd.come(12);
    let (rounds, pause) = (if is_whole() { 10 } else { 1 }, Duration::from_millis(1_500));
    for _ in 0..rounds {
        tokio::time::sleep(pause).await;
        redis.say(&["FLUSHALL"]);
        tokio::time::sleep(pause).await;
        redis.kill();
        until("it is known to be away", async || degraded(&shop).await == json!(["redis"])).await;
        tokio::time::sleep(pause).await;
        redis.start();
        until("it is back, and empty", async || degraded(&shop).await == json!([])).await;
        tokio::time::sleep(pause).await;
        redis.hang();
        until("it is known to hang", async || degraded(&shop).await == json!(["redis"])).await;
        assert_eq!(metric(&shop, "usher_backend_up{backend=\"redis\"}").await, 0.0);
        tokio::time::sleep(pause).await;
        redis.go_on();
        until("it goes on", async || degraded(&shop).await == json!([])).await;
    }
    let audited = crowd.leave_and_audit().await;
    assert!(audited.contradictions.is_empty(), "{:#?}\n{}", audited.contradictions, spec.log_end());
    let orders_count = audited.orders_told_count();
    assert!(orders_count > 20, "only {orders_count} orders");
    let is_paid = |state: OrderState| matches!(state, OrderState::Paid | OrderState::Refunded);
    let paid_count = audited.books.orders.iter().filter(|order| is_paid(order.state)).count();
    let letters = || -> usize {
        let files = std::fs::read_dir(spec.data.join("outbox")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("confirmation.")).count()
    };
    until("every paid order has its letter", async || letters() == paid_count).await;
    assert_eq!(metric(&shop, "usher_jobs{state=\"dead\"}").await, 0.0);
    let dealt_count = metric(&shop, "usher_redis_jobs_taken_total{way=\"dealt\"}").await;
    let swept_count = metric(&shop, "usher_redis_jobs_taken_total{way=\"swept\"}").await;
    assert!(dealt_count > 0.0 && swept_count > 0.0, "{dealt_count} dealt, {swept_count} swept");
    figure(&format!(
        "Redis emptied, killed and hung {rounds} times each under buyers: {orders_count} orders, {paid_count} letters, \
         {dealt_count} jobs dealt by it and {swept_count} found without it, 0 violations"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_had_taken_from_redis_is_done_by_the_next() {
    let Some(redis) = RedisServer::own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = with_redis(&folder.path().join("data"), &redis).with("USHER__JOBS__LEASE", "5s");
    let spec = spec.with("USHER_FAIL_POINT", "job.leased:1:abort");
    let (mut server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show::default()).await;
    let (buyer, order) = shop.buy(&event, "its-printer-dies", 2).await;
    until("it dies with a job in its hands", async || server.ended().is_some()).await;
    let mut again = spec.clone();
    again.env.retain(|(key, _)| key != "USHER_FAIL_POINT");
    let (_server, _) = again.start_ready().await;
    shop.until_paid(&order, &buyer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_by_tls_is_believed_when_the_system_vouches_for_it_and_not_else() {
    let Some(redis) = RedisServer::own_by_tls() else { return };
    let folder = tempfile::tempdir().unwrap();
    let certificate = redis.certificate.as_ref().unwrap().display().to_string();
    // What the system vouches for, as far as the process can see.
    let spec = with_redis(&folder.path().join("data"), &redis).with("SSL_CERT_FILE", &certificate);
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    until("it is believed", async || degraded(&shop).await == json!([])).await;
    let event = shop.on_sale(&Show::default()).await;
    let (buyer, order) = shop.buy(&event, "one-by-tls", 1).await;
    shop.until_paid(&order, &buyer).await;
    let dealt = "usher_redis_jobs_taken_total{way=\"dealt\"}";
    until("its jobs are dealt by Redis", async || metric(&shop, dealt).await > 0.0).await;

    let stranger = with_redis(&folder.path().join("stranger"), &redis);
    let (_stranger, _) = stranger.start_ready().await;
    let told = reqwest::get(format!("{}/readyz", stranger.url())).await.unwrap().text().await.unwrap();
    assert!(told.contains("redis"), "{told}");
    let log = stranger.log_end();
    assert!(log.contains("invalid peer certificate"), "{log}");
}

/// How long buying took.
#[derive(Default)]
struct Times {
    holds: Vec<Duration>,
    purchases: Vec<Duration>,
}

impl Times {
    /// One more hold, and its purchase: from the checkout until the order is said to be paid.
    async fn buy(&mut self, shop: &Shop, event: &str, number: u32) {
        let (buyer, key) = (shop.buyer().await, format!("a-measured-sale-{number}"));
        let asks = json!([{"kind": "best", "quantity": 2}]);
        let began = Instant::now();
        let (status, hold) = shop.hold(event, &buyer, &key, asks).await.unwrap();
        self.holds.push(began.elapsed());
        assert_eq!(status, StatusCode::CREATED, "{hold}");
        let began = Instant::now();
        let (status, order) = shop.checkout(event, hold["hold"].as_str().unwrap(), &buyer, &key).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{order}");
        assert!(shop.pay(&order["payment"], GOOD_CARD).await.unwrap());
        let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
        shop.until(&path, Some(&buyer), |order| order["state"] == "paid").await;
        self.purchases.push(began.elapsed());
    }
}

/// The value that so many of a thousand do not exceed.
fn of_thousand(times: &[Duration], count: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[(sorted.len() * count).div_ceil(1_000).saturating_sub(1)]
}

async fn started(spec: &ServerSpec) -> (Server, Shop, String) {
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show { seats_count: 4_000, ..Show::default() }).await;
    (server, shop, event)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buying_takes_no_longer_while_redis_hangs() {
    let Some(redis) = RedisServer::own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let with = with_redis(&folder.path().join("with"), &redis);
    let without = ServerSpec::new(&folder.path().join("without"));
    let (_with_server, with, with_event) = started(&with).await;
    let (_without_server, without, without_event) = started(&without).await;
    let (mut hung, mut plain) = (Times::default(), Times::default());
    let asked_before = metric(&with, "usher_redis_calls_total{operation=\"rate\"").await;
    let (rounds, buys_count) = if is_whole() { (10, 100) } else { (2, 40) };
    for round in 0..rounds {
        // The first calls to it wait for their whole time, and then none is made: both belong to a Redis that hangs.
        redis.hang();
        for number in 0..buys_count {
            let number = round * buys_count + number;
            hung.buy(&with, &with_event, number).await;
            plain.buy(&without, &without_event, number).await;
        }
        assert_eq!(degraded(&with).await, json!(["redis"]));
        redis.go_on();
        until("it goes on", async || degraded(&with).await == json!([])).await;
    }
    let asked_after = metric(&with, "usher_redis_calls_total{operation=\"rate\"").await;
    assert_eq!(asked_after, asked_before, "somebody who buys asked Redis");
    for (what, hung, plain) in [("hold", &hung.holds, &plain.holds), ("purchase", &hung.purchases, &plain.purchases)] {
        let [p50, p99] = [500, 990].map(|count| (of_thousand(hung, count), of_thousand(plain, count)));
        figure(&format!(
            "{what} while Redis hangs and without Redis, {} each: p50 {:.1} and {:.1} ms, p99 {:.1} and {:.1} ms",
            hung.len(),
            p50.0.as_secs_f64() * 1_000.0,
            p50.1.as_secs_f64() * 1_000.0,
            p99.0.as_secs_f64() * 1_000.0,
            p99.1.as_secs_f64() * 1_000.0,
        ));
        assert!(p50.0 <= p50.1 + MEDIAN_MORE_MAX, "{what}: {p50:?}");
        assert!(p99.0 <= p99.1 + TAIL_MORE_MAX, "{what}: {p99:?}");
    }
}
