//! Orders of an event, and money back.

use serde::Deserialize;
use usher_core::{EventId, OrderId, OrderState};

use crate::access::Subject;
use crate::desk::buyer::{OrderSheet, RefundSheet};
use crate::desk::{IdempotencyKey, Listed};
use crate::problem::Problem;
use crate::state::AppState;

/// Which orders, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
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
    let _ = (state, subject, event, query);
    todo!()
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
    let _ = (state, subject, event, order, key, form);
    todo!()
}
