//! Rejections: a business *no*, ordered by precedence. The first that applies is the one told.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{AreaIdx, Limits, Minor, SeatIdx, TierIdx, UnixMillis};

/// Words of this program. By another name, since serde takes a `&str` for one that is borrowed from what is read.
type Words = &'static str;

/// Why a command changes nothing. Variants stand in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejection {
    /// The id was used before for something else.
    HoldIdReused,
    /// The order id was used before for another hold.
    OrderIdReused,
    /// The refund id was used before for other lines.
    RefundIdReused,
    /// The event has not been published.
    NotPublished,
    /// The event is published already.
    AlreadyPublished,
    /// The event was called off.
    EventCancelled,
    /// The on-sale has not opened.
    NotOnSale,
    /// The organizer has paused the sale.
    Paused,
    /// The sale has ended.
    Closed,
    /// The sale is in another phase than this step needs.
    WrongPhase,
    /// Nothing was asked for.
    NothingAsked,
    /// No such seat in the plan.
    UnknownSeat(SeatIdx),
    /// No such area in the plan.
    UnknownArea(AreaIdx),
    /// No such tier in the plan.
    UnknownTier(TierIdx),
    /// No such section in the plan.
    UnknownSection,
    /// The same seat twice in one command.
    DuplicateSeat(SeatIdx),
    /// A tier has no price, two prices, or one above [`crate::Minor::PRICE_MAX`].
    BadPrices(TierIdx),
    /// A limit is zero or contradicts another.
    BadLimits(#[serde(deserialize_with = "fault_of_limits")] Words),
    /// More places than one order may have.
    OrderLimit {
        /// The limit.
        places_max: u16,
    },
    /// More places than one buyer may have.
    BuyerLimit {
        /// The limit.
        places_max: u16,
        /// What the buyer has already.
        has_count: u32,
    },
    /// More live holds than one buyer may have.
    HoldLimit {
        /// The limit.
        holds_max: u16,
    },
    /// Some seats are no longer free.
    SeatsTaken {
        /// Which, at most as many as were asked for.
        seats: Vec<SeatIdx>,
    },
    /// No block of that size is left under that filter.
    NoBlockLeft {
        /// The largest number that one more try could get.
        seats_left: u32,
    },
    /// The area has fewer places left.
    AreaFull {
        /// The area.
        area: AreaIdx,
        /// What is left.
        left_count: u32,
    },
    /// Seats to be blocked are held or sold.
    SeatsInUse {
        /// Which.
        seats: Vec<SeatIdx>,
    },
    /// Seats to be unblocked are not blocked.
    SeatsNotBlocked {
        /// Which.
        seats: Vec<SeatIdx>,
    },
    /// No such hold, or it is somebody else's.
    UnknownHold,
    /// The hold was given back.
    HoldReleased,
    /// The hold's time is up.
    HoldExpired,
    /// The hold has an order already.
    HoldInCheckout,
    /// The hold is at its cap.
    HoldAtCap {
        /// When it ends.
        expires_at: UnixMillis,
    },
    /// No such order, or it is somebody else's.
    UnknownOrder,
    /// The order is not in a state that allows this.
    OrderState {
        /// The state it is in.
        state: crate::OrderState,
    },
    /// No such line, or it is refunded already.
    BadRefundLine {
        /// Its position.
        line: u16,
    },
    /// No such refund.
    UnknownRefund,
    /// The captured amount is less than the order's total.
    CaptureShort {
        /// The total.
        total_minor: Minor,
    },
}

/// Words that came over a wire, as this program has them.
fn fault_of_limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Words, D::Error> {
    let words = String::deserialize(deserializer)?;
    Ok(Limits::FAULTS.into_iter().find(|known| *known == words).unwrap_or("the limits cannot be"))
}

impl Rejection {
    /// The stable name that problems, metrics and clients use.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HoldIdReused => "hold_id_reused",
            Self::OrderIdReused => "order_id_reused",
            Self::RefundIdReused => "refund_id_reused",
            Self::NotPublished => "not_published",
            Self::AlreadyPublished => "already_published",
            Self::EventCancelled => "event_cancelled",
            Self::NotOnSale => "not_on_sale",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::WrongPhase => "wrong_phase",
            Self::NothingAsked => "nothing_asked",
            Self::UnknownSeat(_) => "unknown_seat",
            Self::UnknownArea(_) => "unknown_area",
            Self::UnknownTier(_) => "unknown_tier",
            Self::UnknownSection => "unknown_section",
            Self::DuplicateSeat(_) => "duplicate_seat",
            Self::BadPrices(_) => "bad_prices",
            Self::BadLimits(_) => "bad_limits",
            Self::OrderLimit { .. } => "order_limit",
            Self::BuyerLimit { .. } => "buyer_limit",
            Self::HoldLimit { .. } => "hold_limit",
            Self::SeatsTaken { .. } => "seats_taken",
            Self::NoBlockLeft { .. } => "no_block_left",
            Self::AreaFull { .. } => "area_full",
            Self::SeatsInUse { .. } => "seats_in_use",
            Self::SeatsNotBlocked { .. } => "seats_not_blocked",
            Self::UnknownHold => "unknown_hold",
            Self::HoldReleased => "hold_released",
            Self::HoldExpired => "hold_expired",
            Self::HoldInCheckout => "hold_in_checkout",
            Self::HoldAtCap { .. } => "hold_at_cap",
            Self::UnknownOrder => "unknown_order",
            Self::OrderState { .. } => "order_state",
            Self::BadRefundLine { .. } => "bad_refund_line",
            Self::UnknownRefund => "unknown_refund",
            Self::CaptureShort { .. } => "capture_short",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_that_went_over_a_wire_says_the_same() {
        let said = Limits::FAULTS.map(Rejection::BadLimits).into_iter().chain([Rejection::UnknownHold]);
        for rejection in said {
            let bytes = postcard::to_stdvec(&rejection).unwrap();
            assert_eq!(postcard::from_bytes::<Rejection>(&bytes).unwrap(), rejection);
        }
    }
}
