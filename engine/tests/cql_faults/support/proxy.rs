//! A proxy between driver and node that knows CQL's frames and loses what it is told to: a request before the server
//! saw it, or the answer after the server carried it out.
//!
//! It stands at another loopback address under the node's own port, so that the driver's map of addresses leads all of
//! its connections through it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Dice;

/// Longer than one try of an append, so that the answer finds nobody waiting.
const DELAY: Duration = Duration::from_millis(800);
const HEADER_BYTES: usize = 9;
const OPCODE_BATCH: u8 = 0x0d;
/// Frames on their way to one client.
const FRAMES_MAX: usize = 1_024;

/// What happens to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    /// The server never sees it, and the connection stays.
    RequestSwallowed,
    /// The server never sees it, and the connection breaks.
    RequestCut,
    /// Carried out; the answer never comes.
    AnswerSwallowed,
    /// Carried out; the answer comes when nobody waits any more.
    AnswerDelayed,
    /// Carried out; the connection breaks instead of an answer.
    AnswerCut,
}

const FATES: [Fate; 5] =
    [Fate::RequestSwallowed, Fate::RequestCut, Fate::AnswerSwallowed, Fate::AnswerDelayed, Fate::AnswerCut];

/// How often each fate was met, and how often one is to be.
pub(crate) struct Trouble {
    dice: Mutex<Dice>,
    per_mille: u64,
    met: [AtomicU64; FATES.len()],
}

impl Trouble {
    pub(crate) fn new(seed: u64, per_mille: u64) -> Arc<Self> {
        Arc::new(Self { dice: Mutex::new(Dice::new(seed)), per_mille, met: Default::default() })
    }

    pub(crate) fn met(&self) -> Vec<(Fate, u64)> {
        FATES.into_iter().zip(self.met.iter().map(|met| met.load(Ordering::Relaxed))).collect()
    }

    fn fate(&self) -> Option<Fate> {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        if dice.below(1_000) >= self.per_mille {
            return None;
        }
        let at = usize::try_from(dice.below(FATES.len() as u64)).unwrap();
        self.met[at].fetch_add(1, Ordering::Relaxed);
        Some(FATES[at])
    }
}

/// Where the proxy of a node stands.
pub(crate) fn address_of(node: SocketAddr) -> SocketAddr {
    let SocketAddr::V4(node) = node else { panic!("nodes of tests have IPv4 addresses") };
    let [a, b, _, d] = node.ip().octets();
    SocketAddr::from(([a, b, 1, d], node.port()))
}

/// Stands before a node until the test process ends.
pub(crate) async fn stand_before(node: SocketAddr, trouble: Arc<Trouble>) {
    let listener = TcpListener::bind(address_of(node)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let trouble = Arc::clone(&trouble);
            tokio::spawn(async move {
                // Its end is what the driver sees as a broken connection.
                let _ = serve(client, node, trouble).await;
            });
        }
    });
}

type Fates = Arc<Mutex<HashMap<[u8; 2], Fate>>>;

async fn serve(client: TcpStream, node: SocketAddr, trouble: Arc<Trouble>) -> std::io::Result<()> {
    let server = TcpStream::connect(node).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let fates = Fates::default();
    let (frames, queue) = mpsc::channel(FRAMES_MAX);
    tokio::select! {
        asked = requests(from_client, to_server, Arc::clone(&fates), trouble) => asked,
        answered = answers(from_server, frames, fates) => answered,
        written = write(queue, to_client) => written,
    }
}

async fn frame(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; HEADER_BYTES];
    from.read_exact(&mut frame).await?;
    let length = u32::from_be_bytes(frame[5..9].try_into().unwrap());
    frame.resize(HEADER_BYTES + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut frame[HEADER_BYTES..]).await?;
    Ok(frame)
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fates: Fates,
    trouble: Arc<Trouble>,
) -> std::io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        let fate = if frame[4] == OPCODE_BATCH { trouble.fate() } else { None };
        match fate {
            None => {}
            Some(Fate::RequestSwallowed) => continue,
            Some(Fate::RequestCut) => return Ok(()),
            Some(fate @ (Fate::AnswerSwallowed | Fate::AnswerDelayed | Fate::AnswerCut)) => {
                fates.lock().unwrap_or_else(PoisonError::into_inner).insert([frame[2], frame[3]], fate);
            }
        }
        to.write_all(&frame).await?;
    }
}

async fn answers(mut from: OwnedReadHalf, frames: mpsc::Sender<Vec<u8>>, fates: Fates) -> std::io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        let fate = fates.lock().unwrap_or_else(PoisonError::into_inner).remove(&[frame[2], frame[3]]);
        match fate {
            Some(Fate::AnswerSwallowed) => {}
            Some(Fate::AnswerCut) => return Ok(()),
            Some(Fate::AnswerDelayed) => {
                let frames = frames.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(DELAY).await;
                    // The connection may be gone by then.
                    let _ = frames.send(frame).await;
                });
            }
            None | Some(Fate::RequestSwallowed | Fate::RequestCut) => {
                if frames.send(frame).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Vec<u8>>, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    while let Some(frame) = queue.recv().await {
        to.write_all(&frame).await?;
    }
    Ok(())
}
