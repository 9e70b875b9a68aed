//! YAML as Kubernetes reads it, into JSON; and JSON written as YAML, always in the same form.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

/// Reads all documents, those without content left out. Refuses a key that stands twice and texts that other readers take for
/// something else.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
    };
    let mut documents = Vec::new();
    while let Some((event, line)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => documents.push(reader.value(event, line)?),
        }
    }
    documents.retain(|document| !document.is_null());
    Ok(documents)
}

/// Reads one document.
pub(crate) fn document(text: &str) -> Result<Value, String> {
    let mut all = documents(text)?;
    match all.len() {
        0 => Ok(Value::Null),
        1 => Ok(all.remove(0)),
        more => Err(format!("{more} documents")),
    }
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Value>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, usize)>, String> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, span.start.line()))),
            Some(Err(error)) => Err(error.to_string()),
        }
    }

    fn value(&mut self, event: Event<'t>, line: usize) -> Result<Value, String> {
        let (anchor, value) = match event {
            Event::Alias(id) => {
                let value = self.anchors.get(&id).cloned();
                return value.ok_or_else(|| format!("line {line}: an alias of nothing"));
            }
            Event::Scalar(text, ScalarStyle::Plain, anchor, None) => {
                (anchor, plain(&text).map_err(|reason| format!("line {line}: {reason}"))?)
            }
            Event::Scalar(text, _, anchor, _) => (anchor, Value::String(text.into_owned())),
            Event::SequenceStart(_, anchor, _) => {
                let mut list = Vec::new();
                while let Some((event, line)) = self.next()? {
                    if event == Event::SequenceEnd {
                        break;
                    }
                    list.push(self.value(event, line)?);
                }
                (anchor, Value::Array(list))
            }
            Event::MappingStart(_, anchor, _) => {
                let mut map = Map::new();
                while let Some((event, line)) = self.next()? {
                    let key = match event {
                        Event::MappingEnd => break,
                        Event::Scalar(text, ..) => text.into_owned(),
                        other => return Err(format!("line {line}: a key that is no text: {other:?}")),
                    };
                    let (event, at) = self.next()?.ok_or("the text ends within a map")?;
                    let value = self.value(event, at)?;
                    if map.insert(key.clone(), value).is_some() {
                        return Err(format!("line {line}: `{key}` stands twice"));
                    }
                }
                (anchor, Value::Object(map))
            }
            other => return Err(format!("line {line}: {other:?} where a value should be")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }
}

/// What stands without quotes. Kubernetes reads YAML 1.1, other programs 1.2: what these read differently is refused.
fn plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" => return Ok(Value::Null),
        "true" => return Ok(true.into()),
        "false" => return Ok(false.into()),
        _ => {}
    }
    if ["yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str()) {
        return Err(format!("`{text}` is a text to some and a boolean to others: quote it"));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    // The mode of a file is the one number that is written so.
    if digits.len() == 4 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let octal = i64::from_str_radix(digits, 8);
        return octal
            .map(Value::from)
            .map_err(|_| format!("`{text}` is a text to some and a number to others"));
    }
    if digits.starts_with(|first: char| first.is_ascii_digit()) {
        if let Ok(number) = text.parse::<i64>() {
            return Ok(number.into());
        }
        if let Ok(number) = text.parse::<f64>() {
            return Ok(number.into());
        }
    }
    Ok(text.into())
}

/// Writes a document, without anything that depends on how it was written before.
pub(crate) fn write(value: &Value) -> String {
    let mut text = String::new();
    put(&mut text, value, 0, false);
    text
}

/// Writes `value` into the rest of a line, and into lines below it. `listed`: after the dash of a list.
fn put(text: &mut String, value: &Value, indent: usize, listed: bool) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (nth, (key, value)) in map.iter().enumerate() {
                if nth > 0 || !listed {
                    text.extend(std::iter::repeat_n(' ', indent));
                }
                text.extend([&scalar(key), ":"]);
                put_below(text, value, indent);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (nth, value) in list.iter().enumerate() {
                if nth > 0 || !listed {
                    text.extend(std::iter::repeat_n(' ', indent));
                }
                text.push('-');
                match value {
                    Value::Object(map) if !map.is_empty() => {
                        text.push(' ');
                        put(text, value, indent + 2, true);
                    }
                    value => put_below(text, value, indent),
                }
            }
        }
        value => {
            put_below(text, value, indent);
        }
    }
}

/// Writes what stands after a colon or a dash.
fn put_below(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            put(text, value, indent + 2, false);
        }
        Value::Array(list) if !list.is_empty() => {
            text.push('\n');
            put(text, value, indent + 2, false);
        }
        Value::String(content) if content.contains('\n') => {
            text.push_str(if content.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in content.lines() {
                if !line.is_empty() {
                    text.extend(std::iter::repeat_n(' ', indent + 2));
                    text.push_str(line);
                }
                text.push('\n');
            }
        }
        Value::String(content) => {
            text.extend([" ", &scalar(content), "\n"]);
        }
        other => {
            text.extend([" ", &other.to_string(), "\n"]);
        }
    }
}

/// A text on one line: as it is where every reader takes it for this text, else in quotes.
fn scalar(content: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./${}()+=, ".contains(&byte) || byte == b':';
    let safe = plain(content) == Ok(Value::from(content))
        && content.starts_with(|first: char| first.is_ascii_alphanumeric() || "/$.(".contains(first))
        && content.bytes().all(harmless)
        && !content.contains(": ")
        && !content.ends_with([':', ' ']);
    if safe {
        content.to_owned()
    } else {
        Value::from(content).to_string()
    }
}

#[test]
fn what_is_written_is_read_back() {
    let text = "a: {b: [1, -2.5, x, 'true', \"yes\", '', '0644'], c: {}, d: [], e: ~}\nf: |\n  x: 1\n\n    y\ng: [[1, 2], {h: {i: j}}]\n'k: l': 'm #n'\n";
    let value = document(text).expect("YAML");
    assert_eq!(document(&write(&value)).as_ref(), Ok(&value), "{}", write(&value));
    assert_eq!(document("mode: 0440"), Ok(serde_json::json!({ "mode": 288 })));
    for wrong in ["a: 1\na: 2", "a: yes", "mode: 0948"] {
        assert!(document(wrong).is_err(), "{wrong}");
    }
}
