//! Opening a data folder: all files, all stores.

use std::path::Path;
use std::sync::Arc;

use super::accounts::SqliteAccounts;
use super::audit_log::SqliteAuditLog;
use super::catalogue::SqliteCatalogue;
use super::contacts::SqliteContacts;
use super::database::Database;
use super::inbox::SqliteInbox;
use super::jobs::SqliteJobs;
use super::journal::SqliteJournal;
use super::open::{Durability, FileSpec};
use super::orders::SqliteViews;
use super::payments::SqlitePayments;
use crate::adapters::files::lock::FolderLock;
use crate::journal::Journal;
use crate::store::StoreError;
use crate::stores::Stores;

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
    at_start: "",
};

static STORE: FileSpec = FileSpec {
    name: "store.db",
    thread: "usher-store",
    application_id: application_id(b'S'),
    durability: Durability::Full,
    migrations: &[
        include_str!("../../../../schema/sqlite/store/0001_store.sql"),
        include_str!("../../../../schema/sqlite/store/0002_audit_log.sql"),
    ],
    // The folder has one process, so whoever had leased these jobs is gone: nobody need wait for the lease to end.
    at_start: "UPDATE jobs SET due_at = run_at WHERE state = 'running'",
};

static VIEWS: FileSpec = FileSpec {
    name: "views.db",
    thread: "usher-views",
    application_id: application_id(b'V'),
    durability: Durability::Normal,
    migrations: &[include_str!("../../../../schema/sqlite/views/0001_views.sql")],
    at_start: "",
};

/// Everything that is kept in one data folder. Clones share the files; they are closed, and the folder is free for
/// another process, when the last store is dropped.
#[derive(Clone)]
pub struct Folder {
    /// What is true.
    pub journal: Arc<dyn Journal>,
    /// Everything else.
    pub stores: Stores,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").finish_non_exhaustive()
    }
}

impl Folder {
    /// Takes the folder for this process, creates what is not there yet and migrates what is older. Blocks; meant for
    /// the start of a program.
    ///
    /// # Errors
    /// The folder cannot be written to or is in use by another process, a file is not ours, is damaged, was written by
    /// a newer version, or is gone while the others are there.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let lock = Arc::new(FolderLock::take(folder)?);
        refuse_half_a_folder(folder)?;
        let journal = Database::open(&JOURNAL, folder, Arc::clone(&lock))?;
        let store = Database::open(&STORE, folder, Arc::clone(&lock))?;
        let views = Database::open(&VIEWS, folder, lock)?;
        let stores = Stores {
            accounts: Arc::new(SqliteAccounts { database: Arc::clone(&store) }),
            catalogue: Arc::new(SqliteCatalogue { database: Arc::clone(&store) }),
            views: Arc::new(SqliteViews { database: views }),
            contacts: Arc::new(SqliteContacts { database: Arc::clone(&store) }),
            payments: Arc::new(SqlitePayments { database: Arc::clone(&store) }),
            inbox: Arc::new(SqliteInbox { database: Arc::clone(&store) }),
            jobs: Arc::new(SqliteJobs { database: Arc::clone(&store) }),
            audit_log: Arc::new(SqliteAuditLog { database: store }),
        };
        Ok(Self { journal: Arc::new(SqliteJournal { database: journal }), stores })
    }
}

/// An empty journal beside events that were sold would sell them all again. The journal is made first, so it cannot be
/// younger than the store.
fn refuse_half_a_folder(folder: &Path) -> Result<(), StoreError> {
    let is_there = |spec: &FileSpec| folder.join(spec.name).metadata().is_ok_and(|file| file.len() > 0);
    if is_there(&STORE) && !is_there(&JOURNAL) {
        let (folder, lost, kept) = (folder.display(), JOURNAL.name, STORE.name);
        return Err(StoreError::Damaged(format!("{folder}: {lost} is gone or empty although {kept} is there")));
    }
    Ok(())
}
