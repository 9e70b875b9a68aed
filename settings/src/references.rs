//! References to variables in a text, replaced by other characters of the same number before it is parsed, so that neither what
//! is around a reference nor what its variable holds changes how the text is read.

use crate::{Fault, Kind, Place, Variables, Within};

/// The first character of a placeholder is this one plus the number of the reference.
const FIRST: u32 = 0xF_0000;
/// How many references can be told apart: the private characters of one plane.
const MOST: u32 = 0xFFFE;
/// All other characters of a placeholder.
const REST: char = '\u{10_0000}';

/// What a placeholder stands for.
enum Meaning {
    /// A text that is not from a variable.
    Literal(String),
    /// A variable's name, and what to take where it has no value or an empty one.
    Variable {
        name: String,
        default: Option<String>,
        /// Whether the default also counts for an empty value.
        also_empty: bool,
    },
    /// Nothing that can be understood: the reason.
    Wrong(String),
}

/// A text whose references are replaced.
pub(crate) struct Replaced<'v> {
    /// The text to parse.
    pub(crate) text: String,
    meanings: Vec<(Meaning, Place)>,
    variables: &'v dyn Variables,
}

/// A scalar with what its references stand for.
pub(crate) struct Restored {
    pub(crate) text: String,
    /// Whether a part of it is from a variable.
    pub(crate) referenced: bool,
    /// What could not be put in.
    pub(crate) faults: Vec<Fault>,
}

impl<'v> Replaced<'v> {
    pub(crate) fn new(text: &str, variables: &'v dyn Variables) -> Result<Self, Fault> {
        let mut replaced = Self {
            text: String::with_capacity(text.len()),
            meanings: Vec::new(),
            variables,
        };
        let mut place = Place { line: 1, column: 1 };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (meaning, length) = match reference(rest).filter(|_| variables.are_used()) {
                Some(found) => found,
                // A character that could be taken for a placeholder stands for itself.
                None if u32::from(first) >= FIRST => (Meaning::Literal(first.to_string()), first.len_utf8()),
                None => {
                    replaced.text.push(first);
                    rest = rest.get(first.len_utf8()..).unwrap_or_default();
                    match first {
                        '\n' => {
                            place = Place {
                                line: place.line + 1,
                                column: 1,
                            }
                        }
                        _ => place.column += 1,
                    }
                    continue;
                }
            };
            let (written, after) = rest.split_at(length);
            replaced.push(meaning, place, written)?;
            place.column += written.chars().count() as u64;
            rest = after;
        }
        Ok(replaced)
    }

    fn push(&mut self, meaning: Meaning, place: Place, written: &str) -> Result<(), Fault> {
        let number = u32::try_from(self.meanings.len()).ok().filter(|number| *number < MOST);
        let Some(first) = number.and_then(|number| char::from_u32(FIRST + number)) else {
            return Err(Fault {
                place: Some(place),
                path: String::new(),
                kind: Kind::Syntax,
                reason: format!("more than {MOST} references to variables are in the file: use fewer"),
            });
        };
        self.meanings.push((meaning, place));
        self.text.push(first);
        self.text.extend(written.chars().skip(1).map(|_| REST));
        Ok(())
    }

    /// Returns `scalar`, in the section, its part and of the key that are given, with what its placeholders stand for.
    pub(crate) fn restore(&self, scalar: &str, within: (&str, &str, &str)) -> Restored {
        let mut restored = Restored {
            text: String::with_capacity(scalar.len()),
            referenced: false,
            faults: Vec::new(),
        };
        for c in scalar.chars() {
            let number = u32::from(c)
                .checked_sub(FIRST)
                .and_then(|number| usize::try_from(number).ok());
            match number {
                None => restored.text.push(c),
                Some(_) if c == REST => {}
                Some(number) => {
                    let Some((meaning, place)) = self.meanings.get(number) else {
                        continue;
                    };
                    self.put(meaning, *place, within, &mut restored);
                }
            }
        }
        restored
    }

    fn put(&self, meaning: &Meaning, place: Place, (section, part, key): (&str, &str, &str), restored: &mut Restored) {
        let mut fault = |reason: String| {
            restored.faults.push(Fault {
                place: Some(place),
                path: String::new(),
                kind: Kind::Variable,
                reason,
            });
        };
        match meaning {
            Meaning::Literal(text) => restored.text.push_str(text),
            Meaning::Wrong(reason) => fault(reason.clone()),
            Meaning::Variable {
                name,
                default,
                also_empty,
            } => {
                restored.referenced = true;
                let value = self.variables.value(name);
                if default.is_none() && !matches!(value, Ok(Some(_))) {
                    let within = Within {
                        section,
                        part,
                        key,
                        before: &restored.text,
                    };
                    if let Some(substitute) = self.variables.substitute(name, &within) {
                        restored.text.push_str(&substitute);
                        return;
                    }
                }
                match (value, default) {
                    (Ok(Some(value)), Some(default)) if value.is_empty() && *also_empty => {
                        restored.text.push_str(default);
                    }
                    (Ok(Some(value)), _) => restored.text.push_str(&value),
                    (Ok(None), Some(default)) => restored.text.push_str(default),
                    (Ok(None), None) => fault(format!(
                        "the environment variable `{name}` is not set: set it, or set {name}_FILE to a file that holds the \
                         value, or give a default: ${{{name}:-text}}"
                    )),
                    (Err(unavailable), _) => fault(unavailable.0),
                }
            }
        }
    }
}

/// Returns what `text` begins with and how many bytes that has, if it begins with a reference, or with `$${`.
fn reference(text: &str) -> Option<(Meaning, usize)> {
    if text.starts_with("$${") {
        return Some((Meaning::Literal("${".to_owned()), 3));
    }
    let inside = text.strip_prefix("${")?;
    let end = inside
        .find(['}', '\n', '\r'])
        .filter(|end| inside[*end..].starts_with('}'));
    let Some(end) = end else {
        let reason = "`${` begins a reference, and its `}` is missing: write ${NAME}, or `$${` for the two characters";
        return Some((Meaning::Wrong(reason.to_owned()), 2));
    };
    let (inside, length) = (&inside[..end], end + 3);
    let name_end = inside
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inside.len());
    let (name, rest) = inside.split_at(name_end);
    let variable = |default: Option<&str>, also_empty| Meaning::Variable {
        name: name.to_owned(),
        default: default.map(str::to_owned),
        also_empty,
    };
    let wrong = |reason: &str| Meaning::Wrong(reason.to_owned());
    let meaning = if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        wrong("`${` begins a reference, and no name follows: write ${NAME}, or `$${` for the two characters")
    } else if rest.contains("${") {
        wrong("the default of a reference cannot hold another one: give a text, as in ${NAME:-text}")
    } else if rest.is_empty() {
        variable(None, false)
    } else if let Some(default) = rest.strip_prefix(":-") {
        variable(Some(default), true)
    } else if let Some(default) = rest.strip_prefix('-') {
        variable(Some(default), false)
    } else if rest.trim_start_matches(':').starts_with(['?', '+', '=']) {
        wrong("only a default can follow the name in a reference: write ${NAME} or ${NAME:-text}")
    } else {
        wrong(
            "`${` begins a reference, whose name has letters, digits and `_` only: write ${NAME} or ${NAME:-text}, or `$${` for the two characters",
        )
    };
    Some((meaning, length))
}
