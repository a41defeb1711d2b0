//! All running events of this process: loaded on demand, unloaded when idle.
//!
//! Callers who come while an event loads share the load, and its failure. An event that cannot be loaded is remembered
//! with its reason, and the others run on. A dead actor (a fault in the shell itself) is replaced, with a pause that grows.

mod unload;
mod verification;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use actix::Supervisor;
use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use usher_core::{Command, EventId, HoldId, HoldView, OrderId, OrderView, UnixMillis};

use super::actor::{ActorParts, EventActor};
use super::arbiters::Arbiters;
use super::gate::Gate;
use super::handle::{self, Shared};
use super::load::{Heavy, Loaded, Loader};
use super::metrics::{self as names, Series};
use super::parts::{OpenError, Parts};
use super::sample::sample;
use super::sequencer::{Budget, COOL_DOWN_MS, Request, Told};
use super::{AskError, Decided, EventStatus, Handle, Looked, Standing, View};

/// Events that load at the same time; the rest wait for their turn.
pub const LOADS_AT_ONCE_MAX: usize = 4;
/// Events whose history is verified at the same time, beside the sale.
const VERIFICATIONS_AT_ONCE_MAX: usize = 1;
/// How often [`Registry::run`] looks for idle and dead events.
pub const SWEEP_MS: u64 = 5_000;

/// All running events; cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    me: Weak<Self>,
    parts: Parts,
    loader: Loader,
    series: Series,
    arbiters: Arbiters,
    running: RwLock<HashMap<EventId, Running>>,
    turns: Mutex<BTreeMap<EventId, Line>>,
    troubles: Mutex<BTreeMap<EventId, Trouble>>,
    loads: Semaphore,
    verifications: Arc<Semaphore>,
    places: Arc<Semaphore>,
    draining: AtomicBool,
}

struct Running {
    handle: Handle,
    _place: Place,
}

/// A loaded event's share of [`super::Limits::loaded_events_max`].
struct Place {
    _permit: OwnedSemaphorePermit,
    loaded: Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.loaded.decrement(1.0);
    }
}

/// What went wrong with an event that is not running.
#[derive(Default)]
struct Trouble {
    deaths: Budget,
    failure: Option<(OpenError, Option<UnixMillis>)>,
}

/// Those who open one event, one after the other. Inside is what the last try failed by, and when: whoever was in line
/// then has that for an answer.
type Line = Arc<tokio::sync::Mutex<Option<(Instant, OpenError)>>>;

