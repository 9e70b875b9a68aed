//! The task that writes attempts in batches and looks after their table.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use schemas::time::Timestamp;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::failure::{Again, Failure, Written};
use super::metrics::Dropped;
use super::queue::{Batch, Queue};
use super::table::Table;

/// How long what waits may take to be written when the process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);
/// How often the table is looked after.
const LOOK_AFTER_EVERY: Duration = Duration::from_hours(1);
/// How soon after a failure to do so.
const LOOK_AFTER_AGAIN: Duration = Duration::from_mins(1);
/// Between two steps of removing old rows.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);
/// After the first failure; doubled by each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Writes what is recorded. There is one of each attempt log, and nothing is written before it [runs](Writer::run).
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    table: Table,
}

impl Writer {
    pub(super) fn new(queue: Arc<Queue>, table: Table) -> Self {
        Self { queue, table }
    }

    /// Writes until `shutdown`, which is to come after the last attempt: what waits then is written within 2 s. Whatever is left
    /// after that, or recorded later, is counted and dropped.
    pub async fn run(self, shutdown: CancellationToken) {
        {
            let mut work = pin!(self.work(&shutdown));
            let ended = tokio::select! {
                () = &mut work => true,
                () = shutdown.cancelled() => false,
            };
            // A batch that is being written goes on: begun anew, its rows might be there twice.
            if !ended && timeout(FLUSH_WITHIN, work).await.is_err() {
                tracing::warn!("the attempt log was not written to its end when the process ended");
            }
        }
        self.queue.close();
    }

    /// Ends when `ending` is cancelled and nothing waits.
    async fn work(&self, ending: &CancellationToken) {
        let mut upkeep = Upkeep::default();
        let mut batch: Option<Batch> = None;
        let mut failures = 0;
        loop {
            // Without having seen that there are partitions, every row would be dropped for want of one.
            let wanted = !ending.is_cancelled() || !upkeep.possible;
            if wanted && Instant::now() >= upkeep.due {
                self.look_after(&mut upkeep).await;
            }
            if upkeep.possible || ending.is_cancelled() {
                batch = batch.or_else(|| self.queue.take());
            }
            let Some(rows) = batch.take() else {
                if ending.is_cancelled() {
                    return;
                }
                self.wait(&upkeep, ending).await;
                continue;
            };
            if self.write(&rows).await {
                self.queue.done(rows);
                failures = 0;
            } else {
                batch = Some(rows);
                pause(backoff(failures), ending).await;
                failures += 1;
            }
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self, upkeep: &Upkeep, ending: &CancellationToken) {
        let filled = async {
            if upkeep.possible {
                self.queue.filled().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = filled => {}
            () = sleep_until(upkeep.due) => {}
            () = ending.cancelled() => {}
        }
    }

    /// Returns whether it need not be tried again.
    async fn write(&self, batch: &Batch) -> bool {
        let dropped_before = self.queue.troubles.number_dropped();
        match self.table.write(&batch.rows).await {
            Ok(Written {
                rows,
                no_partition,
                refused,
            }) => {
                self.queue.metrics.written.inc_by(rows);
                self.queue.drop_rows(Dropped::NoPartition, no_partition);
                self.queue.drop_rows(Dropped::Database, refused);
                self.queue.troubles.written();
                if self.queue.troubles.number_dropped() == dropped_before {
                    self.queue.troubles.nothing_dropped();
                }
                true
            }
            Err(Failure::Unavailable(reason) | Failure::Rights(reason)) => {
                self.queue.troubles.not_written(&reason);
                false
            }
        }
    }

    async fn look_after(&self, upkeep: &mut Upkeep) {
        let pause = match self.table.look_after(Timestamp::now()).await {
            Ok(again) => {
                self.queue.troubles.looked_after();
                upkeep.possible = true;
                match again {
                    Again::Soon => BETWEEN_STEPS,
                    Again::Later => LOOK_AFTER_EVERY,
                }
            }
            Err(Failure::Rights(reason)) => {
                tracing::warn!("{reason}");
                // Someone else may make the partitions.
                upkeep.possible = true;
                LOOK_AFTER_EVERY
            }
            Err(Failure::Unavailable(reason)) => {
                self.queue.troubles.not_looked_after(&reason);
                upkeep.failures += 1;
                if upkeep.possible {
                    LOOK_AFTER_AGAIN
                } else {
                    backoff(upkeep.failures - 1)
                }
            }
        };
        upkeep.due = Instant::now() + pause;
    }
}

/// When the table is looked after.
#[derive(Debug)]
struct Upkeep {
    due: Instant,
    /// Whether it has been, or it is known that it cannot be.
    possible: bool,
    failures: u32,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            due: Instant::now(),
            possible: false,
            failures: 0,
        }
    }
}

fn backoff(failures: u32) -> Duration {
    (FIRST_BACKOFF * 2_u32.saturating_pow(failures.min(16))).min(MAX_BACKOFF)
}

/// Waits; when the process ends, only as long as after a first failure.
async fn pause(span: Duration, ending: &CancellationToken) {
    if ending.is_cancelled() {
        sleep(FIRST_BACKOFF).await;
    } else {
        tokio::select! {
            () = sleep(span) => {}
            () = ending.cancelled() => {}
        }
    }
}
