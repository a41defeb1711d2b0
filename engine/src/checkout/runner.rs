//! Drives the payment processes of all orders: at most one run per order at a time, a bounded number at once.
//!
//! It is woken by webhooks, by facts and by the reconciler. A wake-up is only a hint: it carries nothing, it may come
//! twice or be lost, and what is to be done is decided from the actor's and the provider's own words each time.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use usher_core::{Command, Currency, EventId, Minor, OrderId, UnixMillis};

use super::desk::Desk;
use super::locks::OrderLocks;
use super::run::{Cause, Run};
use super::schedule::Schedule;
use crate::clock::Clock;
use crate::event::AskError;
use crate::fail_point;
use crate::orders::Views;
use crate::payments::{Gateway, GatewayError, Intent, NewIntent, PaymentRecord, Payments, metrics as names};
use crate::store::StoreError;

/// Runs at once. Each waits mostly for the provider, whose limit is about 100 requests a second.
const RUNS_MAX: usize = 32;
/// The pause after the first failed run; it doubles with each one in a row.
const BACK_OFF_MS: u64 = 250;
/// The longest pause after a failed run.
const BACK_OFF_MAX_MS: u64 = 60_000;
/// How long the dispatcher sleeps at most when the clock is not the machine's.
const NAP_MAX: Duration = Duration::from_secs(1);

