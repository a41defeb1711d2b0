//! Problems: every *no* that leaves the server, as RFC 9457 `application/problem+json`.
//!
//! A [`Kind`] is stable: clients switch on its code, and its page at `/problems/{code}` explains it. A [`Problem`] is
//! one occurrence. Pages show the same problem in words, so a handler never formats an error by itself.

mod from;
pub mod kinds;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

pub use kinds::Kind;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One occurrence of a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What kind it is.
    pub kind: &'static Kind,
    /// What happened this time, for people.
    pub detail: String,
    /// When a repeat makes sense; sent as `Retry-After` too.
    pub retry_after_ms: Option<u64>,
    /// Extension members.
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem of a kind, with what happened this time.
    #[must_use]
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after_ms: None, members: Map::new() }
    }

    /// A problem of a kind that needs no more words than its title.
    #[must_use]
    pub fn of(kind: &'static Kind) -> Self {
        Self::new(kind, kind.title)
    }

    /// With an extension member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With a time after which to try again.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// A fault of one member of the request's body, named by its JSON pointer.
    #[must_use]
    pub fn invalid(pointer: &str, message: impl Into<String>) -> Self {
        Self::invalid_all(vec![(pointer.to_owned(), message.into())])
    }

    /// All faults of a request's body together, each named by its JSON pointer.
    #[must_use]
    pub fn invalid_all(faults: Vec<(String, String)>) -> Self {
        let detail = faults.iter().map(|(pointer, message)| format!("{pointer}: {message}")).collect::<Vec<_>>();
        let errors = faults.into_iter().map(|(pointer, message)| json!({"pointer": pointer, "detail": message}));
        Self::new(&kinds::INVALID, detail.join("; ")).with("errors", errors.collect::<Vec<_>>())
    }

    /// The HTTP status.
    ///
    /// # Panics
    /// Never: the kinds are written in code, with real statuses.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).expect("kinds carry real statuses")
    }

    /// The JSON document; `instance` is the request's id.
    #[must_use]
    pub fn document(&self, instance: Option<&str>) -> Value {
        let mut document = self.members.clone();
        document.insert("type".to_owned(), format!("/problems/{}", self.kind.code).into());
        document.insert("title".to_owned(), self.kind.title.into());
        document.insert("status".to_owned(), self.kind.status.into());
        document.insert("detail".to_owned(), self.detail.clone().into());
        document.insert("code".to_owned(), self.kind.code.into());
        if let Some(ms) = self.retry_after_ms {
            document.insert("retry_after_ms".to_owned(), ms.into());
        }
        if let Some(instance) = instance {
            document.insert("instance".to_owned(), instance.into());
        }
        Value::Object(document)
    }

    /// The response that carries it as JSON.
    #[must_use]
    pub fn to_response(&self, instance: Option<&str>) -> HttpResponse {
        let body = self.document(instance).to_string();
        let mut response = HttpResponse::build(self.status()).body(body);
        self.set_headers(response.headers_mut());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }

    /// Sets the headers that go with it, whatever form the body has.
    pub fn set_headers(&self, headers: &mut actix_web::http::header::HeaderMap) {
        if let Some(ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.to_response(None)
    }
}

/// The document of a problem, as the API's description shows it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// Where the kind is explained, `/problems/{code}`.
    pub r#type: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The stable name of the kind.
    pub code: String,
    /// The request's id.
    pub instance: Option<String>,
    /// When a repeat makes sense.
    pub retry_after_ms: Option<u64>,
}
