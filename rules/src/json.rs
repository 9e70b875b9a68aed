//! JSON as CEL values, read only as far as a condition needs: a list or an object is read one level at a time, on the
//! first access, and once for all rules. So neither the length of a body nor its nesting nor anything odd in a part
//! that no rule uses prevents a rule from reading what it uses.
//!
//! All JSON can be read. A whole number is an int or a uint where it fits and otherwise a double; a number beyond what
//! a double holds (`1e400`) is infinite. Half of a surrogate pair (`"\ud83d"`, an emoji cut in two) is U+FFFD. If an
//! object has a name twice, the last counts.
//!
//! Nothing here needs stack in proportion to the nesting. The CEL library does, where it compares or copies a whole
//! value; hence everything below [`MAX_LEVELS`] is [`Unreadable`]: a condition that uses it cannot be evaluated.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt, LIST_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{Builtin, BuiltinRef, CowVal, Val};

use super::shallow;
use super::unreadable::{MAX_LEVELS, ReadFailure, ReadFailures, Unreadable, is_unreadable};

pub(super) type Members<'e> = HashMap<CelMapKey<'e>, Box<dyn Val + 'e>>;

/// Returns the JSON value in `text`, which is nested in `level` others.
pub(super) fn value<'e>(text: &'e str, level: usize, failures: &Arc<ReadFailures>) -> Box<dyn Val + 'e> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        Some(b'{' | b'[') if level >= MAX_LEVELS => Box::new(Unreadable::new(ReadFailure::Deep, failures)),
        Some(b'{' | b'[') => Box::new(Part(Arc::new(Inner {
            text,
            level,
            failures: Arc::clone(failures),
            content: OnceLock::new(),
        }))),
        Some(b'"') => match shallow::text(text) {
            Some(Cow::Borrowed(text)) => Box::new(CelString::from(text)),
            Some(Cow::Owned(text)) => Box::new(CelString::from(text)),
            None => Box::new(Unreadable::new(ReadFailure::Broken, failures)),
        },
        Some(b't') => Box::new(CelBool::from(true)),
        Some(b'f') => Box::new(CelBool::from(false)),
        Some(b'n') => Box::new(CelNull),
        _ => number(text).unwrap_or_else(|| Box::new(Unreadable::new(ReadFailure::Broken, failures))),
    }
}

/// Returns the members of the object in `text`.
pub(super) fn members<'e>(text: &'e str, level: usize, failures: &Arc<ReadFailures>) -> Members<'e> {
    let mut members = HashMap::new();
    let found = shallow::members(text, |name, text| {
        members.insert(name, value(text, level + 1, failures));
    });
    if found.is_err() {
        // Decoding the event has proved that it is JSON.
        failures.note(ReadFailure::Broken);
    }
    members
}

fn elements<'e>(text: &'e str, level: usize, failures: &Arc<ReadFailures>) -> Vec<Box<dyn Val + 'e>> {
    let mut elements = Vec::new();
    if shallow::elements(text, |text| elements.push(value(text, level + 1, failures))).is_err() {
        failures.note(ReadFailure::Broken);
    }
    elements
}

fn number<'e>(text: &str) -> Option<Box<dyn Val + 'e>> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(Box::new(CelInt::from(number)));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(Box::new(CelUInt::from(number)));
    }
    Some(Box::new(CelDouble::from(text.parse::<f64>().ok()?)))
}

/// A list or an object. Copies share their content once it is read.
#[derive(Clone)]
struct Part<'e>(Arc<Inner<'e>>);

struct Inner<'e> {
    text: &'e str,
    level: usize,
    failures: Arc<ReadFailures>,
    content: OnceLock<Content<'e>>,
}

enum Content<'e> {
    List(CelList<'e>),
    Map(CelMap<'e>),
}

impl<'e> Part<'e> {
    fn is_map(&self) -> bool {
        self.0.text.starts_with('{')
    }

    fn content(&self) -> &Content<'e> {
        self.0.content.get_or_init(|| {
            let Inner {
                text, level, failures, ..
            } = &*self.0;
            if self.is_map() {
                Content::Map(CelMap::from(members(text, *level, failures)))
            } else {
                Content::List(CelList::from(elements(text, *level, failures)))
            }
        })
    }

    /// Returns the library's own type, which supports all operations of a list or a map.
    fn as_val(&self) -> &(dyn Val + 'e) {
        match self.content() {
            Content::List(list) => list,
            Content::Map(map) => map,
        }
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_map() { "{\u{2026}}" } else { "[\u{2026}]" })
    }
}

impl Val for Part<'_> {
    fn get_type(&self) -> &Type {
        if self.is_map() { &MAP_TYPE } else { &LIST_TYPE }
    }

    fn cel_type() -> &'static Type {
        // Only for functions declared to take this very type, and there are none.
        &MAP_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        match self.content() {
            Content::List(list) => list.as_adder(),
            Content::Map(_) => None,
        }
    }

    fn as_container(&self) -> Option<&dyn Container> {
        self.as_val().as_container()
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn into_indexer<'v>(self: Box<Self>) -> Option<Box<dyn Indexer + 'v>>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        match self.content() {
            Content::List(list) => list.as_iterable(),
            Content::Map(map) => map.as_iterable(),
        }
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.as_val().as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.as_val().as_zeroer()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        if is_unreadable(other) {
            self.0.failures.note(ReadFailure::Compared);
            return false;
        }
        self.as_val().equals(other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        match self.content() {
            Content::List(list) => BuiltinRef::List(list),
            Content::Map(map) => BuiltinRef::Map(map),
        }
    }

    fn into_builtin<'v>(self: Box<Self>) -> Option<Builtin<'v>>
    where
        Self: 'v,
    {
        Some(match self.content() {
            Content::List(list) => Builtin::List(list.clone()),
            Content::Map(map) => Builtin::Map(map.clone()),
        })
    }
}

impl Indexer for Part<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match self.content() {
            Content::List(list) => list.get(key),
            Content::Map(map) => map.get(key),
        }
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
