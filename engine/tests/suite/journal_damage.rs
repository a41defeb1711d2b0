//! Damage of a journal's file, a thousand times at random: nothing is ever read that was not written.
//!
//! Two ways: the row of one entry or head changes, which must be found and must stop that event alone; and any byte of
//! the file changes or its end is missing, which may cost the other events too, for SQLite's own pages are not guarded
//! by the chain, but may never go unnoticed when it matters.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use usher_core::{Command, EventId};
use usher_engine::adapters::sqlite::Folder;
use usher_engine::adapters::sqlite::backup::check_journal;
use usher_engine::event::{AskError, OpenError, Standing};

use crate::journal_conformance::{appended, fresh_event};
use crate::support::events::{House, hold};

const ENTRIES_COUNT: u64 = 20;
const DAMAGES_COUNT: u32 = 1_000;

/// splitmix64: small, seeded, good enough to choose a bit.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Two events in a closed file.
async fn two_events() -> (TempDir, EventId, EventId) {
    let folder = tempfile::tempdir().unwrap();
    let kept = Folder::open(folder.path()).unwrap();
    let (one, other) = (fresh_event(), fresh_event());
    for event in [one, other] {
        let at = kept.journal.take_over(event).await.unwrap();
        appended(kept.journal.as_ref(), event, at, ENTRIES_COUNT).await;
    }
    (folder, one, other)
}

fn blob(conn: &Connection, column: &str, event: EventId, seq: u64) -> Vec<u8> {
    let select = format!("SELECT {column} FROM entries WHERE event = ?1 AND seq = ?2");
    conn.query_row(&select, (event.0.to_be_bytes(), seq), |row| row.get(0)).unwrap()
}

fn set_blob(conn: &Connection, column: &str, event: EventId, seq: u64, bytes: &[u8]) {
    let update = format!("UPDATE entries SET {column} = ?3 WHERE event = ?1 AND seq = ?2");
    assert_eq!(conn.execute(&update, (event.0.to_be_bytes(), seq, bytes)).unwrap(), 1);
}

#[tokio::test]
async fn a_thousand_flipped_bits_and_cut_rows_are_all_found_and_stop_their_event_alone() {
    let (folder, one, other) = two_events().await;
    let file = folder.path().join("journal.db");
    let conn = Connection::open(&file).unwrap();
    let mut chance = Chance(1);
    for number in 0..DAMAGES_COUNT {
        let event = if chance.below(2) == 0 { one } else { other };
        let seq = 1 + chance.below(ENTRIES_COUNT as usize) as u64;
        // The table itself refuses hashes of another length, so only bytes are cut.
        let column = ["bytes", "bytes", "hash", "prev_hash"][chance.below(4)];
        let before = blob(&conn, column, event, seq);
        let mut after = before.clone();
        if column == "bytes" && chance.below(3) == 0 {
            after.truncate(chance.below(before.len()));
        } else {
            after[chance.below(before.len())] ^= 1 << chance.below(8);
        }
        set_blob(&conn, column, event, seq, &after);
        let check = check_journal(&file).unwrap();
        let damaged: Vec<EventId> = check.damaged.iter().map(|(event, _)| *event).collect();
        assert_eq!(damaged, [event], "damage {number} of {column} of entry {seq}");
        assert_eq!((check.sound_count, check.entries_count), (1, ENTRIES_COUNT));
        set_blob(&conn, column, event, seq, &before);
    }
    assert!(check_journal(&file).unwrap().damaged.is_empty());
}

fn check_bytes(folder: &Path, bytes: &[u8]) -> Option<(u64, u64)> {
    let file = folder.join("journal.db");
    std::fs::write(&file, bytes).unwrap();
    let check = check_journal(&file).ok()?;
    check.damaged.is_empty().then_some((check.sound_count, check.entries_count))
}

