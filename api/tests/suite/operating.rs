//! What an operator does besides serving: migrate, make accounts, read metrics, check tickets, rebuild views.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use usher_core::{EventId, Place, SeatIdx, TicketId};

use crate::command_line::{demo, errors, terminate, usher};

/// How long a test waits for something that follows by itself.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);

/// A settings file for stores in that folder.
fn settings(folder: &Path, data: &Path) -> String {
    let file = folder.join("usher.toml");
    std::fs::write(&file, format!("[stores]\nkind = \"sqlite\"\nfolder = \"{}\"\n", data.display())).unwrap();
    file.display().to_string()
}

fn create_account(config: &str, password: &str) -> Output {
    let arguments = ["create-account", "--config", config, "--email", "ada@example.org", "--organizer", "Ada's"];
    let mut command = usher(&arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn stores_are_migrated_and_an_account_is_made_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let config = settings(folder.path(), &folder.path().join("data"));
    for _ in 0..2 {
        let migrated = usher(&["migrate", "--config", &config]).output().unwrap();
        assert!(migrated.status.success(), "{}", errors(&migrated));
    }
    let too_short = create_account(&config, "short");
    assert_eq!(too_short.status.code(), Some(2));
    assert!(errors(&too_short).contains("password"), "{}", errors(&too_short));
    let made = create_account(&config, "correct horse");
    assert!(made.status.success() && made.stdout.starts_with(b"acc_"), "{}", errors(&made));
    let again = create_account(&config, "correct horse");
    assert_eq!(again.status.code(), Some(2));
    assert!(errors(&again).contains("email_taken"), "{}", errors(&again));
}

/// A buyer with nothing but the address.
struct Visitor {
    http: Client,
    url: String,
    token: String,
}

impl Visitor {
    async fn of(url: &str) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut visitor = Self { http, url: url.to_owned(), token: String::new() };
        let buyer = visitor.post("/api/v1/buyers", "unused-key", &json!({})).await;
        visitor.token = buyer["token"].as_str().unwrap().to_owned();
        visitor
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.url)).header("Idempotency-Key", key).json(body);
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.get(path).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(began.elapsed() < FOLLOWS_WITHIN, "it did not follow: {path} {answer}");
            actix_web::rt::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Buys two of the best seats of the arena: the event, the order, and its tickets once they are printed.
    async fn buys(&self) -> (String, String, Value) {
        let events = self.get("/api/v1/events").await;
        let arena =
            events["data"].as_array().unwrap().iter().find(|event| event["name"].as_str().unwrap().contains("Arena"));
        let event = arena.unwrap()["event"].as_str().unwrap().to_owned();
        let asks = json!({"asks": [{"kind": "best", "quantity": 2}]});
        let hold = self.post(&format!("/api/v1/events/{event}/holds"), "hold-key-1", &asks).await;
        let path = format!("/api/v1/events/{event}/holds/{}/checkout", hold["hold"].as_str().unwrap());
        let order = self.post(&path, "order-key-1", &json!({"name": "Ada", "email": "ada@example.org"})).await;
        let payment = &order["payment"];
        let form = [
            ("client_secret", payment["client_secret"].as_str().unwrap()),
            ("card", "4242424242424242"),
            ("return_url", "/"),
        ];
        let page = format!("{}/sandbox/pay/{}", self.url, payment["intent"].as_str().unwrap());
        let paid = self.http.post(page).header("Origin", &self.url).form(&form).send().await.unwrap();
        assert_eq!(paid.status(), StatusCode::SEE_OTHER);
        let order = order["order"].as_str().unwrap().to_owned();
        let all_ready = |tickets: &Value| {
            let tickets = tickets["data"].as_array();
            tickets.is_some_and(|tickets| tickets.len() == 2 && tickets.iter().all(|ticket| ticket["ready"] == true))
        };
        let tickets = self.until(&format!("/api/v1/orders/{order}/tickets"), all_ready).await;
        (event, order, tickets)
    }
}

