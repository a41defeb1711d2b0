//! Random commands at random times: what must hold after every one of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use usher_core::inventory::Snapshot;
use usher_core::{
    Ask, BuyerId, CancelReason, Command, Fact, HoldId, HoldLine, Inventory, Minor, OrderId, Place, PlaceHold, RefundId,
    RefundLines, SeatIdx, SectionIdx, TierIdx, UnixMillis,
};

use crate::support::*;

/// Few ids, so that commands meet each other.
fn hold() -> impl Strategy<Value = HoldId> {
    (1..9_u128).prop_map(HoldId)
}

fn order() -> impl Strategy<Value = OrderId> {
    (1..9_u128).prop_map(OrderId)
}

fn buyer() -> impl Strategy<Value = BuyerId> {
    (1..5_u128).prop_map(BuyerId)
}

fn refund() -> impl Strategy<Value = RefundId> {
    (1..4_u128).prop_map(RefundId)
}

fn some_seats(count_max: usize) -> impl Strategy<Value = Vec<SeatIdx>> {
    prop::collection::vec((0..21_u32).prop_map(SeatIdx), 1..=count_max)
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => some_seats(2).prop_map(Ask::Seats),
        3 => (0..4_u16, prop::option::of(0..2_u16), prop::option::of(0..2_u16)).prop_map(|(quantity, tier, section)| {
            Ask::Best { quantity, tier: tier.map(TierIdx), section: section.map(SectionIdx), accessible: false }
        }),
        2 => (1..4_u16).prop_map(ga),
    ]
}

fn place_hold() -> impl Strategy<Value = Command> {
    (hold(), buyer(), prop::collection::vec(ask(), 1..3), any::<u64>())
        .prop_map(|(hold, buyer, asks, seed)| Command::PlaceHold(PlaceHold { hold, buyer, asks, seed }))
}

fn refund_command() -> impl Strategy<Value = Command> {
    let lines =
        prop_oneof![Just(RefundLines::All), prop::collection::vec(0..4_u16, 1..3).prop_map(RefundLines::Lines),];
    (order(), refund(), lines).prop_map(|(order, refund, lines)| Command::Refund { order, refund, lines })
}

fn rare() -> impl Strategy<Value = Command> {
    prop_oneof![
        40 => some_seats(3).prop_map(|seats| Command::BlockSeats { seats }),
        40 => some_seats(2).prop_map(|seats| Command::UnblockSeats { seats }),
        20 => (0..2_u16, 0..9_000_u64)
            .prop_map(|(tier, price)| Command::ChangePrices { prices: vec![priced(tier, price)] }),
        4 => Just(Command::Pause),
        12 => Just(Command::Resume),
        1 => Just(Command::Close),
        1 => Just(Command::CancelEvent),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        16 => place_hold(),
        3 => (hold(), buyer()).prop_map(|(hold, buyer)| Command::ExtendHold { hold, buyer }),
        2 => (hold(), buyer()).prop_map(|(hold, buyer)| Command::ReleaseHold { hold, buyer }),
        5 => (1..4_u16).prop_map(|holds_max| Command::ExpireDue { holds_max }),
        12 => (hold(), buyer(), order()).prop_map(|(hold, buyer, order)| Command::BeginCheckout { hold, buyer, order }),
        14 => (order(), prop_oneof![9 => Just(1_000_000), 1 => 0..9_000_u64])
            .prop_map(|(order, amount)| Command::ConfirmOrder { order, authorized_minor: Minor(amount) }),
        10 => order().prop_map(capture),
        1 => order().prop_map(capture_fails),
        1 => (order(), 1..3_u32).prop_map(|(order, attempt)| payment_fails(order, attempt)),
        2 => (order(), prop::option::of(buyer())).prop_map(|(order, buyer)| cancel(order, buyer, CancelReason::Buyer)),
        6 => refund_command(),
        1 => (order(), refund()).prop_map(|(order, refund)| Command::RecordRefundPaid { order, refund }),
        2 => rare(),
    ]
}

/// A pause, a command, and which of the known ids it is aimed at.
type Step = (u64, Command, u16);

/// Mostly soon after, sometimes past a hold's end or its cap.
fn steps(count_max: usize) -> impl Strategy<Value = Vec<Step>> {
    let pause_ms = prop_oneof![60 => 0..9_000_u64, 4 => Just(30_000), 2 => Just(8 * 60_000), 1 => 0..30 * 60_000_u64];
    prop::collection::vec((pause_ms, command(), any::<u16>()), 1..=count_max)
}

/// The ids met so far.
#[derive(Default)]
struct Known {
    holds: Vec<(HoldId, BuyerId)>,
    orders: Vec<OrderId>,
}

