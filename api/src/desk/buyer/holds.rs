//! Holds: claim places for a time, keep them longer, give them back.

use serde::{Deserialize, Serialize};
use usher_core::plan::Layout;
use usher_core::{
    Answer, AreaIdx, Ask, BuyerId, Command, Currency, EventId, HoldId, HoldView, Minor, OrderId, PlaceHold, SeatIdx,
    SectionIdx, TierIdx, UnixMillis,
};
use usher_engine::event::View;
use usher_engine::ids;

use super::PlaceSheet;
use super::browse::visible_view;
use crate::access::Subject;
use crate::desk::{IdempotencyKey, ask, wrong_answer};
use crate::problem::{Problem, kinds};
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

impl HoldSheet {
    fn of(view: &View, hold: HoldView, now: UnixMillis) -> Result<Self, Problem> {
        let places = hold.lines.iter().enumerate().map(|(line, held)| PlaceSheet::of(&view.layout, line, held));
        Ok(Self {
            hold: hold.hold,
            event: view.event,
            places: places.collect(),
            total_minor: hold.total_minor,
            currency: view.currency.ok_or_else(|| Problem::of(&kinds::NOT_PUBLISHED))?,
            placed_at: hold.placed_at.into(),
            expires_at: hold.expires_at.into(),
            extendable_until: hold.extendable_until.into(),
            order: hold.order,
            server_now: now.into(),
        })
    }
}

/// The most asks of one hold; more cannot be meant with the limits there are.
const ASKS_MAX: usize = 64;
/// The most seats named in one ask.
const ASK_SEATS_MAX: usize = 1_000;

/// Finds what codes name in the plan; all that name nothing are told at once.
fn read_asks(layout: &Layout, forms: &[AskForm]) -> Result<Vec<Ask>, Problem> {
    if forms.len() > ASKS_MAX {
        return Err(Problem::invalid("/asks", format!("at most {ASKS_MAX}")));
    }
    let mut faults = Vec::new();
    let mut asks = Vec::with_capacity(forms.len());
    for (position, form) in forms.iter().enumerate() {
        let mut fault = |member: &str, what: String| faults.push((format!("/asks/{position}/{member}"), what));
        match form {
            AskForm::Seats { seats } if seats.len() > ASK_SEATS_MAX => {
                fault("seats", format!("at most {ASK_SEATS_MAX}"));
            }
            AskForm::Seats { seats } => asks.push(Ask::Seats(seats.iter().copied().map(SeatIdx).collect())),
            AskForm::Best { quantity, tier, section, accessible } => {
                let found_tier = tier.as_ref().map(|code| position_of(layout.tiers(), |tier| tier.code == *code));
                let found_section =
                    section.as_ref().map(|code| position_of(layout.sections(), |section| section.code == *code));
                if found_tier == Some(None) {
                    fault("tier", "there is no such price tier".to_owned());
                }
                if found_section == Some(None) {
                    fault("section", "there is no such section".to_owned());
                }
                asks.push(Ask::Best {
                    quantity: *quantity,
                    tier: found_tier.flatten().map(TierIdx),
                    section: found_section.flatten().map(SectionIdx),
                    accessible: *accessible,
                });
            }
            AskForm::Ga { area, quantity } => match position_of(layout.areas(), |known| known.code == *area) {
                Some(area) => asks.push(Ask::Ga { area: AreaIdx(area), quantity: *quantity }),
                None => fault("area", "there is no such area".to_owned()),
            },
        }
    }
    if faults.is_empty() { Ok(asks) } else { Err(Problem::invalid_all(faults)) }
}

fn position_of<T>(items: &[T], is_it: impl Fn(&T) -> bool) -> Option<u16> {
    items.iter().position(is_it).and_then(|position| u16::try_from(position).ok())
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
    let buyer = subject.buyer()?;
    let view = visible_view(state, subject, event).await?;
    let asks = read_asks(&view.layout, asks)?;
    let id = ids::derived("hold", &[&buyer.0.to_be_bytes(), &event.0.to_be_bytes(), key.as_bytes()]);
    #[expect(clippy::cast_possible_truncation, reason = "any 64 bits of a hash break ties")]
    let place = PlaceHold { hold: HoldId(id), buyer, asks, seed: id as u64 };
    let decided = ask(state, event, Command::PlaceHold(place)).await?;
    let Answer::Hold(hold) = decided.answer else { return Err(wrong_answer()) };
    HoldSheet::of(&view, hold, state.clock.now())
}

/// The hold as it is.
///
/// # Errors
/// *Unknown hold* for anybody else's; gone when it lapsed.
pub async fn hold(state: &AppState, subject: &Subject, event: EventId, hold: HoldId) -> Result<HoldSheet, Problem> {
    let buyer = subject.buyer()?;
    let view = visible_view(state, subject, event).await?;
    let looked = state.events.look_hold(event, hold).await?;
    let found = looked.found.filter(|found| found.buyer == buyer);
    let found = found.ok_or_else(|| Problem::of(&kinds::UNKNOWN_HOLD))?;
    let now = state.clock.now();
    if found.expires_at <= now && found.order.is_none() {
        return Err(Problem::of(&kinds::HOLD_EXPIRED));
    }
    HoldSheet::of(&view, found, now)
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
    let buyer = subject.buyer()?;
    let view = visible_view(state, subject, event).await?;
    let decided = ask(state, event, Command::ExtendHold { hold, buyer }).await?;
    let Answer::Hold(hold) = decided.answer else { return Err(wrong_answer()) };
    HoldSheet::of(&view, hold, state.clock.now())
}

/// Gives the places back.
///
/// # Errors
/// What the rules refuse; the event does not answer.
pub async fn release_hold(state: &AppState, subject: &Subject, event: EventId, hold: HoldId) -> Result<(), Problem> {
    let buyer = subject.buyer()?;
    ask(state, event, Command::ReleaseHold { hold, buyer }).await.map(drop)
}
