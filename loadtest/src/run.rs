//! A whole run: a server, a crowd, the wait until the sale rests, the audit, the report.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::json;
use tempfile::TempDir;

use crate::audit::{Books, Code, Contradiction, Ledger, audit, unsettled};
use crate::buyer::{Live, World};
use crate::client::{Api, Patience};
use crate::drive::{Crowd, drive};
use crate::inspect::{Found, Inspector, OwnEvent};
use crate::progress::Progress;
use crate::report::{Report, ServerSheet};
use crate::server::{Server, find_binary};

/// How long buyers and auditors wait for a server that is expected to come back.
const GONE_MAX: Duration = Duration::from_secs(60);
/// How long late payers think when the event's holds are long, in milliseconds.
const THINKS_MS: Range<u64> = 200..1_500;
/// Between two looks at a sale that is coming to rest: the first pause and the longest.
const SETTLE_LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Whom the crowd comes to.
#[derive(Debug, Clone)]
pub enum Target {
    /// A server of one's own, started for this run.
    Embedded {
        /// Its binary, if not the one beside this program.
        binary: Option<PathBuf>,
        /// Where it keeps its data, to stay there; a folder that goes with the run if not told.
        folder: Option<PathBuf>,
    },
    /// Servers that run.
    Running {
        /// Their base URLs.
        urls: Vec<String>,
        /// The organizer of the event.
        email: String,
        /// The organizer's password.
        password: String,
    },
}

/// Which event the crowd comes to.
#[derive(Debug, Clone)]
pub enum Occasion {
    /// The largest on sale that costs something.
    Largest,
    /// By id or a part of its name.
    Named(String),
    /// One that is made for the run.
    Own(OwnEvent),
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whom the crowd comes to.
    pub target: Target,
    /// The crowd.
    pub crowd: Crowd,
    /// Which event.
    pub event: Occasion,
    /// How long the sale may take to come to rest.
    pub settle_within: Duration,
    /// The servers may go and come back while it runs.
    pub expect_restarts: bool,
}

/// The servers of a run. The embedded one ends when this is dropped, and then its folder goes.
struct Stage {
    server: Option<Server>,
    _folder: Option<TempDir>,
    inspector: Inspector,
}

/// Runs it all.
///
/// # Errors
/// There is no server, no event, or no answer when the books are read.
pub async fn run(settings: &Settings) -> anyhow::Result<Report> {
    let progress = Progress::start("starting");
    let stage = open(&settings.target).await?;
    let found = match &settings.event {
        Occasion::Largest => stage.inspector.find_event(None).await?,
        Occasion::Named(name) => stage.inspector.find_event(Some(name)).await?,
        Occasion::Own(own) => stage.inspector.put_on_sale(*own).await?,
    };
    let gone_max = if settings.expect_restarts { GONE_MAX } else { Duration::ZERO };
    let mut world = world_of(&stage.inspector, &found, settings.crowd.seed, Patience { gone_max }).await?;
    if let Occasion::Own(own) = settings.event {
        world.thinks_ms = around(own.hold);
    }
    let world = Arc::new(world);

    let watching = progress.watch(Arc::clone(&world), settings.crowd.duration);
    let driven = drive(&world, settings.crowd).await;
    watching.abort();

    let mut ledger = driven.ledger();
    let began = Instant::now();
    let (exclusive, within) = (stage.server.is_some(), settings.settle_within);
    let say = |words: &str| progress.say(words);
    say("the sale comes to rest");
    let (books, mut contradictions) = settle(&stage.inspector, &world, &mut ledger, exclusive, within, say).await?;
    let settled_in = began.elapsed();
    progress.say("auditing");
    contradictions.extend(audit(&ledger, &books));
    let mut audited_count = 1;
    if world.api.bases().len() > 1 {
        let (nodes_count, differences) =
            stage.inspector.compare_nodes(&world, exclusive, settings.expect_restarts).await?;
        audited_count = nodes_count;
        contradictions.extend(differences);
    }
    let server = ServerSheet { embedded: stage.server.is_some(), urls: world.api.bases().to_vec(), audited_count };
    if let Some(server) = stage.server {
        progress.say("stopping the server");
        server.stop()?;
    }
    progress.end();
    Ok(Report::new(settings, server, &found, driven, &books, contradictions, settled_in))
}

/// From well before the end of a hold to well after it, in milliseconds.
fn around(hold: Duration) -> Range<u64> {
    let ms = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX).max(10);
    ms / 2..ms.saturating_add(ms / 4)
}

async fn open(target: &Target) -> anyhow::Result<Stage> {
    match target {
        Target::Embedded { binary, folder } => {
            let binary = find_binary(binary.as_deref())?;
            let passing = match folder {
                Some(folder) => {
                    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
                    None
                }
                None => Some(tempfile::Builder::new().prefix("usher-loadtest-").tempdir().context("a folder")?),
            };
            let at = passing.as_ref().map(TempDir::path).or(folder.as_deref()).context("a folder")?;
            let server = Server::start(&binary, at, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &[]).await?;
            let api = Api::new(vec![server.demo.url.clone()])?;
            let inspector = Inspector::with_key(api, server.demo.api_key.clone());
            Ok(Stage { server: Some(server), _folder: passing, inspector })
        }
        Target::Running { urls, email, password } => {
            let api = Api::new(urls.clone())?;
            let inspector = Inspector::log_in(api, email, password).await?;
            Ok(Stage { server: None, _folder: None, inspector })
        }
    }
}

/// The sale at an event, for the buyers of one run.
///
/// # Errors
/// The server does not answer.
pub async fn world_of(inspector: &Inspector, found: &Found, seed: u64, patience: Patience) -> anyhow::Result<World> {
    let (seats_count, areas) = inspector.places(found).await?;
    // Two runs against one server must not share addresses; what the buyers do does not depend on it.
    let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Ok(World {
        api: inspector.api().clone(),
        patience,
        event: found.event.clone(),
        seats_count,
        plan_digest: found.plan_digest.clone(),
        areas,
        thinks_ms: THINKS_MS,
        run_tag: format!("seed-{seed}.{started_ms:x}"),
        live: Live::default(),
    })
}

/// Waits until nothing is under way, and gives the books as they then are. What still is when the time is over
/// contradicts the promise that it ends. `exclusive`: nobody else touches the event.
///
/// # Errors
/// The server does not answer.
pub async fn settle(
    inspector: &Inspector,
    world: &World,
    ledger: &mut Ledger,
    exclusive: bool,
    within: Duration,
    mut say: impl FnMut(&str),
) -> anyhow::Result<(Books, Vec<Contradiction>)> {
    let began = Instant::now();
    let mut pause = SETTLE_LOOK_EVERY.0;
    loop {
        let books = inspector.books(world, exclusive).await?;
        let mut waits = unsettled(ledger, &books);
        let late_count = inspector.fetch_late_tickets(ledger).await?;
        if late_count > 0 {
            waits.push(format!("{late_count} tickets being prepared"));
        }
        let said = waits.join(", ");
        if waits.is_empty() {
            return Ok((books, Vec::new()));
        }
        if began.elapsed() >= within {
            let detail = format!("after {} s there are still {said}", within.as_secs());
            return Ok((books, vec![Contradiction::new(Code::Unsettled, detail, json!({"waits": waits}))]));
        }
        say(&format!("the sale comes to rest: {said}"));
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(SETTLE_LOOK_EVERY.1);
    }
}
