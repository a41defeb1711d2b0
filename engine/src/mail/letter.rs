//! The letters about an order, as plain text and as simple HTML of the same words.
//!
//! Everything that people typed is made one printable line before it goes near a header, and escaped before it goes
//! into HTML. Letters carry a link that opens the order; they carry no tickets, so a forwarded or leaked mail can be
//! answered by voiding a link instead of a seat.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::{Mailbox, MultiPart};
use usher_core::{Currency, Minor, OrderId, RefundId, UnixMillis};

use crate::orders::order_code;
use crate::tickets::render::{price_text, starts_text};
use crate::tickets::text::printable;

/// The longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 120;

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// From `Name <address>` or an address alone.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, MailFault> {
        text.parse().map(Self).map_err(|_| MailFault::Address(text.to_owned()))
    }
}

/// Why a letter cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    /// Not an e-mail address.
    #[error("{0:?} is not an e-mail address")]
    Address(String),
    /// The event's zone is unknown.
    #[error("the event's time cannot be told in the zone {0:?}")]
    TimeZone(String),
    /// The message cannot be put together.
    #[error("the message cannot be built: {0}")]
    Message(String),
}

/// What a letter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// The order is paid.
    Paid,
    /// The order came to nothing and nothing was charged; why, as a sentence.
    Cancelled {
        /// Such as `The time to pay ran out.`
        reason: String,
    },
    /// Money goes back.
    Refunded {
        /// Which refund.
        refund: RefundId,
        /// How much.
        amount: Minor,
    },
}

/// All that a letter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLetter {
    /// What it is about.
    pub occasion: Occasion,
    /// The order.
    pub order: OrderId,
    /// The buyer's name.
    pub name: String,
    /// The buyer's address.
    pub email: String,
    /// The event.
    pub event_name: String,
    /// The venue and its address.
    pub venue: String,
    /// When the show begins.
    pub starts_at: UnixMillis,
    /// IANA zone of the venue.
    pub time_zone: String,
    /// One line for each place, such as `Block 104, row 12, seat 7`.
    pub places: Vec<String>,
    /// Sum of the order.
    pub total: Minor,
    /// Its currency.
    pub currency: Currency,
    /// Who sells.
    pub organizer_name: String,
    /// Opens the order's page, with the order's secret in it.
    pub order_url: String,
    /// The letter's date.
    pub written_at: UnixMillis,
}

/// A mail, ready to leave.
#[derive(Debug, Clone)]
pub struct Mail {
    /// What it is about, in letters, digits, `.`, `_`: a file name and the left part of the `Message-ID`.
    pub id: String,
    /// The message with its envelope.
    pub message: Message,
}

impl OrderLetter {
    /// The mail for this letter.
    ///
    /// # Errors
    /// When the address is none, or the event's zone is unknown.
    pub fn write(&self, sender: &Sender) -> Result<Mail, MailFault> {
        let address = self.email.trim().parse().map_err(|_| MailFault::Address(self.email.clone()))?;
        let name = Some(printable(&self.name)).filter(|name| !name.is_empty());
        let id = self.id();
        let lines = self.lines()?;
        let message = Message::builder()
            .from(sender.0.clone())
            .to(Mailbox::new(name, address))
            .subject(self.subject())
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(self.written_at.0).unwrap_or(0)))
            .message_id(Some(format!("<{id}@{}>", sender.0.email.domain())))
            .multipart(MultiPart::alternative_plain_html(plain(&lines), html(&lines)))
            .map_err(|error| MailFault::Message(error.to_string()))?;
        Ok(Mail { id, message })
    }

    fn id(&self) -> String {
        match &self.occasion {
            Occasion::Paid => format!("confirmation.{}", self.order),
            Occasion::Cancelled { .. } => format!("cancellation.{}", self.order),
            Occasion::Refunded { refund, .. } => format!("refund.{refund}"),
        }
    }

    fn subject(&self) -> String {
        let about = match &self.occasion {
            Occasion::Paid => "Your tickets",
            Occasion::Cancelled { .. } => "Your order was cancelled",
            Occasion::Refunded { .. } => "Your refund",
        };
        format!("{about}: {}", printable(&self.event_name)).chars().take(SUBJECT_CHARS_MAX).collect()
    }

    fn lines(&self) -> Result<Vec<Line>, MailFault> {
        let starts = starts_text(self.starts_at, &self.time_zone);
        let starts = starts.map_err(|_| MailFault::TimeZone(self.time_zone.clone()))?;
        let name = printable(&self.name);
        let total = price_text(self.total, self.currency);
        let mut lines = vec![Line::Text(if name.is_empty() { "Hello,".to_owned() } else { format!("Hello {name},") })];
        let (news, link) = match &self.occasion {
            Occasion::Paid => (
                format!("Your order is paid ({total}). The tickets are on the order's page, to print or to show."),
                "Open the order and get the tickets",
            ),
            Occasion::Cancelled { reason } => {
                (format!("Your order was cancelled and nothing was charged. {}", printable(reason)), "Open the order")
            }
            Occasion::Refunded { amount, .. } => (
                format!("{} goes back to the card you paid with.", price_text(*amount, self.currency)),
                "Open the order",
            ),
        };
        lines.push(Line::Text(news));
        lines.push(Line::Strong(printable(&self.event_name)));
        lines.push(Line::Text(starts));
        lines.push(Line::Text(printable(&self.venue)));
        lines.push(Line::List(self.places.iter().map(|place| printable(place)).collect()));
        lines.push(Line::Link { text: link, url: self.order_url.clone() });
        lines.push(Line::Text(
            "Whoever has this link can see the order and its tickets: keep it to yourself.".to_owned(),
        ));
        lines.push(Line::Text(format!("Order {}", order_code(self.order))));
        lines.push(Line::Text(printable(&self.organizer_name)));
        Ok(lines)
    }
}

