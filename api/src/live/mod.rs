//! Live streams: an event's availability as server-sent events.
//!
//! `id:` is the journal's sequence number. A stream begins with a whole picture (`resync`) unless the client says by
//! `Last-Event-ID` that it has the present one; then come changes (`delta`), gathered for a moment and encoded once for
//! all streams of the event. Who is slow skips to the latest picture: no queue grows.

mod frames;
mod stream;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use frames::Frames;
pub use stream::{open, sales};

/// Live streams of this process; cheap to clone.
#[derive(Clone)]
pub struct Live {
    permits: Arc<Semaphore>,
    frames: Frames,
}

impl Live {
    /// At most so many streams at once.
    #[must_use]
    pub fn new(streams_max: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(streams_max)), frames: Frames::default() }
    }
}
