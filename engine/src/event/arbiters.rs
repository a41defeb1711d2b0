//! The few threads that event actors live on, in a system of their own.
//!
//! A system of their own, so that an event outlives the server that asked for it, and runs the same under any runtime.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use actix_rt::{Arbiter, ArbiterHandle, System, SystemRunner};
use tokio::sync::watch;

/// The threads; dropping them stops the actors on them.
pub(super) struct Arbiters {
    system: System,
    seats: Vec<ArbiterSeats>,
    /// Closes when the last thread has ended and every actor is gone.
    ended: watch::Receiver<()>,
}

struct ArbiterSeats {
    arbiter: ArbiterHandle,
    events_count: Arc<AtomicUsize>,
}

/// A place on an arbiter, given back when dropped.
pub(super) struct ArbiterSeat {
    events_count: Arc<AtomicUsize>,
}

impl Drop for ArbiterSeat {
    fn drop(&mut self) {
        self.events_count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Arbiters {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (ready, started) = mpsc::sync_channel(1);
        let (ending, ended) = watch::channel(());
        thread::Builder::new().name("usher-events".to_owned()).spawn(move || {
            let runner = System::new();
            let arbiters: io::Result<Vec<Arbiter>> =
                runner.block_on(async { (0..count.max(1)).map(|_| Arbiter::try_new()).collect() });
            match arbiters {
                Ok(arbiters) => {
                    let handles: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
                    let is_wanted = ready.send(Ok((System::current(), handles))).is_ok();
                    run(runner, arbiters, is_wanted);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
            drop(ending);
        })?;
        let (system, handles) = started.recv().map_err(io::Error::other)??;
        let seats = handles.into_iter().map(|arbiter| ArbiterSeats { arbiter, events_count: Arc::default() });
        Ok(Self { system, seats: seats.collect(), ended })
    }

    /// Stops the threads and returns when they have ended: nothing of an event holds a store open any more.
    pub(super) async fn stop(&self) {
        self.system.stop();
        let mut ended = self.ended.clone();
        // Nothing is ever sent: the channel closes.
        while ended.changed().await.is_ok() {}
    }

    /// The arbiter with the fewest events, so that a hot one has it to itself as long as there are enough.
    pub(super) fn seat(&self) -> (ArbiterHandle, ArbiterSeat) {
        let fewest = self.seats.iter().min_by_key(|seats| seats.events_count.load(Ordering::Acquire));
        let fewest = fewest.expect("there is at least one arbiter");
        fewest.events_count.fetch_add(1, Ordering::AcqRel);
        (fewest.arbiter.clone(), ArbiterSeat { events_count: Arc::clone(&fewest.events_count) })
    }
}

fn run(runner: SystemRunner, arbiters: Vec<Arbiter>, is_wanted: bool) {
    if !is_wanted {
        System::current().stop();
    }
    if let Err(error) = runner.run() {
        tracing::error!(%error, "the system of event actors ended");
    }
    for arbiter in arbiters {
        if arbiter.join().is_err() {
            tracing::error!("a thread of event actors panicked");
        }
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        self.system.stop();
    }
}
