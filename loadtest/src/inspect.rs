//! Reading the house's books: the organizer's orders and figures, the availability, the provider's ledger.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::audit::{Area, Books, Contradiction, Counts, Fetched, Ledger, Line, LineBook, OrderBook, compare};
use crate::buyer::{Availability, World, fetched, read_ms};
use crate::client::{Answer, Api, Body, Proof, Request};

/// How often one page of the books is asked for before it counts as unreadable.
const TRIES_MAX: u32 = 20;
/// Between two tries.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// How long a node may lag behind another before that counts.
const NODES_AGREE_WITHIN: Duration = Duration::from_secs(5);
/// How often the books are read again because the sale moved meanwhile.
const READS_MAX: u32 = 20;

/// When an event of one's own begins: later than any test.
const OWN_EVENT_STARTS_AT: &str = "2099-06-01T18:00:00Z";
/// What each of its seats costs.
const OWN_EVENT_PRICE_MINOR: u64 = 4_500;

/// An event to be made for a run.
#[derive(Debug, Clone, Copy)]
pub struct OwnEvent {
    /// Numbered seats.
    pub seats_count: u32,
    /// How long a hold lasts; three times as long with extensions.
    pub hold: Duration,
}

/// Somebody who may see an event's orders.
#[derive(Debug, Clone)]
pub struct Inspector {
    api: Api,
    proof: Proof,
}

/// An event as it is found before the run.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub event: String,
    /// Its name.
    pub name: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// All places.
    pub capacity_count: u64,
}

impl Inspector {
    /// With an API key.
    #[must_use]
    pub const fn with_key(api: Api, key: String) -> Self {
        Self { api, proof: Proof::Bearer(key) }
    }

    /// By logging in.
    ///
    /// # Errors
    /// The login fails, or there is no server.
    pub async fn log_in(api: Api, email: &str, password: &str) -> anyhow::Result<Self> {
        let form = Body::Json(json!({"email": email, "password": password}));
        let request = Request::post("/api/v1/sessions", form);
        let mut answered = None;
        let mut broken = Vec::new();
        for base in api.bases() {
            match api.send(base, &Proof::None, &request).await {
                Ok(answer) => {
                    answered = Some(answer);
                    break;
                }
                Err(broke) => broken.push(format!("cannot reach {base}: {broke}")),
            }
        }
        let answer = answered.with_context(|| broken.join("; "))?;
        ensure!(answer.is_success(), "logging in as {email} was answered {}", said(&answer));
        let cookie = answer.cookie.context("the login set no cookie")?;
        Ok(Self { api, proof: Proof::Cookie(cookie) })
    }

