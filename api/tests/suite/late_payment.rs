//! A payment that comes after its time, from the buyer's side: the page and the letter, when the places are still free
//! and when others have them.
//!
//! While the time runs out the provider can neither be asked nor speaks: else the order would be confirmed or called
//! off within its grace. The provider is a sandbox of its own behind a door that can be shut, whose webhooks the test
//! delivers late; the house's clock is set by hand.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use usher::config::PaymentsSettings;
use usher::config::units::Secret;
use usher_core::UnixMillis;
use usher_engine::clock::Clock;
use usher_engine::payments::webhook::WebhookSecret;
use usher_engine::payments::{Gateway as _, IntentStatus};

use crate::sandbox_house::{House as Provider, PUBLISHABLE_KEY, SECRET_KEY};
use crate::support::{TestHouse, event_form};

const WEBHOOK_SECRET: &str = "whsec_house";
/// What the event gives a buyer, and what it gives the provider after that.
const HOLD: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(30);

/// The way to the provider.
struct Door {
    base: String,
    /// Shutting it waits for who is on the way: word of the payment must not slip through.
    is_shut: RwLock<bool>,
    http: reqwest::Client,
}

async fn pass(door: Data<Door>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let is_shut = door.is_shut.read().await;
    if *is_shut {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut onward = door.http.request(method, format!("{}{}", door.base, request.uri())).body(body.to_vec());
    for name in ["authorization", "content-type", "idempotency-key", "stripe-version"] {
        if let Some(value) = request.headers().get(name) {
            onward = onward.header(name, value.to_str().unwrap());
        }
    }
    let answer = onward.send().await.unwrap();
    let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16()).unwrap();
    HttpResponse::build(status).content_type("application/json").body(answer.bytes().await.unwrap())
}

/// Opens the way; gives its address.
fn door(provider: &Provider) -> (Data<Door>, String) {
    let door = Door { base: provider.base.clone(), is_shut: RwLock::new(false), http: provider.http.clone() };
    let door = Data::from(Arc::new(door));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/sandbox/", listener.local_addr().unwrap());
    let shared = door.clone();
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(pass))).workers(1);
    actix_web::rt::spawn(server.disable_signals().listen(listener).unwrap().run());
    (door, address)
}

/// An order whose payment is authorized in time, and known of only after its places have returned.
struct Late {
    provider: Provider,
    house: TestHouse,
    door: Data<Door>,
    clock: Clock,
    event: String,
    buyer: String,
    order: Value,
}

