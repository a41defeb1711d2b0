//! Orders of an event, and refunds.

use actix_web::web::{Bytes, Data, Path, Query};
use askama::Template;
use usher_core::{EventId, OrderId, OrderState};

use crate::access::Subject;
use crate::desk::IdempotencyKey;
use crate::desk::organizer::{self, OrdersQuery, RefundForm};
use crate::pages::form::{Form, number};
use crate::pages::{Answer, Frame, money, page as html, see};
use crate::state::AppState;

struct Row {
    order: OrderId,
    code: String,
    name: String,
    state: String,
    places_count: usize,
    total: String,
    refundable: bool,
    key: String,
}

#[derive(Template)]
#[template(path = "organizer/orders.html")]
struct OrdersPage {
    frame: Frame,
    event: EventId,
    rows: Vec<Row>,
    next: Option<String>,
}

/// The page.
pub(super) async fn page(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    query: Query<OrdersQuery>,
) -> Answer {
    let listed = organizer::orders(&state, &subject, *event, &query).await?;
    let rows = listed.data.into_iter().map(|order| Row {
        order: order.order,
        code: order.code,
        name: order.name.unwrap_or_default(),
        state: format!("{:?}", order.state),
        places_count: order.lines.len(),
        total: money(order.total_minor, order.currency),
        refundable: order.state == OrderState::Paid,
        key: IdempotencyKey::fresh().as_str().to_owned(),
    });
    html(&OrdersPage { frame: Frame::new(&state), event: *event, rows: rows.collect(), next: listed.next_cursor })
}

/// Refunds an order, or the lines that are named.
pub(super) async fn refund(
    state: Data<AppState>,
    subject: Subject,
    path: Path<(EventId, OrderId)>,
    body: Bytes,
) -> Answer {
    let (event, order) = path.into_inner();
    let form = Form::read(&body)?;
    let lines = form.all("line").map(|line| number("line", line)).collect::<Result<Vec<u16>, _>>()?;
    let refund = RefundForm { lines: (!lines.is_empty()).then_some(lines) };
    let key = IdempotencyKey::new(form.text("key"))?;
    organizer::refund(&state, &subject, event, order, &key, &refund).await?;
    Ok(see(&format!("/organizer/events/{event}/orders")))
}
