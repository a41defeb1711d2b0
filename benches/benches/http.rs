//! A durable hold over HTTP, beside the same server answering a constant of the same size to the same kind of request.
//!
//! 64 connections that each send their next request once they have their answer. `hold` is the whole way: parsing,
//! access, the event's actor, the synced journal, JSON. `constant` goes through the same server and the same outer
//! layer, reads its body and answers fixed bytes. The ratio says how much of what the server could do is left once it
//! decides and writes; clients share the cores with it in both cases.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use usher::access::{Login, LoginVia, Subject};
use usher::desk::buyer::new_buyer;
use usher::desk::organizer::{ApiKeyForm, RegisterForm, create_account_as, create_api_key};
use usher_benches::http::{CONSTANT_PATH, Connection, Served, request, send_all};
use usher_engine::accounts::Role;

/// Seats of one event; a new one is put on sale when they are used up.
const SEATS: u64 = 50_000;
/// Connections at once: fewer than the gate of one event lets through.
const CONNECTIONS: usize = 64;

/// As long as the answer to a hold of one seat.
const CONSTANT: &str = r#"{"hold":"hld_00000000000000000000000000000000","places":[{"line":0,"kind":"seat","seat":0,"section":"Stalls","row":"1","label":"1","area":null,"tier":"standard","price_minor":4500}],"total_minor":4500,"currency":"EUR","placed_at":"2026-01-01T00:00:00.000Z","expires_at":"2026-01-01T00:08:00.000Z","extendable_until":"2026-01-01T01:28:00.000Z","server_now":"2026-01-01T00:00:00.000Z"}"#;

struct Bench {
    served: Served,
    key: String,
    event: String,
    seats_used: u64,
}

impl Bench {
    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call_at(None, method, path, body).await
    }

    async fn call_at(&self, revision: Option<u64>, method: &str, path: &str, body: &Value) -> Value {
        let authorization = format!("Bearer {}", self.key);
        let tag = revision.map_or_else(|| "*".to_owned(), |revision| format!("\"{revision}\""));
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
            ("If-Match", tag.as_str()),
        ];
        let request = request(method, path, &headers, &body.to_string());
        let mut connection = Connection::open(self.served.address).await.expect("the server accepts");
        let (status, answer) = connection.call(&request).await.expect("the server answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    async fn start(served: Served) -> Self {
        let state = &served.state;
        let form = RegisterForm {
            email: "bench@example.org".to_owned(),
            password: "correct horse".to_owned(),
            organizer_name: "Bench".to_owned(),
        };
        create_account_as(state, &form, Role::Organizer).await.expect("a first account");
        let account = state.accounts.account_by_email("bench@example.org").await.expect("the store answers");
        let login = account.map(|account| Login::new(account, LoginVia::ApiKey));
        let subject = Subject { login, ..Subject::default() };
        let key = create_api_key(state, &subject, &ApiKeyForm { name: "bench".to_owned() }).await.expect("a first key");
        Self { served, key: key.secret, event: String::new(), seats_used: SEATS }
    }

    async fn put_on_sale(&mut self) {
        let form = json!({
            "name": "Bench", "venue": "Hall", "starts_at": "2031-06-01T18:00:00Z", "time_zone": "Europe/Vienna",
            "currency": "EUR"
        });
        let event = self.call("POST", "/api/v1/organizer/events", &form).await;
        self.event = event["event"].as_str().expect("an id").to_owned();
        let base = format!("/api/v1/organizer/events/{}", self.event);
        let form = json!({"template": "hall", "name": "Hall", "seats_count": SEATS});
        let plan = self.call("POST", &format!("{base}/seating-plan/generate"), &form).await;
        self.seats_used = SEATS.saturating_sub(plan["seats_count"].as_u64().expect("a count"));
        let tiers = plan["tiers"].as_array().expect("tiers").iter();
        let prices: Vec<_> = tiers.map(|tier| json!({"tier": tier, "price_minor": 4_500})).collect();
        self.call_at(plan["revision"].as_u64(), "PUT", &format!("{base}/prices"), &json!({"prices": prices})).await;
        for step in ["publish", "open"] {
            self.call("POST", &format!("{base}/{step}"), &json!({})).await;
        }
    }

    /// Requests for so many seats nobody has, each of a buyer of its own.
    fn requests(&mut self, holds_count: u64) -> Vec<Vec<u8>> {
        let path = format!("/api/v1/events/{}/holds", self.event);
        let seats = self.seats_used..self.seats_used + holds_count;
        self.seats_used += holds_count;
        let one = |seat: u64| {
            let authorization = format!("Bearer {}", new_buyer(&self.served.state).token);
            let key = format!("bench-key-{seat}");
            let headers = [
                ("Authorization", authorization.as_str()),
                ("Content-Type", "application/json"),
                ("Idempotency-Key", key.as_str()),
            ];
            request("POST", &path, &headers, &json!({"asks": [{"kind": "seats", "seats": [seat]}]}).to_string())
        };
        seats.map(one).collect()
    }

    async fn holds(&mut self, mut holds_count: u64) -> Duration {
        let mut took = Duration::ZERO;
        while holds_count > 0 {
            if self.seats_used >= SEATS {
                self.put_on_sale().await;
            }
            let here = holds_count.min(SEATS - self.seats_used);
            let requests = self.requests(here);
            took += send_all(self.served.address, requests, CONNECTIONS, 201).await;
            holds_count -= here;
        }
        took
    }

    async fn constants(&self, count: u64) -> Duration {
        let headers = [
            ("Authorization", "Bearer 0123456789012345678901234567890123456789012345678901234567890123456789"),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", "bench-key-00000"),
        ];
        let body = json!({"asks": [{"kind": "seats", "seats": [12_345]}]}).to_string();
        let one = request("POST", CONSTANT_PATH, &headers, &body);
        let requests = vec![one; usize::try_from(count).expect("it fits")];
        send_all(self.served.address, requests, CONNECTIONS, 201).await
    }
}

fn hold_over_http(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let served = Served::start(folder.path(), CONSTANT);
    let mut bench = runtime.block_on(Bench::start(served));
    let mut group = criterion.benchmark_group("http");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    group.bench_function("constant", |bencher| bencher.iter_custom(|count| runtime.block_on(bench.constants(count))));
    group.bench_function("hold", |bencher| bencher.iter_custom(|count| runtime.block_on(bench.holds(count))));
    group.finish();
}

criterion_group!(benches, hold_over_http);
criterion_main!(benches);
