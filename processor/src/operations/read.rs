//! Reads the topic of operational events beside that of the events, as if both were one topic: each worker gets the partitions of
//! both.
//!
//! The operational events have a group of their own, so that a rebalance of one topic does not touch the other. The events go
//! before them: the second topic is joined once the first is, and a failure there (a right that is missing, a topic that is gone)
//! is logged and tried again, while events are delivered as ever.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::BoxFuture;
use schemas::log::{Change, Consumer, LogError, Membership, Subscribe, Subscription};
use schemas::name::{GroupName, TopicName};
use schemas::outage::{Line, Outages};
use schemas::record::Partition;

use tokio_util::task::AbortOnDropHandle;

/// How long a group that could not be joined is left alone.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// An event log whose subscribers also read the operational events.
#[derive(Debug, Clone)]
pub struct WithOperations {
    log: Arc<dyn Subscribe>,
    operations: TopicName,
    group: GroupName,
}

impl WithOperations {
    /// Whoever subscribes to a topic of `log` also gets the partitions of `operations`, as a member of `group`.
    pub fn new(log: Arc<dyn Subscribe>, operations: TopicName, group: GroupName) -> Self {
        Self { log, operations, group }
    }
}

impl Subscribe for WithOperations {
    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        let second = Subscription {
            topic: self.operations.clone(),
            membership: Membership::Group(self.group.clone()),
            start: subscription.start,
        };
        Box::pin(async move {
            let events = self.log.subscribe(subscription).await?;
            let operations = Second {
                log: Arc::clone(&self.log),
                subscription: second,
                state: State::NotYet,
                outage: Outages::default(),
            };
            Ok(Box::new(Both { events, operations }) as Box<dyn Consumer>)
        })
    }
}

/// A member of both groups.
struct Both {
    events: Box<dyn Consumer>,
    operations: Second,
}

impl Consumer for Both {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>> {
        Box::pin(async move {
            loop {
                tokio::select! {
                    biased;
                    change = self.events.next() => {
                        if matches!(change, Ok(Change::Assigned(_))) {
                            self.operations.may_join();
                        }
                        return change;
                    }
                    change = self.operations.next() => {
                        if let Some(change) = change {
                            return Ok(change);
                        }
                    }
                }
            }
        })
    }

    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>> {
        let (events, operations) = (self.events.lag(), self.operations.lag());
        Box::pin(async move {
            let (mut lags, operations) = tokio::try_join!(events, operations)?;
            lags.extend(operations);
            Ok(lags)
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), LogError>> {
        let (events, operations) = (self.events.close(), self.operations.close());
        Box::pin(async move {
            let (events, operations) = tokio::join!(events, operations);
            events.and(operations)
        })
    }
}

/// The member of the operational events' group.
struct Second {
    log: Arc<dyn Subscribe>,
    subscription: Subscription,
    state: State,
    outage: Outages<()>,
}

enum State {
    /// The events are not assigned yet.
    NotYet,
    Joining(AbortOnDropHandle<Result<Box<dyn Consumer>, LogError>>),
    Joined {
        consumer: Box<dyn Consumer>,
        held: Vec<Partition>,
    },
    /// It failed, and is tried again at that time.
    Resting(tokio::time::Instant),
}

impl Second {
    fn may_join(&mut self) {
        if matches!(self.state, State::NotYet) {
            self.join();
        }
    }

    fn join(&mut self) {
        let (log, subscription) = (Arc::clone(&self.log), self.subscription.clone());
        let joining = tokio::spawn(async move { log.subscribe(subscription).await });
        self.state = State::Joining(AbortOnDropHandle::new(joining));
    }

    /// Waits for something to happen. Returns a change if it concerns the owner of the partitions. Cancel-safe.
    async fn next(&mut self) -> Option<Change> {
        match &mut self.state {
            State::NotYet => pending().await,
            State::Resting(until) => {
                tokio::time::sleep_until(*until).await;
                self.join();
                None
            }
            State::Joining(joining) => {
                match joining.await {
                    Ok(Ok(consumer)) => {
                        let held = Vec::new();
                        self.state = State::Joined { consumer, held };
                    }
                    Ok(Err(error)) => self.failed(&error.to_string()),
                    Err(error) => self.failed(&error.to_string()),
                }
                None
            }
            State::Joined { consumer, held } => match consumer.next().await {
                Ok(change) => {
                    match &change {
                        // Says nothing to an owner who knows of the events that it has joined.
                        Change::Assigned(readers) if readers.is_empty() => {
                            self.works();
                            return None;
                        }
                        Change::Assigned(readers) => {
                            held.extend(readers.iter().map(|reader| reader.partition().clone()));
                            self.works();
                        }
                        Change::Revoked(revocation) => held.retain(|held| !revocation.partitions.contains(held)),
                        Change::Lost(partitions) => held.retain(|held| !partitions.contains(held)),
                    }
                    Some(change)
                }
                Err(error) => {
                    let lost = std::mem::take(held);
                    self.failed(&error.to_string());
                    (!lost.is_empty()).then_some(Change::Lost(lost))
                }
            },
        }
    }

    fn works(&self) {
        if let Some(Line { seconds, .. }) = self.outage.over(&(), Instant::now()) {
            tracing::info!(topic = %self.subscription.topic, seconds, "operational events are read again");
        }
    }

    /// Leaves the group, and rests.
    fn failed(&mut self, reason: &str) {
        if let Some(line) = self.outage.failed(&(), reason, Instant::now()) {
            let Subscription { topic, membership, .. } = &self.subscription;
            tracing::warn!(%topic, ?membership, reason = line.reason, seconds = line.seconds,
                "operational events are not read for now; events are delivered as ever");
        }
        let resting = State::Resting(tokio::time::Instant::now() + TRY_AGAIN);
        if let State::Joined { consumer, .. } = std::mem::replace(&mut self.state, resting) {
            // Beside everything else: it is of no use any more, and may take a while.
            tokio::spawn(consumer.close());
        }
    }

    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>> {
        match &self.state {
            State::Joined { consumer, .. } => consumer.lag(),
            State::NotYet | State::Joining(_) | State::Resting(_) => Box::pin(async { Ok(Vec::new()) }),
        }
    }

    fn close(self) -> BoxFuture<'static, Result<(), LogError>> {
        match self.state {
            State::Joined { consumer, .. } => consumer.close(),
            State::NotYet | State::Joining(_) | State::Resting(_) => Box::pin(async { Ok(()) }),
        }
    }
}
