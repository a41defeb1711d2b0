//! The life of an intent and its refunds at the sandbox: pure, as Stripe's documents describe it.
//!
//! A step takes an intent as it is and gives it as it will be, the webhooks to send and what to answer. A decline
//! changes the intent and is an error all the same, so the two stand side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use usher_engine::payments::IntentStatus;

use super::cards::Card;
use super::refusal::Refusal;

/// A payment intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SandboxIntent {
    /// `pi_…`.
    pub id: String,
    /// `pi_…_secret_…`.
    pub client_secret: String,
    /// Minor units.
    pub amount: u64,
    /// Lower case, as Stripe writes it.
    pub currency: String,
    /// Capture is a step of its own.
    pub manual_capture: bool,
    /// The merchant leaves the choice of methods to the provider.
    pub automatic_methods: bool,
    /// Where it stands.
    pub status: IntentStatus,
    /// Authorized and not captured.
    pub capturable: u64,
    /// Captured.
    pub received: u64,
    /// Sent back.
    pub refunded: u64,
    /// Ever authorized.
    pub authorized: u64,
    /// The merchant's words.
    pub metadata: BTreeMap<String, String>,
    /// The last card given.
    pub card: Option<Card>,
    /// Why the last try failed.
    pub last_error: Option<Refusal>,
    /// Where the buyer goes after proving who they are.
    pub return_url: Option<String>,
    /// Seconds since 1970.
    pub created_s: i64,
    /// Seconds since 1970.
    pub canceled_s: Option<i64>,
}

/// A refund; it always succeeds at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SandboxRefund {
    /// `re_…`.
    pub id: String,
    /// The intent it gives back from.
    pub intent: String,
    /// Minor units.
    pub amount: u64,
    /// As its intent's.
    pub currency: String,
    /// The merchant's words.
    pub metadata: BTreeMap<String, String>,
    /// Why.
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub created_s: i64,
}

/// What a step leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    /// The intent as it now is.
    pub intent: SandboxIntent,
    /// Kinds of webhooks about it, in order.
    pub events: Vec<&'static str>,
    /// What to answer instead of the intent.
    pub refusal: Option<Refusal>,
}

impl SandboxIntent {
    fn moved(self, events: Vec<&'static str>) -> Moved {
        Moved { intent: self, events, refusal: None }
    }

    /// Tries a card.
    ///
    /// # Errors
    /// The intent is past that.
    pub(super) fn confirm(mut self, card: Card) -> Result<Moved, Refusal> {
        self.expect_open("confirm")?;
        self.card = Some(card);
        self.last_error = None;
        match card {
            Card::Success | Card::Slow | Card::CaptureFails => Ok(self.authorize()),
            Card::Declined => Ok(self.decline(Refusal::declined("generic_decline", "Your card was declined."))),
            Card::InsufficientFunds => {
                Ok(self.decline(Refusal::declined("insufficient_funds", "Your card has insufficient funds.")))
            }
            Card::Authenticate => {
                self.status = IntentStatus::RequiresAction;
                Ok(self.moved(vec!["payment_intent.requires_action"]))
            }
        }
    }

    /// The card's holder has answered the bank.
    ///
    /// # Errors
    /// Nobody asked.
    pub(super) fn authenticate(self, approved: bool) -> Result<Moved, Refusal> {
        if self.status != IntentStatus::RequiresAction {
            return Err(self.unexpected("authenticate"));
        }
        if approved { Ok(self.authorize()) } else { Ok(self.decline(Refusal::authentication_failed())) }
    }

    fn authorize(mut self) -> Moved {
        self.authorized = self.amount;
        if self.manual_capture {
            self.status = IntentStatus::RequiresCapture;
            self.capturable = self.amount;
            return self.moved(vec!["payment_intent.amount_capturable_updated"]);
        }
        self.status = IntentStatus::Succeeded;
        self.received = self.amount;
        self.moved(vec!["payment_intent.succeeded"])
    }

