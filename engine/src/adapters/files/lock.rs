//! One process per data folder: two writers of one journal, or of one sandbox, in two processes would each believe their
//! own memory.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::store::StoreError;

/// The file whose lock stands for the folder.
const LOCK_FILE: &str = "usher.lock";

/// Holds the folder until it is dropped; the system drops it with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Creates the folder if need be and takes it.
    ///
    /// # Errors
    /// It cannot be created or written to, or another process has it.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let cannot = |what: &str, error: std::io::Error| {
            if error.kind() == std::io::ErrorKind::StorageFull {
                return StoreError::Full;
            }
            StoreError::Unavailable(format!("folder {} cannot be {what}: {error}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| cannot("created", error))?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK_FILE))
            .map_err(|error| cannot("written to", error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Unavailable(format!("folder {} is in use by another process", folder.display())))
            }
            Err(TryLockError::Error(error)) => Err(cannot("locked", error)),
        }
    }
}
