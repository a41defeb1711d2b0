//! Webhooks of the sandbox: signed, in order or not, once or more, until they are taken.

use serde_json::Value;
use usher::sandbox::Settings;

use usher_engine::payments::Gateway as _;

use crate::sandbox_house::{House, kinds, new_intent};

const PAID: [&str; 3] =
    ["payment_intent.created", "payment_intent.amount_capturable_updated", "payment_intent.succeeded"];

/// Makes, authorizes and captures an intent; gives its id.
async fn pay(house: &House) -> String {
    let gateway = house.gateway();
    let made = gateway.create_intent(new_intent(1), "k").await.unwrap();
    house.confirm(&made.id, &made.client_secret, "pm_card_visa").await;
    gateway.capture(&made.id, made.amount_minor, "k:capture").await.unwrap();
    made.id
}

#[actix_rt::test]
async fn each_step_is_told_about_with_the_object_as_it_was() {
    let house = House::open().await;
    let intent = pay(&house).await;
    let events = house.receiver.wait_for(|events| events.len() >= 3).await;
    let mut sorted = kinds(&events);
    sorted.sort_unstable();
    let mut expected = PAID;
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    for event in &events {
        assert_eq!(event["data"]["object"]["id"], intent.as_str());
        assert_eq!((&event["livemode"], &event["object"]), (&false.into(), &"event".into()));
    }
}

#[actix_rt::test]
async fn a_refused_webhook_is_sent_again_with_the_same_id() {
    let house = House::open().await;
    house.receiver.refuse(3);
    pay(&house).await;
    let events = house.receiver.wait_for(|events| events.len() >= 3).await;
    let mut ids: Vec<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[actix_rt::test]
async fn on_request_webhooks_come_twice_or_not_at_all() {
    let house = House::open().await;
    house.sandbox.set(Settings { drop: true, ..Settings::default() });
    let gateway = house.gateway();
    let made = gateway.create_intent(new_intent(1), "k").await.unwrap();
    house.sandbox.set(Settings { duplicate_count: 1, ..Settings::default() });
    house.confirm(&made.id, &made.client_secret, "pm_card_visa").await;
    let events = house.receiver.wait_for(|events| events.len() >= 2).await;
    assert_eq!(kinds(&events), ["payment_intent.amount_capturable_updated"; 2]);
    assert_eq!(events[0]["id"], events[1]["id"]);
}

#[actix_rt::test]
async fn on_request_the_latest_comes_first() {
    let house = House::open().await;
    house.sandbox.set(Settings { reorder: true, ..Settings::default() });
    pay(&house).await;
    let events = house.receiver.wait_for(|events| events.len() >= 3).await;
    let mut expected = PAID;
    expected.reverse();
    assert_eq!(kinds(&events), expected);
}

#[actix_rt::test]
async fn what_was_not_delivered_is_sent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let house = House::open_at(&path).await;
    house.sandbox.set(Settings { delay_ms: 1_000, ..Settings::default() });
    let intent = pay(&house).await;
    house.close().await;
    let again = House::open_at(&path).await;
    let all = |events: &[Value]| events.len() >= 3;
    let events = again.receiver.wait_for(all).await;
    assert!(events.iter().all(|event| event["data"]["object"]["id"] == intent.as_str()));
    assert_eq!(again.gateway().intent(&intent).await.unwrap().received_minor, new_intent(1).amount_minor);
}

#[actix_rt::test]
async fn settings_are_changed_with_the_secret_key_only() {
    let house = House::open().await;
    let url = format!("{}/sandbox/settings", house.base);
    let stranger = house.http.post(&url).json(&Settings::default()).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    let owner = house.http.post(&url).bearer_auth(crate::sandbox_house::SECRET_KEY);
    let answer = owner.json(&Settings { delay_ms: 5, ..Settings::default() }).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["delay_ms"], 5);
}
