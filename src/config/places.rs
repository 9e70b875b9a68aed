//! Where in the text of a configuration each setting is written: from a place such as `sources[3].auth.template` to its line.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::yaml;

/// Lines and columns, from 1, of each value, by its place.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, (u64, u64)>);

impl Places {
    /// Of a text that could be read as a configuration. What `${NAME}` stands for does not move anything, and is not looked at.
    pub(super) fn of(text: &str) -> Self {
        let mut places = HashMap::new();
        let options = serde_saphyr::options! { with_snippet: false };
        let root = serde_saphyr::from_str_with_options::<Option<Node>>(&yaml::without_references(text), options);
        if let Ok(Some(root)) = root {
            root.walk("", &mut places);
        }
        Self(places)
    }

    /// Where the setting stands; or, where it is not written, what it would be a part of.
    pub(super) fn find(&self, place: &str) -> Option<(u64, u64)> {
        let outer = |place: &str| place.rfind(['.', '[']).map(|end| place[..end].to_owned());
        let mut place = Some(place.to_owned());
        while let Some(here) = place {
            if let Some(found) = self.0.get(&here) {
                return Some(*found);
            }
            place = outer(&here);
        }
        None
    }
}

/// A value of any kind, of which only the place of its parts counts.
enum Node {
    Map(Vec<(String, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Leaf,
}

impl Node {
    fn walk(self, here: &str, places: &mut HashMap<String, (u64, u64)>) {
        let parts: Vec<(String, Spanned<Self>)> = match self {
            Self::Leaf => return,
            Self::Map(members) => {
                let dot = if here.is_empty() { "" } else { "." };
                let place = |(name, node)| (format!("{here}{dot}{name}"), node);
                members.into_iter().map(place).collect()
            }
            Self::List(elements) => {
                let place = |(index, node)| (format!("{here}[{index}]"), node);
                elements.into_iter().enumerate().map(place).collect()
            }
        };
        for (place, node) in parts {
            if node.referenced != Location::UNKNOWN {
                places.insert(place.clone(), (node.referenced.line(), node.referenced.column()));
            }
            node.value.walk(&place, places);
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Node::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_line_and_column_of_its_value() {
        let text = "\
ingest:
  listen: ${ADDRESS}
  max_in_flight: 0
sources:
  - id: a
    secrets:
      - ${SECRET}
      - another
  - { id: b, auth: { scheme: hmac } }
";
        let places = Places::of(text);
        for (place, expected) in [
            ("ingest.listen", (2, 11)),
            ("ingest.max_in_flight", (3, 18)),
            ("sources[0].id", (5, 9)),
            ("sources[0].secrets[1]", (8, 9)),
            ("sources[1].auth.scheme", (9, 30)),
        ] {
            assert_eq!(places.find(place), Some(expected), "{place}");
        }
    }

    #[test]
    fn what_is_not_written_has_the_place_of_what_it_would_be_a_part_of() {
        let places = Places::of("sources:\n  - id: a\n  - id: b\n    platform: digisac\n");
        assert_eq!(places.find("sources[1].auth.template"), Some((3, 5)));
        assert_eq!(places.find("event_log.partitions"), None);
    }
}
