//! What must be true after every fact, as predicates with ids. The claims are taken at their word; everything that
//! repeats them (the seats, the areas, the counts, the indexes) is held against a fresh count.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Claim, Places};
use super::state::{Buyer, HoldEntry, State, Tally};
use super::{OrderState, SeatStatus};
use crate::plan::Layout;
use crate::{BuyerId, Place, SeatIdx};

/// Every broken invariant, each with its id.
pub(super) fn broken(layout: &Layout, state: &State) -> Vec<String> {
    let mut found = Vec::new();
    seats(state, &mut found);
    areas(layout, state, &mut found);
    counts(layout, state, &mut found);
    buyers(state, &mut found);
    due(state, &mut found);
    ids(state, &mut found);
    for (_, claim) in state.claims.iter() {
        order(claim, &mut found);
    }
    found
}

/// `seat-once`: no seat is in two claims. `seat-claim`: a seat is held or sold if and only if a claim has it in that
/// state. `seat-bits`: the free bits say what the packed states say.
fn seats(state: &State, found: &mut Vec<String>) {
    let mut owners = BTreeMap::new();
    for (slot, claim) in state.claims.iter() {
        let Some(status) = status_of(claim) else { continue };
        for (_, line) in claim.kept_lines() {
            if let Place::Seat(seat) = line.place
                && owners.insert(seat, (slot, status)).is_some()
            {
                found.push(format!("seat-once: {seat:?} is in two claims"));
            }
        }
    }
    for seat in (0..u32::try_from(state.seats.seats_count()).expect("seats are indexed by u32")).map(SeatIdx) {
        let status = state.seats.status(seat);
        let expected = owners.get(&seat).map_or((None, SeatStatus::Available), |(slot, status)| (Some(*slot), *status));
        let without_claim = status == SeatStatus::Blocked && expected.0.is_none();
        if !without_claim && (state.seats.claim(seat), status) != expected {
            found.push(format!("seat-claim: {seat:?} is {status:?}, its claim says {expected:?}"));
        }
        let is_free = (state.seats.free_bits()[seat.usize() / 64] >> (seat.0 % 64)) & 1 == 1;
        if is_free != (status == SeatStatus::Available) {
            found.push(format!("seat-bits: {seat:?} is {status:?}, its free bit is {is_free}"));
        }
    }
}

/// `area-count`: an area's held and sold places are those of its claims. `area-capacity`: they sum to its capacity.
fn areas(layout: &Layout, state: &State, found: &mut Vec<String>) {
    let mut expected: Vec<Tally<u32>> = vec![[0; 4]; state.areas.len()];
    for (_, claim) in state.claims.iter() {
        let Some(status) = status_of(claim) else { continue };
        for (_, line) in claim.kept_lines() {
            if let Place::Ga(area) = line.place {
                expected[area.usize()][status as usize] += 1;
            }
        }
    }
    for ((area, tally), expected) in layout.areas().iter().zip(&state.areas).zip(&expected) {
        if tally[1..] != expected[1..] {
            found.push(format!("area-count: {} has {tally:?}, its claims say {expected:?}", area.code));
        }
        if tally.iter().sum::<u32>() != area.capacity {
            found.push(format!("area-capacity: {} has {tally:?} of {}", area.code, area.capacity));
        }
    }
}

/// `capacity`: free + held + sold + blocked = capacity. `count`: each of them is what the seats and areas say.
fn counts(layout: &Layout, state: &State, found: &mut Vec<String>) {
    let mut expected: Tally<u64> = [0; 4];
    for seat in (0..u32::try_from(state.seats.seats_count()).expect("seats are indexed by u32")).map(SeatIdx) {
        expected[state.seats.status(seat) as usize] += 1;
    }
    for tally in &state.areas {
        for (sum, count) in expected.iter_mut().zip(tally) {
            *sum += u64::from(*count);
        }
    }
    if state.counts != expected {
        found.push(format!("count: {:?} are counted, {expected:?} are there", state.counts));
    }
    if state.counts.iter().sum::<u64>() != layout.capacity() {
        found.push(format!("capacity: {:?} of {}", state.counts, layout.capacity()));
    }
}

