//! Read replicas: events of other nodes as their journals have them, for whoever reads here.
//!
//! A replica is woken by what other nodes tell, and looks by itself each second while somebody uses it. It contains at
//! least what this node was told by the owner, so that who bought here sees it here. One that nobody uses ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::gauge;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use usher_core::EventId;

use super::{Member, metrics as names};
use crate::event::load::{Heavy, LoadError, Loader};
use crate::event::{Followed, OpenError, Plans, Sole, View};
use crate::feed::{Feed, Notice};
use crate::journal::Journal;

/// Replicas at once.
pub const REPLICAS_MAX: usize = 1_024;
/// How often one that is used looks by itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one that nobody uses is kept.
const UNUSED_MAX: Duration = Duration::from_secs(30);
/// How long a reader waits for what this node knows to be there.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);

/// Events whose replicas are loaded at the same time wait for each other where they share one of so many places.
const LOADS_MAX: usize = 32;

pub(super) struct Replicas {
    inner: Arc<Inner>,
}

struct Inner {
    loader: Loader,
    feed: Arc<dyn Feed>,
    member: Member,
    runtime: Handle,
    state: Mutex<State>,
    loads: Vec<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    live: HashMap<EventId, Arc<Replica>>,
    /// The last entries that were heard of while their replicas load.
    loading: HashMap<EventId, u64>,
}

struct Replica {
    view: watch::Sender<Arc<View>>,
    wake: Notify,
    /// The last entry that this node has heard of.
    heard_seq: AtomicU64,
    used_at: Mutex<Instant>,
}

impl Replica {
    fn touch(&self) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_used(&self) -> bool {
        let used_at = *self.used_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.view.receiver_count() > 0 || used_at.elapsed() < UNUSED_MAX
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
    ) -> Self {
        // Nothing is taken over by it.
        let loader = Loader { journal, plans, ownership: Arc::new(Sole), heavy: Heavy::OffThread };
        let loads = (0..LOADS_MAX).map(|_| tokio::sync::Mutex::default()).collect();
        Self { inner: Arc::new(Inner { loader, feed, member, runtime, state: Mutex::default(), loads }) }
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
            } else if let Some(heard_seq) = state.loading.get_mut(&event) {
                *heard_seq = seq.max(*heard_seq);
            }
        });
    }

    fn wake_all(&self) {
        self.with(|state| state.live.values().for_each(|replica| replica.heard(0)));
    }

    async fn open(self: &Arc<Self>, event: EventId) -> Result<Arc<Replica>, OpenError> {
        let live = || self.with(|state| state.live.get(&event).cloned()).inspect(|replica| replica.touch());
        if let Some(replica) = live() {
            return Ok(replica);
        }
        let place = usize::try_from(event.0 % LOADS_MAX as u128).unwrap_or_default();
        let _turn = self.loads[place].lock().await;
        if let Some(replica) = live() {
            return Ok(replica);
        }
        if self.with(|state| state.live.len()) >= REPLICAS_MAX {
            return Err(OpenError::TooMany);
        }
        self.with(|state| state.loading.insert(event, 0));
        let followed = self.loader.follow(event).await;
        let heard_seq = self.with(|state| state.loading.remove(&event)).unwrap_or_default();
        let followed = followed?;
        let replica = Arc::new(Replica {
            view: watch::Sender::new(Arc::new(followed.view(event, None))),
            wake: Notify::new(),
            heard_seq: AtomicU64::new(heard_seq),
            used_at: Mutex::new(Instant::now()),
        });
        if heard_seq > followed.seq() {
            replica.wake.notify_one();
        }
        self.with(|state| {
            state.live.insert(event, Arc::clone(&replica));
            show_count(state);
        });
        self.runtime.spawn(Arc::clone(self).keep(event, Arc::clone(&replica), followed));
        Ok(replica)
    }

    /// Keeps a replica up to date until nobody uses it, this node owns the event, or the journal cannot be followed.
    async fn keep(self: Arc<Self>, event: EventId, replica: Arc<Replica>, followed: Followed) {
        let mut followed = Some(followed);
        loop {
            // Being woken and the pause mean the same.
            let _ = tokio::time::timeout(LOOK_EVERY, replica.wake.notified()).await;
            if !replica.is_used() || self.member.owns(event) {
                break;
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
                    break;
                }
            }
        }
        self.with(|state| {
            state.live.remove(&event);
            show_count(state);
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact below 2^52 replicas")]
fn show_count(state: &State) {
    gauge!(names::REPLICAS).set(state.live.len() as f64);
}
