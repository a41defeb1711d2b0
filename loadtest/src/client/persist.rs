//! Repeating a request until it is answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;

use super::{Answer, Api, Proof, Request};

/// How often a refused request is repeated.
const REFUSALS_MAX: u32 = 5;
/// How often a request is repeated whose connection broke, while no restart is expected.
const BROKEN_MAX: u32 = 1;
/// The longest `Retry-After` that is honoured in full.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
/// After a refusal that does not say when.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_millis(500);
/// Between tries to reach a server that is gone.
const RECONNECT_EVERY: Duration = Duration::from_millis(200);
/// The code of a refusal by a server that is about to stop.
const DRAINING: &str = "draining";
/// Codes of refusals that promise that nothing was done.
const NOTHING_DONE: [&str; 5] = ["busy", DRAINING, "not_applied", "rate_limited", "storage_full"];

/// How much a client bears.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a server may be gone; zero when it is not expected to go.
    pub gone_max: Duration,
}

/// What came of a request.
#[derive(Debug)]
pub struct Tried<'a> {
    /// The server that was asked last: who comes again asks it first.
    pub base: &'a str,
    /// The last answer that was no refusal.
    pub answer: Option<Answer>,
    /// Without an answer: it may have been done all the same.
    pub maybe_done: bool,
    /// Refusals on the way, by code.
    pub refusals: BTreeMap<String, u64>,
    /// How long each refusal took to come.
    pub refusals_took: Vec<Duration>,
    /// Connections that broke.
    pub broken: Vec<String>,
}

/// Sends a request until it is answered, or patience is at its end. Where a server does not answer, or says that it is
/// stopping, the next one is asked.
pub async fn persist<'a>(
    api: &'a Api,
    base: &'a str,
    proof: &Proof,
    request: &Request,
    patience: Patience,
    chance: &mut StdRng,
) -> Tried<'a> {
    let mut tried = Tried {
        base,
        answer: None,
        maybe_done: false,
        refusals: BTreeMap::new(),
        refusals_took: Vec::new(),
        broken: Vec::new(),
    };
    let mut gone_since: Option<Instant> = None;
    let mut refused_count = 0;
    loop {
        let sent_at = Instant::now();
        match api.send(tried.base, proof, request).await {
            Ok(answer) if answer.is_refusal() => {
                gone_since = None;
                let code = answer.code().unwrap_or_else(|| answer.status.to_string());
                let stopping = code == DRAINING;
                tried.maybe_done |= !NOTHING_DONE.contains(&code.as_str());
                *tried.refusals.entry(code).or_default() += 1;
                tried.refusals_took.push(sent_at.elapsed());
                refused_count += 1;
                if refused_count > REFUSALS_MAX {
                    return tried;
                }
                if stopping {
                    tried.base = api.base_after(tried.base);
                    if api.bases().len() > 1 {
                        continue;
                    }
                }
                tokio::time::sleep(spread(answer.retry_after.unwrap_or(RETRY_AFTER_DEFAULT), chance)).await;
            }
            Ok(answer) => {
                tried.answer = Some(answer);
                return tried;
            }
            Err(broke) => {
                tried.maybe_done = true;
                tried.broken.push(broke);
                let gone_for = gone_since.get_or_insert(sent_at).elapsed();
                if tried.broken.len() as u64 > u64::from(BROKEN_MAX) && gone_for >= patience.gone_max {
                    return tried;
                }
                tried.base = api.base_after(tried.base);
                // Once round all of them, they are given a moment.
                if tried.broken.len().is_multiple_of(api.bases().len()) {
                    tokio::time::sleep(RECONNECT_EVERY).await;
                }
            }
        }
    }
}

/// As long as asked, and up to half as long again, so that those who were refused together do not return together.
fn spread(asked: Duration, chance: &mut StdRng) -> Duration {
    asked.min(RETRY_AFTER_MAX).mul_f64(1.0 + chance.random_range(0.0..0.5))
}
