//! From the text of the configuration file to values. What is wrong is reported with its place and reason, and never with a line of
//! the file, which may hold a secret, nor with what a `${NAME}` stands for.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_saphyr::{DefaultMessageFormatter, Error, Location, MessageFormatter as _};

/// Why a text could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Line and column, from 1, where they are known.
    pub(crate) place: Option<(u64, u64)>,
    /// The reason, with the way out.
    pub(crate) reason: String,
}

/// Reads `text`, in which `${NAME}` is what `properties` say. `None` is a text without any value.
pub(crate) fn read<T: DeserializeOwned>(
    text: &str,
    properties: HashMap<String, String>,
) -> Result<Option<T>, Unreadable> {
    let options = serde_saphyr::options! { with_snippet: false }.with_properties(properties);
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = place(&error);
        // Where a text has references, the library takes every word out of its messages that might be the value of one, the
        // names of keys among them. Without the references there is nothing to take out; unless the value is what is wrong.
        let plain = serde_saphyr::options! { with_snippet: false };
        let again = serde_saphyr::from_str_with_options::<Option<T>>(&without_references(text), plain).err();
        let error = again.filter(|again| self::place(again) == place).unwrap_or(error);
        Unreadable {
            place,
            reason: reason(&error),
        }
    })
}

fn place(error: &Error) -> Option<(u64, u64)> {
    let place = error.location().filter(|place| *place != Location::UNKNOWN)?;
    Some((place.line(), place.column()))
}

fn reason(error: &Error) -> String {
    match error.without_snippet() {
        Error::UnresolvedProperty { name, .. } => format!(
            "the environment variable `{name}` is not set: set it, or set {name}_FILE to a file that holds the value, or \
             give a default: ${{{name}:-text}}"
        ),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("`{key}` is set twice: take one of them out")
        }
        other => {
            let message = DefaultMessageFormatter.format_message(other);
            message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        }
    }
}

/// `text` with plain letters in the place of every `${…}`, as many as there were characters.
pub(crate) fn without_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        let end = reference.find(['}', '\n']).map_or(reference.len(), |end| {
            end + usize::from(reference.as_bytes()[end] == b'}')
        });
        out.push_str(before);
        out.extend(reference[..end].chars().map(|_| 'x'));
        rest = &reference[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[serde(rename = "secret")]
        _secret: String,
        #[serde(rename = "number")]
        _number: u8,
    }

    fn refused(text: &str) -> (Option<(u64, u64)>, String) {
        let properties = HashMap::from([("KEY".to_owned(), "hunter2".to_owned())]);
        let error = read::<Settings>(text, properties).expect_err(text);
        assert!(
            !error.reason.contains("hunter2") && !error.reason.contains("inline"),
            "{error:?}"
        );
        (error.place, error.reason)
    }

    #[test]
    fn a_misspelt_key_is_named_and_the_lines_around_it_are_not_shown() {
        for secret in ["inline-secret", "${KEY}"] {
            let (place, reason) = refused(&format!("secret: {secret}\nnumbr: 1\n"));
            assert_eq!(place, Some((2, 1)));
            assert_eq!(reason, "unknown field `numbr`, expected one of secret, number");
        }
    }

    #[test]
    fn a_wrong_value_of_a_variable_is_not_shown() {
        let (place, reason) = refused("number: ${KEY}\nsecret: x\n");
        assert_eq!(place, Some((1, 9)));
        assert!(!reason.is_empty());
    }

    #[test]
    fn a_variable_that_is_not_set_is_named_with_the_ways_out() {
        let (place, reason) = refused("number: 1\nsecret: ${NOT_THERE}\n");
        assert_eq!(place, Some((2, 9)));
        assert!(
            reason.contains("`NOT_THERE` is not set") && reason.contains("NOT_THERE_FILE"),
            "{reason}"
        );
    }

    #[test]
    fn a_key_that_is_set_twice_is_named() {
        let (_, reason) = refused("number: 1\nnumber: 2\nsecret: ${KEY}\n");
        assert_eq!(reason, "`number` is set twice: take one of them out");
    }

    #[test]
    fn references_become_letters_of_the_same_length() {
        assert_eq!(
            without_references("a: ${B:-c}d ${é}\n${open\nx"),
            "a: xxxxxxxd xxxx\nxxxxxx\nx"
        );
    }
}
