//! Checking out, and calling it off.

use serde_json::json;

use super::paying::Bill;
use super::{Buyer, End, Heard, Step};
use crate::audit::{Ordered, Payment, Told};
use crate::client::{Answer, Body, Request};

impl Buyer<'_> {
    /// Makes an order of the hold; a bill when there is something to pay.
    pub(super) async fn check_out(&mut self) -> Result<Option<Bill>, End> {
        let Some(path) = self.hold_path() else { return Err(End::Lapsed) };
        let contact = json!({"name": format!("Load Buyer {}", self.visit.number), "email": self.visit.email});
        let key = format!("order-{:08}", self.visit.number);
        let request = Request::post(format!("{path}/checkout"), Body::Json(contact)).with_key(key);
        match self.change(Step::Checkout, "checkout", &request).await {
            Heard::Answer(answer) if answer.status == 201 => self.keep_order(&answer),
            Heard::Answer(answer) => Err(self.hold_gone("checkout", &answer)),
            Heard::Nothing { maybe_done } => {
                self.visit.unknown_order = maybe_done;
                Err(End::GaveUp)
            }
        }
    }

    fn keep_order(&mut self, answer: &Answer) -> Result<Option<Bill>, End> {
        let body = answer.json();
        let (Some(order), Some(total_minor)) = (body["order"].as_str(), body["total_minor"].as_u64()) else {
            return Err(self.unexpected("checkout", answer));
        };
        let free = body["payment"]["kind"] == "free";
        self.visit.order = Some(Ordered {
            order: order.to_owned(),
            total_minor,
            payment: if free { Payment::Free } else { Payment::NotTried },
            told: Told::Awaiting,
            cancelled: false,
            tickets: Vec::new(),
        });
        self.notes.orders_count += 1;
        if free {
            return Ok(None);
        }
        match Bill::read(&body["payment"], order) {
            Some(bill) => Ok(Some(bill)),
            None => Err(self.unexpected("checkout", answer)),
        }
    }

    /// Calls the order off.
    pub(super) async fn cancel(&mut self) -> Result<End, End> {
        let Some(path) = self.order_path() else { return Err(End::Lapsed) };
        self.certain_no_more();
        match self.call(Some(Step::Cancel), "cancel", &Request::post(format!("{path}/cancel"), Body::None)).await {
            Heard::Answer(answer) if answer.is_success() => {
                if let Some(held) = &mut self.visit.hold {
                    held.may_stand = false;
                }
                if let Some(order) = &mut self.visit.order {
                    // A free order is sold at checkout: there is nothing to call off.
                    order.cancelled = order.payment != Payment::Free;
                }
                Ok(End::Cancelled)
            }
            Heard::Answer(answer) if self.is_free() && answer.status == 409 => Ok(End::LeftOrder),
            // A repeat of a cancellation whose answer was lost.
            Heard::Answer(answer) if !self.notes.is_smooth() && answer.status == 409 => Ok(End::Cancelled),
            Heard::Answer(answer) => Err(self.unexpected("cancel", &answer)),
            Heard::Nothing { .. } => Err(End::GaveUp),
        }
    }

    fn is_free(&self) -> bool {
        self.visit.order.as_ref().is_some_and(|order| order.payment == Payment::Free)
    }

    pub(super) fn order_path(&self) -> Option<String> {
        Some(format!("/api/v1/orders/{}", self.visit.order.as_ref()?.order))
    }
}
