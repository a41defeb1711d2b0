//! This node among the others: keeps its lease, sees who else is alive, and claims events.
//!
//! A lease that lapsed is taken again, and then whatever was owned is looked at anew, since others may have claimed it.
//! Who was away gives the others a lease's time to return before it takes what seems theirs: when the cluster was silent
//! for all of them, nobody's lease is left, and nobody is gone.

mod claims;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use usher_core::EventId;

use super::sight;
use super::{Leases, NodeLease, NodeRun, Renewal, metrics as names};
use crate::store::StoreError;

/// Owners remembered, to hand requests on without asking again.
const ROUTES_MAX: usize = 10_000;
/// How long a node that could not be reached is not tried again.
const UNREACHED: Duration = Duration::from_millis(250);

/// How long the parts of a lease take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long a lease lasts without being renewed: the longest that a dead owner is waited for.
    pub lasts: Duration,
    /// How often it is renewed.
    pub renewed_every: Duration,
    /// How often it is looked who is alive.
    pub looked_every: Duration,
}

impl LeaseTimes {
    /// Three renewals and six looks within a lease.
    #[must_use]
    pub fn of(lasts: Duration) -> Self {
        Self { lasts, renewed_every: lasts / 3, looked_every: lasts / 6 }
    }
}

/// Hears that an event has changed hands, from this node or to it. It must not wait.
pub type OnMoved = Arc<dyn Fn(EventId) + Send + Sync>;

/// This node could not take its lease.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Another run of the same name is alive.
    #[error("another node of the name {:?} is running at {}", .0.run.node, .0.address)]
    NameTaken(NodeLease),
    /// The store of leases failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// This node among the others; clones share it.
#[derive(Clone)]
pub struct Member {
    shared: Arc<Shared>,
}

struct Shared {
    leases: Arc<dyn Leases>,
    me: NodeLease,
    times: LeaseTimes,
    state: Mutex<State>,
    /// Held while the lease is renewed or ended: a renewal under way must not bring back one that was ended.
    renewing: tokio::sync::Mutex<()>,
    /// Hears that an event came here or went away, before anything follows from it.
    on_moved: OnMoved,
    /// Moves with every look.
    looks: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    alive: Vec<NodeLease>,
    owned: BTreeSet<EventId>,
    routes: BTreeMap<EventId, NodeRun>,
    /// By node, and by event where it turned only that one away.
    unreached: BTreeMap<(NodeRun, Option<EventId>), Instant>,
    /// Events whose owner is just looked up.
    looked_up: BTreeSet<EventId>,
    /// Runs whose end was seen, and whose events nobody here has looked for yet.
    gone: Vec<NodeRun>,
    /// When the last successful renewal was sent.
    renewed_at: Option<Instant>,
    /// Until then nobody is held to be gone.
    lenient_until: Option<Instant>,
    /// Until then what is owned is looked at anew.
    doubts_until: Option<Instant>,
    is_leaving: bool,
    has_left: bool,
}

/// A look-up under way; over however it ends, also when whoever waits for it goes away.
struct LookUp<'a> {
    member: &'a Member,
    event: EventId,
}

impl Drop for LookUp<'_> {
    fn drop(&mut self) {
        self.member.with(|state| state.looked_up.remove(&self.event));
    }
}

impl Member {
    /// A node that is not among the others yet.
    #[must_use]
    pub fn new(leases: Arc<dyn Leases>, me: NodeLease, times: LeaseTimes, on_moved: OnMoved) -> Self {
        let (state, looks) = (Mutex::default(), watch::Sender::new(0));
        Self {
            shared: Arc::new(Shared {
                leases,
                me,
                times,
                state,
                renewing: tokio::sync::Mutex::default(),
                on_moved,
                looks,
            }),
        }
    }

    /// Takes the lease. One that a run before this one left behind is waited for.
    ///
    /// # Errors
    /// Another run of that name is alive, or the store of leases failed.
    pub async fn join(&self) -> Result<(), JoinError> {
        let Shared { leases, me, times, .. } = &*self.shared;
        let began = Instant::now();
        loop {
            let sent_at = Instant::now();
            match leases.renew(me, times.lasts).await? {
                Renewal::Held | Renewal::HeldAnew => {
                    self.with(|state| state.renewed_at = Some(sent_at));
                    gauge!(names::LEASE_HELD).set(1.0);
                    self.look().await?;
                    return Ok(());
                }
                Renewal::Taken(other) if began.elapsed() > times.lasts * 2 => return Err(JoinError::NameTaken(other)),
                Renewal::Taken(_) => tokio::time::sleep(times.looked_every).await,
            }
        }
    }

    /// Renews the lease until the node has left or the future is dropped: what is drained is still its own.
    pub async fn keep(&self) {
        let mut tick = tokio::time::interval(self.shared.times.renewed_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if self.with(|state| state.has_left) {
                return;
            }
            self.renew().await;
        }
    }

