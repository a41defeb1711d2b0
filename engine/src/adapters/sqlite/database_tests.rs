//! What a writer's failures lead to: no room, a failed commit, a panic, a write that fails halfway.

use std::sync::Arc;

use futures_util::future::join;
use rusqlite::Connection;
use tempfile::TempDir;

use super::database::Database;
use super::failure::Failure;
use super::open::{Durability, FileSpec};
use crate::adapters::files::lock::FolderLock;

/// The deferred reference is checked at the commit: the one way to make a commit fail without breaking the disk.
static SPEC: FileSpec = FileSpec {
    name: "test.db",
    thread: "usher-test",
    application_id: 1,
    durability: Durability::Full,
    migrations: &[
        "CREATE TABLE words (word TEXT PRIMARY KEY, likes TEXT REFERENCES words DEFERRABLE INITIALLY DEFERRED)",
    ],
    at_start: "",
};

fn database() -> (TempDir, Arc<Database>) {
    let folder = tempfile::tempdir().unwrap();
    let lock = Arc::new(FolderLock::take(folder.path()).unwrap());
    let database = Database::open(&SPEC, folder.path(), lock).unwrap();
    (folder, database)
}

fn say(conn: &Connection, word: &str) -> Result<(), Failure> {
    conn.execute("INSERT INTO words (word) VALUES (?1)", [word])?;
    Ok(())
}

async fn words(database: &Database) -> Vec<String> {
    database
        .read(|conn| {
            let mut select = conn.prepare("SELECT word FROM words ORDER BY word")?;
            let words = select.query_map([], |row| row.get(0))?;
            Ok::<_, Failure>(words.collect::<rusqlite::Result<_>>()?)
        })
        .await
        .unwrap()
}

/// Keeps the writer busy until both writes wait, so that they share a commit.
async fn together<A, B>(
    database: &Database,
    one: impl FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    two: impl FnOnce(&Connection) -> Result<B, Failure> + Send + 'static,
    guarded: bool,
) -> (Result<A, Failure>, Result<B, Failure>)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let blocker = database.write(move |_| {
        let _ = started.send(());
        let _ = released.recv();
        Ok::<_, Failure>(())
    });
    let both = async {
        let _ = has_started.await;
        if guarded {
            join(database.write(one), database.write(two)).await
        } else {
            join(database.write_checked(one), database.write_checked(two)).await
        }
    };
    let both = async {
        tokio::pin!(both);
        // Once polled after the blocker has started, both writes are in the queue.
        while database.writes_queued_count() < 2 {
            assert!(futures_util::poll!(both.as_mut()).is_pending(), "the blocker holds the writer");
            tokio::task::yield_now().await;
        }
        let _ = release.send(());
        both.await
    };
    let (blocked, answers) = join(blocker, both).await;
    blocked.unwrap();
    answers
}

#[tokio::test]
async fn a_write_that_fails_is_undone_and_its_neighbours_are_kept() {
    let (_folder, database) = database();
    let fails = |conn: &Connection| {
        say(conn, "halfway")?;
        Err::<(), _>(Failure::NotDone("changed my mind".to_owned()))
    };
    let (kept, undone) = together(&database, |conn| say(conn, "kept"), fails, true).await;
    assert_eq!((kept, undone), (Ok(()), Err(Failure::NotDone("changed my mind".to_owned()))));
    assert_eq!(words(&database).await, ["kept"]);
}

#[tokio::test]
async fn a_checked_write_that_fails_halfway_fails_its_commit_and_nobody_is_told_otherwise() {
    let (_folder, database) = database();
    let fails = |conn: &Connection| {
        say(conn, "halfway")?;
        Err::<(), _>(Failure::Full)
    };
    let (neighbour, culprit) = together(&database, |conn| say(conn, "lost"), fails, false).await;
    assert!(matches!(neighbour, Err(Failure::NotDone(_))), "{neighbour:?}");
    assert_eq!(culprit, Err(Failure::Full));
    assert!(words(&database).await.is_empty());
    database.write_checked(|conn| say(conn, "next")).await.unwrap();
    assert_eq!(words(&database).await, ["next"]);
}

#[tokio::test]
async fn a_failed_commit_is_unknown_to_all_and_the_file_is_reopened() {
    let (_folder, database) = database();
    let dangling = |conn: &Connection| {
        conn.execute("INSERT INTO words VALUES ('one', 'nobody')", [])?;
        Ok(())
    };
    let refused = |_: &Connection| Err::<(), _>(Failure::NotDone("no".to_owned()));
    let (written, refused) = together(&database, dangling, refused, true).await;
    assert!(matches!(written, Err(Failure::Unknown(_))), "{written:?}");
    assert!(matches!(refused, Err(Failure::NotDone(_))), "{refused:?}");
    database.write(|conn| say(conn, "after")).await.unwrap();
    assert_eq!(words(&database).await, ["after"]);
}

#[tokio::test]
async fn a_full_disk_is_certain_and_a_smaller_write_succeeds_later() {
    let (_folder, database) = database();
    let pages_max = |pages: u32| {
        move |conn: &Connection| {
            conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            Ok::<_, Failure>(())
        }
    };
    database.write(pages_max(8)).await.unwrap();
    let large = "x".repeat(1_000_000);
    let full = database.write(move |conn| say(conn, &large)).await;
    assert_eq!(full, Err(Failure::Full));
    database.write(|conn| say(conn, "small")).await.unwrap();
    assert_eq!(words(&database).await, ["small"]);
}

#[tokio::test]
async fn a_panic_takes_its_commit_and_not_the_writer() {
    let (_folder, database) = database();
    let panics = |conn: &Connection| -> Result<(), Failure> {
        say(conn, "halfway")?;
        panic!("a bug in a write")
    };
    let told = database.write(panics).await;
    assert!(matches!(told, Err(Failure::Unknown(_))), "{told:?}");
    database.write(|conn| say(conn, "after")).await.unwrap();
    assert_eq!(words(&database).await, ["after"]);
}

#[tokio::test]
async fn a_panic_in_a_read_is_told_and_reading_goes_on() {
    let (_folder, database) = database();
    for _ in 0..10 {
        let told = database.read(|_| -> Result<(), Failure> { panic!("a bug in a read") }).await;
        assert!(matches!(told, Err(Failure::NotDone(_))), "{told:?}");
    }
    assert!(words(&database).await.is_empty());
}
