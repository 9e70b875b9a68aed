//! Fixed texts that the sender repeats: in a header, the query, the body, or the path.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemas::secret::Secret;
use schemas::setting::Invalid;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::percent;
use super::presented::Refusal;
use super::settings::of_each;

/// The active tokens as digests. Digests have one length, so that comparing reveals nothing about that of a token, and
/// they can be compared without the tokens lying about in memory.
pub(crate) struct Tokens(Vec<[u8; 32]>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Tokens {
    pub(super) fn new(secrets: &[Secret], least: usize) -> Result<Self, Vec<Invalid>> {
        let digest = |secret: &Secret| {
            let length = secret.expose().len();
            if length < least {
                return Err(format!(
                    "is too short to be safe from guessing ({length} bytes): use at least {least}"
                ));
            }
            Ok(Sha256::digest(secret.expose()).into())
        };
        of_each(secrets, digest).map(Self)
    }

    /// One token, whatever its length.
    pub(crate) fn of(secret: &Secret) -> Self {
        Self(vec![Sha256::digest(secret.expose()).into()])
    }

    /// One token that no one has.
    pub(super) fn decoy() -> Self {
        let mut digest = [0_u8; 32];
        fastrand::fill(&mut digest);
        Self(vec![digest])
    }

    /// The number of the token that `shown` is. Looks at all of them, in constant time.
    pub(crate) fn find(&self, shown: &[u8]) -> Option<usize> {
        let digest: [u8; 32] = Sha256::digest(shown).into();
        let mut matched = None;
        for (index, token) in self.0.iter().enumerate() {
            if bool::from(token.ct_eq(&digest)) && matched.is_none() {
                matched = Some(index);
            }
        }
        matched
    }

    pub(super) fn no_match(&self) -> Refusal {
        Refusal::NoMatch(self.0.len())
    }
}

/// Takes a leading `Bearer ` off (RFC 6750 §2.1; the word in any case, as RFC 9110 §11.1 says of schemes).
pub(crate) fn without_bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
        _ => value,
    }
}

/// What `Basic` credentials decode to: `user:password` (RFC 7617 §2; the word in any case).
pub(super) fn basic(value: &[u8]) -> Result<Vec<u8>, Refusal> {
    value
        .split_at_checked(6)
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"basic "))
        .and_then(|(_, digits)| BASE64.decode(digits.trim_ascii()).ok())
        .ok_or_else(|| Refusal::Malformed("`authorization` is not `Basic` and base64".to_owned()))
}

/// The value of a query parameter that must be present exactly once.
pub(super) fn in_query<'a>(query: Option<&'a str>, name: &str) -> Result<Cow<'a, [u8]>, Refusal> {
    let mut values = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *percent::decode(key) == *name.as_bytes());
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(percent::decode(value)),
        (None, _) => Err(Refusal::Missing(format!("?{name}="))),
        (Some(_), Some(_)) => Err(Refusal::Repeated(format!("?{name}="))),
    }
}

/// The text of a member of the body's top level that must be present exactly once. Reads the rest only as far as it must to
/// find its way, so neither depth nor invalid text elsewhere matters.
pub(super) fn in_body<'a>(body: &'a [u8], name: &str) -> Result<Cow<'a, str>, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = Member(name).deserialize(&mut json).and_then(|found| {
        json.end()?;
        Ok(found)
    });
    match found {
        Ok(Found::Once(text)) => Ok(text),
        Ok(Found::Never) => Err(Refusal::Missing(format!("body.{name}"))),
        Ok(Found::Twice) => Err(Refusal::Repeated(format!("body.{name}"))),
        Err(_) => Err(Refusal::Malformed(format!(
            "the body is not a JSON object with a text in `{name}`"
        ))),
    }
}

enum Found<'a> {
    Never,
    Once(Cow<'a, str>),
    Twice,
}

struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Found<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Found<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::Never;
        while let Some(is_it) = map.next_key_seed(IsName(self.0))? {
            if !is_it {
                map.next_value::<IgnoredAny>()?;
            } else if matches!(found, Found::Never) {
                found = Found::Once(map.next_value_seed(Text)?);
            } else {
                map.next_value::<IgnoredAny>()?;
                found = Found::Twice;
            }
        }
        Ok(found)
    }
}

/// Whether a member has the name; builds no text for those that have not.
struct IsName<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Reason;

    #[test]
    fn the_token_is_found_in_a_body_whatever_is_around_it() {
        let deep = format!(
            r#"{{"a":{}{},"t":"s\u0065cret"}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        assert_eq!(in_body(deep.as_bytes(), "t").as_deref(), Ok("secret"));
        assert_eq!(
            in_body(b"{\"a\":\"\xff\",\"t\":\"secret\"}", "t").as_deref(),
            Ok("secret")
        );
        for (body, label) in [
            (&b"{}"[..], "missing"),
            (br#"{"a":{"t":"secret"}}"#, "missing"),
            (br#"{"t":"secret","t":"secret"}"#, "repeated"),
            (br#"{"t":"secret","\u0074":"other"}"#, "repeated"),
            (br#"{"t":1}"#, "malformed"),
            (br#"{"t":"secret"} x"#, "malformed"),
            (br#"{"t":"secret""#, "malformed"),
            (br#"["t","secret"]"#, "malformed"),
            (b"", "malformed"),
            (b"\0", "malformed"),
        ] {
            let refusal = in_body(body, "t").expect_err("no token");
            assert_eq!(
                Reason::from(&refusal).label(),
                label,
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn a_query_names_the_token_once() {
        assert_eq!(&*in_query(Some("a=1&token=x%2By+z"), "token").expect("there"), b"x+y+z");
        assert_eq!(
            Reason::from(&in_query(None, "token").expect_err("absent")),
            Reason::Missing
        );
        assert_eq!(
            Reason::from(&in_query(Some("token"), "token").expect_err("no value")),
            Reason::Missing
        );
        let twice = in_query(Some("token=a&%74oken=b"), "token").expect_err("twice");
        assert_eq!(Reason::from(&twice), Reason::Repeated);
    }

    #[test]
    fn bearer_is_taken_off_in_any_case() {
        assert_eq!(without_bearer(b"bEARER abc"), b"abc");
        assert_eq!(without_bearer(b"abc"), b"abc");
        assert_eq!(without_bearer(b"Bearerabc"), b"Bearerabc");
    }
}
