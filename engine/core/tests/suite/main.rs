//! The rules of one event from outside: stories with a clock, and properties of random commands.

mod best_available;
mod checkout_stories;
mod hold_stories;
mod phase_stories;
mod properties;
mod refund_stories;
mod support;
