//! What a snapshot contains must not change under one version number: postcard would read another shape as other
//! seats. The same history must give the bytes that were kept for this version.
//!
//! When this fails and the change is meant: raise `SNAPSHOT_VERSION` and write the new sample with
//! `USHER_WRITE_SAMPLES`. Older samples may go; older snapshots are dropped and replayed.

use std::path::Path;
use std::sync::Arc;

use usher_core::plan::generate;
use usher_core::{
    Ask, BuyerId, Command, HoldId, Inventory, Limits, Minor, OrderId, PlaceHold, Priced, RefundId, RefundLines,
    SeatIdx, TierIdx, UnixMillis,
};
use usher_engine::journal::snapshot::{SNAPSHOT_VERSION, decode, encode};

fn done(inventory: &mut Inventory, at: i64, command: &Command) {
    let facts = inventory.decide(UnixMillis(at), command).unwrap();
    facts.iter().for_each(|fact| inventory.evolve(fact));
}

fn sold(inventory: &mut Inventory, number: u128, seats: &[u32], until: usize) {
    let (buyer, hold, order) = (BuyerId(number), HoldId(number), OrderId(number));
    let asks = vec![Ask::Seats(seats.iter().copied().map(SeatIdx).collect())];
    let amount = Minor(4_500 * seats.len() as u64);
    let steps = [
        Command::PlaceHold(PlaceHold { hold, buyer, asks, seed: 1 }),
        Command::BeginCheckout { hold, buyer, order },
        Command::RecordPaymentFailure { order, attempt: 1 },
        Command::ConfirmOrder { order, authorized_minor: amount },
        Command::RecordCapture { order, captured_minor: amount },
        Command::Refund { order, refund: RefundId(number), lines: RefundLines::Lines(vec![0]) },
    ];
    for step in &steps[..until] {
        done(inventory, 2_000, step);
    }
}

/// An event in which everything has happened that a snapshot tells.
fn busy_event() -> Inventory {
    let layout = Arc::new(generate::hall(2, 3, 10).compile().unwrap());
    let tiers = u16::try_from(layout.tiers().len()).unwrap();
    let mut inventory = Inventory::new(layout);
    let prices = (0..tiers).map(|tier| Priced { tier: TierIdx(tier), price_minor: Minor(4_500) }).collect();
    let currency = "EUR".parse().unwrap();
    let publish = Command::Publish { plan_digest: [7; 32], currency, limits: Limits::default(), prices };
    done(&mut inventory, 1_000, &publish);
    done(&mut inventory, 1_000, &Command::Open);
    done(&mut inventory, 1_000, &Command::BlockSeats { seats: vec![SeatIdx(0)] });
    for (number, until) in (1..=6).zip(1..) {
        let first = u32::try_from(number).unwrap() * 4;
        sold(&mut inventory, number, &[first, first + 1], until);
    }
    done(&mut inventory, 3_000, &Command::ReleaseHold { hold: HoldId(1), buyer: BuyerId(1) });
    sold(&mut inventory, 7, &[4, 5], 1);
    inventory
}

#[test]
fn the_same_history_gives_the_bytes_kept_for_this_version() {
    let bytes = encode(&busy_event().to_snapshot());
    let name = format!("tests/data/journal/snapshots/v{SNAPSHOT_VERSION}.bin");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if !path.exists() && std::env::var_os("USHER_WRITE_SAMPLES").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("no sample {}: {error}", path.display()));
    assert!(kept == bytes, "a snapshot's content has changed and SNAPSHOT_VERSION has not");
}

#[test]
fn a_snapshot_restores_the_state_it_was_taken_of() {
    let inventory = busy_event();
    let snapshot = inventory.to_snapshot();
    let decoded = decode(&encode(&snapshot)).unwrap();
    assert_eq!(decoded, snapshot);
    let restored = Inventory::restore(Arc::clone(inventory.layout()), decoded).unwrap();
    assert_eq!(restored.to_snapshot(), snapshot);
    assert_eq!(restored.availability(), inventory.availability());
    assert_eq!(restored.broken_invariants(), Vec::<String>::new());
}
