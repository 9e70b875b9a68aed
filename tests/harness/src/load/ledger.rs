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
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventState {
    /// No final answer yet.
    Open,
    /// 2xx: it must be stored.
    Accepted {
        /// When the answer came.
        at_ms: i64,
    },
    /// 4xx: it must not be stored.
    Refused,
    /// The sender stopped waiting without a final answer.
    Unknown,
}

/// The result of an attempt that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// An answer that is not 2xx.
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

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// When it was to be sent.
    pub planned_ms: i64,
    /// What came of it.
    pub state: EventState,
}

/// Everything that was sent in one trial.
#[derive(Debug, Clone)]
pub struct Book {
    run: String,
    keys: usize,
    /// By number.
    pub entries: Vec<Entry>,
    /// Attempts that were not accepted, and when.
    pub not_accepted: Vec<(i64, Answer)>,
    /// The first errors of connections, in words.
    pub errors: Vec<String>,
}

/// How many errors are kept in words.
const ERRORS: usize = 50;

impl Book {
    /// An empty book of events with so many keys.
    pub fn new(keys: usize) -> Self {
        Self {
            run: Uuid::new_v4().simple().to_string(),
            keys,
            entries: Vec::new(),
            not_accepted: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Plans the next event, and returns its number.
    pub fn plan(&mut self, planned_ms: i64) -> usize {
        self.entries.push(Entry {
            planned_ms,
            state: EventState::Open,
        });
        self.entries.len() - 1
    }

    /// Returns the key of an event.
    pub fn key(&self, number: usize) -> usize {
        number % self.keys
    }

    /// Returns how many keys there are.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Returns what the body of an event contains.
    pub fn mark(&self, number: usize) -> String {
        format!("{}/{number}", self.run)
    }

    /// Returns the number of an event of this book; `None` for anything else.
    pub fn number(&self, mark: &str) -> Option<usize> {
        let number = mark.strip_prefix(self.run.as_str())?.strip_prefix('/')?.parse().ok()?;
        (number < self.entries.len()).then_some(number)
    }

    /// Returns the numbers and times of acceptance.
    pub fn accepted(&self) -> impl Iterator<Item = (usize, i64)> {
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
pub struct Ledger(Mutex<Book>);

impl Ledger {
    /// An empty ledger of events with so many keys.
    pub fn new(keys: usize) -> Self {
        Self(Mutex::new(Book::new(keys)))
    }

    /// Returns the book, for as long as the result lives.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock()
    }

    /// Notes what came of an event.
    pub fn settle(&self, number: usize, state: EventState) {
        self.book().entries[number].state = state;
    }

    /// Notes an attempt that was not answered 2xx.
    pub fn not_accepted(&self, answer: Answer) {
        self.book().not_accepted.push((now_ms(), answer));
    }

    /// Notes the error of a connection in words.
    pub fn error(&self, words: String) {
        let mut book = self.book();
        if book.errors.len() < ERRORS {
            book.errors.push(words);
        }
    }

    /// Returns how many events were accepted.
    pub fn count_accepted(&self) -> usize {
        self.book().accepted().count()
    }

    /// Returns how many attempts were not answered 2xx.
    pub fn count_not_accepted(&self) -> usize {
        self.book().not_accepted.len()
    }
}

/// Returns the mark in a body, without its quotes.
pub fn mark_in(body: &[u8]) -> Option<&str> {
    const BEFORE: &[u8] = b"\"mark\":\"";
    let at = body.windows(BEFORE.len()).position(|w| w == BEFORE)?;
    let rest = &body[at + BEFORE.len()..];
    let end = rest.iter().position(|b| *b == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}
