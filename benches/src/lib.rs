//! What the benchmarks share.

pub mod http;
