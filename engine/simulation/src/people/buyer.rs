//! One buyer's way from a wish to a ticket, or to any of the ways it ends before.

use usher_core::{AreaIdx, Ask, BuyerId, HoldId, HoldView, OrderId, OrderState, PlaceHold};

use super::Client;
use crate::dice::Dice;
use crate::faults::Hit;
use crate::script::{Journey, Pay, Then};
use crate::stripe::Card;
use crate::world::Outside;

/// How often a buyer looks at an order that is being paid.
const LOOKS_MAX: u32 = 8;

fn buyer_id(buyer: u64) -> BuyerId {
    BuyerId(0xb000 + u128::from(buyer))
}

fn hold_id(index: u64) -> HoldId {
    HoldId(0x1000 + u128::from(index))
}

/// The order of a journey.
pub(crate) fn order_id(index: u64) -> OrderId {
    OrderId(0x2000 + u128::from(index))
}

/// Goes all the way, or as far as one gets.
pub(crate) async fn buy(outside: Outside, index: u64, journey: Journey) {
    let dice = Dice::of(&[outside.seed, 0xb07e2, index]);
    let mut client = Client { outside, dice, tries: journey.tries, hangs_up: false };
    let Some(hold) = place(&mut client, index, &journey).await else { return };
    client.hangs_up = journey.hangs_up;
    let (id, buyer) = (hold.hold, hold.buyer);
    match journey.then {
        Then::Abandon => client.outside.faults.count(Hit::Other("a buyer walked away")),
        Then::Release { after_ms } => {
            client.wait_ms(after_ms).await;
            let _ = client.insist(|house| house.release_hold(id, buyer)).await;
        }
        Then::Extend { after_ms } => {
            client.wait_ms(after_ms).await;
            let _ = client.insist(|house| house.extend_hold(id, buyer)).await;
        }
        Then::Buy { after_ms, extends, pay } => {
            for _ in 0..extends {
                client.wait_ms(after_ms).await;
                let _ = client.insist(|house| house.extend_hold(id, buyer)).await;
            }
            client.wait_ms(after_ms).await;
            let order = order_id(index);
            if let Ok(begun) = client.insist(|house| house.checkout(id, buyer, order)).await {
                settle(&mut client, order, buyer, begun.intent, pay).await;
            }
        }
    }
}

async fn place(client: &mut Client, index: u64, journey: &Journey) -> Option<HoldView> {
    let place = PlaceHold {
        hold: hold_id(index),
        buyer: buyer_id(journey.buyer),
        asks: journey.asks.clone(),
        seed: client.dice.next(),
    };
    if !journey.clicks_twice {
        client.hangs_up = journey.hangs_up && client.dice.chance(50);
        return client.insist(|house| house.place_hold(place.clone())).await.ok();
    }
    client.outside.faults.count(Hit::Other("a buyer clicked twice"));
    let mut second = Client {
        outside: client.outside.clone(),
        dice: Dice::of(&[client.dice.next()]),
        tries: journey.tries,
        hangs_up: false,
    };
    let again = place.clone();
    let (one, other) = futures_util::join!(
        client.insist(|house| house.place_hold(place.clone())),
        second.insist(|house| house.place_hold(again.clone()))
    );
    if let (Ok(one), Ok(other)) = (&one, &other)
        && one.lines != other.lines
    {
        let what = format!("{} was told as {:?} and as {:?}", one.hold, one.lines, other.lines);
        client.outside.audit.violate("I2-two-answers", what);
    }
    one.or(other).ok()
}

/// Asks for a place soon after the faults have ended: a *no* is an answer, silence is none.
pub(crate) async fn probe(outside: Outside, index: u64) {
    let dice = Dice::of(&[outside.seed, 0xb07e2, index]);
    let mut client = Client { outside, dice, tries: 20, hangs_up: false };
    let asks = vec![Ask::Ga { area: AreaIdx(0), quantity: 1 }];
    let place = PlaceHold { hold: hold_id(index), buyer: buyer_id(index), asks, seed: 0 };
    if client.insist(|house| house.place_hold(place.clone())).await == Err(None) {
        client.outside.audit.violate("I6-no-answer", "faults ended five minutes ago, nobody answers".to_owned());
    }
}

async fn settle(client: &mut Client, order: OrderId, buyer: BuyerId, intent: Option<String>, pay: Pay) {
    match (pay, intent) {
        (Pay::Never, _) => {}
        (Pay::Cancel { after_ms }, _) => {
            client.wait_ms(after_ms).await;
            let _ = client.insist(|house| house.cancel_order(order, buyer)).await;
        }
        (Pay::With { card, after_ms, again }, Some(intent)) => {
            client.wait_ms(after_ms).await;
            give_card(client, &intent, card).await;
            if again && matches!(card, Card::Declined | Card::SecureFails) {
                let ms = client.dice.between(500, 15_000);
                client.wait_ms(ms).await;
                give_card(client, &intent, Card::Good).await;
            }
            watch(client, order).await;
        }
        (Pay::With { .. }, None) => watch(client, order).await,
    }
}

async fn give_card(client: &mut Client, intent: &str, card: Card) {
    let stripe = client.outside.stripe.clone();
    if !stripe.confirm(intent, card) {
        return client.outside.faults.count(Hit::Other("a card came when the payment was over"));
    }
    client.outside.faults.count(Hit::Other(match card {
        Card::Good => "card: good",
        Card::Declined => "card: declined",
        Card::Secure => "card: 3-D Secure passed",
        Card::SecureFails => "card: 3-D Secure failed",
        Card::SecureNever => "card: 3-D Secure never answered",
        Card::Slow => "card: slow",
        Card::CaptureFails => "card: the capture fails",
    }));
    let answered = match card {
        Card::Good | Card::Declined | Card::CaptureFails | Card::SecureNever => None,
        Card::Secure | Card::Slow => Some(true),
        Card::SecureFails => Some(false),
    };
    if let Some(approved) = answered {
        let ms = client.dice.between(500, 40_000);
        client.wait_ms(ms).await;
        stripe.finish(intent, approved);
    }
}

async fn watch(client: &mut Client, order: OrderId) {
    for _ in 0..LOOKS_MAX {
        match client.insist(|house| house.order(order)).await {
            Ok(OrderState::AwaitingPayment | OrderState::Confirmed) => {}
            Ok(OrderState::Paid | OrderState::Cancelled | OrderState::Refunded) | Err(_) => return,
        }
        let ms = client.dice.between(1_000, 12_000);
        client.wait_ms(ms).await;
    }
}
