//! The sandbox over HTTP.

use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Bytes, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::form::Form;
use super::operation::Operation;
use super::refusal::Refusal;
use crate::middleware::body;
use crate::middleware::gate::shelter;
use crate::table::no_such_method;

use super::{Answer, Idempotency, PUBLISHABLE_KEY, Sandbox, Settings, cards, pay};

/// The largest body the sandbox reads.
pub(super) const BODY_BYTES_MAX: usize = 32 * 1024;
/// How long the sandbox may take over an answer; its slow card is told by a webhook, not by a slow answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// Rows of one page of the ledger.
const LEDGER_ROWS_MAX: u32 = 1_000;
const FORM: &str = "application/x-www-form-urlencoded";
/// What is Stripe's of this server.
const API_PREFIX: &str = "/v1/";
/// The longest idempotency key, as at Stripe.
const KEY_BYTES_MAX: usize = 255;

/// A resource whose handlers have a deadline and bounded bodies, whose panics are answered instead of a connection
/// dropped, and which names its methods to who comes with another.
fn at<const N: usize>(path: &str, routes: [(Method, Route); N]) -> Resource {
    let methods: Vec<Method> = routes.iter().map(|(method, _)| method.clone()).collect();
    let resource = routes.into_iter().fold(web::resource(path), |resource, (method, route)| {
        let sheltered = from_fn(async |request: ServiceRequest, next: Next<_>| {
            let bounded = async |mut request: ServiceRequest| {
                body::check_declared(request.headers(), BODY_BYTES_MAX)?;
                body::gather_undeclared(&mut request, BODY_BYTES_MAX).await?;
                Ok(next.call(request).await?.map_into_boxed_body())
            };
            shelter(DEADLINE, request, bounded).await
        });
        resource.route(route.method(method).wrap(sheltered))
    });
    if path.starts_with(API_PREFIX) {
        // As at Stripe.
        resource.default_service(web::to(unknown))
    } else {
        resource.default_service(no_such_method(&methods))
    }
}

#[rustfmt::skip]
pub(super) fn configure(sandbox: &Sandbox, config: &mut ServiceConfig) {
    let (get, post) = (|| Method::GET, || Method::POST);
    config.service(
        web::scope("/sandbox")
            .app_data(Data::new(sandbox.clone()))
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .service(at("/v1/payment_intents", [(post(), web::to(create))]))
            .service(at("/v1/payment_intents/{intent}", [(get(), web::to(retrieve))]))
            .service(at("/v1/payment_intents/{intent}/confirm", [(post(), web::to(confirm))]))
            .service(at("/v1/payment_intents/{intent}/cancel", [(post(), web::to(cancel))]))
            .service(at("/v1/payment_intents/{intent}/capture", [(post(), web::to(capture))]))
            .service(at("/v1/refunds", [(get(), web::to(list_refunds)), (post(), web::to(refund))]))
            .service(at("/v1/refunds/{refund}", [(get(), web::to(retrieve_refund))]))
            .service(at("/style.css", [(get(), web::to(pay::style))]))
            .service(at("/pay/{intent}", [(get(), web::to(pay::page)), (post(), web::to(pay::submit))]))
            .service(at("/pay/{intent}/authenticate", [(get(), web::to(pay::bank_page)), (post(), web::to(pay::bank_submit))]))
            .service(at("/ledger", [(get(), web::to(ledger))]))
            .service(at("/settings", [(get(), web::to(settings)), (post(), web::to(set))]))
            .default_service(web::to(unknown)),
    );
}

async fn unknown(request: HttpRequest) -> Answered {
    Err(Refusal::unknown_url(request.method().as_str(), request.path()))
}

/// The parameters of a `POST`.
fn form_of(request: &HttpRequest, body: &[u8]) -> Result<Form, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let is_form = kind.is_none_or(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == FORM));
    if !body.is_empty() && !is_form {
        return Err(Refusal::bad_parameter("", &format!("The body must be {FORM}.")));
    }
    Form::parse(body)
}

type Answered = Result<HttpResponse, Refusal>;

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl actix_web::ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(serde_json::json!({ "error": self.object(None) }))
    }
}

