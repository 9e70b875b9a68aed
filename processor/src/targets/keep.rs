//! Keeps what all processes know of the targets: notes which fail and which work again, learns what others have found, and
//! disables what has failed for days. What changes is reported as an operational event, by the process that found it first.

use std::sync::Arc;
use std::time::Duration;

use schemas::backlog::{BacklogError, Condition, Finding, TargetRows, What};
use schemas::operations::{TargetChange, TargetChanged};
use schemas::sink::Target;
use schemas::time::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{ORDERS, Targets, notify};

/// How often it is looked for what has changed.
const STEP: Duration = Duration::from_secs(1);

/// How long a target may fail before others know of it: a single failure is no news.
const NEWS_AFTER: Duration = Duration::from_secs(10);

/// How long a target may fail, without one success, before it is disabled.
const DISABLED_AFTER: Duration = Duration::from_hours(5 * 24);

/// How often it is counted what waits: that looks at all rows.
const COUNT_EVERY: u64 = 60;

/// How often it is asked whether a target has failed for so long.
const LOOK_EVERY: u64 = 60;

/// What has been seen of what others write.
#[derive(Debug, Default)]
struct Seen {
    version: Option<i64>,
    order: Option<i64>,
    steps: u64,
}

impl Targets {
    /// Goes on until it is dropped. What the database does not answer is asked again.
    pub(crate) async fn keep(&self) {
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Seen::default();
        loop {
            step.tick().await;
            if let Err(error) = self.keep_step(&mut seen).await {
                tracing::debug!(sink = %self.sink.name(), error = %error, "what is known of targets was not exchanged");
            }
        }
    }

    /// Learns what is known of targets in trouble. Before anything is delivered, so that nothing goes to one that is disabled.
    pub(crate) async fn learn_all(&self) -> Result<(), BacklogError> {
        let conditions = self.backlog.conditions(self.sink.name(), None).await?;
        for condition in &conditions {
            self.learn(condition);
        }
        Ok(())
    }

    async fn keep_step(&self, seen: &mut Seen) -> Result<(), BacklogError> {
        let sink = self.sink.name();
        let conditions = self.backlog.conditions(sink, seen.version).await?;
        for condition in conditions {
            seen.version = seen.version.max(Some(condition.version));
            self.learn(&condition);
        }
        match seen.order {
            None => seen.order = Some(self.backlog.newest_order(sink).await?),
            Some(after) => self.obey(self.backlog.orders(sink, after).await?, seen),
        }
        for (target, finding) in self.findings(seen.steps) {
            let name = target.to_string();
            if let Some(condition) = self.backlog.note(sink, &name, finding.clone()).await? {
                self.report(&target, &finding, &condition);
                self.learn(&condition);
            }
            self.noted(&target, &finding);
        }
        if seen.steps.is_multiple_of(COUNT_EVERY) {
            self.count(self.backlog.waiting(sink).await?);
        }
        seen.steps += 1;
        self.forget();
        Ok(())
    }

    /// What is to be noted of targets now.
    fn findings(&self, steps: u64) -> Vec<(Target, Finding)> {
        let now = Instant::now();
        let long_ago = Timestamp::now().before(DISABLED_AFTER);
        let mut findings = Vec::new();
        for (target, entry) in self.entries.read().iter() {
            let entry = entry.lock();
            if let Some(disabled) = entry.disabled.as_ref().filter(|_| !entry.noted) {
                let reason = disabled.reason.clone();
                findings.push((target.clone(), Finding::Refuses { reason }));
                continue;
            }
            match entry.failing_since {
                // That nothing has failed here is not enough: another process may have found that it fails.
                None if entry.works && entry.known_since.is_some() => findings.push((target.clone(), Finding::Works)),
                Some((since, at)) if !entry.noted && now >= at + NEWS_AFTER && entry.failures > 1 => {
                    findings.push((target.clone(), Finding::Failing { since }));
                }
                Some(_) if entry.noted && entry.disabled.is_none() && steps.is_multiple_of(LOOK_EVERY) => {
                    let reason = format!(
                        "every delivery has failed for five days; the last one: {}",
                        entry.reason
                    );
                    let before = long_ago;
                    findings.push((target.clone(), Finding::FailedSince { before, reason }));
                }
                _ => {}
            }
        }
        findings
    }

    fn noted(&self, target: &Target, finding: &Finding) {
        if let Some(entry) = self.find(target) {
            let mut entry = entry.lock();
            entry.noted = !matches!(finding, Finding::Works);
            if !entry.noted {
                entry.known_since = None;
            }
        }
    }

