//! What can be asked of the sandbox's API, read from its form and carried out within one transaction.

use std::collections::BTreeMap;

use serde_json::Value;
use usher_engine::ids;
use usher_engine::payments::IntentStatus;

use super::answers;
use super::cards::Card;
use super::form::Form;
use super::refusal::Refusal;
use super::state::{Moved, SandboxIntent, SandboxRefund};
use super::store::Tables;

const CAPTURE_METHODS: [&str; 3] = ["automatic", "automatic_async", "manual"];
const AUTOMATIC_METHODS_ENABLED: &str = "automatic_payment_methods[enabled]";
const CANCELLATION_REASONS: [&str; 4] = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"];
const REFUND_REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];
/// Refunds of one list.
const LIST_ROWS_MAX: u32 = 100;

/// A request whose parameters make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Create(NewIntent),
    Retrieve { intent: String },
    Confirm { intent: String, card: Card, return_url: Option<String> },
    Authenticate { intent: String, approved: bool },
    Cancel { intent: String },
    Capture { intent: String, amount: Option<u64> },
    Refund { intent: String, amount: Option<u64>, metadata: BTreeMap<String, String>, reason: Option<String> },
    RetrieveRefund { refund: String },
    ListRefunds { intent: String, rows_max: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewIntent {
    amount: u64,
    currency: String,
    manual_capture: bool,
    automatic_methods: bool,
    metadata: BTreeMap<String, String>,
}

/// What an operation did.
pub(super) struct Done {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Webhooks to send: kind and object.
    pub(super) events: Vec<(&'static str, Value)>,
}

impl Operation {
    pub(super) fn create(form: &Form) -> Result<Self, Refusal> {
        form.expect_only(&[
            "amount",
            "currency",
            "capture_method",
            "automatic_payment_methods[]",
            "payment_method_types[]",
            "metadata[]",
            "description",
        ])?;
        let amount = form.amount("amount")?.ok_or_else(|| Refusal::missing_parameter("amount"))?;
        let currency = form.required("currency")?.to_owned();
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(Refusal::bad_parameter("currency", &format!("Invalid currency: {currency}")));
        }
        let manual_capture = form.one_of("capture_method", &CAPTURE_METHODS)? == Some("manual");
        let automatic_methods = form.one_of(AUTOMATIC_METHODS_ENABLED, &["true", "false"])?;
        if automatic_methods.is_none() && !form.nested("automatic_payment_methods").is_empty() {
            return Err(Refusal::missing_parameter(AUTOMATIC_METHODS_ENABLED));
        }
        let automatic_methods = automatic_methods == Some("true");
        let metadata = form.nested("metadata");
        Ok(Self::Create(NewIntent { amount, currency, manual_capture, automatic_methods, metadata }))
    }

    pub(super) fn confirm(intent: String, form: &Form) -> Result<Self, Refusal> {
        form.expect_only(&["payment_method", "payment_method_data[]", "return_url", "client_secret", "key"])?;
        let card = match (form.text("payment_method"), form.text("payment_method_data[card][number]")) {
            (Some(name), _) => Card::by_payment_method(name)
                .ok_or_else(|| Refusal::bad_parameter("payment_method", &format!("No such PaymentMethod: '{name}'")))?,
            (None, Some(number)) => Card::by_number(number).ok_or_else(|| {
                Refusal::bad_parameter("payment_method_data[card][number]", "This is none of the test cards.")
            })?,
            (None, None) => return Err(Refusal::missing_parameter("payment_method")),
        };
        Ok(Self::Confirm { intent, card, return_url: form.text("return_url").map(str::to_owned) })
    }

    pub(super) fn cancel(intent: String, form: &Form) -> Result<Self, Refusal> {
        form.expect_only(&["cancellation_reason"])?;
        form.one_of("cancellation_reason", &CANCELLATION_REASONS)?;
        Ok(Self::Cancel { intent })
    }

    pub(super) fn capture(intent: String, form: &Form) -> Result<Self, Refusal> {
        form.expect_only(&["amount_to_capture"])?;
        Ok(Self::Capture { intent, amount: form.amount("amount_to_capture")? })
    }

    pub(super) fn refund(form: &Form) -> Result<Self, Refusal> {
        form.expect_only(&["payment_intent", "amount", "metadata[]", "reason"])?;
        Ok(Self::Refund {
            intent: form.required("payment_intent")?.to_owned(),
            amount: form.amount("amount")?,
            metadata: form.nested("metadata"),
            reason: form.one_of("reason", &REFUND_REASONS)?.map(str::to_owned),
        })
    }

    pub(super) fn list_refunds(form: &Form) -> Result<Self, Refusal> {
        form.expect_only(&["payment_intent", "limit"])?;
        let rows_max = match form.amount("limit")? {
            None => 10,
            Some(rows) => u32::try_from(rows).ok().filter(|rows| *rows <= LIST_ROWS_MAX).ok_or_else(|| {
                Refusal::bad_parameter("limit", &format!("The limit must be between 1 and {LIST_ROWS_MAX}."))
            })?,
        };
        Ok(Self::ListRefunds { intent: form.required("payment_intent")?.to_owned(), rows_max })
    }

    /// Does it.
    pub(super) fn carry_out(self, tables: &Tables<'_>, now_s: i64) -> Result<Result<Done, Refusal>, rusqlite::Error> {
        match self {
            Self::Create(new) => create(tables, new, now_s).map(Ok),
            Self::Retrieve { intent } => with_intent(tables, &intent, |intent| Ok(shown(&intent))),
            Self::RetrieveRefund { refund } => Ok(match tables.refund(&refund)? {
                Some(refund) => Ok(plain(answers::refund(&refund))),
                None => Err(Refusal::missing("refund", &refund)),
            }),
            Self::ListRefunds { intent, rows_max } => {
                let refunds: Vec<Value> = tables.refunds(&intent, rows_max)?.iter().map(answers::refund).collect();
                Ok(Ok(plain(answers::list("/v1/refunds", &refunds, false))))
            }
            Self::Confirm { intent, card, return_url } => move_intent(tables, &intent, |mut intent| {
                intent.return_url = return_url;
                intent.confirm(card)
            }),
            Self::Authenticate { intent, approved } => {
                move_intent(tables, &intent, |intent| intent.authenticate(approved))
            }
            Self::Cancel { intent } => move_intent(tables, &intent, |intent| intent.cancel(now_s)),
            Self::Capture { intent, amount } => move_intent(tables, &intent, |intent| intent.capture(amount)),
            Self::Refund { intent, amount, metadata, reason } => {
                let Some(found) = tables.intent(&intent)? else {
                    return Ok(Err(Refusal::missing("payment_intent", &intent)));
                };
                let (changed, amount) = match found.refund(amount) {
                    Ok(refunded) => refunded,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let currency = changed.currency.clone();
                let id = format!("re_{:032x}", ids::fresh());
                let refund = SandboxRefund { id, intent, amount, currency, metadata, reason, created_s: now_s };
                tables.put_intent(&changed)?;
                tables.put_refund(&refund)?;
                let body = answers::refund(&refund);
                let events = vec![("refund.created", body.clone()), ("charge.refunded", body.clone())];
                Ok(Ok(Done { status: 200, body, events }))
            }
        }
    }
}

fn create(tables: &Tables<'_>, new: NewIntent, now_s: i64) -> Result<Done, rusqlite::Error> {
    let id = format!("pi_{:032x}", ids::fresh());
    let secret = u128::from_be_bytes(ids::secret().first_chunk().copied().unwrap_or_default());
    let intent = SandboxIntent {
        client_secret: format!("{id}_secret_{secret:032x}"),
        id,
        amount: new.amount,
        currency: new.currency,
        manual_capture: new.manual_capture,
        automatic_methods: new.automatic_methods,
        status: IntentStatus::RequiresPaymentMethod,
        capturable: 0,
        received: 0,
        refunded: 0,
        authorized: 0,
        metadata: new.metadata,
        card: None,
        last_error: None,
        return_url: None,
        created_s: now_s,
        canceled_s: None,
    };
    tables.put_intent(&intent)?;
    let body = answers::intent(&intent);
    Ok(Done { status: 200, events: vec![("payment_intent.created", body.clone())], body })
}

fn shown(intent: &SandboxIntent) -> Done {
    plain(answers::intent(intent))
}

fn plain(body: Value) -> Done {
    Done { status: 200, body, events: Vec::new() }
}

fn with_intent(
    tables: &Tables<'_>,
    id: &str,
    act: impl FnOnce(SandboxIntent) -> Result<Done, Refusal>,
) -> Result<Result<Done, Refusal>, rusqlite::Error> {
    Ok(tables.intent(id)?.ok_or_else(|| Refusal::missing("payment_intent", id)).and_then(act))
}

fn move_intent(
    tables: &Tables<'_>,
    id: &str,
    act: impl FnOnce(SandboxIntent) -> Result<Moved, Refusal>,
) -> Result<Result<Done, Refusal>, rusqlite::Error> {
    let Some(intent) = tables.intent(id)? else { return Ok(Err(Refusal::missing("payment_intent", id))) };
    let Moved { intent, events, refusal } = match act(intent) {
        Ok(moved) => moved,
        Err(refusal) => return Ok(Err(refusal)),
    };
    tables.put_intent(&intent)?;
    let object = answers::intent(&intent);
    let events = events.into_iter().map(|kind| (kind, object.clone())).collect();
    Ok(Ok(match refusal {
        None => Done { status: 200, body: object, events },
        Some(refusal) => {
            let body = serde_json::json!({ "error": refusal.object(Some(object)) });
            Done { status: refusal.status, body, events }
        }
    }))
}
