//! The inventory of one event: its seats, areas, holds and orders.
//!
//! [`Inventory::decide`] holds every check and changes nothing; [`Inventory::evolve`] applies a fact and checks
//! nothing that a decision could still refuse. What a command costs depends on what it asks for, never on the size of
//! the event; only a search for the best block reads the plan, a machine word for up to sixty-four seats.

use std::sync::Arc;

use crate::plan::Layout;
use crate::{
    AreaIdx, Command, Currency, Fact, HoldId, Limits, Minor, OrderId, RefundId, Rejection, SeatIdx, TierIdx, UnixMillis,
};

mod asks;
mod best_available;
mod blocks;
mod checkout;
mod claim;
mod claims;
mod evolve;
mod hold;
mod id_map;
mod invariant;
mod on_sale;
mod refund;
mod room;
mod seats;
mod snapshot;
mod state;
mod view;

pub use snapshot::Snapshot;
pub use view::{Answer, Counts, HoldView, OrderState, OrderView, Phase, SeatStatus};

use best_available::Guide;
use claim::Places;
use state::State;

/// All that is true of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    layout: Arc<Layout>,
    /// Derived from the layout: how good each seat is.
    guide: Arc<Guide>,
    state: State,
}

impl Inventory {
    /// A draft in which every place is free.
    #[must_use]
    pub fn new(layout: Arc<Layout>) -> Self {
        let guide = Arc::new(Guide::new(&layout));
        let state = State::new(&layout);
        Self { layout, guide, state }
    }

    /// The facts that follow from a command at an instant. They must be applied in their order, all of them, before the
    /// next decision. No facts means that the command asks for what is so already.
    ///
    /// # Errors
    /// The first [`Rejection`], in order of precedence, that applies.
    pub fn decide(&self, at: UnixMillis, command: &Command) -> Result<Vec<Fact>, Rejection> {
        match command {
            Command::Publish { plan_digest, currency, limits, prices } => {
                self.publish(*plan_digest, *currency, limits, prices)
            }
            Command::Open => self.change_phase(&[Phase::Announced], Phase::OnSale, Fact::Opened),
            Command::Pause => self.change_phase(&[Phase::OnSale], Phase::Paused, Fact::Paused),
            Command::Resume => self.change_phase(&[Phase::Paused], Phase::OnSale, Fact::Resumed),
            Command::Close => {
                self.change_phase(&[Phase::Announced, Phase::OnSale, Phase::Paused], Phase::Closed, Fact::Closed)
            }
            Command::CancelEvent => self.cancel_event(),
            Command::ChangePrices { prices } => self.change_prices(prices),
            Command::BlockSeats { seats } => self.block_seats(at, seats),
            Command::UnblockSeats { seats } => self.unblock_seats(seats),
            Command::PlaceHold(place) => self.place_hold(at, place),
            Command::ExtendHold { hold, buyer } => self.extend_hold(at, *hold, *buyer),
            Command::ReleaseHold { hold, buyer } => self.release_hold(at, *hold, *buyer),
            Command::ExpireDue { holds_max } => Ok(self.expire_due(at, *holds_max)),
            Command::BeginCheckout { hold, buyer, order } => self.begin_checkout(at, *hold, *buyer, *order),
            Command::ConfirmOrder { order, authorized_minor } => self.confirm_order(at, *order, *authorized_minor),
            Command::RecordCapture { order, captured_minor } => self.record_capture(at, *order, *captured_minor),
            Command::RecordPaymentFailure { order, attempt } => self.record_payment_failure(*order, *attempt),
            Command::RecordCaptureFailure { order } => self.record_capture_failure(*order),
            Command::CancelOrder { order, buyer, reason } => self.cancel_order(*order, *buyer, *reason),
            Command::Refund { order, refund, lines } => self.refund(*order, *refund, lines),
            Command::RecordRefundPaid { order, refund } => self.record_refund_paid(*order, *refund),
        }
    }

    /// Applies one fact.
    ///
    /// # Panics
    /// When the fact contradicts those before it, for then the journal is not this event's or is damaged.
    pub fn evolve(&mut self, fact: &Fact) {
        self.state.evolve(fact);
    }

