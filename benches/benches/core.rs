//! The rules alone, on one core, at 50,000 seats: whole sales per second, the best block of a half-full plan, and how
//! fast a journal's facts are replayed.
//!
//! Ids are spread like those derived from idempotency keys, so that the ordered maps are walked as in production. A
//! batch sells the whole hall once; copying the fresh event is outside the measured time.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use usher_core::plan::generate;
use usher_core::{
    Ask, BuyerId, Command, Fact, HoldId, Inventory, Limits, Minor, OrderId, PlaceHold, Priced, SeatIdx, TierIdx,
    UnixMillis,
};

const SEATS: u32 = 50_000;
const SEATS_PER_HOLD: u32 = 2;
const CYCLES: u32 = SEATS / SEATS_PER_HOLD;
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// An event of 50,000 seats, on sale.
fn on_sale() -> Inventory {
    let layout = Arc::new(generate::hall(10, 100, 50).compile().expect("the hall is valid"));
    let tiers = (0u16..).zip(layout.tiers());
    let prices = tiers.map(|(tier, _)| Priced { tier: TierIdx(tier), price_minor: Minor(4_500) }).collect();
    let currency = "EUR".parse().expect("three capital letters");
    let mut inventory = Inventory::new(layout);
    let publish = Command::Publish { plan_digest: [7; 32], currency, limits: Limits::default(), prices };
    for command in [publish, Command::Open] {
        apply(&mut inventory, &command);
    }
    inventory
}

fn apply(inventory: &mut Inventory, command: &Command) -> Vec<Fact> {
    let facts = inventory.decide(NOW, command).expect("the benchmark asks for what it can have");
    facts.iter().for_each(|fact| inventory.evolve(fact));
    facts
}

/// Two numbers that look random: SplitMix64.
fn spread(number: u32) -> u128 {
    let mix = |value: u64| {
        let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value ^ (value >> 27)
    };
    let number = u64::from(number) * 2 + 1;
    (u128::from(mix(number)) << 64) | u128::from(mix(number + 1))
}

/// From a hold to a captured payment.
fn cycle(number: u32) -> [Command; 4] {
    let (hold, buyer, order) = (HoldId(spread(number)), BuyerId(spread(number)), OrderId(spread(number)));
    let first = number * SEATS_PER_HOLD;
    let asks = vec![Ask::Seats((first..first + SEATS_PER_HOLD).map(SeatIdx).collect())];
    [
        Command::PlaceHold(PlaceHold { hold, buyer, asks, seed: 0 }),
        Command::BeginCheckout { hold, buyer, order },
        Command::ConfirmOrder { order, authorized_minor: Minor(9_000) },
        Command::RecordCapture { order, captured_minor: Minor(9_000) },
    ]
}

fn hold_to_capture(c: &mut Criterion) {
    let fresh = on_sale();
    let commands: Vec<Command> = (0..CYCLES).flat_map(cycle).collect();
    let mut group = c.benchmark_group("core/hold_to_capture");
    group.throughput(Throughput::Elements(CYCLES.into()));
    group.bench_function(BenchmarkId::from_parameter(SEATS), |b| {
        b.iter_batched(
            || fresh.clone(),
            |mut inventory| {
                for command in &commands {
                    black_box(apply(&mut inventory, command));
                }
                inventory
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn replay(c: &mut Criterion) {
    let fresh = on_sale();
    let mut sold = fresh.clone();
    let facts: Vec<Fact> = (0..CYCLES).flat_map(cycle).flat_map(|command| apply(&mut sold, &command)).collect();
    let mut group = c.benchmark_group("core/replay_facts");
    group.throughput(Throughput::Elements(facts.len() as u64));
    group.bench_function(BenchmarkId::from_parameter(facts.len()), |b| {
        b.iter_batched(
            || fresh.clone(),
            |mut inventory| {
                facts.iter().for_each(|fact| inventory.evolve(fact));
                inventory
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Half of the seats gone: one by one at random, as after returns, or the better half, as in a sale that runs.
fn best_available(c: &mut Criterion) {
    let scattered: Vec<SeatIdx> = (0..SEATS).filter(|seat| spread(*seat) >> 127 == 0).map(SeatIdx).collect();
    let mut group = c.benchmark_group("core/best_available");
    for quantity in [2_u16, 4, 10] {
        let mut inventory = on_sale();
        apply(&mut inventory, &Command::BlockSeats { seats: scattered.clone() });
        group.bench_function(BenchmarkId::new("scattered", quantity), |b| b.iter(|| best(&inventory, quantity)));
    }
    // The worst case: not two neighbours are left anywhere.
    let mut inventory = on_sale();
    apply(
        &mut inventory,
        &Command::BlockSeats { seats: (0..SEATS).filter(|seat| seat % 2 == 0).map(SeatIdx).collect() },
    );
    group.bench_function(BenchmarkId::new("singles", 4), |b| b.iter(|| best(&inventory, 4)));
    // Only pairs, and three are wanted.
    let mut inventory = on_sale();
    apply(
        &mut inventory,
        &Command::BlockSeats { seats: (0..SEATS).filter(|seat| seat % 5 % 3 == 0).map(SeatIdx).collect() },
    );
    group.bench_function(BenchmarkId::new("pairs_and_singles", 3), |b| b.iter(|| best(&inventory, 3)));
    let mut inventory = on_sale();
    for number in 0..SEATS / 2 / 2 {
        let hold =
            PlaceHold { hold: HoldId(spread(number)), buyer: BuyerId(spread(number)), asks: best_asks(2), seed: 0 };
        apply(&mut inventory, &Command::PlaceHold(hold));
    }
    for quantity in [2_u16, 4, 10] {
        group.bench_function(BenchmarkId::new("front_sold", quantity), |b| b.iter(|| best(&inventory, quantity)));
    }
    group.finish();
}

fn best_asks(quantity: u16) -> Vec<Ask> {
    vec![Ask::Best { quantity, tier: None, section: None, accessible: false }]
}

fn best(inventory: &Inventory, quantity: u16) {
    let hold = PlaceHold { hold: HoldId(1), buyer: BuyerId(1), asks: best_asks(quantity), seed: 42 };
    black_box(inventory.decide(NOW, &Command::PlaceHold(hold)).expect("a block is left"));
}

criterion_group!(benches, hold_to_capture, replay, best_available);
criterion_main!(benches);
