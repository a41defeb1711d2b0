//! Holds: placing, keeping, giving back, and what time does.

use usher_core::{Ask, Command, Counts, Rejection, SeatIdx, SeatStatus, TierIdx, UnixMillis};

use crate::support::*;

#[test]
fn a_hold_takes_its_seats_and_gives_them_back() {
    story(&[
        ("00:00", place(H1, ANN, &[seats(&[0, 1])]), "HoldPlaced"),
        ("00:01", place(H2, BOB, &[seats(&[1, 2])]), "!seats_taken"),
        ("00:02", release(H1, BOB), "!unknown_hold"),
        ("00:03", release(H1, ANN), "HoldReleased"),
        ("00:04", release(H1, ANN), "-"),
        ("00:05", place(H2, BOB, &[seats(&[1, 2])]), "HoldPlaced"),
    ]);
}

#[test]
fn a_hold_is_all_or_nothing_over_mixed_asks() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", place(H2, BOB, &[ga(1), best(1), seats(&[0])]), "!seats_taken"),
        ("00:02", place(H2, BOB, &[ga(1), best(2), seats(&[5])]), "HoldPlaced"),
    ]);
    let hold = inventory.hold(H2).unwrap();
    let prices: Vec<u64> = hold.lines.iter().map(|line| line.price_minor.0).collect();
    assert_eq!(prices, [PRICE_B, PRICE_A, PRICE_A, PRICE_B], "lines stand in the order of the asks");
    assert_eq!(inventory.counts(), Counts { available_count: 35, held_count: 5, sold_count: 0, blocked_count: 0 });
}

#[test]
fn a_best_block_leaves_the_named_seats_of_the_same_hold_alone() {
    let mut taken = vec![];
    let mut lines = vec![];
    for (position, quantity) in [(0, 4), (5, 4), (10, 4), (15, 1)] {
        taken.extend((position..position + quantity).map(SeatIdx));
        lines.push(position..position + quantity);
    }
    let blocked: Vec<u32> = taken.iter().map(|seat| seat.0).collect();
    let inventory = story(&[
        ("00:00", block(&blocked), "SeatsBlocked"),
        ("00:01", place(H1, ANN, &[best(2), seats(&[17])]), "HoldPlaced"),
    ]);
    let hold = inventory.hold(H1).unwrap();
    assert_eq!(hold.lines.len(), 3);
    assert_eq!(inventory.seat_status(SeatIdx(17)), SeatStatus::Held);
}

#[test]
fn what_makes_no_sense_is_refused_in_order_of_precedence() {
    let unknown_section =
        Ask::Best { quantity: 1, tier: None, section: Some(usher_core::SectionIdx(9)), accessible: false };
    let unknown_tier = Ask::Best { quantity: 1, tier: Some(TierIdx(9)), section: None, accessible: false };
    let unknown_area = Ask::Ga { area: usher_core::AreaIdx(9), quantity: 1 };
    story(&[
        ("00:00", place(H1, ANN, &[]), "!nothing_asked"),
        ("00:00", place(H1, ANN, &[seats(&[])]), "!nothing_asked"),
        ("00:00", place(H1, ANN, &[seats(&[99]), best(0)]), "!nothing_asked"),
        ("00:00", place(H1, ANN, &[seats(&[99])]), "!unknown_seat"),
        ("00:00", place(H1, ANN, &[unknown_area]), "!unknown_area"),
        ("00:00", place(H1, ANN, &[unknown_tier]), "!unknown_tier"),
        ("00:00", place(H1, ANN, &[unknown_section]), "!unknown_section"),
        ("00:00", place(H1, ANN, &[seats(&[1, 2]), seats(&[2])]), "!duplicate_seat"),
        ("00:00", place(H1, ANN, &[seats(&[1, 2]), ga(3)]), "!order_limit"),
    ]);
}

