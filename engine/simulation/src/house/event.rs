//! The wiring of the sequencer, as the event's actor does it in production, without actix: a gate, a mailbox, timers,
//! appends and reloads. It decides nothing; a planted bug is a wrong wire.

use std::sync::Arc;

use tokio::sync::oneshot;
use usher_core::Inventory;
use usher_engine::clock::Clock;
use usher_engine::event::load::{Doubt, LoadError, Loader};
use usher_engine::event::sequencer::{Input, Output, Sequencer, SnapshotDue};
use usher_engine::event::{Standing, View};
use usher_engine::journal::{AppendError, SealedEntry, StoredSnapshot, Tenure, snapshot};
use usher_engine::orders::Projector;

use super::EVENT;
use super::handle::{Handle, Message, Token};
use crate::faults::Hit;
use crate::planted::Bug;
use crate::world::Outside;

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
    pub(super) fn start(outside: &Outside, handle: Handle, clock: Clock, loader: Loader, projector: Projector) {
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
                let unavailable = matches!(input, Input::LoadFailed(LoadError::Unavailable(_)));
                if first && unavailable && self.handle.is_retired() {
                    return self.step_down();
                }
                if first && unavailable {
                    // Nobody could open the event: who asks tries again.
                    self.handle.sim.sleep_us(100_000).await;
                    self.reload = Some(Reload { after_ms: 0, doubt: None, resume: None });
                } else {
                    first = false;
                    self.feed(input);
                }
                continue;
            }
            let message = self.handle.next_message();
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

    /// Its lease is over: it must not take the event back.
    fn step_down(&self) {
        self.handle.faults.count(Hit::Other("an old owner stepped down"));
        self.handle.faults.end(&self.handle.sim, self.handle.process);
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
                self.handle.audit.answered(self.handle.process, token.ask, &outcome);
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
                if self.handle.is_retired() {
                    return self.step_down();
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
                self.handle.set_standing(standing);
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
        self.handle.set_phase(view.phase);
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
