//! The pure rules of one on-sale: what may be held, sold, released and refunded, and when.
//!
//! Everything here is a function of its arguments: [`Inventory::decide`] reads the state and a command and returns the
//! facts that follow, [`Inventory::evolve`] applies one fact and cannot fail. Time and ids come in from outside, so a
//! journal of facts replays to the same state on any machine. The obvious other way, methods that check and mutate in
//! one go, was refused: a half-done mutation behind a late error is how seats get sold twice.

mod command;
mod fact;
mod id;
mod limits;
mod money;
mod rejection;
mod time;

pub mod inventory;
pub mod plan;

pub use command::{Ask, Command, PlaceHold, Priced, RefundLines};
pub use fact::{CancelReason, Fact, HoldLine, Place};
pub use id::{
    AccountId, ActId, AreaIdx, BuyerId, EventId, HoldId, IdError, OrderId, OrganizerId, RefundId, RowIdx, SeatIdx,
    SectionIdx, TicketId, TierIdx,
};
pub use inventory::{Answer, Counts, HoldView, Inventory, OrderState, OrderView, Phase, SeatStatus};
pub use limits::Limits;
pub use money::{Currency, Minor};
pub use rejection::Rejection;
pub use time::UnixMillis;
