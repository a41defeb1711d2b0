//! Forms that say something that cannot be: the same form again with what was written, and the fault beside its field.

use reqwest::header::ORIGIN;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::config::PaymentsSettings;
use usher::config::units::Secret;

use crate::pages::{Browser, after};
use crate::support::{TestHouse, event_form};

/// Sends a form that is not to be taken; gives the page it leads to.
async fn refused(browser: &mut Browser<'_>, status: u16, path: &str, fields: &[(&str, &str)]) -> String {
    let house = browser.house;
    let request = house.http.post(format!("{}{path}", house.url)).header(ORIGIN, &house.url).form(fields);
    let response = browser.send(request).await;
    assert_eq!(response.status().as_u16(), status, "{path}");
    response.text().await.unwrap()
}

/// Asserts that the field keeps that value and is told that fault.
fn assert_field(html: &str, name: &str, value: &str, fault: &str) {
    let field = html.split('<').find(|tag| tag.contains(&format!("name=\"{name}\""))).unwrap_or_default();
    assert!(field.contains(&format!("value=\"{value}\"")), "{name}: {field}");
    assert!(field.contains("aria-invalid=\"true\""), "{name}: {field}");
    let words = after(html, &format!("id=\"fault-{name}\">"), '<');
    assert!(words.contains(fault), "{name}: {words}");
}

async fn log_in(browser: &mut Browser<'_>) {
    let fields = [("email", "organizer@example.org"), ("password", "correct horse")];
    assert_eq!(browser.post("/organizer/login", &fields).await, "/organizer");
}

#[actix_web::test]
async fn a_new_event_with_faults_is_told_all_of_them_and_loses_nothing() {
    let house = TestHouse::start().await;
    house.organizer().await;
    let mut browser = Browser::new(&house);
    log_in(&mut browser).await;
    let fields = [
        ("name", "山の音楽"),
        ("venue", "Hall <1>"),
        ("description", "Two\r\nlines"),
        ("starts_at", "tomorrow"),
        ("time_zone", "Mars/Olympus"),
        ("currency", "EURO"),
        ("template", "club"),
        ("seats_count", "many"),
        ("standing_count", "0"),
    ];
    let html = refused(&mut browser, 422, "/organizer/events/new", &fields).await;
    assert_field(&html, "name", "山の音楽", "U+5C71");
    assert_field(&html, "starts_at", "tomorrow", "2027-03-01T19:30");
    assert_field(&html, "time_zone", "Mars/Olympus", "Europe/Vienna");
    assert_field(&html, "currency", "EURO", "EUR");
    assert_field(&html, "seats_count", "many", "whole number");
    assert_field(&html, "standing_count", "0", "between 1 and");
    assert!(html.contains("6 things need another look"), "{html}");
    assert!(html.contains("value=\"Hall &#60;1&#62;\"") && html.contains("Two") && html.contains("\"club\" selected"));
    assert_eq!(html.matches(" autofocus").count(), 1, "one field takes the focus");
    assert!(browser.get("/organizer").await.contains("No events yet"), "no draft is left behind");
    house.stop().await;
}

#[actix_web::test]
async fn a_name_that_cannot_be_printed_is_told_at_checkout_and_another_buys() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let mut browser = Browser::new(&house);
    let hold = browser.post(&format!("/events/{event}/hold"), &[("key", "a-best-try"), ("quantity", "1")]).await;
    let path = format!("{hold}/checkout");
    let form_key = after(&browser.get(&hold).await, "name=\"key\" value=\"", '"').to_owned();
    let fields = [("key", form_key.as_str()), ("name", "Ada 😀"), ("email", "nobody")];
    let html = refused(&mut browser, 422, &path, &fields).await;
    assert_field(&html, "name", "Ada 😀", "😀");
    assert_field(&html, "email", "nobody", "ada@example.org");
    assert!(html.contains("EUR 45.00") && html.contains("id=\"countdown\""), "the places are shown as before");
    let form_key = after(&html, "name=\"key\" value=\"", '"').to_owned();
    let fields = [("key", form_key.as_str()), ("name", "Ada"), ("email", "ada@example.org")];
    assert!(browser.post(&path, &fields).await.contains("/sandbox/pay/"));
    house.stop().await;
}

