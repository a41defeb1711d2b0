//! What the shell of one event decides: when to append, whom to answer, what to publish, when to rebuild.
//!
//! A state machine without I/O: inputs and the time go in, outputs come back as data, so that the simulator and the unit
//! tests drive the very code that the actor wires. `T` is whatever an answer is sent with.
//!
//! Invariants: nothing is answered, published or told to followers before the entry it rests on is durable; at most one
//! entry is on its way; while running, memory = journal + the entry on its way + what gathers for the next.
//! Answering at once and undoing on failure was refused: what a buyer has read cannot be taken back.

mod batch;
mod budget;
mod io;
mod recovery;
mod rules;
mod suspects;

use std::collections::VecDeque;

use usher_core::{Command, EventId, Inventory, UnixMillis};

use super::{AskError, View};
use crate::journal::{AppendError, Entry, SealedEntry, Tenure};

pub use batch::{ENTRY_COMMANDS_MAX, ENTRY_FACTS_MAX, Request, SnapshotDue, Told};
use batch::{Finding, Flight, Gathering, Slot, Waiting};
pub(super) use budget::Budget;
pub use budget::{RESTART_WINDOW_MS, RESTARTS_MAX};
pub use io::{Input, Output};
pub use recovery::{COOL_DOWN_MS, ReloadReason};
pub use rules::Rules;
pub(super) use rules::guarded;
use rules::{Applied, Panicked};
use suspects::Suspects;
pub use suspects::{PANICS_MAX, SUSPECTS_MAX};

/// Entries after which a snapshot is due: replay of so many takes well under a second.
pub const SNAPSHOT_ENTRIES: u64 = 4_096;
/// After an append found the disk full, commands that would change something are refused at once for so long, and then
/// one entry tries again: a disk that has room again is noticed within it.
pub const FULL_PAUSE_MS: u64 = 250;
/// Holds ended by one tidying step; the next follows at once if more are due.
pub const EXPIRE_HOLDS_MAX: u16 = 256;
/// The pause after a tidying step that changed nothing although something was due.
const EXPIRE_RETRY_MS: u64 = 1_000;

enum State {
    Running(Box<Book>),
    /// Memory may be wrong, and an entry is on its way: nothing is decided, and when it is back, everything is reloaded.
    Stained(ReloadReason),
    Loading,
    Down {
        answer: AskError,
        until: Option<UnixMillis>,
    },
}

struct Book {
    inventory: Inventory,
    plan_digest: [u8; 32],
    /// Where the committed history ends.
    tenure: Tenure,
    snapshot_seq: u64,
}

/// The sequencer of one event.
pub struct Sequencer<T> {
    event: EventId,
    rules: Rules,
    state: State,
    waiting: VecDeque<Waiting<T>>,
    gathering: Gathering<T>,
    in_flight: Option<Flight<T>>,
    doubtful: Option<Flight<T>>,
    view: Option<View>,
    suspects: Suspects,
    budget: Budget,
    flush_asked: bool,
    wake_at: Option<UnixMillis>,
    /// A tidying command waits to be decided.
    expire_waits: bool,
    /// No tidying before this time.
    expire_not_before: UnixMillis,
    /// No appends before this time, for the disk is full.
    full_until: UnixMillis,
}

impl<T> Sequencer<T> {
    /// A sequencer that waits for its first [`Input::Loaded`].
    #[must_use]
    pub fn new(event: EventId, rules: Rules) -> Self {
        Self {
            event,
            rules,
            state: State::Loading,
            waiting: VecDeque::new(),
            gathering: Gathering::default(),
            in_flight: None,
            doubtful: None,
            view: None,
            suspects: Suspects::default(),
            budget: Budget::default(),
            flush_asked: false,
            wake_at: None,
            expire_waits: false,
            expire_not_before: UnixMillis(i64::MIN),
            full_until: UnixMillis(i64::MIN),
        }
    }

