//! Opening a data folder: all files, all stores.

use std::path::Path;
use std::sync::Arc;

use super::database::Database;
use super::journal::SqliteJournal;
use super::lock::FolderLock;
use super::open::{Durability, FileSpec};
use crate::journal::Journal;
use crate::store::StoreError;

/// `PRAGMA application_id` of our files: "Ush" and a letter for the file.
const fn application_id(letter: u8) -> i32 {
    i32::from_be_bytes([b'U', b's', b'h', letter])
}

static JOURNAL: FileSpec = FileSpec {
    name: "journal.db",
    thread: "usher-journal",
    application_id: application_id(b'J'),
    durability: Durability::Full,
    migrations: &[include_str!("../../../../schema/sqlite/journal/0001_entries.sql")],
};

/// Everything that is kept in one data folder. Clones share the files; they are closed when the last store is dropped.
#[derive(Clone)]
pub struct Stores {
    /// What is true.
    pub journal: Arc<dyn Journal>,
}

impl Stores {
    /// Takes the folder for this process, creates what is not there yet and migrates what is older. Blocks; meant for
    /// the start of a program.
    ///
    /// # Errors
    /// The folder cannot be written to or is in use by another process, a file is not ours, is damaged or was written
    /// by a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let lock = Arc::new(FolderLock::take(folder)?);
        let journal = Database::open(&JOURNAL, folder, Arc::clone(&lock))?;
        Ok(Self { journal: Arc::new(SqliteJournal { database: journal }) })
    }
}
