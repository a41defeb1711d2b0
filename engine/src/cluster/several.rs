//! One node of several: what it owns it asks here, the rest it hands to the owner.
//!
//! Whoever comes while an event has no owner waits a little: a dead one is seen within its lease, and one that leaves
//! has let go in a moment. Nothing waits for long, and everything that waits holds a place of a bounded number.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use metrics::counter;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use usher_core::EventId;

use super::relay::Relays;
use super::replicas::Replicas;
use super::{Forward, ForwardError, Member, NodeRun, Reply, metrics as names};
use crate::event::{AskError, OpenError, Plans, Registry, Request, Told, View};
use crate::feed::Feed;
use crate::journal::Journal;
use crate::store::StoreError;

/// Requests that are handed to other nodes, or wait for an owner, at once; more are told to come back.
pub const FORWARDS_MAX: usize = 1_024;
/// When those come back.
const FORWARDS_RETRY_MS: u64 = 200;
/// How long a request waits for its event to have an owner. What it has waited and what its owner then takes stay below
/// the deadline of a request.
const OWNER_WAIT_MAX: Duration = Duration::from_millis(1_500);
/// Between two looks of a request that waits.
const OWNER_LOOK_EVERY: Duration = Duration::from_millis(50);
/// The pause of the second in line to take a dead node's event over; the third takes two.
const RANK_PAUSE: Duration = Duration::from_millis(700);
/// Events taken over at once.
const TAKE_OVERS_MAX: usize = 8;
/// Owned events that are looked up at once.
const CHECKS_MAX: usize = 32;
/// Events that wait to be taken over once more; the rest is loaded when it is asked for.
const MISSED_MAX: usize = 10_000;
/// Before they are tried again.
const MISSED_PAUSE: Duration = Duration::from_millis(500);

/// What one node of several is made of.
pub struct SeveralParts {
    /// This node's place among the others.
    pub member: Member,
    /// The way to them.
    pub forward: Forward,
    /// What they tell.
    pub feed: Arc<dyn Feed>,
    /// What replicas follow.
    pub journal: Arc<dyn Journal>,
    /// Where plans come from.
    pub plans: Plans,
    /// Where replicas live.
    pub runtime: Handle,
    /// Replicas at once; see [`super::REPLICAS_MAX`].
    pub replicas_max: usize,
}

pub(super) struct Several {
    registry: Registry,
    member: Member,
    forward: Forward,
    forwards: Semaphore,
    replicas: Replicas,
    relays: Relays,
    /// Held while this node's events are handed over: who comes second waits for the first.
    handing_over: tokio::sync::Mutex<()>,
    /// Events that could not be taken over yet.
    missed: Mutex<BTreeSet<EventId>>,
    runtime: Handle,
}

/// What one round came to.
enum Round {
    Answered(Result<Result<Told, AskError>, OpenError>),
    /// Certainly nothing was done: look again whose the event is.
    Again,
}

impl Several {
    pub(super) fn new(registry: Registry, parts: SeveralParts) -> Self {
        let SeveralParts { member, forward, feed, journal, plans, runtime, replicas_max } = parts;
        let replicas = Replicas::new(journal, plans, feed, member.clone(), runtime.clone(), replicas_max);
        let (forwards, relays) = (Semaphore::new(FORWARDS_MAX), Relays::default());
        Self {
            registry,
            member,
            forward,
            forwards,
            replicas,
            relays,
            handing_over: tokio::sync::Mutex::default(),
            missed: Mutex::default(),
            runtime,
        }
    }

    pub(super) fn member(&self) -> &Member {
        &self.member
    }

    pub(super) async fn serve(&self, event: EventId, request: Request) -> Result<Result<Told, AskError>, OpenError> {
        if self.registry.is_running(event)
            && self.may_answer(event).await
            && let Round::Answered(answer) = self.serve_here(event, request.clone()).await
        {
            return answer;
        }
        let Ok(_place) = self.forwards.try_acquire() else {
            counter!(names::FORWARDED, "result" => "full").increment(1);
            return Ok(Err(AskError::Busy { retry_after_ms: FORWARDS_RETRY_MS }));
        };
        let began = Instant::now();
        loop {
            let round = match self.member.route(event) {
                Some(owner) if !self.registry.is_running(event) => {
                    if self.member.is_reachable(&owner.run, event) {
                        self.serve_there(owner, event, request.clone()).await
                    } else {
                        Round::Again
                    }
                }
                Some(_) | None => self.serve_here(event, request.clone()).await,
            };
            match round {
                Round::Answered(answer) => return answer,
                Round::Again if began.elapsed() >= OWNER_WAIT_MAX => return Ok(Err(AskError::NotApplied)),
                Round::Again
                    if self.member.route(event).is_some_and(|owner| self.member.is_reachable(&owner.run, event)) =>
                {
                    // The other has told, or was found, just now.
                    tokio::task::yield_now().await;
                }
                Round::Again => self.member.next_look(OWNER_LOOK_EVERY).await,
            }
        }
    }

