//! What every store of payments and every inbox of webhooks must do.

use usher_core::{EventId, Minor, OrderId, UnixMillis};
use usher_engine::ids;
use usher_engine::payments::{Inbox, PaymentRecord, Payments, WebhookRecord, WebhookState};
use usher_engine::store::StoreError;

/// All rules of payments.
pub(crate) async fn every_payments_store(store: &dyn Payments) {
    a_payment_is_found_by_order_and_by_intent(store).await;
    the_first_payment_of_an_order_stays(store).await;
    an_intent_pays_one_order(store).await;
    unsettled_payments_come_longest_unseen_first(store).await;
    a_settled_payment_stays_settled_until_it_is_reopened(store).await;
}

/// All rules of the inbox.
pub(crate) async fn every_inbox(inbox: &dyn Inbox) {
    a_webhook_is_received_once_whatever_became_of_it(inbox).await;
    pending_webhooks_come_when_they_are_due_oldest_first(inbox).await;
    a_failure_puts_a_webhook_off_or_aside(inbox).await;
    any_webhook_is_replayed(inbox).await;
    webhooks_are_listed_in_pages_latest_first(inbox).await;
    only_old_webhooks_that_were_acted_on_are_swept(inbox).await;
}

fn payment(checked_at: i64) -> PaymentRecord {
    PaymentRecord {
        order: OrderId(ids::fresh()),
        event: EventId(ids::fresh()),
        intent: format!("pi_{:x}", ids::fresh()),
        client_secret: "secret".to_owned(),
        amount_minor: Minor(9_000_000_000),
        currency: "EUR".parse().unwrap(),
        settled: false,
        created_at: UnixMillis(1),
        checked_at: UnixMillis(checked_at),
    }
}

async fn put(store: &dyn Payments, payment: PaymentRecord) -> PaymentRecord {
    store.put_payment(payment.clone()).await.unwrap();
    payment
}

async fn a_payment_is_found_by_order_and_by_intent(store: &dyn Payments) {
    let payment = put(store, payment(0)).await;
    assert_eq!(store.payment(payment.order).await.unwrap(), Some(payment.clone()));
    assert_eq!(store.payment_by_intent(&payment.intent).await.unwrap(), Some(payment));
    assert_eq!(store.payment(OrderId(ids::fresh())).await.unwrap(), None);
    assert_eq!(store.payment_by_intent("pi_none").await.unwrap(), None);
}

async fn the_first_payment_of_an_order_stays(store: &dyn Payments) {
    let first = put(store, payment(0)).await;
    put(store, first.clone()).await;
    put(store, PaymentRecord { order: first.order, ..payment(5) }).await;
    assert_eq!(store.payment(first.order).await.unwrap(), Some(first));
}

async fn an_intent_pays_one_order(store: &dyn Payments) {
    let first = put(store, payment(0)).await;
    let second = PaymentRecord { intent: first.intent.clone(), ..payment(0) };
    let refused = store.put_payment(second.clone()).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.payment(second.order).await.unwrap(), None);
    assert_eq!(store.payment_by_intent(&first.intent).await.unwrap(), Some(first));
}

async fn unsettled_payments_come_longest_unseen_first(store: &dyn Payments) {
    let mut mine = Vec::new();
    for checked_at in [-70, -90, -80] {
        mine.push(put(store, payment(checked_at)).await.order);
    }
    put(store, PaymentRecord { settled: true, ..payment(-99) }).await;
    let orders = async |before| -> Vec<OrderId> {
        let found = store.unsettled(UnixMillis(before), 200).await.unwrap();
        found.into_iter().map(|payment| payment.order).collect()
    };
    assert_eq!(orders(-69).await, [mine[1], mine[2], mine[0]]);
    assert_eq!(orders(-70).await, [mine[1], mine[2]]);
    assert_eq!(store.unsettled(UnixMillis(-69), 1).await.unwrap().len(), 1);
    store.checked(mine[1], UnixMillis(-10), false).await.unwrap();
    store.checked(mine[2], UnixMillis(-95), true).await.unwrap();
    assert_eq!(orders(-69).await, [mine[0]]);
}

async fn a_settled_payment_stays_settled_until_it_is_reopened(store: &dyn Payments) {
    let payment = put(store, payment(5)).await;
    store.checked(payment.order, UnixMillis(10), true).await.unwrap();
    store.checked(payment.order, UnixMillis(7), false).await.unwrap();
    store.checked(OrderId(ids::fresh()), UnixMillis(7), false).await.unwrap();
    let settled = PaymentRecord { settled: true, checked_at: UnixMillis(10), ..payment };
    assert_eq!(store.payment(settled.order).await.unwrap(), Some(settled.clone()));
    store.reopen(settled.order).await.unwrap();
    store.reopen(OrderId(ids::fresh())).await.unwrap();
    let reopened = PaymentRecord { settled: false, ..settled };
    assert_eq!(store.payment(reopened.order).await.unwrap(), Some(reopened.clone()));
    store.checked(reopened.order, UnixMillis(10), true).await.unwrap();
}

fn webhook(received_at: i64) -> WebhookRecord {
    WebhookRecord {
        id: format!("evt_{:x}", ids::fresh()),
        kind: "payment_intent.succeeded".to_owned(),
        object: "pi_1".to_owned(),
        body: vec![0, 159, 146, 150],
        state: WebhookState::Pending,
        failures_count: 0,
        last_error: None,
        received_at: UnixMillis(received_at),
        run_at: UnixMillis(received_at),
    }
}

