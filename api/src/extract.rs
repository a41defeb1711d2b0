//! What handlers take from a request besides its body: keys, preconditions, secrets, the sender's address.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::error::{PathError, PayloadError, QueryPayloadError};
use actix_web::http::header::{HeaderName, IF_MATCH};
use actix_web::web::{Bytes, Data, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::access::OrderAccess;
use crate::config::ServerSettings;
use crate::desk::IdempotencyKey;
use crate::middleware::body;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ORDER_ACCESS: HeaderName = HeaderName::from_static("usher-order-access");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Makes what cannot be read a problem, and bounds what is read.
pub fn configure(config: &mut ServiceConfig, server: &ServerSettings) {
    let body_max = server.body_max.usize();
    let query = QueryConfig::default().error_handler(|error, _| query_problem(&error).into());
    let path = PathConfig::default().error_handler(|error, _| path_problem(&error).into());
    config.app_data(query).app_data(path).app_data(PayloadConfig::new(body_max));
}

/// A JSON body; what cannot be is named by its place. The framework's own extractor only knows line and column.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T> std::ops::Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mime = request.mime_type().ok().flatten();
        let is_json = mime.is_some_and(|mime| {
            mime.subtype().as_str() == "json" || mime.suffix().is_some_and(|suffix| suffix.as_str() == "json")
        });
        let body = Bytes::from_request(request, payload);
        async move {
            if !is_json {
                return Err(Problem::of(&kinds::UNSUPPORTED_MEDIA_TYPE));
            }
            let body = body.await.map_err(|error| match error.as_error::<PayloadError>() {
                Some(error) => body::problem_of(error),
                None => Problem::new(&kinds::MALFORMED, error.to_string()),
            })?;
            from_json(&body).map(Self)
        }
        .boxed_local()
    }
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let malformed = |error: &serde_json::Error| Problem::new(&kinds::MALFORMED, format!("This is no JSON: {error}"));
    let read: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        if error.inner().is_data() {
            // Where it stands in the text says less than the pointer does.
            let what = error.inner().to_string();
            let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
            Problem::invalid(&pointer(error.path()), what)
        } else {
            malformed(error.inner())
        }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(read)
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

fn query_problem(error: &QueryPayloadError) -> Problem {
    Problem::new(&kinds::MALFORMED, format!("The query cannot be read: {error}"))
}

/// An id that cannot be is an id of nothing.
fn path_problem(_: &PathError) -> Problem {
    Problem::of(&kinds::NOT_FOUND)
}

/// The request's `Idempotency-Key`.
pub struct Key(pub IdempotencyKey);

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(key) = request.headers().get(IDEMPOTENCY_KEY) else {
            return ready(Err(Problem::of(&kinds::IDEMPOTENCY_KEY_REQUIRED)));
        };
        // The draft standard writes it as a quoted string; most clients do not.
        ready(IdempotencyKey::new(key.to_str().unwrap_or_default().trim_matches('"')).map(Self))
    }
}

/// The revision that a change rests on, from `If-Match`.
pub struct Revision(pub u64);

impl FromRequest for Revision {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(tag) = request.headers().get(IF_MATCH).and_then(|tag| tag.to_str().ok()) else {
            return ready(Err(Problem::of(&kinds::IF_MATCH_REQUIRED)));
        };
        // A tag that this server never gave matches nothing.
        let revision = tag.trim_matches('"').parse().map_err(|_| Problem::of(&kinds::CHANGED_MEANWHILE));
        ready(revision.map(Self))
    }
}

/// The order's secret, if the request shows one: header `Usher-Order-Access`, or `access` in the query.
pub struct Shown(pub Option<OrderAccess>);

#[derive(Deserialize)]
struct AccessQuery {
    access: Option<String>,
}

impl FromRequest for Shown {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get(ORDER_ACCESS).and_then(|access| access.to_str().ok());
        let access = header.map(str::to_owned).or_else(|| {
            serde_urlencoded::from_str::<AccessQuery>(request.query_string()).ok().and_then(|query| query.access)
        });
        ready(Ok(Self(access.map(OrderAccess))))
    }
}

/// The address a request comes from, past proxies that are trusted and no others.
pub struct ClientAddress(pub IpAddr);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip());
        let trusted =
            request.app_data::<Data<AppState>>().map(|state| state.settings.server.trusted_proxies.as_slice());
        let forwarded = request.headers().get_all(FORWARDED_FOR).filter_map(|list| list.to_str().ok());
        ready(Ok(Self(client_address(peer, trusted.unwrap_or_default(), forwarded))))
    }
}

/// The last address in the chain that is no trusted proxy: what stands before it, anybody may have written.
fn client_address<'a>(peer: IpAddr, trusted: &[IpAddr], forwarded: impl Iterator<Item = &'a str>) -> IpAddr {
    let mut chain: Vec<&str> = forwarded.flat_map(|list| list.split(',')).map(str::trim).collect();
    let mut address = peer;
    while trusted.contains(&address) {
        match chain.pop().map(str::parse) {
            Some(Ok(next)) => address = next,
            Some(Err(_)) | None => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_may_say_for_whom_they_ask() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let of =
            |peer, trusted: &[IpAddr], header: &'static str| client_address(at(peer), trusted, [header].into_iter());
        let proxies = [at("10.0.0.1"), at("10.0.0.2")];
        assert_eq!(of("203.0.113.9", &proxies, "1.1.1.1"), at("203.0.113.9"), "the peer is no proxy");
        assert_eq!(of("10.0.0.1", &proxies, "1.1.1.1, 198.51.100.7"), at("198.51.100.7"), "the first was forged");
        assert_eq!(of("10.0.0.1", &proxies, "198.51.100.7, 10.0.0.2"), at("198.51.100.7"));
        assert_eq!(of("10.0.0.1", &proxies, "nonsense"), at("10.0.0.1"));
        assert_eq!(of("10.0.0.1", &[], "198.51.100.7"), at("10.0.0.1"));
    }
}
