//! Rates: so many tries a minute per sender, in a bounded table.
//!
//! A token bucket per key. When the table is full the fullest buckets, which have nothing to remember, go first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

use usher_core::UnixMillis;

/// The most senders remembered at once.
pub const SENDERS_MAX: usize = 10_000;

/// A limiter of tries per key.
#[derive(Debug)]
pub struct RateLimit<K> {
    burst_count: u32,
    refill_ms: u64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left_count: u32,
    refilled_at: UnixMillis,
}

impl<K: Eq + Hash + Clone> RateLimit<K> {
    /// `burst_count` tries at once, and one more each `refill_ms`.
    #[must_use]
    pub fn new(burst_count: u32, refill_ms: u64) -> Self {
        Self { burst_count, refill_ms: refill_ms.max(1), buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one try.
    ///
    /// # Errors
    /// The milliseconds until there is one again.
    ///
    /// # Panics
    /// Never: nothing panics while the table is locked.
    pub fn take(&self, key: &K, now: UnixMillis) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().expect("nothing panics under this lock");
        if !buckets.contains_key(key) && buckets.len() >= SENDERS_MAX {
            self.make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(key.clone()).or_insert(Bucket { left_count: self.burst_count, refilled_at: now });
        self.refill(bucket, now);
        if bucket.left_count == 0 {
            return Err(self.refill_ms - now.ms_since(bucket.refilled_at).min(self.refill_ms - 1));
        }
        bucket.left_count -= 1;
        Ok(())
    }

    fn refill(&self, bucket: &mut Bucket, now: UnixMillis) {
        let gained = now.ms_since(bucket.refilled_at) / self.refill_ms;
        if gained == 0 {
            return;
        }
        let gained_count = u32::try_from(gained).unwrap_or(u32::MAX);
        bucket.left_count = bucket.left_count.saturating_add(gained_count).min(self.burst_count);
        bucket.refilled_at = bucket.refilled_at.plus_ms(gained * self.refill_ms);
    }

    /// Forgets full buckets; if there are none, everybody: an attacker with that many addresses is past this limiter.
    fn make_room(&self, buckets: &mut HashMap<K, Bucket>, now: UnixMillis) {
        buckets.retain(|_, bucket| {
            self.refill(bucket, now);
            bucket.left_count < self.burst_count
        });
        if buckets.len() >= SENDERS_MAX {
            buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_then_one_try_per_refill() {
        let limit = RateLimit::new(2, 1_000);
        let at = |ms| UnixMillis(ms);
        assert_eq!(limit.take(&"a", at(0)), Ok(()));
        assert_eq!(limit.take(&"a", at(0)), Ok(()));
        assert_eq!(limit.take(&"a", at(400)), Err(600));
        assert_eq!(limit.take(&"b", at(400)), Ok(()), "another sender has tries of its own");
        assert_eq!(limit.take(&"a", at(1_000)), Ok(()));
        assert_eq!(limit.take(&"a", at(1_999)), Err(1));
        assert_eq!(limit.take(&"a", at(900_000)), Ok(()));
    }

    #[test]
    fn the_table_stays_bounded() {
        let limit = RateLimit::new(1, 1_000);
        for sender in 0..3 * SENDERS_MAX {
            assert_eq!(limit.take(&sender, UnixMillis(0)), Ok(()));
        }
        assert!(limit.buckets.lock().unwrap().len() <= SENDERS_MAX);
    }
}
