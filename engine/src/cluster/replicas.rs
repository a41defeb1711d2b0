//! Read replicas: events of other nodes as their journals have them, for whoever reads here.
//!
//! A replica is woken by what other nodes tell, and looks by itself each second while somebody uses it. It contains at
//! least what this node was told by the owner, so that who bought here sees it here. One that nobody uses ends. Whoever
//! comes while one loads shares the load, and what it comes to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::gauge;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use usher_core::EventId;

use super::{Member, metrics as names};
use crate::event::load::{Heavy, LoadError, Loader};
use crate::event::{Followed, OpenError, Plans, Sole, View};
use crate::feed::{Feed, Notice};
use crate::journal::Journal;

/// Replicas at once. One more takes the place of the one unused for longest, unless somebody needs each of them.
pub const REPLICAS_MAX: usize = 1_024;
/// Replicas that load at the same time; the rest wait for their turn.
const LOADS_AT_ONCE_MAX: usize = 8;
/// How often one that is used looks by itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one that nobody uses is kept.
const UNUSED_MAX: Duration = Duration::from_secs(30);
/// How long a reader waits for what this node knows to be there.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Replicas {
    inner: Arc<Inner>,
}

struct Inner {
    loader: Loader,
    feed: Arc<dyn Feed>,
    member: Member,
    runtime: Handle,
    state: Mutex<State>,
    loads: Semaphore,
    replicas_max: usize,
}

#[derive(Default)]
struct State {
    live: HashMap<EventId, Arc<Replica>>,
    loading: HashMap<EventId, Loading>,
}

/// What a load came to, once it has: for all who came meanwhile.
type Outcome = Option<Result<Arc<Replica>, OpenError>>;

struct Loading {
    /// The last entry that was heard of meanwhile.
    heard_seq: u64,
    outcome: watch::Receiver<Outcome>,
}

struct Replica {
    view: watch::Sender<Arc<View>>,
    wake: Notify,
    /// The last entry that this node has heard of.
    heard_seq: AtomicU64,
    used_at: Mutex<Instant>,
}

impl Replica {
    fn of(event: EventId, followed: &Followed, heard_seq: u64) -> Self {
        let replica = Self {
            view: watch::Sender::new(Arc::new(followed.view(event, None))),
            wake: Notify::new(),
            heard_seq: AtomicU64::new(heard_seq),
            used_at: Mutex::new(Instant::now()),
        };
        if heard_seq > followed.seq() {
            replica.wake.notify_one();
        }
        replica
    }

    fn touch(&self) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn used_at(&self) -> Instant {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.view.receiver_count() > 0
    }

    fn heard(&self, seq: u64) {
        self.heard_seq.fetch_max(seq, Ordering::AcqRel);
        self.wake.notify_one();
    }
}

impl Replicas {
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        plans: Plans,
        feed: Arc<dyn Feed>,
        member: Member,
        runtime: Handle,
        replicas_max: usize,
    ) -> Self {
        // Nothing is taken over by it.
        let loader = Loader { journal, plans, ownership: Arc::new(Sole), heavy: Heavy::OffThread };
        let (state, loads) = (Mutex::default(), Semaphore::new(LOADS_AT_ONCE_MAX));
        Self { inner: Arc::new(Inner { loader, feed, member, runtime, state, loads, replicas_max }) }
    }

    /// What the event was a moment ago; at least what this node has heard of, if that comes in time.
    pub(super) async fn view(&self, event: EventId) -> Result<Arc<View>, OpenError> {
        let replica = self.inner.open(event).await?;
        let wanted_seq = replica.heard_seq.load(Ordering::Acquire);
        let mut views = replica.view.subscribe();
        // What is late is shown as it is.
        let _ = tokio::time::timeout(CATCH_UP_MAX, views.wait_for(|view| view.seq >= wanted_seq)).await;
        let view = Arc::clone(&views.borrow());
        Ok(view)
    }

    /// The event's views as they come; the channel closes when this replica ends.
    pub(super) async fn subscribe(&self, event: EventId) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        Ok(self.inner.open(event).await?.view.subscribe())
    }

    /// Says that an event has this entry now.
    pub(super) fn heard(&self, event: EventId, seq: u64) {
        self.inner.heard(event, seq);
    }

    /// Hears what other nodes tell, until the future is dropped.
    pub(super) async fn listen(&self) {
        let mut notices = self.inner.feed.notices();
        loop {
            match notices.recv().await {
                Ok(Notice::Committed { event, seq }) => self.inner.heard(event, seq),
                Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.inner.wake_all(),
                // Each replica looks by itself.
                Err(RecvError::Closed) => return,
            }
        }
    }
}

impl Inner {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn heard(&self, event: EventId, seq: u64) {
        self.with(|state| {
            if let Some(replica) = state.live.get(&event) {
                replica.heard(seq);
            } else if let Some(loading) = state.loading.get_mut(&event) {
                loading.heard_seq = seq.max(loading.heard_seq);
            }
        });
    }

