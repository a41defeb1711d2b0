//! Several nodes over the same stores: who is alive, who owns which event, and how any node serves all of them.
//!
//! An event has one owner at a time. Every node keeps one lease alive; an event belongs to the run of a node that its
//! row names, as long as that run's lease is there. That is for liveness only: a node that believes too long that it
//! owns an event is refused by the journal's epoch at its first append. Any node answers reads, from a replica that
//! follows the journal, and hands commands to the owner.
//!
//! A coordinator that assigns events was refused: it would have to be kept alive itself. Whoever is asked for an event
//! that nobody owns takes it, and the owner's death is seen by everybody.

mod events;
mod leases;
mod member;
pub mod metrics;
mod peers;
mod relay;
mod replicas;
mod several;
pub mod sight;

pub use events::Events;
pub use leases::{Leases, NodeLease, NodeRun, Renewal};
pub use member::{JoinError, LeaseTimes, Member, OnMoved};
pub use peers::{Forward, ForwardError, Reply, decode_request, encode_request};
pub use replicas::REPLICAS_MAX;
pub use several::{FORWARDS_MAX, SeveralParts};
