//! When buyers arrive: an open model. They come when they come, however slowly they are served.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::chance;

/// The stream of chance that arrivals draw from; buyers have their own numbers.
const ARRIVALS_STREAM: u64 = u64::MAX;

/// Arrivals of a run, earliest first: a burst at the start, then a Poisson process.
#[derive(Debug)]
pub struct Arrivals {
    chance: StdRng,
    rate_per_s: f64,
    duration: Duration,
    burst_left_count: u64,
    at: Duration,
}

impl Arrivals {
    /// `burst_count` at once, then `rate_per_s` on average until `duration` is over.
    #[must_use]
    pub fn new(seed: u64, rate_per_s: f64, duration: Duration, burst_count: u64) -> Self {
        let chance = chance(seed, ARRIVALS_STREAM);
        Self { chance, rate_per_s, duration, burst_left_count: burst_count, at: Duration::ZERO }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.burst_left_count > 0 {
            self.burst_left_count -= 1;
            return Some(Duration::ZERO);
        }
        if self.rate_per_s <= 0.0 {
            return None;
        }
        let uniform: f64 = self.chance.random_range(0.0..1.0);
        self.at += Duration::try_from_secs_f64(-(1.0 - uniform).ln() / self.rate_per_s).ok()?;
        (self.at < self.duration).then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_arrivals_and_another_seed_others() {
        let of = |seed| Arrivals::new(seed, 50.0, Duration::from_secs(10), 3).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn arrivals_are_ordered_within_the_duration_and_about_as_many_as_the_rate_says() {
        let all: Vec<_> = Arrivals::new(1, 200.0, Duration::from_secs(60), 0).collect();
        assert!(all.is_sorted() && all.iter().all(|at| *at < Duration::from_secs(60)));
        // 12,000 expected; five standard deviations are 548.
        assert!((11_452..=12_548).contains(&all.len()), "{}", all.len());
    }

    #[test]
    fn a_burst_comes_at_once_and_a_rate_of_zero_is_only_the_burst() {
        let all: Vec<_> = Arrivals::new(1, 0.0, Duration::from_secs(60), 25).collect();
        assert_eq!(all, vec![Duration::ZERO; 25]);
    }
}
