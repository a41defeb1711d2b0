//! HTTP by hand: a client light enough to offer ten times what the server can do from the same machine, and rude enough
//! to leave in the middle.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take before the test calls it hung.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.head.to_ascii_lowercase().contains(&format!("\r\n{name}:"))
    }
}

/// A connection that is kept.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends a request and reads its response.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> std::io::Result<Response> {
        self.stream.write_all(request).await?;
        self.read().await
    }

    /// Reads the next response.
    pub(crate) async fn read(&mut self) -> std::io::Result<Response> {
        match tokio::time::timeout(HANGS_AFTER, self.read_on()).await {
            Ok(read) => read,
            Err(_) => panic!("no answer within {HANGS_AFTER:?}"),
        }
    }

    async fn read_on(&mut self) -> std::io::Result<Response> {
        let head_end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.unread[..head_end + 2]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let lower = head.to_ascii_lowercase();
        let length = lower.split("\r\ncontent-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        let body_at = head_end + 4;
        while self.unread.len() < body_at + length {
            self.fill().await?;
        }
        let body = self.unread[body_at..body_at + length].to_vec();
        self.unread.drain(..body_at + length);
        Ok(Response { status, head, body })
    }

    async fn fill(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; 8_192];
        let read = self.stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&chunk[..read]);
        Ok(())
    }
}

/// A `POST` of JSON.
pub(crate) fn post(path: &str, bearer: &str, key: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: usher\r\nAuthorization: Bearer {bearer}\r\nIdempotency-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A hold of one numbered seat.
pub(crate) fn hold_of(event: &str, bearer: &str, key: &str, seat: u32) -> Vec<u8> {
    let asks = json!({"asks": [{"kind": "seats", "seats": [seat]}]});
    post(&format!("/api/v1/events/{event}/holds"), bearer, key, &asks)
}
