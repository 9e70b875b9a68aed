//! The rows of a partition, held to a naive model: a table as the database has it, and the deliveries in memory, looked at as a
//! whole each time. What the task of a partition does with rows is done here by hand, in the same order.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use schemas::backlog::{Due, Waiting};
use schemas::record::{Record, StoredRecord};

use super::*;
use crate::flight::Origin;

const TARGETS: [&str; 2] = ["ordered", "free"];

/// A target, by its number, and an offset.
type Name = (usize, i64);

/// A row of the table.
#[derive(Debug, Clone)]
struct Row {
    /// Milliseconds since the beginning.
    due: Option<u64>,
}

/// A change that is not in the table yet.
#[derive(Debug, Clone)]
enum Change {
    Add {
        name: Name,
        due: Option<u64>,
        settles: WorkId,
    },
    Tried {
        name: Name,
        due: u64,
    },
    Remove {
        name: Name,
    },
}

/// A delivery in memory.
#[derive(Debug, Clone)]
struct Here {
    name: Name,
    under_way: bool,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Delivered,
    /// The next attempt is due after so many milliseconds.
    Failed(u64),
    /// Nothing went out.
    NotTried,
    /// It is tried again soon.
    Lack,
}

#[derive(Debug, Clone)]
enum Step {
    /// The log has a record more, of that key.
    Append(usize),
    Read,
    /// One that may go out begins.
    Begin(Index),
    End(Index, Outcome),
    /// One under way has taken long.
    ParkUnderWay(Index, u64),
    /// One pending has waited long, and those after it of its key.
    Park(Index),
    /// One pending is beyond the bound of its target.
    ParkOne(Index),
    Write {
        fails: bool,
        done: bool,
    },
    BeginFetch {
        at_most: usize,
    },
    EndFetch {
        fails: bool,
        cut: usize,
    },
    Pass(u64),
    /// The process ends in the middle of all that, and progress is as old as that.
    Restart {
        back: usize,
    },
    /// Others have made all due, and the partition looks again.
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_index = any::<Index>;
    let outcome = prop_oneof![
        3 => Just(Outcome::Delivered),
        2 => (1_u64..200).prop_map(Outcome::Failed),
        1 => Just(Outcome::NotTried),
        1 => Just(Outcome::Lack),
    ];
    let step = prop_oneof![
        4 => (0..3_usize).prop_map(Step::Append),
        5 => Just(Step::Read),
        8 => any_index().prop_map(Step::Begin),
        8 => (any_index(), outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
        2 => (any_index(), 1_u64..100).prop_map(|(which, due)| Step::ParkUnderWay(which, due)),
        2 => any_index().prop_map(Step::Park),
        2 => any_index().prop_map(Step::ParkOne),
        6 => (0..8_u8).prop_map(|n| Step::Write { fails: n < 2, done: n == 0 }),
        5 => (1..6_usize).prop_map(|at_most| Step::BeginFetch { at_most }),
        6 => (0..10_u8, 1..6_usize).prop_map(|(n, cut)| Step::EndFetch { fails: n == 0, cut }),
        3 => (0_u64..100).prop_map(Step::Pass),
        1 => (0..4_usize).prop_map(|back| Step::Restart { back }),
        1 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..120)
}

struct Test {
    rows: Rows,
    /// The keys of all records of the log.
    log: Vec<usize>,
    read_to: i64,
    table: BTreeMap<Name, Row>,
    outbox: VecDeque<Change>,
    here: BTreeMap<WorkId, Here>,
    /// Deliveries from the log that are settled there.
    settled: BTreeSet<Name>,
    /// Deliveries that arrived, in this life or before.
    arrived: BTreeSet<Name>,
    /// Those of them that went through.
    delivered: BTreeSet<Name>,
    parking: BTreeSet<WorkId>,
    fetching: Option<Vec<Wanted>>,
    fetched: u64,
    began: Instant,
    now: u64,
}

fn target(of: usize) -> Target {
    Target::Named(TARGETS[of].to_owned())
}

fn is_ordered(target: &Target) -> bool {
    *target == Target::Named(TARGETS[0].to_owned())
}

fn key(of: usize) -> Bytes {
    Bytes::from(format!("key-{of}"))
}

impl Test {
    fn new() -> Self {
        Self {
            rows: Rows::default(),
            log: Vec::new(),
            read_to: 0,
            table: BTreeMap::new(),
            outbox: VecDeque::new(),
            here: BTreeMap::new(),
            settled: BTreeSet::new(),
            arrived: BTreeSet::new(),
            delivered: BTreeSet::new(),
            parking: BTreeSet::new(),
            fetching: None,
            fetched: 0,
            began: Instant::now(),
            now: 0,
        }
    }

