//! The pages behind every problem's `type`.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::Path;

use super::Answer;
use crate::middleware::headers::CACHE_ANONYMOUS_PAGE;
use crate::problem::{Problem, kinds, page};

/// The page of a kind.
pub(crate) async fn one(code: Path<String>) -> Answer {
    let kind = kinds::by_code(&code).ok_or_else(|| Problem::of(&kinds::NOT_FOUND))?;
    Ok(html(page::of_kind(kind)))
}

/// All kinds.
pub(crate) async fn all() -> Answer {
    Ok(html(page::of_all()))
}

pub(super) fn html(body: String) -> HttpResponse {
    let caching = ("Cache-Control", CACHE_ANONYMOUS_PAGE);
    HttpResponse::Ok().content_type(ContentType::html()).insert_header(caching).body(body)
}