enum Line {
    Text(String),
    Strong(String),
    List(Vec<String>),
    Link { text: &'static str, url: String },
}

// Writing to a String cannot fail, which is why the results below are dropped.

fn plain(lines: &[Line]) -> String {
    let mut body = String::new();
    for line in lines {
        let _ = match line {
            Line::Text(text) | Line::Strong(text) => write!(body, "{text}\r\n\r\n"),
            Line::List(items) => write!(body, "- {}\r\n\r\n", items.join("\r\n- ")),
            Line::Link { text, url } => write!(body, "{text}:\r\n{url}\r\n\r\n"),
        };
    }
    body
}

fn html(lines: &[Line]) -> String {
    let mut body = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><body>\r\n");
    for line in lines {
        let _ = match line {
            Line::Text(text) => write!(body, "<p>{}</p>\r\n", escaped(text)),
            Line::Strong(text) => write!(body, "<p><strong>{}</strong></p>\r\n", escaped(text)),
            Line::List(items) => {
                let items: String = items.iter().map(|item| format!("<li>{}</li>\r\n", escaped(item))).collect();
                write!(body, "<ul>\r\n{items}</ul>\r\n")
            }
            Line::Link { text, url } => write!(body, "<p><a href=\"{}\">{text}</a></p>\r\n", escaped(url)),
        };
    }
    body.push_str("</body></html>\r\n");
    body
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn letter() -> OrderLetter {
        OrderLetter {
            occasion: Occasion::Paid,
            order: OrderId(7),
            name: "Anna Müller".to_owned(),
            email: "anna@example.org".to_owned(),
            event_name: "Night <Concert>".to_owned(),
            venue: "Velodrom, Berlin".to_owned(),
            starts_at: UnixMillis(1_794_681_000_000),
            time_zone: "Europe/Berlin".to_owned(),
            places: vec!["Block 104, row 12, seat 7".to_owned(), "Block 104, row 12, seat 8".to_owned()],
            total: Minor(9_000),
            currency: "EUR".parse().unwrap(),
            organizer_name: "Konzertdirektion".to_owned(),
            order_url: "https://tickets.example.org/orders/ord_7?access=abc&x=1".to_owned(),
            written_at: UnixMillis(1_790_000_000_000),
        }
    }

    pub(crate) fn sender() -> Sender {
        Sender::parse("Tickets <tickets@example.org>").unwrap()
    }

    fn text_of(letter: &OrderLetter) -> String {
        String::from_utf8(letter.write(&sender()).unwrap().message.formatted()).unwrap()
    }

    #[test]
    fn a_confirmation_tells_event_time_places_price_and_link() {
        let lines = letter().lines().unwrap();
        let text = plain(&lines);
        for part in [
            "Hello Anna Müller,",
            "EUR 90.00",
            "Saturday, 14 November 2026, 19:30 CET (Europe/Berlin)",
            "- Block 104, row 12, seat 7\r\n- Block 104, row 12, seat 8",
            "https://tickets.example.org/orders/ord_7?access=abc&x=1",
            "\r\nOrder 0000000000\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let html = html(&lines);
        assert!(html.contains("<strong>Night &lt;Concert&gt;</strong>") && html.contains("access=abc&amp;x=1\""));
    }

    #[test]
    fn the_message_id_follows_from_what_the_mail_is_about() {
        let paid = text_of(&letter());
        assert!(paid.contains("Message-ID: <confirmation.ord_00000000000000000000000000000007@example.org>"), "{paid}");
        let ids: Vec<String> = [
            Occasion::Paid,
            Occasion::Cancelled { reason: String::new() },
            Occasion::Refunded { refund: RefundId(1), amount: Minor(1) },
            Occasion::Refunded { refund: RefundId(2), amount: Minor(1) },
        ]
        .into_iter()
        .map(|occasion| OrderLetter { occasion, ..letter() }.id())
        .collect();
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{ids:?}");
    }

    #[test]
    fn line_breaks_in_names_make_no_headers() {
        let hostile = "X\r\nBcc: evil@example.org\r\n\r\n<script>";
        let letter = OrderLetter {
            name: hostile.to_owned(),
            event_name: hostile.to_owned(),
            organizer_name: hostile.to_owned(),
            venue: hostile.to_owned(),
            ..letter()
        };
        let message = letter.write(&sender()).unwrap().message;
        assert_eq!(message.envelope().to().len(), 1);
        let text = String::from_utf8(message.formatted()).unwrap();
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!headers.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{headers}");
        assert!(!text.contains("<script>\r\n<"));
    }

    #[test]
    fn an_address_that_is_none_is_told() {
        for email in ["", "anna", "anna@example.org\r\nBcc: evil@example.org", "a@b, c@d"] {
            let fault = OrderLetter { email: email.to_owned(), ..letter() }.write(&sender()).unwrap_err();
            assert_eq!(fault, MailFault::Address(email.to_owned()));
        }
        assert!(Sender::parse("Tickets tickets@").is_err());
    }
}
