//! The journal in `journal.db`: all events' pending appends in one synced transaction.
//!
//! Ownership is checked in the very transaction that writes: the row in `heads` must carry the appender's epoch and the
//! number before the entry's. Since there is one writer, no two owners can pass that check for the same number.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use usher_core::EventId;

use super::columns::{id, id_of};
use super::database::Database;
use super::failure::{Failure, is_taken};
use crate::fail_point;
use crate::journal::chain::{self, Chain};
use crate::journal::entry::FIRST_PREV_HASH;
use crate::journal::{
    AppendError, ENTRIES_READ_MAX, EVENTS_READ_MAX, EntryHash, Journal, JournalError, SealedEntry, StoredSnapshot,
    Tenure,
};

/// [`Journal`] over SQLite.
pub(super) struct SqliteJournal {
    pub(super) database: Arc<Database>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    epoch: u64,
    seq: u64,
    hash: EntryHash,
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn take_over(&self, event: EventId) -> Result<Tenure, JournalError> {
        self.database.write(move |conn| take_over(conn, event)).await
    }

    async fn append(&self, event: EventId, entry: SealedEntry) -> Result<(), AppendError> {
        self.database.write_checked(move |conn| append(conn, event, &entry)).await
    }

    async fn read(&self, event: EventId, after_seq: u64, entries_max: usize) -> Result<Vec<SealedEntry>, JournalError> {
        self.database.read(move |conn| read(conn, event, after_seq, entries_max.min(ENTRIES_READ_MAX))).await
    }

    async fn events(&self, after: Option<EventId>, events_max: usize) -> Result<Vec<EventId>, JournalError> {
        let events_max = events_max.min(EVENTS_READ_MAX);
        let after = after.map_or(Vec::new(), |after| id(after.0).to_vec());
        self.database
            .read(move |conn| {
                // An empty blob sorts before every id.
                let mut select =
                    conn.prepare_cached("SELECT event FROM heads WHERE event > ?1 ORDER BY event LIMIT ?2")?;
                let events = select.query_map(params![after, events_max], |row| id_of(row, "event").map(EventId))?;
                Ok(events.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn put_snapshot(&self, event: EventId, snapshot: StoredSnapshot) -> Result<(), JournalError> {
        self.database.write(move |conn| put_snapshot(conn, event, &snapshot)).await
    }

    async fn snapshot(&self, event: EventId) -> Result<Option<StoredSnapshot>, JournalError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT seq, hash, bytes FROM snapshots WHERE event = ?1")?;
                let snapshot = select.query_row([id(event.0)], |row| {
                    Ok(StoredSnapshot { seq: row.get("seq")?, hash: row.get("hash")?, bytes: row.get("bytes")? })
                });
                Ok(snapshot.optional()?)
            })
            .await
    }
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotDone(what) => Self::NotWritten(what),
            Failure::Full => Self::StorageFull,
            Failure::Unknown(what) => Self::Unknown(what),
        }
    }
}

