//! Sinks around other sinks: one whose deliveries are printed, and one that takes only what comes from now on.

use std::sync::Arc;

use processor::Schedule;
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::sink::{Batch, Handling, KeepsProgress, Outcome, Sink, Target, Unavailable};
use schemas::time::Timestamp;
use tokio::time::Instant;

use super::lines::Lines;

/// A sink whose deliveries are printed.
#[derive(Debug)]
pub(super) struct Watched {
    inner: Arc<dyn Sink>,
    lines: Arc<Lines>,
    schedule: Schedule,
}

impl Watched {
    /// `schedule` is that of the sink's worker.
    pub(super) fn new(inner: Arc<dyn Sink>, lines: Arc<Lines>, schedule: Schedule) -> Self {
        Self { inner, lines, schedule }
    }
}

impl Sink for Watched {
    fn name(&self) -> &SinkName {
        self.inner.name()
    }

    fn targets(&self, event: &Event, argument: Option<&str>) -> Vec<Target> {
        self.inner.targets(event, argument)
    }

    fn delivers_apart(&self) -> bool {
        self.inner.delivers_apart()
    }

    fn handling(&self, target: &Target) -> Option<Arc<Handling>> {
        self.inner.handling(target)
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let begun = Instant::now();
            let outcomes = self.inner.deliver(batch).await?;
            self.lines
                .delivered(&self.inner, batch, &outcomes, Some(&self.schedule), begun.elapsed());
            Ok(outcomes)
        })
    }

    fn kept_progress(&self) -> Option<&dyn KeepsProgress> {
        self.inner.kept_progress()
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.inner.ready()
    }
}

/// A sink that takes only events that came after it was made: one that follows what happens, not what has happened.
#[derive(Debug)]
pub(super) struct Since {
    inner: Arc<dyn Sink>,
    begin: Timestamp,
}

impl Since {
    pub(super) fn now(inner: Arc<dyn Sink>) -> Self {
        let begin = Timestamp::now();
        Self { inner, begin }
    }
}

impl Sink for Since {
    fn name(&self) -> &SinkName {
        self.inner.name()
    }

    fn targets(&self, event: &Event, argument: Option<&str>) -> Vec<Target> {
        if event.attributes.received < self.begin {
            return Vec::new();
        }
        self.inner.targets(event, argument)
    }

    fn delivers_apart(&self) -> bool {
        self.inner.delivers_apart()
    }

    fn handling(&self, target: &Target) -> Option<Arc<Handling>> {
        self.inner.handling(target)
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        self.inner.deliver(batch)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.inner.ready()
    }
}
