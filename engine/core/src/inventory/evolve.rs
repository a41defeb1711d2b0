//! Applying facts. Nothing is judged here: `decide` did that when the fact was made, perhaps by older rules. What
//! cannot be (a seat sold twice, a hold that was never placed) panics, which quarantines the journal instead of
//! spreading.

use super::claim::{Claim, OrderPart, Places, RefundPart};
use super::claims::{EndedHold, Ending, Slot};
use super::state::{HoldEntry, Published, State};
use super::{OrderState, Phase, SeatStatus};
use crate::{CancelReason, Fact, HoldId, HoldLine, Minor, OrderId, Priced, RefundId};

impl State {
    pub(super) fn evolve(&mut self, fact: &Fact) {
        match fact {
            Fact::Published { plan_digest, currency, limits, prices } => {
                self.phase = Phase::Announced;
                self.published = Some(Published { plan_digest: *plan_digest, currency: *currency });
                self.limits = limits.clone();
                self.set_prices(prices);
            }
            Fact::Opened | Fact::Resumed => self.phase = Phase::OnSale,
            Fact::Paused => self.phase = Phase::Paused,
            Fact::Closed => self.phase = Phase::Closed,
            Fact::EventCancelled => self.cancel_event(),
            Fact::PricesChanged { prices } => self.set_prices(prices),
            Fact::SeatsBlocked { seats } => {
                for seat in seats {
                    self.move_seat(*seat, SeatStatus::Available, SeatStatus::Blocked, None);
                }
            }
            Fact::SeatsUnblocked { seats } => {
                for seat in seats {
                    self.move_seat(*seat, SeatStatus::Blocked, SeatStatus::Available, None);
                }
            }
            Fact::HoldPlaced { hold, buyer, placed_at, expires_at, asks_digest, lines } => self.place(Claim {
                hold: *hold,
                buyer: *buyer,
                placed_at: *placed_at,
                expires_at: *expires_at,
                asks_digest: *asks_digest,
                lines: lines.clone(),
                total_minor: sum(lines.iter()),
                places: Places::Held,
                order: None,
            }),
            Fact::HoldExtended { hold, expires_at } => {
                let slot = self.slot_of_hold(*hold);
                self.reschedule(slot, |claim| claim.expires_at = *expires_at);
            }
            Fact::HoldReleased { hold } => self.end_hold(self.slot_of_hold(*hold), Ending::Released),
            Fact::HoldExpired { hold } => self.end_hold(self.slot_of_hold(*hold), Ending::Expired),
            Fact::CheckoutBegun { order, hold, .. } => self.begin_checkout(*order, *hold),
            Fact::CheckoutLapsed { order, places_until } => {
                let slot = self.slot_of_order(*order);
                self.reschedule(slot, |claim| order_of(claim).places_until = Some(*places_until));
            }
            Fact::OrderConfirmed { order, retaken, .. } => self.confirm(self.slot_of_order(*order), *retaken),
            Fact::CaptureRecorded { order, .. } => self.order_mut(*order).state = OrderState::Paid,
            Fact::PaymentFailed { order, attempt } => self.order_mut(*order).failed_attempt_max = *attempt,
            Fact::OrderCancelled { order, reason } => self.cancel_order(self.slot_of_order(*order), *reason),
            Fact::RefundBegun { order, refund, lines, amount_minor } => {
                self.refund(self.slot_of_order(*order), *refund, lines, *amount_minor);
            }
            Fact::RefundPaid { order, refund } => {
                for known in self.order_mut(*order).refunds.iter_mut().filter(|known| known.refund == *refund) {
                    known.paid = true;
                }
            }
        }
    }

    fn set_prices(&mut self, prices: &[Priced]) {
        for priced in prices {
            self.prices[priced.tier.usize()] = Some(priced.price_minor);
        }
    }

    fn cancel_event(&mut self) {
        self.phase = Phase::Cancelled;
        let bare: Vec<Slot> = self
            .claims
            .iter()
            .filter(|(_, claim)| claim.order.is_none() && claim.places == Places::Held)
            .map(|(slot, _)| slot)
            .collect();
        for slot in bare {
            self.end_hold(slot, Ending::Released);
        }
    }

    fn place(&mut self, claim: Claim) {
        let (hold, buyer, due_at, places_count) = (claim.hold, claim.buyer, claim.expires_at, claim.places_count());
        let slot = self.claims.insert(claim);
        self.move_claim(slot, SeatStatus::Available, SeatStatus::Held);
        let known = self.holds.insert(hold, HoldEntry::Claimed(slot));
        assert!(known.is_none(), "{hold} is placed twice");
        self.buyer_gains(buyer, places_count, 1);
        self.due.insert((due_at, slot));
    }

    /// Changes what decides when a held claim is due.
    fn reschedule(&mut self, slot: Slot, change: impl FnOnce(&mut Claim)) {
        let claim = self.claims.get_mut(slot);
        let was = claim.due_at();
        change(claim);
        let is = claim.due_at();
        assert!(self.due.remove(&(was, slot)), "a live hold is due some time");
        self.due.insert((is, slot));
    }

