//! How much a request may carry, whether its handler reads it or not.
//!
//! A declared length is judged before a byte is read. A body without one (chunked) is read here, up to the limit, and
//! handed on whole: what a handler does not read would otherwise be read by nobody's measure.

use std::future::ready;

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use actix_web::web::BytesMut;
use futures_util::{StreamExt, stream};

use crate::problem::{Problem, kinds};

/// Refuses a request that declares more than `bytes_max`.
///
/// # Errors
/// It does.
pub fn check_declared(headers: &HeaderMap, bytes_max: usize) -> Result<(), Problem> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|bytes| bytes > bytes_max as u64) { Err(too_large(bytes_max)) } else { Ok(()) }
}

/// Reads a body of undeclared length, and puts it back.
///
/// # Errors
/// It is larger than `bytes_max`, or ends too soon.
pub async fn gather_undeclared(request: &mut ServiceRequest, bytes_max: usize) -> Result<(), Problem> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    let mut payload = request.take_payload();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| problem_of(&error))?;
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    let body = stream::once(ready(Ok(body.freeze())));
    request.set_payload(Payload::Stream { payload: Box::pin(body) });
    Ok(())
}

/// The problem that a body's error is.
#[expect(clippy::wildcard_enum_match_arm, reason = "actix may add variants")]
pub fn problem_of(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::of(&kinds::TOO_LARGE),
        _ => Problem::new(&kinds::MALFORMED, format!("The body could not be read: {error}")),
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(&kinds::TOO_LARGE, format!("The limit is {bytes_max} bytes"))
}
