//! Fetching tickets.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Buyer, End, Heard, Step};
use crate::audit::{Fetched, TicketTold};
use crate::client::{Answer, Api, Request};

/// How long a buyer waits for one ticket to be printed.
const PRINTED_WITHIN: Duration = Duration::from_secs(30);
/// When to come back for a ticket that does not say.
const COME_BACK: Duration = Duration::from_secs(2);

impl Buyer<'_> {
    /// Fetches each ticket of a paid order.
    pub(super) async fn fetch_tickets(&mut self, sheet: &Value) -> Result<End, End> {
        let lines = sheet["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tickets: Vec<String> = lines.iter().filter_map(|line| line["ticket"].as_str().map(str::to_owned)).collect();
        let told = tickets.iter().map(|ticket| TicketTold { ticket: ticket.clone(), fetched: Fetched::NotYet });
        if let Some(order) = &mut self.visit.order {
            order.tickets = told.collect();
        }
        let mut end = End::Bought;
        for (at, ticket) in tickets.iter().enumerate() {
            let fetched = self.fetch(ticket).await?;
            end = match &fetched {
                Fetched::Pdf => end,
                Fetched::NotYet => End::StillWaiting,
                Fetched::Wrong(_) => End::Surprised,
            };
            if let Some(told) = self.visit.order.as_mut().and_then(|order| order.tickets.get_mut(at)) {
                told.fetched = fetched;
            }
        }
        if end == End::Bought {
            self.notes.took(Step::TicketsInHand, self.paid_since.elapsed());
        }
        Ok(end)
    }

    async fn fetch(&mut self, ticket: &str) -> Result<Fetched, End> {
        let Some(path) = self.order_path() else { return Err(End::Lapsed) };
        let request = Request::get(format!("{path}/tickets/{ticket}"));
        let began = Instant::now();
        while began.elapsed() < PRINTED_WITHIN {
            self.due = Instant::now();
            let Heard::Answer(answer) = self.call(Some(Step::Ticket), "ticket", &request).await else {
                return Err(End::GaveUp);
            };
            let retry_after = answer.retry_after;
            let fetched = fetched(&self.world.api, answer).await;
            if fetched != Fetched::NotYet {
                self.notes.tickets_count += u64::from(fetched == Fetched::Pdf);
                return Ok(fetched);
            }
            tokio::time::sleep(retry_after.unwrap_or(COME_BACK)).await;
        }
        Ok(Fetched::NotYet)
    }
}

/// What an answer to the request for a ticket comes to, also where it leads elsewhere. A way that breaks is tried
/// again, and so is a store at its end that is unwell: one that is being stopped says 500 of a file it has.
pub(crate) async fn fetched(api: &Api, answer: Answer) -> Fetched {
    let leads_elsewhere = answer.status == 303;
    match api.followed(answer).await {
        Ok(answer) if leads_elsewhere && answer.status >= 500 => Fetched::NotYet,
        Ok(answer) => fetched_of(&answer),
        Err(_broke) => Fetched::NotYet,
    }
}

fn fetched_of(answer: &Answer) -> Fetched {
    match answer.code().as_deref() {
        None if answer.status == 200 && answer.bytes.starts_with(b"%PDF") => Fetched::Pdf,
        Some("tickets_in_preparation") => Fetched::NotYet,
        Some(_) | None => {
            Fetched::Wrong(format!("{} {}", answer.status, answer.code().unwrap_or_else(|| answer.excerpt())))
        }
    }
}
