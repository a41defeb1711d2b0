//! An organizer who gives money back while the server dies and returns, on an event of their own: the auditor of the
//! crowd takes a sold seat for sold for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use usher_loadtest::client::{Answer, Api, Body, Patience, Proof, Request, persist};

use super::shop::{GOOD_CARD, Shop, Show};

const PRICE_MINOR: u64 = 1_700;
const PATIENCE: Patience = Patience { gone_max: Duration::from_secs(60) };

/// Buys two seats, gives one back, again and again.
pub(crate) struct Refunds {
    shop: Shop,
    event: String,
    stopping: Arc<AtomicBool>,
    work: JoinHandle<u64>,
}

/// One who repeats until there is an answer.
struct Client {
    api: Api,
    base: String,
    organizer: Proof,
    chance: StdRng,
}

impl Client {
    async fn send(&mut self, proof: &Proof, request: &Request) -> Option<Answer> {
        persist(&self.api, &self.base, proof, request, PATIENCE, &mut self.chance).await.answer
    }

    async fn post(&mut self, proof: &Proof, path: String, key: &str, body: Body) -> Option<Value> {
        let answer = self.send(proof, &Request::post(path, body).with_key(key)).await?;
        answer.is_success().then(|| answer.json())
    }

    /// Whether all of it went through; a purchase that came to nothing is no fault here.
    async fn round(&mut self, event: &str, number: u64) -> Option<()> {
        let buyer = self.post(&Proof::None, "/api/v1/buyers".to_owned(), "buyer", Body::None).await?;
        let buyer = Proof::Bearer(buyer["token"].as_str()?.to_owned());
        let key = format!("refund-round-{number}");
        let asks = Body::Json(json!({"asks": [{"kind": "best", "quantity": 2}]}));
        let hold = self.post(&buyer, format!("/api/v1/events/{event}/holds"), &key, asks).await?;
        let hold = hold["hold"].as_str()?;
        let contact = Body::Json(json!({"name": "Ada Lovelace", "email": "ada@example.org"}));
        let order = self.post(&buyer, format!("/api/v1/events/{event}/holds/{hold}/checkout"), &key, contact).await?;
        let form = Body::Form(vec![
            ("client_secret", order["payment"]["client_secret"].as_str()?.to_owned()),
            ("return_url", "/".to_owned()),
            ("card", GOOD_CARD.to_owned()),
        ]);
        let intent = order["payment"]["intent"].as_str()?;
        self.send(&Proof::None, &Request::post(format!("/sandbox/pay/{intent}"), form)).await?;
        let order = order["order"].as_str()?;
        for _ in 0..400 {
            let sheet = self.send(&buyer, &Request::get(format!("/api/v1/orders/{order}"))).await?.json();
            if sheet["state"] == "paid" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let path = format!("/api/v1/organizer/events/{event}/orders/{order}/refunds");
        let organizer = self.organizer.clone();
        self.post(&organizer, path, &key, Body::Json(json!({"lines": [0]}))).await.map(drop)
    }
}

impl Refunds {
    /// Begins.
    pub(crate) async fn begin(shop: &Shop) -> Self {
        let event = shop.on_sale(&Show { seats_count: 4_000, price_minor: PRICE_MINOR, ..Show::default() }).await;
        let mut client = Client {
            api: Api::new(vec![shop.url.clone()]).unwrap(),
            base: shop.url.clone(),
            organizer: Proof::Bearer(shop.key.clone()),
            chance: StdRng::seed_from_u64(1),
        };
        let stopping: Arc<AtomicBool> = Arc::default();
        let (stop, on) = (Arc::clone(&stopping), event.clone());
        let work = tokio::spawn(async move {
            let mut refunds_count = 0;
            for number in 0.. {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                refunds_count += u64::from(client.round(&on, number).await.is_some());
            }
            refunds_count
        });
        Self { shop: shop.clone(), event, stopping, work }
    }

    /// Ends, and checks that the money that stayed is the price of the seats that stayed, at both sides.
    pub(crate) async fn end_and_check(self) -> u64 {
        self.stopping.store(true, Ordering::Release);
        let refunds_count = self.work.await.unwrap();
        let sales = format!("/api/v1/organizer/events/{}/sales", self.event);
        let event = self.event.as_str();
        let shop = &self.shop;
        let mut rests = None;
        for _ in 0..600 {
            let figures = shop.until(&sales, Some(&shop.key), |sales| sales["sold_count"].is_u64()).await;
            let (captured_minor, refunded_minor) = ledger(shop, event).await;
            let sold_minor = figures["sold_count"].as_u64().unwrap() * PRICE_MINOR;
            let told = figures["captured_minor"].as_u64().zip(figures["refunded_minor"].as_u64());
            let all = captured_minor - refunded_minor == sold_minor && told == Some((captured_minor, refunded_minor));
            rests = Some((captured_minor, refunded_minor, figures));
            if all {
                assert!(
                    refunded_minor >= refunds_count * PRICE_MINOR,
                    "an acknowledged refund was not paid: {rests:?}"
                );
                return refunds_count;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("money and seats of the refunded event do not agree: {rests:?}");
    }
}

/// What the provider has taken and given back for an event.
async fn ledger(shop: &Shop, event: &str) -> (u64, u64) {
    let (mut captured_minor, mut refunded_minor, mut cursor) = (0, 0, String::new());
    loop {
        let path = format!("/sandbox/ledger?limit=200{cursor}");
        let page = shop.until(&path, None, |page| page["data"].is_array()).await;
        for row in page["data"].as_array().unwrap().iter().filter(|row| row["event"] == event) {
            captured_minor += row["captured_minor"].as_u64().unwrap();
            refunded_minor += row["refunded_minor"].as_u64().unwrap();
        }
        if page["next_cursor"].is_null() {
            return (captured_minor, refunded_minor);
        }
        cursor = format!("&cursor={}", page["next_cursor"].to_string().trim_matches('"'));
    }
}
