//! The actor that wires a sequencer to the journal, the clock and its callers. It decides nothing.
//!
//! What is known of actix and shapes this: a panic in a handler kills the actor for good (the sequencer catches those of
//! the rules; a dead actor is found by the registry); after `ctx.stop()` the supervisor calls `started` again with the
//! mailbox intact, and `ctx.wait` there holds it until the reload is done; futures of the stopped run are dropped, which
//! is why replies live in the sequencer and not in futures. `stopping` and `stopped` stay at their defaults: they also
//! run while a panic unwinds, and a second one would abort the process.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, Supervised, WrapFuture,
};
use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};
use usher_core::EventId;

use super::arbiters::ArbiterSeat;
use super::gate::{DrainMeter, Permit};
use super::handle::Shared;
use super::load::{Doubt, LoadError, Loaded, Loader};
use super::metrics::{self as names, Series};
use super::sample::sample;
use super::sequencer::{Input, Output, Request, Rules, Sequencer, SnapshotDue, Told};
use super::{AskError, OnCommitted, Standing, View};
use crate::clock::Clock;
use crate::fail_point;
use crate::journal::{AppendError, Journal, SealedEntry, StoredSnapshot, Tenure, snapshot};

/// What an answer is sent with. The permit goes back with it.
pub(super) struct Token {
    pub(super) reply: oneshot::Sender<Result<Told, AskError>>,
    pub(super) permit: Permit,
}

/// What an actor is made of.
pub(super) struct ActorParts {
    pub(super) event: EventId,
    pub(super) rules: Rules,
    pub(super) loader: Loader,
    pub(super) clock: Clock,
    pub(super) on_committed: OnCommitted,
    pub(super) series: Series,
    /// What the handles see of it.
    pub(super) shared: Arc<Shared>,
    pub(super) view: watch::Sender<Arc<View>>,
    pub(super) seat: ArbiterSeat,
    pub(super) loaded: Loaded,
}

/// What the next start has to do first.
struct Reload {
    after_ms: u64,
    doubt: Option<Doubt>,
    resume: Option<Tenure>,
}

/// One event.
pub(super) struct EventActor {
    event: EventId,
    sequencer: Sequencer<Token>,
    loader: Loader,
    clock: Clock,
    on_committed: OnCommitted,
    series: Series,
    shared: Arc<Shared>,
    view: watch::Sender<Arc<View>>,
    outputs: Vec<Output<Token>>,
    first: Option<Box<Loaded>>,
    reload: Option<Reload>,
    timer: Option<SpawnHandle>,
    meter: DrainMeter,
    closing: Option<oneshot::Sender<bool>>,
    _seat: ArbiterSeat,
}

/// Somebody asks.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Arrived {
    pub(super) token: Token,
    pub(super) request: Request,
}

/// The registry runs the house.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) enum Operate {
    /// Forget what went wrong and try again.
    Reset,
    /// The event's history is damaged: answer this to everybody.
    Condemn(AskError),
    /// Another node runs the event.
    StepDown,
    /// Keep a snapshot and stop for good, unless somebody needs the event; answers whether it stopped.
    Unload(oneshot::Sender<bool>),
    /// Finish what was taken, keep a snapshot and stop for good. The gate is closed already.
    Drain(oneshot::Sender<bool>),
}

impl EventActor {
    pub(super) fn new(parts: ActorParts) -> Self {
        let ActorParts { event, rules, loader, clock, on_committed, series, shared, view, seat, loaded } = parts;
        Self {
            event,
            sequencer: Sequencer::new(event, rules),
            loader,
            clock,
            on_committed,
            series,
            shared,
            view,
            outputs: Vec::new(),
            first: Some(Box::new(loaded)),
            reload: None,
            timer: None,
            meter: DrainMeter::new(),
            closing: None,
            _seat: seat,
        }
    }

    fn feed(&mut self, input: Input<Token>, ctx: &mut Context<Self>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.sequencer.handle(self.clock.now(), input, &mut outputs);
        for output in outputs.drain(..) {
            self.carry_out(output, ctx);
        }
        self.outputs = outputs;
        if self.closing.is_some() && self.sequencer.is_quiet() {
            self.close(ctx);
        }
    }

