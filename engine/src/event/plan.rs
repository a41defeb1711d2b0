//! Where an event's places come from: the catalogue keeps plans, the registry asks for them when it loads.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use usher_core::EventId;
use usher_core::plan::Layout;

/// An event's plan, compiled.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The places.
    pub layout: Arc<Layout>,
    /// SHA-256 of its canonical JSON.
    pub digest: [u8; 32],
}

/// An event's plan cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No such event.
    #[error("no such event")]
    UnknownEvent,
    /// The event has no plan yet.
    #[error("the event has no seating plan yet")]
    NoPlan,
    /// The plan does not compile; it was stored by something else than this program.
    #[error("the seating plan is unusable: {0}")]
    Unusable(String),
    /// The store does not answer.
    #[error("the seating plan cannot be read: {0}")]
    Unavailable(String),
}

/// Gives an event's current plan; the catalogue stands behind it.
pub type Plans = Arc<dyn Fn(EventId) -> BoxFuture<'static, Result<Plan, PlanError>> + Send + Sync>;
