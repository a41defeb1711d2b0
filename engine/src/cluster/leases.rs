//! Where it stands who is alive and who owns what.
//!
//! Every change is conditional, so that of two that want the same one gets it. A write whose answer was lost is looked
//! for by the implementation: each of these says what became of it, or that nobody knows.

use std::time::Duration;

use async_trait::async_trait;
use usher_core::EventId;

use crate::store::StoreError;

/// One run of one node. A node that starts anew is another one: it knows nothing of what the run before it owned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRun {
    /// The node's name.
    pub node: String,
    /// Fresh for each start.
    pub incarnation: u128,
}

/// A run that is alive, and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLease {
    /// Whose.
    pub run: NodeRun,
    /// The base URL that other nodes reach it by.
    pub address: String,
}

/// What came of a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// The lease was there, and is held from now on.
    Held,
    /// There was none, and it is held from now on: others may have acted on its absence.
    HeldAnew,
    /// Another run of that name holds it.
    Taken(NodeLease),
}

/// The leases of nodes and the owners of events.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Takes or keeps a lease for `lasts` from now on.
    ///
    /// # Errors
    /// Nobody knows whether it is held.
    async fn renew(&self, lease: &NodeLease, lasts: Duration) -> Result<Renewal, StoreError>;

    /// Ends a lease. One that is not there is no fault.
    ///
    /// # Errors
    /// It may be there still, and ends by itself.
    async fn leave(&self, run: &NodeRun) -> Result<(), StoreError>;

    /// The runs whose leases are there, by name.
    ///
    /// # Errors
    /// They could not be read.
    async fn alive(&self) -> Result<Vec<NodeLease>, StoreError>;

    /// Whom an event's row names, alive or not.
    ///
    /// # Errors
    /// It could not be read.
    async fn owner(&self, event: EventId) -> Result<Option<NodeRun>, StoreError>;

    /// Makes `me` the owner if the event's row names `instead_of`; tells whether it did. The event is listed among those
    /// of `me` before.
    ///
    /// # Errors
    /// Nobody knows whether it did.
    async fn claim(&self, event: EventId, me: &NodeRun, instead_of: Option<&NodeRun>) -> Result<bool, StoreError>;

    /// Empties an event's row if it names `me`. Who leaves keeps it among his, so that others know what to take.
    ///
    /// # Errors
    /// It may name `me` still.
    async fn release(&self, event: EventId, me: &NodeRun, stays_listed: bool) -> Result<(), StoreError>;

    /// The events that runs of a node listed as theirs.
    ///
    /// # Errors
    /// They could not be read.
    async fn listed(&self, node: &str) -> Result<Vec<(NodeRun, EventId)>, StoreError>;

    /// Takes an event from what a run listed.
    ///
    /// # Errors
    /// It may be listed still.
    async fn unlist(&self, run: &NodeRun, event: EventId) -> Result<(), StoreError>;
}
