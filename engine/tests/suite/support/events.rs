//! A house of events: a registry over a journal, plans for every event, commands that buyers send.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use usher_core::plan::{Layout, generate};
use usher_core::{
    Ask, BuyerId, Command, Currency, EventId, HoldId, Limits, Minor, PlaceHold, Priced, SeatIdx, TierIdx, UnixMillis,
};
use usher_engine::clock::Clock;
use usher_engine::event::{self, AskError, Decided, Handle, Ownership, Parts, Plan, PlanError, Registry, Rules, Sole};
use usher_engine::journal::Journal;

pub(crate) const DIGEST: [u8; 32] = [7; 32];
/// The catalogue knows no event with this id.
pub(crate) const UNKNOWN: EventId = EventId(404);
/// The hold whose placing makes [`fragile_rules`] panic.
pub(crate) const POISON: HoldId = HoldId(666_666);

pub(crate) struct House {
    pub(crate) registry: Registry,
    pub(crate) layout: Arc<Layout>,
    pub(crate) clock: Clock,
    pub(crate) plans: event::Plans,
    /// The catalogue's digest of every plan.
    pub(crate) digest: Arc<Mutex<[u8; 32]>>,
    /// What followers were told.
    pub(crate) committed: Arc<Mutex<Vec<(EventId, u64)>>>,
    /// The follower panics at the next commit, which is a fault outside the rules and kills the actor.
    pub(crate) follower_panics: Arc<AtomicBool>,
}

pub(crate) struct HouseSpec {
    pub(crate) rules: Rules,
    pub(crate) limits: event::Limits,
    pub(crate) clock: Clock,
    pub(crate) ownership: Arc<dyn Ownership>,
}

impl Default for HouseSpec {
    fn default() -> Self {
        let (rules, limits, clock) = (Rules::default(), event::Limits::default(), Clock::system());
        Self { rules, limits, clock, ownership: Arc::new(Sole) }
    }
}

impl House {
    pub(crate) fn over(journal: Arc<dyn Journal>) -> Self {
        Self::with(journal, HouseSpec::default())
    }

    pub(crate) fn with(journal: Arc<dyn Journal>, spec: HouseSpec) -> Self {
        let layout = Arc::new(generate::hall(4, 50, 40).compile().unwrap());
        let digest = Arc::new(Mutex::new(DIGEST));
        let committed = Arc::new(Mutex::new(Vec::new()));
        let follower_panics = Arc::new(AtomicBool::new(false));
        let plans: event::Plans = {
            let (layout, digest) = (Arc::clone(&layout), Arc::clone(&digest));
            Arc::new(move |event| {
                let digest = *digest.lock().unwrap_or_else(PoisonError::into_inner);
                let plan = Plan { layout: Arc::clone(&layout), digest };
                std::future::ready(if event == UNKNOWN { Err(PlanError::UnknownEvent) } else { Ok(plan) }).boxed()
            })
        };
        let on_committed: event::OnCommitted = {
            let (committed, panics) = (Arc::clone(&committed), Arc::clone(&follower_panics));
            Arc::new(move |event, seq| {
                assert!(!panics.swap(false, Ordering::AcqRel), "the follower was told to panic");
                committed.lock().unwrap().push((event, seq));
            })
        };
        let HouseSpec { rules, limits, clock, ownership } = spec;
        let parts =
            Parts { journal, plans: Arc::clone(&plans), clock: clock.clone(), on_committed, ownership, rules, limits };
        Self { registry: Registry::new(parts).unwrap(), layout, clock, plans, digest, committed, follower_panics }
    }

    /// The event, published and on sale.
    pub(crate) async fn on_sale(&self, event: EventId) -> Handle {
        let handle = self.registry.handle(event).await.unwrap();
        handle.ask(self.publish()).await.unwrap();
        handle.ask(Command::Open).await.unwrap();
        handle
    }

    pub(crate) fn publish(&self) -> Command {
        let tiers = (0u16..).zip(self.layout.tiers());
        let prices = tiers.map(|(tier, _)| Priced { tier: TierIdx(tier), price_minor: Minor(4_500) });
        Command::Publish {
            plan_digest: DIGEST,
            currency: "EUR".parse::<Currency>().unwrap(),
            limits: Limits::default(),
            prices: prices.collect(),
        }
    }
}

/// Buyer `n` wants seat `n`.
pub(crate) fn hold(n: u32) -> Command {
    hold_as(HoldId(n.into()), n)
}

/// Buyer `seat` wants that seat under this id.
pub(crate) fn hold_as(hold: HoldId, seat: u32) -> Command {
    let asks = vec![Ask::Seats(vec![SeatIdx(seat)])];
    Command::PlaceHold(PlaceHold { hold, buyer: BuyerId(seat.into()), asks, seed: 0 })
}

/// The rules, but placing [`POISON`] panics.
pub(crate) fn fragile_rules() -> Rules {
    Rules::with_decide(|inventory, at, command| {
        let is_poison = matches!(command, Command::PlaceHold(place) if place.hold == POISON);
        assert!(!is_poison, "poison");
        inventory.decide(at, command)
    })
}

/// Sends all at once and waits for all answers, in the order of the commands.
pub(crate) async fn ask_all(
    handle: &Handle,
    commands: impl IntoIterator<Item = Command>,
) -> Vec<Result<Decided, AskError>> {
    let tasks: Vec<_> = commands
        .into_iter()
        .map(|command| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.ask(command).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

pub(crate) const START: UnixMillis = UnixMillis(1_800_000_000_000);
