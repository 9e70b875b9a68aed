//! What is asked of the breaker of a target, and what it answers.

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use crate::flight::Origin;

/// What [`Health::admit`](super::Health::admit) answers.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The attempt is under way from now on.
    Go(Ticket),
    /// Not now, and not soon: to the backlog with it. Only for [`Origin::Log`].
    Park,
    /// Not now. Ask again at that time at the latest, and whenever an attempt has ended; `None`: only then.
    Wait(Option<Instant>),
}

/// An attempt under way. It holds a slot until it is given to [`Health::ended`](super::Health::ended): also when the attempt was never made.
#[derive(Debug)]
#[must_use = "the slot is held until the ticket is given to `ended`"]
pub(crate) struct Ticket {
    pub(super) origin: Origin,
    /// How often the breaker had opened when the attempt began: what began before it opened says nothing of a probe.
    pub(super) opening: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The target answered, and works: delivered, or rejected for what is in the delivery.
    Delivered,
    /// The target is at fault.
    Failed {
        /// What its `Retry-After` asked for.
        after: Option<Duration>,
    },
    /// Not begun, or this process lacks something: says nothing of the target.
    NotTried,
}

/// What has changed for others: other processes, operators, the queue of new deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    /// [`Health::is_broken`](super::Health::is_broken) from now on.
    Broken,
    /// No longer [`Health::is_broken`](super::Health::is_broken): a probe was delivered.
    Recovered,
}

/// The state, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All is well, as far as known.
    Closed,
    /// It failed: no attempt until the next probe is due.
    Open,
    /// One attempt is under way, by which it is decided.
    Probing,
    /// It has recovered, and gets more from second to second.
    Ramp,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Closed, Self::Open, Self::Probing, Self::Ramp];

    /// As metrics name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
            Self::Ramp => "ramp",
        }
    }
}
