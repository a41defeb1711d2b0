//! What can go wrong between a house and the outside: armed by the script, hit by the next call it fits, and counted.
//!
//! A fault that is armed and never hit has tested nothing, so only hits count; a kind without any fails a long run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::executor::{ProcId, Sim};
use crate::lock;

/// A call to the outside. Each is a boundary at which a process can end, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    TakeOver,
    Append,
    ReadJournal,
    ListEvents,
    PutSnapshot,
    GetSnapshot,
    ReadViews,
    ApplyViews,
    Enqueue,
    Claim,
    Complete,
    FailJob,
    ReadPayments,
    PutPayment,
    CheckPayment,
    ReopenPayment,
    ReceiveWebhook,
    ReadInbox,
    FinishWebhook,
    PutOffWebhook,
    PutContact,
    ReadCatalogue,
    SetCatalogue,
    CreateIntent,
    RetrieveIntent,
    CancelIntent,
    Capture,
    Refund,
    ListRefunds,
    Print,
    Mail,
}

pub(crate) const OPS: [Op; 31] = [
    Op::TakeOver,
    Op::Append,
    Op::ReadJournal,
    Op::ListEvents,
    Op::PutSnapshot,
    Op::GetSnapshot,
    Op::ReadViews,
    Op::ApplyViews,
    Op::Enqueue,
    Op::Claim,
    Op::Complete,
    Op::FailJob,
    Op::ReadPayments,
    Op::PutPayment,
    Op::CheckPayment,
    Op::ReopenPayment,
    Op::ReceiveWebhook,
    Op::ReadInbox,
    Op::FinishWebhook,
    Op::PutOffWebhook,
    Op::PutContact,
    Op::ReadCatalogue,
    Op::SetCatalogue,
    Op::CreateIntent,
    Op::RetrieveIntent,
    Op::CancelIntent,
    Op::Capture,
    Op::Refund,
    Op::ListRefunds,
    Op::Print,
    Op::Mail,
];

/// Calls that change something.
pub(crate) const WRITES: [Op; 15] = [
    Op::PutSnapshot,
    Op::ApplyViews,
    Op::Enqueue,
    Op::Complete,
    Op::FailJob,
    Op::PutPayment,
    Op::CheckPayment,
    Op::ReopenPayment,
    Op::ReceiveWebhook,
    Op::FinishWebhook,
    Op::PutOffWebhook,
    Op::PutContact,
    Op::SetCatalogue,
    Op::Print,
    Op::Mail,
];

/// Calls that only look; claiming a job is one that may also change.
pub(crate) const READS: [Op; 9] = [
    Op::TakeOver,
    Op::ReadJournal,
    Op::ListEvents,
    Op::GetSnapshot,
    Op::ReadViews,
    Op::Claim,
    Op::ReadPayments,
    Op::ReadInbox,
    Op::ReadCatalogue,
];

/// Calls to the provider.
pub(crate) const CALLS: [Op; 6] =
    [Op::CreateIntent, Op::RetrieveIntent, Op::CancelIntent, Op::Capture, Op::Refund, Op::ListRefunds];

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// It fails and nothing was done, and the answer says so as far as such a call can.
    Fails,
    /// It is done and the answer is lost.
    AnswerLost,
    /// Nothing was done and no answer says so.
    Swallowed,
    /// No answer comes in time; it is done later, if the rules then still allow it.
    Late,
    /// It takes seconds.
    Slow,
    /// There is no room.
    Full,
    /// Somebody else takes the event over just before.
    Stolen,
}

/// When a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// The call has not been made.
    Before,
    /// The call is done and its answer not heard.
    After,
}

/// Something that was really hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hit {
    /// A call went wrong.
    Call(Op, Trouble),
    /// The process ended there.
    Crash(Op, Moment),
    /// Anything that is no call of ours.
    Other(&'static str),
}

#[derive(Debug, Clone, Copy)]
struct Armed {
    op: Op,
    trouble: Trouble,
    times: u32,
}

#[derive(Default)]
struct State {
    armed: Vec<Armed>,
    crashes: Vec<(Op, Moment)>,
    hits: BTreeMap<Hit, u64>,
    crashed: Vec<ProcId>,
}

/// The faults of one world; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    crashed: Notify,
}

impl Faults {
    pub(crate) fn arm(&self, op: Op, trouble: Trouble, times: u32) {
        lock(&self.0.state).armed.push(Armed { op, trouble, times });
    }

    pub(crate) fn arm_crash(&self, op: Op, moment: Moment) {
        lock(&self.0.state).crashes.push((op, moment));
    }

    /// From here on nothing goes wrong.
    pub(crate) fn calm(&self) {
        let mut state = lock(&self.0.state);
        state.armed.clear();
        state.crashes.clear();
    }

    pub(crate) fn count(&self, hit: Hit) {
        *lock(&self.0.state).hits.entry(hit).or_default() += 1;
    }

    /// Waits until faults have ended processes; which.
    pub(crate) async fn crashed(&self) -> Vec<ProcId> {
        self.0.crashed.notified().await;
        std::mem::take(&mut lock(&self.0.state).crashed)
    }

    /// Ends a process, by a fault or by somebody's hand.
    pub(crate) fn end(&self, sim: &Sim, process: ProcId) {
        lock(&self.0.state).crashed.push(process);
        // Its followers end with it.
        sim.crash(process);
        sim.crash(process + 1);
        self.0.crashed.notify_one();
    }

    pub(crate) fn take_hits(&self) -> BTreeMap<Hit, u64> {
        std::mem::take(&mut lock(&self.0.state).hits)
    }

    fn draw(&self, op: Op) -> Option<Trouble> {
        let mut state = lock(&self.0.state);
        let position = state.armed.iter().position(|armed| armed.op == op)?;
        let armed = &mut state.armed[position];
        armed.times -= 1;
        let trouble = armed.trouble;
        if armed.times == 0 {
            state.armed.remove(position);
        }
        *state.hits.entry(Hit::Call(op, trouble)).or_default() += 1;
        Some(trouble)
    }

    fn crashes(&self, op: Op, moment: Moment) -> bool {
        let mut state = lock(&self.0.state);
        let Some(position) = state.crashes.iter().position(|armed| *armed == (op, moment)) else { return false };
        state.crashes.remove(position);
        *state.hits.entry(Hit::Crash(op, moment)).or_default() += 1;
        true
    }
}

/// A process's way to the outside.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) sim: Sim,
    pub(crate) process: ProcId,
    pub(crate) faults: Faults,
}

impl Line {
    /// The way out: what is to go wrong with the call, whose effect is the next thing that its caller does.
    pub(crate) async fn out(&self, op: Op) -> Option<Trouble> {
        self.sim.travel().await;
        self.end_if_armed(op, Moment::Before).await;
        let trouble = self.faults.draw(op);
        if let Some(trouble) = trouble {
            self.sim.trace(|| format!("P{} {op:?}: {trouble:?}", self.process));
        }
        if trouble == Some(Trouble::Slow) {
            let us = self.sim.dice().between(1_000_000, 20_000_000);
            self.sim.sleep_us(us).await;
        }
        trouble
    }

    /// The way home, with the answer.
    pub(crate) async fn home(&self, op: Op) {
        self.end_if_armed(op, Moment::After).await;
        self.sim.travel().await;
    }

    async fn end_if_armed(&self, op: Op, moment: Moment) {
        if !self.faults.crashes(op, moment) {
            return;
        }
        self.sim.trace(|| format!("P{} CRASHES {moment:?} {op:?}", self.process));
        self.faults.end(&self.sim, self.process);
        std::future::pending::<()>().await;
    }
}
