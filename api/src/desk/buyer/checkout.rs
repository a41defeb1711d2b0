//! Checkout: from a hold to an order and the payment for it.

use serde::{Deserialize, Serialize};
use usher_core::{Currency, EventId, HoldId, Minor, OrderId, OrderState};

use crate::access::Subject;
use crate::desk::IdempotencyKey;
use crate::problem::Problem;
use crate::state::AppState;

/// Who buys.
#[derive(Debug, Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactForm {
    /// Printed on the tickets.
    pub name: String,
    /// Where the confirmation goes.
    pub email: String,
}

/// How an order is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PaymentSheet {
    /// Nothing is to be paid.
    Free,
    /// At the bundled sandbox.
    Sandbox {
        /// The intent, `pi_…`.
        intent: String,
        /// Lets the buyer's browser confirm this one intent.
        client_secret: String,
        /// The page to pay on.
        page_url: String,
    },
    /// With Stripe.
    Stripe {
        /// The intent, `pi_…`.
        intent: String,
        /// For Stripe's own script in the browser.
        client_secret: String,
        /// For Stripe's own script in the browser.
        publishable_key: String,
    },
}

/// An order that was just begun.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CheckoutSheet {
    /// Id.
    #[schema(value_type = String)]
    pub order: OrderId,
    /// Opens the order without being its buyer; keep it.
    pub access: String,
    /// Where it stands: `paid` at once when nothing is to be paid.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// What is to be paid.
    #[schema(value_type = u64)]
    pub total_minor: Minor,
    /// The event's currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// How.
    pub payment: PaymentSheet,
}

/// Makes an order of a hold. The key names the order: a repeat gets the first answer.
///
/// # Errors
/// What the rules refuse; a name or e-mail that cannot be; the event or the payment provider does not answer.
pub async fn checkout(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    hold: HoldId,
    key: &IdempotencyKey,
    contact: &ContactForm,
) -> Result<CheckoutSheet, Problem> {
    let _ = (state, subject, event, hold, key, contact);
    todo!()
}