    /// Renews the lease once.
    pub async fn renew(&self) {
        let Shared { leases, me, times, renewing, .. } = &*self.shared;
        let _alone = renewing.lock().await;
        if self.with(|state| state.has_left) {
            return;
        }
        let sent_at = Instant::now();
        let renewal = leases.renew(me, times.lasts).await;
        // By this clock, or by that of the cluster, which may end it a little earlier.
        let had_lapsed = !self.is_held_at(sent_at) || matches!(renewal, Ok(Renewal::HeldAnew));
        match renewal {
            Ok(Renewal::Held | Renewal::HeldAnew) => self.with(|state| {
                state.renewed_at = Some(sent_at);
                if had_lapsed {
                    let now = Instant::now();
                    state.lenient_until = Some(now + times.lasts);
                    // Somebody may still act on having seen this node gone.
                    state.doubts_until = Some(now + times.lasts * 2);
                }
            }),
            Ok(Renewal::Taken(other)) => {
                tracing::error!(node = me.run.node, address = other.address, "another node has taken this one's name");
            }
            Err(error) => tracing::warn!(%error, "this node's lease was not renewed"),
        }
        if had_lapsed && self.is_held() {
            counter!(names::LEASE_LAPSES).increment(1);
            tracing::warn!("this node's lease had lapsed: others may own what it owned");
        }
        gauge!(names::LEASE_HELD).set(if self.is_held() { 1.0 } else { 0.0 });
    }

    /// Looks who is alive; whoever is gone since the last look is kept for [`Member::take_gone`].
    ///
    /// # Errors
    /// The store of leases failed; what was seen before stands.
    pub async fn look(&self) -> Result<(), StoreError> {
        let seen = self.shared.leases.alive().await?;
        let is_held = self.is_held();
        self.with(|state| {
            let mut alive = seen;
            // Who has no lease of its own has seen the same silence as the others.
            if !is_held || state.lenient_until.is_some_and(|until| Instant::now() < until) {
                let away =
                    state.alive.iter().filter(|known| !alive.iter().any(|lease| lease.run.node == known.run.node));
                alive.extend(away.cloned().collect::<Vec<_>>());
            }
            let gone = sight::gone(&state.alive, &alive, &self.shared.me.run);
            #[expect(clippy::cast_precision_loss, reason = "a gauge of a few nodes")]
            gauge!(names::NODES_ALIVE).set(alive.len() as f64);
            state.alive = alive;
            state.gone.extend(gone);
        });
        self.shared.looks.send_modify(|looks| *looks = looks.wrapping_add(1));
        Ok(())
    }

    /// The runs that looks have seen gone, each once.
    pub(super) fn take_gone(&self) -> Vec<NodeRun> {
        self.with(|state| std::mem::take(&mut state.gone))
    }

    /// What a run that is gone had could not be found out: it is to be told again.
    pub(super) fn still_gone(&self, run: NodeRun) {
        self.with(|state| state.gone.push(run));
    }

    /// Ends the lease. What the node still owns is free from then on.
    pub async fn leave(&self) {
        self.with(|state| (state.is_leaving, state.has_left) = (true, true));
        let _alone = self.shared.renewing.lock().await;
        if let Err(error) = self.shared.leases.leave(&self.shared.me.run).await {
            tracing::warn!(%error, "this node's lease ends by itself");
        }
        gauge!(names::LEASE_HELD).set(0.0);
    }

    /// From now on nothing new is claimed.
    pub fn begin_leaving(&self) {
        self.with(|state| state.is_leaving = true);
    }

