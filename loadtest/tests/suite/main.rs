//! The load tester against a real server.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod embedded;
mod nodes;
mod restart;
