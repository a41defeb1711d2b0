//! Relays: one channel of an event's views that stays the same while the event's owner changes.
//!
//! Whoever watches for minutes (a live stream) would else be cut off whenever the event moves between nodes. A relay ends
//! when nobody watches; its views never go back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use usher_core::EventId;

use super::several::Several;
use crate::event::{OpenError, View};

/// Between two tries to find who has the event's views now.
const FIND_EVERY: Duration = Duration::from_millis(100);

type Sender = watch::Sender<Arc<View>>;

#[derive(Clone, Default)]
pub(super) struct Relays(Arc<Mutex<HashMap<EventId, Arc<Sender>>>>);

impl Relays {
    pub(super) async fn subscribe(
        &self,
        several: &Arc<Several>,
        event: EventId,
        runtime: &Handle,
    ) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        // Under the lock, under which a relay also finds that nobody watches.
        if let Some(receiver) = self.with(|relays| relays.get(&event).map(|sender| sender.subscribe())) {
            return Ok(receiver);
        }
        let views = several.views(event).await?;
        let (receiver, begun) = self.with(|relays| match relays.get(&event) {
            Some(sender) => (sender.subscribe(), None),
            None => {
                let sender = Arc::new(Sender::new(Arc::clone(&views.borrow())));
                let receiver = sender.subscribe();
                relays.insert(event, Arc::clone(&sender));
                (receiver, Some(sender))
            }
        });
        if let Some(sender) = begun {
            runtime.spawn(self.clone().relay(Arc::downgrade(several), event, sender, views));
        }
        Ok(receiver)
    }

    async fn relay(
        self,
        several: Weak<Several>,
        event: EventId,
        sender: Arc<Sender>,
        views: watch::Receiver<Arc<View>>,
    ) {
        let mut views = Some(views);
        loop {
            let goes_on = match &mut views {
                Some(from) => tokio::select! {
                    changed = from.changed() => changed.is_ok(),
                    () = sender.closed() => {
                        if self.is_over(event, &sender) { return; }
                        true
                    }
                },
                None => tokio::select! {
                    () = tokio::time::sleep(FIND_EVERY) => false,
                    () = sender.closed() => {
                        if self.is_over(event, &sender) { return; }
                        false
                    }
                },
            };
            if !goes_on {
                let Some(several) = several.upgrade() else { return };
                views = several.views(event).await.ok();
            }
            if let Some(from) = &mut views {
                let view = Arc::clone(&from.borrow_and_update());
                sender.send_if_modified(|told| {
                    let is_newer = view.seq >= told.seq && !Arc::ptr_eq(&view, told);
                    if is_newer {
                        *told = view;
                    }
                    is_newer
                });
            }
        }
    }

    /// Whether really nobody watches; then the relay is forgotten.
    fn is_over(&self, event: EventId, sender: &Arc<Sender>) -> bool {
        self.with(|relays| {
            let is_over = sender.receiver_count() == 0;
            if is_over {
                relays.remove(&event);
            }
            is_over
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<EventId, Arc<Sender>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
