//! The house: opens everything in order, runs what runs in the background, and stops it in order.
//!
//! The only place that knows all parts. Stores first, then events, then money, then what follows from facts; stopping
//! goes the other way. Tasks that outlive a request run on a runtime of the house, not on the threads that serve
//! requests: a driver's background tasks die with the runtime that made it.

mod forever;
mod journal;
mod money;
mod node;
mod parts;
mod schedule;
mod shared;
mod stores;
mod ticket_store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use usher_engine::clock::Clock;
use usher_engine::jobs::{Workers, WorkersConfig};
use usher_engine::orders::IsMine;
use usher_engine::payments::{InboxProcessor, Reconciler};

use crate::config::{Fault, Settings};
use crate::metrics;
use crate::sandbox;
use crate::state::AppState;

pub(crate) use journal::KEYSPACE_FILE;
pub(crate) use money::{key, open_sandbox};
pub use stores::{Kept, check_folder, folder as data_folder, lock_folder};

use parts::{Foundation, PayerLater};
use schedule::Schedule;
use shared::Shared;

/// Threads of the house's own runtime: drivers and followers wait more than they work.
const RUNTIME_THREADS: usize = 2;
/// How long the house waits for its own tasks when it stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A house with everything open.
pub struct House {
    state: AppState,
    shared: Shared,
    workers: Workers,
    inbox: InboxProcessor,
    reconciler: Reconciler,
    schedule: Schedule,
    payer_later: PayerLater,
    draining: watch::Sender<bool>,
    runtime: OwnRuntime,
}

impl House {
    /// Opens everything. `bound` is where the server listens. Call it where an actix system runs.
    ///
    /// # Errors
    /// Everything that cannot be opened.
    pub fn open(settings: Settings, bound: SocketAddr, clock: Clock) -> Result<Self, Vec<Fault>> {
        let one = |key: &str, what: String| vec![Fault { key: key.to_owned(), what }];
        let threads = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("house")
            .enable_all()
            .build()
            .map_err(|error| one("threads", error.to_string()))?;
        let handle = threads.handle().clone();
        let threads = OwnRuntime(Some(threads));
        // Before anything makes a series: one that is made without a recorder counts nothing for ever.
        let prometheus = metrics::install();
        let (kept, redis) = (Kept::open(&settings, &handle), shared::redis(&settings.redis, &handle));
        let (kept, redis) = match (kept, redis) {
            (Ok(kept), Ok(redis)) => (kept, redis),
            (kept, redis) => return Err(kept.err().into_iter().chain(redis.err()).collect()),
        };
        let shared = Shared::open(redis, &kept.stores.jobs, &settings);
        let jobs_config = WorkersConfig {
            jobs_at_once_max: settings.jobs.at_once_max,
            lease: settings.jobs.lease.0,
            back_off_max: settings.jobs.back_off_max.0,
            ..WorkersConfig::default()
        };
        let workers = Workers::new(Arc::clone(&shared.jobs), clock.clone(), jobs_config);
        let (draining, is_draining) = watch::channel(false);
        let foundation = Foundation { kept: &kept, shared: &shared, workers: &workers, runtime: &handle, prometheus };
        let opened = parts::open(settings, bound, clock, foundation, is_draining)?;
        Ok(Self {
            state: opened.state,
            shared,
            workers,
            inbox: opened.inbox,
            reconciler: opened.reconciler,
            schedule: opened.schedule,
            payer_later: opened.payer_later,
            draining,
            runtime: threads,
        })
    }

    /// What handlers share.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Starts what runs in the background.
    pub fn start(&self) {
        let runtime = &self.state.runtime;
        let (projector, payer) = (self.state.projector.clone(), self.state.payer.clone());
        let whose = self.state.events.clone();
        let is_mine: IsMine = Arc::new(move |event| {
            let whose = whose.clone();
            async move { !whose.is_elsewhere(event).await }.boxed()
        });
        forever::run(runtime, "projector", move || {
            let (projector, is_mine) = (projector.clone(), Arc::clone(&is_mine));
            async move { projector.run_for(&is_mine).await }
        });
        forever::run(runtime, "payments", move || {
            let payer = payer.clone();
            async move { payer.run().await }
        });
        let (inbox, reconciler) = (self.inbox.clone(), self.reconciler.clone());
        forever::run(runtime, "inbox", move || {
            let inbox = inbox.clone();
            async move { inbox.run().await }
        });
        forever::run(runtime, "reconciler", move || {
            let reconciler = reconciler.clone();
            async move { reconciler.run().await }
        });
        self.shared.start(&self.workers, runtime);
        let ticket_files = Arc::clone(&self.state.ticket_files);
        forever::run(runtime, "ticket_store", move || ticket_store::watch(Arc::clone(&ticket_files)));
        let (workers, back_office) = (self.workers.clone(), self.state.back_office.clone());
        forever::run(runtime, "jobs", move || {
            let (workers, back_office) = (workers.clone(), back_office.clone());
            async move {
                let perform = move |job| {
                    let back_office = back_office.clone();
                    async move { back_office.perform(job).await }
                };
                workers.run(perform).await;
            }
        });
        let (events, schedule, state) = (self.state.events.clone(), self.schedule.clone(), self.state.clone());
        forever::run(runtime, "events", move || {
            let events = events.clone();
            async move { events.run().await }
        });
        forever::run(runtime, "schedule", move || {
            let (schedule, state) = (schedule.clone(), state.clone());
            async move { schedule.run(&state).await }
        });
        if let Some(sandbox::Place::Here(sandbox)) = self.state.sandbox.clone() {
            forever::run(runtime, "sandbox", move || {
                let sandbox = sandbox.clone();
                async move { sandbox.run().await }
            });
        }
    }

    /// Says that the house is about to stop: it is no longer ready, live streams end, and other nodes take its events.
    pub fn begin_draining(&self) {
        let was_draining = self.draining.send_replace(true);
        if !was_draining {
            let events = self.state.events.clone();
            self.state.runtime.spawn(async move { events.hand_over().await });
        }
    }

    /// Stops everything, once the server answers nobody any more.
    pub async fn stop(mut self) {
        self.begin_draining();
        // Events first: after this nothing new becomes true. What follows from facts is taken up again at the next start.
        self.state.events.drain().await;
        if let Some(runtime) = self.runtime.0.take() {
            let stopped = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP_MAX)).await;
            if let Err(error) = stopped {
                tracing::error!(%error, "stopping the house's threads");
            }
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.payer_later.set(None);
    }
}

/// The house's threads, which must not be waited for where others run: a house that was not stopped, or never opened,
/// leaves them to themselves.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
