//! From hold to sale, and the ways it comes to nothing.

use usher_core::{Answer, CancelReason, Minor, OrderState, SeatIdx, SeatStatus};

use crate::support::*;

#[test]
fn a_paid_order_sells_its_places_once() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0, 5])]), "HoldPlaced"),
        ("01:00", checkout(H1, BOB, O1), "!unknown_hold"),
        ("01:00", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("01:01", checkout(H1, ANN, O1), "-"),
        ("01:02", checkout(H1, ANN, O2), "!hold_in_checkout"),
        ("01:03", checkout(H2, ANN, O1), "!order_id_reused"),
        ("01:04", release(H1, ANN), "!hold_in_checkout"),
        ("01:05", capture(O1), "!order_state"),
        ("02:00", confirm(O1), "OrderConfirmed"),
        ("02:01", confirm(O1), "-"),
        ("02:02", cancel(O1, None, CancelReason::Lapsed), "!order_state"),
        ("02:03", extend(H1, ANN), "!order_state"),
        ("02:04", place(H1, ANN, &[seats(&[0, 5])]), "-"),
        ("03:00", capture(O1), "CaptureRecorded"),
        ("03:01", capture(O1), "-"),
        ("03:02", confirm(O1), "-"),
        ("03:03", capture_fails(O1), "!order_state"),
        ("09:00", expire(), "-"),
    ]);
    assert_eq!(inventory.seat_status(SeatIdx(5)), SeatStatus::Sold);
    let Answer::Order(order) = inventory.answer(&confirm(O1)) else { panic!("an order is told") };
    assert_eq!((order.state, order.total_minor), (OrderState::Paid, Minor(PRICE_A + PRICE_B)));
    assert_eq!(inventory.orders().collect::<Vec<_>>(), [O1]);
    assert_eq!(inventory.next_due(), None);
}

#[test]
fn an_order_of_nothing_is_paid_at_once() {
    let mut inventory = draft();
    apply(&mut inventory, clock("00:00"), &publish_at(0, 0)).unwrap();
    let inventory = story_on(
        inventory,
        &[
            ("00:00", usher_core::Command::Open, "Opened"),
            ("00:00", place(H1, ANN, &[best(2), ga(1)]), "HoldPlaced"),
            ("00:01", checkout(H1, ANN, O1), "CheckoutBegun+OrderConfirmed+CaptureRecorded"),
            ("00:02", checkout(H1, ANN, O1), "-"),
        ],
    );
    assert_eq!(inventory.counts().sold_count, 3);
}

#[test]
fn an_order_lapses_before_its_places_return() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("01:00", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("07:00", extend(H1, ANN), "HoldExtended"),
        ("14:59", expire(), "-"),
        // Due, not yet lapsed: the places stay with the order.
        ("15:00", place(H2, BOB, &[seats(&[0])]), "!seats_taken"),
        ("15:00", extend(H1, ANN), "!hold_expired"),
        ("15:00", expire(), "CheckoutLapsed"),
        ("15:01", expire(), "-"),
        ("15:02", extend(H1, ANN), "!hold_expired"),
        ("15:29", place(H2, BOB, &[seats(&[0])]), "!seats_taken"),
        // The grace is over: free to others at once, tidied or not.
        ("15:30", place(H2, BOB, &[seats(&[0])]), "HoldExpired+HoldPlaced"),
        ("15:31", cancel(O1, None, CancelReason::Lapsed), "OrderCancelled:Lapsed"),
        ("15:32", cancel(O1, None, CancelReason::Lapsed), "-"),
        ("15:33", confirm(O1), "!order_state"),
    ]);
    assert_eq!(inventory.seat_status(SeatIdx(0)), SeatStatus::Held, "the cancelled order took nothing along");
}

