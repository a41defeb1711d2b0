//! The calls Usher makes, each with its idempotency key and the one retry loop.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use hyper::Uri;
use hyper::header::HeaderValue;
use stripe::{IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_client_core::CustomizableStripeRequest;
use stripe_core::payment_intent::{
    CancelPaymentIntent, CapturePaymentIntent, CreatePaymentIntent, CreatePaymentIntentAutomaticPaymentMethods,
    RetrievePaymentIntent,
};
use stripe_core::refund::{CreateRefund, ListRefund};
use stripe_shared::{PaymentIntent, PaymentIntentCaptureMethod};
use usher_core::{Minor, RefundId};

use super::error::{CallError, GatewayConfigError};
use super::translate::{self, EVENT_KEY, ORDER_KEY, REFUND_KEY};
use super::transport::Transport;
use crate::payments::{Gateway, GatewayError, Intent, NewIntent, ProviderRefund};

/// Attempts of one call, the first included.
const ATTEMPTS_MAX: u32 = 3;
/// The pause before the second attempt; it doubles, and half of it is random so that a herd spreads out.
const BACKOFF_MS: u64 = 150;
/// Refunds of one intent that are looked at. An order has at most as many refunds as lines.
const REFUNDS_MAX: i64 = 100;
/// Where live keys may go.
const LIVE_BASE_URL: &str = "https://api.stripe.com/";

/// How to reach the provider.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Scheme, host and path in front of `v1/…`, such as `https://api.stripe.com/`.
    pub base_url: String,
    /// `sk_test_…`, `sk_live_…` or a restricted key.
    pub secret_key: String,
    /// How long one attempt may take. Three of them and the pauses end within 10 s at the default.
    pub call_deadline_ms: u64,
}

impl GatewayConfig {
    /// Three attempts fit into ten seconds, after which a buyer should have been told something.
    pub const CALL_DEADLINE_MS_DEFAULT: u64 = 3_000;
}

impl std::fmt::Debug for GatewayConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayConfig").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// The way to the payment provider; cheap to clone.
#[derive(Clone)]
pub struct StripeGateway {
    transport: Transport,
    runtime: tokio::runtime::Handle,
    livemode: bool,
}

impl StripeGateway {
    /// A gateway whose connections live on `runtime`.
    ///
    /// # Errors
    /// The settings make no sense, or would send a live key anywhere but to Stripe.
    pub fn new(config: &GatewayConfig, runtime: tokio::runtime::Handle) -> Result<Self, GatewayConfigError> {
        let key = &config.secret_key;
        let is_secret = key.starts_with("sk_") || key.starts_with("rk_");
        if !is_secret || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(GatewayConfigError::BadKey);
        }
        let bad_url = || GatewayConfigError::BadUrl(config.base_url.clone());
        let base_url = format!("{}/", config.base_url.trim_end_matches('/'));
        let uri: Uri = base_url.parse().map_err(|_| bad_url())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() || uri.query().is_some() {
            return Err(bad_url());
        }
        let livemode = key.starts_with("sk_live_") || key.starts_with("rk_live_");
        if livemode && base_url != LIVE_BASE_URL {
            return Err(GatewayConfigError::LiveKeyElsewhere(base_url));
        }
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| GatewayConfigError::BadKey)?;
        authorization.set_sensitive(true);
        Ok(Self { transport: Transport::new(base_url, authorization, config.call_deadline_ms), runtime, livemode })
    }

    async fn intent_call(&self, running: Running<PaymentIntent>) -> Result<Intent, GatewayError> {
        let answer = finish(running).await?;
        translate::intent(&answer)
    }

    /// Starts a call on the connections' runtime, where it runs to its end whatever becomes of the caller. The request
    /// moves there at once: some are kilobytes, too large to carry through every future above.
    fn start<R>(&self, request: R, key: Option<&str>) -> Running<R::Output>
    where
        R: StripeRequest + Send + Sync + 'static,
        R::Output: miniserde::Deserialize + Send + 'static,
    {
        let key = key.map(IdempotencyKey::new).transpose().map_err(|error| GatewayError::NotDone(error.to_string()))?;
        let transport = self.transport.clone();
        let request = Box::new(request);
        Ok(self.runtime.spawn(async move { attempts(&transport, &*request, key).await.map(Box::new) }))
    }
}

#[async_trait]
impl Gateway for StripeGateway {
    fn livemode(&self) -> bool {
        self.livemode
    }

