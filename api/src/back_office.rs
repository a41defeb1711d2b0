//! The back office: what jobs do once an order is paid, called off or refunded. It prints and it writes letters.
//!
//! It only reads orders; a job that fails is tried again, and nothing of it can undo a sale.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use usher_core::plan::Layout;
use usher_core::{CancelReason, OrderId, Place, RefundId, TicketId};
use usher_engine::catalogue::{self, EventRecord};
use usher_engine::clock::Clock;
use usher_engine::fail_point;
use usher_engine::jobs::{Job, JobError, Letter, Task};
use usher_engine::mail::{MailError, Mailer, Occasion, OrderLetter, Sender};
use usher_engine::orders::{Contact, Contacts, OrderRecord, Views};
use usher_engine::store::StoreError;
use usher_engine::tickets::fonts::Fonts;
use usher_engine::tickets::printer::{PrintJob, Printer};
use usher_engine::tickets::render::{PlaceLabels, TicketPage};
use usher_engine::tickets::{SigningKeys, TicketFiles};

use crate::access::OrderAccess;
use crate::desk::buyer::{PlaceSheet, TICKET_VERSION};
use crate::plans::PlanCache;
use crate::problem::{Problem, kinds};

/// How often a job looks for the view that it follows from before it is put off.
const VIEW_LOOKS_MAX: u32 = 20;
/// The pause between two looks: about what a step of the projector takes.
const VIEW_LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the back office works with.
pub struct BackOfficeParts {
    /// Events.
    pub catalogue: Arc<dyn catalogue::Store>,
    /// Orders.
    pub views: Arc<dyn Views>,
    /// Names and e-mails.
    pub contacts: Arc<dyn Contacts>,
    /// Where tickets are kept.
    pub ticket_files: Arc<dyn TicketFiles>,
    /// Seating plans.
    pub plans: PlanCache,
    /// Signs tickets.
    pub keys: Arc<SigningKeys>,
    /// Renders.
    pub printer: Printer,
    /// What it renders with.
    pub fonts: Arc<Fonts>,
    /// Sends.
    pub mailer: Arc<dyn Mailer>,
    /// Who the mails are from.
    pub sender: Sender,
    /// The address people use, for links in mails.
    pub public_url: String,
    /// The time.
    pub clock: Clock,
}

/// Shared by handlers and job workers; cheap to clone.
#[derive(Clone)]
pub struct BackOffice(Arc<BackOfficeParts>);

/// An order with everything that is printed about it.
struct Papers {
    order: OrderRecord,
    event: EventRecord,
    contact: Contact,
    layout: Arc<Layout>,
}

impl BackOffice {
    /// A back office.
    #[must_use]
    pub fn new(parts: BackOfficeParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The keys that tickets are signed with.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.0.keys
    }

    /// The fonts that tickets are set in.
    #[must_use]
    pub fn fonts(&self) -> &Arc<Fonts> {
        &self.0.fonts
    }

    /// Does one job.
    ///
    /// # Errors
    /// Whether trying again can help.
    pub async fn perform(&self, job: Job) -> Result<(), JobError> {
        let task = serde_json::from_str(&job.payload)
            .map_err(|error| JobError::Permanent(format!("the job's payload cannot be read: {error}")))?;
        match &task {
            Task::PrintTickets { order } => self.print_tickets(&self.papers(*order, &task).await?).await,
            Task::SendLetter { order, letter } => self.send_letter(&self.papers(*order, &task).await?, *letter).await,
        }
    }

    /// All valid tickets of an order as one document.
    ///
    /// # Errors
    /// The printer is busy, or something printed cannot be.
    pub async fn order_pdf(
        &self,
        order: &OrderRecord,
        contact: &Contact,
        event: &EventRecord,
    ) -> Result<Bytes, Problem> {
        let layout = Arc::clone(&self.0.plans.of(event).await?.layout);
        let papers = Papers { order: order.clone(), event: event.clone(), contact: contact.clone(), layout };
        let valid = papers.pages(&self.0.keys).into_iter().filter(|(_, refunded, _)| !refunded);
        let pages = valid.map(|(_, _, page)| page).collect();
        let rendered = self.0.printer.render(PrintJob { pages, made_at: self.0.clock.now() }).await;
        rendered.map_err(|error| {
            tracing::warn!(%error, order = %order.order, "order document");
            // What cannot be printed will not be printed by asking again; the order's job tells the operator.
            let retry_after_ms = if error.is_passing() { 1_000 } else { 60_000 };
            Problem::of(&kinds::TICKETS_IN_PREPARATION).retry_after_ms(retry_after_ms)
        })
    }

    async fn print_tickets(&self, papers: &Papers) -> Result<(), JobError> {
        for (ticket, _, page) in papers.pages(&self.0.keys) {
            if self.0.ticket_files.exists(ticket, TICKET_VERSION).await.map_err(passing)? {
                continue;
            }
            let job = PrintJob { pages: vec![page], made_at: self.0.clock.now() };
            let pdf = self.0.printer.render(job).await.map_err(|error| {
                let what = error.to_string();
                if error.is_passing() { JobError::Passing(what) } else { JobError::Permanent(what) }
            })?;
            fail_point!("job.rendered");
            self.0.ticket_files.put(ticket, TICKET_VERSION, pdf).await.map_err(passing)?;
        }
        Ok(())
    }

