//! A simulated on-sale: Usher's own decisions, driven by one seeded scheduler, with everything around them at fault.
//!
//! Real are the rules, the sequencer, the loader, the projector, the payment process and its runner, the webhook intake
//! and inbox, the reconciler and the workers. Simulated are time, the disks, the payment provider, the network, buyers
//! and organizers, and a process that may end between any two steps. An auditor that shares no state with the house
//! keeps its own ledger and says what is wrong; [`planted`] bugs show that it can.
//!
//! Faults are happenings of a script made from the seed, so a failing history can be told as a short list. Rolling for
//! a fault at each call was refused: such a history cannot be shortened.

mod audit;
mod cluster_run;
mod dice;
mod executor;
mod faults;
mod house;
mod people;
pub mod planted;
pub mod report;
mod rows;
pub mod run;
mod script;
mod shrink;
mod stores;
mod stripe;
mod world;

pub use cluster_run::{ClusterFigures, contend};
pub use shrink::shrunk;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One thread polls everything, so a lock is never waited for.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
