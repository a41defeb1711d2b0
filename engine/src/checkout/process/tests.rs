//! Every line of the table of money.

use usher_core::{BuyerId, Currency, EventId, HoldId};

use super::*;

const NOW: UnixMillis = UnixMillis(1_000_000);
const TOTAL: Minor = Minor(9_000);

fn order(state: OrderState) -> OrderView {
    OrderView {
        order: OrderId(1),
        buyer: BuyerId(2),
        hold: HoldId(3),
        state,
        cancel_reason: None,
        lapsed: false,
        lines: Vec::new(),
        refunded_lines: Vec::new(),
        total_minor: TOTAL,
        expires_at: NOW.plus_ms(1),
    }
}

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

fn payment() -> PaymentRecord {
    PaymentRecord {
        order: OrderId(1),
        event: EventId(9),
        intent: "pi_1".into(),
        client_secret: "pi_1_secret_x".into(),
        amount_minor: TOTAL,
        currency: eur(),
        settled: false,
        created_at: NOW,
        checked_at: NOW,
    }
}

fn provider(status: IntentStatus) -> Provider {
    let intent = Intent {
        id: "pi_1".into(),
        client_secret: "pi_1_secret_x".into(),
        status,
        amount_minor: TOTAL,
        capturable_minor: if status == IntentStatus::RequiresCapture { TOTAL } else { Minor(0) },
        received_minor: if status == IntentStatus::Succeeded { TOTAL } else { Minor(0) },
        currency: eur(),
        livemode: false,
        order: Some(OrderId(1)),
        event: Some(EventId(9)),
    };
    Provider { intent, refunds: None }
}

fn refund_record(paid: bool, amount_minor: Minor) -> RefundRecord {
    RefundRecord { refund: RefundId(7), lines: vec![0], amount_minor, paid }
}

fn at_provider(status: ProviderRefundStatus) -> ProviderRefund {
    ProviderRefund { id: "re_1".into(), refund: Some(RefundId(7)), amount_minor: TOTAL, status }
}

/// The step in a situation that `change` makes of a plain one.
fn step(order: &OrderView, provider: Option<&Provider>, change: impl FnOnce(&mut Situation<'_>)) -> Step {
    let payment = payment();
    let mut situation = plain(order, &payment, provider);
    change(&mut situation);
    next(&situation)
}

/// The step when the views know these refunds.
fn refund_step(order: &OrderView, provider: Option<&Provider>, refunds: &[RefundRecord]) -> Step {
    let payment = payment();
    next(&Situation { refunds, ..plain(order, &payment, provider) })
}

fn plain<'a>(order: &'a OrderView, payment: &'a PaymentRecord, provider: Option<&'a Provider>) -> Situation<'a> {
    Situation {
        order,
        event_cancelled: false,
        refunds: &[],
        payment: Some(payment),
        provider,
        capture_refused: false,
        now: NOW,
    }
}

const ALL: [IntentStatus; 7] = [
    IntentStatus::RequiresPaymentMethod,
    IntentStatus::RequiresConfirmation,
    IntentStatus::RequiresAction,
    IntentStatus::Processing,
    IntentStatus::RequiresCapture,
    IntentStatus::Canceled,
    IntentStatus::Succeeded,
];