async fn received(inbox: &dyn Inbox, webhook: WebhookRecord) -> WebhookRecord {
    assert!(inbox.receive(webhook.clone()).await.unwrap());
    webhook
}

async fn found(inbox: &dyn Inbox, id: &str) -> WebhookRecord {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = inbox.list(None, cursor.as_deref(), 200).await.unwrap();
        all.extend(page.rows);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    all.into_iter().find(|webhook| webhook.id == id).unwrap()
}

async fn pending(inbox: &dyn Inbox, now: i64) -> Vec<String> {
    inbox.pending(UnixMillis(now), 200).await.unwrap().into_iter().map(|webhook| webhook.id).collect()
}

async fn a_webhook_is_received_once_whatever_became_of_it(inbox: &dyn Inbox) {
    let first = received(inbox, webhook(1_000)).await;
    let again = WebhookRecord { body: vec![], ..first.clone() };
    assert!(!inbox.receive(again.clone()).await.unwrap());
    assert_eq!(found(inbox, &first.id).await, first);
    inbox.done(&first.id).await.unwrap();
    assert!(!inbox.receive(again).await.unwrap());
    assert_eq!(found(inbox, &first.id).await.state, WebhookState::Done);
}

async fn pending_webhooks_come_when_they_are_due_oldest_first(inbox: &dyn Inbox) {
    let late = received(inbox, webhook(-10)).await.id;
    let early = received(inbox, webhook(-20)).await.id;
    assert_eq!(pending(inbox, -9).await, [early.as_str(), late.as_str()]);
    assert_eq!(pending(inbox, -11).await, [early.as_str()]);
    assert_eq!(inbox.pending(UnixMillis(-9), 1).await.unwrap().len(), 1);
    inbox.done(&early).await.unwrap();
    assert_eq!(pending(inbox, -9).await, [late.as_str()]);
    inbox.done(&late).await.unwrap();
}

async fn a_failure_puts_a_webhook_off_or_aside(inbox: &dyn Inbox) {
    let id = received(inbox, webhook(-20)).await.id;
    inbox.failed(&id, "no answer", Some(UnixMillis(-5))).await.unwrap();
    assert!(pending(inbox, -6).await.is_empty());
    assert_eq!(pending(inbox, -5).await, [id.as_str()]);
    inbox.failed(&id, "still none", None).await.unwrap();
    assert!(pending(inbox, -1).await.is_empty());
    let aside = found(inbox, &id).await;
    assert_eq!((aside.state, aside.failures_count), (WebhookState::Dead, 2));
    assert_eq!(aside.last_error.as_deref(), Some("still none"));
    inbox.failed(&id, "late", Some(UnixMillis(-20))).await.unwrap();
    assert_eq!(found(inbox, &id).await, aside);
}

async fn any_webhook_is_replayed(inbox: &dyn Inbox) {
    let id = received(inbox, webhook(-20)).await.id;
    for end in [true, false] {
        if end {
            inbox.done(&id).await.unwrap()
        } else {
            inbox.failed(&id, "no", None).await.unwrap()
        }
        assert!(pending(inbox, -1).await.is_empty());
        assert!(inbox.replay(&id, UnixMillis(-2)).await.unwrap());
        assert_eq!(pending(inbox, -2).await, [id.as_str()]);
        assert_eq!(found(inbox, &id).await.failures_count, 0);
    }
    inbox.done(&id).await.unwrap();
    assert!(!inbox.replay("evt_none", UnixMillis(0)).await.unwrap());
}

async fn webhooks_are_listed_in_pages_latest_first(inbox: &dyn Inbox) {
    let mut mine = Vec::new();
    for received_at in [90_000, 90_002, 90_002, 90_001] {
        mine.push(received(inbox, webhook(received_at)).await);
    }
    mine.sort_by_key(|webhook| std::cmp::Reverse((webhook.received_at, webhook.id.clone())));
    for state in [None, Some(WebhookState::Pending)] {
        let (mut listed, mut cursor) = (Vec::new(), None);
        while listed.len() < mine.len() {
            let page = inbox.list(state, cursor.as_deref(), 1).await.unwrap();
            listed.extend(page.rows);
            cursor = page.next_cursor;
        }
        assert_eq!(listed, mine);
    }
    assert!(matches!(inbox.list(None, Some("AAAA"), 1).await, Err(StoreError::BadCursor)));
}

async fn only_old_webhooks_that_were_acted_on_are_swept(inbox: &dyn Inbox) {
    let long_ago = -9_000_000;
    let old = received(inbox, webhook(long_ago)).await.id;
    let waiting = received(inbox, webhook(long_ago)).await.id;
    let fresh = received(inbox, webhook(long_ago + 1)).await.id;
    inbox.done(&old).await.unwrap();
    inbox.done(&fresh).await.unwrap();
    assert_eq!(inbox.sweep(UnixMillis(long_ago + 1), 9).await.unwrap(), 1);
    assert_eq!(inbox.sweep(UnixMillis(long_ago + 1), 9).await.unwrap(), 0);
    let page = inbox.list(None, None, 200).await.unwrap();
    assert!(page.rows.iter().all(|webhook| webhook.id != old));
    for id in [&waiting, &fresh] {
        found(inbox, id).await;
    }
    inbox.done(&waiting).await.unwrap();
}
