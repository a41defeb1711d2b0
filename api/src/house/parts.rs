//! Opens the parts of a house and joins them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use usher_engine::adapters::files::keys;
use usher_engine::adapters::files::outbox::OutboxFolder;
use usher_engine::adapters::smtp::{SmtpConfig, SmtpEncryption, SmtpMailer};
use usher_engine::checkout::{Runner, RunnerParts};
use usher_engine::clock::Clock;
use usher_engine::cluster::{Events, REPLICAS_MAX, SeveralParts};
use usher_engine::event::{self, Ownership, Registry};
use usher_engine::feed::Feed;
use usher_engine::jobs::Workers;
use usher_engine::mail::{Mailer, Sender};
use usher_engine::orders::{Projector, ProjectorParts};
use usher_engine::payments::{InboxParts, InboxProcessor, Intake, Reconciler, ReconcilerParts};
use usher_engine::store::StoreError;
use usher_engine::tickets::fonts::Fonts;
use usher_engine::tickets::printer::{Printer, PrinterConfig};

use super::money::Money;
use super::node::{self, Among};
use super::schedule::Schedule;
use super::shared::Shared;
use super::stores::{Kept, folder, keys_folder};
use crate::access::passwords::Passwords;
use crate::back_office::{BackOffice, BackOfficeParts};
use crate::config::{Fault, MailSettings, Settings, SmtpTls};
use crate::cookies::Cookies;
use crate::live::Live;
use crate::middleware::gate::InFlight;
use crate::middleware::headers::Dress;
use crate::plans::PlanCache;
use crate::state::{AppState, Inner};

/// Who mails of a house without an SMTP server say they are from.
const OUTBOX_SENDER: &str = "Usher <tickets@usher.invalid>";

/// The joined parts.
pub(super) struct Opened {
    pub(super) state: AppState,
    pub(super) inbox: InboxProcessor,
    pub(super) reconciler: Reconciler,
    pub(super) schedule: Schedule,
    pub(super) payer_later: PayerLater,
}

/// The payment process, for who is made before it. Emptied when the house stops: the parts hold each other in a ring,
/// and files would stay open.
#[derive(Clone, Default)]
pub(super) struct PayerLater(Arc<Mutex<Option<Runner>>>);

impl PayerLater {
    pub(super) fn set(&self, payer: Option<Runner>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = payer;
    }

    pub(super) fn get(&self) -> Option<Runner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was opened before.
pub(super) struct Foundation<'a> {
    pub(super) kept: &'a Kept,
    pub(super) shared: &'a Shared,
    pub(super) workers: &'a Workers,
    pub(super) runtime: &'a Handle,
    pub(super) prometheus: Option<PrometheusHandle>,
}

/// Opens all parts; what can fail is tried first, all of it, so that all faults are told at once.
pub(super) fn open(
    settings: Settings,
    bound: SocketAddr,
    clock: Clock,
    foundation: Foundation<'_>,
    draining: watch::Receiver<bool>,
) -> Result<Opened, Vec<Fault>> {
    let Foundation { kept, shared, workers, runtime, prometheus } = foundation;
    let public_url = settings.public_url(bound);
    let secure = public_url.starts_with("https://");
    let data = folder(&settings.stores);
    let plans = PlanCache::new(Arc::clone(&kept.stores.catalogue));
    let mut faults = Vec::new();
    let cookie_key = gathered(super::money::key(&keys_folder(&settings), "cookie.key"), &mut faults);
    let money = cookie_key
        .and_then(|key| gathered(Money::open(&settings.payments, &data, bound, &key, &clock, runtime), &mut faults));
    let ground = Ground { settings: &settings, data: &data, public_url: &public_url, kept, clock: &clock, runtime };
    let back_office = open_back_office(&ground, &plans, &mut faults);
    // The projector tells the payment process, which asks events, which tell the projector: one of them comes later.
    let payer_later = PayerLater::default();
    let projector = open_projector(kept, shared, workers, payer_later.clone());
    let schedule = Schedule::default();
    let among = gathered(
        node::join(&settings.node, kept, cookie_key.as_ref(), (&projector, &payer_later), runtime),
        &mut faults,
    );
    let node_key = among.iter().flatten().map(|among| among.key.clone()).next();
    let following = Following { plans: &plans, projector: &projector, schedule: &schedule, feed: &shared.feed };
    let events = among.and_then(|among| gathered(open_events(&ground, following, among), &mut faults));
    let (Some(cookie_key), Some(money), Some((back_office, ticket_files)), Some(events)) =
        (cookie_key, money, back_office, events)
    else {
        return Err(faults);
    };
    let paying = Paying::open(&events, &money, kept, &clock);
    payer_later.set(Some(paying.payer.clone()));
    let state = AppState::new(Inner {
        public_url,
        accounts: Arc::clone(&kept.stores.accounts),
        catalogue: Arc::clone(&kept.stores.catalogue),
        views: Arc::clone(&kept.stores.views),
        contacts: Arc::clone(&kept.stores.contacts),
        payments: Arc::clone(&kept.stores.payments),
        inbox: Arc::clone(&kept.stores.inbox),
        jobs: Arc::clone(&shared.jobs),
        redis: shared.redis.clone(),
        feed: Arc::clone(&shared.feed),
        audit_log: Arc::clone(&kept.stores.audit_log),
        cluster: kept.cluster.clone(),
        events,
        projector,
        payer: paying.payer,
        intake: paying.intake,
        sandbox: money.sandbox,
        ticket_files,
        back_office,
        plans,
        copying: tokio::sync::Mutex::default(),
        node_key,
        cookie_key,
        cookies: Cookies::new(secure),
        passwords: Passwords::default(),
        logins: shared.logins(&settings),
        runtime: runtime.clone(),
        live: Live::new(settings.live.streams_max),
        prometheus,
        draining,
        in_flight: InFlight::new(settings.server.in_flight_max),
        dress: Dress::new(&settings.payments, secure),
        clock,
        settings,
    });
    Ok(Opened { state, inbox: paying.inbox, reconciler: paying.reconciler, schedule, payer_later })
}

