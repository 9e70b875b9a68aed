//! What a condition cannot read, as a CEL value on which every access fails, and the notes of failures that CEL does
//! not report.
//!
//! CEL swallows some failures: `a.?b` ignores them, and a comparison with `==` reports none. A condition that is false
//! because of that is not really false.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{Kind, Type};
use cel::common::value::{CowVal, Val};

/// How many levels of nested lists and objects are read.
pub(super) const MAX_LEVELS: usize = 128;

const NAME: &str = "unreadable";
static UNREADABLE: Type = Type::new_unspecified_type(NAME);

/// Why something could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ReadFailure {
    /// The body begins as JSON and is not JSON.
    Body = 1,
    /// The value is nested deeper than the levels that are read.
    Deep = 2,
    /// Two values were compared that are equal as far as they are read.
    Compared = 4,
    /// A bug of Forebay: an event that was decoded cannot be read.
    Broken = 8,
}

impl ReadFailure {
    /// The failures after which no result can be trusted.
    const FATAL: [Self; 2] = [Self::Broken, Self::Compared];

    fn reason(self) -> String {
        match self {
            Self::Body => {
                "the body begins as JSON and is not valid JSON, so `event.data.raw` cannot be read".to_owned()
            }
            Self::Deep => format!("it uses something below {MAX_LEVELS} levels"),
            Self::Compared => format!("it compares something with a value below {MAX_LEVELS} levels"),
            Self::Broken => "the event cannot be read; this is a bug of Forebay".to_owned(),
        }
    }
}

/// The read failures of one evaluation.
#[derive(Debug, Default)]
pub(super) struct ReadFailures(AtomicU8);

impl ReadFailures {
    pub(super) fn note(&self, failure: ReadFailure) {
        self.0.fetch_or(failure as u8, Ordering::Relaxed);
    }

    /// Takes the reason why a finished evaluation has no valid result, if there is one. `swallows`: it may be false
    /// because it ignored a failure.
    pub(super) fn take(&self, swallows: bool) -> Option<String> {
        // The usual case, for every rule.
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let noted = self.0.swap(0, Ordering::Relaxed);
        let has = |failure: &ReadFailure| noted & *failure as u8 != 0;
        let fatal = ReadFailure::FATAL.into_iter().find(has);
        let swallowed = || {
            [ReadFailure::Body, ReadFailure::Deep]
                .into_iter()
                .find(|failure| swallows && has(failure))
        };
        fatal.or_else(swallowed).map(ReadFailure::reason)
    }
}

/// A value that exists but cannot be read.
#[derive(Clone)]
pub(super) struct Unreadable {
    why: ReadFailure,
    failures: Arc<ReadFailures>,
}

impl Unreadable {
    pub(super) fn new(why: ReadFailure, failures: &Arc<ReadFailures>) -> Self {
        Self {
            why,
            failures: Arc::clone(failures),
        }
    }
}

pub(super) fn is_unreadable(value: &dyn Val) -> bool {
    value.get_type().name() == NAME
}

impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

impl Val for Unreadable {
    fn get_type(&self) -> &Type {
        &UNREADABLE
    }

    fn cel_type() -> &'static Type {
        &UNREADABLE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        // A value that is too deep is a list or an object.
        if self.why != ReadFailure::Deep
            || is_unreadable(other)
            || matches!(other.get_type().kind(), Kind::List | Kind::Map)
        {
            self.failures.note(ReadFailure::Compared);
            self.failures.note(self.why);
        }
        false
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

impl Indexer for Unreadable {
    fn get<'b, 'v>(&'b self, _: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.failures.note(self.why);
        Err(ExecutionError::InternalError(self.why.reason()))
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
