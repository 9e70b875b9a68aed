//! What `${NAME}` stands for.

use std::ffi::OsString;
use std::path::Path;

/// Where the values of references come from.
pub trait Variables {
    /// Whether `${…}` is a reference at all. In a text without references it is what is written.
    fn are_used(&self) -> bool {
        true
    }

    /// Returns the value of the variable `name`, `None` where it has none.
    fn value(&self, name: &str) -> Result<Option<String>, Unavailable>;

    /// Returns what is read in the place of a variable that has no value and no default; `None` makes it a mistake.
    fn substitute(&self, _name: &str, _within: &Within<'_>) -> Option<String> {
        None
    }
}

/// What a reference is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within<'w> {
    /// The key at the left margin, empty in a key itself.
    pub section: &'w str,
    /// The key in that section which it is under, as `http` in `sinks`; empty in a list and in a key itself.
    pub part: &'w str,
    /// The key that its value, or the list that holds its value, is of.
    pub key: &'w str,
    /// What the value has in front of the reference.
    pub before: &'w str,
}

/// Why a variable has no value though it is set: the message, with the way out and without any part of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(pub String);

/// For texts in which `${` means nothing, as those of rules.
#[derive(Debug, Clone, Copy)]
pub struct NoReferences;

impl Variables for NoReferences {
    fn are_used(&self) -> bool {
        false
    }

    fn value(&self, _: &str) -> Result<Option<String>, Unavailable> {
        Ok(None)
    }
}

/// The environment of this process: the variable itself, or the content of the file that the variable of its name and `_FILE` names.
///
/// The variable itself counts where it is set and not empty, byte for byte. Where it is not set or empty, the file counts, if one is
/// named: without a byte order mark at its start and without line breaks at its end, which editors add. Without a file, an
/// empty variable has the empty value.
#[derive(Debug, Clone, Copy)]
pub struct Environment;

impl Variables for Environment {
    fn value(&self, name: &str) -> Result<Option<String>, Unavailable> {
        value_of_variable(name, |name| std::env::var_os(name))
    }
}

/// The value of the variable `name` by the rules of [`Environment`]; `lookup` returns the variables.
pub(crate) fn value_of_variable(
    name: &str,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, Unavailable> {
    let own = lookup(name).map(|value| {
        let value = value.into_string();
        value.map_err(|_| {
            Unavailable(format!(
                "the environment variable `{name}` is not UTF-8: give its value in UTF-8"
            ))
        })
    });
    let own = own.transpose()?;
    let file_variable = format!("{name}_FILE");
    let file = lookup(&file_variable).filter(|file| !file.is_empty());
    match (own, file) {
        (Some(value), _) if !value.is_empty() => Ok(Some(value)),
        (_, Some(file)) => content(Path::new(&file), &file_variable).map(Some),
        (own, None) => Ok(own),
    }
}

fn content(path: &Path, variable: &str) -> Result<String, Unavailable> {
    let shown = path.display();
    let named = format!("`{shown}`, named by the environment variable {variable}");
    let bytes = std::fs::read(path).map_err(|error| Unavailable(format!("cannot read {named}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Unavailable(format!("{named}, is not UTF-8: save it as UTF-8")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
