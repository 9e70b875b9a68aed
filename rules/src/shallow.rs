//! Reads one level of JSON: the content of a list or an object, as text. It takes no stack for nested content.

use std::borrow::Cow;
use std::fmt;

use cel::common::types::CelMapKey;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `each` for the members of the object in `json`: name, and value as text.
pub(super) fn members<'e>(json: &'e str, each: impl FnMut(CelMapKey<'e>, &'e str)) -> serde_json::Result<()> {
    serde_json::Deserializer::from_str(json).deserialize_map(Object(each))
}

/// Calls `each` for the elements of the array in `json`, as text.
pub(super) fn elements<'e>(json: &'e str, each: impl FnMut(&'e str)) -> serde_json::Result<()> {
    serde_json::Deserializer::from_str(json).deserialize_seq(Array(each))
}

/// Returns the content of a JSON string; borrowed where nothing in it is escaped.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::Deserializer::from_str(json).deserialize_bytes(Text).ok()
    } else {
        Some(Cow::Borrowed(inner))
    }
}

struct Object<F>(F);

impl<'de, F: FnMut(CelMapKey<'de>, &'de str)> Visitor<'de> for Object<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Text)? {
            let name = match name {
                Cow::Borrowed(name) => CelMapKey::from(name),
                Cow::Owned(name) => CelMapKey::from(name),
            };
            (self.0)(name, map.next_value::<&'de RawValue>()?.get());
        }
        Ok(())
    }
}

struct Array<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Array<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(element) = sequence.next_element::<&'de RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}

/// A string, read as bytes because it may hold half of a surrogate pair.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
    }
}
