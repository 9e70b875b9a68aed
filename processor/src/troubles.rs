//! What a worker logs of its troubles: for all its partitions together, a line when one begins, one a minute while it lasts,
//! and one when it is over.

mod lines;
mod targets;

use std::time::Duration;

use schemas::name::SinkName;
use schemas::outage::{Line, Outages};
use schemas::record::{Offset, Partition};
use schemas::sink::Target;
use schemas::throttle::LogThrottle;
use schemas::time::Timestamp;
use tokio::time::Instant;

use lines::Lines;
pub(crate) use targets::Changes;

/// What can be wrong with a worker as a whole. The troubles of single targets are kept by target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Trouble {
    /// The sink accepts nothing.
    Sink,
    /// The event log cannot be read.
    Log,
    /// Dead letters cannot be written.
    Letters,
    /// Progress cannot be stored.
    Progress,
    /// Progress does not become durable.
    Commit,
    /// The backlog cannot be written or read.
    Backlog,
    /// This process lacks a resource.
    Lack,
}

impl Trouble {
    fn begins(self) -> &'static str {
        match self {
            Self::Sink => "sink unavailable, trying until it is back",
            Self::Log => "event log unavailable, trying until it is back",
            Self::Letters => "dead letter not written, trying until it is; progress waits",
            Self::Progress => "progress not stored, trying again until it is",
            Self::Commit => "deliveries wait until progress is durable",
            Self::Backlog => {
                "the backlog is away, trying until it is back; deliveries that have to wait stay in memory"
            }
            Self::Lack => {
                "deliveries wait for a resource that this process lacks; they are postponed and lose no attempt"
            }
        }
    }

    fn lasts(self) -> &'static str {
        match self {
            Self::Sink => "sink still unavailable",
            Self::Log => "event log still unavailable",
            Self::Letters => "dead letters are still not written; progress waits",
            Self::Progress => "progress is still not stored",
            Self::Commit => "deliveries still wait until progress is durable",
            Self::Backlog => "the backlog is still away; deliveries that have to wait stay in memory",
            Self::Lack => "deliveries still wait for a resource that this process lacks",
        }
    }

    fn ends(self) -> &'static str {
        match self {
            Self::Sink => "sink is back",
            Self::Log => "event log is back",
            Self::Letters => "dead letters are written again",
            Self::Progress => "progress is stored again",
            Self::Commit => "progress becomes durable again",
            Self::Backlog => "the backlog is back",
            Self::Lack => "nothing is lacking any more: all deliveries that had to wait were tried",
        }
    }

    /// Whether it needs someone, rather than time.
    fn is_grave(self) -> bool {
        matches!(self, Self::Letters | Self::Lack)
    }
}

/// The troubles of one worker.
#[derive(Debug)]
pub(crate) struct Troubles {
    sink: SinkName,
    whole: Outages<Trouble>,
    targets: Outages<Target>,
    /// Targets with dead letters. They have no end, only counts.
    given_up: Outages<Target>,
    /// Of targets that fail or have dead letters.
    failing_lines: Lines,
    /// Of targets that take deliveries again.
    ending_lines: Lines,
    not_events: LogThrottle,
}

impl Troubles {
    pub(crate) fn new(sink: SinkName) -> Self {
        Self {
            sink,
            whole: Outages::default(),
            targets: Outages::default(),
            given_up: Outages::default(),
            failing_lines: Lines::default(),
            ending_lines: Lines::default(),
            not_events: LogThrottle::new(Duration::from_mins(1)),
        }
    }

    /// Notes that any partition has met a trouble.
    pub(crate) fn met(&self, trouble: Trouble, reason: &str) {
        if let Some(line) = self.whole.failed(&trouble, reason, now()) {
            self.tell(trouble, &line);
        }
    }

    /// Notes that any partition no longer meets it.
    pub(crate) fn over(&self, trouble: Trouble) {
        if let Some(Line { seconds, failures, .. }) = self.whole.over(&trouble, now()) {
            tracing::info!(sink = %self.sink, seconds, failures, "{}", trouble.ends());
        }
    }

    /// Logs what lasts and had no line for a minute, and how many targets had none. Called every second or so.
    pub(crate) fn tell_lasting(&self) {
        self.tell_further_targets();
        for (trouble, line) in self.whole.lasting(now()) {
            self.tell(trouble, &line);
        }
    }

    /// Logs no more that what only partitions can find to be over lasts, because none is left.
    pub(crate) fn no_partition(&self) {
        self.whole.leave(|trouble| *trouble != Trouble::Log);
    }

    fn tell(&self, trouble: Trouble, line: &Line) {
        let Line {
            begins,
            seconds,
            failures,
            reason,
            ..
        } = line;
        let text = if *begins { trouble.begins() } else { trouble.lasts() };
        if trouble.is_grave() {
            tracing::error!(sink = %self.sink, error = reason, seconds, failures, "{text}");
        } else {
            tracing::warn!(sink = %self.sink, error = reason, seconds, failures, "{text}");
        }
    }

    /// Notes that a record is no event: a warning at most once a minute.
    pub(crate) fn not_an_event(&self, partition: &Partition, offset: Offset, reason: &str) {
        if let Some(held_back) = self.not_events.allow(Timestamp::now()) {
            tracing::warn!(sink = %self.sink, %partition, offset = offset.0, error = reason, held_back,
                "record is not an event: dead letter");
        }
    }
}

fn now() -> std::time::Instant {
    // The clock of the runtime, which tests can stop.
    Instant::now().into_std()
}
