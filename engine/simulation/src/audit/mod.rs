//! The auditor: what was asked and told, what the journal holds, and what the provider did, held against each other.
//!
//! It reads entries as bytes and folds them into a [`model::Model`] of its own, which shares nothing with the house's
//! inventory, so that a fault in the rules cannot hide in both. Every check runs when the thing it is about happens:
//! an entry is committed, an answer leaves, a view is published, money moves; [`Audit::at_rest`] looks at the whole.

mod asks;
mod facts;
mod model;
mod money;
mod rest;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use usher_core::plan::Layout;
use usher_core::{Answer, HoldView, OrderId, OrderView, RefundId, Rejection};
use usher_engine::event::sequencer::{Request, Told};
use usher_engine::event::{AskError, View};
use usher_engine::jobs::Letter;
use usher_engine::journal::SealedEntry;

use crate::executor::{ProcId, Sim, WORLD};
use crate::lock;
pub(crate) use asks::AskId;
use asks::Asks;
pub(crate) use model::{Model, Order, Slot};
use money::Money;
pub(crate) use rest::Derived;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise is broken: an invariant by its number, or a rule of a protocol.
    pub code: &'static str,
    /// When, in microseconds since the world began.
    pub at_us: u64,
    /// What was seen.
    pub what: String,
}

/// Violations kept of one history; the first ones tell the most.
const VIOLATIONS_MAX: usize = 16;

/// The auditor of one world; clones share its ledger.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Shared>);

struct Shared {
    sim: Sim,
    ledger: Mutex<Ledger>,
}

/// All that the auditor knows.
pub(crate) struct Ledger {
    pub(crate) model: Model,
    asks: Asks,
    money: BTreeMap<OrderId, Money>,
    printed: BTreeMap<OrderId, Vec<u16>>,
    letters: BTreeMap<(OrderId, &'static str, Option<RefundId>), u32>,
    /// How far the clock of each epoch's owner was from true time when it started.
    offsets_ms: BTreeMap<u64, i64>,
    epoch: u64,
    /// The process that took the event over last.
    owner: ProcId,
    now_us: u64,
    violations: Vec<Violation>,
}

impl Audit {
    pub(crate) fn new(sim: Sim, layout: &Layout) -> Self {
        let ledger = Ledger {
            model: Model::new(layout),
            asks: Asks::default(),
            money: BTreeMap::new(),
            printed: BTreeMap::new(),
            letters: BTreeMap::new(),
            offsets_ms: BTreeMap::new(),
            epoch: 0,
            owner: WORLD,
            now_us: 0,
            violations: Vec::new(),
        };
        Self(Arc::new(Shared { sim, ledger: Mutex::new(ledger) }))
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        let now_us = self.0.sim.now_us();
        let mut ledger = lock(&self.0.ledger);
        ledger.now_us = now_us;
        let before = ledger.violations.len();
        let done = act(&mut ledger);
        for violation in &ledger.violations[before..] {
            self.0.sim.trace(|| format!("VIOLATION {}: {}", violation.code, violation.what));
        }
        done
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.with(|ledger| ledger.violations.clone())
    }

    pub(crate) fn violate(&self, code: &'static str, what: String) {
        self.with(|ledger| ledger.violate(code, what));
    }

    /// Somebody may write from now on whose clock was off by so much.
    pub(crate) fn taken_over(&self, epoch: u64, owner: ProcId, offset_ms: i64) {
        self.with(|ledger| {
            ledger.epoch = ledger.epoch.max(epoch);
            ledger.owner = owner;
            ledger.offsets_ms.insert(epoch, offset_ms);
        });
    }

    /// An entry became durable.
    pub(crate) fn committed(&self, sealed: &SealedEntry) {
        self.0.sim.note(u64::from_be_bytes(sealed.hash.first_chunk().copied().unwrap_or_default()));
        self.with(|ledger| ledger.committed(sealed));
    }

    /// Somebody asks the event.
    pub(crate) fn asked(&self, request: &Request) -> AskId {
        self.with(|ledger| {
            let head_seq = ledger.model.head_seq;
            ledger.asks.asked(request, head_seq)
        })
    }

    /// The event answers, and the answer leaves the process.
    pub(crate) fn answered(&self, process: ProcId, ask: AskId, outcome: &Result<Told, AskError>) {
        self.with(|ledger| ledger.answered(process, ask, outcome));
    }

    /// Nobody will answer any more.
    pub(crate) fn unanswered(&self, ask: AskId) {
        self.with(|ledger| ledger.asks.unanswered(ask));
    }

    /// Readers see this from now on.
    pub(crate) fn published(&self, view: &View) {
        self.with(|ledger| ledger.published(view));
    }

    /// A ticket was printed for each of these lines.
    pub(crate) fn printed(&self, order: OrderId, lines: Vec<u16>) {
        self.with(|ledger| {
            ledger.printed.insert(order, lines);
        });
    }

