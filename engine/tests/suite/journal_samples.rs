//! Bytes that earlier versions wrote must replay for ever: one sample of each kind of fact, kept under `tests/data`.
//!
//! A missing sample is written when `USHER_WRITE_SAMPLES` is set; one that is there is never overwritten.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use usher_core::{
    AreaIdx, BuyerId, CancelReason, Fact, HoldId, HoldLine, Limits, Minor, OrderId, Place, Priced, RefundId, SeatIdx,
    TierIdx, UnixMillis,
};
use usher_engine::journal::entry::FIRST_PREV_HASH;
use usher_engine::journal::{Entry, EntryHash, SealedEntry};

const HOLD: HoldId = HoldId(0x018f_0000_0000_7000_8000_0000_0000_0001);
const BUYER: BuyerId = BuyerId(0x018f_0000_0000_7000_8000_0000_0000_0002);
const ORDER: OrderId = OrderId(0x018f_0000_0000_7000_8000_0000_0000_0003);
const REFUND: RefundId = RefundId(0x018f_0000_0000_7000_8000_0000_0000_0004);
const NOON: UnixMillis = UnixMillis(1_793_534_400_000);
const REASONS: [CancelReason; 6] = [
    CancelReason::Buyer,
    CancelReason::Lapsed,
    CancelReason::PlacesGone,
    CancelReason::AmountMismatch,
    CancelReason::CaptureFailed,
    CancelReason::EventCancelled,
];

fn published() -> Fact {
    let limits = Limits {
        places_per_order_max: 10,
        places_per_buyer_max: 12,
        holds_per_buyer_max: 2,
        hold_ms: 480_000,
        hold_total_max_ms: 5_280_000,
        payment_grace_ms: 30_000,
    };
    let prices = vec![Priced { tier: TierIdx(0), price_minor: Minor(4_500) }];
    Fact::Published { plan_digest: [0xab; 32], currency: "EUR".parse().unwrap(), limits, prices }
}

fn hold_placed() -> Fact {
    Fact::HoldPlaced {
        hold: HOLD,
        buyer: BUYER,
        placed_at: NOON,
        expires_at: NOON.plus_ms(480_000),
        asks_digest: 0x0123_4567_89ab_cdef,
        lines: vec![
            HoldLine { place: Place::Seat(SeatIdx(199_999)), price_minor: Minor(4_500) },
            HoldLine { place: Place::Ga(AreaIdx(3)), price_minor: Minor(0) },
        ],
    }
}

