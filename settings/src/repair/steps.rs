//! From the root to a value, and what is there.

use super::Repair;
use crate::document::key_path;
use crate::tree::{Entry, Node, Value};
use crate::words;

/// The way to a value: at each level the number of the key or element, those that are passed over included.
pub(super) type Steps = Vec<usize>;

impl Node {
    pub(super) fn child(&self, step: usize) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.get(step).map(|entry| &entry.node),
            Value::List(elements) => elements.get(step),
            Value::Scalar { .. } | Value::StandIn(_) => None,
        }
    }

    pub(super) fn child_mut(&mut self, step: usize) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => entries.get_mut(step).map(|entry| &mut entry.node),
            Value::List(elements) => elements.get_mut(step),
            Value::Scalar { .. } | Value::StandIn(_) => None,
        }
    }

    pub(super) fn at(&self, steps: &[usize]) -> Option<&Self> {
        steps.iter().try_fold(self, |node, step| node.child(*step))
    }

    pub(super) fn at_mut(&mut self, steps: &[usize]) -> Option<&mut Self> {
        steps.iter().try_fold(self, |node, step| node.child_mut(*step))
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn is_stand_in(&self) -> bool {
        matches!(self.value, Value::StandIn(_))
    }

    pub(super) fn stand_ins(&self, here: &mut Steps, found: &mut Vec<Steps>) {
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
    /// The innermost element of a list that is a section and holds the value.
    pub(super) fn element(&self, steps: &[usize]) -> Option<Steps> {
        let lists = (1..steps.len()).rev().filter_map(|length| steps.get(..length));
        lists
            .filter(|outer| self.is_element(outer))
            .map(<[usize]>::to_vec)
            .next()
    }

    /// Whether the steps lead to an element of a list.
    pub(super) fn is_element(&self, steps: &[usize]) -> bool {
        let list = steps.split_last().and_then(|(_, list)| self.root.at(list));
        list.is_some_and(|list| matches!(list.value, Value::List(_)))
    }

    /// The path to a value: with the numbers that elements have in the file, or `as_read`, without those that are passed over.
    pub(super) fn path(&self, steps: &[usize], as_read: bool) -> String {
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

    pub(super) fn is_hidden(&self, steps: &[usize]) -> bool {
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

    pub(super) fn taken_paths(&self) -> Vec<String> {
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
}
