//! Stripe's own mock, which checks requests against Stripe's published specification: every request that Usher makes is
//! accepted, and what the mock refuses the sandbox refuses too.
//!
//! The mock knows no state and answers every id with a canned object, so only requests are judged by it, never
//! behaviour; its messages hold addresses of its memory, so no whole message is compared.

use std::process::Command;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use usher_core::{EventId, Minor, OrderId, RefundId};
use usher_engine::adapters::stripe::{GatewayConfig, StripeGateway};
use usher_engine::payments::{Gateway, NewIntent};

use crate::sandbox_house::{House, SECRET_KEY};
use crate::servers::{Server, find, free_address};

/// Mutated requests that are sent to both.
const MUTANTS_COUNT: u64 = 400;
const INTENT: &str = "pi_1PgafuB7WZ01zgkWQ1xaKD3T";

struct Mock {
    base: String,
    _server: Server,
}

impl Mock {
    /// `None` after saying that there is none.
    fn start() -> Option<Self> {
        let program = find("stripe-mock")?;
        let address = free_address();
        let mut command = Command::new(program);
        // Without an address of its own it would listen for HTTPS on every interface.
        command.env_clear().args(["-http-addr", &address.to_string(), "-https-addr", "127.0.0.1:0"]);
        Some(Self { base: format!("http://{address}"), _server: Server::start(&mut command, address) })
    }

    fn gateway(&self) -> StripeGateway {
        let config = GatewayConfig {
            base_url: format!("{}/", self.base),
            secret_key: "sk_test_mock".to_owned(),
            call_deadline_ms: GatewayConfig::CALL_DEADLINE_MS_DEFAULT,
        };
        StripeGateway::new(&config, tokio::runtime::Handle::current()).unwrap()
    }
}

#[actix_rt::test]
async fn every_request_that_usher_makes_is_accepted() {
    let Some(mock) = Mock::start() else { return };
    let gateway = mock.gateway();
    for (number, (currency, amount_minor)) in
        (1..).zip([("EUR", 1), ("USD", 9_900), ("JPY", 50_000), ("KWD", 12_345), ("CHF", 99_999_999)])
    {
        let new = NewIntent {
            order: OrderId(number),
            event: EventId(u128::MAX),
            amount_minor: Minor(amount_minor),
            currency: currency.parse().unwrap(),
        };
        let made = gateway.create_intent(new, &format!("order-{number}")).await.unwrap();
        assert_eq!((made.amount_minor, made.currency.as_str()), (new.amount_minor, currency));
        gateway.capture(INTENT, Minor(amount_minor), &format!("capture-{number}")).await.unwrap();
        for refund in [None, Some(RefundId(number))] {
            let key = format!("refund-{number}-{refund:?}");
            let sent = gateway.refund(INTENT, Minor(amount_minor), refund, &key).await.unwrap();
            assert_eq!(sent.amount_minor, Minor(amount_minor));
        }
    }
    gateway.intent(INTENT).await.unwrap();
    gateway.cancel_intent(INTENT).await.unwrap();
    gateway.refunds(INTENT).await.unwrap();
    assert!(!gateway.livemode());
}

