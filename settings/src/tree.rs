//! A YAML text as a tree, each value with its place and with what its references stand for.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use crate::references::{Replaced, Restored};
use crate::{Fault, Kind, Place, scalar, syntax};

/// How deep lists and sections may be inside one another.
const MOST_LEVELS: usize = 64;
/// How many values a file may have, those counted again that `*` repeats.
const MOST_NODES: usize = 200_000;

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
    /// Whether a variable is part of it.
    pub(crate) referenced: bool,
    /// Whether it is passed over, because of a mistake in it.
    pub(crate) out: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar {
        text: String,
        /// Whether it was written without quotes, so that it may be a number, true, false or nothing.
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// What is missing, or could not be known: reads as anything.
    StandIn(String),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    /// Whether a variable is part of the key.
    pub(crate) key_referenced: bool,
    pub(crate) node: Node,
}

/// The tree of a file, and what is wrong with parts of it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    pub(crate) faults: Vec<Fault>,
    /// Whether nothing is written in the file.
    pub(crate) empty: bool,
}

impl Node {
    pub(crate) fn new(place: Place, value: Value) -> Self {
        Self {
            place,
            value,
            referenced: false,
            out: false,
        }
    }

    /// Whether it says nothing: an empty value, `~` or `null`.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if !self.referenced && scalar::is_nothing(text))
    }
}

impl Tree {
    pub(crate) fn parse(replaced: &Replaced<'_>) -> Result<Self, Fault> {
        let mut options = Options::default();
        options.emit_comments = false;
        options.flow_nesting_limit = MOST_LEVELS;
        options.block_nesting_limit = MOST_LEVELS;
        options.simple_key_max_lookahead = 1024;
        let mut builder = Builder {
            events: Parser::new_from_str_with_options(&replaced.text, options),
            replaced,
            anchors: HashMap::new(),
            faults: Vec::new(),
            nodes: 0,
            section: String::new(),
            part: String::new(),
            key: String::new(),
            level: 0,
        };
        let root = builder.document()?;
        let nothing = Node::new(Place { line: 1, column: 1 }, Value::Map(Vec::new()));
        let empty = root.as_ref().is_none_or(Node::is_nothing);
        Ok(Self {
            root: root.filter(|_| !empty).unwrap_or(nothing),
            faults: builder.faults,
            empty,
        })
    }
}

struct Builder<'t, 'v> {
    events: Parser<'t, granit_parser::StrInput<'t>>,
    replaced: &'t Replaced<'v>,
    anchors: HashMap<usize, Part>,
    faults: Vec<Fault>,
    nodes: usize,
    /// The key at the left margin, the one below it, and the one whose value is built.
    section: String,
    part: String,
    key: String,
    /// How many sections and lists are begun and not ended.
    level: usize,
}

/// A node, and how large it is.
#[derive(Clone)]
struct Part {
    node: Node,
    nodes: usize,
    levels: usize,
}

