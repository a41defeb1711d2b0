//! What stands around every handler.
//!
//! [`shell`] is outermost: it names the request, dresses the response and logs both. [`gate`] stands before each
//! handler, inside the router: it bounds how many run and how long, catches panics (the server alone would drop the
//! connection without a word) and asks [`crate::access`] whether the sender may.

pub mod body;
pub mod gate;
pub mod headers;
pub mod request_id;
pub mod shell;

pub use request_id::RequestId;