#[tokio::test]
async fn a_thousand_flipped_bits_and_cut_ends_of_the_file_never_make_another_history() {
    let (folder, ..) = two_events().await;
    // Walking it also brings what is still in the log into the file.
    check_journal(&folder.path().join("journal.db")).unwrap();
    let bytes = std::fs::read(folder.path().join("journal.db")).unwrap();
    let whole = Some((2, 2 * ENTRIES_COUNT));
    let scratch = tempfile::tempdir().unwrap();
    assert_eq!(check_bytes(scratch.path(), &bytes), whole);
    let mut chance = Chance(2);
    let mut found_count = 0;
    for number in 0..DAMAGES_COUNT {
        let mut after = bytes.clone();
        if chance.below(4) == 0 {
            after.truncate(chance.below(bytes.len()));
        } else {
            after[chance.below(bytes.len())] ^= 1 << chance.below(8);
        }
        // What nobody reads, such as the unused part of a page, may change unnoticed.
        let seen = check_bytes(scratch.path(), &after);
        let empty = seen == Some((0, 0)) && after.is_empty();
        assert!(seen.is_none() || seen == whole || empty, "damage {number} was read as {seen:?}");
        found_count += u32::from(seen.is_none());
    }
    assert!(found_count > DAMAGES_COUNT / 4, "only {found_count} of {DAMAGES_COUNT} damages mattered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_fact_that_only_a_newer_program_knows_stops_its_event_with_these_words() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (EventId(1), EventId(2));
    let house = House::over(Folder::open(folder.path()).unwrap().journal);
    for event in [one, other] {
        house.on_sale(event).await.ask(hold(1)).await.unwrap();
    }
    house.registry.drain().await;
    drop(house);
    // The last entry as a newer program would have sealed it: whole, but of a later vocabulary.
    let conn = Connection::open(folder.path().join("journal.db")).unwrap();
    let id = one.0.to_be_bytes();
    let last: u64 = conn.query_row("SELECT head_seq FROM heads WHERE event = ?1", [id], |row| row.get(0)).unwrap();
    let mut bytes = blob(&conn, "bytes", one, last);
    bytes[1] = 200;
    let hash = Sha256::new().chain_update(blob(&conn, "prev_hash", one, last)).chain_update(&bytes).finalize();
    set_blob(&conn, "bytes", one, last, &bytes);
    set_blob(&conn, "hash", one, last, &hash);
    conn.execute("UPDATE heads SET head_hash = ?2 WHERE event = ?1", (id, hash.as_slice())).unwrap();
    conn.execute("DELETE FROM snapshots", []).unwrap();
    drop(conn);

    let house = House::over(Folder::open(folder.path()).unwrap().journal);
    let refused = house.registry.ask(one, Command::Pause).await;
    let words = "was written by a newer version: vocabulary 200, known up to 1";
    assert!(matches!(&refused, Err(AskError::Unavailable(why)) if why.contains(words)), "{refused:?}");
    house.registry.ask(other, hold(2)).await.unwrap();
}

/// Two events that have sold, in a closed folder. Each starts from a snapshot of its last entry.
async fn two_events_with_snapshots() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let house = House::over(Folder::open(folder.path()).unwrap().journal);
    for event in [EventId(1), EventId(2)] {
        let handle = house.on_sale(event).await;
        for n in 0..10 {
            handle.ask(hold(n)).await.unwrap();
        }
    }
    house.registry.drain().await;
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_snapshot_hides_brings_its_event_down_soon_after_the_start() {
    let folder = two_events_with_snapshots().await;
    let (one, other) = (EventId(1), EventId(2));
    let conn = Connection::open(folder.path().join("journal.db")).unwrap();
    let whole = blob(&conn, "bytes", one, 3);
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    set_blob(&conn, "bytes", one, 3, &bytes);

    let house = House::over(Folder::open(folder.path()).unwrap().journal);
    let mut views = house.registry.subscribe(one).await.unwrap();
    // The channel closes when nobody may look any more.
    let closed = async { while views.changed().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), closed).await.expect("the damage is found");
    let names_it = |why: &str| why.contains("damaged at entry 3");
    let refused = house.registry.ask(one, hold(20)).await;
    assert!(matches!(&refused, Err(AskError::Unavailable(why)) if names_it(why)), "{refused:?}");
    let unseen = house.registry.view(one).await;
    assert!(matches!(&unseen, Err(OpenError::Refused(why)) if names_it(why)), "{unseen:?}");
    house.registry.ask(other, hold(20)).await.unwrap();
    let standings: Vec<_> = house.registry.statuses().into_iter().map(|status| status.standing).collect();
    assert!(matches!(&standings[0], Standing::Down { why, needs_operator: true } if names_it(why)), "{standings:?}");
    assert_eq!(standings[1], Standing::Running);

    // Mended from a backup and reset by an operator, it sells on.
    set_blob(&conn, "bytes", one, 3, &whole);
    house.registry.reset(one);
    house.registry.ask(one, hold(20)).await.unwrap();
}
