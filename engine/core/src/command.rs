//! Commands: what somebody asks of an event. Ids, seeds and amounts come in with them.

use serde::{Deserialize, Serialize};

use crate::{AreaIdx, BuyerId, Currency, HoldId, Limits, Minor, OrderId, RefundId, SeatIdx, SectionIdx, TierIdx};

/// One wish of a hold; a hold takes all its asks or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Exactly these seats.
    Seats(Vec<SeatIdx>),
    /// The best block of `quantity` seats.
    Best {
        /// How many, at least 1.
        quantity: u16,
        /// Only seats of this price tier.
        tier: Option<TierIdx>,
        /// Only seats of this section.
        section: Option<SectionIdx>,
        /// Wheelchair places and their companions, instead of the seats offered to everyone.
        accessible: bool,
    },
    /// So many places in a general-admission area.
    Ga {
        /// The area.
        area: AreaIdx,
        /// How many, at least 1.
        quantity: u16,
    },
}

/// A price for a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// The tier.
    pub tier: TierIdx,
    /// What one place of it costs.
    pub price_minor: Minor,
}

/// Claim places for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceHold {
    /// The new hold; a repeat with equal asks gets the first answer.
    pub hold: HoldId,
    /// Whose it is.
    pub buyer: BuyerId,
    /// What is wanted.
    pub asks: Vec<Ask>,
    /// Breaks ties between near-equal blocks, so that a herd does not chase one of them.
    pub seed: u64,
}

/// Which lines of an order a refund covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundLines {
    /// All that are not yet refunded.
    All,
    /// These, by their position in the order.
    Lines(Vec<u16>),
}

/// Everything that can be asked of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Make a draft known: fixes plan, currency and limits for good and the prices until changed.
    Publish {
        /// SHA-256 of the plan's canonical JSON; a later load refuses another plan.
        plan_digest: [u8; 32],
        /// The event's one currency.
        currency: Currency,
        /// The limits.
        limits: Limits,
        /// A price for every tier of the plan.
        prices: Vec<Priced>,
    },
    /// Announced → on sale.
    Open,
    /// On sale → paused: no new holds; those who hold may finish.
    Pause,
    /// Paused → on sale.
    Resume,
    /// End the sale; those who hold may finish.
    Close,
    /// Call the event off: holds end, orders are refunded by the payment process.
    CancelEvent,
    /// New prices for places not held yet.
    ChangePrices {
        /// The tiers that change.
        prices: Vec<Priced>,
    },
    /// Take free seats out of the sale.
    BlockSeats {
        /// Which.
        seats: Vec<SeatIdx>,
    },
    /// Put blocked seats back.
    UnblockSeats {
        /// Which.
        seats: Vec<SeatIdx>,
    },
    /// Claim places for a time.
    PlaceHold(PlaceHold),
    /// Keep my seats: move the end of a hold, up to the cap.
    ExtendHold {
        /// Which.
        hold: HoldId,
        /// Whose it must be.
        buyer: BuyerId,
    },
    /// Give a hold's places back.
    ReleaseHold {
        /// Which.
        hold: HoldId,
        /// Whose it must be.
        buyer: BuyerId,
    },
    /// End what is due. The timer sends it; it only tidies, for expiry is a comparison in `decide`.
    ExpireDue {
        /// At most so many holds in one go.
        holds_max: u16,
    },
    /// Turn a hold into an order that awaits payment. A free order is confirmed and paid at once.
    BeginCheckout {
        /// The hold.
        hold: HoldId,
        /// Whose it must be.
        buyer: BuyerId,
        /// The new order.
        order: OrderId,
    },
    /// The payment is authorized: sell the places, re-taking them if the hold lapsed.
    ConfirmOrder {
        /// Which.
        order: OrderId,
        /// The amount the payment provider has authorized; less than the total is refused.
        authorized_minor: Minor,
    },
    /// The money was captured.
    RecordCapture {
        /// Which.
        order: OrderId,
        /// How much.
        captured_minor: Minor,
    },
    /// A try to pay failed (declined); the hold runs on and the buyer may try again.
    RecordPaymentFailure {
        /// Which.
        order: OrderId,
        /// The provider's count of tries, so that a repeated webhook changes nothing.
        attempt: u32,
    },
    /// Capture failed for good: the sale is reversed and the places return.
    RecordCaptureFailure {
        /// Which.
        order: OrderId,
    },
    /// Call an unpaid order off; its places return.
    CancelOrder {
        /// Which.
        order: OrderId,
        /// Set when the buyer asks: whose it must be.
        buyer: Option<BuyerId>,
        /// Why.
        reason: crate::CancelReason,
    },
    /// Refund a paid order or some of its lines; the places return.
    Refund {
        /// Which.
        order: OrderId,
        /// The new refund; a repeat with equal lines gets the first answer.
        refund: RefundId,
        /// What it covers.
        lines: RefundLines,
    },
    /// The provider has paid a refund out.
    RecordRefundPaid {
        /// The order.
        order: OrderId,
        /// The refund.
        refund: RefundId,
    },
}
