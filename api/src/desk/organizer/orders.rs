//! Orders of an event, and money back.

use std::collections::HashMap;

use serde::Deserialize;
use usher_core::{Answer, Command, EventId, OrderId, OrderState, RefundId, RefundLines};
use usher_engine::audit_log::Deed;
use usher_engine::ids;
use usher_engine::orders::{Contact, OrderRecord};

use crate::access::{Action, Subject};
use crate::desk::audit::{Intent, recorded};
use crate::desk::buyer::{OrderSheet, RefundSheet};
use crate::desk::{CAUGHT_UP_WAIT, IdempotencyKey, ListQuery, Listed, ask, load, wrong_answer};
use crate::problem::Problem;
use crate::state::AppState;

/// Which orders, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Only orders in this state: `awaiting_payment`, `confirmed`, `paid`, `cancelled`, `refunded`.
    #[param(value_type = Option<String>)]
    pub state: Option<OrderState>,
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// What is refunded.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RefundForm {
    /// Lines of the order; absent for all that are not refunded yet.
    pub lines: Option<Vec<u16>>,
}

/// Orders of an event, oldest first.
///
/// # Errors
/// Not logged in, not found; the store does not answer.
pub async fn orders(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    query: &OrdersQuery,
) -> Result<Listed<OrderSheet>, Problem> {
    let record = load(state, subject, Action::Organize, event).await?;
    let rows_max = ListQuery { limit: query.limit, cursor: None }.rows_max();
    let page = state.views.orders_of_event(event, query.state, query.cursor.as_deref(), rows_max).await?;
    let ids: Vec<OrderId> = page.rows.iter().map(|order| order.order).collect();
    let contacts = state.contacts.contacts(&ids).await?;
    let contacts: HashMap<OrderId, Contact> = contacts.into_iter().map(|contact| (contact.order, contact)).collect();
    let map = state.plans.of(&record).await?;
    let sheet = |order: &OrderRecord| {
        let sheet = OrderSheet::of(order, &record, &map.layout, state.clock.now());
        match contacts.get(&order.order) {
            Some(contact) => sheet.with_contact(contact),
            None => sheet,
        }
    };
    Ok(Listed { data: page.rows.iter().map(sheet).collect(), next_cursor: page.next_cursor })
}

/// Refunds an order or some lines of it; the places return. The key names the refund.
///
/// # Errors
/// Not logged in, not found, what the rules refuse; the event does not answer.
pub async fn refund(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    order: OrderId,
    key: &IdempotencyKey,
    form: &RefundForm,
) -> Result<RefundSheet, Problem> {
    load(state, subject, Action::Organize, event).await?;
    let intent = Intent { deed: Deed::Refund, event: Some(event), object: Some(order.to_string()) };
    Box::pin(recorded(state, subject, intent, begin_refund(state, event, order, key, form))).await
}

async fn begin_refund(
    state: &AppState,
    event: EventId,
    order: OrderId,
    key: &IdempotencyKey,
    form: &RefundForm,
) -> Result<RefundSheet, Problem> {
    let lines = form.lines.clone().map_or(RefundLines::All, RefundLines::Lines);
    let refund = RefundId(ids::derived("refund", &[&order.0.to_be_bytes(), key.as_bytes()]));
    // Before the event says yes: if the process ends between the two, the reconciler finds the payment.
    state.payer.unsettle(order).await?;
    let decided = ask(state, event, Command::Refund { order, refund, lines }).await?;
    let Answer::Refund { refund, lines, amount_minor } = decided.answer else { return Err(wrong_answer()) };
    state.payer.wake(event, order);
    state.projector.caught_up(event, decided.seq, CAUGHT_UP_WAIT).await;
    let record = state.views.orders(&[order]).await?.pop();
    let kept = record.and_then(|record| record.refunds.into_iter().find(|kept| kept.refund == refund));
    Ok(RefundSheet { refund, lines, amount_minor, paid: kept.is_some_and(|kept| kept.paid) })
}