/// Why a run stopped before its end. Another one is safe at any time.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The event did not do what it was asked.
    #[error("asking the event: {0}")]
    Ask(#[from] AskError),
    /// The provider did not.
    #[error("asking the payment provider: {0}")]
    Gateway(#[from] GatewayError),
    /// A store did not.
    #[error("keeping the payment: {0}")]
    Store(#[from] StoreError),
    /// The event has no such order.
    #[error("{0} is unknown to its event")]
    UnknownOrder(OrderId),
    /// The intent is not what was asked for, or a repeat asks for something else.
    #[error("the payment of {0} has another amount, currency or mode")]
    Mismatch(OrderId),
    /// The rules led nowhere: a bug.
    #[error("the payment process of {0} makes no headway")]
    NoHeadway(OrderId),
}

/// What the runner works with.
#[derive(Clone)]
pub struct RunnerParts {
    /// The way to the events.
    pub desk: Desk,
    /// Where payments are kept.
    pub payments: Arc<dyn Payments>,
    /// Where refunds are read.
    pub views: Arc<dyn Views>,
    /// The way to the provider.
    pub gateway: Arc<dyn Gateway>,
    /// The time.
    pub clock: Clock,
}

/// The payment processes; clones share them.
#[derive(Clone)]
pub struct Runner {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) parts: RunnerParts,
    locks: OrderLocks,
    schedule: Mutex<Schedule>,
    bell: Notify,
}

impl Runner {
    /// A runner that answers requests at once and wake-ups as soon as [`Runner::run`] does.
    #[must_use]
    pub fn new(parts: RunnerParts) -> Self {
        let (locks, schedule, bell) = (OrderLocks::default(), Mutex::default(), Notify::new());
        Self { shared: Arc::new(Shared { parts, locks, schedule, bell }) }
    }

    /// The payment of an order that awaits it, with the secret that lets the buyer's browser confirm it. A repeat
    /// gives the same one. Within ten seconds there is an answer.
    ///
    /// # Errors
    /// The provider or the store failed; repeating is safe and finds what was made.
    pub async fn begin_payment(
        &self,
        order: OrderId,
        event: EventId,
        amount_minor: Minor,
        currency: Currency,
    ) -> Result<PaymentRecord, PaymentError> {
        let _guard = self.shared.locks.lock(order).await;
        self.shared.ensure_payment(NewIntent { order, event, amount_minor, currency }).await
    }

    /// Asks for a run of an order's process. Never waits.
    pub fn wake(&self, event: EventId, order: OrderId) {
        let welcome = self.shared.with_schedule(|schedule| schedule.wake(event, order));
        if !welcome {
            metrics::counter!(names::PAYMENT_WAKES_DROPPED).increment(1);
        }
        self.shared.bell.notify_one();
    }

    /// Runs an order's process now and waits until there is nothing to do for the moment.
    ///
    /// # Errors
    /// The event, the provider or a store failed; another run goes on from there.
    pub async fn settle(&self, event: EventId, order: OrderId) -> Result<(), PaymentError> {
        self.settle_because(event, order, Cause::Told).await
    }

    pub(crate) async fn settle_because(
        &self,
        event: EventId,
        order: OrderId,
        cause: Cause,
    ) -> Result<(), PaymentError> {
        if let Some(at) = self.shared.run_order(event, order, cause).await? {
            self.shared.with_schedule(|schedule| schedule.wake_at(event, order, at));
            self.shared.bell.notify_one();
        }
        Ok(())
    }

    /// Marks a payment as unsettled, durably, before a refund is asked for: if the process ends between the two, the
    /// reconciler finds it.
    ///
    /// # Errors
    /// The store failed; ask for no refund then.
    pub async fn unsettle(&self, order: OrderId) -> Result<(), StoreError> {
        self.shared.parts.payments.reopen(order).await
    }

    /// Whether another node runs the payment processes of this event's orders.
    pub(crate) async fn is_elsewhere(&self, event: EventId) -> bool {
        (self.shared.parts.desk.elsewhere)(event).await
    }

    /// Tells the event that a try to pay failed. An order that is past that does not mind.
    ///
    /// # Errors
    /// The event could not be asked.
    pub async fn declined(&self, event: EventId, order: OrderId, attempt: u32) -> Result<(), PaymentError> {
        match (self.shared.parts.desk.ask)(event, Command::RecordPaymentFailure { order, attempt }).await {
            Ok(_) | Err(AskError::Rejected(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers wake-ups until the future is dropped; a run that is cut off is safe to repeat.
    pub async fn run(&self) {
        let mut running = JoinSet::new();
        loop {
            while running.len() < RUNS_MAX {
                let Some(turn) = self.next_turn() else { break };
                running.spawn(turn);
            }
            let waiting_count = self.shared.with_schedule(|schedule| schedule.waiting_count());
            #[expect(clippy::cast_precision_loss, reason = "a gauge; exact below 2^52 orders")]
            metrics::gauge!(names::PAYMENT_WAKES).set(waiting_count as f64);
            tokio::select! {
                () = self.rung() => {}
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(self.shared.nap()) => {}
            }
        }
    }

    /// The run whose turn it is, to be driven to its end by whoever asked; `None` when nobody waits for one now. A run
    /// that is dropped before its end keeps its order from running again until the process starts anew.
    #[must_use]
    pub fn next_turn(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let now = self.shared.parts.clock.now();
        let (event, order) = self.shared.with_schedule(|schedule| schedule.next(now))?;
        let shared = Arc::clone(&self.shared);
        Some(async move { shared.take_turn(event, order).await })
    }

    /// When the next run is due that nobody needs to ask for.
    #[must_use]
    pub fn next_turn_at(&self) -> Option<UnixMillis> {
        self.shared.with_schedule(|schedule| schedule.next_due())
    }

    /// Waits until somebody asks for a run.
    pub async fn rung(&self) {
        self.shared.bell.notified().await;
    }

    pub(crate) fn parts(&self) -> &RunnerParts {
        &self.shared.parts
    }
}

impl Shared {
    /// The kept payment, or a new one. The caller holds the order's lock.
    pub(super) async fn ensure_payment(&self, new: NewIntent) -> Result<PaymentRecord, PaymentError> {
        let NewIntent { order, amount_minor, currency, .. } = new;
        let payments = &self.parts.payments;
        if let Some(kept) = payments.payment(order).await? {
            let same = kept.amount_minor == amount_minor && kept.currency == currency;
            return if same { Ok(kept) } else { Err(PaymentError::Mismatch(order)) };
        }
        // The key follows from the order, which is in the journal: whoever repeats this finds the same intent.
        fail_point!("intent.before");
        let intent = self.parts.gateway.create_intent(new, &format!("{order}:intent:1")).await?;
        fail_point!("intent.made");
        let as_asked = intent.amount_minor == amount_minor && intent.currency == currency;
        if !as_asked || intent.livemode != self.parts.gateway.livemode() {
            return Err(PaymentError::Mismatch(order));
        }
        let record = payment_record(order, new.event, intent, self.parts.clock.now());
        payments.put_payment(record.clone()).await?;
        fail_point!("intent.kept");
        Ok(payments.payment(order).await?.unwrap_or(record))
    }

    async fn run_order(
        &self,
        event: EventId,
        order: OrderId,
        cause: Cause,
    ) -> Result<Option<UnixMillis>, PaymentError> {
        if (self.parts.desk.elsewhere)(event).await {
            // Its owner hears of the same facts, the same webhooks and the same silence, and keeps one run at a time.
            return Ok(None);
        }
        let _guard = self.locks.lock(order).await;
        let began = Instant::now();
        let outcome = Run::new(self, event, order, cause).until_rest().await;
        metrics::histogram!(names::PAYMENT_RUN_SECONDS).record(began.elapsed().as_secs_f64());
        outcome
    }

    async fn take_turn(&self, event: EventId, order: OrderId) {
        // A panic leaves nothing half done that the next run does not find: it asks everybody anew.
        let run = AssertUnwindSafe(self.run_order(event, order, Cause::Told)).catch_unwind().await;
        match run {
            Ok(Ok(look_again_at)) => return self.with_schedule(|schedule| schedule.done(order, look_again_at)),
            Ok(Err(error)) => tracing::warn!(%event, %order, %error, "the payment process stopped, trying again"),
            Err(_panic) => tracing::error!(%event, %order, "the payment process panicked, trying again"),
        }
        let now = self.parts.clock.now();
        self.with_schedule(|schedule| schedule.failed(order, now, back_off_ms));
    }

    fn nap(&self) -> Duration {
        let Some(due) = self.with_schedule(|schedule| schedule.next_due()) else { return NAP_MAX };
        Duration::from_millis(due.ms_since(self.parts.clock.now()).max(1)).min(NAP_MAX)
    }

    fn with_schedule<T>(&self, act: impl FnOnce(&mut Schedule) -> T) -> T {
        act(&mut self.schedule.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A payment that nobody has looked at yet.
pub(crate) fn payment_record(order: OrderId, event: EventId, intent: Intent, now: UnixMillis) -> PaymentRecord {
    PaymentRecord {
        order,
        event,
        intent: intent.id,
        client_secret: intent.client_secret,
        amount_minor: intent.amount_minor,
        currency: intent.currency,
        settled: false,
        created_at: now,
        checked_at: now,
    }
}

fn back_off_ms(failures_count: u32) -> u64 {
    let doubled = BACK_OFF_MS.saturating_mul(1 << failures_count.saturating_sub(1).min(16));
    doubled.min(BACK_OFF_MAX_MS)
}
