//! Frames: what the streams of an event send, encoded once for all of them.
//!
//! One task per watched event follows its committed views, gathers changes for a moment, encodes them and hands them
//! out. It ends when nobody listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use usher_core::EventId;
use usher_engine::clock::Clock;
use usher_engine::event::View;

use crate::desk::buyer::Availability;
use crate::timestamp::Timestamp;

/// Frames that a slow stream may be behind before it skips to the present picture.
const FRAMES_BEHIND_MAX: usize = 32;

/// What one gathered change looks like on the wire.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The version it leads to.
    pub seq: u64,
    /// The encoded `delta`.
    pub bytes: Bytes,
}

/// The frames of one event.
pub struct Feed {
    /// Changes as they come.
    pub frames: broadcast::Sender<Frame>,
    /// The present picture.
    views: watch::Receiver<Arc<View>>,
    clock: Clock,
}

/// All watched events; clones share them.
#[derive(Clone, Default)]
pub struct Frames {
    feeds: Arc<Mutex<BTreeMap<EventId, Weak<Feed>>>>,
}

impl Frames {
    /// The feed of an event, begun if nobody watched it.
    #[must_use]
    pub fn feed(
        &self,
        event: EventId,
        views: watch::Receiver<Arc<View>>,
        clock: &Clock,
        gather: Duration,
        runtime: &Handle,
    ) -> Arc<Feed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let running = feeds.get(&event).and_then(Weak::upgrade).filter(|feed| feed.views.has_changed().is_ok());
        if let Some(feed) = running {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed {
            frames: broadcast::Sender::new(FRAMES_BEHIND_MAX),
            views: views.clone(),
            clock: clock.clone(),
        });
        feeds.insert(event, Arc::downgrade(&feed));
        runtime.spawn(follow(Arc::downgrade(&feed), views, gather));
        feed
    }
}

impl Feed {
    /// The present picture as a frame.
    #[must_use]
    pub fn picture(&self) -> Frame {
        let view = Arc::clone(&self.views.borrow());
        let picture = Availability::of(&view, self.clock.now());
        let json = serde_json::to_string(&picture).unwrap_or_default();
        Frame { seq: view.seq, bytes: encode("resync", view.seq, &json) }
    }
}

async fn follow(feed: Weak<Feed>, mut views: watch::Receiver<Arc<View>>, gather: Duration) {
    let mut told = Arc::clone(&views.borrow_and_update());
    loop {
        if views.changed().await.is_err() {
            return;
        }
        // Not a wait for luck: what happens within this time travels as one frame.
        tokio::time::sleep(gather).await;
        let Some(feed) = feed.upgrade() else { return };
        let view = Arc::clone(&views.borrow_and_update());
        if let Some(frame) = delta(&told, &view, &feed.clock) {
            // Nobody listening right now is no fault.
            let _ = feed.frames.send(frame);
        }
        told = view;
    }
}

/// The change between two views; `None` when nothing that anybody sees has changed.
fn delta(older: &View, view: &View, clock: &Clock) -> Option<Frame> {
    let seats = view.changes_since(older);
    if seats.is_empty() && view.areas_free == older.areas_free && view.phase == older.phase {
        return None;
    }
    let areas = view.layout.areas().iter().zip(view.areas_free.iter());
    let document = json!({
        "version": view.seq,
        "phase": view.phase,
        "seats": seats.iter().map(|(seat, status)| (seat.0, *status as u8)).collect::<Vec<_>>(),
        "areas": areas.map(|(area, free)| json!({"code": area.code, "available_count": free})).collect::<Vec<_>>(),
        "available_count": view.counts.available_count,
        "server_now": Timestamp(clock.now()),
    });
    Some(Frame { seq: view.seq, bytes: encode("delta", view.seq, &document.to_string()) })
}

/// A server-sent event. JSON has no line breaks of its own.
#[must_use]
pub(super) fn encode(name: &str, id: u64, data: &str) -> Bytes {
    Bytes::from(format!("event: {name}\nid: {id}\ndata: {data}\n\n"))
}