#[test]
fn a_late_payment_takes_the_same_places_again_if_they_are_free() {
    let lapse = [
        ("00:00", place(H1, ANN, &[seats(&[0, 1]), ga(1)]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("08:00", expire(), "CheckoutLapsed"),
        ("08:30", expire(), "HoldExpired"),
    ];
    let inventory = story_on(story(&lapse), &[("09:00", confirm(O1), "OrderConfirmed:retaken")]);
    assert_eq!(inventory.counts().sold_count, 3);
    assert!(!inventory.order(O1).unwrap().lapsed);
    let inventory = story_on(
        story(&lapse),
        &[
            ("08:31", place(H2, BOB, &[seats(&[1])]), "HoldPlaced"),
            ("09:00", confirm(O1), "OrderCancelled:PlacesGone"),
            ("09:01", place(H1, ANN, &[seats(&[0, 1]), ga(1)]), "!hold_expired"),
        ],
    );
    assert_eq!(inventory.order(O1).unwrap().cancel_reason, Some(CancelReason::PlacesGone));
    story_on(
        story(&lapse),
        &[
            ("08:31", place(H2, BOB, &[seats(&[1])]), "HoldPlaced"),
            // Bob's hold is overdue by now.
            ("16:31", confirm(O1), "HoldExpired+OrderConfirmed:retaken"),
        ],
    );
    story_on(
        story(&lapse),
        &[
            ("08:31", place(H2, ANN, &[seats(&[10, 11, 12, 13])]), "HoldPlaced"),
            // The buyer filled the limit with others.
            ("09:00", confirm(O1), "OrderCancelled:PlacesGone"),
        ],
    );
    story_on(
        story(&lapse),
        &[("08:31", block(&[0]), "SeatsBlocked"), ("09:00", confirm(O1), "OrderCancelled:PlacesGone")],
    );
}

#[test]
fn a_payment_inside_the_grace_finds_its_places() {
    story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("08:00", expire(), "CheckoutLapsed"),
        ("08:29", confirm(O1), "OrderConfirmed"),
        ("08:31", expire(), "-"),
    ]);
}

#[test]
fn too_small_an_authorization_ends_the_order() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("00:02", confirm_of(O1, PRICE_A - 1), "OrderCancelled:AmountMismatch"),
        ("00:03", place(H2, BOB, &[seats(&[0])]), "HoldPlaced"),
        ("00:04", checkout(H2, BOB, O2), "CheckoutBegun"),
        ("00:05", confirm_of(O2, PRICE_A), "OrderConfirmed"),
        (
            "00:06",
            usher_core::Command::RecordCapture { order: O2, captured_minor: Minor(PRICE_A - 1) },
            "!capture_short",
        ),
    ]);
    assert_eq!(inventory.seat_status(SeatIdx(0)), SeatStatus::Sold);
}

#[test]
fn a_failed_capture_reverses_the_sale() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0]), ga(1)]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("00:02", capture_fails(O1), "!order_state"),
        ("00:03", confirm(O1), "OrderConfirmed"),
        ("00:04", capture_fails(O1), "OrderCancelled:CaptureFailed"),
        ("00:05", capture_fails(O1), "-"),
        ("00:06", capture(O1), "!order_state"),
    ]);
    assert_eq!(inventory.counts().available_count, 40);
}

#[test]
fn failed_tries_are_counted_once_each() {
    story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("00:02", payment_fails(O1, 1), "PaymentFailed"),
        ("00:03", payment_fails(O1, 1), "-"),
        ("00:04", payment_fails(O1, 2), "PaymentFailed"),
        ("00:05", confirm(O1), "OrderConfirmed"),
        ("00:06", payment_fails(O1, 3), "-"),
        ("00:07", payment_fails(O2, 1), "!unknown_order"),
    ]);
}

#[test]
fn a_buyer_can_call_an_unpaid_order_off() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("00:02", cancel(O1, Some(BOB), CancelReason::Buyer), "!unknown_order"),
        ("00:03", cancel(O1, Some(ANN), CancelReason::Buyer), "OrderCancelled:Buyer"),
        ("00:04", cancel(O1, Some(ANN), CancelReason::Buyer), "-"),
        ("00:05", place(H1, ANN, &[seats(&[0])]), "!hold_released"),
        ("00:06", extend(H1, ANN), "!hold_released"),
        ("00:07", checkout(H1, ANN, O2), "!hold_released"),
        ("00:08", checkout(H1, ANN, O1), "-"),
    ]);
    assert_eq!((inventory.hold(H1), inventory.next_due()), (None, None));
}
