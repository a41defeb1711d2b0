//! A house on a free port, and clients of it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use usher::access::{Login, LoginVia, Subject};
use usher::app::create_app;
use usher::config::{Settings, StoresSettings};
use usher::desk::organizer::{ApiKeyForm, RegisterForm, create_account_as, create_api_key};
use usher::house::House;
use usher_engine::accounts::Role;
use usher_engine::clock::Clock;

/// How long a test waits for something that follows by itself.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);

/// A running house.
pub(crate) struct TestHouse {
    pub(crate) house: Option<House>,
    pub(crate) url: String,
    pub(crate) http: Client,
    handle: ServerHandle,
    running: actix_web::rt::task::JoinHandle<std::io::Result<()>>,
    pub(crate) folder: TempDir,
}

impl TestHouse {
    /// With settings as a test needs them.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), Clock::system(), change).await
    }

    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_in(folder: TempDir, clock: Clock, change: impl FnOnce(&mut Settings)) -> Self {
        let stores = StoresSettings::Sqlite { folder: folder.path().join("data") };
        let mut settings = Settings { stores, ..Settings::default() };
        settings.accounts.login_burst_max = 100;
        settings.events.schedule_every = "100ms".parse().unwrap();
        change(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bound = listener.local_addr().unwrap();
        let house = House::open(settings, bound, clock).unwrap();
        let state = house.state().clone();
        let server = HttpServer::new(move || create_app(&state)).workers(1).disable_signals().listen(listener).unwrap();
        let server = server.run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        house.start();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { house: Some(house), url: format!("http://{bound}"), http, handle, running, folder }
    }

    /// Stops everything in order and gives the folder back.
    pub(crate) async fn stop(mut self) -> TempDir {
        self.house.as_ref().unwrap().begin_draining();
        self.handle.stop(true).await;
        // The workers hold the stores until they have ended.
        (&mut self.running).await.unwrap().unwrap();
        if let Some(house) = self.house.take() {
            house.stop().await;
        }
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    pub(crate) fn state(&self) -> &usher::state::AppState {
        self.house.as_ref().unwrap().state()
    }

    /// A request with whatever proof.
    pub(crate) fn request(&self, method: Method, path: &str, bearer: Option<&str>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// An account with an API key.
    pub(crate) async fn account(&self, email: &str, role: Role) -> String {
        let state = self.state();
        let form = RegisterForm {
            email: email.to_owned(),
            password: "correct horse".to_owned(),
            organizer_name: format!("{email}'s shows"),
        };
        create_account_as(state, &form, role).await.unwrap();
        let account = state.accounts.account_by_email(email).await.unwrap().unwrap();
        let login = Some(Login::new(account, LoginVia::ApiKey));
        let subject = Subject { login, ..Subject::default() };
        create_api_key(state, &subject, &ApiKeyForm { name: "test".to_owned() }).await.unwrap().secret
    }

    /// An organizer's API key.
    pub(crate) async fn organizer(&self) -> String {
        self.account("organizer@example.org", Role::Organizer).await
    }

    /// A new buyer's token.
    pub(crate) async fn buyer(&self) -> String {
        let (status, buyer) = self.call(Method::POST, "/api/v1/buyers", None, None).await;
        assert_eq!(status, StatusCode::CREATED, "{buyer}");
        buyer["token"].as_str().unwrap().to_owned()
    }

    /// Calls the API and reads the answer as JSON, whatever it is.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.call_with(method, path, bearer, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let mut request = self.request(method, path, bearer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// An event on sale: a hall with some rows and a standing floor would be an arena; a hall is enough here.
    pub(crate) async fn event_on_sale(&self, key: &str, price_minor: u64) -> String {
        let event = self.draft(key, price_minor).await;
        for step in ["publish", "open"] {
            let path = format!("/api/v1/organizer/events/{event}/{step}");
            let (status, answer) = self.call(Method::POST, &path, Some(key), None).await;
            assert_eq!(status, StatusCode::OK, "{step}: {answer}");
        }
        event
    }

    /// A draft that can be published.
    pub(crate) async fn draft(&self, key: &str, price_minor: u64) -> String {
        let (status, event) = self.call(Method::POST, "/api/v1/organizer/events", Some(key), Some(event_form())).await;
        assert_eq!(status, StatusCode::CREATED, "{event}");
        let event = event["event"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/organizer/events/{event}/seating-plan/generate");
        let form = json!({"template": "hall", "name": "Hall", "seats_count": 60});
        let (status, plan) = self.call(Method::POST, &path, Some(key), Some(form)).await;
        assert_eq!(status, StatusCode::OK, "{plan}");
        let tiers = plan["tiers"].as_array().unwrap();
        let prices: Vec<_> = tiers.iter().map(|tier| json!({"tier": tier, "price_minor": price_minor})).collect();
        let path = format!("/api/v1/organizer/events/{event}/prices");
        let tag = plan["revision"].to_string();
        let prices = Some(json!({"prices": prices}));
        let (status, answer) = self.call_with(Method::PUT, &path, Some(key), prices, &[("If-Match", &tag)]).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        event
    }

    /// Two seats held: the hold's sheet.
    pub(crate) async fn hold(&self, event: &str, buyer: &str, key: &str, asks: Value) -> (StatusCode, Value) {
        let path = format!("/api/v1/events/{event}/holds");
        let headers = [("Idempotency-Key", key)];
        self.call_with(Method::POST, &path, Some(buyer), Some(json!({"asks": asks})), &headers).await
    }

    /// From a hold to an order that awaits payment.
    pub(crate) async fn checkout(&self, event: &str, hold: &str, buyer: &str, key: &str) -> (StatusCode, Value) {
        let path = format!("/api/v1/events/{event}/holds/{hold}/checkout");
        let contact = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
        self.call_with(Method::POST, &path, Some(buyer), Some(contact), &[("Idempotency-Key", key)]).await
    }

    /// Pays at the sandbox's page, as the buyer's browser would.
    pub(crate) async fn pay(&self, payment: &Value, card: &str) {
        let intent = payment["intent"].as_str().unwrap();
        let secret = payment["client_secret"].as_str().unwrap();
        let form = [("client_secret", secret), ("card", card), ("return_url", "/")];
        let request = self.http.post(format!("{}/sandbox/pay/{intent}", self.url)).header("Origin", &self.url);
        let response = request.form(&form).send().await.unwrap();
        assert!(response.status().as_u16() < 400, "{} {}", response.status(), response.text().await.unwrap());
    }

    /// Asks again until the answer is as wanted. What follows from facts follows by itself, and this is how a client
    /// sees it.
    pub(crate) async fn until(&self, path: &str, bearer: Option<&str>, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (_, answer) = self.call(Method::GET, path, bearer, None).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(began.elapsed() < FOLLOWS_WITHIN, "it did not follow: {path} {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An event that can be.
pub(crate) fn event_form() -> Value {
    json!({
        "name": "An Evening", "venue": "Hall, Vienna", "starts_at": "2031-06-01T18:00:00Z",
        "time_zone": "Europe/Vienna", "currency": "EUR"
    })
}
