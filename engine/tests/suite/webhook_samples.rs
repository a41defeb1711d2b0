//! Webhooks as Stripe has written them over the years, each with the version that the account was set to: the intake
//! takes all of them, and sees which intent each is about.
//!
//! The samples are written by hand after the published shapes: a request that is a mere id (before 2017-05-25), charges
//! within the intent (before 2022-11-15), refunds within a charge, and what came later. The names and amounts are ours.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;
use usher_core::UnixMillis;
use usher_engine::adapters::sqlite::Folder;
use usher_engine::clock::Clock;
use usher_engine::payments::webhook::{Envelope, WebhookSecret};
use usher_engine::payments::{Intake, IntakeError, IntakeSettings, WebhookState};

/// Version, type, object and intent of every sample.
const SAMPLES: [[&str; 4]; 6] = [
    [
        "2017-04-06",
        "payment_intent.amount_capturable_updated",
        "pi_1EUon12Tb35ankTnZyvC3SdE",
        "pi_1EUon12Tb35ankTnZyvC3SdE",
    ],
    ["2020-08-27", "payment_intent.succeeded", "pi_3JyGvE2eZvKYlo2C0cCIUbxB", "pi_3JyGvE2eZvKYlo2C0cCIUbxB"],
    ["2022-11-15", "charge.refunded", "ch_3MmlLr2eZvKYlo2C0aDyS8cW", "pi_3MmlLr2eZvKYlo2C0nTRsKyQ"],
    ["2024-06-20", "payment_intent.payment_failed", "pi_3PgafuB7WZ01zgkW1kqpTKQd", "pi_3PgafuB7WZ01zgkW1kqpTKQd"],
    ["2025-03-31.basil", "refund.created", "re_3R8ZpQB7WZ01zgkW0s3f1IvQ", "pi_3R8ZpQB7WZ01zgkW0uPbUzGr"],
    ["2026-08-26.dahlia", "payment_intent.canceled", "pi_3TzQkVB7WZ01zgkW1y0pVnXf", "pi_3TzQkVB7WZ01zgkW1y0pVnXf"],
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/webhooks")
}

#[tokio::test]
async fn webhooks_of_every_sampled_version_are_taken_once_and_name_their_intent() {
    let data = tempfile::tempdir().unwrap();
    let inbox = Folder::open(data.path()).unwrap().stores.inbox;
    let clock = Clock::manual(UnixMillis(1_800_000_000_000));
    let secret = WebhookSecret::new("whsec_samples".to_owned());
    let settings = IntakeSettings { secrets: vec![secret.clone()], livemode: false };
    let intake = Intake::new(settings, Arc::clone(&inbox), clock.clone(), Arc::new(Notify::new()));
    for [version, kind, object, intent] in SAMPLES {
        let body = std::fs::read(folder().join(format!("{version}_{kind}.json"))).unwrap();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((told["api_version"].as_str(), told["type"].as_str()), (Some(version), Some(kind)));
        let signature = secret.sign(&body, clock.now());
        assert!(intake.receive(&body, &signature).await.unwrap().new, "{version} {kind}");
        assert!(!intake.receive(&body, &signature).await.unwrap().new, "{version} {kind} was taken twice");
        let envelope = Envelope::parse(&body).unwrap();
        assert_eq!((envelope.object.as_deref(), envelope.intent.as_deref()), (Some(object), Some(intent)));
        let mut forged = body.clone();
        forged[body.len() / 2] ^= 1;
        assert!(
            matches!(intake.receive(&forged, &signature).await, Err(IntakeError::Signature(_))),
            "{version} {kind}"
        );
    }
    let kept = inbox.list(Some(WebhookState::Pending), None, 100).await.unwrap().rows;
    assert_eq!(kept.len(), SAMPLES.len());
}

#[test]
fn no_sample_is_left_out() {
    let files = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(files, SAMPLES.len());
}
