//! The cards that the sandbox knows, by number and by Stripe's names for them.

use serde::{Deserialize, Serialize};

/// What a test card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Card {
    /// Authorizes at once.
    Success,
    /// Is declined.
    Declined,
    /// Is declined for want of money.
    InsufficientFunds,
    /// Asks its holder first (3-D Secure).
    Authenticate,
    /// Authorizes after some seconds.
    Slow,
    /// Authorizes, and refuses the capture.
    CaptureFails,
}

/// Everything about a card that pages and parsers need: the card, its number, its payment methods, its label.
pub(super) struct Sample {
    /// What it does.
    pub card: Card,
    /// Its number, digits only.
    pub number: &'static str,
    /// Names that stand for it in the API.
    pub payment_methods: &'static [&'static str],
    /// What the payment page calls it.
    pub label: &'static str,
}

/// All cards, in the order the payment page lists them. The last two numbers are our own.
pub(super) const SAMPLES: [Sample; 7] = [
    Sample {
        card: Card::Success,
        number: "4242424242424242",
        payment_methods: &["pm_card_visa"],
        label: "Payment succeeds",
    },
    Sample {
        card: Card::Declined,
        number: "4000000000000002",
        payment_methods: &["pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"],
        label: "Card is declined",
    },
    Sample {
        card: Card::InsufficientFunds,
        number: "4000000000009995",
        payment_methods: &["pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"],
        label: "Not enough money on the card",
    },
    Sample {
        card: Card::Authenticate,
        number: "4000000000003220",
        payment_methods: &["pm_card_threeDSecure2Required"],
        label: "Bank asks for confirmation (3-D Secure)",
    },
    Sample {
        card: Card::Authenticate,
        number: "4000002760003184",
        payment_methods: &["pm_card_authenticationRequired"],
        label: "Bank asks for confirmation, every time",
    },
    Sample {
        card: Card::Slow,
        number: "4000000000008005",
        payment_methods: &["pm_card_slow"],
        label: "Payment succeeds after 8 seconds",
    },
    Sample {
        card: Card::CaptureFails,
        number: "4000000000008013",
        payment_methods: &["pm_card_captureFails"],
        label: "Authorized, then the capture fails",
    },
];

impl Sample {
    /// The number in groups of four.
    #[must_use]
    pub(super) fn spaced(&self) -> String {
        let groups: Vec<&str> = (0..self.number.len()).step_by(4).map(|at| &self.number[at..at + 4]).collect();
        groups.join(" ")
    }
}

impl Card {
    /// The card with that number; spaces do not matter.
    #[must_use]
    pub(super) fn by_number(number: &str) -> Option<Self> {
        let digits: String = number.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        SAMPLES.iter().find(|sample| sample.number == digits).map(|sample| sample.card)
    }

    /// The card that a payment method stands for.
    #[must_use]
    pub(super) fn by_payment_method(name: &str) -> Option<Self> {
        SAMPLES.iter().find(|sample| sample.payment_methods.contains(&name)).map(|sample| sample.card)
    }

    /// The payment method it goes by.
    #[must_use]
    pub(super) fn payment_method(self) -> &'static str {
        SAMPLES.iter().find(|sample| sample.card == self).map_or("pm_card_visa", |sample| sample.payment_methods[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_found_by_number_and_by_name() {
        assert_eq!(Card::by_number("4000 0000 0000 9995"), Some(Card::InsufficientFunds));
        assert_eq!(Card::by_number("4242424242424241"), None);
        assert_eq!(Card::by_payment_method("pm_card_chargeDeclined"), Some(Card::Declined));
        for sample in SAMPLES {
            assert_eq!(Card::by_number(sample.number), Some(sample.card));
            assert_eq!(Card::by_payment_method(sample.card.payment_method()), Some(sample.card));
        }
    }
}
