//! The payment page that the provider would show, and the bank's page for 3-D Secure. Both work without JavaScript.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use usher_engine::orders::order_code;
use usher_engine::payments::IntentStatus;

use super::Sandbox;
use super::cards::{Card, SAMPLES, Sample};
use super::operation::Operation;
use super::refusal::Refusal;
use super::state::SandboxIntent;

/// The longest path that a buyer is sent on to.
const RETURN_BYTES_MAX: usize = 512;

/// What every page is called with.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    client_secret: String,
    return_url: Option<String>,
}

/// A card chosen on the payment page.
#[derive(Deserialize)]
pub(super) struct PayForm {
    client_secret: String,
    return_url: Option<String>,
    card: String,
}

/// The holder's answer on the bank's page.
#[derive(Deserialize)]
pub(super) struct BankForm {
    client_secret: String,
    return_url: Option<String>,
    answer: BankAnswer,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum BankAnswer {
    Approve,
    Decline,
}

/// Which part of the payment page is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Choose,
    Bank,
    Done,
    CalledOff,
}

#[derive(Template)]
#[template(path = "sandbox/pay.html")]
struct PayPage<'a> {
    intent: &'a SandboxIntent,
    stage: Stage,
    /// The order it pays, as people are told it.
    order: Option<String>,
    amount: String,
    problem: Option<&'a str>,
    return_url: &'a str,
    paid_url: String,
    /// Until when the places are held, in words.
    pay_by: Option<String>,
    samples: &'a [Sample],
    bank_url: String,
}

#[derive(Template)]
#[template(path = "sandbox/bank.html")]
struct BankPage<'a> {
    intent: &'a SandboxIntent,
    amount: String,
    return_url: &'a str,
}

#[derive(Template)]
#[template(path = "sandbox/problem.html")]
struct ProblemPage<'a> {
    message: &'a str,
}

pub(super) async fn page(
    sandbox: Data<Sandbox>,
    merchant: Option<Data<PayBy>>,
    intent: Path<String>,
    query: Query<PageQuery>,
) -> HttpResponse {
    let (secret, return_url) = (&query.client_secret, query.return_url.as_deref());
    respond(match known(&sandbox, &intent, secret, return_url) {
        Ok((intent, return_url)) => {
            let order = intent.metadata.get("order").cloned();
            let pay_by = match merchant.zip(order) {
                Some((merchant, order)) => merchant.ask(order).await,
                None => None,
            };
            show(&intent, &return_url, pay_by)
        }
        Err(refusal) => Err(refusal),
    })
}

/// Asks the merchant until when an order can be paid. The answer is in words; there is none once it is of no matter.
pub struct PayBy(Arc<dyn Fn(String) -> BoxFuture<'static, Option<String>> + Send + Sync>);

impl PayBy {
    /// Asks by that.
    #[must_use]
    pub fn new(ask: Arc<dyn Fn(String) -> BoxFuture<'static, Option<String>> + Send + Sync>) -> Self {
        Self(ask)
    }

    async fn ask(&self, order: String) -> Option<String> {
        (self.0)(order).await
    }
}

pub(super) async fn bank_page(sandbox: Data<Sandbox>, intent: Path<String>, query: Query<PageQuery>) -> HttpResponse {
    let PageQuery { client_secret, return_url } = query.into_inner();
    let shown = known(&sandbox, &intent, &client_secret, return_url.as_deref()).and_then(|(intent, return_url)| {
        if intent.status != IntentStatus::RequiresAction {
            return Ok(go(&Sandbox::page_url(&intent.id, &client_secret, &return_url)));
        }
        html(StatusCode::OK, &BankPage { intent: &intent, amount: price(&intent), return_url: &return_url })
    });
    respond(shown)
}

pub(super) async fn submit(sandbox: Data<Sandbox>, intent: Path<String>, form: Form<PayForm>) -> HttpResponse {
    respond(pay(&sandbox, intent.into_inner(), form.into_inner()).await)
}

pub(super) async fn bank_submit(sandbox: Data<Sandbox>, intent: Path<String>, form: Form<BankForm>) -> HttpResponse {
    let BankForm { client_secret, return_url, answer } = form.into_inner();
    let approved = answer == BankAnswer::Approve;
    let operation = Operation::Authenticate { intent: intent.into_inner(), approved };
    respond(step(&sandbox, operation, &client_secret, return_url.as_deref()).await)
}

pub(super) async fn style() -> HttpResponse {
    let css = include_str!("../../templates/sandbox/style.css");
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).content_type("text/css").body(css)
}

fn show(intent: &SandboxIntent, return_url: &str, pay_by: Option<String>) -> Result<HttpResponse, Refusal> {
    let stage = match intent.status {
        IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation => Stage::Choose,
        IntentStatus::RequiresAction => Stage::Bank,
        IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Succeeded => Stage::Done,
        IntentStatus::Canceled => Stage::CalledOff,
    };
    let page = PayPage {
        stage,
        order: intent.metadata.get("order").map(|order| order.parse().map_or_else(|_| order.clone(), order_code)),
        amount: price(intent),
        problem: intent.last_error.as_ref().map(|error| &*error.message),
        return_url,
        paid_url: paid_url(return_url),
        pay_by,
        samples: &SAMPLES,
        bank_url: bank_url(intent, return_url),
        intent,
    };
    html(StatusCode::OK, &page)
}

