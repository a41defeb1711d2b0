//! SQLite's stores: the conformance suites, and what a folder that is not as it should be leads to.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use usher_core::{OrderId, UnixMillis};
use usher_engine::adapters::sqlite::Folder;
use usher_engine::jobs::{LEASE_ENDED, Queue, Task};

use crate::accounts_conformance::every_account_store;
use crate::audit_log_conformance::every_audit_log;
use crate::catalogue_conformance::every_catalogue;
use crate::jobs_conformance::every_queue;
use crate::orders_conformance::{every_contact_store, every_views_store};
use crate::payments_conformance::{every_inbox, every_payments_store};

fn opened() -> (TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let kept = Folder::open(folder.path()).unwrap();
    (folder, kept)
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_accounts() {
    let (_folder, kept) = opened();
    every_account_store(kept.stores.accounts.as_ref()).await;
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_the_audit_log() {
    let (_folder, kept) = opened();
    every_audit_log(kept.stores.audit_log.as_ref()).await;
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_the_catalogue() {
    let (_folder, kept) = opened();
    every_catalogue(kept.stores.catalogue.as_ref()).await;
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_jobs() {
    let folders = Mutex::new(Vec::new());
    every_queue(async || -> Arc<dyn Queue> {
        let (folder, kept) = opened();
        folders.lock().unwrap().push(folder);
        let queue: Arc<dyn Queue> = kept.stores.jobs;
        queue
    })
    .await;
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_payments_and_the_inbox() {
    let (_folder, kept) = opened();
    every_payments_store(kept.stores.payments.as_ref()).await;
    every_inbox(kept.stores.inbox.as_ref()).await;
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_views_and_contacts() {
    let (_folder, kept) = opened();
    every_views_store(kept.stores.views.as_ref()).await;
    every_contact_store(kept.stores.contacts.as_ref()).await;
}

#[tokio::test]
async fn a_job_whose_worker_died_with_its_process_is_due_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (now, much_later) = (UnixMillis(1_000), UnixMillis(600_000));
    let queue = Folder::open(folder.path()).unwrap().stores.jobs;
    queue.enqueue(vec![Task::PrintTickets { order: OrderId(1) }.job(now)]).await.unwrap();
    assert_eq!(queue.claim(now, much_later, 9).await.unwrap().len(), 1);
    assert!(queue.claim(now, much_later, 9).await.unwrap().is_empty(), "it is leased");
    drop(queue);
    let queue = Folder::open(folder.path()).unwrap().stores.jobs;
    let again = queue.claim(now, much_later, 9).await.unwrap();
    assert_eq!((again.len(), again[0].failures_count, again[0].last_error.as_deref()), (1, 1, Some(LEASE_ENDED)));
}

#[test]
fn a_journal_that_is_gone_or_empty_beside_its_store_is_not_begun_anew() {
    for how in [|path: &Path| std::fs::remove_file(path).unwrap(), |path: &Path| std::fs::write(path, "").unwrap()] {
        let folder = tempfile::tempdir().unwrap();
        drop(Folder::open(folder.path()).unwrap());
        how(&folder.path().join("journal.db"));
        let error = Folder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("journal.db is gone or empty although store.db is there"), "{error}");
    }
}

#[test]
fn a_folder_is_created_with_its_parents_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("some/where");
    drop(Folder::open(&deep).unwrap());
    drop(Folder::open(&deep).unwrap());
}

#[test]
fn a_folder_in_use_is_refused_until_its_last_store_is_dropped() {
    let (folder, kept) = opened();
    let journal = Arc::clone(&kept.journal);
    drop(kept);
    let error = Folder::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    drop(journal);
    Folder::open(folder.path()).unwrap();
}

#[test]
fn a_file_in_the_folders_place_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    std::fs::write(&file, "x").unwrap();
    let error = Folder::open(&file).unwrap_err().to_string();
    assert!(error.contains("taken") && error.contains("cannot be created"), "{error}");
}

#[test]
fn a_file_that_is_no_database_or_of_another_kind_is_refused_by_name() {
    let (folder, kept) = opened();
    drop(kept);
    std::fs::copy(folder.path().join("views.db"), folder.path().join("store.db")).unwrap();
    let error = Folder::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("store.db is a database of something else"), "{error}");
    std::fs::write(folder.path().join("journal.db"), vec![b'x'; 8_192]).unwrap();
    let error = Folder::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("journal.db is not a database"), "{error}");
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let (folder, kept) = opened();
    drop(kept);
    let conn = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let error = Folder::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("store.db was written by a newer version"), "{error}");
}
