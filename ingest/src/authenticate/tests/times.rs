//! A04: time stamps.

use super::*;

#[test]
fn the_tolerance_holds_to_the_second_both_ways() {
    for (scheme, secret) in [(stamped(), "a-long-secret"), (standard(), WHSEC)] {
        let source = source(scheme, &[secret]);
        let signed = sign(&source, &source.secrets[0], "{}", at(NOW), "msg_1").expect("signs");
        for off in -302..=302_i64 {
            let outcome = verify(&source, &signed.headers, &signed.body, NOW + off);
            if off.abs() <= 300 {
                assert_eq!(outcome, Ok(Some(0)), "{off} s");
            } else {
                let tolerance_seconds = 300;
                let refusal = Refusal::OutsideTolerance {
                    off_seconds: off,
                    tolerance_seconds,
                };
                assert_eq!(outcome, Err(refusal), "{off} s");
            }
        }
    }
}

#[test]
fn a_time_stamp_that_is_none_is_refused_even_if_signed() {
    let scheme = hmac(Hash::Sha256, Encoding::Hex, "x-signature", "", "{timestamp}.{body}");
    let source = source(Scheme::Hmac(scheme), &["a-long-secret"]);
    for stamp in [
        "",
        "-1773149811",
        "+1773149811",
        "1773149811.0",
        "1.7e9",
        "0x69b0",
        "99999999999999999999",
        "1 773",
        "abc",
    ] {
        let mut key = keyed::Key::new(Hash::Sha256, b"a-long-secret").expect("a key");
        key.update(format!("{stamp}.{{}}").as_bytes());
        let shown = headers(&[("x-signature", &hex::encode(key.finish())), ("x-timestamp", stamp)]);
        assert_eq!(label(verify(&source, &shown, b"{}", NOW)), "malformed", "{stamp}");
    }
    let signed = sign(&source, &source.secrets[0], "{}", at(NOW), "").expect("signs");
    let mut twice = signed.headers.clone();
    twice.append("x-timestamp", HeaderValue::from(NOW));
    assert_eq!(label(verify(&source, &twice, b"{}", NOW)), "repeated");
}
