//! From Stripe's objects to our picture of them. What does not fit is an unknown outcome, never a guess.

use std::collections::HashMap;
use std::str::FromStr;

use stripe_shared::{PaymentIntent, Refund};
use usher_core::{Currency, Minor};

use crate::payments::{GatewayError, Intent, IntentStatus, ProviderRefund, ProviderRefundStatus};

/// Metadata keys that tie an intent or a refund to what it is for.
pub(super) const ORDER_KEY: &str = "order";
pub(super) const EVENT_KEY: &str = "event";
pub(super) const REFUND_KEY: &str = "refund";

pub(super) fn intent(from: &PaymentIntent) -> Result<Intent, GatewayError> {
    let status = match from.status.as_str() {
        "canceled" => IntentStatus::Canceled,
        "processing" => IntentStatus::Processing,
        "requires_action" => IntentStatus::RequiresAction,
        "requires_capture" => IntentStatus::RequiresCapture,
        "requires_confirmation" => IntentStatus::RequiresConfirmation,
        "requires_payment_method" => IntentStatus::RequiresPaymentMethod,
        "succeeded" => IntentStatus::Succeeded,
        other => return Err(strange("intent status", other)),
    };
    Ok(Intent {
        id: from.id.as_str().to_owned(),
        client_secret: from.client_secret.clone().unwrap_or_default(),
        status,
        amount_minor: minor(from.amount)?,
        capturable_minor: minor(from.amount_capturable)?,
        received_minor: minor(from.amount_received)?,
        currency: currency(&from.currency)?,
        livemode: from.livemode,
        order: named(&from.metadata, ORDER_KEY),
        event: named(&from.metadata, EVENT_KEY),
    })
}

pub(super) fn refund(from: &Refund) -> Result<ProviderRefund, GatewayError> {
    let status = match from.status.as_deref() {
        Some("pending") | None => ProviderRefundStatus::Pending,
        Some("requires_action") => ProviderRefundStatus::RequiresAction,
        Some("succeeded") => ProviderRefundStatus::Succeeded,
        Some("failed") => ProviderRefundStatus::Failed,
        Some("canceled") => ProviderRefundStatus::Canceled,
        Some(other) => return Err(strange("refund status", other)),
    };
    Ok(ProviderRefund {
        id: from.id.as_str().to_owned(),
        refund: from.metadata.as_ref().and_then(|metadata| named(metadata, REFUND_KEY)),
        amount_minor: minor(from.amount)?,
        status,
    })
}

fn named<T: FromStr>(metadata: &HashMap<String, String>, key: &str) -> Option<T> {
    metadata.get(key)?.parse().ok()
}

fn minor(amount: i64) -> Result<Minor, GatewayError> {
    u64::try_from(amount).map(Minor).map_err(|_| strange("amount", &amount.to_string()))
}

fn currency(from: &stripe_types::Currency) -> Result<Currency, GatewayError> {
    let code = from.to_string().to_ascii_uppercase();
    code.parse().map_err(|_| strange("currency", &code))
}

fn strange(what: &str, value: &str) -> GatewayError {
    GatewayError::Unknown(format!("the provider answered with an unknown {what}: {value}"))
}
