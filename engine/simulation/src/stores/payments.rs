//! The payments.

use async_trait::async_trait;
use usher_core::{OrderId, UnixMillis};
use usher_engine::payments::{PaymentRecord, Payments};
use usher_engine::store::StoreError;

use super::Stores;
use crate::faults::Op;

#[async_trait]
impl Payments for Stores {
    async fn put_payment(&self, payment: PaymentRecord) -> Result<(), StoreError> {
        self.write(Op::PutPayment, |tables| {
            tables.payments.entry(payment.order).or_insert(payment);
            Ok(())
        })
        .await
    }

    async fn payment(&self, order: OrderId) -> Result<Option<PaymentRecord>, StoreError> {
        self.read(Op::ReadPayments, |tables| tables.payments.get(&order).cloned()).await
    }

    async fn payment_by_intent(&self, intent: &str) -> Result<Option<PaymentRecord>, StoreError> {
        self.read(Op::ReadPayments, |tables| tables.payments.values().find(|payment| payment.intent == intent).cloned())
            .await
    }

    async fn checked(&self, order: OrderId, at: UnixMillis, settled: bool) -> Result<(), StoreError> {
        self.write(Op::CheckPayment, |tables| {
            if let Some(payment) = tables.payments.get_mut(&order) {
                payment.checked_at = payment.checked_at.max(at);
                payment.settled |= settled;
            }
            Ok(())
        })
        .await
    }

    async fn reopen(&self, order: OrderId) -> Result<(), StoreError> {
        self.write(Op::ReopenPayment, |tables| {
            if let Some(payment) = tables.payments.get_mut(&order) {
                payment.settled = false;
            }
            Ok(())
        })
        .await
    }

    async fn unsettled(&self, before: UnixMillis, rows_max: u32) -> Result<Vec<PaymentRecord>, StoreError> {
        self.read(Op::ReadPayments, |tables| {
            let silent = tables.payments.values().filter(|payment| !payment.settled && payment.checked_at < before);
            let mut silent: Vec<PaymentRecord> = silent.cloned().collect();
            silent.sort_by_key(|payment| (payment.checked_at, payment.order));
            silent.truncate(usize::try_from(rows_max).unwrap_or(usize::MAX));
            silent
        })
        .await
    }
}
