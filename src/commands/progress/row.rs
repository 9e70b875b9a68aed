//! One partition as one sink reads it: what is stored, what that is worth, and what another beginning would mean.

use anyhow::anyhow;
use schemas::log::{LogError, LostBecause, PartitionState};
use schemas::name::{GroupName, SinkName};
use schemas::record::{Offset, PartitionProgress, TopicId};
use serde_json::{Value, json};

use crate::cli::Goal;

/// Where the progress is that counts.
#[derive(Debug)]
pub(super) enum Kept {
    InTheLog,
    BySink(Option<PartitionProgress>),
}

/// One partition, as one sink reads it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) sink: SinkName,
    pub(super) group: GroupName,
    pub(super) state: PartitionState,
    pub(super) kept: Kept,
}

/// What is to be said of a sink's progress.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// None is stored: it begins at the oldest record.
    NotBegun,
    /// It continues from there.
    At(Offset),
    /// It cannot continue without a decision of an operator.
    Lost(Offset, LostBecause),
}

impl Row {
    pub(super) fn index(&self) -> i32 {
        self.state.partition.index
    }

    pub(super) fn standing(&self) -> Standing {
        let counts = match &self.kept {
            Kept::InTheLog => self.state.stored.as_ref(),
            Kept::BySink(kept) => kept.as_ref(),
        };
        let Some(progress) = counts else {
            return Standing::NotBegun;
        };
        match progress.check(self.state.topic_id.as_ref(), self.state.earliest, self.state.end) {
            Err(LogError::ProgressLost { why, .. }) => Standing::Lost(progress.next, why),
            _ => Standing::At(progress.next),
        }
    }

    /// How many records it would still read; `None` where that is not decided.
    pub(super) fn lag(&self) -> Option<i64> {
        match self.standing() {
            Standing::NotBegun => Some(self.state.end.0 - self.state.earliest.0),
            Standing::At(next) => Some(self.state.end.0 - next.0),
            Standing::Lost(..) => None,
        }
    }

    pub(super) fn change(&self, goal: Goal) -> anyhow::Result<Change<'_>> {
        let PartitionState { earliest, end, .. } = self.state;
        let to = match goal {
            Goal::Earliest => earliest,
            Goal::Latest => end,
            Goal::At(offset) if (earliest..=end).contains(&offset) => offset,
            Goal::At(offset) => {
                return Err(anyhow!(
                    "{} holds the offsets {earliest} to {end} (the next one that is written), and not {offset}",
                    self.state.partition
                ));
            }
        };
        Ok(Change { row: self, to })
    }

    pub(super) fn json(&self) -> Value {
        let progress = |progress: &Option<PartitionProgress>| {
            progress.as_ref().map(|p| {
                json!({
                    "next": p.next.0,
                    "topic_id": p.topic_id.as_ref().map(TopicId::as_str),
                })
            })
        };
        let (standing, kept) = (
            self.standing(),
            match &self.kept {
                Kept::InTheLog => None,
                Kept::BySink(kept) => progress(kept),
            },
        );
        json!({
            "sink": self.sink.as_str(),
            "group": self.group.as_str(),
            "topic": self.state.partition.topic.as_str(),
            "topic_id": self.state.topic_id.as_ref().map(TopicId::as_str),
            "partition": self.index(),
            "stored": progress(&self.state.stored),
            "kept": kept,
            "earliest": self.state.earliest.0,
            "end": self.state.end.0,
            "lag": self.lag(),
            "state": standing.word(),
        })
    }
}

impl Standing {
    fn word(&self) -> &'static str {
        match self {
            Self::NotBegun => "not_begun",
            Self::At(_) => "ok",
            Self::Lost(_, LostBecause::OutOfRange { .. }) => "out_of_range",
            Self::Lost(_, LostBecause::OtherTopic { .. }) => "other_topic",
        }
    }

    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::NotBegun => "nothing stored yet: begins at the oldest",
            Self::At(_) => "ok",
            Self::Lost(_, LostBecause::OutOfRange { .. }) => {
                "stored is not in the log any more: `forebay progress set`"
            }
            Self::Lost(_, LostBecause::OtherTopic { .. }) => "stored for another topic: `forebay progress set`",
        }
    }
}

/// What is to be done to one partition.
pub(super) struct Change<'a> {
    row: &'a Row,
    to: Offset,
}

