//! Problems: every *no* that leaves the server, as RFC 9457 `application/problem+json`.
//!
//! A [`Kind`] is stable: clients switch on its code, and its page at `/problems/{code}` explains it. A [`Problem`] is
//! one occurrence. Pages show the same problem in words, so a handler never formats an error by itself.

mod from;
pub mod kinds;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
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
    /// What happened this time, for people; where the kind says it all, what to do about it.
    pub detail: String,
    /// When a repeat makes sense; sent as `Retry-After` too.
    pub retry_after_ms: Option<u64>,
    /// The methods that the address knows; sent as `Allow`.
    pub allow: Option<String>,
    /// Extension members.
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem of a kind, with what happened this time.
    #[must_use]
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after_ms: None, allow: None, members: Map::new() }
    }

    /// A problem of a kind that needs no more words than what to do about it.
    #[must_use]
    pub fn of(kind: &'static Kind) -> Self {
        Self::new(kind, kind.advice)
    }

    /// With an extension member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With the methods that there are.
    #[must_use]
    pub fn allow(mut self, methods: &str) -> Self {
        self.allow = Some(methods.to_owned());
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
        // The empty pointer is the whole body.
        let said = |(pointer, message): &(String, String)| match pointer.as_str() {
            "" => message.clone(),
            _ => format!("{pointer}: {message}"),
        };
        let detail = faults.iter().map(said).collect::<Vec<_>>();
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
        if let Some(Ok(methods)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, methods);
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
    /// Every fault of the request, each with its place; of `invalid`, `plan_invalid` and `not_ready`.
    pub errors: Option<Vec<FaultDocument>>,
    /// The most places that are allowed.
    pub places_max: Option<u16>,
    /// Places that the buyer has already.
    pub has_count: Option<u32>,
    /// The most live holds that are allowed.
    pub holds_max: Option<u16>,
    /// Seats that are in the way, by index.
    pub seats: Option<Vec<u32>>,
    /// A seat that is not, or is named twice, by index.
    pub seat: Option<u32>,
    /// Seats left where a block was sought.
    pub seats_left: Option<u32>,
    /// An area, by its position in the plan.
    pub area_index: Option<u16>,
    /// Places left in it.
    pub left_count: Option<u32>,
    /// A price tier, by its position in the plan.
    pub tier_index: Option<u16>,
    /// When the hold ends for good.
    pub expires_at: Option<String>,
    /// The state that the order is in.
    pub state: Option<String>,
    /// The line that cannot be refunded.
    pub line: Option<u16>,
    /// What the order costs.
    pub total_minor: Option<u64>,
}

/// A fault of a request.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FaultDocument {
    /// Its place in the body, a JSON pointer; empty for the whole of it.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
    /// The stable name of the fault, where it has one.
    pub code: Option<String>,
}
