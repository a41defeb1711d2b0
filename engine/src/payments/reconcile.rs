//! The reconciler: asks about payments that stayed silent, and finds what a crash left behind.
//!
//! Webhooks get lost and processes end between two steps. Every payment that is not settled is looked at again after a
//! while; what then had to be done counts as drift. Once after each start all orders are gone through for those whose
//! wake-up was lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use usher_core::{EventId, OrderId, OrderState};

use super::{PaymentRecord, metrics as names};
use crate::catalogue::{self, EventState};
use crate::checkout::{Cause, Runner};
use crate::journal::{Journal, JournalError};
use crate::orders::OrderRecord;
use crate::store::{PAGE_ROWS_MAX, StoreError};

/// How often silent payments are looked for.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);
/// How long a payment may be silent. A hold lasts some minutes, so a lost webhook still finds its seats.
const SILENT_MS: u64 = 60_000;
/// Payments asked about each time: with the pause above 10 a second, a tenth of what the provider allows.
const PAYMENTS_MAX: u32 = 50;
/// Payments asked about together.
const LOOKS_MAX: usize = 8;
/// Events listed at once by the sweep.
const SWEEP_EVENTS_MAX: usize = 100;
/// The pause before a sweep that failed is tried again.
const SWEEP_PAUSE: Duration = Duration::from_secs(5);

/// What the reconciler works with.
#[derive(Clone)]
pub struct ReconcilerParts {
    /// Acts.
    pub runner: Runner,
    /// Lists the events.
    pub journal: Arc<dyn Journal>,
    /// Knows which are called off.
    pub catalogue: Arc<dyn catalogue::Store>,
}

/// Looks after silent payments.
#[derive(Clone)]
pub struct Reconciler {
    parts: ReconcilerParts,
}

/// A sweep that did not get through; the next one starts anew.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The events could not be listed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The orders could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Reconciler {
    /// A reconciler that does nothing until [`Reconciler::run`].
    #[must_use]
    pub fn new(parts: ReconcilerParts) -> Self {
        Self { parts }
    }

    /// Sweeps once, and asks about silent payments until the future is dropped.
    pub async fn run(&self) {
        let swept = async {
            while let Err(error) = self.sweep().await {
                tracing::error!(%error, "orders cannot be gone through, trying again");
                tokio::time::sleep(SWEEP_PAUSE).await;
            }
        };
        tokio::join!(swept, self.ask_again_and_again());
    }

    async fn ask_again_and_again(&self) {
        loop {
            if let Err(error) = self.ask_about_silent().await {
                tracing::error!(%error, "silent payments cannot be listed, trying again");
            }
            tokio::time::sleep(RECONCILE_EVERY).await;
        }
    }

    /// Asks the provider about payments that nothing was heard of for a while; tells how many there were.
    ///
    /// # Errors
    /// The payments could not be listed. A payment that could not be settled is only put off.
    pub async fn ask_about_silent(&self) -> Result<usize, StoreError> {
        let parts = self.parts.runner.parts();
        let before = usher_core::UnixMillis(parts.clock.now().0.saturating_sub_unsigned(SILENT_MS));
        let silent = parts.payments.unsettled(before, PAYMENTS_MAX).await?;
        let silent_count = silent.len();
        stream::iter(silent).for_each_concurrent(LOOKS_MAX, |payment| self.look(payment)).await;
        Ok(silent_count)
    }

    async fn look(&self, payment: PaymentRecord) {
        metrics::counter!(names::RECONCILED).increment(1);
        let runner = &self.parts.runner;
        if let Err(error) = runner.settle_because(payment.event, payment.order, Cause::Silence).await {
            tracing::warn!(order = %payment.order, %error, "a silent payment could not be settled");
            // To the end of the line, so that those that fail for ever do not hide the others.
            let parts = runner.parts();
            if let Err(error) = parts.payments.checked(payment.order, parts.clock.now(), false).await {
                tracing::error!(order = %payment.order, %error, "a payment could not be marked");
            }
        }
    }

    /// Goes through all orders once for those whose wake-up was lost with the process before.
    ///
    /// # Errors
    /// Events or orders could not be listed; repeat it.
    pub async fn sweep(&self) -> Result<(), SweepError> {
        let mut after = None;
        loop {
            let events = self.parts.journal.events(after, SWEEP_EVENTS_MAX).await?;
            after = events.last().copied();
            for event in &events {
                match self.sweep_event(*event).await {
                    Err(error @ StoreError::Damaged(_)) => {
                        // Trying again gives the same, and the others are owed as much.
                        tracing::error!(%event, %error, "the orders of this event cannot be gone through");
                    }
                    swept => swept?,
                }
            }
            if events.len() < SWEEP_EVENTS_MAX {
                return Ok(());
            }
        }
    }

    async fn sweep_event(&self, event: EventId) -> Result<(), StoreError> {
        let record = self.parts.catalogue.event(event).await?;
        if record.is_some_and(|record| record.state == EventState::Cancelled) {
            self.parts.runner.call_off(event).await?;
        } else {
            self.parts.runner.wake_where(event, is_owed).await?;
        }
        Ok(())
    }
}

/// Something is to be done about the order that no unsettled payment tells of.
fn is_owed(order: &OrderRecord) -> bool {
    match order.state {
        OrderState::AwaitingPayment => order.lapsed,
        OrderState::Confirmed => true,
        OrderState::Paid | OrderState::Refunded => order.refunds.iter().any(|refund| !refund.paid),
        OrderState::Cancelled => false,
    }
}

impl Runner {
    /// Settles every order of an event that was called off: unpaid ones are cancelled, authorizations given up, paid
    /// ones refunded. Repeating it changes nothing; tells how many orders it woke.
    ///
    /// # Errors
    /// The orders could not be listed or marked; repeat it.
    pub async fn call_off(&self, event: EventId) -> Result<usize, StoreError> {
        self.wake_where(event, |order| match order.state {
            OrderState::AwaitingPayment | OrderState::Confirmed | OrderState::Paid => true,
            OrderState::Refunded => order.refunds.iter().any(|refund| !refund.paid),
            OrderState::Cancelled => false,
        })
        .await
    }

    /// Wakes the orders of an event that something is owed to, if this node runs them: whoever ran them before may have
    /// heard of them and let go.
    ///
    /// # Errors
    /// The orders could not be listed or marked; repeat it.
    pub async fn wake_owed(&self, event: EventId) -> Result<usize, StoreError> {
        if self.is_elsewhere(event).await { Ok(0) } else { self.wake_where(event, is_owed).await }
    }

    /// Wakes the orders of an event that are `meant`, each marked as unsettled first.
    async fn wake_where(&self, event: EventId, meant: fn(&OrderRecord) -> bool) -> Result<usize, StoreError> {
        let (mut cursor, mut woken_count) = (None, 0);
        loop {
            let views = &self.parts().views;
            let page = views.orders_of_event(event, None, cursor.as_deref(), PAGE_ROWS_MAX).await?;
            let orders: Vec<OrderId> = page.rows.iter().filter(|row| meant(row)).map(|row| row.order).collect();
            for order in orders {
                self.unsettle(order).await?;
                self.wake(event, order);
                woken_count += 1;
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(woken_count);
            }
        }
    }
}
