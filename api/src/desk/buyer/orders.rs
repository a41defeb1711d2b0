//! Orders and tickets as their buyer sees them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use usher_core::{CancelReason, Command, EventId, OrderId, OrderState, TicketId};
use usher_engine::catalogue::EventRecord;
use usher_engine::jobs::{JobState, Task};
use usher_engine::orders::{Contact, OrderRecord};
use usher_engine::tickets::Download;

use super::{OrderLineSheet, OrderSheet, PaymentSheet, TicketSheet};
use crate::access::{Action, Object, OrderAccess, Subject, authorize};
use crate::desk::{CAUGHT_UP_WAIT, ListQuery, Listed, ask};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// The version that tickets are first issued with.
pub const TICKET_VERSION: u8 = 1;
/// When to look for tickets again.
const IN_PREPARATION_RETRY_MS: u64 = 2_000;
/// When to look for tickets that wait for somebody.
const PRINTING_FAILED_RETRY_MS: u64 = 60_000;

/// How long an order's page looks for its tickets. They are on their way, or it can be seen where they are, and a store
/// that cannot tell in this time must not keep the buyer from the order.
const TICKETS_LOOK_MAX: Duration = Duration::from_millis(500);

/// An order that the subject may touch, with everything around it.
struct Opened {
    contact: Contact,
    event: EventRecord,
    record: OrderRecord,
}

