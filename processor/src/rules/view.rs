//! An event as a condition sees it: a CEL value that borrows from the event and makes what is asked for.
//!
//! `event.data` is built at most once per event, and not at all where rules look only at `event.type` and the like.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp, CelUInt, Type,
};
use cel::common::value::{CowVal, Val};
use schemas::event::Event;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

static EVENT: Type = Type::new_unspecified_type("forebay.Event");

/// Larger raw parts are not shown to conditions, which bounds what one event can cost.
const RAW_MAX_BYTES: usize = 256 << 10;

type Data<'e> = Result<Box<dyn Val + 'e>, String>;

#[derive(Clone)]
pub(super) struct EventView<'e> {
    event: &'e Event,
    with_raw: bool,
    data: OnceLock<Data<'e>>,
}

impl<'e> EventView<'e> {
    pub(super) fn new(event: &'e Event, with_raw: bool) -> Self {
        Self {
            event,
            with_raw,
            data: OnceLock::new(),
        }
    }

    fn build(&self) -> Data<'e> {
        let mut members = HashMap::new();
        let mut reader = serde_json::Deserializer::from_str(self.event.data());
        Members(&mut members)
            .deserialize(&mut reader)
            .map_err(|error| error.to_string())?;
        // A raw part that is too large or too deep, or holds numbers beyond CEL's, is absent, as is one that is not JSON.
        let raw = self
            .event
            .raw_json()
            .filter(|raw| self.with_raw && raw.len() <= RAW_MAX_BYTES);
        if let Some(raw) = raw
            && let Ok(value) = AnyValue.deserialize(&mut serde_json::Deserializer::from_str(raw))
        {
            members.insert(CelMapKey::from("raw"), value);
        }
        Ok(Box::new(CelMap::from(members)))
    }
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
            "data" => match self.data.get_or_init(|| self.build()) {
                Ok(data) => Ok(CowVal::Borrowed(data.as_ref())),
                Err(reason) => Err(ExecutionError::function_error("event.data", reason)),
            },
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

/// Any JSON value as a CEL value; text without escapes is borrowed.
struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Box<dyn Val + 'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Box<dyn Val + 'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Box::new(CelNull))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Box::new(CelBool::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Box::new(CelInt::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => Box::new(CelInt::from(value)),
            Err(_) => Box::new(CelUInt::from(value)),
        })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Box::new(CelDouble::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Box::new(CelString::from(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Box::new(CelString::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements: Vec<Box<dyn Val + 'de>> = Vec::new();
        while let Some(element) = sequence.next_element_seed(AnyValue)? {
            elements.push(element);
        }
        Ok(Box::new(CelList::from(elements)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut members = HashMap::new();
        Members(&mut members).visit_map(map)?;
        Ok(Box::new(CelMap::from(members)))
    }
}

/// The members of an object, put into a map.
struct Members<'m, 'de>(&'m mut HashMap<CelMapKey<'de>, Box<dyn Val + 'de>>);

impl<'de> DeserializeSeed<'de> for Members<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(MemberName)? {
            let value = map.next_value_seed(AnyValue)?;
            self.0.insert(key, value);
        }
        Ok(())
    }
}

struct MemberName;

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = CelMapKey<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for MemberName {
    type Value = CelMapKey<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(CelMapKey::from(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(CelMapKey::from(value))
    }
}
