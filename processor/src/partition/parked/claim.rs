//! The claim to the rows of a partition: taken before anything is delivered, given up at the end, and what is logged and shown
//! while the backlog does not answer.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use schemas::backlog::{BacklogError, Standing};
use schemas::record::Offset;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::patience::Pace;
use super::{FIRST_FAN_OUT, Parked, moment};
use crate::error::WorkerError;
use crate::partition::PartitionTask;
use crate::rows::Rows;
use crate::shared::Parking;
use crate::troubles::Trouble;

/// How often a claim is tried that another process has.
const STEP: Duration = Duration::from_millis(250);

impl PartitionTask {
    /// Claims the rows of the partition, if the sink has a backlog, as soon as that can be done. The reader has begun, and nothing
    /// was read yet. Returns false if stopped before that.
    pub(in crate::partition) async fn claim_in_time(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let Some(parking) = shared.parking() else {
            return true;
        };
        let (mut failures, stop) = (0, self.stop.clone());
        loop {
            let claimed = tokio::select! {
                claimed = self.claim(parking) => claimed,
                () = stop.cancelled() => return false,
            };
            let pause = match claimed {
                Ok(()) => {
                    self.shared.troubles.over(Trouble::Backlog);
                    return true;
                }
                Err(BacklogError::NotOwner) => {
                    // Released in a moment, or not renewed for some seconds.
                    self.stalled(Some(
                        "another process still has the backlog of this partition".to_owned(),
                    ));
                    STEP
                }
                Err(BacklogError::Unavailable(reason)) => {
                    failures += 1;
                    self.shared.troubles.met(Trouble::Backlog, &reason);
                    self.stalled(Some(format!("the backlog is away: {reason}")));
                    self.backoff(failures)
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => return false,
            }
        }
    }

    /// Claims the rows of the partition and loads what is known of them.
    async fn claim(&mut self, parking: &Parking) -> Result<(), BacklogError> {
        let sink = self.shared.sink.name();
        let topic_id = self.reader.topic_id();
        let claim = parking.backlog.claim(sink, &self.partition, topic_id.as_ref()).await?;
        parking.targets.learn_all().await?;
        // Without progress everything may be read.
        let read_to = self.reader.durable().unwrap_or(Offset(0));
        let contents = claim.contents(read_to).await?;
        let notify = Arc::new(Notify::new());
        let order = parking.targets.follow_orders(&notify);
        let mut rows = Rows::default();
        rows.load(contents, |target| parking.targets.handling(target).ordered, moment);
        self.flight.one_at_a_time();
        let now = Instant::now();
        self.parked = Some(Box::new(Parked {
            targets: Arc::clone(&parking.targets),
            claim,
            rows,
            outbox: VecDeque::new(),
            parking: HashSet::new(),
            settled: HashSet::new(),
            under_way: BTreeMap::new(),
            count: 0,
            read_to,
            notify,
            order,
            reload: false,
            pace: Pace::new(now),
            fan_out: FIRST_FAN_OUT,
            failures: 0,
            not_before: now,
            rest_until: now,
            stopping: None,
        }));
        Ok(())
    }

    /// Gives the claim up, so that the next owner need not wait.
    pub(in crate::partition) async fn release_claim(&mut self) {
        if let Some(parked) = self.parked.take() {
            // What is not released ends by itself.
            let _elapsed = timeout(Duration::from_secs(1), parked.claim.release()).await;
        }
    }

    /// Ends the task if another process has its rows.
    pub(in crate::partition) fn still_owned(&self) -> Result<(), WorkerError> {
        let lost = |parked: &Parked| parked.claim.standing() == Standing::Lost;
        if self.parked.as_deref().is_some_and(lost) {
            return Err(self.not_owner());
        }
        Ok(())
    }

    pub(super) fn not_owner(&self) -> WorkerError {
        WorkerError::BacklogLost {
            sink: self.shared.sink.name().clone(),
            partition: self.partition.as_ref().clone(),
        }
    }

    /// Notes that the backlog did not answer: it is asked again after a pause.
    pub(super) fn backlog_failed(&mut self, reason: &str) {
        self.shared.troubles.met(Trouble::Backlog, reason);
        let Some(parked) = &mut self.parked else { return };
        parked.failures = parked.failures.saturating_add(1);
        parked.not_before = Instant::now() + self.shared.backoff(parked.failures);
        if parked.failures == 1 {
            self.stalled(Some(format!("the backlog is away: {reason}")));
        }
    }

    /// Notes that it did.
    pub(super) fn backlog_works(&mut self) {
        let Some(parked) = &mut self.parked else { return };
        if std::mem::take(&mut parked.failures) > 0 {
            self.shared.troubles.over(Trouble::Backlog);
            self.stalled(None);
        }
    }
}
