//! Operational events: what happened to Forebay's own parts that someone should know of, as events that can be routed.

use std::fmt;

use crate::name::SinkName;
use crate::time::Timestamp;

/// What happened to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetChanged {
    /// The sink.
    pub sink: SinkName,
    /// The target's name.
    pub target: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub change: TargetChange,
    /// The version of the target's condition: the same change, found by two processes, has one version and is one event.
    pub version: i64,
}

/// A change of a target's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetChange {
    /// Its deliveries fail. They wait, and it is tried now and then.
    Failing {
        /// The last failure, for people.
        reason: String,
    },
    /// It takes deliveries again.
    Recovered {
        /// Since when it had failed.
        failing_since: Timestamp,
    },
    /// It gets no more deliveries, until an operator enables it.
    Disabled {
        /// Why, for people.
        reason: String,
        /// Since when it had failed, if it had.
        failing_since: Option<Timestamp>,
    },
}

/// Who is told what happened.
pub trait Operations: Send + Sync + fmt::Debug {
    /// Takes a report. Never waits; it is published as soon as the event log takes it.
    fn report(&self, changed: TargetChanged);
}
