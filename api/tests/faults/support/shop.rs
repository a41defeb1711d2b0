//! An organizer who puts an event on sale, and single steps of buyers.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// How long what follows by itself may take.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);
pub(crate) const GOOD_CARD: &str = "4242424242424242";

/// A server's address and the organizer's key.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) http: Client,
}

/// What an event of a test is.
#[derive(Debug, Clone)]
pub(crate) struct Show {
    pub(crate) seats_count: u32,
    pub(crate) price_minor: u64,
    pub(crate) hold_ms: u64,
    /// Places and holds that one buyer may have.
    pub(crate) per_buyer_max: u16,
}

impl Default for Show {
    fn default() -> Self {
        Self { seats_count: 400, price_minor: 2_500, hold_ms: 480_000, per_buyer_max: 10 }
    }
}

impl Shop {
    /// Makes the organizer's account and key.
    pub(crate) async fn open(url: &str) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let form = json!({"email": "o@example.org", "password": "correct horse", "organizer_name": "Shows"});
        let made = http.post(format!("{url}/api/v1/accounts")).json(&form).send().await.unwrap();
        assert_eq!(made.status(), StatusCode::CREATED);
        let cookie = made.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let keys = http.post(format!("{url}/api/v1/api-keys")).header("Cookie", cookie).header("Origin", url);
        let key: Value = keys.json(&json!({"name": "faults"})).send().await.unwrap().json().await.unwrap();
        Self { url: url.to_owned(), key: key["secret"].as_str().unwrap().to_owned(), http }
    }

    /// Calls the API; an answer of any kind, or what broke.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// As the organizer; must succeed.
    pub(crate) async fn organize(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let path = format!("/api/v1/organizer{path}");
        let (status, answer) =
            self.try_call(method, &path, Some(&self.key), Some("organize-1"), body.as_ref()).await.unwrap();
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// Puts an event on sale.
    pub(crate) async fn on_sale(&self, show: &Show) -> String {
        let limits = json!({
            "places_per_order_max": 10, "places_per_buyer_max": show.per_buyer_max, "holds_per_buyer_max": show.per_buyer_max,
            "hold_ms": show.hold_ms, "hold_total_max_ms": show.hold_ms * 3,
        });
        let form = json!({
            "name": "An Evening", "venue": "Hall, Vienna", "starts_at": "2031-06-01T18:00:00Z",
            "time_zone": "Europe/Vienna", "currency": "EUR", "limits": limits,
        });
        let event = self.organize(Method::POST, "/events", Some(form)).await;
        let event = event["event"].as_str().unwrap().to_owned();
        let hall = json!({"template": "hall", "name": "Hall", "seats_count": show.seats_count});
        let path = format!("/events/{event}/seating-plan/generate");
        let plan = self.organize(Method::POST, &path, Some(hall)).await;
        let tiers = plan["tiers"].as_array().unwrap();
        let prices: Vec<Value> =
            tiers.iter().map(|tier| json!({"tier": tier, "price_minor": show.price_minor})).collect();
        let request = self.http.put(format!("{}/api/v1/organizer/events/{event}/prices", self.url));
        let request = request.bearer_auth(&self.key).header("If-Match", plan["revision"].to_string());
        let priced = request.json(&json!({"prices": prices})).send().await.unwrap();
        assert!(priced.status().is_success(), "{}", priced.text().await.unwrap());
        for step in ["publish", "open"] {
            self.organize(Method::POST, &format!("/events/{event}/{step}"), None).await;
        }
        event
    }

    pub(crate) async fn buyer(&self) -> String {
        let (status, buyer) = self.try_call(Method::POST, "/api/v1/buyers", None, None, None).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{buyer}");
        buyer["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn hold(
        &self,
        event: &str,
        buyer: &str,
        key: &str,
        asks: Value,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        let path = format!("/api/v1/events/{event}/holds");
        self.try_call(Method::POST, &path, Some(buyer), Some(key), Some(&json!({"asks": asks}))).await
    }

    pub(crate) async fn checkout(
        &self,
        event: &str,
        hold: &str,
        buyer: &str,
        key: &str,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        let path = format!("/api/v1/events/{event}/holds/{hold}/checkout");
        let contact = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
        self.try_call(Method::POST, &path, Some(buyer), Some(key), Some(&contact)).await
    }

    /// Pays at the sandbox's page; tells whether it took the form.
    pub(crate) async fn pay(&self, payment: &Value, card: &str) -> Result<bool, reqwest::Error> {
        let intent = payment["intent"].as_str().unwrap();
        let form = [("client_secret", payment["client_secret"].as_str().unwrap()), ("card", card), ("return_url", "/")];
        let request = self.http.post(format!("{}/sandbox/pay/{intent}", self.url)).header("Origin", &self.url);
        Ok(request.form(&form).send().await?.status().as_u16() < 400)
    }

    /// Holds, checks out and pays; the order's answer at checkout. Everything must succeed.
    pub(crate) async fn buy(&self, event: &str, key: &str, quantity: u32) -> (String, Value) {
        let buyer = self.buyer().await;
        let asks = json!([{"kind": "best", "quantity": quantity}]);
        let (status, hold) = self.hold(event, &buyer, key, asks).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{hold}");
        let (status, order) = self.checkout(event, hold["hold"].as_str().unwrap(), &buyer, key).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{order}");
        assert!(self.pay(&order["payment"], GOOD_CARD).await.unwrap());
        (buyer, order)
    }

    /// Asks again until the answer is as wanted.
    pub(crate) async fn until(&self, path: &str, bearer: Option<&str>, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.try_call(Method::GET, path, bearer, None, None).await;
            if let Ok((_, answer)) = &answer
                && wanted(answer)
            {
                return answer.clone();
            }
            assert!(began.elapsed() < FOLLOWS_WITHIN, "it did not follow: {path} {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until_paid(&self, order: &Value, buyer: &str) -> Value {
        let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
        self.until(&path, Some(buyer), |order| {
            let ready = |lines: &Vec<Value>| lines.iter().all(|line| line["ticket_ready"] == true);
            order["state"] == "paid" && order["lines"].as_array().is_some_and(ready)
        })
        .await
    }
}
