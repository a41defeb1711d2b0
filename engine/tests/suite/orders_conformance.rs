//! What every store of views and every store of contacts must do.

use usher_core::{
    AreaIdx, BuyerId, CancelReason, EventId, HoldId, HoldLine, Minor, OrderId, OrderState, Place, RefundId, SeatIdx,
    TicketId, UnixMillis,
};
use usher_engine::ids;
use usher_engine::orders::{
    Contact, Contacts, HeldRecord, OrderLine, OrderRecord, RefundRecord, SalesFigures, ViewChanges, Views,
};
use usher_engine::store::{Page, StoreError};

/// All rules of views. The last one clears them.
pub(crate) async fn every_views_store(views: &dyn Views) {
    changes_and_checkpoint_are_applied_together(views).await;
    calling_an_event_off_drops_its_holds_and_no_others(views).await;
    a_repeat_of_a_step_changes_nothing(views).await;
    the_checkpoint_never_goes_back(views).await;
    unknown_ids_are_left_out(views).await;
    orders_of_an_event_come_oldest_first_and_by_state(views).await;
    orders_of_a_buyer_come_latest_first(views).await;
    clearing_forgets_everything(views).await;
}

/// All rules of contacts.
pub(crate) async fn every_contact_store(contacts: &dyn Contacts) {
    the_first_contact_of_an_order_stays(contacts).await;
    contacts_are_found_together(contacts).await;
}

fn lines() -> Vec<HoldLine> {
    vec![
        HoldLine { place: Place::Seat(SeatIdx(7)), price_minor: Minor(4_500) },
        HoldLine { place: Place::Ga(AreaIdx(1)), price_minor: Minor(0) },
    ]
}

fn held() -> HeldRecord {
    HeldRecord {
        hold: HoldId(ids::fresh()),
        buyer: BuyerId(ids::fresh()),
        expires_at: UnixMillis(9_000),
        lines: lines(),
        order: None,
    }
}

fn order(event: EventId, begun_at: i64) -> OrderRecord {
    let line = |held| OrderLine { held, ticket: Some(TicketId(ids::fresh())), refunded: false };
    OrderRecord {
        order: OrderId(ids::fresh()),
        event,
        buyer: BuyerId(ids::fresh()),
        hold: HoldId(ids::fresh()),
        state: OrderState::AwaitingPayment,
        cancel_reason: Some(CancelReason::PlacesGone),
        lapsed: true,
        retaken: false,
        failed_payments_count: 2,
        lines: lines().into_iter().map(line).collect(),
        refunds: vec![RefundRecord {
            refund: RefundId(ids::fresh()),
            lines: vec![0],
            amount_minor: Minor(4_500),
            paid: false,
        }],
        total_minor: Minor(4_500),
        currency: "EUR".parse().unwrap(),
        begun_at: UnixMillis(begun_at),
        expires_at: UnixMillis(8_000),
        confirmed_at: Some(UnixMillis(3)),
        paid_at: None,
    }
}

fn fresh_event() -> EventId {
    EventId(ids::fresh())
}

async fn changes_and_checkpoint_are_applied_together(views: &dyn Views) {
    let event = fresh_event();
    assert_eq!(views.checkpoint(event).await.unwrap(), 0);
    assert_eq!(views.sales(event).await.unwrap(), SalesFigures::default());
    let (held, order) = (held(), order(event, 1));
    let ticket = order.lines[1].ticket.unwrap();
    let sales = SalesFigures { paid_count: 3, places_by_minute: vec![(29_000_000, 2)], ..SalesFigures::default() };
    let changes = ViewChanges {
        put_holds: vec![held.clone()],
        put_orders: vec![order.clone()],
        put_tickets: vec![(ticket, order.order, 1)],
        sales: Some(sales.clone()),
        ..ViewChanges::default()
    };
    views.apply(event, 4, changes).await.unwrap();
    assert_eq!(views.checkpoint(event).await.unwrap(), 4);
    assert_eq!(views.holds(event, &[held.hold]).await.unwrap(), std::slice::from_ref(&held));
    assert_eq!(views.orders(&[order.order]).await.unwrap(), std::slice::from_ref(&order));
    assert_eq!(views.ticket(ticket).await.unwrap(), Some((order.order, 1)));
    assert_eq!(views.sales(event).await.unwrap(), sales);

    let paid = OrderRecord { state: OrderState::Paid, paid_at: Some(UnixMillis(5)), ..order };
    let changes = ViewChanges { drop_holds: vec![held.hold], put_orders: vec![paid.clone()], ..ViewChanges::default() };
    views.apply(event, 5, changes).await.unwrap();
    assert_eq!(views.checkpoint(event).await.unwrap(), 5);
    assert_eq!(views.holds(event, &[held.hold]).await.unwrap(), []);
    assert_eq!(views.orders(&[paid.order]).await.unwrap(), [paid]);
    assert_eq!(views.sales(event).await.unwrap(), sales);
}

