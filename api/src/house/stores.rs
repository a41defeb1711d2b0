//! The stores a house works with, opened as the settings say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use usher_engine::adapters::cql::Cluster;
use usher_engine::adapters::files::lock::FolderLock;
use usher_engine::adapters::sqlite;
use usher_engine::journal::Journal;
use usher_engine::stores::Stores;

use super::journal;
use crate::config::{Fault, Settings, StoresSettings};

/// Everything durable.
#[derive(Clone)]
pub struct Kept {
    /// Decisions.
    pub journal: Arc<dyn Journal>,
    /// Everything else.
    pub stores: Stores,
    /// The cluster that the journal, and perhaps everything else, is in.
    pub cluster: Option<Arc<Cluster>>,
}

impl Kept {
    /// Brings everything to this version; tells what was changed in a cluster.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn migrate(settings: &Settings, home: &Handle) -> Result<Vec<&'static str>, Fault> {
        let applied = journal::migrate(&settings.journal, home)?;
        // Opening brings files to this version.
        Self::open(settings, home)?;
        Ok(applied)
    }

    /// Opens them, making and migrating what has to be in files. The drivers of servers live on `home`.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn open(settings: &Settings, home: &Handle) -> Result<Self, Fault> {
        match &settings.stores {
            StoresSettings::Sqlite { folder } => {
                journal::check_own_stores(folder)?;
                let own = sqlite::Folder::open(folder).map_err(|error| fault(folder, &error.to_string()))?;
                let opened = journal::open(&settings.journal, folder, own.journal, home)?;
                Ok(Self { journal: opened.journal, stores: own.stores, cluster: opened.cluster })
            }
            StoresSettings::Cql { folder } => {
                let (opened, stores) = journal::open_with_stores(&settings.journal, folder, home)?;
                Ok(Self { journal: opened.journal, stores, cluster: opened.cluster })
            }
        }
    }
}

/// The folder that files beside the stores go into.
#[must_use]
pub fn folder(settings: &StoresSettings) -> PathBuf {
    match settings {
        StoresSettings::Sqlite { folder } | StoresSettings::Cql { folder } => folder.clone(),
    }
}

/// The folder that keys are in.
#[must_use]
pub(super) fn keys_folder(settings: &Settings) -> PathBuf {
    let named = &settings.keys.folder;
    if named.as_os_str().is_empty() { folder(&settings.stores).join("keys") } else { named.clone() }
}

/// Takes the folder for a process that serves, where the stores in it do not do so themselves. Without it two could
/// keep one sandbox.
///
/// # Errors
/// Another process has it.
pub fn lock_folder(settings: &StoresSettings) -> Result<Option<FolderLock>, Fault> {
    match settings {
        StoresSettings::Sqlite { .. } => Ok(None),
        StoresSettings::Cql { folder } => {
            let lock = FolderLock::take(folder).map_err(|error| fault(folder, &error.to_string()))?;
            Ok(Some(lock))
        }
    }
}

/// Whether the folder can be used at all; opens nothing and leaves nothing behind.
///
/// # Errors
/// It cannot.
pub fn check_folder(settings: &StoresSettings) -> Result<(), Fault> {
    let folder = folder(settings);
    let was_there = folder.exists();
    std::fs::create_dir_all(&folder).map_err(|error| fault(&folder, &error.to_string()))?;
    if !was_there {
        // It is empty and would only look like a store; the next start makes it again.
        let _ = std::fs::remove_dir(&folder);
    }
    Ok(())
}

/// A folder that cannot be used.
#[must_use]
pub(super) fn fault(folder: &Path, what: &str) -> Fault {
    Fault { key: format!("stores.folder {}", folder.display()), what: what.to_owned() }
}
