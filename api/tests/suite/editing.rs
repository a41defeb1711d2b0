//! Organizers at work: accounts, drafts, plans, tags, publication.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher_engine::accounts::Role;

use crate::support::{TestHouse, event_form};

#[actix_web::test]
async fn an_organizer_registers_logs_in_and_out() {
    let house = TestHouse::start().await;
    let form = json!({"email": "Eve@Example.org", "password": "long enough", "organizer_name": "Eve's"});
    let (status, account) = house.call(Method::POST, "/api/v1/accounts", None, Some(form.clone())).await;
    assert_eq!((status, &account["email"]), (StatusCode::CREATED, &json!("eve@example.org")), "{account}");
    let (status, problem) = house.call(Method::POST, "/api/v1/accounts", None, Some(form)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("email_taken")));
    let short = json!({"email": "nobody", "password": "short", "organizer_name": ""});
    let (status, problem) = house.call(Method::POST, "/api/v1/accounts", None, Some(short)).await;
    assert_eq!((status.as_u16(), problem["errors"].as_array().unwrap().len()), (422, 3), "{problem}");

    for (email, password) in [("eve@example.org", "wrong password"), ("nobody@example.org", "long enough")] {
        let login = json!({"email": email, "password": password});
        let (status, problem) = house.call(Method::POST, "/api/v1/sessions", None, Some(login)).await;
        assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("login_failed")));
    }
    let login = json!({"email": "EVE@example.org ", "password": "long enough"});
    let request = house.request(Method::POST, "/api/v1/sessions", None).json(&login);
    let response = request.send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with_cookie = |method, path: &str| house.request(method, path, None).header("Cookie", &cookie);
    let mine = with_cookie(Method::GET, "/api/v1/organizer/events").send().await.unwrap();
    assert_eq!(mine.status(), StatusCode::OK);

    // A cookie alone does not prove that this site's own page asks.
    let out = "/api/v1/sessions/current";
    for (header, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("X-None", "-")] {
        let refused = with_cookie(Method::DELETE, out).header(header, value).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{header}: {value}");
    }
    let left = with_cookie(Method::DELETE, out).header("Origin", &house.url).send().await.unwrap();
    assert_eq!(left.status(), StatusCode::NO_CONTENT);
    let after = with_cookie(Method::GET, "/api/v1/organizer/events").send().await.unwrap();
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED, "the session is over");
    house.stop().await;
}

#[actix_web::test]
async fn logging_in_is_limited_by_address() {
    let house = TestHouse::start_with(|settings| settings.accounts.login_burst_max = 2).await;
    let login = json!({"email": "eve@example.org", "password": "wrong password"});
    for _ in 0..2 {
        let (status, _) = house.call(Method::POST, "/api/v1/sessions", None, Some(login.clone())).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let request = house.request(Method::POST, "/api/v1/sessions", None).header("X-Forwarded-For", "198.51.100.1");
    let response = request.json(&login).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "a forged header opens no second account");
    assert!(response.headers().contains_key("retry-after"));
    house.stop().await;
}

#[actix_web::test]
async fn a_change_needs_the_tag_of_what_it_changes() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.draft(&key, 1_000).await;
    let path = format!("/api/v1/organizer/events/{event}");
    let response = house.request(Method::GET, &path, Some(&key)).send().await.unwrap();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let patch = |tag: Option<&str>, body: Value| {
        let request = house.request(Method::PATCH, &path, Some(&key)).json(&body);
        match tag {
            Some(tag) => request.header("If-Match", tag).send(),
            None => request.send(),
        }
    };
    assert_eq!(patch(None, json!({"name": "B"})).await.unwrap().status().as_u16(), 428);
    let changed = patch(Some(&tag), json!({"name": "B", "opens_at": "2030-01-01T00:00:00Z"})).await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert_eq!(patch(Some(&tag), json!({"name": "C"})).await.unwrap().status().as_u16(), 412, "the tag is old");
    let newer = changed.headers()["etag"].to_str().unwrap().to_owned();
    let bad = json!({"name": "", "time_zone": "Mars/Olympus", "closes_at": "2029-01-01T00:00:00Z"});
    let response = patch(Some(&newer), bad).await.unwrap();
    assert_eq!(response.status().as_u16(), 422);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    let response = patch(Some(&newer), json!({"opens_at": null})).await.unwrap();
    let sheet: Value = response.json().await.unwrap();
    assert_eq!((&sheet["opens_at"], &sheet["name"]), (&Value::Null, &json!("B")));
    house.stop().await;
}

