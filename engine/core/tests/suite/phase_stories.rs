//! The phases of a sale, and what is allowed in each.

use usher_core::{CancelReason, Command, Limits, Minor, OrderState, Phase, TierIdx};

use crate::support::*;

#[test]
fn a_sale_goes_through_its_phases() {
    let inventory = story_on(
        draft(),
        &[
            ("00:00", Command::Open, "!not_published"),
            ("00:00", place(H1, ANN, &[ga(1)]), "!not_published"),
            ("00:00", Command::CancelEvent, "!not_published"),
            ("00:01", publish(), "Published"),
            ("00:02", publish(), "-"),
            ("00:03", publish_at(1, 2), "!already_published"),
            ("00:04", place(H1, ANN, &[ga(1)]), "!not_on_sale"),
            ("00:05", Command::Pause, "!wrong_phase"),
            ("00:06", Command::Open, "Opened"),
            ("00:07", Command::Open, "-"),
            ("00:08", place(H1, ANN, &[ga(1)]), "HoldPlaced"),
            ("00:09", Command::Pause, "Paused"),
            ("00:10", place(H2, BOB, &[ga(1)]), "!paused"),
            // Those who hold may finish.
            ("00:11", extend(H1, ANN), "HoldExtended"),
            ("00:12", checkout(H1, ANN, O1), "CheckoutBegun"),
            ("00:13", Command::Resume, "Resumed"),
            ("00:14", Command::Close, "Closed"),
            ("00:15", place(H2, BOB, &[ga(1)]), "!closed"),
            ("00:16", confirm(O1), "OrderConfirmed"),
            ("00:17", Command::Open, "!wrong_phase"),
        ],
    );
    assert_eq!(inventory.phase(), Phase::Closed);
}

#[test]
fn calling_an_event_off_ends_holds_and_unpaid_orders() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", place(H2, BOB, &[seats(&[1])]), "HoldPlaced"),
        ("00:02", checkout(H2, BOB, O1), "CheckoutBegun"),
        ("00:03", place(H3, EVE, &[seats(&[2])]), "HoldPlaced"),
        ("00:04", checkout(H3, EVE, O2), "CheckoutBegun"),
        ("00:05", confirm(O2), "OrderConfirmed"),
        ("01:00", Command::CancelEvent, "EventCancelled+OrderCancelled:EventCancelled"),
        ("01:01", Command::CancelEvent, "-"),
        ("01:02", place(H1, ANN, &[seats(&[0])]), "!hold_released"),
        ("01:03", checkout(H1, ANN, usher_core::OrderId(13)), "!event_cancelled"),
        ("01:04", confirm(O1), "!order_state"),
        ("01:05", Command::Resume, "!event_cancelled"),
        ("01:06", capture(O2), "CaptureRecorded"),
        ("01:07", refund_all(O2, R1), "RefundBegun"),
    ]);
    assert_eq!(inventory.order(O1).unwrap().cancel_reason, Some(CancelReason::EventCancelled));
    assert_eq!(inventory.order(O2).unwrap().state, OrderState::Refunded);
    assert_eq!(inventory.next_due(), None);
}

#[test]
fn publication_needs_one_price_a_tier_and_sane_limits() {
    let with = |limits: Limits, prices| Command::Publish { plan_digest: [7; 32], currency: euro(), limits, prices };
    let good = || vec![priced(0, 1), priced(1, 2)];
    let too_dear = Minor::PRICE_MAX.0 + 1;
    let mut lines = vec![
        ("00:00", with(limits(), vec![priced(0, 1)]), "!bad_prices"),
        ("00:00", with(limits(), vec![priced(0, 1), priced(1, 2), priced(0, 1)]), "!bad_prices"),
        ("00:00", with(limits(), vec![priced(0, 1), priced(1, too_dear)]), "!bad_prices"),
        ("00:00", with(limits(), vec![priced(0, 1), priced(2, 2)]), "!unknown_tier"),
    ];
    for spoil in [
        |limits: &mut Limits| limits.places_per_order_max = 0,
        |limits: &mut Limits| limits.places_per_order_max = 7,
        |limits: &mut Limits| limits.holds_per_buyer_max = 0,
        |limits: &mut Limits| limits.hold_ms = 0,
        |limits: &mut Limits| limits.hold_total_max_ms = 1,
        |limits: &mut Limits| limits.payment_grace_ms = u64::MAX,
    ] {
        let mut limits = limits();
        spoil(&mut limits);
        lines.push(("00:00", with(limits, good()), "!bad_limits"));
    }
    lines.push(("00:01", with(limits(), good()), "Published"));
    lines.push(("00:02", Command::ChangePrices { prices: vec![] }, "!nothing_asked"));
    lines.push(("00:03", Command::ChangePrices { prices: vec![priced(9, 1)] }, "!unknown_tier"));
    let inventory = story_on(draft(), &lines);
    assert_eq!(inventory.price(TierIdx(1)), Some(Minor(2)));
    assert_eq!((inventory.plan_digest(), inventory.currency()), (Some([7; 32]), Some(euro())));
}
