//! Checkout: from a hold to an order and the payment for it.

use serde::{Deserialize, Serialize};
use usher_core::{Answer, Command, Currency, EventId, HoldId, Minor, OrderId, OrderState};
use usher_engine::fail_point;
use usher_engine::ids;
use usher_engine::orders::Contact;
use usher_engine::payments::PaymentRecord;

use crate::access::{OrderAccess, Subject};
use crate::config::PaymentsSettings;
use crate::desk::{CAUGHT_UP_WAIT, IdempotencyKey, ask, check_email, printed, wrong_answer};
use crate::problem::{Problem, kinds};
use crate::sandbox::Sandbox;
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
    let buyer = subject.buyer()?;
    let contact = contact.checked(state)?;
    let order = OrderId(ids::derived("order", &[&hold.0.to_be_bytes(), key.as_bytes()]));
    let kept = Contact {
        order,
        event,
        buyer,
        name: contact.name,
        email: contact.email,
        access: ids::secret(),
        created_at: state.clock.now(),
    };
    // The name goes first: once the event knows the order, who bought it must be known too.
    let first = state.contacts.put_contact(kept.clone()).await?;
    fail_point!("checkout.contact_kept");
    if first.buyer != buyer {
        return Err(Problem::of(&kinds::UNKNOWN_HOLD));
    }
    if (&first.name, &first.email, first.event) != (&kept.name, &kept.email, event) {
        return Err(Problem::of(&kinds::IDEMPOTENCY_KEY_REUSED));
    }
    let decided = ask(state, event, Command::BeginCheckout { hold, buyer, order }).await?;
    fail_point!("checkout.begun");
    let Answer::Order(begun) = decided.answer else { return Err(wrong_answer()) };
    let view = state.events.view(event).await?;
    let currency = view.currency.ok_or_else(wrong_answer)?;
    let access = OrderAccess::of(&first.access);
    let payment = if begun.total_minor == Minor(0) {
        PaymentSheet::Free
    } else {
        let payment = state.payer.begin_payment(order, event, begun.total_minor, currency).await?;
        PaymentSheet::of(state, &payment, &access)
    };
    fail_point!("checkout.payment_begun");
    state.projector.caught_up(event, decided.seq, CAUGHT_UP_WAIT).await;
    Ok(CheckoutSheet { order, access: access.0, state: begun.state, total_minor: begun.total_minor, currency, payment })
}

impl PaymentSheet {
    /// How the buyer pays that payment.
    #[must_use]
    pub fn of(state: &AppState, payment: &PaymentRecord, access: &OrderAccess) -> Self {
        let (intent, client_secret) = (payment.intent.clone(), payment.client_secret.clone());
        match &state.settings.payments {
            PaymentsSettings::Sandbox { .. } => {
                let back = format!("/orders/{}?access={}", payment.order, access.0);
                let page = Sandbox::page_url(&intent, &client_secret, &back);
                Self::Sandbox { intent, client_secret, page_url: format!("{}{page}", state.public_url) }
            }
            PaymentsSettings::Stripe { publishable_key, .. } => {
                Self::Stripe { intent, client_secret, publishable_key: publishable_key.clone() }
            }
        }
    }
}

/// The longest name, in characters: what a ticket has room for.
const NAME_CHARS_MAX: usize = 100;

impl ContactForm {
    /// The contact without blanks around it.
    ///
    /// # Errors
    /// All that cannot be, such as a name that tickets cannot show.
    fn checked(&self, state: &AppState) -> Result<Self, Problem> {
        let (name, email) = (self.name.trim(), self.email.trim());
        printed::all_faults(vec![
            ("name", printed::check_line(state.back_office.fonts(), name, NAME_CHARS_MAX)),
            ("email", check_email(email)),
        ])?;
        Ok(Self { name: name.to_owned(), email: email.to_owned() })
    }
}
