//! The payment process against the real rules of an event: whatever happens in whatever order, nobody is charged
//! without a seat, no authorization is left standing and no refund unpaid.

use usher_core::{CancelReason, OrderState};
use usher_engine::payments::IntentStatus;

use crate::support::payment_world::Happening::{
    BuyerCancels, CallOff, CaptureFails, Decline, GraceEnds, Lapse, OthersTake, Pay, RefundLine, Run, RunCutOff,
};
use crate::support::payment_world::{Happening, TOTAL, World};

/// Everything that can happen.
const ALL: [Happening; 13] = [
    Pay,
    Decline,
    Run,
    RunCutOff(1),
    RunCutOff(2),
    RunCutOff(4),
    Lapse,
    GraceEnds,
    OthersTake,
    BuyerCancels,
    RefundLine,
    CallOff,
    CaptureFails,
];

fn told(story: &[Happening]) -> World {
    let mut world = World::new();
    story.iter().for_each(|happening| world.happen(*happening));
    world
}

/// Lets what is under way come to rest. Twice, because the second run must find nothing to do.
fn at_rest(mut world: World) -> World {
    world.happen(Run);
    let before = (world.state(), world.intent_status(), world.kept_minor());
    world.happen(Run);
    assert_eq!((world.state(), world.intent_status(), world.kept_minor()), before);
    world
}

#[test]
fn a_paid_order_is_captured_once_however_often_it_is_told() {
    let world = told(&[Run, Decline, Run, Pay, Run, Run, Run]);
    assert_eq!((world.state(), world.captures_count, world.kept_minor()), (OrderState::Paid, 1, TOTAL.0));
}

#[test]
fn a_late_payment_gets_its_seats_back_while_they_are_free_and_else_costs_nothing() {
    let free = told(&[Run, Pay, Lapse, GraceEnds, Run]);
    assert_eq!((free.state(), free.kept_minor()), (OrderState::Paid, TOTAL.0));
    let gone = told(&[Run, Pay, Lapse, GraceEnds, OthersTake, Run]);
    assert_eq!((gone.state(), gone.cancel_reason()), (OrderState::Cancelled, Some(CancelReason::PlacesGone)));
    assert_eq!((gone.intent_status(), gone.captures_count), (Some(IntentStatus::Canceled), 0));
}

#[test]
fn an_order_that_lapses_unpaid_has_its_intent_cancelled_first() {
    let world = told(&[Run, Lapse, RunCutOff(2)]);
    assert_eq!((world.state(), world.intent_status()), (OrderState::AwaitingPayment, Some(IntentStatus::Canceled)));
    let world = told(&[Run, Lapse, Run]);
    assert_eq!(world.cancel_reason(), Some(CancelReason::Lapsed));
}

#[test]
fn a_capture_that_fails_reverses_the_sale_after_the_authorization_is_given_up() {
    let world = told(&[Run, CaptureFails, Pay, Run]);
    assert_eq!((world.state(), world.cancel_reason()), (OrderState::Cancelled, Some(CancelReason::CaptureFailed)));
    assert_eq!((world.intent_status(), world.kept_minor()), (Some(IntentStatus::Canceled), 0));
}

#[test]
fn an_event_that_is_called_off_refunds_what_was_paid_and_gives_up_what_was_authorized() {
    let paid = told(&[Run, Pay, Run, CallOff, Run]);
    assert_eq!((paid.state(), paid.kept_minor(), paid.returned.len()), (OrderState::Refunded, 0, 1));
    let partly = told(&[Run, Pay, Run, RefundLine, CallOff, Run]);
    assert_eq!((partly.state(), partly.kept_minor(), partly.returned.len()), (OrderState::Refunded, 0, 2));
    // Cut off after the confirmation: sold, authorized, not captured.
    let confirmed = told(&[Run, Pay, RunCutOff(2), CallOff]);
    assert_eq!(confirmed.state(), OrderState::Confirmed);
    let confirmed = at_rest(confirmed);
    assert_eq!((confirmed.state(), confirmed.captures_count), (OrderState::Cancelled, 0));
}

/// An order's seven webhooks: made, declined, asks the bank, authorized, captured, refund made, refunded.
#[test]
fn all_orders_of_the_webhooks_of_an_order_each_twice_lead_to_one_end() {
    let before = told(&[Run, Decline, Pay, RefundLine]);
    let mut permutations_count = 0;
    permute(&mut [0, 1, 2, 3, 4, 5, 6], 0, &mut |webhooks| {
        let mut world = before.clone();
        for webhook in webhooks.iter().chain(webhooks.iter().rev()) {
            // A webhook is a hint; which one it is only says how much of the run a crash leaves.
            world.happen(if *webhook == 2 { RunCutOff(3) } else { Run });
        }
        assert_eq!((world.state(), world.captures_count, world.kept_minor()), (OrderState::Paid, 1, TOTAL.0));
        permutations_count += 1;
    });
    assert_eq!(permutations_count, 5_040);
}

#[test]
fn every_story_of_four_happenings_ends_well() {
    let mut stories_count = 0_u64;
    every_story(&told(&[Run]), &mut Vec::new(), 4, &mut |world, story| {
        at_rest(world).check_at_rest(story);
        stories_count += 1;
    });
    assert_eq!(stories_count, (ALL.len() as u64).pow(4));
}

#[test]
fn ten_thousand_long_races_end_with_a_seat_or_with_nothing_charged() {
    for seed in 0..10_000_u64 {
        let mut random = seed;
        let story: Vec<Happening> = (0..24).map(|_| ALL[(next(&mut random) % ALL.len() as u64) as usize]).collect();
        let mut world = World::new();
        story.iter().for_each(|happening| world.happen(*happening));
        at_rest(world).check_at_rest(&story);
    }
}

fn every_story(world: &World, story: &mut Vec<Happening>, left: usize, end: &mut impl FnMut(World, &[Happening])) {
    if left == 0 {
        return end(world.clone(), story);
    }
    for happening in ALL {
        let mut after = world.clone();
        after.happen(happening);
        story.push(happening);
        every_story(&after, story, left - 1, end);
        story.pop();
    }
}

fn permute<const N: usize>(items: &mut [usize; N], from: usize, visit: &mut impl FnMut(&[usize; N])) {
    if from == N {
        return visit(items);
    }
    for at in from..N {
        items.swap(from, at);
        permute(items, from + 1, visit);
        items.swap(from, at);
    }
}

/// splitmix64: small, seeded, good enough to stir a story.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
