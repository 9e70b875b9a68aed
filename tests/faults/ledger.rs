//! The sender's record of each event: its planned time and its result. Every judgement is based on it.
//!
//! An event has a number; its key is the number modulo the keys. The next event of a key is sent only when the one
//! before has its final answer, so that the order of acceptance is the order of the numbers. The body contains the mark
//! `<run>/<number>`.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

/// Milliseconds since 1970: the clock of the ledger, the receivers and the database, which share one machine.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventState {
    /// No final answer yet.
    Open,
    /// 2xx: it must be stored.
    Accepted { at_ms: i64 },
    /// 4xx: it must not be stored.
    Refused,
    /// The sender stopped waiting without a final answer.
    Unknown,
}

/// The result of an attempt that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Status(u16),
    /// The connection was refused or broke.
    Broken,
    /// None in time.
    Late,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Broken => f.write_str("broken"),
            Self::Late => f.write_str("late"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) planned_ms: i64,
    pub(crate) state: EventState,
}

/// Everything that was sent in one trial.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    run: String,
    keys: usize,
    pub(crate) entries: Vec<Entry>,
    /// Attempts that were not accepted, and when.
    pub(crate) not_accepted: Vec<(i64, Answer)>,
}

impl Book {
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            run: Uuid::new_v4().simple().to_string(),
            keys,
            entries: Vec::new(),
            not_accepted: Vec::new(),
        }
    }

    /// Plans the next event, and returns its number.
    pub(crate) fn plan(&mut self, planned_ms: i64) -> usize {
        self.entries.push(Entry {
            planned_ms,
            state: EventState::Open,
        });
        self.entries.len() - 1
    }

    pub(crate) fn key(&self, number: usize) -> usize {
        number % self.keys
    }

    pub(crate) fn keys(&self) -> usize {
        self.keys
    }

    pub(crate) fn mark(&self, number: usize) -> String {
        format!("{}/{number}", self.run)
    }

    /// Returns the number of an event of this book; `None` for anything else.
    pub(crate) fn number(&self, mark: &str) -> Option<usize> {
        let number = mark.strip_prefix(self.run.as_str())?.strip_prefix('/')?.parse().ok()?;
        (number < self.entries.len()).then_some(number)
    }

    /// Returns the numbers and times of acceptance.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = (usize, i64)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(number, entry)| match entry.state {
                EventState::Accepted { at_ms } => Some((number, at_ms)),
                _ => None,
            })
    }
}

/// The book while it is being written.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Book>);

impl Ledger {
    pub(crate) fn new(keys: usize) -> Self {
        Self(Mutex::new(Book::new(keys)))
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock()
    }

    pub(crate) fn settle(&self, number: usize, state: EventState) {
        self.book().entries[number].state = state;
    }

    pub(crate) fn not_accepted(&self, answer: Answer) {
        self.book().not_accepted.push((now_ms(), answer));
    }

    pub(crate) fn count_accepted(&self) -> usize {
        self.book().accepted().count()
    }

    /// Returns how many attempts were not answered 2xx.
    pub(crate) fn count_not_accepted(&self) -> usize {
        self.book().not_accepted.len()
    }
}

/// Returns the mark in a body, without its quotes.
pub(crate) fn mark_in(body: &[u8]) -> Option<&str> {
    const BEFORE: &[u8] = b"\"mark\":\"";
    let at = body.windows(BEFORE.len()).position(|w| w == BEFORE)?;
    let rest = &body[at + BEFORE.len()..];
    let end = rest.iter().position(|b| *b == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}
