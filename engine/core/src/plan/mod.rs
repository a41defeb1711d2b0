//! Seating plans: the document an organizer brings ([`SeatingPlan`]) and what the rules run on ([`Layout`]).
//!
//! A plan is validated once, all faults together; a [`Layout`] exists only for a valid plan and never changes. Indexes
//! into it are dense, so that the hot path needs no hashing.

mod layout;

pub use layout::{GaArea, Layout, PriceTier, Row, Seat, SeatAttributes, Section};
