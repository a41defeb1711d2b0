//! The metrics of money, all on one page.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Steps of the payment process by `step` and `result` (`done`, `rejected`, `refused`, `failed`) (count).
pub(crate) const PAYMENT_STEPS: &str = "usher_payment_steps_total";
/// How long one run of an order's payment process took (seconds).
pub(crate) const PAYMENT_RUN_SECONDS: &str = "usher_payment_run_seconds";
/// Orders that wait for a run or for a later one (orders).
pub(crate) const PAYMENT_WAKES: &str = "usher_payment_wakes";
/// Wake-ups dropped because too many orders waited; the reconciler finds them (count).
pub(crate) const PAYMENT_WAKES_DROPPED: &str = "usher_payment_wakes_dropped_total";
/// Payments the reconciler asked about (count).
pub(crate) const RECONCILED: &str = "usher_payments_reconciled_total";
/// Payments about which the provider had told nothing and something was to be done, by `step` (count).
pub(crate) const PAYMENT_DRIFT: &str = "usher_payment_drift_total";
/// Webhooks by `result` (`new`, `repeated`, `unsigned`, `stale`, `unreadable`, `wrong_mode`, `unstored`) (count).
pub(crate) const WEBHOOKS: &str = "usher_webhooks_total";
/// Tries to act on a webhook by `result` (`done`, `of_no_concern`, `retry`, `dead`) (count).
pub(crate) const WEBHOOK_TRIES: &str = "usher_webhook_tries_total";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_counter!(PAYMENT_STEPS, Unit::Count, "Steps of the payment process by step and result");
    describe_histogram!(PAYMENT_RUN_SECONDS, Unit::Seconds, "How long one run of an order's payment process took");
    describe_gauge!(PAYMENT_WAKES, Unit::Count, "Orders that wait for a run of their payment process");
    describe_counter!(PAYMENT_WAKES_DROPPED, Unit::Count, "Wake-ups dropped because too many orders waited");
    describe_counter!(RECONCILED, Unit::Count, "Payments the reconciler asked the provider about");
    describe_counter!(PAYMENT_DRIFT, Unit::Count, "Payments that had moved on at the provider without a word, by step");
    describe_counter!(WEBHOOKS, Unit::Count, "Webhooks received, by result");
    describe_counter!(WEBHOOK_TRIES, Unit::Count, "Tries to act on a webhook, by result");
}
