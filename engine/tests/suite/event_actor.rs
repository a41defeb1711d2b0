//! One event under load: nothing is lost, nobody waits for somebody else's append, the gate is exact.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::maybe_done;
use usher_core::{Command, EventId, HoldId, SeatIdx, SeatStatus};
use usher_engine::event::{AskError, GATE_PERMITS_DEFAULT, Limits};

use crate::support::events::{House, HouseSpec, POISON, START, ask_all, fragile_rules, hold, hold_as};
use crate::support::memory_journal::MemoryJournal;

const EVENT: EventId = EventId(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_middle_of_a_thousand_queued_commands_loses_none_of_the_others() {
    let journal = Arc::new(MemoryJournal::new());
    let limits = Limits { gate_permits: 1_000, ..Limits::default() };
    let spec = HouseSpec { rules: fragile_rules(), limits, ..HouseSpec::default() };
    let house = House::with(Arc::clone(&journal) as _, spec);
    let handle = house.on_sale(EVENT).await;
    journal.hold();
    // Polled once, an ask has its permit and stands in the mailbox: after this all thousand are inside.
    let commands = (0..1_000).map(|n| if n == 500 { hold_as(POISON, n) } else { hold(n) });
    let mut asks: Vec<_> = commands.map(|command| Box::pin(maybe_done(handle.ask(command)))).collect();
    poll_fn(|context| {
        for ask in &mut asks {
            let _ = ask.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
    journal.append_waits().await;
    journal.release();
    let mut outcomes = Vec::new();
    for ask in &mut asks {
        ask.as_mut().await;
        outcomes.push(ask.as_mut().take_output().unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 999);
    assert_eq!(outcomes[500], Err(AskError::NotApplied));
    assert_eq!(handle.view().counts.held_count, 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_thousand_simultaneous_asks_exactly_the_gate_s_number_is_taken() {
    let journal = Arc::new(MemoryJournal::new());
    let house = House::over(Arc::clone(&journal) as _);
    let handle = house.on_sale(EVENT).await;
    journal.hold();
    let (told, mut refusals) = tokio::sync::mpsc::unbounded_channel();
    let asks: Vec<_> = (0..5_000)
        .map(|n| {
            let (handle, told) = (handle.clone(), told.clone());
            tokio::spawn(async move {
                let outcome = handle.ask(hold(n)).await;
                if let Err(AskError::Busy { retry_after_ms }) = outcome {
                    told.send(retry_after_ms).unwrap();
                }
                outcome
            })
        })
        .collect();
    for _ in 0..5_000 - GATE_PERMITS_DEFAULT {
        assert!(refusals.recv().await.unwrap() > 0);
    }
    journal.release();
    let mut accepted = 0;
    for ask in asks {
        accepted += usize::from(ask.await.unwrap().is_ok());
    }
    assert_eq!(accepted, GATE_PERMITS_DEFAULT);
    assert!(refusals.try_recv().is_err());
    assert!(handle.ask(hold(6_000)).await.is_ok(), "the permits are back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_waits_for_a_writer_and_sees_only_what_is_durable() {
    let journal = Arc::new(MemoryJournal::new());
    let house = House::over(Arc::clone(&journal) as _);
    let handle = house.on_sale(EVENT).await;
    let before = handle.view();
    journal.hold();
    let asker = handle.clone();
    let ask = tokio::spawn(async move { asker.ask(hold(3)).await });
    journal.append_waits().await;
    assert_eq!(handle.view().seq, before.seq);
    assert_eq!(handle.view().seat_status(SeatIdx(3)), Some(SeatStatus::Available));
    journal.release();
    let decided = ask.await.unwrap().unwrap();
    let after = handle.view();
    assert_eq!(after.seq, decided.seq, "who was answered reads the own write");
    assert_eq!(after.changes_since(&before), [(SeatIdx(3), SeatStatus::Held)]);
    assert_eq!(house.committed.lock().unwrap().last(), Some(&(EVENT, decided.seq)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_gets_one_merged_change() {
    let house = House::over(Arc::new(MemoryJournal::new()));
    let handle = house.on_sale(EVENT).await;
    let mut views = handle.subscribe();
    let seen = Arc::clone(&views.borrow_and_update());
    for n in 0..5 {
        handle.ask(hold(n)).await.unwrap();
    }
    views.changed().await.unwrap();
    let now = Arc::clone(&views.borrow_and_update());
    assert_eq!(now.changes_since(&seen).len(), 5);
    assert!(!views.has_changed().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_answers_from_the_state_after_all_earlier_asks() {
    let house = House::over(Arc::new(MemoryJournal::new()));
    let handle = house.on_sale(EVENT).await;
    let decided = handle.ask(hold(1)).await.unwrap();
    let looked = handle.look_hold(HoldId(1)).await.unwrap();
    assert_eq!(looked.seq, decided.seq);
    assert!(looked.found.is_some());
    assert_eq!(handle.look_hold(HoldId(2)).await.unwrap().found, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_commands_share_entries() {
    let journal = Arc::new(MemoryJournal::new());
    let house = House::over(Arc::clone(&journal) as _);
    let handle = house.on_sale(EVENT).await;
    journal.hold();
    let queue = {
        let handle = handle.clone();
        tokio::spawn(async move { ask_all(&handle, (0..500).map(hold)).await })
    };
    journal.append_waits().await;
    journal.release();
    assert!(queue.await.unwrap().iter().all(Result::is_ok));
    let facts: usize = journal.entries(EVENT).iter().map(|sealed| sealed.entry.facts.len()).sum();
    assert_eq!(facts, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_end_when_their_time_is_up_although_nobody_asks() {
    let clock = usher_engine::clock::Clock::manual(START);
    let spec = HouseSpec { clock: clock.clone(), ..HouseSpec::default() };
    let house = House::with(Arc::new(MemoryJournal::new()), spec);
    let handle = house.on_sale(EVENT).await;
    handle.ask(hold(1)).await.unwrap();
    let mut views = handle.subscribe();
    clock.advance(std::time::Duration::from_secs(8 * 60));
    let view = views.wait_for(|view| view.counts.held_count == 0).await.unwrap();
    assert_eq!(view.seat_status(SeatIdx(1)), Some(SeatStatus::Available));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_s_command_goes_through_the_same_door() {
    let house = House::over(Arc::new(MemoryJournal::new()));
    let handle = house.on_sale(EVENT).await;
    handle.ask(Command::Pause).await.unwrap();
    let refused = handle.ask(hold(1)).await;
    assert!(matches!(refused, Err(AskError::Rejected(usher_core::Rejection::Paused))));
}
