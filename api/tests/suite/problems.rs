//! Problems say what to do, and where.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestHouse, event_form};

#[actix_web::test]
async fn a_fault_in_a_body_is_named_by_its_place() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.draft(&key, 1_000).await;
    let with = |name: &str, value: Value| {
        let mut form = event_form();
        form[name] = value;
        form
    };
    let new = "/api/v1/organizer/events".to_owned();
    let generate = format!("/api/v1/organizer/events/{event}/seating-plan/generate");
    let plan = |template: &str, seats: u64, standing: u64| json!({"template": template, "name": "Room", "seats_count": seats, "standing_count": standing});
    for (path, body, pointer, what) in [
        (&new, with("extra", json!(1)), "/extra", "unknown field"),
        (&new, with("limits", json!({"hold_ms": "soon"})), "/limits/hold_ms", "invalid type"),
        (&new, with("prices", json!([{"tier": "A", "price_minor": -1}])), "/prices/0/price_minor", "invalid value"),
        (&new, with("name", json!("")), "/name", "1 to 200"),
        (&new, json!({}), "", "missing field"),
        (&generate, plan("hall", 900_000_000, 0), "/seats_count", "900000000 is not between 1 and 200000"),
        (&generate, plan("hall", 0, 0), "/seats_count", "0 is not between 1 and 200000"),
        (&generate, plan("arena", 1, 0), "/seats_count", "not between 60"),
        (&generate, plan("arena", 150_000, 60_000), "/standing_count", "60000 is not between"),
        (&generate, plan("club", 10, 0), "/standing_count", "0 is not between 1"),
    ] {
        let (status, problem) = house.call(Method::POST, path, Some(&key), Some(body)).await;
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("invalid")), "{pointer}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{problem}");
        assert!(!problem["detail"].as_str().unwrap().starts_with(':'), "{problem}");
    }
    house.stop().await;
}

#[actix_web::test]
async fn a_problem_says_what_to_do_and_not_its_title_again() {
    let house = TestHouse::start().await;
    let buyer = house.buyer().await;
    let organizer = house.organizer().await;
    let event = house.event_on_sale(&organizer, 1_000).await;
    let path = format!("/api/v1/events/{event}/holds");
    let asks = json!({"asks": [{"kind": "best", "quantity": 1}]});
    let hold = async |headers: &[(&str, &str)]| {
        house.call_with(Method::POST, &path, Some(&buyer), Some(asks.clone()), headers).await
    };
    for (headers, code, advice) in [
        (&[][..], "idempotency_key_required", "Send a fresh random key"),
        (&[("Idempotency-Key", "short")], "idempotency_key_malformed", "8 to 128 visible ASCII characters"),
        (&[("Idempotency-Key", "")], "idempotency_key_malformed", "8 to 128 visible ASCII characters"),
    ] {
        let (status, problem) = hold(headers).await;
        assert_eq!((status.as_u16(), &problem["code"]), (400, &json!(code)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(advice), "{problem}");
    }
    for path in ["/api/v1/events/evt_0", "/api/v1/me/orders", "/api/v1/api-keys"] {
        let (_, problem) = house.call(Method::GET, path, None, None).await;
        assert_ne!(problem["detail"], problem["title"], "{problem}");
    }
    house.stop().await;
}

#[actix_web::test]
async fn a_filter_that_a_list_does_not_know_is_refused_and_not_dropped() {
    let house = TestHouse::start().await;
    let key = house.account("admin@example.org", usher_engine::accounts::Role::Admin).await;
    let event = house.draft(&key, 1_000).await;
    for path in [
        "/api/v1/events?name=arena".to_owned(),
        "/api/v1/me/orders?state=paid".to_owned(),
        "/api/v1/organizer/events?q=arena".to_owned(),
        format!("/api/v1/organizer/events/{event}/orders?status=paid"),
        format!("/api/v1/events/{event}/seat-map?digest=1"),
        "/api/v1/admin/jobs?kind=print".to_owned(),
        "/api/v1/admin/webhooks?kind=x".to_owned(),
    ] {
        let buyer = house.buyer().await;
        let bearer = if path.contains("/me/") { &buyer } else { &key };
        let (status, problem) = house.call(Method::GET, &path, Some(bearer), None).await;
        assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("malformed")), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("unknown field"), "{path}: {problem}");
    }
    house.stop().await;
}
