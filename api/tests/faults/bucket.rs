//! The bucket of tickets is away for a whole sale: everything is sold, and the tickets follow when it is back.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::bucket_server::BucketServer;
use crate::support::crowd::Crowd;
use crate::support::server::ServerSpec;
use crate::support::shop::{Shop, Show};
use crate::support::{figure, is_whole};

const PRICE_MINOR: u64 = 2_500;
/// How long an order's page may take while the bucket swallows requests.
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// A server that keeps tickets in a bucket and tries again every second.
pub(crate) async fn with_bucket(data: &std::path::Path, bucket: &BucketServer) -> ServerSpec {
    let config = bucket.bucket().await;
    ServerSpec::new(data)
        .with("USHER__TICKET_STORE__KIND", "s3")
        .with("USHER__TICKET_STORE__BUCKET", &config.bucket)
        .with("USHER__TICKET_STORE__ENDPOINT", &bucket.endpoint)
        .with("USHER__TICKET_STORE__ADDRESSING", "path")
        .with("USHER__TICKET_STORE__ACCESS_KEY", &config.credentials.access_key)
        .with("USHER__TICKET_STORE__SECRET_KEY", &config.credentials.secret_key)
        .with("USHER__JOBS__BACK_OFF_MAX", "1s")
}

async fn readiness(shop: &Shop) -> Value {
    let (status, ready) = shop.try_call(Method::GET, "/readyz", None, None, None).await.unwrap();
    assert_eq!(status, StatusCode::OK, "a bucket must not make the server unready: {ready}");
    ready
}

async fn metric(shop: &Shop, line: &str) -> Option<f64> {
    let all = shop.http.get(format!("{}/metrics", shop.url)).send().await.unwrap().text().await.unwrap();
    all.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}

