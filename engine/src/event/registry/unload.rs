//! Unloading: what is idle, in the way, drained, or another node's by now.
//!
//! An event is let go of, for other nodes to take, after it is unloaded and before anybody can open it here again: the
//! turn of those who open it is held meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use usher_core::EventId;

use super::{Inner, Place, Registry};
use crate::event::{Handle, OpenError};

impl Registry {
    /// Unloads events that nobody used for [`super::Limits::idle_ms`] and forgets dead ones.
    pub async fn sweep(&self) {
        let now = self.inner.parts.clock.now();
        self.forget_closed();
        for handle in self.inner.handles() {
            if !handle.actor.connected() {
                // Its watchers see the channel closed already; the next ask makes a new one.
                continue;
            }
            if now.ms_since(handle.shared.last_used()) >= self.inner.parts.limits.idle_ms {
                self.inner.put_down(&handle).await;
            }
        }
    }

    /// Forgets events that stepped down by themselves, so that their watchers see the channel closed.
    pub(crate) fn forget_closed(&self) {
        for handle in self.inner.handles().iter().filter(|handle| handle.shared.gate.is_closed()) {
            self.inner.forget(handle);
        }
    }

    /// Another node runs the event: whoever is inside is told what is known, and it is forgotten here.
    pub(crate) fn step_down(&self, event: EventId) {
        if let Some(handle) = self.inner.running(event) {
            handle.step_down();
            self.inner.forget(&handle);
        }
    }

    /// Whether the event is loaded here and lets askers in.
    pub(crate) fn is_running(&self, event: EventId) -> bool {
        self.inner.running(event).is_some()
    }

    /// Unloads an event unless somebody needs it: for one that was deleted.
    pub async fn unload(&self, event: EventId) {
        if let Some(handle) = self.inner.running(event) {
            self.inner.put_down(&handle).await;
        }
    }

    /// Takes no more asks, finishes those taken, keeps snapshots, unloads everything and ends the threads.
    pub async fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
        let handles = self.inner.handles();
        let each = handles.iter().map(|handle| async move {
            handle.drain().await;
            self.inner.forget(handle);
            self.inner.parts.ownership.release(handle.event()).await;
        });
        futures_util::future::join_all(each).await;
        self.inner.arbiters.stop().await;
    }
}

impl Inner {
    /// Unloads an event unless it is needed, and lets go of it before anybody can open it again.
    async fn put_down(&self, handle: &Handle) -> bool {
        let turn = self.turn(handle.event());
        let _mine = turn.line.lock().await;
        self.put_down_in_turn(handle).await
    }

    async fn put_down_in_turn(&self, handle: &Handle) -> bool {
        if !handle.unload().await {
            return false;
        }
        self.forget(handle);
        self.parts.ownership.release(handle.event()).await;
        true
    }

    /// Room for one more event; the one unused for longest makes it, if nobody needs it.
    pub(super) async fn place(&self) -> Result<Place, OpenError> {
        let take = || {
            let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
            self.series.events_loaded.increment(1.0);
            Some(Place { _permit: permit, loaded: self.series.events_loaded.clone() })
        };
        if let Some(place) = take() {
            return Ok(place);
        }
        let mut handles = self.handles();
        handles.sort_by_key(|handle| handle.shared.last_used());
        for handle in handles {
            let turn = self.turn(handle.event());
            // Whoever is at it may wait for a place as well.
            let Ok(_mine) = turn.line.try_lock() else { continue };
            if self.put_down_in_turn(&handle).await
                && let Some(place) = take()
            {
                return Ok(place);
            }
        }
        Err(OpenError::TooMany)
    }
}
