//! The connections that are not in use, by place and by age.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::http2::Connection;
use super::place::Origin;
use super::sender::Exclusive;

/// A connection that nobody uses.
pub(super) enum Kept {
    /// For one request at a time.
    One(Exclusive),
    /// For many.
    Many(Arc<Connection>),
}

impl Kept {
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many(connection) => connection.is_closed(),
        }
    }
}

/// All of them. A larger number was put in later.
#[derive(Default)]
pub(super) struct Idle {
    next: u64,
    by_age: BTreeMap<u64, Unused>,
    by_origin: HashMap<Origin, VecDeque<u64>>,
    /// Whether a task is running that closes those that are unused for too long.
    pub(super) swept: bool,
}

struct Unused {
    origin: Origin,
    kept: Kept,
    since: Instant,
}

impl Idle {
    pub(super) fn add(&mut self, origin: Origin, kept: Kept) {
        let number = self.next;
        self.next += 1;
        self.by_origin.entry(origin.clone()).or_default().push_back(number);
        let since = Instant::now();
        self.by_age.insert(number, Unused { origin, kept, since });
    }

    /// The one to `origin` that was used last, if it still lives.
    pub(super) fn take(&mut self, origin: &Origin, max_idle: Duration) -> Option<Kept> {
        loop {
            let number = *self.by_origin.get(origin)?.back()?;
            let unused = self.remove(number)?;
            if !unused.kept.is_closed() && unused.since.elapsed() <= max_idle {
                return Some(unused.kept);
            }
        }
    }

    /// The one that was unused for the longest. Those that the other side has closed hold no permit any more.
    pub(super) fn take_oldest(&mut self) -> Option<Kept> {
        loop {
            let number = *self.by_age.first_key_value()?.0;
            let unused = self.remove(number)?;
            if !unused.kept.is_closed() {
                return Some(unused.kept);
            }
        }
    }

    fn remove(&mut self, number: u64) -> Option<Unused> {
        let unused = self.by_age.remove(&number)?;
        if let Some(numbers) = self.by_origin.get_mut(&unused.origin) {
            // In order, and it is nearly always the first or the last.
            if let Ok(at) = numbers.binary_search(&number) {
                numbers.remove(at);
            }
            if numbers.is_empty() {
                self.by_origin.remove(&unused.origin);
            }
        }
        Some(unused)
    }

    /// Closes what is unused for too long. False: nothing is left to look after.
    pub(super) fn sweep(&mut self, max_idle: Duration) -> bool {
        let over = |(number, unused): (&u64, &Unused)| {
            (unused.kept.is_closed() || unused.since.elapsed() > max_idle).then_some(*number)
        };
        let over: Vec<u64> = self.by_age.iter().filter_map(over).collect();
        for number in over {
            self.remove(number);
        }
        self.swept = !self.by_age.is_empty();
        self.swept
    }
}
