//! What a condition cannot see, as a CEL value of which everything that is asked fails, and the notes that are taken where a
//! failure cannot be told.
//!
//! CEL swallows some failures: `a.?b` makes nothing of them, and a comparison with `==` has none. A condition that came to
//! "no" that way has not said no.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{Kind, Type};
use cel::common::value::{CowVal, Val};

use super::json::MAX_LEVELS;

const NAME: &str = "unreadable";
static BLIND: Type = Type::new_unspecified_type(NAME);

/// Why something could not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Doubt {
    /// The body begins as JSON and is none.
    Body = 1,
    /// Below what is shown of a body.
    Deep = 2,
    /// Two values were compared that are the same as far as they are shown.
    Compared = 4,
    /// A bug of ours: an event that was decoded cannot be read.
    Broken = 8,
}

impl Doubt {
    /// Those of which nothing comes that could be trusted.
    const FATAL: [Self; 2] = [Self::Broken, Self::Compared];

    fn reason(self) -> String {
        match self {
            Self::Body => {
                "the body begins as JSON and is not valid JSON, so `event.data.raw` cannot be read".to_owned()
            }
            Self::Deep => format!("it looks at something below {MAX_LEVELS} levels"),
            Self::Compared => format!("it compares something with what lies below {MAX_LEVELS} levels"),
            Self::Broken => "the event cannot be read; this is a bug of Forebay".to_owned(),
        }
    }
}

/// The doubts of one evaluation.
#[derive(Debug, Default)]
pub(super) struct Doubts(AtomicU8);

impl Doubts {
    pub(super) fn note(&self, doubt: Doubt) {
        self.0.fetch_or(doubt as u8, Ordering::Relaxed);
    }

    /// Why an evaluation that came to an end says nothing, and forgets it. `swallows`: it may have passed over a failure to
    /// come to a no.
    pub(super) fn take(&self, swallows: bool) -> Option<String> {
        // The usual case, and that of every rule.
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let noted = self.0.swap(0, Ordering::Relaxed);
        let has = |doubt: &Doubt| noted & *doubt as u8 != 0;
        let fatal = Doubt::FATAL.into_iter().find(has);
        let swallowed = || {
            [Doubt::Body, Doubt::Deep]
                .into_iter()
                .find(|doubt| swallows && has(doubt))
        };
        fatal.or_else(swallowed).map(Doubt::reason)
    }
}

/// Something that is there, and of which nothing can be told.
#[derive(Clone)]
pub(super) struct Blind {
    why: Doubt,
    doubts: Arc<Doubts>,
}

impl Blind {
    pub(super) fn new(why: Doubt, doubts: &Arc<Doubts>) -> Self {
        Self {
            why,
            doubts: Arc::clone(doubts),
        }
    }
}

pub(super) fn is_blind(value: &dyn Val) -> bool {
    value.get_type().name() == NAME
}

impl fmt::Debug for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

impl Val for Blind {
    fn get_type(&self) -> &Type {
        &BLIND
    }

    fn cel_type() -> &'static Type {
        &BLIND
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        // What lies deep is a list or an object.
        if self.why != Doubt::Deep || is_blind(other) || matches!(other.get_type().kind(), Kind::List | Kind::Map) {
            self.doubts.note(Doubt::Compared);
            self.doubts.note(self.why);
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

impl Indexer for Blind {
    fn get<'b, 'v>(&'b self, _: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.doubts.note(self.why);
        Err(ExecutionError::InternalError(self.why.reason()))
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
