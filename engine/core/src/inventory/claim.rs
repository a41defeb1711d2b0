//! A claim: a buyer's hold and the order it became, in one record, so that either id leads to all of it in one step.

use serde::{Deserialize, Serialize};

use super::{HoldView, OrderState, OrderView};
use crate::{BuyerId, CancelReason, HoldId, HoldLine, Limits, Minor, OrderId, RefundId, UnixMillis};

/// Where a claim's places are. Refunded lines are outside of this: they went back one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Places {
    /// Held for the buyer.
    Held,
    /// Sold to the buyer.
    Sold,
    /// Back in the sale.
    Returned,
}

/// One refund of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RefundPart {
    pub(super) refund: RefundId,
    /// Ascending.
    pub(super) lines: Vec<u16>,
    pub(super) amount_minor: Minor,
    pub(super) paid: bool,
}

/// What a claim has more once its checkout began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrderPart {
    pub(super) order: OrderId,
    pub(super) state: OrderState,
    pub(super) cancel_reason: Option<CancelReason>,
    /// Set once the time to pay is up: until when the places stay all the same.
    pub(super) places_until: Option<UnixMillis>,
    /// The highest count of tries that failed.
    pub(super) failed_attempt_max: u32,
    pub(super) refunds: Vec<RefundPart>,
}

impl OrderPart {
    pub(super) fn new(order: OrderId) -> Self {
        Self {
            order,
            state: OrderState::AwaitingPayment,
            cancel_reason: None,
            places_until: None,
            failed_attempt_max: 0,
            refunds: Vec::new(),
        }
    }

    pub(super) fn is_refunded(&self, line: u16) -> bool {
        self.refunds.iter().any(|refund| refund.lines.contains(&line))
    }

    pub(super) fn refunded_count(&self) -> usize {
        self.refunds.iter().map(|refund| refund.lines.len()).sum()
    }
}

/// A buyer's hold and the order it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) hold: HoldId,
    pub(super) buyer: BuyerId,
    pub(super) placed_at: UnixMillis,
    pub(super) expires_at: UnixMillis,
    pub(super) asks_digest: u64,
    pub(super) lines: Vec<HoldLine>,
    pub(super) total_minor: Minor,
    pub(super) places: Places,
    pub(super) order: Option<OrderPart>,
}

impl Claim {
    /// How many places its lines name.
    pub(super) fn places_count(&self) -> u32 {
        u32::try_from(self.lines.len()).expect("an order has at most 65,535 lines")
    }

    /// When time acts on it next, while its places are held.
    pub(super) fn due_at(&self) -> UnixMillis {
        self.order.as_ref().and_then(|order| order.places_until).unwrap_or(self.expires_at)
    }

    /// Whether its places count as free at `at`, tidied or not. An order's places do so only after its grace.
    pub(super) fn is_overdue(&self, at: UnixMillis) -> bool {
        let in_grace_at_most = self.order.as_ref().is_some_and(|order| order.places_until.is_none());
        self.places == Places::Held && !in_grace_at_most && self.due_at() <= at
    }

    /// The lines whose places are still the buyer's, given that the claim has its places.
    pub(super) fn kept_lines(&self) -> impl Iterator<Item = (u16, HoldLine)> {
        let refunded = |line: u16| self.order.as_ref().is_some_and(|order| order.is_refunded(line));
        (0u16..).zip(self.lines.iter().copied()).filter(move |(line, _)| !refunded(*line))
    }

    pub(super) fn hold_view(&self, limits: &Limits) -> HoldView {
        HoldView {
            hold: self.hold,
            buyer: self.buyer,
            placed_at: self.placed_at,
            expires_at: self.expires_at,
            extendable_until: self.extendable_until(limits),
            lines: self.lines.clone(),
            total_minor: self.total_minor,
            order: self.order.as_ref().map(|order| order.order),
        }
    }

    pub(super) fn extendable_until(&self, limits: &Limits) -> UnixMillis {
        self.placed_at.plus_ms(limits.hold_total_max_ms)
    }

    /// `None` while there is no order.
    pub(super) fn order_view(&self) -> Option<OrderView> {
        let order = self.order.as_ref()?;
        let mut refunded_lines: Vec<u16> = order.refunds.iter().flat_map(|refund| &refund.lines).copied().collect();
        refunded_lines.sort_unstable();
        Some(OrderView {
            order: order.order,
            buyer: self.buyer,
            hold: self.hold,
            state: order.state,
            cancel_reason: order.cancel_reason,
            lapsed: order.state == OrderState::AwaitingPayment && order.places_until.is_some(),
            lines: self.lines.clone(),
            refunded_lines,
            total_minor: self.total_minor,
            expires_at: self.expires_at,
        })
    }
}
