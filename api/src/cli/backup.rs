//! `usher backup` and `usher restore`: a data folder copied while it is in use, and put back where there is none.
//!
//! A backup is a folder: the databases as of one moment (see [`usher_engine::adapters::sqlite::backup`] for the order
//! and why), then the files, then the keys, and a manifest with a digest per database. Files come after the databases
//! because a job is marked done after its file is written: every file that `store.db` takes for written is copied, and
//! one too many is what a repeated job finds. Both commands write beside the target and rename at the end, so that a
//! folder with the target's name is always whole; both walk every event's hash chain before they say so.
//!
//! What a restored house lacks of the views, tickets and mails follows from the journal at its start; payments that
//! moved on at the provider since are found by the reconciler.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use usher_engine::adapters::sqlite::backup::{FILES, JournalCheck, Moment, check_journal, check_pages};
use usher_engine::clock::Clock;
use usher_engine::store::StoreError;

use super::{Outcome, say};
use crate::config::Fault;
use crate::desk::hex;
use crate::house::KEYSPACE_FILE;

/// The sandbox's own memory; a house with a real provider has none.
const SANDBOX: &str = "sandbox.db";
/// What is copied file by file, in this order.
const FOLDERS: [&str; 3] = ["tickets", "outbox", KEYS];
const KEYS: &str = "keys";
const MANIFEST: &str = "backup.json";
const FORMAT: u32 = 1;
/// Files under these names are being written.
const UNFINISHED_PREFIX: &str = ".unfinished-";
/// Read at once while a digest is made.
const CHUNK_BYTES: usize = 1 << 20;

/// What a backup is.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    taken_at: String,
    version: String,
    databases: Vec<Database>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Database {
    name: String,
    sha256: String,
}

pub(super) fn backup(data: &Path, to: &Path) -> Outcome {
    let fault = |error: BackupError| vec![Fault { key: "backup".to_owned(), what: error.to_string() }];
    let check = take(data, to).map_err(fault)?;
    if !to.join(KEYS).exists() {
        say(&format!("There are no keys in {}: copy the folder that [keys] names, too.", data.join(KEYS).display()));
    }
    Ok(report("backed up", to, &check))
}

pub(super) fn restore(from: &Path, data: &Path) -> Outcome {
    let fault = |error: BackupError| vec![Fault { key: "restore".to_owned(), what: error.to_string() }];
    let check = put_back(from, data).map_err(fault)?;
    Ok(report("restored", data, &check))
}

fn report(done: &str, folder: &Path, check: &JournalCheck) -> ExitCode {
    let JournalCheck { sound_count, entries_count, damaged } = check;
    say(&format!("{sound_count} events with {entries_count} journal entries {done} in {}.", folder.display()));
    for (event, what) in damaged {
        say(&format!("DAMAGED, will refuse to run: {event}: {what}"));
    }
    if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Debug, thiserror::Error)]
enum BackupError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::File(path.clone(), error)
}

fn take(data: &Path, to: &Path) -> Result<JournalCheck, BackupError> {
    if to.exists() {
        return Err(BackupError::Refused(format!("{} is there already and is not overwritten", to.display())));
    }
    if let Ok(keyspace) = fs::read_to_string(data.join(KEYSPACE_FILE)) {
        // Restored without its journal it would sell every seat again.
        let what = format!(
            "its events are in the keyspace {}: back that up by the cluster's own means (nodetool snapshot on every \
             node), and copy the folder of keys",
            keyspace.trim()
        );
        return Err(BackupError::Refused(what));
    }
    let has_sandbox = data.join(SANDBOX).is_file();
    let names: Vec<&str> = FILES.into_iter().chain(has_sandbox.then_some(SANDBOX)).collect();
    let moment = Moment::take(data, &names)?;
    let taken_at = crate::timestamp::Timestamp(Clock::system().now()).to_string();
    built_beside(to, |unfinished| {
        let copies = moment.copy(unfinished)?;
        for folder in FOLDERS {
            copy_folder(&data.join(folder), &unfinished.join(folder))?;
        }
        let mut databases = Vec::new();
        for (name, copy) in names.iter().zip(&copies) {
            databases.push(Database { name: (*name).to_owned(), sha256: digest(copy)? });
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { format: FORMAT, taken_at, version, databases };
        let path = unfinished.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| BackupError::Refused(error.to_string()))?;
        fs::write(&path, text).and_then(|()| File::open(&path)?.sync_all()).map_err(at(&path))?;
        checked_copy(unfinished, &manifest)
    })
}

