//! What others hold of a running event: ask it, look at it, read its view.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use tokio::sync::{oneshot, watch};
use usher_core::{Command, EventId, HoldId, HoldView, OrderId, OrderView, UnixMillis};

use super::actor::{Arrived, EventActor, Operate, Token};
use super::gate::{Gate, Permit, Refusal};
use super::metrics::Series;
use super::sequencer::{Request, Told};
use super::{AskError, Decided, Looked, Standing, View};
use crate::clock::Clock;

/// Receivers of the view that the event itself keeps: more than these means that somebody watches.
pub(super) const OWN_RECEIVERS: usize = 1;

/// Whoever has waited for so long and finds the event being rebuilt waits no longer: its journal does not answer. A web
/// server has two seconds to say so.
const REBUILDING_WAIT_MAX: Duration = Duration::from_millis(1_800);
/// How often whoever has waited longer, for an event that runs, looks whether it still does.
const REBUILDING_LOOK_EVERY: Duration = Duration::from_millis(100);

/// What an actor and its handles share.
pub(super) struct Shared {
    pub(super) event: EventId,
    pub(super) gate: Gate,
    view: watch::Receiver<Arc<View>>,
    standing: Mutex<Standing>,
    quarantined_count: AtomicUsize,
    last_used_ms: AtomicI64,
    clock: Clock,
    series: Series,
}

impl Shared {
    pub(super) fn new(
        event: EventId,
        gate: Gate,
        view: watch::Receiver<Arc<View>>,
        clock: Clock,
        series: Series,
    ) -> Self {
        Self {
            event,
            gate,
            view,
            standing: Mutex::new(Standing::Running),
            quarantined_count: AtomicUsize::new(0),
            last_used_ms: AtomicI64::new(clock.now().0),
            clock,
            series,
        }
    }

    pub(super) fn set_standing(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_quarantined_count(&self, quarantined_count: usize) {
        self.quarantined_count.store(quarantined_count, Ordering::Release);
    }

    pub(super) fn quarantined_count(&self) -> usize {
        self.quarantined_count.load(Ordering::Acquire)
    }

    pub(super) fn touch(&self) {
        self.last_used_ms.store(self.clock.now().0, Ordering::Relaxed);
    }

    pub(super) fn last_used(&self) -> UnixMillis {
        UnixMillis(self.last_used_ms.load(Ordering::Relaxed))
    }
}

/// A running event; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) actor: Addr<EventActor>,
}

impl Handle {
    /// Whose.
    #[must_use]
    pub fn event(&self) -> EventId {
        self.shared.event
    }

    /// Decides a command; returns once its facts are durable.
    ///
    /// # Errors
    /// [`AskError`] tells a *no*, a full gate, and what is known about a command that did not get through.
    pub async fn ask(&self, command: Command) -> Result<Decided, AskError> {
        decided(self.send(self.enter()?, Request::Command(command)).await?)
    }

    /// Looks at a hold, after everything that was asked before.
    ///
    /// # Errors
    /// The gate is full, or the event does not run.
    pub async fn look_hold(&self, hold: HoldId) -> Result<Looked<HoldView>, AskError> {
        looked_hold(self.send(self.enter()?, Request::LookHold(hold)).await?)
    }

    /// Looks at an order, after everything that was asked before.
    ///
    /// # Errors
    /// The gate is full, or the event does not run.
    pub async fn look_order(&self, order: OrderId) -> Result<Looked<OrderView>, AskError> {
        looked_order(self.send(self.enter()?, Request::LookOrder(order)).await?)
    }

    /// The committed state. Never waits.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.shared.touch();
        Arc::clone(&self.shared.view.borrow())
    }

    /// The committed state as it changes; who is slow sees only the latest. The channel closes when the event is
    /// unloaded or dies: ask the registry again.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<View>> {
        self.shared.touch();
        self.shared.view.clone()
    }

    /// Takes a permit. *Not applied* means that this handle is of no use any more.
    pub(super) fn enter(&self) -> Result<Permit, AskError> {
        self.shared.gate.enter().map_err(|refusal| match refusal {
            Refusal::Full { retry_after_ms } => {
                let busy = AskError::Busy { retry_after_ms };
                self.shared.series.asked(Err(&busy));
                busy
            }
            Refusal::Closed => AskError::NotApplied,
        })
    }

    pub(super) async fn send(&self, permit: Permit, request: Request) -> Result<Told, AskError> {
        self.shared.touch();
        if !self.is_alive() {
            return Err(AskError::NotApplied);
        }
        let (reply, told) = oneshot::channel();
        self.actor.do_send(Arrived { token: Token { reply, permit }, request });
        self.answer(told).await
    }

    /// The answer, or what is known when the event is being rebuilt for so long that there will be none soon.
    async fn answer(&self, mut told: oneshot::Receiver<Result<Told, AskError>>) -> Result<Told, AskError> {
        let mut patience = REBUILDING_WAIT_MAX;
        loop {
            match tokio::time::timeout(patience, &mut told).await {
                // The actor died with the ask in its hands, before or after the append: nobody here can tell.
                Ok(told) => return told.unwrap_or(Err(AskError::OutcomeUnknown)),
                Err(_) if self.shared.standing() == Standing::Running => patience = REBUILDING_LOOK_EVERY,
                Err(_) => return Err(AskError::OutcomeUnknown),
            }
        }
    }

    /// The actor runs and lets askers in.
    pub(super) fn is_alive(&self) -> bool {
        self.actor.connected() && !self.shared.gate.is_closed()
    }

    pub(super) fn reset(&self) {
        self.actor.do_send(Operate::Reset);
    }

    /// Refuses everything from now on.
    pub(super) fn condemn(&self, answer: AskError) {
        self.actor.do_send(Operate::Condemn(answer));
    }

    /// Another node runs the event: nobody is let in any more, and who is inside is told what is known.
    pub(super) fn step_down(&self) {
        self.shared.gate.close();
        self.actor.do_send(Operate::StepDown);
    }

    /// Unloads the event unless it is needed; tells whether it is gone.
    pub(super) async fn unload(&self) -> bool {
        let (done, unloaded) = oneshot::channel();
        self.actor.do_send(Operate::Unload(done));
        unloaded.await.unwrap_or(true)
    }

    /// Closes the gate and waits until everybody inside is answered and a snapshot is kept.
    pub(super) async fn drain(&self) {
        self.shared.gate.close();
        let (done, drained) = oneshot::channel();
        self.actor.do_send(Operate::Drain(done));
        // A dead actor has nothing left to drain.
        let _ = drained.await;
    }

    pub(super) fn seq(&self) -> u64 {
        self.shared.view.borrow().seq
    }
}

pub(crate) fn decided(told: Told) -> Result<Decided, AskError> {
    match told {
        Told::Decided(decided) => Ok(decided),
        Told::Hold(_) | Told::Order(_) => Err(mismatch()),
    }
}

pub(crate) fn looked_hold(told: Told) -> Result<Looked<HoldView>, AskError> {
    match told {
        Told::Hold(looked) => Ok(looked),
        Told::Decided(_) | Told::Order(_) => Err(mismatch()),
    }
}

pub(crate) fn looked_order(told: Told) -> Result<Looked<OrderView>, AskError> {
    match told {
        Told::Order(looked) => Ok(looked),
        Told::Decided(_) | Told::Hold(_) => Err(mismatch()),
    }
}

fn mismatch() -> AskError {
    AskError::Unavailable("the sequencer answered another question".to_owned())
}