    /// A letter was written; the name is its own, so that a repeat overwrites it.
    pub(crate) fn mailed(&self, order: OrderId, letter: Letter) {
        let key = match letter {
            Letter::Confirmation => (order, "confirmation", None),
            Letter::Cancellation => (order, "cancellation", None),
            Letter::Refund { refund } => (order, "refund", Some(refund)),
        };
        self.with(|ledger| *ledger.letters.entry(key).or_default() += 1);
    }
}

impl Ledger {
    fn violate(&mut self, code: &'static str, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { code, at_us: self.now_us, what });
        }
    }

    /// The time by the clock of an epoch's owner.
    fn clock_ms(&self, epoch: u64) -> i64 {
        let offset_ms = self.offsets_ms.get(&epoch).copied().unwrap_or(0);
        crate::executor::instant(self.now_us).0.saturating_add(offset_ms)
    }

    fn published(&mut self, view: &View) {
        if view.seq > self.model.head_seq {
            let what = format!("readers see entry {}, the journal ends at {}", view.seq, self.model.head_seq);
            return self.violate("I2-shown-early", what);
        }
        if view.seq == self.model.head_seq {
            for what in self.model.differences(view) {
                self.violate("I5-view", what);
            }
        }
    }
}

/// What an answer must rest on.
impl Ledger {
    fn answered(&mut self, process: ProcId, ask: AskId, outcome: &Result<Told, AskError>) {
        let Some((asked, contradiction)) = self.asks.answered(ask, outcome.as_ref().err()) else { return };
        if let Some(what) = contradiction {
            self.violate("I2-false-no", what);
        }
        match outcome {
            Ok(told) => self.told(&asked.request, told),
            // Who has lost the event without knowing it may say what was true then, and changes nothing.
            Err(AskError::Rejected(Rejection::SeatsTaken { seats })) if process == self.owner => {
                let free = seats.iter().find(|seat| {
                    let freed_seq = self.model.freed_seq.get(seat.usize()).copied().unwrap_or(0);
                    self.model.seats.get(seat.usize()) == Some(&Slot::Free) && freed_seq <= asked.head_seq
                });
                if let Some(seat) = free {
                    self.violate("I2-false-no", format!("{seat:?} is called taken, it is free"));
                }
            }
            Err(
                AskError::Rejected(_)
                | AskError::Busy { .. }
                | AskError::NotApplied
                | AskError::StorageFull
                | AskError::OutcomeUnknown
                | AskError::Quarantined
                | AskError::Unavailable(_),
            ) => {}
        }
    }

    fn told(&mut self, request: &Request, told: &Told) {
        let seq = match told {
            Told::Decided(decided) => decided.seq,
            Told::Hold(looked) => looked.seq,
            Told::Order(looked) => looked.seq,
        };
        if seq > self.model.head_seq {
            let what = format!("{request:?} is answered by entry {seq}, the journal ends at {}", self.model.head_seq);
            return self.violate("I2-told-early", what);
        }
        match (request, told) {
            (_, Told::Decided(decided)) => self.told_answer(request, &decided.answer),
            (_, Told::Hold(looked)) => {
                if let Some(view) = &looked.found {
                    self.told_hold(view);
                }
            }
            (Request::LookOrder(order), Told::Order(looked)) => match &looked.found {
                Some(view) => self.told_order(view),
                None if self.model.orders.contains_key(order) && seq == self.model.head_seq => {
                    self.violate("I2-lost", format!("{order} is unknown to its event"));
                }
                None => {}
            },
            (Request::Command(_) | Request::LookHold(_), Told::Order(looked)) => {
                self.violate("I3-unasked", format!("{request:?} is answered by {looked:?}"));
            }
        }
    }

    fn told_answer(&mut self, request: &Request, answer: &Answer) {
        match answer {
            Answer::Done => {}
            Answer::Hold(view) => self.told_hold(view),
            Answer::Order(view) => self.told_order(view),
            Answer::Refund { refund, amount_minor, .. } => {
                let mut refunds = self.model.orders.values().flat_map(|order| &order.refunds);
                let known = refunds.any(|(id, known)| id == refund && known.amount_minor == amount_minor.0);
                if !known {
                    self.violate("I2-lost", format!("{refund} was told to {request:?}, the journal has it not"));
                }
            }
        }
    }

    fn told_hold(&mut self, view: &HoldView) {
        let known = self.model.holds.get(&view.hold);
        let fits = known.is_some_and(|hold| hold.lines == view.lines && view.expires_at.0 <= hold.expires_ms);
        if !fits {
            self.violate("I2-lost", format!("{} was told, the journal has {known:?}", view.hold));
        }
    }

    fn told_order(&mut self, view: &OrderView) {
        let known = self.model.orders.get(&view.order);
        if !known.is_some_and(|order| order.states.contains(&view.state)) {
            let states = known.map(|order| &order.states);
            self.violate("I2-lost", format!("{} was told as {:?}, it was {states:?}", view.order, view.state));
        }
    }
}