    fn carry_out(&mut self, output: Output<Token>, ctx: &mut Context<Self>) {
        match output {
            Output::FlushSoon => {
                // A spawned future runs after the mailbox is drained: the entry takes all that is queued.
                let drained = std::future::ready(()).into_actor(self);
                ctx.spawn(drained.map(|(), actor, ctx| actor.feed(Input::Flush, ctx)));
            }
            Output::Append { sealed, commands_count } => {
                fail_point!("append.sealed");
                self.append(sealed, commands_count, ctx);
            }
            Output::Reply { token, outcome } => {
                self.series.asked(outcome.as_ref());
                self.meter.answered(&self.shared.gate);
                let Token { reply, permit } = token;
                // First, so that who asks again at once finds the place free.
                drop(permit);
                // Who hung up meanwhile asks again under the same id.
                fail_point!("reply.before");
                let _ = reply.send(outcome);
                fail_point!("reply.sent");
            }
            Output::Publish(view) => {
                let seq = view.seq;
                self.view.send_replace(Arc::new(view));
                (self.on_committed)(self.event, seq);
                fail_point!("view.published");
            }
            Output::Snapshot(due) => {
                actix_rt::spawn(keep_snapshot(Arc::clone(&self.loader.journal), self.event, *due));
            }
            Output::Reload { reason, after_ms, doubt, resume } => {
                tracing::warn!(event = %self.event, %reason, after_ms, "rebuilding the event from its journal");
                names::reloading(reason.code());
                self.reload = Some(Reload { after_ms, doubt, resume });
                ctx.stop();
            }
            Output::Stands(standing) => {
                if let Standing::Down { why, needs_operator } = &standing {
                    tracing::error!(event = %self.event, why, needs_operator, "the event is down");
                }
                if standing == Standing::Elsewhere {
                    tracing::info!(event = %self.event, "another node runs the event, stepping down");
                    // The registry forgets it; who asks again is led to the other.
                    self.shared.gate.close();
                }
                self.shared.set_standing(standing);
            }
            Output::Quarantined { quarantined_count } => {
                if quarantined_count > 0 {
                    tracing::error!(event = %self.event, quarantined_count, "a command is quarantined");
                    names::quarantined();
                }
                self.shared.set_quarantined_count(quarantined_count);
            }
            Output::WakeAt(at) => {
                if let Some(timer) = self.timer.take() {
                    ctx.cancel_future(timer);
                }
                let clock = self.clock.clone();
                let due = async move { clock.sleep_until(at).await }.into_actor(self);
                self.timer = Some(ctx.spawn(due.map(|(), actor, ctx| {
                    actor.timer = None;
                    actor.feed(Input::Tick, ctx);
                })));
            }
        }
    }

    fn append(&mut self, sealed: SealedEntry, commands_count: usize, ctx: &mut Context<Self>) {
        self.series.sealed(commands_count);
        let (seq, facts_count) = (sealed.entry.seq, sealed.entry.facts.len() as u64);
        let (journal, event) = (Arc::clone(&self.loader.journal), self.event);
        let started = Instant::now();
        let append = async move {
            let caught = AssertUnwindSafe(journal.append(event, sealed)).catch_unwind().await;
            caught.unwrap_or_else(|_| Err(AppendError::Unknown("the journal panicked".to_owned())))
        };
        ctx.spawn(append.into_actor(self).map(move |outcome, actor, ctx| {
            fail_point!("append.durable");
            match &outcome {
                Ok(()) => actor.series.appended(facts_count, started.elapsed()),
                Err(error) => actor.series.append_failed(error_name(error), started.elapsed()),
            }
            actor.feed(Input::Appended { seq, outcome }, ctx);
        }));
    }

