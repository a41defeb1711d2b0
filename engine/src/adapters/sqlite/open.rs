//! Opening a file: is it ours, is it of this version, and is it set up for durability.
//!
//! Migrations are plain SQL under `schema/sqlite`, numbered by their position; `PRAGMA user_version` counts those that
//! were applied, each in a transaction of its own. A file of a later version is refused: an older program would write
//! rows that the newer one does not expect.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::fail_point;
use crate::store::StoreError;

/// How long a statement waits for a lock. Only a checkpoint beside a long read ever makes it wait.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// The write-ahead log is cut back to this after a checkpoint.
const WAL_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Pages of write-ahead log after which a file that can be rebuilt is checkpointed: 32 MiB. Its rows lie in no order, so
/// the same pages are written again and again; SQLite's own 1,000 pages made checkpoints a third of all its work.
const REBUILDABLE_WAL_PAGES: i64 = 8 * 1024;
/// Page cache of one connection, in KiB as SQLite counts it.
const CACHE_KIB: i64 = 16 * 1024;

/// How far a commit goes before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Each commit is synced: it survives a power cut.
    Full,
    /// Commits are synced at checkpoints: a power cut may take the last ones, never a half.
    Normal,
}

/// What a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileSpec {
    /// Its name in the data folder.
    pub(super) name: &'static str,
    /// Its writer thread's name.
    pub(super) thread: &'static str,
    /// Tells our files apart, and from those of others (`PRAGMA application_id`).
    pub(super) application_id: i32,
    /// How far a commit goes.
    pub(super) durability: Durability,
    /// All migrations, oldest first.
    pub(super) migrations: &'static [&'static str],
    /// Run once when a process has taken the folder, and not when the file is reopened.
    pub(super) at_start: &'static str,
}

/// Opens the one connection that writes, creating and migrating the file as needed.
pub(super) fn open_writer(spec: &FileSpec, path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
    set_up(spec, &conn).map_err(|error| cannot_open(path, &error))?;
    migrate(spec, path, &conn)?;
    // Also what makes a reopening safe: pages that a failed sync left only in the machine's cache are written anew.
    fail_point!("open.before_checkpoint", spec.name);
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(|error| cannot_open(path, &error))?;
    fail_point!("open.checkpointed", spec.name);
    Ok(conn)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY_MAX)?;
        conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(conn)
    };
    open().map_err(|error| cannot_open(path, &error))
}

fn set_up(spec: &FileSpec, conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_MAX)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = match spec.durability {
        Durability::Full => "full",
        Durability::Normal => "normal",
    };
    conn.pragma_update(None, "synchronous", synchronous)?;
    if spec.durability == Durability::Normal {
        conn.pragma_update_and_check(None, "wal_autocheckpoint", REBUILDABLE_WAL_PAGES, |_| Ok(()))?;
    }
    // Where a plain fsync does not reach the platter (macOS); elsewhere it changes nothing.
    conn.pragma_update(None, "fullfsync", spec.durability == Durability::Full)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_MAX, |_| Ok(()))
}

fn migrate(spec: &FileSpec, path: &Path, conn: &Connection) -> Result<(), StoreError> {
    let cannot = |error: rusqlite::Error| cannot_open(path, &error);
    let version: usize = conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(cannot)?;
    let id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(cannot)?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(cannot)?;
    if id != spec.application_id && !(id == 0 && version == 0 && tables == 0) {
        return Err(StoreError::Damaged(format!("{} is a database of something else", path.display())));
    }
    let known = spec.migrations.len();
    if version > known {
        return Err(StoreError::Unavailable(format!(
            "{} was written by a newer version of this program (schema {version}, known up to {known})",
            path.display()
        )));
    }
    for (done, sql) in spec.migrations.iter().enumerate().skip(version) {
        let applied = conn.execute_batch(&format!(
            "BEGIN IMMEDIATE; {sql}; PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;",
            spec.application_id,
            done + 1
        ));
        if let Err(error) = applied {
            // The reason is the first error; that the rollback worked is seen by closing the connection.
            let _ = conn.execute_batch("ROLLBACK");
            return Err(cannot(error));
        }
    }
    Ok(())
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::NotADatabase) => StoreError::Damaged(format!("{path} is not a database")),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged(format!("{path}: {error}")),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Unavailable(format!("{path} cannot be opened for writing: {error}"))
        }
        Some(_) | None => StoreError::Unavailable(format!("{path} cannot be opened: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: FileSpec = FileSpec {
        name: "t.db",
        thread: "t",
        application_id: 7,
        durability: Durability::Full,
        migrations: &["CREATE TABLE a (x)", "CREATE TABLE b (x)"],
        at_start: "",
    };

    fn version(conn: &Connection) -> usize {
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn migrations_are_applied_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let older = FileSpec { migrations: &SPEC.migrations[..1], ..SPEC };
        assert_eq!(version(&open_writer(&older, &path).unwrap()), 1);
        for _ in 0..2 {
            let conn = open_writer(&SPEC, &path).unwrap();
            assert_eq!(version(&conn), 2);
            conn.execute_batch("SELECT x FROM a; SELECT x FROM b;").unwrap();
        }
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        drop(open_writer(&SPEC, &path).unwrap());
        let older = FileSpec { migrations: &SPEC.migrations[..1], ..SPEC };
        let error = open_writer(&older, &path).unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
        assert_eq!(version(&open_writer(&SPEC, &path).unwrap()), 2);
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(open_writer(&SPEC, &path), Err(StoreError::Damaged(_))));
        std::fs::write(&path, vec![b'x'; 4096]).unwrap();
        let error = open_writer(&SPEC, &path).unwrap_err().to_string();
        assert!(error.contains("is not a database"), "{error}");
    }

    #[test]
    fn a_failed_migration_leaves_the_version_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let broken = FileSpec { migrations: &["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"], ..SPEC };
        assert!(open_writer(&broken, &path).is_err());
        assert_eq!(version(&open_writer(&SPEC, &path).unwrap()), 2);
    }
}
