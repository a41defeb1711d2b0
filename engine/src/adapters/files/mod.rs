//! Plain folders: tickets as PDF files, mails as `.eml` files, keys as key files; the data folder itself.
//!
//! Each file appears whole or not at all, survives a power cut once written, and is never replaced: it is written under
//! a temporary name, synced, linked to its own name (which fails when that is taken), and the folder is synced. A plain
//! rename would silently replace what another writer put there first.

pub mod keys;
pub mod lock;
pub mod outbox;
pub mod tickets;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::fail_point;
use crate::ids;
use crate::store::StoreError;

const UNFINISHED_PREFIX: &str = ".unfinished-";

/// A temporary file older than this was left by a crash: no write takes so long.
const UNFINISHED_AGE_MAX: Duration = Duration::from_secs(3_600);

/// Creates a folder that only its owner can read, with its parents, and removes what a crash left in it.
fn open_folder(folder: &Path) -> Result<(), StoreError> {
    let open = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                unless_gone(remove_if_old(&entry))?;
            }
        }
        Ok(())
    };
    open().map_err(|error| failed(folder, error))
}

fn remove_if_old(entry: &fs::DirEntry) -> io::Result<()> {
    let age = SystemTime::now().duration_since(entry.metadata()?.modified()?).unwrap_or_default();
    if age > UNFINISHED_AGE_MAX { fs::remove_file(entry.path()) } else { Ok(()) }
}

/// Another process that uses the folder may just have finished its file.
fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Writes a new file (mode 0600) durably; answers `false` and changes nothing when the name is taken.
fn put_new(folder: &Path, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
    let unfinished = folder.join(format!("{UNFINISHED_PREFIX}{:032x}", ids::fresh()));
    let put = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        fail_point!("file.written");
        file.sync_all()?;
        fail_point!("file.synced");
        let linked = fs::hard_link(&unfinished, folder.join(name));
        fail_point!("file.linked");
        fs::remove_file(&unfinished)?;
        let first = match linked {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        // Also when another was first: its writer may not have synced the folder yet.
        File::open(folder)?.sync_all()?;
        fail_point!("file.kept");
        Ok(first)
    };
    put().map_err(|error| failed(&folder.join(name), error))
}

/// A whole file, or `None` when there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, error)),
    }
}

fn failed(path: &Path, error: io::Error) -> StoreError {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::Full;
    }
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StoreError::Unavailable(format!("file work ended early: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_of_many_writers_wins_and_nothing_unfinished_stays() {
        let folder = tempfile::tempdir().unwrap();
        let firsts: Vec<(u8, bool)> = std::thread::scope(|scope| {
            let write = |byte| {
                let path = folder.path();
                scope.spawn(move || (byte, put_new(path, "one", &[byte; 4096]).unwrap()))
            };
            let writers: Vec<_> = (0..8).map(write).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winners: Vec<u8> = firsts.iter().filter(|(_, first)| *first).map(|(byte, _)| *byte).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(read(&folder.path().join("one")).unwrap().unwrap(), vec![winners[0]; 4096]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_opened_while_others_finish_files_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = folder.path();
                scope.spawn(move || (0..50).all(|n| put_new(path, &format!("{writer}-{n}"), b"x").unwrap()));
            }
            for _ in 0..500 {
                open_folder(folder.path()).unwrap();
            }
        });
    }

    #[test]
    fn files_and_folders_are_for_their_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("keys");
        open_folder(&folder).unwrap();
        put_new(&folder, "secret", b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("secret"))), (0o700, 0o600));
    }

    #[test]
    fn what_a_crash_left_is_removed_and_a_running_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (old, young) = (folder.path().join(".unfinished-a"), folder.path().join(".unfinished-b"));
        let long_ago = SystemTime::now() - 2 * UNFINISHED_AGE_MAX;
        File::create(&old).unwrap().set_modified(long_ago).unwrap();
        File::create(&young).unwrap();
        open_folder(folder.path()).unwrap();
        assert!(!old.exists() && young.exists());
    }
}