impl Late {
    async fn order() -> Self {
        let provider = Provider::open().await;
        let (door, base_url) = door(&provider);
        let clock = Clock::manual(Clock::system().now());
        let stripe = PaymentsSettings::Stripe {
            secret_key: Secret::new(SECRET_KEY.to_owned()),
            publishable_key: PUBLISHABLE_KEY.to_owned(),
            webhook_secrets: vec![Secret::new(WEBHOOK_SECRET.to_owned())],
            base_url,
        };
        let folder = tempfile::tempdir().unwrap();
        let house = TestHouse::start_in(folder, clock.clone(), |settings| settings.payments = stripe).await;
        let key = house.organizer().await;
        let event = on_sale(&house, &key).await;
        let buyer = house.buyer().await;
        let asks = json!([{"kind": "seats", "seats": [0, 1]}]);
        let (_, hold) = house.hold(&event, &buyer, "hold-key-1", asks).await;
        let (status, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        let secret = order["payment"]["client_secret"].as_str().unwrap();
        *door.is_shut.write().await = true;
        let (status, intent) = provider.confirm(intent_of(&order), secret, "pm_card_visa").await;
        assert_eq!((status, &intent["status"]), (200, &json!("requires_capture")), "{intent}");

        let late = Self { provider, house, door, clock, event, buyer, order };
        late.clock.advance(HOLD);
        late.until(&late.path(), |order| order["lapsed"] == true).await;
        late.clock.advance(GRACE);
        let availability = format!("/api/v1/events/{}", late.event);
        late.until(&availability, |event| event["available_count"] == 60).await;
        late
    }

    fn path(&self) -> String {
        format!("/api/v1/orders/{}", self.order["order"].as_str().unwrap())
    }

    /// Asks until it is so, while the house's time goes on.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (_, answer) = self.house.call(Method::GET, path, Some(&self.buyer), None).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it did not follow: {path} {answer}");
            self.clock.advance(Duration::from_millis(50));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The provider is there again, and its word of the payment comes.
    async fn word_comes(&self) {
        *self.door.is_shut.write().await = false;
        let authorized = "payment_intent.amount_capturable_updated";
        let events = self.provider.receiver.wait_for(|events| events.iter().any(|event| event["type"] == authorized));
        let event = events.await.into_iter().find(|event| event["type"] == authorized).unwrap().to_string();
        let now = UnixMillis(self.clock.now().0);
        let signature = WebhookSecret::new(WEBHOOK_SECRET.to_owned()).sign(event.as_bytes(), now);
        let request = self.house.request(Method::POST, "/webhooks/stripe", None);
        let answer = request.header("Stripe-Signature", signature).body(event).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    async fn page(&self) -> String {
        let path = self.path().replace("/api/v1", "") + "?access=" + self.order["access"].as_str().unwrap();
        self.house.request(Method::GET, &path, None).send().await.unwrap().text().await.unwrap()
    }

    /// The letter of that name, once it is written.
    async fn letter(&self, name: &str) -> String {
        let name = format!("{name}.{}", self.order["order"].as_str().unwrap());
        let began = Instant::now();
        loop {
            let outbox = std::fs::read_dir(self.house.folder.path().join("data/outbox")).unwrap();
            let mut paths = outbox.map(|entry| entry.unwrap().path());
            if let Some(path) = paths.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&name)) {
                // Lines of a mail are folded.
                return std::fs::read_to_string(path).unwrap().replace("=\r\n", "");
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no letter {name}");
            self.clock.advance(Duration::from_millis(50));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn intent_status(&self) -> IntentStatus {
        self.provider.gateway().intent(intent_of(&self.order)).await.unwrap().status
    }
}

fn intent_of(order: &Value) -> &str {
    order["payment"]["intent"].as_str().unwrap()
}

/// A hall of 60 seats whose holds are short.
async fn on_sale(house: &TestHouse, key: &str) -> String {
    let mut form = event_form();
    let hold_ms = u64::try_from(HOLD.as_millis()).unwrap();
    form["limits"] = json!({"hold_ms": hold_ms, "hold_total_max_ms": hold_ms});
    let (_, event) = house.call(Method::POST, "/api/v1/organizer/events", Some(key), Some(form)).await;
    let event = event["event"].as_str().unwrap().to_owned();
    let base = format!("/api/v1/organizer/events/{event}");
    let hall = json!({"template": "hall", "name": "Hall", "seats_count": 60});
    let (_, plan) = house.call(Method::POST, &format!("{base}/seating-plan/generate"), Some(key), Some(hall)).await;
    let tiers = plan["tiers"].as_array().unwrap();
    let prices: Vec<Value> = tiers.iter().map(|tier| json!({"tier": tier, "price_minor": 1_000})).collect();
    let tag = plan["revision"].to_string();
    let prices = Some(json!({"prices": prices}));
    house.call_with(Method::PUT, &format!("{base}/prices"), Some(key), prices, &[("If-Match", &tag)]).await;
    for step in ["publish", "open"] {
        let (status, answer) = house.call(Method::POST, &format!("{base}/{step}"), Some(key), None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    event
}

#[actix_web::test]
async fn late_money_gets_its_places_if_they_are_still_free() {
    let late = Late::order().await;
    late.word_comes().await;
    let order = late.until(&late.path(), |order| order["lines"][0]["ticket_ready"] == true).await;
    assert_eq!((&order["state"], &order["retaken"]), (&json!("paid"), &json!(true)), "{order}");
    assert_eq!(late.intent_status().await, IntentStatus::Succeeded);
    let page = late.page().await;
    assert!(page.contains("Your time was up when the payment came, but the same places were still free"), "{page}");
    assert!(late.letter("confirmation").await.contains("Your order is paid (EUR 20.00)"));
    late.house.stop().await;
}

#[actix_web::test]
async fn late_money_is_not_taken_when_others_have_the_places() {
    let late = Late::order().await;
    let other = late.house.buyer().await;
    let asks = json!([{"kind": "seats", "seats": [1]}]);
    let (status, hold) = late.house.hold(&late.event, &other, "hold-key-2", asks).await;
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    late.word_comes().await;
    let order = late.until(&late.path(), |order| order["state"] == "cancelled").await;
    assert_eq!(order["cancel_reason"], "places_gone", "{order}");
    let page = late.page().await;
    assert!(page.contains("others have the places") && page.contains("nothing was charged"), "{page}");
    let letter = late.letter("cancellation").await;
    assert!(letter.contains("nothing was charged") && letter.contains("others have the places now"), "{letter}");
    let began = Instant::now();
    while late.intent_status().await != IntentStatus::Canceled {
        assert!(began.elapsed() < Duration::from_secs(30), "the authorization stands");
        late.clock.advance(Duration::from_millis(50));
    }
    late.house.stop().await;
}
