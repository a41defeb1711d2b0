//! The limits of one on-sale, fixed when it is published.

use serde::{Deserialize, Serialize};

/// What one buyer may claim, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Places in one hold, and so in one order.
    pub places_per_order_max: u16,
    /// Places one buyer may hold and own together in this event.
    pub places_per_buyer_max: u16,
    /// Live holds of one buyer at once.
    pub holds_per_buyer_max: u16,
    /// How long a hold lasts, and by how much one extension moves its end.
    pub hold_ms: u64,
    /// How long a hold may last in all, counted from its placing.
    pub hold_total_max_ms: u64,
    /// How long places stay with an order whose time is up while its payment is being called off.
    pub payment_grace_ms: u64,
}

impl Default for Limits {
    /// Eight minutes, extendable to eleven times that (WCAG 2.2.1 asks for ten extensions), ten places.
    fn default() -> Self {
        Self {
            places_per_order_max: 10,
            places_per_buyer_max: 10,
            holds_per_buyer_max: 2,
            hold_ms: 8 * 60_000,
            hold_total_max_ms: 88 * 60_000,
            payment_grace_ms: 30_000,
        }
    }
}

impl Limits {
    /// The most places one order may be allowed: a hold is one fact, and a fact should stay small.
    pub const PLACES_PER_ORDER_CEILING: u16 = 1_000;
    /// The longest that a hold may be allowed to last in all: seven days.
    pub const HOLD_TOTAL_CEILING_MS: u64 = 7 * 24 * 3_600_000;
    /// The longest grace for calling a payment off: one hour.
    pub const PAYMENT_GRACE_CEILING_MS: u64 = 3_600_000;

    /// What can be wrong with limits, in the order in which it is looked for.
    pub const FAULTS: [&str; 6] = [
        "a buyer must be allowed at least one place, in one order, in one hold",
        "an order may not have more places than its buyer",
        "an order may have at most 1,000 places",
        "a hold must last some time, and no longer than it may in all",
        "a hold may last at most seven days in all",
        "the grace for payments may be at most one hour",
    ];

    /// Whether the limits make sense together.
    ///
    /// # Errors
    /// What is wrong, in words: the first fault.
    pub const fn check(&self) -> Result<(), &'static str> {
        if self.places_per_order_max == 0 || self.places_per_buyer_max == 0 || self.holds_per_buyer_max == 0 {
            return Err(Self::FAULTS[0]);
        }
        if self.places_per_order_max > self.places_per_buyer_max {
            return Err(Self::FAULTS[1]);
        }
        if self.places_per_order_max > Self::PLACES_PER_ORDER_CEILING {
            return Err(Self::FAULTS[2]);
        }
        if self.hold_ms == 0 || self.hold_ms > self.hold_total_max_ms {
            return Err(Self::FAULTS[3]);
        }
        if self.hold_total_max_ms > Self::HOLD_TOTAL_CEILING_MS {
            return Err(Self::FAULTS[4]);
        }
        if self.payment_grace_ms > Self::PAYMENT_GRACE_CEILING_MS {
            return Err(Self::FAULTS[5]);
        }
        Ok(())
    }
}
