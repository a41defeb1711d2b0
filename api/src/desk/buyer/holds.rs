//! Holds: claim places for a time, keep them longer, give them back.

use serde::{Deserialize, Serialize};
use usher_core::{BuyerId, Currency, EventId, HoldId, Minor, OrderId};

use super::PlaceSheet;
use crate::access::Subject;
use crate::desk::IdempotencyKey;
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// A new buyer and what proves it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct BuyerSheet {
    /// Id.
    #[schema(value_type = String)]
    pub buyer: BuyerId,
    /// Send it as `Authorization: Bearer`.
    pub token: String,
}

/// One wish of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AskForm {
    /// Exactly these seats, by their index in the seat map.
    Seats {
        /// Indexes.
        seats: Vec<u32>,
    },
    /// The best block of so many seats.
    Best {
        /// How many.
        quantity: u16,
        /// Only of this price tier, by code.
        #[serde(default)]
        tier: Option<String>,
        /// Only in this section, by code.
        #[serde(default)]
        section: Option<String>,
        /// Wheelchair places and their companions.
        #[serde(default)]
        accessible: bool,
    },
    /// Places in a general-admission area.
    Ga {
        /// The area's code.
        area: String,
        /// How many.
        quantity: u16,
    },
}

/// A hold as its buyer sees it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct HoldSheet {
    /// Id.
    #[schema(value_type = String)]
    pub hold: HoldId,
    /// Of which event.
    #[schema(value_type = String)]
    pub event: EventId,
    /// The places.
    pub places: Vec<PlaceSheet>,
    /// Their sum.
    #[schema(value_type = u64)]
    pub total_minor: Minor,
    /// The event's currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// When it was placed.
    #[schema(value_type = String)]
    pub placed_at: Timestamp,
    /// When it lapses.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// The latest end that extensions can reach.
    #[schema(value_type = String)]
    pub extendable_until: Timestamp,
    /// The order made from it.
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// The server's time, to set the countdown by.
    #[schema(value_type = String)]
    pub server_now: Timestamp,
}

/// A new anonymous buyer.
#[must_use]
pub fn new_buyer(state: &AppState) -> BuyerSheet {
    let buyer = BuyerId(usher_engine::ids::fresh());
    BuyerSheet { buyer, token: crate::access::tokens::sign_buyer(&state.cookie_key, buyer) }
}

/// Claims places. The key names the hold: a repeat gets the first answer.
///
/// # Errors
/// What the rules refuse; a key reused for other asks; the event does not answer.
pub async fn place_hold(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    key: &IdempotencyKey,
    asks: &[AskForm],
) -> Result<HoldSheet, Problem> {
    let _ = (state, subject, event, key, asks);
    todo!()
}

/// The hold as it is.
///
/// # Errors
/// *Unknown hold* for anybody else's; gone when it lapsed.
pub async fn hold(state: &AppState, subject: &Subject, event: EventId, hold: HoldId) -> Result<HoldSheet, Problem> {
    let _ = (state, subject, event, hold);
    todo!()
}

/// Keep my seats.
///
/// # Errors
/// What the rules refuse; the event does not answer.
pub async fn extend_hold(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    hold: HoldId,
) -> Result<HoldSheet, Problem> {
    let _ = (state, subject, event, hold);
    todo!()
}

/// Gives the places back.
///
/// # Errors
/// What the rules refuse; the event does not answer.
pub async fn release_hold(state: &AppState, subject: &Subject, event: EventId, hold: HoldId) -> Result<(), Problem> {
    let _ = (state, subject, event, hold);
    todo!()
}
