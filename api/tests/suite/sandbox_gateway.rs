//! The real Stripe client against the sandbox: whole lives of intents, refusals, and answers that never come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use usher_core::{EventId, Minor, OrderId, RefundId};
use usher_engine::adapters::stripe::{GatewayConfig, GatewayConfigError, StripeGateway};
use usher_engine::payments::{Gateway as _, GatewayError, IntentStatus, ProviderRefundStatus};

use crate::sandbox_house::{House, SECRET_KEY, new_intent};

#[actix_rt::test]
async fn an_intent_is_made_authorized_captured_and_refunded() {
    let house = House::open().await;
    let gateway = house.gateway();
    let made = gateway.create_intent(new_intent(1), "k1").await.unwrap();
    assert_eq!(made.status, IntentStatus::RequiresPaymentMethod);
    assert_eq!((made.order, made.event), (Some(OrderId(1)), Some(EventId(7))));
    assert_eq!((made.amount_minor, made.currency.as_str(), made.livemode), (Minor(9_000), "EUR", false));
    assert_eq!(house.confirm(&made.id, &made.client_secret, "pm_card_visa").await.0, 200);
    let authorized = gateway.intent(&made.id).await.unwrap();
    assert_eq!((authorized.status, authorized.capturable_minor), (IntentStatus::RequiresCapture, Minor(9_000)));
    let captured = gateway.capture(&made.id, Minor(9_000), "k1:capture").await.unwrap();
    assert_eq!((captured.status, captured.received_minor), (IntentStatus::Succeeded, Minor(9_000)));
    let again = gateway.capture(&made.id, Minor(9_000), "k1:capture").await.unwrap();
    assert_eq!(again, captured, "the same key gets the same answer");
    let refund = gateway.refund(&made.id, Minor(4_000), Some(RefundId(5)), "k1:refund").await.unwrap();
    assert_eq!((refund.refund, refund.status), (Some(RefundId(5)), ProviderRefundStatus::Succeeded));
    assert_eq!(gateway.refund(&made.id, Minor(4_000), Some(RefundId(5)), "k1:refund").await.unwrap(), refund);
    assert_eq!(gateway.refunds(&made.id).await.unwrap(), [refund]);
    let too_much = gateway.refund(&made.id, Minor(5_001), None, "k2").await.unwrap_err();
    assert!(matches!(too_much, GatewayError::Refused { status: 400, .. }), "{too_much}");
}

#[actix_rt::test]
async fn the_same_key_finds_the_same_intent_and_another_amount_under_it_is_refused() {
    let house = House::open().await;
    let gateway = house.gateway();
    let (first, second) =
        tokio::join!(gateway.create_intent(new_intent(1), "k"), gateway.create_intent(new_intent(1), "k"));
    assert_eq!(first.unwrap(), second.unwrap());
    let other = usher_engine::payments::NewIntent { amount_minor: Minor(1), ..new_intent(1) };
    let refused = gateway.create_intent(other, "k").await.unwrap_err();
    assert!(matches!(&refused, GatewayError::Refused { code, .. } if code == "idempotency_error"), "{refused}");
}

#[actix_rt::test]
async fn an_open_or_authorized_intent_is_cancelled_and_a_final_one_is_not() {
    let house = House::open().await;
    let gateway = house.gateway();
    for method in [None, Some("pm_card_visa"), Some("pm_card_threeDSecure2Required")] {
        let made = gateway.create_intent(new_intent(1), &format!("k{method:?}")).await.unwrap();
        if let Some(method) = method {
            house.confirm(&made.id, &made.client_secret, method).await;
        }
        assert_eq!(gateway.cancel_intent(&made.id).await.unwrap().status, IntentStatus::Canceled);
        let again = gateway.cancel_intent(&made.id).await.unwrap_err();
        assert!(
            matches!(&again, GatewayError::Refused { code, .. } if code == "payment_intent_unexpected_state"),
            "{again}"
        );
    }
}

#[actix_rt::test]
async fn each_test_card_does_what_it_says() {
    let house = House::open().await;
    let gateway = house.gateway();
    let cases = [
        ("pm_card_visa", 200, IntentStatus::RequiresCapture),
        ("pm_card_slow", 200, IntentStatus::RequiresCapture),
        ("pm_card_visa_chargeDeclined", 402, IntentStatus::RequiresPaymentMethod),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", 402, IntentStatus::RequiresPaymentMethod),
        ("pm_card_threeDSecure2Required", 200, IntentStatus::RequiresAction),
        ("pm_card_captureFails", 200, IntentStatus::RequiresCapture),
    ];
    for (order, (method, http_status, status)) in (1..).zip(cases) {
        let made = gateway.create_intent(new_intent(order), &format!("k{order}")).await.unwrap();
        let (answered, _) = house.confirm(&made.id, &made.client_secret, method).await;
        assert_eq!(answered, http_status, "{method}");
        assert_eq!(gateway.intent(&made.id).await.unwrap().status, status, "{method}");
    }
}

#[actix_rt::test]
async fn a_capture_that_the_bank_refuses_is_a_last_word() {
    let house = House::open().await;
    let gateway = house.gateway();
    let made = gateway.create_intent(new_intent(1), "k").await.unwrap();
    house.confirm(&made.id, &made.client_secret, "pm_card_captureFails").await;
    let refused = gateway.capture(&made.id, Minor(9_000), "k:capture").await.unwrap_err();
    assert!(matches!(&refused, GatewayError::Refused { status: 402, code, .. } if code == "card_declined"));
    assert_eq!(gateway.cancel_intent(&made.id).await.unwrap().status, IntentStatus::Canceled);
}

