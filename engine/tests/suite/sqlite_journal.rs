//! SQLite's journal: the conformance suite, and what damage of its file leads to.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;
use usher_core::EventId;
use usher_engine::adapters::sqlite::Folder;
use usher_engine::journal::{JournalError, SealedEntry};

use crate::journal_conformance::{after, appended, every_journal, fresh_event, next_entry};

fn open(folder: &TempDir) -> Folder {
    Folder::open(folder.path()).unwrap()
}

/// Changes the file behind the journal's back, while nobody has it open.
fn tampered(folder: &Path, sql: &str, event: EventId) -> usize {
    let conn = Connection::open(folder.join("journal.db")).unwrap();
    conn.execute(sql, [event.0.to_be_bytes()]).unwrap()
}

/// A folder with two events of five entries each.
async fn folder_of_two() -> (TempDir, EventId, Vec<SealedEntry>, EventId) {
    let folder = tempfile::tempdir().unwrap();
    let kept = open(&folder);
    let (event, other) = (fresh_event(), fresh_event());
    let at = kept.journal.take_over(event).await.unwrap();
    let entries = appended(kept.journal.as_ref(), event, at, 5).await;
    let at_other = kept.journal.take_over(other).await.unwrap();
    appended(kept.journal.as_ref(), other, at_other, 5).await;
    (folder, event, entries, other)
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    every_journal(open(&folder).journal.as_ref()).await;
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_reopening() {
    let (folder, event, entries, _) = folder_of_two().await;
    let journal = open(&folder).journal;
    assert_eq!(journal.read(event, 0, 10).await.unwrap(), entries);
    let tenure = journal.take_over(event).await.unwrap();
    assert_eq!((tenure.head_seq, tenure.epoch), (5, 2));
}

#[tokio::test]
async fn a_torn_tail_past_the_acknowledged_head_is_not_read_and_is_cut_by_take_over() {
    let (folder, event, entries, _) = folder_of_two().await;
    let torn = "INSERT INTO entries SELECT event, 6, epoch, prev_hash, hash, x'0101ff' FROM entries WHERE event = ?1 AND seq = 5";
    assert_eq!(tampered(folder.path(), torn, event), 1);
    let journal = open(&folder).journal;
    assert_eq!(journal.read(event, 0, 10).await.unwrap(), entries);
    let tenure = journal.take_over(event).await.unwrap();
    let next = next_entry(tenure, 1);
    journal.append(event, next.clone()).await.unwrap();
    assert_eq!(journal.read(event, 5, 10).await, Ok(vec![next]));
}

#[tokio::test]
async fn a_damaged_middle_refuses_that_event_and_leaves_the_others() {
    for sql in [
        "UPDATE entries SET bytes = x'0101ff' WHERE event = ?1 AND seq = 3",
        "UPDATE entries SET hash = zeroblob(32) WHERE event = ?1 AND seq = 3",
        "UPDATE entries SET prev_hash = zeroblob(32) WHERE event = ?1 AND seq = 3",
        "DELETE FROM entries WHERE event = ?1 AND seq = 3",
    ] {
        let (folder, event, _, other) = folder_of_two().await;
        assert_eq!(tampered(folder.path(), sql, event), 1);
        let journal = open(&folder).journal;
        let error = journal.read(event, 0, 10).await.unwrap_err();
        assert!(
            matches!(error, JournalError::Damaged { event: named, seq: 3, .. } if named == event),
            "{sql}: {error}"
        );
        let tenure = journal.take_over(other).await.unwrap();
        appended(journal.as_ref(), other, tenure, 1).await;
        assert_eq!(journal.read(other, 0, 10).await.unwrap().len(), 6);
    }
}

#[tokio::test]
async fn a_damaged_end_is_refused_by_reading_and_by_take_over() {
    for sql in [
        "UPDATE entries SET bytes = x'0101ff' WHERE event = ?1 AND seq = 5",
        "DELETE FROM entries WHERE event = ?1 AND seq = 5",
        "UPDATE heads SET head_hash = zeroblob(32) WHERE event = ?1",
        "UPDATE heads SET head_seq = 6 WHERE event = ?1",
    ] {
        let (folder, event, ..) = folder_of_two().await;
        assert_eq!(tampered(folder.path(), sql, event), 1);
        let journal = open(&folder).journal;
        let read = journal.read(event, 0, 10).await;
        assert!(matches!(read, Err(JournalError::Damaged { .. })), "{sql}: {read:?}");
        let taken = journal.take_over(event).await;
        assert!(matches!(taken, Err(JournalError::Damaged { .. })), "{sql}: {taken:?}");
    }
}

#[tokio::test]
async fn entries_whose_head_is_lost_are_not_taken_for_a_torn_tail() {
    let (folder, event, ..) = folder_of_two().await;
    assert_eq!(tampered(folder.path(), "DELETE FROM heads WHERE event = ?1", event), 1);
    let taken = open(&folder).journal.take_over(event).await;
    assert!(matches!(taken, Err(JournalError::Damaged { .. })), "{taken:?}");
}

#[tokio::test]
async fn a_page_of_a_chain_links_to_the_entry_before_it() {
    let (folder, event, entries, _) = folder_of_two().await;
    let journal = open(&folder).journal;
    let page = journal.read(event, 3, 10).await.unwrap();
    assert_eq!(page[0].prev_hash, entries[2].hash);
    assert_eq!(after(&page[1]), after(&entries[4]));
}
