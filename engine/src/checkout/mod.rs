//! The payment process: what is to be done with money, as a function of an order and of what the provider says.

pub mod process;

pub use process::{Provider, Situation, Step};
