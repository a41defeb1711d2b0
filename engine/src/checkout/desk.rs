//! How the payment process reaches an event: it asks, and it looks.
//!
//! Functions rather than a trait, for there is one real implementation; tests put a bare inventory behind them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use usher_core::{Command, EventId, OrderId, OrderView};

use crate::event::{AskError, Decided};

/// The truth about an order, from the actor that decides and not from a view that lags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The order, if the event knows it.
    pub order: Option<OrderView>,
    /// The event was called off.
    pub event_cancelled: bool,
}

/// Looks at an order.
pub type Look = Arc<dyn Fn(EventId, OrderId) -> BoxFuture<'static, Result<Looked, AskError>> + Send + Sync>;
/// Asks an event.
pub type Ask = Arc<dyn Fn(EventId, Command) -> BoxFuture<'static, Result<Decided, AskError>> + Send + Sync>;

/// Whether another node owns an event, and with it the payment processes of its orders.
pub type Elsewhere = Arc<dyn Fn(EventId) -> BoxFuture<'static, bool> + Send + Sync>;

/// The way to all events.
#[derive(Clone)]
pub struct Desk {
    /// Looks at an order.
    pub look: Look,
    /// Asks an event.
    pub ask: Ask,
    /// Tells whose an event is; always here where there is one node.
    pub elsewhere: Elsewhere,
}

/// Where there is one node.
#[must_use]
pub fn always_here() -> Elsewhere {
    Arc::new(|_| Box::pin(std::future::ready(false)))
}
