//! A future that is not cancelled: when its waiter goes away, the rest of it runs on by itself.
//!
//! A task of its own would do the same, but costs every webhook a trip through the scheduler and often to another core; here
//! only a webhook whose client hangs up, or whose time is up, pays for one.

use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that runs on by itself when it is dropped.
pub(crate) struct Detached<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Detached<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Detached<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.0 else {
            unreachable!("a future is not polled after it has ended");
        };
        let output = future.as_mut().poll(context);
        if output.is_ready() {
            self.0 = None;
        }
        output
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Detached<F> {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            drop(runtime.spawn(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_dropped_runs_to_its_end() {
        let (go, wait) = oneshot::channel();
        let (done, finished) = oneshot::channel();
        let future = Detached::new(async move {
            wait.await.expect("released");
            done.send(7).expect("the test waits");
        });
        assert!(
            timeout(Duration::from_secs(1), future).await.is_err(),
            "it is not done yet"
        );
        go.send(()).expect("it still runs");
        assert_eq!(finished.await, Ok(7));
    }

    #[tokio::test]
    async fn what_ends_in_time_is_run_once() {
        assert_eq!(Detached::new(async { 7 }).await, 7);
    }
}
