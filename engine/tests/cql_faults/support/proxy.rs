//! A proxy between driver and node that knows CQL's frames and loses what it is told to: a request before the server
//! saw it, or the answer after the server carried it out. Which prepared statements are conditional it learns from what
//! it sees being prepared.
//!
//! It stands at another loopback address under the node's own port, so that the driver's map of addresses leads all of
//! its connections through it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
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
const OPCODE_RESULT: u8 = 0x08;
const OPCODE_PREPARE: u8 = 0x09;
const OPCODE_EXECUTE: u8 = 0x0a;
const OPCODE_BATCH: u8 = 0x0d;
/// The kind of a result that answers a `PREPARE`.
const PREPARED: [u8; 4] = [0, 0, 0, 4];
/// No wall stands.
const NO_WALL: i64 = i64::MAX;
/// Frames on their way to one client.
const FRAMES_MAX: usize = 1_024;

/// What happens to a conditional write.
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
    /// Its proxies stand in a network of their own.
    network: u8,
    /// Conditional statements by themselves, too, and not only in batches.
    of_statements: bool,
    conditional: Mutex<HashSet<Vec<u8>>>,
    /// Statements that still pass; then every one breaks its connection.
    until_wall: AtomicI64,
    met: [AtomicU64; FATES.len()],
}

impl Trouble {
    pub(crate) fn new(seed: u64, per_mille: u64) -> Arc<Self> {
        Self::of(seed, per_mille, false)
    }

    /// For conditional statements by themselves, too.
    pub(crate) fn of_statements(seed: u64, per_mille: u64) -> Arc<Self> {
        Self::of(seed, per_mille, true)
    }

    fn of(seed: u64, per_mille: u64, of_statements: bool) -> Arc<Self> {
        static NETWORKS_COUNT: AtomicU8 = AtomicU8::new(1);
        Arc::new(Self {
            network: NETWORKS_COUNT.fetch_add(1, Ordering::Relaxed),
            dice: Mutex::new(Dice::new(seed)),
            per_mille,
            of_statements,
            conditional: Mutex::default(),
            until_wall: AtomicI64::new(NO_WALL),
            met: Default::default(),
        })
    }

    /// From now on so many statements pass, and no other until [`Trouble::lift_wall`].
    pub(crate) fn wall_after(&self, statements_count: i64) {
        self.until_wall.store(statements_count, Ordering::SeqCst);
    }

    /// Everything passes again; whether the wall was met.
    pub(crate) fn lift_wall(&self) -> bool {
        self.until_wall.swap(NO_WALL, Ordering::SeqCst) < 0
    }

    fn is_walled(&self) -> bool {
        self.until_wall.load(Ordering::SeqCst) != NO_WALL && self.until_wall.fetch_sub(1, Ordering::SeqCst) <= 0
    }

    fn is_conditional(&self, frame: &[u8]) -> bool {
        match frame[4] {
            OPCODE_BATCH => true,
            OPCODE_EXECUTE if self.of_statements => {
                let conditional = self.conditional.lock().unwrap_or_else(PoisonError::into_inner);
                prepared_id(&frame[HEADER_BYTES..]).is_some_and(|id| conditional.contains(id))
            }
            _ => false,
        }
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

    /// Where its proxy of a node stands.
    pub(crate) fn address_of(&self, node: SocketAddr) -> SocketAddr {
        let SocketAddr::V4(node) = node else { panic!("nodes of tests have IPv4 addresses") };
        let [a, b, _, d] = node.ip().octets();
        SocketAddr::from(([a, b, self.network, d], node.port()))
    }
}

/// Stands before a node until the test process ends.
pub(crate) async fn stand_before(node: SocketAddr, trouble: Arc<Trouble>) {
    let listener = TcpListener::bind(trouble.address_of(node)).await.unwrap();
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

/// What is under way on a connection, by the number of its stream.
#[derive(Default)]
struct Streams {
    fates: HashMap<[u8; 2], Fate>,
    preparing_conditional: HashSet<[u8; 2]>,
}

type Fates = Arc<Mutex<Streams>>;

/// The id that a body begins with.
fn prepared_id(body: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(body.get(..2)?.try_into().ok()?));
    body.get(2..2 + length)
}

async fn serve(client: TcpStream, node: SocketAddr, trouble: Arc<Trouble>) -> std::io::Result<()> {
    let server = TcpStream::connect(node).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let fates = Fates::default();
    let (frames, queue) = mpsc::channel(FRAMES_MAX);
    tokio::select! {
        asked = requests(from_client, to_server, Arc::clone(&fates), Arc::clone(&trouble)) => asked,
        answered = answers(from_server, frames, fates, trouble) => answered,
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
        let stream = [frame[2], frame[3]];
        if frame[4] == OPCODE_PREPARE && frame.windows(4).any(|word| word == b" IF ") {
            fates.lock().unwrap_or_else(PoisonError::into_inner).preparing_conditional.insert(stream);
        }
        if matches!(frame[4], OPCODE_EXECUTE | OPCODE_BATCH) && trouble.is_walled() {
            return Ok(());
        }
        let fate = if trouble.is_conditional(&frame) { trouble.fate() } else { None };
        match fate {
            None => {}
            Some(Fate::RequestSwallowed) => continue,
            Some(Fate::RequestCut) => return Ok(()),
            Some(fate @ (Fate::AnswerSwallowed | Fate::AnswerDelayed | Fate::AnswerCut)) => {
                fates.lock().unwrap_or_else(PoisonError::into_inner).fates.insert(stream, fate);
            }
        }
        to.write_all(&frame).await?;
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    frames: mpsc::Sender<Vec<u8>>,
    fates: Fates,
    trouble: Arc<Trouble>,
) -> std::io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        let fate = {
            let stream = [frame[2], frame[3]];
            let mut streams = fates.lock().unwrap_or_else(PoisonError::into_inner);
            let body = &frame[HEADER_BYTES..];
            if streams.preparing_conditional.remove(&stream) && frame[4] == OPCODE_RESULT && body.starts_with(&PREPARED)
            {
                let id = prepared_id(&body[PREPARED.len()..]).map(<[u8]>::to_vec);
                trouble.conditional.lock().unwrap_or_else(PoisonError::into_inner).extend(id);
            }
            streams.fates.remove(&stream)
        };
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
