//! The troubles of single targets. They are logged from a module of their own, so that `forebay dev`, which prints a line for each
//! delivery, can leave them out.

use std::time::Duration;

use schemas::outage::Line;
use schemas::record::Partition;
use schemas::sink::{Delivery, Target};

use super::{Troubles, now};

/// Who logs that a target begins to fail, and that it works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// The troubles of this worker.
    Here,
    /// `operations`, which the targets report them to: one line over all processes. A failure that does not last has none.
    Reported,
}

impl Troubles {
    /// Notes that a delivery failed and is tried again after `wait`: a warning at most once a minute for each target, and for so
    /// many targets in a minute; the rest at debug level. Where changes of a target's state are [reported](Changes), the first
    /// failure is no warning either.
    pub(crate) fn delivery_failed(&self, delivery: &Delivery, reason: &str, wait: Duration, changes: Changes) {
        let (sink, delivery_target) = (&self.sink, &delivery.target);
        let (event_id, attempt) = (delivery.event.id(), delivery.attempt);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let now = now();
        let line = self.targets.failed(delivery_target, reason, now);
        let has_line = |line: &Line| !(line.begins && changes == Changes::Reported) && self.failing_lines.allow(now);
        match line.filter(has_line) {
            Some(Line { begins: true, .. }) => {
                tracing::warn!(%sink, %delivery_target, %event_id, attempt, error = reason, wait_ms,
                    "delivery failed, trying again; further failures of this target are counted, and logged once a minute");
            }
            Some(Line { seconds, failures, .. }) => {
                tracing::warn!(%sink, %delivery_target, %event_id, attempt, error = reason, wait_ms, seconds, failures,
                    "deliveries to this target still fail");
            }
            None => {
                tracing::debug!(%sink, %delivery_target, %event_id, attempt, error = reason, wait_ms,
                    "delivery failed, trying again");
            }
        }
    }

    /// Notes that a target has taken a delivery: a line if it had failed, unless that is [reported](Changes).
    pub(crate) fn delivered(&self, target: &Target, changes: Changes) {
        let now = now();
        let line = self.targets.over(target, now);
        let has_line = |_: &Line| changes == Changes::Here && self.ending_lines.allow(now);
        if let Some(Line { seconds, failures, .. }) = line.filter(has_line) {
            tracing::info!(sink = %self.sink, delivery_target = %target, seconds, failures, "target takes deliveries again");
        }
    }

    /// Logs how many lines about targets were held back, because there were many: once a minute.
    pub(super) fn tell_further_targets(&self) {
        let now = now();
        if let Some(targets) = self.failing_lines.further(now) {
            tracing::warn!(sink = %self.sink, targets, "further targets fail");
        }
        if let Some(targets) = self.ending_lines.further(now) {
            tracing::info!(sink = %self.sink, targets, "further targets take deliveries again");
        }
    }

    /// Returns why the last delivery to a target failed, while it fails.
    pub(crate) fn reason(&self, target: &Target) -> Option<String> {
        self.targets.reason(target)
    }

    /// Notes that a delivery becomes a dead letter: a warning at most once a minute for each target, with the number of
    /// those in between, and for so many targets in a minute.
    pub(crate) fn given_up(&self, delivery: &Delivery, partition: &Partition, reason: &str, attempts: u32) {
        let (sink, delivery_target) = (&self.sink, &delivery.target);
        let (event_id, offset) = (delivery.event.id(), delivery.record.offset.0);
        let now = now();
        let line = self.given_up.failed(delivery_target, reason, now);
        match line.filter(|_| self.failing_lines.allow(now)) {
            Some(Line { held_back, .. }) => {
                tracing::warn!(%sink, %event_id, %delivery_target, %partition, offset, attempt = attempts, error = reason,
                    held_back, "delivery given up: dead letter");
            }
            None => {
                tracing::debug!(%sink, %event_id, %delivery_target, %partition, offset, attempt = attempts, error = reason,
                    "delivery given up: dead letter");
            }
        }
    }
}
