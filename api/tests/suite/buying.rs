//! Buying over HTTP: hold, check out, pay, fetch tickets, be refunded.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::TestHouse;

const VISA: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";

#[actix_web::test]
async fn two_seats_are_held_paid_printed_and_refunded() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let buyer = house.buyer().await;

    let asks = json!([{"kind": "best", "quantity": 2}]);
    let (status, hold) = house.hold(&event, &buyer, "hold-key-1", asks).await;
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    assert_eq!(hold["total_minor"], 9_000);
    assert_eq!(hold["places"].as_array().unwrap().len(), 2);
    let hold = hold["hold"].as_str().unwrap();

    let (status, order) = house.checkout(&event, hold, &buyer, "order-key-1").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    assert_eq!((&order["state"], &order["payment"]["kind"]), (&json!("awaiting_payment"), &json!("sandbox")));
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());

    house.pay(&order["payment"], VISA).await;
    let all_ready = |order: &serde_json::Value| {
        let lines = order["lines"].as_array();
        order["state"] == "paid" && lines.is_some_and(|lines| lines.iter().all(|line| line["ticket_ready"] == true))
    };
    let paid = house.until(&path, Some(&buyer), all_ready).await;
    assert_eq!(paid["name"], "Ada Lovelace");

    let ticket = paid["lines"][0]["ticket"].as_str().unwrap();
    for document in [format!("{path}/tickets/{ticket}"), format!("{path}/tickets.pdf")] {
        let response = house.request(Method::GET, &document, Some(&buyer)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{document}");
        assert_eq!(response.headers()["content-type"], "application/pdf");
        assert!(response.bytes().await.unwrap().starts_with(b"%PDF-"));
    }

    // Somebody else sees nothing of it, unless the order's secret is shown.
    let other = house.buyer().await;
    let (status, problem) = house.call(Method::GET, &path, Some(&other), None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_order")));
    let with_secret = format!("{path}?access={}", order["access"].as_str().unwrap());
    let (status, _) = house.call(Method::GET, &with_secret, None, None).await;
    assert_eq!(status, StatusCode::OK);

    let sales = format!("/api/v1/organizer/events/{event}/sales");
    let sold = house.until(&sales, Some(&key), |sales| sales["captured_minor"] == 9_000).await;
    assert_eq!((&sold["sold_count"], &sold["held_count"]), (&json!(2), &json!(0)));

    let refunds = format!("/api/v1/organizer/events/{event}/orders/{}/refunds", order["order"].as_str().unwrap());
    let refund_key = [("Idempotency-Key", "refund-key-1")];
    let one_line = Some(json!({"lines": [0]}));
    let (status, refund) = house.call_with(Method::POST, &refunds, Some(&key), one_line.clone(), &refund_key).await;
    assert_eq!((status, &refund["amount_minor"]), (StatusCode::CREATED, &json!(4_500)), "{refund}");
    let (_, again) = house.call_with(Method::POST, &refunds, Some(&key), one_line, &refund_key).await;
    assert_eq!(again["refund"], refund["refund"], "a repeat is the same refund");
    let refunded = |order: &serde_json::Value| order["refunds"][0]["paid"] == true;
    let after = house.until(&path, Some(&buyer), refunded).await;
    assert_eq!((&after["refunded_minor"], &after["lines"][0]["refunded"]), (&json!(4_500), &json!(true)));
    house.until(&sales, Some(&key), |sales| sales["sold_count"] == 1).await;
    house.stop().await;
}

#[actix_web::test]
async fn a_declined_card_leaves_the_order_open_and_another_card_pays_it() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 1_000).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "seats", "seats": [0, 1]}])).await;
    let (_, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
    house.pay(&order["payment"], DECLINED).await;
    let failed = house.until(&path, Some(&buyer), |order| order["failed_payments_count"] == 1).await;
    assert_eq!(failed["state"], "awaiting_payment");
    house.pay(&order["payment"], VISA).await;
    house.until(&path, Some(&buyer), |order| order["state"] == "paid").await;
    house.stop().await;
}

#[actix_web::test]
async fn a_free_order_is_paid_at_once() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 0).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 1}])).await;
    let (status, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    assert_eq!((&order["state"], &order["payment"]["kind"]), (&json!("paid"), &json!("free")));
    house.stop().await;
}

#[actix_web::test]
async fn a_repeat_gets_the_first_answer_and_a_reused_key_is_refused() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 1_000).await;
    let buyer = house.buyer().await;
    let asks = json!([{"kind": "best", "quantity": 2}]);
    let (_, first) = house.hold(&event, &buyer, "hold-key-1", asks.clone()).await;
    let (status, second) = house.hold(&event, &buyer, "hold-key-1", asks).await;
    assert_eq!((status, &second["hold"], &second["places"]), (StatusCode::CREATED, &first["hold"], &first["places"]));
    let (status, problem) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 1}])).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("idempotency_key_reused")));

    let hold = first["hold"].as_str().unwrap();
    let (_, order) = house.checkout(&event, hold, &buyer, "order-key-1").await;
    let (status, again) = house.checkout(&event, hold, &buyer, "order-key-1").await;
    assert_eq!(status, StatusCode::CREATED, "{again}");
    assert_eq!((&again["order"], &again["access"]), (&order["order"], &order["access"]));
    assert_eq!(again["payment"], order["payment"]);
    let (status, problem) = house.checkout(&event, hold, &buyer, "order-key-2").await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("hold_in_checkout")));

    let holds = format!("/api/v1/events/{event}/holds");
    let body = Some(json!({"asks": []}));
    let (status, problem) = house.call(Method::POST, &holds, Some(&buyer), body).await;
    assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("idempotency_key_required")));
    house.stop().await;
}

#[actix_web::test]
async fn a_taken_seat_is_refused_by_name_and_a_released_one_is_free_again() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 1_000).await;
    let (first, second) = (house.buyer().await, house.buyer().await);
    let seats = json!([{"kind": "seats", "seats": [4, 5]}]);
    let (_, hold) = house.hold(&event, &first, "hold-key-1", seats.clone()).await;
    let (status, problem) = house.hold(&event, &second, "hold-key-2", seats.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("seats_taken")));
    assert_eq!(problem["seats"], json!([4, 5]));
    let path = format!("/api/v1/events/{event}/holds/{}", hold["hold"].as_str().unwrap());
    let (status, _) = house.call(Method::DELETE, &path, Some(&second), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "another's hold is not found");
    let (status, extended) = house.call(Method::POST, &format!("{path}/extend"), Some(&first), None).await;
    assert_eq!(status, StatusCode::OK, "{extended}");
    let (status, _) = house.call(Method::DELETE, &path, Some(&first), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, hold) = house.hold(&event, &second, "hold-key-3", seats).await;
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    house.stop().await;
}

#[actix_web::test]
async fn what_was_sold_is_there_after_a_restart() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 0).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 3}])).await;
    let (_, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
    let folder = house.stop().await;

    let house = TestHouse::start_in(folder, usher_engine::clock::Clock::system(), |_| {}).await;
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
    let (status, found) = house.call(Method::GET, &path, Some(&buyer), None).await;
    assert_eq!((status, &found["state"]), (StatusCode::OK, &json!("paid")), "{found}");
    let sales = format!("/api/v1/organizer/events/{event}/sales");
    let (_, sales) = house.call(Method::GET, &sales, Some(&key), None).await;
    assert_eq!(sales["sold_count"], 3, "{sales}");
    house.stop().await;
}
