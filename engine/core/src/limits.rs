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
