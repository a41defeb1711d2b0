//! `usher demo`: everything embedded in one folder, with events to look at and logins to try.

use std::path::Path;

use usher_core::{Currency, EventId, Minor, UnixMillis};
use usher_engine::accounts::Role;
use usher_engine::event::Standing;

use super::serve::{self, serve};
use super::{Outcome, say};
use crate::access::{Login, LoginVia, Subject};
use crate::config::{Fault, Layers, Settings};
use crate::desk::ListQuery;
use crate::desk::organizer::{
    self, ApiKeyForm, EventForm, OrganizerEventSheet, PriceForm, RegisterForm, Step, create_account_as,
};
use crate::logs;
use crate::problem::{Problem, kinds};
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// Logs in to both accounts of the demo, which is for one's own machine.
const PASSWORD: &str = "usher-demo";
const ORGANIZER_EMAIL: &str = "organizer@demo.example";
const ADMIN_EMAIL: &str = "admin@demo.example";
/// The key that is made anew at each start.
const KEY_NAME: &str = "demo";
const DAY_MS: u64 = 86_400_000;

/// An event of the demo.
struct Show {
    name: &'static str,
    description: &'static str,
    venue: &'static str,
    plan: &'static str,
    /// By tier, in the plan's order; further tiers cost what the last one does.
    prices_minor: &'static [u64],
    in_days: u64,
    /// Opens by itself so many days from the first start; at once when absent.
    opens_in_days: Option<u64>,
}

const SHOWS: [Show; 4] = [
    Show {
        name: "Northern Lights: The Arena Night",
        description: "Two hours of music under 14,000 seats and places.\n\nDoors open two hours before the show.",
        venue: "Aurora Arena, Harbour Road 1, Vienna",
        plan: include_str!("../../../config/demo/arena.json"),
        prices_minor: &[12_900, 8_900, 5_900, 3_900, 6_500],
        in_days: 60,
        opens_in_days: None,
    },
    Show {
        name: "Chamber Music by Candlelight",
        description: "String quartets in a small hall.",
        venue: "Little Theatre, Mill Lane 7, Vienna",
        plan: include_str!("../../../config/demo/theatre.json"),
        prices_minor: &[4_500, 3_200, 2_400],
        in_days: 21,
        opens_in_days: None,
    },
    Show {
        name: "Open Rehearsal",
        description: "Come in, listen, leave when you like. Free of charge; a ticket is needed all the same.",
        venue: "The Cellar Club, Bridge Street 12, Vienna",
        plan: include_str!("../../../config/demo/club.json"),
        prices_minor: &[0],
        in_days: 14,
        opens_in_days: None,
    },
    Show {
        name: "Summer Gala",
        description: "The sale opens soon.",
        venue: "Little Theatre, Mill Lane 7, Vienna",
        plan: include_str!("../../../config/demo/theatre.json"),
        prices_minor: &[7_500, 5_500, 3_900],
        in_days: 120,
        opens_in_days: Some(7),
    },
];

pub(super) fn run(listen: &str, data: &Path, json: bool) -> Outcome {
    let settings = settings(listen, data)?;
    logs::start(&settings.log).map_err(|fault| vec![fault])?;
    serve(settings, async move |state| {
        let fault = |problem: Problem| vec![Fault { key: "demo".to_owned(), what: problem.to_string() }];
        let (subject, out_of_order) = seed(&state).await.map_err(fault)?;
        let key = renew_key(&state, &subject).await.map_err(fault)?;
        if json {
            say_json(&state, &key, &out_of_order);
        } else {
            say_plainly(&state, data);
            for broken in &out_of_order {
                say(&format!("\nOut of order: {broken}"));
            }
        }
        Ok(())
    })
}

fn settings(listen: &str, data: &Path) -> Result<Settings, Vec<Fault>> {
    let mut layers = Layers::default();
    // In a terminal the greeting is what matters; problems still show.
    layers.file("the demo's own settings", "[log]\nformat = \"text\"\nlevel = \"warn\"\n");
    layers.environment(std::env::vars());
    layers.command_line("server", "listen", listen);
    layers.command_line("stores", "folder", &data.display().to_string());
    serve::settings(layers)
}

/// Makes what is not there yet; a start that was cut off is completed by the next one. An event that is out of order is
/// left as it is, and told with its reason.
async fn seed(state: &AppState) -> Result<(Subject, Vec<String>), Problem> {
    ensure_account(state, ADMIN_EMAIL, "House of Usher", Role::Admin).await?;
    let subject = ensure_account(state, ORGANIZER_EMAIL, "Demo Promotions", Role::Organizer).await?;
    let query = ListQuery { limit: Some(usher_engine::store::PAGE_ROWS_MAX), cursor: None };
    let there = organizer::my_events(state, &subject, &query).await?.data;
    let mut out_of_order = Vec::new();
    for show in &SHOWS {
        let found = there.iter().find(|event| event.sheet.card.name == show.name).cloned();
        let event = match found {
            Some(event) => event,
            None => organizer::create_event(state, &subject, &form(show, state.clock.now())?).await?,
        };
        if event.out_of_order {
            out_of_order.push(format!("{} ({})", show.name, why_down(state, event.sheet.card.event)));
            continue;
        }
        put_on_sale(state, &subject, show, event).await?;
    }
    Ok((subject, out_of_order))
}

