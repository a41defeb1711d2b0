//! Implementations of the domain's traits over the outside world.
pub mod cql;
pub mod files;
pub mod s3;
pub mod smtp;
pub mod sqlite;
pub mod stripe;
