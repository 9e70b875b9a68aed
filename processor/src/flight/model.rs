//! What goes out of sequences one by one, held to a naive model that has no index and looks at everything each time.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use schemas::event::Event;
use schemas::record::Record;

use super::lanes::MOST;
use super::pick::{SEQUENCE_MOST, SHARE};
use super::*;

const TARGETS: [&str; 3] = ["a", "b", "c"];
/// More than may be under way at one target.
const KEYS: usize = 2 * MOST;

/// A target and a key, by their numbers.
type Sequence = (usize, usize);

/// A delivery without an outcome that settles it.
#[derive(Debug, Clone)]
struct Open {
    sequence: Sequence,
    due: Instant,
    attempt: u32,
    read: Instant,
    under_way: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// Reads records: their keys, and for each target whether it gets a delivery.
    Read(Vec<(usize, [bool; 3])>),
    Pick {
        times: usize,
        most: usize,
    },
    /// Some of what is under way has its outcomes.
    Return {
        which: Index,
        delivered: usize,
        then: Then,
    },
    /// Gives up what waits and was read so long ago.
    MakeRoom {
        millis: u64,
        most: usize,
    },
    Pass(u64),
}

/// What becomes of the first delivery that is not delivered; those after it are held.
#[derive(Debug, Clone, Copy)]
enum Then {
    Retry(u64),
    NotTried(u64),
    GivenUp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let then = prop_oneof![
        (0_u64..4000).prop_map(Then::Retry),
        (0_u64..500).prop_map(Then::NotTried),
        Just(Then::GivenUp)
    ];
    // Few keys with many deliveries, and many with few.
    let key = prop_oneof![0..3_usize, 0..KEYS];
    let step = prop_oneof![
        3 => prop::collection::vec((key, any::<[bool; 3]>()), 1..60).prop_map(Step::Read),
        4 => (1..90_usize, prop_oneof![1..90_usize, 200..600_usize]).prop_map(|(times, most)| Step::Pick { times, most }),
        8 => (any::<Index>(), 0..20_usize, then)
            .prop_map(|(which, delivered, then)| Step::Return { which, delivered, then }),
        1 => (0..3000_u64, 1..10_usize).prop_map(|(millis, most)| Step::MakeRoom { millis, most }),
        3 => (0..1500_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..80)
}

fn target(of: Sequence) -> Target {
    Target::Named(TARGETS[of.0].to_owned())
}

fn key(of: Sequence) -> Bytes {
    Bytes::from(format!("key-{}", of.1))
}

struct Test {
    flight: Flight,
    event: Arc<Event>,
    open: BTreeMap<WorkId, Open>,
    under_way: Vec<Picked>,
    /// How often in a row another target was picked, while this one had something that could go out.
    passed_over: [usize; TARGETS.len()],
    /// Of the last pick.
    share: usize,
    now: Instant,
    end: i64,
}

impl Test {
    fn new() -> Self {
        let event = Bytes::from_static(br#"{"id":"019cd7f6-f0e0-82b2-9fbf-000000000001","source":"/t/s","type":"x","time":"2026-03-10T13:36:50.912Z",
            "tenant":"t","platform":"standard","receivedtime":"2026-03-10T13:36:50.912Z","partitionkey":"k","rawsha256":"","data":{}}"#);
        Self {
            flight: Flight::new(partition(), true),
            event: Arc::new(Event::decode(&event).expect("an event")),
            open: BTreeMap::new(),
            under_way: Vec::new(),
            passed_over: [0; TARGETS.len()],
            share: 0,
            now: Instant::now(),
            end: 0,
        }
    }

    fn read(&mut self, number: usize, targets: [bool; 3]) {
        let offset = Offset(self.end);
        self.end += 1;
        let record = Arc::new(StoredRecord {
            offset,
            record: Record {
                key: key((0, number)),
                headers: vec![],
                value: Bytes::from_static(b"{}"),
            },
        });
        let sequences = (0..TARGETS.len()).filter(|of| targets[*of]).map(|of| (of, number));
        let mut deliveries = Vec::new();
        for (sequence, number) in sequences.zip(0..) {
            deliveries.push(Delivery {
                partition: Arc::new(partition()),
                event: Arc::clone(&self.event),
                record: Arc::clone(&record),
                target: target(sequence),
                rules: vec![],
                rules_version: "v".into(),
                attempt: 1,
            });
            let open = Open {
                sequence,
                due: self.now,
                attempt: 1,
                read: self.now,
                under_way: false,
            };
            self.open.insert(WorkId { offset, number }, open);
        }
        self.flight.add(&record, deliveries, vec![], self.now);
    }

