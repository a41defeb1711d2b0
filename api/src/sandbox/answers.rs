//! The sandbox's objects as Stripe writes them: all fields that async-stripe's types insist on, and few more.

use serde_json::{Value, json};
use usher_engine::payments::IntentStatus;

use super::state::{SandboxIntent, SandboxRefund, status_name};

/// The API version that webhooks carry.
const API_VERSION: &str = "2026-09-30.endive";

pub(super) fn intent(intent: &SandboxIntent) -> Value {
    let methods = intent.automatic_methods.then(|| json!({ "enabled": true, "allow_redirects": "always" }));
    let next_action = (intent.status == IntentStatus::RequiresAction).then(|| {
        let url = format!("/sandbox/pay/{}/authenticate?client_secret={}", intent.id, intent.client_secret);
        json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "url": url, "return_url": intent.return_url },
        })
    });
    json!({
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": intent.capturable,
        "amount_received": intent.received,
        "automatic_payment_methods": methods,
        "canceled_at": intent.canceled_s,
        "cancellation_reason": null,
        "capture_method": if intent.manual_capture { "manual" } else { "automatic_async" },
        "client_secret": intent.client_secret,
        "confirmation_method": "automatic",
        "created": intent.created_s,
        "currency": intent.currency,
        "description": null,
        "last_payment_error": intent.last_error.as_ref().map(|error| error.object(None)),
        "latest_charge": null,
        "livemode": false,
        "metadata": intent.metadata,
        "next_action": next_action,
        "payment_method": intent.card.map(super::cards::Card::payment_method),
        "payment_method_types": ["card"],
        "receipt_email": null,
        "status": status_name(intent.status),
    })
}

pub(super) fn refund(refund: &SandboxRefund) -> Value {
    json!({
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": null,
        "created": refund.created_s,
        "currency": refund.currency,
        "metadata": refund.metadata,
        "payment_intent": refund.intent,
        "reason": refund.reason,
        "status": "succeeded",
    })
}

pub(super) fn list(url: &str, data: &[Value], has_more: bool) -> Value {
    json!({ "object": "list", "url": url, "has_more": has_more, "data": data })
}

pub(super) fn event(id: &str, kind: &str, object: &Value, created_s: i64) -> Value {
    json!({
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created_s,
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    })
}