/// Before the commit: the transaction is rolled back, so nothing was written.
impl From<rusqlite::Error> for AppendError {
    fn from(error: rusqlite::Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<Failure> for JournalError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn head(conn: &Connection, event: EventId) -> rusqlite::Result<Option<Head>> {
    conn.prepare_cached("SELECT epoch, head_seq, head_hash FROM heads WHERE event = ?1")?
        .query_row([id(event.0)], |row| {
            Ok(Head { epoch: row.get("epoch")?, seq: row.get("head_seq")?, hash: row.get("head_hash")? })
        })
        .optional()
}

fn append(conn: &Connection, event: EventId, sealed: &SealedEntry) -> Result<(), AppendError> {
    let SealedEntry { entry, prev_hash, hash, bytes } = sealed;
    let head = head(conn, event)?.filter(|head| head.epoch == entry.epoch).ok_or(AppendError::Fenced)?;
    if head.seq == entry.seq && head.hash == *hash {
        // A repeat of the last append: its first try was committed though its answer was lost.
        return Ok(());
    }
    if head.seq.checked_add(1) != Some(entry.seq) || head.hash != *prev_hash {
        return Err(AppendError::NotWritten(format!("entry {} does not follow the head {}", entry.seq, head.seq)));
    }
    let inserted = conn
        .prepare_cached(
            "INSERT INTO entries (event, seq, epoch, prev_hash, hash, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id(event.0), entry.seq, entry.epoch, prev_hash, hash, bytes]);
    match inserted {
        // A row past the head that no append of this owner made: reloading cuts it.
        Err(error) if is_taken(&error) => return Err(AppendError::Fenced),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    fail_point!("journal.inserted");
    conn.prepare_cached("UPDATE heads SET head_seq = ?2, head_hash = ?3 WHERE event = ?1")?.execute(params![
        id(event.0),
        entry.seq,
        hash
    ])?;
    fail_point!("journal.head_moved");
    Ok(())
}

fn take_over(conn: &Connection, event: EventId) -> Result<Tenure, JournalError> {
    fail_point!("take_over.before");
    let Some(head) = head(conn, event)? else { return first_take_over(conn, event) };
    if head.seq > 0 {
        let last = row(conn, event, head.seq)?.ok_or_else(|| damaged(event, head.seq, "it is missing"))?;
        if last.hash != head.hash {
            return Err(damaged(event, head.seq, "it is not the entry that was acknowledged"));
        }
        // The link to the entry before is read's to verify; here only the last entry itself must be whole.
        Chain::after(event, head.seq - 1, last.prev_hash).pass(last)?;
    }
    let cut = conn.execute("DELETE FROM entries WHERE event = ?1 AND seq > ?2", params![id(event.0), head.seq])?;
    if cut > 0 {
        tracing::warn!(%event, head_seq = head.seq, cut, "entries past the acknowledged head were cut");
    }
    let epoch = head.epoch + 1;
    conn.execute("UPDATE heads SET epoch = ?2 WHERE event = ?1", params![id(event.0), epoch])?;
    fail_point!("take_over.raised");
    Ok(Tenure { epoch, head_seq: head.seq, head_hash: head.hash })
}

fn first_take_over(conn: &Connection, event: EventId) -> Result<Tenure, JournalError> {
    let orphans: bool =
        conn.query_row("SELECT EXISTS (SELECT 1 FROM entries WHERE event = ?1)", [id(event.0)], |row| row.get(0))?;
    if orphans {
        return Err(damaged(event, 1, "there are entries and no head"));
    }
    let tenure = Tenure { epoch: 1, head_seq: 0, head_hash: FIRST_PREV_HASH };
    conn.execute(
        "INSERT INTO heads (event, epoch, head_seq, head_hash) VALUES (?1, ?2, ?3, ?4)",
        params![id(event.0), tenure.epoch, tenure.head_seq, tenure.head_hash],
    )?;
    Ok(tenure)
}

pub(super) fn read(
    conn: &Connection,
    event: EventId,
    after_seq: u64,
    entries_max: usize,
) -> Result<Vec<SealedEntry>, JournalError> {
    let Some(head) = head(conn, event)?.filter(|head| head.seq > after_seq) else { return Ok(Vec::new()) };
    let mut chain = match after_seq {
        0 => Chain::start(event),
        _ => {
            let before = row(conn, event, after_seq)?.ok_or_else(|| damaged(event, after_seq, "it is missing"))?;
            Chain::after(event, after_seq, before.hash)
        }
    };
    let mut select = conn.prepare_cached(
        "SELECT seq, prev_hash, hash, bytes FROM entries WHERE event = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
    )?;
    let mut rows = select.query(params![id(event.0), after_seq, head.seq, entries_max])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(chain.pass(row_of(row)?)?);
    }
    if entries.len() < entries_max && chain.seq() < head.seq {
        return Err(damaged(event, chain.seq() + 1, "it is missing"));
    }
    if chain.seq() == head.seq && chain.hash() != head.hash {
        return Err(damaged(event, head.seq, "it is not the entry that was acknowledged"));
    }
    Ok(entries)
}

fn put_snapshot(conn: &Connection, event: EventId, snapshot: &StoredSnapshot) -> Result<(), JournalError> {
    conn.prepare_cached(
        "INSERT INTO snapshots (event, seq, hash, bytes) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (event) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, bytes = excluded.bytes
         WHERE excluded.seq >= snapshots.seq",
    )?
    .execute(params![id(event.0), snapshot.seq, snapshot.hash, snapshot.bytes])?;
    Ok(())
}

fn row(conn: &Connection, event: EventId, seq: u64) -> rusqlite::Result<Option<chain::Row>> {
    conn.prepare_cached("SELECT seq, prev_hash, hash, bytes FROM entries WHERE event = ?1 AND seq = ?2")?
        .query_row(params![id(event.0), seq], row_of)
        .optional()
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<chain::Row> {
    Ok(chain::Row {
        seq: row.get("seq")?,
        prev_hash: row.get("prev_hash")?,
        hash: row.get("hash")?,
        bytes: row.get("bytes")?,
    })
}

fn damaged(event: EventId, seq: u64, what: &str) -> JournalError {
    JournalError::Damaged { event, seq, what: what.to_owned() }
}
