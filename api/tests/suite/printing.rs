//! What tickets carry is refused where it is written when no font here can show it, and said plainly when it comes to
//! that all the same.

use std::path::PathBuf;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher_engine::accounts::Role;
use usher_engine::clock::Clock;

use crate::support::{TestHouse, event_form};

const VISA: &str = "4242424242424242";

/// A font with Georgian letters, which the built-in ones lack.
fn georgian() -> PathBuf {
    let name = "../engine/assets/fonts/DejaVuSans-Georgian.test.ttf";
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Asserts that exactly these members are at fault, each with that character by name.
fn assert_faults(problem: &Value, faults: &[(&str, char)]) {
    let errors: Vec<&Value> = problem["errors"].as_array().into_iter().flatten().collect();
    let pointers: Vec<_> = errors.iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, faults.iter().map(|(pointer, _)| *pointer).collect::<Vec<_>>(), "{problem}");
    for (fault, (_, character)) in errors.iter().zip(faults) {
        let detail = fault["detail"].as_str().unwrap();
        assert!(
            detail.contains(*character) && detail.contains(&format!("U+{:04X}", u32::from(*character))),
            "{detail}"
        );
    }
}

#[actix_web::test]
async fn a_name_that_tickets_cannot_show_is_refused_before_money_moves() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 0).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 1}])).await;
    let path = format!("/api/v1/events/{event}/holds/{}/checkout", hold["hold"].as_str().unwrap());
    let order = async |name: &str, key: &str| {
        let contact = Some(json!({"name": name, "email": "ada@example.org"}));
        house.call_with(Method::POST, &path, Some(&buyer), contact, &[("Idempotency-Key", key)]).await
    };
    for (name, character) in [("山田太郎", '山'), ("Ada 😀", '😀'), ("नमस्ते", 'न'), ("محمد", 'م'), ("ქართველი", 'ქ')]
    {
        let (status, problem) = order(name, "order-key-1").await;
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("invalid")), "{name}: {problem}");
        assert_faults(&problem, &[("/name", character)]);
    }
    let (status, problem) = order("\u{200b}\u{2060}", "order-key-1").await;
    assert_eq!(status.as_u16(), 422, "a name of nothing that shows: {problem}");

    let (status, taken) = order("Soﬁa ½ Ｏ’Ｈａｒａ", "order-key-1").await;
    assert_eq!((status, &taken["state"]), (StatusCode::CREATED, &json!("paid")), "{taken}");
    let order = format!("/api/v1/orders/{}", taken["order"].as_str().unwrap());
    house.until(&order, Some(&buyer), |order| order["lines"][0]["ticket_ready"] == true).await;
    house.stop().await;
}

#[actix_web::test]
async fn names_of_events_venues_organizers_and_places_must_be_printable_too() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let mut form = event_form();
    form["name"] = "山の音楽".into();
    form["venue"] = "Halle 🎸".into();
    let events = "/api/v1/organizer/events";
    let (_, problem) = house.call(Method::POST, events, Some(&key), Some(form)).await;
    assert_faults(&problem, &[("/name", '山'), ("/venue", '🎸')]);

    let event = house.draft(&key, 1_000).await;
    let patch = Some(json!({"name": "ნინო"}));
    let path = format!("{events}/{event}");
    let (_, sheet) = house.call(Method::GET, &path, Some(&key), None).await;
    let tag = sheet["revision"].to_string();
    let (_, problem) = house.call_with(Method::PATCH, &path, Some(&key), patch, &[("If-Match", &tag)]).await;
    assert_faults(&problem, &[("/name", 'ნ')]);

    let account = json!({"email": "o@example.org", "password": "long enough", "organizer_name": "音楽"});
    let (_, problem) = house.call(Method::POST, "/api/v1/accounts", None, Some(account)).await;
    assert_faults(&problem, &[("/organizer_name", '音')]);

    let seat = |label: &str, x: u32| json!({"label": label, "tier": "A", "x_cm": x, "y_cm": 0});
    let plan = json!({
        "format": "usher.seating-plan/1", "name": "Hall", "focal_point_cm": [0, 0],
        "tiers": [{"code": "A", "name": "上"}],
        "sections": [{"code": "S", "name": "S席", "rows": [{"label": "い", "seats": [seat("1", 0), seat("番", 60)]}]}],
        "areas": [{"code": "F", "name": "立見", "capacity": 5, "tier": "A"}],
    });
    let (path, tag) = (format!("{path}/seating-plan"), [("If-Match", tag.as_str())]);
    let (_, problem) = house.call_with(Method::PUT, &path, Some(&key), Some(plan), &tag).await;
    assert_eq!(problem["code"], "plan_invalid", "{problem}");
    assert_faults(
        &problem,
        &[
            ("/tiers/0/name", '上'),
            ("/areas/0/name", '立'),
            ("/sections/0/name", '席'),
            ("/sections/0/rows/0/label", 'い'),
            ("/sections/0/rows/0/seats/1/label", '番'),
        ],
    );
    house.stop().await;
}

