//! The provider's intents: one row per order, and whose order each intent is.
//!
//! The intent is claimed for its order before the order's payment is kept. A crash in between leaves a claim without a
//! payment, which the repeat for the same order finds; no other order may have that intent anyway.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::client::session::Session as Driver;
use scylla::value::CqlValue;
use usher_core::{EventId, Minor, OrderId, UnixMillis};

use super::lists::{BucketIndex, ListSpec, MINUTE_MS, Pointer, Span};
use super::rows::{Change, Record, Rows};
use super::values::{Columns, Name, Value, id, number, text, time};
use super::{Cluster, CqlError};
use crate::adapters::page;
use crate::payments::{PaymentRecord, Payments};
use crate::store::StoreError;

const UNSETTLED: usize = 0;
static LIST_UNSETTLED: ListSpec = ListSpec {
    table: "payments_unsettled",
    owner: None,
    at: "checked_at",
    id: "buyer_order",
    id_is_text: false,
    bucket_ms: MINUTE_MS,
    is_worked_off: true,
};

/// [`Payments`] over CQL.
pub(super) struct CqlPayments {
    cluster: Arc<Cluster>,
    tables: Arc<Tables>,
}

struct Tables {
    payments: Rows<PaymentRecord>,
    intents: Rows<IntentClaim>,
}

/// Whose order an intent pays.
#[derive(Debug, Clone)]
struct IntentClaim {
    intent: String,
    order: OrderId,
}

impl CqlPayments {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let payments = Rows::prepare(cluster, index).await?;
        let intents = Rows::prepare(cluster, index).await?;
        Ok(Self { cluster: Arc::clone(cluster), tables: Arc::new(Tables { payments, intents }) })
    }

    /// Changes a payment that is there.
    async fn change(
        &self,
        order: OrderId,
        change: impl Fn(&PaymentRecord) -> PaymentRecord + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let decide = |known: Option<&PaymentRecord>| {
                    let changed =
                        known.map(|known| (change(known), known)).filter(|(changed, known)| changed != *known);
                    Ok(changed.map_or(Change::Keep, |(changed, _)| Change::Put(changed)))
                };
                tables.payments.change(cluster.session(), &Name::Id(order.0), decide).await.map(drop)
            })
            .await
    }
}

#[async_trait]
impl Payments for CqlPayments {
    async fn put_payment(&self, payment: PaymentRecord) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { tables.put(cluster.session(), payment).await }).await
    }

    async fn payment(&self, order: OrderId) -> Result<Option<PaymentRecord>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let stored = tables.payments.read(cluster.session(), &Name::Id(order.0)).await?;
                Ok(stored.map(|stored| stored.row))
            })
            .await
    }

    async fn payment_by_intent(&self, intent: &str) -> Result<Option<PaymentRecord>, StoreError> {
        let (tables, intent) = (Arc::clone(&self.tables), intent.to_owned());
        self.cluster
            .call(|cluster| async move {
                let claim = tables.intents.read(cluster.session(), &Name::Text(intent.clone())).await?;
                let Some(claim) = claim else { return Ok(None) };
                let stored = tables.payments.read(cluster.session(), &Name::Id(claim.row.order.0)).await?;
                Ok(stored.map(|stored| stored.row).filter(|payment| payment.intent == intent))
            })
            .await
    }

    async fn checked(&self, order: OrderId, at: UnixMillis, settled: bool) -> Result<(), StoreError> {
        // A late look does not unsettle a payment, nor does it make the last one earlier.
        self.change(order, move |known| PaymentRecord {
            checked_at: known.checked_at.max(at),
            settled: known.settled || settled,
            ..known.clone()
        })
        .await
    }

    async fn reopen(&self, order: OrderId) -> Result<(), StoreError> {
        self.change(order, |known| PaymentRecord { settled: false, ..known.clone() }).await
    }

    async fn unsettled(&self, before: UnixMillis, rows_max: u32) -> Result<Vec<PaymentRecord>, StoreError> {
        let (tables, rows_max) = (Arc::clone(&self.tables), page::rows_count(rows_max));
        let span = Span { to: before.0.saturating_sub(1), ..Span::whole(None) };
        self.cluster
            .call(|cluster| async move {
                let looked = tables.payments.look(cluster.session(), UNSETTLED, span, rows_max, |_| true).await?;
                Ok(looked.rows.into_iter().map(|(_, stored)| stored.row).collect())
            })
            .await
    }
}

impl Tables {
    async fn put(&self, driver: &Driver, payment: PaymentRecord) -> Result<(), StoreError> {
        if self.payments.read(driver, &payment.key()).await?.is_some() {
            return Ok(());
        }
        let claim = IntentClaim { intent: payment.intent.clone(), order: payment.order };
        let take = |known: Option<&IntentClaim>| match known {
            None => Ok(Change::Put(claim.clone())),
            Some(known) if known.order == claim.order => Ok(Change::Keep),
            Some(_) => Err(StoreError::Conflict("the intent pays another order")),
        };
        self.intents.change(driver, &claim.key(), take).await?;
        let first = |known: Option<&PaymentRecord>| match known {
            Some(_) => Ok(Change::Keep),
            None => Ok(Change::Put(payment.clone())),
        };
        self.payments.change_from(driver, &payment.key(), None, first).await.map(drop)
    }
}

impl Record for PaymentRecord {
    const TABLE: &'static str = "payments";
    const COLUMNS: &'static [&'static str] = &[
        "buyer_order",
        "event",
        "intent",
        "client_secret",
        "amount_minor",
        "currency",
        "settled",
        "created_at",
        "checked_at",
    ];
    const LISTS: &'static [&'static ListSpec] = &[&LIST_UNSETTLED];

    fn key(&self) -> Name {
        Name::Id(self.order.0)
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        Ok(vec![
            id(self.event.0),
            text(&self.intent),
            text(&self.client_secret),
            number(i64::try_from(self.amount_minor.0).map_err(|error| CqlError::Damaged(error.to_string()))?),
            text(self.currency.as_str()),
            Some(CqlValue::Boolean(self.settled)),
            time(self.created_at),
            time(self.checked_at),
        ])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self {
            order: OrderId(columns.id()?),
            event: EventId(columns.id()?),
            intent: columns.text()?,
            client_secret: columns.text()?,
            amount_minor: Minor(columns.count()?),
            currency: columns.word()?,
            settled: columns.flag()?,
            created_at: columns.time()?,
            checked_at: columns.time()?,
        })
    }

    fn pointers(&self) -> Vec<Pointer> {
        let unsettled = Pointer { list: UNSETTLED, owner: None, at: self.checked_at.0, id: self.key() };
        if self.settled { Vec::new() } else { vec![unsettled] }
    }
}

impl Record for IntentClaim {
    const TABLE: &'static str = "payment_intents";
    const COLUMNS: &'static [&'static str] = &["intent", "buyer_order"];
    const LISTS: &'static [&'static ListSpec] = &[];

    fn key(&self) -> Name {
        Name::Text(self.intent.clone())
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        Ok(vec![id(self.order.0)])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self { intent: columns.text()?, order: OrderId(columns.id()?) })
    }

    fn pointers(&self) -> Vec<Pointer> {
        Vec::new()
    }
}
