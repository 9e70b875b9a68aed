//! The troubles of single targets. They are logged from a module of their own, so that `forebay dev`, which prints a line for each
//! delivery, can leave them out.

use std::time::Duration;

use schemas::outage::Line;
use schemas::record::Partition;
use schemas::sink::{Delivery, Target};

use super::{Troubles, now};

impl Troubles {
    /// Notes that a delivery failed and is tried again after `wait`: a warning at most once a minute for each target, and for so
    /// many targets in a minute; the rest at debug level.
    pub(crate) fn delivery_failed(&self, delivery: &Delivery, reason: &str, wait: Duration) {
        let (sink, delivery_target) = (&self.sink, &delivery.target);
        let (event_id, attempt) = (delivery.event.id(), delivery.attempt);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let now = now();
        let line = self.targets.failed(delivery_target, reason, now);
        match line.filter(|_| self.failing_lines.allow(now)) {
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

    /// Notes that a target has taken a delivery.
    pub(crate) fn delivered(&self, target: &Target) {
        let now = now();
        let line = self.targets.over(target, now);
        if let Some(Line { seconds, failures, .. }) = line.filter(|_| self.ending_lines.allow(now)) {
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