    async fn serve_here(&self, event: EventId, request: Request) -> Round {
        match self.registry.serve(event, request).await {
            // It was unloaded, or stepped down, before the request got in.
            Ok(Err(AskError::NotApplied)) if !self.registry.is_running(event) => Round::Again,
            Err(OpenError::Elsewhere) => Round::Again,
            // Out of order here, but perhaps run by another: by a newer program, if a newer one has written it.
            Err(error @ OpenError::Refused(_)) => match self.member.look_up(event).await {
                Ok(()) if self.member.route(event).is_some() => Round::Again,
                Ok(()) | Err(_) => Round::Answered(Err(error)),
            },
            Err(OpenError::Draining) => {
                self.member.look_up_once(event).await;
                Round::Again
            }
            answer @ (Ok(_)
            | Err(
                OpenError::UnknownEvent | OpenError::NoPlan | OpenError::TooMany | OpenError::Unavailable(_),
            )) => Round::Answered(answer),
        }
    }

    async fn serve_there(&self, owner: super::NodeLease, event: EventId, request: Request) -> Round {
        let is_look = matches!(request, Request::LookHold(_) | Request::LookOrder(_));
        let run = owner.run.clone();
        let count = |result: &'static str| counter!(names::FORWARDED, "result" => result).increment(1);
        match (self.forward)(owner, event, request).await {
            Ok(Reply::Told(told)) => {
                count("told");
                self.replicas.heard(event, seq_of(&told));
                Round::Answered(Ok(Ok(told)))
            }
            Ok(Reply::Refused(refusal)) => {
                count("refused");
                Round::Answered(Ok(Err(refusal)))
            }
            Ok(Reply::Closed(error)) => {
                count("refused");
                Round::Answered(Err(error))
            }
            Ok(Reply::NotOwner) => {
                count("not_owner");
                self.member.forget_route(event);
                // A node that is leaving names itself until it has let go.
                self.member.not_reached(&run, Some(event));
                Round::Again
            }
            Err(ForwardError::NotSent(why)) => {
                count("not_sent");
                tracing::debug!(%event, node = run.node, why, "an owner is not reached");
                self.member.not_reached(&run, None);
                Round::Again
            }
            Err(ForwardError::Unanswered(why)) => {
                count("unanswered");
                tracing::warn!(%event, node = run.node, why, "an owner does not answer");
                // A look changes nothing: it may be sent again.
                if is_look { Round::Again } else { Round::Answered(Ok(Err(AskError::OutcomeUnknown))) }
            }
        }
    }

    pub(super) async fn view(&self, event: EventId) -> Result<Arc<View>, OpenError> {
        if self.is_elsewhere(event) {
            return self.replicas.view(event).await;
        }
        match unless_elsewhere(self.registry.view(event).await) {
            Some(answer) => answer,
            None => self.replicas.view(event).await,
        }
    }

