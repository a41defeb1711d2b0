//! Refunds, whole and by line.

use usher_core::{Answer, Minor, OrderState, SeatIdx, SeatStatus};

use crate::support::*;

fn paid() -> usher_core::Inventory {
    story(&[
        ("00:00", place(H1, ANN, &[seats(&[0, 5]), ga(2)]), "HoldPlaced"),
        ("00:01", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("00:02", refund_all(O1, R1), "!order_state"),
        ("00:03", confirm(O1), "OrderConfirmed"),
        ("00:04", capture(O1), "CaptureRecorded"),
    ])
}

#[test]
fn refunded_lines_return_to_the_sale() {
    let inventory = story_on(
        paid(),
        &[
            ("01:00", refund_lines(O1, R1, &[3, 0]), "RefundBegun"),
            ("01:01", refund_lines(O1, R1, &[0, 3]), "-"),
            ("01:02", refund_lines(O1, R1, &[0]), "!refund_id_reused"),
            ("01:03", refund_all(O1, R1), "!refund_id_reused"),
            ("01:04", refund_lines(O1, R2, &[0]), "!bad_refund_line"),
            ("01:05", refund_lines(O1, R2, &[4]), "!bad_refund_line"),
            ("01:06", refund_lines(O1, R2, &[1, 1]), "!bad_refund_line"),
            ("01:07", refund_lines(O1, R2, &[]), "!nothing_asked"),
            ("01:08", place(H2, BOB, &[seats(&[0])]), "HoldPlaced"),
        ],
    );
    let order = inventory.order(O1).unwrap();
    assert_eq!((order.state, order.refunded_lines), (OrderState::Paid, vec![0, 3]));
    let told = inventory.answer(&refund_lines(O1, R1, &[0, 3]));
    assert_eq!(told, Answer::Refund { refund: R1, lines: vec![0, 3], amount_minor: Minor(PRICE_A + PRICE_B) });
}

#[test]
fn a_whole_refund_takes_what_is_left() {
    let inventory = story_on(
        paid(),
        &[
            ("01:00", refund_lines(O1, R1, &[0]), "RefundBegun"),
            ("01:01", refund_all(O1, R2), "RefundBegun"),
            ("01:02", refund_all(O1, R2), "-"),
            ("01:03", refund_lines(O1, R2, &[1, 2, 3]), "-"),
            ("01:04", refund_all(O1, usher_core::RefundId(23)), "!order_state"),
            ("01:05", usher_core::Command::RecordRefundPaid { order: O1, refund: R2 }, "RefundPaid"),
            ("01:06", usher_core::Command::RecordRefundPaid { order: O1, refund: R2 }, "-"),
            (
                "01:07",
                usher_core::Command::RecordRefundPaid { order: O1, refund: usher_core::RefundId(9) },
                "!unknown_refund",
            ),
        ],
    );
    assert_eq!(inventory.order(O1).unwrap().state, OrderState::Refunded);
    assert_eq!(inventory.seat_status(SeatIdx(5)), SeatStatus::Available);
    assert_eq!(inventory.counts().available_count, 40);
}

#[test]
fn an_event_that_is_called_off_can_pay_back() {
    story_on(
        paid(),
        &[
            ("01:00", usher_core::Command::CancelEvent, "EventCancelled"),
            ("01:01", refund_all(O1, R1), "RefundBegun"),
            ("01:02", usher_core::Command::RecordRefundPaid { order: O1, refund: R1 }, "RefundPaid"),
        ],
    );
}
