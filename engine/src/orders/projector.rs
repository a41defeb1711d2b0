//! The projector: follows each event's journal from a stored checkpoint and keeps the views and jobs that follow.
//!
//! The journal is the outbox. A crash between the steps below repeats work but changes nothing: jobs are enqueued
//! under ids of their own before the checkpoint moves, and the checkpoint moves with the views in one transaction.
//! It is woken by commits and needs no message to be delivered: a lost wake-up is found at the next one or at start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use usher_core::{Currency, EventId, Fact, OrderId};

use super::{Projection, Touched, Views, metrics as names};
use crate::fail_point;
use crate::jobs::Queue;
use crate::journal::{Entry, Journal, JournalError};
use crate::store::StoreError;

/// Entries folded in one step: bounds memory and the length of one transaction.
const STEP_ENTRIES_MAX: usize = 256;
/// Events listed at once when the projector starts.
const LIST_EVENTS_MAX: usize = 1_000;
/// How long commits gather between two rounds when nobody waits for the views: a round costs a transaction whatever it
/// contains, and under load an event commits some hundred times a second.
const GATHER: Duration = Duration::from_millis(20);
/// The longest pause after steps that fail.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// The first pause after a step that failed.
const BACK_OFF_MIN: Duration = Duration::from_millis(100);

/// Between two looks at views that another node keeps.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Events whose views are looked at wait for each other where they share one of so many places.
const LOOKS_MAX: usize = 32;
/// Events of other nodes remembered.
const SHOWN_MAX: usize = 10_000;

/// Whether an event's journal is this node's to follow.
pub type IsMine = Arc<dyn Fn(EventId) -> BoxFuture<'static, bool> + Send + Sync>;

/// Hears which orders of an event changed.
pub type OnOrders = Arc<dyn Fn(EventId, &[OrderId]) + Send + Sync>;

/// What the projector works with.
#[derive(Clone)]
pub struct ProjectorParts {
    /// What it follows.
    pub journal: Arc<dyn Journal>,
    /// What it keeps.
    pub views: Arc<dyn Views>,
    /// Where the work that follows goes.
    pub queue: Arc<dyn Queue>,
    /// Whom it tells that orders changed, after the views contain it: the payment process.
    pub on_orders: OnOrders,
}

/// The projector's handle; clones share it.
#[derive(Clone)]
pub struct Projector {
    shared: Arc<Shared>,
}

struct Shared {
    parts: ProjectorParts,
    state: Mutex<State>,
    wake: Notify,
    /// Somebody waits for the views.
    hurry: Notify,
    progress: watch::Sender<u64>,
    /// Of all who wait for the same views of another node, one looks.
    looks: Vec<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    dirty: BTreeSet<EventId>,
    committed: BTreeMap<EventId, u64>,
    checkpoints: BTreeMap<EventId, u64>,
    /// How far views that another node keeps were seen to be.
    shown: BTreeMap<EventId, u64>,
    currencies: BTreeMap<EventId, Currency>,
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn all() -> IsMine {
    Arc::new(|_| std::future::ready(true).boxed())
}

impl Projector {
    /// A projector that does nothing until [`Projector::run`] or [`Projector::project_all`].
    #[must_use]
    pub fn new(parts: ProjectorParts) -> Self {
        let (state, wake, hurry, progress) = (Mutex::default(), Notify::new(), Notify::new(), watch::Sender::new(0));
        let looks = (0..LOOKS_MAX).map(|_| tokio::sync::Mutex::default()).collect();
        Self { shared: Arc::new(Shared { parts, state, wake, hurry, progress, looks }) }
    }

    /// Says that an event's journal has reached `seq`. Never waits.
    pub fn committed(&self, event: EventId, seq: u64) {
        self.shared.with_state(|state| {
            state.dirty.insert(event);
            let committed = state.committed.entry(event).or_default();
            *committed = (*committed).max(seq);
        });
        self.shared.wake.notify_one();
    }

    /// The event has changed hands, from this node or to it: what was known of its views stands no more. What they lag
    /// behind is still brought up to date here: if another does so as well, one of the two is refused.
    pub fn let_go(&self, event: EventId) {
        self.shared.with_state(|state| {
            state.committed.remove(&event);
            state.checkpoints.remove(&event);
        });
    }

