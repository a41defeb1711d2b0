//! Going wrong and coming back: memory that may differ from the journal is thrown away and rebuilt from it.
//!
//! Whoever put facts into an entry that failed is told what is known of it. Whoever came later, or only rested on it,
//! is decided again on the rebuilt state: nothing of theirs was ever sent to the journal.

use std::fmt;

use usher_core::UnixMillis;

use super::batch::{Flight, Gathering, Waiting};
use super::rules::guarded;
use super::{Book, Output, Panicked, Request, Sequencer, State};
use crate::event::load::{Doubt, LoadError, Loaded};
use crate::event::{AskError, Standing, View};

/// How long an event that spent its restarts on the outside world stays down before it tries again: it is to sell within
/// five seconds of the journal being back.
pub const COOL_DOWN_MS: u64 = 2_000;

/// Why an event is rebuilt from its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadReason {
    /// The rules panicked.
    Panicked(String),
    /// An append certainly failed.
    NotWritten(String),
    /// An append failed for want of room.
    StorageFull,
    /// Nobody knows whether an append failed.
    Unknown(String),
    /// Somebody else had taken the event over.
    Fenced,
    /// The draft has got another plan.
    PlanChanged,
    /// The last reload failed.
    LoadFailed(String),
    /// An operator asked for it, or a cool-down is over.
    Retried,
}

impl ReloadReason {
    /// The stable name for metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Panicked(_) => "panicked",
            Self::NotWritten(_) => "not_written",
            Self::StorageFull => "storage_full",
            Self::Unknown(_) => "unknown",
            Self::Fenced => "fenced",
            Self::PlanChanged => "plan_changed",
            Self::LoadFailed(_) => "load_failed",
            Self::Retried => "retried",
        }
    }

    /// Time does not heal a fault in the rules.
    const fn needs_operator(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }
}

impl fmt::Display for ReloadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(why) => write!(f, "the rules panicked: {why}"),
            Self::NotWritten(why) => write!(f, "an append failed: {why}"),
            Self::StorageFull => f.write_str("storage is full"),
            Self::Unknown(why) => write!(f, "the outcome of an append is unknown: {why}"),
            Self::Fenced => f.write_str("another owner had taken the event over"),
            Self::PlanChanged => f.write_str("the draft has another seating plan"),
            Self::LoadFailed(why) => write!(f, "loading failed: {why}"),
            Self::Retried => f.write_str("trying again"),
        }
    }
}

impl<T> Sequencer<T> {
    /// A command panicked: it is told so and counted, the others go on after a reload.
    pub(super) fn panicked(&mut self, at: UnixMillis, ask: Waiting<T>, why: String, out: &mut Vec<Output<T>>) {
        let Waiting { token, request, plan_checked } = ask;
        let mut answer = AskError::NotApplied;
        if let Request::Command(command) = &request
            && self.suspects.note(command)
        {
            answer = AskError::Quarantined;
            out.push(Output::Quarantined { quarantined_count: self.suspects.quarantined_count() });
        }
        Waiting { token, request, plan_checked }.refuse(answer, out);
        self.stain(at, ReloadReason::Panicked(why), out);
    }

    /// Loads the event anew so that a draft's current plan is in memory; once for each command that names another.
    pub(super) fn with_current_plan(&mut self, at: UnixMillis, mut ask: Waiting<T>, out: &mut Vec<Output<T>>) {
        if ask.plan_checked {
            let why = "the plan to be published is not the event's current one";
            return ask.refuse(AskError::Unavailable(why.to_owned()), out);
        }
        ask.plan_checked = true;
        self.waiting.push_front(ask);
        self.stain(at, ReloadReason::PlanChanged, out);
    }

    /// Stops deciding; reloads at once, or when the entry on its way is back.
    pub(super) fn stain(&mut self, at: UnixMillis, reason: ReloadReason, out: &mut Vec<Output<T>>) {
        if self.in_flight.is_some() {
            self.undecide_gathered();
            self.state = State::Stained(reason);
        } else {
            self.reload(at, reason, out);
        }
    }

    pub(super) fn reload(&mut self, at: UnixMillis, reason: ReloadReason, out: &mut Vec<Output<T>>) {
        self.undecide_gathered();
        self.flush_asked = false;
        self.wake_at = None;
        let pause = match &reason {
            // An organizer who changes a draft is no fault, and a full disk has a pause of its own.
            ReloadReason::PlanChanged | ReloadReason::StorageFull => Some(0),
            ReloadReason::Panicked(_)
            | ReloadReason::NotWritten(_)
            | ReloadReason::Unknown(_)
            | ReloadReason::Fenced
            | ReloadReason::LoadFailed(_)
            | ReloadReason::Retried => self.budget.spend(at),
        };
        let Some(after_ms) = pause else {
            let answer = AskError::Unavailable(format!("restarted too often, last because {reason}"));
            let until = (!reason.needs_operator()).then(|| at.plus_ms(COOL_DOWN_MS));
            return self.go_down(answer, until, out);
        };
        let resume = match (&reason, &self.state) {
            (ReloadReason::StorageFull, State::Running(book)) => Some(book.tenure),
            (_, State::Running(_) | State::Stained(_) | State::Loading | State::Down { .. }) => None,
        };
        self.state = State::Loading;
        let doubt = self.doubtful.as_ref().map(|flight| Doubt { seq: flight.seq, hash: flight.hash });
        out.push(Output::Stands(Standing::Reloading { why: reason.to_string() }));
        out.push(Output::Reload { reason, after_ms, doubt, resume });
    }

