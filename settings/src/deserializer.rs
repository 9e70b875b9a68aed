//! Reads a tree by `serde`. Where a type wants a text, a value is what is written; a list of one may be written as its element.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, LIST, NUMBER, Reason, TEXT, TRUTH};
use crate::number::{self, Counted};
use crate::scalar;
use crate::tree::{Entry, Node, Value};

/// The way from the root to a value.
#[derive(Clone, Copy)]
pub(crate) struct Way<'w> {
    outer: Option<&'w Way<'w>>,
    step: usize,
    /// The key that it is the value of, or that its list is.
    key: &'w str,
}

impl Way<'_> {
    pub(crate) const ROOT: Self = Way {
        outer: None,
        step: 0,
        key: "",
    };

    fn steps(&self) -> Vec<usize> {
        let mut steps = self.outer.map(Way::steps).unwrap_or_default();
        if self.outer.is_some() {
            steps.push(self.step);
        }
        steps
    }
}

/// A value to be read.
#[derive(Clone, Copy)]
pub(crate) struct At<'t, 'w> {
    pub(crate) node: &'t Node,
    pub(crate) way: &'w Way<'w>,
    /// Whether nothing may be there.
    pub(crate) optional: bool,
}

impl<'t> At<'t, '_> {
    fn fail<T>(&self, reason: Reason) -> Result<T, Error> {
        Err(Error {
            steps: Some(self.way.steps()),
            reason,
        })
    }

    /// The error of a type that does not know where it is.
    fn place(&self, mut error: Error) -> Error {
        error.steps.get_or_insert_with(|| self.way.steps());
        error
    }

    fn wanted<T>(&self, words: &str) -> Result<T, Error> {
        let left_out = self.optional && self.node.is_nothing();
        self.fail(if left_out {
            Reason::LeftOut
        } else {
            Reason::Wanted(words.to_owned())
        })
    }

    /// The text as it is written, whatever it could mean otherwise.
    fn text(&self) -> Result<&'t str, Error> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_nothing() => Ok(text),
            Value::StandIn(text) => Ok(text),
            _ => self.wanted(TEXT),
        }
    }

    /// The text, if it may be a number: written without quotes, or by a variable.
    fn unquoted(&self) -> Option<&'t str> {
        match &self.node.value {
            Value::Scalar { text, plain } => (*plain || self.node.referenced).then_some(text.as_str()),
            _ => None,
        }
    }

    fn whole(&self) -> Result<i128, Error> {
        if matches!(self.node.value, Value::StandIn(_)) {
            return Ok(1);
        }
        let read = match self.unquoted() {
            Some(text) => number::read(text, self.way.key),
            // Quotes make a text of a number, but a unit says what is meant.
            None => match (&self.node.value, Counted::by(self.way.key)) {
                (Value::Scalar { text, .. }, Some(counted)) if counted.with_unit(text).is_some() => {
                    number::read(text, self.way.key)
                }
                (Value::Scalar { text, .. }, _) if scalar::whole(text).is_some() => Err(UNQUOTED.to_owned()),
                _ => Err(number::wanted(self.way.key)),
            },
        };
        read.or_else(|words| self.wanted(&words))
    }

    /// Gives a whole number to a visitor, within what its type holds.
    fn visit_whole<T: TryFrom<i128>, R>(
        self,
        (least, most): (i128, i128),
        visit: impl FnOnce(T) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let number = self.whole()?;
        match T::try_from(number) {
            Ok(number) => visit(number).map_err(|error| self.place(error)),
            Err(_) if number < 0 && least == 0 => self.wanted(&number::wanted(self.way.key)),
            Err(_) => self.wanted(&format!("give {least} to {most}")),
        }
    }

    fn visit_entries<V: Visitor<'t>>(self, entries: &'t [Entry], visitor: V) -> Result<V::Value, Error> {
        let entries = Entries {
            all: entries,
            next: 0,
            at: self,
        };
        visitor.visit_map(entries).map_err(|error| self.place(error))
    }

    fn visit_section<V: Visitor<'t>>(self, first: Option<&'static str>, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => self.visit_entries(entries, visitor),
            Value::StandIn(_) => self.visit_entries(&[], visitor),
            Value::Scalar { .. } | Value::List(_) => self.fail(Reason::Section(first)),
        }
    }

    fn visit_elements<V: Visitor<'t>>(self, elements: &'t [Node], one: bool, visitor: V) -> Result<V::Value, Error> {
        let elements = Elements {
            all: elements,
            next: 0,
            at: self,
            one,
        };
        visitor.visit_seq(elements).map_err(|error| self.place(error))
    }

    fn visit_any_scalar<V: Visitor<'t>>(self, text: &'t str, plain: bool, visitor: V) -> Result<V::Value, Error> {
        let counts = Counted::by(self.way.key).is_some();
        if self.node.is_nothing() {
            return visitor.visit_unit();
        }
        if counts && let Ok(number) = self.whole() {
            return match u64::try_from(number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => self.wanted(&number::wanted(self.way.key)),
            };
        }
        if !plain || self.node.referenced {
            return visitor.visit_str(text);
        }
        if let Some(truth) = scalar::truth(text) {
            return visitor.visit_bool(truth);
        }
        let whole = scalar::whole(text);
        if let Some(number) = whole.and_then(|number| u64::try_from(number).ok()) {
            return visitor.visit_u64(number);
        }
        if let Some(number) = whole.and_then(|number| i64::try_from(number).ok()) {
            return visitor.visit_i64(number);
        }
        match scalar::number(text) {
            Some(number) => visitor.visit_f64(number),
            None => visitor.visit_str(text),
        }
    }
}