/// Opens an order: the contact tells whose it is before anything else is asked.
async fn open(
    state: &AppState,
    subject: &Subject,
    action: Action,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<Opened, Problem> {
    let unknown = || Problem::of(&kinds::UNKNOWN_ORDER);
    let contact = state.contacts.contact(order).await?.ok_or_else(unknown)?;
    let event = state.catalogue.event(contact.event).await?.ok_or_else(unknown)?;
    let access_shown = access.is_some_and(|access| access.opens(&contact.access));
    let object = Object::Order { buyer: contact.buyer, organizer: event.organizer, access_shown };
    authorize(subject, action, object)?;
    let record = read(state, event.id, order).await?.ok_or_else(unknown)?;
    Ok(Opened { contact, event, record })
}

/// The order from the views; if they lack it, they may lag behind the event.
async fn read(state: &AppState, event: EventId, order: OrderId) -> Result<Option<OrderRecord>, Problem> {
    if let Some(record) = state.views.orders(&[order]).await?.pop() {
        return Ok(Some(record));
    }
    let looked = state.events.look_order(event, order).await?;
    if looked.found.is_none() {
        return Ok(None);
    }
    state.projector.caught_up(event, looked.seq, CAUGHT_UP_WAIT).await;
    match state.views.orders(&[order]).await?.pop() {
        Some(record) => Ok(Some(record)),
        None => Err(Problem::of(&kinds::UNAVAILABLE).retry_after_ms(1_000)),
    }
}

impl Opened {
    async fn sheet(&self, state: &AppState, subject: &Subject) -> Result<OrderSheet, Problem> {
        let map = state.plans.of(&self.event).await?;
        let now = state.clock.now();
        let mut sheet = OrderSheet::of(&self.record, &self.event, &map.layout, now).with_contact(&self.contact);
        let access = OrderAccess::of(&self.contact.access);
        if self.record.state == OrderState::AwaitingPayment {
            let payment = state.payments.payment(self.record.order).await?;
            sheet.payment = payment.map(|payment| PaymentSheet::of(state, &payment, &access));
        }
        if subject.buyer == Some(self.contact.buyer) {
            sheet.access = Some(access.0);
        }
        mark_ready(state, &mut sheet.lines).await;
        if sheet.lines.iter().any(|line| line.ticket.is_some() && !line.ticket_ready && !line.refunded) {
            sheet.printing_failed = printing_failed(state, sheet.order).await?;
        }
        Ok(sheet)
    }
}

/// Marks the lines whose tickets can be had. What the store does not tell counts as being prepared.
async fn mark_ready(state: &AppState, lines: &mut [OrderLineSheet]) {
    let looks = lines.iter_mut().map(|line| async move {
        let Some(ticket) = line.ticket else { return };
        match tokio::time::timeout(TICKETS_LOOK_MAX, state.ticket_files.exists(ticket, TICKET_VERSION)).await {
            Ok(Ok(ready)) => line.ticket_ready = ready,
            Ok(Err(error)) => tracing::debug!(%error, %ticket, "not found out whether the ticket is there"),
            Err(_) => tracing::debug!(%ticket, "not found out in time whether the ticket is there"),
        }
    });
    join_all(looks).await;
}

/// An order, for its buyer, for who shows its secret, and for its organizer.
///
/// # Errors
/// *Unknown order* for anybody else.
pub async fn order(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<OrderSheet, Problem> {
    let opened = open(state, subject, Action::SeeOrder, order, access).await?;
    opened.sheet(state, subject).await
}

/// Calls an unpaid order off.
///
/// # Errors
/// *Unknown order*; what the rules refuse; the event does not answer.
pub async fn cancel_order(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<OrderSheet, Problem> {
    let mut opened = open(state, subject, Action::CancelOrder, order, access).await?;
    let buyer = Some(opened.contact.buyer);
    let command = Command::CancelOrder { order, buyer, reason: CancelReason::Buyer };
    let decided = ask(state, opened.event.id, command).await?;
    state.payer.wake(opened.event.id, order);
    state.projector.caught_up(opened.event.id, decided.seq, CAUGHT_UP_WAIT).await;
    if let Some(record) = read(state, opened.event.id, order).await? {
        opened.record = record;
    }
    opened.sheet(state, subject).await
}

/// The tickets of an order; empty until it is paid.
///
/// # Errors
/// *Unknown order*; the store does not answer.
pub async fn tickets(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<Vec<TicketSheet>, Problem> {
    let opened = open(state, subject, Action::SeeOrder, order, access).await?;
    let lines = opened.sheet(state, subject).await?.lines;
    let sheet = |line: OrderLineSheet| {
        let (ready, void, place) = (line.ticket_ready, line.refunded, line.place);
        line.ticket.map(|ticket| TicketSheet { ticket, place, ready, void })
    };
    Ok(lines.into_iter().filter_map(sheet).collect())
}

/// The way to one ticket's page.
///
/// # Errors
/// *Unknown order*, *not found*, or *in preparation*.
pub async fn ticket(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    ticket: TicketId,
    access: Option<&OrderAccess>,
) -> Result<Download, Problem> {
    let opened = open(state, subject, Action::SeeOrder, order, access).await?;
    let line = opened.record.lines.iter().find(|line| line.ticket == Some(ticket));
    let line = line.ok_or_else(|| Problem::of(&kinds::NOT_FOUND))?;
    if line.refunded {
        return Err(Problem::new(&kinds::NO_TICKETS, "This place was refunded; its ticket is void"));
    }
    match state.ticket_files.download(ticket, TICKET_VERSION).await {
        Ok(Some(download)) => Ok(download),
        Ok(None) => Err(not_printed(state, order).await),
        // The buyer has the seats; where the file is just now is the house's trouble.
        Err(error) => {
            tracing::warn!(%error, %ticket, "a ticket cannot be had now");
            Err(in_preparation())
        }
    }
}

/// All valid tickets of an order in one PDF.
///
/// # Errors
/// *Unknown order*, *no tickets*, or *in preparation*.
pub async fn order_pdf(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<Bytes, Problem> {
    let opened = open(state, subject, Action::SeeOrder, order, access).await?;
    let valid = opened.record.lines.iter().filter(|line| line.ticket.is_some() && !line.refunded).count();
    if valid == 0 {
        return Err(Problem::of(&kinds::NO_TICKETS));
    }
    state.back_office.order_pdf(&opened.record, &opened.contact, &opened.event).await
}

fn in_preparation() -> Problem {
    Problem::of(&kinds::TICKETS_IN_PREPARATION).retry_after_ms(IN_PREPARATION_RETRY_MS)
}

/// Whether the order's tickets wait for the operator rather than for the printer.
async fn printing_failed(state: &AppState, order: OrderId) -> Result<bool, Problem> {
    let job = state.jobs.job(&Task::PrintTickets { order }.id()).await?;
    Ok(job.is_some_and(|job| job.state == JobState::Dead))
}

async fn not_printed(state: &AppState, order: OrderId) -> Problem {
    match printing_failed(state, order).await {
        Ok(true) => {
            let detail =
                "The seats are yours, but the tickets could not be printed; the operator has to put that right";
            Problem::new(&kinds::TICKETS_IN_PREPARATION, detail).retry_after_ms(PRINTING_FAILED_RETRY_MS)
        }
        Ok(false) => in_preparation(),
        Err(problem) => problem,
    }
}

/// The buyer's own orders, latest first.
///
/// # Errors
/// The sender is no buyer; the store does not answer.
pub async fn my_orders(state: &AppState, subject: &Subject, query: &ListQuery) -> Result<Listed<OrderSheet>, Problem> {
    let buyer = subject.buyer()?;
    let page = state.views.orders_of_buyer(buyer, query.cursor.as_deref(), query.rows_max()).await?;
    let mut data = Vec::with_capacity(page.rows.len());
    let mut events: HashMap<EventId, EventRecord> = HashMap::new();
    for record in &page.rows {
        let event = match events.entry(record.event) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let Some(event) = state.catalogue.event(record.event).await? else { continue };
                place.insert(event)
            }
        };
        let map = state.plans.of(event).await?;
        data.push(OrderSheet::of(record, event, &map.layout, state.clock.now()));
    }
    Ok(Listed { data, next_cursor: page.next_cursor })
}
