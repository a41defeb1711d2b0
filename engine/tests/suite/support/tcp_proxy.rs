//! A TCP proxy that is rude on request: late, silent, or swallowing an answer whose request has been done.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a connection, looked up when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing.
    Fair,
    /// Each piece of an answer is late.
    Late(Duration),
    /// Nothing is ever answered, and nothing reaches the server.
    Silent,
    /// The server gets all of the request and answers; the client's connection is cut. The next one is fair.
    SwallowsOneAnswer,
}

/// Stands in front of a server until it is dropped.
#[derive(Debug)]
pub(crate) struct TcpProxy {
    pub(crate) address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    accepting: JoinHandle<()>,
}

impl TcpProxy {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(Mood::Fair));
        let moods = Arc::clone(&mood);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mood = {
                    let mut mood = moods.lock().unwrap();
                    let now = *mood;
                    if now == Mood::SwallowsOneAnswer {
                        *mood = Mood::Fair;
                    }
                    now
                };
                tokio::spawn(carry(client, server, mood));
            }
        });
        Self { address, mood, accepting }
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Ends with either side.
async fn carry(client: TcpStream, server: SocketAddr, mood: Mood) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    if mood == Mood::Silent {
        // Held open until the client gives up.
        return tokio::io::copy(&mut from_client, &mut tokio::io::sink()).await.map(drop);
    }
    let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
    let asking = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(drop) };
    let answering = async {
        let mut piece = [0; 8_192];
        loop {
            let read = from_server.read(&mut piece).await?;
            if read == 0 || mood == Mood::SwallowsOneAnswer {
                return Ok(());
            }
            if let Mood::Late(by) = mood {
                tokio::time::sleep(by).await;
            }
            to_client.write_all(&piece[..read]).await?;
        }
    };
    tokio::select! {
        ended = asking => ended,
        ended = answering => ended,
    }
}
