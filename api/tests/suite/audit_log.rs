//! What organizers and operators do is written down, and what cannot be written down is not done.

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use usher_engine::accounts::Role;

use crate::support::TestHouse;

fn deeds(listed: &Value) -> Vec<(String, String)> {
    let word = |act: &Value, member: &str| act[member].as_str().unwrap().to_owned();
    let acts = listed["data"].as_array().unwrap().iter();
    acts.map(|act| (word(act, "deed"), word(act, "outcome"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(deed, outcome)| ((*deed).to_owned(), (*outcome).to_owned())).collect()
}

#[actix_web::test]
async fn an_operator_reads_who_did_what_to_what_and_when() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let admin = house.account("admin@example.org", Role::Admin).await;
    let event = house.event_on_sale(&key, 2_500).await;
    let path = |step: &str| format!("/api/v1/organizer/events/{event}/{step}");
    let asked = house.request(Method::POST, &path("pause"), Some(&key)).send().await.unwrap();
    let request = asked.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(asked.status(), StatusCode::OK);
    let (status, _) = house.call(Method::POST, &path("open"), Some(&key), None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    for password in ["wrong horse", "correct horse"] {
        let form = json!({"email": "organizer@example.org", "password": password});
        house.call(Method::POST, "/api/v1/sessions", None, Some(form)).await;
    }
    let stranger = json!({"email": "my secret typed wrongly", "password": "another secret"});
    house.call(Method::POST, "/api/v1/sessions", None, Some(stranger)).await;

    let (status, log) = house.call(Method::GET, "/api/v1/admin/audit-log", Some(&admin), None).await;
    assert_eq!(status, StatusCode::OK, "{log}");
    let expected = [
        ("log_in", "refused"),
        ("log_in", "done"),
        ("log_in", "refused"),
        ("open", "refused"),
        ("pause", "done"),
        ("open", "done"),
        ("publish", "done"),
        ("change_prices", "done"),
        ("create_api_key", "done"),
        ("create_api_key", "done"),
    ];
    assert_eq!(deeds(&log), pairs(&expected));
    let acts = log["data"].as_array().unwrap();
    let organizer = &acts[1]["account"];
    assert!(organizer.as_str().unwrap().starts_with("acc_"));
    assert_eq!((&acts[0]["account"], &acts[2]["account"]), (&Value::Null, organizer));
    assert_eq!((&acts[3]["problem"], &acts[3]["account"]), (&json!("wrong_phase"), organizer));
    assert_eq!((&acts[4]["request"], &acts[4]["event"]), (&json!(request), &json!(event)));
    let text = log.to_string();
    for secret in ["horse", "secret", "example.org", key.as_str()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }

    let (_, of_event) = house.call(Method::GET, &path("audit-log?limit=2"), Some(&key), None).await;
    assert_eq!(deeds(&of_event), pairs(&[("open", "refused"), ("pause", "done")]));
    let next = path(&format!("audit-log?cursor={}", of_event["next_cursor"].as_str().unwrap()));
    let (_, of_event) = house.call(Method::GET, &next, Some(&key), None).await;
    assert_eq!(deeds(&of_event), pairs(&[("open", "done"), ("publish", "done"), ("change_prices", "done")]));
    let other = house.account("other@example.org", Role::Organizer).await;
    for (path, status) in
        [(path("audit-log"), StatusCode::NOT_FOUND), ("/api/v1/admin/audit-log".to_owned(), StatusCode::FORBIDDEN)]
    {
        assert_eq!(house.call(Method::GET, &path, Some(&other), None).await.0, status, "{path}");
    }
}

#[actix_web::test]
async fn what_cannot_be_written_down_is_not_done() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 2_500).await;
    let store = Connection::open(house.folder.path().join("data/store.db")).unwrap();
    store.execute("ALTER TABLE audit_log RENAME TO elsewhere", []).unwrap();
    let path = format!("/api/v1/organizer/events/{event}");
    let (status, problem) = house.call(Method::POST, &format!("{path}/close"), Some(&key), None).await;
    assert!(status.is_server_error(), "{status} {problem}");
    let form = json!({"email": "organizer@example.org", "password": "correct horse"});
    let (status, problem) = house.call(Method::POST, "/api/v1/sessions", None, Some(form)).await;
    assert!(status.is_server_error(), "{status} {problem}");
    let (_, standing) = house.call(Method::GET, &path, Some(&key), None).await;
    assert_eq!(standing["state"], "on_sale", "{standing}");

    store.execute("ALTER TABLE elsewhere RENAME TO audit_log", []).unwrap();
    let (status, closed) = house.call(Method::POST, &format!("{path}/close"), Some(&key), None).await;
    assert_eq!((status, &closed["state"]), (StatusCode::OK, &json!("closed")), "{closed}");
}