async fn calling_an_event_off_drops_its_holds_and_no_others(views: &dyn Views) {
    let (event, other) = (fresh_event(), fresh_event());
    let (ours, theirs) = (held(), held());
    for (event, held) in [(event, &ours), (other, &theirs)] {
        let changes = ViewChanges { put_holds: vec![held.clone()], ..ViewChanges::default() };
        views.apply(event, 1, changes).await.unwrap();
    }
    views.apply(event, 2, ViewChanges { drop_all_holds: true, ..ViewChanges::default() }).await.unwrap();
    assert_eq!(views.holds(event, &[ours.hold]).await.unwrap(), []);
    assert_eq!(views.holds(other, &[theirs.hold]).await.unwrap(), [theirs]);
}

async fn a_repeat_of_a_step_changes_nothing(views: &dyn Views) {
    let event = fresh_event();
    let (held, order) = (held(), order(event, 1));
    let changes = ViewChanges {
        put_holds: vec![held.clone()],
        drop_holds: vec![HoldId(ids::fresh())],
        put_orders: vec![order.clone()],
        put_tickets: vec![(TicketId(ids::fresh()), order.order, 0)],
        ..ViewChanges::default()
    };
    for _ in 0..2 {
        views.apply(event, 1, changes.clone()).await.unwrap();
        assert_eq!(views.checkpoint(event).await.unwrap(), 1);
        assert_eq!(views.orders_of_event(event, None, None, 9).await.unwrap().rows, std::slice::from_ref(&order));
    }
}

async fn the_checkpoint_never_goes_back(views: &dyn Views) {
    let event = fresh_event();
    views.apply(event, 5, ViewChanges::default()).await.unwrap();
    let order = order(event, 1);
    let changes = ViewChanges { put_orders: vec![order.clone()], ..ViewChanges::default() };
    assert!(matches!(views.apply(event, 4, changes).await, Err(StoreError::Conflict(_))));
    assert_eq!(views.checkpoint(event).await.unwrap(), 5);
    assert_eq!(views.orders(&[order.order]).await.unwrap(), []);
}

async fn unknown_ids_are_left_out(views: &dyn Views) {
    let event = fresh_event();
    let (held, order) = (held(), order(event, 1));
    let changes =
        ViewChanges { put_holds: vec![held.clone()], put_orders: vec![order.clone()], ..ViewChanges::default() };
    views.apply(event, 1, changes).await.unwrap();
    let orders = [OrderId(ids::fresh()), order.order, OrderId(ids::fresh())];
    assert_eq!(views.orders(&orders).await.unwrap(), [order]);
    let holds = [HoldId(ids::fresh()), held.hold];
    assert_eq!(views.holds(event, &holds).await.unwrap(), std::slice::from_ref(&held));
    assert_eq!(views.holds(fresh_event(), &[held.hold]).await.unwrap(), []);
    assert_eq!(views.ticket(TicketId(ids::fresh())).await.unwrap(), None);
}

async fn all_pages(list: impl AsyncFn(Option<String>) -> Page<OrderRecord>) -> Vec<OrderRecord> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(cursor).await;
        assert!(page.rows.len() <= 2);
        rows.extend(page.rows);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return rows;
        }
    }
}

