//! A house on a free port of this process, and clients that cost next to nothing: a request is bytes made beforehand,
//! an answer is read to its `Content-Length`. Server and clients share the machine, so a client library would be
//! measured along with the server.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{HttpResponse, HttpServer, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use usher::app::create_app;
use usher::config::{Settings, StoresSettings};
use usher::house::House;
use usher::state::AppState;
use usher_engine::clock::Clock;

/// Where the same server answers a constant of the size of a hold.
pub const CONSTANT_PATH: &str = "/constant";
/// The longest answer that a client reads.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A running house; stops when dropped.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its handlers share.
    pub state: AppState,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    /// Starts a house over a folder. `constant` is what [`CONSTANT_PATH`] answers.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(folder: &std::path::Path, constant: &'static str) -> Self {
        let stores = StoresSettings::Sqlite { folder: folder.to_owned() };
        let settings = Settings { stores, ..Settings::default() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (tell, mut told) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let workers_count = settings.server.workers_count;
                let house = House::open(settings, address, Clock::system()).expect("the house opens");
                let state = house.state().clone();
                let shared = state.clone();
                let app = move || {
                    let answer = move |_body: web::Bytes| async move {
                        HttpResponse::Created().content_type("application/json").body(constant)
                    };
                    create_app(&shared).route(CONSTANT_PATH, web::post().to(answer))
                };
                let server = HttpServer::new(app).workers(workers_count).disable_signals();
                let server = server.listen(listener).expect("it listens").run();
                let handle = server.handle();
                let running = actix_web::rt::spawn(server);
                house.start();
                tell.send(state).expect("the bench waits for it");
                // Dropped or told: both end it.
                let _ = stopped.await;
                handle.stop(true).await;
                let _ = running.await;
                house.stop().await;
            });
        });
        let state = told.blocking_recv().expect("the house opens");
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A house that failed has said so already.
            let _ = thread.join();
        }
    }
}

/// The bytes of a request.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    (head + "\r\n" + body).into_bytes()
}

/// Sends the requests over so many connections, each sending its next once it has its answer. Tells the time from the
/// first byte to the last answer; connections are open before it begins.
///
/// # Panics
/// An answer has another status than `status`.
pub async fn send_all(address: SocketAddr, requests: Vec<Vec<u8>>, connections_count: usize, status: u16) -> Duration {
    let mut connections = Vec::new();
    for _ in 0..connections_count {
        connections.push(Connection::open(address).await.expect("the server accepts"));
    }
    let requests = Arc::new(requests);
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for (first, mut connection) in connections.into_iter().enumerate() {
        let requests = Arc::clone(&requests);
        clients.spawn(async move {
            for request in requests.iter().skip(first).step_by(connections_count) {
                let (got, body) = connection.call(request).await.expect("the server answers");
                assert_eq!(got, status, "{body}");
            }
        });
    }
    clients.join_all().await;
    started.elapsed()
}

/// One kept connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// The server does not accept.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Sends a request and reads its answer: status and body.
    ///
    /// # Errors
    /// The connection broke, or the answer is none.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<(u16, String)> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(answer) = parsed(&self.buffer[..filled]) {
                return Ok(answer);
            }
        }
    }
}

/// Status and body, once all of it is there.
fn parsed(bytes: &[u8]) -> Option<(u16, String)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut lengths =
        head.lines().filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let length: usize = lengths.next().unwrap_or(0);
    (body.len() >= length).then(|| (status, body.to_owned()))
}
