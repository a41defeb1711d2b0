//! One process: everything that the house joins in production, over simulated stores, wired by one scheduler.
//!
//! A process believes the wall clock that it finds when it starts, and after that its own monotonic one. It ends by a
//! crash, which drops all that is here, or in good order, which keeps a snapshot.

mod counter;
mod event;
mod followers;
mod handle;
mod office;

use std::sync::Arc;

use tokio::sync::Notify;
use usher_core::plan::Layout;
use usher_core::{EventId, UnixMillis};
use usher_engine::checkout::{Runner, RunnerParts};
use usher_engine::clock::Clock;
use usher_engine::event::load::{Heavy, Loader};
use usher_engine::event::{Plan, Plans, Sole};
use usher_engine::jobs::{Workers, WorkersConfig};
use usher_engine::journal::Journal;
use usher_engine::orders::{Projector, ProjectorParts};
use usher_engine::payments::webhook::WebhookSecret;
use usher_engine::payments::{InboxParts, InboxProcessor, Intake, IntakeSettings, Reconciler, ReconcilerParts};

use crate::executor::{ProcId, Sim};
use crate::faults::{Faults, Line};
use crate::rows::SimJournal;
use crate::stores::Stores;
use crate::stripe::SimGateway;
use crate::world::Outside;
use event::Actor;
pub(crate) use handle::Handle;

pub(crate) use counter::{Failed, currency};

/// The one event of a simulated world.
pub(crate) const EVENT: EventId = EventId(1);
/// The plan's digest.
pub(crate) const DIGEST: [u8; 32] = [7; 32];
/// What the provider signs with.
pub(crate) const SECRET: &str = "whsec_simulated";

/// A running process; clones share it.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) process: ProcId,
    pub(crate) sim: Sim,
    pub(crate) handle: Handle,
    stores: Stores,
    runner: Runner,
    intake: Intake,
}

/// What a process is started with.
pub(crate) struct HouseSpec {
    pub(crate) process: ProcId,
    /// How far the wall clock is from true time.
    pub(crate) offset_ms: i64,
    pub(crate) clustered: bool,
}

impl House {
    /// Starts a process.
    pub(crate) fn start(outside: &Outside, spec: &HouseSpec) -> Self {
        let Outside { sim, faults, bug, .. } = outside;
        let process = spec.process;
        let now = UnixMillis(sim.now().0.saturating_add(spec.offset_ms));
        let clock = Clock::manual(now);
        sim.keep_clock(process, clock.clone(), spec.offset_ms);
        let line = Line { sim: sim.clone(), process, faults: Faults::clone(faults) };
        let stores = Stores {
            line: line.clone(),
            durable: outside.durable.clone(),
            audit: outside.audit.clone(),
            stripe: outside.stripe.clone(),
            bug: *bug,
        };
        let journal: Arc<dyn Journal> = Arc::new(SimJournal {
            line: line.clone(),
            rows: outside.rows.clone(),
            event: EVENT,
            clock: clock.clone(),
            offset_ms: spec.offset_ms,
            clustered: spec.clustered,
        });
        let workers = Workers::new(Arc::new(stores.clone()), clock.clone(), WorkersConfig::default());
        let handle = Handle::new(outside, process);
        let runner = Runner::new(RunnerParts {
            desk: handle.desk(),
            payments: Arc::new(stores.clone()),
            views: Arc::new(stores.clone()),
            gateway: Arc::new(SimGateway { line: line.clone(), stripe: outside.stripe.clone(), bug: *bug }),
            clock: clock.clone(),
        });
        let told = runner.clone();
        let projector = Projector::new(ProjectorParts {
            journal: Arc::clone(&journal),
            views: Arc::new(stores.clone()),
            queue: Arc::new(stores.clone()),
            on_orders: Arc::new(move |event, orders| orders.iter().for_each(|order| told.wake(event, *order))),
        });
        let bell = Arc::new(Notify::new());
        let settings = IntakeSettings { secrets: vec![WebhookSecret::new(SECRET.to_owned())], livemode: false };
        let intake = Intake::new(settings, Arc::new(stores.clone()), clock.clone(), Arc::clone(&bell));
        let house = Self { process, sim: sim.clone(), handle: handle.clone(), stores: stores.clone(), runner, intake };
        let loader = Loader {
            journal: Arc::clone(&journal),
            plans: plans(&outside.layout),
            // Its journal's lease decides here who may take over.
            ownership: Arc::new(Sole),
            heavy: Heavy::Here,
        };
        Actor::start(outside, handle, clock.clone(), loader, projector.clone());
        let inbox = InboxProcessor::new(InboxParts {
            inbox: Arc::new(stores.clone()),
            payments: Arc::new(stores.clone()),
            gateway: Arc::new(SimGateway { line, stripe: outside.stripe.clone(), bug: *bug }),
            runner: house.runner.clone(),
            clock: clock.clone(),
            bell,
        });
        let reconciler =
            Reconciler::new(ReconcilerParts { runner: house.runner.clone(), journal, catalogue: Arc::new(stores) });
        house.follow(clock, projector, inbox, reconciler, workers);
        house
    }
}

fn plans(layout: &Arc<Layout>) -> Plans {
    let layout = Arc::clone(layout);
    Arc::new(move |_| {
        let plan = Plan { layout: Arc::clone(&layout), digest: DIGEST };
        Box::pin(std::future::ready(Ok(plan)))
    })
}
