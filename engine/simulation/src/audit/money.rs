//! What the provider did with each order's money, and what is to be said of it at once.

use std::collections::{BTreeMap, BTreeSet};

use usher_core::{OrderId, OrderState, RefundId};
use usher_engine::payments::ProviderRefundStatus;

use super::{Audit, Ledger};

/// One refund at the provider.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) refund: Option<RefundId>,
    pub(super) amount_minor: u64,
    pub(super) status: ProviderRefundStatus,
}

impl Sent {
    pub(super) fn is_void(&self) -> bool {
        match self.status {
            ProviderRefundStatus::Failed | ProviderRefundStatus::Canceled => true,
            ProviderRefundStatus::Pending | ProviderRefundStatus::RequiresAction | ProviderRefundStatus::Succeeded => {
                false
            }
        }
    }
}

/// One order's money at the provider.
#[derive(Debug, Default)]
pub(super) struct Money {
    pub(super) intents_count: u32,
    pub(super) authorized_ever_minor: u64,
    /// Reserved on the card and neither taken nor given up.
    pub(super) standing_minor: u64,
    pub(super) captured_minor: u64,
    pub(super) sent: BTreeMap<String, Sent>,
    pub(super) declined: BTreeSet<u32>,
    /// Somebody else than the house may take it.
    past_us: bool,
}

impl Money {
    pub(super) fn returned_minor(&self) -> u64 {
        self.sent.values().filter(|sent| !sent.is_void()).map(|sent| sent.amount_minor).sum()
    }

    pub(super) fn paid_out_minor(&self, refund: RefundId) -> u64 {
        let mine = self.sent.values().filter(|sent| sent.refund == Some(refund));
        mine.filter(|sent| sent.status == ProviderRefundStatus::Succeeded).map(|sent| sent.amount_minor).sum()
    }
}

impl Audit {
    fn with_money(
        &self,
        order: OrderId,
        act: impl FnOnce(&mut Money, Option<OrderState>) -> Option<(&'static str, String)>,
    ) {
        self.with(|ledger| {
            let state = ledger.model.orders.get(&order).map(super::model::Order::state);
            let found = act(ledger.money.entry(order).or_default(), state);
            if let Some((code, what)) = found {
                ledger.violate(code, what);
            }
        });
    }

    pub(crate) fn intent_made(&self, order: OrderId) {
        self.with_money(order, |money, state| {
            money.intents_count += 1;
            let count = money.intents_count;
            if state.is_none() {
                return Some(("I3-unasked", format!("an intent is made for {order}, which never was")));
            }
            (count > 1).then(|| ("I4-second-intent", format!("{order} has {count} intents")))
        });
    }

    pub(crate) fn declined(&self, order: OrderId, attempt: u32) {
        self.with_money(order, |money, _| {
            money.declined.insert(attempt);
            None
        });
    }

    pub(crate) fn authorized(&self, order: OrderId, amount_minor: u64) {
        self.with_money(order, |money, _| {
            money.authorized_ever_minor = money.authorized_ever_minor.max(amount_minor);
            money.standing_minor += amount_minor;
            None
        });
    }

    pub(crate) fn given_up(&self, order: OrderId, amount_minor: u64) {
        self.with_money(order, |money, _| {
            money.standing_minor -= amount_minor;
            None
        });
    }

    /// Somebody is about to take the money without the house.
    pub(crate) fn captured_past_us(&self, order: OrderId) {
        self.with_money(order, |money, _| {
            money.past_us = true;
            None
        });
    }

    pub(crate) fn captured(&self, order: OrderId, amount_minor: u64) {
        self.with_money(order, |money, state| {
            money.standing_minor = money.standing_minor.saturating_sub(amount_minor);
            money.captured_minor += amount_minor;
            let sold = matches!(state, Some(OrderState::Confirmed));
            (!sold && !money.past_us)
                .then(|| ("I4-charged-unsold", format!("{amount_minor} are taken for {order}, which is {state:?}")))
        });
    }

    pub(crate) fn sent_back(
        &self,
        order: OrderId,
        id: &str,
        refund: Option<RefundId>,
        amount_minor: u64,
        status: ProviderRefundStatus,
    ) {
        self.with(|ledger| ledger.sent_back(order, id, Sent { refund, amount_minor, status }));
    }

    /// A webhook is marked as acted on; what it was about must show in the journal by now.
    pub(crate) fn webhook_done(&self, kind: &str, order: OrderId) {
        self.with(|ledger| {
            let state = ledger.model.orders.get(&order).map(super::model::Order::state);
            let undone =
                kind == "payment_intent.amount_capturable_updated" && state == Some(OrderState::AwaitingPayment);
            if undone {
                let what = format!("{kind} of {order} is marked as acted on, the order still awaits payment");
                ledger.violate("P-webhook-done-early", what);
            }
        });
    }
}

impl Ledger {
    fn sent_back(&mut self, order: OrderId, id: &str, sent: Sent) {
        let (refund, amount_minor) = (sent.refund, sent.amount_minor);
        let money = self.money.entry(order).or_default();
        money.sent.insert(id.to_owned(), sent);
        let returned_minor = money.returned_minor();
        let known = self.model.orders.get(&order);
        let due_minor = match known.map(super::model::Order::state) {
            Some(OrderState::Cancelled) => money.captured_minor,
            Some(OrderState::AwaitingPayment | OrderState::Confirmed | OrderState::Paid | OrderState::Refunded) => {
                known.map_or(0, super::model::Order::refunded_minor)
            }
            None => 0,
        };
        if returned_minor > due_minor {
            let what =
                format!("{amount_minor} for {refund:?} of {order}: {returned_minor} went back, {due_minor} are due");
            self.violate("I4-refunded-twice", what);
        }
    }
}
