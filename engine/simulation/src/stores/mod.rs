//! The stores of a simulated house: their rows survive crashes, their calls can fail, be lost or be slow.

mod inbox;
mod jobs;
mod others;
mod payments;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use usher_core::{HoldId, OrderId, TicketId, UnixMillis};
use usher_engine::catalogue::EventState;
use usher_engine::jobs::{Job, JobState};
use usher_engine::orders::{HeldRecord, OrderRecord, SalesFigures};
use usher_engine::payments::{PaymentRecord, WebhookRecord, WebhookState};
use usher_engine::store::StoreError;

use crate::audit::{Audit, Derived};
use crate::faults::{Line, Op, Trouble};
use crate::lock;
use crate::planted::Bug;
use crate::stripe::Stripe;

/// All rows.
#[derive(Default)]
pub(crate) struct Tables {
    checkpoint: u64,
    holds: BTreeMap<HoldId, HeldRecord>,
    orders: BTreeMap<OrderId, OrderRecord>,
    tickets: BTreeMap<TicketId, (OrderId, u16)>,
    sales: SalesFigures,
    jobs: BTreeMap<String, (Job, UnixMillis)>,
    payments: BTreeMap<OrderId, PaymentRecord>,
    webhooks: BTreeMap<String, WebhookRecord>,
    contacts: BTreeSet<OrderId>,
    state: Option<EventState>,
}

/// What is durable; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Durable {
    tables: Arc<Mutex<Tables>>,
    /// Rung when something was written: followers look for what is due.
    pub(crate) changed: Arc<Notify>,
}

impl Durable {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }

    /// When the next webhook is to be tried.
    pub(crate) fn webhook_due(&self) -> Option<UnixMillis> {
        let tables = self.tables();
        let pending = tables.webhooks.values().filter(|webhook| webhook.state == WebhookState::Pending);
        pending.map(|webhook| webhook.run_at).min()
    }

    /// When the next job is to be tried, or its lease ends.
    pub(crate) fn job_due(&self) -> Option<UnixMillis> {
        let tables = self.tables();
        let open = tables.jobs.values().filter(|(job, _)| matches!(job.state, JobState::Ready | JobState::Running));
        open.map(|(_, due)| *due).min()
    }

    /// When an unsettled payment was last looked at, longest ago.
    pub(crate) fn silent_since(&self) -> Option<UnixMillis> {
        let tables = self.tables();
        tables.payments.values().filter(|payment| !payment.settled).map(|payment| payment.checked_at).min()
    }

    /// Orders whose views say that they are paid, oldest first.
    pub(crate) fn paid_orders(&self) -> Vec<(OrderId, usize)> {
        let tables = self.tables();
        let mut paid: Vec<&OrderRecord> =
            tables.orders.values().filter(|order| order.state == usher_core::OrderState::Paid).collect();
        paid.sort_by_key(|order| (order.begun_at, order.order));
        paid.into_iter().map(|order| (order.order, order.lines.len())).collect()
    }

    /// What an operator does who finds dead jobs and webhooks; how many there were.
    pub(crate) fn replay_dead(&self, now: UnixMillis) -> usize {
        let mut tables = self.tables();
        let mut replayed_count = 0;
        for (job, due) in tables.jobs.values_mut().filter(|(job, _)| job.state == JobState::Dead) {
            (job.state, job.failures_count, job.run_at, *due) = (JobState::Ready, 0, now, now);
            replayed_count += 1;
        }
        for webhook in tables.webhooks.values_mut().filter(|webhook| webhook.state == WebhookState::Dead) {
            (webhook.state, webhook.failures_count, webhook.run_at) = (WebhookState::Pending, 0, now);
            replayed_count += 1;
        }
        self.changed.notify_waiters();
        replayed_count
    }

    /// Everything derived, for the auditor.
    pub(crate) fn derived(&self) -> Derived {
        let tables = self.tables();
        let left = tables.jobs.values().filter(|(job, _)| job.state != JobState::Done);
        let webhooks = tables.webhooks.values().filter(|webhook| webhook.state != WebhookState::Done);
        Derived {
            orders: tables.orders.values().cloned().collect(),
            sales: tables.sales.clone(),
            jobs_left: left
                .map(|(job, _)| format!("job {} is {:?}: {:?}", job.id, job.state, job.last_error))
                .collect(),
            webhooks_left: webhooks
                .map(|webhook| format!("webhook {} is {:?}: {:?}", webhook.id, webhook.state, webhook.last_error))
                .collect(),
        }
    }
}

/// A process's way to all stores.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) line: Line,
    pub(crate) durable: Durable,
    pub(crate) audit: Audit,
    pub(crate) stripe: Stripe,
    pub(crate) bug: Option<Bug>,
}

impl Stores {
    async fn read<T>(&self, op: Op, look: impl FnOnce(&Tables) -> T) -> Result<T, StoreError> {
        match self.line.out(op).await {
            None | Some(Trouble::Slow | Trouble::Late | Trouble::Full | Trouble::Stolen) => {}
            Some(Trouble::Fails | Trouble::AnswerLost | Trouble::Swallowed) => return Err(unavailable()),
        }
        let found = look(&self.durable.tables());
        self.line.home(op).await;
        Ok(found)
    }

    async fn write<T>(&self, op: Op, act: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let trouble = self.line.out(op).await;
        let outcome = match trouble {
            None | Some(Trouble::Slow | Trouble::Stolen) => self.change(act),
            Some(Trouble::Full) => Err(StoreError::Full),
            Some(Trouble::Fails | Trouble::Swallowed | Trouble::Late) => Err(unavailable()),
            Some(Trouble::AnswerLost) => self.change(act).and_then(|_| Err(unavailable())),
        };
        self.line.home(op).await;
        outcome
    }

    fn change<T>(&self, act: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let changed = act(&mut self.durable.tables());
        self.durable.changed.notify_waiters();
        changed
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("nobody answers".to_owned())
}
