//! Reads YAML files of settings: the configuration and the rules.
//!
//! Every value has its line and column, `${NAME}` in any place of a value is a variable, and everything that is wrong with the
//! form of a file is found in one run, in words that name the key, what is written there and what is wanted. What a variable
//! holds never appears in a message, nor does what the name of a key suggests to be secret.
//!
//! A text goes through these steps: [`read`] replaces each reference by as many other characters (`references`), makes a tree of it
//! (`tree`), puts the values back, and reads the tree by `serde` (`deserializer`). What fails is noted and taken out of the tree,
//! and the rest is read again (`repair`), so that the rest can be checked too.

mod deserializer;
mod document;
mod error;
mod number;
mod references;
mod repair;
mod scalar;
mod syntax;
mod tree;
mod variables;
mod words;

use std::fmt;

use serde::de::DeserializeOwned;

pub use document::Document;
pub use variables::{Environment, NoReferences, Unavailable, Variables, Within};

/// A place in a text: line and column, both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
}

/// Which sort of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text is no YAML, or not one document: nothing could be read.
    Syntax,
    /// A variable has no value.
    Variable,
    /// There is no setting of this name, or it is set twice.
    Key,
    /// Keys are missing; the path is that of what lacks them.
    Missing,
    /// A value is not what is wanted.
    Value,
}

/// One mistake in the form of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is; `None` where it concerns the whole file.
    pub place: Option<Place>,
    /// The setting, as in `sources[0].secrets`; empty for the file as a whole.
    pub path: String,
    /// Which sort of mistake it is.
    pub kind: Kind,
    /// What is wrong and the way out: the rest of a sentence that begins with the path, or a whole one where that is empty.
    /// Holds no value of a variable.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}` ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

/// What came of reading a text.
#[derive(Debug)]
pub struct Read<T> {
    /// The settings, without what is wrong; `None` where nothing of use is left.
    pub value: Option<T>,
    /// Everything that is wrong with the form, in the order of the file. Empty if all of it could be read.
    pub faults: Vec<Fault>,
    /// Where each setting is written.
    pub document: Document,
}

/// Reads the content of a file. An empty one, or one that holds only comments, is one without settings.
pub fn read<T: DeserializeOwned>(content: &[u8], variables: &dyn Variables) -> Read<T> {
    read_as(content, variables, repair::Lacks::PassedOver)
}

/// The same, but an element of a list that lacks keys is kept, so that its other keys can be checked: a text that stands in for each
/// missing one is read, and [`Document::taken_out`] names these keys.
pub fn read_with_stand_ins<T: DeserializeOwned>(content: &[u8], variables: &dyn Variables) -> Read<T> {
    read_as(content, variables, repair::Lacks::StandIns)
}

fn read_as<T: DeserializeOwned>(content: &[u8], variables: &dyn Variables, lacks: repair::Lacks) -> Read<T> {
    let unreadable = |fault| Read {
        value: None,
        faults: vec![fault],
        document: Document::default(),
    };
    let text = match syntax::text(content) {
        Ok(text) => text,
        Err(fault) => return unreadable(fault),
    };
    let references = match references::Replaced::new(text, variables) {
        Ok(references) => references,
        Err(fault) => return unreadable(fault),
    };
    match tree::Tree::parse(&references) {
        Ok(tree) => repair::read(tree, lacks),
        Err(fault) => unreadable(fault),
    }
}

#[cfg(test)]
mod tests;