    pub(super) fn loaded(&mut self, at: UnixMillis, loaded: Loaded, out: &mut Vec<Output<T>>) {
        if !matches!(self.state, State::Loading) {
            return;
        }
        let Loaded { inventory, plan_digest, tenure, snapshot_seq, doubt_landed } = loaded;
        let view = match guarded(|| View::of(self.event, tenure.head_seq, plan_digest, &inventory, None)) {
            Ok(view) => view,
            Err(Panicked(why)) => return self.reload(at, ReloadReason::Panicked(why), out),
        };
        self.view = Some(view.clone());
        self.state = State::Running(Box::new(Book { inventory, plan_digest, tenure, snapshot_seq }));
        out.push(Output::Publish(view));
        out.push(Output::Stands(Standing::Running));
        if let Some(Flight { seq, hash, slots, view, snapshot }) = self.doubtful.take() {
            if doubt_landed {
                for slot in slots {
                    slot.settle(seq, out);
                }
            } else {
                // The new epoch keeps it out of the journal for good.
                let again = Flight { seq, hash, slots, view, snapshot }.lose(&AskError::NotApplied, out);
                self.put_back(again);
            }
        }
        self.pump(at, out);
    }

    pub(super) fn load_failed(&mut self, at: UnixMillis, error: LoadError, out: &mut Vec<Output<T>>) {
        if !matches!(self.state, State::Loading) {
            return;
        }
        self.give_doubtful_up(out);
        match error {
            LoadError::Unavailable(why) => self.reload(at, ReloadReason::LoadFailed(why), out),
            LoadError::Elsewhere => self.leave(out),
            LoadError::UnknownEvent | LoadError::NoPlan | LoadError::Refused(_) => {
                self.go_down(AskError::Unavailable(error.to_string()), None, out);
            }
        }
    }

    /// A cool-down is over: one more try, whatever was spent.
    pub(super) fn rise(&mut self, at: UnixMillis, out: &mut Vec<Output<T>>) {
        self.budget.ease();
        self.reload(at, ReloadReason::Retried, out);
    }

    pub(super) fn reset(&mut self, at: UnixMillis, out: &mut Vec<Output<T>>) {
        self.suspects.clear();
        self.budget.clear();
        self.expire_not_before = at;
        out.push(Output::Quarantined { quarantined_count: 0 });
        match self.state {
            State::Down { .. } => self.reload(at, ReloadReason::Retried, out),
            State::Running(_) | State::Stained(_) | State::Loading => {}
        }
    }

    /// The history below the memory is damaged. Nothing that rests on it is told any more: what is on its way may become
    /// durable, but whoever put it there only hears that nobody knows.
    pub(super) fn condemned(&mut self, answer: AskError, out: &mut Vec<Output<T>>) {
        self.undecide_gathered();
        if let Some(flight) = self.in_flight.take() {
            let again = flight.lose(&AskError::OutcomeUnknown, out);
            self.put_back(again);
        }
        self.flush_asked = false;
        self.go_down(answer, None, out);
    }

    /// Another node runs the event. What is on its way may have become durable before that.
    pub(super) fn step_down(&mut self, out: &mut Vec<Output<T>>) {
        self.undecide_gathered();
        if let Some(flight) = self.in_flight.take() {
            let again = flight.lose(&AskError::OutcomeUnknown, out);
            self.put_back(again);
        }
        self.flush_asked = false;
        self.leave(out);
    }

    fn leave(&mut self, out: &mut Vec<Output<T>>) {
        self.give_doubtful_up(out);
        for ask in std::mem::take(&mut self.waiting) {
            ask.refuse(AskError::NotApplied, out);
        }
        self.state = State::Down { answer: AskError::NotApplied, until: None };
        out.push(Output::Stands(Standing::Elsewhere));
    }

    fn go_down(&mut self, answer: AskError, until: Option<UnixMillis>, out: &mut Vec<Output<T>>) {
        self.give_doubtful_up(out);
        for ask in std::mem::take(&mut self.waiting) {
            ask.refuse(answer.clone(), out);
        }
        let standing = Standing::Down { why: answer.to_string(), needs_operator: until.is_none() };
        self.state = State::Down { answer, until };
        out.push(Output::Stands(standing));
    }

    /// Nobody will be able to say soon what became of it.
    fn give_doubtful_up(&mut self, out: &mut Vec<Output<T>>) {
        if let Some(flight) = self.doubtful.take() {
            let again = flight.lose(&AskError::OutcomeUnknown, out);
            self.put_back(again);
        }
    }

    /// What has gathered was never sent to the journal: it is decided again, before what came later.
    fn undecide_gathered(&mut self) {
        let Gathering { slots, .. } = std::mem::take(&mut self.gathering);
        self.expire_waits = false;
        self.waiting.retain(|ask| ask.token.is_some());
        self.put_back(slots.into_iter().filter_map(super::Slot::undecided).collect());
    }

    /// Puts asks before all that wait, keeping their order.
    pub(super) fn put_back(&mut self, asks: Vec<Waiting<T>>) {
        for ask in asks.into_iter().rev() {
            self.waiting.push_front(ask);
        }
    }
}
