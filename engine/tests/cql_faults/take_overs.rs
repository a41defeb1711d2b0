//! Two owners of one event: the old one goes on as if nothing had happened, and must not get anything in.

use std::time::Duration;

use tokio::sync::oneshot;
use usher_core::EventId;
use usher_engine::adapters::cql::journal::CqlJournal;
use usher_engine::ids;
use usher_engine::journal::{AppendError, Journal, Tenure};

use crate::support::owner::{next_entry, taken_over};
use crate::support::{Dice, Nodes, journal, nodes, run, whole};

const SEED: u64 = 2;

#[test]
fn an_old_owner_commits_nothing_and_knows_it_at_its_first_append() {
    let Some(nodes) = nodes("an_old_owner_commits_nothing_and_knows_it_at_its_first_append") else { return };
    run(take_over_in_turns(nodes, if whole() { 200 } else { 20 }));
}

async fn take_over_in_turns(nodes: Nodes, take_overs_count: u64) {
    let settings = nodes.settings().await;
    let two = [journal(&settings).await, journal(&settings).await];
    let (event, mut dice) = (EventId(ids::fresh()), Dice::new(SEED));
    let mut tenure = taken_over(&two[0], event).await;
    let (mut unknown_count, mut acknowledged_count) = (0, 0);
    for round in 0..take_overs_count {
        let (old, new) = (&two[usize::from(round % 2 == 1)], &two[usize::from(round % 2 == 0)]);
        let before = tenure.head_seq;
        // In every second round the old owner is stopped meanwhile, and goes on when it is long succeeded.
        let (go_on, stopped) = oneshot::channel();
        let stopped = (round % 4 < 2).then_some(stopped);
        let was_stopped = stopped.is_some();
        let owner = tokio::spawn(run_until_refused(old.clone(), event, tenure, stopped));
        tokio::time::sleep(Duration::from_millis(dice.below(60))).await;
        tenure = taken_over(new, event).await;
        let succeeded_at = tenure.head_seq;
        let next = next_entry(tenure);
        assert_eq!(new.append(event, next.clone()).await, Ok(()), "round {round}: the new owner");
        tenure = Tenure { head_seq: next.entry.seq, head_hash: next.hash, ..tenure };
        // One that was not stopped has gone on by itself, and hears nothing of this.
        let _ = go_on.send(());
        let last = owner.await.unwrap();
        assert!(!was_stopped || last.head_seq == before, "round {round}: an old owner's first append was acknowledged");
        // All that the old owner was acknowledged lies before the take-over; one more may have landed unknown to it.
        assert!(last.head_seq <= succeeded_at, "round {round}: entry {} by the old owner", last.head_seq);
        unknown_count += succeeded_at - last.head_seq;
        acknowledged_count += last.head_seq - before;
    }
    let entries = all(&two[0], event).await;
    assert_eq!(entries.len() as u64, tenure.head_seq);
    assert!(entries.is_sorted(), "an entry of an older epoch follows one of a newer");
    eprintln!(
        "take-overs (seed {SEED}): {take_overs_count}, {acknowledged_count} appends acknowledged to old owners before, \
         0 after; {unknown_count} landed unknown to them; each knew it at its first append after"
    );
}

/// Appends until it is told that another owns the event; tells its last acknowledged entry. With `stopped` it begins
/// when its successor is at work.
async fn run_until_refused(
    journal: CqlJournal,
    event: EventId,
    mut at: Tenure,
    stopped: Option<oneshot::Receiver<()>>,
) -> Tenure {
    if let Some(stopped) = stopped {
        stopped.await.unwrap();
    }
    let mut entry = next_entry(at);
    loop {
        match journal.append(event, entry.clone()).await {
            Ok(()) => {
                at = Tenure { head_seq: entry.entry.seq, head_hash: entry.hash, ..at };
                entry = next_entry(at);
            }
            Err(AppendError::Fenced) => return at,
            // A sequencer would take over and look; this one insists, to see that it stays refused.
            Err(AppendError::Unknown(_) | AppendError::NotWritten(_)) => {}
            Err(AppendError::StorageFull) => panic!("a cluster has no disk that is full"),
        }
    }
}

/// The epochs of all entries, in order.
async fn all(journal: &CqlJournal, event: EventId) -> Vec<u64> {
    let mut epochs = Vec::new();
    loop {
        let page = journal.read(event, epochs.len() as u64, 4_096).await.unwrap();
        if page.is_empty() {
            return epochs;
        }
        epochs.extend(page.iter().map(|entry| entry.entry.epoch));
    }
}