/// The whole table: order state, lapsed, event called off, then the step for each of [`ALL`] in order.
#[test]
fn every_state_of_an_order_and_of_its_intent_has_its_step() {
    use Step::{AskProvider, CancelIntent, ListRefunds, RecordCaptureFailure, Settled, Wait};
    let soon = || Step::LookAgainAt(NOW.plus_ms(PROCESSING_LOOK_MS));
    let confirm = || Step::Confirm { authorized_minor: TOTAL };
    let cancel = |reason| Step::CancelOrder { reason };
    let capture = || Step::Capture { amount_minor: TOTAL };
    let record = || Step::RecordCapture { captured_minor: TOTAL };
    let call_off = || Step::BeginRefund { refund: call_off_refund(OrderId(1)) };
    let (lapsed, off) = (|| cancel(CancelReason::Lapsed), || cancel(CancelReason::EventCancelled));
    let cancelled = || [CancelIntent, CancelIntent, CancelIntent, soon(), CancelIntent, Settled, ListRefunds];
    let table = [
        (OrderState::AwaitingPayment, false, false, [Wait, Wait, Wait, soon(), confirm(), lapsed(), confirm()]),
        (
            OrderState::AwaitingPayment,
            true,
            false,
            [CancelIntent, CancelIntent, CancelIntent, soon(), confirm(), lapsed(), confirm()],
        ),
        (
            OrderState::AwaitingPayment,
            true,
            true,
            [CancelIntent, CancelIntent, CancelIntent, soon(), CancelIntent, off(), off()],
        ),
        (
            OrderState::Confirmed,
            false,
            false,
            [CancelIntent, CancelIntent, CancelIntent, soon(), capture(), RecordCaptureFailure, record()],
        ),
        (
            OrderState::Confirmed,
            false,
            true,
            [CancelIntent, CancelIntent, CancelIntent, soon(), CancelIntent, RecordCaptureFailure, record()],
        ),
        (OrderState::Paid, false, false, [Settled, Settled, Settled, Settled, Settled, Settled, Settled]),
        (
            OrderState::Paid,
            false,
            true,
            [call_off(), call_off(), call_off(), call_off(), call_off(), call_off(), call_off()],
        ),
        (OrderState::Refunded, false, true, [Settled, Settled, Settled, Settled, Settled, Settled, Settled]),
        (OrderState::Cancelled, false, false, cancelled()),
        (OrderState::Cancelled, true, true, cancelled()),
    ];
    for (state, lapsed, event_cancelled, expected) in table {
        let order = OrderView { lapsed, ..order(state) };
        for (status, expected) in ALL.into_iter().zip(expected) {
            let found = step(&order, Some(&provider(status)), |s| s.event_cancelled = event_cancelled);
            assert_eq!(found, expected, "{state:?} lapsed={lapsed} event_cancelled={event_cancelled} {status:?}");
        }
        let unasked = step(&order, None, |s| s.event_cancelled = event_cancelled);
        let needs_no_provider = matches!(state, OrderState::Paid | OrderState::Refunded);
        assert_eq!(unasked == AskProvider, !needs_no_provider, "{state:?}");
    }
}

#[test]
fn an_order_without_an_intent_gets_one_unless_it_is_called_off() {
    let plain = order(OrderState::AwaitingPayment);
    assert_eq!(step(&plain, None, |s| s.payment = None), Step::CreateIntent);
    let lapsed = OrderView { lapsed: true, ..plain.clone() };
    let cancel = |reason| Step::CancelOrder { reason };
    assert_eq!(step(&lapsed, None, |s| s.payment = None), cancel(CancelReason::Lapsed));
    let off = step(&plain, None, |s| (s.payment, s.event_cancelled) = (None, true));
    assert_eq!(off, cancel(CancelReason::EventCancelled));
    for state in [OrderState::Paid, OrderState::Refunded, OrderState::Cancelled] {
        assert_eq!(step(&order(state), None, |s| s.payment = None), Step::Settled, "{state:?}");
    }
    assert_eq!(step(&order(OrderState::Confirmed), None, |s| s.payment = None), Step::Wait);
}

#[test]
fn a_refused_capture_gives_the_authorization_up_before_the_sale_is_reversed() {
    let order = order(OrderState::Confirmed);
    let refused = |status| step(&order, Some(&provider(status)), |s| s.capture_refused = true);
    assert_eq!(refused(IntentStatus::RequiresCapture), Step::CancelIntent);
    assert_eq!(refused(IntentStatus::Canceled), Step::RecordCaptureFailure);
    assert_eq!(refused(IntentStatus::Succeeded), Step::RecordCapture { captured_minor: TOTAL });
}

#[test]
fn an_intent_of_another_amount_or_currency_confirms_nothing() {
    let awaiting = order(OrderState::AwaitingPayment);
    let changes: [fn(&mut Intent); 3] = [
        |intent| intent.amount_minor = Minor(1),
        |intent| intent.currency = "JPY".parse().unwrap(),
        |intent| intent.id = "pi_other".into(),
    ];
    for change in changes {
        let mut foreign = provider(IntentStatus::RequiresCapture);
        change(&mut foreign.intent);
        assert_eq!(step(&awaiting, Some(&foreign), |_| {}), Step::CancelIntent);
        foreign.intent.status = IntentStatus::Canceled;
        let cancelled = step(&awaiting, Some(&foreign), |_| {});
        assert_eq!(cancelled, Step::CancelOrder { reason: CancelReason::AmountMismatch });
    }
}

