//! Webhooks a hundred times over, in any order.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::figure;
use crate::support::server::ServerSpec;
use crate::support::shop::{Shop, Show};

fn files_in(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(files_in(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

/// The sandbox's secret key follows from the house's own.
pub(crate) fn sandbox_key(data: &Path) -> String {
    derived(data, "sk_test_", "sandbox secret key")
}

/// A secret that follows from the house's own.
pub(crate) fn derived(data: &Path, prefix: &str, what: &str) -> String {
    let key = std::fs::read(data.join("keys/cookie.key")).unwrap();
    let digest = Sha256::new().chain_update(key).chain_update(what).finalize();
    digest[..16].iter().fold(prefix.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

async fn metric(shop: &Shop, series: &str) -> f64 {
    let text = shop.http.get(format!("{}/metrics", shop.url)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with(series));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_webhook_a_hundred_times_and_latest_first_makes_one_ticket_and_one_mail() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (server, _) = ServerSpec::new(&data).start_ready().await;
    let shop = Shop::open(&server.url).await;
    let event = shop.on_sale(&Show::default()).await;
    let misbehave = json!({"duplicate_count": 99, "reorder": true});
    let secret = sandbox_key(&data);
    let (status, answer) =
        shop.try_call(Method::POST, "/sandbox/settings", Some(&secret), None, Some(&misbehave)).await.unwrap();
    assert!(status.is_success(), "{answer}");
    let mut orders = Vec::new();
    for number in 0..3 {
        orders.push(shop.buy(&event, &format!("a-hundred-times-{number}"), 2).await);
    }
    for (buyer, order) in &orders {
        shop.until_paid(order, buyer).await;
    }
    let (buyer, order) = &orders[0];
    let order = order["order"].as_str().unwrap();
    let refunds = format!("/events/{event}/orders/{order}/refunds");
    shop.organize(Method::POST, &refunds, Some(json!({"lines": [0]}))).await;
    let path = format!("/api/v1/orders/{order}");
    shop.until(&path, Some(buyer), |order| order["refunds"][0]["paid"] == true).await;
    // Three payments of at least two webhooks each and a refund: all repeats have arrived when so many have.
    let began = Instant::now();
    let repeated = loop {
        assert!(began.elapsed() < Duration::from_secs(120), "the repeats do not come");
        let repeated = metric(&shop, "usher_webhooks_total{result=\"repeated\"}").await;
        if repeated >= 7.0 * 99.0 {
            break repeated;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    shop.until(&path, Some(buyer), |order| order["state"] == "paid").await;

    assert_eq!(files_in(&data.join("tickets")).len(), 6, "one file for each place");
    let mails = files_in(&data.join("outbox"));
    let confirmations = mails.iter().filter(|name| name.starts_with("confirmation.")).count();
    assert_eq!((confirmations, mails.len()), (3, 4), "{mails:?}");
    let sales = format!("/api/v1/organizer/events/{event}/sales");
    let figures: Value = shop.until(&sales, Some(&shop.key), |sales| sales["sold_count"] == 5).await;
    assert_eq!((&figures["captured_minor"], &figures["refunded_minor"]), (&json!(15_000), &json!(2_500)));
    figure(&format!("{repeated} repeated webhooks, latest first: 3 orders with one ticket a place and one mail each"));
}
