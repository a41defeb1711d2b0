//! What is to be told to Redis, in a bounded queue: whoever enqueues or completes a job does not wait for it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::ledger::EntryId;
use super::locked;

/// Things waiting to be told; past it they are forgotten, and a sweep finds what they were about.
pub(super) const WAITING_MAX: usize = 10_000;
/// Things told in one go.
const TOLD_AT_ONCE_MAX: usize = 500;

/// The queue.
#[derive(Debug)]
pub(super) struct Outgoing {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// How much has been told, or given up.
    settled_count: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    added: Vec<String>,
    done: Vec<EntryId>,
    pushed_count: u64,
}

/// Part of the queue, to be told in one go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) added: Vec<String>,
    pub(super) done: Vec<EntryId>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new(), settled_count: watch::Sender::new(0) }
    }
}

impl Outgoing {
    /// Adds to the queue. Tells whether there was room; nothing of what was given is kept otherwise.
    pub(super) fn push(&self, added: Vec<String>, done: Vec<EntryId>) -> bool {
        if added.is_empty() && done.is_empty() {
            return true;
        }
        let mut waiting = locked(&self.waiting);
        if waiting.added.len() + waiting.done.len() + added.len() + done.len() > WAITING_MAX {
            return false;
        }
        waiting.pushed_count += (added.len() + done.len()) as u64;
        waiting.added.extend(added);
        waiting.done.extend(done);
        drop(waiting);
        self.wake.notify_one();
        true
    }

    /// Waits until there is something to tell.
    pub(super) async fn next(&self) -> Batch {
        loop {
            let batch = self.take();
            if batch != Batch::default() {
                return batch;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Batch {
        let mut waiting = locked(&self.waiting);
        let added_count = waiting.added.len().min(TOLD_AT_ONCE_MAX);
        let done_count = waiting.done.len().min(TOLD_AT_ONCE_MAX - added_count);
        Batch { added: waiting.added.drain(..added_count).collect(), done: waiting.done.drain(..done_count).collect() }
    }

    /// So much has been told, or given up.
    pub(super) fn settle(&self, batch: &Batch) {
        self.settled_count.send_modify(|count| *count += (batch.added.len() + batch.done.len()) as u64);
    }

    /// Waits until all that waits now has been told or given up, for at most so long.
    pub(super) async fn settled(&self, within: Duration) {
        let pushed_count = locked(&self.waiting).pushed_count;
        let mut settled = self.settled_count.subscribe();
        // Too late is no harm: the jobs come with the next claim.
        let _ = tokio::time::timeout(within, settled.wait_for(|count| *count >= pushed_count)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[tokio::test]
    async fn what_waits_is_told_in_order_and_in_parts() {
        let outgoing = Outgoing::default();
        assert!(outgoing.push(names(700), names(3)));
        let first = outgoing.next().await;
        assert_eq!((first.added.len(), first.done.len()), (500, 0));
        let second = outgoing.next().await;
        assert_eq!((second.added[0].as_str(), second.added.len(), second.done.len()), ("500", 200, 3));
        assert_eq!(outgoing.take(), Batch::default());
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let outgoing = Outgoing::default();
        assert!(outgoing.push(names(WAITING_MAX), Vec::new()));
        assert!(!outgoing.push(names(1), Vec::new()));
        outgoing.next().await;
        assert!(outgoing.push(names(1), Vec::new()));
    }

    #[tokio::test]
    async fn a_claim_waits_for_what_was_pushed_before_it_and_not_for_ever() {
        let outgoing = Outgoing::default();
        outgoing.settled(Duration::from_secs(60)).await;
        assert!(outgoing.push(names(1), Vec::new()));
        outgoing.settled(Duration::from_millis(1)).await;
        let batch = outgoing.next().await;
        outgoing.settle(&batch);
        outgoing.settled(Duration::from_secs(60)).await;
    }
}
