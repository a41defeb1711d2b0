//! The sandbox answers as Stripe does, also when it is asked nonsense.

use serde_json::Value;

use crate::sandbox_house::{House, SECRET_KEY};

const NEW: [(&str, &str); 3] = [("amount", "500"), ("currency", "eur"), ("capture_method", "manual")];

#[actix_rt::test]
async fn an_unknown_or_missing_parameter_is_named() {
    let house = House::open().await;
    let mut form = NEW.to_vec();
    form.push(("surprise", "1"));
    let (status, body) = house.call("payment_intents", &form, None).await;
    assert_eq!((status, body["error"]["param"].as_str()), (400, Some("surprise")));
    assert_eq!(body["error"]["type"], "invalid_request_error");
    let (status, body) = house.call("payment_intents", &NEW[1..], None).await;
    assert_eq!((status, body["error"]["code"].as_str()), (400, Some("parameter_missing")));
    let (status, _) = house.call("payment_intents", &[("amount", "-1"), ("currency", "eur")], None).await;
    assert_eq!(status, 400);
}

#[actix_rt::test]
async fn a_key_replays_its_answer_errors_included_and_refuses_another_request() {
    let house = House::open().await;
    let (status, first) = house.call("payment_intents", &NEW, Some("k")).await;
    assert_eq!(status, 200);
    assert_eq!(house.call("payment_intents", &NEW, Some("k")).await, (200, first.clone()));
    let (status, body) = house.call("payment_intents", &NEW[..2], Some("k")).await;
    assert_eq!((status, body["error"]["type"].as_str()), (400, Some("idempotency_error")));
    let intent = first["id"].as_str().unwrap();
    let capture = format!("payment_intents/{intent}/capture");
    let (status, early) = house.call(&capture, &[], Some("c")).await;
    assert_eq!((status, early["error"]["code"].as_str()), (400, Some("payment_intent_unexpected_state")));
    house.confirm(intent, first["client_secret"].as_str().unwrap(), "pm_card_visa").await;
    assert_eq!(house.call(&capture, &[], Some("c")).await, (400, early), "the first answer stands");
    assert_eq!(house.call(&capture, &[], Some("c2")).await.0, 200);
}

#[actix_rt::test]
async fn a_replayed_answer_says_so_in_a_header() {
    let house = House::open().await;
    let url = format!("{}/sandbox/v1/payment_intents", house.base);
    for replayed in [None, Some("true")] {
        let request = house.http.post(&url).bearer_auth(SECRET_KEY).header("idempotency-key", "k").form(&NEW);
        let response = request.send().await.unwrap();
        let header = response.headers().get("idempotent-replayed").and_then(|value| value.to_str().ok());
        assert_eq!(header, replayed);
    }
}

#[actix_rt::test]
async fn a_browser_may_confirm_and_read_its_own_intent_and_nothing_else() {
    let house = House::open().await;
    let (_, made) = house.call("payment_intents", &NEW, None).await;
    let (intent, secret) = (made["id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert_eq!(house.confirm(intent, "pi_wrong_secret", "pm_card_visa").await.0, 404);
    let path = format!("/sandbox/v1/payment_intents/{intent}?client_secret={secret}&key=pk_test_sandbox");
    assert_eq!(house.get(&path).await.status(), 200);
    assert_eq!(house.get(&format!("/sandbox/v1/payment_intents/{intent}?key=pk_test_sandbox")).await.status(), 400);
    assert_eq!(house.get(&format!("/sandbox/v1/payment_intents/{intent}")).await.status(), 401);
    let capture = house.http.post(format!("{}/sandbox/v1/payment_intents/{intent}/capture", house.base));
    assert_eq!(capture.bearer_auth("pk_test_sandbox").send().await.unwrap().status(), 401);
    let create = house.http.post(format!("{}/sandbox/v1/payment_intents", house.base)).form(&NEW);
    assert_eq!(create.send().await.unwrap().status(), 401);
    assert_eq!(house.confirm(intent, secret, "pm_card_visa").await.0, 200);
}

#[actix_rt::test]
async fn a_declined_card_is_told_with_its_code_and_the_intent() {
    let house = House::open().await;
    let (_, made) = house.call("payment_intents", &NEW, None).await;
    let (intent, secret) = (made["id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    let (status, body) = house.confirm(intent, secret, "pm_card_visa_chargeDeclinedInsufficientFunds").await;
    let error = &body["error"];
    assert_eq!((status, error["code"].as_str()), (402, Some("card_declined")));
    assert_eq!(error["decline_code"], "insufficient_funds");
    assert_eq!(error["payment_intent"]["last_payment_error"]["code"], "card_declined");
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
}

#[actix_rt::test]
async fn the_ledger_tells_what_moved_page_by_page() {
    let house = House::open().await;
    for order in ["ord_a", "ord_b"] {
        let mut form = NEW.to_vec();
        form.push(("metadata[order]", order));
        let (_, made) = house.call("payment_intents", &form, None).await;
        let (intent, secret) = (made["id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
        house.confirm(intent, secret, "pm_card_visa").await;
        if order == "ord_a" {
            assert_eq!(house.call(&format!("payment_intents/{intent}/capture"), &[], None).await.0, 200);
            assert_eq!(house.call("refunds", &[("payment_intent", intent), ("amount", "200")], None).await.0, 200);
        } else {
            assert_eq!(house.call(&format!("payment_intents/{intent}/cancel"), &[], None).await.0, 200);
        }
    }
    let first: Value = house.get("/sandbox/ledger?limit=1").await.json().await.unwrap();
    let row = &first["data"][0];
    assert_eq!(
        (&row["order"], &row["captured_minor"], &row["refunded_minor"]),
        (&"ord_a".into(), &500.into(), &200.into())
    );
    let next = format!("/sandbox/ledger?limit=1&cursor={}", first["next_cursor"]);
    let second: Value = house.get(&next).await.json().await.unwrap();
    let row = &second["data"][0];
    assert_eq!(
        (&row["order"], &row["captured_minor"], &row["cancelled_minor"]),
        (&"ord_b".into(), &0.into(), &500.into())
    );
}
