//! One run at a time for each order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use usher_core::OrderId;

type Locks = Arc<Mutex<HashMap<OrderId, Arc<AsyncMutex<()>>>>>;

/// A lock for each order that somebody holds or waits for, and for no other.
#[derive(Clone, Default)]
pub(super) struct OrderLocks(Locks);

/// Keeps others from the order until it is dropped.
pub(super) struct OrderGuard {
    locks: Locks,
    order: OrderId,
    held: Option<OwnedMutexGuard<()>>,
}

impl OrderLocks {
    pub(super) async fn lock(&self, order: OrderId) -> OrderGuard {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(order).or_default())
        };
        // Made before waiting, so that a waiter who gives up tidies as well.
        let mut guard = OrderGuard { locks: Arc::clone(&self.0), order, held: None };
        guard.held = Some(lock.lock_owned().await);
        guard
    }
}

impl Drop for OrderGuard {
    fn drop(&mut self) {
        self.held = None;
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // Waiters took their own reference under this very lock, so a count of one means nobody wants it.
        if locks.get(&self.order).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_has_one_holder_at_a_time_and_leaves_no_trace() {
        let locks = OrderLocks::default();
        let first = locks.lock(OrderId(1)).await;
        let _other = locks.lock(OrderId(2)).await;
        let mut waiting = Box::pin(locks.lock(OrderId(1)));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        drop(waiting.await);
        let given_up = Box::pin(locks.lock(OrderId(2)));
        drop(given_up);
        assert_eq!(locks.0.lock().unwrap().len(), 1);
    }
}
