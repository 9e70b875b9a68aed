//! Reads a tree again and again, each time without what could not be read, until the rest can be read: so that one run finds every
//! mistake, and the rest can be checked.
//!
//! A key that is not known or a wrong value is passed over, so that the default holds. What is wanted as a section and is none
//! becomes an empty one. Where a key is missing, a stand-in takes its place, to see whether others are missing too; at the end
//! what lacked it is passed over as a whole.

use serde::de::DeserializeOwned;

use crate::deserializer::{At, Way};
use crate::document::{Document, key_path};
use crate::error::{Error, Reason, TEXT};
use crate::tree::{Entry, Node, Tree, Value};
use crate::{Fault, Kind, Read, number, words};

/// How often a tree is read, at most.
const MOST_READS: usize = 400;

/// Reads the tree.
pub(crate) fn read<T: DeserializeOwned>(tree: Tree) -> Read<T> {
    let mut document = Document::new(&tree.root, tree.empty);
    let mut repair = Repair {
        read: once::<T>,
        faults: tree.faults,
        root: tree.root,
        lacking: Vec::new(),
        emptied: Vec::new(),
        taken: Vec::new(),
        stand_ins: 0,
    };
    let mut unknown = Vec::new();
    repair.root.stand_ins(&mut Vec::new(), &mut unknown);
    repair.taken = unknown.into_iter().map(|steps| (steps, None)).collect();
    let mut value = None;
    for _ in 0..MOST_READS {
        let changed = match once::<T>(&repair.root) {
            Ok(read) if repair.is_whole() => {
                value = Some(read);
                break;
            }
            Ok(_) => repair.take_out_lacking(),
            Err(error) => repair.note(error),
        };
        if !changed {
            break;
        }
    }
    document.set_read(&repair.root, repair.taken_paths());
    let mut faults = repair.into_faults();
    if value.is_none() && faults.is_empty() {
        faults.push(Fault {
            place: None,
            path: String::new(),
            kind: Kind::Value,
            reason: "the file could not be read: compare it with the example".to_owned(),
        });
    }
    Read {
        value,
        faults,
        document,
    }
}

fn once<T: DeserializeOwned>(root: &Node) -> Result<T, Error> {
    T::deserialize(At {
        node: root,
        way: &Way::ROOT,
        optional: false,
    })
}

/// The way to a value: at each level the number of the key or element, those that are passed over included.
type Steps = Vec<usize>;

/// A section that lacks keys.
struct Lacking {
    steps: Steps,
    /// Those to report; others are there, but wrong.
    keys: Vec<String>,
}

struct Repair<T> {
    read: fn(&Node) -> Result<T, Error>,
    root: Node,
    faults: Vec<Fault>,
    lacking: Vec<Lacking>,
    /// What was made an empty section, with the number of its fault and the text that was there.
    emptied: Vec<(Steps, usize, Option<String>)>,
    /// What is not read as it is written; with a key beside it that was probably meant.
    taken: Vec<(Steps, Option<String>)>,
    stand_ins: usize,
}

impl Node {
    fn child(&self, step: usize) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.get(step).map(|entry| &entry.node),
            Value::List(elements) => elements.get(step),
            Value::Scalar { .. } | Value::StandIn(_) => None,
        }
    }

    fn child_mut(&mut self, step: usize) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => entries.get_mut(step).map(|entry| &mut entry.node),
            Value::List(elements) => elements.get_mut(step),
            Value::Scalar { .. } | Value::StandIn(_) => None,
        }
    }

    fn at(&self, steps: &[usize]) -> Option<&Self> {
        steps.iter().try_fold(self, |node, step| node.child(*step))
    }

    fn at_mut(&mut self, steps: &[usize]) -> Option<&mut Self> {
        steps.iter().try_fold(self, |node, step| node.child_mut(*step))
    }

    fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    fn is_stand_in(&self) -> bool {
        matches!(self.value, Value::StandIn(_))
    }

    fn stand_ins(&self, here: &mut Steps, found: &mut Vec<Steps>) {
        if self.is_stand_in() {
            found.push(here.clone());
        }
        let mut step = 0;
        while let Some(child) = self.child(step) {
            here.push(step);
            child.stand_ins(here, found);
            here.pop();
            step += 1;
        }
    }
}

impl<T> Repair<T> {
    fn is_whole(&self) -> bool {
        self.lacking.is_empty()
    }

