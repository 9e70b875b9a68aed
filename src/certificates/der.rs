//! Reads of an X.509 certificate when it ends, and nothing else (RFC 5280, section 4.1). Nothing is verified: whoever uses the
//! certificate does that.

use schemas::time::Timestamp;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// What the version is in; left out in certificates of version 1.
const VERSION: u8 = 0xa0;

/// The end of the certificate's validity; `None` if it is no certificate.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = sequence(certificate)?;
    let (mut rest, _) = sequence(certificate)?;
    let (tag, _, after) = element(rest)?;
    if tag == VERSION {
        rest = after;
    }
    // The serial number, the algorithm of the signature, the issuer.
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (validity, _) = sequence(rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

fn sequence(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(input)?;
    (tag == SEQUENCE).then_some((content, rest))
}

/// The tag and the content of the first element, and what follows it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = input.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f)?;
            if !(1..=4).contains(&bytes.len()) {
                return None;
            }
            (
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` from then on.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let (century, text) = match tag {
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? < 50 => ("20", text),
        UTC_TIME => ("19", text),
        GENERALIZED_TIME => text.split_at_checked(2)?,
        _ => return None,
    };
    let digits = text.strip_suffix('Z')?;
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let [year, month, day, hour, minute, second] = [0, 2, 4, 6, 8, 10].map(|at| &digits[at..at + 2]);
    Timestamp::parse(&format!("{century}{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "270203040506Z", Some("2027-02-03T04:05:06.000Z")),
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59.000Z")),
            (UTC_TIME, "991231235959Z", Some("1999-12-31T23:59:59.000Z")),
            (GENERALIZED_TIME, "21261105165020Z", Some("2126-11-05T16:50:20.000Z")),
            (GENERALIZED_TIME, "270203040506Z", None),
            (UTC_TIME, "2702030405Z", None),
            (UTC_TIME, "279903040506Z", None),
            (UTC_TIME, "27020304050\u{e9}", None),
            (0x04, "270203040506Z", None),
        ] {
            assert_eq!(
                time(tag, text).map(|time| time.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [
            &b""[..],
            b"0",
            b"\x30\x80",
            b"\x30\xff",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x02\x30\x00",
            b"no certificate at all",
        ] {
            assert_eq!(not_after(bytes), None, "{bytes:?}");
        }
    }
}
