//! The projector when the views do not say whether a step landed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use usher_core::{
    BuyerId, EventId, Fact, HoldId, HoldLine, Limits, Minor, OrderId, OrderState, Place, SeatIdx, TicketId, UnixMillis,
};
use usher_engine::adapters::sqlite::Folder;
use usher_engine::journal::{Entry, Journal, SealedEntry, Tenure};
use usher_engine::orders::{HeldRecord, OrderRecord, Projector, ProjectorParts, SalesFigures, ViewChanges, Views};
use usher_engine::store::{Page, StoreError};

const EVENT: EventId = EventId(1);
const HOLD: HoldId = HoldId(2);
const ORDER: OrderId = OrderId(3);

/// Views of which one step lands although its answer is lost.
struct Forgetful {
    views: Arc<dyn Views>,
    forgets: AtomicBool,
}

#[async_trait]
impl Views for Forgetful {
    async fn checkpoint(&self, event: EventId) -> Result<u64, StoreError> {
        self.views.checkpoint(event).await
    }
    async fn apply(&self, event: EventId, checkpoint: u64, changes: ViewChanges) -> Result<(), StoreError> {
        self.views.apply(event, checkpoint, changes).await?;
        let forgets = self.forgets.swap(false, Ordering::AcqRel);
        if forgets { Err(StoreError::Unavailable("the answer was lost".to_owned())) } else { Ok(()) }
    }
    async fn holds(&self, event: EventId, holds: &[HoldId]) -> Result<Vec<HeldRecord>, StoreError> {
        self.views.holds(event, holds).await
    }
    async fn orders(&self, orders: &[OrderId]) -> Result<Vec<OrderRecord>, StoreError> {
        self.views.orders(orders).await
    }
    async fn ticket(&self, ticket: TicketId) -> Result<Option<(OrderId, u16)>, StoreError> {
        self.views.ticket(ticket).await
    }
    async fn orders_of_event(
        &self,
        event: EventId,
        state: Option<OrderState>,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        self.views.orders_of_event(event, state, cursor, rows_max).await
    }
    async fn orders_of_buyer(
        &self,
        buyer: BuyerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        self.views.orders_of_buyer(buyer, cursor, rows_max).await
    }
    async fn sales(&self, event: EventId) -> Result<SalesFigures, StoreError> {
        self.views.sales(event).await
    }
    async fn clear(&self) -> Result<(), StoreError> {
        self.views.clear().await
    }
}

async fn append(journal: &dyn Journal, at: &mut Tenure, facts: Vec<Fact>) {
    let entry = Entry { seq: at.head_seq + 1, epoch: at.epoch, at: UnixMillis(1), facts };
    let sealed = SealedEntry::seal(entry, at.head_hash);
    (at.head_seq, at.head_hash) = (sealed.entry.seq, sealed.hash);
    journal.append(EVENT, sealed).await.unwrap();
}

fn published() -> Vec<Fact> {
    let currency = "EUR".parse().unwrap();
    vec![Fact::Published { plan_digest: [7; 32], currency, limits: Limits::default(), prices: Vec::new() }]
}

fn an_order() -> Vec<Fact> {
    let lines = vec![HoldLine { place: Place::Seat(SeatIdx(0)), price_minor: Minor(4_500) }];
    let (placed_at, expires_at) = (UnixMillis(1), UnixMillis(9));
    vec![
        Fact::HoldPlaced { hold: HOLD, buyer: BuyerId(4), placed_at, expires_at, asks_digest: 0, lines },
        Fact::CheckoutBegun { order: ORDER, hold: HOLD, begun_at: UnixMillis(2) },
    ]
}

#[tokio::test]
async fn a_step_whose_answer_is_lost_is_neither_counted_twice_nor_kept_from_the_payment_process() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Folder::open(folder.path()).unwrap();
    let views = Arc::new(Forgetful { views: Arc::clone(&kept.stores.views), forgets: AtomicBool::new(false) });
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let projector = Projector::new(ProjectorParts {
        journal: Arc::clone(&kept.journal),
        views: Arc::clone(&views) as Arc<dyn Views>,
        queue: kept.stores.jobs.clone(),
        on_orders: Arc::new(move |_, orders| hears.lock().unwrap().extend_from_slice(orders)),
    });
    let mut at = kept.journal.take_over(EVENT).await.unwrap();
    append(kept.journal.as_ref(), &mut at, published()).await;
    projector.project_all().await.unwrap();

    append(kept.journal.as_ref(), &mut at, an_order()).await;
    views.forgets.store(true, Ordering::Release);
    projector.committed(EVENT, 2);
    assert!(projector.project_told().await.is_err());
    projector.project_told().await.unwrap();

    let sales = kept.stores.views.sales(EVENT).await.unwrap();
    assert_eq!((sales.holds_count, sales.checkouts_count), (1, 1));
    assert_eq!(*told.lock().unwrap(), [ORDER]);
}
