//! The availability feed between nodes: "this event has a newer committed entry".
//!
//! A hint and nothing more. Who hears a notice reads the journal; who misses one looks there by itself after a while,
//! so a feed may lose, repeat or reorder what it is told. It never holds up who tells it anything. Carrying the
//! entries themselves was refused: whoever missed one would need the journal all the same, and there would be two truths.

use std::sync::Arc;

use tokio::sync::broadcast;
use usher_core::EventId;

/// Notices that a slow listener may fall behind by; past it, it has missed some.
pub const NOTICES_BEHIND_MAX: usize = 1_024;

/// What another node told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The event's journal has an entry of this number now.
    Committed {
        /// The event.
        event: EventId,
        /// Its newest entry that the teller knew of.
        seq: u64,
    },
    /// Some notices may have been lost: look at everything that matters.
    Missed,
}

/// A feed between nodes.
pub trait Feed: Send + Sync + 'static {
    /// Tells the other nodes of a committed entry. Never waits and never fails; of several in a row the latest is told.
    fn committed(&self, event: EventId, seq: u64);
    /// What the other nodes tell from now on. A receiver that lagged takes it as [`Notice::Missed`].
    fn notices(&self) -> broadcast::Receiver<Notice>;
}

/// The feed of a node that is the only one: it tells nobody and hears nothing.
#[derive(Debug)]
pub struct Alone(broadcast::Sender<Notice>);

impl Alone {
    /// A feed without others.
    #[must_use]
    pub fn feed() -> Arc<dyn Feed> {
        Arc::new(Self(broadcast::Sender::new(1)))
    }
}

impl Feed for Alone {
    fn committed(&self, _event: EventId, _seq: u64) {}

    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    #[test]
    fn a_node_that_is_alone_hears_nothing_not_even_itself() {
        let feed = Alone::feed();
        let mut notices = feed.notices();
        feed.committed(EventId(1), 7);
        assert_eq!(notices.try_recv(), Err(TryRecvError::Empty));
    }
}