#[test]
fn no_call_of_the_gateway_is_left_out_above() {
    let source = include_str!("../../../engine/src/payments/gateway.rs");
    let of_the_trait = source.split("pub trait Gateway").nth(1).unwrap();
    let calls = of_the_trait.split("async fn ").skip(1).filter_map(|call| call.split('(').next());
    let sent = ["create_intent", "intent", "cancel_intent", "capture", "refund", "refunds"];
    assert_eq!(calls.collect::<Vec<_>>(), sent, "send the new call to the mock, too");
}

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
struct Raw {
    method: Method,
    /// Below `v1/`; `{intent}` stands for one that is there.
    path: &'static str,
    /// Encoded, in the query of a `GET` and the body of a `POST`.
    form: String,
    bearer: Option<&'static str>,
    content_type: &'static str,
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Raw {
    fn new(method: Method, path: &'static str, form: &str) -> Self {
        Self { method, path, form: form.to_owned(), bearer: Some(SECRET_KEY), content_type: FORM }
    }

    fn post(path: &'static str, form: &str) -> Self {
        Self::new(Method::POST, path, form)
    }

    fn get(path: &'static str, form: &str) -> Self {
        Self::new(Method::GET, path, form)
    }

    fn to(&self, http: &Client, base: &str, intent: &str) -> RequestBuilder {
        let (path, form) = (self.path.replace("{intent}", intent), self.form.replace("{intent}", intent));
        let url = format!("{base}/v1/{path}");
        let request = match self.method {
            Method::GET if form.is_empty() => http.get(url),
            Method::GET => http.get(format!("{url}?{form}")),
            _ => http.request(self.method.clone(), url).header("Content-Type", self.content_type).body(form),
        };
        match self.bearer {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

/// What both must refuse.
fn malformed() -> Vec<Raw> {
    let good = "amount=500&currency=eur";
    let with = |more: &str| Raw::post("payment_intents", &format!("{good}&{more}"));
    let mut all = vec![
        with("surprise=1"),
        with("capture_method=sometimes"),
        with("capture_method="),
        with("automatic_payment_methods[enabled]=perhaps"),
        with("automatic_payment_methods[enabled]="),
        with("automatic_payment_methods[surprise]=true"),
        with("automatic_payment_methods=true"),
        with("metadata=text"),
        with("confirm=maybe"),
        with("description=%zz"),
        Raw {
            content_type: "application/json",
            ..Raw::post("payment_intents", "{\"amount\":500,\"currency\":\"eur\"}")
        },
        Raw { content_type: "text/plain", ..Raw::post("payment_intents", good) },
        Raw { bearer: None, ..Raw::post("payment_intents", good) },
        Raw { bearer: Some("pk_test_1"), ..Raw::post("payment_intents", good) },
        Raw { bearer: Some("sk_live_1"), ..Raw::post("payment_intents", good) },
        Raw { bearer: None, ..Raw::get("payment_intents/{intent}", "") },
        Raw::get("payment_intents/{intent}", "surprise=1"),
        Raw::get("payment_intents/{intent}", "key=pk_test_1"),
        Raw::post("payment_intents/{intent}/cancel", "cancellation_reason=bored"),
        Raw::post("payment_intents/{intent}/cancel", "cancellation_reason="),
        Raw::post("payment_intents/{intent}/capture", "amount=500"),
        Raw::post("payment_intents/{intent}/confirm", "payment_method=pm_card_visa&surprise=1"),
        Raw::post("refunds", "payment_intent={intent}&reason=because"),
        Raw::post("refunds", "payment_intent={intent}&metadata=text"),
        Raw::get("refunds", "payment_intent={intent}&limit=many"),
        Raw::get("refunds", "payment_intent={intent}&surprise=1"),
        Raw::post("nothing", "amount=500"),
        Raw::new(Method::DELETE, "payment_intents/{intent}", ""),
    ];
    for amount in ["", "abc", "1.5", "99999999999999999999999"] {
        all.push(Raw::post("payment_intents", &format!("amount={amount}&currency=eur")));
        all.push(Raw::post("payment_intents/{intent}/capture", &format!("amount_to_capture={amount}")));
        all.push(Raw::post("refunds", &format!("payment_intent={{intent}}&amount={amount}")));
    }
    for missing in ["amount=500", "currency=eur", "", "amount[]=500&currency=eur"] {
        all.push(Raw::post("payment_intents", missing));
    }
    for path in ["payment_intents/{intent}/cancel", "payment_intents/{intent}/capture", "refunds"] {
        all.push(Raw::post(path, "surprise=1"));
    }
    all
}

/// Both servers, and an intent that is what a request needs.
struct Both {
    mock: Mock,
    house: House,
}

impl Both {
    async fn open() -> Option<Self> {
        let mock = Mock::start()?;
        Some(Self { mock, house: House::open().await })
    }

    /// One that can be captured and cancelled, or one that can be refunded.
    async fn intent(&self, path: &str) -> String {
        let form = [("amount", "500"), ("currency", "eur"), ("capture_method", "manual")];
        let (_, made) = self.house.call("payment_intents", &form, None).await;
        let intent = made["id"].as_str().unwrap();
        if !path.ends_with("confirm") {
            self.house.confirm(intent, made["client_secret"].as_str().unwrap(), "pm_card_visa").await;
        }
        if path == "refunds" {
            assert_eq!(self.house.call(&format!("payment_intents/{intent}/capture"), &[], None).await.0, 200);
        }
        intent.to_owned()
    }

    /// Status and body of the mock, and of the sandbox.
    async fn answers(&self, raw: &Raw) -> [(u16, Value); 2] {
        let intent = self.intent(raw.path).await;
        let sandbox = format!("{}/sandbox", self.house.base);
        let mut answers = Vec::new();
        for base in [&self.mock.base, &sandbox] {
            let answer = raw.to(&self.house.http, base, &intent).send().await.unwrap();
            let status = answer.status().as_u16();
            answers.push((status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()));
        }
        answers.try_into().unwrap()
    }
}

fn assert_same_refusal(raw: &Raw, [(mock, told), (sandbox, said)]: &[(u16, Value); 2]) {
    assert_eq!(mock / 100, sandbox / 100, "{raw:?}: the mock says {mock} {told}, the sandbox {sandbox} {said}");
    assert_eq!(told["error"]["type"], said["error"]["type"], "{raw:?}");
    assert!(said["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{raw:?}: {said}");
}

#[actix_rt::test]
async fn the_sandbox_refuses_each_malformed_request_that_the_mock_refuses() {
    let Some(both) = Both::open().await else { return };
    for raw in malformed() {
        let answers = both.answers(&raw).await;
        assert!((400..500).contains(&answers[0].0), "the mock no longer refuses {raw:?}: {}", answers[0].1);
        assert_same_refusal(&raw, &answers);
    }
}

#[actix_rt::test]
async fn requests_mutated_at_random_are_refused_by_the_sandbox_when_the_mock_refuses_them() {
    let Some(both) = Both::open().await else { return };
    let seed = std::env::var("USHER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut refused_count, mut accepted_count) = (0, 0);
    for number in 0..MUTANTS_COUNT {
        let mut chance = StdRng::seed_from_u64(seed + number);
        let raw = mutant(&mut chance);
        let answers = both.answers(&raw).await;
        if answers[0].0 >= 400 {
            refused_count += 1;
            assert!(answers[1].0 >= 400, "seed {}: the sandbox takes {raw:?}", seed + number);
            assert_same_refusal(&raw, &answers);
        } else {
            accepted_count += 1;
        }
    }
    assert!(refused_count > MUTANTS_COUNT / 4 && accepted_count > MUTANTS_COUNT / 20, "{refused_count} refused");
}

/// A good request with one to three of its parameters changed.
fn mutant(chance: &mut StdRng) -> Raw {
    const GOOD: [(&str, &str, &[&str]); 6] = [
        (
            "POST",
            "payment_intents",
            &[
                "amount=500",
                "currency=eur",
                "capture_method=manual",
                "automatic_payment_methods[enabled]=true",
                "metadata[order]=ord_1",
                "description=d",
            ],
        ),
        ("GET", "payment_intents/{intent}", &[]),
        ("POST", "payment_intents/{intent}/cancel", &["cancellation_reason=abandoned"]),
        ("POST", "payment_intents/{intent}/capture", &["amount_to_capture=500"]),
        ("POST", "refunds", &["payment_intent={intent}", "amount=100", "reason=duplicate", "metadata[refund]=r"]),
        ("GET", "refunds", &["payment_intent={intent}", "limit=100"]),
    ];
    const NAMES: [&str; 12] = [
        "amount",
        "currency",
        "capture_method",
        "amount_to_capture",
        "limit",
        "reason",
        "cancellation_reason",
        "metadata",
        "metadata[x]",
        "automatic_payment_methods[enabled]",
        "payment_intent[]",
        "surprise",
    ];
    const VALUES: [&str; 12] =
        ["", "0x10", "7", "1e3", "true", "TRUE", "eur", "manual", "duplicate", "%C3%A9", "%f", " 5"];
    let (method, path, parameters) = *GOOD.choose(chance).unwrap();
    let mut form: Vec<String> = parameters.iter().map(|&parameter| parameter.to_owned()).collect();
    for _ in 0..chance.random_range(1..=3) {
        let value = *VALUES.choose(chance).unwrap();
        let at = chance.random_range(0..=form.len());
        match chance.random_range(0..4) {
            0 if at < form.len() => drop(form.remove(at)),
            1 if at < form.len() => {
                let name = form[at].split('=').next().unwrap().to_owned();
                form[at] = format!("{name}={value}");
            }
            _ => form.insert(at, format!("{}={value}", NAMES.choose(chance).unwrap())),
        }
    }
    Raw::new(method.parse().unwrap(), path, &form.join("&"))
}
