//! Mail to buyers: what it says, and the two ways it leaves, a folder or an SMTP server.
//!
//! A mail has an id derived from what it is about, which is also its `Message-ID`: a job that runs twice writes the
//! same file again, or sends a mail that a mailbox recognises as the same.

pub mod letter;

use async_trait::async_trait;

pub use letter::{Mail, MailFault, Occasion, OrderLetter, Sender};

/// A mail did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server will not take it, now or later.
    #[error("the mail was refused: {0}")]
    Refused(String),
    /// The server or the disk failed; the mail may have left all the same.
    #[error("the mail could not be sent: {0}")]
    Unavailable(String),
}

/// A way for mail to leave.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Sends a mail; sending one with the same id again is harmless.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}
