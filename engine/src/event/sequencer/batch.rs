//! Who waits for what: asks not decided yet, decisions in no entry yet, and the entry on its way.

use serde::{Deserialize, Serialize};
use usher_core::{
    Answer, Command, Fact, HoldId, HoldView, Inventory, OrderId, OrderView, Phase, Rejection, UnixMillis,
};

use super::Output;
use crate::event::{AskError, Decided, Looked, View};
use crate::journal::EntryHash;

/// Commands whose facts share one entry at most.
pub const ENTRY_COMMANDS_MAX: usize = 1_024;
/// No further command joins an entry that has so many facts.
pub const ENTRY_FACTS_MAX: usize = 8_192;

/// What can be asked of a sequencer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Decide this.
    Command(Command),
    /// Show this hold.
    LookHold(HoldId),
    /// Show this order.
    LookOrder(OrderId),
}

/// What an asker gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// To a command.
    Decided(Decided),
    /// To a look at a hold.
    Hold(Looked<HoldView>),
    /// To a look at an order.
    Order(Looked<OrderView>),
}

/// An ask that is not decided. Without a token it is the sequencer's own.
pub(super) struct Waiting<T> {
    pub(super) token: Option<T>,
    pub(super) request: Request,
    /// The event was reloaded already so that this command finds the plan that it names.
    pub(super) plan_checked: bool,
}

impl<T> Waiting<T> {
    pub(super) fn new(token: Option<T>, request: Request) -> Self {
        Self { token, request, plan_checked: false }
    }

    pub(super) fn refuse(self, error: AskError, out: &mut Vec<Output<T>>) {
        if let Some(token) = self.token {
            out.push(Output::Reply { token, outcome: Err(error) });
        }
    }
}

/// What a slot's asker is told when the state it rests on is durable.
pub(super) enum Finding {
    Answer(Answer),
    Rejected(Rejection),
    Hold(Option<HoldView>, Phase),
    Order(Option<OrderView>, Phase),
}

impl Finding {
    pub(super) fn look_hold(inventory: &Inventory, hold: HoldId) -> Self {
        Self::Hold(inventory.hold(hold), inventory.phase())
    }

    pub(super) fn look_order(inventory: &Inventory, order: OrderId) -> Self {
        Self::Order(inventory.order(order), inventory.phase())
    }
}

/// An ask that is decided in memory.
pub(super) struct Slot<T> {
    pub(super) token: Option<T>,
    pub(super) request: Request,
    pub(super) finding: Finding,
    /// It put facts into the entry. Without, it only rests on them and may be decided again at will.
    pub(super) has_facts: bool,
}

impl<T> Slot<T> {
    /// What it rests on is durable up to entry `seq`.
    pub(super) fn settle(self, seq: u64, out: &mut Vec<Output<T>>) {
        let Some(token) = self.token else { return };
        let outcome = match self.finding {
            Finding::Answer(answer) => Ok(Told::Decided(Decided { answer, seq })),
            Finding::Rejected(rejection) => Err(AskError::Rejected(rejection)),
            Finding::Hold(found, phase) => Ok(Told::Hold(Looked { found, phase, seq })),
            Finding::Order(found, phase) => Ok(Told::Order(Looked { found, phase, seq })),
        };
        out.push(Output::Reply { token, outcome });
    }

    /// Back to where it came from. The sequencer's own asks are not kept: the timer makes new ones.
    pub(super) fn undecided(self) -> Option<Waiting<T>> {
        self.token.map(|token| Waiting::new(Some(token), self.request))
    }
}

/// Decisions that no entry contains yet.
pub(super) struct Gathering<T> {
    /// When the first was made.
    pub(super) first_at: Option<UnixMillis>,
    pub(super) facts: Vec<Fact>,
    pub(super) slots: Vec<Slot<T>>,
    pub(super) commands_count: usize,
}

impl<T> Default for Gathering<T> {
    fn default() -> Self {
        Self { first_at: None, facts: Vec::new(), slots: Vec::new(), commands_count: 0 }
    }
}

impl<T> Gathering<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.commands_count >= ENTRY_COMMANDS_MAX || self.facts.len() >= ENTRY_FACTS_MAX
    }

    pub(super) fn add(&mut self, at: UnixMillis, facts: Vec<Fact>, slot: Slot<T>) {
        self.first_at.get_or_insert(at);
        self.facts.extend(facts);
        self.slots.push(slot);
        self.commands_count += 1;
    }
}

/// State after an entry, to be kept as a snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotDue {
    /// The state.
    pub inventory: Inventory,
    /// The last entry it contains.
    pub seq: u64,
    /// That entry's hash.
    pub hash: EntryHash,
}

/// The entry on its way and who waits for it.
pub(super) struct Flight<T> {
    pub(super) seq: u64,
    pub(super) hash: EntryHash,
    pub(super) slots: Vec<Slot<T>>,
    /// What readers see once it has landed: taken when the entry was sealed, for the memory runs on meanwhile.
    pub(super) view: View,
    pub(super) snapshot: Option<Box<SnapshotDue>>,
}

impl<T> Flight<T> {
    /// It will not land: who put facts into it gets `error`, the others are decided again.
    pub(super) fn lose(self, error: &AskError, out: &mut Vec<Output<T>>) -> Vec<Waiting<T>> {
        let mut again = Vec::new();
        for slot in self.slots {
            if !slot.has_facts {
                again.extend(slot.undecided());
            } else if let Some(token) = slot.token {
                out.push(Output::Reply { token, outcome: Err(error.clone()) });
            }
        }
        again
    }
}
