//! The wiring of the sequencer, as the event's actor does it in production, without actix: a gate, a mailbox, timers,
//! appends and reloads. It decides nothing; a planted bug is a wrong wire.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};
use usher_core::{Command, Inventory, OrderId, Phase};
use usher_engine::checkout::{Desk, Looked};
use usher_engine::clock::Clock;
use usher_engine::event::load::{Doubt, LoadError, Loader};
use usher_engine::event::sequencer::{Input, Output, Request, Sequencer, SnapshotDue, Told};
use usher_engine::event::{AskError, Decided, Standing, View};
use usher_engine::journal::{AppendError, SealedEntry, StoredSnapshot, Tenure, snapshot};
use usher_engine::orders::Projector;

use super::EVENT;
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
    reply: Option<oneshot::Sender<Result<Told, AskError>>>,
    ask: AskId,
    audit: Audit,
    permit: Permit,
}

impl Drop for Token {
    /// The process ended, or the wiring lost it: nobody will answer.
    fn drop(&mut self) {
        if self.reply.is_some() {
            self.audit.unanswered(self.ask);
        }
    }
}

struct Permit {
    inside: Arc<Mutex<u32>>,
    /// A planted bug keeps the place for ever.
    leaks: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.leaks {
            *lock(&self.inside) -= 1;
        }
    }
}

enum Message {
    Feed(Input<Token>),
    Tick { timer: u64 },
    /// Stop in good order and keep a snapshot.
    Drain(oneshot::Sender<()>),
    /// Show what is in memory, when nothing waits.
    Inspect(oneshot::Sender<Option<Inventory>>),
}

/// The way to the event of a process; clones share it.
#[derive(Clone)]
pub(crate) struct Handle {
    sim: Sim,
    process: ProcId,
    audit: Audit,
    faults: Faults,
    bug: Option<Bug>,
    mailbox: Arc<Mutex<VecDeque<Message>>>,
    mail: Arc<Notify>,
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