    async fn create_intent(&self, new: NewIntent, key: &str) -> Result<Intent, GatewayError> {
        let Ok(currency) = new.currency.as_str().to_ascii_lowercase().parse::<stripe_types::Currency>();
        let request = CreatePaymentIntent::new(signed(new.amount_minor)?, currency)
            .capture_method(PaymentIntentCaptureMethod::Manual)
            .automatic_payment_methods(CreatePaymentIntentAutomaticPaymentMethods::new(true))
            .metadata(HashMap::from([
                (ORDER_KEY.to_owned(), new.order.to_string()),
                (EVENT_KEY.to_owned(), new.event.to_string()),
            ]));
        self.intent_call(self.start(request, Some(key))).await
    }

    async fn intent(&self, intent: &str) -> Result<Intent, GatewayError> {
        self.intent_call(self.start(RetrievePaymentIntent::new(intent), None)).await
    }

    /// It carries no key: a key would replay an early refusal for a day, and the intent's own state makes a repeat
    /// harmless.
    async fn cancel_intent(&self, intent: &str) -> Result<Intent, GatewayError> {
        self.intent_call(self.start(CancelPaymentIntent::new(intent), None)).await
    }

    async fn capture(&self, intent: &str, amount_minor: Minor, key: &str) -> Result<Intent, GatewayError> {
        let request = CapturePaymentIntent::new(intent).amount_to_capture(signed(amount_minor)?);
        self.intent_call(self.start(request, Some(key))).await
    }

    async fn refund(
        &self,
        intent: &str,
        amount_minor: Minor,
        refund: Option<RefundId>,
        key: &str,
    ) -> Result<ProviderRefund, GatewayError> {
        let mut request = CreateRefund::new().payment_intent(intent).amount(signed(amount_minor)?);
        if let Some(refund) = refund {
            request = request.metadata(HashMap::from([(REFUND_KEY.to_owned(), refund.to_string())]));
        }
        let answer = finish(self.start(request, Some(key))).await?;
        translate::refund(&answer)
    }

    async fn refunds(&self, intent: &str) -> Result<Vec<ProviderRefund>, GatewayError> {
        let answer = finish(self.start(ListRefund::new().payment_intent(intent).limit(REFUNDS_MAX), None)).await?;
        answer.data.iter().map(translate::refund).collect()
    }
}

/// A call under way.
type Running<T> = Result<tokio::task::JoinHandle<Result<Box<T>, GatewayError>>, GatewayError>;

async fn finish<T>(running: Running<T>) -> Result<Box<T>, GatewayError> {
    running?.await.map_err(|error| GatewayError::Unknown(format!("the call was cut off: {error}")))?
}

/// The one retry loop: the same request under the same key, until a good answer or a last word.
async fn attempts<R>(transport: &Transport, request: &R, key: Option<IdempotencyKey>) -> Result<R::Output, GatewayError>
where
    R: StripeRequest + Sync,
    R::Output: miniserde::Deserialize + Send,
{
    let mut maybe_done = None;
    let mut attempt = 1;
    loop {
        let verdict = match send(transport, request.customize(), key.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error.verdict(),
        };
        if let GatewayError::Unknown(_) = &verdict.error {
            maybe_done = Some(verdict.error.clone());
        }
        if let GatewayError::Refused { .. } = &verdict.error {
            return Err(verdict.error);
        }
        if !verdict.retry || attempt == ATTEMPTS_MAX {
            // A later "not done" says nothing about an earlier attempt that may have been.
            return Err(maybe_done.unwrap_or(verdict.error));
        }
        tokio::time::sleep(pause(attempt)).await;
        attempt += 1;
    }
}

async fn send<T>(
    transport: &Transport,
    call: CustomizableStripeRequest<T>,
    key: Option<IdempotencyKey>,
) -> Result<T, CallError>
where
    T: miniserde::Deserialize + Send,
{
    let strategy = key.map_or(RequestStrategy::Once, RequestStrategy::Idempotent);
    call.request_strategy(strategy).send(transport).await
}

fn pause(attempt: u32) -> Duration {
    let half_ms = BACKOFF_MS << (attempt - 1) >> 1;
    let [random, ..] = crate::ids::secret();
    Duration::from_millis(half_ms + half_ms * u64::from(random) / 255)
}

fn signed(amount: Minor) -> Result<i64, GatewayError> {
    i64::try_from(amount.0).map_err(|_| GatewayError::NotDone(format!("amount {} is out of range", amount.0)))
}