fn put_back(from: &Path, data: &Path) -> Result<JournalCheck, BackupError> {
    let is_empty = fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_none());
    if data.exists() && !is_empty {
        return Err(BackupError::Refused(format!("{} is not empty and is not overwritten", data.display())));
    }
    let path = from.join(MANIFEST);
    let text = fs::read(&path).map_err(at(&path))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| BackupError::Refused(format!("{} cannot be read: {error}", path.display())))?;
    if manifest.format != FORMAT {
        return Err(BackupError::Refused(format!("a backup of format {} is not known", manifest.format)));
    }
    built_beside(data, |unfinished| {
        for Database { name, .. } in &manifest.databases {
            if !FILES.contains(&name.as_str()) && name != SANDBOX {
                return Err(BackupError::Refused(format!("the manifest names {name}, which no backup has")));
            }
            copy_file(&from.join(name), &unfinished.join(name))?;
        }
        for folder in FOLDERS {
            copy_folder(&from.join(folder), &unfinished.join(folder))?;
        }
        for Database { name, sha256 } in &manifest.databases {
            if digest(&unfinished.join(name))? != *sha256 {
                return Err(BackupError::Refused(format!("{name} is not the file that was backed up")));
            }
        }
        checked_copy(unfinished, &manifest)
    })
}

/// Checks a copy without changing it for whoever compares digests later.
fn checked_copy(folder: &Path, manifest: &Manifest) -> Result<JournalCheck, BackupError> {
    for Database { name, .. } in manifest.databases.iter().filter(|database| database.name != FILES[1]) {
        check_pages(&folder.join(name))?;
    }
    Ok(check_journal(&folder.join(FILES[1]))?)
}

/// Builds a folder under another name beside its place, and renames it when it is whole.
fn built_beside<T>(place: &Path, build: impl FnOnce(&Path) -> Result<T, BackupError>) -> Result<T, BackupError> {
    let name = place.file_name().ok_or_else(|| BackupError::Refused(format!("{} has no name", place.display())))?;
    let beside = match place.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    fs::create_dir_all(&beside).map_err(at(&beside))?;
    let unfinished = beside.join(format!("{UNFINISHED_PREFIX}{}", name.to_string_lossy()));
    // What an earlier try has left; only these commands use such a name.
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
    }
    fs::DirBuilder::new().mode(0o700).create(&unfinished).map_err(at(&unfinished))?;
    let built = build(&unfinished).and_then(|built| {
        sync(&unfinished)?;
        fs::rename(&unfinished, place).map_err(at(place))?;
        sync(&beside)?;
        Ok(built)
    });
    if built.is_err() {
        // The reason is told; what stays is removed by the next try.
        let _ = fs::remove_dir_all(&unfinished);
    }
    built
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    if !from.exists() {
        return Ok(());
    }
    fs::DirBuilder::new().mode(0o700).create(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry.map_err(at(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(at(&source))?;
        if kind.is_dir() {
            copy_folder(&source, &target)?;
        } else if !entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
            copy_file(&source, &target)?;
        }
    }
    sync(to)
}

fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::copy(from, to).map_err(at(from))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o600)).map_err(at(to))?;
    sync(to)
}

/// Of a file or a folder.
fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}

fn digest(path: &Path) -> Result<String, BackupError> {
    let mut file = File::open(path).map_err(at(path))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk).map_err(at(path))? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&chunk[..read]),
        }
    }
}