#[actix_web::test]
async fn tickets_that_wait_for_the_operator_are_not_called_in_preparation() {
    let folder = tempfile::tempdir().unwrap();
    let with_font = |settings: &mut usher::config::Settings| settings.tickets.fonts = vec![georgian()];
    let house = TestHouse::start_in(folder, Clock::system(), with_font).await;
    let (key, admin) = (house.organizer().await, house.account("admin@example.org", Role::Admin).await);
    let event = house.event_on_sale(&key, 1_000).await;
    let buyer = house.buyer().await;
    let (_, hold) = house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "best", "quantity": 1}])).await;
    let path = format!("/api/v1/events/{event}/holds/{}/checkout", hold["hold"].as_str().unwrap());
    let contact = Some(json!({"name": "ნინო", "email": "nino@example.org"}));
    let order_key = [("Idempotency-Key", "order-key-1")];
    let (status, order) = house.call_with(Method::POST, &path, Some(&buyer), contact, &order_key).await;
    assert_eq!(status, StatusCode::CREATED, "the configured font has it: {order}");
    let folder = house.stop().await;

    // The font that the name was checked with is gone when it is printed.
    let house = TestHouse::start_in(folder, Clock::system(), |_| {}).await;
    house.pay(&order["payment"], VISA).await;
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
    let failed = house.until(&path, Some(&buyer), |order| order["printing_failed"] == true).await;
    assert_eq!(failed["state"], "paid");
    let page = path.replace("/api/v1", "") + "?access=" + order["access"].as_str().unwrap();
    let html = house.request(Method::GET, &page, None).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("could not be printed") && html.contains("Not printed yet"), "{html}");
    assert!(!html.contains("eing prepared") && !html.contains("data-look-again"), "{html}");
    let ticket = format!("{path}/tickets/{}", failed["lines"][0]["ticket"].as_str().unwrap());
    let (status, problem) = house.call(Method::GET, &ticket, Some(&buyer), None).await;
    assert_eq!((status.as_u16(), &problem["retry_after_ms"]), (409, &json!(60_000)), "{problem}");
    let (_, jobs) = house.call(Method::GET, "/api/v1/admin/jobs", Some(&admin), None).await;
    assert!(jobs["data"][0]["last_error"].as_str().unwrap().contains("U+10DC"), "{jobs}");
    let folder = house.stop().await;

    let house = TestHouse::start_in(folder, Clock::system(), with_font).await;
    let job = jobs["data"][0]["job"].as_str().unwrap();
    let replay = format!("/api/v1/admin/jobs/{job}/replay");
    let (status, answer) = house.call(Method::POST, &replay, Some(&admin), None).await;
    assert!(status.is_success(), "{status} {answer}");
    let printed = house.until(&path, Some(&buyer), |order| order["lines"][0]["ticket_ready"] == true).await;
    assert_eq!(printed["printing_failed"], false);
    house.stop().await;
}