    /// Takes over what others have found.
    fn learn(&self, condition: &Condition) {
        let target = Target::Named(condition.target.clone());
        let entry = self.entry(&target);
        let mut entry = entry.lock();
        let was_disabled = entry.disabled.is_some();
        entry.disabled.clone_from(&condition.disabled);
        entry.noted = condition.disabled.is_some() || condition.failing_since.is_some();
        entry.known_since = condition.failing_since;
        if was_disabled && condition.disabled.is_none() {
            (entry.failing_since, entry.failures) = (None, 0);
        }
        // It works for another process, or is enabled again.
        let works = condition.failing_since.is_none() && entry.health.is_broken();
        if condition.disabled.is_none() && (was_disabled || works) {
            entry.health.try_now(Instant::now());
            let waiting = std::mem::take(&mut entry.waiting);
            drop(entry);
            notify(&waiting);
        }
    }

    fn obey(&self, orders: Vec<schemas::backlog::Order>, seen: &mut Seen) {
        if orders.is_empty() {
            return;
        }
        for order in &orders {
            seen.order = seen.order.max(Some(order.id));
            if order.what == What::Try
                && let Some(entry) = self.find(&Target::Named(order.target.clone()))
            {
                entry.lock().health.try_now(Instant::now());
            }
        }
        let mut all = self.orders.lock();
        all.recent.extend(orders);
        let surplus = all.recent.len().saturating_sub(ORDERS);
        all.recent.drain(..surplus);
        all.partitions.retain(|partition| Arc::strong_count(partition) > 1);
        notify(&all.partitions);
    }

    /// Reports what this process was the first to find. The times are those of the condition, so that the same change is the same
    /// event.
    fn report(&self, target: &Target, finding: &Finding, condition: &Condition) {
        let Some(operations) = &self.operations else {
            return;
        };
        let (reason, known_since) = {
            let entry = self.entry(target);
            let entry = entry.lock();
            (entry.reason.clone(), entry.known_since)
        };
        let now = Timestamp::now();
        let (at, change) = match (finding, &condition.disabled) {
            (Finding::Failing { .. }, _) => {
                let at = condition.failing_since.unwrap_or(now);
                (at, TargetChange::Failing { reason })
            }
            (Finding::Works, _) => {
                let failing_since = known_since.unwrap_or(now);
                (now, TargetChange::Recovered { failing_since })
            }
            (Finding::Refuses { .. } | Finding::FailedSince { .. }, Some(disabled)) => {
                let change = TargetChange::Disabled {
                    reason: disabled.reason.clone(),
                    failing_since: condition.failing_since.or(known_since),
                };
                (disabled.at, change)
            }
            (Finding::Refuses { .. } | Finding::FailedSince { .. } | Finding::Enabled, _) => return,
        };
        operations.report(TargetChanged {
            sink: self.sink.name().clone(),
            target: target.to_string(),
            at,
            change,
            version: condition.version,
        });
    }

    /// Takes over what waits.
    fn count(&self, waiting: Vec<TargetRows>) {
        for (_, entry) in self.entries.read().iter() {
            entry.lock().full = None;
        }
        for rows in &waiting {
            let count = rows.in_line + rows.with_time;
            if count >= self.most {
                let entry = self.entry(&Target::Named(rows.target.clone()));
                entry.lock().full = Some(count);
                tracing::error!(sink = %self.sink.name(), delivery_target = rows.target, waiting = count, most = self.most,
                    "the backlog of this target is full: what is new for it becomes a dead letter");
            } else if count >= self.most / 5 * 4 {
                tracing::warn!(sink = %self.sink.name(), delivery_target = rows.target, waiting = count, most = self.most,
                    "the backlog of this target is nearly full; beyond the bound, what is new for it becomes a dead letter");
            }
        }
        *self.waiting.lock() = waiting;
    }

    /// Forgets targets of which nothing is known any more.
    fn forget(&self) {
        let now = Instant::now();
        self.entries.write().retain(|_, entry| {
            let held_elsewhere = Arc::strong_count(entry) > 1;
            let entry = entry.lock();
            let known =
                entry.noted || entry.disabled.is_some() || entry.failing_since.is_some() || entry.full.is_some();
            held_elsewhere || known || !entry.health.is_idle(now) || !entry.waiting.is_empty()
        });
    }
}