fn why_down(state: &AppState, event: EventId) -> String {
    let status = state.events.statuses().into_iter().find(|status| status.event == event);
    match status.map(|status| status.standing) {
        Some(Standing::Down { why, needs_operator: _ } | Standing::Reloading { why }) => why,
        Some(Standing::Running | Standing::Elsewhere) | None => "it did not answer".to_owned(),
    }
}

async fn ensure_account(state: &AppState, email: &str, name: &str, role: Role) -> Result<Subject, Problem> {
    let form = RegisterForm { email: email.to_owned(), password: PASSWORD.to_owned(), organizer_name: name.to_owned() };
    if state.accounts.account_by_email(email).await?.is_none() {
        create_account_as(state, &form, role).await?;
    }
    let account = state.accounts.account_by_email(email).await?.ok_or_else(|| Problem::of(&kinds::INTERNAL))?;
    Ok(Subject { login: Some(Login::new(account, LoginVia::ApiKey)), ..Subject::default() })
}

fn form(show: &Show, now: UnixMillis) -> Result<EventForm, Problem> {
    let euro: Currency = "EUR".parse().map_err(|_| Problem::of(&kinds::INTERNAL))?;
    // At eight in the evening of that day, in winter in Vienna.
    let day = now.0.div_euclid(86_400_000);
    let starts_at = UnixMillis(day * 86_400_000 + 19 * 3_600_000).plus_ms(show.in_days * DAY_MS);
    Ok(EventForm {
        name: show.name.to_owned(),
        description: show.description.to_owned(),
        venue: show.venue.to_owned(),
        starts_at: starts_at.into(),
        time_zone: "Europe/Vienna".to_owned(),
        currency: euro,
        opens_at: show.opens_in_days.map(|days| Timestamp(now.plus_ms(days * DAY_MS))),
        closes_at: None,
        limits: None,
        prices: Vec::new(),
    })
}

/// Takes the steps that an event has not taken.
async fn put_on_sale(
    state: &AppState,
    subject: &Subject,
    show: &Show,
    event: OrganizerEventSheet,
) -> Result<(), Problem> {
    use usher_engine::catalogue::EventState;
    let id = event.sheet.card.event;
    let mut stands = event.sheet.card.state;
    if stands == EventState::Draft {
        let plan = organizer::upload_plan(state, subject, id, None, show.plan.as_bytes()).await?;
        let prices = plan.tiers.iter().enumerate().map(|(position, tier)| PriceForm {
            tier: tier.clone(),
            price_minor: Minor(show.prices_minor[position.min(show.prices_minor.len() - 1)]),
        });
        organizer::set_prices(state, subject, id, None, &prices.collect::<Vec<_>>()).await?;
        stands = organizer::step(state, subject, id, Step::Publish).await?.sheet.card.state;
    }
    if stands == EventState::Announced && show.opens_in_days.is_none() {
        organizer::step(state, subject, id, Step::Open).await?;
    }
    Ok(())
}

/// A key for programs, in place of the one of the last start.
async fn renew_key(state: &AppState, subject: &Subject) -> Result<String, Problem> {
    for key in organizer::api_keys(state, subject).await?.iter().filter(|key| key.name == KEY_NAME) {
        organizer::revoke_api_key(state, subject, &key.key).await?;
    }
    let form = ApiKeyForm { name: KEY_NAME.to_owned() };
    Ok(organizer::create_api_key(state, subject, &form).await?.secret)
}

fn say_plainly(state: &AppState, data: &Path) {
    let url = &state.public_url;
    say(&format!(
        "Usher's demo runs.\n\n  Buy tickets        {url}/\n  Organizer          {url}/organizer   {ORGANIZER_EMAIL}\n  \
         Admin              {url}/organizer   {ADMIN_EMAIL}\n  Password of both   {PASSWORD}\n  API                {url}/docs\n\n\
         Payments go to the bundled sandbox: no money moves. Mails are in {}.\nCtrl-C stops it; what is sold stays in {}.",
        data.join("outbox").display(),
        data.display()
    ));
    if !state.settings.server.listen.ip().is_loopback() {
        say("\nThe demo's password is known to everybody, and it can be reached from other machines.");
    }
}

fn say_json(state: &AppState, key: &str, out_of_order: &[String]) {
    let login = |email: &str| serde_json::json!({"email": email, "password": PASSWORD});
    let line = serde_json::json!({
        "url": state.public_url,
        "organizer": login(ORGANIZER_EMAIL),
        "admin": login(ADMIN_EMAIL),
        "api_key": key,
        "out_of_order": out_of_order,
    });
    say(&line.to_string());
}
