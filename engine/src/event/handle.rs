//! What others hold of a running event: ask it, look at it, read its view.

use std::sync::Arc;

use tokio::sync::watch;
use usher_core::{Command, EventId, HoldId, HoldView, OrderId, OrderView};

use super::{AskError, Decided, Looked, View};

/// A running event; cheap to clone.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Whose.
    #[must_use]
    pub fn event(&self) -> EventId {
        todo!()
    }

    /// Decides a command; returns once its facts are durable.
    ///
    /// # Errors
    /// [`AskError`] tells a *no*, a full gate, and what is known about a command that did not get through.
    pub async fn ask(&self, _command: Command) -> Result<Decided, AskError> {
        todo!()
    }

    /// Looks at a hold, after everything that was asked before.
    ///
    /// # Errors
    /// The gate is full, or the event does not run.
    pub async fn look_hold(&self, _hold: HoldId) -> Result<Looked<HoldView>, AskError> {
        todo!()
    }

    /// Looks at an order, after everything that was asked before.
    ///
    /// # Errors
    /// The gate is full, or the event does not run.
    pub async fn look_order(&self, _order: OrderId) -> Result<Looked<OrderView>, AskError> {
        todo!()
    }

    /// The committed state. Never waits.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        todo!()
    }

    /// The committed state as it changes; who is slow sees only the latest. The channel closes when the event is
    /// unloaded or dies: ask the registry again.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<View>> {
        todo!()
    }
}
