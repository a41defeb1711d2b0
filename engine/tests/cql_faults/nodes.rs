//! Nodes that die and hang under load: one of three, and all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use usher_core::{EventId, HoldId};
use usher_engine::adapters::cql::journal::JournalTimes;
use usher_engine::event::AskError;
use usher_engine::ids;
use usher_engine::journal::Journal;

use crate::events::{House, hold_as};
use crate::support::owner::{Owner, Told};
use crate::support::{Nodes, journal, journal_with, nodes, run, whole};

/// Events that are appended to at once.
const EVENTS_COUNT: usize = 8;
/// An owner thinks a little between two appends: nodes and owners share two cores.
const THINKS: Duration = Duration::from_millis(20);
/// Whoever asks while no node answers knows that within this, and what the machine adds by being busy.
const TOLD_WITHIN: Duration = Duration::from_millis(2_000 + 500);
/// From the moment that nodes go on until events are sold again; a sample beside other work gets more.
fn selling_within() -> Duration {
    Duration::from_secs(if whole() { 5 } else { 30 })
}
/// Three nodes and their load share two cores here, with whatever else runs: an append gets three times as long as in
/// production, and a try as long as there.
fn times() -> JournalTimes {
    JournalTimes { append_max: JournalTimes::default().append_max * 3, ..JournalTimes::default() }
}
/// Buyers that ask at once: more than an event's gate lets in.
const BUYERS_COUNT: u32 = 600;

#[test]
fn nobody_notices_that_one_node_of_three_dies_or_hangs() {
    let Some(nodes) = nodes("nobody_notices_that_one_node_of_three_dies_or_hangs") else { return };
    run(lose_one(nodes, Duration::from_secs(if whole() { 20 } else { 6 })));
}

async fn lose_one(nodes: Nodes, spell: Duration) {
    let settings = nodes.settings().await;
    let loaded = journal_with(&settings, times()).await;
    let over = Arc::new(AtomicBool::new(false));
    let load = (0..EVENTS_COUNT).map(|_| {
        let (journal, over) = (loaded.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut owner = Owner::of_new_event(&journal).await;
            while !over.load(Ordering::Acquire) {
                owner.append().await.unwrap();
                tokio::time::sleep(THINKS).await;
            }
            owner.audit(&journal).await;
            owner.told
        })
    });
    let load: Vec<_> = load.collect();
    tokio::time::sleep(spell / 2).await;
    nodes.cassandra.pause(1);
    tokio::time::sleep(spell).await;
    nodes.cassandra.resume(1);
    tokio::time::sleep(spell / 2).await;
    nodes.cassandra.kill(2);
    tokio::time::sleep(spell).await;
    over.store(true, Ordering::Release);
    let ended = futures_util::future::join_all(load).await;
    let cassandra = nodes.cassandra;
    tokio::task::spawn_blocking(|| cassandra.restart(2)).await.unwrap();
    nodes.agreed().await;
    let mut told = Told::default();
    ended.into_iter().for_each(|owner| told.add(&owner.unwrap()));
    assert_eq!((told.unknown_count, told.not_written_count), (0, 0));
    eprintln!(
        "one node of three hung for {spell:?}, another killed for {spell:?}: {} appends, 0 errors; p50 {} ms, p99 {} ms, \
         longest {} ms",
        told.acknowledged_count,
        told.percentile_ms(50),
        told.percentile_ms(99),
        told.percentile_ms(100),
    );
}

#[test]
fn while_no_node_answers_everybody_is_told_so_in_two_seconds() {
    let Some(nodes) = nodes("while_no_node_answers_everybody_is_told_so_in_two_seconds") else { return };
    run(lose_all(nodes, Duration::from_secs(if whole() { 30 } else { 8 })));
}

async fn lose_all(nodes: Nodes, spell: Duration) {
    let settings = nodes.settings().await;
    let journal: Arc<dyn Journal> = Arc::new(journal(&settings).await);
    let house = House::over(Arc::clone(&journal));
    let event = EventId(ids::fresh());
    let handle = house.on_sale(event).await;
    let hung = Arc::new(AtomicBool::new(false));
    let over = Arc::new(AtomicBool::new(false));
    let busy_count = Arc::new(AtomicUsize::new(0));
    let buyers = (0..BUYERS_COUNT).map(|buyer| {
        let (handle, hung, over) = (handle.clone(), Arc::clone(&hung), Arc::clone(&over));
        let busy_count = Arc::clone(&busy_count);
        tokio::spawn(async move {
            let (mut longest, mut told_no_count) = (Duration::ZERO, 0u64);
            for round in 0.. {
                if over.load(Ordering::Acquire) {
                    break;
                }
                let asked_while_hung = hung.load(Ordering::Acquire);
                let asked = Instant::now();
                // A hold of its own: a repeat would be answered from what is durable already.
                let outcome = handle.ask(hold_as(HoldId(ids::fresh()), buyer * 10 + round % 10)).await;
                if asked_while_hung && hung.load(Ordering::Acquire) {
                    longest = longest.max(asked.elapsed());
                    assert!(outcome.is_err(), "no node answers, and yet: {outcome:?}");
                    told_no_count += 1;
                }
                if matches!(outcome, Err(AskError::Busy { .. })) {
                    busy_count.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(THINKS * 5).await;
            }
            (longest, told_no_count)
        })
    });
    let buyers: Vec<_> = buyers.collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    (0..3).for_each(|node| nodes.cassandra.pause(node));
    hung.store(true, Ordering::Release);
    tokio::time::sleep(spell).await;
    hung.store(false, Ordering::Release);
    (0..3).for_each(|node| nodes.cassandra.resume(node));
    let resumed = Instant::now();
    let mut seat = 7_000;
    while handle.ask(hold_as(HoldId(ids::fresh()), seat)).await.is_err() {
        seat += 1;
        assert!(resumed.elapsed() < selling_within(), "nothing is sold {:?} after the nodes went on", selling_within());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let selling_after = resumed.elapsed();
    over.store(true, Ordering::Release);
    let told = futures_util::future::join_all(buyers).await;
    let told: Vec<_> = told.into_iter().map(Result::unwrap).collect();
    let longest = told.iter().map(|(longest, _)| *longest).max().unwrap();
    let told_no_count: u64 = told.iter().map(|(_, count)| count).sum();
    assert!(longest <= TOLD_WITHIN, "somebody waited {longest:?}");
    assert!(told_no_count > 0 && busy_count.load(Ordering::Relaxed) > 0, "the gate was to be full");
    assert!(matches!(journal.read(event, 0, 1).await.as_deref(), Ok([_])));
    eprintln!(
        "all nodes hung for {spell:?} under {BUYERS_COUNT} buyers: {told_no_count} told no, the last after {longest:.1?}, \
         {} of all at once by the gate; selling again {selling_after:.1?} after they went on",
        busy_count.load(Ordering::Relaxed),
    );
    nodes.agreed().await;
}
