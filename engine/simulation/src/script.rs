//! What happens in a world, made from its seed: who comes, what the organizer does, and what goes wrong when.
//!
//! Each happening stands alone and carries its own choices, so any of them can be left out; that is how a failing
//! history becomes a short one.

use usher_core::{AreaIdx, Ask, SeatIdx, TierIdx};

use crate::dice::Dice;
use crate::faults::{CALLS, Moment, OPS, Op, READS, Trouble, WRITES};
use crate::stripe::{Card, RefundFate, Twist};

/// When faults end. What was begun before goes on.
pub(crate) const CALM_AT_MS: u64 = 600_000;
/// The last time at which somebody comes.
const LAST_AT_MS: u64 = 540_000;
/// How long a rush is.
const RUSH_MS: u64 = 1_500;
/// Buyers, of whom some come again and again.
const BUYERS: u64 = 7;

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Its place in the whole script; names its dice and its ids.
    pub(crate) index: u64,
    pub(crate) at_ms: u64,
    pub(crate) happening: Happening,
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Buyer(Journey),
    Organizer(Step),
    Fault { op: Op, trouble: Trouble, times: u32 },
    Crash { op: Op, moment: Moment },
    Kill,
    Restart,
    Rival { lease_ms: u64, together_ms: u64 },
    Wall { offset_ms: i64 },
    Webhook(Fate),
    Refund(RefundFate),
    Twist(Twist),
}

/// What the network does to the next webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Repeated { times: u32 },
    Late { by_ms: u64 },
    Lost,
}

/// One buyer's way.
#[derive(Debug, Clone)]
pub(crate) struct Journey {
    pub(crate) buyer: u64,
    pub(crate) asks: Vec<Ask>,
    pub(crate) then: Then,
    /// How often one request is repeated.
    pub(crate) tries: u32,
    pub(crate) clicks_twice: bool,
    pub(crate) hangs_up: bool,
}

/// What a buyer does with a hold.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    Abandon,
    Release { after_ms: u64 },
    Extend { after_ms: u64 },
    Buy { after_ms: u64, extends: u32, pay: Pay },
}

/// What a buyer does with an order.
#[derive(Debug, Clone)]
pub(crate) enum Pay {
    Never,
    Cancel { after_ms: u64 },
    With { card: Card, after_ms: u64, again: bool },
}

/// What the organizer does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Pause { for_ms: u64 },
    Block { seats: Vec<SeatIdx>, for_ms: u64 },
    Prices { front_minor: u64 },
    RefundOrder { nth: u64 },
    RefundLine { nth: u64 },
    Close,
    CallOff { insists: bool },
}

/// The script of a seed, in order of time.
pub(crate) fn of_seed(seed: u64) -> Vec<Item> {
    let mut dice = Dice::of(&[seed, 0x5c217]);
    let mut happenings: Vec<Happening> = Vec::new();
    // From hardly anything to everything at once.
    let trouble = dice.weigh(&[(1, 0_u64), (3, 1), (4, 2), (2, 4)]);
    let buyers_count = dice.between(6, 18);
    happenings.extend((0..buyers_count).map(|_| Happening::Buyer(journey(&mut dice))));
    let steps_count = dice.below(5);
    happenings.extend((0..steps_count).map(|_| Happening::Organizer(step(&mut dice))));
    let faults_count = dice.below(5 * trouble + 1);
    happenings.extend((0..faults_count).map(|_| fault(&mut dice)));
    let crashes_count = dice.below(2 * trouble + 1);
    happenings.extend((0..crashes_count).map(|_| end(&mut dice)));
    let others_count = dice.below(2 * trouble + 1);
    happenings.extend((0..others_count).map(|_| mishap(&mut dice)));
    // Some sales begin with a rush.
    let rush = dice.chance(35).then(|| dice.between(1_000, LAST_AT_MS / 2));
    let mut at_ms = |happening: &Happening| match (happening, rush) {
        (Happening::Buyer(_), Some(rush)) => rush + dice.below(RUSH_MS),
        (_, Some(rush)) if dice.chance(50) => rush + dice.below(20 * RUSH_MS),
        _ => dice.between(1_000, LAST_AT_MS),
    };
    let mut items: Vec<Item> =
        (0..).zip(happenings).map(|(index, happening)| Item { index, at_ms: at_ms(&happening), happening }).collect();
    items.sort_by_key(|item| item.at_ms);
    items
}

fn journey(dice: &mut Dice) -> Journey {
    Journey {
        buyer: 1 + dice.below(BUYERS),
        asks: wish(dice),
        then: then(dice),
        tries: u32::try_from(dice.weigh(&[(2, 1_u64), (3, 4), (5, 12)])).unwrap_or(1),
        clicks_twice: dice.chance(10),
        hangs_up: dice.chance(10),
    }
}