    /// Notes a mistake and takes it out of the tree. Returns whether the tree is now another one.
    fn note(&mut self, error: Error) -> bool {
        let steps = error.steps.clone().unwrap_or_default();
        let Some(node) = self.root.at(&steps) else { return false };
        let in_buffer = matches!(node.value, Value::Map(_))
            && matches!(
                error.reason,
                Reason::Variant { .. } | Reason::Wanted(_) | Reason::Custom(_) | Reason::Section
            );
        match error.reason {
            Reason::LeftOut => self.set_out(&steps),
            Reason::Unknown { key, known } => self.unknown(&steps, &key, &known),
            Reason::Missing(key) => self.missing(&steps, &key),
            Reason::Variant { text, known } if self.try_variant(&steps, &text, &known) => true,
            // The mistake is in one of its keys, and which one is not known: see without which it is another one.
            reason if in_buffer => {
                let culprit = self.culprit(&steps, &reason);
                let (steps, reason) = match culprit {
                    Some((inner, key)) => (inner, for_key(reason, &key)),
                    None => (steps, reason),
                };
                self.wrong(&steps, reason)
            }
            reason => self.wrong(&steps, reason),
        }
    }

    fn unknown(&mut self, steps: &[usize], key: &str, known: &[String]) -> bool {
        let entries = self.root.at(steps).map(Node::entries).unwrap_or_default();
        let found = entries.iter().position(|entry| entry.key == key && !entry.node.out);
        let Some((step, entry)) = found.and_then(|step| Some((step, entries.get(step)?))) else {
            return self.set_out(steps);
        };
        let meant = words::nearest(key, known);
        let all = match known {
            [] => "nothing can be set here, take it out".to_owned(),
            [one] => format!("there is only {one}"),
            _ => format!("there are {}", known.join(", ")),
        };
        let reason = match meant {
            Some(meant) => format!(
                "is not a setting: did you mean `{meant}`? {}",
                all.replacen('t', "T", 1)
            ),
            None => format!("is not a setting: {all}"),
        };
        let place = entry.key_place;
        let inner: Steps = steps.iter().copied().chain([step]).collect();
        self.faults.push(Fault {
            place: Some(place),
            path: self.path(&inner, false),
            kind: Kind::Key,
            reason: words::one_line(&reason),
        });
        self.taken.push((inner.clone(), meant.map(str::to_owned)));
        self.set_out(&inner)
    }

    fn missing(&mut self, steps: &[usize], key: &str) -> bool {
        self.stand_ins += 1;
        let stand_in = Value::StandIn(format!("stand-in-{}", self.stand_ins));
        let emptied = self.emptied.iter().find(|(emptied, ..)| emptied == steps);
        if let Some((_, fault, text)) = emptied {
            // A text where a section is wanted: now its first key is known.
            if let (Some(fault), Some(text)) = (self.faults.get_mut(*fault), text) {
                let name = last_key(&fault.path).to_owned();
                if let Some((said, _)) = fault.reason.split_once(": give") {
                    fault.reason = format!("{said}: write `{name}: {{ {key}: {text} }}`");
                }
            }
            return self.set_out(steps);
        }
        let Some(node) = self.root.at_mut(steps) else {
            return false;
        };
        let place = node.place;
        let Value::Map(entries) = &mut node.value else {
            return self.set_out(steps);
        };
        let wrong = entries.iter_mut().find(|entry| entry.key == key && entry.node.out);
        // Another key was probably meant to be this one, and is reported.
        let misspelt = |(inner, meant): &(Steps, Option<String>)| {
            meant.as_deref() == Some(key) && inner.split_last().is_some_and(|(_, outer)| outer == steps)
        };
        let mut report = !self.taken.iter().any(misspelt);
        match wrong {
            // It is written, but wrong, which is reported.
            Some(entry) if entry.node.is_stand_in() => return self.set_out(steps),
            Some(entry) => {
                entry.node = Node::new(entry.node.place, stand_in);
                report = false;
            }
            None => entries.push(Entry {
                key: key.to_owned(),
                key_place: place,
                key_referenced: false,
                node: Node::new(place, stand_in),
            }),
        }
        if !self.lacking.iter().any(|lacking| lacking.steps == steps) {
            self.lacking.push(Lacking {
                steps: steps.to_vec(),
                keys: Vec::new(),
            });
        }
        let lacking = self.lacking.iter_mut().find(|lacking| lacking.steps == steps);
        if let Some(lacking) = lacking.filter(|_| report) {
            lacking.keys.push(key.to_owned());
        }
        true
    }

    /// Gives a stand-in the first text that is known, if it was the stand-in that is not known.
    fn try_variant(&mut self, steps: &[usize], text: &str, known: &[String]) -> bool {
        let Some(first) = known.first() else { return false };
        let Some(Node {
            value: Value::Map(entries),
            ..
        }) = self.root.at_mut(steps)
        else {
            return false;
        };
        let is_it = |entry: &&mut Entry| matches!(&entry.node.value, Value::StandIn(stand_in) if stand_in == text);
        match entries.iter_mut().find(is_it) {
            Some(entry) if text != first => {
                entry.node.value = Value::StandIn(first.clone());
                true
            }
            _ => false,
        }
    }

