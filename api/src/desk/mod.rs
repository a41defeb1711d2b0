//! The desk: what people do here, once, for the JSON API and the pages alike.
//!
//! A function takes the state, who asks, and what is asked; it loads, authorizes with the object, acts, and returns a
//! typed sheet or a [`Problem`](crate::problem::Problem). Nothing here knows HTTP or HTML. Sheets serialize as the
//! API shows them.

pub mod audit;
pub mod buyer;
pub mod operator;
pub mod organizer;
mod printed;

use serde::{Deserialize, Serialize};

use usher_core::{Command, EventId};
use usher_engine::catalogue::EventRecord;
use usher_engine::event::Decided;
use usher_engine::store::StoreError;

use crate::access::{Action, Object, Subject, authorize};
use crate::metrics as names;
use crate::problem::{Kind, Problem, kinds};
use crate::state::AppState;

/// How long a request waits for the views to contain what it did, so that the next one reads it.
const CAUGHT_UP_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Rows of a list when the request does not say.
pub const LIST_ROWS_DEFAULT: u32 = 50;

/// A list as the API shows it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Listed<T> {
    /// Rows.
    pub data: Vec<T>,
    /// Where the next page starts; absent at the end.
    pub next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// The number of rows to read.
    #[must_use]
    pub fn rows_max(&self) -> u32 {
        self.limit.unwrap_or(LIST_ROWS_DEFAULT).clamp(1, usher_engine::store::PAGE_ROWS_MAX)
    }
}

/// The client's own name for a request, so that a repeat is recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The shortest key, in characters.
    pub const CHARS_MIN: usize = 8;
    /// The longest key, in characters.
    pub const CHARS_MAX: usize = 128;

    /// A key of visible ASCII characters.
    ///
    /// # Errors
    /// It is too short, too long, or has other characters.
    pub fn new(key: &str) -> Result<Self, Problem> {
        let fits = (Self::CHARS_MIN..=Self::CHARS_MAX).contains(&key.len());
        if fits && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(Problem::of(&kinds::IDEMPOTENCY_KEY_MALFORMED))
        }
    }

    /// A new random key, for forms.
    #[must_use]
    pub fn fresh() -> Self {
        Self(format!("{:032x}", usher_engine::ids::fresh()))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as bytes, to derive ids from.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The event, if the subject may do that to it.
async fn load(state: &AppState, subject: &Subject, action: Action, event: EventId) -> Result<EventRecord, Problem> {
    authorize(subject, action, Object::House)?;
    let record = state.catalogue.event(event).await?.ok_or_else(|| Problem::of(&kinds::NOT_FOUND))?;
    authorize(subject, action, Object::Event(&record))?;
    Ok(record)
}

/// Asks an event and counts what came of it.
async fn ask(state: &AppState, event: EventId, command: Command) -> Result<Decided, Problem> {
    let name = command_name(&command);
    let outcome = match state.events.try_ask(event, command).await {
        Ok(asked) => asked.map_err(Problem::from),
        Err(error) => Err(Problem::from(error)),
    };
    let result = outcome.as_ref().map_or_else(|problem| problem.kind.code, |_| "ok");
    metrics::counter!(names::COMMANDS, "command" => name, "result" => result).increment(1);
    outcome
}

fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Publish { .. } => "publish",
        Command::Open => "open",
        Command::Pause => "pause",
        Command::Resume => "resume",
        Command::Close => "close",
        Command::CancelEvent => "cancel_event",
        Command::ChangePrices { .. } => "change_prices",
        Command::BlockSeats { .. } => "block_seats",
        Command::UnblockSeats { .. } => "unblock_seats",
        Command::PlaceHold(_) => "place_hold",
        Command::ExtendHold { .. } => "extend_hold",
        Command::ReleaseHold { .. } => "release_hold",
        Command::ExpireDue { .. } => "expire_due",
        Command::BeginCheckout { .. } => "begin_checkout",
        Command::ConfirmOrder { .. } => "confirm_order",
        Command::RecordCapture { .. } => "record_capture",
        Command::RecordPaymentFailure { .. } => "record_payment_failure",
        Command::RecordCaptureFailure { .. } => "record_capture_failure",
        Command::CancelOrder { .. } => "cancel_order",
        Command::Refund { .. } => "refund",
        Command::RecordRefundPaid { .. } => "record_refund_paid",
    }
}

/// A store's error, where a conflict means something of its own.
fn on_conflict(error: StoreError, kind: &'static Kind) -> Problem {
    match error {
        StoreError::Conflict(_) => Problem::of(kind),
        StoreError::BadCursor | StoreError::Full | StoreError::Unavailable(_) | StoreError::Damaged(_) => error.into(),
    }
}

/// An answer of another kind than the command's: a bug.
fn wrong_answer() -> Problem {
    tracing::error!("an event answered something else than it was asked");
    Problem::of(&kinds::INTERNAL)
}

/// A digest or a secret in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The longest e-mail address that mail servers take, in bytes.
const EMAIL_BYTES_MAX: usize = 254;

/// Whether a text looks like an e-mail address; only a mail can tell whether it is one.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain =
        text.chars().all(|letter| !letter.is_control() && !letter.is_whitespace() && !"<>,;\"".contains(letter));
    plain && text.len() <= EMAIL_BYTES_MAX && !local.is_empty() && !local.contains('@') && domain_is_fine(domain)
}

fn check_email(text: &str) -> Result<(), String> {
    if is_email(text) { Ok(()) } else { Err("an e-mail address such as ada@example.org".to_owned()) }
}

fn domain_is_fine(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}
