//! Where each setting is written.

use std::collections::HashMap;

use crate::tree::{Node, Value};
use crate::{Place, words};

/// The settings of a file by their paths, as in `sources[3].auth.template`: of each its place, and its text if it is one.
#[derive(Debug, Default)]
pub struct Document {
    /// As they are written.
    written: HashMap<String, Written>,
    /// As they were read: elements that are passed over do not count.
    read: HashMap<String, Written>,
    taken_out: Vec<String>,
    empty: bool,
}

#[derive(Debug)]
struct Written {
    place: Place,
    text: Option<String>,
    hidden: bool,
}

impl Document {
    pub(crate) fn new(written: &Node, empty: bool) -> Self {
        let mut document = Self {
            empty,
            ..Self::default()
        };
        walk(written, "", false, false, &mut document.written);
        document
    }

    pub(crate) fn set_read(&mut self, read: &Node, taken_out: Vec<String>) {
        walk(read, "", false, true, &mut self.read);
        self.taken_out = taken_out;
    }

    /// Whether the file holds nothing but comments.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Returns the place of a setting of what was read; where it is not written, that of what it would be a part of. Its elements are
    /// counted as they were read, without those that were passed over because of a mistake.
    pub fn place(&self, path: &str) -> Option<Place> {
        outwards(path)
            .find_map(|path| self.read.get(path))
            .map(|written| written.place)
    }

    /// Returns the text at `path` as it is written; `None` if it is no text, or not to be shown.
    pub fn text(&self, path: &str) -> Option<&str> {
        let written = self.written.get(path).filter(|written| !written.hidden)?;
        written.text.as_deref()
    }

    /// Takes what is from a variable, or secret by its name, out of a message about the setting at `path`.
    pub fn without_hidden(&self, path: &str, message: &str) -> String {
        let hidden = self.read.get(path).filter(|written| written.hidden);
        let text = hidden.and_then(|written| written.text.as_deref());
        text.map_or_else(|| message.to_owned(), |text| words::without(message, text))
    }

    /// The settings that were not read, or not as they are written, because of a mistake, as they would be counted in what was read.
    pub fn taken_out(&self) -> &[String] {
        &self.taken_out
    }
}

/// The path, and those of what it is in, from the inside out.
fn outwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rfind(['.', '[']).and_then(|end| path.get(..end))
    })
}

/// The path of a key within `outer`.
pub(crate) fn key_path(outer: &str, key: &str) -> String {
    let dot = if outer.is_empty() { "" } else { "." };
    format!("{outer}{dot}{key}")
}

fn walk(node: &Node, path: &str, secret: bool, as_read: bool, found: &mut HashMap<String, Written>) {
    if !path.is_empty() {
        let text = match &node.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => None,
        };
        let written = Written {
            place: node.place,
            text,
            hidden: secret || words::is_hidden(node),
        };
        found.entry(path.to_owned()).or_insert(written);
    }
    let counts = |node: &Node| !(as_read && node.out);
    match &node.value {
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| counts(&entry.node)) {
                let secret = secret || words::is_secret(&entry.key);
                walk(&entry.node, &key_path(path, &entry.key), secret, as_read, found);
            }
        }
        Value::List(elements) => {
            for (index, element) in elements.iter().filter(|element| counts(element)).enumerate() {
                walk(element, &format!("{path}[{index}]"), secret, as_read, found);
            }
        }
        Value::Scalar { .. } | Value::StandIn(_) => {}
    }
}
