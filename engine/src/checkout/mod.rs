//! The payment process: what is to be done with money, as a function of an order and of what the provider says.

mod desk;
mod locks;
pub mod process;
mod run;
mod runner;
mod schedule;

pub use desk::{Ask, Desk, Elsewhere, Look, Looked, always_here};
pub use process::{Provider, Situation, Step};
pub(crate) use run::Cause;
pub(crate) use runner::payment_record;
pub use runner::{PaymentError, Runner, RunnerParts};
