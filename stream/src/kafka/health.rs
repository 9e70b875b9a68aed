//! The results of the last appends to each topic. Readiness follows them, because nothing else proves that a topic
//! accepts records: metadata only shows that a topic exists, and a broker that answers may not be the one that leads
//! it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schemas::name::TopicName;

/// How long a confirmed append proves that the topic accepts records.
const FRESH: Duration = Duration::from_secs(5);
/// How long all appends must have failed before the failures count: one partition may be changing its leader.
const FAILING_AFTER: Duration = Duration::from_secs(1);
/// How long a failure counts, if nothing has been tried since.
const FAILURE_COUNTS: Duration = Duration::from_secs(30);

/// The last appends of each topic, confirmed or failed.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<HashMap<TopicName, Appends>>);

#[derive(Debug, Default)]
struct Appends {
    confirmed: Option<Instant>,
    failing: Option<Failing>,
    asked: usize,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    last: Instant,
    reason: String,
}

/// What the recent appends to a topic show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recent {
    /// One was confirmed recently.
    Confirmed,
    /// All recent ones have failed; the last reason.
    Failing(String),
    /// None was tried recently.
    Unknown {
        /// A different number each time, to choose a partition to ask about.
        partition: usize,
    },
}

impl Health {
    pub(super) fn confirmed(&self, topic: &TopicName) {
        let now = Instant::now();
        self.with(topic, |appends| {
            appends.confirmed = Some(now);
            appends.failing = None;
        });
    }

    pub(super) fn failed(&self, topic: &TopicName, reason: &str) {
        let now = Instant::now();
        self.with(topic, |appends| match &mut appends.failing {
            Some(failing) => {
                failing.last = now;
                reason.clone_into(&mut failing.reason);
            }
            None => {
                appends.failing = Some(Failing {
                    since: now,
                    last: now,
                    reason: reason.to_owned(),
                });
            }
        });
    }

    pub(super) fn of(&self, topic: &TopicName) -> Recent {
        self.with(topic, |appends| {
            if let Some(failing) = &appends.failing
                && failing.since.elapsed() >= FAILING_AFTER
                && failing.last.elapsed() < FAILURE_COUNTS
            {
                return Recent::Failing(failing.reason.clone());
            }
            if appends.confirmed.is_some_and(|at| at.elapsed() < FRESH) {
                return Recent::Confirmed;
            }
            appends.asked = appends.asked.wrapping_add(1);
            Recent::Unknown {
                partition: appends.asked,
            }
        })
    }

    fn with<T>(&self, topic: &TopicName, work: impl FnOnce(&mut Appends) -> T) -> T {
        let mut topics = self.0.lock();
        // Looked up first, so that a name is copied only once.
        if let Some(appends) = topics.get_mut(topic) {
            return work(appends);
        }
        work(topics.entry(topic.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_not_yet_the_topics_and_a_success_ends_them() {
        let health = Health::default();
        let topic: TopicName = "t".parse().expect("a name");
        assert!(matches!(health.of(&topic), Recent::Unknown { .. }));
        health.failed(&topic, "away");
        assert!(matches!(health.of(&topic), Recent::Unknown { .. }));
        health.with(&topic, |appends| {
            if let Some(failing) = &mut appends.failing {
                failing.since = failing
                    .since
                    .checked_sub(FAILING_AFTER)
                    .expect("the machine runs longer");
            }
        });
        assert_eq!(health.of(&topic), Recent::Failing("away".to_owned()));
        health.confirmed(&topic);
        assert_eq!(health.of(&topic), Recent::Confirmed);
    }
}