#[actix_web::test]
async fn an_event_is_published_once_nothing_is_missing() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let (_, event) = house.call(Method::POST, "/api/v1/organizer/events", Some(&key), Some(event_form())).await;
    let path = format!("/api/v1/organizer/events/{}", event["event"].as_str().unwrap());
    let (status, problem) = house.call(Method::POST, &format!("{path}/publish"), Some(&key), None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("not_ready")), "{problem}");
    assert_eq!(problem["errors"], json!([{"pointer": "/plan_digest", "detail": "a seating plan"}]));
    let plan = Some(json!({"format": "usher.seating-plan/1", "name": "", "tiers": [], "sections": []}));
    let tag = [("If-Match", "1")];
    let (status, problem) = house.call_with(Method::PUT, &format!("{path}/seating-plan"), Some(&key), plan, &tag).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("plan_invalid")), "{problem}");

    let event = house.draft(&key, 1_000).await;
    let public = format!("/api/v1/events/{event}");
    let (status, _) = house.call(Method::GET, &public, None, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a draft is its organizer's");
    let (status, _) = house.call(Method::GET, &public, Some(&key), None).await;
    assert_eq!(status, StatusCode::OK);
    let path = format!("/api/v1/organizer/events/{event}");
    let (status, sheet) = house.call(Method::POST, &format!("{path}/publish"), Some(&key), None).await;
    assert_eq!((status, &sheet["state"]), (StatusCode::OK, &json!("announced")), "{sheet}");
    let (status, _) = house.call(Method::GET, &public, None, None).await;
    assert_eq!(status, StatusCode::OK);
    let (status, problem) = house.call(Method::DELETE, &path, Some(&key), None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("not_a_draft")));
    let (_, listed) = house.call(Method::GET, "/api/v1/events?q=evening", None, None).await;
    assert_eq!(listed["data"][0]["event"], json!(event));
    house.stop().await;
}

#[actix_web::test]
async fn another_organizers_event_is_not_found() {
    let house = TestHouse::start().await;
    let (key, other) = (house.organizer().await, house.account("other@example.org", Role::Organizer).await);
    let admin = house.account("admin@example.org", Role::Admin).await;
    let event = house.event_on_sale(&key, 1_000).await;
    for path in ["", "/sales", "/orders", "/seats"] {
        let path = format!("/api/v1/organizer/events/{event}{path}");
        let (status, _) = house.call(Method::GET, &path, Some(&other), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let (status, _) = house.call(Method::GET, &path, Some(&admin), None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
    let pause = format!("/api/v1/organizer/events/{event}/pause");
    let (status, _) = house.call(Method::POST, &pause, Some(&other), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    house.stop().await;
}

#[actix_web::test]
async fn a_seat_map_is_immutable_and_availability_has_a_version() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 1_000).await;
    let (_, sheet) = house.call(Method::GET, &format!("/api/v1/events/{event}"), None, None).await;
    let digest = sheet["plan_digest"].as_str().unwrap();
    let path = format!("/api/v1/events/{event}/seat-map?v={digest}");
    let response = house.request(Method::GET, &path, None).send().await.unwrap();
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(tag, format!("\"{digest}\""));
    let again = house.request(Method::GET, &path, None).header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let path = format!("/api/v1/events/{event}/availability");
    let response = house.request(Method::GET, &path, None).send().await.unwrap();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let unchanged = house.request(Method::GET, &path, None).header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    let buyer = house.buyer().await;
    house.hold(&event, &buyer, "hold-key-1", json!([{"kind": "seats", "seats": [0]}])).await;
    let changed = house.request(Method::GET, &path, None).header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let availability: Value = changed.json().await.unwrap();
    assert!(availability["seats"].as_str().unwrap().starts_with("AQ"), "seat 0 is held: {availability}");
    house.stop().await;
}

#[actix_web::test]
async fn prices_and_plans_are_put_onto_the_revision_that_was_read() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.draft(&key, 1_000).await;
    let path = format!("/api/v1/organizer/events/{event}");
    let (_, sheet) = house.call(Method::GET, &path, Some(&key), None).await;
    let (now, before) = (sheet["revision"].as_u64().unwrap(), sheet["revision"].as_u64().unwrap() - 1);
    let plan = json!({"format": "usher.seating-plan/1", "name": "Room", "focal_point_cm": [0, 0], "tiers": [{"code": "A", "name": "A"}], "sections": [],
        "areas": [{"code": "FLOOR", "name": "Floor", "tier": "A", "capacity": 10,
                   "outline_cm": [[0, 0], [100, 0], [100, 100]]}]});
    let prices = json!({"prices": [{"tier": sheet["tiers"][0]["code"], "price_minor": 2_000}]});
    for (member, body) in [("prices", prices), ("seating-plan", plan)] {
        let path = format!("{path}/{member}");
        let put = async |tag: Option<u64>| {
            let tag = tag.map(|tag| format!("\"{tag}\""));
            let headers: Vec<_> = tag.iter().map(|tag| ("If-Match", tag.as_str())).collect();
            house.call_with(Method::PUT, &path, Some(&key), Some(body.clone()), &headers).await
        };
        let (status, problem) = put(None).await;
        assert_eq!((status.as_u16(), &problem["code"]), (428, &json!("if_match_required")), "{member}: {problem}");
        let (status, problem) = put(Some(before)).await;
        assert_eq!((status.as_u16(), &problem["code"]), (412, &json!("changed_meanwhile")), "{member}: {problem}");
        let at = if member == "prices" { now } else { now + 1 };
        let (status, answer) = put(Some(at)).await;
        assert_eq!((status.as_u16(), &answer["revision"]), (200, &json!(at + 1)), "{member}: {answer}");
    }
    house.stop().await;
}

#[actix_web::test]
async fn limits_that_cannot_be_are_told_when_they_are_written_and_not_when_it_is_published() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    for limits in [
        json!({"places_per_order_max": 0}),
        json!({"places_per_order_max": 11, "places_per_buyer_max": 10}),
        json!({"hold_ms": 100, "hold_total_max_ms": 99}),
    ] {
        let mut form = event_form();
        form["limits"] = limits;
        let (status, problem) = house.call(Method::POST, "/api/v1/organizer/events", Some(&key), Some(form)).await;
        assert_eq!((status.as_u16(), &problem["errors"][0]["pointer"]), (422, &json!("/limits")), "{problem}");
    }
    house.stop().await;
}

