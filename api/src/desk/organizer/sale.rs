//! The sale: publish, open, pause, resume, close, cancel; block seats; figures.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use usher_core::plan::Layout;
use usher_core::{Command, Counts, Currency, EventId, Phase, SeatIdx, SeatStatus};
use usher_engine::audit_log::Deed;
use usher_engine::catalogue::{EventRecord, EventState};
use usher_engine::orders::SalesFigures;

use super::OrganizerEventSheet;
use super::events::priced;
use crate::access::{Action, Subject};
use crate::desk::audit::{Intent, recorded};
use crate::desk::{ask, load, printed};
use crate::problem::{Problem, kinds};
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// How long a request waits for another node to copy an event's state.
const COPIED_WITHIN: Duration = Duration::from_millis(1_500);
/// Between two looks whether it has.
const COPIED_LOOK_EVERY: Duration = Duration::from_millis(50);

/// A step of an event's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Draft → announced: fixes plan, currency and limits.
    Publish,
    /// Announced → on sale.
    Open,
    /// On sale → paused.
    Pause,
    /// Paused → on sale.
    Resume,
    /// End the sale.
    Close,
    /// Call the event off; paid orders are refunded.
    Cancel,
}

impl Step {
    const fn deed(self) -> Deed {
        match self {
            Self::Publish => Deed::Publish,
            Self::Open => Deed::Open,
            Self::Pause => Deed::Pause,
            Self::Resume => Deed::Resume,
            Self::Close => Deed::Close,
            Self::Cancel => Deed::Cancel,
        }
    }
}

/// Seats by index.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatsForm {
    /// Indexes in the seat map.
    pub seats: Vec<u32>,
}

/// Sales so far.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SalesSheet {
    /// Of which event.
    #[schema(value_type = String)]
    pub event: EventId,
    /// Where the sale stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The journal's sequence number the places are true of.
    pub version: u64,
    /// All places.
    pub capacity_count: u64,
    /// Places by state.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub counts: Counts,
    /// Orders and money.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub figures: SalesFigures,
    /// The event's currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// The server's time.
    #[schema(value_type = String)]
    pub server_now: Timestamp,
}

/// The state of every seat, from the committed view.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SeatStatusSheet {
    /// The journal's sequence number it is true of.
    pub version: u64,
    /// By seat index.
    #[schema(value_type = Vec<String>)]
    pub seats: Vec<SeatStatus>,
    /// Places by state, areas included.
    #[schema(value_type = Object)]
    pub counts: Counts,
}

/// Takes a step.
///
/// # Errors
/// Not logged in, not found, not ready, the wrong phase; the store or the event does not answer.
pub async fn step(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    step: Step,
) -> Result<OrganizerEventSheet, Problem> {
    let record = load(state, subject, Action::Organize, event).await?;
    let intent = Intent::of_event(step.deed(), event);
    Box::pin(recorded(state, subject, intent, take(state, &record, step))).await?;
    let record = load(state, subject, Action::Organize, event).await?;
    OrganizerEventSheet::of(state, &record).await
}

async fn take(state: &AppState, record: &EventRecord, step: Step) -> Result<(), Problem> {
    let event = record.id;
    let command = match step {
        Step::Publish => publication(state, record).await?,
        Step::Open => Command::Open,
        Step::Pause => Command::Pause,
        Step::Resume => Command::Resume,
        Step::Close => Command::Close,
        Step::Cancel => Command::CancelEvent,
    };
    let asked = ask(state, event, command).await;
    // Whatever the event said, the catalogue then shows how it stands: a step that a crash cut off is copied now.
    copy_state(state, event).await?;
    asked?;
    if step == Step::Cancel {
        state.payer.call_off(event).await?;
    }
    Ok(())
}

async fn publication(state: &AppState, record: &EventRecord) -> Result<Command, Problem> {
    let sheet = OrganizerEventSheet::of(state, record).await?;
    if !sheet.missing.is_empty() {
        let detail = format!("Still missing: {}", sheet.missing.join(", "));
        let pointers = missing_members(&sheet);
        let errors = pointers.into_iter().zip(&sheet.missing);
        let errors = errors.map(|(pointer, what)| serde_json::json!({"pointer": pointer, "detail": what}));
        return Err(Problem::new(&kinds::NOT_READY, detail).with("errors", errors.collect::<Vec<_>>()));
    }
    let plan_digest = record.plan_digest.ok_or_else(|| Problem::of(&kinds::NO_PLAN))?;
    let map = state.plans.of(record).await?;
    check_printable(state, record, &map.layout)?;
    Ok(Command::Publish {
        plan_digest,
        currency: record.currency,
        limits: record.limits.clone(),
        prices: priced(&map.layout, &record.prices)?,
    })
}

/// Where in the event's sheet each of its missing things would stand, in the same order.
fn missing_members(sheet: &OrganizerEventSheet) -> Vec<String> {
    let plan = sheet.sheet.plan_digest.is_none().then(|| "/plan_digest".to_owned());
    let tiers = sheet.sheet.tiers.iter().enumerate().filter(|(_, tier)| tier.price_minor.is_none());
    plan.into_iter().chain(tiers.map(|(at, _)| format!("/tiers/{at}/price_minor"))).collect()
}

