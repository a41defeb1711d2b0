//! Cross-site requests: an unsafe method that is proved by a cookie must come from this site's own pages.
//!
//! Browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`); a page of another site cannot forge either.
//! Tokens in forms were refused: they need a place to live on the server or in every page, and protect no better.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderName, ORIGIN};

use crate::problem::{Problem, kinds};

/// Fails when a browser says that another site sent this.
///
/// # Errors
/// *Cross site*, or no word about where it comes from.
pub fn check(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let refused = Err(Problem::of(&kinds::CROSS_SITE));
    match header(&HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return refused,
        None => {}
    }
    // A browser that sends no Sec-Fetch-Site (plain http to a name, or an old one) still sends Origin with a POST.
    match (header(&ORIGIN), header(&HOST)) {
        (Some(origin), Some(host)) if origin.split_once("://").is_some_and(|(_, rest)| rest == host) => Ok(()),
        (Some(_) | None, _) => refused,
    }
}
