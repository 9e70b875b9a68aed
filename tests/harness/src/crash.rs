//! The moments at which a process may die: each is passed in turn, and at one of them nothing goes on any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The moments of a process. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct CrashPoints(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    passed: AtomicUsize,
    /// The process dies at this one, counted from 1; 0: at none.
    dies_at: usize,
    died: Notify,
}

impl CrashPoints {
    /// The process dies at the `n`th moment, counted from 1.
    pub fn dying_at(n: usize) -> Self {
        Self(Arc::new(Inner {
            dies_at: n,
            ..Inner::default()
        }))
    }

    /// Passes a moment; never returns if the process has died.
    pub async fn pass(&self) {
        let number = self.0.passed.fetch_add(1, Ordering::Relaxed) + 1;
        if self.0.dies_at > 0 && number >= self.0.dies_at {
            self.0.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the process is to die.
    pub async fn died(&self) {
        self.0.died.notified().await;
    }

    /// Returns how many moments were passed.
    pub fn passed(&self) -> usize {
        self.0.passed.load(Ordering::Relaxed)
    }
}
