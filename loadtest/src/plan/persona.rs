//! The kinds of buyers there are, and how often each comes.

use rand::RngExt;
use rand::rngs::StdRng;

/// How a buyer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Persona {
    /// Holds, checks out, pays, fetches the tickets.
    Buys,
    /// Holds and walks away.
    AbandonsHold,
    /// Holds and gives the places back.
    Releases,
    /// Checks out and walks away.
    AbandonsOrder,
    /// Checks out and calls the order off.
    CancelsOrder,
    /// Thinks it over, keeps the places by an extension, then pays.
    PaysLate,
    /// The card is declined; that was it.
    IsDeclined,
    /// The first card is declined, the second pays.
    PaysWithSecondCard,
    /// Proves to the bank who they are, and pays.
    Authenticates,
    /// Refuses the bank's question.
    RefusesAuthentication,
    /// The bank authorizes and then refuses the capture: the sale is reversed.
    CaptureFails,
    /// Vanishes in the middle of each request, and repeats it with the same key.
    Vanishes,
    /// Sends everything twice at once.
    DoubleClicks,
}

/// A test card of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// Pays.
    Pays,
    /// Is declined.
    Declined,
    /// Asks its holder first.
    Authenticates,
    /// Is authorized; then the capture fails.
    CaptureFails,
}

/// How requests that change something are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Once.
    Once,
    /// Twice at the same time, under one key.
    Twice,
    /// Dropped under way, then twice one after the other, under one key.
    DroppedThenRepeated,
}

/// Where a buyer stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After the hold, leaving it.
    Hold,
    /// After giving the hold back.
    Release,
    /// After checkout, leaving the order.
    Order,
    /// After calling the order off.
    Cancel,
    /// Nowhere: with tickets in hand, if payment goes through.
    End,
}

impl Persona {
    /// All of them, with how many of a hundred are such.
    pub const WEIGHTS: [(Self, u32); 13] = [
        (Self::Buys, 42),
        (Self::AbandonsHold, 6),
        (Self::Releases, 7),
        (Self::AbandonsOrder, 5),
        (Self::CancelsOrder, 4),
        (Self::PaysLate, 6),
        (Self::IsDeclined, 4),
        (Self::PaysWithSecondCard, 4),
        (Self::Authenticates, 6),
        (Self::RefusesAuthentication, 2),
        (Self::CaptureFails, 2),
        (Self::Vanishes, 6),
        (Self::DoubleClicks, 6),
    ];

    /// Draws one.
    #[must_use]
    pub fn draw(chance: &mut StdRng) -> Self {
        let total: u32 = Self::WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut left = chance.random_range(0..total);
        for (persona, weight) in Self::WEIGHTS {
            if left < weight {
                return persona;
            }
            left -= weight;
        }
        Self::Buys
    }

    /// The one of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::WEIGHTS.iter().map(|(persona, _)| *persona).find(|persona| persona.name() == name)
    }

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buys => "buys",
            Self::AbandonsHold => "abandons_hold",
            Self::Releases => "releases",
            Self::AbandonsOrder => "abandons_order",
            Self::CancelsOrder => "cancels_order",
            Self::PaysLate => "pays_late",
            Self::IsDeclined => "is_declined",
            Self::PaysWithSecondCard => "pays_with_second_card",
            Self::Authenticates => "authenticates",
            Self::RefusesAuthentication => "refuses_authentication",
            Self::CaptureFails => "capture_fails",
            Self::Vanishes => "vanishes",
            Self::DoubleClicks => "double_clicks",
        }
    }

    /// How it sends what changes something.
    #[must_use]
    pub const fn manner(self) -> Manner {
        match self {
            Self::DoubleClicks => Manner::Twice,
            Self::Vanishes => Manner::DroppedThenRepeated,
            Self::Buys
            | Self::AbandonsHold
            | Self::Releases
            | Self::AbandonsOrder
            | Self::CancelsOrder
            | Self::PaysLate
            | Self::IsDeclined
            | Self::PaysWithSecondCard
            | Self::Authenticates
            | Self::RefusesAuthentication
            | Self::CaptureFails => Manner::Once,
        }
    }

    /// Where it stops.
    #[must_use]
    pub const fn stop(self) -> Stop {
        match self {
            Self::AbandonsHold => Stop::Hold,
            Self::Releases => Stop::Release,
            Self::AbandonsOrder => Stop::Order,
            Self::CancelsOrder => Stop::Cancel,
            Self::Buys
            | Self::PaysLate
            | Self::IsDeclined
            | Self::PaysWithSecondCard
            | Self::Authenticates
            | Self::RefusesAuthentication
            | Self::CaptureFails
            | Self::Vanishes
            | Self::DoubleClicks => Stop::End,
        }
    }

    /// The cards it tries, one after the other.
    #[must_use]
    pub const fn cards(self) -> &'static [Card] {
        match self {
            Self::IsDeclined => &[Card::Declined],
            Self::PaysWithSecondCard => &[Card::Declined, Card::Pays],
            Self::Authenticates | Self::RefusesAuthentication => &[Card::Authenticates],
            Self::CaptureFails => &[Card::CaptureFails],
            Self::Buys
            | Self::AbandonsHold
            | Self::Releases
            | Self::AbandonsOrder
            | Self::CancelsOrder
            | Self::PaysLate
            | Self::Vanishes
            | Self::DoubleClicks => &[Card::Pays],
        }
    }
}

impl Card {
    /// Its number at the sandbox.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Pays => "4242424242424242",
            Self::Declined => "4000000000000002",
            Self::Authenticates => "4000002760003184",
            Self::CaptureFails => "4000000000008013",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::chance;

    #[test]
    fn every_kind_of_buyer_comes_about_as_often_as_its_weight() {
        let mut chance = chance(3, 1);
        let drawn: Vec<Persona> = (0..10_000).map(|_| Persona::draw(&mut chance)).collect();
        assert_eq!(Persona::WEIGHTS.iter().map(|(_, weight)| weight).sum::<u32>(), 100);
        for (persona, weight) in Persona::WEIGHTS {
            let count = drawn.iter().filter(|drawn| **drawn == persona).count();
            let expected = weight as usize * 100;
            assert!(count > expected / 2 && count < expected * 2, "{}: {count} of {expected}", persona.name());
        }
    }
}
