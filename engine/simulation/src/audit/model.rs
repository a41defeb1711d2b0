//! The auditor's own picture of an event: who has which place, and how each order stands. It folds facts and nothing
//! else, in the plainest way there is, and says what cannot be instead of refusing it.

use std::collections::{BTreeMap, BTreeSet};

use usher_core::plan::Layout;
use usher_core::{
    AreaIdx, BuyerId, CancelReason, Counts, HoldId, HoldLine, Limits, Minor, OrderId, OrderState, Phase, Place,
    RefundId, SeatIdx, SeatStatus, TierIdx,
};
use usher_engine::event::View;
use usher_engine::journal::EntryHash;

/// Who has a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Free,
    Blocked,
    Taken { by: HoldId, sold: bool },
}

/// Where a claim's places are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    Held,
    Sold,
    Returned,
}

#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) buyer: BuyerId,
    pub(crate) lines: Vec<HoldLine>,
    pub(crate) placed_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) places: Places,
    pub(crate) order: Option<OrderId>,
}

#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) lines: Vec<u16>,
    pub(crate) amount_minor: u64,
    pub(crate) paid: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) hold: HoldId,
    /// Every state it was ever in, the current one last.
    pub(crate) states: Vec<OrderState>,
    pub(crate) reason: Option<CancelReason>,
    pub(crate) places_until_ms: Option<i64>,
    pub(crate) total_minor: u64,
    pub(crate) refunds: BTreeMap<RefundId, Refund>,
}

impl Order {
    pub(crate) fn state(&self) -> OrderState {
        self.states.last().copied().unwrap_or(OrderState::AwaitingPayment)
    }

    pub(crate) fn refunded_lines(&self) -> BTreeSet<u16> {
        self.refunds.values().flat_map(|refund| &refund.lines).copied().collect()
    }

    pub(crate) fn refunded_minor(&self) -> u64 {
        self.refunds.values().map(|refund| refund.amount_minor).sum()
    }
}

/// The picture.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) head_seq: u64,
    pub(crate) head_hash: EntryHash,
    pub(crate) phases: Vec<Phase>,
    pub(crate) limits: Limits,
    pub(crate) prices: Vec<Option<Minor>>,
    seat_tiers: Vec<TierIdx>,
    area_tiers: Vec<TierIdx>,
    pub(crate) seats: Vec<Slot>,
    /// The last entry in which a seat became free.
    pub(crate) freed_seq: Vec<u64>,
    /// Places, held and sold, by area.
    pub(crate) areas: Vec<(u32, u32, u32)>,
    pub(crate) holds: BTreeMap<HoldId, Hold>,
    pub(crate) orders: BTreeMap<OrderId, Order>,
}

impl Model {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            head_seq: 0,
            head_hash: [0; 32],
            phases: vec![Phase::Draft],
            limits: Limits::default(),
            prices: vec![None; layout.tiers().len()],
            seat_tiers: layout.seats().iter().map(|seat| seat.tier).collect(),
            area_tiers: layout.areas().iter().map(|area| area.tier).collect(),
            seats: vec![Slot::Free; layout.seats().len()],
            freed_seq: vec![0; layout.seats().len()],
            areas: layout.areas().iter().map(|area| (area.capacity, 0, 0)).collect(),
            holds: BTreeMap::new(),
            orders: BTreeMap::new(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phases.last().copied().unwrap_or(Phase::Draft)
    }

    /// The price of a place that is held now.
    pub(super) fn price(&self, place: Place) -> Option<Minor> {
        let tier = match place {
            Place::Seat(seat) => self.seat_tiers.get(seat.usize()),
            Place::Ga(area) => self.area_tiers.get(area.usize()),
        };
        tier.and_then(|tier| self.prices.get(tier.usize()).copied().flatten())
    }

    pub(super) fn tier(&self, seat: SeatIdx) -> Option<TierIdx> {
        self.seat_tiers.get(seat.usize()).copied()
    }

    /// Gives places to a hold; what cannot be.
    pub(super) fn take(&mut self, by: HoldId, lines: &[HoldLine], sold: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for line in lines {
            match line.place {
                Place::Seat(seat) => match self.seats.get_mut(seat.usize()) {
                    Some(slot) => {
                        if *slot != Slot::Free {
                            wrong.push(format!("{by} takes {seat:?}, which is {slot:?}"));
                        }
                        *slot = Slot::Taken { by, sold };
                    }
                    None => wrong.push(format!("{by} takes {seat:?}, which is not there")),
                },
                Place::Ga(area) => match self.areas.get_mut(area.usize()) {
                    Some((capacity, held, sold_count)) => {
                        *(if sold { &mut *sold_count } else { &mut *held }) += 1;
                        if *held + *sold_count > *capacity {
                            wrong.push(format!("{by} takes a place of {area:?} past its {capacity}"));
                        }
                    }
                    None => wrong.push(format!("{by} takes a place of {area:?}, which is not there")),
                },
            }
        }
        wrong
    }

