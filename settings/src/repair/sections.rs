//! Sections that lack keys, and those whose kind decides which keys they have.

use super::steps::Steps;
use super::{Lacking, Lacks, Repair};
use crate::error::{Error, Reason};
use crate::tree::{Entry, Node, Value};
use crate::{Fault, Kind, words};

impl<T> Repair<T> {
    pub(super) fn missing(&mut self, steps: &[usize], key: &str) -> bool {
        self.stand_ins += 1;
        let stand_in = Value::StandIn(format!("stand-in-{}", self.stand_ins));
        let emptied = self.emptied.iter().find(|(emptied, ..)| emptied == steps);
        if let Some((_, fault, text)) = emptied {
            // A text where a section is wanted: now its first key is known.
            if let Some(fault) = self.faults.get_mut(*fault) {
                let name = words::last_key(&fault.path);
                let said = fault.reason.split_once(": give").map(|(said, _)| said);
                let element = fault.path.ends_with(']');
                fault.reason = match (said, text) {
                    (Some(said), Some(text)) if element => format!("{said}: write `- {key}: {text}`"),
                    (Some(said), Some(text)) => format!("{said}: write `{name}: {{ {key}: {text} }}`"),
                    _ => fault.reason.replace("{ key: value }", &format!("{{ {key}: … }}")),
                };
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

    /// Puts a key that the section has into what was said last, which is that it is no section.
    pub(super) fn name_a_key(&mut self, steps: &[usize]) {
        let Some(node) = self.root.at_mut(steps) else { return };
        // No key is empty, and who does not know one names those that there are.
        node.value = Value::Map(vec![Entry {
            key: String::new(),
            key_place: node.place,
            key_referenced: false,
            node: Node::new(node.place, Value::StandIn(String::new())),
        }]);
        let read = (self.read)(&self.root).err();
        if let Some(node) = self.root.at_mut(steps) {
            node.value = Value::Map(Vec::new());
        }
        let Some(Error {
            steps: Some(at),
            reason: Reason::Unknown { known, .. },
        }) = read
        else {
            return;
        };
        if at == steps
            && let (Some(first), Some(fault)) = (known.first(), self.faults.last_mut())
        {
            fault.reason = fault.reason.replace("{ key: value }", &format!("{{ {first}: … }}"));
        }
    }

    /// Gives a stand-in the first text that is known, if it was the stand-in that is not known.
    pub(super) fn try_variant(&mut self, steps: &[usize], text: &str, known: &[String]) -> bool {
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
    pub(super) fn culprit(&mut self, steps: &[usize], reason: &Reason) -> Option<(Steps, String)> {
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

    /// Passes over what lacks keys, which all are known now; or these keys only.
    pub(super) fn take_out_lacking(&mut self) -> bool {
        let mut changed = false;
        for Lacking { steps, keys } in std::mem::take(&mut self.lacking) {
            self.report_lacking(&steps, &keys);
            if self.lacks == Lacks::StandIns && self.is_element(&steps) {
                let entries = self.root.at(&steps).map(Node::entries).unwrap_or_default();
                let stand_ins = entries.iter().enumerate().filter(|(_, entry)| entry.node.is_stand_in());
                let stand_ins = stand_ins.map(|(step, _)| steps.iter().copied().chain([step]).collect::<Steps>());
                self.taken.extend(stand_ins.map(|inner| (inner, None)));
                changed = true;
                continue;
            }
            self.taken.push((steps.clone(), None));
            changed |= self.set_out(&steps);
        }
        changed
    }

    pub(super) fn report_lacking(&mut self, steps: &[usize], keys: &[String]) {
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
}
