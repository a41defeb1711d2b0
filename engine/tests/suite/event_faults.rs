//! One event over a journal that fails: callers are told the truth and the event goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use usher_core::{EventId, Fact};
use usher_engine::clock::Clock;
use usher_engine::event::{AskError, Handle, Standing};

use crate::support::events::{House, HouseSpec, POISON, START, ask_all, fragile_rules, hold, hold_as};
use crate::support::memory_journal::{Fault, MemoryJournal};

const EVENT: EventId = EventId(1);

async fn stage() -> (Arc<MemoryJournal>, House, Handle) {
    let journal = Arc::new(MemoryJournal::new());
    let spec = HouseSpec { rules: fragile_rules(), ..HouseSpec::default() };
    let house = House::with(Arc::clone(&journal) as _, spec);
    let handle = house.on_sale(EVENT).await;
    (journal, house, handle)
}

fn holds_in(journal: &MemoryJournal) -> usize {
    let entries = journal.entries(EVENT);
    let facts = entries.iter().flat_map(|sealed| &sealed.entry.facts);
    facts.filter(|fact| matches!(fact, Fact::HoldPlaced { .. })).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_became_of_their_entry() {
    for (fault, told, holds) in [
        (Fault::NotWritten, Some(AskError::NotApplied), 0),
        (Fault::StorageFull, Some(AskError::StorageFull), 0),
        (Fault::UnknownLanded, None, 1),
        (Fault::UnknownLost, Some(AskError::NotApplied), 0),
        (Fault::Stolen, Some(AskError::NotApplied), 0),
        (Fault::Panic, Some(AskError::NotApplied), 0),
    ] {
        let (journal, _house, handle) = stage().await;
        journal.fail_with([fault]);
        assert_eq!(handle.ask(hold(1)).await.err(), told, "{fault:?}");
        assert_eq!(holds_in(&journal), holds, "{fault:?}");
        // A full disk is given a moment before anything is written again; the others are not.
        let mut again = handle.ask(hold(1)).await;
        while fault == Fault::StorageFull && again == Err(AskError::StorageFull) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            again = handle.ask(hold(1)).await;
        }
        assert!(again.is_ok(), "{fault:?}: the repeat goes through");
        assert_eq!(holds_in(&journal), 1, "{fault:?}");
        assert_eq!(handle.view().counts.held_count, 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_nobody_can_look_up_stays_unknown_and_the_repeat_finds_it() {
    let (journal, _house, handle) = stage().await;
    journal.fail_with([Fault::UnknownLanded]);
    journal.fail_loads(1);
    assert_eq!(handle.ask(hold(1)).await.err(), Some(AskError::OutcomeUnknown));
    assert!(handle.ask(hold(1)).await.is_ok());
    assert_eq!(holds_in(&journal), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_an_event_that_is_being_rebuilt_for_long_does_not_wait_for_its_end() {
    let journal = Arc::new(MemoryJournal::new());
    // The pause before the second reload has no end while this clock stands still.
    let clock = Clock::manual(START);
    let house = House::with(Arc::clone(&journal) as _, HouseSpec { clock: clock.clone(), ..HouseSpec::default() });
    let handle = house.on_sale(EVENT).await;
    journal.fail_with([Fault::UnknownLanded]);
    journal.fail_loads(1);
    assert_eq!(handle.ask(hold(1)).await.err(), Some(AskError::OutcomeUnknown));
    let asked = Instant::now();
    assert_eq!(handle.ask(hold(2)).await.err(), Some(AskError::OutcomeUnknown));
    assert!(asked.elapsed() >= Duration::from_millis(1_800), "told before it had to be");
    clock.advance(Duration::from_secs(1));
    // The event had it in its hands all the time, and decided it after all.
    assert!(handle.ask(hold(2)).await.is_ok());
    assert_eq!(holds_in(&journal), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_behind_a_failed_entry_are_served_after_the_reload() {
    let (journal, _house, handle) = stage().await;
    journal.hold();
    journal.fail_with([Fault::NotWritten]);
    let asker = handle.clone();
    let first = tokio::spawn(async move { asker.ask(hold(0)).await });
    journal.append_waits().await;
    let asker = handle.clone();
    let behind = tokio::spawn(async move { ask_all(&asker, (1..400).map(hold)).await });
    journal.release();
    assert_eq!(first.await.unwrap(), Err(AskError::NotApplied));
    // Some may have come in time for the failed entry's successor, none for the failed entry itself.
    assert!(behind.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(handle.view().counts.held_count, 399);
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_beyond_the_budget_take_the_event_down_and_a_reset_brings_it_back() {
    let journal = Arc::new(MemoryJournal::new());
    let rules = usher_engine::event::Rules::with_decide(|inventory, at, command| {
        let is_poison = matches!(command, usher_core::Command::PlaceHold(place) if place.hold.0 >= 1_000);
        assert!(!is_poison, "many poisons");
        inventory.decide(at, command)
    });
    let house = House::with(Arc::clone(&journal) as _, HouseSpec { rules, ..HouseSpec::default() });
    let handle = house.on_sale(EVENT).await;
    for n in 1_000..1_006 {
        assert_eq!(handle.ask(hold(n)).await, Err(AskError::NotApplied));
    }
    assert!(matches!(handle.ask(hold(1)).await, Err(AskError::Unavailable(_))));
    let statuses = house.registry.statuses();
    assert!(matches!(statuses[0].standing, Standing::Down { needs_operator: true, .. }));
    house.registry.reset(EVENT);
    assert!(handle.ask(hold(1)).await.is_ok());
    assert_eq!(house.registry.statuses()[0].standing, Standing::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_panics_again_and_again_is_quarantined_and_counted() {
    let (_journal, house, handle) = stage().await;
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(handle.ask(hold_as(POISON, 1)).await.unwrap_err());
    }
    let expected = [AskError::NotApplied, AskError::NotApplied, AskError::Quarantined, AskError::Quarantined];
    assert_eq!(told, expected);
    assert_eq!(house.registry.statuses()[0].quarantined_count, 1);
    assert!(handle.ask(hold(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_actor_is_replaced_and_its_callers_repeat_safely() {
    let (journal, house, handle) = stage().await;
    let mut views = handle.subscribe();
    journal.hold();
    let asker = handle.clone();
    let asks = tokio::spawn(async move { ask_all(&asker, (0..50).map(hold)).await });
    journal.append_waits().await;
    house.follower_panics.store(true, Ordering::Release);
    journal.release();
    // Those in its hands cannot be told; who comes after its death certainly changed nothing.
    let told = asks.await.unwrap();
    let is_honest = |told: &Result<_, _>| matches!(told, Err(AskError::OutcomeUnknown | AskError::NotApplied));
    assert!(told.iter().all(is_honest), "{told:?}");
    while views.changed().await.is_ok() {}
    // The mailbox closes a moment after the view does.
    while handle.ask(hold(0)).await != Err(AskError::NotApplied) {}
    for n in 0..50 {
        assert!(house.registry.ask(EVENT, hold(n)).await.is_ok());
    }
    assert_eq!(holds_in(&journal), 50);
    assert_eq!(house.registry.view(EVENT).await.unwrap().counts.held_count, 50);
}