    /// The servers.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.api
    }

    async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(&Request::get(path)).await
    }

    /// Asks until there is an answer that is no refusal.
    async fn ask(&self, request: &Request) -> anyhow::Result<Answer> {
        let (mut last, mut base) = (String::new(), self.api.base_of(0));
        for _ in 0..TRIES_MAX {
            match self.api.send(base, &self.proof, request).await {
                Ok(answer) if answer.is_refusal() => last = said(&answer),
                Ok(answer) => return Ok(answer),
                Err(broke) => last = broke,
            }
            base = self.api.base_after(base);
            tokio::time::sleep(TRY_EVERY).await;
        }
        bail!("{}: {last}", request.path)
    }

    async fn json(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.get(path).await?;
        ensure!(answer.status == 200, "{path} was answered {}", said(&answer));
        Ok(answer.json())
    }

    /// All rows of a list.
    async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.json(&format!("{path}?limit=200{cursor}")).await?;
            let data = page["data"].as_array().with_context(|| format!("{path} is no list"))?;
            rows.extend(data.iter().cloned());
            cursor = match &page["next_cursor"] {
                Value::String(next) => format!("&cursor={next}"),
                Value::Number(next) => format!("&cursor={next}"),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Ok(rows),
            };
        }
    }

    /// An event on sale: by id or by a part of its name; without either, the largest one that costs something.
    ///
    /// # Errors
    /// There is none; the server does not answer.
    pub async fn find_event(&self, wanted: Option<&str>) -> anyhow::Result<Found> {
        let mut best: Option<Found> = None;
        for card in self.list("/api/v1/events").await? {
            let (id, name) = (card["event"].as_str().unwrap_or_default(), card["name"].as_str().unwrap_or_default());
            let fits = match wanted {
                Some(wanted) => id == wanted || name.to_lowercase().contains(&wanted.to_lowercase()),
                None => card["price_max_minor"].as_u64().is_some_and(|price| price > 0),
            };
            if !fits || card["state"] != "on_sale" {
                continue;
            }
            let found = self.found(id).await?;
            if best.as_ref().is_none_or(|best| best.capacity_count < found.capacity_count) {
                best = Some(found);
            }
        }
        best.with_context(|| match wanted {
            Some(wanted) => format!("no event on sale is or is called {wanted:?}"),
            None => "no event is on sale".to_owned(),
        })
    }

    /// Puts an event of one's own on sale: a hall whose holds last so long.
    ///
    /// # Errors
    /// The server does not answer, or does not let this organizer.
    pub async fn put_on_sale(&self, own: OwnEvent) -> anyhow::Result<Found> {
        let hold_ms = u64::try_from(own.hold.as_millis()).unwrap_or(u64::MAX);
        let form = json!({
            "name": "Load test", "venue": "Load Hall", "starts_at": OWN_EVENT_STARTS_AT, "time_zone": "UTC",
            "currency": "EUR", "limits": {"hold_ms": hold_ms, "hold_total_max_ms": hold_ms.saturating_mul(3)},
        });
        let event = self.change(Method::POST, "/api/v1/organizer/events", Body::Json(form)).await?;
        let event = event["event"].as_str().context("the new event has no id")?;
        let path = format!("/api/v1/organizer/events/{event}");
        let plan = json!({"template": "hall", "name": "Load Hall", "seats_count": own.seats_count});
        let plan = self.change(Method::POST, &format!("{path}/seating-plan/generate"), Body::Json(plan)).await?;
        let tiers = plan["tiers"].as_array().context("the plan has no tiers")?;
        let prices: Vec<Value> =
            tiers.iter().map(|tier| json!({"tier": tier, "price_minor": OWN_EVENT_PRICE_MINOR})).collect();
        let body = Body::Json(json!({"prices": prices}));
        let revision = plan["revision"].as_u64();
        self.changed(&Request { method: Method::PUT, path: format!("{path}/prices"), key: None, revision, body })
            .await?;
        for step in ["publish", "open"] {
            self.change(Method::POST, &format!("{path}/{step}"), Body::None).await?;
        }
        self.found(event).await
    }

    async fn change(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Value> {
        self.changed(&Request { method, path: path.to_owned(), key: None, revision: None, body }).await
    }

    async fn changed(&self, request: &Request) -> anyhow::Result<Value> {
        let answer = self.ask(request).await?;
        ensure!(answer.is_success(), "{} was answered {}", request.path, said(&answer));
        Ok(answer.json())
    }

    async fn found(&self, event: &str) -> anyhow::Result<Found> {
        let sheet = self.json(&format!("/api/v1/events/{event}")).await?;
        Ok(Found {
            event: event.to_owned(),
            name: sheet["name"].as_str().unwrap_or_default().to_owned(),
            plan_digest: sheet["plan_digest"].as_str().context("the event has no plan")?.to_owned(),
            capacity_count: sheet["capacity_count"].as_u64().unwrap_or_default(),
        })
    }

    /// Numbered seats and areas of an event.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn places(&self, found: &Found) -> anyhow::Result<(u32, Vec<(String, u64)>)> {
        let map = self.json(&format!("/api/v1/events/{}/seat-map?v={}", found.event, found.plan_digest)).await?;
        let seats_count = map["seats_count"].as_u64().and_then(|count| u32::try_from(count).ok());
        let area = |area: &Value| Some((area["code"].as_str()?.to_owned(), area["capacity"].as_u64()?));
        let areas: Option<Vec<_>> =
            map["areas"].as_array().map(|areas| areas.iter().map(area).collect()).unwrap_or_default();
        seats_count.zip(areas).context("the seat map cannot be read")
    }

    /// Reads everything there is to say about the event, as of one moment: when the sale moves on meanwhile, anew.
    ///
    /// # Errors
    /// The server does not answer, or the sale does not hold still.
    pub async fn books(&self, world: &World, exclusive: bool) -> anyhow::Result<Books> {
        let sales_path = format!("/api/v1/organizer/events/{}/sales", world.event);
        for _ in 0..READS_MAX {
            let before = self.json(&sales_path).await?;
            let free = self.json(&format!("/api/v1/events/{}/availability", world.event)).await?;
            let orders = self.list(&format!("/api/v1/organizer/events/{}/orders", world.event)).await?;
            let money = self.list("/sandbox/ledger").await?;
            let after = self.json(&sales_path).await?;
            let moved = before["version"] != after["version"] || before["captured_minor"] != after["captured_minor"];
            if !moved && free["version"] == after["version"] {
                return read_books(world, exclusive, &after, &free, &orders, &money);
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        bail!("the sale moves on while it is being audited")
    }

    /// What nodes say of the sale at rest that differs, and how many were asked. They may follow one another by a moment,
    /// so a difference counts when it stays.
    ///
    /// # Errors
    /// A node does not answer; where nodes may be gone, that one is passed over.
    pub async fn compare_nodes(
        &self,
        world: &World,
        exclusive: bool,
        may_be_gone: bool,
    ) -> anyhow::Result<(usize, Vec<Contradiction>)> {
        let began = Instant::now();
        loop {
            let mut all = Vec::new();
            for base in self.api.bases() {
                let looked = self.api.send(base, &Proof::None, &Request::get("/healthz")).await;
                if may_be_gone && looked.is_err() {
                    continue;
                }
                let node = Self { api: self.api.only(base), proof: self.proof.clone() };
                all.push((base, node.books(world, exclusive).await?));
            }
            let Some(((first, said), others)) = all.split_first() else { bail!("no node answers") };
            let differences: Vec<_> =
                others.iter().flat_map(|(base, other_said)| compare(first, said, base, other_said)).collect();
            if differences.is_empty() || began.elapsed() >= NODES_AGREE_WITHIN {
                return Ok((all.len(), differences));
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    /// Asks again for tickets that were not ready when their buyers left; the count of those that still are not.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn fetch_late_tickets(&self, ledger: &mut Ledger) -> anyhow::Result<usize> {
        let mut late_count = 0;
        for order in ledger.visits.iter_mut().filter_map(|visit| visit.order.as_mut()) {
            for ticket in order.tickets.iter_mut().filter(|ticket| ticket.fetched == Fetched::NotYet) {
                let path = format!("/api/v1/orders/{}/tickets/{}", order.order, ticket.ticket);
                ticket.fetched = fetched(&self.api, self.get(&path).await?).await;
                late_count += usize::from(ticket.fetched == Fetched::NotYet);
            }
        }
        Ok(late_count)
    }
}

fn said(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.code().unwrap_or_else(|| answer.excerpt()))
}

fn read_books(
    world: &World,
    exclusive: bool,
    sales: &Value,
    free: &Value,
    orders: &[Value],
    money: &[Value],
) -> anyhow::Result<Books> {
    let number = |name: &str| sales[name].as_u64().with_context(|| format!("the sales figures lack {name}"));
    let counts = Counts {
        capacity_count: number("capacity_count")?,
        available_count: number("available_count")?,
        held_count: number("held_count")?,
        sold_count: number("sold_count")?,
        blocked_count: number("blocked_count")?,
    };
    let read = Availability::read(free, world.seats_count).context("the availability cannot be read")?;
    let free_of = |code: &str| read.areas.iter().find(|(known, _)| known == code).map_or(0, |(_, free)| *free);
    let areas = world.areas.iter().map(|(code, capacity_count)| Area {
        code: code.clone(),
        capacity_count: *capacity_count,
        available_count: free_of(code),
    });
    let areas = areas.collect();
    let orders =
        orders.iter().map(|order| read_order(order).with_context(|| format!("an order cannot be read: {order}")));
    let orders = orders.collect::<anyhow::Result<_>>()?;
    let ours = money.iter().filter(|row| row["event"] == world.event.as_str());
    let money = ours.map(|row| serde_json::from_value(row.clone())).collect::<Result<_, _>>().context("the ledger")?;
    Ok(Books {
        exclusive,
        now_ms: read_ms(&free["server_now"]).context("the availability does not tell the time")?,
        counts,
        seats: read.seats,
        areas,
        orders,
        money,
        captured_minor: number("captured_minor")?,
        refunded_minor: number("refunded_minor")?,
    })
}

fn read_order(order: &Value) -> Option<OrderBook> {
    let line = |line: &Value| {
        Some(LineBook {
            line: Line::read(line)?,
            ticket: line["ticket"].as_str().map(str::to_owned),
            refunded: line["refunded"].as_bool()?,
        })
    };
    Some(OrderBook {
        order: order["order"].as_str()?.to_owned(),
        hold: order["hold"].as_str()?.to_owned(),
        email: order["email"].as_str().unwrap_or_default().to_owned(),
        expires_at_ms: read_ms(&order["expires_at"])?,
        state: serde_json::from_value(order["state"].clone()).ok()?,
        cancel_reason: order["cancel_reason"].as_str().map(str::to_owned),
        retaken: order["retaken"].as_bool()?,
        lines: order["lines"].as_array()?.iter().map(line).collect::<Option<_>>()?,
        total_minor: order["total_minor"].as_u64()?,
        refunded_minor: order["refunded_minor"].as_u64()?,
    })
}
