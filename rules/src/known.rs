//! What is known of a value in a condition before there is an event: its kind, and its place in the schema.

use std::fmt;

use cel::common::ast::{LiteralValue, operators};

use super::nearest::suggestion;
use super::shape::{self, Shape, Types};

/// The kinds of values that differ in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Truth,
    Time,
    Duration,
    Bytes,
    List,
    Map,
    Null,
    Type,
    Optional,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Time => "a time",
            Self::Duration => "a duration",
            Self::Bytes => "bytes",
            Self::List => "a list",
            Self::Map => "an object",
            Self::Null => "null",
            Self::Type => "a type",
            Self::Optional => "an optional value",
        })
    }
}

/// What is known of a value. By default nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Where it is, for messages: `event.data.message`. Empty if it is not a part of the event.
    pub(super) path: String,
    /// Its shape in the events of each type that has it, by the type's number. Empty if it is not known.
    pub(super) shapes: Vec<(usize, &'static Shape)>,
    /// Its kind, where it has no shape.
    pub(super) kind: Option<Kind>,
    /// Whether `.?` or `[?…]` made it.
    pub(super) optional: bool,
}

impl Known {
    pub(super) fn event() -> Self {
        Self {
            path: "event".to_owned(),
            shapes: shape::events().iter().map(|event| &event.shape).enumerate().collect(),
            ..Self::default()
        }
    }

    pub(super) fn of(kind: impl Into<Option<Kind>>) -> Self {
        Self {
            kind: kind.into(),
            ..Self::default()
        }
    }

    pub(super) fn literal(value: &LiteralValue) -> Self {
        Self::of(match value {
            LiteralValue::Boolean(_) => Kind::Truth,
            LiteralValue::Bytes(_) => Kind::Bytes,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Number,
            LiteralValue::Null => Kind::Null,
            LiteralValue::String(_) => Kind::Text,
        })
    }

    /// Returns its kind, if it is the same in the events of all `types` that have it.
    pub(super) fn kind(&self, types: &Types) -> Option<Kind> {
        if self.optional {
            return Some(Kind::Optional);
        }
        let mut kinds = self.shapes_of(types).into_iter().map(kind);
        match kinds.next() {
            None => self.kind,
            Some(first) => first.filter(|_| kinds.all(|other| other == first)),
        }
    }

    /// Returns the shapes in the events of `types`; all, if none of those has it.
    pub(super) fn shapes_of(&self, types: &Types) -> Vec<&'static Shape> {
        let of_types = self.shapes.iter().filter(|(number, _)| types.contains(*number));
        let found: Vec<_> = of_types.map(|(_, shape)| *shape).collect();
        if found.is_empty() {
            self.shapes.iter().map(|(_, shape)| *shape).collect()
        } else {
            found
        }
    }

    /// Returns the types of event that have it.
    pub(super) fn types(&self) -> Types {
        self.shapes.iter().map(|(number, _)| *number).collect()
    }

    /// Returns the member `name`, or why there is none in the events of any type.
    pub(super) fn member(&self, name: &str) -> Result<Self, String> {
        let found = self.inner(format!("{}.{name}", self.path), |shape| match shape {
            Shape::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, shape)| shape),
            Shape::Map(values) => Some(values),
            _ => None,
        });
        match found {
            Some(found) => Ok(found),
            None if self.shapes.is_empty() => Ok(Self::default()),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> String {
        let path = &self.path;
        let members = self.members();
        if !members.is_empty() {
            return format!(
                "there is no member `{name}` of `{path}`; {}",
                suggestion(&members, name)
            );
        }
        match self.kind(&Types::all()) {
            Some(Kind::List) => format!(
                "`{path}` is a list and has no member `{name}`: take one element with `[0]`, or test them with \
                 `.exists(x, \u{2026})`"
            ),
            Some(kind) => format!("`{path}` is {kind} and has no member `{name}`"),
            None => format!("there is no member `{name}` of `{path}`"),
        }
    }

    /// Returns the names of the members in the events of all types, in the order of the schemas.
    fn members(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (_, shape) in &self.shapes {
            if let Shape::Object(members) = shape {
                for (name, _) in members {
                    if !names.contains(&name.as_str()) {
                        names.push(name.as_str());
                    }
                }
            }
        }
        // Every type has it beside its own member.
        names.sort_by_key(|name| *name == "raw");
        names
    }

    /// Returns an element of a list, or any value of a map.
    pub(super) fn element(&self) -> Self {
        let element = self.inner(format!("{}[\u{2026}]", self.path), |shape| match shape {
            Shape::List(elements) => Some(elements),
            Shape::Map(values) => Some(values),
            _ => None,
        });
        element.unwrap_or_default()
    }

    /// Returns what a loop's variable is: an element of a list, a name of an object's member.
    pub(super) fn each(&self) -> Self {
        match self.kind(&Types::all()) {
            Some(Kind::List) => self.element(),
            Some(Kind::Map) if !self.shapes.is_empty() => Self::of(Kind::Text),
            _ => Self::default(),
        }
    }

    fn inner(&self, path: String, inner: impl Fn(&'static Shape) -> Option<&'static Shape>) -> Option<Self> {
        let shapes: Vec<_> = self
            .shapes
            .iter()
            .filter_map(|(number, shape)| Some((*number, inner(shape)?)))
            .collect();
        if shapes.is_empty() {
            return None;
        }
        if shapes.iter().any(|(_, shape)| **shape == Shape::Any) {
            return Some(Self::default());
        }
        Some(Self {
            path,
            shapes,
            kind: None,
            optional: self.optional,
        })
    }

    /// Returns `self.orValue(other)`.
    pub(super) fn or_value(self, other: &Self, types: &Types) -> Self {
        let value = Self {
            optional: false,
            ..self
        };
        if value.kind(types) == other.kind(types) {
            value
        } else {
            Self::default()
        }
    }
}

fn kind(shape: &Shape) -> Option<Kind> {
    match shape {
        Shape::Any => None,
        Shape::Text | Shape::Choice(_) | Shape::EventType | Shape::Platform => Some(Kind::Text),
        Shape::Truth => Some(Kind::Truth),
        Shape::Number => Some(Kind::Number),
        Shape::Time => Some(Kind::Time),
        Shape::List(_) => Some(Kind::List),
        Shape::Map(_) | Shape::Object(_) => Some(Kind::Map),
    }
}

/// Returns the kind of what a function or an operator returns for arguments of these kinds.
pub(super) fn returned(function: &str, arguments: &[Option<Kind>]) -> Option<Kind> {
    let all = |kind: Kind| arguments.iter().all(|argument| *argument == Some(kind)).then_some(kind);
    match function {
        operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::LOGICAL_NOT
        | operators::EQUALS
        | operators::NOT_EQUALS
        | operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS
        | operators::IN
        | "bool"
        | "contains"
        | "endsWith"
        | "hasValue"
        | "matches"
        | "startsWith" => Some(Kind::Truth),
        "string" => Some(Kind::Text),
        "double" | "int" | "size" | "uint" => Some(Kind::Number),
        "timestamp" => Some(Kind::Time),
        "duration" => Some(Kind::Duration),
        "bytes" => Some(Kind::Bytes),
        "type" => Some(Kind::Type),
        operators::ADD => all(Kind::Text)
            .or_else(|| all(Kind::Number))
            .or_else(|| all(Kind::List)),
        operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO | operators::NEGATE => {
            all(Kind::Number)
        }
        _ if function.starts_with("get") => Some(Kind::Number),
        _ => None,
    }
}
