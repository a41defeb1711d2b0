//! Many events appended to at once: all that was acknowledged is there, in order, after reopening.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use usher_core::EventId;
use usher_engine::adapters::sqlite::Folder;
use usher_engine::journal::{SealedEntry, Tenure};

use crate::journal_conformance::{after, fresh_event, next_entry};

const EVENTS_COUNT: usize = 16;
const TASKS_COUNT: usize = 64;
const APPENDS_PER_TASK: usize = 25;

/// Where an event stands and what was acknowledged; tasks of one event take turns, as its actor's batches do.
struct Lane {
    event: EventId,
    at: Tenure,
    acknowledged: Vec<SealedEntry>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_to_64_tasks_over_16_events_is_read_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Folder::open(folder.path()).unwrap();
    let mut lanes = Vec::new();
    for _ in 0..EVENTS_COUNT {
        let event = fresh_event();
        let at = kept.journal.take_over(event).await.unwrap();
        lanes.push(Arc::new(Mutex::new(Lane { event, at, acknowledged: Vec::new() })));
    }
    let tasks: Vec<_> = (0..TASKS_COUNT)
        .map(|task| {
            let (journal, lanes) = (Arc::clone(&kept.journal), lanes.clone());
            tokio::spawn(async move {
                for round in 0..APPENDS_PER_TASK {
                    let mut lane = lanes[(task + round) % EVENTS_COUNT].lock().await;
                    let entry = next_entry(lane.at, (task * APPENDS_PER_TASK + round) as u128);
                    journal.append(lane.event, entry.clone()).await.unwrap();
                    lane.at = after(&entry);
                    lane.acknowledged.push(entry);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(kept);

    let journal = Folder::open(folder.path()).unwrap().journal;
    let mut read_back = BTreeMap::new();
    for lane in &lanes {
        let lane = lane.lock().await;
        assert_eq!(journal.read(lane.event, 0, 4_000).await.unwrap(), lane.acknowledged);
        read_back.insert(lane.event, lane.acknowledged.len());
    }
    assert_eq!(read_back.values().sum::<usize>(), TASKS_COUNT * APPENDS_PER_TASK);
    assert_eq!(journal.events(None, 100).await.unwrap(), read_back.into_keys().collect::<Vec<_>>());
}
