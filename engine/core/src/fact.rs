//! Facts: what has happened. They are journaled and replayed for ever, so a variant is never changed or moved:
//! postcard numbers them by position. A new meaning is a new variant at the end.

use serde::{Deserialize, Serialize};

use crate::{AreaIdx, BuyerId, Currency, HoldId, Limits, Minor, OrderId, Priced, RefundId, SeatIdx, UnixMillis};

/// One place that can be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A numbered seat.
    Seat(SeatIdx),
    /// One place in a general-admission area.
    Ga(AreaIdx),
}

/// One place of a hold, with the price fixed when it was placed. Its position is the order's line number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    /// The place.
    pub place: Place,
    /// What it costs.
    pub price_minor: Minor,
}

/// Why an order came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelReason {
    /// The buyer called it off.
    Buyer,
    /// Time ran out before a payment came.
    Lapsed,
    /// The payment came after the hold lapsed, and others have the places.
    PlacesGone,
    /// The authorized amount is less than the total.
    AmountMismatch,
    /// The capture failed for good.
    CaptureFailed,
    /// The event was cancelled.
    EventCancelled,
}

/// Everything that can have happened to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The event is announced with this plan, currency, limits and prices.
    Published {
        /// SHA-256 of the plan's canonical JSON.
        plan_digest: [u8; 32],
        /// The one currency.
        currency: Currency,
        /// The limits.
        limits: Limits,
        /// One price for each tier.
        prices: Vec<Priced>,
    },
    /// The on-sale opened.
    Opened,
    /// No new holds for now.
    Paused,
    /// Holds again.
    Resumed,
    /// The sale ended.
    Closed,
    /// The event is off. Holds without an order have ended with it.
    EventCancelled,
    /// New prices for places not held yet.
    PricesChanged {
        /// The tiers that changed.
        prices: Vec<Priced>,
    },
    /// Seats left the sale.
    SeatsBlocked {
        /// Which.
        seats: Vec<SeatIdx>,
    },
    /// Blocked seats came back.
    SeatsUnblocked {
        /// Which.
        seats: Vec<SeatIdx>,
    },
    /// Places are held.
    HoldPlaced {
        /// The hold.
        hold: HoldId,
        /// Whose.
        buyer: BuyerId,
        /// When.
        placed_at: UnixMillis,
        /// When it lapses unless extended.
        expires_at: UnixMillis,
        /// Tells a repeat from a reuse of the id: a digest of the asks.
        asks_digest: u64,
        /// The places and their prices.
        lines: Vec<HoldLine>,
    },
    /// A hold ends later.
    HoldExtended {
        /// Which.
        hold: HoldId,
        /// Its new end.
        expires_at: UnixMillis,
    },
    /// Someone gave a hold back.
    HoldReleased {
        /// Which.
        hold: HoldId,
    },
    /// Time ended a hold; an order on it goes on without its places.
    HoldExpired {
        /// Which.
        hold: HoldId,
    },
    /// An order awaits payment.
    CheckoutBegun {
        /// The order.
        order: OrderId,
        /// The hold it pays for.
        hold: HoldId,
        /// When.
        begun_at: UnixMillis,
    },
    /// An order's time is up: its payment is to be called off; the places stay until `places_until`.
    CheckoutLapsed {
        /// Which.
        order: OrderId,
        /// When the places return whatever the provider says.
        places_until: UnixMillis,
    },
    /// Authorized: the places are sold.
    OrderConfirmed {
        /// Which.
        order: OrderId,
        /// When.
        confirmed_at: UnixMillis,
        /// The hold had lapsed and its places were taken again.
        retaken: bool,
    },
    /// The money is in: tickets are due.
    CaptureRecorded {
        /// Which.
        order: OrderId,
        /// When.
        paid_at: UnixMillis,
    },
    /// A try to pay failed.
    PaymentFailed {
        /// Which.
        order: OrderId,
        /// The provider's count of tries.
        attempt: u32,
    },
    /// The order came to nothing; places it still had return; an authorization is to be cancelled.
    OrderCancelled {
        /// Which.
        order: OrderId,
        /// Why.
        reason: CancelReason,
    },
    /// Money goes back and the places return.
    RefundBegun {
        /// The order.
        order: OrderId,
        /// The refund.
        refund: RefundId,
        /// The lines it covers.
        lines: Vec<u16>,
        /// How much.
        amount_minor: Minor,
    },
    /// The provider has paid the refund out.
    RefundPaid {
        /// The order.
        order: OrderId,
        /// The refund.
        refund: RefundId,
    },
}
