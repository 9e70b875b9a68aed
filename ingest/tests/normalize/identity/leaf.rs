//! The leaves of a sample: every text, number and flag in its body, every field of its form, every header, each with the same
//! sample in which it alone is another.

use http::HeaderValue;
use serde_json::Value;
use url::form_urlencoded;

use crate::Sample;

/// One value of a sample.
pub(super) struct Leaf {
    /// `a.b[].c`, `form:Name`, `form:payload.a.b` for JSON in a form, `header:x-name`.
    pub(super) path: String,
    /// The sample with another value there.
    pub(super) changed: Sample,
}

pub(super) fn leaves(sample: &Sample) -> Vec<Leaf> {
    let mut found = of_headers(sample);
    if let Ok(body) = serde_json::from_slice::<Value>(&sample.body) {
        found.extend(of_json(&body, "").into_iter().map(|(path, body)| Leaf {
            path,
            changed: with_body(sample, body.to_string().into_bytes()),
        }));
    } else if let Some(fields) = fields(sample) {
        for (number, (name, value)) in fields.iter().enumerate() {
            let others = match serde_json::from_str::<Value>(value) {
                Ok(json @ (Value::Object(_) | Value::Array(_))) => of_json(&json, &format!("form:{name}."))
                    .into_iter()
                    .map(|(path, json)| (path, json.to_string()))
                    .collect(),
                _ => vec![(format!("form:{name}"), another_text(value))],
            };
            found.extend(others.into_iter().map(|(path, other)| {
                let mut fields = fields.clone();
                fields[number].1 = other;
                Leaf {
                    path,
                    changed: with_body(sample, form(&fields)),
                }
            }));
        }
    }
    found
}

/// The sample written as the changed ones are, so that nothing but the change differs.
pub(super) fn plain(sample: &Sample) -> Sample {
    match serde_json::from_slice::<Value>(&sample.body) {
        Ok(body) => with_body(sample, body.to_string().into_bytes()),
        Err(_) => match fields(sample) {
            Some(fields) => {
                let as_written = |(name, value): &(String, String)| match serde_json::from_str::<Value>(value) {
                    Ok(json @ (Value::Object(_) | Value::Array(_))) => (name.clone(), json.to_string()),
                    _ => (name.clone(), value.clone()),
                };
                with_body(sample, form(&fields.iter().map(as_written).collect::<Vec<_>>()))
            }
            None => sample.clone(),
        },
    }
}

fn with_body(sample: &Sample, body: Vec<u8>) -> Sample {
    Sample { body, ..sample.clone() }
}

fn of_headers(sample: &Sample) -> Vec<Leaf> {
    let names: Vec<_> = sample.headers.keys().cloned().collect();
    names
        .into_iter()
        .map(|name| {
            let value = sample.headers[&name].to_str().expect("a header of a sample is text");
            let other = HeaderValue::from_str(&another_text(value)).expect("a value");
            let mut changed = sample.clone();
            changed.headers.insert(name.clone(), other);
            Leaf {
                path: format!("header:{name}"),
                changed,
            }
        })
        .collect()
}

/// The body once for each of its leaves, in which that leaf is another.
fn of_json(value: &Value, path: &str) -> Vec<(String, Value)> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| {
                let dot = if path.is_empty() || path.ends_with('.') {
                    ""
                } else {
                    "."
                };
                of_json(member, &format!("{path}{dot}{}", name.replace('.', "_")))
                    .into_iter()
                    .map(|(path, changed)| {
                        let mut members = members.clone();
                        members.insert(name.clone(), changed);
                        (path, Value::Object(members))
                    })
            })
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .flat_map(|(number, element)| {
                of_json(element, &format!("{path}[]"))
                    .into_iter()
                    .map(move |(path, changed)| {
                        let mut elements = elements.clone();
                        elements[number] = changed;
                        (path, Value::Array(elements))
                    })
            })
            .collect(),
        Value::Null => vec![],
        Value::Bool(flag) => vec![(path.to_owned(), Value::Bool(!flag))],
        Value::Number(number) => vec![(path.to_owned(), another_number(number))],
        Value::String(text) => vec![(path.to_owned(), Value::String(another_text(text)))],
    }
}

fn another_number(number: &serde_json::Number) -> Value {
    match (number.as_i64(), number.as_f64()) {
        (Some(number), _) => Value::from(number + 1),
        (None, Some(number)) => Value::from(number + 1.0),
        (None, None) => Value::from(1),
    }
}

/// The same text with another first digit or letter, so that a time stays a time, an address an address, a word of a closed
/// set becomes none of it.
fn another_text(text: &str) -> String {
    let other = |c: char| match c {
        '9' | 'z' | 'Z' => Some(if c == '9' { '1' } else { 'a' }),
        _ if c.is_ascii_alphanumeric() => char::from_u32(u32::from(c) + 1),
        _ => None,
    };
    match text.char_indices().find_map(|(at, c)| Some((at, c, other(c)?))) {
        Some((at, old, new)) => format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..]),
        None => format!("{text}x"),
    }
}

/// The fields of a body that is a form.
fn fields(sample: &Sample) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(&sample.body).ok()?;
    let is_form = text.contains('=') && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_form.then(|| form_urlencoded::parse(sample.body.trim_ascii()).into_owned().collect())
}

fn form(fields: &[(String, String)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
        .into_bytes()
}