    /// What the asker of an accepted command is told, read right after its facts were applied.
    #[must_use]
    pub fn answer(&self, command: &Command) -> Answer {
        match command {
            Command::PlaceHold(place) => self.hold_answer(place.hold),
            Command::ExtendHold { hold, .. } => self.hold_answer(*hold),
            Command::BeginCheckout { order, .. }
            | Command::ConfirmOrder { order, .. }
            | Command::RecordCapture { order, .. }
            | Command::RecordPaymentFailure { order, .. }
            | Command::RecordCaptureFailure { order }
            | Command::CancelOrder { order, .. }
            | Command::RecordRefundPaid { order, .. } => self.order(*order).map_or(Answer::Done, Answer::Order),
            Command::Refund { order, refund, .. } => self.refund_answer(*order, *refund),
            Command::Publish { .. }
            | Command::Open
            | Command::Pause
            | Command::Resume
            | Command::Close
            | Command::CancelEvent
            | Command::ChangePrices { .. }
            | Command::BlockSeats { .. }
            | Command::UnblockSeats { .. }
            | Command::ReleaseHold { .. }
            | Command::ExpireDue { .. } => Answer::Done,
        }
    }

    /// When the next hold or lapsed checkout is due.
    #[must_use]
    pub fn next_due(&self) -> Option<UnixMillis> {
        self.state.due.first().map(|(due_at, _)| *due_at)
    }

    /// The plan.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Where the sale stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    /// The digest of the published plan.
    #[must_use]
    pub fn plan_digest(&self) -> Option<[u8; 32]> {
        self.state.published.as_ref().map(|published| published.plan_digest)
    }

    /// The currency, once published.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.state.published.as_ref().map(|published| published.currency)
    }

    /// The limits; the defaults until published.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.state.limits
    }

    /// The price of a tier for places not held yet.
    #[must_use]
    pub fn price(&self, tier: TierIdx) -> Option<Minor> {
        self.state.prices.get(tier.usize()).copied().flatten()
    }

    /// Prices by tier index.
    #[must_use]
    pub fn prices(&self) -> &[Option<Minor>] {
        &self.state.prices
    }

    /// The state of a seat.
    ///
    /// # Panics
    /// Past the last seat.
    #[must_use]
    pub fn seat_status(&self, seat: SeatIdx) -> SeatStatus {
        self.state.seats.status(seat)
    }

    /// Two bits a seat, four seats a byte, seat 0 in the lowest bits; kept up to date by `evolve`.
    #[must_use]
    pub fn availability(&self) -> &[u8] {
        self.state.seats.packed()
    }

    /// Free places of an area.
    ///
    /// # Panics
    /// Past the last area.
    #[must_use]
    pub fn area_free(&self, area: AreaIdx) -> u32 {
        self.state.area_free(area)
    }

    /// Places by state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let [available_count, held_count, sold_count, blocked_count] = self.state.counts;
        Counts { available_count, held_count, sold_count, blocked_count }
    }

    /// A hold that has its places: live, in checkout, or sold. Its time may be up, if nobody has tidied yet.
    #[must_use]
    pub fn hold(&self, hold: HoldId) -> Option<HoldView> {
        let claim = self.state.claim_of_hold(hold)?;
        (claim.places != Places::Returned).then(|| claim.hold_view(&self.state.limits))
    }

    /// An order in any state.
    #[must_use]
    pub fn order(&self, order: OrderId) -> Option<OrderView> {
        self.state.claim_of_order(order)?.order_view()
    }

    /// All orders, about oldest first.
    pub fn orders(&self) -> impl Iterator<Item = OrderId> {
        self.state.claims.iter().filter_map(|(_, claim)| claim.order.as_ref().map(|order| order.order))
    }

    /// The whole state as a value; [`Self::restore`] takes it back with the same layout.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        Snapshot::of(&self.state)
    }

    /// The inventory that gave this snapshot.
    ///
    /// # Errors
    /// When the snapshot does not fit the layout or contradicts itself.
    pub fn restore(layout: Arc<Layout>, snapshot: Snapshot) -> Result<Self, &'static str> {
        let state = snapshot.into_state(&layout)?;
        let guide = Arc::new(Guide::new(&layout));
        Ok(Self { layout, guide, state })
    }

    /// Every broken invariant in words; empty when all hold. Costs time in the size of the event.
    #[must_use]
    pub fn broken_invariants(&self) -> Vec<String> {
        invariant::broken(&self.layout, &self.state)
    }

    fn hold_answer(&self, hold: HoldId) -> Answer {
        self.hold(hold).map_or(Answer::Done, Answer::Hold)
    }

    fn refund_answer(&self, order: OrderId, refund: RefundId) -> Answer {
        let part = self.state.claim_of_order(order).and_then(|claim| claim.order.as_ref());
        match part.and_then(|part| part.refunds.iter().find(|known| known.refund == refund)) {
            Some(known) => Answer::Refund { refund, lines: known.lines.clone(), amount_minor: known.amount_minor },
            None => Answer::Done,
        }
    }
}
