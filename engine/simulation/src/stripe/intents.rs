//! The calls of the provider's interface, as its documents describe them.

use usher_core::{Minor, OrderId, RefundId};
use usher_engine::payments::{GatewayError, Intent, IntentStatus, NewIntent, ProviderRefund, ProviderRefundStatus};

use super::{RefundFate, Saved, SimIntent, State, Stripe};
use crate::executor::WORLD;
use crate::lock;

fn refused(status: u16, code: &str) -> GatewayError {
    GatewayError::Refused { status, code: code.to_owned(), message: String::new() }
}

impl Stripe {
    /// The saved answer of a key, or what `act` comes to, saved under it.
    fn once(&self, key: &str, asked: &str, act: impl FnOnce(&mut State) -> Saved) -> Saved {
        let mut state = lock(&self.state);
        if let Some((before, saved)) = state.saved.get(key) {
            if before == asked {
                return saved.clone();
            }
            return match saved {
                Saved::Intent(_) => Saved::Intent(Err(refused(400, "idempotency_error"))),
                Saved::Refund(_) => Saved::Refund(Err(refused(400, "idempotency_error"))),
            };
        }
        let saved = act(&mut state);
        state.saved.insert(key.to_owned(), (asked.to_owned(), saved.clone()));
        saved
    }

    pub(super) fn create(&self, new: NewIntent, key: &str) -> Result<Intent, GatewayError> {
        let NewIntent { order, event, amount_minor, currency } = new;
        let saved = self.once(key, &format!("create {order} {}", amount_minor.0), |state| {
            state.ids_count += 1;
            let id = format!("pi_{:06}", state.ids_count);
            let intent = Intent {
                client_secret: format!("{id}_secret"),
                id: id.clone(),
                status: IntentStatus::RequiresPaymentMethod,
                amount_minor,
                capturable_minor: Minor(0),
                received_minor: Minor(0),
                currency,
                livemode: false,
                order: Some(order),
                event: Some(event),
            };
            let known = SimIntent { intent: intent.clone(), order, capture_fails: false, refunds: Vec::new() };
            state.intents.insert(id.clone(), known);
            self.emit_intent(state, "payment_intent.created", &id);
            self.audit.intent_made(order);
            Saved::Intent(Ok(intent))
        });
        as_intent(saved)
    }

    pub(super) fn retrieve(&self, intent: &str) -> Result<Intent, GatewayError> {
        let state = lock(&self.state);
        state.intents.get(intent).map(|known| known.intent.clone()).ok_or_else(|| refused(404, "resource_missing"))
    }

    pub(super) fn cancel(&self, intent: &str) -> Result<Intent, GatewayError> {
        let mut state = lock(&self.state);
        let Some(known) = state.intents.get_mut(intent) else { return Err(refused(404, "resource_missing")) };
        match known.intent.status {
            IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
            | IntentStatus::RequiresCapture => {}
            IntentStatus::Processing | IntentStatus::Canceled | IntentStatus::Succeeded => {
                return Err(refused(400, "payment_intent_unexpected_state"));
            }
        }
        let order = known.order;
        let standing = std::mem::take(&mut known.intent.capturable_minor);
        known.intent.status = IntentStatus::Canceled;
        let answer = known.intent.clone();
        self.emit_intent(&mut state, "payment_intent.canceled", intent);
        drop(state);
        self.sim.trace(|| format!("provider: {intent} of {order} is Canceled"));
        self.audit.given_up(order, standing.0);
        Ok(answer)
    }

    pub(super) fn capture(&self, intent: &str, amount: Minor, key: &str) -> Result<Intent, GatewayError> {
        let saved = self.once(key, &format!("capture {intent} {}", amount.0), |state| {
            let Some(known) = state.intents.get_mut(intent) else {
                return Saved::Intent(Err(refused(404, "resource_missing")));
            };
            if known.intent.status != IntentStatus::RequiresCapture || amount > known.intent.capturable_minor {
                return Saved::Intent(Err(refused(400, "payment_intent_unexpected_state")));
            }
            if known.capture_fails {
                return Saved::Intent(Err(refused(402, "card_declined")));
            }
            known.intent.status = IntentStatus::Succeeded;
            known.intent.capturable_minor = Minor(0);
            known.intent.received_minor = amount;
            let (order, answer) = (known.order, known.intent.clone());
            self.emit_intent(state, "payment_intent.succeeded", intent);
            self.sim.trace(|| format!("provider: {intent} of {order} is Succeeded"));
            self.audit.captured(order, amount.0);
            Saved::Intent(Ok(answer))
        });
        as_intent(saved)
    }

