//! HTTP as buyers and auditors use it: one request, or one that is repeated until it is answered.
//!
//! A refusal (429, 503, 507) is not an error: the request is repeated under the same key after `Retry-After`, a bounded
//! number of times. A connection that breaks leaves the outcome unknown; while restarts are expected it is repeated
//! until the server is back.

mod answer;
mod persist;

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

pub use answer::Answer;
pub use persist::{Patience, Tried, persist};

/// The longest one request may take; the server gives up on it earlier.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Idle connections are dropped before the server does it, which is after five seconds: a request sent into a closing
/// connection would look like a lost one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);

/// What is sent with a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// A form.
    Form(Vec<(&'static str, String)>),
}

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Idempotency key.
    pub key: Option<String>,
    /// The revision that a change is made to.
    pub revision: Option<u64>,
    /// Body.
    pub body: Body,
}

impl Request {
    /// A `GET`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), key: None, revision: None, body: Body::None }
    }

    /// A `POST`.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Body) -> Self {
        Self { method: Method::POST, path: path.into(), key: None, revision: None, body }
    }

    /// A `DELETE`.
    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), key: None, revision: None, body: Body::None }
    }

    /// Under that key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// How a request proves whose it is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Not at all.
    None,
    /// A buyer's token or an API key.
    Bearer(String),
    /// A session's cookie.
    Cookie(String),
}

/// The servers, which are one to their clients.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    bases: Vec<String>,
}

impl Api {
    /// Clients of those base URLs; there must be one.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(bases: Vec<String>) -> anyhow::Result<Self> {
        anyhow::ensure!(!bases.is_empty(), "there is no server to talk to");
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .build()?;
        let bases = bases.into_iter().map(|base| base.trim_end_matches('/').to_owned()).collect();
        Ok(Self { http, bases })
    }

    /// The server that the buyer of that number talks to.
    #[must_use]
    pub fn base_of(&self, number: u64) -> &str {
        let at = number % self.bases.len() as u64;
        &self.bases[usize::try_from(at).unwrap_or_default()]
    }

    /// The server to try when that one does not answer.
    #[must_use]
    pub fn base_after(&self, base: &str) -> &str {
        let at = self.bases.iter().position(|known| known == base).unwrap_or_default();
        &self.bases[(at + 1) % self.bases.len()]
    }

    /// The same client, of that server alone.
    #[must_use]
    pub fn only(&self, base: &str) -> Self {
        Self { http: self.http.clone(), bases: vec![base.to_owned()] }
    }

    /// All servers.
    #[must_use]
    pub fn bases(&self) -> &[String] {
        &self.bases
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// What broke, when no answer came.
    pub async fn send(&self, base: &str, proof: &Proof, request: &Request) -> Result<Answer, String> {
        let mut sent = self.http.request(request.method.clone(), format!("{base}{}", request.path));
        sent = match proof {
            Proof::None => sent,
            Proof::Bearer(token) => sent.bearer_auth(token),
            // Who proves it by a cookie must say where the request comes from.
            Proof::Cookie(cookie) => sent.header("Cookie", cookie).header("Origin", base),
        };
        if let Some(key) = &request.key {
            sent = sent.header("Idempotency-Key", key);
        }
        if let Some(revision) = request.revision {
            sent = sent.header("If-Match", format!("\"{revision}\""));
        }
        sent = match &request.body {
            Body::None => sent,
            Body::Json(json) => sent.json(json),
            // As a browser's form, which says where it comes from.
            Body::Form(form) if matches!(proof, Proof::Cookie(_)) => sent.form(form),
            Body::Form(form) => sent.header("Origin", base).form(form),
        };
        let response = sent.send().await.map_err(|error| words(&error))?;
        Answer::read(response).await.map_err(|error| words(&error))
    }

    /// Goes where an answer leads that sends away from the servers, such as to a ticket in a bucket; without any proof,
    /// as a browser would. Any other answer stays what it is.
    ///
    /// # Errors
    /// What broke, when no answer came.
    pub async fn followed(&self, answer: Answer) -> Result<Answer, String> {
        let link = answer.location.clone().filter(|link| answer.status == 303 && link.starts_with("http"));
        let Some(link) = link else { return Ok(answer) };
        let response = self.http.get(link).send().await.map_err(|error| words(&error))?;
        Answer::read(response).await.map_err(|error| words(&error))
    }
}

/// An error with its causes, without the URL: it may carry an order's secret.
fn words(error: &reqwest::Error) -> String {
    let mut said = if error.is_timeout() { "timeout".to_owned() } else { "connection".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
