//! An event whose journal is damaged stops alone: what its organizer, its buyers and the demo see of it and the others.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use usher_core::{EventId, UnixMillis};
use usher_engine::clock::Clock;

use crate::command_line::{demo, terminate};
use crate::support::TestHouse;

/// Flips a bit of an event's first entry, where no snapshot hides it.
fn damage(data: &Path, event: &str) {
    let id = event.parse::<EventId>().unwrap().0.to_be_bytes();
    let journal = Connection::open(data.join("journal.db")).unwrap();
    let select = "SELECT bytes FROM entries WHERE event = ?1 AND seq = 1";
    let mut bytes: Vec<u8> = journal.query_row(select, [id], |row| row.get(0)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    journal.execute("UPDATE entries SET bytes = ?2 WHERE event = ?1 AND seq = 1", (id, bytes)).unwrap();
    journal.execute("DELETE FROM snapshots", []).unwrap();
}

#[actix_web::test]
async fn a_damaged_event_is_listed_as_out_of_order_and_hides_no_other() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let (broken, whole) = (house.event_on_sale(&key, 1_000).await, house.event_on_sale(&key, 1_000).await);
    let folder = house.stop().await;
    damage(&folder.path().join("data"), &broken);
    let house = TestHouse::start_in(folder, Clock::system(), |_| {}).await;

    let (status, listed) = house.call(Method::GET, "/api/v1/organizer/events", Some(&key), None).await;
    assert_eq!(status.as_u16(), 200, "{listed}");
    let rows = listed["data"].as_array().unwrap();
    let marks: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["event"], &row["out_of_order"])).collect();
    assert!(marks.contains(&(&json!(broken), &json!(true))), "{listed}");
    assert!(marks.contains(&(&json!(whole), &json!(false))), "{listed}");
    let page = house.request(Method::GET, "/organizer", Some(&key)).header("Accept", "text/html").send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    assert!(page.text().await.unwrap().contains("Out of order"));

    let step = |event: &str, step: &str| format!("/api/v1/organizer/events/{event}/{step}");
    let (status, problem) = house.call(Method::POST, &step(&broken, "pause"), Some(&key), None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("event_unavailable")), "{problem}");
    let (status, problem) = house.call(Method::GET, &format!("/api/v1/events/{broken}"), None, None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("event_unavailable")), "{problem}");
    let (status, paused) = house.call(Method::POST, &step(&whole, "pause"), Some(&key), None).await;
    assert_eq!(status.as_u16(), 200, "{paused}");
    house.stop().await;
}

#[actix_web::test]
async fn a_damaged_event_whose_time_has_come_keeps_no_other_from_its_own() {
    let clock = Clock::manual(UnixMillis(1_900_000_000_000));
    let house = TestHouse::start_in(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let key = house.organizer().await;
    let path = |event: &str| format!("/api/v1/organizer/events/{event}");
    let announced = async |opens_at: &str| {
        let event = house.draft(&key, 1_000).await;
        let (_, sheet) = house.call(Method::GET, &path(&event), Some(&key), None).await;
        let tag = sheet["revision"].to_string();
        let times = json!({"opens_at": opens_at});
        house.call_with(Method::PATCH, &path(&event), Some(&key), Some(times), &[("If-Match", &tag)]).await;
        house.call(Method::POST, &format!("{}/publish", path(&event)), Some(&key), None).await;
        event
    };
    // The manual clock stands at 17:46:40 UTC.
    let (broken, whole) = (announced("2030-03-17T17:50:00Z").await, announced("2030-03-17T17:55:00Z").await);
    let folder = house.stop().await;
    damage(&folder.path().join("data"), &broken);
    clock.advance(Duration::from_secs(20 * 60));
    let house = TestHouse::start_in(folder, clock, |_| {}).await;
    house.until(&path(&whole), Some(&key), |sheet| sheet["state"] == "on_sale").await;
    house.stop().await;
}

#[actix_web::test]
async fn the_demo_starts_with_a_damaged_event_and_says_which_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let (first, said) = demo(folder.path());
    let http = reqwest::Client::new();
    let events = http.get(format!("{}/api/v1/events", said["url"].as_str().unwrap())).send().await.unwrap();
    let events: Value = events.json().await.unwrap();
    let row = &events["data"][1];
    let (event, name) = (row["event"].as_str().unwrap().to_owned(), row["name"].as_str().unwrap().to_owned());
    terminate(first);
    damage(folder.path(), &event);
    let (second, said) = demo(folder.path());
    let told = said["out_of_order"][0].as_str().unwrap_or_default();
    assert!(told.contains(&name) && told.contains("damaged at entry 1"), "{said}");
    terminate(second);
}
