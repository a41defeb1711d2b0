//! Implementations of the domain's traits over the outside world.
pub mod sqlite;
