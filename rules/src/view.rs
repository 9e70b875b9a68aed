//! An event as a condition sees it: a CEL value that borrows from the event and makes members on access.
//!
//! `event.data` is made at most once per event, and not at all where rules use only `event.type` and the like;
//! `event.data.raw` is read only if a rule uses it ([`json`]).

use std::fmt;
use std::sync::{Arc, OnceLock};

use cel::common::traits::Indexer;
use cel::common::types::{CelMap, CelMapKey, CelString, CelTimestamp, Type};
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError};
use schemas::event::Event;
use serde_json::value::RawValue;

use super::json;
use super::unreadable::{ReadFailure, ReadFailures, Unreadable};

static EVENT: Type = Type::new_unspecified_type("forebay.Event");

/// An event, ready for conditions: made once for all rules, and cheap until a condition uses `event.data`.
pub struct Subject<'e> {
    pub(super) context: Context<'e, 'e>,
    pub(super) failures: Arc<ReadFailures>,
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

impl<'e> Subject<'e> {
    pub(super) fn new(env: &Arc<Env>, event: &'e Event) -> Self {
        let failures = Arc::default();
        let mut context = Context::with_env(Arc::clone(env));
        let view = EventView {
            event,
            failures: Arc::clone(&failures),
            data: OnceLock::new(),
        };
        context.add_variable_as_val("event", Box::new(view));
        Self { context, failures }
    }
}

#[derive(Clone)]
struct EventView<'e> {
    event: &'e Event,
    failures: Arc<ReadFailures>,
    data: OnceLock<CelMap<'e>>,
}

impl<'e> EventView<'e> {
    fn data(&self) -> CelMap<'e> {
        let mut members = json::members(self.event.data(), 0, &self.failures);
        let raw: Option<Box<dyn Val + 'e>> = match self.event.raw_json().or_else(|| deep_json(self.event.raw())) {
            Some(text) => Some(json::value(text, 1, &self.failures)),
            // A form or a picture has no members; JSON that is cut off or badly encoded has some that cannot be read.
            None if begins_as_json(self.event.raw()) => {
                Some(Box::new(Unreadable::new(ReadFailure::Body, &self.failures)))
            }
            None => None,
        };
        if let Some(raw) = raw {
            members.insert(CelMapKey::from("raw"), raw);
        }
        CelMap::from(members)
    }
}

/// Returns JSON that ingest has kept as bytes because it is nested deeper than its parsers allow.
fn deep_json(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok().filter(|_| begins_as_json(body))?;
    // Checks the syntax without recursion.
    serde_json::from_str::<&RawValue>(text).is_ok().then_some(text)
}

fn begins_as_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

impl fmt::Debug for EventView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}", self.event.id())
    }
}

impl Val for EventView<'_> {
    fn get_type(&self) -> &Type {
        &EVENT
    }

    fn cel_type() -> &'static Type {
        &EVENT
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

impl Indexer for EventView<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let attributes = &self.event.attributes;
        let key = key.downcast_ref::<CelString<'_>>().map_or("", |key| key.inner());
        let text = |text: &'b str| Ok(CowVal::owned(CelString::from(text.to_owned())));
        match key {
            "type" => text(attributes.event_type.as_str()),
            "id" => Ok(CowVal::owned(CelString::from(attributes.id.to_string()))),
            "source" => text(&attributes.source),
            "tenant" => text(attributes.tenant.as_str()),
            "platform" => text(&attributes.platform),
            "account" => text(attributes.account.as_deref().unwrap_or_default()),
            "subject" => text(attributes.subject.as_deref().unwrap_or_default()),
            "time" => Ok(CowVal::owned(CelTimestamp::from(
                attributes.time.to_datetime().fixed_offset(),
            ))),
            "data" => Ok(CowVal::Borrowed(self.data.get_or_init(|| self.data()))),
            _ => Err(ExecutionError::no_such_key(key)),
        }
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
