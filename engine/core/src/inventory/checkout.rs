//! From a hold to a sale: begin, confirm, capture, and the ways it comes to nothing.

use super::claim::{Claim, OrderPart, Places};
use super::room::Room;
use super::{Inventory, OrderState, Phase};
use crate::{AreaIdx, BuyerId, CancelReason, Fact, HoldId, Minor, OrderId, Place, Rejection, UnixMillis};

impl Inventory {
    /// An order of nothing to pay is confirmed and paid in the same batch.
    pub(super) fn begin_checkout(
        &self,
        at: UnixMillis,
        hold: HoldId,
        buyer: BuyerId,
        order: OrderId,
    ) -> Result<Vec<Fact>, Rejection> {
        if let Some(known) = self.state.claim_of_order(order) {
            let is_repeat = known.hold == hold && known.buyer == buyer;
            return if is_repeat { Ok(Vec::new()) } else { Err(Rejection::OrderIdReused) };
        }
        self.check_running()?;
        let claim = self.live_claim(hold, buyer)?;
        if claim.order.is_some() {
            return Err(Rejection::HoldInCheckout);
        }
        if claim.is_overdue(at) {
            return Err(Rejection::HoldExpired);
        }
        let begun = Fact::CheckoutBegun { order, hold, begun_at: at };
        if claim.total_minor > Minor(0) {
            return Ok(vec![begun]);
        }
        Ok(vec![
            begun,
            Fact::OrderConfirmed { order, confirmed_at: at, retaken: false },
            Fact::CaptureRecorded { order, paid_at: at },
        ])
    }

    /// Sells the places for an authorized payment, or says in a fact why the authorization is to be cancelled.
    pub(super) fn confirm_order(
        &self,
        at: UnixMillis,
        order: OrderId,
        authorized_minor: Minor,
    ) -> Result<Vec<Fact>, Rejection> {
        let (claim, part) = self.order_claim(order)?;
        match part.state {
            OrderState::Confirmed | OrderState::Paid | OrderState::Refunded => return Ok(Vec::new()),
            OrderState::Cancelled => return Err(Rejection::OrderState { state: part.state }),
            OrderState::AwaitingPayment => {}
        }
        let cancelled = |reason| Ok(vec![Fact::OrderCancelled { order, reason }]);
        if self.state.phase == Phase::Cancelled {
            return cancelled(CancelReason::EventCancelled);
        }
        if authorized_minor < claim.total_minor {
            return cancelled(CancelReason::AmountMismatch);
        }
        match claim.places {
            Places::Held | Places::Sold => Ok(vec![Fact::OrderConfirmed { order, confirmed_at: at, retaken: false }]),
            Places::Returned => match self.retake(at, claim) {
                Some(mut facts) => {
                    facts.push(Fact::OrderConfirmed { order, confirmed_at: at, retaken: true });
                    Ok(facts)
                }
                None => cancelled(CancelReason::PlacesGone),
            },
        }
    }

    /// A capture of less than the total is no payment: the order stays confirmed for somebody to look at.
    pub(super) fn record_capture(
        &self,
        at: UnixMillis,
        order: OrderId,
        captured_minor: Minor,
    ) -> Result<Vec<Fact>, Rejection> {
        let (claim, part) = self.order_claim(order)?;
        match part.state {
            OrderState::Paid | OrderState::Refunded => Ok(Vec::new()),
            OrderState::Confirmed if captured_minor < claim.total_minor => {
                Err(Rejection::CaptureShort { total_minor: claim.total_minor })
            }
            OrderState::Confirmed => Ok(vec![Fact::CaptureRecorded { order, paid_at: at }]),
            OrderState::AwaitingPayment | OrderState::Cancelled => Err(Rejection::OrderState { state: part.state }),
        }
    }

    /// Late news of a failed try changes nothing once the order is decided.
    pub(super) fn record_payment_failure(&self, order: OrderId, attempt: u32) -> Result<Vec<Fact>, Rejection> {
        let (_, part) = self.order_claim(order)?;
        let is_news = part.state == OrderState::AwaitingPayment && attempt > part.failed_attempt_max;
        Ok(if is_news { vec![Fact::PaymentFailed { order, attempt }] } else { Vec::new() })
    }

    pub(super) fn record_capture_failure(&self, order: OrderId) -> Result<Vec<Fact>, Rejection> {
        let (_, part) = self.order_claim(order)?;
        match part.state {
            OrderState::Confirmed => Ok(vec![Fact::OrderCancelled { order, reason: CancelReason::CaptureFailed }]),
            OrderState::Cancelled if part.cancel_reason == Some(CancelReason::CaptureFailed) => Ok(Vec::new()),
            OrderState::AwaitingPayment | OrderState::Paid | OrderState::Cancelled | OrderState::Refunded => {
                Err(Rejection::OrderState { state: part.state })
            }
        }
    }

    pub(super) fn cancel_order(
        &self,
        order: OrderId,
        buyer: Option<BuyerId>,
        reason: CancelReason,
    ) -> Result<Vec<Fact>, Rejection> {
        let (claim, part) = self.order_claim(order)?;
        if buyer.is_some_and(|buyer| buyer != claim.buyer) {
            return Err(Rejection::UnknownOrder);
        }
        match part.state {
            OrderState::AwaitingPayment => Ok(vec![Fact::OrderCancelled { order, reason }]),
            OrderState::Cancelled => Ok(Vec::new()),
            OrderState::Confirmed | OrderState::Paid | OrderState::Refunded => {
                Err(Rejection::OrderState { state: part.state })
            }
        }
    }

    pub(super) fn order_claim(&self, order: OrderId) -> Result<(&Claim, &OrderPart), Rejection> {
        let claim = self.state.claim_of_order(order).ok_or(Rejection::UnknownOrder)?;
        Ok((claim, claim.order.as_ref().expect("an indexed order has its part")))
    }

    /// The holds that must end so that a lapsed claim gets all its places back; `None` when it cannot.
    fn retake(&self, at: UnixMillis, claim: &Claim) -> Option<Vec<Fact>> {
        let mut room = Room::new(&self.state, at);
        room.check_buyer(claim.buyer, claim.places_count(), 0).ok()?;
        for line in &claim.lines {
            let is_free = match line.place {
                Place::Seat(seat) => room.take_seat(seat),
                Place::Ga(area) => {
                    let wanted_count = area_lines_count(claim, area);
                    room.clear_area(area, wanted_count) >= wanted_count
                }
            };
            if !is_free {
                return None;
            }
        }
        Some(room.into_facts())
    }
}

fn area_lines_count(claim: &Claim, area: AreaIdx) -> u32 {
    let count = claim.lines.iter().filter(|line| line.place == Place::Ga(area)).count();
    u32::try_from(count).expect("an order has at most 65,535 lines")
}
