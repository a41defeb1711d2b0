//! Conditional writes of every store, whose answers are lost: what is told is true, and what is not known is told as
//! such.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use usher_core::{AccountId, EventId, Limits, Minor, OrderId, OrganizerId, TicketId, UnixMillis};
use usher_engine::accounts::{Account, ApiKey, Role};
use usher_engine::adapters::cql::{Cluster, ClusterSettings, open_stores};
use usher_engine::catalogue::{EventRecord, EventState};
use usher_engine::ids;
use usher_engine::jobs::{Job, JobState};
use usher_engine::orders::{Contact, ViewChanges};
use usher_engine::payments::{PaymentRecord, WebhookRecord, WebhookState};
use usher_engine::store::StoreError;
use usher_engine::stores::Stores;

use crate::support::proxy::Trouble;
use crate::support::{Nodes, home, nodes, run, whole};

/// Who write at once.
const WRITERS_COUNT: usize = 8;
/// Of a thousand conditional writes, so many have no answer, or not in time.
const TROUBLED_PER_MILLE: u64 = 50;
const SEED: u64 = 3;
/// As a house has it.
const REQUEST_MAX: Duration = Duration::from_millis(1_500);
/// Far enough that no lease ends in a test.
const LEASED_UNTIL: UnixMillis = UnixMillis(4_000_000_000_000);

pub(crate) async fn stores(settings: &ClusterSettings) -> (Arc<Cluster>, Stores) {
    let settings = ClusterSettings { request_max: REQUEST_MAX, ..settings.clone() };
    let cluster = Cluster::connect(&settings, home()).await.unwrap();
    let stores = open_stores(&cluster).await.unwrap();
    (cluster, stores)
}

/// What writers were told.
#[derive(Debug, Default)]
struct Told {
    certain_count: u64,
    unknown_count: u64,
    wrong: Vec<String>,
}

impl Told {
    /// Notes an answer; `None` when nobody knows.
    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Option<Result<T, &'static str>> {
        match outcome {
            Ok(said) => {
                self.certain_count += 1;
                Some(Ok(said))
            }
            Err(StoreError::Conflict(why)) => {
                self.certain_count += 1;
                Some(Err(why))
            }
            Err(StoreError::Unavailable(_)) => {
                self.unknown_count += 1;
                None
            }
            Err(error @ (StoreError::BadCursor | StoreError::Full | StoreError::Damaged(_))) => {
                self.wrong.push(error.to_string());
                None
            }
        }
    }

    fn expect(&mut self, what: &str, is_true: bool) {
        if !is_true {
            self.wrong.push(what.to_owned());
        }
    }
}

#[test]
fn a_store_that_loses_answers_says_no_false_yes_and_no_false_no() {
    let Some(nodes) = nodes("a_store_that_loses_answers_says_no_false_yes_and_no_false_no") else { return };
    run(lose_answers(nodes, if whole() { 200 } else { 12 }));
}

