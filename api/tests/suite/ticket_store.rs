//! Tickets in a bucket of a real server, as buyers and operators of a house meet it.

use std::net::TcpListener;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::config::units::Secret;
use usher::config::{BucketAddressing, BucketDownloads, BucketSettings, Settings, StoresSettings, TicketStoreSettings};
use usher::house::House;
use usher_engine::adapters::s3::S3Config;
use usher_engine::clock::Clock;

use crate::bucket_server::BucketServer;
use crate::servers::free_address;
use crate::support::TestHouse;

fn settings(config: &S3Config) -> BucketSettings {
    BucketSettings {
        bucket: config.bucket.clone(),
        access_key: Secret::new(config.credentials.access_key.clone()),
        secret_key: Secret::new(config.credentials.secret_key.clone()),
        region: config.region.clone(),
        endpoint: config.endpoint.clone().unwrap(),
        public_endpoint: String::new(),
        prefix: "tickets/".to_owned(),
        addressing: BucketAddressing::Path,
        downloads: BucketDownloads::Link,
        link_for: "1m".parse().unwrap(),
        connect_within: "1s".parse().unwrap(),
        attempt_within: "3s".parse().unwrap(),
        call_within: "8s".parse().unwrap(),
        attempts_max: 3,
    }
}

async fn house(bucket: BucketSettings) -> TestHouse {
    TestHouse::start_with(|settings| settings.ticket_store = TicketStoreSettings::S3(Box::new(bucket))).await
}

/// Buys two places; the buyer and the order once its tickets can be had.
async fn bought(house: &TestHouse) -> (String, Value) {
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 2_500).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "one-hold", json!([{"kind": "best", "quantity": 2}])).await;
    let (status, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "one-order").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    house.pay(&order["payment"], "4242424242424242").await;
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
    let ready = |order: &Value| order["lines"].as_array().unwrap().iter().all(|line| line["ticket_ready"] == true);
    let order = house.until(&path, Some(&buyer), |order| order["state"] == "paid" && ready(order)).await;
    (buyer, order)
}

fn ticket_path(order: &Value, line: usize) -> String {
    let (order, ticket) = (order["order"].as_str().unwrap(), order["lines"][line]["ticket"].as_str().unwrap());
    format!("/api/v1/orders/{order}/tickets/{ticket}")
}

#[actix_web::test]
async fn a_buyer_is_sent_to_the_bucket_for_a_minute_and_nobody_else_is() {
    let Some(server) = BucketServer::any() else { return };
    let house = house(settings(&server.bucket().await)).await;
    let (buyer, order) = bought(&house).await;
    let answer = house.request(Method::GET, &ticket_path(&order, 0), Some(&buyer)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["cache-control"], "private, no-store");
    assert_eq!(answer.headers()["referrer-policy"], "same-origin", "the order's secret stays here");
    let link = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(link.starts_with(&server.endpoint) && link.contains("X-Amz-Expires=60&"), "{link}");
    // Without any proof, as a browser follows it.
    let got = house.http.get(&link).send().await.unwrap();
    assert_eq!((got.status(), got.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "application/pdf"));
    let name = format!("attachment; filename=\"{}.pdf\"", order["lines"][0]["ticket"].as_str().unwrap());
    assert_eq!(got.headers()["content-disposition"], name.as_str());
    assert!(got.bytes().await.unwrap().starts_with(b"%PDF"));

    let stranger = house.buyer().await;
    let (status, _) = house.call(Method::GET, &ticket_path(&order, 0), Some(&stranger), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // The whole order's document is made anew and needs no bucket.
    let all = format!("/api/v1/orders/{}/tickets.pdf", order["order"].as_str().unwrap());
    let all = house.request(Method::GET, &all, Some(&buyer)).send().await.unwrap();
    assert_eq!(all.status(), StatusCode::OK);
    assert!(!house.folder.path().join("data/tickets").exists(), "tickets are kept beside the stores, too");
    house.stop().await;
}

#[actix_web::test]
async fn tickets_come_through_the_house_where_the_settings_say_so() {
    let Some(server) = BucketServer::any() else { return };
    let bucket = BucketSettings { downloads: BucketDownloads::Through, ..settings(&server.bucket().await) };
    let house = house(bucket).await;
    let (buyer, order) = bought(&house).await;
    let answer = house.request(Method::GET, &ticket_path(&order, 1), Some(&buyer)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.bytes().await.unwrap().starts_with(b"%PDF"));
    let (_, ready) = house.call(Method::GET, "/readyz", None, None).await;
    assert_eq!(ready, json!({"status": "ready", "journal": "sqlite", "stores": "sqlite", "degraded": []}));
    house.stop().await;
}

#[actix_web::test]
async fn a_bucket_that_refuses_is_a_fault_at_the_start_and_one_that_is_away_is_not() {
    let Some(server) = BucketServer::any() else { return };
    let right = settings(&server.bucket().await);
    let open = |bucket: &BucketSettings| {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            stores: StoresSettings::Sqlite { folder: folder.path().join("data") },
            ticket_store: TicketStoreSettings::S3(Box::new(bucket.clone())),
            ..Settings::default()
        };
        let bound = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        House::open(settings, bound, Clock::system()).map(|house| (house, folder))
    };
    let hush = || Secret::new("hush-hush".to_owned());
    for wrong in [
        BucketSettings { secret_key: hush(), ..right.clone() },
        BucketSettings { access_key: hush(), ..right.clone() },
        BucketSettings { bucket: "not-there".to_owned(), ..right.clone() },
    ] {
        let faults = open(&wrong).err().expect("a bucket that refuses is taken");
        assert_eq!(faults.len(), 1, "{faults:?}");
        let told = faults[0].to_string();
        assert!(told.starts_with("ticket_store: ") && told.contains(&wrong.bucket), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }
    let away = BucketSettings { endpoint: format!("http://{}", free_address()), ..right };
    let (house, _folder) = open(&away).unwrap();
    assert!(house.state().ticket_files.health().is_down());
    house.stop().await;
}
