//! What the organizer does: opens the sale, changes it while it runs, refunds, and at times calls it off.

use usher_core::{Command, Limits, Minor, Phase, Priced, RefundId, RefundLines, TierIdx};

use super::Client;
use crate::dice::Dice;
use crate::faults::Hit;
use crate::house::{DIGEST, currency};
use crate::script::Step;
use crate::world::Outside;

/// An organizer does not give up soon.
const TRIES: u32 = 60;

fn organizer(outside: &Outside, index: u64) -> Client {
    let dice = Dice::of(&[outside.seed, 0x0749, index]);
    Client { outside: outside.clone(), dice, tries: TRIES, hangs_up: false }
}

/// Short times, so that much happens in few minutes.
fn limits() -> Limits {
    Limits {
        places_per_order_max: 4,
        places_per_buyer_max: 6,
        holds_per_buyer_max: 2,
        hold_ms: 60_000,
        hold_total_max_ms: 180_000,
        payment_grace_ms: 15_000,
    }
}

fn prices(front_minor: u64) -> Vec<Priced> {
    vec![
        Priced { tier: TierIdx(0), price_minor: Minor(front_minor) },
        Priced { tier: TierIdx(1), price_minor: Minor(3_000) },
    ]
}

pub(crate) async fn open_sale(outside: Outside) {
    let mut client = organizer(&outside, u64::MAX);
    let publish =
        Command::Publish { plan_digest: DIGEST, currency: currency(), limits: limits(), prices: prices(5_000) };
    for command in [publish, Command::Open] {
        let _ = client.insist(|house| house.command(command.clone())).await;
    }
}

/// Goes on selling, whatever the sale was paused for.
pub(crate) async fn reopen(outside: Outside) {
    let mut client = organizer(&outside, u64::MAX - 1);
    for command in [Command::Open, Command::Resume] {
        let _ = client.insist(|house| house.command(command.clone())).await;
    }
}

pub(crate) async fn organize(outside: Outside, index: u64, step: Step) {
    let mut client = organizer(&outside, index);
    outside.faults.count(Hit::Other(match &step {
        Step::Pause { .. } => "organizer: pause",
        Step::Block { .. } => "organizer: block",
        Step::Prices { .. } => "organizer: prices",
        Step::RefundOrder { .. } => "organizer: refund of an order",
        Step::RefundLine { .. } => "organizer: refund of a line",
        Step::Close => "organizer: close",
        Step::CallOff { .. } => "organizer: call off",
    }));
    match step {
        Step::Pause { for_ms } => {
            let _ = client.insist(|house| house.command(Command::Pause)).await;
            client.wait_ms(for_ms).await;
            let _ = client.insist(|house| house.command(Command::Resume)).await;
        }
        Step::Block { seats, for_ms } => {
            let blocked =
                client.insist(|house| house.command(Command::BlockSeats { seats: seats.clone() })).await.is_ok();
            client.wait_ms(for_ms).await;
            if blocked {
                let unblock = Command::UnblockSeats { seats };
                let _ = client.insist(|house| house.command(unblock.clone())).await;
            }
        }
        Step::Prices { front_minor } => {
            let command = Command::ChangePrices { prices: prices(front_minor) };
            let _ = client.insist(|house| house.command(command.clone())).await;
        }
        Step::RefundOrder { nth } => refund(&mut client, index, nth, false).await,
        Step::RefundLine { nth } => refund(&mut client, index, nth, true).await,
        Step::Close => {
            let _ = client.insist(|house| house.command(Command::Close)).await;
        }
        Step::CallOff { insists } => {
            if !insists {
                client.tries = 1;
            }
            let _ = client.insist(|house| house.call_off()).await;
        }
    }
}

async fn refund(client: &mut Client, index: u64, nth: u64, one_line: bool) {
    let paid = client.outside.durable.paid_orders();
    let Some((order, lines_count)) = usize::try_from(nth).ok().and_then(|nth| paid.get(nth).copied()) else { return };
    let lines = if one_line {
        let line = client.dice.below(lines_count.max(1) as u64);
        RefundLines::Lines(vec![u16::try_from(line).unwrap_or(0)])
    } else {
        RefundLines::All
    };
    let refund = RefundId(0x3000 + u128::from(index));
    let _ = client.insist(|house| house.refund(order, refund, lines.clone())).await;
}

/// Whether somebody can buy, once everything is quiet.
pub(crate) fn sells(phase: Phase) -> bool {
    match phase {
        Phase::Announced | Phase::OnSale | Phase::Paused => true,
        Phase::Draft | Phase::Closed | Phase::Cancelled => false,
    }
}
