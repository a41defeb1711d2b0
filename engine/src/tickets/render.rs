//! A ticket as a PDF: what is printed, and the words for time and money.
//!
//! Rendering takes all it prints as values and reads no clock and no store, so it can be repeated anywhere. Two
//! renderings of one ticket look the same but are not the same bytes (a PDF carries random ids).

use jiff::Timestamp;
use usher_core::{Currency, Minor, OrderId, TicketId, UnixMillis};

use super::fonts::Fonts;
use super::page;
use super::sheet::Sheet;
use super::text::printable;

/// The most pages in one document; an order has at most as many places as one hold.
pub const PAGES_MAX: usize = 500;

/// Where the holder sits or stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceLabels {
    /// A numbered seat.
    Seat {
        /// The section's name.
        section: String,
        /// The row's label.
        row: String,
        /// The seat's label.
        seat: String,
    },
    /// A place in a general-admission area.
    Area {
        /// The area's name.
        area: String,
    },
}

/// All that is printed on one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPage {
    /// The event.
    pub event_name: String,
    /// Who sells.
    pub organizer_name: String,
    /// The venue and its address.
    pub venue: String,
    /// When the show begins.
    pub starts_at: UnixMillis,
    /// IANA zone of the venue, in which the beginning is printed.
    pub time_zone: String,
    /// The place.
    pub place: PlaceLabels,
    /// The price tier's name.
    pub tier: String,
    /// Who attends.
    pub holder: String,
    /// What the place cost.
    pub price: Minor,
    /// In which currency.
    pub currency: Currency,
    /// The order.
    pub order: OrderId,
    /// The ticket.
    pub ticket: TicketId,
    /// Which one of the order's tickets, from 1.
    pub number: u32,
    /// How many tickets the order has.
    pub count: u32,
    /// The signed code ([`super::SigningKeys::sign`]).
    pub code: String,
}

/// Why there is no PDF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// No font has a character.
    #[error(
        "no font has the character {character:?} (U+{:04X}) of the {field}; name a font that has it in the setting \
         tickets.fonts and replay the job", u32::from(*character)
    )]
    MissingGlyph {
        /// The character.
        character: char,
        /// Where it stands.
        field: &'static str,
    },
    /// A character's script needs shaping.
    #[error(
        "the character {character:?} (U+{:04X}) of the {field} belongs to a script that is written from right to left \
         or joined, which tickets cannot show; {}", u32::from(*character), remedy(field)
    )]
    NeedsShaping {
        /// The character.
        character: char,
        /// Where it stands.
        field: &'static str,
    },
    /// The event's zone is not in the IANA database, or its time is out of range.
    #[error("the event's time cannot be told in the zone {0:?}")]
    TimeZone(String),
    /// The code does not fit into a QR code.
    #[error("the ticket's code does not fit into a QR code")]
    CodeTooLong,
    /// No page or more than [`PAGES_MAX`].
    #[error("a document has between 1 and {PAGES_MAX} tickets, not {0}")]
    PagesCount(usize),
    /// A font cannot be reduced to the characters in use.
    #[error("a font cannot be embedded: {0}")]
    Font(String),
    /// The pages cannot be written as a document.
    #[error("the document cannot be written: {0}")]
    Document(String),
    /// The renderer itself failed: a bug, whose message is in the log.
    #[error("the renderer panicked: {0}")]
    Panicked(String),
    /// Too many documents wait already.
    #[error("the printer is busy")]
    Busy,
    /// The printer was shut down.
    #[error("the printer is closed")]
    Closed,
}

/// What an operator can do about a text of another script. Event and venue can be renamed; an order keeps its holder.
fn remedy(field: &str) -> String {
    match field {
        "event name" | "venue" => format!("change the {field} and replay the job"),
        _ => format!("the {field} cannot be changed any more: let its holder in by the order's page, or refund it"),
    }
}

impl RenderError {
    /// Whether the same request may well succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Busy | Self::Closed => true,
            Self::MissingGlyph { .. }
            | Self::NeedsShaping { .. }
            | Self::TimeZone(_)
            | Self::CodeTooLong
            | Self::PagesCount(_)
            | Self::Font(_)
            | Self::Document(_)
            | Self::Panicked(_) => false,
        }
    }
}

/// A PDF of one page for each ticket, made at the given time.
///
/// # Errors
/// When something cannot be printed as it is; never a ticket with a part missing.
pub fn render(pages: &[TicketPage], fonts: &Fonts, made_at: UnixMillis) -> Result<Vec<u8>, RenderError> {
    let first = pages.first().filter(|_| pages.len() <= PAGES_MAX).ok_or(RenderError::PagesCount(pages.len()))?;
    let title = match pages.len() {
        1 => format!("Ticket: {}", printable(&first.event_name)),
        count => format!("{count} tickets: {}", printable(&first.event_name)),
    };
    let mut sheet = Sheet::new(fonts, &title, &printable(&first.organizer_name), made_at);
    for ticket in pages {
        page::draw(ticket, &mut sheet)?;
    }
    sheet.finish()
}

/// The beginning of a show for people: `Saturday, 14 November 2026, 19:30 CET (Europe/Berlin)`.
///
/// # Errors
/// When the zone is not in the IANA database.
pub fn starts_text(starts_at: UnixMillis, time_zone: &str) -> Result<String, RenderError> {
    let zoned = Timestamp::from_millisecond(starts_at.0).and_then(|at| at.in_tz(time_zone));
    let zoned = zoned.map_err(|_| RenderError::TimeZone(time_zone.to_owned()))?;
    Ok(format!("{} ({time_zone})", zoned.strftime("%A, %-d %B %Y, %H:%M %Z")))
}

/// An amount for people: `EUR 45.00`, `JPY 4500`, `KWD 1.250`.
#[must_use]
pub fn price_text(price: Minor, currency: Currency) -> String {
    let digits = iso_currency::Currency::from_code(currency.as_str()).and_then(iso_currency::Currency::exponent);
    let unit = 10_u64.pow(u32::from(digits.unwrap_or(2)));
    match digits {
        Some(0) => format!("{currency} {}", price.0),
        Some(_) | None => {
            let width = usize::from(digits.unwrap_or(2));
            format!("{currency} {}.{:0width$}", price.0 / unit, price.0 % unit)
        }
    }
}

#[cfg(test)]
mod tests;