    fn load(&mut self, reload: Reload, ctx: &mut Context<Self>) {
        let Reload { after_ms, doubt, resume } = reload;
        let (loader, clock, event) = (self.loader.clone(), self.clock.clone(), self.event);
        let load = async move {
            if after_ms > 0 {
                clock.sleep_until(clock.now().plus_ms(after_ms)).await;
            }
            let started = Instant::now();
            let loaded = AssertUnwindSafe(async {
                match resume {
                    Some(tenure) => loader.resume(event, tenure).await,
                    None => loader.load(event, doubt).await,
                }
            });
            let loaded = loaded.catch_unwind().await;
            names::loaded(started.elapsed());
            loaded.unwrap_or_else(|_| Err(LoadError::Unavailable("loading panicked".to_owned())))
        };
        ctx.wait(load.into_actor(self).map(|loaded, actor, ctx| {
            let input = match loaded {
                Ok(loaded) => Input::Loaded(Box::new(loaded)),
                Err(error) => Input::LoadFailed(error),
            };
            actor.feed(input, ctx);
        }));
    }

    /// An armed timer would keep the context, and with it the view's channel, open past the last handle.
    fn disarm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
    }

    /// Stops for good. The context ends when the last handle is dropped; until then it answers *not applied*.
    fn close(&mut self, ctx: &mut Context<Self>) {
        let Some(closed) = self.closing.take() else { return };
        self.shared.gate.close();
        let snapshot = self.sequencer.last_snapshot();
        self.feed(Input::Close, ctx);
        self.disarm(ctx);
        let (journal, event) = (Arc::clone(&self.loader.journal), self.event);
        actix_rt::spawn(async move {
            if let Some(due) = snapshot {
                keep_snapshot(journal, event, due).await;
            }
            // The registry may have stopped waiting.
            let _ = closed.send(true);
        });
    }
}

/// Encodes off the event's thread and keeps; a failure only makes the next replay longer.
async fn keep_snapshot(journal: Arc<dyn Journal>, event: EventId, due: SnapshotDue) {
    let SnapshotDue { inventory, seq, hash } = due;
    let encoded = tokio::task::spawn_blocking(move || {
        sample(event, seq, &inventory);
        snapshot::encode(&inventory.to_snapshot())
    });
    let encoded = encoded.await;
    fail_point!("snapshot.encoded");
    let kept = match encoded {
        Ok(bytes) => journal.put_snapshot(event, StoredSnapshot { seq, hash, bytes }).await.map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match kept {
        Ok(()) => {
            fail_point!("snapshot.kept");
            names::snapshot("kept");
        }
        Err(error) => {
            tracing::warn!(%event, seq, error, "the snapshot was not kept");
            names::snapshot("failed");
        }
    }
}

fn error_name(error: &AppendError) -> &'static str {
    match error {
        AppendError::NotWritten(_) => "not_written",
        AppendError::StorageFull => "storage_full",
        AppendError::Fenced => "fenced",
        AppendError::Unknown(_) => "unknown",
    }
}

impl Actor for EventActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.timer = None;
        if let Some(loaded) = self.first.take() {
            self.feed(Input::Loaded(loaded), ctx);
        }
        if let Some(reload) = self.reload.take() {
            self.load(reload, ctx);
        }
    }
}

impl Supervised for EventActor {}

impl Handler<Arrived> for EventActor {
    type Result = ();

    fn handle(&mut self, Arrived { token, request }: Arrived, ctx: &mut Self::Context) {
        // Who hung up before the turn came is not served: nothing has been done for them.
        if !token.reply.is_closed() {
            fail_point!("ask.arrived");
            self.feed(Input::Arrived { token, request }, ctx);
            fail_point!("ask.decided");
        }
    }
}

impl Handler<Operate> for EventActor {
    type Result = ();

    fn handle(&mut self, operate: Operate, ctx: &mut Self::Context) {
        match operate {
            Operate::Reset => self.feed(Input::Reset, ctx),
            Operate::Condemn(answer) => {
                self.feed(Input::Condemned(answer), ctx);
                self.disarm(ctx);
            }
            Operate::StepDown => {
                self.feed(Input::StepDown, ctx);
                self.disarm(ctx);
            }
            Operate::Unload(done) => {
                let is_watched = self.view.receiver_count() > super::handle::OWN_RECEIVERS;
                if is_watched || !self.shared.gate.is_unused() || !self.sequencer.is_idle() {
                    let _ = done.send(false);
                    return;
                }
                self.closing = Some(done);
                self.close(ctx);
            }
            Operate::Drain(done) => {
                self.closing = Some(done);
                if self.sequencer.is_quiet() {
                    self.close(ctx);
                }
            }
        }
    }
}
