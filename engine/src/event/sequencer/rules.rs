//! The rules, kept at arm's length: a panic in them is caught here and nowhere else.
//!
//! Catching is sound because whoever gets [`Panicked`] throws the inventory away: nobody looks at a half-done change.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use usher_core::{Answer, Command, Fact, Inventory, Rejection, UnixMillis};

type Decide = Arc<dyn Fn(&Inventory, UnixMillis, &Command) -> Result<Vec<Fact>, Rejection> + Send + Sync>;

/// What decides. Tests put a `decide` of their own in place to make it panic.
#[derive(Clone)]
pub struct Rules {
    decide: Decide,
}

impl Default for Rules {
    fn default() -> Self {
        Self { decide: Arc::new(Inventory::decide) }
    }
}

/// What a command came to in memory.
pub(super) enum Applied {
    /// It changes something, or repeats what was done when `facts` is empty.
    Accepted {
        /// What happened; the inventory contains it already.
        facts: Vec<Fact>,
        /// What the asker is told once that is durable.
        answer: Answer,
    },
    /// It changes nothing.
    Rejected(Rejection),
}

/// The rules panicked; the inventory must not be used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::event) struct Panicked(pub(super) String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rules panicked: {}", self.0)
    }
}

impl Rules {
    /// Rules with another `decide`.
    #[must_use]
    pub fn with_decide(
        decide: impl Fn(&Inventory, UnixMillis, &Command) -> Result<Vec<Fact>, Rejection> + Send + Sync + 'static,
    ) -> Self {
        Self { decide: Arc::new(decide) }
    }

    /// Whether a command would change anything; a panic says that it would, and shows again when it is applied.
    pub(super) fn would_change(&self, inventory: &Inventory, at: UnixMillis, command: &Command) -> bool {
        guarded(|| (self.decide)(inventory, at, command).is_ok_and(|facts| !facts.is_empty())).unwrap_or(true)
    }

    pub(super) fn apply(
        &self,
        inventory: &mut Inventory,
        at: UnixMillis,
        command: &Command,
    ) -> Result<Applied, Panicked> {
        guarded(|| match (self.decide)(inventory, at, command) {
            Ok(facts) => {
                for fact in &facts {
                    inventory.evolve(fact);
                }
                Applied::Accepted { facts, answer: inventory.answer(command) }
            }
            Err(rejection) => Applied::Rejected(rejection),
        })
    }
}

/// Runs a piece of the rules; its panic becomes a value.
pub(in crate::event) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked(message_of(payload.as_ref())))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words").to_owned()
}
