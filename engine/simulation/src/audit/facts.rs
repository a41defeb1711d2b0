//! Folding committed entries, and what each fact must rest on: an ask, the clock, or the provider.

use usher_core::{
    Ask, CancelReason, Command, Fact, HoldId, HoldLine, OrderId, OrderState, Phase, Place, PlaceHold, RefundId,
};
use usher_engine::journal::SealedEntry;

use super::Ledger;
use super::asks::Subject;
use super::model::{Hold, Order, Places, Refund, Slot};

/// How far a clock may be from where it must be for a hold to end: facts carry whole milliseconds.
const CLOCK_SLACK_MS: i64 = 1;

impl Ledger {
    pub(super) fn committed(&mut self, sealed: &SealedEntry) {
        // Only the bytes count: that is what will be there after a crash.
        let opened = match SealedEntry::open(sealed.bytes.clone(), sealed.prev_hash, sealed.hash) {
            Ok(opened) => opened,
            Err(error) => return self.violate("I2-unreadable", error.to_string()),
        };
        let entry = opened.entry;
        if entry.epoch != self.epoch {
            let what =
                format!("entry {} was written under epoch {}, the owner's is {}", entry.seq, entry.epoch, self.epoch);
            self.violate("P-fence", what);
        }
        if entry.seq != self.model.head_seq + 1 || opened.prev_hash != self.model.head_hash {
            let what =
                format!("entry {} takes the place of another, the journal ended at {}", entry.seq, self.model.head_seq);
            self.violate("I2-overwritten", what);
        }
        self.model.head_seq = entry.seq;
        self.model.head_hash = opened.hash;
        for fact in &entry.facts {
            self.fold(entry.epoch, fact);
        }
    }

