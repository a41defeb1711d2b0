//! Mail to an SMTP server.

use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use crate::mail::{Mail, MailError, Mailer};

/// How long each step of a conversation with the server may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// Encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpEncryption {
    /// Plain first, then encrypted; a server that cannot is refused.
    StartTls,
    /// From the first byte.
    Tls,
    /// None: only to a server on the same machine.
    None,
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub encryption: SmtpEncryption,
    /// User name and password.
    pub credentials: Option<(String, String)>,
}

/// A client of one server; each mail has a connection of its own.
#[derive(Debug, Clone)]
pub struct SmtpMailer(AsyncSmtpTransport<Tokio1Executor>);

impl SmtpMailer {
    /// A client; connects with the first mail.
    ///
    /// # Errors
    /// When the host's name cannot be the name of a certificate.
    pub fn new(config: SmtpConfig) -> Result<Self, MailError> {
        let builder = match config.encryption {
            SmtpEncryption::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&config.host),
            SmtpEncryption::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&config.host),
            SmtpEncryption::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)),
        };
        let builder = builder.map_err(|error| MailError::Refused(error.to_string()))?;
        let mut builder = builder.port(config.port).timeout(Some(STEP_TIMEOUT));
        if let Some((user, password)) = config.credentials {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self(builder.build()))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        match self.0.send(mail.message.clone()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::Refused(error.to_string())),
            Err(error) => Err(MailError::Unavailable(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::mail::letter::tests::{letter, sender};

    /// A server for one mail that answers each recipient with `recipient_answer`; gives back what it read.
    async fn serve(listener: TcpListener, recipient_answer: &'static str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        let (mut heard, mut in_data) = (String::new(), false);
        write.write_all(b"220 test ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push_str(&line);
            heard.push('\n');
            let answer = match line.split(' ').next().unwrap_or_default() {
                "." if in_data => {
                    in_data = false;
                    "250 kept"
                }
                _ if in_data => continue,
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "RCPT" => recipient_answer,
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            if line == "QUIT" {
                break;
            }
        }
        heard
    }

    async fn send_to(recipient_answer: &'static str) -> (Result<(), MailError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve(listener, recipient_answer));
        let config =
            SmtpConfig { host: "127.0.0.1".to_owned(), port, encryption: SmtpEncryption::None, credentials: None };
        let sent = SmtpMailer::new(config).unwrap().send(&letter().write(&sender()).unwrap()).await;
        (sent, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_mail_reaches_the_server_whole() {
        let (sent, heard) = send_to("250 fine").await;
        assert_eq!(sent, Ok(()));
        assert!(heard.contains("RCPT TO:<anna@example.org>") && heard.contains("Message-ID: <confirmation.ord_"));
    }

    #[tokio::test]
    async fn a_recipient_who_does_not_exist_is_final_and_a_busy_server_is_not() {
        assert!(matches!(send_to("550 no such user").await.0, Err(MailError::Refused(_))));
        assert!(matches!(send_to("451 try later").await.0, Err(MailError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unavailable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config =
            SmtpConfig { host: "127.0.0.1".to_owned(), port, encryption: SmtpEncryption::None, credentials: None };
        let sent = SmtpMailer::new(config).unwrap().send(&letter().write(&sender()).unwrap()).await;
        assert!(matches!(sent, Err(MailError::Unavailable(_))));
    }
}
