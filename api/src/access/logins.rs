//! Tries to log in, by address: counted for all nodes where Redis does so, by this node alone where it does not.
//!
//! Whoever logs in waits for Redis no longer than its deadline, and not at all while it is known to be in trouble. To
//! let everybody try then, or nobody, was refused: the one invites whoever can trouble Redis, the other locks people out.

use std::net::IpAddr;

use usher_core::UnixMillis;
use usher_engine::adapters::redis::SharedRate;

use super::rate::RateLimit;

/// The limiter.
#[derive(Debug)]
pub struct Logins {
    own: RateLimit<IpAddr>,
    shared: Option<SharedRate>,
}

impl Logins {
    /// `burst_count` tries at once, and one more each `refill_ms`; `shared` has the same terms.
    #[must_use]
    pub fn new(burst_count: u32, refill_ms: u64, shared: Option<SharedRate>) -> Self {
        Self { own: RateLimit::new(burst_count, refill_ms), shared }
    }

    /// Takes one try.
    ///
    /// # Errors
    /// The milliseconds until there is one again.
    pub async fn take(&self, sender: IpAddr, now: UnixMillis) -> Result<(), u64> {
        if let Some(shared) = &self.shared
            && let Ok(waits_ms) = shared.take(&sender.to_string()).await
        {
            return if waits_ms == 0 { Ok(()) } else { Err(waits_ms) };
        }
        self.own.take(&sender, now)
    }
}
