//! Sales open and close by themselves, and the catalogue shows how they stand.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use usher_core::{Command, UnixMillis};
use usher_engine::clock::Clock;

use crate::support::TestHouse;

#[actix_web::test]
async fn a_sale_opens_and_closes_at_its_times() {
    let clock = Clock::manual(UnixMillis(1_900_000_000_000));
    let house = TestHouse::start_in(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let key = house.organizer().await;
    let event = house.draft(&key, 1_000).await;
    let path = format!("/api/v1/organizer/events/{event}");
    let (_, sheet) = house.call(Method::GET, &path, Some(&key), None).await;
    let tag = sheet["revision"].to_string();
    let times = json!({"opens_at": "2030-03-17T18:00:00Z", "closes_at": "2030-03-17T19:00:00Z"});
    house.call_with(Method::PATCH, &path, Some(&key), Some(times), &[("If-Match", &tag)]).await;
    house.call(Method::POST, &format!("{path}/publish"), Some(&key), None).await;
    let (_, sheet) = house.call(Method::GET, &path, Some(&key), None).await;
    assert_eq!(sheet["state"], "announced");
    // The manual clock stands at 17:46:40 UTC.
    clock.advance(Duration::from_secs(14 * 60));
    house.until(&path, Some(&key), |sheet| sheet["state"] == "on_sale").await;
    clock.advance(Duration::from_secs(3_600));
    house.until(&path, Some(&key), |sheet| sheet["state"] == "closed").await;
    house.stop().await;
}

#[actix_web::test]
async fn an_event_with_nothing_left_is_sold_out_until_a_place_returns() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 0).await;
    let path = format!("/api/v1/organizer/events/{event}");
    let (_, sheet) = house.call(Method::GET, &path, Some(&key), None).await;
    let seats: Vec<u64> = (0..sheet["capacity_count"].as_u64().unwrap()).collect();
    let block = Some(json!({"seats": seats}));
    house.call(Method::POST, &format!("{path}/seats/block"), Some(&key), block).await;
    house.until(&path, Some(&key), |sheet| sheet["state"] == "sold_out").await;
    house.call(Method::POST, &format!("{path}/seats/unblock"), Some(&key), Some(json!({"seats": [0]}))).await;
    house.until(&path, Some(&key), |sheet| sheet["state"] == "on_sale").await;
    house.stop().await;
}

#[actix_web::test]
async fn a_hold_that_lapsed_while_the_house_was_shut_returns_its_places_without_a_visitor() {
    let clock = Clock::manual(UnixMillis(1_900_000_000_000));
    let house = TestHouse::start_in(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let organizer = house.organizer().await;
    let event = house.event_on_sale(&organizer, 1_000).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 2}])).await;
    let (event, hold) = (event.parse().unwrap(), hold["hold"].as_str().unwrap().parse().unwrap());
    let kept = async |house: &TestHouse| house.state().views.holds(event, &[hold]).await.unwrap().len();
    while kept(&house).await == 0 {
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    let folder = house.stop().await;
    clock.advance(Duration::from_secs(3_600));
    let house = TestHouse::start_in(folder, clock, |_| {}).await;
    while kept(&house).await > 0 {
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    house.stop().await;
}

#[actix_web::test]
async fn an_event_whose_calling_off_was_cut_short_pays_its_buyers_back_all_the_same() {
    let house = TestHouse::start().await;
    let organizer = house.organizer().await;
    let event = house.event_on_sale(&organizer, 1_000).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 2}])).await;
    let (_, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
    house.pay(&order["payment"], "4242424242424242").await;
    house.until(&path, Some(&buyer), |order| order["state"] == "paid").await;
    // What the organizer's request does first, and nothing of what it does then.
    house.state().events.ask(event.parse().unwrap(), Command::CancelEvent).await.unwrap();
    house.until(&path, Some(&buyer), |order| order["state"] == "refunded" && order["refunds"][0]["paid"] == true).await;
    house.stop().await;
}

#[actix_web::test]
async fn a_draft_that_was_asked_for_something_and_then_deleted_is_not_kept_loaded() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.draft(&key, 1_000).await;
    let path = format!("/api/v1/organizer/events/{event}");
    let (status, problem) = house.call(Method::POST, &format!("{path}/open"), Some(&key), None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("not_published")), "{problem}");
    let is_loaded = || house.state().events.statuses().iter().any(|status| status.event.to_string() == event);
    assert!(is_loaded());
    let (status, answer) = house.call(Method::DELETE, &path, Some(&key), None).await;
    assert_eq!(status.as_u16(), 204, "{answer}");
    assert!(!is_loaded());
    house.stop().await;
}
