//! Identifiers: 128-bit ids with a prefix in text, and dense indexes into a [`crate::plan::Layout`].
//!
//! Ids are made outside (UUIDv7, or derived from an idempotency key) and only compared here. In text they read
//! `ord_018f…` so that a log line or a support mail says what it names; in binary they are 16 bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdError {
    /// The prefix that was expected, with its underscore.
    pub expected_prefix: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected an id of the form {}<32 hexadecimal digits>", self.expected_prefix)
    }
}

impl std::error::Error for IdError {}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// The prefix of the text form, with its underscore.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:032x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text, $prefix).map(Self).ok_or(IdError { expected_prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.to_be_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(u128::from_be_bytes(bytes)))
                }
            }
        }
    )*};
}

fn parse(text: &str, prefix: &str) -> Option<u128> {
    let digits = text.strip_prefix(prefix)?;
    // `from_str_radix` alone would take a sign.
    (digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(digits, 16).ok())
        .flatten()
}

id! {
    /// The show one buys tickets for.
    EventId = "evt_";
    /// Who sells: an organizer's account group.
    OrganizerId = "org_";
    /// A person who logs in.
    AccountId = "acc_";
    /// Who holds and pays: an anonymous browser session or an account.
    BuyerId = "byr_";
    /// A buyer's time-limited claim.
    HoldId = "hld_";
    /// What a buyer pays for.
    OrderId = "ord_";
    /// Money going back for some lines of an order.
    RefundId = "rfd_";
    /// The right of one holder to one place.
    TicketId = "tkt_";
    /// Something an organizer or operator did.
    ActId = "act_";
}

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The index as one into a slice.
            #[must_use]
            pub fn usize(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// Position of a seat in [`crate::plan::Layout::seats`].
    SeatIdx(u32);
    /// Position of a row in [`crate::plan::Layout::rows`].
    RowIdx(u32);
    /// Position of a section in [`crate::plan::Layout::sections`].
    SectionIdx(u16);
    /// Position of a general-admission area in [`crate::plan::Layout::areas`].
    AreaIdx(u16);
    /// Position of a price tier in [`crate::plan::Layout::tiers`].
    TierIdx(u16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = OrderId(0x018f_0000_0000_7000_8000_0000_0000_002a);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string(), "ord_018f0000000070008000000000000 02a".replace(' ', ""));
    }

    #[test]
    fn a_foreign_prefix_or_a_sign_is_refused() {
        assert!("evt_018f000000007000800000000000002a".parse::<OrderId>().is_err());
        assert!("ord_+18f000000007000800000000000002a".parse::<OrderId>().is_err());
        assert!("ord_".parse::<OrderId>().is_err());
    }

    #[test]
    fn json_shows_the_text_form() {
        assert_eq!(serde_json::to_string(&HoldId(1)).unwrap(), "\"hld_00000000000000000000000000000001\"");
    }
}
