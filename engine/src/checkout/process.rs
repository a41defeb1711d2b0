//! The payment process of one order: given what is true here and at the provider, what is the next step?
//!
//! It does nothing itself, so every rule about money is a line in a table. The runner carries out one step, looks
//! again, and asks again, until there is nothing to do. Steps may be repeated at will: each is idempotent.
//!
//! The rules, in the order they matter: nobody is captured without a confirmed order, and no order is confirmed
//! without an authorization; a cancelled order's intent is cancelled, and if money was taken all the same it goes
//! back; a lapsed order's intent is cancelled before the order is, unless the money is authorized already, for then
//! the core may still find the places free; a called-off event confirms nothing more, gives up the authorizations of
//! confirmed orders and refunds the paid ones.

use usher_core::{CancelReason, Minor, OrderId, OrderState, OrderView, RefundId, UnixMillis};

use crate::ids;
use crate::orders::RefundRecord;
use crate::payments::{Intent, IntentStatus, PaymentRecord, ProviderRefund, ProviderRefundStatus};

/// When to look again at an intent that the provider is at work on.
pub const PROCESSING_LOOK_MS: u64 = 2_000;
/// When to look again at a refund that is under way; banks take days.
pub const REFUND_LOOK_MS: u64 = 3_600_000;
/// How often a refund that failed at the provider is tried in all. After that it is an operator's matter.
pub const REFUND_TRIES_MAX: usize = 3;

/// What the provider has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The intent.
    pub intent: Intent,
    /// Its refunds, when they were asked for.
    pub refunds: Option<Vec<ProviderRefund>>,
}

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The order, from its event's actor.
    pub order: &'a OrderView,
    /// The event was called off.
    pub event_cancelled: bool,
    /// The order's refunds as far as the views know them.
    pub refunds: &'a [RefundRecord],
    /// Its payment, once there is an intent.
    pub payment: Option<&'a PaymentRecord>,
    /// What the provider said in this run; `None` until it was asked.
    pub provider: Option<&'a Provider>,
    /// The provider has refused to capture, for good, in this run.
    pub capture_refused: bool,
    /// The time.
    pub now: UnixMillis,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until a webhook, a fact or the reconciler comes.
    Wait,
    /// Nothing more at all, unless a refund comes.
    Settled,
    /// Nothing before this time.
    LookAgainAt(UnixMillis),
    /// Ask the provider about the intent.
    AskProvider,
    /// Ask the provider about the intent's refunds too.
    ListRefunds,
    /// Make the intent.
    CreateIntent,
    /// Cancel the intent.
    CancelIntent,
    /// Take the authorized money.
    Capture {
        /// The order's total, never more.
        amount_minor: Minor,
    },
    /// Send money back for a refund.
    PayRefund {
        /// Which.
        refund: RefundId,
        /// How much.
        amount_minor: Minor,
        /// Changes after each definitive failure, and only then.
        key: String,
    },
    /// Send back money that was taken though the order came to nothing.
    ReturnCharge {
        /// How much.
        amount_minor: Minor,
        /// Changes after each definitive failure, and only then.
        key: String,
    },
    /// Ask the event to sell the places.
    Confirm {
        /// What the provider has authorized.
        authorized_minor: Minor,
    },
    /// Tell the event that the money is in.
    RecordCapture {
        /// How much.
        captured_minor: Minor,
    },
    /// Tell the event that the money will not come.
    RecordCaptureFailure,
    /// Ask the event to call the order off.
    CancelOrder {
        /// Why.
        reason: CancelReason,
    },
    /// Ask the event to refund the whole order, because the event was called off.
    BeginRefund {
        /// The refund's id, the same at every try.
        refund: RefundId,
    },
    /// Tell the event that a refund is paid out.
    RecordRefundPaid {
        /// Which.
        refund: RefundId,
    },
}

/// The refund of an order whose event was called off.
#[must_use]
pub fn call_off_refund(order: OrderId) -> RefundId {
    RefundId(ids::derived("refund", &[&order.0.to_be_bytes(), b"event cancelled"]))
}

/// The next step.
#[must_use]
pub fn next(situation: &Situation<'_>) -> Step {
    match situation.order.state {
        OrderState::AwaitingPayment => awaiting(situation),
        OrderState::Confirmed => confirmed(situation),
        OrderState::Paid | OrderState::Refunded => paid(situation),
        OrderState::Cancelled => cancelled(situation),
    }
}

fn awaiting(situation: &Situation<'_>) -> Step {
    let called_off = situation.order.lapsed || situation.event_cancelled;
    let Some(payment) = situation.payment else {
        // An intent that was made but not kept is harmless: nobody has its secret, so nobody can authorize it.
        return if called_off { cancel_order(situation) } else { Step::CreateIntent };
    };
    let Some(Provider { intent, .. }) = situation.provider else { return Step::AskProvider };
    let unwanted = situation.event_cancelled || is_foreign(payment, intent);
    match intent.status {
        IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction => {
            if called_off || unwanted {
                Step::CancelIntent
            } else {
                Step::Wait
            }
        }
        IntentStatus::Processing => look_soon(situation),
        IntentStatus::RequiresCapture if unwanted => Step::CancelIntent,
        IntentStatus::RequiresCapture => Step::Confirm { authorized_minor: intent.capturable_minor },
        // Somebody captured it at the provider, past us. The seat decides whether the money may stay.
        IntentStatus::Succeeded if unwanted => cancel_order(situation),
        IntentStatus::Succeeded => Step::Confirm { authorized_minor: intent.received_minor },
        IntentStatus::Canceled => cancel_order(situation),
    }
}

