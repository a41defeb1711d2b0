//! The best block: pictures of a plan before and after, and properties of a sale to the last seat.

use std::sync::Arc;

use proptest::prelude::*;
use usher_core::plan::{FormatTag, Layout, RowDocument, SeatDocument, SeatingPlan, SectionDocument, TierDocument};
use usher_core::{
    Ask, BuyerId, Command, Fact, HoldId, Inventory, Limits, Place, PlaceHold, Rejection, SeatIdx, SectionIdx, TierIdx,
    UnixMillis,
};

use crate::support::*;

/// Rows front first, a character a seat: `.` free, `x` out of the sale, `b` free and of tier B, `A` for wheelchairs,
/// `C` for companions, `r` with a restricted view, `#` free and expected to be chosen.
type Picture<'a> = &'a [&'a str];

const SEAT_CM: i32 = 50;
/// Wide enough that no two rows are nearly as good.
const ROW_CM: i32 = 400;
const SECTION_CM: i32 = 5_000;

/// The first section is in front of the stage, the others ever farther to the right.
fn layout_of(sections: &[Picture<'_>]) -> Arc<Layout> {
    let tier = |code: &str| TierDocument { code: code.into(), name: code.into(), color: None };
    let sections = sections.iter().zip(0..).map(|(rows, x)| section_of(rows, x)).collect();
    let plan = SeatingPlan {
        format: FormatTag::V1,
        name: "Picture".into(),
        focal_point_cm: (0, 0),
        tiers: vec![tier("A"), tier("B")],
        sections,
        areas: Vec::new(),
    };
    Arc::new(plan.compile().expect("a picture is a valid plan"))
}

fn section_of(rows: Picture<'_>, position: i32) -> SectionDocument {
    let row = |(seats, y): (&&str, i32)| {
        let width = i32::try_from(seats.len()).expect("a row is short") - 1;
        let seat = |(mark, x): (char, i32)| SeatDocument {
            label: format!("{}", x + 1),
            tier: if mark == 'b' { "B".into() } else { "A".into() },
            x_cm: position * SECTION_CM + x * SEAT_CM - width * SEAT_CM / 2,
            y_cm: 500 + y * ROW_CM,
            accessible: mark == 'A',
            companion: mark == 'C',
            restricted_view: mark == 'r',
        };
        RowDocument { label: format!("{}", y + 1), seats: seats.chars().zip(0..).map(seat).collect(), line: None }
    };
    let code = format!("S{position}");
    SectionDocument { name: code.clone(), code, rows: rows.iter().zip(0..).map(row).collect() }
}

fn roomy() -> Limits {
    Limits { places_per_order_max: 20, places_per_buyer_max: 20, ..limits() }
}

/// The event of a picture.
fn event_of(sections: &[Picture<'_>]) -> Inventory {
    let mut inventory = selling(layout_of(sections), roomy());
    let marks = sections.iter().flat_map(|rows| rows.iter()).flat_map(|row| row.chars());
    let blocked: Vec<u32> = (0..).zip(marks).filter(|(_, mark)| *mark == 'x').map(|(seat, _)| seat).collect();
    if !blocked.is_empty() {
        apply(&mut inventory, UnixMillis(0), &block(&blocked)).expect("free seats can be blocked");
    }
    inventory
}

fn decide(inventory: &Inventory, ask: Ask, seed: u64) -> Result<Vec<SeatIdx>, Rejection> {
    let command = Command::PlaceHold(PlaceHold { hold: H1, buyer: ANN, asks: vec![ask], seed });
    let facts = inventory.decide(UnixMillis(0), &command)?;
    let [Fact::HoldPlaced { lines, .. }] = facts.as_slice() else { panic!("one hold is placed") };
    let seats = lines.iter().map(|line| match line.place {
        Place::Seat(seat) => seat,
        Place::Ga(_) => panic!("seats were asked for"),
    });
    Ok(seats.collect())
}

/// Asks for the best block, and compares with the places of `#` in the second picture.
fn expect(before: &[Picture<'_>], ask: Ask, after: &[Picture<'_>]) {
    let inventory = event_of(before);
    let chosen = decide(&inventory, ask.clone(), 0);
    let marks = after.iter().flat_map(|rows| rows.iter()).flat_map(|row| row.chars());
    let expected: Vec<SeatIdx> =
        (0..).zip(marks).filter(|(_, mark)| *mark == '#').map(|(seat, _)| SeatIdx(seat)).collect();
    assert_eq!(chosen, Ok(expected), "{ask:?} of {before:?}");
}

#[test]
fn neighbours_in_the_middle_of_the_front_row_come_first() {
    expect(&[&["........", "........"]], best(2), &[&["...##...", "........"]]);
    expect(&[&["........", "........"]], best(4), &[&["..####..", "........"]]);
}

#[test]
fn the_middle_is_that_of_the_full_row() {
    expect(&[&["xxxx.........."]], best(2), &[&["xxxx..##......"]]);
    expect(&[&["xxxxxxxx......"]], best(2), &[&["xxxxxxxx##...."]]);
}

#[test]
fn no_single_seat_is_left_if_that_can_be() {
    expect(&[&[".....", "xxxxx"]], best(2), &[&["##...", "xxxxx"]]);
    expect(&[&["...xx", "x..xx"]], best(2), &[&["...xx", "x##xx"]]);
    expect(&[&[".......", "xxxxxxx"]], best(1), &[&["...#...", "xxxxxxx"]]);
}

#[test]
fn the_rule_against_single_seats_never_refuses_the_last_ones() {
    expect(&[&["...xx", "xxxxx"]], best(2), &[&[".##xx", "xxxxx"]]);
    expect(&[&["xxxxx", "x...x"]], best(2), &[&["xxxxx", "x##.x"]]);
}

#[test]
fn without_a_whole_block_nobody_sits_alone() {
    expect(&[&["xx..xx", "xx..xx", "......"]], best(8), &[&["xx..xx", "xx##xx", "######"]]);
    expect(&[&["xx..x", "xx..x"]], best(4), &[&["xx##x", "xx##x"]]);
    // Pairs make up no odd number: three and two and two, not four.
    expect(&[&["....x", "..xxx", "..xxx"]], best(7), &[&[".###x", "##xxx", "##xxx"]]);
    // Three and two, not four and one.
    expect(&[&["....x", "..xxx"]], best(5), &[&[".###x", "##xxx"]]);
}

#[test]
fn pieces_are_near_each_other() {
    let before: Picture<'_> = &["..xxxxxxxxxx", "xxxxxxxxxxxx", "xxxxxxxxxxxx", "xxxxxxxxxx..", "xxxxxxxxxx.."];
    let after: Picture<'_> = &["..xxxxxxxxxx", "xxxxxxxxxxxx", "xxxxxxxxxxxx", "xxxxxxxxxx##", "xxxxxxxxxx##"];
    expect(&[before], best(4), &[after]);
}

#[test]
fn a_group_goes_across_sections_before_it_is_refused() {
    expect(&[&["..xx"], &["xx.."]], best(4), &[&["##xx"], &["xx##"]]);
    expect(&[&[".x.x"], &["x.x."]], best(3), &[&["#x#x"], &["x#x."]]);
    expect(&[&["..xx.", "xxxxx"]], best(3), &[&["##xx#", "xxxxx"]]);
}

#[test]
fn a_filter_is_kept_to_the_end() {
    let section = |quantity| Ask::Best { quantity, tier: None, section: Some(SectionIdx(1)), accessible: false };
    let tier = |quantity| Ask::Best { quantity, tier: Some(TierIdx(1)), section: None, accessible: false };
    expect(&[&["...."], &["...."]], section(2), &[&["...."], &["##.."]]);
    expect(&[&["....", "bbbb"]], tier(4), &[&["....", "####"]]);
    expect(&[&["..bb", "bbxx"]], tier(4), &[&["..##", "##xx"]]);
    let told = decide(&event_of(&[&["....", "..bb"]]), tier(3), 0);
    assert_eq!(told, Err(Rejection::NoBlockLeft { seats_left: 2 }));
}

#[test]
fn a_refusal_says_how_many_could_be_had() {
    let told = decide(&event_of(&[&["x.x.", "AC.."]]), best(5), 0);
    assert_eq!(told, Err(Rejection::NoBlockLeft { seats_left: 4 }));
}

#[test]
fn places_on_request_are_for_who_asks() {
    let accessible = |quantity| Ask::Best { quantity, tier: None, section: None, accessible: true };
    expect(&[&["AC...CA"]], accessible(2), &[&["##...CA"]]);
    expect(&[&["CA....."]], accessible(1), &[&[".#....."]]);
    expect(&[&["AC..CA"]], best(2), &[&["AC##CA"]]);
    // A companion's seat alone is of no use; nor are ordinary ones.
    assert_eq!(decide(&event_of(&[&["C....."]]), accessible(1), 0), Err(Rejection::NoBlockLeft { seats_left: 0 }));
    assert_eq!(decide(&event_of(&[&["AC.x"]]), best(2), 0), Err(Rejection::NoBlockLeft { seats_left: 1 }));
    expect(&[&["AC..", "..CC"]], accessible(4), &[&["##..", "..##"]]);
}

#[test]
fn a_restricted_view_ranks_last() {
    expect(&[&["rrrr", "...."]], best(2), &[&["rrrr", "##.."]]);
    expect(&[&["rr...."]], best(2), &[&["rr##.."]]);
    expect(&[&["rrxxxx"]], best(2), &[&["##xxxx"]]);
}

#[test]
fn seeds_spread_a_crowd_over_blocks_that_are_nearly_as_good() {
    let layout = Arc::new(usher_core::plan::generate::hall(3, 12, 20).compile().unwrap());
    let inventory = selling(layout, roomy());
    let mut blocks: Vec<Vec<SeatIdx>> = (0..64).map(|seed| decide(&inventory, best(2), seed).unwrap()).collect();
    assert_eq!(decide(&inventory, best(2), 5), decide(&inventory, best(2), 5), "a seed always says the same");
    blocks.sort_unstable();
    blocks.dedup();
    assert!(blocks.len() >= 2, "{blocks:?}");
}

/// Whether some row has so many free neighbours.
fn has_block(inventory: &Inventory, quantity: usize) -> bool {
    let is_free = |seat: u32| inventory.seat_status(SeatIdx(seat)) == usher_core::SeatStatus::Available;
    inventory.layout().rows().iter().any(|row| {
        let seats: Vec<bool> = row.seats.clone().map(is_free).collect();
        seats.windows(quantity).any(|window| window.iter().all(|free| *free))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_hall_sells_to_the_last_seat(
        rows in 1..5_u16,
        seats in 1..75_u16,
        quantities in prop::collection::vec(1..7_u16, 1..24),
        out in prop::collection::btree_set(0..150_u32, 0..60),
        seed in any::<u64>(),
    ) {
        let layout = Arc::new(usher_core::plan::generate::hall(2, rows, seats).compile().expect("a valid hall"));
        let mut inventory = selling(layout, roomy());
        let out: Vec<u32> = out.into_iter().filter(|seat| *seat < u32::from(rows) * u32::from(seats) * 2).collect();
        if !out.is_empty() {
            apply(&mut inventory, UnixMillis(0), &block(&out)).expect("free seats can be blocked");
        }
        for (id, quantity) in (1..).zip(quantities) {
            let left_count = inventory.counts().available_count;
            let asks = vec![best(quantity)];
            let command = Command::PlaceHold(PlaceHold { hold: HoldId(id), buyer: BuyerId(id), asks, seed });
            let had_block = has_block(&inventory, usize::from(quantity));
            match apply(&mut inventory, UnixMillis(0), &command) {
                Err(rejection) => {
                    prop_assert!(left_count < u64::from(quantity), "{:?} with {} left", rejection, left_count);
                    let seats_left = u32::try_from(left_count).expect("a small hall");
                    prop_assert_eq!(rejection, Rejection::NoBlockLeft { seats_left });
                }
                Ok(_) => {
                    let hold = inventory.hold(HoldId(id)).expect("the hold was placed");
                    let seats: Vec<u32> = hold.lines.iter().filter_map(|line| match line.place {
                        Place::Seat(seat) => Some(seat.0),
                        Place::Ga(_) => None,
                    }).collect();
                    prop_assert_eq!(seats.len(), usize::from(quantity));
                    let row_of = |seat: &u32| inventory.layout().seats()[*seat as usize].row;
                    let one_row = seats.iter().all(|seat| row_of(seat) == row_of(&seats[0]));
                    let adjacent = seats.windows(2).all(|pair| pair[0] + 1 == pair[1]) && one_row;
                    prop_assert!(adjacent || !had_block, "{:?} though neighbours were free", seats);
                }
            }
        }
        prop_assert_eq!(inventory.broken_invariants(), Vec::<String>::new());
    }
}