    /// Turns held places into sold ones; what cannot be.
    pub(super) fn sell(&mut self, by: HoldId, lines: &[HoldLine]) -> Vec<String> {
        let mut wrong = self.give_back(by, lines, false);
        wrong.extend(self.take(by, lines, true));
        wrong
    }

    /// Frees places; what cannot be.
    pub(super) fn give_back(&mut self, by: HoldId, lines: &[HoldLine], sold: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for line in lines {
            match line.place {
                Place::Seat(seat) => {
                    if self.seats.get(seat.usize()) != Some(&(Slot::Taken { by, sold })) {
                        wrong.push(format!("{by} gives {seat:?} back, which it does not have"));
                    } else {
                        self.seats[seat.usize()] = Slot::Free;
                        self.freed_seq[seat.usize()] = self.head_seq;
                    }
                }
                Place::Ga(area) => {
                    let Some((_, held, sold_count)) = self.areas.get_mut(area.usize()) else { continue };
                    let count = if sold { sold_count } else { held };
                    match count.checked_sub(1) {
                        Some(left) => *count = left,
                        None => wrong.push(format!("{by} gives a place of {area:?} back that nobody has")),
                    }
                }
            }
        }
        wrong
    }

    /// Places that a buyer holds and owns.
    pub(super) fn places_of(&self, buyer: BuyerId) -> usize {
        let mine = self.holds.values().filter(|hold| hold.buyer == buyer && hold.places != Places::Returned);
        mine.map(|hold| {
            let order = hold.order.and_then(|order| self.orders.get(&order));
            hold.lines.len() - order.map_or(0, |order| order.refunded_lines().len())
        })
        .sum()
    }

    /// Holds of a buyer whose places are held.
    pub(super) fn holds_of(&self, buyer: BuyerId) -> usize {
        self.holds.values().filter(|hold| hold.buyer == buyer && hold.places == Places::Held).count()
    }

    fn status(&self, seat: usize) -> SeatStatus {
        match self.seats[seat] {
            Slot::Free => SeatStatus::Available,
            Slot::Blocked => SeatStatus::Blocked,
            Slot::Taken { sold: false, .. } => SeatStatus::Held,
            Slot::Taken { sold: true, .. } => SeatStatus::Sold,
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for seat in 0..self.seats.len() {
            *(match self.status(seat) {
                SeatStatus::Available => &mut counts.available_count,
                SeatStatus::Held => &mut counts.held_count,
                SeatStatus::Sold => &mut counts.sold_count,
                SeatStatus::Blocked => &mut counts.blocked_count,
            }) += 1;
        }
        for (capacity, held, sold) in &self.areas {
            counts.available_count += u64::from(capacity.saturating_sub(held + sold));
            counts.held_count += u64::from(*held);
            counts.sold_count += u64::from(*sold);
        }
        counts
    }

    /// Where what readers see differs from the journal.
    pub(super) fn differences(&self, view: &View) -> Vec<String> {
        let mut wrong = Vec::new();
        for seat in 0..self.seats.len() {
            let shown = u32::try_from(seat).ok().and_then(|seat| view.seat_status(SeatIdx(seat)));
            if shown != Some(self.status(seat)) {
                wrong.push(format!("seat {seat} is shown {shown:?}, it is {:?}", self.status(seat)));
            }
        }
        for (area, (capacity, held, sold)) in self.areas.iter().enumerate() {
            let free = capacity.saturating_sub(held + sold);
            if view.areas_free.get(area) != Some(&free) {
                wrong.push(format!("area {area} is shown with {:?}, it has {free}", view.areas_free.get(area)));
            }
        }
        if view.counts != self.counts() {
            wrong.push(format!("{:?} are shown, there are {:?}", view.counts, self.counts()));
        }
        let capacity = self.seats.len() as u64 + self.areas.iter().map(|area| u64::from(area.0)).sum::<u64>();
        let Counts { available_count, held_count, sold_count, blocked_count } = view.counts;
        if available_count + held_count + sold_count + blocked_count != capacity {
            wrong.push(format!("{:?} do not sum to {capacity}", view.counts));
        }
        if view.phase != self.phase() || *view.prices != *self.prices {
            wrong.push(format!("{:?} at {:?} is shown", view.phase, view.prices));
        }
        wrong
    }

    /// A place that is free to all: a seat, or an area.
    pub(crate) fn any_free(&self) -> Option<Place> {
        let seat = self.seats.iter().position(|slot| *slot == Slot::Free);
        let seat = seat.and_then(|seat| u32::try_from(seat).ok()).map(|seat| Place::Seat(SeatIdx(seat)));
        seat.or_else(|| {
            let area = self.areas.iter().position(|(capacity, held, sold)| held + sold < *capacity);
            area.and_then(|area| u16::try_from(area).ok()).map(|area| Place::Ga(AreaIdx(area)))
        })
    }
}
