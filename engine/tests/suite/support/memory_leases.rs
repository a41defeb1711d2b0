//! Leases in memory, for nodes that are one process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use usher_core::EventId;
use usher_engine::cluster::{Leases, NodeLease, NodeRun, Renewal};
use usher_engine::store::StoreError;

#[derive(Default)]
struct State {
    leases: BTreeMap<String, (NodeLease, Instant)>,
    owners: BTreeMap<EventId, NodeRun>,
    listed: BTreeSet<(NodeRun, EventId)>,
    claims_count: usize,
    looks_count: usize,
    look_takes: Duration,
    is_away: bool,
}

impl State {
    fn live(&self, node: &str) -> Option<&NodeLease> {
        self.leases.get(node).filter(|(_, ends_at)| Instant::now() < *ends_at).map(|(lease, _)| lease)
    }
}

#[derive(Default)]
pub(crate) struct MemoryLeases(Mutex<State>);

impl MemoryLeases {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn reach<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        self.with(|state| if state.is_away { Err(StoreError::Unavailable("away".to_owned())) } else { Ok(act(state)) })
    }

    /// From now on nothing is answered, or everything is again.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.with(|state| state.is_away = is_away);
    }

    /// From now on a look at who owns an event takes so long.
    pub(crate) fn set_look_takes(&self, look_takes: Duration) {
        self.with(|state| state.look_takes = look_takes);
    }

    /// Looks at who owns an event.
    pub(crate) fn looks_count(&self) -> usize {
        self.with(|state| state.looks_count)
    }

    /// Claims that came to something.
    pub(crate) fn claims_count(&self) -> usize {
        self.with(|state| state.claims_count)
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    async fn renew(&self, lease: &NodeLease, lasts: Duration) -> Result<Renewal, StoreError> {
        self.reach(|state| match state.live(&lease.run.node) {
            Some(other) if other.run != lease.run => Renewal::Taken(other.clone()),
            found @ (Some(_) | None) => {
                let renewal = if found.is_some() { Renewal::Held } else { Renewal::HeldAnew };
                state.leases.insert(lease.run.node.clone(), (lease.clone(), Instant::now() + lasts));
                renewal
            }
        })
    }

    async fn leave(&self, run: &NodeRun) -> Result<(), StoreError> {
        self.reach(|state| state.leases.retain(|_, (lease, _)| lease.run != *run))
    }

    async fn alive(&self) -> Result<Vec<NodeLease>, StoreError> {
        self.reach(|state| state.leases.keys().filter_map(|node| state.live(node)).cloned().collect())
    }

    async fn owner(&self, event: EventId) -> Result<Option<NodeRun>, StoreError> {
        let look_takes = self.with(|state| {
            state.looks_count += 1;
            state.look_takes
        });
        tokio::time::sleep(look_takes).await;
        self.reach(|state| state.owners.get(&event).cloned())
    }

    async fn claim(&self, event: EventId, me: &NodeRun, instead_of: Option<&NodeRun>) -> Result<bool, StoreError> {
        self.reach(|state| {
            state.listed.insert((me.clone(), event));
            let is_as_seen = state.owners.get(&event) == instead_of;
            if is_as_seen {
                state.owners.insert(event, me.clone());
                state.claims_count += 1;
            }
            is_as_seen
        })
    }

    async fn release(&self, event: EventId, me: &NodeRun, stays_listed: bool) -> Result<(), StoreError> {
        self.reach(|state| {
            if state.owners.get(&event) == Some(me) {
                state.owners.remove(&event);
            }
            if !stays_listed {
                state.listed.remove(&(me.clone(), event));
            }
        })
    }

    async fn listed(&self, node: &str) -> Result<Vec<(NodeRun, EventId)>, StoreError> {
        self.reach(|state| state.listed.iter().filter(|(run, _)| run.node == node).cloned().collect())
    }

    async fn unlist(&self, run: &NodeRun, event: EventId) -> Result<(), StoreError> {
        self.reach(|state| {
            state.listed.remove(&(run.clone(), event));
        })
    }
}