    fn must(&mut self, holds: bool, code: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.violate(code, what());
        }
    }

    fn must_be_asked(&mut self, subject: Subject) {
        let seq = self.model.head_seq;
        let asked = self.asks.done(subject, seq);
        self.must(asked, "I3-unasked", || format!("entry {seq} has {subject:?}, which nobody asks for"));
    }

    fn all_wrong(&mut self, code: &'static str, wrong: Vec<String>) {
        for what in wrong {
            self.violate(code, what);
        }
    }

    fn fold(&mut self, epoch: u64, fact: &Fact) {
        match fact {
            Fact::Published { limits, prices, .. } => {
                self.must_be_asked(Subject::Publication);
                self.model.limits = limits.clone();
                self.price(prices);
                self.model.phases.push(Phase::Announced);
            }
            Fact::Opened => self.enter(Subject::Opening, Phase::OnSale),
            Fact::Paused => self.enter(Subject::Pause, Phase::Paused),
            Fact::Resumed => self.enter(Subject::Resumption, Phase::OnSale),
            Fact::Closed => self.enter(Subject::Closing, Phase::Closed),
            Fact::EventCancelled => self.call_off(),
            Fact::PricesChanged { prices } => {
                self.must_be_asked(Subject::Prices);
                self.price(prices);
            }
            Fact::SeatsBlocked { seats } => {
                self.must_be_asked(Subject::Block);
                self.move_seats(seats, Slot::Free, Slot::Blocked);
            }
            Fact::SeatsUnblocked { seats } => {
                self.must_be_asked(Subject::Unblock);
                self.move_seats(seats, Slot::Blocked, Slot::Free);
            }
            Fact::HoldPlaced { hold, buyer, placed_at, expires_at, lines, .. } => {
                let placed = Hold {
                    buyer: *buyer,
                    lines: lines.clone(),
                    placed_ms: placed_at.0,
                    expires_ms: expires_at.0,
                    places: Places::Held,
                    order: None,
                };
                self.placed(*hold, placed);
            }
            Fact::HoldExtended { hold, expires_at } => self.extended(*hold, expires_at.0),
            Fact::HoldReleased { hold } => {
                self.must_be_asked(Subject::Release(*hold));
                self.return_held(*hold);
            }
            Fact::HoldExpired { hold } => self.expired(epoch, *hold),
            Fact::CheckoutBegun { order, hold, .. } => self.begun(*order, *hold),
            Fact::CheckoutLapsed { order, places_until } => self.lapsed(epoch, *order, places_until.0),
            Fact::OrderConfirmed { order, retaken, .. } => self.confirmed(*order, *retaken),
            Fact::CaptureRecorded { order, .. } => self.paid(*order),
            Fact::PaymentFailed { order, attempt } => {
                self.must_be_asked(Subject::Failure(*order, *attempt));
                let declined = self.money.get(order).is_some_and(|money| money.declined.contains(attempt));
                self.must(declined, "I3-no-decline", || format!("{order} failed to be paid, says nobody"));
            }
            Fact::OrderCancelled { order, reason } => self.cancelled(*order, *reason),
            Fact::RefundBegun { order, refund, lines, amount_minor } => {
                let refunded = Refund { lines: lines.clone(), amount_minor: amount_minor.0, paid: false };
                self.refunded(*order, *refund, refunded);
            }
            Fact::RefundPaid { order, refund } => self.refund_paid(*order, *refund),
        }
    }

    fn price(&mut self, prices: &[usher_core::Priced]) {
        for priced in prices {
            if let Some(price) = self.model.prices.get_mut(priced.tier.usize()) {
                *price = Some(priced.price_minor);
            }
        }
    }

    fn enter(&mut self, subject: Subject, phase: Phase) {
        self.must_be_asked(subject);
        self.model.phases.push(phase);
    }

    fn call_off(&mut self) {
        self.enter(Subject::CallOff, Phase::Cancelled);
        let bare: Vec<HoldId> =
            self.model.holds.iter().filter(|(_, hold)| hold.order.is_none()).map(|(id, _)| *id).collect();
        for hold in bare {
            if self.model.holds.get(&hold).is_some_and(|hold| hold.places == Places::Held) {
                self.return_held(hold);
            }
        }
    }

    fn move_seats(&mut self, seats: &[usher_core::SeatIdx], from: Slot, to: Slot) {
        for seat in seats {
            let was = self.model.seats.get(seat.usize()).copied();
            self.must(was == Some(from), "I1-place-twice", || format!("{seat:?} becomes {to:?}, it was {was:?}"));
            if let Some(slot) = self.model.seats.get_mut(seat.usize()) {
                *slot = to;
                self.model.freed_seq[seat.usize()] = self.model.head_seq;
            }
        }
    }

    fn placed(&mut self, id: HoldId, hold: Hold) {
        self.must_be_asked(Subject::Hold(id));
        let phase = self.model.phase();
        self.must(phase == Phase::OnSale, "I3-off-sale", || format!("{id} is placed while {phase:?}"));
        let as_asked = match self.asks.command(Subject::Hold(id)) {
            Some(Command::PlaceHold(asked)) => self.is_as_asked(asked, &hold),
            Some(_) | None => false,
        };
        self.must(as_asked, "I3-not-as-asked", || format!("{id} gets {:?}", hold.lines));
        let unpriced = hold.lines.iter().find(|line| self.model.price(line.place) != Some(line.price_minor)).copied();
        self.must(unpriced.is_none(), "I4-price", || format!("{id} pays {unpriced:?}"));
        let lasts_ms = hold.expires_ms.saturating_sub(hold.placed_ms);
        let as_limited = u64::try_from(lasts_ms) == Ok(self.model.limits.hold_ms);
        self.must(as_limited, "I5-hold-cap", || format!("{id} lasts {lasts_ms} ms"));
        let wrong = self.model.take(id, &hold.lines, false);
        self.all_wrong("I1-place-twice", wrong);
        let buyer = hold.buyer;
        let twice = self.model.holds.insert(id, hold).is_some();
        self.must(!twice, "I1-place-twice", || format!("{id} is placed twice"));
        let (places, places_max) = (self.model.places_of(buyer), usize::from(self.model.limits.places_per_buyer_max));
        self.must(places <= places_max, "I5-buyer-limit", || format!("{buyer} has {places} places"));
        let (holds, holds_max) = (self.model.holds_of(buyer), usize::from(self.model.limits.holds_per_buyer_max));
        self.must(holds <= holds_max, "I5-buyer-limit", || format!("{buyer} has {holds} holds"));
    }

    fn extended(&mut self, id: HoldId, expires_ms: i64) {
        self.must_be_asked(Subject::Extension(id));
        let cap_ms = self.model.limits.hold_total_max_ms;
        let Some(hold) = self.model.holds.get_mut(&id) else {
            return self.violate("I3-unasked", format!("{id} is extended and never was"));
        };
        let within = expires_ms > hold.expires_ms && expires_ms <= hold.placed_ms.saturating_add_unsigned(cap_ms);
        let was = std::mem::replace(&mut hold.expires_ms, expires_ms);
        self.must(within, "I5-hold-cap", || format!("{id} ended at {was}, it now ends at {expires_ms}"));
    }

    fn is_as_asked(&self, asked: &PlaceHold, hold: &Hold) -> bool {
        let mut lines = hold.lines.as_slice();
        let mut next = |count: usize| {
            let (taken, rest) = lines.split_at_checked(count)?;
            lines = rest;
            Some(taken)
        };
        let fits = asked.asks.iter().all(|ask| match ask {
            Ask::Seats(seats) => {
                let got = next(seats.len()).unwrap_or_default();
                got.iter().map(|line| line.place).eq(seats.iter().map(|seat| Place::Seat(*seat)))
            }
            Ask::Best { quantity, tier, .. } => {
                let fits = |line: &HoldLine| match line.place {
                    Place::Seat(seat) => tier.is_none() || self.model.tier(seat) == *tier,
                    Place::Ga(_) => false,
                };
                next(usize::from(*quantity)).is_some_and(|got| got.iter().all(fits))
            }
            Ask::Ga { area, quantity } => {
                let got = next(usize::from(*quantity));
                got.is_some_and(|got| got.iter().all(|line| line.place == Place::Ga(*area)))
            }
        });
        fits && lines.is_empty() && asked.buyer == hold.buyer
    }

    fn return_held(&mut self, id: HoldId) {
        let Some(hold) = self.model.holds.get_mut(&id) else {
            return self.violate("I3-unasked", format!("{id} ends and never was"));
        };
        let lines = hold.lines.clone();
        hold.places = Places::Returned;
        let wrong = self.model.give_back(id, &lines, false);
        self.all_wrong("I5-places", wrong);
    }

    fn expired(&mut self, epoch: u64, id: HoldId) {
        let Some(hold) = self.model.holds.get(&id) else {
            return self.violate("I3-unasked", format!("{id} expires and never was"));
        };
        let order = hold.order.and_then(|order| self.model.orders.get(&order));
        let due_ms = match order {
            Some(order) => order.places_until_ms.unwrap_or(i64::MAX),
            None => hold.expires_ms,
        };
        let now_ms = self.clock_ms(epoch);
        self.must(now_ms + CLOCK_SLACK_MS >= due_ms, "I2-ended-early", || {
            format!("{id} expires {} ms before its time", due_ms.saturating_sub(now_ms))
        });
        self.return_held(id);
    }

    fn begun(&mut self, id: OrderId, hold_id: HoldId) {
        self.must_be_asked(Subject::Checkout(id));
        let Some(hold) = self.model.holds.get_mut(&hold_id) else {
            return self.violate("I3-unasked", format!("{id} pays for {hold_id}, which never was"));
        };
        let free_to = hold.order.is_none() && hold.places == Places::Held;
        hold.order = Some(id);
        let total_minor = hold.lines.iter().map(|line| line.price_minor.0).sum();
        self.must(free_to, "I1-place-twice", || format!("{id} pays for {hold_id}, which is gone or another order's"));
        self.model.orders.insert(
            id,
            Order {
                hold: hold_id,
                states: vec![OrderState::AwaitingPayment],
                reason: None,
                places_until_ms: None,
                total_minor,
                refunds: std::collections::BTreeMap::new(),
            },
        );
    }

    fn lapsed(&mut self, epoch: u64, id: OrderId, places_until_ms: i64) {
        let now_ms = self.clock_ms(epoch);
        let Some(order) = self.model.orders.get_mut(&id) else {
            return self.violate("I3-unasked", format!("{id} lapses and never was"));
        };
        order.places_until_ms = Some(places_until_ms);
        let hold = order.hold;
        let due_ms = self.model.holds.get(&hold).map_or(i64::MIN, |hold| hold.expires_ms);
        self.must(now_ms + CLOCK_SLACK_MS >= due_ms, "I2-ended-early", || {
            format!("{id} lapses {} ms before its time", due_ms.saturating_sub(now_ms))
        });
    }

    /// Moves an order on; its claim's id and lines.
    fn step(&mut self, id: OrderId, from: &[OrderState], to: OrderState) -> Option<(HoldId, Vec<HoldLine>, Places)> {
        let Some(order) = self.model.orders.get_mut(&id) else {
            self.violate("I3-unasked", format!("{id} becomes {to:?} and never was"));
            return None;
        };
        let was = order.state();
        order.states.push(to);
        let hold_id = order.hold;
        self.must(from.contains(&was), "I3-order-step", || format!("{id} becomes {to:?}, it was {was:?}"));
        let hold = self.model.holds.get(&hold_id)?;
        Some((hold_id, hold.lines.clone(), hold.places))
    }

    fn set_places(&mut self, hold: HoldId, places: Places) {
        if let Some(hold) = self.model.holds.get_mut(&hold) {
            hold.places = places;
        }
    }

    fn confirmed(&mut self, id: OrderId, retaken: bool) {
        let total_minor = self.model.orders.get(&id).map_or(0, |order| order.total_minor);
        let Some((hold, lines, places)) = self.step(id, &[OrderState::AwaitingPayment], OrderState::Confirmed) else {
            return;
        };
        if total_minor > 0 {
            self.must_be_asked(Subject::Confirmation(id));
        }
        let authorized_minor = self.money.get(&id).map_or(0, |money| money.authorized_ever_minor);
        self.must(authorized_minor >= total_minor, "I3-unauthorized", || {
            format!("{id} is sold for {total_minor}, {authorized_minor} are authorized")
        });
        self.must(retaken == (places == Places::Returned), "I5-places", || format!("{id} is sold, {places:?}"));
        let wrong = if retaken { self.model.take(hold, &lines, true) } else { self.model.sell(hold, &lines) };
        self.all_wrong("I1-place-twice", wrong);
        self.set_places(hold, Places::Sold);
    }

    fn paid(&mut self, id: OrderId) {
        let total_minor = self.model.orders.get(&id).map_or(0, |order| order.total_minor);
        if self.step(id, &[OrderState::Confirmed], OrderState::Paid).is_none() {
            return;
        }
        if total_minor > 0 {
            self.must_be_asked(Subject::Capture(id));
        }
        let captured_minor = self.money.get(&id).map_or(0, |money| money.captured_minor);
        self.must(captured_minor >= total_minor, "I4-not-captured", || {
            format!("{id} is paid, {captured_minor} of {total_minor} are captured")
        });
    }

    fn cancelled(&mut self, id: OrderId, reason: CancelReason) {
        let causes =
            [Subject::Cancellation(id), Subject::Confirmation(id), Subject::CaptureFailure(id), Subject::CallOff];
        let asked = causes.iter().any(|cause| self.asks.is_possible(*cause));
        self.must(asked, "I3-unasked", || format!("{id} is cancelled ({reason:?}), which nobody asks for"));
        let seq = self.model.head_seq;
        causes.iter().for_each(|cause| {
            if self.asks.is_possible(*cause) {
                self.asks.done(*cause, seq);
            }
        });
        let from = [OrderState::AwaitingPayment, OrderState::Confirmed];
        let Some((hold, lines, places)) = self.step(id, &from, OrderState::Cancelled) else { return };
        if let Some(order) = self.model.orders.get_mut(&id) {
            order.reason = Some(reason);
        }
        if places != Places::Returned {
            let wrong = self.model.give_back(hold, &lines, places == Places::Sold);
            self.all_wrong("I5-places", wrong);
        }
        self.set_places(hold, Places::Returned);
    }

    fn refunded(&mut self, id: OrderId, refund_id: RefundId, refund: Refund) {
        self.must_be_asked(Subject::Refund(refund_id));
        let Some(order) = self.model.orders.get_mut(&id) else {
            return self.violate("I3-unasked", format!("{id} is refunded and never was"));
        };
        let (hold, state) = (order.hold, order.state());
        let already = order.refunded_lines();
        let again = refund.lines.iter().find(|line| already.contains(line)).copied();
        let lines: Vec<u16> = refund.lines.clone();
        let amount_minor = refund.amount_minor;
        order.refunds.insert(refund_id, refund);
        let refunded_count = order.refunded_lines().len();
        let held = self.model.holds.get(&hold).map(|hold| hold.lines.clone()).unwrap_or_default();
        if refunded_count == held.len()
            && let Some(order) = self.model.orders.get_mut(&id)
        {
            order.states.push(OrderState::Refunded);
        }
        self.must(again.is_none() && state == OrderState::Paid, "I4-refund-twice", || {
            format!("{refund_id} of {id}, which is {state:?}, gives line {again:?} back again")
        });
        let given: Vec<HoldLine> = lines.iter().filter_map(|line| held.get(usize::from(*line)).copied()).collect();
        let worth: u64 = given.iter().map(|line| line.price_minor.0).sum();
        self.must(worth == amount_minor, "I4-refund-sum", || format!("{refund_id} is {amount_minor} for {worth}"));
        let wrong = self.model.give_back(hold, &given, true);
        self.all_wrong("I5-places", wrong);
        if refunded_count == held.len() {
            self.set_places(hold, Places::Returned);
        }
    }

    fn refund_paid(&mut self, id: OrderId, refund_id: RefundId) {
        self.must_be_asked(Subject::RefundPaid(refund_id));
        let order = self.model.orders.get_mut(&id);
        let Some(refund) = order.and_then(|order| order.refunds.get_mut(&refund_id)) else {
            return self.violate("I3-unasked", format!("{refund_id} is paid and never was"));
        };
        refund.paid = true;
        let amount_minor = refund.amount_minor;
        let sent_minor = self.money.get(&id).map_or(0, |money| money.paid_out_minor(refund_id));
        self.must(sent_minor >= amount_minor, "I4-refund-unpaid", || {
            format!("{refund_id} of {amount_minor} is called paid, {sent_minor} were sent")
        });
    }
}
