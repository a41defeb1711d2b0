//! The audit log: what organizers and operators did, on which object, when, and under which request.
//!
//! An act is written down before it is begun, and an act that cannot be written down is not begun: nothing is done
//! unrecorded. What came of it is added afterwards. When that cannot be written, or the process ends in between, the act
//! stays *begun*: the log then says that somebody asked for it, and the journal whether it happened. (Writing only what
//! was done was refused: a crash between the two would leave a deed that nobody is known to have done.)
//!
//! No secrets and no personal data of buyers: accounts, objects and requests are named by their ids. An attempt to log
//! in names the account whose address it used, and nothing where there is none: what was typed may be a password.

use async_trait::async_trait;
use usher_core::{AccountId, ActId, EventId, UnixMillis};

use crate::store::{Page, StoreError};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Logging in with a password.
    LogIn,
    /// Making an API key.
    CreateApiKey,
    /// Revoking one.
    RevokeApiKey,
    /// Draft → announced.
    Publish,
    /// Announced → on sale.
    Open,
    /// On sale → paused.
    Pause,
    /// Paused → on sale.
    Resume,
    /// Ending the sale.
    Close,
    /// Calling the event off.
    Cancel,
    /// Changing prices.
    ChangePrices,
    /// Taking seats out of the sale.
    BlockSeats,
    /// Putting them back.
    UnblockSeats,
    /// Giving money back.
    Refund,
    /// Having a dead job tried again.
    ReplayJob,
    /// Having a webhook acted on again.
    ReplayWebhook,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was asked for; what came of it was not written down.
    Begun,
    /// It was done.
    Done,
    /// It was refused or failed, as `problem` says.
    Refused,
}

/// Something somebody did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Act {
    /// Id.
    pub act: ActId,
    /// When it was begun.
    pub at: UnixMillis,
    /// Who; nobody known for an attempt to log in with an address of no account.
    pub account: Option<AccountId>,
    /// What.
    pub deed: Deed,
    /// The event it was about, if it was about one.
    pub event: Option<EventId>,
    /// The id of what it was done to, if that is not the event or the account itself.
    pub object: Option<String>,
    /// The request's id, as in the log of requests; none for the command line.
    pub request: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// The code of the problem it ended in.
    pub problem: Option<String>,
}

/// Keeps acts for good.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes an act down, durably. Repeating it changes nothing.
    ///
    /// # Errors
    /// The store does not answer; perhaps the act is written.
    async fn record(&self, act: Act) -> Result<(), StoreError>;

    /// Writes down what came of an act that was recorded, once, and changes nothing else of it.
    ///
    /// # Errors
    /// The store does not answer.
    async fn settle(&self, act: Act) -> Result<(), StoreError>;

    /// Acts, latest first: all, or those about one event.
    ///
    /// # Errors
    /// The cursor is not of this list; the store does not answer.
    async fn list(&self, event: Option<EventId>, cursor: Option<&str>, rows_max: u32) -> Result<Page<Act>, StoreError>;
}
