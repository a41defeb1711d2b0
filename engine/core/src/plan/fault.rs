//! What can be wrong with a seating plan, with its place and a code that stays.

use std::fmt;

use serde::Serialize;

/// Faults reported of one plan; the rest is summed up in one last [`FaultCode::MoreFaults`].
pub const FAULTS_MAX: usize = 200;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What kind of fault it is. Codes are part of the API: they never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultCode {
            $($(#[$doc])* $name,)*
        }

        impl FaultCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable text form.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

codes! {
    /// A code, label or name is empty or only space.
    TextMissing = "text_missing",
    /// A code, label or name is longer than allowed.
    TextTooLong = "text_too_long",
    /// A control or invisible formatting character, a code with something else than letters, digits, `-` and `_`, or a
    /// character that tickets cannot show.
    TextCharacter = "text_character",
    /// A colour that is not `#rrggbb`.
    ColorInvalid = "color_invalid",
    /// Two tiers share a code.
    TierDuplicate = "tier_duplicate",
    /// A seat or an area names a tier that is not in the plan.
    TierUnknown = "tier_unknown",
    /// Two sections or areas share a code.
    CodeDuplicate = "code_duplicate",
    /// Two rows of a section share a label.
    RowDuplicate = "row_duplicate",
    /// Two seats of a row share a label.
    SeatDuplicate = "seat_duplicate",
    /// A section without rows.
    SectionEmpty = "section_empty",
    /// A row without seats.
    RowEmpty = "row_empty",
    /// A row with both `seats` and `line`.
    RowAmbiguous = "row_ambiguous",
    /// A line's numbers fall below zero or do not move.
    NumberInvalid = "number_invalid",
    /// An override of a seat that the line does not have, or a second one of the same seat.
    OverrideInvalid = "override_invalid",
    /// An area with no places.
    CapacityZero = "capacity_zero",
    /// A coordinate too far from the origin.
    CoordinateRange = "coordinate_range",
    /// An outline of one or two corners, or of too many.
    OutlineInvalid = "outline_invalid",
    /// More tiers, sections, areas, rows or seats than allowed.
    TooMany = "too_many",
    /// Neither a seat nor an area place.
    NothingToSell = "nothing_to_sell",
    /// There are further faults that are not listed.
    MoreFaults = "more_faults",
}

impl Serialize for FaultCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanFault {
    /// A JSON pointer (RFC 6901) into the document; empty for the whole of it.
    pub path: String,
    /// What kind of fault.
    pub code: FaultCode,
    /// For the plan's author, in English.
    pub message: String,
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.message, self.code.as_str())
    }
}

impl std::error::Error for PlanFault {}

/// Gathers faults up to [`FAULTS_MAX`] and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<PlanFault>,
    unlisted_count: usize,
}

impl Faults {
    pub(super) fn add(&mut self, path: impl fmt::Display, code: FaultCode, message: impl Into<String>) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(PlanFault { path: path.to_string(), code, message: message.into() });
        } else {
            self.unlisted_count += 1;
        }
    }

    /// All faults, or `Ok` when there are none.
    pub(super) fn into_result(mut self) -> Result<(), Vec<PlanFault>> {
        if self.unlisted_count > 0 {
            let message = format!("{} more faults are not listed", self.unlisted_count);
            self.list.push(PlanFault { path: String::new(), code: FaultCode::MoreFaults, message });
        }
        if self.list.is_empty() { Ok(()) } else { Err(self.list) }
    }
}
