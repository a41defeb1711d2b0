//! Who may run an event: asked before each take-over of its journal, told after each unload.
//!
//! With one node nobody has to ask. With several, [`crate::cluster::Member`] asks the cluster. It is a matter of peace
//! only: two owners at once cost each other reloads, and the journal's epoch keeps them from writing over each other.

use async_trait::async_trait;
use usher_core::EventId;

/// The event cannot be had now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another node runs it.
    #[error("another node runs the event")]
    Elsewhere,
    /// Nobody knows who runs it.
    #[error("{0}")]
    Unavailable(String),
}

/// The right to run events.
#[async_trait]
pub trait Ownership: Send + Sync + 'static {
    /// Makes this node the owner, if it is not already and nobody else is.
    ///
    /// # Errors
    /// Another node is, or nobody knows.
    async fn claim(&self, event: EventId) -> Result<(), ClaimError>;
    /// Lets go of an event that was unloaded. A failure is not told: the right ends with the node's lease.
    async fn release(&self, event: EventId);
}

/// The only node there is: it owns everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sole;

#[async_trait]
impl Ownership for Sole {
    async fn claim(&self, _event: EventId) -> Result<(), ClaimError> {
        Ok(())
    }

    async fn release(&self, _event: EventId) {}
}
