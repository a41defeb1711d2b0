//! The load tester: sends a seeded, bounded crowd of buyers to Usher over HTTP, and audits what came of it.
//!
//! Rooms: [`plan`] decides who comes when (pure), [`client`] sends requests, [`buyer`] is one visit, [`drive`] sends
//! the crowd, [`server`] is a server of one's own, [`inspect`] reads the house's books, [`audit`] compares them with
//! what buyers were told (pure), [`report`] says what was found.
//!
//! It knows Usher by its API alone. The server's own crates are no dependency, so that a mistake in them cannot hide
//! itself here.

pub mod audit;
pub mod buyer;
pub mod cli;
pub mod client;
pub mod drive;
pub mod inspect;
pub mod plan;
pub mod progress;
pub mod report;
pub mod run;
pub mod server;
