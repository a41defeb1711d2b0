//! Live streams.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::TestHouse;

/// Reads until a whole event of that name has come.
async fn next(response: &mut Response, read: &mut String, name: &str) -> (u64, Value) {
    loop {
        while let Some(end) = read.find("\n\n") {
            let frame: String = read.drain(..end + 2).collect();
            let field = |key: &str| frame.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
            if field("event:") == Some(name) {
                return (
                    field("id:").unwrap().parse().unwrap(),
                    serde_json::from_str(field("data:").unwrap()).unwrap(),
                );
            }
        }
        read.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
}

#[actix_web::test]
async fn a_stream_begins_with_the_picture_and_goes_on_with_changes() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 1_000).await;
    let path = format!("/api/v1/events/{event}/live");
    let mut stream = house.request(Method::GET, &path, None).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut read = String::new();
    let (seq, picture) = next(&mut stream, &mut read, "resync").await;
    assert_eq!((picture["version"].as_u64(), &picture["phase"]), (Some(seq), &json!("on_sale")));
    let buyer = house.buyer().await;
    house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "seats", "seats": [3]}])).await;
    let (later, delta) = next(&mut stream, &mut read, "delta").await;
    assert!(later > seq);
    assert_eq!(delta["seats"], json!([[3, 1]]));

    // Who comes back with what is still true gets no second picture.
    let request = house.request(Method::GET, &path, None).header("Last-Event-ID", later.to_string());
    let mut stream = request.send().await.unwrap();
    let mut read = String::new();
    house.hold(&event, &buyer, "hold-key-2", json!([{"kind": "seats", "seats": [4]}])).await;
    let (_, delta) = next(&mut stream, &mut read, "delta").await;
    assert_eq!(delta["seats"], json!([[4, 1]]));
    assert!(!read.contains("resync"));
    drop(stream);
    house.stop().await;
}

#[actix_web::test]
async fn streams_past_the_limit_are_told_to_come_back() {
    let house = TestHouse::start_with(|settings| settings.live.streams_max = 1).await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 1_000).await;
    let path = format!("/api/v1/events/{event}/live");
    let first = house.request(Method::GET, &path, None).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let second = house.request(Method::GET, &path, None).send().await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(second.headers().contains_key("retry-after"));
    drop(first);
    house.stop().await;
}

#[actix_web::test]
async fn an_organizer_watches_sales() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 0).await;
    let path = format!("/api/v1/organizer/events/{event}/live");
    let mut stream = house.request(Method::GET, &path, Some(&key)).send().await.unwrap();
    let mut read = String::new();
    let (_, sales) = next(&mut stream, &mut read, "sales").await;
    assert_eq!(sales["sold_count"], 0);
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 2}])).await;
    house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
    loop {
        let (_, sales) = next(&mut stream, &mut read, "sales").await;
        if sales["sold_count"] == 2 && sales["paid_count"] == 1 {
            break;
        }
    }
    drop(stream);
    house.stop().await;
}
