//! What a worker logs of its partitions: one line for each assignment, and a line while it waits for one.

use std::fmt::Write as _;
use std::time::Duration;

use schemas::name::SinkName;
use schemas::record::Partition;
use tokio::time::Instant;

/// How long joining a group takes when no member has died.
const USUAL: Duration = Duration::from_secs(5);
/// How often it is logged that there is still no assignment.
const AGAIN: Duration = Duration::from_mins(1);

/// The partitions of one membership, as far as logged.
#[derive(Debug)]
pub(crate) struct Holding {
    sink: SinkName,
    since: Instant,
    /// When the next line about waiting is due; `None` once partitions were assigned.
    due: Option<Instant>,
    told: Option<Vec<i32>>,
}

impl Holding {
    pub(crate) fn new(sink: SinkName) -> Self {
        let since = Instant::now();
        Self {
            sink,
            since,
            due: Some(since + USUAL),
            told: None,
        }
    }

    /// Logs which partitions are held after an assignment, if these are others than before.
    pub(crate) fn assigned<'a>(&mut self, partitions: impl Iterator<Item = &'a Partition>) {
        self.due = None;
        let mut held: Vec<i32> = partitions.map(|partition| partition.index).collect();
        held.sort_unstable();
        if self.told.as_ref() == Some(&held) {
            return;
        }
        if held.is_empty() {
            tracing::info!(sink = %self.sink, "holds no partition: other members of the group have them all");
        } else {
            let (count, partitions) = (held.len(), ranges(&held));
            tracing::info!(sink = %self.sink, count, partitions, "holds partitions");
        }
        self.told = Some(held);
    }

    /// Notes that no partition is held any more: the next assignment is logged, even if it is the same, and so is an
    /// assignment that does not come. That takes longer than at first, because what took them has lines of its own.
    pub(crate) fn lost(&mut self) {
        self.since = Instant::now();
        self.due = Some(self.since + AGAIN);
        self.told = None;
    }

    /// Logs that an assignment is still waited for.
    pub(crate) fn beat(&mut self) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = Some(now + AGAIN);
            let seconds = now.duration_since(self.since).as_secs();
            tracing::info!(sink = %self.sink, seconds,
                "waiting for partitions: the group waits for its members, including one that died, until its session times out; \
                 or the event log is away");
        }
    }
}

/// Writes ascending numbers as ranges: `0-3, 7`.
fn ranges(numbers: &[i32]) -> String {
    let mut text = String::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        let _written = if first == last {
            write!(text, "{comma}{first}")
        } else {
            write!(text, "{comma}{first}-{last}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_written_as_ranges() {
        let all: Vec<i32> = (0..12).collect();
        assert_eq!(ranges(&all), "0-11");
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2, 5, 7-8");
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[]), "");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_told_after_five_seconds_once_a_minute_and_not_once_there_are_partitions() {
        let mut holding = Holding::new(SinkName::new("http").expect("valid"));
        let begin = holding.since;
        holding.beat();
        assert_eq!(holding.due, Some(begin + USUAL), "not yet");
        tokio::time::advance(USUAL).await;
        holding.beat();
        assert_eq!(holding.due, Some(begin + USUAL + AGAIN));
        let topic = schemas::name::TopicName::new("events").expect("valid");
        holding.assigned([Partition { topic, index: 4 }].iter());
        assert_eq!((holding.due, &holding.told), (None, &Some(vec![4])));
        holding.lost();
        let lost = Instant::now();
        assert_eq!(
            (holding.due, holding.told),
            (Some(lost + AGAIN), None),
            "the same is told again"
        );
    }
}
