//! What a hold asks for: whether it makes sense, and how a repeat is told from another wish.

use crate::plan::Layout;
use crate::{Ask, Rejection, SeatIdx};

/// Up to here comparing every pair beats sorting, and allocates nothing.
const PAIRWISE_SEATS_MAX: usize = 16;

/// How many places are asked for in all, or what is wrong with the asks.
pub(super) fn check(layout: &Layout, asks: &[Ask]) -> Result<u32, Rejection> {
    let mut wanted_count = 0_u32;
    for ask in asks {
        let count = match ask {
            Ask::Seats(seats) => u32::try_from(seats.len()).unwrap_or(u32::MAX),
            Ask::Best { quantity, .. } | Ask::Ga { quantity, .. } => u32::from(*quantity),
        };
        if count == 0 {
            return Err(Rejection::NothingAsked);
        }
        wanted_count = wanted_count.saturating_add(count);
    }
    if wanted_count == 0 {
        return Err(Rejection::NothingAsked);
    }
    if let Some(unknown) = named_seats(asks).find(|seat| layout.seat(*seat).is_none()) {
        return Err(Rejection::UnknownSeat(unknown));
    }
    for ask in asks {
        check_names(layout, ask)?;
    }
    first_duplicate(asks).map_or(Ok(wanted_count), |seat| Err(Rejection::DuplicateSeat(seat)))
}

/// The seats that are asked for by name.
pub(super) fn named_seats(asks: &[Ask]) -> impl Iterator<Item = SeatIdx> {
    let named = asks.iter().flat_map(|ask| match ask {
        Ask::Seats(seats) => seats.as_slice(),
        Ask::Best { .. } | Ask::Ga { .. } => &[],
    });
    named.copied()
}

/// Sixty-four bits that differ for asks that differ, near enough: a clash harms only who makes it, for the id is
/// theirs. It is journaled, so the function is fixed: FNV-1a over 64-bit words, folded after each.
pub(super) fn digest(asks: &[Ask]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |word: u64| {
        state = (state ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        state ^= state >> 32;
    };
    for ask in asks {
        match ask {
            Ask::Seats(seats) => {
                add(1);
                add(seats.len() as u64);
                seats.iter().for_each(|seat| add(u64::from(seat.0)));
            }
            Ask::Best { quantity, tier, section, accessible } => {
                add(2);
                add(u64::from(*quantity));
                add(tier.map_or(u64::MAX, |tier| u64::from(tier.0)));
                add(section.map_or(u64::MAX, |section| u64::from(section.0)));
                add(u64::from(*accessible));
            }
            Ask::Ga { area, quantity } => {
                add(3);
                add(u64::from(area.0));
                add(u64::from(*quantity));
            }
        }
    }
    state
}

fn check_names(layout: &Layout, ask: &Ask) -> Result<(), Rejection> {
    match ask {
        Ask::Seats(_) => Ok(()),
        Ask::Ga { area, .. } if layout.area(*area).is_none() => Err(Rejection::UnknownArea(*area)),
        Ask::Ga { .. } => Ok(()),
        Ask::Best { tier, section, .. } => {
            if let Some(unknown) = tier.filter(|tier| tier.usize() >= layout.tiers().len()) {
                return Err(Rejection::UnknownTier(unknown));
            }
            let unknown_section = section.is_some_and(|section| section.usize() >= layout.sections().len());
            if unknown_section { Err(Rejection::UnknownSection) } else { Ok(()) }
        }
    }
}

fn first_duplicate(asks: &[Ask]) -> Option<SeatIdx> {
    if named_seats(asks).nth(PAIRWISE_SEATS_MAX).is_none() {
        let mut named = named_seats(asks).enumerate();
        let repeated = named.find(|(position, seat)| named_seats(asks).take(*position).any(|other| other == *seat));
        return repeated.map(|(_, seat)| seat);
    }
    let mut sorted: Vec<SeatIdx> = named_seats(asks).collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
