//! Implementations of the domain's traits over the outside world.
pub mod cql;
pub mod files;
mod page;
pub mod redis;
pub mod s3;
pub mod smtp;
pub mod sqlite;
pub mod stripe;
