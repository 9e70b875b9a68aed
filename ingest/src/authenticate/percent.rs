//! Percent-decoding (RFC 3986 §2.1) of the secrets that stand in URLs. A plus sign is a plus sign.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Decodes; a percent sign without two hexadecimal digits after it stays as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    percent_decode_str(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schemas::source::percent_encoded;

    #[test]
    fn broken_escapes_stay_as_they_are() {
        for (text, expected) in [
            ("a%2Fb", "a/b"),
            ("a%2", "a%2"),
            ("%", "%"),
            ("%zz+", "%zz+"),
            ("%%41", "%A"),
        ] {
            assert_eq!(&*decode(text), expected.as_bytes(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(bytes: Vec<u8>) {
            let encoded = percent_encoded(&bytes);
            prop_assert_eq!(&*decode(&encoded), &bytes[..]);
        }
    }
}
