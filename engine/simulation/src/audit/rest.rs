//! What must be true when nothing is under way any more: every order is decided, the money is the price of the valid
//! tickets, every ticket is printed, every letter written, and the views say what the journal says.

use usher_core::{OrderId, OrderState, Phase};
use usher_engine::orders::{OrderRecord, SalesFigures};

use super::model::{Order, Places};
use super::{Audit, Ledger};

/// What a house has derived, for comparison.
pub(crate) struct Derived {
    pub(crate) orders: Vec<OrderRecord>,
    pub(crate) sales: SalesFigures,
    pub(crate) jobs_left: Vec<String>,
    pub(crate) webhooks_left: Vec<String>,
}

impl Audit {
    /// Looks at the whole.
    pub(crate) fn at_rest(&self, derived: &Derived) {
        self.with(|ledger| {
            ledger.holds_at_rest();
            let ids: Vec<OrderId> = ledger.model.orders.keys().copied().collect();
            for id in &ids {
                let order = ledger.model.orders[id].clone();
                ledger.order_at_rest(*id, &order);
                ledger.papers_at_rest(*id, &order);
            }
            ledger.sums_at_rest();
            ledger.views_at_rest(derived);
            for left in derived.jobs_left.iter().chain(&derived.webhooks_left) {
                ledger.violate("I6-work-left", left.clone());
            }
        });
    }
}

impl Ledger {
    fn holds_at_rest(&mut self) {
        let stuck = self.model.holds.iter().filter(|(_, hold)| hold.places == Places::Held);
        let stuck: Vec<String> = stuck.map(|(id, hold)| format!("{id} of {} never ends", hold.buyer)).collect();
        for what in stuck {
            self.violate("I6-hold-stuck", what);
        }
    }

    fn order_at_rest(&mut self, id: OrderId, order: &Order) {
        let state = order.state();
        let (captured, returned, standing, intents) = self.money.get(&id).map_or((0, 0, 0, 0), |money| {
            (money.captured_minor, money.returned_minor(), money.standing_minor, money.intents_count)
        });
        let due = match state {
            OrderState::AwaitingPayment | OrderState::Confirmed => {
                return self.violate("I6-order-stuck", format!("{id} stays {state:?}"));
            }
            OrderState::Cancelled => 0,
            OrderState::Paid | OrderState::Refunded => order.total_minor - order.refunded_minor(),
        };
        if captured < returned || captured - returned != due {
            let what = format!("{id} is {state:?}: {captured} taken, {returned} sent back, {due} is its worth");
            self.violate("I4-sum", what);
        }
        if standing > 0 {
            self.violate("I4-authorization-left", format!("{id} is {state:?}, {standing} stay reserved on the card"));
        }
        if order.total_minor == 0 && intents > 0 {
            self.violate("I4-second-intent", format!("{id} is free and has {intents} intents"));
        }
        if self.model.phase() == Phase::Cancelled && state == OrderState::Paid {
            self.violate("I6-order-stuck", format!("{id} stays paid, its event was called off"));
        }
        for (refund, _) in order.refunds.iter().filter(|(_, kept)| !kept.paid) {
            self.violate("I6-refund-stuck", format!("{refund} of {id} is never called paid"));
        }
    }

    fn papers_at_rest(&mut self, id: OrderId, order: &Order) {
        let lines = self.model.holds.get(&order.hold).map_or(0, |hold| hold.lines.len());
        let has_paid = order.states.contains(&OrderState::Paid);
        let printed = self.printed.get(&id).cloned();
        let complete = printed.as_ref().is_some_and(|printed| printed.len() == lines);
        if has_paid && !complete {
            self.violate("I2-ticket-missing", format!("{id} has {lines} places, printed are {printed:?}"));
        }
        if !has_paid && printed.is_some() {
            self.violate("I3-ticket-unpaid", format!("{id} was never paid, printed are {printed:?}"));
        }
        let cancelled = order.state() == OrderState::Cancelled;
        let mut due = vec![("confirmation", None, has_paid), ("cancellation", None, cancelled)];
        due.extend(order.refunds.keys().map(|refund| ("refund", Some(*refund), true)));
        for (kind, refund, is_due) in due {
            let written = self.letters.contains_key(&(id, kind, refund));
            if written != is_due {
                let what = format!("{id} is {:?}: its {kind} is written {written}, due {is_due}", order.state());
                self.violate(if is_due { "I2-letter-missing" } else { "I3-letter-unasked" }, what);
            }
        }
    }

    /// Σ captured − sent back = Σ price of valid tickets.
    fn sums_at_rest(&mut self) {
        let taken: u64 = self.money.values().map(|money| money.captured_minor).sum();
        let returned: u64 = self.money.values().map(super::money::Money::returned_minor).sum();
        let sold = self.model.orders.values().filter(|order| order.states.contains(&OrderState::Paid));
        let worth: u64 = sold.map(|order| order.total_minor - order.refunded_minor()).sum();
        if taken.checked_sub(returned) != Some(worth) {
            self.violate("I4-sum", format!("{taken} taken, {returned} sent back, the valid tickets cost {worth}"));
        }
    }

    fn views_at_rest(&mut self, derived: &Derived) {
        let mut wrong = Vec::new();
        for (id, order) in &self.model.orders {
            let record = derived.orders.iter().find(|record| record.order == *id);
            let shown = record.map(|record| (record.state, record.cancel_reason, record.refunds.len()));
            let expected = Some((order.state(), order.reason, order.refunds.len()));
            if shown != expected {
                wrong.push(format!("{id} is shown as {shown:?}, it is {expected:?}"));
            }
        }
        let count =
            |state: OrderState| self.model.orders.values().filter(|order| order.states.contains(&state)).count() as u64;
        let money = |pick: fn(&Order) -> u64| {
            let paid = self.model.orders.values().filter(|order| order.states.contains(&OrderState::Paid));
            paid.map(pick).sum::<u64>()
        };
        let sales = &derived.sales;
        let shown = [
            sales.holds_count,
            sales.checkouts_count,
            sales.confirmed_count,
            sales.paid_count,
            sales.cancelled_count,
            sales.captured_minor.0,
            sales.refunded_minor.0,
        ];
        let expected = [
            self.model.holds.len() as u64,
            self.model.orders.len() as u64,
            count(OrderState::Confirmed),
            count(OrderState::Paid),
            count(OrderState::Cancelled),
            money(|order| order.total_minor),
            money(Order::refunded_minor),
        ];
        if shown != expected {
            wrong.push(format!("the figures show {shown:?}, they are {expected:?}"));
        }
        for what in wrong {
            self.violate("I7-views", what);
        }
    }
}
