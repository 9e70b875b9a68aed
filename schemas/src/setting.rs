//! What is wrong with a setting: one shape for every room, whether the setting was written in a file, sent to an API or read from
//! a database.
//!
//! A check returns everything that it finds, so that one run is enough to correct a file. What may be meant is a warning: a function
//! `warnings` beside `check` returns it in the same shape, and nothing is refused for it. Whoever knows where a setting was written
//! adds the line; an API shows place and reason as they are.

use std::fmt;

/// One thing that is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The path of members that leads to the setting, from where the check began: `partitions`, `auth.template`,
    /// `sources[3].secrets[0]`. Empty for the whole.
    pub place: String,
    /// What is wrong and the way out, as the rest of a sentence that begins with the place: `is 0: give 1 to 100000`. Where the
    /// place is empty, a sentence by itself. Never holds a secret.
    pub reason: String,
}

impl Invalid {
    /// Something wrong at `place`.
    pub fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            reason: reason.into(),
        }
    }

    /// The same, seen from one level further out: what was at `template` is at `auth.template` within `auth`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let dot = if outer.is_empty() || self.place.is_empty() || self.place.starts_with('[') {
            ""
        } else {
            "."
        };
        Self {
            place: format!("{outer}{dot}{}", self.place),
            reason: self.reason,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "`{}` ", self.place)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Invalid {}

/// What a check has found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Invalid>);

impl Findings {
    /// Something wrong at `place`.
    pub fn add(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.0.push(Invalid::new(place, reason));
    }

    /// What another check found, within `outer`.
    pub fn add_within(&mut self, outer: &str, checked: Result<(), Vec<Invalid>>) {
        self.0.extend(within(outer, checked.err().unwrap_or_default()));
    }

    /// What another check warns of, within `outer`.
    pub fn warn_within(&mut self, outer: &str, warnings: Vec<Invalid>) {
        self.0.extend(within(outer, warnings));
    }

    /// The value, or `None` with what is wrong kept.
    pub fn keep<T>(&mut self, result: Result<T, Vec<Invalid>>) -> Option<T> {
        result.map_err(|found| self.0.extend(found)).ok()
    }

    /// The value, or `None` with the reason kept for `place`.
    pub fn keep_at<T>(&mut self, place: &str, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|reason| self.add(place, reason)).ok()
    }

    /// What was found, where it is warned of only.
    pub fn into_warnings(self) -> Vec<Invalid> {
        self.0
    }

    /// `Ok` if nothing is wrong.
    pub fn into_result(self) -> Result<(), Vec<Invalid>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    /// The value, if nothing is wrong.
    pub fn into_value<T>(self, value: Option<T>) -> Result<T, Vec<Invalid>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// The same findings, seen from one level further out.
pub fn within(outer: &str, found: Vec<Invalid>) -> Vec<Invalid> {
    found.into_iter().map(|invalid| invalid.within(outer)).collect()
}

/// All of them in one line, for an error that holds a text.
pub fn in_one_line(found: &[Invalid]) -> String {
    let all: Vec<String> = found.iter().map(Invalid::to_string).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_grows_from_the_inside_out() {
        let place = |inner: &str, outer: &str| Invalid::new(inner, "is wrong").within(outer).to_string();
        assert_eq!(place("template", "auth"), "`auth.template` is wrong");
        assert_eq!(place("[0]", "secrets"), "`secrets[0]` is wrong");
        assert_eq!(place("", "auth"), "`auth` is wrong");
        assert_eq!(place("auth", ""), "`auth` is wrong");
        assert_eq!(Invalid::new("", "nothing is there").to_string(), "nothing is there");
    }
}
