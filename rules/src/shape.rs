//! What events look like, type by type, as their JSON Schemas say: for the checks of conditions at load.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemas::data::{DataType, TYPES};
use schemas::platform::Platform;
use serde_json::Value;

use super::types::TypePattern;

/// How deep schemas that contain themselves are followed.
const MAX_DEPTH: usize = 16;

/// A value in an event. All text of `data` is text, times included.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// Whatever the sender sends.
    Any,
    Text,
    /// One of these texts.
    Choice(Vec<String>),
    /// The type of an event.
    EventType,
    /// The name of a platform.
    Platform,
    Truth,
    Number,
    Time,
    List(Box<Shape>),
    /// An object whose members have any name.
    Map(Box<Shape>),
    /// An object of these members, in the order of the schema.
    Object(Vec<(String, Shape)>),
}

/// `event`, for one type of event.
#[derive(Debug)]
pub(super) struct EventShape {
    /// The type; `None` stands for all those that senders name themselves.
    pub(super) name: Option<&'static str>,
    pub(super) shape: Shape,
}

static EVENTS: LazyLock<Vec<EventShape>> = LazyLock::new(|| {
    let defined = TYPES.iter().map(|data_type| EventShape {
        name: Some(data_type.name),
        shape: event(data_type.member, of_member(data_type)),
    });
    let foreign = EventShape {
        name: None,
        shape: event("headers", Shape::Map(Box::new(Shape::Text))),
    };
    defined.chain([foreign]).collect()
});

/// Returns `event` for every type that Forebay defines, in their order, and last for those that senders name.
pub(super) fn events() -> &'static [EventShape] {
    &EVENTS
}

fn event(member: &str, shape: Shape) -> Shape {
    let data = [(member.to_owned(), shape), ("raw".to_owned(), Shape::Any)];
    let members = [
        ("type", Shape::EventType),
        ("id", Shape::Text),
        ("source", Shape::Text),
        ("tenant", Shape::Text),
        ("platform", Shape::Platform),
        ("account", Shape::Text),
        ("subject", Shape::Text),
        ("time", Shape::Time),
        ("data", Shape::Object(data.into())),
    ];
    Shape::Object(members.map(|(name, shape)| (name.to_owned(), shape)).into())
}

fn of_member(data_type: &DataType) -> Shape {
    let schema = schemas::json_schema::of(data_type);
    shape(
        &schema["properties"]["data"]["properties"][data_type.member],
        &schema,
        MAX_DEPTH,
    )
}

/// Returns the shape of the values that a schema allows. `null` is left out: it is what every member may be compared
/// with.
fn shape(schema: &Value, root: &Value, depth: usize) -> Shape {
    let Some(depth) = depth.checked_sub(1) else {
        return Shape::Any;
    };
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(Shape::Any, |target| shape(target, root, depth));
    }
    if let Some(constant) = schema["const"].as_str() {
        return Shape::Choice(vec![constant.to_owned()]);
    }
    if let Some(values) = schema["enum"].as_array() {
        let texts = values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| value.as_str().map(str::to_owned));
        return texts.collect::<Option<_>>().map_or(Shape::Any, Shape::Choice);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let choices = choices.iter().filter(|choice| choice["type"] != "null");
            return one(choices.map(|choice| shape(choice, root, depth)).collect());
        }
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        one => one.as_str(),
    };
    match name {
        Some("string") => Shape::Text,
        Some("boolean") => Shape::Truth,
        Some("integer" | "number") => Shape::Number,
        Some("array") => Shape::List(Box::new(shape(&schema["items"], root, depth))),
        Some("object") => match (schema["properties"].as_object(), &schema["additionalProperties"]) {
            (Some(members), _) => {
                let members = members
                    .iter()
                    .map(|(name, schema)| (name.clone(), shape(schema, root, depth)));
                Shape::Object(members.collect())
            }
            (None, Value::Object(_)) => Shape::Map(Box::new(shape(&schema["additionalProperties"], root, depth))),
            (None, _) => Shape::Any,
        },
        _ => Shape::Any,
    }
}

/// Several texts are a choice; of anything else, several alternatives are not followed.
fn one(mut shapes: Vec<Shape>) -> Shape {
    if shapes.len() == 1 {
        return shapes.remove(0);
    }
    let mut texts = Vec::new();
    for shape in shapes {
        match shape {
            Shape::Choice(some) => texts.extend(some),
            _ => return Shape::Any,
        }
    }
    Shape::Choice(texts)
}

/// A set of event types, by their numbers in [`events`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Types(BTreeSet<usize>);

impl Types {
    pub(super) fn all() -> Self {
        Self((0..events().len()).collect())
    }

    /// The types that fit one of the patterns.
    pub(super) fn that_fit(patterns: &[TypePattern]) -> Self {
        let fits = |name: Option<&str>| {
            patterns.iter().any(|pattern| match (pattern, name) {
                (TypePattern::Exact(wanted), Some(name)) => wanted == name,
                (TypePattern::Prefix(prefix), Some(name)) => name.starts_with(prefix),
                (TypePattern::Exact(wanted), None) => !schemas::data::is_defined(wanted),
                (TypePattern::Prefix(_), None) => true,
            })
        };
        let numbered = events().iter().enumerate();
        Self(
            numbered
                .filter(|(_, event)| fits(event.name))
                .map(|(number, _)| number)
                .collect(),
        )
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(&self.0 & &other.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.contains(&number)
    }

    /// Whether Forebay defines one of them.
    pub(super) fn has_defined(&self) -> bool {
        self.0
            .iter()
            .any(|number| events().get(*number).is_some_and(|event| event.name.is_some()))
    }

    /// Returns the names of those that Forebay defines.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().filter_map(|number| events().get(*number)?.name).collect()
    }
}

impl FromIterator<usize> for Types {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        Self(numbers.into_iter().collect())
    }
}

/// Returns the names of all platforms.
pub(super) fn platforms() -> Vec<&'static str> {
    let own = [schemas::operations::PLATFORM];
    Platform::ALL
        .iter()
        .map(|platform| platform.as_str())
        .chain(own)
        .collect()
}
