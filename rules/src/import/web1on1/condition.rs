//! The conditions of a rule: groups of tests, and one test as CEL.

use serde_json::{Map, Value};

use super::About;
use crate::import::draft::{Draft, kind};
use crate::import::pattern;
use crate::import::text::{self, member, quoted, scalar};
use crate::import::tree::Tree;

/// `{any: […]}`, `{all: […]}`, `{not: {…}}` or a test. At the top level Web1on1 writes `any` and `all`, of which one
/// may be empty.
pub(super) fn group(draft: &mut Draft, place: &str, value: &Value, about: About, top: bool) -> Tree {
    let Some(members) = value.as_object() else {
        return draft.lose(place, format!("it is {}, not an object", kind(Some(value))));
    };
    if members.contains_key("fact") {
        return test(draft, place, members, about);
    }
    if !draft.only(place, members, &["any", "all", "not", "priority", "name"]) {
        return Tree::Lost;
    }
    let mut parts = Vec::new();
    for name in ["all", "any"] {
        let place = format!("{place}.{name}");
        match members.get(name) {
            None => {}
            Some(Value::Array(elements)) if elements.is_empty() && top => {}
            Some(Value::Array(elements)) if elements.is_empty() => return draft.lose(place, "it is empty"),
            Some(Value::Array(elements)) => {
                let branches = elements
                    .iter()
                    .zip(1..)
                    .map(|(element, number)| group(draft, &format!("{place}[{number}]"), element, about, false))
                    .collect();
                parts.push(if name == "all" {
                    Tree::All(branches)
                } else {
                    Tree::Any(branches)
                });
            }
            Some(other) => return draft.lose(place, format!("it is {}, not a list", kind(Some(other)))),
        }
    }
    if let Some(inner) = members.get("not") {
        let inner = group(draft, &format!("{place}.not"), inner, about, false);
        parts.push(Tree::Not(Box::new(inner)));
    }
    if parts.len() > 1 {
        draft.note("where both `any` and `all` are given, both must be true");
    }
    if parts.is_empty() {
        return draft.lose(
            place,
            "there is no condition, and it is unclear whether that means always or never",
        );
    }
    Tree::All(parts)
}

fn test(draft: &mut Draft, place: &str, condition: &Map<String, Value>, about: About) -> Tree {
    let fact = condition.get("fact").and_then(Value::as_str).unwrap_or_default();
    let operator = condition.get("operator").and_then(Value::as_str).unwrap_or_default();
    let what = format!("{place} (fact {}, operator {})", quoted(fact), quoted(operator));
    if !draft.only(
        &what,
        condition,
        &["fact", "operator", "value", "path", "priority", "name", "id", "_id"],
    ) {
        return Tree::Lost;
    }
    let x = match operand(fact, condition.get("path"), about) {
        Ok(x) => x,
        Err(why) => return draft.lose(what, why),
    };
    match compare(&x, operator, condition.get("value")) {
        Ok((cel, exact)) => draft.test(&what, cel, exact),
        Err(why) => draft.lose(what, why),
    }
}

/// Translates the fact, and the part of it that `path` selects.
fn operand(fact: &str, path: Option<&Value>, about: About) -> Result<String, String> {
    let (resource, rest) = fact.split_once('.').unwrap_or((fact, ""));
    let known = match resource {
        "organization" if rest.is_empty() => return Ok("event.data.raw.organization".to_owned()),
        "conversation" => about != About::Contact,
        "message" => about == About::Message,
        "contact" => about == About::Contact,
        _ => return Err("no known webhook has this fact".to_owned()),
    };
    if !known {
        return Err("no webhook has this fact together with the others of the rule".to_owned());
    }
    let mut x = format!("event.data.raw.data.{resource}");
    x.extend(rest.split('.').filter(|name| !name.is_empty()).map(member));
    let path = match path {
        None | Some(Value::Null) => return Ok(x),
        Some(Value::String(path)) => steps(path)?,
        Some(other) => return Err(format!("`path` is {}, not text", kind(Some(other)))),
    };
    if path.is_empty() || rest.is_empty() {
        return Ok(x + &path);
    }
    // The engine uses the fact itself where it is not an object.
    Ok(format!("(type({x}) in [map, list] ? {x}{path} : {x})"))
}

/// `.a`, `$.a.b`, `a[0]`, `$["a"]` as CEL.
fn steps(path: &str) -> Result<String, String> {
    let wrong = || format!("the path {} has more than names and numbers", quoted(path));
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut out = String::new();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (key, after) = inner.split_once(']').ok_or_else(wrong)?;
            let quoted = ['"', '\'']
                .into_iter()
                .find_map(|q| key.strip_prefix(q)?.strip_suffix(q));
            match quoted {
                Some(name) if !name.contains(['"', '\'', '\\']) => out.push_str(&member(name)),
                None if !key.is_empty() && key.len() < 10 && key.bytes().all(|b| b.is_ascii_digit()) => {
                    out.extend(["[", key, "]"]);
                }
                _ => return Err(wrong()),
            }
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
                return Err(wrong());
            }
            out.push_str(&member(name));
            rest = after;
        }
    }
    Ok(out)
}

/// Translates one comparison, and returns whether it is true wherever the engine's is.
fn compare(x: &str, operator: &str, value: Option<&Value>) -> Result<(String, bool), String> {
    let one = || match value.map(scalar) {
        Some(Some(one)) => Ok(one),
        _ if value.is_some_and(|value| value.get("fact").is_some()) => Err("it compares with another fact".to_owned()),
        _ => Err(format!(
            "its value is {}, not text, a number, true, false or null",
            kind(value)
        )),
    };
    let several = || {
        let elements = value.and_then(Value::as_array);
        let elements = elements.ok_or_else(|| format!("its value is {}, not a list", kind(value)))?;
        let elements: Option<Vec<String>> = elements.iter().map(scalar).collect();
        elements.ok_or_else(|| "its list holds something other than text, numbers, true, false and null".to_owned())
    };
    let ordered = |sign: &str| match value {
        // A text that is a number counts as one in JavaScript.
        Some(Value::Number(number)) => {
            let number = number
                .as_f64()
                .ok_or("its value is not a number that can be compared")?;
            Ok((text::ordered(x, sign, number), false))
        }
        other => Err(format!("its value is {}, not a number", kind(other))),
    };
    Ok(match operator {
        "equal" => (format!("{x} == {}", one()?), true),
        "notEqual" => (format!("{x} != {}", one()?), true),
        "in" => (format!("{x} in [{}]", several()?.join(", ")), true),
        "notIn" => (format!("!({x} in [{}])", several()?.join(", ")), true),
        "contains" => (format!("type({x}) == list && {} in {x}", one()?), true),
        "doesNotContain" => (format!("type({x}) == list && !({} in {x})", one()?), true),
        "lessThan" => ordered("<")?,
        "lessThanInclusive" => ordered("<=")?,
        "greaterThan" => ordered(">")?,
        "greaterThanInclusive" => ordered(">=")?,
        "match" => match value {
            Some(Value::String(text)) => (text::matches(x, &text::literal(&pattern::javascript(text)?)), false),
            other => return Err(format!("its value is {}, not a regular expression", kind(other))),
        },
        _ => return Err("there is no such operator in json-rules-engine, and Web1on1's own is `match`".to_owned()),
    })
}