    /// Waits until the views contain entry `seq` of an event, at most `wait`; tells whether they do.
    pub async fn caught_up(&self, event: EventId, seq: u64, wait: Duration) -> bool {
        // What is committed here is told before it is answered; what was not told is projected by another node.
        let is_told = self.shared.with_state(|state| state.committed.get(&event).is_some_and(|told| *told >= seq));
        if is_told || seq == 0 {
            self.caught_up_here(event, seq, wait).await
        } else {
            tokio::time::timeout(wait, self.caught_up_elsewhere(event, seq)).await.is_ok()
        }
    }

    async fn caught_up_elsewhere(&self, event: EventId, seq: u64) {
        let is_shown = || self.shared.with_state(|state| state.shown.get(&event).is_some_and(|shown| *shown >= seq));
        let place = usize::try_from(event.0 % LOOKS_MAX as u128).unwrap_or_default();
        while !is_shown() {
            let _turn = self.shared.looks[place].lock().await;
            if is_shown() {
                return;
            }
            match self.shared.parts.views.shows(event).await {
                Ok(shown) => self.shared.with_state(|state| {
                    if state.shown.len() >= SHOWN_MAX {
                        state.shown.clear();
                    }
                    state.shown.insert(event, shown);
                }),
                Err(error) => tracing::debug!(%event, %error, "not seen how far the views are"),
            }
            if !is_shown() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn caught_up_here(&self, event: EventId, seq: u64, wait: Duration) -> bool {
        let mut progress = self.shared.progress.subscribe();
        let reached = || self.shared.with_state(|state| state.checkpoints.get(&event).is_some_and(|at| *at >= seq));
        let wait_for_it = async {
            while !reached() {
                self.shared.hurry.notify_one();
                if progress.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(wait, wait_for_it).await;
        reached()
    }

    /// Follows all journals until the future is dropped; dropping it between two steps loses nothing.
    pub async fn run(&self) {
        self.run_for(&all()).await;
    }

    /// As [`Projector::run`], of the journals that are this node's at its start, and of those it is told of later.
    pub async fn run_for(&self, is_mine: &IsMine) {
        let mut back_off = BACK_OFF_MIN;
        let mut listed = false;
        loop {
            let outcome = if listed { self.drain_dirty().await } else { self.mark_all(is_mine).await };
            match outcome {
                Ok(()) => {
                    back_off = BACK_OFF_MIN;
                    if std::mem::replace(&mut listed, true) {
                        let rested = Instant::now();
                        self.shared.wake.notified().await;
                        self.gather(rested).await;
                    }
                }
                Err(error) => {
                    metrics::counter!(names::PROJECTOR_FAILURES).increment(1);
                    tracing::error!(%error, "projecting failed, trying again");
                    tokio::time::sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                }
            }
        }
    }

    /// Lets commits gather after a round that ended at `since`, unless somebody waits for them.
    async fn gather(&self, since: Instant) {
        let Some(left) = GATHER.checked_sub(since.elapsed()) else { return };
        // At worst an old hurry ends one pause early.
        let _ = tokio::time::timeout(left, self.shared.hurry.notified()).await;
    }

    /// Projects every journal to its end and returns.
    ///
    /// # Errors
    /// The journal cannot be listed or a store failed. A damaged journal is logged and passed over.
    pub async fn project_all(&self) -> Result<(), StoreError> {
        self.mark_all(&all()).await.map_err(StepError::into_store)?;
        self.drain_dirty().await.map_err(StepError::into_store)
    }

    /// Projects the journals that were told to have grown, to their ends, and returns.
    ///
    /// # Errors
    /// A store or the journal failed; the rest waits for the next call.
    pub async fn project_told(&self) -> Result<(), StoreError> {
        self.drain_dirty().await.map_err(StepError::into_store)
    }

    /// Waits until some journal is told to have grown.
    pub async fn told(&self) {
        self.shared.wake.notified().await;
    }

    async fn mark_all(&self, is_mine: &IsMine) -> Result<(), StepError> {
        let mut after = None;
        loop {
            let events = self.shared.parts.journal.events(after, LIST_EVENTS_MAX).await?;
            after = events.last().copied();
            for event in &events {
                if is_mine(*event).await {
                    self.shared.with_state(|state| state.dirty.insert(*event));
                }
            }
            if events.len() < LIST_EVENTS_MAX {
                return Ok(());
            }
        }
    }

    async fn drain_dirty(&self) -> Result<(), StepError> {
        while let Some(event) = self.shared.with_state(|state| state.dirty.pop_first()) {
            match self.follow(event).await {
                Ok(()) => {}
                // Trying again gives the same, and the others go on.
                Err(
                    error @ (StepError::Journal(JournalError::Damaged { .. } | JournalError::TooNew { .. })
                    | StepError::Store(StoreError::Damaged(_))),
                ) => {
                    metrics::counter!(names::PROJECTOR_FAILURES).increment(1);
                    tracing::error!(%event, %error, "the views of this event stand still");
                    self.shared.with_state(|state| state.checkpoints.remove(&event));
                }
                Err(error) => {
                    self.shared.with_state(|state| {
                        state.dirty.insert(event);
                        // The step may have landed all the same: only the store knows where the views stand now.
                        state.checkpoints.remove(&event);
                    });
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn follow(&self, event: EventId) -> Result<(), StepError> {
        let ProjectorParts { journal, views, .. } = &self.shared.parts;
        let known = self.shared.with_state(|state| state.checkpoints.get(&event).copied());
        let mut checkpoint = match known {
            Some(checkpoint) => checkpoint,
            None => views.checkpoint(event).await?,
        };
        loop {
            let sealed = journal.read(event, checkpoint, STEP_ENTRIES_MAX).await?;
            let entries: Vec<Entry> = sealed.into_iter().map(|sealed| sealed.entry).collect();
            if let Some(last) = entries.last() {
                let seq = last.seq;
                self.step(event, seq, &entries).await?;
                checkpoint = seq;
            }
            self.advance(event, checkpoint, entries.len());
            if entries.len() < STEP_ENTRIES_MAX {
                return Ok(());
            }
        }
    }

    async fn step(&self, event: EventId, seq: u64, entries: &[Entry]) -> Result<(), StepError> {
        let ProjectorParts { views, queue, on_orders, .. } = &self.shared.parts;
        let currency = self.currency(event, entries).await?;
        let mut touched = Touched::by(entries);
        let holds: Vec<_> = touched.holds.into_iter().collect();
        let holds = if holds.is_empty() { Vec::new() } else { views.holds(event, &holds).await? };
        touched.orders.extend(holds.iter().filter_map(|held| held.order));
        let orders: Vec<_> = touched.orders.into_iter().collect();
        let orders = if orders.is_empty() { Vec::new() } else { views.orders(&orders).await? };
        let mut projection = Projection::new(event, currency, holds, orders, views.sales(event).await?);
        for entry in entries {
            projection.apply(entry);
        }
        let projected = projection.finish();
        fail_point!("projector.read");
        if !projected.jobs.is_empty() {
            queue.enqueue(projected.jobs).await?;
            fail_point!("projector.enqueued");
        }
        let applied = views.apply(event, seq, projected.changes).await;
        fail_point!("projector.applied");
        if !projected.orders.is_empty() {
            // After a failure too: if it landed all the same, nobody comes this way again. A wake-up is only a hint.
            on_orders(event, &projected.orders);
            fail_point!("projector.told");
        }
        applied?;
        Ok(())
    }

    fn advance(&self, event: EventId, checkpoint: u64, entries_count: usize) {
        let committed = self.shared.with_state(|state| {
            state.checkpoints.insert(event, checkpoint);
            state.committed.get(&event).copied().unwrap_or(checkpoint)
        });
        #[expect(clippy::cast_precision_loss, reason = "a gauge; exact below 2^52 entries")]
        metrics::gauge!(names::PROJECTOR_LAG).set(committed.saturating_sub(checkpoint) as f64);
        metrics::counter!(names::PROJECTED_ENTRIES).increment(entries_count as u64);
        self.shared.progress.send_modify(|steps| *steps = steps.wrapping_add(1));
    }

    /// The event's currency: from the batch itself or from the first entry, where it was published.
    async fn currency(&self, event: EventId, entries: &[Entry]) -> Result<Currency, StepError> {
        if let Some(currency) = self.shared.with_state(|state| state.currencies.get(&event).copied()) {
            return Ok(currency);
        }
        let first;
        let entries = if entries.first().is_some_and(|entry| entry.seq == 1) {
            entries
        } else {
            first = self.shared.parts.journal.read(event, 0, 1).await?;
            &first.into_iter().map(|sealed| sealed.entry).collect::<Vec<_>>()
        };
        let published = entries
            .iter()
            .flat_map(|entry| &entry.facts)
            .find_map(|fact| if let Fact::Published { currency, .. } = fact { Some(*currency) } else { None });
        let currency = published.ok_or_else(|| JournalError::Damaged {
            event,
            seq: 1,
            what: "the first entry does not publish the event".to_owned(),
        })?;
        self.shared.with_state(|state| state.currencies.insert(event, currency));
        Ok(currency)
    }
}

impl Shared {
    fn with_state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StepError {
    fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Journal(error) => StoreError::Unavailable(error.to_string()),
        }
    }
}
