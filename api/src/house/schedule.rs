//! The schedule: opens and closes sales at their times, copies to the catalogue how events stand, and sweeps sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use usher_core::{Command, EventId, UnixMillis};
use usher_engine::catalogue::{EventRecord, EventState, PublicFilter};
use usher_engine::event::{AskError, OpenError};

use crate::desk::organizer::{copy_owned, state_of};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Events looked at in one round.
const EVENTS_PER_ROUND_MAX: u32 = 100;
/// Sessions that have ended, a page of them, and gathered samples are swept so often.
const SWEPT_EVERY_MS: u64 = 10_000;
/// Events whose state is remembered, to write it only when it changes.
const REMEMBERED_MAX: usize = 10_000;

/// Clones share it.
#[derive(Clone, Default)]
pub(super) struct Schedule {
    touched: Arc<Mutex<BTreeSet<EventId>>>,
}

impl Schedule {
    /// Says that something became true of an event. Never waits.
    pub(super) fn touched(&self, event: EventId) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(event);
    }

    /// Runs until the future is dropped.
    pub(super) async fn run(&self, state: &AppState) {
        let mut known = BTreeMap::new();
        let mut round = tokio::time::interval(state.settings.events.schedule_every.0);
        let mut swept_at = UnixMillis(0);
        let mut woken = false;
        loop {
            round.tick().await;
            if !woken {
                woken = wake_running(state).await.unwrap_or(false);
            }
            if state.clock.now().ms_since(swept_at) >= SWEPT_EVERY_MS {
                swept_at = state.clock.now();
                // Samples gather until somebody scrapes them; where nobody does, they must not fill the memory.
                if let Some(prometheus) = &state.prometheus {
                    prometheus.run_upkeep();
                }
                if let Err(error) = state.accounts.sweep_sessions(swept_at).await {
                    tracing::warn!(%error, "sweeping sessions");
                }
            }
            if let Err(problem) = open_and_close(state).await {
                tracing::warn!(%problem, "opening and closing sales");
            }
            self.copy_touched(state, &mut known).await;
        }
    }

    async fn copy_touched(&self, state: &AppState, known: &mut BTreeMap<EventId, EventState>) {
        let touched = std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        for event in touched {
            match copy(state, event, known).await {
                Ok(()) => {}
                // A draft that was asked for something and then deleted: there is nowhere to copy to.
                Err(problem) if is_gone(state, event).await => {
                    tracing::debug!(%problem, %event, "a deleted event");
                    known.remove(&event);
                }
                // It is touched again when it is loaded again: asking each round would only fill the log.
                Err(problem) if problem.kind == &kinds::EVENT_UNAVAILABLE => {
                    tracing::warn!(%problem, %event, "an event that is out of order");
                }
                Err(problem) => {
                    tracing::warn!(%problem, %event, "copying how an event stands");
                    self.touched(event);
                }
            }
        }
    }
}

/// Loads every event that may have holds, once after the start, and tells whether all are that can be: a hold that lapsed meanwhile returns its places when
/// its event is loaded, not when somebody happens to look.
async fn wake_running(state: &AppState) -> Result<bool, Problem> {
    let everything = PublicFilter::default();
    let (mut cursor, mut all_woken) = (None, true);
    loop {
        let page = state.catalogue.list_public(&everything, cursor.as_deref(), EVENTS_PER_ROUND_MAX).await?;
        for record in page.rows.iter().filter(|record| may_have_holds(record.state)) {
            // What another node owns, that node has loaded.
            match state.events.owned_view(record.id).await {
                Ok(_) => {}
                Err(error @ (OpenError::TooMany | OpenError::Unavailable(_))) => {
                    tracing::warn!(%error, event = %record.id, "an event cannot be loaded, trying again");
                    all_woken = false;
                }
                Err(
                    error @ (OpenError::UnknownEvent
                    | OpenError::NoPlan
                    | OpenError::Elsewhere
                    | OpenError::Draining
                    | OpenError::Refused(_)),
                ) => tracing::warn!(%error, event = %record.id, "an event cannot be loaded"),
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(all_woken);
        }
    }
}

fn may_have_holds(state: EventState) -> bool {
    match state {
        EventState::OnSale | EventState::Paused | EventState::SoldOut | EventState::Closed => true,
        EventState::Draft | EventState::Announced | EventState::Cancelled => false,
    }
}

async fn open_and_close(state: &AppState) -> Result<(), Problem> {
    let now = state.clock.now();
    for record in state.catalogue.due(now, EVENTS_PER_ROUND_MAX).await? {
        let Some(command) = due_command(&record) else { continue };
        // Every node sees that a sale is due; its owner does it.
        match state.events.owned_view(record.id).await {
            Ok(Some(_)) => {}
            Ok(None) => continue,
            Err(error) => {
                // One that is out of order must not keep the others from their time.
                tracing::warn!(%error, event = %record.id, "a sale's time has come, and it cannot be had");
                continue;
            }
        }
        match state.events.ask(record.id, command).await {
            // A *no* says that it happened already; the copy below makes the catalogue say so too.
            Ok(_) | Err(AskError::Rejected(_)) => {}
            Err(error) => {
                tracing::warn!(%error, event = %record.id, "a sale's time has come");
                continue;
            }
        }
        if let Err(problem) = copy_owned(state, record.id).await {
            tracing::warn!(%problem, event = %record.id, "copying how an event stands");
        }
    }
    Ok(())
}

fn due_command(record: &EventRecord) -> Option<Command> {
    match record.state {
        EventState::Announced => Some(Command::Open),
        EventState::OnSale | EventState::Paused | EventState::SoldOut => Some(Command::Close),
        EventState::Draft | EventState::Closed | EventState::Cancelled => None,
    }
}

async fn is_gone(state: &AppState, event: EventId) -> bool {
    matches!(state.catalogue.event(event).await, Ok(None))
}

async fn copy(state: &AppState, event: EventId, known: &mut BTreeMap<EventId, EventState>) -> Result<(), Problem> {
    // Whoever owns it now copies it.
    let Some(view) = state.events.owned_view(event).await? else { return Ok(()) };
    if known.get(&event) != Some(&state_of(view.phase, view.counts)) {
        let Some(now) = copy_owned(state, event).await? else { return Ok(()) };
        if now == EventState::Cancelled {
            // The request that called it off may have ended before it came to this.
            state.payer.call_off(event).await?;
        }
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(event, now);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use usher_engine::clock::Clock;

    use super::*;
    use crate::config::{Settings, StoresSettings};
    use crate::house::House;

    #[actix_web::test]
    async fn an_event_that_the_catalogue_does_not_know_is_not_copied_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let stores = StoresSettings::Sqlite { folder: folder.path().join("data") };
        let settings = Settings { stores, ..Settings::default() };
        let house = House::open(settings, ([127, 0, 0, 1], 0).into(), Clock::system()).unwrap();
        let (schedule, mut known) = (Schedule::default(), BTreeMap::new());
        schedule.touched(EventId(404));
        schedule.copy_touched(house.state(), &mut known).await;
        assert!(schedule.touched.lock().unwrap().is_empty());
        house.stop().await;
    }
}
