//! Many events: loaded on demand, unloaded when idle, each with its own fate.

use std::sync::Arc;
use std::time::Duration;

use usher_core::{Command, EventId};
use usher_engine::clock::Clock;
use usher_engine::event::{AskError, Limits, OpenError, Standing};

use crate::support::events::{DIGEST, House, HouseSpec, START, UNKNOWN, ask_all, hold};
use crate::support::memory_journal::MemoryJournal;

const ONE: EventId = EventId(1);
const TWO: EventId = EventId(2);

fn manual(limits: Limits) -> HouseSpec {
    HouseSpec { clock: Clock::manual(START), limits, ..HouseSpec::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_come_at_once_share_one_load() {
    let journal = Arc::new(MemoryJournal::new());
    let house = House::over(Arc::clone(&journal) as _);
    let opens = (0..100).map(|_| {
        let registry = house.registry.clone();
        tokio::spawn(async move { registry.handle(ONE).await.map(|handle| handle.event()) })
    });
    for open in opens.collect::<Vec<_>>() {
        assert_eq!(open.await.unwrap(), Ok(ONE));
    }
    assert_eq!(journal.take_overs_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_refuses_its_event_and_the_others_run() {
    let journal = Arc::new(MemoryJournal::new());
    journal.damage(ONE, true);
    let house = House::over(Arc::clone(&journal) as _);
    let refused = house.registry.ask(ONE, Command::Open).await;
    assert!(matches!(&refused, Err(AskError::Unavailable(why)) if why.contains("damaged at entry 1")), "{refused:?}");
    let two = house.on_sale(TWO).await;
    assert!(two.ask(hold(1)).await.is_ok());
    let statuses = house.registry.statuses();
    assert!(matches!(statuses[0].standing, Standing::Down { needs_operator: true, .. }));
    assert_eq!((statuses[1].event, &statuses[1].standing), (TWO, &Standing::Running));
    let loads = journal.take_overs_count();
    assert!(house.registry.handle(ONE).await.is_err());
    assert_eq!(journal.take_overs_count(), loads, "the refusal is remembered");
    journal.damage(ONE, false);
    house.registry.reset(ONE);
    assert!(house.registry.handle(ONE).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_event_is_unloaded_with_a_snapshot_and_comes_back_as_it_was() {
    let journal = Arc::new(MemoryJournal::new());
    let limits = Limits { idle_ms: 60_000, ..Limits::default() };
    let house = House::with(Arc::clone(&journal) as _, manual(limits));
    let handle = house.on_sale(ONE).await;
    handle.ask(Command::BlockSeats { seats: vec![usher_core::SeatIdx(5)] }).await.unwrap();
    let before = handle.view();
    house.registry.sweep().await;
    assert_eq!(house.registry.statuses().len(), 1, "it was used a moment ago");
    house.clock.advance(Duration::from_secs(60));
    house.registry.sweep().await;
    assert!(house.registry.statuses().is_empty());
    assert_eq!(handle.ask(hold(1)).await, Err(AskError::NotApplied), "an old handle tells the truth");
    journal.entries_read_count();
    let after = house.registry.view(ONE).await.unwrap();
    assert_eq!((after.seq, after.counts, after.phase), (before.seq, before.counts, before.phase));
    assert_eq!(after.availability, before.availability);
    assert_eq!(journal.entries_read_count(), 0, "the snapshot holds everything");
    assert!(house.registry.ask(ONE, hold(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_watched_or_has_live_holds_stays_loaded() {
    let limits = Limits { idle_ms: 1_000, ..Limits::default() };
    let house = House::with(Arc::new(MemoryJournal::new()), manual(limits));
    let watched = house.on_sale(ONE).await;
    let views = watched.subscribe();
    let held = house.on_sale(TWO).await;
    held.ask(hold(1)).await.unwrap();
    house.clock.advance(Duration::from_secs(2));
    house.registry.sweep().await;
    assert_eq!(house.registry.statuses().len(), 2);
    drop(views);
    house.registry.sweep().await;
    let left: Vec<_> = house.registry.statuses().iter().map(|status| status.event).collect();
    assert_eq!(left, [TWO]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_does_not_fit_is_dropped_and_everything_is_replayed() {
    for tampering in [0, 1] {
        let journal = Arc::new(MemoryJournal::new());
        let house = House::over(Arc::clone(&journal) as _);
        house.on_sale(ONE).await.ask(hold(1)).await.unwrap();
        let before = house.registry.view(ONE).await.unwrap();
        house.registry.drain().await;
        assert!(journal.change_snapshot(ONE, |kept| match tampering {
            0 => kept.hash = [1; 32],
            _ => kept.bytes.truncate(40),
        }));
        let house = House::over(Arc::clone(&journal) as _);
        let after = house.registry.view(ONE).await.unwrap();
        assert_eq!((after.seq, after.counts), (before.seq, before.counts));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_event_with_another_plan_is_refused() {
    let journal = Arc::new(MemoryJournal::new());
    let house = House::over(Arc::clone(&journal) as _);
    house.on_sale(ONE).await;
    house.registry.drain().await;
    let house = House::over(Arc::clone(&journal) as _);
    *house.digest.lock().unwrap() = [8; 32];
    assert!(matches!(house.registry.handle(ONE).await.err(), Some(OpenError::Refused(why)) if why.contains("plan")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_published_with_the_plan_it_has_by_then() {
    let house = House::over(Arc::new(MemoryJournal::new()));
    *house.digest.lock().unwrap() = [8; 32];
    let handle = house.registry.handle(ONE).await.unwrap();
    *house.digest.lock().unwrap() = DIGEST;
    assert!(handle.ask(house.publish()).await.is_ok());
    assert_eq!(handle.view().plan_digest, DIGEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_event_leaves_nothing_behind() {
    let house = House::over(Arc::new(MemoryJournal::new()));
    assert_eq!(house.registry.handle(UNKNOWN).await.err(), Some(OpenError::UnknownEvent));
    assert!(house.registry.statuses().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_does_not_answer_is_asked_again_after_a_while() {
    let journal = Arc::new(MemoryJournal::new());
    journal.fail_loads(1);
    let house = House::with(Arc::clone(&journal) as _, manual(Limits::default()));
    for _ in 0..2 {
        assert!(matches!(house.registry.handle(ONE).await.err(), Some(OpenError::Unavailable(_))));
    }
    assert_eq!(journal.take_overs_count(), 1, "not at every ask");
    house.clock.advance(Duration::from_secs(5));
    assert!(house.registry.handle(ONE).await.is_ok());
    assert_eq!(house.registry.statuses()[0].standing, Standing::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn room_for_one_more_event_is_made_by_the_one_unused_for_longest() {
    let limits = Limits { loaded_events_max: 2, ..Limits::default() };
    let house = House::with(Arc::new(MemoryJournal::new()), manual(limits));
    for event in [ONE, TWO] {
        house.on_sale(event).await;
        house.clock.advance(Duration::from_secs(1));
    }
    assert!(house.registry.handle(EventId(3)).await.is_ok());
    let loaded: Vec<_> = house.registry.statuses().iter().map(|status| status.event).collect();
    assert_eq!(loaded, [TWO, EventId(3)]);
    let _watching = house.registry.subscribe(TWO).await.unwrap();
    let _watching_too = house.registry.subscribe(EventId(3)).await.unwrap();
    assert_eq!(house.registry.handle(ONE).await.err(), Some(OpenError::TooMany));
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_answers_everybody_inside_and_lets_nobody_in() {
    let journal = Arc::new(MemoryJournal::new());
    let house = House::over(Arc::clone(&journal) as _);
    let handle = house.on_sale(ONE).await;
    journal.hold();
    let asker = handle.clone();
    let asks = tokio::spawn(async move { ask_all(&asker, (0..100).map(hold)).await });
    journal.append_waits().await;
    let registry = house.registry.clone();
    let drain = tokio::spawn(async move { registry.drain().await });
    journal.release();
    drain.await.unwrap();
    let outcomes = asks.await.unwrap();
    let held = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == Err(AskError::NotApplied)));
    let facts: usize = journal.entries(ONE).iter().map(|sealed| sealed.entry.facts.len()).sum();
    assert_eq!(facts, held + 2, "what was acknowledged is there, and nothing else");
    assert_eq!(house.registry.handle(ONE).await.err(), Some(OpenError::Draining));
    assert!(house.registry.statuses().is_empty());
}