#[actix_web::test]
async fn places_that_cannot_be_had_are_told_where_they_were_chosen() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = mixed(&house, &key).await;
    let mut browser = Browser::new(&house);
    let path = format!("/events/{event}/hold");
    let fields = [("key", "an-empty-try"), ("ga.F", "0")];
    let html = refused(&mut browser, 422, &path, &fields).await;
    assert!(html.contains("Nothing was asked for") && html.contains("<h1>Choose places</h1>"), "{html}");

    let other = house.buyer().await;
    house.hold(&event, &other, "hold-key-1", json!([{"kind": "seats", "seats": [0]}])).await;
    let fields = [("key", "a-late-try"), ("opened", "S"), ("seat", "0"), ("seat", "1"), ("ga.F", "2")];
    let html = refused(&mut browser, 409, &path, &fields).await;
    assert!(html.contains("Taken by somebody else: Stalls, row A, seat 1"), "{html}");
    assert!(html.contains("value=\"1\" checked") && html.contains("name=\"ga.F\" min=\"0\" max=\"10\" value=\"2\""));
    house.stop().await;
}

/// Two seats and a standing floor.
async fn mixed(house: &TestHouse, key: &str) -> String {
    let form = Some(event_form());
    let (_, event_sheet) = house.call(Method::POST, "/api/v1/organizer/events", Some(key), form).await;
    let event = event_sheet["event"].as_str().unwrap().to_owned();
    let base = format!("/api/v1/organizer/events/{event}");
    let seat = |label: &str, x: u32| json!({"label": label, "tier": "A", "x_cm": x, "y_cm": 0});
    let plan = json!({
        "format": "usher.seating-plan/1", "name": "Hall", "focal_point_cm": [0, 0],
        "tiers": [{"code": "A", "name": "All"}],
        "sections": [{"code": "S", "name": "Stalls", "rows": [{"label": "A", "seats": [seat("1", 0), seat("2", 60)]}]}],
        "areas": [{"code": "F", "name": "Floor", "capacity": 5, "tier": "A"}],
    });
    let put = async |what: &str, revision: &Value, body: Value| {
        let (path, tag) = (format!("{base}/{what}"), revision.to_string());
        let (status, answer) = house.call_with(Method::PUT, &path, Some(key), Some(body), &[("If-Match", &tag)]).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    };
    let kept = put("seating-plan", &event_sheet["revision"], plan).await;
    put("prices", &kept["revision"], json!({"prices": [{"tier": "A", "price_minor": 1_000}]})).await;
    for step in ["publish", "open"] {
        let (status, answer) = house.call(Method::POST, &format!("{base}/{step}"), Some(key), None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    event
}

#[actix_web::test]
async fn seats_and_standing_places_are_held_by_one_form() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = mixed(&house, &key).await;
    let mut browser = Browser::new(&house);
    let html = browser.get(&format!("/events/{event}/seats?section=S")).await;
    for name in ["seat", "ga.F"] {
        let field = html.split('<').find(|tag| tag.contains(&format!("name=\"{name}\""))).unwrap();
        assert!(field.contains("form=\"chosen\""), "{field}");
    }
    let form_key =
        format!("{}-chosen", after(&html, "id=\"chosen\"><input type=\"hidden\" name=\"key\" value=\"", '-'));
    // Chosen on the map and ticked in the list, a seat is one seat.
    let fields = [("key", form_key.as_str()), ("seat", "1"), ("seat", "1"), ("ga.F", "2")];
    let hold = browser.post(&format!("/events/{event}/hold"), &fields).await;
    let page = browser.get(&hold).await;
    assert_eq!((page.matches("Stalls, row A, seat 2").count(), page.matches("Floor, standing").count()), (1, 2));
    assert!(page.contains("EUR 30.00"), "{page}");
    house.stop().await;
}

#[actix_web::test]
async fn prices_that_are_none_and_steps_that_cannot_be_taken_are_told_on_the_events_own_page() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let mut browser = Browser::new(&house);
    log_in(&mut browser).await;
    let event = house.draft(&key, 1_000).await;
    let path = format!("/organizer/events/{event}");
    let page = browser.get(&path).await;
    let tiers: Vec<String> =
        page.split("name=\"price.").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let fields: Vec<(String, &str)> =
        tiers.iter().zip(["abc", "12.345", "7"]).map(|(tier, text)| (format!("price.{tier}"), text)).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let html = refused(&mut browser, 422, &format!("{path}/prices"), &fields).await;
    for (name, text) in fields.iter().take(2) {
        assert_field(&html, name, text, "at most 2 decimals");
    }
    if let Some((name, text)) = fields.get(2) {
        assert!(html.contains(&format!("name=\"{name}\" value=\"{text}\"")), "what is right stays too: {html}");
    }

    let (_, bare) = house.call(Method::POST, "/api/v1/organizer/events", Some(&key), Some(event_form())).await;
    let path = format!("/organizer/events/{}", bare["event"].as_str().unwrap());
    let html = refused(&mut browser, 422, &format!("{path}/steps/publish"), &[]).await;
    assert!(html.contains("Still missing: a seating plan") && html.contains("<li>a seating plan</li>"), "{html}");
    assert!(!html.contains("<li></li>"), "{html}");
    let html = refused(&mut browser, 409, &format!("{path}/steps/open"), &[]).await;
    assert!(html.contains("role=\"alert\"") && html.contains("The sale</h2>"), "{html}");
    house.stop().await;
}