    /// The sequences of a target that are under way, and their deliveries.
    fn under_way_of(&self, of: usize) -> (usize, usize) {
        let of = Target::Named(TARGETS[of].to_owned());
        let ours = self
            .under_way
            .iter()
            .filter(|picked| picked.batch.deliveries[0].target == of);
        ours.fold((0, 0), |(sequences, deliveries), picked| {
            (sequences + 1, deliveries + picked.ids.len())
        })
    }

    /// Whether a target has as much under way as it may, where that is so many deliveries.
    fn is_full(&self, of: usize, share: usize) -> bool {
        let (sequences, deliveries) = self.under_way_of(of);
        sequences >= MOST || deliveries >= share
    }

    /// The sequences that are under way.
    fn busy(&self) -> HashSet<Sequence> {
        let under_way = self.open.values().filter(|open| open.under_way);
        under_way.map(|open| open.sequence).collect()
    }

    /// The deliveries of each sequence that could go out, most first.
    fn ready(&self, most: usize) -> BTreeMap<Sequence, Vec<WorkId>> {
        let busy = self.busy();
        let mut pending: BTreeMap<Sequence, Vec<(WorkId, &Open)>> = BTreeMap::new();
        for (id, open) in &self.open {
            pending.entry(open.sequence).or_default().push((*id, open));
        }
        let share = (most / SHARE).max(1);
        let full: Vec<bool> = (0..TARGETS.len()).map(|of| self.is_full(of, share)).collect();
        let left: Vec<usize> = (0..TARGETS.len())
            .map(|of| share.saturating_sub(self.under_way_of(of).1))
            .collect();
        let may_go = |sequence: &Sequence| !busy.contains(sequence) && !full[sequence.0];
        let mut ready = BTreeMap::new();
        for (sequence, pending) in pending.into_iter().filter(|(sequence, _)| may_go(sequence)) {
            let alone = pending[0].1.attempt > 1;
            let most = if alone {
                1
            } else {
                most.min(SEQUENCE_MOST).min(left[sequence.0])
            };
            let goes =
                |(n, (_, open)): &(usize, &(WorkId, &Open))| open.due <= self.now && (*n == 0 || open.attempt == 1);
            let ids = pending.iter().enumerate().take(most).take_while(goes);
            let ids: Vec<WorkId> = ids.map(|(_, (id, _))| *id).collect();
            if !ids.is_empty() {
                ready.insert(sequence, ids);
            }
        }
        ready
    }

    /// Returns whether anything could go out.
    fn pick(&mut self, most: usize) -> bool {
        let ready = self.ready(most);
        self.share = (most / SHARE).max(1);
        let Some(picked) = self.flight.pick_sequence(self.now, most, usize::MAX, |_, _| true) else {
            assert!(ready.is_empty(), "left behind: {ready:?}");
            return false;
        };
        let sequence = self.open[&picked.ids[0]].sequence;
        assert_eq!(ready.get(&sequence), Some(&picked.ids), "of {sequence:?}, in order");
        for (id, delivery) in picked.ids.iter().zip(&picked.batch.deliveries) {
            let open = self.open.get_mut(id).expect("an open delivery");
            assert!(!std::mem::replace(&mut open.under_way, true), "once only");
            assert_eq!((open.sequence, open.attempt), (sequence, delivery.attempt));
            assert_eq!(
                (&delivery.target, &delivery.record.record.key),
                (&target(sequence), &key(sequence))
            );
        }
        self.under_way.push(picked);
        let could: BTreeSet<usize> = ready.keys().map(|sequence| sequence.0).collect();
        for (of, passed_over) in self.passed_over.iter_mut().enumerate() {
            *passed_over = if could.contains(&of) && of != sequence.0 {
                *passed_over + 1
            } else {
                0
            };
            assert!(
                *passed_over < TARGETS.len(),
                "{} waits for more than a turn of the others",
                TARGETS[of]
            );
        }
        true
    }

    fn came_back(&mut self, which: usize, delivered: usize, then: Then) {
        let picked = self.under_way.swap_remove(which);
        let sequence = self.open[&picked.ids[0]].sequence;
        let now = self.now;
        let after = |millis| now + Duration::from_millis(millis);
        for (n, (id, delivery)) in picked.ids.into_iter().zip(picked.batch.deliveries).enumerate() {
            let (due, more) = match then {
                _ if n < delivered => {
                    self.open.remove(&id);
                    self.flight.delivered(id);
                    continue;
                }
                Then::GivenUp if n == delivered => {
                    self.dead_letter(id, delivery);
                    continue;
                }
                Then::Retry(millis) if n == delivered => (after(millis), 1),
                Then::NotTried(millis) if n == delivered => (after(millis), 0),
                _ => (after(5), 0),
            };
            let attempt = delivery.attempt + more;
            let open = self.open.get_mut(&id).expect("it was under way");
            (open.due, open.attempt, open.under_way) = (due, attempt, false);
            self.flight.deliver_at(id, Delivery { attempt, ..delivery }, due, now);
        }
        self.flight.back(&(target(sequence), key(sequence)), now);
    }

