//! A small event, short commands, and stories: tables of a clock, a command and what comes of it.

use std::sync::Arc;

use usher_core::plan::Layout;
use usher_core::plan::generate;
use usher_core::{
    AreaIdx, Ask, BuyerId, CancelReason, Command, Currency, Fact, HoldId, Inventory, Limits, Minor, OrderId, PlaceHold,
    Priced, RefundId, RefundLines, Rejection, SeatIdx, TierIdx, UnixMillis,
};

/// Two sections of two rows of five seats, numbered 0 to 19 row by row, and a floor of twenty places.
pub(crate) fn small_layout() -> Arc<Layout> {
    Arc::new(generate::small().compile().expect("a generated plan is valid"))
}

/// Tight enough that a few commands meet every limit. Hold 8 min, at most 20 min in all, 30 s of grace.
pub(crate) fn limits() -> Limits {
    Limits {
        places_per_order_max: 4,
        places_per_buyer_max: 6,
        holds_per_buyer_max: 2,
        hold_ms: 8 * 60_000,
        hold_total_max_ms: 20 * 60_000,
        payment_grace_ms: 30_000,
    }
}

pub(crate) const FLOOR: AreaIdx = AreaIdx(0);
pub(crate) const ANN: BuyerId = BuyerId(1);
pub(crate) const BOB: BuyerId = BuyerId(2);
pub(crate) const EVE: BuyerId = BuyerId(3);
pub(crate) const H1: HoldId = HoldId(1);
pub(crate) const H2: HoldId = HoldId(2);
pub(crate) const H3: HoldId = HoldId(3);
pub(crate) const O1: OrderId = OrderId(11);
pub(crate) const O2: OrderId = OrderId(12);
pub(crate) const R1: RefundId = RefundId(21);
pub(crate) const R2: RefundId = RefundId(22);

/// What a seat of tier A costs; tier B and the floor cost [`PRICE_B`].
pub(crate) const PRICE_A: u64 = 5_000;
pub(crate) const PRICE_B: u64 = 3_000;

pub(crate) fn publish() -> Command {
    publish_at(PRICE_A, PRICE_B)
}

pub(crate) fn publish_at(a_minor: u64, b_minor: u64) -> Command {
    Command::Publish {
        plan_digest: [7; 32],
        currency: euro(),
        limits: limits(),
        prices: vec![priced(0, a_minor), priced(1, b_minor)],
    }
}

pub(crate) fn euro() -> Currency {
    "EUR".parse().expect("a currency code")
}

pub(crate) fn priced(tier: u16, price_minor: u64) -> Priced {
    Priced { tier: TierIdx(tier), price_minor: Minor(price_minor) }
}

pub(crate) fn seats(indexes: &[u32]) -> Ask {
    Ask::Seats(indexes.iter().copied().map(SeatIdx).collect())
}

pub(crate) fn best(quantity: u16) -> Ask {
    Ask::Best { quantity, tier: None, section: None, accessible: false }
}

pub(crate) fn ga(quantity: u16) -> Ask {
    Ask::Ga { area: FLOOR, quantity }
}

pub(crate) fn place(hold: HoldId, buyer: BuyerId, asks: &[Ask]) -> Command {
    Command::PlaceHold(PlaceHold { hold, buyer, asks: asks.to_vec(), seed: 0 })
}

pub(crate) fn extend(hold: HoldId, buyer: BuyerId) -> Command {
    Command::ExtendHold { hold, buyer }
}

pub(crate) fn release(hold: HoldId, buyer: BuyerId) -> Command {
    Command::ReleaseHold { hold, buyer }
}

pub(crate) fn expire() -> Command {
    Command::ExpireDue { holds_max: 100 }
}

pub(crate) fn checkout(hold: HoldId, buyer: BuyerId, order: OrderId) -> Command {
    Command::BeginCheckout { hold, buyer, order }
}

pub(crate) fn confirm(order: OrderId) -> Command {
    confirm_of(order, 1_000_000)
}

pub(crate) fn confirm_of(order: OrderId, authorized_minor: u64) -> Command {
    Command::ConfirmOrder { order, authorized_minor: Minor(authorized_minor) }
}

pub(crate) fn capture(order: OrderId) -> Command {
    Command::RecordCapture { order, captured_minor: Minor(1_000_000) }
}

