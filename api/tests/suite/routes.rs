//! Every route against every role.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::json;
use usher::access::Access::{self, Admin, Anyone, Buyer, Organizer, Signed};
use usher::app::routes;
use usher_engine::accounts::Role;

use crate::support::TestHouse;

/// What each route asks of its sender. A route that is not here, or says something else, fails.
#[rustfmt::skip]
const EXPECTED: &[(&str, &str, Access)] = &[
    ("GET", "/api/v1/events", Anyone),
    ("GET", "/api/v1/events/{event}", Anyone),
    ("GET", "/api/v1/events/{event}/seat-map", Anyone),
    ("GET", "/api/v1/events/{event}/availability", Anyone),
    ("GET", "/api/v1/events/{event}/live", Anyone),
    ("POST", "/api/v1/buyers", Anyone),
    ("POST", "/api/v1/events/{event}/holds", Buyer),
    ("GET", "/api/v1/events/{event}/holds/{hold}", Buyer),
    ("POST", "/api/v1/events/{event}/holds/{hold}/extend", Buyer),
    ("DELETE", "/api/v1/events/{event}/holds/{hold}", Buyer),
    ("POST", "/api/v1/events/{event}/holds/{hold}/checkout", Buyer),
    ("GET", "/api/v1/me/orders", Buyer),
    ("GET", "/api/v1/orders/{order}", Anyone),
    ("POST", "/api/v1/orders/{order}/cancel", Anyone),
    ("GET", "/api/v1/orders/{order}/tickets", Anyone),
    ("GET", "/api/v1/orders/{order}/tickets/{ticket}", Anyone),
    ("GET", "/api/v1/orders/{order}/tickets.pdf", Anyone),
    ("POST", "/api/v1/accounts", Anyone),
    ("POST", "/api/v1/sessions", Anyone),
    ("DELETE", "/api/v1/sessions/current", Organizer),
    ("GET", "/api/v1/api-keys", Organizer),
    ("POST", "/api/v1/api-keys", Organizer),
    ("DELETE", "/api/v1/api-keys/{key}", Organizer),
    ("GET", "/api/v1/organizer/events", Organizer),
    ("POST", "/api/v1/organizer/events", Organizer),
    ("GET", "/api/v1/organizer/events/{event}", Organizer),
    ("PATCH", "/api/v1/organizer/events/{event}", Organizer),
    ("DELETE", "/api/v1/organizer/events/{event}", Organizer),
    ("PUT", "/api/v1/organizer/events/{event}/seating-plan", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/seating-plan/generate", Organizer),
    ("PUT", "/api/v1/organizer/events/{event}/prices", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/publish", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/open", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/pause", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/resume", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/close", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/cancel", Organizer),
    ("GET", "/api/v1/organizer/events/{event}/seats", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/seats/block", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/seats/unblock", Organizer),
    ("GET", "/api/v1/organizer/events/{event}/sales", Organizer),
    ("GET", "/api/v1/organizer/events/{event}/live", Organizer),
    ("GET", "/api/v1/organizer/events/{event}/audit-log", Organizer),
    ("GET", "/api/v1/organizer/events/{event}/orders", Organizer),
    ("POST", "/api/v1/organizer/events/{event}/orders/{order}/refunds", Organizer),
    ("GET", "/api/v1/admin/jobs", Admin),
    ("POST", "/api/v1/admin/jobs/{job}/replay", Admin),
    ("GET", "/api/v1/admin/audit-log", Admin),
    ("GET", "/api/v1/admin/webhooks", Admin),
    ("POST", "/api/v1/admin/webhooks/{webhook}/replay", Admin),
    ("POST", "/webhooks/stripe", Signed),
    ("POST", "/internal/v1/events/{event}/ask", Signed),
    ("GET", "/healthz", Anyone),
    ("GET", "/readyz", Anyone),
    ("GET", "/metrics", Anyone),
    ("GET", "/keys/tickets.json", Anyone),
    ("GET", "/openapi.json", Anyone),
    ("GET", "/docs", Anyone),
    ("GET", "/problems", Anyone),
    ("GET", "/problems/{code}", Anyone),
    ("GET", "/", Anyone),
    ("GET", "/events/{event}", Anyone),
    ("GET", "/events/{event}/seats", Anyone),
    ("POST", "/events/{event}/hold", Anyone),
    ("GET", "/events/{event}/holds/{hold}", Buyer),
    ("POST", "/events/{event}/holds/{hold}/keep", Buyer),
    ("POST", "/events/{event}/holds/{hold}/release", Buyer),
    ("POST", "/events/{event}/holds/{hold}/checkout", Buyer),
    ("GET", "/orders/{order}", Anyone),
    ("POST", "/orders/{order}/cancel", Anyone),
    ("GET", "/me/orders", Anyone),
    ("GET", "/assets/{digest}/{name}", Anyone),
    ("GET", "/favicon.ico", Anyone),
    ("GET", "/organizer/login", Anyone),
    ("POST", "/organizer/login", Anyone),
    ("GET", "/organizer/register", Anyone),
    ("POST", "/organizer/register", Anyone),
    ("POST", "/organizer/logout", Anyone),
    ("GET", "/organizer", Organizer),
    ("GET", "/organizer/events/new", Organizer),
    ("POST", "/organizer/events/new", Organizer),
    ("GET", "/organizer/events/{event}", Organizer),
    ("POST", "/organizer/events/{event}/prices", Organizer),
    ("POST", "/organizer/events/{event}/delete", Organizer),
    ("POST", "/organizer/events/{event}/steps/{step}", Organizer),
    ("GET", "/organizer/events/{event}/sales", Organizer),
    ("GET", "/organizer/events/{event}/orders", Organizer),
    ("POST", "/organizer/events/{event}/orders/{order}/refund", Organizer),
    ("GET", "/admin/jobs", Admin),
    ("POST", "/admin/jobs/{job}/replay", Admin),
];

#[test]
fn every_route_is_declared_here_with_what_it_asks() {
    let table = routes();
    let declared: BTreeSet<_> =
        table.entries().iter().map(|entry| (entry.method.as_str(), entry.path, entry.access)).collect();
    let expected: BTreeSet<_> = EXPECTED.iter().copied().collect();
    let undeclared: Vec<_> = declared.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&declared).collect();
    assert!(undeclared.is_empty() && missing.is_empty(), "undeclared: {undeclared:?}\nmissing: {missing:?}");
}

