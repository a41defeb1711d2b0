//! The payment page, used as a browser without JavaScript uses it.

use reqwest::header::LOCATION;
use usher::sandbox::Sandbox;
use usher_engine::payments::{Gateway as _, Intent, IntentStatus};

use crate::sandbox_house::{House, new_intent};

const BACK: &str = "/orders/ord_1?access=x";
/// The same after a payment that was made.
const PAID: &str = "/orders/ord_1?access=x&redirect_status=succeeded";

async fn intent(house: &House) -> Intent {
    house.gateway().create_intent(new_intent(1), "k").await.unwrap()
}

/// Submits a form of the payment page; gives the status and where it sends the buyer.
async fn submit(house: &House, path: &str, intent: &Intent, field: (&str, &str), back: &str) -> (u16, String) {
    let form = [("client_secret", intent.client_secret.as_str()), ("return_url", back), field];
    let response = house.http.post(format!("{}{path}", house.base)).form(&form).send().await.unwrap();
    let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (response.status().as_u16(), to.to_owned())
}

#[actix_rt::test]
async fn the_page_shows_the_amount_and_a_button_for_each_card() {
    let house = House::open().await;
    let intent = intent(&house).await;
    let page = house.get(&Sandbox::page_url(&intent.id, &intent.client_secret, BACK)).await;
    assert_eq!(page.headers()["cache-control"], "private, no-store");
    let html = page.text().await.unwrap();
    for part in ["SANDBOX", "90.00 EUR", "value=\"4242424242424242\"", "4000 0000 0000 9995", "3-D Secure"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains("<script"));
}

#[actix_rt::test]
async fn a_good_card_leads_back_to_the_order() {
    let house = House::open().await;
    let intent = intent(&house).await;
    let path = format!("/sandbox/pay/{}", intent.id);
    for card in ["4242424242424242", "4242 4242 4242 4242"] {
        // The second click finds it paid and leads back all the same.
        assert_eq!(submit(&house, &path, &intent, ("card", card), BACK).await, (303, PAID.to_owned()));
    }
    assert_eq!(house.gateway().intent(&intent.id).await.unwrap().status, IntentStatus::RequiresCapture);
    let page = house.get(&Sandbox::page_url(&intent.id, &intent.client_secret, BACK)).await.text().await.unwrap();
    assert!(page.contains("authorized"));
}

#[actix_rt::test]
async fn a_declined_card_leads_to_the_page_with_the_reason() {
    let house = House::open().await;
    let intent = intent(&house).await;
    let path = format!("/sandbox/pay/{}", intent.id);
    let (status, to) = submit(&house, &path, &intent, ("card", "4000000000009995"), BACK).await;
    assert_eq!((status, to.as_str()), (303, Sandbox::page_url(&intent.id, &intent.client_secret, BACK).as_str()));
    assert!(house.get(&to).await.text().await.unwrap().contains("insufficient funds"));
    assert_eq!(submit(&house, &path, &intent, ("card", "1"), BACK).await.0, 400);
}

#[actix_rt::test]
async fn the_bank_asks_and_takes_yes_or_no() {
    let house = House::open().await;
    let intent = intent(&house).await;
    let path = format!("/sandbox/pay/{}", intent.id);
    for (answer, status) in
        [("decline", IntentStatus::RequiresPaymentMethod), ("approve", IntentStatus::RequiresCapture)]
    {
        let (_, bank) = submit(&house, &path, &intent, ("card", "4000000000003220"), BACK).await;
        assert!(house.get(&bank).await.text().await.unwrap().contains("Approve"));
        let bank_path = format!("{path}/authenticate");
        let (status_code, to) = submit(&house, &bank_path, &intent, ("answer", answer), BACK).await;
        assert_eq!((status_code, to == PAID), (303, answer == "approve"));
        assert_eq!(house.gateway().intent(&intent.id).await.unwrap().status, status);
    }
}

#[actix_rt::test]
async fn a_slow_card_and_a_cancelled_payment_are_shown_as_they_are() {
    let house = House::open().await;
    let intent = intent(&house).await;
    let path = format!("/sandbox/pay/{}", intent.id);
    assert_eq!(submit(&house, &path, &intent, ("card", "4000000000008005"), BACK).await.1, PAID);
    house.gateway().cancel_intent(&intent.id).await.unwrap();
    let page = Sandbox::page_url(&intent.id, &intent.client_secret, BACK);
    assert_eq!(submit(&house, &path, &intent, ("card", "4242424242424242"), BACK).await.1, page);
    assert!(house.get(&page).await.text().await.unwrap().contains("Nothing was charged"));
}

#[actix_rt::test]
async fn a_stranger_sees_nothing_and_nobody_is_sent_to_another_site() {
    let house = House::open().await;
    let intent = intent(&house).await;
    assert_eq!(house.get(&Sandbox::page_url(&intent.id, "wrong", BACK)).await.status(), 404);
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        assert_eq!(house.get(&Sandbox::page_url(&intent.id, &intent.client_secret, elsewhere)).await.status(), 400);
        let path = format!("/sandbox/pay/{}", intent.id);
        let (status, to) = submit(&house, &path, &intent, ("card", "4242424242424242"), elsewhere).await;
        assert_eq!((status, to.as_str()), (400, ""));
    }
    assert_eq!(house.gateway().intent(&intent.id).await.unwrap().status, IntentStatus::RequiresPaymentMethod);
    let hostile = "/orders/\"><script>alert(1)</script>";
    assert_eq!(house.get(&Sandbox::page_url(&intent.id, &intent.client_secret, hostile)).await.status(), 200);
    let html = house.get(&Sandbox::page_url(&intent.id, &intent.client_secret, hostile)).await.text().await.unwrap();
    assert!(!html.contains("<script>alert"));
}
