//! Comparisons that can never be true: of values of different kinds, and with a text that a closed set does not have.

use super::known::{Kind, Known};
use super::nearest::{either, near, suggestion};
use super::shape::{self, Shape, Types};

/// The result of a comparison of values that are never equal, as a message says it.
pub(super) const NEVER: &str = "never true";
pub(super) const ALWAYS: &str = "always true";

/// Returns what is wrong with comparing `a` and `b`: that their kinds differ, so that it is `outcome`.
pub(super) fn kinds(a: &Known, b: &Known, types: &Types, outcome: &str) -> Option<String> {
    let (left, right) = (a.kind(types)?, b.kind(types)?);
    if left == right || left == Kind::Null || right == Kind::Null {
        return None;
    }
    let way_out = match (left, right) {
        (Kind::Optional, _) | (_, Kind::Optional) => "; end it with `.orValue(\u{2026})`, or write `.` instead of `.?`",
        (Kind::Time, Kind::Text) | (Kind::Text, Kind::Time) => "; `timestamp(\u{2026})` makes a time of a text",
        _ => "",
    };
    Some(format!("compares {left} with {right}: {outcome}{way_out}"))
}

/// Returns what is wrong with comparing `value` and the text `text`: that it is none of those that `value` can be.
pub(super) fn choice(value: &Known, text: &str, types: &Types) -> Option<String> {
    let shapes = value.shapes_of(types);
    match shapes.first()? {
        Shape::EventType => event_type(text),
        Shape::Platform => platform(text),
        Shape::Choice(_) => {
            let mut choices: Vec<&str> = Vec::new();
            for shape in shapes {
                let Shape::Choice(some) = shape else {
                    return None;
                };
                for choice in some {
                    if !choices.contains(&choice.as_str()) {
                        choices.push(choice);
                    }
                }
            }
            if choices.contains(&text) {
                return None;
            }
            let name = value.path.rsplit('.').next().unwrap_or_default();
            let meant = near(choices.iter().copied(), text)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            Some(format!("`{name}` is {}, and never `{text}`{meant}", either(&choices)))
        }
        _ => None,
    }
}

fn platform(text: &str) -> Option<String> {
    let platforms = shape::platforms();
    (!platforms.contains(&text)).then(|| format!("there is no platform `{text}`; {}", suggestion(&platforms, text)))
}

/// Returns a warning if `text` is no type of event, and looks as if it was meant to be one of ours. Senders may name
/// types as they like, so nothing is said of other names.
fn event_type(text: &str) -> Option<String> {
    if schemas::data::is_defined(text) {
        return None;
    }
    let types = Types::all().names();
    if let Some(near) = near(types.iter().copied(), text) {
        return Some(format!(
            "no event has the type `{text}`, unless its sender names it so; did you mean `{near}`?"
        ));
    }
    let family = families().into_iter().find(|family| *family == first_part(text))?;
    let of_family: Vec<&str> = types.into_iter().filter(|name| first_part(name) == family).collect();
    Some(format!(
        "no event has the type `{text}`, unless its sender names it so; there are {}",
        of_family.join(", ")
    ))
}

/// Whether a name of a type was probably meant to be another.
pub(super) fn is_suspicious_type(text: &str) -> bool {
    event_type(text).is_some()
}

/// Returns a warning if no type of event begins with `text`, and it looks as if it was meant to be the beginning of ours.
pub(super) fn type_prefix(text: &str) -> Option<String> {
    let types = Types::all().names();
    if types.iter().any(|name| name.starts_with(text)) {
        return None;
    }
    let begins = |known: &str| format!("no type of event begins with `{text}`, unless its sender names it so; {known}");
    let families = families();
    let part = first_part(text);
    if families.contains(&part) {
        let of_family: Vec<&str> = types.into_iter().filter(|name| first_part(name) == part).collect();
        return Some(begins(&format!("there are {}", of_family.join(", "))));
    }
    let meant = near(families, part)?;
    Some(begins(&format!("did you mean `{meant}.`?")))
}

/// Whether a beginning of a type was probably meant to be another.
pub(super) fn is_suspicious_prefix(text: &str) -> bool {
    type_prefix(text).is_some()
}

/// Returns the first parts of the names of our types, each once.
fn families() -> Vec<&'static str> {
    let mut families: Vec<&str> = Types::all().names().into_iter().map(first_part).collect();
    families.dedup();
    families
}

fn first_part(name: &str) -> &str {
    name.split_once('.').map_or(name, |(first, _)| first)
}