#[test]
fn limits_count_what_a_buyer_holds_and_owns() {
    story(&[
        ("00:00", place(H1, ANN, &[seats(&[0, 1, 2, 3])]), "HoldPlaced"),
        ("00:01", place(H2, ANN, &[ga(3)]), "!buyer_limit"),
        ("00:02", checkout(H1, ANN, O1), "CheckoutBegun"),
        ("00:03", confirm(O1), "OrderConfirmed"),
        ("00:04", place(H2, ANN, &[ga(3)]), "!buyer_limit"),
        ("00:05", place(H2, ANN, &[ga(1)]), "HoldPlaced"),
        ("00:06", place(H3, ANN, &[ga(1)]), "HoldPlaced"),
        ("00:07", release(H2, ANN), "HoldReleased"),
        ("00:08", capture(O1), "CaptureRecorded"),
        ("00:09", refund_lines(O1, R1, &[0, 3]), "RefundBegun"),
        ("00:10", place(usher_core::HoldId(4), ANN, &[ga(3)]), "HoldPlaced"),
    ]);
}

#[test]
fn a_buyer_has_a_limited_number_of_live_holds() {
    story(&[
        ("00:00", place(H1, ANN, &[ga(1)]), "HoldPlaced"),
        ("01:00", place(H2, ANN, &[ga(1)]), "HoldPlaced"),
        ("01:01", place(H3, ANN, &[ga(1)]), "!hold_limit"),
        // The first is overdue, though nobody tidied.
        ("08:00", place(H3, ANN, &[ga(1)]), "HoldExpired+HoldPlaced"),
    ]);
}

#[test]
fn a_repeat_changes_nothing_and_a_reuse_is_told() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0, 1])]), "HoldPlaced"),
        ("00:01", place(H1, ANN, &[seats(&[0, 1])]), "-"),
        ("00:02", place(H1, ANN, &[seats(&[0, 2])]), "!hold_id_reused"),
        ("00:03", place(H1, BOB, &[seats(&[0, 1])]), "!hold_id_reused"),
    ]);
    assert_eq!(inventory.hold(H1).unwrap().placed_at, UnixMillis(0), "the first answer stands");
    story(&[
        ("00:00", place(H1, ANN, &[ga(1)]), "HoldPlaced"),
        ("00:01", release(H1, ANN), "HoldReleased"),
        ("00:02", place(H1, ANN, &[ga(1)]), "!hold_released"),
        ("00:03", place(H1, ANN, &[ga(2)]), "!hold_id_reused"),
        ("00:04", place(H2, ANN, &[ga(1)]), "HoldPlaced"),
        // Not tidied, and later tidied: one answer.
        ("08:04", place(H2, ANN, &[ga(1)]), "!hold_expired"),
        ("08:05", expire(), "HoldExpired"),
        ("08:06", place(H2, ANN, &[ga(1)]), "!hold_expired"),
        ("08:07", release(H2, ANN), "!hold_expired"),
    ]);
}

#[test]
fn an_extension_moves_the_end_up_to_the_cap() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:00", extend(H1, ANN), "-"),
        ("05:00", extend(H1, BOB), "!unknown_hold"),
        ("05:00", extend(H1, ANN), "HoldExtended"),
        ("12:59", extend(H1, ANN), "HoldExtended"),
        ("19:00", extend(H1, ANN), "!hold_at_cap"),
        ("20:00", extend(H1, ANN), "!hold_expired"),
        ("20:00", expire(), "HoldExpired"),
        ("20:01", extend(H1, ANN), "!hold_expired"),
    ]);
    assert_eq!(inventory.next_due(), None);
}

#[test]
fn expiry_is_a_comparison_and_the_timer_only_tidies() {
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0, 1])]), "HoldPlaced"),
        ("07:59", expire(), "-"),
        ("07:59", place(H2, BOB, &[seats(&[1])]), "!seats_taken"),
        // Due, not tidied: dead to its owner, free to others.
        ("08:00", checkout(H1, ANN, O1), "!hold_expired"),
        ("08:00", release(H1, ANN), "!hold_expired"),
        ("08:00", place(H2, BOB, &[seats(&[1])]), "HoldExpired+HoldPlaced"),
        ("08:01", expire(), "-"),
    ]);
    assert_eq!(inventory.seat_status(SeatIdx(0)), SeatStatus::Available, "all of the overdue hold returned");
}