    fn moment(&self, at: u64) -> Instant {
        self.began + Duration::from_millis(at)
    }

    fn key_of(&self, offset: i64) -> usize {
        self.log[usize::try_from(offset).expect("an offset")]
    }

    /// Calls `act` with the place of a delivery.
    fn at<R>(&mut self, name: Name, act: impl FnOnce(&mut Rows, &Place<'_>) -> R) -> R {
        let (target, key) = (target(name.0), key(self.key_of(name.1)));
        let place = Place {
            target: &target,
            key: &key,
            offset: Offset(name.1),
            ordered: is_ordered(&target),
        };
        act(&mut self.rows, &place)
    }

    fn read(&mut self) {
        if self.read_to == i64::try_from(self.log.len()).expect("few") {
            return;
        }
        let offset = self.read_to;
        let mut pending = Vec::new();
        for of in 0..TARGETS.len() {
            if self.rows.was_parked(&target(of), Offset(offset)) {
                assert!(self.table.contains_key(&(of, offset)), "it is in the table");
                self.settled.insert((of, offset));
                continue;
            }
            assert!(
                !self.table.contains_key(&(of, offset)),
                "a row that would be there twice"
            );
            let id = WorkId {
                offset: Offset(offset),
                number: of as u64,
            };
            let name = (of, offset);
            self.here.insert(id, Here { name, under_way: false });
            pending.push((id, name));
        }
        self.read_to += 1;
        self.rows.read_past(Offset(offset));
        for (id, name) in pending {
            let must = self.at(name, |rows, place| rows.must_follow(place));
            let not_in_memory = |other: &Name| {
                other.0 == 0
                    && name.0 == 0
                    && other.1 < name.1
                    && self.key_of(other.1) == self.key_of(name.1)
                    && !self.here.values().any(|here| here.name == *other)
                    && !self.is_leaving(*other)
            };
            let added = self.outbox.iter().filter_map(|change| match change {
                Change::Add { name, .. } => Some(name),
                _ => None,
            });
            let waits = self
                .table
                .keys()
                .chain(added)
                .find(|other| not_in_memory(other))
                .copied();
            assert!(must || waits.is_none(), "{name:?} has to follow {waits:?}");
            if must {
                self.here.remove(&id);
                self.park(id, name, None);
            }
        }
    }

    fn is_leaving(&self, name: Name) -> bool {
        let leaves = |change: &Change| matches!(change, Change::Remove { name: leaving } if *leaving == name);
        self.outbox.iter().any(leaves)
    }

    fn park(&mut self, id: WorkId, name: Name, due: Option<u64>) {
        let here = self.here.contains_key(&id).then_some(id);
        let at = due.map(|due| self.moment(due));
        self.at(name, |rows, place| rows.adding(place, at, here));
        self.parking.insert(id);
        let settles = id;
        self.outbox.push_back(Change::Add { name, due, settles });
    }

    /// What may go out: of an ordered target the first of each key, if none of it is under way.
    fn ready(&self) -> Vec<WorkId> {
        let mut ready = Vec::new();
        let mut seen = BTreeSet::new();
        let mut busy = BTreeSet::new();
        for here in self.here.values().filter(|here| here.under_way && here.name.0 == 0) {
            busy.insert(self.key_of(here.name.1));
        }
        for (id, here) in &self.here {
            let key = self.key_of(here.name.1);
            let first = here.name.0 != 0 || (seen.insert(key) && !busy.contains(&key));
            if first && !here.under_way {
                ready.push(*id);
            }
        }
        ready
    }

    fn begin(&mut self, id: WorkId) {
        let here = self.here.get_mut(&id).expect("it is in memory");
        here.under_way = true;
        let name = here.name;
        let again = self
            .here
            .iter()
            .filter(|(other, here)| **other != id && here.name == name)
            .count();
        assert_eq!(again, 0, "{name:?} goes out twice at once");
        if id.origin() == Origin::Backlog {
            assert!(self.at(name, |rows, place| rows.is_here(place.target, place.offset, id)));
        }
        if name.0 == 0 && self.arrived.insert(name) {
            let key = self.key_of(name.1);
            let earlier = (0..name.1).filter(|offset| self.key_of(*offset) == key);
            let skipped: Vec<i64> = earlier
                .filter(|offset| !self.delivered.contains(&(0, *offset)))
                .collect();
            assert!(skipped.is_empty(), "{name:?} went out before {skipped:?}");
        }
    }

    fn holds(&mut self, name: Name) -> bool {
        self.at(name, |rows, place| rows.holds(place.target, place.offset))
    }

    fn tried(&mut self, name: Name, due: u64) {
        let at = self.moment(due);
        self.at(name, |rows, place| rows.tried(place, at));
        self.outbox.push_back(Change::Tried { name, due });
    }

    fn end(&mut self, id: WorkId, outcome: Outcome) {
        let name = self.here[&id].name;
        let has_row = self.holds(name);
        match outcome {
            Outcome::Delivered => {
                self.here.remove(&id);
                self.delivered.insert(name);
                if id.origin() == Origin::Log {
                    self.parking.remove(&id);
                    self.settled.insert(name);
                }
                if has_row {
                    self.at(name, Rows::removing);
                    self.outbox.push_back(Change::Remove { name });
                }
            }
            Outcome::Failed(wait) => {
                self.here.remove(&id);
                let due = self.now + wait;
                if has_row {
                    self.tried(name, due);
                } else {
                    self.park(id, name, Some(due));
                }
                self.park_followers(name);
            }
            Outcome::Lack if id.origin() == Origin::Log && has_row => {
                self.here.remove(&id);
                self.tried(name, self.now + 5);
                self.park_followers(name);
            }
            Outcome::NotTried if id.origin() == Origin::Log && !has_row => {
                self.here.remove(&id);
                self.park(id, name, None);
                self.park_followers(name);
            }
            // One that has begun is not taken back, and one from the backlog waits for its turn again.
            Outcome::Lack | Outcome::NotTried => {
                self.here.get_mut(&id).expect("it is here").under_way = false;
                if has_row && id.origin() == Origin::Log {
                    self.end(id, Outcome::Lack);
                }
            }
        }
    }

    fn park_followers(&mut self, name: Name) {
        if name.0 != 0 {
            return;
        }
        let key = self.key_of(name.1);
        let of_key =
            |(_, here): &(&WorkId, &Here)| !here.under_way && here.name.0 == name.0 && self.key_of(here.name.1) == key;
        let pending: Vec<(WorkId, Name)> = self
            .here
            .iter()
            .filter(of_key)
            .map(|(id, here)| (*id, here.name))
            .collect();
        for (id, name) in pending {
            self.here.remove(&id);
            match id.origin() {
                Origin::Log => self.park(id, name, None),
                Origin::Backlog => self.at(name, Rows::put_back),
            }
        }
    }

    fn pending_from_log(&self) -> Vec<WorkId> {
        let pending = self
            .here
            .iter()
            .filter(|(id, here)| id.origin() == Origin::Log && !here.under_way);
        pending.map(|(id, _)| *id).collect()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append(key) => self.log.push(key),
            Step::Read => self.read(),
            Step::Begin(which) => {
                let ready = self.ready();
                if !ready.is_empty() {
                    self.begin(*which.get(&ready));
                }
            }
            Step::End(which, outcome) => {
                let under_way: Vec<WorkId> = self.under_way(|_| true);
                if !under_way.is_empty() {
                    self.end(*which.get(&under_way), outcome);
                }
            }
            Step::ParkUnderWay(which, due) => {
                let under_way = self.under_way(|id| id.origin() == Origin::Log);
                if under_way.is_empty() {
                    return;
                }
                let id = *which.get(&under_way);
                let name = self.here[&id].name;
                if !self.holds(name) {
                    self.park(id, name, Some(self.now + due));
                }
            }
            Step::Park(which) | Step::ParkOne(which) => {
                let pending = self.pending_from_log();
                if pending.is_empty() {
                    return;
                }
                let id = *which.get(&pending);
                let name = self.here.remove(&id).expect("it is here").name;
                self.park(id, name, None);
                // The newest of all are parked where there are too many: no other of its key comes after.
                let key = self.key_of(name.1);
                let later =
                    |here: &Here| here.name.0 == name.0 && here.name.1 > name.1 && self.key_of(here.name.1) == key;
                if matches!(step, Step::Park(_)) || self.here.values().any(later) {
                    // As `park_followers`, and what came before it goes along.
                    self.park_followers(name);
                }
            }
            Step::Write { fails, done } => self.write(fails, done),
            Step::BeginFetch { at_most } => {
                self.begin_fetch(at_most);
            }
            Step::EndFetch { fails, cut } => self.end_fetch(fails, cut),
            Step::Pass(millis) => self.now += millis,
            Step::Restart { back } => self.restart(back),
            Step::Look => self.look(),
        }
    }

