//! Stripe: async-stripe's typed requests over a transport of our own.
//!
//! async-stripe's client opens a connection for every call, has no deadline, and its retry strategies resend a POST
//! without a key or under a new one. So the requests and answers are the crate's, while connections are pooled, every
//! attempt has a deadline and the retry loop keeps its idempotency key. Calls run on the runtime that owns the
//! connections: a caller that goes away, or a web worker that ends, breaks none of them.

mod error;
mod gateway;
mod translate;
mod transport;

pub use error::GatewayConfigError;
pub use gateway::{GatewayConfig, StripeGateway};