    fn post(&self, message: Message) {
        lock(&self.mailbox).push_back(message);
        self.mail.notify_one();
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
        }
    }

    /// From here on it steps down at the first refusal instead of taking the event back.
    pub(crate) fn retire(&self) {
        *lock(&self.retired) = true;
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

struct Reload {
    after_ms: u64,
    doubt: Option<Doubt>,
    resume: Option<Tenure>,
}

/// The wiring.
pub(super) struct Actor {
    handle: Handle,
    sequencer: Sequencer<Token>,
    clock: Clock,
    loader: Loader,
    /// Whom commits are told to.
    projector: Projector,
    flush_soon: bool,
    timer: u64,
    reload: Option<Reload>,
    draining: Option<oneshot::Sender<()>>,
    last_view: Option<View>,
}

impl Actor {
    pub(super) fn start(
        outside: &Outside,
        handle: Handle,
        clock: Clock,
        loader: Loader,
        projector: Projector,
    ) {
        let actor = Self {
            handle,
            sequencer: Sequencer::new(EVENT, crate::planted::rules(outside.bug)),
            clock,
            loader,
            projector,
            flush_soon: false,
            timer: 0,
            reload: Some(Reload { after_ms: 0, doubt: None, resume: None }),
            draining: None,
            last_view: None,
        };
        let process = actor.handle.process;
        outside.sim.spawn(process, 0xac70, actor.run());
    }

    async fn run(mut self) {
        let mut first = true;
        loop {
            if let Some(reload) = self.reload.take() {
                let input = self.load(reload).await;
                match input {
                    // Nobody could open the event: who asks tries again.
                    Input::LoadFailed(LoadError::Unavailable(_)) if first => {
                        self.handle.sim.sleep_us(100_000).await;
                        self.reload = Some(Reload { after_ms: 0, doubt: None, resume: None });
                    }
                    input => {
                        first = false;
                        self.feed(input);
                    }
                }
                continue;
            }
            let message = lock(&self.handle.mailbox).pop_front();
            match message {
                Some(Message::Feed(input)) => self.feed(input),
                Some(Message::Tick { timer }) if timer == self.timer => self.feed(Input::Tick),
                Some(Message::Tick { .. }) => {}
                Some(Message::Drain(done)) => self.draining = Some(done),
                Some(Message::Inspect(show)) => {
                    let _ = show.send(self.sequencer.last_snapshot().map(|due| due.inventory));
                }
                None if self.flush_soon => {
                    self.flush_soon = false;
                    self.feed(Input::Flush);
                }
                None => {
                    if self.draining.is_some() && self.sequencer.is_quiet() {
                        return self.close().await;
                    }
                    self.handle.mail.notified().await;
                }
            }
        }
    }

    fn feed(&mut self, input: Input<Token>) {
        let mut outputs = Vec::new();
        self.sequencer.handle(self.clock.now(), input, &mut outputs);
        for output in outputs {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output<Token>) {
        match output {
            Output::FlushSoon => {
                // One more turn of the scheduler, so that what is on its way here joins the entry.
                let handle = self.handle.clone();
                self.flush_soon = true;
                self.handle.sim.spawn(self.handle.process, 0xf1, async move { handle.mail.notify_one() });
            }
            Output::Append { sealed, commands_count } => {
                if commands_count > 1 {
                    self.handle.faults.count(Hit::Other("several commands shared an entry"));
                }
                self.append(sealed);
            }
            Output::Reply { mut token, outcome } => {
                self.handle.audit.answered(token.ask, &outcome);
                if self.handle.bug == Some(Bug::LeakPermit) && outcome.is_err() {
                    token.permit.leaks = true;
                }
                if let Some(reply) = token.reply.take() {
                    drop(token);
                    let _ = reply.send(outcome);
                }
            }
            Output::Publish(view) => self.publish(view),
            Output::Snapshot(due) => {
                let keep = keep_snapshot(self.loader.clone(), *due);
                self.handle.sim.spawn(self.handle.process, 0x54a9, keep);
            }
            Output::Reload { reason, after_ms, doubt, resume } => {
                self.handle.sim.trace(|| format!("P{} reloads: {reason}", self.handle.process));
                self.handle.faults.count(Hit::Other(reload_name(reason.code())));
                if *lock(&self.handle.retired) {
                    self.handle.faults.count(Hit::Other("an old owner stepped down"));
                    return self.handle.faults.end(&self.handle.sim, self.handle.process);
                }
                // Timers of the stopped run are dropped with it.
                self.timer += 1;
                self.flush_soon = false;
                self.reload = Some(Reload { after_ms, doubt, resume });
            }
            Output::Stands(standing) => {
                if let Standing::Down { why, needs_operator } = &standing {
                    self.handle.faults.count(Hit::Other("an event went down"));
                    self.handle.sim.trace(|| format!("P{} is down: {why}", self.handle.process));
                    if *needs_operator {
                        self.handle.audit.violate("I6-down", why.clone());
                    }
                }
                *lock(&self.handle.standing) = Some(standing);
            }
            Output::Quarantined { quarantined_count } => {
                if quarantined_count > 0 {
                    self.handle.audit.violate("I6-quarantine", "a command panics again and again".to_owned());
                }
            }
            Output::WakeAt(at) => self.wake_at(at),
        }
    }

    fn wake_at(&mut self, at: usher_core::UnixMillis) {
        self.timer += 1;
        if self.handle.bug == Some(Bug::ForgetExpiry) {
            return;
        }
        let (handle, clock, timer) = (self.handle.clone(), self.clock.clone(), self.timer);
        self.handle.sim.spawn(self.handle.process, 0x71c4, async move {
            while let ms @ 1.. = at.ms_since(clock.now()) {
                handle.sim.sleep_us(ms * 1_000).await;
            }
            handle.post(Message::Tick { timer });
        });
    }

    fn publish(&mut self, view: View) {
        let seq = view.seq;
        let mut view = view;
        if self.handle.bug == Some(Bug::CountOffByOne) && view.counts.held_count > 0 {
            view.counts.held_count -= 1;
        }
        self.handle.audit.published(&view);
        if lock(&self.handle.phase).replace(view.phase) != Some(view.phase) {
            self.handle.phase_changed.notify_one();
        }
        self.last_view = Some(view);
        self.projector.committed(EVENT, seq);
    }

    fn append(&mut self, sealed: SealedEntry) {
        let (journal, seq) = (Arc::clone(&self.loader.journal), sealed.entry.seq);
        let bug = self.handle.bug;
        if bug == Some(Bug::PublishBeforeDurable)
            && let Some(view) = &self.last_view
        {
            self.handle.audit.published(&View { seq, ..view.clone() });
        }
        let handle = self.handle.clone();
        if bug == Some(Bug::AnswerBeforeDurable) {
            handle.post(Message::Feed(Input::Appended { seq, outcome: Ok(()) }));
        }
        self.handle.sim.spawn(self.handle.process, 0xa99e, async move {
            let outcome = journal.append(EVENT, sealed).await;
            let outcome = match (bug, outcome) {
                (Some(Bug::TrustRefusedAppend), Err(AppendError::NotWritten(_) | AppendError::StorageFull)) => Ok(()),
                (Some(Bug::DropUnknown), Err(AppendError::Unknown(why))) => Err(AppendError::NotWritten(why)),
                (_, outcome) => outcome,
            };
            if bug != Some(Bug::AnswerBeforeDurable) || outcome.is_err() {
                handle.post(Message::Feed(Input::Appended { seq, outcome }));
            }
        });
    }

    async fn load(&mut self, reload: Reload) -> Input<Token> {
        let Reload { after_ms, doubt, resume } = reload;
        if after_ms > 0 {
            self.handle.sim.sleep_us(after_ms * 1_000).await;
        }
        let loaded = match resume {
            Some(tenure) => self.loader.resume(EVENT, tenure).await,
            None => self.loader.load(EVENT, doubt).await,
        };
        match loaded {
            Ok(loaded) => Input::Loaded(Box::new(loaded)),
            Err(error) => Input::LoadFailed(error),
        }
    }

    async fn close(mut self) {
        let snapshot = self.sequencer.last_snapshot();
        self.feed(Input::Close);
        if let Some(mut due) = snapshot {
            if self.handle.bug == Some(Bug::SnapshotLies) {
                due.inventory = Inventory::new(Arc::clone(due.inventory.layout()));
            }
            keep_snapshot(self.loader.clone(), due).await;
        }
        if let Some(done) = self.draining.take() {
            let _ = done.send(());
        }
    }
}

async fn keep_snapshot(loader: Loader, due: SnapshotDue) {
    let SnapshotDue { inventory, seq, hash } = due;
    let bytes = snapshot::encode(&inventory.to_snapshot());
    // Without it the next replay is longer.
    let _ = loader.journal.put_snapshot(EVENT, StoredSnapshot { seq, hash, bytes }).await;
}

fn reload_name(code: &'static str) -> &'static str {
    match code {
        "panicked" => "reload: the rules panicked",
        "not_written" => "reload: not written",
        "storage_full" => "reload: storage full",
        "unknown" => "reload: outcome unknown",
        "fenced" => "reload: fenced",
        "load_failed" => "reload: loading failed",
        _ => "reload: tried again",
    }
}
