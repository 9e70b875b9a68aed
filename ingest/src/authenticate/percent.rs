//! Percent-decoding (RFC 3986 §2.1) of the secrets that stand in URLs. A plus sign is a plus sign.

use std::borrow::Cow;

/// Decodes; a percent sign without two hexadecimal digits after it stays as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let mut decoded = [0_u8; 1];
        let digits = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        if digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut decoded).is_ok()) {
            out.push(decoded[0]);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    Cow::Owned(out)
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