    fn decline(mut self, refusal: Refusal) -> Moved {
        self.status = IntentStatus::RequiresPaymentMethod;
        self.last_error = Some(refusal.clone());
        Moved { intent: self, events: vec!["payment_intent.payment_failed"], refusal: Some(refusal) }
    }

    /// Gives up what is not final.
    ///
    /// # Errors
    /// It is final.
    pub(super) fn cancel(mut self, now_s: i64) -> Result<Moved, Refusal> {
        match self.status {
            IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
            | IntentStatus::RequiresCapture => {}
            IntentStatus::Processing | IntentStatus::Canceled | IntentStatus::Succeeded => {
                return Err(self.unexpected("cancel"));
            }
        }
        self.status = IntentStatus::Canceled;
        self.capturable = 0;
        self.canceled_s = Some(now_s);
        Ok(self.moved(vec!["payment_intent.canceled"]))
    }

    /// Takes the authorized money, or a part of it; the rest is given up.
    ///
    /// # Errors
    /// Nothing is authorized, or less than asked for, or the card refuses.
    pub(super) fn capture(mut self, amount: Option<u64>) -> Result<Moved, Refusal> {
        if self.status != IntentStatus::RequiresCapture {
            return Err(self.unexpected("capture"));
        }
        let amount = amount.unwrap_or(self.capturable);
        if amount == 0 || amount > self.capturable {
            return Err(Refusal::amount_too_large("amount_to_capture", self.capturable));
        }
        if self.card == Some(Card::CaptureFails) {
            let refusal = Refusal::declined("do_not_honor", "The bank refused the capture.");
            return Ok(Moved { intent: self, events: Vec::new(), refusal: Some(refusal) });
        }
        self.status = IntentStatus::Succeeded;
        self.capturable = 0;
        self.received = amount;
        Ok(self.moved(vec!["payment_intent.succeeded"]))
    }

    /// Sends money back; tells how much.
    ///
    /// # Errors
    /// Nothing was captured, or not so much is left.
    pub(super) fn refund(mut self, amount: Option<u64>) -> Result<(Self, u64), Refusal> {
        if self.status != IntentStatus::Succeeded {
            return Err(self.unexpected("refund"));
        }
        let left = self.received - self.refunded;
        if left == 0 {
            return Err(Refusal::already_refunded());
        }
        let amount = amount.unwrap_or(left);
        if amount == 0 || amount > left {
            return Err(Refusal::amount_too_large("amount", left));
        }
        self.refunded += amount;
        Ok((self, amount))
    }

    fn expect_open(&self, verb: &str) -> Result<(), Refusal> {
        match self.status {
            IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction => {
                Ok(())
            }
            IntentStatus::Processing
            | IntentStatus::RequiresCapture
            | IntentStatus::Canceled
            | IntentStatus::Succeeded => Err(self.unexpected(verb)),
        }
    }

    fn unexpected(&self, verb: &str) -> Refusal {
        Refusal::unexpected_state(verb, status_name(self.status))
    }
}