fn open_projector(kept: &Kept, shared: &Shared, workers: &Workers, payer: PayerLater) -> Projector {
    let workers = workers.clone();
    Projector::new(ProjectorParts {
        journal: Arc::clone(&kept.journal),
        views: Arc::clone(&kept.stores.views),
        queue: Arc::clone(&shared.jobs),
        on_orders: Arc::new(move |event, orders| {
            workers.wake();
            if let Some(payer) = payer.get() {
                orders.iter().for_each(|order| payer.wake(event, *order));
            }
        }),
    })
}

/// The payment processes and what feeds them.
struct Paying {
    payer: Runner,
    inbox: InboxProcessor,
    reconciler: Reconciler,
    intake: Intake,
}

impl Paying {
    fn open(events: &Events, money: &Money, kept: &Kept, clock: &Clock) -> Self {
        let payer = Runner::new(RunnerParts {
            desk: super::money::desk(events),
            payments: Arc::clone(&kept.stores.payments),
            views: Arc::clone(&kept.stores.views),
            gateway: money.gateway.clone(),
            clock: clock.clone(),
        });
        let bell = Arc::new(Notify::new());
        let inbox = InboxProcessor::new(InboxParts {
            inbox: Arc::clone(&kept.stores.inbox),
            payments: Arc::clone(&kept.stores.payments),
            gateway: money.gateway.clone(),
            runner: payer.clone(),
            clock: clock.clone(),
            bell: Arc::clone(&bell),
        });
        let reconciler = Reconciler::new(ReconcilerParts {
            runner: payer.clone(),
            journal: Arc::clone(&kept.journal),
            catalogue: Arc::clone(&kept.stores.catalogue),
        });
        let intake = Intake::new(money.intake.clone(), Arc::clone(&kept.stores.inbox), clock.clone(), bell);
        Self { payer, inbox, reconciler, intake }
    }
}

/// The value, or its fault among the others.
fn gathered<T>(result: Result<T, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

/// What follows from what events decide.
#[derive(Clone, Copy)]
struct Following<'a> {
    plans: &'a PlanCache,
    projector: &'a Projector,
    schedule: &'a Schedule,
    feed: &'a Arc<dyn Feed>,
}