    /// Takes an input at a time and adds what is to be done to `out`.
    pub fn handle(&mut self, at: UnixMillis, input: Input<T>, out: &mut Vec<Output<T>>) {
        match input {
            Input::Arrived { token, request } => self.arrived(at, Waiting::new(Some(token), request), out),
            Input::Flush => self.flush(at, out),
            Input::Appended { seq, outcome } => self.appended(at, seq, outcome, out),
            Input::Loaded(loaded) => self.loaded(at, *loaded, out),
            Input::LoadFailed(error) => self.load_failed(at, error, out),
            Input::Tick => self.tick(at, out),
            Input::Reset => self.reset(at, out),
            Input::Condemned(answer) => self.condemned(answer, out),
            Input::StepDown => self.step_down(out),
            Input::Close => self.state = State::Down { answer: AskError::NotApplied, until: None },
        }
        self.rearm(out);
    }

    /// Nobody waits for anything.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let settled = match self.state {
            State::Running(_) | State::Down { .. } => true,
            State::Stained(_) | State::Loading => false,
        };
        settled && self.in_flight.is_none() && self.gathering.is_empty() && self.waiting.is_empty()
    }

    /// It runs, nobody waits for anything, and time alone will change nothing. An event that is down is not idle:
    /// unloading would forget why, and loading it again would get around the operator.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_quiet() && self.book().is_some_and(|book| book.inventory.next_due().is_none())
    }

    /// The state for a snapshot before unloading; `None` when it would tell nothing new or something waits.
    #[must_use]
    pub fn last_snapshot(&self) -> Option<SnapshotDue> {
        let book = self.book().filter(|book| self.is_quiet() && book.tenure.head_seq > book.snapshot_seq)?;
        let Tenure { head_seq: seq, head_hash: hash, epoch: _ } = book.tenure;
        Some(SnapshotDue { inventory: book.inventory.clone(), seq, hash })
    }

    fn book(&self) -> Option<&Book> {
        match &self.state {
            State::Running(book) => Some(book),
            State::Stained(_) | State::Loading | State::Down { .. } => None,
        }
    }

    fn arrived(&mut self, at: UnixMillis, ask: Waiting<T>, out: &mut Vec<Output<T>>) {
        match &self.state {
            State::Down { until: Some(until), .. } if *until <= at => {
                self.waiting.push_back(ask);
                self.rise(at, out);
            }
            State::Down { answer, .. } => ask.refuse(answer.clone(), out),
            State::Running(_) | State::Stained(_) | State::Loading => {
                self.waiting.push_back(ask);
                self.pump(at, out);
            }
        }
    }

    /// Decides what waits, in order, as far as the next entry has room.
    fn pump(&mut self, at: UnixMillis, out: &mut Vec<Output<T>>) {
        while self.book().is_some() && !self.gathering.is_full() {
            let Some(ask) = self.waiting.pop_front() else { break };
            self.decide(at, ask, out);
        }
        if self.in_flight.is_none() && !self.gathering.is_empty() && !self.flush_asked {
            self.flush_asked = true;
            out.push(Output::FlushSoon);
        }
    }

    fn decide(&mut self, at: UnixMillis, ask: Waiting<T>, out: &mut Vec<Output<T>>) {
        let State::Running(book) = &mut self.state else { return self.waiting.push_front(ask) };
        let found = match &ask.request {
            Request::Command(_) => return self.decide_command(at, ask, out),
            Request::LookHold(hold) => guarded(|| Finding::look_hold(&book.inventory, *hold)),
            Request::LookOrder(order) => guarded(|| Finding::look_order(&book.inventory, *order)),
        };
        match found {
            Ok(finding) => {
                let Waiting { token, request, plan_checked: _ } = ask;
                self.rest_on_flush(Slot { token, request, finding, has_facts: false }, out);
            }
            Err(Panicked(why)) => {
                ask.refuse(AskError::NotApplied, out);
                self.stain(at, ReloadReason::Panicked(why), out);
            }
        }
    }

    fn decide_command(&mut self, at: UnixMillis, ask: Waiting<T>, out: &mut Vec<Output<T>>) {
        let (State::Running(book), Request::Command(command)) = (&mut self.state, &ask.request) else { return };
        if ask.token.is_none() {
            self.expire_waits = false;
        }
        if self.suspects.is_quarantined(command) {
            self.expire_not_before = self.expire_not_before.max(at.plus_ms(EXPIRE_RETRY_MS));
            return ask.refuse(AskError::Quarantined, out);
        }
        if names_another_plan(book, command) {
            return self.with_current_plan(at, ask, out);
        }
        if at < self.full_until && self.rules.would_change(&book.inventory, at, command) {
            self.expire_not_before = self.expire_not_before.max(self.full_until);
            return ask.refuse(AskError::StorageFull, out);
        }
        match self.rules.apply(&mut book.inventory, at, command) {
            Ok(Applied::Accepted { facts, answer }) => {
                let Waiting { token, request, plan_checked: _ } = ask;
                let has_facts = !facts.is_empty();
                let slot = Slot { token, request, finding: Finding::Answer(answer), has_facts };
                if has_facts {
                    self.gathering.add(at, facts, slot);
                } else {
                    self.note_idle_expiry(at, &slot);
                    self.rest_on_flush(slot, out);
                }
            }
            Ok(Applied::Rejected(rejection)) => {
                let Waiting { token, request, plan_checked: _ } = ask;
                let slot = Slot { token, request, finding: Finding::Rejected(rejection), has_facts: false };
                self.note_idle_expiry(at, &slot);
                self.rest_on_flush(slot, out);
            }
            Err(Panicked(why)) => self.panicked(at, ask, why, out),
        }
    }

    /// Something was due and tidying did not change it: a fault in the rules that must not make the timer spin.
    fn note_idle_expiry(&mut self, at: UnixMillis, slot: &Slot<T>) {
        if slot.token.is_none() {
            self.expire_not_before = at.plus_ms(EXPIRE_RETRY_MS);
        }
    }

    /// An answer without facts of its own leaves with the flush that makes true what it rests on.
    fn rest_on_flush(&mut self, slot: Slot<T>, out: &mut Vec<Output<T>>) {
        if !self.gathering.is_empty() {
            self.gathering.slots.push(slot);
        } else if let Some(flight) = &mut self.in_flight {
            flight.slots.push(slot);
        } else {
            let seq = self.book().map_or(0, |book| book.tenure.head_seq);
            slot.settle(seq, out);
        }
    }

    /// Seals what has gathered and sends it off, unless an entry is on its way already.
    fn flush(&mut self, at: UnixMillis, out: &mut Vec<Output<T>>) {
        self.flush_asked = false;
        let State::Running(book) = &mut self.state else { return };
        if self.in_flight.is_some() || self.gathering.is_empty() {
            return;
        }
        let seq = book.tenure.head_seq + 1;
        let inventory = &book.inventory;
        let (event, plan_digest, before) = (self.event, book.plan_digest, self.view.as_ref());
        let seen = guarded(|| {
            let snapshot = (seq - book.snapshot_seq >= SNAPSHOT_ENTRIES).then(|| inventory.clone());
            (View::of(event, seq, plan_digest, inventory, before), snapshot)
        });
        let (view, snapshot) = match seen {
            Ok(seen) => seen,
            Err(Panicked(why)) => return self.stain(at, ReloadReason::Panicked(why), out),
        };
        let Gathering { first_at, facts, slots, commands_count } = std::mem::take(&mut self.gathering);
        let entry = Entry { seq, epoch: book.tenure.epoch, at: first_at.unwrap_or(at), facts };
        let sealed = SealedEntry::seal(entry, book.tenure.head_hash);
        let hash = sealed.hash;
        let snapshot = snapshot.map(|inventory| Box::new(SnapshotDue { inventory, seq, hash }));
        self.in_flight = Some(Flight { seq, hash, slots, view, snapshot });
        out.push(Output::Append { sealed, commands_count });
        self.pump(at, out);
    }

    fn appended(&mut self, at: UnixMillis, seq: u64, outcome: Result<(), AppendError>, out: &mut Vec<Output<T>>) {
        let Some(flight) = self.in_flight.take_if(|flight| flight.seq == seq) else { return };
        let (answer, reason) = match outcome {
            Ok(()) => return self.landed(at, flight, out),
            Err(AppendError::Unknown(why)) => {
                self.doubtful = Some(flight);
                return self.reload(at, ReloadReason::Unknown(why), out);
            }
            Err(AppendError::NotWritten(why)) => (AskError::NotApplied, ReloadReason::NotWritten(why)),
            Err(AppendError::StorageFull) => {
                self.full_until = at.plus_ms(FULL_PAUSE_MS);
                (AskError::StorageFull, ReloadReason::StorageFull)
            }
            Err(AppendError::Fenced) => (AskError::NotApplied, ReloadReason::Fenced),
        };
        let again = flight.lose(&answer, out);
        self.put_back(again);
        self.reload(at, reason, out);
    }

    fn landed(&mut self, at: UnixMillis, flight: Flight<T>, out: &mut Vec<Output<T>>) {
        let Flight { seq, hash, slots, view, snapshot } = flight;
        if let State::Running(book) = &mut self.state {
            book.tenure.head_seq = seq;
            book.tenure.head_hash = hash;
            if let Some(snapshot) = snapshot {
                book.snapshot_seq = seq;
                out.push(Output::Snapshot(snapshot));
            }
        }
        self.view = Some(view.clone());
        out.push(Output::Publish(view));
        for slot in slots {
            slot.settle(seq, out);
        }
        match &self.state {
            State::Stained(reason) => self.reload(at, reason.clone(), out),
            State::Running(_) | State::Loading | State::Down { .. } => self.pump(at, out),
        }
    }

    fn tick(&mut self, at: UnixMillis, out: &mut Vec<Output<T>>) {
        self.wake_at = None;
        match &self.state {
            State::Running(book) => {
                let is_due = book.inventory.next_due().is_some_and(|due| due <= at);
                if is_due && !self.expire_waits && self.expire_not_before <= at {
                    self.expire_waits = true;
                    let tidy = Command::ExpireDue { holds_max: EXPIRE_HOLDS_MAX };
                    self.waiting.push_back(Waiting::new(None, Request::Command(tidy)));
                    self.pump(at, out);
                }
            }
            State::Down { until: Some(until), .. } if *until <= at => self.rise(at, out),
            State::Down { .. } | State::Stained(_) | State::Loading => {}
        }
    }

    fn rearm(&mut self, out: &mut Vec<Output<T>>) {
        let due = match &self.state {
            State::Running(book) if !self.expire_waits => {
                book.inventory.next_due().map(|due| due.max(self.expire_not_before))
            }
            State::Down { until, .. } => *until,
            State::Running(_) | State::Stained(_) | State::Loading => None,
        };
        if let Some(due) = due.filter(|due| self.wake_at.is_none_or(|armed| *due < armed)) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

/// A draft may get another plan until it is published; the one in memory must be the one that is named.
fn names_another_plan(book: &Book, command: &Command) -> bool {
    match command {
        Command::Publish { plan_digest, .. } => {
            book.inventory.plan_digest().is_none() && *plan_digest != book.plan_digest
        }
        Command::Open
        | Command::Pause
        | Command::Resume
        | Command::Close
        | Command::CancelEvent
        | Command::ChangePrices { .. }
        | Command::BlockSeats { .. }
        | Command::UnblockSeats { .. }
        | Command::PlaceHold(_)
        | Command::ExtendHold { .. }
        | Command::ReleaseHold { .. }
        | Command::ExpireDue { .. }
        | Command::BeginCheckout { .. }
        | Command::ConfirmOrder { .. }
        | Command::RecordCapture { .. }
        | Command::RecordPaymentFailure { .. }
        | Command::RecordCaptureFailure { .. }
        | Command::CancelOrder { .. }
        | Command::Refund { .. }
        | Command::RecordRefundPaid { .. } => false,
    }
}

#[cfg(test)]
mod tests;
