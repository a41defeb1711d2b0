//! Tickets in a folder: `<two digits>/<ticket>-<version>.pdf`, spread over 256 folders by the ticket's last digits.
//!
//! Names are made from numbers alone, so no input can lead outside the folder.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use usher_core::TicketId;

use super::{blocking, failed, open_folder, put_new, read};
use crate::health::Health;
use crate::store::StoreError;
use crate::tickets::store::TICKET_STORE;
use crate::tickets::{Download, LookError, TicketFiles};

/// The folder of tickets.
#[derive(Debug, Clone)]
pub struct TicketFolder {
    folder: PathBuf,
    health: Health,
}

impl TicketFolder {
    /// The folder, created when it is not there. Touches the disk once for each of its 256 parts.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        for part in 0..=u8::MAX {
            open_folder(&folder.join(format!("{part:02x}")))?;
        }
        // The parts must outlive a power cut before the first file in them is called durable.
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, error))?;
        Ok(Self { folder: folder.to_owned(), health: Health::of(TICKET_STORE) })
    }

    fn place(&self, ticket: TicketId, version: u8) -> (PathBuf, String) {
        (self.folder.join(format!("{:02x}", ticket.0 & 0xff)), format!("{ticket}-{version}.pdf"))
    }
}

#[async_trait]
impl TicketFiles for TicketFolder {
    async fn put(&self, ticket: TicketId, version: u8, pdf: Bytes) -> Result<bool, StoreError> {
        let (folder, name) = self.place(ticket, version);
        blocking(move || put_new(&folder, &name, &pdf)).await
    }

    async fn get(&self, ticket: TicketId, version: u8) -> Result<Option<Bytes>, StoreError> {
        let (folder, name) = self.place(ticket, version);
        blocking(move || Ok(read(&folder.join(name))?.map(Bytes::from))).await
    }

    async fn exists(&self, ticket: TicketId, version: u8) -> Result<bool, StoreError> {
        let (folder, name) = self.place(ticket, version);
        let path = folder.join(name);
        blocking(move || path.try_exists().map_err(|error| failed(&path, error))).await
    }

    async fn download(&self, ticket: TicketId, version: u8) -> Result<Option<Download>, StoreError> {
        Ok(self.get(ticket, version).await?.map(Download::Pdf))
    }

    async fn look(&self) -> Result<(), LookError> {
        let folder = self.folder.clone();
        let looked = blocking(move || std::fs::read_dir(&folder).map(drop).map_err(|error| failed(&folder, error)));
        let looked = looked.await.map_err(|error| LookError::Silent(error.to_string()));
        match &looked {
            Ok(()) => self.health.went_well(),
            Err(error) => self.health.look_failed(&error.to_string()),
        }
        looked
    }

    fn health(&self) -> &Health {
        &self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reopened_folder_still_has_its_tickets() {
        let folder = tempfile::tempdir().unwrap();
        let put = TicketFolder::open(folder.path()).unwrap().put(TicketId(9), 1, Bytes::from_static(b"pdf")).await;
        assert!(put.unwrap());
        let again = TicketFolder::open(folder.path()).unwrap();
        assert_eq!(again.get(TicketId(9), 1).await.unwrap().unwrap(), "pdf");
    }
}