fn confirmed(situation: &Situation<'_>) -> Step {
    if situation.payment.is_none() {
        // Only the record can be missing, and a webhook about the intent brings it back.
        return Step::Wait;
    }
    let Some(Provider { intent, .. }) = situation.provider else { return Step::AskProvider };
    match intent.status {
        IntentStatus::RequiresCapture if situation.event_cancelled || situation.capture_refused => Step::CancelIntent,
        IntentStatus::RequiresCapture => Step::Capture { amount_minor: situation.order.total_minor },
        IntentStatus::Succeeded => Step::RecordCapture { captured_minor: intent.received_minor },
        // The sale is reversed only once the intent is beyond any charge.
        IntentStatus::Canceled => Step::RecordCaptureFailure,
        IntentStatus::Processing => look_soon(situation),
        IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction => {
            Step::CancelIntent
        }
    }
}

fn paid(situation: &Situation<'_>) -> Step {
    let order = situation.order;
    if situation.event_cancelled && order.state == OrderState::Paid {
        return Step::BeginRefund { refund: call_off_refund(order.order) };
    }
    if let Some(due) = situation.refunds.iter().find(|refund| !refund.paid) {
        return pay_refund(situation, due);
    }
    let known_lines = situation.refunds.iter().map(|refund| refund.lines.len()).sum::<usize>();
    // The views lag behind the actor: a refund is under way that they do not show yet.
    if known_lines < order.refunded_lines.len() { Step::Wait } else { Step::Settled }
}

fn pay_refund(situation: &Situation<'_>, due: &RefundRecord) -> Step {
    let RefundRecord { refund, amount_minor, .. } = *due;
    if amount_minor == Minor(0) {
        return Step::RecordRefundPaid { refund };
    }
    if situation.payment.is_none() {
        return Step::Wait;
    }
    let Some(provider) = situation.provider else { return Step::AskProvider };
    let Some(listed) = &provider.refunds else { return Step::ListRefunds };
    let mut failed_count = 0;
    for known in listed.iter().filter(|known| known.refund == Some(refund)) {
        match known.status {
            ProviderRefundStatus::Succeeded => return Step::RecordRefundPaid { refund },
            ProviderRefundStatus::Pending | ProviderRefundStatus::RequiresAction => {
                return Step::LookAgainAt(situation.now.plus_ms(REFUND_LOOK_MS));
            }
            ProviderRefundStatus::Failed | ProviderRefundStatus::Canceled => failed_count += 1,
        }
    }
    match failed_count {
        0 => Step::PayRefund { refund, amount_minor, key: refund.to_string() },
        n if n < REFUND_TRIES_MAX => Step::PayRefund { refund, amount_minor, key: format!("{refund}:{}", n + 1) },
        _ => Step::Wait,
    }
}

fn cancelled(situation: &Situation<'_>) -> Step {
    match situation.payment {
        None => return Step::Settled,
        Some(payment) if payment.settled => return Step::Settled,
        Some(_) => {}
    }
    let Some(Provider { intent, refunds }) = situation.provider else { return Step::AskProvider };
    match intent.status {
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresAction
        | IntentStatus::RequiresCapture => Step::CancelIntent,
        IntentStatus::Processing => look_soon(situation),
        IntentStatus::Canceled => Step::Settled,
        IntentStatus::Succeeded => {
            let Some(listed) = refunds else { return Step::ListRefunds };
            return_charge(situation, intent.received_minor, listed)
        }
    }
}

/// Gives back what was taken without a sale. What the provider has not finished may still fail.
fn return_charge(situation: &Situation<'_>, received_minor: Minor, listed: &[ProviderRefund]) -> Step {
    let valid = || listed.iter().filter(|refund| !is_void(refund.status));
    let left = received_minor.0.saturating_sub(valid().map(|refund| refund.amount_minor.0).sum());
    if left == 0 {
        let is_done = valid().all(|refund| refund.status == ProviderRefundStatus::Succeeded);
        return if is_done { Step::Settled } else { Step::LookAgainAt(situation.now.plus_ms(REFUND_LOOK_MS)) };
    }
    let failed_count = listed.len() - valid().count();
    let key = format!("{}:return:{left}", situation.order.order);
    match failed_count {
        0 => Step::ReturnCharge { amount_minor: Minor(left), key },
        // The same key would only be told again of the one that failed.
        n if n < REFUND_TRIES_MAX => Step::ReturnCharge { amount_minor: Minor(left), key: format!("{key}:{}", n + 1) },
        _ => Step::Wait,
    }
}

fn is_void(status: ProviderRefundStatus) -> bool {
    match status {
        ProviderRefundStatus::Failed | ProviderRefundStatus::Canceled => true,
        ProviderRefundStatus::Pending | ProviderRefundStatus::RequiresAction | ProviderRefundStatus::Succeeded => false,
    }
}

/// Not the intent that was made for this order: another currency, or play money for real. A lower amount is the
/// event's question, see [`CancelReason::AmountMismatch`].
fn is_foreign(payment: &PaymentRecord, intent: &Intent) -> bool {
    intent.id != payment.intent || intent.currency != payment.currency || intent.amount_minor != payment.amount_minor
}

fn cancel_order(situation: &Situation<'_>) -> Step {
    let foreign = match (situation.payment, situation.provider) {
        (Some(payment), Some(provider)) => is_foreign(payment, &provider.intent),
        (None, _) | (_, None) => false,
    };
    let reason = if situation.event_cancelled {
        CancelReason::EventCancelled
    } else if foreign {
        CancelReason::AmountMismatch
    } else {
        CancelReason::Lapsed
    };
    Step::CancelOrder { reason }
}

fn look_soon(situation: &Situation<'_>) -> Step {
    Step::LookAgainAt(situation.now.plus_ms(PROCESSING_LOOK_MS))
}

#[cfg(test)]
mod tests;
