//! Reads a tree again and again, each time without what could not be read, until the rest can be read: so that one run finds every
//! mistake, and the rest can be checked.
//!
//! A key that is not known or a wrong value is passed over, so that the default holds. What is wanted as a section and is none
//! becomes an empty one. Where a key is missing, a stand-in takes its place, to see whether others are missing too; at the end
//! what lacked it is passed over as a whole.

mod sections;
mod steps;

use serde::de::DeserializeOwned;

use crate::deserializer::{At, Way};
use crate::document::Document;
use crate::error::{Error, Reason, TEXT};
use crate::tree::{Node, Tree, Value};
use crate::{Fault, Kind, Read, number, words};
use steps::Steps;

/// How often a tree is read, at most.
const MOST_READS: usize = 400;

/// What becomes of an element of a list that lacks keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacks {
    /// It is passed over as a whole.
    PassedOver,
    /// It is read with stand-ins for them.
    StandIns,
}

/// Reads the tree.
pub(crate) fn read<T: DeserializeOwned>(tree: Tree, lacks: Lacks) -> Read<T> {
    let mut document = Document::new(&tree.root, tree.empty);
    let mut repair = Repair {
        read: once::<T>,
        faults: tree.faults,
        root: tree.root,
        lacks,
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
    lacks: Lacks,
    lacking: Vec<Lacking>,
    /// What was made an empty section, with the number of its fault and the text that was there.
    emptied: Vec<(Steps, usize, Option<String>)>,
    /// What is not read as it is written; with a key beside it that was probably meant.
    taken: Vec<(Steps, Option<String>)>,
    stand_ins: usize,
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
                Reason::Variant { .. } | Reason::Wanted(_) | Reason::Custom(_) | Reason::Section(_)
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
        let path = self.path(steps, false);
        let lone = !path.is_empty() && !path.ends_with(']');
        let all = match known {
            [] => "nothing can be set here, take it out".to_owned(),
            [one] => format!("there is only {one}"),
            _ => format!("there are {}", known.join(", ")),
        };
        // Names as keys, where a list is wanted: each was read as the only element.
        let is_name = meant.is_none() && lone && matches!(entry.node.value, Value::Map(_));
        let first = known.first().map(String::as_str);
        let first = first.filter(|first| is_name && matches!(*first, "id" | "name"));
        let reason = match (meant, first) {
            (Some(meant), _) => format!(
                "is not a setting: did you mean `{meant}`? {}",
                all.replacen('t', "T", 1)
            ),
            (None, Some(first)) => format!("is not a setting: give a list, in which each begins with `- {first}: …`"),
            (None, None) => format!("is not a setting: {all}"),
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
        if first.is_some() {
            // Nor is any key missing: they are in what has the name.
            let all = known.iter().map(|key| (inner.clone(), Some(key.clone())));
            self.taken.extend(all);
        }
        self.set_out(&inner)
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
        let decides = matches!(reason, Reason::Section(_) | Reason::Variant { .. });
        let text = match &node.value {
            Value::Scalar { text, .. } => text.as_str(),
            _ => "",
        };
        let shown =
            (!hidden && !text.is_empty() && !node.is_nothing() && written.contains(text)).then(|| text.to_owned());
        let (nothing, is_section) = (node.is_nothing(), matches!(reason, Reason::Section(_)));
        let reason = match reason {
            Reason::Section(first) => words::section(words::last_key(&path), &written, nothing, first),
            Reason::Variant { known, .. } => words::variant(&written, text, hidden, &known),
            Reason::Wanted(words) => {
                let example =
                    (words == TEXT && !hidden).then(|| words::in_the_place_of_a_list(words::last_key(&path), node));
                let example = match &node.value {
                    Value::Map(_) if words == TEXT => {
                        Some(", in quotes if it holds `: ` or begins with `{`".to_owned())
                    }
                    _ => example.flatten(),
                };
                format!("{written}: {words}{}", example.unwrap_or_default())
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
            self.name_a_key(steps);
            return true;
        }
        self.set_out(steps)
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