const UNQUOTED: &str = "write the number without quotes";

macro_rules! wholes {
    ($($method:ident $visit:ident $type:ident)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            let range = ($type::MIN.into(), $type::MAX.into());
            self.visit_whole::<$type, _>(range, |number| visitor.$visit(number))
        }
    )*};
}

impl<'t> Deserializer<'t> for At<'t, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let visited = match &self.node.value {
            Value::Map(entries) => self.visit_entries(entries, visitor),
            Value::List(elements) => self.visit_elements(elements, false, visitor),
            Value::StandIn(_) if Counted::by(self.way.key).is_some() => visitor.visit_u64(1),
            Value::StandIn(text) => visitor.visit_str(text),
            Value::Scalar { text, plain } => self.visit_any_scalar(text, *plain, visitor),
        };
        visited.map_err(|error| self.place(error))
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let truth = match &self.node.value {
            Value::StandIn(_) => Some(false),
            _ => self.unquoted().and_then(scalar::truth),
        };
        match truth {
            Some(truth) => visitor.visit_bool(truth).map_err(|error| self.place(error)),
            None => self.wanted(TRUTH),
        }
    }

    wholes! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    fn deserialize_f32<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = match &self.node.value {
            Value::StandIn(_) => Some(1.0),
            _ => self.unquoted().and_then(scalar::number),
        };
        match number {
            Some(number) => visitor.visit_f64(number).map_err(|error| self.place(error)),
            None => self.wanted(NUMBER),
        }
    }

    fn deserialize_char<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text()?).map_err(|error| self.place(error))
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor
            .visit_bytes(self.text()?.as_bytes())
            .map_err(|error| self.place(error))
    }

    fn deserialize_byte_buf<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        // Whether nothing is allowed here depends on what the value would be: a section must say that it is empty.
        let optional = Self { optional: true, ..self };
        visitor.visit_some(optional).map_err(|error| self.place(error))
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.is_nothing() {
            visitor.visit_unit()
        } else {
            self.wanted("leave the value out")
        }
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| self.place(error))
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::List(elements) => self.visit_elements(elements, false, visitor),
            Value::StandIn(_) => self.visit_elements(&[], false, visitor),
            _ if self.node.is_nothing() && self.optional => self.fail(Reason::LeftOut),
            _ if self.node.is_nothing() => self.visit_elements(&[], false, visitor),
            Value::Scalar { .. } | Value::Map(_) => self.visit_elements(std::slice::from_ref(self.node), true, visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::List(elements) => self.visit_elements(elements, false, visitor),
            _ => self.wanted(LIST),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_section(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.visit_section(keys.first().copied(), visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = match &self.node.value {
            Value::StandIn(_) => variants.first().copied().unwrap_or_default(),
            Value::Scalar { text, .. } if !self.node.is_nothing() => text.as_str(),
            _ => return self.wanted(&format!("give one of {}", variants.join(", "))),
        };
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        visitor.visit_enum(name).map_err(|error| self.place(error))
    }

    fn deserialize_identifier<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// The entries of a section that are not passed over.
struct Entries<'t, 'w> {
    all: &'t [Entry],
    next: usize,
    at: At<'t, 'w>,
}

impl<'t> MapAccess<'t> for Entries<'t, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        while let Some(entry) = self.all.get(self.next) {
            self.next += 1;
            if !entry.node.out {
                let key: StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
                return seed.deserialize(key).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let step = self.next.saturating_sub(1);
        let Some(entry) = self.all.get(step) else {
            return Err(Error::custom("a value was asked for before its key"));
        };
        read_part(self.at.way, step, &entry.key, &entry.node, seed)
    }
}

/// The elements of a list that are not passed over.
struct Elements<'t, 'w> {
    all: &'t [Node],
    next: usize,
    at: At<'t, 'w>,
    /// Whether the list is written as its only element.
    one: bool,
}

impl<'t> SeqAccess<'t> for Elements<'t, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        while let Some(element) = self.all.get(self.next) {
            let step = self.next;
            self.next += 1;
            if self.one {
                let at = At {
                    optional: false,
                    ..self.at
                };
                return seed.deserialize(at).map(Some);
            }
            if !element.out {
                return read_part(self.at.way, step, self.at.way.key, element, seed).map(Some);
            }
        }
        Ok(None)
    }
}

/// Reads what stands at `step` within the value at `outer`.
fn read_part<'t, S: DeserializeSeed<'t>>(
    outer: &Way<'_>,
    step: usize,
    key: &str,
    node: &'t Node,
    seed: S,
) -> Result<S::Value, Error> {
    let way = Way {
        outer: Some(outer),
        step,
        key,
    };
    let at = At {
        node,
        way: &way,
        optional: false,
    };
    seed.deserialize(at).map_err(|error| at.place(error))
}
