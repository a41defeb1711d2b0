//! Fixtures and fakes that the modules share.

pub(crate) mod events;
pub(crate) mod memory_journal;
pub(crate) mod payment_world;
