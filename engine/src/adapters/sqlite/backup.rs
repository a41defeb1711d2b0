//! Copies of a data folder's files as they stood at one moment, while their owner goes on writing.
//!
//! A moment is one read transaction per file, all opened before anything is copied. SQLite gives no transaction over
//! several files, so the order of opening decides what the gap between them (well under a millisecond) can do. Each
//! file is opened before those that its rows rely on:
//!
//! 1. `views.db`: a checkpoint ahead of the journal would make the projector pass over entries. Behind, it catches up.
//! 2. `journal.db`: it names plans, contacts and payments, which are written before the fact that needs them.
//! 3. `store.db`: what it has beyond the journal (a contact, an intent that nobody was told of) is never asked for, or
//!    found by the reconciler.
//! 4. Whatever the caller adds: a provider knows at least what we have asked of it.
//!
//! Copying the files while somebody writes, as `cp` does, was refused: it tears pages and forgets the log beside them.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use usher_core::EventId;

use super::columns::id_of;
use super::journal::read;
use super::open::open_reader;
use crate::journal::{ENTRIES_READ_MAX, JournalError};
use crate::store::StoreError;

/// The files of a data folder, in the order in which a backup has to open them.
pub const FILES: [&str; 3] = ["views.db", "journal.db", "store.db"];

/// Several files as they stood at one moment. The files' logs cannot shrink while it lives.
pub struct Moment {
    files: Vec<(String, Connection)>,
}

impl Moment {
    /// Fixes the moment for the named files of a folder, in the given order.
    ///
    /// # Errors
    /// A file is not there, is no database, or cannot be read.
    pub fn take(folder: &Path, names: &[&str]) -> Result<Self, StoreError> {
        let open = |name: &&str| Ok(((*name).to_owned(), reader(&folder.join(name))?));
        let files: Vec<(String, Connection)> = names.iter().map(open).collect::<Result<_, StoreError>>()?;
        for (_, conn) in &files {
            // A transaction sees from its first read on.
            conn.execute_batch("BEGIN")?;
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        }
        Ok(Self { files })
    }

    /// Writes the files into another folder, synced. None of them may be there already.
    ///
    /// # Errors
    /// A file is there already, the disk is full, or reading failed.
    pub fn copy(self, to: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let mut copies = Vec::new();
        for (name, source) in self.files {
            let path = to.join(&name);
            if path.exists() {
                return Err(StoreError::Conflict("a file of that name is there already"));
            }
            let mut target = Connection::open(&path)?;
            let copied = Backup::new(&source, &mut target)?.step(-1)?;
            if copied != StepResult::Done {
                return Err(StoreError::Unavailable(format!("{name} could not be copied in one go: {copied:?}")));
            }
            target.close().map_err(|(_, error)| error)?;
            std::fs::File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
            copies.push(path);
        }
        Ok(copies)
    }
}

/// What walking a journal from its first entry to its last has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalCheck {
    /// Events whose every entry is there and fits the chain.
    pub sound_count: u64,
    /// Entries of those.
    pub entries_count: u64,
    /// The others, with what is wrong. They will refuse to run; the rest is not affected.
    pub damaged: Vec<(EventId, String)>,
}

/// Walks the hash chains of all events in a journal file that nobody else has open.
///
/// # Errors
/// The file cannot be read at all.
pub fn check_journal(file: &Path) -> Result<JournalCheck, StoreError> {
    check_pages(file)?;
    // Opened for writing, so that closing it tidies the log that reading has made.
    let conn = Connection::open(file)?;
    let mut select =
        conn.prepare("SELECT event FROM heads UNION SELECT event FROM entries WHERE seq = 1 ORDER BY event")?;
    let events: Vec<EventId> =
        select.query_map([], |row| id_of(row, "event").map(EventId))?.collect::<rusqlite::Result<_>>()?;
    drop(select);
    let mut check = JournalCheck::default();
    for event in events {
        match walk(&conn, event) {
            Ok(entries_count) => {
                check.sound_count += 1;
                check.entries_count += entries_count;
            }
            Err(error @ (JournalError::Damaged { .. } | JournalError::TooNew { .. })) => {
                check.damaged.push((event, error.to_string()));
            }
            Err(JournalError::Unavailable(what)) => return Err(StoreError::Unavailable(what)),
        }
    }
    Ok(check)
}

/// Checks that a file's pages fit together, whatever they hold. Nobody else may have it open.
///
/// # Errors
/// [`StoreError::Damaged`] says what does not fit.
pub fn check_pages(file: &Path) -> Result<(), StoreError> {
    let conn = Connection::open(file)?;
    let word: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if word == "ok" { Ok(()) } else { Err(StoreError::Damaged(format!("{}: {word}", file.display()))) }
}

fn walk(conn: &Connection, event: EventId) -> Result<u64, JournalError> {
    let mut seq = 0;
    loop {
        let entries = read(conn, event, seq, ENTRIES_READ_MAX)?;
        seq = entries.last().map_or(seq, |last| last.entry.seq);
        if entries.len() < ENTRIES_READ_MAX {
            let orphan: bool = conn.query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM heads WHERE event = ?1)",
                [super::columns::id(event.0)],
                |row| row.get(0),
            )?;
            let what = || "there are entries and no head".to_owned();
            return if orphan { Err(JournalError::Damaged { event, seq: 1, what: what() }) } else { Ok(seq) };
        }
    }
}

fn reader(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Unavailable(format!("{} is not there", path.display())));
    }
    open_reader(path)
}