    /// A hold's places return. With an order, the claim goes on without them; else only a tombstone stays.
    fn end_hold(&mut self, slot: Slot, ending: Ending) {
        self.return_held(slot);
        if self.claims.get(slot).order.is_some() {
            return;
        }
        let Claim { hold, buyer, asks_digest, .. } = self.claims.remove(slot);
        let (position, forgotten) = self.claims.bury(EndedHold { hold, buyer, asks_digest, ending });
        self.holds.insert(hold, HoldEntry::Ended(position));
        if let Some(forgotten) = forgotten {
            self.holds.remove(forgotten);
        }
    }

    fn begin_checkout(&mut self, order: OrderId, hold: HoldId) {
        let slot = self.slot_of_hold(hold);
        let known = self.orders.insert(order, slot);
        assert!(known.is_none(), "{order} begins twice");
        let claim = self.claims.get_mut(slot);
        assert!(claim.order.is_none(), "{hold} has an order already");
        claim.order = Some(OrderPart::new(order));
    }

    fn confirm(&mut self, slot: Slot, retaken: bool) {
        let claim = self.claims.get(slot);
        let (buyer, places_count, due_at) = (claim.buyer, claim.places_count(), claim.due_at());
        if retaken {
            assert!(claim.places == Places::Returned, "only returned places are taken again");
            self.move_claim(slot, SeatStatus::Available, SeatStatus::Sold);
            self.buyer_gains(buyer, places_count, 0);
        } else {
            self.move_claim(slot, SeatStatus::Held, SeatStatus::Sold);
            self.due.remove(&(due_at, slot));
            self.buyer_loses(buyer, 0, 1);
        }
        let claim = self.claims.get_mut(slot);
        claim.places = Places::Sold;
        let order = order_of(claim);
        order.state = OrderState::Confirmed;
        order.places_until = None;
    }

    fn cancel_order(&mut self, slot: Slot, reason: CancelReason) {
        let claim = self.claims.get(slot);
        match claim.places {
            Places::Held => self.return_held(slot),
            Places::Sold => {
                let (buyer, places_count) = (claim.buyer, claim.places_count());
                self.move_claim(slot, SeatStatus::Sold, SeatStatus::Available);
                self.buyer_loses(buyer, places_count, 0);
                self.claims.get_mut(slot).places = Places::Returned;
            }
            Places::Returned => {}
        }
        let order = order_of(self.claims.get_mut(slot));
        order.state = OrderState::Cancelled;
        order.cancel_reason = Some(reason);
    }

    fn refund(&mut self, slot: Slot, refund: RefundId, lines: &[u16], amount_minor: Minor) {
        let buyer = self.claims.get(slot).buyer;
        for line in lines {
            let place = self.claims.get(slot).lines[usize::from(*line)].place;
            self.move_place(place, SeatStatus::Sold, SeatStatus::Available, None);
        }
        self.buyer_loses(buyer, u32::try_from(lines.len()).expect("lines are numbered by u16"), 0);
        let claim = self.claims.get_mut(slot);
        let order = claim.order.as_mut().expect("a refund has an order");
        order.refunds.push(RefundPart { refund, lines: lines.to_vec(), amount_minor, paid: false });
        if order.refunded_count() == claim.lines.len() {
            order.state = OrderState::Refunded;
            claim.places = Places::Returned;
        }
    }

    fn return_held(&mut self, slot: Slot) {
        let claim = self.claims.get(slot);
        let (buyer, places_count, due_at) = (claim.buyer, claim.places_count(), claim.due_at());
        self.move_claim(slot, SeatStatus::Held, SeatStatus::Available);
        assert!(self.due.remove(&(due_at, slot)), "a live hold is due some time");
        self.buyer_loses(buyer, places_count, 1);
        self.claims.get_mut(slot).places = Places::Returned;
    }

    /// Moves all of a claim's places.
    fn move_claim(&mut self, slot: Slot, from: SeatStatus, to: SeatStatus) {
        let owner = (to != SeatStatus::Available).then_some(slot);
        // The lines go out and back in, so that places can move while they are read.
        let lines = std::mem::take(&mut self.claims.get_mut(slot).lines);
        for HoldLine { place, .. } in &lines {
            self.move_place(*place, from, to, owner);
        }
        self.claims.get_mut(slot).lines = lines;
    }

    fn slot_of_hold(&self, hold: HoldId) -> Slot {
        match self.holds.get(hold) {
            Some(HoldEntry::Claimed(slot)) => *slot,
            Some(HoldEntry::Ended(_)) | None => panic!("{hold} is not live"),
        }
    }

    fn slot_of_order(&self, order: OrderId) -> Slot {
        self.orders.get(order).copied().unwrap_or_else(|| panic!("{order} never began"))
    }

    fn order_mut(&mut self, order: OrderId) -> &mut OrderPart {
        let slot = self.slot_of_order(order);
        order_of(self.claims.get_mut(slot))
    }
}

fn order_of(claim: &mut Claim) -> &mut OrderPart {
    claim.order.as_mut().expect("an indexed order has its part")
}

fn sum<'a>(lines: impl Iterator<Item = &'a HoldLine>) -> Minor {
    Minor::checked_sum(lines.map(|line| line.price_minor)).expect("prices are bounded so that no order overflows")
}
