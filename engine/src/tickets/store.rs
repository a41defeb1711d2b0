//! Where rendered tickets are kept, by ticket and version.
//!
//! Two renderings of one ticket differ in bytes but not in meaning, so the first that is kept stays: a repeated job never
//! replaces what a buyer may have downloaded.

use async_trait::async_trait;
use bytes::Bytes;
use usher_core::TicketId;

use crate::store::StoreError;

/// PDF files of tickets.
#[async_trait]
pub trait TicketFiles: Send + Sync + 'static {
    /// Keeps a PDF durably; tells whether it was the first for this ticket and version, which is the one that stays.
    async fn put(&self, ticket: TicketId, version: u8, pdf: Bytes) -> Result<bool, StoreError>;
    /// The PDF, or `None` while there is none.
    async fn get(&self, ticket: TicketId, version: u8) -> Result<Option<Bytes>, StoreError>;
    /// Whether there is one.
    async fn exists(&self, ticket: TicketId, version: u8) -> Result<bool, StoreError>;
}