fn wish(dice: &mut Dice) -> Vec<Ask> {
    let quantity = |dice: &mut Dice| u16::try_from(dice.between(1, 4)).unwrap_or(1);
    match dice.below(10) {
        0..=4 => {
            // Few seats, so that many want the same.
            let first = u32::try_from(dice.below(12)).unwrap_or(0);
            let count = u32::from(quantity(dice));
            vec![Ask::Seats((first..first + count).map(SeatIdx).collect())]
        }
        5..=6 => {
            let tier = dice.chance(40).then(|| TierIdx(u16::from(dice.chance(50))));
            vec![Ask::Best { quantity: quantity(dice), tier, section: None, accessible: false }]
        }
        7..=8 => vec![Ask::Ga { area: AreaIdx(0), quantity: quantity(dice) }],
        _ => {
            let seat = SeatIdx(u32::try_from(dice.below(20)).unwrap_or(0));
            vec![Ask::Seats(vec![seat]), Ask::Ga { area: AreaIdx(0), quantity: quantity(dice) }]
        }
    }
}

fn then(dice: &mut Dice) -> Then {
    match dice.below(12) {
        0 => Then::Abandon,
        1 => Then::Release { after_ms: dice.between(10, 90_000) },
        2 => Then::Extend { after_ms: dice.between(10, 70_000) },
        _ => Then::Buy {
            after_ms: dice.between(10, 30_000),
            extends: u32::try_from(dice.below(3)).unwrap_or(0),
            pay: pay(dice),
        },
    }
}

fn pay(dice: &mut Dice) -> Pay {
    // A hold lasts a minute: some pay when it is over.
    let after_ms = if dice.chance(25) { dice.between(25_000, 130_000) } else { dice.between(5, 20_000) };
    let card = dice.weigh(&[
        (10, Card::Good),
        (3, Card::Declined),
        (2, Card::Secure),
        (1, Card::SecureFails),
        (1, Card::SecureNever),
        (1, Card::Slow),
        (2, Card::CaptureFails),
    ]);
    match dice.below(12) {
        0 => Pay::Never,
        1 => Pay::Cancel { after_ms },
        _ => Pay::With { card, after_ms, again: dice.chance(60) },
    }
}

fn step(dice: &mut Dice) -> Step {
    let nth = dice.below(8);
    match dice.below(16) {
        0..=1 => Step::Pause { for_ms: dice.between(100, 40_000) },
        2..=3 => {
            let first = u32::try_from(dice.below(18)).unwrap_or(0);
            Step::Block { seats: vec![SeatIdx(first), SeatIdx(first + 1)], for_ms: dice.between(100, 120_000) }
        }
        4..=5 => Step::Prices { front_minor: dice.pick(&[0, 4_000, 6_000]) },
        6..=9 => Step::RefundOrder { nth },
        10..=13 => Step::RefundLine { nth },
        14 => Step::Close,
        _ => Step::CallOff { insists: dice.chance(50) },
    }
}

fn fault(dice: &mut Dice) -> Happening {
    let times = u32::try_from(dice.weigh(&[(5, 1_u64), (3, 2), (1, 5)])).unwrap_or(1);
    let (op, trouble) = match dice.below(10) {
        0..=3 => {
            let troubles = [
                Trouble::Fails,
                Trouble::AnswerLost,
                Trouble::Swallowed,
                Trouble::Late,
                Trouble::Slow,
                Trouble::Full,
                Trouble::Stolen,
            ];
            (Op::Append, dice.pick(&troubles))
        }
        4..=6 => {
            let troubles = [Trouble::Fails, Trouble::AnswerLost, Trouble::Swallowed, Trouble::Late, Trouble::Slow];
            (dice.pick(&CALLS), dice.pick(&troubles))
        }
        7..=8 => (dice.pick(&WRITES), dice.pick(&[Trouble::Fails, Trouble::AnswerLost, Trouble::Slow, Trouble::Full])),
        _ => (dice.pick(&READS), dice.pick(&[Trouble::Fails, Trouble::Slow])),
    };
    Happening::Fault { op, trouble, times }
}

fn end(dice: &mut Dice) -> Happening {
    match dice.below(10) {
        0..=6 => Happening::Crash { op: dice.pick(&OPS), moment: dice.pick(&[Moment::Before, Moment::After]) },
        7 => Happening::Kill,
        8 => Happening::Restart,
        _ => Happening::Rival { lease_ms: dice.between(1_000, 20_000), together_ms: dice.between(1_000, 60_000) },
    }
}

fn mishap(dice: &mut Dice) -> Happening {
    match dice.below(13) {
        0..=2 => Happening::Webhook(Fate::Repeated { times: u32::try_from(dice.between(2, 6)).unwrap_or(2) }),
        3..=4 => Happening::Webhook(Fate::Late { by_ms: dice.between(5_000, 72 * 3_600_000) }),
        5..=6 => Happening::Webhook(Fate::Lost),
        7..=8 => {
            let offsets_ms = [2 * 3_600_000, -24 * 3_600_000, 3_600_000, 90_000, -90_000, 400_000, 0];
            Happening::Wall { offset_ms: dice.pick(&offsets_ms) }
        }
        9..=10 => Happening::Refund(dice.pick(&[RefundFate::Slow, RefundFate::FailsLater, RefundFate::Fails])),
        _ => Happening::Twist(dice.pick(&[Twist::Expires, Twist::CapturedPastUs])),
    }
}