/// `buyer-places`: what is counted for a buyer is what the buyer's claims say. `buyer-limit`: it is within the limits.
fn buyers(state: &State, found: &mut Vec<String>) {
    let mut expected: BTreeMap<BuyerId, Buyer> = BTreeMap::new();
    for (_, claim) in state.claims.iter().filter(|(_, claim)| claim.places != Places::Returned) {
        let buyer = expected.entry(claim.buyer).or_default();
        buyer.places_count += u32::try_from(claim.kept_lines().count()).expect("lines are numbered by u16");
        buyer.held_count += u32::from(claim.places == Places::Held);
    }
    let counted: BTreeMap<BuyerId, Buyer> = state.buyers.iter().map(|(id, buyer)| (*id, *buyer)).collect();
    if counted != expected {
        found.push(format!("buyer-places: {counted:?} are counted, {expected:?} are there"));
    }
    let (places_max, holds_max) = (state.limits.places_per_buyer_max, state.limits.holds_per_buyer_max);
    for (id, buyer) in state.buyers.iter() {
        if buyer.places_count > u32::from(places_max) || buyer.held_count > u32::from(holds_max) {
            found.push(format!("buyer-limit: {id} has {buyer:?}"));
        }
    }
}

/// `due-index`: a claim is due some time if and only if its places are held.
fn due(state: &State, found: &mut Vec<String>) {
    let held = state.claims.iter().filter(|(_, claim)| claim.places == Places::Held);
    let expected: BTreeSet<_> = held.map(|(slot, claim)| (claim.due_at(), slot)).collect();
    if state.due != expected {
        found.push(format!("due-index: {:?} are due, {expected:?} should be", state.due));
    }
}

/// `id-index`: every claim and tombstone is found by its ids, and nothing else is.
fn ids(state: &State, found: &mut Vec<String>) {
    let claimed = state.claims.iter().map(|(slot, claim)| (claim.hold, HoldEntry::Claimed(slot)));
    let ended = state.claims.all_ended().map(|(position, ended)| (ended.hold, HoldEntry::Ended(position)));
    let holds: BTreeMap<_, _> = claimed.chain(ended).collect();
    let orders = state.claims.iter().filter_map(|(slot, claim)| Some((claim.order.as_ref()?.order, slot)));
    if holds != state.holds.iter().map(|(id, entry)| (*id, *entry)).collect() {
        found.push("id-index: the holds' index and the holds differ".to_owned());
    }
    if orders.collect::<BTreeMap<_, _>>() != state.orders.iter().map(|(id, slot)| (*id, *slot)).collect() {
        found.push("id-index: the orders' index and the orders differ".to_owned());
    }
    if !state.claims.is_consistent() {
        found.push("id-index: vacant slots and tombstones do not fit".to_owned());
    }
}

/// `order-places`: an order's state and its places agree. `hold-ended`: a claim without an order is a live hold.
/// `refund-once`: no line is refunded twice, none that is not there.
fn order(claim: &Claim, found: &mut Vec<String>) {
    let Some(order) = &claim.order else {
        if claim.places != Places::Held {
            found.push(format!("hold-ended: {} ended and yet stays", claim.hold));
        }
        return;
    };
    let agrees = match order.state {
        OrderState::AwaitingPayment => claim.places != Places::Sold,
        OrderState::Confirmed | OrderState::Paid => claim.places == Places::Sold,
        OrderState::Cancelled | OrderState::Refunded => claim.places == Places::Returned,
    };
    if !agrees {
        found.push(format!("order-places: {} is {:?}, its places are {:?}", order.order, order.state, claim.places));
    }
    let refunded: BTreeSet<u16> = order.refunds.iter().flat_map(|refund| &refund.lines).copied().collect();
    let beyond = refunded.iter().any(|line| usize::from(*line) >= claim.lines.len());
    if beyond || refunded.len() != order.refunded_count() {
        found.push(format!("refund-once: {} has refunds {:?}", order.order, order.refunds));
    }
}

fn status_of(claim: &Claim) -> Option<SeatStatus> {
    match claim.places {
        Places::Held => Some(SeatStatus::Held),
        Places::Sold => Some(SeatStatus::Sold),
        Places::Returned => None,
    }
}
