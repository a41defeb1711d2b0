//! Orders and tickets.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, HeaderValue, LOCATION};
use actix_web::web::{Data, Path};
use bytes::Bytes;
use usher_core::{OrderId, TicketId};
use usher_engine::tickets::Download;

use super::{Answer, ok};
use crate::access::Subject;
use crate::desk::Listed;
use crate::desk::buyer;
use crate::extract::Shown;
use crate::middleware::headers::CACHE_PRIVATE;
use crate::state::AppState;

/// An order, for its buyer, for who shows its secret, and for its organizer.
#[utoipa::path(get, path = "/api/v1/orders/{order}", tag = "buyer",
    params(("order" = String, Path), ("access" = Option<String>, Query, description = "The order's secret")),
    responses((status = 200, body = buyer::OrderSheet), (status = 404, body = crate::problem::ProblemDocument)))]
pub(crate) async fn one(state: Data<AppState>, subject: Subject, order: Path<OrderId>, shown: Shown) -> Answer {
    ok(&buyer::order(&state, &subject, *order, shown.0.as_ref()).await?)
}

/// Calls an unpaid order off.
#[utoipa::path(post, path = "/api/v1/orders/{order}/cancel", tag = "buyer",
    params(("order" = String, Path), ("access" = Option<String>, Query, description = "The order's secret")),
    responses((status = 200, body = buyer::OrderSheet), (status = 409, body = crate::problem::ProblemDocument)))]
pub(crate) async fn cancel(state: Data<AppState>, subject: Subject, order: Path<OrderId>, shown: Shown) -> Answer {
    ok(&buyer::cancel_order(&state, &subject, *order, shown.0.as_ref()).await?)
}

/// The tickets of an order; empty until it is paid.
#[utoipa::path(get, path = "/api/v1/orders/{order}/tickets", tag = "buyer",
    params(("order" = String, Path), ("access" = Option<String>, Query, description = "The order's secret")),
    responses((status = 200, body = Listed<buyer::TicketSheet>)))]
pub(crate) async fn tickets(state: Data<AppState>, subject: Subject, order: Path<OrderId>, shown: Shown) -> Answer {
    let data = buyer::tickets(&state, &subject, *order, shown.0.as_ref()).await?;
    ok(&Listed { data, next_cursor: None })
}

/// One ticket's page: itself, or where it can be fetched for the next minutes without any proof.
#[utoipa::path(get, path = "/api/v1/orders/{order}/tickets/{ticket}", tag = "buyer",
    params(("order" = String, Path), ("ticket" = String, Path),
        ("access" = Option<String>, Query, description = "The order's secret")),
    responses((status = 200, content_type = "application/pdf", body = String),
        (status = 303, description = "It is at `Location`, for a few minutes"),
        (status = 409, description = "Being prepared", body = crate::problem::ProblemDocument)))]
pub(crate) async fn ticket(
    state: Data<AppState>,
    subject: Subject,
    path: Path<(OrderId, TicketId)>,
    shown: Shown,
) -> Answer {
    match buyer::ticket(&state, &subject, path.0, path.1, shown.0.as_ref()).await? {
        Download::Pdf(bytes) => Ok(pdf(bytes, &path.1.to_string())),
        // A link of the page leads here: the browser goes on to the bucket by itself, with or without JavaScript, and
        // the content security policy, which binds what a page loads, has no say in where a click leads.
        Download::At(link) => Ok(HttpResponse::SeeOther()
            .insert_header((LOCATION, link))
            .insert_header((CACHE_CONTROL, CACHE_PRIVATE))
            .finish()),
    }
}

/// All valid tickets of an order in one document.
#[utoipa::path(get, path = "/api/v1/orders/{order}/tickets.pdf", tag = "buyer",
    params(("order" = String, Path), ("access" = Option<String>, Query, description = "The order's secret")),
    responses((status = 200, content_type = "application/pdf", body = String),
        (status = 409, description = "Being prepared, or there are none", body = crate::problem::ProblemDocument)))]
pub(crate) async fn all_tickets(state: Data<AppState>, subject: Subject, order: Path<OrderId>, shown: Shown) -> Answer {
    let bytes = buyer::order_pdf(&state, &subject, *order, shown.0.as_ref()).await?;
    Ok(pdf(bytes, &order.to_string()))
}

/// A PDF to keep.
#[must_use]
pub(crate) fn pdf(bytes: Bytes, name: &str) -> HttpResponse {
    let mut response = HttpResponse::Ok().content_type("application/pdf").body(bytes);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.pdf\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    response
}