/// As pretix exports them: zones of rows, drawn in units of its own.
fn pretix_plan() -> Value {
    let seat = |number: u32, category: &str| {
        json!({"seat_guid": format!("s{number}"), "seat_number": number.to_string(), "category": category,
               "position": {"x": 25 * number, "y": 0}})
    };
    json!({
        "name": "Small theatre", "size": {"width": 1_000, "height": 800},
        "categories": [{"name": "Balcony", "color": "#7f4a91"}, {"name": "Stalls", "color": "#2b6cb0"}],
        "zones": [{"name": "Stalls", "position": {"x": 100, "y": 50.25}, "areas": [{"shape": "text"}], "rows": [
            {"row_number": "1", "position": {"x": 0, "y": 10}, "seats": [seat(1, "Stalls"), seat(2, "Stalls"), seat(3, "Balcony")]}]}],
    })
}

#[actix_web::test]
async fn a_plan_of_pretix_is_taken_as_it_is_exported_and_can_be_sold() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let (_, event) = house.call(Method::POST, "/api/v1/organizer/events", Some(&key), Some(event_form())).await;
    let event = event["event"].as_str().unwrap();
    let path = format!("/api/v1/organizer/events/{event}");
    let put = async |member: &str, tag: &str, body: Value| {
        let headers = [("If-Match", tag)];
        house.call_with(Method::PUT, &format!("{path}/{member}"), Some(&key), Some(body), &headers).await
    };
    let (status, problem) = put("seating-plan", "1", json!({"zones": 1})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("plan_invalid")), "{problem}");
    let (status, plan) = put("seating-plan", "1", pretix_plan()).await;
    assert_eq!(
        (status.as_u16(), &plan["seats_count"], &plan["tiers"]),
        (200, &json!(3), &json!(["Balcony", "Stalls"])),
        "{plan}"
    );
    let prices = json!({"prices": [{"tier": "Balcony", "price_minor": 900}, {"tier": "Stalls", "price_minor": 1_200}]});
    let (status, answer) = put("prices", &plan["revision"].to_string(), prices).await;
    assert_eq!(status.as_u16(), 200, "{answer}");
    for step in ["publish", "open"] {
        let (status, answer) = house.call(Method::POST, &format!("{path}/{step}"), Some(&key), None).await;
        assert_eq!(status.as_u16(), 200, "{answer}");
    }
    let buyer = house.buyer().await;
    let (status, hold) = house.hold(event, &buyer, "hold-key-1", json!([{"kind": "seats", "seats": [2]}])).await;
    assert_eq!((status.as_u16(), &hold["total_minor"]), (201, &json!(900)), "{hold}");
    house.stop().await;
}
