//! One seed, from its script to its verdict.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use usher_core::{Ask, Inventory, OrderState, Place};
use usher_engine::event::Standing;

use crate::audit::Violation;
use crate::executor::{Executor, WORLD};
use crate::faults::Hit;
use crate::people::{self, Fates};
use crate::planted::Bug;
use crate::script::{self, CALM_AT_MS, Happening, Item, Journey, Pay, Then};
use crate::stripe::Card;
use crate::world::Outside;

/// Polls after which a world is said never to rest: the busiest take a hundredth of it.
const STEPS_MAX: u64 = 2_000_000;
/// The journey of whoever comes when everything is quiet.
const LAST_BUYER: u64 = 900;
/// Whoever asks soon after faults have ended: the longest that a house stays shut is five minutes.
const PROBER: u64 = 902;
const PROBE_AFTER_US: u64 = 330_000_000;
/// The refund that makes room for the last buyer.
const LAST_REFUND: u64 = 901;

/// What a seed came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must not be, in the order it was seen.
    pub violations: Vec<Violation>,
    /// A number that two equal histories share.
    pub digest: u64,
    /// Polls of futures.
    pub steps_count: u64,
    /// Entries in the journal.
    pub entries_count: u64,
    /// The history in words, if it was asked for.
    pub trace: Vec<String>,
    pub(crate) hits: BTreeMap<Hit, u64>,
}

/// What of a seed is run, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A deliberate bug.
    pub bug: Option<Bug>,
    /// Keep the history in words.
    pub traced: bool,
    /// Happenings of the script that are left out.
    pub without: Vec<u64>,
}

/// Runs a seed.
#[must_use]
pub fn seed(seed: u64, options: &Options) -> Outcome {
    let outside = Outside::new(seed, options.bug, options.traced);
    let mut executor = Executor::new(outside.sim.clone());
    let items: Vec<Item> =
        script::of_seed(seed).into_iter().filter(|item| !options.without.contains(&item.index)).collect();
    let ran = catch_unwind(AssertUnwindSafe(|| play(&outside, &mut executor, items)));
    if let Err(payload) = ran {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        outside.audit.violate("X-panic", text.unwrap_or_else(|| "without words".to_owned()));
    }
    let outcome = Outcome {
        seed,
        violations: outside.audit.violations(),
        digest: outside.sim.digest(),
        steps_count: executor.steps_count(),
        entries_count: outside.rows.entries().len() as u64,
        trace: outside.sim.take_trace(),
        hits: outside.faults.take_hits(),
    };
    executor.end();
    outcome
}

fn play(outside: &Outside, executor: &mut Executor, items: Vec<Item>) {
    let fates = Fates::default();
    outside.sim.spawn_named(1, outside.clone().keep_open());
    outside.sim.spawn_named(2, people::deliver(outside.clone(), fates.clone()));
    outside.open_house();
    outside.sim.spawn_named(3, people::open_sale(outside.clone()));
    for item in items {
        outside.sim.spawn_named(100 + item.index, happen(outside.clone(), fates.clone(), item));
    }
    outside.sim.spawn_named(4, calm(outside.clone(), fates));
    if !rest(outside, executor) {
        return;
    }
    if outside.durable.replay_dead(outside.sim.now()) > 0 {
        outside.faults.count(Hit::Other("an operator replayed dead work"));
        if !rest(outside, executor) {
            return;
        }
    }
    outside.audit.at_rest(&outside.durable.derived());
    sell_once_more(outside, executor);
}

fn rest(outside: &Outside, executor: &mut Executor) -> bool {
    let rested = executor.run_until_rest(STEPS_MAX).is_ok();
    if !rested {
        outside.audit.violate("I6-restless", format!("something goes on after {STEPS_MAX} steps"));
    }
    rested
}

/// Faults end.
async fn calm(outside: Outside, fates: Fates) {
    outside.sim.sleep_us(CALM_AT_MS * 1_000).await;
    outside.sim.trace(|| "faults end".to_owned());
    outside.faults.calm();
    outside.stripe.calm();
    fates.calm();
    outside.sim.sleep_us(PROBE_AFTER_US).await;
    people::probe(outside, PROBER).await;
}

