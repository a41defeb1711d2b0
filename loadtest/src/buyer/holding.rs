//! Looking, holding, keeping, giving back.

use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Value, json};

use super::{Availability, Buyer, End, Heard, Step, read_ms};
use crate::audit::{Held, Line};
use crate::client::{Answer, Body, Proof, Request};
use crate::plan::Wish;

/// How often a buyer chooses anew when others were faster.
const HOLD_TRIES_MAX: u32 = 4;
/// Others were faster, or so many are not left.
const FASTER_OTHERS: [&str; 3] = ["seats_taken", "no_block_left", "area_full"];
/// The event sells nothing now.
const NOT_ON_SALE: [&str; 4] = ["not_on_sale", "paused", "closed", "event_cancelled"];
/// Ways to say that a hold is no more.
const HOLD_GONE: [&str; 3] = ["unknown_hold", "hold_expired", "hold_released"];

impl Buyer<'_> {
    /// The event's page: what is free, and sometimes the map.
    pub(super) async fn look(&mut self) -> Result<Availability, End> {
        let world = self.world;
        if self.itinerary.looks_at_map {
            let path = format!("/api/v1/events/{}/seat-map?v={}", world.event, world.plan_digest);
            match self.call(Some(Step::SeatMap), "seat_map", &Request::get(path)).await {
                Heard::Answer(answer) if answer.status == 200 => {}
                Heard::Answer(answer) => return Err(self.unexpected("seat_map", &answer)),
                Heard::Nothing { .. } => return Err(End::GaveUp),
            }
        }
        self.availability().await
    }

    /// Becomes a buyer.
    pub(super) async fn introduce(&mut self) -> Result<(), End> {
        match self.call(Some(Step::Buyer), "buyer", &Request::post("/api/v1/buyers", Body::None)).await {
            Heard::Answer(answer) => {
                let Some(token) = answer.json()["token"].as_str().map(str::to_owned) else {
                    return Err(self.unexpected("buyer", &answer));
                };
                self.proof = Proof::Bearer(token);
                Ok(())
            }
            Heard::Nothing { .. } => Err(End::GaveUp),
        }
    }

    async fn availability(&mut self) -> Result<Availability, End> {
        let path = format!("/api/v1/events/{}/availability", self.world.event);
        match self.call(Some(Step::Availability), "availability", &Request::get(path)).await {
            Heard::Answer(answer) => match Availability::read(&answer.json(), self.world.seats_count) {
                Some(free) if answer.status == 200 => Ok(free),
                Some(_) | None => Err(self.unexpected("availability", &answer)),
            },
            Heard::Nothing { .. } => Err(End::GaveUp),
        }
    }

    /// Holds places, looking and choosing anew while others are faster.
    pub(super) async fn hold(&mut self, free: Availability) -> Result<(), End> {
        let mut seen = Some(free);
        let path = format!("/api/v1/events/{}/holds", self.world.event);
        for attempt in 0..HOLD_TRIES_MAX {
            let free = match seen.take() {
                Some(free) => free,
                None => self.availability().await?,
            };
            let ask = self.choose(&free).ok_or(End::SoldOut)?;
            let key = format!("hold-{:08}-{attempt}", self.visit.number);
            let request = Request::post(&path, Body::Json(json!({"asks": [ask]}))).with_key(key);
            let sent_at = Instant::now();
            match self.change(Step::Hold, "hold", &request).await {
                Heard::Answer(answer) if answer.status == 201 => return self.keep_hold(&answer, sent_at),
                Heard::Answer(answer) => {
                    let code = answer.code().unwrap_or_default();
                    if NOT_ON_SALE.contains(&code.as_str()) {
                        return Err(End::NotOnSale);
                    }
                    if !FASTER_OTHERS.contains(&code.as_str()) {
                        return Err(self.unexpected("hold", &answer));
                    }
                    self.notes.conflicts_count += 1;
                    if code != "seats_taken" {
                        self.itinerary.quantity = (self.itinerary.quantity / 2).max(1);
                    }
                }
                Heard::Nothing { maybe_done } => {
                    self.visit.unknown_places_count += if maybe_done { u64::from(self.itinerary.quantity) } else { 0 };
                    return Err(End::GaveUp);
                }
            }
        }
        Err(End::SoldOut)
    }

    /// What to ask for; `None` when nothing is free.
    fn choose(&mut self, free: &Availability) -> Option<Value> {
        let quantity = self.itinerary.quantity;
        let seats = |buyer: &mut Self| {
            (1..=quantity).rev().find_map(|count| free.pick(usize::from(count), &mut buyer.itinerary.chance))
        };
        let area = free.areas.iter().filter(|(_, free_count)| *free_count > 0);
        let area = area.max_by_key(|(_, free_count)| *free_count);
        let ga = area.map(|(code, free_count)| {
            let quantity = u64::from(quantity).min(*free_count);
            json!({"kind": "ga", "area": code, "quantity": quantity})
        });
        match self.itinerary.wish {
            Wish::Ga => ga.or_else(|| seats(self).map(|seats| json!({"kind": "seats", "seats": seats}))),
            Wish::Seats => seats(self).map(|seats| json!({"kind": "seats", "seats": seats})).or(ga),
            Wish::Best if free.seats.contains(&crate::audit::SeatState::Available) => {
                Some(json!({"kind": "best", "quantity": quantity}))
            }
            Wish::Best => ga,
        }
    }

    fn keep_hold(&mut self, answer: &Answer, sent_at: Instant) -> Result<(), End> {
        let body = answer.json();
        let read = || {
            let expires_at_ms = read_ms(&body["expires_at"])?;
            Some((
                Held {
                    hold: body["hold"].as_str()?.to_owned(),
                    lines: Line::read_all(&body["places"])?,
                    placed_at_ms: read_ms(&body["placed_at"])?,
                    certain_until_ms: expires_at_ms,
                    ends_at_ms: expires_at_ms,
                    may_stand: true,
                    denied: None,
                },
                expires_at_ms - read_ms(&body["server_now"])?,
            ))
        };
        let Some((held, lasts_ms)) = read() else { return Err(self.unexpected("hold", answer)) };
        self.promise(sent_at, lasts_ms);
        self.visit.hold = Some(held);
        self.notes.holds_count += 1;
        Ok(())
    }

    /// A hold lasts so long from now on, counted from before the request was sent, so that the buyer never believes in
    /// more time than was promised.
    fn promise(&mut self, sent_at: Instant, lasts_ms: i64) {
        self.hold_lasts_until = sent_at.checked_add(Duration::from_millis(u64::try_from(lasts_ms).unwrap_or_default()));
    }

    /// Thinks it over.
    pub(super) async fn think(&mut self) {
        let thinks_ms = self.itinerary.chance.random_range(self.world.thinks_ms.clone());
        tokio::time::sleep(Duration::from_millis(thinks_ms)).await;
        self.due = Instant::now();
    }

    /// Keeps the places longer.
    pub(super) async fn extend(&mut self) -> Result<(), End> {
        let Some(path) = self.hold_path() else { return Err(End::Lapsed) };
        let sent_at = Instant::now();
        match self.call(Some(Step::Extend), "extend", &Request::post(format!("{path}/extend"), Body::None)).await {
            Heard::Answer(answer) if answer.status == 200 => {
                let body = answer.json();
                let (Some(expires_at_ms), Some(now_ms)) = (read_ms(&body["expires_at"]), read_ms(&body["server_now"]))
                else {
                    return Err(self.unexpected("extend", &answer));
                };
                self.promise(sent_at, expires_at_ms - now_ms);
                if let Some(held) = &mut self.visit.hold {
                    held.certain_until_ms = held.certain_until_ms.max(expires_at_ms);
                    held.ends_at_ms = held.ends_at_ms.max(expires_at_ms);
                }
                Ok(())
            }
            Heard::Answer(answer) if answer.code().as_deref() == Some("hold_at_cap") => Ok(()),
            Heard::Answer(answer) => Err(self.hold_gone("extend", &answer)),
            Heard::Nothing { .. } => Err(End::GaveUp),
        }
    }

    /// Gives the places back.
    pub(super) async fn release(&mut self) -> Result<End, End> {
        let Some(path) = self.hold_path() else { return Err(End::Lapsed) };
        self.certain_no_more();
        match self.call(Some(Step::Release), "release", &Request::delete(path)).await {
            Heard::Answer(answer) if answer.is_success() => {
                if let Some(held) = &mut self.visit.hold {
                    held.may_stand = false;
                }
                Ok(End::Released)
            }
            // A repeat of a release whose answer was lost.
            Heard::Answer(answer) if !self.notes.is_smooth() && is_gone(&answer) => Ok(End::Released),
            Heard::Answer(answer) => Err(self.hold_gone("release", &answer)),
            Heard::Nothing { .. } => Err(End::GaveUp),
        }
    }

    pub(super) fn hold_path(&self) -> Option<String> {
        let held = self.visit.hold.as_ref()?;
        Some(format!("/api/v1/events/{}/holds/{}", self.world.event, held.hold))
    }

    /// From here on the buyer does something that may end the hold: it is certain up to the time they know of.
    pub(super) fn certain_no_more(&mut self) {
        let now_ms = self.server_now_ms;
        if let Some(held) = &mut self.visit.hold {
            held.certain_until_ms = held.certain_until_ms.min(now_ms);
        }
    }

    /// A hold is said to be no more: lapsed, or lost when its promised time is not over.
    pub(super) fn hold_gone(&mut self, what: &str, answer: &Answer) -> End {
        if !is_gone(answer) {
            return self.unexpected(what, answer);
        }
        let in_time = self.hold_lasts_until.is_some_and(|until| Instant::now() < until);
        if let Some(held) = self.visit.hold.as_mut().filter(|_| in_time) {
            held.denied = answer.code();
            return End::Surprised;
        }
        End::Lapsed
    }
}

fn is_gone(answer: &Answer) -> bool {
    answer.code().is_some_and(|code| HOLD_GONE.contains(&code.as_str()))
}
