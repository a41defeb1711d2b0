//! From facts to views: a pure fold, so that it can be replayed, simulated and tested without a store.
//!
//! The fold works on the records that a batch of entries touches ([`Touched`]); the projector loads them before and
//! stores them after. Facts are applied in the journal's order and each changes a record to a value, never by an
//! increment that a repeat would double; the counters of [`SalesFigures`] are stored with the checkpoint that says
//! which entries they contain.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use usher_core::{Currency, EventId, Fact, HoldId, Minor, OrderId, OrderState, TicketId, UnixMillis};

use super::{HeldRecord, OrderLine, OrderRecord, RefundRecord, SALES_MINUTES_MAX, SalesFigures, ViewChanges};
use crate::ids;
use crate::jobs::{Job, Letter, Task};
use crate::journal::Entry;

/// Milliseconds in a minute, the width of a bucket of [`SalesFigures::places_by_minute`].
const MINUTE_MS: i64 = 60_000;

/// The ticket of a line: the same whoever computes it.
#[must_use]
pub fn ticket_of(order: OrderId, line: u16) -> TicketId {
    TicketId(ids::derived("ticket", &[&order.0.to_be_bytes(), &line.to_be_bytes()]))
}

/// The records that entries touch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Holds that are extended, ended or checked out.
    pub holds: BTreeSet<HoldId>,
    /// Orders that change.
    pub orders: BTreeSet<OrderId>,
}

impl Touched {
    /// What has to be loaded before `entries` can be folded.
    #[must_use]
    pub fn by(entries: &[Entry]) -> Self {
        let mut touched = Self::default();
        for fact in entries.iter().flat_map(|entry| &entry.facts) {
            match fact {
                Fact::HoldExtended { hold, .. } | Fact::HoldReleased { hold } | Fact::HoldExpired { hold } => {
                    touched.holds.insert(*hold);
                }
                Fact::CheckoutBegun { order, hold, .. } => {
                    touched.holds.insert(*hold);
                    touched.orders.insert(*order);
                }
                Fact::CheckoutLapsed { order, .. }
                | Fact::OrderConfirmed { order, .. }
                | Fact::CaptureRecorded { order, .. }
                | Fact::PaymentFailed { order, .. }
                | Fact::OrderCancelled { order, .. }
                | Fact::RefundBegun { order, .. }
                | Fact::RefundPaid { order, .. } => {
                    touched.orders.insert(*order);
                }
                Fact::Published { .. }
                | Fact::Opened
                | Fact::Paused
                | Fact::Resumed
                | Fact::Closed
                | Fact::EventCancelled
                | Fact::PricesChanged { .. }
                | Fact::SeatsBlocked { .. }
                | Fact::SeatsUnblocked { .. }
                | Fact::HoldPlaced { .. } => {}
            }
        }
        touched
    }
}

/// The fold over one batch of an event's entries.
#[derive(Debug)]
pub struct Projection {
    event: EventId,
    currency: Currency,
    holds: BTreeMap<HoldId, HeldRecord>,
    orders: BTreeMap<OrderId, OrderRecord>,
    sales: SalesFigures,
    put_holds: BTreeSet<HoldId>,
    drop_holds: BTreeSet<HoldId>,
    drop_all_holds: bool,
    put_orders: BTreeSet<OrderId>,
    tickets: Vec<(TicketId, OrderId, u16)>,
    jobs: Vec<Job>,
}

/// What a batch leads to.
#[derive(Debug)]
pub struct Projected {
    /// For the store, with the new checkpoint.
    pub changes: ViewChanges,
    /// Work to enqueue before the checkpoint moves.
    pub jobs: Vec<Job>,
    /// Orders whose money may need a next step.
    pub orders: Vec<OrderId>,
}

