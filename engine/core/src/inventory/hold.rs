//! Holds: place, extend, release, expire. All asks of a hold are met, or none.

use std::borrow::Cow;

use super::asks;
use super::best_available::{self, Wish};
use super::claim::{Claim, Places};
use super::claims::Ending;
use super::room::Room;
use super::state::KnownHold;
use super::{Inventory, OrderState};
use crate::{
    AreaIdx, Ask, BuyerId, CancelReason, Fact, HoldId, HoldLine, Minor, Place, PlaceHold, Rejection, SeatIdx, TierIdx,
    UnixMillis,
};

impl Inventory {
    pub(super) fn place_hold(&self, at: UnixMillis, command: &PlaceHold) -> Result<Vec<Fact>, Rejection> {
        let PlaceHold { hold, buyer, asks, seed } = command;
        let asks_digest = asks::digest(asks);
        if let Some(known) = self.state.known_hold(*hold) {
            return check_repeat(&known, at, *buyer, asks_digest).map(|()| Vec::new());
        }
        self.check_selling()?;
        let wanted_count = asks::check(&self.layout, asks)?;
        let limits = &self.state.limits;
        if wanted_count > u32::from(limits.places_per_order_max) {
            return Err(Rejection::OrderLimit { places_max: limits.places_per_order_max });
        }
        let mut room = Room::new(&self.state, at);
        room.check_buyer(*buyer, wanted_count, 1)?;
        take_named(&mut room, asks)?;
        let blocks = self.take_blocks(&mut room, asks, *seed)?;
        take_areas(&mut room, asks)?;
        let lines = self.lines(asks, blocks, wanted_count as usize);
        let mut facts = room.into_facts();
        facts.push(Fact::HoldPlaced {
            hold: *hold,
            buyer: *buyer,
            placed_at: at,
            expires_at: at.plus_ms(limits.hold_ms),
            asks_digest,
            lines,
        });
        Ok(facts)
    }

    pub(super) fn extend_hold(&self, at: UnixMillis, hold: HoldId, buyer: BuyerId) -> Result<Vec<Fact>, Rejection> {
        let claim = self.live_claim(hold, buyer)?;
        if let Some(order) = &claim.order {
            match order.state {
                OrderState::AwaitingPayment if order.places_until.is_some() => return Err(Rejection::HoldExpired),
                OrderState::AwaitingPayment => {}
                state @ (OrderState::Confirmed | OrderState::Paid | OrderState::Cancelled | OrderState::Refunded) => {
                    return Err(Rejection::OrderState { state });
                }
            }
        }
        if claim.expires_at <= at {
            return Err(Rejection::HoldExpired);
        }
        let limits = &self.state.limits;
        let cap = claim.extendable_until(limits);
        if claim.expires_at >= cap {
            return Err(Rejection::HoldAtCap { expires_at: claim.expires_at });
        }
        let expires_at = at.plus_ms(limits.hold_ms).min(cap);
        Ok(if expires_at > claim.expires_at { vec![Fact::HoldExtended { hold, expires_at }] } else { Vec::new() })
    }

    pub(super) fn release_hold(&self, at: UnixMillis, hold: HoldId, buyer: BuyerId) -> Result<Vec<Fact>, Rejection> {
        if let Some(KnownHold::Ended(ended)) = self.state.known_hold(hold)
            && ended.buyer == buyer
            && ended.ending == Ending::Released
        {
            return Ok(Vec::new());
        }
        let claim = self.live_claim(hold, buyer)?;
        if claim.order.is_some() {
            return Err(Rejection::HoldInCheckout);
        }
        if claim.is_overdue(at) {
            return Err(Rejection::HoldExpired);
        }
        Ok(vec![Fact::HoldReleased { hold }])
    }

    /// A due order lapses first, so that its payment can be called off while its places stay.
    pub(super) fn expire_due(&self, at: UnixMillis, holds_max: u16) -> Vec<Fact> {
        let due = self.state.due.range(..=(at, super::claims::Slot::MAX)).take(usize::from(holds_max));
        due.map(|(_, slot)| {
            let claim = self.state.claims.get(*slot);
            match &claim.order {
                Some(order) if order.places_until.is_none() => Fact::CheckoutLapsed {
                    order: order.order,
                    places_until: at.plus_ms(self.state.limits.payment_grace_ms),
                },
                Some(_) | None => Fact::HoldExpired { hold: claim.hold },
            }
        })
        .collect()
    }

    /// The buyer's claim, if it has its places.
    pub(super) fn live_claim(&self, hold: HoldId, buyer: BuyerId) -> Result<&Claim, Rejection> {
        match self.state.known_hold(hold) {
            Some(KnownHold::Claimed(claim)) if claim.buyer == buyer => match claim.places {
                Places::Held | Places::Sold => Ok(claim),
                Places::Returned => Err(why_returned(claim)),
            },
            Some(KnownHold::Ended(ended)) if ended.buyer == buyer => Err(why_ended(ended.ending)),
            Some(KnownHold::Claimed(_) | KnownHold::Ended(_)) | None => Err(Rejection::UnknownHold),
        }
    }