    fn wake_all(&self) {
        self.with(|state| state.live.values().for_each(|replica| replica.heard(0)));
    }

    async fn open(self: &Arc<Self>, event: EventId) -> Result<Arc<Replica>, OpenError> {
        let mut outcome = match self.with(|state| self.find(state, event))? {
            Found::Live(replica) => return Ok(replica),
            Found::Loading(outcome) => outcome,
        };
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        ended.unwrap_or_else(|| Err(OpenError::Unavailable("reading the event was cut off".to_owned())))
    }

    fn find(self: &Arc<Self>, state: &mut State, event: EventId) -> Result<Found, OpenError> {
        if let Some(replica) = state.live.get(&event) {
            replica.touch();
            return Ok(Found::Live(Arc::clone(replica)));
        }
        if let Some(loading) = state.loading.get(&event) {
            return Ok(Found::Loading(loading.outcome.clone()));
        }
        if state.live.len() + state.loading.len() >= self.replicas_max {
            let unwatched = state.live.iter().filter(|(_, replica)| !replica.is_watched());
            let longest = unwatched.min_by_key(|(_, replica)| replica.used_at()).map(|(event, _)| *event);
            // It ends by itself: it is found no more.
            let ended = longest.and_then(|event| state.live.remove(&event)).ok_or(OpenError::TooMany)?;
            ended.wake.notify_one();
        }
        let (told, outcome) = watch::channel(None);
        state.loading.insert(event, Loading { heard_seq: 0, outcome: outcome.clone() });
        // A task of its own: whoever came first may go away, and the others wait on.
        self.runtime.spawn(Arc::clone(self).run(event, told));
        Ok(Found::Loading(outcome))
    }

    /// A replica's life.
    async fn run(self: Arc<Self>, event: EventId, told: watch::Sender<Outcome>) {
        let mut standing = Standing { inner: &self, event, replica: None };
        let followed = {
            // The semaphore is never closed.
            let _load = self.loads.acquire().await;
            self.loader.follow(event).await
        };
        match followed {
            Ok(followed) => {
                let replica = self.with(|state| {
                    let heard_seq = state.loading.remove(&event).map_or(0, |loading| loading.heard_seq);
                    let replica = Arc::new(Replica::of(event, &followed, heard_seq));
                    state.live.insert(event, Arc::clone(&replica));
                    show_count(state);
                    replica
                });
                standing.replica = Some(Arc::clone(&replica));
                told.send_replace(Some(Ok(Arc::clone(&replica))));
                drop(told);
                self.keep(event, &replica, followed).await;
            }
            Err(error) => {
                drop(standing);
                told.send_replace(Some(Err(error.into())));
            }
        }
    }

    /// Keeps a replica up to date until nobody uses it, another needs its place, this node owns the event, or the
    /// journal cannot be followed.
    async fn keep(&self, event: EventId, replica: &Arc<Replica>, followed: Followed) {
        let mut followed = Some(followed);
        loop {
            // Being woken and the pause mean the same.
            let _ = tokio::time::timeout(LOOK_EVERY, replica.wake.notified()).await;
            let is_used = replica.is_watched() || replica.used_at().elapsed() < UNUSED_MAX;
            if !is_used || !self.has(event, replica) || self.member.owns(event) {
                return;
            }
            let next = match followed.take() {
                Some(at) => self.loader.follow_on(event, at).await,
                None => self.loader.follow(event).await,
            };
            match next {
                Ok(next) => {
                    let before = Arc::clone(&replica.view.borrow());
                    if next.seq() != before.seq || next.seq() == 0 {
                        replica.view.send_replace(Arc::new(next.view(event, Some(&before))));
                    }
                    followed = Some(next);
                }
                // What readers have stays; it is read anew with the next look.
                Err(LoadError::Unavailable(why)) => tracing::warn!(%event, why, "an event is not followed"),
                Err(error) => {
                    tracing::error!(%event, %error, "an event cannot be followed any more");
                    return;
                }
            }
        }
    }

    fn has(&self, event: EventId, replica: &Arc<Replica>) -> bool {
        self.with(|state| state.live.get(&event).is_some_and(|live| Arc::ptr_eq(live, replica)))
    }
}

enum Found {
    Live(Arc<Replica>),
    Loading(watch::Receiver<Outcome>),
}

/// A replica's place among the others. However its task ends, by a panic too, it is found no more.
struct Standing<'a> {
    inner: &'a Inner,
    event: EventId,
    /// None while it loads.
    replica: Option<Arc<Replica>>,
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.inner.with(|state| {
            match &self.replica {
                None => drop(state.loading.remove(&self.event)),
                Some(mine) if state.live.get(&self.event).is_some_and(|live| Arc::ptr_eq(live, mine)) => {
                    state.live.remove(&self.event);
                }
                // Another has its place.
                Some(_) => {}
            }
            show_count(state);
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact below 2^52 replicas")]
fn show_count(state: &State) {
    gauge!(names::REPLICAS).set(state.live.len() as f64);
}