/// What is printed on tickets was checked when it was written, perhaps by an older version or with other fonts.
fn check_printable(state: &AppState, record: &EventRecord, layout: &Layout) -> Result<(), Problem> {
    let fonts = state.back_office.fonts();
    printed::all_faults(vec![
        ("name", printed::check_letters(fonts, &record.name)),
        ("venue", printed::check_letters(fonts, &record.venue)),
        ("organizer_name", printed::check_letters(fonts, &record.organizer_name)),
        ("plan_digest", printed::check_layout(fonts, layout)),
    ])
}

/// Copies an event's phase to the catalogue, where lists read it.
///
/// # Errors
/// The store or the event does not answer.
pub async fn copy_state(state: &AppState, event: EventId) -> Result<(), Problem> {
    if copy_owned(state, event).await?.is_some() {
        return Ok(());
    }
    // The owner copies it, in a moment: what is seen here may be older than what it has copied since.
    let view = state.events.view(event).await?;
    let began = Instant::now();
    while began.elapsed() < COPIED_WITHIN {
        let copied = state.catalogue.event(event).await?;
        if copied.is_none_or(|record| record.state == state_of(view.phase, view.counts)) {
            break;
        }
        tokio::time::sleep(COPIED_LOOK_EVERY).await;
    }
    Ok(())
}

/// Copies the phase of an event that this node owns or can; what was copied.
///
/// # Errors
/// The store or the event does not answer.
pub async fn copy_owned(state: &AppState, event: EventId) -> Result<Option<EventState>, Problem> {
    // One after the other: read before a step and written after it, an old state would undo what the step wrote.
    let _turn = state.copying.lock().await;
    let Some(view) = state.events.owned_view(event).await? else { return Ok(None) };
    let now = state_of(view.phase, view.counts);
    state.catalogue.set_state(event, now).await?;
    Ok(Some(now))
}

/// How lists call a phase: an event on sale with nothing left is sold out.
#[must_use]
pub fn state_of(phase: Phase, counts: Counts) -> EventState {
    match phase {
        Phase::Draft => EventState::Draft,
        Phase::Announced => EventState::Announced,
        Phase::OnSale if counts.available_count == 0 => EventState::SoldOut,
        Phase::OnSale => EventState::OnSale,
        Phase::Paused => EventState::Paused,
        Phase::Closed => EventState::Closed,
        Phase::Cancelled => EventState::Cancelled,
    }
}

/// Takes free seats out of the sale.
///
/// # Errors
/// Not logged in, not found, what the rules refuse; the event does not answer.
pub async fn block_seats(state: &AppState, subject: &Subject, event: EventId, form: &SeatsForm) -> Result<(), Problem> {
    load(state, subject, Action::Organize, event).await?;
    let intent = Intent::of_event(Deed::BlockSeats, event);
    let asked = async { ask(state, event, Command::BlockSeats { seats: form.seats() }).await.map(drop) };
    Box::pin(recorded(state, subject, intent, asked)).await
}

/// Puts blocked seats back.
///
/// # Errors
/// Not logged in, not found, what the rules refuse; the event does not answer.
pub async fn unblock_seats(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    form: &SeatsForm,
) -> Result<(), Problem> {
    load(state, subject, Action::Organize, event).await?;
    let intent = Intent::of_event(Deed::UnblockSeats, event);
    let asked = async { ask(state, event, Command::UnblockSeats { seats: form.seats() }).await.map(drop) };
    Box::pin(recorded(state, subject, intent, asked)).await
}

impl SeatsForm {
    fn seats(&self) -> Vec<SeatIdx> {
        self.seats.iter().copied().map(SeatIdx).collect()
    }
}

/// Sales so far.
///
/// # Errors
/// Not logged in, not found; the store or the event does not answer.
pub async fn sales(state: &AppState, subject: &Subject, event: EventId) -> Result<SalesSheet, Problem> {
    let record = load(state, subject, Action::Organize, event).await?;
    let view = state.events.view(event).await?;
    Ok(SalesSheet {
        event,
        phase: view.phase,
        version: view.seq,
        capacity_count: view.layout.capacity(),
        counts: view.counts,
        figures: state.views.sales(event).await?,
        currency: record.currency,
        server_now: state.clock.now().into(),
    })
}

/// The state of every seat.
///
/// # Errors
/// Not logged in, not found; the store or the event does not answer.
pub async fn seats(state: &AppState, subject: &Subject, event: EventId) -> Result<SeatStatusSheet, Problem> {
    load(state, subject, Action::Organize, event).await?;
    let view = state.events.view(event).await?;
    let seats = (0u32..).map(|seat| view.seat_status(SeatIdx(seat))).take(view.layout.seats().len()).flatten();
    Ok(SeatStatusSheet { version: view.seq, seats: seats.collect(), counts: view.counts })
}