async fn lose_answers(nodes: Nodes, rounds_count: u32) {
    let trouble = Trouble::of_statements(SEED, TROUBLED_PER_MILLE);
    let (_, straight) = stores(&nodes.settings().await).await;
    let (_, troubled) = stores(&nodes.behind(&trouble).await).await;
    let started = Instant::now();
    let writers = (0..WRITERS_COUNT).map(|_| async {
        let mut told = Told::default();
        for _ in 0..rounds_count {
            accounts(&troubled, &straight, &mut told).await;
            events(&troubled, &straight, &mut told).await;
            money(&troubled, &straight, &mut told).await;
            webhooks(&troubled, &straight, &mut told).await;
            steps(&troubled, &straight, &mut told).await;
        }
        told
    });
    let mut told = join_all(writers).await;
    told.push(jobs(&troubled, &straight, usize::try_from(rounds_count).unwrap() * WRITERS_COUNT).await);
    let wrong: Vec<_> = told.iter().flat_map(|told| &told.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (certain_count, unknown_count) = told
        .iter()
        .fold((0, 0), |(certain, unknown), told| (certain + told.certain_count, unknown + told.unknown_count));
    let met = trouble.met();
    assert!(met.iter().all(|(_, count)| *count > 0), "every kind of trouble was to be met: {met:?}");
    assert!(certain_count > 10 * unknown_count, "{certain_count} certain, {unknown_count} unknown");
    eprintln!(
        "stores that lose answers (seed {SEED}): {certain_count} writes told for certain, {unknown_count} unknown, in \
         {:.1?}; {met:?}; 0 false yes, 0 false no",
        started.elapsed()
    );
}

async fn accounts(troubled: &Stores, straight: &Stores, told: &mut Told) {
    let account = Account {
        id: AccountId(ids::fresh()),
        email: format!("{:x}@example.org", ids::fresh()),
        password_hash: "$argon2id$".to_owned(),
        role: Role::Organizer,
        organizer: OrganizerId(ids::fresh()),
        organizer_name: "Shows".to_owned(),
        created_at: UnixMillis(1),
    };
    let Some(made) = told.note(troubled.accounts.create_account(account.clone()).await) else { return };
    told.expect("a new address was said to be taken", made.is_ok());
    let found = straight.accounts.account_by_email(&account.email).await.unwrap();
    told.expect("an account that was made is not there", found.as_ref() == Some(&account));
    let second = Account { id: AccountId(ids::fresh()), ..account.clone() };
    let again = told.note(troubled.accounts.create_account(second).await);
    told.expect("an address was given twice", !matches!(again, Some(Ok(()))));
    let key = ApiKey {
        id: format!("key_{:x}", ids::fresh()),
        key_hash: std::array::from_fn(|at| ids::fresh().to_be_bytes()[at % 16]),
        account: account.id,
        name: "k".to_owned(),
        created_at: UnixMillis(2),
    };
    let Some(made) = told.note(troubled.accounts.create_api_key(key.clone()).await) else { return };
    told.expect("a new key was refused", made.is_ok());
    let found = straight.accounts.api_key(key.key_hash).await.unwrap();
    told.expect("a key that was made does not act", found.as_ref() == Some(&key));
    let Some(revoked) = told.note(troubled.accounts.revoke_api_key(account.id, &key.id).await) else { return };
    told.expect("a key that is there was not found", revoked == Ok(true));
    told.expect("a revoked key acts", straight.accounts.api_key(key.key_hash).await.unwrap().is_none());
    told.expect("a revoked key is listed", straight.accounts.api_keys(account.id).await.unwrap().is_empty());
}

async fn events(troubled: &Stores, straight: &Stores, told: &mut Told) {
    let event = EventRecord {
        id: EventId(ids::fresh()),
        organizer: OrganizerId(ids::fresh()),
        organizer_name: "Shows".to_owned(),
        revision: 1,
        state: EventState::Draft,
        name: "First".to_owned(),
        description: String::new(),
        venue: "Hall".to_owned(),
        starts_at: UnixMillis(50_000),
        time_zone: "Europe/Vienna".to_owned(),
        currency: "EUR".parse().unwrap(),
        opens_at: None,
        closes_at: None,
        limits: Limits::default(),
        prices: Vec::new(),
        plan_digest: None,
        created_at: UnixMillis(1),
        updated_at: UnixMillis(1),
    };
    let Some(made) = told.note(troubled.catalogue.create(event.clone()).await) else { return };
    told.expect("a new event was said to be there", made.is_ok());
    let edited = EventRecord { revision: 2, name: "Second".to_owned(), ..event.clone() };
    let Some(replaced) = told.note(troubled.catalogue.replace(1, edited.clone()).await) else { return };
    told.expect("the only edit was said to come too late", replaced.is_ok());
    told.expect("an edit is not there", straight.catalogue.event(event.id).await.unwrap() == Some(edited.clone()));
    let late = told.note(troubled.catalogue.replace(1, EventRecord { name: "Third".to_owned(), ..edited }).await);
    told.expect("an edit of an old revision was taken", !matches!(late, Some(Ok(()))));
    let Some(deleted) = told.note(troubled.catalogue.delete_draft(event.id).await) else { return };
    told.expect("a draft was said not to be one", deleted.is_ok());
    told.expect("a deleted draft is there", straight.catalogue.event(event.id).await.unwrap().is_none());
}

async fn money(troubled: &Stores, straight: &Stores, told: &mut Told) {
    let (order, event) = (OrderId(ids::fresh()), EventId(ids::fresh()));
    let contact = Contact {
        order,
        event,
        buyer: usher_core::BuyerId(ids::fresh()),
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        access: [7; 32],
        created_at: UnixMillis(1),
    };
    if let Some(kept) = told.note(troubled.contacts.put_contact(contact.clone()).await) {
        told.expect("another contact was said to be first", kept.as_ref() == Ok(&contact));
        told.expect("a contact is not there", straight.contacts.contact(order).await.unwrap() == Some(contact));
    }
    let payment = PaymentRecord {
        order,
        event,
        intent: format!("pi_{:x}", ids::fresh()),
        client_secret: "secret".to_owned(),
        amount_minor: Minor(100),
        currency: "EUR".parse().unwrap(),
        settled: false,
        created_at: UnixMillis(1),
        checked_at: UnixMillis(1),
    };
    let Some(put) = told.note(troubled.payments.put_payment(payment.clone()).await) else { return };
    told.expect("a new payment was refused", put.is_ok());
    let Some(checked) = told.note(troubled.payments.checked(order, UnixMillis(9), true).await) else { return };
    told.expect("a look at a payment was refused", checked.is_ok());
    let settled = PaymentRecord { settled: true, checked_at: UnixMillis(9), ..payment };
    told.expect("a payment is not as it was told", straight.payments.payment(order).await.unwrap() == Some(settled));
}

async fn webhooks(troubled: &Stores, straight: &Stores, told: &mut Told) {
    let webhook = WebhookRecord {
        id: format!("evt_{:x}", ids::fresh()),
        kind: "payment_intent.succeeded".to_owned(),
        object: "pi_1".to_owned(),
        body: b"{}".to_vec(),
        state: WebhookState::Pending,
        failures_count: 0,
        last_error: None,
        received_at: UnixMillis(1),
        run_at: UnixMillis(1),
    };
    let Some(first) = told.note(troubled.inbox.receive(webhook.clone()).await) else { return };
    told.expect("a first webhook was called a repeat", first == Ok(true));
    let again = told.note(troubled.inbox.receive(webhook.clone()).await);
    told.expect("a repeat was called new", again != Some(Ok(true)));
    if told.note(troubled.inbox.done(&webhook.id).await).is_some() {
        let again = straight.inbox.receive(webhook).await;
        told.expect("a webhook that was done is new", matches!(again, Ok(false)));
    }
}

/// Two projectors of one event: of two that read the same checkpoint one brings the views forward.
async fn steps(troubled: &Stores, straight: &Stores, told: &mut Told) {
    let event = EventId(ids::fresh());
    for seq in 1..4 {
        let tickets = [TicketId(ids::fresh()), TicketId(ids::fresh())];
        let changes = tickets.map(|ticket| ViewChanges {
            put_tickets: vec![(ticket, OrderId(ids::fresh()), 0)],
            ..ViewChanges::default()
        });
        let [one, other] = changes;
        if troubled.views.checkpoint(event).await.is_err() {
            return;
        }
        let (one, other) = tokio::join!(troubled.views.apply(event, seq, one), troubled.views.apply(event, seq, other));
        let told_of = [told.note(one), told.note(other)];
        // Finishes what was cut off.
        let checkpoint = straight.views.checkpoint(event).await.unwrap();
        for (ticket, told_of) in tickets.into_iter().zip(told_of) {
            let is_there = straight.views.ticket(ticket).await.unwrap().is_some();
            match told_of {
                Some(Ok(())) => told.expect("a step that was taken is not there", is_there && checkpoint >= seq),
                Some(Err(_)) => told.expect("a step that was refused is there", !is_there),
                None => {}
            }
        }
    }
}

/// Workers that claim at once: no job has two, and what is told done is done.
async fn jobs(troubled: &Stores, straight: &Stores, jobs_count: usize) -> Told {
    let mut told = Told::default();
    for _ in 0..jobs_count {
        let job = Job {
            id: format!("job_{:x}", ids::fresh()),
            kind: "k".to_owned(),
            payload: "{}".to_owned(),
            state: JobState::Ready,
            failures_count: 0,
            last_error: None,
            run_at: UnixMillis(1),
            created_at: UnixMillis(1),
        };
        told.note(troubled.jobs.enqueue(vec![job]).await);
    }
    let workers = (0..WRITERS_COUNT).map(|_| async {
        let (mut told, mut mine) = (Told::default(), Vec::new());
        for _ in 0..jobs_count {
            let Some(Ok(claimed)) = told.note(troubled.jobs.claim(UnixMillis(2), LEASED_UNTIL, 3).await) else {
                continue;
            };
            if claimed.is_empty() {
                break;
            }
            for job in claimed {
                if told.note(troubled.jobs.complete(&job.id).await).is_some() {
                    let state = straight.jobs.job(&job.id).await.unwrap().map(|job| job.state);
                    told.expect("a job that is done is not", state == Some(JobState::Done));
                }
                mine.push(job.id);
            }
        }
        (told, mine)
    });
    let mut claimed = Vec::new();
    for (of_worker, mine) in join_all(workers).await {
        told.certain_count += of_worker.certain_count;
        told.unknown_count += of_worker.unknown_count;
        told.wrong.extend(of_worker.wrong);
        claimed.extend(mine);
    }
    let claimed_count = claimed.len();
    claimed.sort_unstable();
    claimed.dedup();
    told.expect("a job was claimed twice", claimed.len() == claimed_count);
    told.expect("no job was claimed", claimed_count > 0);
    told
}