async fn create(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> Answered {
    sandbox.expect_secret_key(&request)?;
    let operation = Operation::create(&form_of(&request, &body)?)?;
    sandbox.answer(&request, &body, operation).await
}

async fn retrieve(sandbox: Data<Sandbox>, request: HttpRequest, intent: Path<String>) -> Answered {
    let form = Form::parse(request.query_string().as_bytes())?;
    sandbox.expect_key_or_secret(&request, &form, &intent)?;
    // The browser's own key may stand in the query; a merchant's never does.
    let known = ["client_secret", "key"];
    form.expect_only(if sandbox.has_secret_key(&request) { &known[..1] } else { &known })?;
    sandbox.answer(&request, &[], Operation::Retrieve { intent: intent.into_inner() }).await
}

async fn confirm(sandbox: Data<Sandbox>, request: HttpRequest, intent: Path<String>, body: Bytes) -> Answered {
    let form = form_of(&request, &body)?;
    sandbox.expect_key_or_secret(&request, &form, &intent)?;
    let operation = Operation::confirm(intent.into_inner(), &form)?;
    if matches!(operation, Operation::Confirm { card: cards::Card::Slow, .. }) {
        sandbox.dawdle().await;
    }
    sandbox.answer(&request, &body, operation).await
}

async fn cancel(sandbox: Data<Sandbox>, request: HttpRequest, intent: Path<String>, body: Bytes) -> Answered {
    sandbox.expect_secret_key(&request)?;
    let operation = Operation::cancel(intent.into_inner(), &form_of(&request, &body)?)?;
    sandbox.answer(&request, &body, operation).await
}

async fn capture(sandbox: Data<Sandbox>, request: HttpRequest, intent: Path<String>, body: Bytes) -> Answered {
    sandbox.expect_secret_key(&request)?;
    let operation = Operation::capture(intent.into_inner(), &form_of(&request, &body)?)?;
    sandbox.answer(&request, &body, operation).await
}

async fn refund(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> Answered {
    sandbox.expect_secret_key(&request)?;
    let operation = Operation::refund(&form_of(&request, &body)?)?;
    sandbox.answer(&request, &body, operation).await
}

async fn list_refunds(sandbox: Data<Sandbox>, request: HttpRequest) -> Answered {
    sandbox.expect_secret_key(&request)?;
    let operation = Operation::list_refunds(&Form::parse(request.query_string().as_bytes())?)?;
    sandbox.answer(&request, &[], operation).await
}

async fn retrieve_refund(sandbox: Data<Sandbox>, request: HttpRequest, refund: Path<String>) -> Answered {
    sandbox.expect_secret_key(&request)?;
    Form::parse(request.query_string().as_bytes())?.expect_only(&[])?;
    sandbox.answer(&request, &[], Operation::RetrieveRefund { refund: refund.into_inner() }).await
}

async fn settings(sandbox: Data<Sandbox>, request: HttpRequest) -> Answered {
    sandbox.expect_secret_key(&request)?;
    Ok(HttpResponse::Ok().json(sandbox.settings()))
}

async fn set(sandbox: Data<Sandbox>, request: HttpRequest, settings: web::Json<Settings>) -> Answered {
    sandbox.expect_secret_key(&request)?;
    sandbox.set(settings.into_inner());
    Ok(HttpResponse::Ok().json(sandbox.settings()))
}

/// Where the ledger starts and how long it is.
#[derive(Deserialize)]
struct LedgerQuery {
    cursor: Option<i64>,
    limit: Option<u32>,
}

/// One intent's money.
#[derive(Serialize)]
struct LedgerRow {
    order: Option<String>,
    event: Option<String>,
    intent: String,
    status: &'static str,
    currency: String,
    amount_minor: u64,
    authorized_minor: u64,
    captured_minor: u64,
    refunded_minor: u64,
    /// Authorized and given up again.
    cancelled_minor: u64,
}

#[derive(Serialize)]
struct LedgerPage {
    data: Vec<LedgerRow>,
    next_cursor: Option<i64>,
}

/// What moved, per intent, oldest first: for auditors. It names orders and amounts and nobody's secrets.
async fn ledger(sandbox: Data<Sandbox>, query: web::Query<LedgerQuery>) -> Answered {
    let rows_max = query.limit.unwrap_or(LEDGER_ROWS_MAX).clamp(1, LEDGER_ROWS_MAX);
    let after = query.cursor.unwrap_or(0);
    let read = move || sandbox.inner.store.transact(|tables| tables.intents(after, rows_max));
    let rows = web::block(read).await.map_err(|_| broken())?.map_err(|_| broken())?;
    let next_cursor = rows.last().filter(|_| rows.len() == rows_max as usize).map(|(seq, _)| *seq);
    let data = rows.into_iter().map(|(_, intent)| LedgerRow {
        order: intent.metadata.get("order").cloned(),
        event: intent.metadata.get("event").cloned(),
        status: super::state::status_name(intent.status),
        amount_minor: intent.amount,
        authorized_minor: intent.authorized,
        captured_minor: intent.received,
        refunded_minor: intent.refunded,
        cancelled_minor: intent.authorized - intent.received - intent.capturable,
        intent: intent.id,
        currency: intent.currency.to_ascii_uppercase(),
    });
    Ok(HttpResponse::Ok().json(LedgerPage { data: data.collect(), next_cursor }))
}

fn broken() -> Refusal {
    Refusal::broken("The sandbox's file cannot be used.")
}

impl Sandbox {
    /// Carries out what an API request asks for.
    async fn answer(&self, request: &HttpRequest, body: &[u8], operation: Operation) -> Answered {
        let idempotency = match request.headers().get("idempotency-key").map(HeaderValue::to_str) {
            None => None,
            Some(Ok(key)) if (1..=KEY_BYTES_MAX).contains(&key.len()) => {
                Some(Idempotency::new(key.to_owned(), request.path(), body))
            }
            Some(_) => return Err(Refusal::bad_parameter("Idempotency-Key", "1 to 255 visible characters")),
        };
        let Answer { status, body, replayed } = self.perform_aside(operation, idempotency).await?;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if replayed {
            response.insert_header(("idempotent-replayed", "true"));
        }
        Ok(response.content_type("application/json").body(body))
    }

    /// Off the web worker's thread, for it writes to the file.
    pub(super) async fn perform_aside(
        &self,
        operation: Operation,
        idempotency: Option<Idempotency>,
    ) -> Result<Answer, Refusal> {
        let sandbox = self.clone();
        web::block(move || sandbox.perform(operation, idempotency)).await.map_err(|_| broken())?
    }

    pub(super) async fn dawdle(&self) {
        actix_rt::time::sleep(std::time::Duration::from_millis(u64::from(self.settings().slow_ms))).await;
    }

    fn has_bearer(&self, request: &HttpRequest, key: &str) -> bool {
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        given.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|given| same(given, key))
    }

    fn has_secret_key(&self, request: &HttpRequest) -> bool {
        self.has_bearer(request, &self.inner.secret_key)
    }

    fn expect_secret_key(&self, request: &HttpRequest) -> Result<(), Refusal> {
        if self.has_secret_key(request) { Ok(()) } else { Err(Refusal::unauthorized()) }
    }

    /// The merchant's key, or the browser's with the intent's own secret.
    fn expect_key_or_secret(&self, request: &HttpRequest, form: &Form, intent: &str) -> Result<(), Refusal> {
        if self.has_secret_key(request) {
            return Ok(());
        }
        if !self.has_bearer(request, PUBLISHABLE_KEY) && form.text("key") != Some(PUBLISHABLE_KEY) {
            return Err(Refusal::unauthorized());
        }
        let given = form.text("client_secret").ok_or_else(|| Refusal::missing_parameter("client_secret"))?;
        self.expect_client_secret(intent, given).map(drop)
    }

    /// The intent, for whoever knows its secret.
    pub(super) fn expect_client_secret(
        &self,
        intent: &str,
        given: &str,
    ) -> Result<super::state::SandboxIntent, Refusal> {
        let found = self.inner.store.transact(|tables| tables.intent(intent)).map_err(|_| broken())?;
        found
            .filter(|found| same(&found.client_secret, given))
            .ok_or_else(|| Refusal::missing("payment_intent", intent))
    }
}

fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}
