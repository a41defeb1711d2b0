//! Tickets in a folder: `<two digits>/<ticket>-<version>.pdf`, spread over 256 folders by the ticket's last digits.
//!
//! Names are made from numbers alone, so no input can lead outside the folder.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use usher_core::TicketId;

use super::{blocking, failed, open_folder, put_new, read};
use crate::store::StoreError;
use crate::tickets::TicketFiles;

/// The folder of tickets.
#[derive(Debug, Clone)]
pub struct TicketFolder(PathBuf);

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
        Ok(Self(folder.to_owned()))
    }

    fn place(&self, ticket: TicketId, version: u8) -> (PathBuf, String) {
        (self.0.join(format!("{:02x}", ticket.0 & 0xff)), format!("{ticket}-{version}.pdf"))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What any store of ticket files does.
    async fn ticket_files_suite(files: &dyn TicketFiles) {
        let (one, two) = (TicketId(0x1f), TicketId(u128::MAX));
        assert_eq!(files.get(one, 1).await.unwrap(), None);
        assert!(!files.exists(one, 1).await.unwrap());
        assert!(files.put(one, 1, Bytes::from_static(b"first")).await.unwrap());
        assert!(!files.put(one, 1, Bytes::from_static(b"second")).await.unwrap());
        assert!(files.put(one, 2, Bytes::from_static(b"later version")).await.unwrap());
        assert!(files.put(two, 1, Bytes::from_static(b"other")).await.unwrap());
        assert_eq!(files.get(one, 1).await.unwrap().unwrap(), "first");
        assert_eq!(files.get(one, 2).await.unwrap().unwrap(), "later version");
        assert_eq!(files.get(two, 1).await.unwrap().unwrap(), "other");
        assert!(files.exists(one, 1).await.unwrap() && !files.exists(two, 2).await.unwrap());
    }

    #[tokio::test]
    async fn a_folder_keeps_the_first_file_of_each_ticket_and_version() {
        let folder = tempfile::tempdir().unwrap();
        ticket_files_suite(&TicketFolder::open(&folder.path().join("tickets")).unwrap()).await;
    }

    #[tokio::test]
    async fn a_reopened_folder_still_has_its_tickets() {
        let folder = tempfile::tempdir().unwrap();
        let put = TicketFolder::open(folder.path()).unwrap().put(TicketId(9), 1, Bytes::from_static(b"pdf")).await;
        assert!(put.unwrap());
        let again = TicketFolder::open(folder.path()).unwrap();
        assert_eq!(again.get(TicketId(9), 1).await.unwrap().unwrap(), "pdf");
    }
}