async fn orders_of_an_event_come_oldest_first_and_by_state(views: &dyn Views) {
    let event = fresh_event();
    let mut mine = Vec::new();
    for (begun_at, state) in [
        (3, OrderState::Paid),
        (1, OrderState::Cancelled),
        (2, OrderState::Paid),
        (2, OrderState::Refunded),
        (2, OrderState::Paid),
    ] {
        mine.push(OrderRecord { state, ..order(event, begun_at) });
    }
    let changes = ViewChanges { put_orders: mine.clone(), ..ViewChanges::default() };
    views.apply(event, 1, changes).await.unwrap();
    mine.sort_by_key(|order| (order.begun_at, order.order));
    let list =
        async |state, cursor: Option<String>| views.orders_of_event(event, state, cursor.as_deref(), 2).await.unwrap();
    assert_eq!(all_pages(async |cursor| list(None, cursor).await).await, mine);
    mine.retain(|order| order.state == OrderState::Paid);
    assert_eq!(all_pages(async |cursor| list(Some(OrderState::Paid), cursor).await).await, mine);
    assert!(matches!(views.orders_of_event(event, None, Some("AAAA"), 2).await, Err(StoreError::BadCursor)));
}

async fn orders_of_a_buyer_come_latest_first(views: &dyn Views) {
    let buyer = BuyerId(ids::fresh());
    let mut mine = Vec::new();
    for begun_at in [1, 5, 5, 3] {
        let event = fresh_event();
        let order = OrderRecord { buyer, ..order(event, begun_at) };
        let changes = ViewChanges { put_orders: vec![order.clone()], ..ViewChanges::default() };
        views.apply(event, 1, changes).await.unwrap();
        mine.push(order);
    }
    mine.sort_by_key(|order| std::cmp::Reverse((order.begun_at, order.order)));
    let list = async |cursor: Option<String>| views.orders_of_buyer(buyer, cursor.as_deref(), 2).await.unwrap();
    assert_eq!(all_pages(list).await, mine);
}

async fn clearing_forgets_everything(views: &dyn Views) {
    let event = fresh_event();
    let order = order(event, 1);
    let sales = Some(SalesFigures { paid_count: 1, ..SalesFigures::default() });
    let changes = ViewChanges { put_orders: vec![order.clone()], sales, ..ViewChanges::default() };
    views.apply(event, 9, changes.clone()).await.unwrap();
    views.clear().await.unwrap();
    assert_eq!(views.checkpoint(event).await.unwrap(), 0);
    assert_eq!(views.orders(&[order.order]).await.unwrap(), []);
    assert_eq!(views.sales(event).await.unwrap(), SalesFigures::default());
    views.apply(event, 1, changes).await.unwrap();
    assert_eq!(views.orders(&[order.order]).await.unwrap(), [order]);
}

fn contact() -> Contact {
    Contact {
        order: OrderId(ids::fresh()),
        event: fresh_event(),
        buyer: BuyerId(ids::fresh()),
        name: "Žofie Ωmega".to_owned(),
        email: "zofie@example.org".to_owned(),
        access: ids::secret(),
        created_at: UnixMillis(77),
    }
}

async fn the_first_contact_of_an_order_stays(contacts: &dyn Contacts) {
    let first = contact();
    assert_eq!(contacts.contact(first.order).await.unwrap(), None);
    assert_eq!(contacts.put_contact(first.clone()).await.unwrap(), first);
    let second = Contact { order: first.order, name: "Other".to_owned(), ..contact() };
    assert_eq!(contacts.put_contact(second).await.unwrap(), first);
    assert_eq!(contacts.contact(first.order).await.unwrap(), Some(first));
}

async fn contacts_are_found_together(contacts: &dyn Contacts) {
    let (one, two) = (contact(), contact());
    for contact in [&one, &two] {
        contacts.put_contact(contact.clone()).await.unwrap();
    }
    let found = contacts.contacts(&[two.order, OrderId(ids::fresh()), one.order]).await.unwrap();
    assert_eq!(found, [two, one]);
    assert_eq!(contacts.contacts(&[]).await.unwrap(), []);
}
