//! The printer: a few threads of its own that render, behind a bounded queue.
//!
//! A page takes about a millisecond of one core, a whole order longer: too long for a thread that also answers
//! requests. Who finds the queue full is told at once. A panic while rendering ends that document and nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tokio::sync::oneshot;
use usher_core::UnixMillis;

use super::fonts::Fonts;
use super::render::{RenderError, TicketPage, render};

/// How much is printed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrinterConfig {
    /// Threads that render.
    pub threads_count: usize,
    /// Documents that wait for a thread; one more is refused.
    pub waiting_max: usize,
}

impl Default for PrinterConfig {
    fn default() -> Self {
        Self { threads_count: 1, waiting_max: 256 }
    }
}

/// Tickets that make one document.
#[derive(Debug, Clone)]
pub struct PrintJob {
    /// Its pages.
    pub pages: Vec<TicketPage>,
    /// The time the document gives as its own.
    pub made_at: UnixMillis,
}

struct Request {
    job: PrintJob,
    reply: oneshot::Sender<Result<Bytes, RenderError>>,
}

/// The threads and their queue. Dropping it finishes what is under way and answers the rest with
/// [`RenderError::Closed`].
pub struct Printer {
    /// `None` once it is being dropped.
    queue: Option<SyncSender<Request>>,
    threads: Vec<JoinHandle<()>>,
}

impl Printer {
    /// Starts the threads, at least one.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(fonts: Arc<Fonts>, config: PrinterConfig) -> std::io::Result<Self> {
        Self::start_with(config, move |job| render(&job.pages, &fonts, job.made_at))
    }

    fn start_with(
        config: PrinterConfig,
        render: impl Fn(&PrintJob) -> Result<Vec<u8>, RenderError> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (queue, requests) = sync_channel(config.waiting_max);
        let (requests, render) = (Arc::new(Mutex::new(requests)), Arc::new(render));
        let start = |number: usize| {
            let (requests, render) = (Arc::clone(&requests), Arc::clone(&render));
            thread::Builder::new().name(format!("printer-{number}")).spawn(move || work(&requests, render.as_ref()))
        };
        let threads = (0..config.threads_count.max(1)).map(start).collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(queue), threads })
    }

    /// Renders a document.
    ///
    /// # Errors
    /// When it cannot be printed, or too many others wait.
    pub async fn render(&self, job: PrintJob) -> Result<Bytes, RenderError> {
        let (reply, answer) = oneshot::channel();
        match self.queue.as_ref().ok_or(RenderError::Closed)?.try_send(Request { job, reply }) {
            Ok(()) => answer.await.unwrap_or(Err(RenderError::Closed)),
            Err(TrySendError::Full(_)) => Err(RenderError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(RenderError::Closed),
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread catches its panics; one that died all the same has nothing left to finish.
            let _ = thread.join();
        }
    }
}

fn work(requests: &Mutex<Receiver<Request>>, render: &dyn Fn(&PrintJob) -> Result<Vec<u8>, RenderError>) {
    loop {
        // One thread at a time waits for work, holding the lock; it is released before the work begins.
        let Ok(Request { job, reply }) = requests.lock().unwrap_or_else(PoisonError::into_inner).recv() else { return };
        if reply.is_closed() {
            continue;
        }
        let rendered = catch_unwind(AssertUnwindSafe(|| render(&job)))
            .unwrap_or_else(|panic| Err(RenderError::Panicked(message_of(panic.as_ref()))));
        if let Err(RenderError::Panicked(message)) = &rendered {
            tracing::error!(message, order = ?job.pages.first().map(|page| page.order), "the ticket renderer panicked");
        }
        // Nobody may be waiting any more.
        let _ = reply.send(rendered.map(Bytes::from));
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn job() -> PrintJob {
        PrintJob { pages: Vec::new(), made_at: UnixMillis(0) }
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_the_thread_prints_on() {
        let calls = AtomicUsize::new(0);
        let printer = Printer::start_with(PrinterConfig { threads_count: 1, waiting_max: 4 }, move |_| {
            assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "the first document breaks");
            Ok(b"pdf".to_vec())
        });
        let printer = printer.unwrap();
        assert_eq!(printer.render(job()).await, Err(RenderError::Panicked("the first document breaks".to_owned())));
        assert_eq!(printer.render(job()).await.unwrap(), "pdf");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_loses_nothing_that_it_took() {
        let (open, gate) = sync_channel::<()>(0);
        let gate = Mutex::new(gate);
        let config = PrinterConfig { threads_count: 1, waiting_max: 2 };
        let printer = Printer::start_with(config, move |_| {
            gate.lock().unwrap().recv().unwrap();
            Ok(Vec::new())
        });
        let printer = Arc::new(printer.unwrap());
        let spawn = || {
            let printer = Arc::clone(&printer);
            tokio::spawn(async move { printer.render(job()).await })
        };
        // One under way and two waiting at most: of five, at least two are refused.
        let asked: Vec<_> = (0..5).map(|_| spawn()).collect();
        tokio::task::yield_now().await;
        let opener = thread::spawn(move || while open.send(()).is_ok() {});
        let mut printed_count = 0;
        for asked in asked {
            match asked.await.unwrap() {
                Ok(_) => printed_count += 1,
                Err(error) => assert_eq!(error, RenderError::Busy),
            }
        }
        assert!((2..=3).contains(&printed_count), "{printed_count}");
        drop(printer);
        opener.join().unwrap();
    }

    #[tokio::test]
    async fn what_the_renderer_refuses_comes_back_as_it_is() {
        let printer = Printer::start(Arc::new(Fonts::load(&[]).unwrap()), PrinterConfig::default()).unwrap();
        assert_eq!(printer.render(job()).await, Err(RenderError::PagesCount(0)));
    }
}
