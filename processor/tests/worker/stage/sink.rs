//! A sink that answers as the test scripts it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::BoxFuture;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::record::{Offset, Partition, PartitionProgress};
use schemas::sink::{Batch, Handling, KeepsProgress, Outcome, Sink, Target, Unavailable};

use super::number;

/// What a scripted sink answers to a batch.
pub(crate) type Answer = Box<dyn FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send>;

/// A sink with scripted answers, which keeps what it delivered.
pub(crate) struct ScriptedSink {
    pub(crate) name: SinkName,
    pub(crate) targets: Vec<Target>,
    /// Whether it takes an argument, which names the target; without one the target is `all`.
    pub(crate) named: bool,
    pub(crate) delay: fn(&Batch) -> Duration,
    answer: Mutex<Answer>,
    delivered: Mutex<Vec<Delivered>>,
    checkpoints: Mutex<Vec<(i32, Offset)>>,
    pub(crate) progress: Mutex<Option<Offset>>,
    /// Whether it keeps its progress.
    pub(crate) keeps: bool,
    /// Whether its targets have nothing to do with one another.
    pub(crate) apart: bool,
    /// How each target is handled; `None` if it is there no more.
    pub(crate) handling: Option<Arc<Handling>>,
    /// How long a delivery waits before its attempt begins.
    pub(crate) begins_after: fn(&Batch) -> Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) target: String,
    pub(crate) attempt: u32,
    pub(crate) rules: Vec<String>,
}

impl std::fmt::Debug for ScriptedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptedSink")
    }
}

impl ScriptedSink {
    pub(crate) fn new(answer: impl FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send + 'static) -> Arc<Self> {
        Arc::new(Self::plain(answer))
    }

    pub(crate) fn plain(answer: impl FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send + 'static) -> Self {
        Self {
            name: SinkName::new("postgres").expect("valid"),
            targets: vec![Target::Only],
            named: false,
            delay: |_| Duration::from_millis(1),
            answer: Mutex::new(Box::new(answer)),
            delivered: Mutex::default(),
            checkpoints: Mutex::default(),
            progress: Mutex::default(),
            keeps: false,
            apart: false,
            handling: Some(Arc::default()),
            begins_after: |_| Duration::ZERO,
        }
    }

    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        self.delivered.lock().expect("no panic").clone()
    }

    pub(crate) fn offsets(&self, partition: i32) -> Vec<i64> {
        let ours = |d: &Delivered| (d.partition == partition).then_some(d.offset);
        self.delivered().iter().filter_map(ours).collect()
    }

    pub(crate) fn checkpoints(&self) -> Vec<(i32, Offset)> {
        self.checkpoints.lock().expect("no panic").clone()
    }
}

impl Sink for ScriptedSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn targets(&self, _: &Event, argument: Option<&str>) -> Vec<Target> {
        if self.named {
            return vec![Target::Named(argument.unwrap_or("all").to_owned())];
        }
        self.targets.clone()
    }

    fn delivers_apart(&self) -> bool {
        self.apart
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let wait = (self.begins_after)(batch);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            batch.begun.note();
            tokio::time::sleep((self.delay)(batch)).await;
            assert!(!batch.deliveries.is_empty());
            let offsets: Vec<Offset> = batch.deliveries.iter().map(|d| d.record.offset).collect();
            assert!(offsets.is_sorted(), "in order of offset");
            let outcomes = (self.answer.lock().expect("no panic"))(batch)?;
            let mut delivered = self.delivered.lock().expect("no panic");
            for (delivery, outcome) in batch.deliveries.iter().zip(&outcomes) {
                if *outcome == Outcome::Delivered {
                    delivered.push(Delivered {
                        partition: delivery.partition.index,
                        offset: delivery.record.offset.0,
                        target: delivery.target.to_string(),
                        attempt: delivery.attempt,
                        rules: delivery.rules.iter().map(ToString::to_string).collect(),
                    });
                }
            }
            Ok(outcomes)
        })
    }

    fn handling(&self, _: &Target) -> Option<Arc<Handling>> {
        self.handling.clone()
    }

    fn kept_progress(&self) -> Option<&dyn KeepsProgress> {
        self.keeps.then_some(self)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }
}

impl KeepsProgress for ScriptedSink {
    fn progress<'a>(
        &'a self,
        partition: &'a Partition,
    ) -> BoxFuture<'a, Result<Option<PartitionProgress>, Unavailable>> {
        let progress = *self.progress.lock().expect("no panic");
        let progress = progress.map(|next| PartitionProgress {
            partition: partition.clone(),
            topic_id: None,
            next,
        });
        Box::pin(async move { Ok(progress) })
    }

    fn checkpoint<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>> {
        let checkpoint = (progress.partition.index, progress.next);
        self.checkpoints.lock().expect("no panic").push(checkpoint);
        Box::pin(async { Ok(()) })
    }

    fn set_progress<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>> {
        *self.progress.lock().expect("no panic") = Some(progress.next);
        Box::pin(async { Ok(()) })
    }
}

/// Every delivery gets the outcome that `judge` returns for its record's number and its attempt.
pub(crate) fn each(
    mut judge: impl FnMut(u64, u32) -> Outcome + Send + 'static,
) -> impl FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send + 'static {
    move |batch| {
        let judged = batch
            .deliveries
            .iter()
            .map(|d| judge(number(&d.record.record), d.attempt));
        Ok(judged.collect())
    }
}

pub(crate) fn retry() -> Outcome {
    Outcome::Retry {
        after: None,
        reason: "the test says later".to_owned(),
    }
}

pub(crate) fn rejected() -> Outcome {
    Outcome::Rejected {
        reason: "the test says no".to_owned(),
    }
}

pub(crate) fn lack() -> Outcome {
    Outcome::Unavailable {
        reason: "the test has no descriptors".to_owned(),
    }
}