/// A place in the line of those who open one event; forgotten with the last of them.
struct Turn<'a> {
    inner: &'a Inner,
    event: EventId,
    line: Line,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = locked(&self.inner.turns);
        // The map's and mine: nobody else can come while the map is locked.
        if Arc::strong_count(&self.line) <= 2 {
            turns.remove(&self.event);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// A registry with nothing loaded. It starts the threads that events run on, and looks its metrics up: install the
    /// recorder before.
    ///
    /// # Errors
    /// The operating system gives no threads.
    pub fn new(parts: Parts) -> io::Result<Self> {
        let arbiters = Arbiters::start(parts.limits.arbiters_count)?;
        let loader = Loader {
            journal: Arc::clone(&parts.journal),
            plans: Arc::clone(&parts.plans),
            ownership: Arc::clone(&parts.ownership),
            heavy: Heavy::OffThread,
        };
        let places = Arc::new(Semaphore::new(parts.limits.loaded_events_max.clamp(1, Semaphore::MAX_PERMITS)));
        let inner = Arc::new_cyclic(|me| Inner {
            me: Weak::clone(me),
            parts,
            loader,
            series: Series::new(),
            arbiters,
            running: RwLock::default(),
            turns: Mutex::default(),
            troubles: Mutex::default(),
            loads: Semaphore::new(LOADS_AT_ONCE_MAX),
            verifications: Arc::new(Semaphore::new(VERIFICATIONS_AT_ONCE_MAX)),
            places,
            draining: AtomicBool::new(false),
        });
        Ok(Self { inner })
    }

    /// The event, loaded if it was not. Callers who come while it loads share the load.
    ///
    /// # Errors
    /// [`OpenError`] tells whether trying again can help.
    pub async fn handle(&self, event: EventId) -> Result<Handle, OpenError> {
        match self.inner.running(event) {
            Some(handle) => Ok(handle),
            None => self.inner.open(event).await,
        }
    }

    /// [`Handle::ask`] on the event, loaded if it was not.
    ///
    /// # Errors
    /// Those of [`Handle::ask`]; an event that cannot be opened is [`AskError::Unavailable`].
    pub async fn ask(&self, event: EventId, command: Command) -> Result<Decided, AskError> {
        handle::decided(self.send(event, Request::Command(command)).await?)
    }

    /// [`Handle::look_hold`] on the event, loaded if it was not.
    ///
    /// # Errors
    /// As [`Registry::ask`].
    pub async fn look_hold(&self, event: EventId, hold: HoldId) -> Result<Looked<HoldView>, AskError> {
        handle::looked_hold(self.send(event, Request::LookHold(hold)).await?)
    }

    /// [`Handle::look_order`] on the event, loaded if it was not.
    ///
    /// # Errors
    /// As [`Registry::ask`].
    pub async fn look_order(&self, event: EventId, order: OrderId) -> Result<Looked<OrderView>, AskError> {
        handle::looked_order(self.send(event, Request::LookOrder(order)).await?)
    }

    /// As [`Registry::ask`] and the looks; an event that cannot be opened is told apart.
    pub(crate) async fn serve(&self, event: EventId, request: Request) -> Result<Result<Told, AskError>, OpenError> {
        let mut handle = self.handle(event).await?;
        let mut permit = handle.enter();
        if permit.as_ref().err() == Some(&AskError::NotApplied) {
            // It was unloaded between these two lines.
            handle = self.handle(event).await?;
            permit = handle.enter();
        }
        Ok(match permit {
            Ok(permit) => handle.send(permit, request).await,
            Err(refusal) => Err(refusal),
        })
    }

    async fn send(&self, event: EventId, request: Request) -> Result<Told, AskError> {
        self.serve(event, request).await?
    }

    /// The event's committed state.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn view(&self, event: EventId) -> Result<Arc<View>, OpenError> {
        Ok(self.handle(event).await?.view())
    }

    /// The event's committed state as it changes.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn subscribe(&self, event: EventId) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        Ok(self.handle(event).await?.subscribe())
    }

    /// Looks for idle and dead events every [`SWEEP_MS`], until the future is dropped. The house spawns it once.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(SWEEP_MS)).await;
            self.sweep().await;
        }
    }

    /// Every event that is loaded or failed to load, by id.
    #[must_use]
    pub fn statuses(&self) -> Vec<EventStatus> {
        let mut statuses = BTreeMap::new();
        for (event, trouble) in locked(&self.inner.troubles).iter() {
            let Some((error, again_at)) = &trouble.failure else { continue };
            let standing = Standing::Down { why: error.to_string(), needs_operator: again_at.is_none() };
            statuses.insert(*event, EventStatus { event: *event, standing, seq: 0, quarantined_count: 0 });
        }
        for handle in self.inner.handles().iter().filter(|handle| handle.is_alive()) {
            let event = handle.event();
            let (standing, seq) = (handle.shared.standing(), handle.seq());
            let quarantined_count = handle.shared.quarantined_count();
            statuses.insert(event, EventStatus { event, standing, seq, quarantined_count });
        }
        statuses.into_values().collect()
    }

    /// An operator says: try again. Forgets failures, spent restarts and quarantined commands of the event.
    pub fn reset(&self, event: EventId) {
        locked(&self.inner.troubles).remove(&event);
        if let Some(handle) = self.inner.running(event) {
            handle.reset();
        }
    }
}