impl Known {
    fn see(&mut self, fact: &Fact) {
        if let Fact::HoldPlaced { hold, buyer, .. } = fact {
            self.holds.push((*hold, *buyer));
        }
        if let Fact::CheckoutBegun { order, .. } = fact {
            self.orders.push(*order);
        }
    }

    /// Random ids hardly ever meet: seven in eight commands are pointed at one of the latest ids, or at a new one.
    fn aim(&self, command: &Command, aim: u16) -> Command {
        let mut aimed = command.clone();
        if aim.is_multiple_of(8) {
            return aimed;
        }
        let back = usize::from(aim / 8 % 4);
        let known_hold = self.holds.iter().rev().nth(back).copied();
        let known_order = self.orders.iter().rev().nth(back).copied();
        match &mut aimed {
            Command::PlaceHold(place) => place.hold = HoldId(100 + self.holds.len() as u128),
            Command::ExtendHold { hold, buyer } | Command::ReleaseHold { hold, buyer } => {
                (*hold, *buyer) = known_hold.unwrap_or((*hold, *buyer));
            }
            Command::BeginCheckout { hold, buyer, order } => {
                (*hold, *buyer) = known_hold.unwrap_or((*hold, *buyer));
                *order = OrderId(hold.0);
            }
            Command::ConfirmOrder { order, .. }
            | Command::RecordCapture { order, .. }
            | Command::RecordPaymentFailure { order, .. }
            | Command::RecordCaptureFailure { order }
            | Command::CancelOrder { order, .. }
            | Command::Refund { order, .. }
            | Command::RecordRefundPaid { order, .. } => *order = known_order.unwrap_or(*order),
            Command::Publish { .. }
            | Command::Open
            | Command::Pause
            | Command::Resume
            | Command::Close
            | Command::CancelEvent
            | Command::ChangePrices { .. }
            | Command::BlockSeats { .. }
            | Command::UnblockSeats { .. }
            | Command::ExpireDue { .. } => {}
        }
        aimed
    }
}

/// Plays steps on an event that is on sale; gives each command and its instant to `play`, which returns the facts.
fn run(steps: &[Step], mut play: impl FnMut(usize, UnixMillis, &Command) -> Vec<Fact>) -> UnixMillis {
    let mut known = Known::default();
    let mut at = UnixMillis(0);
    for (position, (pause_ms, command, aim)) in steps.iter().enumerate() {
        at = at.plus_ms(*pause_ms);
        play(position, at, &known.aim(command, *aim)).iter().for_each(|fact| known.see(fact));
    }
    at
}

/// Follows facts alone and knows who has which place: a second opinion that shares no code with the rules.
#[derive(Default)]
struct Auditor {
    holds: BTreeMap<HoldId, Vec<HoldLine>>,
    order_holds: BTreeMap<OrderId, HoldId>,
    live: BTreeMap<HoldId, Vec<HoldLine>>,
}

impl Auditor {
    fn see(&mut self, fact: &Fact) {
        match fact {
            Fact::HoldPlaced { hold, lines, .. } => {
                self.holds.insert(*hold, lines.clone());
                self.live.insert(*hold, lines.clone());
            }
            Fact::HoldReleased { hold } | Fact::HoldExpired { hold } => {
                assert!(self.live.remove(hold).is_some(), "{hold} ends twice");
            }
            Fact::CheckoutBegun { order, hold, .. } => {
                self.order_holds.insert(*order, *hold);
            }
            Fact::OrderConfirmed { order, retaken, .. } => {
                let hold = self.order_holds[order];
                let was_live = self.live.insert(hold, self.holds[&hold].clone()).is_some();
                assert_eq!(was_live, !retaken, "{order} is sold what it does not have");
            }
            Fact::OrderCancelled { order, .. } => {
                self.live.remove(&self.order_holds[order]);
            }
            Fact::RefundBegun { order, lines, .. } => {
                let hold = self.order_holds[order];
                let gone: Vec<HoldLine> = lines.iter().map(|line| self.holds[&hold][usize::from(*line)]).collect();
                let live = self.live.get_mut(&hold).expect("a sale has its places");
                for line in gone {
                    let at = live.iter().position(|kept| *kept == line).expect("no line is refunded twice");
                    live.remove(at);
                }
            }
            Fact::EventCancelled => {
                let ordered: Vec<HoldId> = self.order_holds.values().copied().collect();
                self.live.retain(|hold, _| ordered.contains(hold));
            }
            Fact::Published { .. }
            | Fact::Opened
            | Fact::Paused
            | Fact::Resumed
            | Fact::Closed
            | Fact::PricesChanged { .. }
            | Fact::SeatsBlocked { .. }
            | Fact::SeatsUnblocked { .. }
            | Fact::HoldExtended { .. }
            | Fact::CheckoutLapsed { .. }
            | Fact::CaptureRecorded { .. }
            | Fact::PaymentFailed { .. }
            | Fact::RefundPaid { .. } => {}
        }
        let mut seats: Vec<Place> = self.live.values().flatten().map(|line| line.place).collect();
        let floor_count = seats.iter().filter(|place| matches!(place, Place::Ga(_))).count();
        seats.retain(|place| matches!(place, Place::Seat(_)));
        let seats_count = seats.len();
        seats.sort_unstable();
        seats.dedup();
        assert_eq!(seats.len(), seats_count, "a seat is given away twice");
        assert!(floor_count <= 20, "the floor is oversold");
    }
}