    /// The event's views from whoever has them at the moment; the channel closes when that changes.
    pub(super) async fn views(&self, event: EventId) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        if self.is_elsewhere(event) {
            return self.replicas.subscribe(event).await;
        }
        match unless_elsewhere(self.registry.subscribe(event).await) {
            Some(answer) => answer,
            None => self.replicas.subscribe(event).await,
        }
    }

    pub(super) async fn subscribe(self: &Arc<Self>, event: EventId) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        self.relays.subscribe(self, event, &self.runtime).await
    }

    pub(super) async fn is_owned_elsewhere(&self, event: EventId) -> bool {
        if let Err(error) = self.member.look_up(event).await {
            tracing::warn!(%event, %error, "not found out who owns an event");
        }
        self.is_elsewhere(event)
    }

    fn is_elsewhere(&self, event: EventId) -> bool {
        !self.registry.is_running(event) && self.member.route(event).is_some()
    }

    pub(super) async fn run(self: &Arc<Self>) {
        // The lease is renewed from the first moment: there may be much to inherit.
        tokio::join!(self.inherit(), self.member.keep(), self.watch(), self.replicas.listen());
    }

    /// Takes what runs before this one owned, unless somebody was faster.
    async fn inherit(&self) {
        let left = match self.member.left_by_predecessors().await {
            Ok(left) => left,
            Err(error) => return tracing::warn!(%error, "not found out what this node owned before"),
        };
        stream::iter(left)
            .for_each_concurrent(TAKE_OVERS_MAX, async |(run, event)| {
                if !self.take_over(event).await {
                    return;
                }
                if let Err(error) = self.member.unlist(&run, event).await {
                    tracing::debug!(%event, %error, "an event stays among those of a run before this one");
                }
            })
            .await;
    }

    /// Sees who is gone and takes over what they owned.
    async fn watch(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(self.member.times().looked_every).await;
            self.registry.forget_closed();
            if let Err(error) = self.member.look().await {
                tracing::warn!(%error, "not seen who is alive");
            }
            if !self.member.is_leaving() {
                for run in self.member.take_gone() {
                    let several = Arc::clone(self);
                    self.runtime.spawn(async move { several.take_over_from(run).await });
                }
                let missed = std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner));
                if !missed.is_empty() {
                    let several = Arc::clone(self);
                    self.runtime.spawn(async move {
                        tokio::time::sleep(MISSED_PAUSE).await;
                        several.take_all_over(missed).await;
                    });
                }
            }
            if self.member.is_in_doubt() {
                self.check_owned().await;
            }
        }
    }

    async fn take_over_from(&self, run: NodeRun) {
        tracing::warn!(node = run.node, "a node is gone");
        match self.member.left_by(&run).await {
            Ok(events) => self.take_all_over(events).await,
            Err(error) => {
                tracing::warn!(%error, node = run.node, "not found out what it owned, trying again");
                self.member.still_gone(run);
            }
        }
    }

    async fn take_all_over(&self, events: impl IntoIterator<Item = EventId>) {
        stream::iter(events)
            .for_each_concurrent(TAKE_OVERS_MAX, async |event| {
                self.take_over(event).await;
            })
            .await;
    }

    /// Loads an event whose owner is gone: its holds lapse, its views are brought up to date, its payments go on. Tells
    /// whether nothing is left to do; if something is, it is tried again.
    async fn take_over(&self, event: EventId) -> bool {
        let rank = u32::try_from(self.member.rank(event)).unwrap_or(u32::MAX);
        tokio::time::sleep(RANK_PAUSE.saturating_mul(rank)).await;
        match self.registry.handle(event).await {
            Ok(_) | Err(OpenError::Elsewhere | OpenError::Draining | OpenError::UnknownEvent | OpenError::NoPlan) => {
                true
            }
            Err(error @ OpenError::Refused(_)) => {
                tracing::warn!(%event, %error, "an event was not taken over");
                true
            }
            Err(error @ (OpenError::TooMany | OpenError::Unavailable(_))) => {
                tracing::warn!(%event, %error, "an event was not taken over, trying again");
                let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
                if missed.len() < MISSED_MAX {
                    missed.insert(event);
                }
                false
            }
        }
    }

    /// Gives up what others have claimed while this node's lease had lapsed.
    async fn check_owned(&self) {
        stream::iter(self.member.owned())
            .for_each_concurrent(CHECKS_MAX, async |event| {
                if let Err(error) = self.check(event).await {
                    tracing::warn!(%event, %error, "not found out whether this node still owns an event");
                }
            })
            .await;
    }

    /// Whether an event is still this node's; if not, it steps down.
    async fn check(&self, event: EventId) -> Result<bool, StoreError> {
        let is_mine = self.member.still_owns(event).await?;
        if !is_mine {
            counter!(names::STEP_DOWNS).increment(1);
            self.registry.step_down(event);
        }
        Ok(is_mine)
    }

    /// Whether this node may answer for an event that it runs: without its lease, and for a while after it was taken
    /// again, another may own the event and have gone on, and what is in memory here is old then. Where nobody can tell,
    /// it goes on: what it appends is fenced.
    pub(super) async fn may_answer(&self, event: EventId) -> bool {
        let is_sure = self.member.is_held() && !self.member.is_in_doubt();
        is_sure || self.check(event).await.unwrap_or(true)
    }

    pub(super) async fn hand_over(&self) {
        let _first = self.handing_over.lock().await;
        self.member.begin_leaving();
        self.registry.drain().await;
        self.member.leave().await;
    }
}

/// What the registry answers, unless it is that another node has the event, or that this one is about to let it go.
fn unless_elsewhere<T>(answer: Result<T, OpenError>) -> Option<Result<T, OpenError>> {
    match answer {
        Err(OpenError::Elsewhere | OpenError::Draining) => None,
        answer @ (Ok(_)
        | Err(
            OpenError::UnknownEvent
            | OpenError::NoPlan
            | OpenError::TooMany
            | OpenError::Refused(_)
            | OpenError::Unavailable(_),
        )) => Some(answer),
    }
}

fn seq_of(told: &Told) -> u64 {
    match told {
        Told::Decided(decided) => decided.seq,
        Told::Hold(looked) => looked.seq,
        Told::Order(looked) => looked.seq,
    }
}
