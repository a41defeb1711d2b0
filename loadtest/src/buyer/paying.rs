//! Paying at the sandbox's page, as a browser's form does, and waiting for the order to be paid.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Buyer, End, Heard, Step};
use crate::audit::{Payment, Told};
use crate::client::{Answer, Body, Request};
use crate::plan::{Card, Persona};

/// How long a buyer waits for the order to be paid.
const PAID_WITHIN: Duration = Duration::from_secs(60);
/// The first and the longest pause between two looks at the order.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What is to be paid, and where.
#[derive(Debug)]
pub(super) struct Bill {
    intent: String,
    client_secret: String,
    return_url: String,
}

impl Bill {
    /// Reads the payment of a checkout's answer; `None` when it is not the sandbox's.
    pub(super) fn read(payment: &Value, order: &str) -> Option<Self> {
        Some(Self {
            intent: (payment["kind"] == "sandbox").then(|| payment["intent"].as_str())??.to_owned(),
            client_secret: payment["client_secret"].as_str()?.to_owned(),
            return_url: format!("/orders/{order}"),
        })
    }

    fn form(&self, last: (&'static str, &str)) -> Body {
        Body::Form(vec![
            ("client_secret", self.client_secret.clone()),
            ("return_url", self.return_url.clone()),
            (last.0, last.1.to_owned()),
        ])
    }
}

/// Where the payment page sends the buyer on to.
enum Next {
    Shop,
    Bank,
    PayAgain,
}

impl Buyer<'_> {
    /// Tries the persona's cards one after the other.
    pub(super) async fn pay(&mut self, bill: &Bill) -> Result<(), End> {
        for card in self.itinerary.persona.cards() {
            if *card == Card::CaptureFails {
                // The sale will be reversed, and the places are free again from some moment on.
                self.certain_no_more();
            }
            let request = Request::post(format!("/sandbox/pay/{}", bill.intent), bill.form(("card", card.number())));
            let heard = self.change(Step::Pay, "pay", &request).await;
            let mut next = self.go_on(bill, heard)?;
            if matches!(next, Next::Bank) {
                let answer =
                    if self.itinerary.persona == Persona::RefusesAuthentication { "decline" } else { "approve" };
                let path = format!("/sandbox/pay/{}/authenticate", bill.intent);
                let request = Request::post(path, bill.form(("answer", answer)));
                let heard = self.call(Some(Step::Pay), "bank", &request).await;
                next = self.go_on(bill, heard)?;
            }
            match next {
                Next::Shop if *card == Card::CaptureFails => {
                    self.set_payment(Payment::CaptureFails);
                    return Ok(());
                }
                Next::Shop => {
                    self.set_payment(Payment::Authorized);
                    return Ok(());
                }
                Next::Bank | Next::PayAgain => self.set_payment(Payment::Declined),
            }
        }
        Err(End::Declined)
    }

    fn set_payment(&mut self, payment: Payment) {
        if let Some(order) = &mut self.visit.order {
            order.payment = payment;
        }
    }

    fn go_on(&mut self, bill: &Bill, heard: Heard) -> Result<Next, End> {
        match heard {
            Heard::Answer(answer) => match next_of(bill, &answer) {
                Some(next) => Ok(next),
                None => {
                    self.set_payment(Payment::Unknown);
                    Err(self.unexpected("pay", &answer))
                }
            },
            Heard::Nothing { maybe_done } => {
                if maybe_done {
                    self.set_payment(Payment::Unknown);
                }
                Err(End::GaveUp)
            }
        }
    }

    /// Looks at the order until it is paid; its sheet.
    pub(super) async fn wait_until_paid(&mut self) -> Result<Value, End> {
        let Some(path) = self.order_path() else { return Err(End::Lapsed) };
        let since = self.due;
        self.paid_since = since;
        let mut pause = LOOK_EVERY.0;
        while since.elapsed() < PAID_WITHIN {
            match self.call(None, "order", &Request::get(&path)).await {
                Heard::Answer(answer) if answer.status == 200 => {
                    let sheet = answer.json();
                    match self.see(&sheet) {
                        Told::Paid => {
                            self.notes.took(Step::OrderReady, since.elapsed());
                            self.notes.paid_count += 1;
                            return Ok(sheet);
                        }
                        Told::Cancelled => return Err(self.came_to_nothing(&sheet)),
                        Told::Awaiting | Told::Confirmed => {}
                    }
                }
                Heard::Answer(answer) => return Err(self.unexpected("order", &answer)),
                Heard::Nothing { .. } => return Err(End::GaveUp),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LOOK_EVERY.1);
        }
        self.due = Instant::now();
        Err(End::StillWaiting)
    }

    /// Takes in where an order stands; the most that was ever told stays in the ledger.
    fn see(&mut self, sheet: &Value) -> Told {
        let told = match sheet["state"].as_str() {
            Some("paid" | "refunded") => Told::Paid,
            Some("confirmed") => Told::Confirmed,
            Some("cancelled") => Told::Cancelled,
            Some(_) | None => Told::Awaiting,
        };
        if let Some(order) = &mut self.visit.order {
            order.told = order.told.max(told);
        }
        if let Some(held) = &mut self.visit.hold {
            if told == Told::Paid {
                // Sold for good: nobody gives it back in a run.
                held.certain_until_ms = i64::MAX;
            }
            held.may_stand = told == Told::Awaiting;
        }
        told
    }

    fn came_to_nothing(&mut self, sheet: &Value) -> End {
        match sheet["cancel_reason"].as_str() {
            Some("capture_failed") => End::Reversed,
            Some(_) | None => End::Lapsed,
        }
    }
}

fn next_of(bill: &Bill, answer: &Answer) -> Option<Next> {
    let location = answer.location.as_deref().filter(|_| answer.status == 303)?;
    Some(match location.strip_prefix("/sandbox/pay/") {
        Some(rest) if rest.contains("/authenticate") => Next::Bank,
        Some(_) => Next::PayAgain,
        None if location.split('?').next() == Some(&bill.return_url) => Next::Shop,
        None => return None,
    })
}