/// Whether a second try of an accepted command may be refused: what it asked for is not there any more.
fn repeat_may_be_refused(command: &Command, facts: &[Fact]) -> bool {
    match command {
        Command::UnblockSeats { .. } | Command::ExtendHold { .. } => true,
        Command::ConfirmOrder { .. } => facts.iter().any(|fact| matches!(fact, Fact::OrderCancelled { .. })),
        Command::Publish { .. }
        | Command::Open
        | Command::Pause
        | Command::Resume
        | Command::Close
        | Command::CancelEvent
        | Command::ChangePrices { .. }
        | Command::BlockSeats { .. }
        | Command::PlaceHold(_)
        | Command::ReleaseHold { .. }
        | Command::ExpireDue { .. }
        | Command::BeginCheckout { .. }
        | Command::RecordCapture { .. }
        | Command::RecordPaymentFailure { .. }
        | Command::RecordCaptureFailure { .. }
        | Command::CancelOrder { .. }
        | Command::Refund { .. }
        | Command::RecordRefundPaid { .. } => false,
    }
}

/// One command: pure decision, invariants, idempotent repeat.
fn step(inventory: &mut Inventory, at: UnixMillis, command: &Command) -> Vec<Fact> {
    let before = inventory.clone();
    let decided = inventory.decide(at, command);
    assert_eq!(*inventory, before, "decide changed the state");
    let Ok(facts) = decided else { return Vec::new() };
    facts.iter().for_each(|fact| inventory.evolve(fact));
    assert_eq!(inventory.broken_invariants(), Vec::<String>::new(), "after {command:?}");
    if !matches!(command, Command::ExpireDue { .. }) {
        let answer = inventory.answer(command);
        match inventory.decide(at, command) {
            Ok(again) => assert_eq!(again, Vec::new(), "{command:?} happens twice"),
            Err(rejection) => assert!(repeat_may_be_refused(command, &facts), "{command:?} again: {rejection:?}"),
        }
        assert_eq!(inventory.answer(command), answer);
    }
    facts
}

fn through_bytes(inventory: &Inventory) -> Inventory {
    let bytes = postcard::to_stdvec(&inventory.to_snapshot()).expect("a snapshot is plain data");
    let snapshot: Snapshot = postcard::from_bytes(&bytes).expect("the bytes were just written");
    Inventory::restore(inventory.layout().clone(), snapshot).expect("a snapshot fits its layout")
}

proptest! {
    // Each step checks every invariant and copies the state; more cases are for a longer run (PROPTEST_CASES).
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_keep_every_promise(steps in steps(140)) {
        let mut inventory = on_sale();
        let mut replayed = inventory.clone();
        let mut auditor = Auditor::default();
        run(&steps, |_, at, command| {
            let facts = step(&mut inventory, at, command);
            for fact in &facts {
                auditor.see(fact);
                replayed.evolve(fact);
            }
            facts
        });
        prop_assert_eq!(&replayed, &inventory, "replay gives another state");
        prop_assert_eq!(through_bytes(&inventory), inventory, "a snapshot gives another state");
    }

    #[test]
    fn a_restored_event_decides_like_the_one_before(steps in steps(60), split in 0..40_usize) {
        let mut inventory = on_sale();
        let mut twin = None;
        run(&steps, |position, at, command| {
            if position == split {
                twin = Some(through_bytes(&inventory));
            }
            let decided = apply(&mut inventory, at, command);
            if let Some(twin) = &mut twin {
                assert_eq!(apply(twin, at, command), decided);
            }
            decided.unwrap_or_default()
        });
        prop_assert!(twin.is_none_or(|twin| twin == inventory));
    }

    #[test]
    fn once_everything_is_due_all_unsold_places_are_free(steps in steps(60)) {
        let mut inventory = on_sale();
        let mut at = run(&steps, |_, at, command| apply(&mut inventory, at, command).unwrap_or_default());
        while let Some(due_at) = inventory.next_due() {
            at = at.max(due_at);
            let facts = apply(&mut inventory, at, &expire()).expect("tidying is never refused");
            prop_assert!(!facts.is_empty(), "what is due can be tidied");
        }
        prop_assert_eq!(inventory.counts().held_count, 0);
    }
}