/// Series that an operator watches, with the least they must have counted after one purchase.
const SERIES: &[(&str, f64)] = &[
    ("usher_http_requests_total{", 1.0),
    ("usher_commands_total{command=\"place_hold\",result=\"ok\"}", 1.0),
    ("usher_commands_total{command=\"begin_checkout\",result=\"ok\"}", 1.0),
    ("usher_asks_total{result=\"decided\"}", 4.0),
    ("usher_gate_in_use", 0.0),
    ("usher_append_seconds_count", 4.0),
    ("usher_entries_total", 4.0),
    ("usher_facts_total", 4.0),
    ("usher_events_loaded", 1.0),
    ("usher_invariant_samples_total", 1.0),
    ("usher_broken_invariants_total", 0.0),
    ("usher_projected_entries_total", 4.0),
    ("usher_projector_lag_entries", 0.0),
    ("usher_jobs{state=\"dead\"}", 0.0),
    ("usher_job_tries_total{kind=\"print_tickets\",result=\"done\"}", 1.0),
    ("usher_webhooks_total{", 1.0),
    ("usher_sqlite_commit_seconds_count", 1.0),
];

#[actix_web::test]
async fn a_purchase_is_counted_its_tickets_are_genuine_and_its_views_can_be_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let (house, said) = demo(&data);
    let visitor = Visitor::of(said["url"].as_str().unwrap()).await;
    let (event, order, tickets) = visitor.buys().await;
    let path = format!("/api/v1/orders/{order}");
    let before = visitor.until(&path, |order| order["state"] == "paid").await;

    let metrics = visitor.http.get(format!("{}/metrics", visitor.url)).send().await.unwrap().text().await.unwrap();
    for (series, least) in SERIES {
        let values = metrics.lines().filter(|line| line.starts_with(series));
        let sum: Option<f64> =
            values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).reduce(|a, b| a + b);
        assert!(sum.is_some_and(|sum| sum >= *least), "{series} is {sum:?}, not {least} or more:\n{metrics}");
    }

    let keys = folder.path().join("keys.json");
    let published = visitor.http.get(format!("{}/keys/tickets.json", visitor.url)).send().await.unwrap();
    std::fs::write(&keys, published.bytes().await.unwrap()).unwrap();
    terminate(house);

    // The code is in the page's picture only; signed with the same keys, it is the same.
    let ticket = &tickets["data"][0];
    let signing = usher_engine::adapters::files::keys::open_or_create(&data.join("keys")).unwrap();
    let (event, id): (EventId, TicketId) =
        (event.parse().unwrap(), ticket["ticket"].as_str().unwrap().parse().unwrap());
    let seat = SeatIdx(u32::try_from(ticket["seat"].as_u64().unwrap()).unwrap());
    let code = signing.sign(event, id, Place::Seat(seat), 1);
    let verify = |code: &str, event: EventId| {
        let keys = keys.display().to_string();
        usher(&["verify-ticket", "--keys", &keys, "--event", &event.to_string(), code]).output().unwrap()
    };
    let genuine = verify(&code, event);
    assert!(genuine.status.success(), "{}", errors(&genuine));
    assert!(String::from_utf8_lossy(&genuine.stdout).contains(&id.to_string()));
    let mut forged = code.clone();
    forged.replace_range(10..11, if &code[10..11] == "A" { "B" } else { "A" });
    assert_eq!(verify(&forged, event).status.code(), Some(1));
    assert_eq!(verify(&code, EventId(1)).status.code(), Some(1));

    let config = settings(folder.path(), &data);
    let rebuilt = usher(&["rebuild-views", "--config", &config]).output().unwrap();
    assert!(rebuilt.status.success(), "{}", errors(&rebuilt));
    let (house, said) = demo(&data);
    let visitor = Visitor { url: said["url"].as_str().unwrap().to_owned(), ..visitor };
    let mut after = visitor.get(&path).await;
    after["server_now"] = before["server_now"].clone();
    assert_eq!(after, before);
    terminate(house);
}
