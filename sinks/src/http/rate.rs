//! How often attempts at one endpoint may begin: a bucket that fills with tokens, of which each attempt takes one.

use std::time::Duration;

use schemas::endpoint::RateLimit;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// Whoever waits for a token holds the lock, so they get them in the order in which they came. Dropping the wait takes nothing.
#[derive(Debug)]
pub(super) struct Rate {
    limit: RateLimit,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    /// When they were counted.
    at: Instant,
}

impl Rate {
    /// A full bucket.
    pub(super) fn new(limit: RateLimit) -> Self {
        let bucket = Bucket {
            tokens: f64::from(limit.burst),
            at: Instant::now(),
        };
        Self {
            limit,
            bucket: Mutex::new(bucket),
        }
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Waits for a token and takes it.
    pub(super) async fn take(&self) {
        let mut bucket = self.bucket.lock().await;
        while let Some(wait) = bucket.take(self.limit, Instant::now()) {
            sleep(wait).await;
        }
    }
}

impl Bucket {
    /// Takes a token, or returns how long to wait for one.
    fn take(&mut self, limit: RateLimit, now: Instant) -> Option<Duration> {
        let filled = now.duration_since(self.at).as_secs_f64() * limit.per_second;
        self.tokens = (self.tokens + filled).min(f64::from(limit.burst));
        self.at = now;
        // What is missing is less than a timer can wait for.
        let missing = 1.0 - self.tokens;
        if missing < 1e-6 {
            self.tokens -= 1.0;
            return None;
        }
        let wait = Duration::try_from_secs_f64(missing / limit.per_second);
        Some(wait.unwrap_or(Duration::MAX).max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit {
        per_second: 10.0,
        burst: 3,
    };

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let rate = Rate::new(LIMIT);
        let started = Instant::now();
        let mut after = Vec::new();
        for _ in 0..6 {
            rate.take().await;
            after.push(started.elapsed().as_millis());
        }
        assert_eq!(after[..3], [0, 0, 0]);
        for (index, expected) in [(3, 100), (4, 200), (5, 300)] {
            assert!((expected..expected + 5).contains(&after[index]), "{after:?}");
        }
        // A pause fills it again, up to the burst.
        tokio::time::advance(Duration::from_mins(1)).await;
        let started = Instant::now();
        for _ in 0..4 {
            rate.take().await;
        }
        assert!((100..105).contains(&started.elapsed().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_takes_no_token_and_holds_up_no_one() {
        let rate = Rate::new(RateLimit {
            per_second: 1.0,
            burst: 1,
        });
        rate.take().await;
        let started = Instant::now();
        let gave_up = tokio::time::timeout(Duration::from_millis(900), rate.take()).await;
        assert!(gave_up.is_err(), "the next token comes after a second");
        rate.take().await;
        assert!((1000..1005).contains(&started.elapsed().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_one_a_second_is_kept() {
        let rate = Rate::new(RateLimit {
            per_second: 0.5,
            burst: 1,
        });
        rate.take().await;
        let started = Instant::now();
        rate.take().await;
        assert!((2000..2005).contains(&started.elapsed().as_millis()));
    }
}
