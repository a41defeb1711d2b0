//! The sale of an organizer's event: its steps, its seats, its figures, its orders.

use actix_web::web::{Data, Path, Query};
use usher_core::{EventId, OrderId};

use super::{Answer, created, done, ok};
use crate::access::Subject;
use crate::desk::audit::{self, ActSheet};
use crate::desk::organizer::{self, OrdersQuery, OrganizerEventSheet, RefundForm, SeatsForm, Step};
use crate::desk::{ListQuery, Listed};
use crate::extract::{Json, Key};
use crate::live;
use crate::state::AppState;

macro_rules! steps {
    ($($(#[doc = $doc:literal])* $name:ident = $step:ident, $path:literal;)*) => {$(
        $(#[doc = $doc])*
        #[utoipa::path(post, path = $path, tag = "organizer", params(("event" = String, Path)),
            responses((status = 200, body = OrganizerEventSheet),
                (status = 409, body = crate::problem::ProblemDocument)))]
        pub(crate) async fn $name(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
            ok(&organizer::step(&state, &subject, *event, Step::$step).await?)
        }
    )*};
}

steps! {
    /// Draft to announced: fixes plan, currency and limits for good.
    publish = Publish, "/api/v1/organizer/events/{event}/publish";
    /// Announced to on sale.
    open = Open, "/api/v1/organizer/events/{event}/open";
    /// On sale to paused: no new holds; those who hold may finish.
    pause = Pause, "/api/v1/organizer/events/{event}/pause";
    /// Paused to on sale.
    resume = Resume, "/api/v1/organizer/events/{event}/resume";
    /// Ends the sale; those who hold may finish.
    close = Close, "/api/v1/organizer/events/{event}/close";
    /// Calls the event off: holds end, paid orders are refunded.
    cancel = Cancel, "/api/v1/organizer/events/{event}/cancel";
}

/// Takes free seats out of the sale.
#[utoipa::path(post, path = "/api/v1/organizer/events/{event}/seats/block", tag = "organizer",
    request_body = SeatsForm, params(("event" = String, Path)), responses((status = 204)))]
pub(crate) async fn block(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    form: Json<SeatsForm>,
) -> Answer {
    organizer::block_seats(&state, &subject, *event, &form).await?;
    done()
}

/// Puts blocked seats back.
#[utoipa::path(post, path = "/api/v1/organizer/events/{event}/seats/unblock", tag = "organizer",
    request_body = SeatsForm, params(("event" = String, Path)), responses((status = 204)))]
pub(crate) async fn unblock(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    form: Json<SeatsForm>,
) -> Answer {
    organizer::unblock_seats(&state, &subject, *event, &form).await?;
    done()
}

/// The state of every seat.
#[utoipa::path(get, path = "/api/v1/organizer/events/{event}/seats", tag = "organizer",
    params(("event" = String, Path)), responses((status = 200, body = organizer::SeatStatusSheet)))]
pub(crate) async fn seats(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    ok(&organizer::seats(&state, &subject, *event).await?)
}

/// Sales so far.
#[utoipa::path(get, path = "/api/v1/organizer/events/{event}/sales", tag = "organizer",
    params(("event" = String, Path)), responses((status = 200, body = organizer::SalesSheet)))]
pub(crate) async fn sales(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    ok(&organizer::sales(&state, &subject, *event).await?)
}

/// What organizers and operators did to the event, latest first.
#[utoipa::path(get, path = "/api/v1/organizer/events/{event}/audit-log", tag = "organizer",
    params(("event" = String, Path), ListQuery), responses((status = 200, body = Listed<ActSheet>)))]
pub(crate) async fn acts(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    query: Query<ListQuery>,
) -> Answer {
    ok(&audit::acts_of_event(&state, &subject, *event, &query).await?)
}

/// Sales as they happen: server-sent events `sales`.
#[utoipa::path(get, path = "/api/v1/organizer/events/{event}/live", tag = "organizer",
    params(("event" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn live_sales(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    live::sales(&state, &subject, *event).await
}

/// Orders of an event, oldest first.
#[utoipa::path(get, path = "/api/v1/organizer/events/{event}/orders", tag = "organizer",
    params(("event" = String, Path), OrdersQuery),
    responses((status = 200, body = Listed<crate::desk::buyer::OrderSheet>)))]
pub(crate) async fn orders(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    query: Query<OrdersQuery>,
) -> Answer {
    ok(&organizer::orders(&state, &subject, *event, &query).await?)
}

/// Refunds an order or some of its lines; the places return.
#[utoipa::path(post, path = "/api/v1/organizer/events/{event}/orders/{order}/refunds", tag = "organizer",
    request_body = RefundForm,
    params(("event" = String, Path), ("order" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = crate::desk::buyer::RefundSheet)))]
pub(crate) async fn refund(
    state: Data<AppState>,
    subject: Subject,
    path: Path<(EventId, OrderId)>,
    key: Key,
    form: Json<RefundForm>,
) -> Answer {
    created(&organizer::refund(&state, &subject, path.0, path.1, &key.0, &form).await?)
}