    /// The key of the section without which the mistake is another one or none, with its steps.
    fn culprit(&mut self, steps: &[usize], reason: &Reason) -> Option<(Steps, String)> {
        let keys: Vec<(usize, String)> = {
            let entries = self.root.at(steps)?.entries().iter().enumerate();
            entries
                .filter(|(_, entry)| !entry.node.out)
                .map(|(step, entry)| (step, entry.key.clone()))
                .collect()
        };
        // Those that must be there: the kind of the section, and perhaps the one that is wrong.
        let mut needed: Vec<(Steps, String)> = Vec::new();
        for (step, key) in keys {
            let inner: Steps = steps.iter().copied().chain([step]).collect();
            self.root.at_mut(&inner)?.out = true;
            let without = (self.read)(&self.root).err();
            self.root.at_mut(&inner)?.out = false;
            match without {
                Some(Error {
                    steps: at,
                    reason: other,
                }) if at.as_deref() == Some(steps) => {
                    if other == *reason {
                        continue;
                    }
                    if other == Reason::Missing(key.clone()) {
                        needed.push((inner, key));
                        continue;
                    }
                    return Some((inner, key));
                }
                _ => return Some((inner, key)),
            }
        }
        let is_it = |(steps, _): &(Steps, String)| match (reason, self.root.at(steps).map(|node| &node.value)) {
            (Reason::Variant { text, .. }, Some(Value::Scalar { text: written, .. })) => text == written,
            _ => false,
        };
        let named = needed.iter().position(is_it);
        // The kind is mostly written first.
        let chosen = named.or(needed.len().checked_sub(1))?;
        Some(needed.swap_remove(chosen))
    }

    /// Notes a wrong value, unless it follows from a mistake that is noted.
    fn wrong(&mut self, steps: &[usize], reason: Reason) -> bool {
        let Some(node) = self.root.at(steps) else { return false };
        if node.is_stand_in() || self.emptied.iter().any(|(emptied, ..)| emptied == steps) {
            return self.set_out(steps);
        }
        let (place, path) = (node.place, self.path(steps, false));
        let hidden = self.is_hidden(steps);
        let written = words::written(node, hidden);
        let decides = matches!(reason, Reason::Section | Reason::Variant { .. });
        let text = match &node.value {
            Value::Scalar { text, .. } => text.as_str(),
            _ => "",
        };
        let shown =
            (!hidden && !text.is_empty() && !node.is_nothing() && written.contains(text)).then(|| text.to_owned());
        let (nothing, is_section) = (node.is_nothing(), reason == Reason::Section);
        let reason = match reason {
            Reason::Section => section(last_key(&path), &written, nothing),
            Reason::Variant { known, .. } => variant(&written, text, hidden, &known),
            Reason::Wanted(words) => {
                let example = (words == TEXT && !hidden).then(|| in_the_place_of_a_list(last_key(&path), node));
                format!("{written}: {words}{}", example.flatten().unwrap_or_default())
            }
            Reason::Custom(message) if hidden => format!("is not valid: {}", words::without(&message, text)),
            Reason::Custom(message) => format!("is not valid: {message}"),
            Reason::Unknown { .. } | Reason::Missing(_) | Reason::LeftOut => return false,
        };
        let reason = if path.is_empty() {
            format!("the file {reason}")
        } else {
            reason
        };
        self.faults.push(Fault {
            place: Some(place),
            path,
            kind: Kind::Value,
            reason: words::one_line(&reason),
        });
        self.taken.push((steps.to_vec(), None));
        if decides && let Some(element) = self.element(steps) {
            // What else is in the element may have another meaning without it.
            self.taken.push((element, None));
        }
        if is_section && let Some(node) = self.root.at_mut(steps) {
            node.value = Value::Map(Vec::new());
            self.emptied.push((steps.to_vec(), self.faults.len() - 1, shown));
            return true;
        }
        self.set_out(steps)
    }

    /// The innermost element of a list that is a section and holds the value.
    fn element(&self, steps: &[usize]) -> Option<Steps> {
        let lists = (1..steps.len()).rev().filter_map(|length| steps.get(..length));
        let is_element = |outer: &[usize]| {
            let list = outer.split_last().and_then(|(_, list)| self.root.at(list));
            matches!(
                list,
                Some(Node {
                    value: Value::List(_),
                    ..
                })
            )
        };
        lists.filter(|outer| is_element(outer)).map(<[usize]>::to_vec).next()
    }

