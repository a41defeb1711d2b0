//! A house that shares a Redis with others, over a real server, as operators and visitors meet it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::config::{RedisSettings, RedisUrl, Settings, StoresSettings};
use usher::house::House;
use usher_engine::adapters::redis::{RedisAddress, RedisConfig, RedisFeed};
use usher_engine::clock::Clock;
use usher_engine::feed::{Feed, Notice};

use crate::redis_server::{PASSWORD, RedisServer};
use crate::support::TestHouse;

/// How long a test waits for something that follows by itself.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);

async fn house(server: &RedisServer) -> TestHouse {
    TestHouse::start_with(|settings| {
        settings.redis.url = RedisUrl::new(&server.url());
        settings.accounts.login_burst_max = 3;
        settings.accounts.login_refill = "1h".parse().unwrap();
    })
    .await
}

async fn try_to_log_in(house: &TestHouse) -> StatusCode {
    let login = json!({"email": "eve@example.org", "password": "wrong password"});
    house.call(Method::POST, "/api/v1/sessions", None, Some(login)).await.0
}

async fn degraded_until(house: &TestHouse, wanted: &Value) {
    let began = Instant::now();
    loop {
        let (status, ready) = house.call(Method::GET, "/readyz", None, None).await;
        assert_eq!(status, StatusCode::OK, "Redis must not make a house unready: {ready}");
        if ready["degraded"] == *wanted {
            return;
        }
        assert!(began.elapsed() < FOLLOWS_WITHIN, "{ready}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[actix_web::test]
async fn a_redis_that_refuses_is_a_fault_at_the_start_beside_the_others_and_one_that_is_away_is_not() {
    let Some(mut server) = RedisServer::own_with_password() else { return };
    let open = |url: &str, stores: &str| {
        let folder = tempfile::tempdir().unwrap();
        let stores = StoresSettings::Sqlite { folder: folder.path().join(stores) };
        let redis = RedisSettings { url: RedisUrl::new(url), ..RedisSettings::default() };
        let settings = Settings { stores, redis, ..Settings::default() };
        std::fs::write(folder.path().join("taken"), "x").unwrap();
        let bound = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        House::open(settings, bound, Clock::system()).map(|house| (house, folder))
    };
    for wrong in [server.url(), server.url_with("hush-hush"), format!("{}/999", server.url_with(PASSWORD))] {
        let faults = open(&wrong, "data").err().expect("a Redis that refuses is taken");
        assert_eq!(faults.len(), 1, "{faults:?}");
        let told = faults[0].to_string();
        assert!(told.starts_with("redis: 127.0.0.1:") && told.contains("it refuses"), "{told}");
        assert!(!told.contains("hush") && !told.contains(PASSWORD), "{told}");
    }
    let faults = open(&server.url(), "taken").err().expect("a folder that cannot be is taken");
    assert_eq!(faults.len(), 2, "{faults:?}");
    let (house, _folder) = open(&server.url_with(PASSWORD), "data").expect("the right password is refused");
    house.stop().await;
    server.kill();
    let (house, _folder) = open(&server.url_with(PASSWORD), "data").expect("a Redis that is away is a fault");
    assert!(house.state().redis.as_ref().unwrap().health().is_down());
    house.stop().await;
}

#[actix_web::test]
async fn tries_to_log_in_are_counted_for_all_nodes_and_by_each_where_redis_is_away() {
    let Some(mut server) = RedisServer::own() else { return };
    let (one, other) = (house(&server).await, house(&server).await);
    for house in [&one, &other, &one] {
        assert_eq!(try_to_log_in(house).await, StatusCode::UNAUTHORIZED);
    }
    for house in [&one, &other] {
        assert_eq!(try_to_log_in(house).await, StatusCode::TOO_MANY_REQUESTS);
    }
    server.kill();
    degraded_until(&one, &json!(["redis"])).await;
    for _ in 0..3 {
        assert_eq!(try_to_log_in(&one).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(try_to_log_in(&one).await, StatusCode::TOO_MANY_REQUESTS);
    server.start();
    degraded_until(&one, &json!([])).await;
    one.stop().await;
    other.stop().await;
}

#[actix_web::test]
async fn tickets_are_printed_from_jobs_that_redis_deals_and_without_it() {
    let Some(mut server) = RedisServer::own() else { return };
    let house = house(&server).await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 2_500).await;
    for (number, is_there) in [true, false].into_iter().enumerate() {
        if !is_there {
            // Without a word: whatever is under way goes on.
            server.kill();
        }
        let buyer = house.buyer().await;
        let asks = json!([{"kind": "best", "quantity": 2}]);
        let (_, hold) = house.hold(&event, &buyer, &format!("a-hold-{number}"), asks).await;
        let hold = hold["hold"].as_str().unwrap();
        let (status, order) = house.checkout(&event, hold, &buyer, &format!("an-order-{number}")).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        house.pay(&order["payment"], "4242424242424242").await;
        let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
        let ready = |order: &Value| order["lines"].as_array().unwrap().iter().all(|line| line["ticket_ready"] == true);
        house.until(&path, Some(&buyer), |order| order["state"] == "paid" && ready(order)).await;
        if is_there {
            let added: u64 = server
                .say(&["XINFO", "STREAM", "usher:jobs"])
                .lines()
                .skip_while(|line| *line != "entries-added")
                .nth(1)
                .unwrap()
                .parse()
                .unwrap();
            assert!(added >= 2, "a ticket and a letter were not dealt");
        }
    }
    house.stop().await;
}

#[actix_web::test]
async fn other_nodes_hear_of_what_is_held_here() {
    let Some(server) = RedisServer::own() else { return };
    let house = house(&server).await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 2_500).await;
    let address = RedisAddress::parse(&server.url()).unwrap();
    let other = RedisFeed::open(server.redis(&RedisConfig::new(address)));
    let mut notices = other.notices();
    let heard = async {
        // From here on it hears everything.
        while notices.recv().await.unwrap() != Notice::Missed {}
        let buyer = house.buyer().await;
        let (status, hold) =
            house.hold(&event, &buyer, "a-hold-that-is-heard", json!([{"kind": "best", "quantity": 1}])).await;
        assert_eq!(status, StatusCode::CREATED, "{hold}");
        notices.recv().await.unwrap()
    };
    let heard = tokio::time::timeout(FOLLOWS_WITHIN, heard).await.unwrap();
    let Notice::Committed { event: told, seq } = heard else { panic!("{heard:?}") };
    assert_eq!(told.to_string(), event);
    assert_eq!(seq, house.state().events.view(told).await.unwrap().seq);
    house.stop().await;
}