impl Inner {
    fn running(&self, event: EventId) -> Option<Handle> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.get(&event).map(|running| &running.handle).filter(|handle| handle.is_alive()).cloned()
    }

    fn handles(&self) -> Vec<Handle> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.values().map(|running| running.handle.clone()).collect()
    }

    fn forget(&self, handle: &Handle) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        if running.get(&handle.event()).is_some_and(|kept| Arc::ptr_eq(&kept.handle.shared, &handle.shared)) {
            running.remove(&handle.event());
        }
    }

    fn turn(&self, event: EventId) -> Turn<'_> {
        let line = Arc::clone(locked(&self.turns).entry(event).or_default());
        Turn { inner: self, event, line }
    }

    async fn open(&self, event: EventId) -> Result<Handle, OpenError> {
        let came = Instant::now();
        let turn = self.turn(event);
        let mut failed = turn.line.lock().await;
        if let Some((at, error)) = failed.as_ref()
            && *at >= came
        {
            return Err(error.clone());
        }
        let opened = self.open_in_turn(event).await;
        if let Err(error) = &opened {
            *failed = Some((Instant::now(), error.clone()));
        }
        opened
    }

    async fn open_in_turn(&self, event: EventId) -> Result<Handle, OpenError> {
        if self.draining.load(Ordering::Acquire) {
            return Err(OpenError::Draining);
        }
        if let Some(handle) = self.running(event) {
            return Ok(handle);
        }
        self.bury(event).await;
        self.check_failure(event)?;
        let place = self.place().await?;
        let started = Instant::now();
        let loaded = {
            // The semaphore is never closed.
            let _load = self.loads.acquire().await;
            self.loader.load(event, None).await.map_err(OpenError::from)
        };
        names::loaded(started.elapsed());
        match loaded.and_then(|loaded| self.start(event, loaded, place)) {
            Ok(handle) => Ok(handle),
            Err(error) => {
                self.note_failure(event, &error);
                Err(error)
            }
        }
    }

    /// Takes a dead actor out; when it died of a fault, waits a little or gives the event up.
    async fn bury(&self, event: EventId) {
        let dead = self.running.write().unwrap_or_else(PoisonError::into_inner).remove(&event);
        let Some(dead) = dead.filter(|dead| !dead.handle.shared.gate.is_closed()) else { return };
        drop(dead);
        tracing::error!(%event, "the event's actor died, starting another");
        let pause = {
            let mut troubles = locked(&self.troubles);
            let trouble = troubles.entry(event).or_default();
            let pause = trouble.deaths.spend(self.parts.clock.now());
            if pause.is_none() {
                trouble.failure = Some((OpenError::Refused("the event's actor died too often".to_owned()), None));
            }
            pause
        };
        tokio::time::sleep(Duration::from_millis(pause.unwrap_or(0))).await;
    }

    fn check_failure(&self, event: EventId) -> Result<(), OpenError> {
        let now = self.parts.clock.now();
        let troubles = locked(&self.troubles);
        match troubles.get(&event).and_then(|trouble| trouble.failure.as_ref()) {
            Some((error, again_at)) if again_at.is_none_or(|again_at| now < again_at) => Err(error.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn note_failure(&self, event: EventId, error: &OpenError) {
        let again_at = match error {
            // Any id can be asked for: what is unknown is not remembered.
            OpenError::UnknownEvent
            | OpenError::NoPlan
            | OpenError::TooMany
            | OpenError::Elsewhere
            | OpenError::Draining => return,
            OpenError::Refused(_) => None,
            OpenError::Unavailable(_) => Some(self.parts.clock.now().plus_ms(COOL_DOWN_MS)),
        };
        tracing::error!(%event, %error, "the event cannot be loaded");
        locked(&self.troubles).entry(event).or_default().failure = Some((error.clone(), again_at));
    }

    fn start(&self, event: EventId, loaded: Loaded, place: Place) -> Result<Handle, OpenError> {
        if self.draining.load(Ordering::Acquire) {
            return Err(OpenError::Draining);
        }
        let seen = View::of(event, loaded.tenure.head_seq, loaded.plan_digest, &loaded.inventory, None);
        let (view, views) = watch::channel(Arc::new(seen));
        let gate = Gate::new(self.parts.limits.gate_permits, self.series.gate_in_use.clone());
        let shared = Arc::new(Shared::new(event, gate, views, self.parts.clock.clone(), self.series.clone()));
        let (arbiter, seat) = self.arbiters.seat();
        let (tenure, is_verified) = (loaded.tenure, loaded.snapshot_seq == 0);
        let sampled = loaded.inventory.clone();
        let parts = ActorParts {
            event,
            rules: self.parts.rules.clone(),
            loader: self.loader.clone(),
            clock: self.parts.clock.clone(),
            on_committed: Arc::clone(&self.parts.on_committed),
            series: self.series.clone(),
            shared: Arc::clone(&shared),
            view,
            seat,
            loaded,
        };
        let actor = Supervisor::start_in_arbiter(&arbiter, move |_| EventActor::new(parts));
        let handle = Handle { shared, actor };
        let running = Running { handle: handle.clone(), _place: place };
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(event, running);
        if let Some(trouble) = locked(&self.troubles).get_mut(&event) {
            trouble.failure = None;
        }
        if !is_verified {
            self.verify(&arbiter, &handle, tenure);
        }
        // Not waited for, and lost when the process ends: it is a sample.
        drop(tokio::task::spawn_blocking(move || sample(event, tenure.head_seq, &sampled)));
        Ok(handle)
    }
}