impl<'t> Builder<'t, '_> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Place)>, Fault> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                // The parser returns `~` for a value that is not written.
                let event = match event {
                    Event::Scalar(_, ScalarStyle::Plain, anchor, tag) if is_empty(&span) => {
                        Event::Scalar("".into(), ScalarStyle::Plain, anchor, tag)
                    }
                    event => event,
                };
                Ok(Some((event, start(&span))))
            }
            Some(Err(error)) => Err(syntax::fault(&error, &self.replaced.text)),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Fault> {
        let mut root = None;
        let mut documents = 0;
        while let Some((event, place)) = self.next()? {
            match event {
                Event::DocumentStart(..) if documents == 1 => return Err(fault(place, syntax::SECOND_DOCUMENT)),
                Event::DocumentStart(..) => documents += 1,
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                event => root = Some(self.part(event, place, place)?.node),
            }
        }
        Ok(root)
    }

    /// Builds what begins with `event`. What is empty has the place of what it is the value of, `outer`.
    fn part(&mut self, event: Event<'t>, place: Place, outer: Place) -> Result<Part, Fault> {
        self.nodes += 1;
        let (anchor, part) = match event {
            Event::Alias(id) => {
                let Some(mut part) = self.anchors.get(&id).cloned() else {
                    return Err(fault(place, "`*` repeats what holds it: write it out"));
                };
                self.nodes += part.nodes;
                part.node.place = place;
                (0, part)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let place = if plain && text.is_empty() { outer } else { place };
                let plain = plain && !is_text(tag.as_deref(), place)?;
                let Restored {
                    text,
                    referenced,
                    faults,
                } = self.replaced.restore(&text, (&self.section, &self.part, &self.key));
                let unknown = !faults.is_empty();
                self.faults.extend(faults);
                let value = if unknown {
                    Value::StandIn("variable".to_owned())
                } else {
                    Value::Scalar { text, plain }
                };
                let mut node = Node::new(place, value);
                node.referenced = referenced || unknown;
                (
                    anchor,
                    Part {
                        node,
                        nodes: 1,
                        levels: 0,
                    },
                )
            }
            Event::SequenceStart(_, anchor, tag) => {
                is_text(tag.as_deref(), place)?;
                self.level += 1;
                let part = self.list(place)?;
                self.level -= 1;
                (anchor, part)
            }
            Event::MappingStart(_, anchor, tag) => {
                is_text(tag.as_deref(), place)?;
                let key = std::mem::take(&mut self.key);
                self.level += 1;
                let part = self.map(place)?;
                self.level -= 1;
                self.key = key;
                (anchor, part)
            }
            _ => return Err(fault(place, "this is not valid YAML: a value is missing")),
        };
        if self.nodes > MOST_NODES {
            let reason =
                format!("the file has more than {MOST_NODES} values, those counted that `*` repeats: use fewer");
            return Err(fault(place, &reason));
        }
        if part.levels > MOST_LEVELS {
            return Err(fault(place, syntax::TOO_DEEP));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, part.clone());
        }
        Ok(part)
    }

    /// What comes next is the value of `key`.
    fn enter(&mut self, key: &str) {
        key.clone_into(&mut self.key);
        match self.level {
            1 => {
                key.clone_into(&mut self.section);
                self.part.clear();
            }
            2 => key.clone_into(&mut self.part),
            _ => {}
        }
    }

    fn list(&mut self, place: Place) -> Result<Part, Fault> {
        let (mut elements, mut nodes, mut levels) = (Vec::new(), 1, 0);
        loop {
            match self.next()? {
                None | Some((Event::SequenceEnd, _)) => break,
                Some((event, at)) => {
                    let part = self.part(event, at, at)?;
                    nodes += part.nodes;
                    levels = levels.max(part.levels);
                    elements.push(part.node);
                }
            }
        }
        Ok(Part {
            node: Node::new(place, Value::List(elements)),
            nodes,
            levels: levels + 1,
        })
    }

    fn map(&mut self, place: Place) -> Result<Part, Fault> {
        let (mut entries, mut merged): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
        let (mut nodes, mut levels) = (1, 0);
        while let Some((event, key_place)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            self.enter("");
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.part(event, key_place, key_place)?.node;
            if let Value::Scalar { text, .. } = &key.value {
                self.enter(text);
            }
            let Some((event, at)) = self.next()? else { break };
            let part = self.part(event, at, key_place)?;
            nodes += part.nodes;
            levels = levels.max(part.levels);
            if merges {
                merge(&mut merged, part.node)?;
                continue;
            }
            let key_referenced = key.referenced;
            let Value::Scalar { text: key, .. } = key.value else {
                return Err(fault(key_place, syntax::KEY_IS_NO_TEXT));
            };
            if let Some(other) = entries.iter().find(|entry| entry.key == key) {
                let Place { line, column } = other.key_place;
                let shown = if key_referenced {
                    "a key".to_owned()
                } else {
                    format!("`{key}`")
                };
                self.faults.push(Fault {
                    kind: Kind::Key,
                    ..fault(
                        key_place,
                        &format!(
                            "{shown} is set twice, here and in line {line}, column {column}: take one of them out"
                        ),
                    )
                });
                continue;
            }
            entries.push(Entry {
                key,
                key_place,
                key_referenced,
                node: part.node,
            });
        }
        for entry in merged {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry);
            }
        }
        Ok(Part {
            node: Node::new(place, Value::Map(entries)),
            nodes,
            levels: levels + 1,
        })
    }
}

/// Adds the keys that `<<` brings in; of several with one name the first counts.
fn merge(merged: &mut Vec<Entry>, node: Node) -> Result<(), Fault> {
    let place = node.place;
    match node.value {
        Value::Map(entries) => {
            for entry in entries {
                if !merged.iter().any(|other| other.key == entry.key) {
                    merged.push(entry);
                }
            }
            Ok(())
        }
        Value::List(elements) => {
            let is_map = |element: &Node| matches!(element.value, Value::Map(_));
            if !elements.iter().all(is_map) {
                return Err(fault(place, syntax::NO_MERGE));
            }
            elements.into_iter().try_for_each(|element| merge(merged, element))
        }
        Value::Scalar { .. } | Value::StandIn(_) => Err(fault(place, syntax::NO_MERGE)),
    }
}

/// Whether a tag makes a value a text. A tag of the file's own is a mistake: most often a text that begins with `!`.
fn is_text(tag: Option<&Tag>, place: Place) -> Result<bool, Fault> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
        // A lone `!` says: not a number.
        Some(tag) if tag.parts() == ("!", "") || tag.parts() == ("", "!") => Ok(true),
        Some(tag) if tag.is_yaml_core_schema() => Ok(false),
        Some(_) => Err(fault(place, syntax::TAG)),
    }
}

fn fault(place: Place, reason: &str) -> Fault {
    Fault {
        place: Some(place),
        path: String::new(),
        kind: Kind::Syntax,
        reason: reason.to_owned(),
    }
}

fn is_empty(span: &Span) -> bool {
    span.start.index() == span.end.index()
}

fn start(span: &Span) -> Place {
    Place {
        line: span.start.line() as u64,
        column: span.start.col() as u64 + 1,
    }
}