/// The sample of a kind and the file it is kept in; walks through all kinds. A new variant does not compile until it
/// has a sample here.
fn sample_after(previous: Option<&Fact>) -> Option<(&'static str, Fact)> {
    let seats = || vec![SeatIdx(0), SeatIdx(300)];
    Some(match previous {
        None => ("published", published()),
        Some(Fact::Published { .. }) => ("opened", Fact::Opened),
        Some(Fact::Opened) => ("paused", Fact::Paused),
        Some(Fact::Paused) => ("resumed", Fact::Resumed),
        Some(Fact::Resumed) => ("closed", Fact::Closed),
        Some(Fact::Closed) => ("event_cancelled", Fact::EventCancelled),
        Some(Fact::EventCancelled) => {
            let prices = vec![Priced { tier: TierIdx(1), price_minor: Minor(9_900) }];
            ("prices_changed", Fact::PricesChanged { prices })
        }
        Some(Fact::PricesChanged { .. }) => ("seats_blocked", Fact::SeatsBlocked { seats: seats() }),
        Some(Fact::SeatsBlocked { .. }) => ("seats_unblocked", Fact::SeatsUnblocked { seats: seats() }),
        Some(Fact::SeatsUnblocked { .. }) => ("hold_placed", hold_placed()),
        Some(Fact::HoldPlaced { .. }) => {
            ("hold_extended", Fact::HoldExtended { hold: HOLD, expires_at: NOON.plus_ms(960_000) })
        }
        Some(Fact::HoldExtended { .. }) => ("hold_released", Fact::HoldReleased { hold: HOLD }),
        Some(Fact::HoldReleased { .. }) => ("hold_expired", Fact::HoldExpired { hold: HOLD }),
        Some(Fact::HoldExpired { .. }) => {
            ("checkout_begun", Fact::CheckoutBegun { order: ORDER, hold: HOLD, begun_at: NOON })
        }
        Some(Fact::CheckoutBegun { .. }) => {
            ("checkout_lapsed", Fact::CheckoutLapsed { order: ORDER, places_until: NOON.plus_ms(30_000) })
        }
        Some(Fact::CheckoutLapsed { .. }) => {
            ("order_confirmed", Fact::OrderConfirmed { order: ORDER, confirmed_at: NOON, retaken: true })
        }
        Some(Fact::OrderConfirmed { .. }) => {
            ("capture_recorded", Fact::CaptureRecorded { order: ORDER, paid_at: NOON })
        }
        Some(Fact::CaptureRecorded { .. }) => ("payment_failed", Fact::PaymentFailed { order: ORDER, attempt: 2 }),
        Some(Fact::PaymentFailed { .. }) => {
            ("order_cancelled", Fact::OrderCancelled { order: ORDER, reason: CancelReason::Lapsed })
        }
        Some(Fact::OrderCancelled { .. }) => (
            "refund_begun",
            Fact::RefundBegun { order: ORDER, refund: REFUND, lines: vec![0, 1], amount_minor: Minor(4_500) },
        ),
        Some(Fact::RefundBegun { .. }) => ("refund_paid", Fact::RefundPaid { order: ORDER, refund: REFUND }),
        Some(Fact::RefundPaid { .. }) => return None,
    })
}

fn samples() -> Vec<(&'static str, Entry)> {
    let mut samples: Vec<(&'static str, Vec<Fact>)> = Vec::new();
    while let Some((name, fact)) = sample_after(samples.last().and_then(|(_, facts)| facts.first())) {
        samples.push((name, vec![fact]));
    }
    let every_kind = samples.iter().flat_map(|(_, facts)| facts.clone()).collect();
    samples.push(("every_kind", every_kind));
    let every_reason = REASONS.map(|reason| Fact::OrderCancelled { order: ORDER, reason }).to_vec();
    samples.push(("every_cancel_reason", every_reason));
    let entry = |facts| Entry { seq: 300, epoch: 2, at: NOON, facts };
    samples.into_iter().map(|(name, facts)| (name, entry(facts))).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal/v1")
}

/// A file is the entry's hash and then its bytes, sealed after the zero hash.
fn stored(name: &str, sealed: &SealedEntry) -> Vec<u8> {
    let path = folder().join(format!("{name}.bin"));
    if !path.exists() && std::env::var_os("USHER_WRITE_SAMPLES").is_some() {
        std::fs::write(&path, [&sealed.hash[..], &sealed.bytes].concat()).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("no sample {}: {error}", path.display()))
}

#[test]
fn bytes_of_version_1_replay_for_ever_for_every_kind_of_fact() {
    for (name, entry) in samples() {
        let sealed = SealedEntry::seal(entry, FIRST_PREV_HASH);
        let file = stored(name, &sealed);
        let (hash, bytes) = file.split_at(size_of::<EntryHash>());
        let opened = SealedEntry::open(bytes.to_vec(), FIRST_PREV_HASH, hash.try_into().unwrap());
        assert_eq!(opened, Ok(sealed), "{name}");
    }
}

#[test]
fn every_stored_sample_is_still_checked() {
    let checked: BTreeSet<String> = samples().iter().map(|(name, _)| format!("{name}.bin")).collect();
    let files = std::fs::read_dir(folder()).unwrap();
    let kept: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".bin"))
        .collect();
    assert_eq!(kept, checked);
}
