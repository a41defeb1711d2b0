//! One attempt of one call over a pooled connection, with a deadline and a ceiling on the answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use stripe_client_core::{CustomizedStripeRequest, StripeClient, StripeMethod, VERSION};

use super::error::CallError;

/// Idle connections kept to the provider.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// How long an idle connection is kept; Stripe closes after 60 s.
const IDLE_MS: u64 = 30_000;
/// How long a connection may take to come about.
const CONNECT_MS: u64 = 2_000;
/// The largest answer that is read. A PaymentIntent is 2 to 5 KB, a page of refunds 100 times 1 KB.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// What we call ourselves.
const AGENT: &str = concat!("usher/", env!("CARGO_PKG_VERSION"));

/// The pooled client.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Ends with a slash.
    base_url: String,
    authorization: HeaderValue,
    deadline: Duration,
}

impl Transport {
    pub(super) fn new(base_url: String, authorization: HeaderValue, deadline_ms: u64) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_millis(CONNECT_MS)));
        let tls = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // A silently resent POST would be one that our loop does not count.
            .retry_canceled_requests(false)
            .build(tls);
        Self { client, base_url, authorization, deadline: Duration::from_millis(deadline_ms) }
    }

    fn request(&self, wanted: CustomizedStripeRequest) -> Result<Request<Full<Bytes>>, CallError> {
        let (request, options) = wanted.into_pieces();
        let query = request.query.filter(|query| !query.is_empty()).map_or(String::new(), |query| format!("?{query}"));
        let mut builder = Request::builder()
            .method(match request.method {
                StripeMethod::Get => Method::GET,
                StripeMethod::Post => Method::POST,
                StripeMethod::Delete => Method::DELETE,
            })
            .uri(format!("{}v1{}{query}", self.base_url, request.path))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .header("stripe-version", VERSION.as_str());
        if let Some(key) = options.request_strategy.and_then(|strategy| strategy.get_key()) {
            builder = builder.header("idempotency-key", key.as_str());
        }
        if request.body.is_some() {
            builder = builder.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let body = Full::new(Bytes::from(request.body.unwrap_or_default()));
        builder.body(body).map_err(|error| CallError::NotSent(error.to_string()))
    }

    async fn attempt(&self, request: Request<Full<Bytes>>) -> Result<Bytes, CallError> {
        let response = self.client.request(request).await.map_err(|error| {
            let what = chain(&error);
            if error.is_connect() { CallError::NotSent(what) } else { CallError::Lost(what) }
        })?;
        let (status, should_retry) = (response.status(), should_retry(&response));
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let bytes = body.collect().await.map_err(|error| CallError::Lost(error.to_string()))?.to_bytes();
        if status.is_success() { Ok(bytes) } else { Err(refusal(status, should_retry, &bytes)) }
    }
}

impl StripeClient for Transport {
    type Err = CallError;

    async fn execute(&self, wanted: CustomizedStripeRequest) -> Result<Bytes, CallError> {
        let request = self.request(wanted)?;
        match tokio::time::timeout(self.deadline, self.attempt(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Lost(format!("no answer within {} ms", self.deadline.as_millis()))),
        }
    }
}

fn should_retry<B>(response: &Response<B>) -> Option<bool> {
    response.headers().get("stripe-should-retry")?.to_str().ok()?.parse().ok()
}

/// The error's words with those of its causes: hyper's own say only "client error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}

/// The part of Stripe's error object that decisions need. The crate's typed one refuses what it does not know.
#[derive(serde::Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(serde::Deserialize)]
struct ErrorObject {
    #[serde(rename = "type", default)]
    kind: String,
    code: Option<String>,
    #[serde(default)]
    message: String,
}

fn refusal(status: StatusCode, should_retry: Option<bool>, bytes: &[u8]) -> CallError {
    let status = status.as_u16();
    match serde_json::from_slice::<ErrorBody>(bytes) {
        Ok(ErrorBody { error }) => {
            CallError::Status { status, should_retry, code: error.code.unwrap_or(error.kind), message: error.message }
        }
        Err(_) => {
            let message = "the answer is no error object".to_owned();
            CallError::Status { status, should_retry, code: "unreadable".to_owned(), message }
        }
    }
}