async fn pay(sandbox: &Sandbox, intent: String, form: PayForm) -> Result<HttpResponse, Refusal> {
    let card = Card::by_number(&form.card)
        .ok_or_else(|| Refusal::bad_parameter("card", "This is none of the sandbox's test cards."))?;
    if card == Card::Slow {
        known(sandbox, &intent, &form.client_secret, form.return_url.as_deref())?;
        sandbox.dawdle().await;
    }
    let operation = Operation::Confirm { intent, card, return_url: form.return_url.clone() };
    step(sandbox, operation, &form.client_secret, form.return_url.as_deref()).await
}

/// Carries a step out and sends the buyer on to wherever the intent then is.
async fn step(
    sandbox: &Sandbox,
    operation: Operation,
    client_secret: &str,
    return_url: Option<&str>,
) -> Result<HttpResponse, Refusal> {
    let id = match &operation {
        Operation::Confirm { intent, .. } | Operation::Authenticate { intent, .. } => intent.clone(),
        Operation::Create(_)
        | Operation::Retrieve { .. }
        | Operation::Cancel { .. }
        | Operation::Capture { .. }
        | Operation::Refund { .. }
        | Operation::RetrieveRefund { .. }
        | Operation::ListRefunds { .. } => return Err(Refusal::broken("No page asks for this.")),
    };
    known(sandbox, &id, client_secret, return_url)?;
    // A second click finds the intent past this step; where it stands decides all the same.
    sandbox.perform_aside(operation, None).await?;
    let (intent, return_url) = known(sandbox, &id, client_secret, return_url)?;
    Ok(go(&match intent.status {
        IntentStatus::RequiresAction => bank_url(&intent, &return_url),
        IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Succeeded => paid_url(&return_url),
        IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::Canceled => {
            Sandbox::page_url(&intent.id, client_secret, &return_url)
        }
    }))
}

/// The way back after a payment that was made, marked as Stripe marks it.
fn paid_url(return_url: &str) -> String {
    let (path, fragment) = return_url.split_once('#').map_or((return_url, None), |(path, rest)| (path, Some(rest)));
    let mark = if path.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|rest| format!("#{rest}")).unwrap_or_default();
    format!("{path}{mark}redirect_status=succeeded{fragment}")
}

/// The intent, for whoever knows its secret, and a safe place to go on to.
fn known(
    sandbox: &Sandbox,
    intent: &str,
    client_secret: &str,
    return_url: Option<&str>,
) -> Result<(SandboxIntent, String), Refusal> {
    let return_url = return_url.unwrap_or("/");
    if !is_own_path(return_url) {
        return Err(Refusal::bad_parameter("return_url", "The way back must be a path of this site."));
    }
    Ok((sandbox.expect_client_secret(intent, client_secret)?, return_url.to_owned()))
}

/// A path of our own origin: browsers read `//` and `/\` as the start of another host, and skip control characters.
fn is_own_path(path: &str) -> bool {
    path.len() <= RETURN_BYTES_MAX
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

fn bank_url(intent: &SandboxIntent, return_url: &str) -> String {
    let query = [("client_secret", intent.client_secret.as_str()), ("return_url", return_url)];
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    format!("/sandbox/pay/{}/authenticate?{query}", intent.id)
}

/// The amount in major units, as the currency writes it.
fn price(intent: &SandboxIntent) -> String {
    let code = intent.currency.to_ascii_uppercase();
    let digits = iso_currency::Currency::from_code(&code).and_then(|currency| currency.exponent()).unwrap_or(2);
    let unit = 10_u64.pow(u32::from(digits));
    let (major, minor) = (intent.amount / unit, intent.amount % unit);
    if digits == 0 {
        format!("{major} {code}")
    } else {
        format!("{major}.{minor:0width$} {code}", width = usize::from(digits))
    }
}

fn html(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Refusal> {
    let body = page.render().map_err(|error| Refusal::broken(&error.to_string()))?;
    let mut response = HttpResponse::build(status);
    Ok(response.insert_header((CACHE_CONTROL, "private, no-store")).content_type("text/html; charset=utf-8").body(body))
}

fn go(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, to)).insert_header((CACHE_CONTROL, "private, no-store")).finish()
}

fn respond(shown: Result<HttpResponse, Refusal>) -> HttpResponse {
    shown.unwrap_or_else(|refusal| html_of(&refusal))
}

/// A refusal that a person reads.
pub(super) fn html_of(refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    html(status, &ProblemPage { message: &refusal.message }).unwrap_or_else(|_| HttpResponse::new(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_that_was_made_is_marked_on_the_way_back() {
        for (back, marked) in [
            ("/orders/ord_1", "/orders/ord_1?redirect_status=succeeded"),
            ("/orders/ord_1?access=x#t", "/orders/ord_1?access=x&redirect_status=succeeded#t"),
        ] {
            assert_eq!(paid_url(back), marked);
        }
    }

    #[test]
    fn only_paths_of_our_own_are_gone_on_to() {
        for good in ["/", "/orders/ord_1?access=x#tickets"] {
            assert!(is_own_path(good), "{good}");
        }
        for bad in
            ["", "orders", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/\tx", "/\r\nX: y"]
        {
            assert!(!is_own_path(bad), "{bad}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(RETURN_BYTES_MAX))));
    }
}
