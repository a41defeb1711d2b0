//! Tickets: what the printed code says and how it is signed, how a ticket is drawn, and where its PDF is kept.
//!
//! A ticket is valid because the journal says so; its signed code lets a door check that without a connection. The PDF
//! can be made again at any time from the order, so losing one costs nothing but the work.

pub mod base45;
pub mod fonts;
mod pack;
mod page;
pub mod printer;
mod qr;
pub mod render;
mod sheet;
pub mod sign;
pub mod store;
pub mod text;

pub use sign::{EventTag, PublicKeys, SigningKeys, TicketClaims, VerifyError, verify};
pub use store::{Download, LookError, TicketFiles};