#[actix_web::test]
async fn every_route_of_the_api_is_described() {
    let house = TestHouse::start().await;
    let (_, document) = house.call(Method::GET, "/openapi.json", None, None).await;
    for (method, path, access) in EXPECTED.iter().filter(|(_, path, _)| path.starts_with("/api/")) {
        let operation = &document["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        let scheme = &operation["security"][0];
        match access {
            Buyer => assert!(scheme["buyer"].is_array(), "{method} {path} does not say that it is for buyers"),
            Organizer | Admin => assert!(scheme["api_key"].is_array(), "{method} {path} does not ask for a login"),
            Anyone | Signed => {}
        }
    }
    house.stop().await;
}

/// What parameters stand for.
struct Ids {
    event: String,
    order: String,
    hold: String,
    ticket: String,
    key: String,
}

impl Ids {
    /// Ids that name nothing.
    fn fresh() -> Self {
        let fresh = |prefix: &str| format!("{prefix}_{:032x}", usher_engine::ids::fresh());
        Self { event: fresh("evt"), order: fresh("ord"), hold: fresh("hld"), ticket: fresh("tkt"), key: fresh("key") }
    }

    /// Those of a paid order with a printed ticket, and of its organizer's API key.
    async fn of_a_sale(house: &TestHouse, organizer: &str, buyer: &str) -> Self {
        let event = house.event_on_sale(organizer, 1_000).await;
        let (_, hold) = house.hold(&event, buyer, "hold-key-1", json!([{"kind": "best", "quantity": 1}])).await;
        let hold = hold["hold"].as_str().unwrap().to_owned();
        let (_, order) = house.checkout(&event, &hold, buyer, "order-key-1").await;
        house.pay(&order["payment"], "4242424242424242").await;
        let order = order["order"].as_str().unwrap().to_owned();
        let tickets = format!("/api/v1/orders/{order}/tickets");
        let tickets = house.until(&tickets, Some(buyer), |tickets| tickets["data"][0]["ready"] == true).await;
        let (_, keys) = house.call(Method::GET, "/api/v1/api-keys", Some(organizer), None).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Self { event, order, hold, ticket: text(&tickets["data"][0]["ticket"]), key: text(&keys["data"][0]["key"]) }
    }
}

/// Puts ids in the place of parameters.
fn with_ids(path: &str, ids: &Ids) -> String {
    path.replace("{event}", &ids.event)
        .replace("{order}", &ids.order)
        .replace("{hold}", &ids.hold)
        .replace("{ticket}", &ids.ticket)
        .replace("{key}", &ids.key)
        .replace("{job}", "print:1")
        .replace("{webhook}", "evt_1")
        .replace("{code}", "not_found")
        .replace("{step}", "open")
        .replace("{digest}", "0")
        .replace("{name}", "style.css")
}

#[actix_web::test]
async fn no_route_answers_a_role_that_it_is_not_for() {
    let house = TestHouse::start().await;
    let buyer = house.buyer().await;
    let organizer = house.organizer().await;
    let admin = house.account("admin@example.org", Role::Admin).await;
    let roles = [("nobody", None), ("buyer", Some(&buyer)), ("organizer", Some(&organizer)), ("admin", Some(&admin))];
    for (method, path, access) in EXPECTED {
        for (role, token) in roles {
            let path = with_ids(path, &Ids::fresh());
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = house.request(method.clone(), &path, token.map(String::as_str));
            let status = request.header("Idempotency-Key", "walk-key-1").send().await.unwrap().status();
            let refused = match (access, role) {
                (Anyone | Signed, _) | (Buyer, "buyer") | (Organizer, "organizer" | "admin") | (Admin, "admin") => None,
                (Admin, "organizer") => Some(StatusCode::FORBIDDEN),
                (Buyer | Organizer | Admin, _) => Some(StatusCode::UNAUTHORIZED),
            };
            let told_off = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
            match refused {
                Some(expected) => assert_eq!(status, expected, "{method} {path} as {role}"),
                // A login without a password is refused for what it says, not for who sends it.
                None => assert!(!told_off || path == "/organizer/login", "{method} {path} as {role}: {status}"),
            }
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{method} {path} as {role}");
        }
    }
    house.stop().await;
}

#[actix_web::test]
async fn what_is_somebody_elses_is_not_found_on_any_route() {
    let house = TestHouse::start().await;
    let organizer = house.organizer().await;
    let other = house.account("other@example.org", Role::Organizer).await;
    let (buyer, stranger) = (house.buyer().await, house.buyer().await);
    let ids = Ids::of_a_sale(&house, &organizer, &buyer).await;
    for (method, path, access) in EXPECTED {
        let token = match access {
            Organizer if path.contains("{event}") || path.contains("{key}") => &other,
            Anyone if path.contains("{order}") => &stranger,
            Buyer if path.contains("{hold}") => &stranger,
            Anyone | Buyer | Organizer | Admin | Signed => continue,
        };
        let path = with_ids(path, &ids);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = house.request(method.clone(), &path, Some(token));
        let request = request.header("Idempotency-Key", "walk-key-1").header("If-Match", "\"1\"");
        let request = if path.starts_with("/api/") {
            request.json(&body_for(&path))
        } else {
            request.form(&[("key", "walk-key-1"), ("name", "Eve"), ("email", "eve@example.org"), ("line", "0")])
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {}", response.text().await.unwrap());
    }
    house.stop().await;
}

/// Without it, a route that answers nobody would pass every test of who is refused.
#[actix_web::test]
async fn every_look_of_the_api_is_answered_to_whom_it_is_for() {
    let house = TestHouse::start().await;
    let (organizer, buyer) = (house.organizer().await, house.buyer().await);
    let admin = house.account("admin@example.org", Role::Admin).await;
    let ids = Ids::of_a_sale(&house, &organizer, &buyer).await;
    for (method, path, access) in EXPECTED.iter().filter(|(method, ..)| *method == "GET") {
        if !path.starts_with("/api/") {
            continue;
        }
        let token = match access {
            Anyone | Signed | Buyer => &buyer,
            Organizer => &organizer,
            Admin => &admin,
        };
        let path = with_ids(path, &ids);
        let status = house.request(Method::GET, &path, Some(token)).send().await.unwrap().status();
        // The hold has become an order, which ends it.
        let expected =
            if path.contains("/holds/") { [StatusCode::OK, StatusCode::CONFLICT] } else { [StatusCode::OK; 2] };
        assert!(expected.contains(&status), "{method} {path}: {status}");
    }
    house.stop().await;
}

/// A body that the route can read, so that it gets as far as looking whose the thing is.
fn body_for(path: &str) -> serde_json::Value {
    match path.rsplit('/').next() {
        Some("checkout") => json!({"name": "Eve", "email": "eve@example.org"}),
        Some("prices") => json!({"prices": []}),
        Some("generate") => json!({"template": "club", "name": "C", "standing_count": 1}),
        Some("block" | "unblock") => json!({"seats": [0]}),
        Some(_) | None => json!({}),
    }
}
