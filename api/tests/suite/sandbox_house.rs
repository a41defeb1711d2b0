//! A sandbox on a port of its own, beside a receiver that believes and keeps its webhooks.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::Value;
use tokio::sync::Notify;
pub(crate) use usher::sandbox::PUBLISHABLE_KEY;
use usher::sandbox::{Sandbox, Settings};
use usher_core::{EventId, Minor, OrderId};
use usher_engine::adapters::stripe::{GatewayConfig, StripeGateway};
use usher_engine::clock::Clock;
use usher_engine::payments::NewIntent;
use usher_engine::payments::webhook::{self, WebhookSecret};

pub(crate) const SECRET_KEY: &str = "sk_test_house";
/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came in at the receiver.
#[derive(Default)]
pub(crate) struct Receiver {
    events: Mutex<Vec<Value>>,
    refusals_left: Mutex<u32>,
    bell: Notify,
}

/// A running sandbox; it ends with the test.
pub(crate) struct House {
    pub(crate) base: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) http: reqwest::Client,
    server: actix_web::dev::ServerHandle,
    sender: actix_rt::task::JoinHandle<()>,
    /// Keeps the folder until the end.
    _folder: Option<tempfile::TempDir>,
}

impl House {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut house = Self::open_at(&folder.path().join("sandbox.db")).await;
        house._folder = Some(folder);
        house
    }

    pub(crate) async fn open_at(path: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let secret = WebhookSecret::new("whsec_house".to_owned());
        let hooks = vec![format!("{base}/hook")];
        let sandbox = Sandbox::open(path, hooks, secret, SECRET_KEY.to_owned(), Clock::system()).expect("a sandbox");
        sandbox.set(Settings { slow_ms: 50, ..Settings::default() });
        let receiver = Arc::new(Receiver::default());
        let (mounted, data) = (sandbox.clone(), Data::from(Arc::clone(&receiver)));
        let server = HttpServer::new(move || {
            let mounted = mounted.clone();
            App::new()
                .app_data(data.clone())
                .route("/hook", web::post().to(receive))
                .configure(move |config| mounted.configure(config))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .expect("a server")
        .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        let sending = sandbox.clone();
        let sender = actix_rt::spawn(async move { sending.run().await });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { base, sandbox, receiver, http, server: handle, sender, _folder: None }
    }

    /// Ends it as a crash would, but for what SQLite has.
    pub(crate) async fn close(self) -> Option<tempfile::TempDir> {
        self.sender.abort();
        self.server.stop(false).await;
        self._folder
    }

    pub(crate) fn gateway(&self) -> StripeGateway {
        let config = GatewayConfig {
            base_url: format!("{}/sandbox/", self.base),
            secret_key: SECRET_KEY.to_owned(),
            call_deadline_ms: GatewayConfig::CALL_DEADLINE_MS_DEFAULT,
        };
        StripeGateway::new(&config, tokio::runtime::Handle::current()).expect("a gateway")
    }

    /// Pays as a browser does.
    pub(crate) async fn confirm(&self, intent: &str, client_secret: &str, payment_method: &str) -> (u16, Value) {
        let form = [("client_secret", client_secret), ("payment_method", payment_method), ("key", PUBLISHABLE_KEY)];
        let url = format!("{}/sandbox/v1/payment_intents/{intent}/confirm", self.base);
        let response = self.http.post(url).form(&form).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    /// Calls the API as a merchant with a form of its own.
    pub(crate) async fn call(&self, path: &str, form: &[(&str, &str)], key: Option<&str>) -> (u16, Value) {
        let mut request = self.http.post(format!("{}/sandbox/v1/{path}", self.base)).bearer_auth(SECRET_KEY).form(form);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer")
    }
}

impl Receiver {
    /// Waits until the events received make `enough`, and gives them.
    pub(crate) async fn wait_for(&self, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let waiting = async {
            loop {
                let notified = self.bell.notified();
                let events = self.events.lock().expect("no panic").clone();
                if enough(&events) {
                    return events;
                }
                notified.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the webhooks in time")
    }

    /// Refuses the next `count` webhooks.
    pub(crate) fn refuse(&self, count: u32) {
        *self.refusals_left.lock().expect("no panic") = count;
    }
}

pub(crate) fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

pub(crate) fn new_intent(order: u128) -> NewIntent {
    let currency = "EUR".parse().expect("a currency");
    NewIntent { order: OrderId(order), event: EventId(7), amount_minor: Minor(9_000), currency }
}

async fn receive(receiver: Data<Receiver>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let header = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secrets = [WebhookSecret::new("whsec_house".to_owned())];
    if webhook::verify(&body, header, &secrets, Clock::system().now()).is_err() {
        return HttpResponse::BadRequest().finish();
    }
    {
        let mut left = receiver.refusals_left.lock().expect("no panic");
        if *left > 0 {
            *left -= 1;
            return HttpResponse::ServiceUnavailable().finish();
        }
    }
    let event = serde_json::from_slice(&body).expect("JSON");
    receiver.events.lock().expect("no panic").push(event);
    receiver.bell.notify_waiters();
    HttpResponse::Ok().finish()
}
