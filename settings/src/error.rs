//! Why a tree could not be read as what is wanted: one reason, and the value that it concerns.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// One reason.
#[derive(Debug)]
pub(crate) struct Error {
    /// The value: at each level the number of the key or the element. `None` as long as it is not known.
    pub(crate) steps: Option<Vec<usize>>,
    pub(crate) reason: Reason,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Reason {
    /// The mapping has a key that is not known.
    Unknown { key: String, known: Vec<String> },
    /// The mapping lacks a key.
    Missing(String),
    /// The text is none of those that are known.
    Variant { text: String, known: Vec<String> },
    /// Keys and values are wanted. What is there is nothing, or something else. With the first key, where it is known.
    Section(Option<&'static str>),
    /// Nothing is there where something optional may be, which is no section: to be read as left out.
    LeftOut,
    /// Something else is wanted: `give a text, as in …`. What is written may be shown.
    Wanted(String),
    /// What the type says about it. Values may be in it.
    Custom(String),
}

impl Error {
    pub(crate) fn new(reason: Reason) -> Self {
        Self { steps: None, reason }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.reason)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        // A type that reads its keys by itself can name those that it knows only in the sentence that serde has for them.
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| {
            let (key, known) = rest.split_once("`, expected one of ")?;
            Some(Reason::Unknown {
                key: key.to_owned(),
                known: known.split(", ").map(|key| key.trim_matches('`').to_owned()).collect(),
            })
        });
        Self::new(unknown.unwrap_or(Reason::Custom(message)))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let section = ["a map", "struct ", "internally tagged enum ", "adjacently tagged enum "];
        if section.iter().any(|start| expected.starts_with(start)) {
            return Self::new(Reason::Section(None));
        }
        Self::new(Reason::Wanted(in_words(&expected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        // A list in the place of a section is read as its values, in their order.
        if expected.starts_with("struct ") {
            return Self::new(Reason::Section(None));
        }
        Self::new(Reason::Wanted(format!("give {expected}")))
    }

    fn unknown_variant(text: &str, known: &'static [&'static str]) -> Self {
        Self::new(Reason::Variant {
            text: text.to_owned(),
            known: owned(known),
        })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Reason::Unknown {
            key: key.to_owned(),
            known: owned(known),
        })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Reason::Missing(key.to_owned()))
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::new(Reason::Custom(format!("`{key}` is set twice: take one of them out")))
    }
}

fn owned(known: &[&str]) -> Vec<String> {
    known.iter().map(|&text| text.to_owned()).collect()
}

/// What serde expects, in the words of those who write settings.
fn in_words(expected: &str) -> String {
    let integers = ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];
    match expected {
        "a string" | "string" | "str" | "path string" => TEXT.to_owned(),
        "a boolean" | "bool" => TRUTH.to_owned(),
        "a sequence" => LIST.to_owned(),
        "f32" | "f64" => NUMBER.to_owned(),
        other if integers.contains(&other) => crate::number::wanted(""),
        other => format!("give {other}"),
    }
}

pub(crate) const TEXT: &str = "give a text";
pub(crate) const TRUTH: &str = "give true or false";
pub(crate) const LIST: &str = "give a list, as in `- …` line by line";
pub(crate) const NUMBER: &str = "give a number, as in 2 or 1.5";
