//! Why the log does not do what was asked, by what the caller will do.

use std::fmt;

use crate::record::{Offset, Partition, PartitionProgress, TopicId};
use crate::setting::{Invalid, in_one_line, within};

/// Why a record was not published, by what the caller will do.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No acknowledgement in time, a full queue, a full disk: try again later. Ingest answers 503.
    #[error("event log unavailable: {reason}")]
    Unavailable {
        /// In words, with topic and cause.
        reason: String,
    },
    /// The log will never take a record of this size. Ingest answers 413.
    #[error("a record of {size_bytes} bytes is more than the event log takes ({limit_bytes} bytes)")]
    TooLarge {
        /// The record's size.
        size_bytes: usize,
        /// The log's limit.
        limit_bytes: usize,
    },
}

/// Why reading or administering a log failed, by what the caller will do.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// May pass: try again with backoff.
    #[error("event log unavailable: {0}")]
    Unavailable(String),
    /// Will not pass by itself: settings, credentials, a missing topic. Stop and report it to the operator.
    #[error("event log misconfigured: {0}")]
    Misconfigured(String),
    /// What is to be read next is not in the log any more. Stop; the operator decides where to go on.
    #[error("progress lost on {partition}: it stands at offset {stored}, {why}; {PROGRESS_HELP}")]
    ProgressLost {
        /// The partition whose progress is of no use.
        partition: Partition,
        /// What the group (or the sink) had stored, or what was to be read next.
        stored: Offset,
        /// What is wrong with that.
        why: LostBecause,
    },
}

impl LogError {
    /// Settings that cannot work, which are written under `section`.
    pub fn of_settings(section: &str, found: Vec<Invalid>) -> Self {
        Self::Misconfigured(in_one_line(&within(section, found)))
    }
}

/// What to do about lost progress.
const PROGRESS_HELP: &str =
    "`forebay progress show` shows what the log holds, `forebay progress set` decides where to go on";

/// Why progress is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostBecause {
    /// The offset is outside of what the log holds.
    OutOfRange {
        /// The offset of the oldest record that retention has left.
        earliest: Offset,
        /// The offset after the newest record's, where the next one goes.
        end: Offset,
    },
    /// It was stored for another topic, which had this name before or has it in another log.
    OtherTopic {
        /// The id of the topic that it was stored for.
        stored: TopicId,
        /// The id of the topic that there is.
        found: TopicId,
    },
}

impl fmt::Display for LostBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { earliest, end } => write!(
                f,
                "the log holds {earliest} to {end} (records expired or the topic was made anew)"
            ),
            Self::OtherTopic { stored, found } => write!(
                f,
                "but of the topic with the id {stored}, and this one has the id {found} (the topic was made anew, or this is \
                 another cluster or journal)"
            ),
        }
    }
}

impl PartitionProgress {
    /// Compares with what the log holds: [`LogError::ProgressLost`] if this is progress of another topic, or outside of
    /// what is still there.
    pub fn check(&self, topic_id: Option<&TopicId>, earliest: Offset, end: Offset) -> Result<(), LogError> {
        let why = match (&self.topic_id, topic_id) {
            (Some(stored), Some(found)) if stored != found => LostBecause::OtherTopic {
                stored: stored.clone(),
                found: found.clone(),
            },
            _ if self.next < earliest || self.next > end => LostBecause::OutOfRange { earliest, end },
            _ => return Ok(()),
        };
        Err(LogError::ProgressLost {
            partition: self.partition.clone(),
            stored: self.next,
            why,
        })
    }
}
