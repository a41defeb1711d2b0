//! Mail into a folder: one `.eml` file for each mail, which any mail program opens.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{blocking, open_folder, put_new};
use crate::mail::{Mail, MailError, Mailer};
use crate::store::StoreError;

/// The folder of mails.
#[derive(Debug, Clone)]
pub struct OutboxFolder(PathBuf);

impl OutboxFolder {
    /// The folder, created when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        open_folder(folder)?;
        Ok(Self(folder.to_owned()))
    }
}

#[async_trait]
impl Mailer for OutboxFolder {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if !mail.id.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '.' | '_')) {
            return Err(MailError::Refused(format!("{:?} is not the id of a mail", mail.id)));
        }
        let (folder, name, bytes) = (self.0.clone(), format!("{}.eml", mail.id), mail.message.formatted());
        let put = blocking(move || put_new(&folder, &name, &bytes)).await;
        put.map(|_| ()).map_err(|error| MailError::Unavailable(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::letter::tests::{letter, sender};

    #[tokio::test]
    async fn a_mail_sent_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = OutboxFolder::open(&folder.path().join("outbox")).unwrap();
        let mail = letter().write(&sender()).unwrap();
        outbox.send(&mail).await.unwrap();
        outbox.send(&letter().write(&sender()).unwrap()).await.unwrap();
        let files: Vec<_> =
            std::fs::read_dir(folder.path().join("outbox")).unwrap().map(|file| file.unwrap()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name(), "confirmation.ord_00000000000000000000000000000007.eml");
        assert_eq!(std::fs::read(files[0].path()).unwrap(), mail.message.formatted());
    }

    #[tokio::test]
    async fn an_id_that_is_a_path_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = OutboxFolder::open(folder.path()).unwrap();
        let mail = Mail { id: "../x".to_owned(), ..letter().write(&sender()).unwrap() };
        assert!(matches!(outbox.send(&mail).await, Err(MailError::Refused(_))));
    }
}