    pub(super) fn refund(
        &self,
        intent: &str,
        amount: Minor,
        refund: Option<RefundId>,
        key: &str,
    ) -> Result<ProviderRefund, GatewayError> {
        let saved = self.once(key, &format!("refund {intent} {} {refund:?}", amount.0), |state| {
            let Some(known) = state.intents.get(intent) else {
                return Saved::Refund(Err(refused(404, "resource_missing")));
            };
            let order = known.order;
            let live = known.refunds.iter().filter(|sent| !is_void(sent.status)).map(|sent| sent.amount_minor.0);
            if live.sum::<u64>() + amount.0 > known.intent.received_minor.0 || amount.0 == 0 {
                return Saved::Refund(Err(refused(400, "charge_already_refunded")));
            }
            Saved::Refund(Ok(self.send_back(state, intent, order, amount, refund)))
        });
        match saved {
            Saved::Refund(answer) => answer,
            Saved::Intent(_) => Err(refused(400, "idempotency_error")),
        }
    }

    fn send_back(
        &self,
        state: &mut State,
        intent: &str,
        order: OrderId,
        amount_minor: Minor,
        refund: Option<RefundId>,
    ) -> ProviderRefund {
        state.ids_count += 1;
        let id = format!("re_{:06}", state.ids_count);
        // A refund fails at most once: what fails for good is an operator's matter, and nobody operates here.
        let fate = refund.filter(|refund| !state.failed_refunds.contains(refund)).and(state.refund_fates.pop_front());
        let status = match fate {
            None => ProviderRefundStatus::Succeeded,
            Some(RefundFate::Slow | RefundFate::FailsLater) => ProviderRefundStatus::Pending,
            Some(RefundFate::Fails) => ProviderRefundStatus::Failed,
        };
        if let (Some(RefundFate::FailsLater | RefundFate::Fails), Some(refund)) = (fate, refund) {
            state.failed_refunds.push(refund);
        }
        let sent = ProviderRefund { id: id.clone(), refund, amount_minor, status };
        if let Some(known) = state.intents.get_mut(intent) {
            known.refunds.insert(0, sent.clone());
        }
        self.emit_refund(state, "refund.created", intent, &id);
        self.emit_refund(state, "charge.refunded", intent, &id);
        self.sim.trace(|| format!("provider: {id} of {order} is {status:?}"));
        self.audit.sent_back(order, &id, refund, amount_minor.0, status);
        let later = match fate {
            Some(RefundFate::Slow) => Some(ProviderRefundStatus::Succeeded),
            Some(RefundFate::FailsLater) => Some(ProviderRefundStatus::Failed),
            Some(RefundFate::Fails) | None => None,
        };
        if let Some(later) = later {
            let (stripe, intent) = (self.clone(), intent.to_owned());
            let us = self.sim.dice().between(30_000_000, 900_000_000);
            self.sim.spawn(WORLD, 0x7ef, async move {
                stripe.sim.sleep_us(us).await;
                stripe.finish_refund(&intent, &id, later);
            });
        }
        sent
    }

    pub(super) fn refunds(&self, intent: &str) -> Result<Vec<ProviderRefund>, GatewayError> {
        let state = lock(&self.state);
        state.intents.get(intent).map(|known| known.refunds.clone()).ok_or_else(|| refused(404, "resource_missing"))
    }
}

fn as_intent(saved: Saved) -> Result<Intent, GatewayError> {
    match saved {
        Saved::Intent(answer) => answer,
        Saved::Refund(_) => Err(refused(400, "idempotency_error")),
    }
}

fn is_void(status: ProviderRefundStatus) -> bool {
    match status {
        ProviderRefundStatus::Failed | ProviderRefundStatus::Canceled => true,
        ProviderRefundStatus::Pending | ProviderRefundStatus::RequiresAction | ProviderRefundStatus::Succeeded => false,
    }
}