/// Stripe's name of a status.
#[must_use]
pub(super) const fn status_name(status: IntentStatus) -> &'static str {
    match status {
        IntentStatus::RequiresPaymentMethod => "requires_payment_method",
        IntentStatus::RequiresConfirmation => "requires_confirmation",
        IntentStatus::RequiresAction => "requires_action",
        IntentStatus::Processing => "processing",
        IntentStatus::RequiresCapture => "requires_capture",
        IntentStatus::Canceled => "canceled",
        IntentStatus::Succeeded => "succeeded",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fresh() -> SandboxIntent {
        SandboxIntent {
            id: "pi_1".into(),
            client_secret: "pi_1_secret_2".into(),
            amount: 9_000,
            currency: "eur".into(),
            manual_capture: true,
            automatic_methods: true,
            status: IntentStatus::RequiresPaymentMethod,
            capturable: 0,
            received: 0,
            refunded: 0,
            authorized: 0,
            metadata: BTreeMap::new(),
            card: None,
            last_error: None,
            return_url: None,
            created_s: 1,
            canceled_s: None,
        }
    }

    #[test]
    fn a_good_card_is_authorized_captured_and_refunded_in_parts() {
        let authorized = fresh().confirm(Card::Success).unwrap();
        assert_eq!(authorized.events, ["payment_intent.amount_capturable_updated"]);
        let captured = authorized.intent.capture(Some(9_000)).unwrap();
        assert_eq!((captured.intent.received, captured.intent.capturable), (9_000, 0));
        let (part, amount) = captured.intent.refund(Some(4_000)).unwrap();
        assert_eq!(amount, 4_000);
        assert_eq!(part.clone().refund(Some(5_001)).unwrap_err(), Refusal::amount_too_large("amount", 5_000));
        let (whole, amount) = part.refund(None).unwrap();
        assert_eq!((amount, whole.refund(None).unwrap_err().code.as_deref()), (5_000, Some("charge_already_refunded")));
    }

    #[test]
    fn a_declined_card_leaves_the_intent_open_for_another() {
        let declined = fresh().confirm(Card::Declined).unwrap();
        assert_eq!(declined.events, ["payment_intent.payment_failed"]);
        assert_eq!(declined.refusal.unwrap().code.as_deref(), Some("card_declined"));
        let second = declined.intent.confirm(Card::Success).unwrap();
        assert_eq!((second.intent.status, second.intent.last_error), (IntentStatus::RequiresCapture, None));
    }

    #[test]
    fn a_bank_that_asks_is_answered_once() {
        let asked = fresh().confirm(Card::Authenticate).unwrap().intent;
        assert_eq!(asked.status, IntentStatus::RequiresAction);
        let refused = asked.clone().authenticate(false).unwrap();
        let code = refused.refusal.unwrap().code;
        assert_eq!(code.as_deref(), Some("payment_intent_authentication_failure"));
        let approved = asked.authenticate(true).unwrap().intent;
        assert_eq!(approved.status, IntentStatus::RequiresCapture);
        assert!(approved.authenticate(true).is_err());
    }

    #[test]
    fn a_capture_that_fails_leaves_the_authorization_to_be_cancelled() {
        let authorized = fresh().confirm(Card::CaptureFails).unwrap().intent;
        let refused = authorized.capture(None).unwrap();
        assert_eq!((refused.intent.status, refused.intent.received), (IntentStatus::RequiresCapture, 0));
        assert_eq!(refused.refusal.unwrap().status, 402);
        let cancelled = refused.intent.cancel(5).unwrap().intent;
        assert_eq!((cancelled.status, cancelled.canceled_s), (IntentStatus::Canceled, Some(5)));
        assert!(cancelled.capture(None).is_err());
    }

    proptest! {
        #[test]
        fn money_is_conserved_whatever_is_asked(steps in prop::collection::vec((0..6_u8, 0..10_000_u64), 0..20)) {
            let cards = [Card::Success, Card::Declined, Card::Authenticate, Card::CaptureFails];
            let mut intent = fresh();
            for (what, amount) in steps {
                let before = intent.clone();
                let after = match what {
                    0 => intent.confirm(cards[(amount % 4) as usize]).map(|moved| moved.intent),
                    1 => intent.authenticate(amount % 2 == 0).map(|moved| moved.intent),
                    2 => intent.cancel(1).map(|moved| moved.intent),
                    3 => intent.capture(None).map(|moved| moved.intent),
                    4 => intent.capture(Some(amount)).map(|moved| moved.intent),
                    _ => intent.refund(Some(amount)).map(|(intent, _)| intent),
                };
                intent = after.unwrap_or(before);
                prop_assert!(intent.refunded <= intent.received);
                prop_assert!(intent.received + intent.capturable <= intent.amount);
                prop_assert_eq!(intent.received > 0, intent.status == IntentStatus::Succeeded);
                prop_assert_eq!(intent.capturable > 0, intent.status == IntentStatus::RequiresCapture);
            }
        }
    }
}
