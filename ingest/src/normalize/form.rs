//! Bodies and queries that are forms (`application/x-www-form-urlencoded`, WHATWG URL §5): a plus sign is a space.

use std::borrow::Cow;

use crate::authenticate::percent_decoded;

/// The members of a form in their order, decoded when asked for.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    bytes: &'a [u8],
}

impl<'a> Form<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Names and values. What is not UTF-8 is left out.
    pub(super) fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.bytes.split(|byte| *byte == b'&').filter_map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
    }

    /// The value of the first member of that name that is not empty.
    pub(super) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.members()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value)
    }
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        return String::from_utf8(percent_decoded(&text.replace('+', " ")).into_owned())
            .ok()
            .map(Cow::Owned);
    }
    match percent_decoded(text) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = Form::of(b"Body=Ol%C3%A1+mundo%21&From=whatsapp%3A%2B5511&Empty=&x&Body=2&bad=%ff&a%3Db=c");
        let get = |name| form.get(name);
        assert_eq!(get("Body").as_deref(), Some("Ol\u{e1} mundo!"));
        assert_eq!(get("From").as_deref(), Some("whatsapp:+5511"));
        assert_eq!(get("a=b").as_deref(), Some("c"));
        for name in ["Empty", "x", "bad", "None"] {
            assert_eq!(get(name), None, "{name}");
        }
        assert_eq!(Form::of(b"").members().count(), 1, "an empty name");
    }
}
