//! What is left of an answer once its head has decided: the body is read aside, so that its connection can be used again.
//!
//! Reading is bounded in bytes, in time and in number; beyond that the connection is closed, which is always allowed. The
//! body itself is thrown away, but for its beginning where someone asks for that: nothing in it decides, and a receiver must not be
//! a window into our network.

use std::sync::{Arc, Weak};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::place::Origin;
use super::pool::Pool;
use super::sender::Sender;

/// What has come so soon after the head is waited for: nearly every body, and then its connection serves the next delivery.
const GRACE: Duration = Duration::from_millis(10);
/// The longest that a body is read.
const PATIENCE: Duration = Duration::from_secs(1);
/// The most bodies that are read aside at once.
const MAX_ASIDE: usize = 256;

/// Bodies that are being read. Dropping this ends it.
#[derive(Debug, Default)]
pub(super) struct Aside {
    reading: Mutex<JoinSet<()>>,
    count: Gauge,
}

/// The connection that an answer came on, its body still in it.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) body: Incoming,
    pub(super) sender: Sender,
    pub(super) origin: Origin,
}

impl Aside {
    /// How many bodies are being read, for as long as this lives.
    pub(super) fn count(&self) -> Gauge {
        self.count.clone()
    }

    /// Sees to the rest of an answer: for a moment here, then aside.
    pub(super) async fn finish(&self, rest: Rest, max_bytes: usize, pool: &Arc<Pool>) {
        // Weak, so that what is read here does not keep the pool alive.
        self.see_to(keep_when_read(rest, max_bytes, Arc::downgrade(pool), |_| {}), pool)
            .await;
    }

    /// The same, and returns the beginning of the body, at most `most` bytes, as far as it has come by then: it waits no longer for
    /// it.
    pub(super) async fn finish_with_beginning(
        &self,
        rest: Rest,
        max_bytes: usize,
        pool: &Arc<Pool>,
        most: usize,
    ) -> Vec<u8> {
        let beginning: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&beginning);
        let take = move |data: &[u8]| {
            let mut kept = kept.lock();
            let room = most.saturating_sub(kept.len());
            kept.extend(data.iter().take(room));
        };
        self.see_to(keep_when_read(rest, max_bytes, Arc::downgrade(pool), take), pool)
            .await;
        std::mem::take(&mut *beginning.lock())
    }

    async fn see_to(&self, reading: impl Future<Output = ()> + Send + 'static, pool: &Arc<Pool>) {
        let mut reading = Box::pin(reading);
        if timeout(GRACE, reading.as_mut()).await.is_err() && !pool.is_short() {
            self.spawn(reading);
        }
    }

    /// Continues with it aside, unless too many are read there already.
    fn spawn(&self, reading: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.reading.lock();
        while all.try_join_next().is_some() {}
        if all.len() >= MAX_ASIDE {
            return;
        }
        let counted = Counted::new(self.count.clone());
        all.spawn(async move {
            let _counted = counted;
            // In time or not: the connection is closed, unless it was given back.
            timeout(PATIENCE, reading).await.unwrap_or_default();
        });
    }
}

async fn keep_when_read(rest: Rest, max_bytes: usize, pool: Weak<Pool>, take: impl FnMut(&[u8])) {
    let Rest {
        body,
        mut sender,
        origin,
    } = rest;
    if !read(body, max_bytes, take).await || sender.ready().await.is_err() {
        return;
    }
    if let Some(pool) = pool.upgrade() {
        pool.put_back(origin, sender);
    }
}

/// Whether the body ended inside `limit`. Dropping the rest closes its connection.
pub(super) async fn read(mut body: Incoming, limit: usize, mut take: impl FnMut(&[u8])) -> bool {
    let mut room = limit;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        if let Some(data) = frame.data_ref() {
            take(&data[..data.len().min(room)]);
            if data.len() > room {
                return false;
            }
            room -= data.len();
        }
    }
    true
}

/// One of those that are counted.
struct Counted(Gauge);

impl Counted {
    fn new(count: Gauge) -> Self {
        count.inc();
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn only_so_many_bodies_are_read_at_once_and_none_after_the_end() {
        let aside = Aside::default();
        let count = aside.count();
        for _ in 0..2 * MAX_ASIDE {
            aside.spawn(pending());
        }
        assert_eq!(count.get(), i64::try_from(MAX_ASIDE).expect("a small number"));
        drop(aside);
        while count.get() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_has_been_read_makes_room() {
        let aside = Aside::default();
        for _ in 0..4 * MAX_ASIDE {
            aside.spawn(async {});
            tokio::task::yield_now().await;
        }
        let left = aside.reading.lock().len();
        assert!(left < MAX_ASIDE, "{left} that ended are still counted");
    }
}