#[actix_rt::test]
async fn what_does_not_exist_is_refused_and_a_wrong_key_too() {
    let house = House::open().await;
    let missing = house.gateway().intent("pi_none").await.unwrap_err();
    assert!(matches!(missing, GatewayError::Refused { status: 404, .. }));
    let config = GatewayConfig {
        base_url: format!("{}/sandbox", house.base),
        secret_key: "sk_test_other".to_owned(),
        call_deadline_ms: 1_000,
    };
    let stranger = StripeGateway::new(&config, tokio::runtime::Handle::current()).unwrap();
    let refused = stranger.intent("pi_none").await.unwrap_err();
    assert!(matches!(refused, GatewayError::Refused { status: 401, .. }));
}

#[test]
fn a_live_key_goes_nowhere_but_to_stripe() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let made = |base_url: &str, secret_key: &str| {
        let (base_url, secret_key) = (base_url.to_owned(), secret_key.to_owned());
        let config = GatewayConfig { base_url, secret_key, call_deadline_ms: 1_000 };
        StripeGateway::new(&config, runtime.handle().clone()).map(|gateway| gateway.livemode())
    };
    assert_eq!(made("https://api.stripe.com/", "sk_live_1"), Ok(true));
    assert_eq!(made("https://api.stripe.com", "rk_live_1"), Ok(true));
    assert_eq!(made("http://127.0.0.1:1/sandbox/", "sk_test_1"), Ok(false));
    for elsewhere in ["http://api.stripe.com/", "http://127.0.0.1:1/sandbox/", "https://api.stripe.com.evil.example/"] {
        let refused = made(elsewhere, "sk_live_1");
        assert!(matches!(refused, Err(GatewayConfigError::LiveKeyElsewhere(_))), "{elsewhere}");
    }
    assert!(matches!(made("ftp://x/", "sk_test_1"), Err(GatewayConfigError::BadUrl(_))));
    assert_eq!(made("http://x/", "pk_test_1"), Err(GatewayConfigError::BadKey));
    assert_eq!(made("http://x/", "sk_test_1\r\n"), Err(GatewayConfigError::BadKey));
}

/// What the stub in the middle does with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Never passes it on.
    Swallow,
    /// Closes instead.
    Cut,
}

/// A stub between client and sandbox: passes requests on and spoils the first `faults` answers. Counts connections.
async fn spoiled(house: &House, fault: Fault, faults: u32) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sandbox/", listener.local_addr().unwrap());
    let target = house.base.trim_start_matches("http://").to_owned();
    let (connections, left) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(faults)));
    let counted = Arc::clone(&connections);
    actix_rt::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            actix_rt::spawn(pass(client, target.clone(), fault, Arc::clone(&left)));
        }
    });
    (url, connections)
}

async fn pass(mut client: TcpStream, target: String, fault: Fault, left: Arc<AtomicU32>) {
    let mut server = TcpStream::connect(target).await.unwrap();
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            Ok(read_count) = client.read(&mut up) => {
                if read_count == 0 || server.write_all(&up[..read_count]).await.is_err() {
                    return;
                }
            }
            Ok(read_count) = server.read(&mut down) => {
                let spoil = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                match fault {
                    Fault::Swallow if spoil => {}
                    Fault::Cut if spoil => return,
                    Fault::Swallow | Fault::Cut => {
                        if read_count == 0 || client.write_all(&down[..read_count]).await.is_err() {
                            return;
                        }
                    }
                }
            }
            else => return,
        }
    }
}

fn impatient(base_url: String) -> StripeGateway {
    let config = GatewayConfig { base_url, secret_key: SECRET_KEY.to_owned(), call_deadline_ms: 300 };
    StripeGateway::new(&config, tokio::runtime::Handle::current()).unwrap()
}

#[actix_rt::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_key_and_makes_nothing_twice() {
    for fault in [Fault::Swallow, Fault::Cut] {
        let house = House::open().await;
        let (url, _) = spoiled(&house, fault, 2).await;
        let made = impatient(url).create_intent(new_intent(1), "k").await.unwrap();
        assert_eq!(house.gateway().create_intent(new_intent(1), "k").await.unwrap(), made);
        let ledger: serde_json::Value = house.get("/sandbox/ledger").await.json().await.unwrap();
        assert_eq!(ledger["data"].as_array().unwrap().len(), 1);
    }
}

#[actix_rt::test]
async fn an_outcome_that_stays_unknown_is_told_so_in_time_and_found_later() {
    let house = House::open().await;
    let (url, _) = spoiled(&house, Fault::Swallow, u32::MAX).await;
    let began = Instant::now();
    let unknown = impatient(url).create_intent(new_intent(1), "k").await.unwrap_err();
    assert!(matches!(unknown, GatewayError::Unknown(_)), "{unknown}");
    assert!(began.elapsed() >= Duration::from_millis(900), "three attempts were made");
    let ledger: serde_json::Value = house.get("/sandbox/ledger").await.json().await.unwrap();
    let made = house.gateway().create_intent(new_intent(1), "k").await.unwrap();
    assert_eq!(ledger["data"][0]["intent"], made.id.as_str(), "it had been made all the while");
}

#[actix_rt::test]
async fn nobody_listening_is_certainly_not_done() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = impatient(format!("http://127.0.0.1:{port}/")).create_intent(new_intent(1), "k").await.unwrap_err();
    assert!(matches!(error, GatewayError::NotDone(_)), "{error}");
}

#[actix_rt::test]
async fn calls_one_after_another_share_a_connection() {
    let house = House::open().await;
    let (url, connections) = spoiled(&house, Fault::Cut, 0).await;
    let gateway = impatient(url);
    let made = gateway.create_intent(new_intent(1), "k").await.unwrap();
    for _ in 0..5 {
        gateway.intent(&made.id).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
