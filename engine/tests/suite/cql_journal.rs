//! The journal on a real CQL server: the conformance suite, and what is its own: partitions, lost answers, pieces.

use std::sync::Arc;

use usher_core::{EventId, Fact, HoldId, UnixMillis};
use usher_engine::adapters::cql::journal::{CqlJournal, ENTRY_BYTES_MAX, SEGMENT_ENTRIES};
use usher_engine::adapters::cql::{Cluster, CqlError};
use usher_engine::journal::{AppendError, Entry, Journal, JournalError, SealedEntry, StoredSnapshot, Tenure};

use crate::journal_conformance::{after, appended, every_journal, fresh_event, next_entry};
use crate::support::cql::fresh_journal;

/// Changes the tables behind the journal's back.
async fn tampered(cluster: &Arc<Cluster>, cql: &'static str, event: EventId) {
    let key = event.0.to_be_bytes().to_vec();
    let change = cluster.call(move |cluster| async move {
        cluster.session().query_unpaged(cql, (key,)).await?;
        Ok::<_, CqlError>(())
    });
    change.await.unwrap();
}

/// A fact that a hold was released: its kind and the id.
const RELEASE_BYTES: usize = 17;

/// An entry of about so many bytes.
fn large_entry(at: Tenure, bytes_count: usize) -> SealedEntry {
    let facts =
        (0..bytes_count / RELEASE_BYTES).map(|word| Fact::HoldReleased { hold: HoldId(u128::MAX - word as u128) });
    let entry = Entry { seq: at.head_seq + 1, epoch: at.epoch, at: UnixMillis(1_000), facts: facts.collect() };
    SealedEntry::seal(entry, at.head_hash)
}

#[tokio::test]
async fn cql_keeps_every_rule_of_a_journal() {
    let Some((_, journal)) = fresh_journal("cql_keeps_every_rule_of_a_journal").await else { return };
    every_journal(&journal).await;
}

#[tokio::test]
async fn a_history_goes_on_from_partition_to_partition() {
    let Some((_, journal)) = fresh_journal("a_history_goes_on_from_partition_to_partition").await else { return };
    let (event, mut entries) = (fresh_event(), Vec::new());
    // Ownership changes in the middle of a partition, at its end, and right after the first entry of one.
    for count in [SEGMENT_ENTRIES - 1, 1, 1, SEGMENT_ENTRIES + 50, SEGMENT_ENTRIES - 51, 2 * SEGMENT_ENTRIES] {
        let tenure = journal.take_over(event).await.unwrap();
        assert_eq!(tenure.head_seq, entries.len() as u64);
        entries.extend(appended(&journal, event, tenure, count).await);
    }
    assert_eq!(journal.read(event, 0, 10_000).await.as_ref(), Ok(&entries));
    for start in [1, 99, 100, 101, 199, 350] {
        let page = journal.read(event, start, 120).await.unwrap();
        let start = usize::try_from(start).unwrap();
        assert_eq!(page, entries[start..start + 120.min(entries.len() - start)], "after {start}");
    }
    let tenure = journal.take_over(event).await.unwrap();
    assert_eq!((tenure.epoch, tenure.head_seq), (7, entries.len() as u64));
}

#[tokio::test]
async fn an_old_owner_can_neither_write_into_a_sealed_partition_nor_open_the_next() {
    let test = "an_old_owner_can_neither_write_into_a_sealed_partition_nor_open_the_next";
    let Some((_, journal)) = fresh_journal(test).await else { return };
    let event = fresh_event();
    let first = journal.take_over(event).await.unwrap();
    let entries = appended(&journal, event, first, SEGMENT_ENTRIES).await;
    let here = after(entries.last().unwrap());
    let second = journal.take_over(event).await.unwrap();
    // The partition is full, and the next one is not open yet.
    assert_eq!(journal.append(event, next_entry(here, 1)).await, Err(AppendError::Fenced));
    let next = appended(&journal, event, second, 1).await;
    assert_eq!(journal.append(event, next_entry(here, 1)).await, Err(AppendError::Fenced));
    assert_eq!(journal.read(event, SEGMENT_ENTRIES, 10).await, Ok(next));
}

