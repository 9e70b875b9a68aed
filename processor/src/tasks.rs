//! The tasks of the owned partitions: started, stopped in time, and noticed when they panic.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use schemas::log::{Change, PartitionReader};
use schemas::record::Partition;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::error::WorkerError;
use crate::metrics::Metrics;
use crate::partition;
use crate::shared::Shared;

/// The tasks of the owned partitions.
pub(crate) struct Tasks {
    shared: Arc<Shared>,
    metrics: Metrics,
    set: JoinSet<Result<(), WorkerError>>,
    running: HashMap<Partition, Running>,
}

struct Running {
    id: Id,
    stop: CancellationToken,
    abort: AbortHandle,
}

pub(crate) type Ended = Result<(Id, Result<(), WorkerError>), JoinError>;

impl Tasks {
    pub(crate) fn new(shared: Arc<Shared>, metrics: Metrics) -> Self {
        Self {
            shared,
            metrics,
            set: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    pub(crate) fn owns(&self, partition: &Partition) -> bool {
        self.running.contains_key(partition)
    }

    pub(crate) fn owned(&self) -> impl Iterator<Item = &Partition> {
        self.running.keys()
    }

    /// Those of the events, which say whether the group has assigned any.
    pub(crate) fn of_events(&self) -> impl Iterator<Item = &Partition> {
        self.owned()
            .filter(|partition| partition.topic == self.shared.log.events)
    }

    /// Returns the next task that ends; `None` while there is no task. Cancel-safe.
    pub(crate) async fn next_ended(&mut self) -> Option<Ended> {
        self.set.join_next_with_id().await
    }

    pub(crate) async fn change(&mut self, change: Change) -> Result<(), WorkerError> {
        match change {
            Change::Assigned(readers) => {
                for reader in readers {
                    self.start(reader);
                }
                Ok(())
            }
            Change::Revoked(revocation) => {
                let patience = Duration::from_millis(self.shared.config.revoke_ms);
                let result = self.stop(&revocation.partitions, patience).await;
                revocation.done();
                result
            }
            Change::Lost(partitions) => {
                // The log has warned of it, with the list.
                tracing::debug!(sink = %self.shared.sink.name(), count = partitions.len(), "partitions lost");
                for partition in &partitions {
                    if let Some(running) = self.running.get(partition) {
                        running.abort.abort();
                    }
                    self.release(partition);
                }
                Ok(())
            }
        }
    }

    fn start(&mut self, reader: Box<dyn PartitionReader>) {
        let partition = reader.partition().clone();
        // If the partition is assigned again without a revocation, its old task must not run beside the new one.
        if let Some(old) = self.running.get(&partition) {
            old.abort.abort();
            self.release(&partition);
        }
        let stop = CancellationToken::new();
        let gauge = self.metrics.in_flight(self.shared.sink.name(), &partition);
        let canaries = partition.topic == self.shared.log.events;
        self.shared.status.assigned(&partition, canaries);
        let abort = self
            .set
            .spawn(partition::run(reader, Arc::clone(&self.shared), gauge, stop.clone()));
        let running = Running {
            id: abort.id(),
            stop,
            abort,
        };
        self.running.insert(partition, running);
    }

    /// Lets these tasks finish their current batch; what takes longer is abandoned and stores nothing.
    async fn stop(&mut self, partitions: &[Partition], patience: Duration) -> Result<(), WorkerError> {
        let deadline = Instant::now() + patience;
        for partition in partitions {
            if let Some(running) = self.running.get(partition) {
                running.stop.cancel();
            }
        }
        let mut result = Ok(());
        while partitions.iter().any(|partition| self.running.contains_key(partition)) {
            match timeout_at(deadline, self.set.join_next_with_id()).await {
                Ok(Some(ended)) => result = result.and(self.ended(ended)),
                Ok(None) => break,
                Err(_elapsed) => {
                    let mut abandoned = 0_u32;
                    for partition in partitions {
                        if let Some(running) = self.running.get(partition) {
                            running.abort.abort();
                            self.release(partition);
                            abandoned += 1;
                        }
                    }
                    tracing::warn!(sink = %self.shared.sink.name(), count = abandoned,
                        "current batches abandoned, they will be repeated");
                }
            }
        }
        result
    }

    pub(crate) async fn stop_all(&mut self, patience: Duration) -> Result<(), WorkerError> {
        let partitions: Vec<Partition> = self.running.keys().cloned().collect();
        let result = self.stop(&partitions, patience).await;
        self.set.shutdown().await;
        result
    }

    /// Handles a task that has ended, was stopped, or has panicked.
    pub(crate) fn ended(&mut self, ended: Ended) -> Result<(), WorkerError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let partition = self
            .running
            .iter()
            .find(|(_, running)| running.id == id)
            .map(|(p, _)| p.clone());
        if let Some(partition) = &partition {
            self.release(partition);
        }
        match (ended, partition) {
            (Ok((_, result)), _) => result,
            (Err(error), Some(partition)) if error.is_panic() => Err(WorkerError::Panicked {
                sink: self.shared.sink.name().clone(),
                partition,
                reason: panic_text(error),
            }),
            // Aborted here, or a partition that is no longer owned.
            (Err(_), _) => Ok(()),
        }
    }

    fn release(&mut self, partition: &Partition) {
        self.running.remove(partition);
        self.shared.status.released(partition);
        self.metrics.forget(self.shared.sink.name(), partition);
        if self.running.is_empty() {
            self.shared.troubles.no_partition();
        }
    }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned()),
        Err(error) => error.to_string(),
    }
}
