//! Phone numbers in one form: E.164, a plus and at most 15 digits (ITU-T E.164 §6), so that readers can join on them.
//!
//! What is not known to be such a number is none: a number without its country, a hidden id, a group, a user id.

use std::borrow::Cow;

use schemas::data::Text;

use super::json::Json;

/// The fewest digits that a number with its country has (a subscriber number of four after a country code of three).
const SHORTEST: usize = 7;
const LONGEST: usize = 15;

/// The number of an address or member that always has its country in front, with or without a plus, however it is spaced.
pub(super) fn international(text: &str) -> Option<Text<'_>> {
    let number = text.trim();
    let digits = number.strip_prefix('+').unwrap_or(number);
    // As it must be, which is the usual case, and needs no copy.
    if number.len() == text.len() && digits.len() < number.len() && is_number(digits) {
        return Some(text.into());
    }
    e164(digits)
}

/// A number as a person wrote it: only a plus, or the two zeros for it, says that its country is in front.
pub(super) fn as_written(text: &str) -> Option<Text<'_>> {
    let number = text.trim();
    if number.starts_with('+') {
        return international(text);
    }
    e164(number.strip_prefix("00")?)
}

/// The same of a member: a text, or a number that stands where a text is expected.
pub(super) fn of_json(number: Json<'_>) -> Option<Text<'_>> {
    match number.text()? {
        Cow::Borrowed(text) => as_written(text),
        Cow::Owned(text) => as_written(&text).map(|number| number.into_owned().into()),
    }
}

fn e164(number: &str) -> Option<Text<'static>> {
    if !number
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
    {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    is_number(&digits).then(|| format!("+{digits}").into())
}

/// No country code begins with a zero.
fn is_number(digits: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_its_country_has_one_form() {
        for text in [
            "5511900000001",
            "+5511900000001",
            "+55 11 90000-0001",
            "+55 (11) 90000.0001",
            " 5511900000001 ",
        ] {
            assert_eq!(international(text).as_deref(), Some("+5511900000001"), "{text}");
        }
        for text in [
            "",
            "+",
            "123456",
            "1234567890123456",
            "011900000001",
            "271000000000002@lid",
            "551190000000a",
            "++551190000001",
        ] {
            assert_eq!(international(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_as_written_needs_its_country() {
        for text in ["+55 11 90000-0001", "0055 11 90000-0001", "+5511900000001"] {
            assert_eq!(as_written(text).as_deref(), Some("+5511900000001"), "{text}");
        }
        for text in ["(11) 90000-0001", "11900000001", "ramal 12", "00", "+0"] {
            assert_eq!(as_written(text), None, "{text}");
        }
    }
}
