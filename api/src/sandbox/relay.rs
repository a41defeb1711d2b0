//! The way to a sandbox that is a process of its own, so that several nodes share one: each node answers under its own
//! `/sandbox` with what the shared one says, and buyers, auditors and pages see no difference.
//!
//! A proxy in front was refused: the pages lead back to paths of the origin they are shown at, and a newcomer should not
//! need one to try two nodes.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, ResponseError};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::pay::html_of;
use super::refusal::Refusal;
use super::routes::{BODY_BYTES_MAX, DEADLINE};

/// Requests under way to the shared sandbox; one more is refused.
const RELAYED_AT_ONCE_MAX: usize = 512;
/// How long the shared sandbox may take to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer that is handed on; a page of the ledger has some hundred kilobytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// The pages among its routes: a refusal there is read by a person.
const PAGES_PREFIX: &str = "/sandbox/pay/";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const ASKED_WITH: [HeaderName; 4] = [ACCEPT, AUTHORIZATION, CONTENT_TYPE, IDEMPOTENCY_KEY];
const ANSWERED_WITH: [HeaderName; 4] = [CACHE_CONTROL, CONTENT_TYPE, LOCATION, IDEMPOTENT_REPLAYED];

/// The way there; clones share it.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    /// Without a slash at its end.
    url: String,
    http: reqwest::Client,
    runtime: Handle,
    under_way: Arc<Semaphore>,
}

impl Relay {
    /// The way to the sandbox at `url`; asks it nothing yet. Its connections live on `runtime`.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(url: &str, runtime: Handle) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(DEADLINE)
            .build()?;
        let under_way = Arc::new(Semaphore::new(RELAYED_AT_ONCE_MAX));
        Ok(Self(Arc::new(Inner { url: url.trim_end_matches('/').to_owned(), http, runtime, under_way })))
    }

    /// Adds everything under `/sandbox`.
    pub fn configure(&self, config: &mut ServiceConfig) {
        let scope = web::scope("/sandbox").app_data(Data::new(self.clone()));
        let scope = scope.app_data(web::PayloadConfig::new(BODY_BYTES_MAX));
        config.service(scope.default_service(web::to(hand_on)));
    }

    async fn ask(&self, request: &HttpRequest, body: Bytes) -> Result<Parts, Refusal> {
        if ![Method::GET, Method::POST].contains(request.method()) {
            return Err(Refusal::unknown_url(request.method().as_str(), request.path()));
        }
        let permit = Arc::clone(&self.0.under_way).try_acquire_owned().map_err(|_| away("too many ask at once"))?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let is_get = request.method() == Method::GET;
        let method = if is_get { reqwest::Method::GET } else { reqwest::Method::POST };
        let mut asked = self.0.http.request(method, format!("{}{path}", self.0.url)).body(body);
        for name in &ASKED_WITH {
            if let Some(value) = request.headers().get(name) {
                asked = asked.header(name.as_str(), value.as_bytes());
            }
        }
        let answered = self.0.runtime.spawn(async move {
            let answer = read(asked).await;
            drop(permit);
            answer
        });
        answered.await.map_err(|_| away("the house is stopping"))?.map_err(|error| {
            tracing::warn!(%error, "the shared sandbox does not answer");
            away("it does not answer")
        })
    }
}

/// An answer of the shared sandbox, as ours.
async fn read(asked: reqwest::RequestBuilder) -> Result<Parts, reqwest::Error> {
    let mut answered = asked.send().await?;
    let status = StatusCode::from_u16(answered.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = answered.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = answered.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            body.clear();
            return Ok(Parts { status: StatusCode::BAD_GATEWAY, headers: Vec::new(), body });
        }
    }
    let named = |name: &HeaderName| headers.get(name.as_str()).map(|value| (name.clone(), value.as_bytes().to_vec()));
    Ok(Parts { status, headers: ANSWERED_WITH.iter().filter_map(named).collect(), body })
}

/// What is handed on; an actix response may not leave its thread.
struct Parts {
    status: StatusCode,
    headers: Vec<(HeaderName, Vec<u8>)>,
    body: Vec<u8>,
}

impl Parts {
    fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in self.headers {
            response.insert_header((name, value));
        }
        response.body(self.body)
    }
}

async fn hand_on(relay: Data<Relay>, request: HttpRequest, body: Bytes) -> HttpResponse {
    match relay.ask(&request, body).await {
        Ok(parts) => parts.into_response(),
        Err(refusal) if request.path().starts_with(PAGES_PREFIX) => html_of(&refusal),
        Err(refusal) => refusal.error_response(),
    }
}

fn away(why: &str) -> Refusal {
    Refusal::away(&format!("The payment sandbox cannot be reached: {why}. Nothing was paid; try again in a moment."))
}