pub(crate) fn capture_fails(order: OrderId) -> Command {
    Command::RecordCaptureFailure { order }
}

pub(crate) fn payment_fails(order: OrderId, attempt: u32) -> Command {
    Command::RecordPaymentFailure { order, attempt }
}

pub(crate) fn cancel(order: OrderId, buyer: Option<BuyerId>, reason: CancelReason) -> Command {
    Command::CancelOrder { order, buyer, reason }
}

pub(crate) fn refund_all(order: OrderId, refund: RefundId) -> Command {
    Command::Refund { order, refund, lines: RefundLines::All }
}

pub(crate) fn refund_lines(order: OrderId, refund: RefundId, lines: &[u16]) -> Command {
    Command::Refund { order, refund, lines: RefundLines::Lines(lines.to_vec()) }
}

pub(crate) fn block(indexes: &[u32]) -> Command {
    Command::BlockSeats { seats: indexes.iter().copied().map(SeatIdx).collect() }
}

pub(crate) fn unblock(indexes: &[u32]) -> Command {
    Command::UnblockSeats { seats: indexes.iter().copied().map(SeatIdx).collect() }
}

/// A draft on the small plan.
pub(crate) fn draft() -> Inventory {
    Inventory::new(small_layout())
}

/// The small event, on sale.
pub(crate) fn on_sale() -> Inventory {
    selling(small_layout(), limits())
}

/// Any event, on sale, every tier at the price of tier A.
pub(crate) fn selling(layout: Arc<Layout>, limits: Limits) -> Inventory {
    let prices = (0..).take(layout.tiers().len()).map(|tier| priced(tier, PRICE_A)).collect();
    let mut inventory = Inventory::new(layout);
    let publish = Command::Publish { plan_digest: [7; 32], currency: euro(), limits, prices };
    for command in [publish, Command::Open] {
        let facts = apply(&mut inventory, UnixMillis(0), &command).expect("a new event can be put on sale");
        assert_eq!(facts.len(), 1);
    }
    if inventory.layout().tiers().len() == 2 {
        let change = Command::ChangePrices { prices: vec![priced(1, PRICE_B)] };
        apply(&mut inventory, UnixMillis(0), &change).expect("prices change");
    }
    inventory
}

/// Decides and evolves.
pub(crate) fn apply(inventory: &mut Inventory, at: UnixMillis, command: &Command) -> Result<Vec<Fact>, Rejection> {
    let facts = inventory.decide(at, command)?;
    facts.iter().for_each(|fact| inventory.evolve(fact));
    Ok(facts)
}

/// The variant's name and, for orders that came to nothing or were taken again, why.
fn name(fact: &Fact) -> String {
    if let Fact::OrderCancelled { reason, .. } = fact {
        return format!("OrderCancelled:{reason:?}");
    }
    if let Fact::OrderConfirmed { retaken: true, .. } = fact {
        return "OrderConfirmed:retaken".to_owned();
    }
    let text = format!("{fact:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

/// `mm:ss` since the start.
pub(crate) fn clock(text: &str) -> UnixMillis {
    let (minutes, seconds) = text.split_once(':').expect("a clock reads mm:ss");
    let parse = |part: &str| part.parse::<i64>().expect("a clock reads mm:ss");
    UnixMillis((parse(minutes) * 60 + parse(seconds)) * 1_000)
}

/// Plays a table on an event that is on sale: clock, command, and the facts' names (`+` between them, `-` for none) or
/// the rejection's code after `!`. The invariants are checked after each line.
pub(crate) fn story(lines: &[(&str, Command, &str)]) -> Inventory {
    story_on(on_sale(), lines)
}

pub(crate) fn story_on(mut inventory: Inventory, lines: &[(&str, Command, &str)]) -> Inventory {
    for (number, (at, command, expected)) in lines.iter().enumerate() {
        let told = match apply(&mut inventory, clock(at), command) {
            Ok(facts) if facts.is_empty() => "-".to_owned(),
            Ok(facts) => facts.iter().map(name).collect::<Vec<_>>().join("+"),
            Err(rejection) => format!("!{}", rejection.code()),
        };
        assert_eq!(told, *expected, "line {}, at {at}: {command:?}", number + 1);
        assert_eq!(inventory.broken_invariants(), Vec::<String>::new(), "after line {}", number + 1);
    }
    inventory
}