#[actix_web::test]
async fn a_registration_with_faults_is_told_all_of_them_beside_its_fields() {
    let house = TestHouse::start().await;
    let mut browser = Browser::new(&house);
    let fields = [("organizer_name", "Müller 音楽"), ("email", "nobody"), ("password", "short")];
    let html = refused(&mut browser, 422, "/organizer/register", &fields).await;
    assert_field(&html, "organizer_name", "Müller 音楽", "音");
    assert_field(&html, "email", "nobody", "ada@example.org");
    assert!(after(&html, "id=\"fault-password\">", '<').contains("8 characters") && !html.contains("short"), "{html}");
    house.stop().await;
}

#[actix_web::test]
async fn an_order_that_waits_shows_its_time_and_keeps_its_places_longer() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let mut browser = Browser::new(&house);
    let hold = browser.post(&format!("/events/{event}/hold"), &[("key", "a-best-try"), ("quantity", "1")]).await;
    let form_key = after(&browser.get(&hold).await, "name=\"key\" value=\"", '"').to_owned();
    let fields = [("key", form_key.as_str()), ("name", "Ada"), ("email", "ada@example.org")];
    let payment = browser.post(&format!("{hold}/checkout"), &fields).await;
    let pay = browser.get(&payment).await;
    assert!(pay.contains("Your places are held until <strong>"), "{pay}");
    let order = after(&pay, "Your places are held until", '\n').to_owned();
    let order = after(&order, "href=\"", '"').replace("&#38;", "&");
    let waiting = browser.get(&order).await;
    let ends = after(&waiting, "data-expires=\"", '"').to_owned();
    let keep = after(&waiting, "<form method=\"post\" action=\"", '"').to_owned();
    assert_eq!(keep, format!("{hold}/keep"));
    let back = browser.post(&keep, &[]).await;
    assert!(order.starts_with(&back) && back.starts_with("/orders/"), "{back}");
    let later = browser.get(&back).await;
    assert!(after(&later, "data-expires=\"", '"') > ends.as_str(), "the end has moved");
    assert!(later.contains("id=\"pay\""));
    // Back from a payment that was made, before word of it: nobody is asked to pay twice.
    let sent = browser.get(&format!("{back}?redirect_status=succeeded")).await;
    assert!(sent.contains("Your payment is on its way") && !sent.contains("id=\"pay\""), "{sent}");
    house.stop().await;
}

#[actix_web::test]
async fn with_stripe_the_pages_refuse_to_sell_before_there_is_an_order() {
    let stripe = PaymentsSettings::Stripe {
        secret_key: Secret::new("sk_test_x".to_owned()),
        publishable_key: "pk_test_x".to_owned(),
        webhook_secrets: vec![Secret::new("whsec_x".to_owned())],
        // Nobody is there, and nobody is to be asked.
        base_url: "http://127.0.0.1:9/".to_owned(),
    };
    let house = TestHouse::start_with(|settings| settings.payments = stripe).await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let mut browser = Browser::new(&house);
    let hold = browser.post(&format!("/events/{event}/hold"), &[("key", "a-best-try"), ("quantity", "1")]).await;
    let words = "Cards cannot be paid with on these pages yet";
    assert!(browser.get(&hold).await.contains(words));
    let fields = [("key", "a-key-of-mine"), ("name", "Ada"), ("email", "ada@example.org")];
    assert!(refused(&mut browser, 503, &format!("{hold}/checkout"), &fields).await.contains(words));
    let orders = format!("/api/v1/organizer/events/{event}/orders");
    let (_, orders) = house.call(Method::GET, &orders, Some(&key), None).await;
    assert_eq!(orders["data"], Value::Array(Vec::new()), "no order was begun");
    house.stop().await;
}
