//! `usher sandbox`: the payment sandbox as a process of its own, for several nodes to share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use usher_engine::clock::Clock;

use super::serve::{KEEP_ALIVE, Signals, cannot_listen};
use super::{Outcome, say};
use crate::config::{Fault, LogSettings};
use crate::house::{key, open_sandbox};
use crate::logs;
use crate::middleware::shell::shell;
use crate::problem::{Problem, kinds};

/// Threads that answer: most of an answer is waiting for the one writer of the file.
const WORKERS_COUNT: usize = 1;
/// How long requests under way may take to finish when it is told to stop, in seconds.
const DRAIN_S: u64 = 5;

/// What the command is told.
#[derive(Debug, clap::Args)]
pub(super) struct SandboxArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where its file is kept.
    #[arg(long, default_value = "./data/sandbox")]
    data: PathBuf,
    /// The keys folder of the nodes: what both sides prove themselves with follows from `cookie.key` there.
    #[arg(long)]
    keys: PathBuf,
    /// Where a node takes webhooks: `http://HOST:PORT/webhooks/stripe`. Given several times, each webhook goes to the
    /// first that takes it.
    #[arg(long = "webhooks", required = true)]
    webhook_urls: Vec<String>,
}

pub(super) fn run(args: SandboxArgs) -> Outcome {
    let SandboxArgs { listen, data, keys, webhook_urls } = args;
    logs::start(&LogSettings::default()).map_err(|fault| vec![fault])?;
    let mut faults: Vec<Fault> = Vec::new();
    for url in webhook_urls.iter().filter(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        faults.push(Fault { key: "--webhooks".to_owned(), what: format!("{url} must begin with http:// or https://") });
    }
    let one = |key: &str, what: String| Fault { key: key.to_owned(), what };
    let made = std::fs::create_dir_all(&data);
    faults.extend(made.err().map(|error| one("--data", format!("{}: {error}", data.display()))));
    let house_key = key(&keys, "cookie.key").map_err(|fault| faults.push(fault)).ok();
    let (Some(house_key), true) = (house_key, faults.is_empty()) else { return Err(faults) };
    let sandbox = open_sandbox(&data, webhook_urls, &house_key, &Clock::system()).map_err(|fault| vec![fault])?;
    actix_web::rt::System::new().block_on(async move {
        let mounted = sandbox.clone();
        let http = HttpServer::new(move || {
            App::new()
                .configure(|config| mounted.configure(config))
                .default_service(web::to(async || Err::<&str, _>(Problem::of(&kinds::NOT_FOUND))))
                .wrap(from_fn(shell))
        });
        let http = http.workers(WORKERS_COUNT).keep_alive(KEEP_ALIVE).client_request_timeout(KEEP_ALIVE);
        let http = http.shutdown_timeout(DRAIN_S).disable_signals().bind(listen);
        let http = http.map_err(|error| vec![cannot_listen(listen, &error)])?;
        let bound = http.addrs().first().copied().unwrap_or(listen);
        let mut signals = Signals::listen();
        let server = http.run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        let sending = actix_web::rt::spawn(async move { sandbox.run().await });
        say(&format!("The payment sandbox is at http://{bound}: set payments.url to it. No money moves."));
        tokio::select! {
            () = signals.told_to_stop() => handle.stop(true).await,
            ended = running => tracing::error!(?ended, "the sandbox ended by itself"),
        }
        sending.abort();
        Ok(ExitCode::SUCCESS)
    })
}
