//! Filling the tables of current state from events that were stored before there were any, or while the sink kept none.
//!
//! The events are read from `event` in the order of their ids, some at a time, and what they say is written with the statements of the
//! sink, each time in a transaction of its own. Since state is a join, the sink may write meanwhile, a stretch may be filled twice, and
//! one that was broken off is begun again anywhere before the place where it stopped.

use schemas::BoxFuture;
use schemas::id::EventId;
use schemas::name::SinkName;
use schemas::sink::Unavailable;
use schemas::time::Timestamp;
use uuid::Uuid;

use super::facts::Told;
use super::{State, StateWritten};

/// How many events are read and told of at a time.
pub(crate) const EVENTS_AT_A_TIME: i64 = 1000;

/// A sink that keeps state beside its events.
pub trait FillsState: Send + Sync {
    /// Its name.
    fn name(&self) -> &SinkName;

    /// Whether it keeps any table of state.
    fn keeps_state(&self) -> bool;

    /// Tells the tables what the first thousand events of the stretch say. Changes nothing if they say nothing new.
    fn fill_state(&self, stretch: Stretch) -> BoxFuture<'_, Result<Filled, Unavailable>>;

    /// Raises `event_hour` to what is in the table `event`, while sinks go on: after an upgrade from a version that did not count. Never
    /// lowers a count, since rows may have been dropped.
    fn recount_hours(&self) -> BoxFuture<'_, Result<(), Unavailable>>;
}

/// The events whose ids lie between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub(crate) after: Uuid,
    pub(crate) before: Uuid,
}

impl Stretch {
    /// The events with ids of these times, from the first (or the beginning) on and before the second (or to the end).
    pub fn new(from: Option<Timestamp>, before: Option<Timestamp>) -> Self {
        let first = |time: Timestamp| u128::from(time.millis().unsigned_abs()) << 80;
        Self {
            after: Uuid::from_u128(from.map_or(0, first).saturating_sub(1)),
            before: before.map_or(Uuid::max(), |time| Uuid::from_u128(first(time))),
        }
    }

    /// The rest of it after this event.
    #[must_use]
    pub fn beyond(self, event: EventId) -> Self {
        Self {
            after: event.uuid(),
            ..self
        }
    }
}

/// What came of some events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Filled {
    /// The first of them; none where the stretch had no events left.
    pub first: Option<EventId>,
    /// The last of them.
    pub last: Option<EventId>,
    /// How many they were.
    pub events: u64,
    /// How many of them were left out, wholly or in part: their data could not be read, or name nothing that can be a key.
    pub unread: u64,
    /// How many rows of state are new or changed.
    pub written: u64,
    /// How many rows could not be written.
    pub refused: u64,
    /// Why the first of those could not, where the database said so.
    pub refusal: Option<String>,
}

/// An event as a database gives it back.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) id: EventId,
    pub(crate) time: Timestamp,
    pub(crate) tenant: String,
    pub(crate) source: String,
    pub(crate) platform: String,
    pub(crate) event_type: String,
    pub(crate) data: String,
}

impl Filled {
    /// What these events say, and the beginning of what will have come of them.
    pub(crate) fn tell(events: &[StoredEvent]) -> (State, Self) {
        let mut state = State::default();
        for event in events {
            state.take_told(&Told {
                id: event.id,
                time: event.time,
                tenant: &event.tenant,
                source: &event.source,
                platform: &event.platform,
                event_type: &event.event_type,
                data: &event.data,
            });
        }
        let filled = Self {
            first: events.first().map(|event| event.id),
            last: events.last().map(|event| event.id),
            events: u64::try_from(events.len()).unwrap_or(u64::MAX),
            ..Self::default()
        };
        (state, filled)
    }

    /// The same, and what was written.
    pub(crate) fn and(mut self, written: StateWritten) -> Self {
        for (_, counts) in written.iter() {
            self.written += counts.written;
            self.refused += counts.refused;
        }
        self.unread = written.unread;
        self.refusal = written.refusal;
        self
    }

    /// Adds what came of the next events.
    pub fn add(&mut self, next: Self) {
        self.first = self.first.or(next.first);
        self.last = next.last.or(self.last);
        self.events += next.events;
        self.unread += next.unread;
        self.written += next.written;
        self.refused += next.refused;
        self.refusal = self.refusal.take().or(next.refusal);
    }
}

#[cfg(test)]
mod tests {
    use schemas::name::{SourceId, Tenant};

    use super::*;

    #[test]
    fn a_stretch_has_the_first_id_of_its_beginning_and_none_of_its_end() {
        let time = |text: &str| Timestamp::parse(text).expect("a time");
        let (from, before) = (time("2026-03-10T13:36:50.912Z"), time("2026-03-11T00:00:00Z"));
        let stretch = Stretch::new(Some(from), Some(before));
        let id = |time: Timestamp| {
            let (tenant, source) = (Tenant::new("acme").expect("valid"), SourceId::new("s").expect("valid"));
            EventId::derive(time, &tenant, &source, &["1"]).uuid()
        };
        let holds = |id: Uuid| stretch.after < id && id < stretch.before;
        let (ms, day) = (from.millis(), before.millis());
        let at = |ms: i64| id(Timestamp::from_millis(ms).expect("in range"));
        assert_eq!(
            [ms - 1, ms, day - 1, day].map(|ms| holds(at(ms))),
            [false, true, true, false]
        );
        let all = Stretch::new(None, None);
        assert!(all.after < id(Timestamp::MIN) && id(Timestamp::MAX) < all.before);
    }
}