async fn happen(outside: Outside, fates: Fates, item: Item) {
    outside.sim.sleep_us(item.at_ms * 1_000).await;
    outside.sim.trace(|| format!("#{} {:?}", item.index, item.happening));
    let faults = outside.faults.clone();
    match item.happening {
        Happening::Buyer(journey) => people::buy(outside, item.index, journey).await,
        Happening::Organizer(step) => people::organize(outside, item.index, step).await,
        Happening::Fault { op, trouble, times } => faults.arm(op, trouble, times),
        Happening::Crash { op, moment } => faults.arm_crash(op, moment),
        Happening::Kill => outside.kill(),
        Happening::Restart => outside.restart().await,
        Happening::Rival { lease_ms, together_ms } => outside.rival(lease_ms, together_ms).await,
        Happening::Wall { offset_ms } => {
            faults.count(Hit::Other(match offset_ms {
                1.. => "wall clock: ahead",
                0 => "wall clock: right again",
                _ => "wall clock: behind",
            }));
            outside.set_wall(offset_ms);
        }
        Happening::Webhook(fate) => fates.arm(fate),
        Happening::Refund(fate) => outside.stripe.arm_refund(fate),
        Happening::Twist(twist) => outside.stripe.arm_twist(twist),
    }
}

/// I6 and I7: somebody new can buy, and what is in memory is what a replay gives.
fn sell_once_more(outside: &Outside, executor: &mut Executor) {
    if let Some(Standing::Down { why, .. }) = outside.latest().and_then(|house| house.handle.standing()) {
        outside.sim.trace(|| format!("the event is down: {why}"));
    }
    let (phase, free) = outside.audit.with(|ledger| (ledger.model.phase(), ledger.model.any_free()));
    if !people::sells(phase) {
        return;
    }
    outside.sim.spawn_named(5, people::reopen(outside.clone()));
    if free.is_none() {
        let step = script::Step::RefundOrder { nth: 0 };
        outside.sim.spawn_named(6, people::organize(outside.clone(), LAST_REFUND, step));
    }
    if !rest(outside, executor) {
        return;
    }
    let Some(place) = outside.audit.with(|ledger| ledger.model.any_free()) else {
        return outside.audit.violate("I6-cannot-buy", "no place is free after a refund".to_owned());
    };
    let asks = match place {
        Place::Seat(seat) => vec![Ask::Seats(vec![seat])],
        Place::Ga(area) => vec![Ask::Ga { area, quantity: 1 }],
    };
    let pay = Pay::With { card: Card::Good, after_ms: 1_000, again: false };
    let then = Then::Buy { after_ms: 1_000, extends: 0, pay };
    let journey = Journey { buyer: LAST_BUYER, asks, then, tries: 20, clicks_twice: false, hangs_up: false };
    outside.sim.spawn_named(7, people::buy(outside.clone(), LAST_BUYER, journey));
    if !rest(outside, executor) {
        return;
    }
    let order = people::order_id(LAST_BUYER);
    let bought = outside.audit.with(|ledger| ledger.model.orders.get(&order).map(crate::audit::Order::state));
    if bought != Some(OrderState::Paid) {
        outside.audit.violate("I6-cannot-buy", format!("a new buyer's order is {bought:?}"));
    }
    outside.audit.at_rest(&outside.durable.derived());
    compare_with_replay(outside, executor);
}

fn compare_with_replay(outside: &Outside, executor: &mut Executor) {
    let (shown, show) = (std::sync::Arc::new(std::sync::Mutex::new(None)), outside.latest());
    let (slot, Some(house)) = (std::sync::Arc::clone(&shown), show) else {
        return outside.audit.violate("I6-cannot-buy", "no process is there".to_owned());
    };
    outside.sim.spawn(WORLD, 8, async move {
        let inventory = house.handle.inspect().await;
        *crate::lock(&slot) = inventory;
    });
    if !rest(outside, executor) {
        return;
    }
    let mut replayed = Inventory::new(std::sync::Arc::clone(&outside.layout));
    for sealed in outside.rows.entries() {
        sealed.entry.facts.iter().for_each(|fact| replayed.evolve(fact));
    }
    let live = crate::lock(&shown).take();
    if live.as_ref() != Some(&replayed) {
        let what = match live {
            Some(_) => "the state in memory is not what the journal gives",
            None => "the event does not run or does not rest",
        };
        outside.audit.violate("I7-replay", what.to_owned());
    }
    for what in replayed.broken_invariants() {
        outside.audit.violate("I7-replay", what);
    }
}
