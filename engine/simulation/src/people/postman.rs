//! The network between provider and house: webhooks come after a moment, late, twice, in another order, or never.
//! The provider signs each attempt anew and tries again for three days.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use usher_engine::payments::webhook::WebhookSecret;

use crate::dice::Dice;
use crate::executor::WORLD;
use crate::faults::Hit;
use crate::house::SECRET;
use crate::lock;
use crate::script::Fate;
use crate::stripe::Webhook;
use crate::world::Outside;

/// The provider's pauses between attempts.
const PAUSES_S: [u64; 8] = [60, 300, 1_800, 7_200, 18_000, 36_000, 43_200, 86_400];

/// What becomes of the next webhooks; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Fates(Arc<Mutex<VecDeque<Fate>>>);

impl Fates {
    pub(crate) fn arm(&self, fate: Fate) {
        lock(&self.0).push_back(fate);
    }

    pub(crate) fn calm(&self) {
        lock(&self.0).clear();
    }
}

/// Delivers what the provider posts.
pub(crate) async fn deliver(outside: Outside, fates: Fates) {
    loop {
        while let Some(webhook) = outside.stripe.next_webhook() {
            let mut dice = outside.sim.dice();
            let moment_us = |dice: &mut Dice| dice.weigh(&[(8, 1_u64), (1, 30)]) * dice.between(5_000, 2_000_000);
            let fate = lock(&fates.0).pop_front();
            let (times, wait_us) = match fate {
                None => (1, moment_us(&mut dice)),
                Some(Fate::Repeated { times }) => {
                    outside.faults.count(Hit::Other("webhook: repeated"));
                    (times, moment_us(&mut dice))
                }
                Some(Fate::Late { by_ms }) => {
                    let hours = by_ms / 3_600_000;
                    outside.faults.count(Hit::Other(if hours < 24 { "webhook: late" } else { "webhook: days late" }));
                    (1, by_ms * 1_000)
                }
                Some(Fate::Lost) => {
                    outside.faults.count(Hit::Other("webhook: lost"));
                    (0, 0)
                }
            };
            for _ in 0..times {
                let wait_us = wait_us + dice.below(2_000_000);
                outside.sim.spawn(WORLD, 0xe7e, attempts(outside.clone(), webhook.clone(), wait_us));
            }
        }
        outside.stripe.posted.notified().await;
    }
}

async fn attempts(outside: Outside, webhook: Webhook, wait_us: u64) {
    let mut dice = outside.sim.dice();
    outside.sim.sleep_us(wait_us).await;
    for pause_s in PAUSES_S {
        let signature = WebhookSecret::new(SECRET.to_owned()).sign(webhook.body.as_bytes(), outside.sim.now());
        if let Some(house) = outside.pick(&mut dice) {
            let taken = house.request(0x3eb, house.clone().webhook(webhook.body.clone(), signature)).await;
            outside.sim.trace(|| format!("webhook {} {} of {}: {taken:?}", webhook.id, webhook.kind, webhook.order));
            if taken.is_ok() {
                return;
            }
            outside.faults.count(Hit::Other("webhook: not taken"));
        }
        outside.sim.sleep_us(pause_s * 1_000_000).await;
    }
}