    fn under_way(&self, which: impl Fn(WorkId) -> bool) -> Vec<WorkId> {
        let under_way = self.here.iter().filter(|(id, here)| here.under_way && which(**id));
        under_way.map(|(id, _)| *id).collect()
    }

    /// From now on all goes well: all that is left goes out, and nothing remains.
    fn finish(&mut self) {
        let end = i64::try_from(self.log.len()).expect("few");
        for _ in 0..2_000 {
            self.end_fetch(false, usize::MAX);
            self.read();
            for id in self.ready() {
                self.begin(id);
            }
            for id in self.under_way(|_| true) {
                self.end(id, Outcome::Delivered);
            }
            self.write(false, true);
            if self.begin_fetch(4) {
                continue;
            }
            if self.read_to == end && self.here.is_empty() && self.table.is_empty() {
                break;
            }
            let Some(next) = self.rows.next_want(self.moment(self.now + 1)) else {
                continue;
            };
            let next = next.saturating_duration_since(self.began).as_millis();
            self.now = u64::try_from(next).expect("a time");
        }
        assert!(
            self.table.is_empty(),
            "left in the table: {:?}, {:?}",
            self.table,
            self.rows
        );
        assert!(self.here.is_empty(), "left in memory: {:?}", self.here);
        let all = (0..TARGETS.len()).flat_map(|of| (0..end).map(move |offset| (of, offset)));
        let lost: Vec<Name> = all.filter(|name| !self.delivered.contains(name)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(
            self.rows.lanes.is_empty() && self.rows.keys.is_empty() && self.rows.read_again.is_empty(),
            "remains: {:?}",
            self.rows
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_row_goes_out_once_and_in_its_order_whatever_happens(steps in steps()) {
        let mut test = Test::new();
        for step in &steps {
            test.step(step);
        }
        test.finish();
    }
}