    /// Passes a value over. The root cannot be.
    fn set_out(&mut self, steps: &[usize]) -> bool {
        if steps.is_empty() {
            return false;
        }
        match self.root.at_mut(steps) {
            Some(node) if !node.out => node.out = true,
            _ => return false,
        }
        true
    }

    /// Passes over what lacks keys, which all are known now.
    fn take_out_lacking(&mut self) -> bool {
        let mut changed = false;
        for Lacking { steps, keys } in std::mem::take(&mut self.lacking) {
            self.report_lacking(&steps, &keys);
            self.taken.push((steps.clone(), None));
            changed |= self.set_out(&steps);
        }
        changed
    }

    fn report_lacking(&mut self, steps: &[usize], keys: &[String]) {
        let Some((last, others)) = keys.split_last() else {
            return;
        };
        let names: Vec<String> = others.iter().map(|key| format!("`{key}`")).collect();
        let reason = if names.is_empty() {
            format!("lacks `{last}`: add it")
        } else {
            format!("lacks {} and `{last}`: add them", names.join(", "))
        };
        let path = self.path(steps, false);
        let reason = if path.is_empty() {
            format!("the file {reason}")
        } else {
            reason
        };
        self.faults.push(Fault {
            place: self.root.at(steps).map(|node| node.place),
            path,
            kind: Kind::Missing,
            reason,
        });
    }

    /// The path to a value: with the numbers that elements have in the file, or `as_read`, without those that are passed over.
    fn path(&self, steps: &[usize], as_read: bool) -> String {
        let (mut node, mut path) = (&self.root, String::new());
        for &step in steps {
            match &node.value {
                Value::Map(entries) => {
                    let Some(entry) = entries.get(step) else { break };
                    let key = if entry.key_referenced {
                        "…"
                    } else {
                        entry.key.as_str()
                    };
                    path = key_path(&path, key);
                }
                Value::List(elements) => {
                    let before = elements.get(..step).unwrap_or_default();
                    let passed = before.iter().filter(|element| as_read && element.out).count();
                    if as_read && elements.get(step).is_some_and(|element| element.out) {
                        return format!("{path}[-]");
                    }
                    path = format!("{path}[{}]", step - passed);
                }
                Value::Scalar { .. } | Value::StandIn(_) => break,
            }
            let Some(child) = node.child(step) else { break };
            node = child;
        }
        path
    }

    fn is_hidden(&self, steps: &[usize]) -> bool {
        let mut node = &self.root;
        for &step in steps {
            if node
                .entries()
                .get(step)
                .is_some_and(|entry| words::is_secret(&entry.key))
            {
                return true;
            }
            let Some(child) = node.child(step) else { break };
            node = child;
        }
        words::is_hidden(node)
    }

    fn taken_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (steps, meant) in &self.taken {
            let path = self.path(steps, true);
            if let Some(meant) = meant {
                let outer = steps.split_last().map(|(_, outer)| self.path(outer, true));
                paths.push(key_path(&outer.unwrap_or_default(), meant));
            }
            paths.push(path);
        }
        paths
    }

    /// Everything that was found, in the order of the file.
    fn into_faults(mut self) -> Vec<Fault> {
        for Lacking { steps, keys } in std::mem::take(&mut self.lacking) {
            self.report_lacking(&steps, &keys);
        }
        self.faults.sort_by_key(|fault| fault.place);
        self.faults.dedup();
        self.faults
    }
}

/// The reason, said of the value of a key that the type did not know when it refused it.
fn for_key(reason: Reason, key: &str) -> Reason {
    match reason {
        Reason::Wanted(words) if words == number::wanted("") => Reason::Wanted(number::wanted(key)),
        other => other,
    }
}

fn last_key(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    last.split('[').next().unwrap_or(last)
}

/// An example for who wrote a list where a text is wanted.
fn in_the_place_of_a_list(key: &str, list: &Node) -> Option<String> {
    let Value::List(elements) = &list.value else {
        return None;
    };
    let Value::Scalar { text, .. } = &elements.first()?.value else {
        return None;
    };
    let shown = elements.iter().all(|element| !words::is_hidden(element)) && words::is_short(text);
    shown.then(|| format!(", as in `{key}: {text}`"))
}

fn section(name: &str, written: &str, nothing: bool) -> String {
    match name {
        "" => format!("{written}: give keys and values, as in `key: value`"),
        name if nothing => format!("{written}: write `{name}: {{}}`, or take it out"),
        name => format!("{written}: give keys and values, as in `{name}: {{ key: value }}`"),
    }
}

fn variant(written: &str, text: &str, hidden: bool, known: &[String]) -> String {
    let all = known.join(", ");
    match words::nearest(text, known).filter(|_| !hidden) {
        Some(meant) => format!("{written}: did you mean `{meant}`? There are {all}"),
        None => format!("{written}: give one of {all}"),
    }
}
