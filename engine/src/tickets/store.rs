//! Where rendered tickets are kept, by ticket and version.
//!
//! Two renderings of one ticket differ in bytes but not in meaning, so the first that is kept stays: a repeated job never
//! replaces what a buyer may have downloaded.

use async_trait::async_trait;
use bytes::Bytes;
use usher_core::TicketId;

use crate::health::Health;
use crate::store::StoreError;

/// What the store is called where the house says how its back ends are.
pub const TICKET_STORE: &str = "ticket_store";

/// How a PDF comes to who may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download {
    /// Here it is.
    Pdf(Bytes),
    /// At this address, which opens it to everybody who knows it for a few minutes.
    At(String),
}

/// A look at the store that did not go well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// It answers, and says no: a setting is wrong, there or here.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It gives no answer that means anything; it may later.
    #[error("it does not answer: {0}")]
    Silent(String),
}

/// PDF files of tickets.
#[async_trait]
pub trait TicketFiles: Send + Sync + 'static {
    /// Keeps a PDF durably; tells whether it was the first for this ticket and version, which is the one that stays.
    async fn put(&self, ticket: TicketId, version: u8, pdf: Bytes) -> Result<bool, StoreError>;
    /// The PDF, or `None` while there is none.
    async fn get(&self, ticket: TicketId, version: u8) -> Result<Option<Bytes>, StoreError>;
    /// Whether there is one.
    async fn exists(&self, ticket: TicketId, version: u8) -> Result<bool, StoreError>;
    /// The way to the PDF for somebody who has been found to be allowed, or `None` while there is none.
    async fn download(&self, ticket: TicketId, version: u8) -> Result<Option<Download>, StoreError>;
    /// Asks the store whether it would do its work, and keeps the answer as its health.
    async fn look(&self) -> Result<(), LookError>;
    /// How it is, as calls and looks have told.
    fn health(&self) -> &Health;
}