fn open_events(ground: &Ground<'_>, following: Following<'_>, among: Option<Among>) -> Result<Events, Fault> {
    let Ground { settings, kept, clock, runtime, .. } = *ground;
    let (projector, schedule) = (following.projector.clone(), following.schedule.clone());
    let feed = Arc::clone(following.feed);
    let told = Arc::clone(&feed);
    let ownership: Arc<dyn Ownership> = match &among {
        Some(among) => Arc::new(among.member.clone()),
        None => Arc::new(event::Sole),
    };
    let parts = event::Parts {
        journal: Arc::clone(&kept.journal),
        plans: following.plans.for_events(),
        clock: clock.clone(),
        ownership,
        rules: event::Rules::default(),
        on_committed: Arc::new(move |event, seq| {
            projector.committed(event, seq);
            schedule.touched(event);
            told.committed(event, seq);
        }),
        limits: event::Limits {
            gate_permits: settings.events.gate_permits_max,
            idle_ms: settings.events.idle_unload.ms(),
            arbiters_count: settings.events.threads_count,
            ..event::Limits::default()
        },
    };
    let registry = Registry::new(parts)
        .map_err(|error| Fault { key: "events.threads_count".to_owned(), what: error.to_string() })?;
    let Some(Among { member, key }) = among else { return Ok(Events::alone(registry)) };
    let forward = node::forward(&member, &key, clock, runtime)?;
    let parts = SeveralParts {
        member,
        forward,
        feed,
        journal: Arc::clone(&kept.journal),
        plans: following.plans.for_events(),
        runtime: runtime.clone(),
        replicas_max: REPLICAS_MAX,
    };
    Ok(Events::among(registry, parts))
}

type TicketFiles = Arc<dyn usher_engine::tickets::TicketFiles>;

/// What a part is opened on.
struct Ground<'a> {
    settings: &'a Settings,
    data: &'a Path,
    public_url: &'a str,
    kept: &'a Kept,
    clock: &'a Clock,
    runtime: &'a Handle,
}

fn open_back_office(
    ground: &Ground<'_>,
    plans: &PlanCache,
    faults: &mut Vec<Fault>,
) -> Option<(BackOffice, TicketFiles)> {
    let Ground { settings, data, public_url, kept, clock, runtime } = *ground;
    let fault = |key: &str, what: String| Fault { key: key.to_owned(), what };
    let fonts = Fonts::load(&settings.tickets.fonts).map_err(|broken| {
        faults.extend(
            broken.iter().map(|font| fault("tickets.fonts", format!("{}: {}", font.path.display(), font.reason))),
        );
    });
    let files = gathered(super::ticket_store::open(&settings.ticket_store, data, runtime), faults);
    let keys = gathered(keys::open_or_create(&keys_folder(settings)).map_err(|error| key_fault(&error)), faults);
    let mailer = gathered(open_mailer(&settings.mail, data), faults);
    let config = PrinterConfig { threads_count: settings.tickets.threads_count, ..PrinterConfig::default() };
    let fonts = Arc::new(fonts.ok()?);
    let printer = Printer::start(Arc::clone(&fonts), config);
    let printer = gathered(printer.map_err(|error| fault("tickets.threads_count", error.to_string())), faults);
    let files = files?;
    let (mailer, sender) = mailer?;
    let office = BackOffice::new(BackOfficeParts {
        catalogue: Arc::clone(&kept.stores.catalogue),
        views: Arc::clone(&kept.stores.views),
        contacts: Arc::clone(&kept.stores.contacts),
        ticket_files: Arc::clone(&files),
        plans: plans.clone(),
        keys: Arc::new(keys?),
        printer: printer?,
        fonts,
        mailer,
        sender,
        public_url: public_url.to_owned(),
        clock: clock.clone(),
    });
    Some((office, files))
}

fn key_fault(error: &StoreError) -> Fault {
    Fault { key: "keys.folder".to_owned(), what: error.to_string() }
}

fn open_mailer(settings: &MailSettings, data: &Path) -> Result<(Arc<dyn Mailer>, Sender), Fault> {
    let fault = |what: String| Fault { key: "mail".to_owned(), what };
    match settings {
        MailSettings::Outbox => {
            let outbox = OutboxFolder::open(&data.join("outbox")).map_err(|error| fault(error.to_string()))?;
            let sender = Sender::parse(OUTBOX_SENDER).map_err(|error| fault(error.to_string()))?;
            Ok((Arc::new(outbox), sender))
        }
        MailSettings::Smtp { host, port, tls, username, password, from } => {
            let encryption = match tls {
                SmtpTls::StartTls => SmtpEncryption::StartTls,
                SmtpTls::Tls => SmtpEncryption::Tls,
                SmtpTls::None => SmtpEncryption::None,
            };
            let credentials = username
                .clone()
                .map(|name| (name, password.as_ref().map_or_else(String::new, |secret| secret.reveal().to_owned())));
            let config = SmtpConfig { host: host.clone(), port: *port, encryption, credentials };
            let mailer = SmtpMailer::new(config).map_err(|error| fault(error.to_string()))?;
            let sender = Sender::parse(from).map_err(|error| fault(error.to_string()))?;
            Ok((Arc::new(mailer), sender))
        }
    }
}
