//! One SQLite file: a writer thread with a bounded queue, and a few reader threads on connections of their own.
//!
//! Callers are async and on any runtime; nothing here blocks them. Reads see a consistent state and never wait for the
//! writer. The threads end, and the file is closed, when the last handle is dropped.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::open::{FileSpec, open_reader, open_writer};
use super::writer::{self, Call, Write};
use crate::adapters::files::lock::FolderLock;
use crate::store::StoreError;

/// Writes that wait for the writer; a caller beyond waits for a place.
const WRITE_QUEUE_MAX: usize = 1_024;
/// Reads that wait for a reader; a caller beyond waits for a place.
const READ_QUEUE_MAX: usize = 256;
/// Reader threads of one file.
const READERS_COUNT: usize = 3;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A file that is open; shared by the stores that live in it.
pub(super) struct Database {
    writes: Option<mpsc::Sender<Box<dyn Write>>>,
    reads: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    _lock: Arc<FolderLock>,
}

impl Database {
    /// Opens, creates or migrates the file and starts its threads.
    pub(super) fn open(spec: &'static FileSpec, folder: &Path, lock: Arc<FolderLock>) -> Result<Arc<Self>, StoreError> {
        let path = folder.join(spec.name);
        let conn = open_writer(spec, &path)?;
        conn.execute_batch(spec.at_start)?;
        let (writes, write_queue) = mpsc::channel(WRITE_QUEUE_MAX);
        let (reads, read_queue) = mpsc::channel(READ_QUEUE_MAX);
        // From here on a failure drops `database`, which ends the threads that were started.
        let mut database = Self { writes: Some(writes), reads: Some(reads), threads: Vec::new(), _lock: lock };
        let read_queue = Arc::new(Mutex::new(read_queue));
        for _ in 0..READERS_COUNT {
            let conn = open_reader(&path)?;
            let queue = Arc::clone(&read_queue);
            database.start(&format!("{}-read", spec.thread), move || serve_reads(conn, &queue))?;
        }
        database.start(spec.thread, move || writer::run(spec, &path, conn, write_queue))?;
        Ok(Arc::new(database))
    }

    fn start(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|error| StoreError::Unavailable(format!("thread {name} cannot start: {error}")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Runs `work` in the writer's next transaction; an error undoes its changes and no others. Durable when it
    /// returns, as far as the file's [`super::open::Durability`] goes.
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.queue_write(work, true).await
    }

    /// As [`Database::write`], for work that makes all its checks before its first change: it saves the savepoint. An
    /// error after a change fails the whole commit.
    pub(super) async fn write_checked<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.queue_write(work, false).await
    }

    async fn queue_write<T, E, F>(&self, work: F, guarded: bool) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(Call { guarded, work: Some(work), done: None, reply });
        let queue = self.writes.as_ref().ok_or_else(|| Failure::NotDone("the file is closed".to_owned()))?;
        if queue.send(call).await.is_err() {
            return Err(Failure::NotDone("the writer has ended".to_owned()).into());
        }
        answer.await.unwrap_or_else(|_| Err(Failure::Unknown("the write ended in a panic".to_owned()).into()))
    }

    #[cfg(test)]
    pub(super) fn writes_queued_count(&self) -> usize {
        self.writes.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Runs `work` in a read transaction of its own.
    pub(super) async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + From<rusqlite::Error> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |conn| {
            // A caller who left does not want to know.
            let _ = reply.send(in_read_transaction(conn, work));
        });
        let queue = self.reads.as_ref().ok_or_else(|| Failure::NotDone("the file is closed".to_owned()))?;
        if queue.send(read).await.is_err() {
            return Err(Failure::NotDone("the readers have ended".to_owned()).into());
        }
        answer.await.unwrap_or_else(|_| Err(Failure::NotDone("the read ended in a panic".to_owned()).into()))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.writes = None;
        self.reads = None;
        // The lock on the folder must outlive the last write, so the threads are waited for.
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != thread::current().id()) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn in_read_transaction<T, E: From<rusqlite::Error>>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = conn.unchecked_transaction()?;
    let answer = work(&transaction);
    // Nothing was written, so there is nothing to lose; dropping it rolls back.
    drop(transaction);
    answer
}

fn serve_reads(conn: Connection, queue: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(read) = next else { return };
        // A panic is a bug of that read: its caller is told, and the next one finds a reader.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&conn)));
    }
}