    /// Whether the node is about to leave, or has left.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.with(|state| state.is_leaving)
    }

    /// This node.
    #[must_use]
    pub fn me(&self) -> &NodeLease {
        &self.shared.me
    }

    /// Who is alive, as it was seen last.
    #[must_use]
    pub fn alive(&self) -> Vec<NodeLease> {
        self.with(|state| state.alive.clone())
    }

    /// Whether this node's lease stands.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.is_held_at(Instant::now())
    }

    fn is_held_at(&self, at: Instant) -> bool {
        let lasts = self.shared.times.lasts;
        self.with(|state| state.renewed_at.is_some_and(|renewed_at| at.duration_since(renewed_at) < lasts))
    }

    /// How long the parts of a lease take.
    #[must_use]
    pub fn times(&self) -> LeaseTimes {
        self.shared.times
    }

    /// What this node owns, as far as it knows.
    #[must_use]
    pub fn owned(&self) -> Vec<EventId> {
        self.with(|state| state.owned.iter().copied().collect())
    }

    /// Whether this node owns an event, as far as it knows.
    #[must_use]
    pub fn owns(&self, event: EventId) -> bool {
        self.with(|state| state.owned.contains(&event))
    }

    /// The live node that owned the event when it was last looked at.
    pub(super) fn route(&self, event: EventId) -> Option<NodeLease> {
        self.with(|state| {
            let run = state.routes.get(&event)?;
            state.alive.iter().find(|lease| lease.run == *run).cloned()
        })
    }

    /// The route to the event led nowhere.
    pub(super) fn forget_route(&self, event: EventId) {
        self.with(|state| state.routes.remove(&event));
    }

    /// A node did not take a connection, or turned that event away.
    pub(super) fn not_reached(&self, run: &NodeRun, event: Option<EventId>) {
        self.with(|state| {
            if state.unreached.len() >= ROUTES_MAX {
                state.unreached.clear();
            }
            state.unreached.insert((run.clone(), event), Instant::now());
        });
    }

    /// Whether a node is worth a try for an event.
    pub(super) fn is_reachable(&self, run: &NodeRun, event: EventId) -> bool {
        self.with(|state| {
            let fresh = |event| state.unreached.get(&(run.clone(), event)).is_some_and(|at| at.elapsed() < UNREACHED);
            !fresh(None) && !fresh(Some(event))
        })
    }

    /// Looks up who owns an event, without claiming it.
    pub(super) async fn look_up(&self, event: EventId) -> Result<(), StoreError> {
        let owner = self.shared.leases.owner(event).await?;
        let me = &self.shared.me.run;
        match owner.filter(|owner| owner != me) {
            Some(owner) => self.remember(event, owner),
            None => self.forget_route(event),
        }
        Ok(())
    }

    /// Looks up who owns an event unless somebody is just doing so.
    pub(super) async fn look_up_once(&self, event: EventId) {
        if !self.with(|state| state.looked_up.insert(event)) {
            return;
        }
        let _under_way = LookUp { member: self, event };
        if let Err(error) = self.look_up(event).await {
            tracing::warn!(%event, %error, "not found out who owns an event now");
        }
    }

    fn remember(&self, event: EventId, owner: NodeRun) {
        self.with(|state| {
            if state.routes.len() >= ROUTES_MAX {
                state.routes.clear();
            }
            state.routes.insert(event, owner);
        });
    }

    /// Waits for the next look at who is alive, at most `wait`.
    pub(super) async fn next_look(&self, wait: Duration) {
        let mut looks = self.shared.looks.subscribe();
        let _ = tokio::time::timeout(wait, looks.changed()).await;
    }

    /// The events that a run which is gone had listed as its own.
    pub(super) async fn left_by(&self, run: &NodeRun) -> Result<Vec<EventId>, StoreError> {
        let listed = self.shared.leases.listed(&run.node).await?;
        Ok(listed.into_iter().filter(|(listed, _)| listed == run).map(|(_, event)| event).collect())
    }

    /// The events that runs before this one had listed as their own.
    pub(super) async fn left_by_predecessors(&self) -> Result<Vec<(NodeRun, EventId)>, StoreError> {
        let me = &self.shared.me.run;
        let listed = self.shared.leases.listed(&me.node).await?;
        Ok(listed.into_iter().filter(|(run, _)| run != me).collect())
    }

    /// Nobody needs to know any more that a run had an event.
    pub(super) async fn unlist(&self, run: &NodeRun, event: EventId) -> Result<(), StoreError> {
        self.shared.leases.unlist(run, event).await
    }

    /// This node's place in the line of those who may take an event over.
    pub(super) fn rank(&self, event: EventId) -> usize {
        self.with(|state| sight::rank(event, &self.shared.me.run, &state.alive))
    }

    /// Whether what is owned has to be looked at anew.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.with(|state| state.doubts_until.is_some_and(|until| Instant::now() < until))
    }

    /// Whether the event's row still names this node; if not, it is owned no more.
    pub(super) async fn still_owns(&self, event: EventId) -> Result<bool, StoreError> {
        let is_mine = self.shared.leases.owner(event).await?.as_ref() == Some(&self.shared.me.run);
        if !is_mine {
            self.disown(event);
        }
        Ok(is_mine)
    }

    fn disown(&self, event: EventId) {
        let was_owned = self.with(|state| state.owned.remove(&event));
        if was_owned {
            (self.shared.on_moved)(event);
            self.show_owned();
        }
    }

    fn own(&self, event: EventId) {
        let is_new = self.with(|state| {
            state.routes.remove(&event);
            state.owned.insert(event)
        });
        if is_new {
            (self.shared.on_moved)(event);
            self.show_owned();
        }
    }

    fn show_owned(&self) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge; exact below 2^52 events")]
        gauge!(names::OWNED_EVENTS).set(self.with(|state| state.owned.len()) as f64);
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