    fn make_room(&mut self, read_by: Instant, most: usize) {
        let waits = |open: &Open| {
            let failed = open.due > self.now && open.attempt > 1;
            !open.under_way
                && open.read <= read_by
                && (failed || self.is_full(open.sequence.0, self.share.max(SEQUENCE_MOST)))
        };
        let expected = self.open.iter().filter(|(_, open)| waits(open)).map(|(id, _)| *id);
        let expected: Vec<WorkId> = expected.take(most).collect();
        let taken = self.flight.take_waiting(self.now, read_by, most, |_| true);
        assert_eq!(taken.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), expected);
        for (id, delivery, _) in taken {
            self.dead_letter(id, delivery);
        }
    }

    fn dead_letter(&mut self, id: WorkId, delivery: Delivery) {
        self.open.remove(&id);
        let given_up = GivenUp {
            record: delivery.record,
            target: Some(delivery.target),
            reason: String::new(),
            attempts: 1,
            rules_version: None,
            rules: vec![],
            failures: 0,
        };
        self.flight.give_up(id, given_up, self.now);
        for (id, _) in self.flight.take_letters(self.now, usize::MAX) {
            self.flight.written(id);
        }
    }

    fn check(&self) {
        let busy = self.busy();
        let mut firsts: BTreeMap<Sequence, Instant> = BTreeMap::new();
        for open in self.open.values().filter(|open| !busy.contains(&open.sequence)) {
            firsts.entry(open.sequence).or_insert(open.due);
        }
        let first = firsts.into_values().filter(|due| *due > self.now).min();
        let wakes = self.flight.next_due(self.now);
        assert!(wakes.is_none_or(|at| at > self.now), "it would not wait at all");
        assert!(
            first.is_none_or(|first| wakes.is_some_and(|at| at <= first)),
            "{wakes:?} is too late for {first:?}"
        );

        let records: BTreeSet<Offset> = self.open.keys().map(|id| id.offset).collect();
        assert_eq!(self.flight.records(), records.len());
        let next = records.first().copied().unwrap_or(Offset(self.end));
        assert!(self.end == 0 || self.flight.next() == Some(next), "settled in order");
    }

    /// Delivers everything that is left: none of it is lost, and nothing of it remains.
    fn finish(&mut self) {
        while !self.open.is_empty() {
            while self.pick(usize::MAX) {}
            if self.under_way.is_empty() {
                let next = self.flight.next_due(self.now);
                self.now = next.expect("what is left is due at some time");
            }
            while !self.under_way.is_empty() {
                self.came_back(0, usize::MAX, Then::GivenUp);
            }
            self.check();
        }
        // Timers of what was given up run out by themselves.
        while !self.pick(usize::MAX)
            && let Some(next) = self.flight.next_due(self.now)
        {
            self.now = next;
        }
        assert!(
            self.flight.lanes.as_ref().is_some_and(Lanes::is_empty),
            "{:?}",
            self.flight.lanes
        );
        assert_eq!((self.flight.records(), self.flight.bytes()), (0, 0));
    }
}

fn partition() -> Partition {
    Partition {
        topic: schemas::name::TopicName::new("t").expect("valid"),
        index: 0,
    }
}

proptest! {
    // Each looks at everything after every step, and takes a while.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sequences_go_out_as_the_naive_model_says(steps in steps()) {
        let mut test = Test::new();
        for step in steps {
            match step {
                Step::Read(records) => records.into_iter().for_each(|(key, targets)| test.read(key, targets)),
                Step::Pick { times, most } => {
                    let _ = (0..times).all(|_| test.pick(most));
                }
                Step::Return { which, delivered, then } if !test.under_way.is_empty() => {
                    test.came_back(which.index(test.under_way.len()), delivered, then);
                }
                Step::Return { .. } => {}
                Step::MakeRoom { millis, most } => {
                    if let Some(read_by) = test.now.checked_sub(Duration::from_millis(millis)) {
                        test.make_room(read_by, most);
                    }
                }
                Step::Pass(millis) => test.now += Duration::from_millis(millis),
            }
            test.check();
        }
        test.finish();
    }
}