impl Projection {
    /// Starts from the loaded records.
    #[must_use]
    pub fn new(
        event: EventId,
        currency: Currency,
        holds: Vec<HeldRecord>,
        orders: Vec<OrderRecord>,
        sales: SalesFigures,
    ) -> Self {
        Self {
            event,
            currency,
            holds: holds.into_iter().map(|held| (held.hold, held)).collect(),
            orders: orders.into_iter().map(|order| (order.order, order)).collect(),
            sales,
            put_holds: BTreeSet::new(),
            drop_holds: BTreeSet::new(),
            drop_all_holds: false,
            put_orders: BTreeSet::new(),
            tickets: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Applies one entry.
    pub fn apply(&mut self, entry: &Entry) {
        for fact in &entry.facts {
            self.apply_fact(entry.at, fact);
        }
    }

    /// Ends the fold.
    #[must_use]
    pub fn finish(mut self) -> Projected {
        let put_holds = self.put_holds.iter().filter_map(|hold| self.holds.get(hold).cloned()).collect();
        let put_orders: Vec<_> = self.put_orders.iter().filter_map(|order| self.orders.get(order).cloned()).collect();
        let overflow = self.sales.places_by_minute.len().saturating_sub(SALES_MINUTES_MAX);
        self.sales.places_by_minute.drain(..overflow);
        Projected {
            changes: ViewChanges {
                put_holds,
                drop_holds: self.drop_holds.into_iter().collect(),
                drop_all_holds: self.drop_all_holds,
                put_orders,
                put_tickets: self.tickets,
                sales: Some(self.sales),
            },
            jobs: self.jobs,
            orders: self.put_orders.into_iter().collect(),
        }
    }

    fn apply_fact(&mut self, at: UnixMillis, fact: &Fact) {
        match fact {
            Fact::HoldPlaced { hold, buyer, expires_at, lines, .. } => {
                self.sales.holds_count += 1;
                let held = HeldRecord {
                    hold: *hold,
                    buyer: *buyer,
                    expires_at: *expires_at,
                    lines: lines.clone(),
                    order: None,
                };
                self.holds.insert(*hold, held);
                self.put_holds.insert(*hold);
            }
            Fact::HoldExtended { hold, expires_at } => self.extend(*hold, *expires_at),
            Fact::HoldReleased { hold } | Fact::HoldExpired { hold } => self.drop_hold(*hold),
            Fact::CheckoutBegun { order, hold, begun_at } => self.begin(*order, *hold, *begun_at),
            Fact::CheckoutLapsed { order, .. } => self.change(*order, |order| order.lapsed = true),
            Fact::OrderConfirmed { order, confirmed_at, retaken } => self.confirm(*order, *confirmed_at, *retaken),
            Fact::CaptureRecorded { order, paid_at } => self.pay(at, *order, *paid_at),
            Fact::PaymentFailed { order, .. } => self.change(*order, |order| order.failed_payments_count += 1),
            Fact::OrderCancelled { order, reason } => self.cancel(at, *order, *reason),
            Fact::RefundBegun { order, refund, lines, amount_minor } => {
                self.refund(
                    at,
                    *order,
                    RefundRecord { refund: *refund, lines: lines.clone(), amount_minor: *amount_minor, paid: false },
                );
            }
            Fact::RefundPaid { order, refund } => self.change(*order, |order| {
                for known in order.refunds.iter_mut().filter(|known| known.refund == *refund) {
                    known.paid = true;
                }
            }),
            // Holds that nobody pays for end with it, without a fact of their own.
            Fact::EventCancelled => {
                self.put_holds.clear();
                self.drop_all_holds = true;
            }
            Fact::Published { .. }
            | Fact::Opened
            | Fact::Paused
            | Fact::Resumed
            | Fact::Closed
            | Fact::PricesChanged { .. }
            | Fact::SeatsBlocked { .. }
            | Fact::SeatsUnblocked { .. } => {}
        }
    }

    fn change(&mut self, order: OrderId, change: impl FnOnce(&mut OrderRecord)) {
        // An order that is not loaded cannot be: its `CheckoutBegun` came before, and the views contain it.
        let Some(record) = self.orders.get_mut(&order) else { return };
        change(record);
        self.put_orders.insert(order);
    }

    fn extend(&mut self, hold: HoldId, expires_at: UnixMillis) {
        let Some(held) = self.holds.get_mut(&hold) else { return };
        held.expires_at = expires_at;
        self.put_holds.insert(hold);
        if let Some(order) = held.order {
            self.change(order, |order| order.expires_at = expires_at);
        }
    }

    fn drop_hold(&mut self, hold: HoldId) {
        self.holds.remove(&hold);
        self.put_holds.remove(&hold);
        self.drop_holds.insert(hold);
    }

    fn begin(&mut self, order: OrderId, hold: HoldId, begun_at: UnixMillis) {
        self.sales.checkouts_count += 1;
        let Some(held) = self.holds.get_mut(&hold) else { return };
        held.order = Some(order);
        self.put_holds.insert(hold);
        let total = Minor::checked_sum(held.lines.iter().map(|line| line.price_minor)).unwrap_or_default();
        let record = OrderRecord {
            order,
            event: self.event,
            buyer: held.buyer,
            hold,
            state: OrderState::AwaitingPayment,
            cancel_reason: None,
            lapsed: false,
            retaken: false,
            failed_payments_count: 0,
            lines: held.lines.iter().map(|held| OrderLine { held: *held, ticket: None, refunded: false }).collect(),
            refunds: Vec::new(),
            total_minor: total,
            currency: self.currency,
            begun_at,
            expires_at: held.expires_at,
            confirmed_at: None,
            paid_at: None,
        };
        self.orders.insert(order, record);
        self.put_orders.insert(order);
    }

    fn confirm(&mut self, order: OrderId, confirmed_at: UnixMillis, retaken: bool) {
        let Some(record) = self.orders.get_mut(&order) else { return };
        record.state = OrderState::Confirmed;
        record.confirmed_at = Some(confirmed_at);
        record.retaken = retaken;
        record.lapsed = false;
        let places = record.lines.len();
        let hold = record.hold;
        self.put_orders.insert(order);
        self.drop_hold(hold);
        self.sales.confirmed_count += 1;
        self.sales.places_sold_count += places as u64;
        let minute = confirmed_at.0.div_euclid(MINUTE_MS);
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        match self.sales.places_by_minute.last_mut() {
            Some((last, count)) if *last == minute => *count += places,
            Some(_) | None => self.sales.places_by_minute.push((minute, places)),
        }
    }

    fn pay(&mut self, at: UnixMillis, order: OrderId, paid_at: UnixMillis) {
        let Some(record) = self.orders.get_mut(&order) else { return };
        record.state = OrderState::Paid;
        record.paid_at = Some(paid_at);
        for (line, position) in record.lines.iter_mut().zip(0u16..) {
            let ticket = ticket_of(order, position);
            line.ticket = Some(ticket);
            self.tickets.push((ticket, order, position));
        }
        self.sales.paid_count += 1;
        self.sales.captured_minor = Minor(self.sales.captured_minor.0 + record.total_minor.0);
        self.put_orders.insert(order);
        self.jobs.push(Task::PrintTickets { order }.job(at));
        self.jobs.push(Task::SendLetter { order, letter: Letter::Confirmation }.job(at));
    }

    fn cancel(&mut self, at: UnixMillis, order: OrderId, reason: usher_core::CancelReason) {
        let Some(record) = self.orders.get_mut(&order) else { return };
        if record.state == OrderState::Confirmed {
            self.sales.places_sold_count -= record.lines.len() as u64;
        }
        record.state = OrderState::Cancelled;
        record.cancel_reason = Some(reason);
        let hold = record.hold;
        self.put_orders.insert(order);
        self.drop_hold(hold);
        self.sales.cancelled_count += 1;
        self.jobs.push(Task::SendLetter { order, letter: Letter::Cancellation }.job(at));
    }

    fn refund(&mut self, at: UnixMillis, order: OrderId, refund: RefundRecord) {
        let Some(record) = self.orders.get_mut(&order) else { return };
        for line in &refund.lines {
            if let Some(line) = record.lines.get_mut(usize::from(*line)) {
                line.refunded = true;
            }
        }
        if record.lines.iter().all(|line| line.refunded) {
            record.state = OrderState::Refunded;
        }
        self.sales.places_sold_count -= refund.lines.len() as u64;
        self.sales.refunded_minor = Minor(self.sales.refunded_minor.0 + refund.amount_minor.0);
        let letter = Letter::Refund { refund: refund.refund };
        record.refunds.push(refund);
        self.put_orders.insert(order);
        self.jobs.push(Task::SendLetter { order, letter }.job(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_core::{BuyerId, CancelReason, HoldLine, Place, RefundId, SeatIdx};

    const EVENT: EventId = EventId(1);
    const HOLD: HoldId = HoldId(2);
    const ORDER: OrderId = OrderId(3);
    const AT: UnixMillis = UnixMillis(120_000);

    fn line(seat: u32) -> HoldLine {
        HoldLine { place: Place::Seat(SeatIdx(seat)), price_minor: Minor(4_500) }
    }

    fn fold(facts: Vec<Fact>) -> Projected {
        fold_from(Vec::new(), Vec::new(), SalesFigures::default(), facts)
    }

    fn fold_from(holds: Vec<HeldRecord>, orders: Vec<OrderRecord>, sales: SalesFigures, facts: Vec<Fact>) -> Projected {
        let mut projection = Projection::new(EVENT, "EUR".parse().unwrap(), holds, orders, sales);
        projection.apply(&Entry { seq: 1, epoch: 1, at: AT, facts });
        projection.finish()
    }

    fn purchase() -> Vec<Fact> {
        let lines = vec![line(0), line(1)];
        let (placed_at, expires_at) = (AT, AT.plus_ms(480_000));
        vec![
            Fact::HoldPlaced { hold: HOLD, buyer: BuyerId(9), placed_at, expires_at, asks_digest: 0, lines },
            Fact::CheckoutBegun { order: ORDER, hold: HOLD, begun_at: AT },
            Fact::OrderConfirmed { order: ORDER, confirmed_at: AT, retaken: false },
            Fact::CaptureRecorded { order: ORDER, paid_at: AT },
        ]
    }

    #[test]
    fn a_purchase_becomes_a_paid_order_with_a_ticket_for_each_line() {
        let projected = fold(purchase());
        let order = &projected.changes.put_orders[0];
        assert_eq!((order.state, order.total_minor), (OrderState::Paid, Minor(9_000)));
        assert_eq!(order.lines.iter().filter_map(|line| line.ticket).count(), 2);
        assert_eq!(projected.changes.put_tickets.len(), 2);
        assert_eq!(projected.changes.drop_holds, [HOLD], "a sold hold is no hold any more");
        assert_eq!(projected.changes.put_holds, []);
        let jobs: Vec<_> = projected.jobs.iter().map(|job| job.kind.as_str()).collect();
        assert_eq!(jobs, ["print_tickets", "send_letter"]);
        let sales = projected.changes.sales.unwrap();
        assert_eq!((sales.places_sold_count, sales.captured_minor), (2, Minor(9_000)));
        assert_eq!(sales.places_by_minute, [(2, 2)]);
    }

    #[test]
    fn folding_in_one_batch_or_entry_by_entry_gives_the_same_records() {
        let whole = fold(purchase());
        let (mut holds, mut orders, mut sales) = (Vec::new(), Vec::new(), SalesFigures::default());
        for fact in purchase() {
            let step = fold_from(holds, orders, sales, vec![fact]);
            (holds, sales) = (step.changes.put_holds, step.changes.sales.unwrap());
            orders = step.changes.put_orders;
        }
        assert_eq!(orders, whole.changes.put_orders);
        assert_eq!(Some(sales), whole.changes.sales);
    }

    #[test]
    fn a_refund_of_one_line_keeps_the_order_paid_and_of_both_ends_it() {
        let refund = |refund, line| Fact::RefundBegun {
            order: ORDER,
            refund: RefundId(refund),
            lines: vec![line],
            amount_minor: Minor(4_500),
        };
        let mut facts = purchase();
        facts.push(refund(1, 1));
        assert_eq!(fold(facts.clone()).changes.put_orders[0].state, OrderState::Paid);
        facts.push(refund(2, 0));
        let projected = fold(facts);
        assert_eq!(projected.changes.put_orders[0].state, OrderState::Refunded);
        let sales = projected.changes.sales.unwrap();
        assert_eq!((sales.places_sold_count, sales.refunded_minor), (0, Minor(9_000)));
    }

    #[test]
    fn an_extension_during_checkout_moves_the_order_s_end_too() {
        let mut facts = purchase();
        facts.truncate(2);
        facts.push(Fact::HoldExtended { hold: HOLD, expires_at: AT.plus_ms(900_000) });
        assert_eq!(fold(facts).changes.put_orders[0].expires_at, AT.plus_ms(900_000));
    }

    #[test]
    fn calling_an_event_off_leaves_none_of_its_holds() {
        let mut facts = purchase();
        facts.truncate(1);
        facts.push(Fact::EventCancelled);
        let changes = fold(facts).changes;
        assert!(changes.drop_all_holds && changes.put_holds.is_empty());
    }

    #[test]
    fn a_cancelled_confirmed_order_counts_as_not_sold() {
        let mut facts = purchase();
        facts.truncate(3);
        facts.push(Fact::OrderCancelled { order: ORDER, reason: CancelReason::CaptureFailed });
        let projected = fold(facts);
        assert_eq!(projected.changes.put_orders[0].state, OrderState::Cancelled);
        assert_eq!(projected.changes.sales.unwrap().places_sold_count, 0);
    }
}
