//! `usher serve`: bind, open the house, serve until told to stop, stop in order.

use std::any::Any;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use usher_engine::clock::Clock;

use super::{From, Outcome};
use crate::app::create_app;
use crate::config::{Fault, Layers, Settings};
use crate::house::{House, check_folder, lock_folder};
use crate::logs;
use crate::state::AppState;

/// How long an idle connection is kept, and how long a client may take to send a request's head.
pub(super) const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a client may leave what was sent to it unread.
const UNREAD_MAX_MS: u32 = 10_000;

pub(super) fn run(from: &From, listen: Option<&str>) -> Outcome {
    let mut layers = from.layers();
    if let Some(listen) = listen {
        layers.command_line("server", "listen", listen);
    }
    let settings = settings(layers)?;
    logs::start(&settings.log).map_err(|fault| vec![fault])?;
    serve(settings, async |_| Ok(()))
}

/// The settings to serve by. When some are wrong, what the others ask for is tried too, so that one start tells
/// everything that stands in its way.
pub(super) fn settings(layers: Layers) -> Result<Settings, Vec<Fault>> {
    let readable = layers.readable();
    layers.settings().map_err(|mut faults| {
        faults.extend(readable.map(|readable| outside(&readable, &faults)).into_iter().flatten().collect::<Vec<_>>());
        faults
    })
}

/// What is wrong outside of the settings, as far as those that are not told already say where to look.
fn outside(settings: &Settings, told: &[Fault]) -> Vec<Fault> {
    let is_told = |key: &str| told.iter().any(|fault| fault.key.starts_with(key));
    let mut faults = Vec::new();
    if !is_told("server.listen")
        && let Err(error) = TcpListener::bind(settings.server.listen)
    {
        faults.push(cannot_listen(settings.server.listen, &error));
    }
    if !is_told("stores")
        && let Err(fault) = check_folder(&settings.stores)
    {
        faults.push(fault);
    }
    faults
}

pub(super) fn cannot_listen(listen: SocketAddr, error: &std::io::Error) -> Fault {
    Fault { key: "server.listen".to_owned(), what: format!("cannot listen on {listen}: {error}") }
}

/// Serves; `ready` runs once requests are answered and before anything is said about it.
pub(super) fn serve<R, F>(settings: Settings, ready: R) -> Outcome
where
    R: FnOnce(AppState) -> F,
    F: Future<Output = Result<(), Vec<Fault>>>,
{
    actix_web::rt::System::new().block_on(async move {
        // Workers start after the house is open, and find its state here.
        let shared: Arc<OnceLock<AppState>> = Arc::default();
        let for_workers = Arc::clone(&shared);
        let server = &settings.server;
        let http =
            HttpServer::new(move || create_app(for_workers.get().expect("the house is open before the server runs")));
        let http = http
            .workers(server.workers_count)
            .max_connections(server.connections_max.div_ceil(server.workers_count).max(1))
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(KEEP_ALIVE)
            .on_connect(|connection, _| bound_unread(connection))
            .shutdown_timeout(server.drain.0.as_secs())
            .disable_signals()
            .bind(server.listen);
        let (http, faults) = match http {
            Ok(http) => (Some(http), Vec::new()),
            Err(error) => (None, vec![cannot_listen(server.listen, &error)]),
        };
        let bound = http.as_ref().and_then(|http| http.addrs().first().copied()).unwrap_or(server.listen);
        let (_folder, faults) = match lock_folder(&settings.stores) {
            Ok(lock) => (lock, faults),
            Err(fault) => (None, faults.into_iter().chain([fault]).collect()),
        };
        let house = open(settings, bound, faults)?;
        let Some(http) = http else { return Ok(ExitCode::SUCCESS) };
        let state = house.state().clone();
        // Nobody else sets it.
        let _ = shared.set(state.clone());
        // Before anybody can be told that it serves: whoever is told may ask it to stop at once.
        let mut signals = Signals::listen();
        let server = http.run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        house.start();
        tracing::info!(%bound, public_url = state.public_url, "serving");
        if let Err(faults) = ready(state).await {
            handle.stop(false).await;
            house.stop().await;
            return Err(faults);
        }
        wait_and_stop(&house, &handle, running, &mut signals).await;
        house.stop().await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    })
}

/// A client that does not read would keep its connection for ever: the server waits for room, and the keep-alive timer
/// does not run while it writes. So the system closes it.
fn bound_unread(connection: &dyn Any) {
    let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() else { return };
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, UNREAD_MAX_MS) {
        tracing::debug!(%error, "a connection may go unread");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, UNREAD_MAX_MS);
}

/// Opens the house, even when the address is taken, so that all faults are told at once.
fn open(settings: Settings, bound: SocketAddr, mut faults: Vec<Fault>) -> Result<House, Vec<Fault>> {
    match House::open(settings, bound, Clock::system()) {
        Ok(house) if faults.is_empty() => Ok(house),
        Ok(_) => Err(faults),
        Err(others) => {
            faults.extend(others);
            Err(faults)
        }
    }
}

async fn wait_and_stop(
    house: &House,
    handle: &ServerHandle,
    running: actix_web::rt::task::JoinHandle<std::io::Result<()>>,
    signals: &mut Signals,
) {
    tokio::select! {
        () = signals.told_to_stop() => {
            tracing::info!("stopping: new work is refused, requests under way may finish");
            house.begin_draining();
            // Whoever spreads the load reads from /readyz that it must look elsewhere, before the door is shut.
            tokio::select! {
                () = tokio::time::sleep(house.state().settings.server.unready.0) => {}
                () = signals.told_to_stop() => tracing::info!("told again: the door is shut at once"),
            }
            handle.stop(true).await;
        }
        ended = running => tracing::error!(?ended, "the server ended by itself"),
    }
}

/// SIGTERM and SIGINT, heard from [`Signals::listen`] on: one that comes before whoever waits is not lost.
pub(super) struct Signals {
    #[cfg(unix)]
    heard: [Option<tokio::signal::unix::Signal>; 2],
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(super) fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let heard = [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| match signal(kind) {
                Ok(signal) => Some(signal),
                Err(error) => {
                    tracing::error!(%error, ?kind, "a signal will not be heard");
                    None
                }
            });
            Self { heard }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Waits until the process is told to stop.
    pub(super) async fn told_to_stop(&mut self) {
        #[cfg(unix)]
        {
            let [terminate, interrupt] = &mut self.heard;
            tokio::select! {
                () = heard(terminate) => {}
                () = heard(interrupt) => {}
            }
        }
        #[cfg(not(unix))]
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "no signal will be heard");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