#[tokio::test]
async fn an_owner_that_died_between_sealing_and_opening_is_succeeded() {
    let test = "an_owner_that_died_between_sealing_and_opening_is_succeeded";
    let Some((cluster, journal)) = fresh_journal(test).await else { return };
    let event = fresh_event();
    let first = journal.take_over(event).await.unwrap();
    let entries = appended(&journal, event, first, SEGMENT_ENTRIES).await;
    let seal = "UPDATE journal_entries SET sealed = true WHERE event_id = ? AND segment = 0 IF epoch = 1";
    tampered(&cluster, seal, event).await;
    let second = journal.take_over(event).await.unwrap();
    assert_eq!((second.epoch, second.head_seq), (2, SEGMENT_ENTRIES));
    let late = next_entry(after(entries.last().unwrap()), 1);
    assert_eq!(journal.append(event, late).await, Err(AppendError::Fenced));
    let third = journal.take_over(event).await.unwrap();
    appended(&journal, event, third, 2).await;
    assert_eq!(journal.read(event, SEGMENT_ENTRIES, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_equal_repeat_is_confirmed_however_far_the_journal_went_on() {
    let test = "an_equal_repeat_is_confirmed_however_far_the_journal_went_on";
    let Some((_, journal)) = fresh_journal(test).await else { return };
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(&journal, event, tenure, SEGMENT_ENTRIES + 2).await;
    for entry in [0, 5, 99, 100, 101] {
        assert_eq!(journal.append(event, entries[entry].clone()).await, Ok(()), "entry {}", entry + 1);
    }
    // The row that comes with a refused batch is the partition's first: it must not be taken for the one asked for.
    let other = next_entry(after(&entries[6]), 99);
    assert_eq!(journal.append(event, other).await, Err(AppendError::Fenced));
    assert_eq!(journal.read(event, 0, 1_000).await, Ok(entries));
}

#[tokio::test]
async fn the_largest_entry_is_written_and_a_larger_one_certainly_not() {
    let test = "the_largest_entry_is_written_and_a_larger_one_certainly_not";
    let Some((_, journal)) = fresh_journal(test).await else { return };
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let large = large_entry(tenure, ENTRY_BYTES_MAX - 10_000);
    assert!(large.bytes.len() > ENTRY_BYTES_MAX * 9 / 10 && large.bytes.len() <= ENTRY_BYTES_MAX);
    assert_eq!(journal.append(event, large.clone()).await, Ok(()));
    let too_large = journal.append(event, large_entry(after(&large), 2 * ENTRY_BYTES_MAX)).await;
    assert!(matches!(too_large, Err(AppendError::NotWritten(_))), "{too_large:?}");
    assert_eq!(journal.read(event, 0, 10).await, Ok(vec![large]));
}

#[tokio::test]
async fn damage_refuses_that_event_and_leaves_the_others() {
    let Some((cluster, journal)) = fresh_journal("damage_refuses_that_event_and_leaves_the_others").await else {
        return;
    };
    let other = fresh_event();
    let at_other = journal.take_over(other).await.unwrap();
    let entries_other = appended(&journal, other, at_other, 5).await;
    for (cql, seq) in [
        ("UPDATE journal_entries SET bytes = 0x0101ff WHERE event_id = ? AND segment = 0 AND seq = 3", 3),
        ("UPDATE journal_entries SET prev_hash = 0x00 WHERE event_id = ? AND segment = 0 AND seq = 3", 3),
        ("DELETE FROM journal_entries WHERE event_id = ? AND segment = 0 AND seq = 3", 3),
        ("DELETE FROM journal_entries WHERE event_id = ? AND segment = 0 AND seq = 5", 5),
        ("UPDATE journal_entries SET bytes = 0x0101ff WHERE event_id = ? AND segment = 0 AND seq = 5", 5),
    ] {
        let event = fresh_event();
        let tenure = journal.take_over(event).await.unwrap();
        appended(&journal, event, tenure, 5).await;
        tampered(&cluster, cql, event).await;
        let error = journal.read(event, 0, 10).await.unwrap_err();
        assert!(matches!(error, JournalError::Damaged { event: named, .. } if named == event), "{cql}: {error}");
        let taken = journal.take_over(event).await;
        assert_eq!(taken.is_ok(), seq < 5, "{cql}: {taken:?}");
    }
    assert_eq!(journal.read(other, 0, 10).await, Ok(entries_other));
}

#[tokio::test]
async fn a_snapshot_of_many_pieces_is_whole_or_not_there() {
    let Some((cluster, journal)) = fresh_journal("a_snapshot_of_many_pieces_is_whole_or_not_there").await else {
        return;
    };
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(&journal, event, tenure, 2).await;
    let of = |entry: &SealedEntry, byte: u8| {
        let bytes = (0..3_000_000u32).map(|at| at.to_le_bytes()[0] ^ byte).collect();
        StoredSnapshot { seq: entry.entry.seq, hash: entry.hash, bytes }
    };
    let (first, second) = (of(&entries[0], 1), of(&entries[1], 2));
    journal.put_snapshot(event, first.clone()).await.unwrap();
    assert_eq!(journal.snapshot(event).await, Ok(Some(first)));
    // Pieces that no row points to yet are nobody's.
    let left = "INSERT INTO snapshot_chunks (event_id, seq, generation, chunk, bytes) \
         VALUES (?, 1, 00000000-0000-0000-0000-000000000001, 0, 0x00)";
    tampered(&cluster, left, event).await;
    journal.put_snapshot(event, second.clone()).await.unwrap();
    assert_eq!(journal.snapshot(event).await, Ok(Some(second)));
    assert_eq!(chunks_count(&cluster, event).await, 6);
    let torn = "UPDATE snapshots SET chunks_count = 5 WHERE event_id = ? IF EXISTS";
    tampered(&cluster, torn, event).await;
    assert_eq!(journal.snapshot(event).await, Ok(None));
    journal.put_snapshot(event, of(&entries[1], 3)).await.unwrap();
    assert_eq!(journal.snapshot(event).await, Ok(Some(of(&entries[1], 3))));
}

async fn chunks_count(cluster: &Arc<Cluster>, event: EventId) -> usize {
    let key = event.0.to_be_bytes().to_vec();
    let counted = cluster.call(move |cluster| async move {
        let select = "SELECT chunk FROM snapshot_chunks WHERE event_id = ?";
        let rows = cluster.session().query_unpaged(select, (key,)).await?.into_rows_result()?;
        Ok::<_, CqlError>(rows.rows_num())
    });
    counted.await.unwrap()
}

#[tokio::test]
async fn snapshots_that_are_put_at_once_leave_the_latest() {
    let Some((_, journal)) = fresh_journal("snapshots_that_are_put_at_once_leave_the_latest").await else { return };
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(&journal, event, tenure, 6).await;
    let of = |entry: &SealedEntry| StoredSnapshot { seq: entry.entry.seq, hash: entry.hash, bytes: vec![7; 600_000] };
    let put = async |journal: &CqlJournal, entry| journal.put_snapshot(event, of(entry)).await.unwrap();
    futures_util::future::join_all(entries.iter().map(|entry| put(&journal, entry))).await;
    assert_eq!(journal.snapshot(event).await, Ok(Some(of(&entries[5]))));
}

#[tokio::test]
async fn an_actor_is_no_home_for_a_driver() {
    let Some((_, journal)) = fresh_journal("an_actor_is_no_home_for_a_driver").await else { return };
    // Runtimes that come and go, as arbiters do: the driver's tasks must not live on any of them.
    for round in 1..=3u64 {
        let journal = journal.clone();
        let short = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let event = fresh_event();
                let tenure = journal.take_over(event).await.unwrap();
                appended(&journal, event, tenure, 2).await.len()
            })
        });
        assert_eq!(short.join().unwrap(), 2, "round {round}");
    }
}