    async fn send_letter(&self, papers: &Papers, letter: Letter) -> Result<(), JobError> {
        let letter = papers.letter(letter, &self.0.public_url, self.0.clock.now());
        let mail = letter.write(&self.0.sender).map_err(|fault| JobError::Permanent(fault.to_string()))?;
        fail_point!("mail.written");
        let sent = self.0.mailer.send(&mail).await;
        fail_point!("mail.sent");
        sent.map_err(|error| match error {
            MailError::Refused(what) => JobError::Permanent(what),
            MailError::Unavailable(what) => JobError::Passing(what),
        })
    }

    async fn papers(&self, order: OrderId, task: &Task) -> Result<Papers, JobError> {
        let lacking = |what: &str| JobError::Passing(format!("{order}: {what} is not there"));
        let record = self.shown(order, task).await?.ok_or_else(|| lacking("what the work follows from"))?;
        let contact = self.0.contacts.contact(order).await.map_err(passing)?.ok_or_else(|| lacking("the contact"))?;
        let event = self.0.catalogue.event(record.event).await.map_err(passing)?;
        let event = event.ok_or_else(|| lacking("the event"))?;
        let map = self.0.plans.of(&event).await.map_err(|problem| JobError::Passing(problem.to_string()))?;
        Ok(Papers { order: record, event, contact, layout: Arc::clone(&map.layout) })
    }

    /// The order once its view shows what the work follows from; waits a moment for it.
    async fn shown(&self, order: OrderId, task: &Task) -> Result<Option<OrderRecord>, JobError> {
        for _ in 0..VIEW_LOOKS_MAX {
            let record = self.0.views.orders(&[order]).await.map_err(passing)?.pop();
            if let Some(record) = record.filter(|record| task.is_shown_by(record)) {
                return Ok(Some(record));
            }
            tokio::time::sleep(VIEW_LOOK_EVERY).await;
        }
        Ok(None)
    }
}

fn passing(error: StoreError) -> JobError {
    JobError::Passing(error.to_string())
}

impl Papers {
    /// One page per ticket, with whether its place was refunded.
    fn pages(&self, keys: &SigningKeys) -> Vec<(TicketId, bool, TicketPage)> {
        let count = u32::try_from(self.order.lines.len()).unwrap_or(u32::MAX);
        let numbered = (1u32..).zip(&self.order.lines);
        let page = |(number, line): (u32, &usher_engine::orders::OrderLine)| {
            let ticket = line.ticket?;
            let page = TicketPage {
                event_name: self.event.name.clone(),
                organizer_name: self.event.organizer_name.clone(),
                venue: self.event.venue.clone(),
                starts_at: self.event.starts_at,
                time_zone: self.event.time_zone.clone(),
                place: self.labels(line.held.place),
                tier: PlaceSheet::of(&self.layout, 0, &line.held).tier_name,
                holder: self.contact.name.clone(),
                price: line.held.price_minor,
                currency: self.order.currency,
                order: self.order.order,
                ticket,
                number,
                count,
                code: keys.sign(self.order.event, ticket, line.held.place, TICKET_VERSION),
            };
            Some((ticket, line.refunded, page))
        };
        numbered.filter_map(page).collect()
    }

    fn labels(&self, place: Place) -> PlaceLabels {
        match place {
            Place::Seat(seat) => {
                let (section, row, seat) = self.layout.seat_labels(seat).unwrap_or_default();
                PlaceLabels::Seat { section: section.to_owned(), row: row.to_owned(), seat: seat.to_owned() }
            }
            Place::Ga(area) => {
                PlaceLabels::Area { area: self.layout.area(area).map_or_else(String::new, |area| area.name.clone()) }
            }
        }
    }

    fn letter(&self, letter: Letter, public_url: &str, now: usher_core::UnixMillis) -> OrderLetter {
        let occasion = match letter {
            Letter::Confirmation => Occasion::Paid,
            Letter::Cancellation => Occasion::Cancelled { reason: reason(self.order.cancel_reason).to_owned() },
            Letter::Refund { refund } => Occasion::Refunded { refund, amount: self.refunded(refund) },
        };
        let places = self.order.lines.iter().map(|line| match self.labels(line.held.place) {
            PlaceLabels::Seat { section, row, seat } => format!("{section}, row {row}, seat {seat}"),
            PlaceLabels::Area { area } => area,
        });
        OrderLetter {
            occasion,
            order: self.order.order,
            name: self.contact.name.clone(),
            email: self.contact.email.clone(),
            event_name: self.event.name.clone(),
            venue: self.event.venue.clone(),
            starts_at: self.event.starts_at,
            time_zone: self.event.time_zone.clone(),
            places: places.collect(),
            total: self.order.total_minor,
            currency: self.order.currency,
            organizer_name: self.event.organizer_name.clone(),
            order_url: format!(
                "{public_url}/orders/{}?access={}",
                self.order.order,
                OrderAccess::of(&self.contact.access).0
            ),
            written_at: now,
        }
    }

    fn refunded(&self, refund: RefundId) -> usher_core::Minor {
        let found = self.order.refunds.iter().find(|known| known.refund == refund);
        found.map(|known| known.amount_minor).unwrap_or_default()
    }
}

/// Why an order came to nothing, as a sentence to its buyer.
fn reason(reason: Option<CancelReason>) -> &'static str {
    match reason {
        Some(CancelReason::Buyer) => "You called it off.",
        Some(CancelReason::Lapsed) | None => "The time to pay ran out.",
        Some(CancelReason::PlacesGone) => "The payment came after the time ran out, and others have the places now.",
        Some(CancelReason::AmountMismatch) => "The payment was for another amount.",
        Some(CancelReason::CaptureFailed) => "The payment could not be collected.",
        Some(CancelReason::EventCancelled) => "The event was called off.",
    }
}