    /// Chooses a block for each best-available ask, in their order.
    fn take_blocks(&self, room: &mut Room<'_>, asks: &[Ask], seed: u64) -> Result<Vec<Vec<SeatIdx>>, Rejection> {
        let mut blocks = Vec::new();
        let mut free = Cow::Borrowed(self.state.seats.free_bits());
        let mut mine: Vec<SeatIdx> = Vec::new();
        for ask in asks {
            let Ask::Best { quantity, tier, section, accessible } = *ask else { continue };
            if asks.len() > 1 && mine.is_empty() {
                mine.extend(asks::named_seats(asks));
                mark(free.to_mut(), mine.iter().copied(), false);
            }
            let wish = Wish { quantity: u32::from(quantity), tier, section, accessible, seed };
            let block = match best_available::choose(&self.layout, &self.guide, &free, &wish) {
                Ok(block) => block,
                Err(_) => {
                    // What the free seats lack, overdue holds may have.
                    mark(free.to_mut(), room.overdue_seats().filter(|seat| !mine.contains(seat)), true);
                    best_available::choose(&self.layout, &self.guide, &free, &wish)
                        .map_err(|seats_left| Rejection::NoBlockLeft { seats_left })?
                }
            };
            for seat in &block {
                assert!(room.take_seat(*seat), "only free seats are chosen");
            }
            if asks.len() > 1 {
                mark(free.to_mut(), block.iter().copied(), false);
                mine.extend(&block);
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn lines(&self, asks: &[Ask], blocks: Vec<Vec<SeatIdx>>, places_count: usize) -> Vec<HoldLine> {
        let mut lines = Vec::with_capacity(places_count);
        let mut blocks = blocks.into_iter();
        let seat_line = |seat: SeatIdx| HoldLine {
            place: Place::Seat(seat),
            price_minor: self.listed_price(self.layout.seats()[seat.usize()].tier),
        };
        for ask in asks {
            match ask {
                Ask::Seats(seats) => lines.extend(seats.iter().map(|seat| seat_line(*seat))),
                Ask::Best { .. } => {
                    let block = blocks.next().expect("one block for each best-available ask");
                    lines.extend(block.into_iter().map(seat_line));
                }
                Ask::Ga { area, quantity } => {
                    let price_minor = self.listed_price(self.layout.areas()[area.usize()].tier);
                    let line = HoldLine { place: Place::Ga(*area), price_minor };
                    lines.extend(std::iter::repeat_n(line, usize::from(*quantity)));
                }
            }
        }
        lines
    }

    fn listed_price(&self, tier: TierIdx) -> Minor {
        self.price(tier).expect("publication prices every tier")
    }
}

/// Whether a known id comes again with the same content and the hold still has its places.
fn check_repeat(known: &KnownHold<'_>, at: UnixMillis, buyer: BuyerId, asks_digest: u64) -> Result<(), Rejection> {
    match known {
        KnownHold::Claimed(claim) if claim.buyer == buyer && claim.asks_digest == asks_digest => match claim.places {
            Places::Held if claim.order.is_none() && claim.is_overdue(at) => Err(Rejection::HoldExpired),
            Places::Held | Places::Sold => Ok(()),
            Places::Returned => Err(why_returned(claim)),
        },
        KnownHold::Ended(ended) if ended.buyer == buyer && ended.asks_digest == asks_digest => {
            Err(why_ended(ended.ending))
        }
        KnownHold::Claimed(_) | KnownHold::Ended(_) => Err(Rejection::HoldIdReused),
    }
}

/// What became of a hold whose order has lost its places.
fn why_returned(claim: &Claim) -> Rejection {
    match claim.order.as_ref().and_then(|order| order.cancel_reason) {
        Some(CancelReason::Lapsed | CancelReason::PlacesGone) => Rejection::HoldExpired,
        Some(
            CancelReason::Buyer
            | CancelReason::AmountMismatch
            | CancelReason::CaptureFailed
            | CancelReason::EventCancelled,
        ) => Rejection::HoldReleased,
        // Not cancelled: either time took the places before a payment came, or a refund returned them.
        None => match claim.order.as_ref().map(|order| order.state) {
            Some(OrderState::Refunded) => Rejection::HoldReleased,
            Some(OrderState::AwaitingPayment | OrderState::Confirmed | OrderState::Paid | OrderState::Cancelled)
            | None => Rejection::HoldExpired,
        },
    }
}

fn why_ended(ending: Ending) -> Rejection {
    match ending {
        Ending::Released => Rejection::HoldReleased,
        Ending::Expired => Rejection::HoldExpired,
    }
}

fn take_named(room: &mut Room<'_>, asks: &[Ask]) -> Result<(), Rejection> {
    let taken: Vec<SeatIdx> = asks::named_seats(asks).filter(|seat| !room.take_seat(*seat)).collect();
    if taken.is_empty() { Ok(()) } else { Err(Rejection::SeatsTaken { seats: taken }) }
}

fn take_areas(room: &mut Room<'_>, asks: &[Ask]) -> Result<(), Rejection> {
    let places_in = |wanted: AreaIdx| -> u32 {
        let counts = asks.iter().map(|ask| match ask {
            Ask::Ga { area, quantity } if *area == wanted => u32::from(*quantity),
            Ask::Ga { .. } | Ask::Seats(_) | Ask::Best { .. } => 0,
        });
        counts.sum()
    };
    for ask in asks {
        let Ask::Ga { area, .. } = ask else { continue };
        let wanted_count = places_in(*area);
        let left_count = room.clear_area(*area, wanted_count);
        if left_count < wanted_count {
            return Err(Rejection::AreaFull { area: *area, left_count });
        }
    }
    Ok(())
}

fn mark(bits: &mut [u64], seats: impl Iterator<Item = SeatIdx>, free: bool) {
    for seat in seats {
        let word = &mut bits[seat.usize() / 64];
        *word = *word & !(1 << (seat.0 % 64)) | u64::from(free) << (seat.0 % 64);
    }
}