impl Change<'_> {
    /// With the id of the topic that there is now.
    pub(super) fn progress(&self) -> PartitionProgress {
        PartitionProgress {
            partition: self.row.state.partition.clone(),
            topic_id: self.row.state.topic_id.clone(),
            next: self.to,
        }
    }

    pub(super) fn in_words(&self) -> String {
        let Self { row, to } = self;
        let PartitionState {
            partition, earliest, ..
        } = &row.state;
        let (from, was) = match row.standing() {
            Standing::NotBegun => (*earliest, "nothing stored".to_owned()),
            Standing::At(next) => (next, next.to_string()),
            Standing::Lost(next, LostBecause::OutOfRange { .. }) => {
                (*earliest, format!("{next}, not in the log any more"))
            }
            Standing::Lost(next, LostBecause::OtherTopic { .. }) => (*earliest, format!("{next} of another topic")),
        };
        let effect = match (to.0 - from.0, row.standing()) {
            (0, Standing::At(_)) => "nothing is skipped or repeated".to_owned(),
            (0, _) => "all that the log holds is delivered".to_owned(),
            // Offsets may have holes.
            (skipped @ 1.., _) => format!("skips up to {skipped} records"),
            (repeated, _) => format!("repeats up to {} records", -repeated),
        };
        format!("{partition}: from {was} to {to}: {effect}")
    }
}

#[cfg(test)]
mod tests {
    use schemas::name::TopicName;
    use schemas::record::Partition;

    use super::*;

    /// What the sink itself keeps.
    #[derive(Clone, Copy)]
    enum Own {
        None,
        Empty,
        At(i64, &'static str),
    }

    /// A partition that holds 10 to 50, of the topic `now`.
    fn row(stored: Option<(i64, &'static str)>, kept: Own) -> Row {
        let partition = Partition {
            topic: TopicName::new("forebay.events").expect("a name"),
            index: 3,
        };
        let progress = |(next, topic_id): (i64, &'static str)| PartitionProgress {
            partition: partition.clone(),
            topic_id: (!topic_id.is_empty()).then(|| TopicId::new(topic_id)),
            next: Offset(next),
        };
        Row {
            sink: SinkName::new("postgres").expect("a name"),
            group: GroupName::new("forebay.postgres").expect("a name"),
            kept: match kept {
                Own::None => Kept::InTheLog,
                Own::Empty => Kept::BySink(None),
                Own::At(next, topic_id) => Kept::BySink(Some(progress((next, topic_id)))),
            },
            state: PartitionState {
                topic_id: Some(TopicId::new("now")),
                earliest: Offset(10),
                end: Offset(50),
                stored: stored.map(progress),
                partition: partition.clone(),
            },
        }
    }

    #[test]
    fn what_the_sink_keeps_is_what_counts() {
        for (row, state, lag) in [
            (row(Some((20, "now")), Own::None), "ok", Some(30)),
            (row(Some((20, "")), Own::None), "ok", Some(30)),
            (row(None, Own::None), "not_begun", Some(40)),
            (row(Some((20, "before")), Own::None), "other_topic", None),
            (row(Some((5, "now")), Own::None), "out_of_range", None),
            (row(Some((20, "now")), Own::At(50, "now")), "ok", Some(0)),
            (row(Some((20, "now")), Own::Empty), "not_begun", Some(40)),
            (row(Some((20, "now")), Own::At(20, "before")), "other_topic", None),
        ] {
            let json = row.json();
            assert_eq!((&json["state"], &json["lag"]), (&json!(state), &json!(lag)), "{row:?}");
        }
    }

    #[test]
    fn a_change_says_what_it_means() {
        let at_20 = row(Some((20, "now")), Own::None);
        for (row, goal, expected) in [
            (&at_20, Goal::Earliest, "from 20 to 10: repeats up to 10 records"),
            (&at_20, Goal::Latest, "from 20 to 50: skips up to 30 records"),
            (
                &at_20,
                Goal::At(Offset(20)),
                "from 20 to 20: nothing is skipped or repeated",
            ),
            (
                &row(Some((20, "before")), Own::None),
                Goal::Earliest,
                "from 20 of another topic to 10: all that the log holds is delivered",
            ),
            (
                &row(Some((5, "now")), Own::None),
                Goal::At(Offset(12)),
                "from 5, not in the log any more to 12: skips up to 2 records",
            ),
            (
                &row(None, Own::None),
                Goal::Latest,
                "from nothing stored to 50: skips up to 40 records",
            ),
        ] {
            let change = row.change(goal).expect("within the log");
            assert_eq!(change.in_words(), format!("forebay.events[3]: {expected}"));
            assert_eq!(change.progress().topic_id, Some(TopicId::new("now")));
        }
    }

    #[test]
    fn an_offset_outside_of_the_log_is_refused_with_the_range() {
        for offset in [9, 51] {
            let Err(error) = row(None, Own::None).change(Goal::At(Offset(offset))) else {
                panic!("{offset} is outside");
            };
            assert!(error.to_string().contains("10 to 50"), "{error}");
        }
        for offset in [10, 50] {
            assert!(row(None, Own::None).change(Goal::At(Offset(offset))).is_ok());
        }
    }
}
