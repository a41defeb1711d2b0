//! The way to the event of a process: the gate, the mailbox, and what an answer is sent with.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};
use usher_core::{Command, Inventory, OrderId, Phase};
use usher_engine::checkout::{Desk, Looked, always_here};
use usher_engine::event::sequencer::{Input, Request, Told};
use usher_engine::event::{AskError, Decided, Standing};

use crate::audit::{AskId, Audit};
use crate::executor::{ProcId, Sim};
use crate::faults::{Faults, Hit};
use crate::lock;
use crate::planted::Bug;
use crate::world::Outside;

/// Asks inside at once: few, so that the gate is seen full.
const GATE_PERMITS: u32 = 6;

/// What an answer is sent with.
pub(super) struct Token {
    pub(super) reply: Option<oneshot::Sender<Result<Told, AskError>>>,
    pub(super) ask: AskId,
    audit: Audit,
    pub(super) permit: Permit,
}

impl Drop for Token {
    /// The process ended, or the wiring lost it: nobody will answer.
    fn drop(&mut self) {
        if self.reply.is_some() {
            self.audit.unanswered(self.ask);
        }
    }
}

pub(super) struct Permit {
    inside: Arc<Mutex<u32>>,
    /// A planted bug keeps the place for ever.
    pub(super) leaks: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.leaks {
            *lock(&self.inside) -= 1;
        }
    }
}

pub(super) enum Message {
    Feed(Input<Token>),
    Tick {
        timer: u64,
    },
    /// Stop in good order and keep a snapshot.
    Drain(oneshot::Sender<()>),
    /// Show what is in memory, when nothing waits.
    Inspect(oneshot::Sender<Option<Inventory>>),
}

/// The way to the event of a process; clones share it.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(super) sim: Sim,
    pub(super) process: ProcId,
    pub(super) audit: Audit,
    pub(super) faults: Faults,
    pub(super) bug: Option<Bug>,
    mailbox: Arc<Mutex<VecDeque<Message>>>,
    pub(super) mail: Arc<Notify>,
    inside: Arc<Mutex<u32>>,
    closed: Arc<Mutex<bool>>,
    standing: Arc<Mutex<Option<Standing>>>,
    phase: Arc<Mutex<Option<Phase>>>,
    phase_changed: Arc<Notify>,
    retired: Arc<Mutex<bool>>,
}

impl Handle {
    pub(super) fn new(outside: &Outside, process: ProcId) -> Self {
        Self {
            sim: outside.sim.clone(),
            process,
            audit: outside.audit.clone(),
            faults: outside.faults.clone(),
            bug: outside.bug,
            mailbox: Arc::default(),
            mail: Arc::default(),
            inside: Arc::default(),
            closed: Arc::default(),
            standing: Arc::default(),
            phase: Arc::default(),
            phase_changed: Arc::default(),
            retired: Arc::default(),
        }
    }

    pub(super) fn post(&self, message: Message) {
        lock(&self.mailbox).push_back(message);
        self.mail.notify_one();
    }

    pub(super) fn next_message(&self) -> Option<Message> {
        lock(&self.mailbox).pop_front()
    }

    pub(super) fn set_standing(&self, standing: Standing) {
        *lock(&self.standing) = Some(standing);
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        if lock(&self.phase).replace(phase) != Some(phase) {
            self.phase_changed.notify_one();
        }
    }

    fn enter(&self) -> Result<Permit, AskError> {
        if *lock(&self.closed) {
            return Err(AskError::NotApplied);
        }
        let mut inside = lock(&self.inside);
        if *inside >= GATE_PERMITS {
            self.faults.count(Hit::Other("the gate was full"));
            return Err(AskError::Busy { retry_after_ms: 20 });
        }
        *inside += 1;
        Ok(Permit { inside: Arc::clone(&self.inside), leaks: false })
    }

    async fn send(&self, request: Request) -> Result<Told, AskError> {
        let permit = self.enter()?;
        let ask = self.audit.asked(&request);
        let (reply, told) = oneshot::channel();
        let token = Token { reply: Some(reply), ask, audit: self.audit.clone(), permit };
        self.post(Message::Feed(Input::Arrived { token, request }));
        told.await.unwrap_or(Err(AskError::OutcomeUnknown))
    }

    pub(crate) async fn ask(&self, command: Command) -> Result<Decided, AskError> {
        match self.send(Request::Command(command)).await? {
            Told::Decided(decided) => Ok(decided),
            Told::Hold(_) | Told::Order(_) => Err(AskError::OutcomeUnknown),
        }
    }

    pub(crate) async fn look_order(&self, order: OrderId) -> Result<Looked, AskError> {
        match self.send(Request::LookOrder(order)).await? {
            Told::Order(looked) => {
                Ok(Looked { order: looked.found, event_cancelled: looked.phase == Phase::Cancelled })
            }
            Told::Decided(_) | Told::Hold(_) => Err(AskError::OutcomeUnknown),
        }
    }

    pub(super) fn desk(&self) -> Desk {
        let (look, ask) = (self.clone(), self.clone());
        Desk {
            look: Arc::new(move |_, order| {
                let handle = look.clone();
                Box::pin(async move { handle.look_order(order).await })
            }),
            ask: Arc::new(move |_, command| {
                let handle = ask.clone();
                Box::pin(async move { handle.ask(command).await })
            }),
            elsewhere: always_here(),
        }
    }

    /// From here on it steps down at the first refusal instead of taking the event back.
    pub(crate) fn retire(&self) {
        *lock(&self.retired) = true;
    }

    pub(crate) fn is_retired(&self) -> bool {
        *lock(&self.retired)
    }

    /// Finishes what was taken and keeps a snapshot.
    pub(crate) async fn drain(&self) {
        *lock(&self.closed) = true;
        let (done, drained) = oneshot::channel();
        self.post(Message::Drain(done));
        // A crash on the way ends the wait as well.
        let _ = drained.await;
    }

    /// The state in memory; `None` when the event does not run or something waits.
    pub(crate) async fn inspect(&self) -> Option<Inventory> {
        let (show, shown) = oneshot::channel();
        self.post(Message::Inspect(show));
        shown.await.ok().flatten()
    }

    /// Waits until the committed phase is another one.
    pub(super) async fn phase_changed(&self) -> Phase {
        loop {
            self.phase_changed.notified().await;
            if let Some(phase) = *lock(&self.phase) {
                return phase;
            }
        }
    }

    pub(crate) fn standing(&self) -> Option<Standing> {
        lock(&self.standing).clone()
    }
}