pub(crate) fn ticket_path(order: &Value, line: usize) -> String {
    let (order, ticket) = (&order["order"], &order["lines"][line]["ticket"]);
    format!("/api/v1/orders/{}/tickets/{}", order.as_str().unwrap(), ticket.as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_without_its_bucket_sells_all_and_delivers_every_ticket_when_it_is_back() {
    let Some(mut bucket) = BucketServer::own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = with_bucket(&folder.path().join("data"), &bucket).await;
    bucket.stop();
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let orders_count: u32 = if is_whole() { 500 } else { 60 };
    let show = Show { seats_count: 2_000, price_minor: PRICE_MINOR, ..Show::default() };
    let event = shop.on_sale(&show).await;
    assert_eq!(readiness(&shop).await["degraded"], json!(["ticket_store"]));

    let mut bought = Vec::new();
    for number in 0..orders_count {
        bought.push(shop.buy(&event, &format!("without-a-bucket-{number}"), 2).await);
    }
    for (buyer, order) in &bought {
        let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
        let paid = shop.until(&path, Some(buyer), |order| order["state"] == "paid").await;
        assert!(paid["lines"].as_array().unwrap().iter().all(|line| line["ticket_ready"] == false), "{paid}");
    }
    // Everything is sold and nothing can be had; the buyer is told so, quickly.
    let (buyer, order) = &bought[0];
    let (order, access) = (order["order"].as_str().unwrap(), order["access"].as_str().unwrap());
    let began = Instant::now();
    let page = shop.http.get(format!("{}/orders/{order}?access={access}", shop.url)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(page.contains("Thank you") && page.contains("being prepared"), "{page}");
    assert!(began.elapsed() < PAGE_WITHIN, "{:?}", began.elapsed());
    let sheet = shop.until(&format!("/api/v1/orders/{order}"), Some(buyer), |_| true).await;
    let path = ticket_path(&sheet, 0);
    let (status, problem) = shop.try_call(Method::GET, &path, Some(buyer), None, None).await.unwrap();
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("tickets_in_preparation")));
    assert_eq!(metric(&shop, "usher_backend_up{backend=\"ticket_store\"}").await, Some(0.0));

    bucket.start();
    let back = Instant::now();
    for (buyer, order) in &bought {
        let ready = shop.until_paid(order, buyer).await;
        for line in 0..ready["lines"].as_array().unwrap().len() {
            let path = ticket_path(&ready, line);
            let sent = shop.http.get(format!("{}{path}", shop.url)).bearer_auth(buyer).send().await.unwrap();
            assert_eq!(sent.status(), StatusCode::SEE_OTHER);
            let pdf = shop.http.get(sent.headers()["location"].to_str().unwrap()).send().await.unwrap();
            assert!(pdf.bytes().await.unwrap().starts_with(b"%PDF"), "{path}");
        }
    }
    let drained = back.elapsed();
    assert_eq!(readiness(&shop).await["degraded"], json!([]));
    assert_eq!(metric(&shop, "usher_backend_up{backend=\"ticket_store\"}").await, Some(1.0));
    assert_eq!(metric(&shop, "usher_jobs{state=\"dead\"}").await.unwrap_or_default(), 0.0);
    let sales = format!("/api/v1/organizer/events/{event}/sales");
    let sold_count = u64::from(orders_count) * 2;
    let rests =
        |sales: &Value| sales["sold_count"] == sold_count && sales["captured_minor"] == sold_count * PRICE_MINOR;
    shop.until(&sales, Some(&shop.key), rests).await;
    figure(&format!(
        "bucket down: {orders_count} of {orders_count} orders paid without it, {sold_count} of {sold_count} tickets \
         fetched {:.1} s after it was back",
        drained.as_secs_f64()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_comes_and_goes_under_buyers_costs_no_sale_and_no_ticket() {
    let Some(mut bucket) = BucketServer::own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = with_bucket(&folder.path().join("data"), &bucket).await;
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show { seats_count: 4_000, ..Show::default() }).await;
    let mut crowd = Crowd::before(&shop, &event, 16).await;
    crowd.come(12);
    let (rounds, pause) = (if is_whole() { 10 } else { 3 }, Duration::from_millis(1_500));
    for _ in 0..rounds {
        tokio::time::sleep(pause).await;
        bucket.stop();
        tokio::time::sleep(pause).await;
        bucket.start();
    }
    let audited = crowd.leave_and_audit().await;
    assert!(audited.contradictions.is_empty(), "{:#?}\n{}", audited.contradictions, spec.log_end());
    let orders_count = audited.orders_told_count();
    assert!(orders_count > 20, "only {orders_count} orders");
    figure(&format!("bucket stopped and started {rounds} times under buyers: {orders_count} orders, 0 violations"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_by_tls_is_believed_when_the_system_vouches_for_it_and_not_else() {
    let Some(bucket) = BucketServer::own_by_tls() else { return };
    let folder = tempfile::tempdir().unwrap();
    let certificate = bucket.certificate.as_ref().unwrap().display().to_string();
    // What the system vouches for, as far as the process can see.
    let spec = with_bucket(&folder.path().join("data"), &bucket).await.with("SSL_CERT_FILE", &certificate);
    let spec = spec.with("USHER__TICKET_STORE__DOWNLOADS", "through");
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show::default()).await;
    let (buyer, order) = shop.buy(&event, "one-by-tls", 1).await;
    let ready = shop.until_paid(&order, &buyer).await;
    let path = ticket_path(&ready, 0);
    let pdf = shop.http.get(format!("{}{path}", shop.url)).bearer_auth(&buyer).send().await.unwrap();
    assert_eq!(pdf.status(), StatusCode::OK);
    assert!(pdf.bytes().await.unwrap().starts_with(b"%PDF"));

    let stranger = with_bucket(&folder.path().join("stranger"), &bucket).await;
    let (_stranger, _) = stranger.start_ready().await;
    let told = reqwest::get(format!("{}/readyz", stranger.url())).await.unwrap().text().await.unwrap();
    assert!(told.contains("ticket_store"), "{told}");
    let log = stranger.log_end();
    assert!(log.contains("invalid peer certificate"), "{log}");
}