#[test]
fn a_refund_is_paid_once_and_recorded_when_the_provider_has_paid_it() {
    let order = OrderView { refunded_lines: vec![0], ..order(OrderState::Refunded) };
    let due = [refund_record(false, TOTAL)];
    let with = |listed: Option<Vec<ProviderRefund>>| {
        let provider = Provider { refunds: listed, ..provider(IntentStatus::Succeeded) };
        refund_step(&order, Some(&provider), &due)
    };
    let pay = |key: &str| Step::PayRefund { refund: RefundId(7), amount_minor: TOTAL, key: key.into() };
    let id = RefundId(7).to_string();
    assert_eq!(refund_step(&order, None, &due), Step::AskProvider);
    assert_eq!(with(None), Step::ListRefunds);
    assert_eq!(with(Some(vec![])), pay(&id));
    assert_eq!(
        with(Some(vec![ProviderRefund { refund: None, ..at_provider(ProviderRefundStatus::Succeeded) }])),
        pay(&id)
    );
    let later = Step::LookAgainAt(NOW.plus_ms(REFUND_LOOK_MS));
    assert_eq!(with(Some(vec![at_provider(ProviderRefundStatus::Pending)])), later);
    let succeeded = at_provider(ProviderRefundStatus::Succeeded);
    let failed = at_provider(ProviderRefundStatus::Failed);
    assert_eq!(with(Some(vec![succeeded.clone()])), Step::RecordRefundPaid { refund: RefundId(7) });
    assert_eq!(with(Some(vec![failed.clone()])), pay(&format!("{id}:2")));
    assert_eq!(with(Some(vec![failed.clone(), succeeded])), Step::RecordRefundPaid { refund: RefundId(7) });
    assert_eq!(with(Some(vec![failed; REFUND_TRIES_MAX])), Step::Wait);
}

#[test]
fn refunds_of_nothing_need_no_provider_and_paid_ones_nothing_more() {
    let order = OrderView { refunded_lines: vec![0], ..order(OrderState::Refunded) };
    let free = [refund_record(false, Minor(0))];
    assert_eq!(refund_step(&order, None, &free), Step::RecordRefundPaid { refund: RefundId(7) });
    let paid = [refund_record(true, TOTAL)];
    assert_eq!(refund_step(&order, None, &paid), Step::Settled);
    assert_eq!(step(&order, None, |_| {}), Step::Wait, "the views do not know the refund yet");
}

#[test]
fn money_taken_for_an_order_that_came_to_nothing_goes_back_whole() {
    let order = order(OrderState::Cancelled);
    let with = |listed| {
        let provider = Provider { refunds: Some(listed), ..provider(IntentStatus::Succeeded) };
        step(&order, Some(&provider), |_| {})
    };
    let refund = |status, amount_minor| ProviderRefund { refund: None, amount_minor, ..at_provider(status) };
    let back = |left: u64, key: &str| {
        let key = format!("{}:return:{left}{key}", OrderId(1));
        Step::ReturnCharge { amount_minor: Minor(left), key }
    };
    assert_eq!(with(vec![]), back(9_000, ""));
    let part = refund(ProviderRefundStatus::Succeeded, Minor(4_000));
    assert_eq!(with(vec![part.clone()]), back(5_000, ""));
    let void = refund(ProviderRefundStatus::Failed, TOTAL);
    assert_eq!(with(vec![void.clone()]), back(9_000, ":2"), "the first key would only tell of the failure again");
    assert_eq!(with(vec![void; REFUND_TRIES_MAX]), Step::Wait);
    let pending = refund(ProviderRefundStatus::Pending, Minor(5_000));
    let later = Step::LookAgainAt(NOW.plus_ms(REFUND_LOOK_MS));
    assert_eq!(with(vec![part.clone(), pending]), later, "it may still fail");
    assert_eq!(with(vec![part, refund(ProviderRefundStatus::Succeeded, Minor(5_000))]), Step::Settled);
}
