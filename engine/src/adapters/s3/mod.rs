//! Tickets in a bucket of a store that speaks S3: AWS, or a server of one's own at another address.
//!
//! The SDK sets no time limit but for connecting, so every one is set here: an attempt, and a call with all its
//! attempts, end by a deadline. The first writer of a key wins (`If-None-Match: *`): a put whose answer was lost and that
//! is sent again finds its own object, which is as good. Calls run on the runtime that owns the connections, a bounded
//! number at a time, and none are made while the store is in trouble: see [`crate::health`].
//!
//! The SDK's own search for credentials and regions (files in the home folder, a service of the machine) was refused:
//! what the house uses stands in its settings.

mod answer;
mod client;
mod config;
mod metrics;
mod tickets;

pub use config::{Addressing, Downloads, LINK_FOR_MAX, S3Config, S3Credentials};
pub use metrics::describe;
pub use tickets::TicketBucket;