#[test]
fn overdue_holds_make_room_for_best_blocks_areas_and_blocking() {
    let all: Vec<u32> = (4..20).collect();
    let inventory = story(&[
        ("00:00", block(&all), "SeatsBlocked"),
        ("00:01", place(H1, ANN, &[seats(&[0, 1, 2, 3])]), "HoldPlaced"),
        ("00:02", place(H2, BOB, &[best(2)]), "!no_block_left"),
        ("08:01", place(H2, BOB, &[best(2)]), "HoldExpired+HoldPlaced"),
        ("08:02", block(&[0, 1, 2, 3]), "!seats_in_use"),
        ("16:01", block(&[0, 1, 2, 3]), "HoldExpired+SeatsBlocked"),
        ("16:02", block(&[0, 1]), "-"),
        ("16:03", unblock(&[0, 1]), "SeatsUnblocked"),
        ("16:04", unblock(&[0, 1]), "!seats_not_blocked"),
    ]);
    assert_eq!(inventory.counts().blocked_count, 18);
    let mut crowd: Vec<(&str, Command, &str)> = (0..5)
        .map(|buyer| ("00:00", place(usher_core::HoldId(buyer), usher_core::BuyerId(buyer), &[ga(4)]), "HoldPlaced"))
        .collect();
    crowd.push(("07:59", place(usher_core::HoldId(9), usher_core::BuyerId(9), &[ga(3)]), "!area_full"));
    crowd.push(("08:00", place(usher_core::HoldId(9), usher_core::BuyerId(9), &[ga(3)]), "HoldExpired+HoldPlaced"));
    assert_eq!(story(&crowd).area_free(FLOOR), 1);
}

#[test]
fn tidying_is_bounded_and_oldest_first() {
    let tidy_one = Command::ExpireDue { holds_max: 1 };
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[ga(1)]), "HoldPlaced"),
        ("00:01", place(H2, BOB, &[ga(1)]), "HoldPlaced"),
        ("00:02", place(H3, EVE, &[ga(1)]), "HoldPlaced"),
        ("08:01", tidy_one.clone(), "HoldExpired"),
        ("08:01", tidy_one.clone(), "HoldExpired"),
        ("08:01", tidy_one, "-"),
    ]);
    assert_eq!(inventory.next_due(), Some(clock("08:02")));
}

#[test]
fn a_changed_price_leaves_held_places_alone() {
    let dearer = Command::ChangePrices { prices: vec![priced(0, 9_000)] };
    let inventory = story(&[
        ("00:00", place(H1, ANN, &[seats(&[0])]), "HoldPlaced"),
        ("00:01", dearer.clone(), "PricesChanged"),
        ("00:02", dearer, "-"),
        ("00:03", place(H2, BOB, &[seats(&[1])]), "HoldPlaced"),
    ]);
    assert_eq!(inventory.hold(H1).unwrap().total_minor.0, PRICE_A);
    assert_eq!(inventory.hold(H2).unwrap().total_minor.0, 9_000);
}

#[test]
fn a_rejection_names_what_was_in_the_way() {
    let inventory = story(&[("00:00", place(H1, ANN, &[seats(&[0, 1]), ga(2)]), "HoldPlaced")]);
    let told = |command: Command| inventory.decide(clock("00:01"), &command).unwrap_err();
    assert_eq!(
        told(place(H2, BOB, &[seats(&[1, 2, 0])])),
        Rejection::SeatsTaken { seats: vec![SeatIdx(1), SeatIdx(0)] }
    );
    assert_eq!(told(place(H2, ANN, &[ga(3)])), Rejection::BuyerLimit { places_max: 6, has_count: 4 });
    assert_eq!(told(block(&[1, 2])), Rejection::SeatsInUse { seats: vec![SeatIdx(1)] });
}
