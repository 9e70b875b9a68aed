//! The `Basic` scheme (RFC 7617).

use super::*;

#[test]
fn the_credentials_of_the_specification_are_good() {
    // RFC 7617 §2: Aladdin, open sesame; §2.1: test, 123£ in UTF-8.
    let both = source(Scheme::Basic, &["test:123\u{a3}", "Aladdin:open sesame"]);
    for (value, expected) in [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Ok(Some(1))),
        ("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Ok(Some(1))),
        ("BASIC  QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Ok(Some(1))),
        ("Basic dGVzdDoxMjPCow==", Ok(Some(0))),
        // The same in Latin-1: another password.
        ("Basic dGVzdDoxMjOj", Err(Refusal::NoMatch(2))),
        // aladdin:open sesame, Aladdin:open sesam, Aladdin, and nothing.
        ("Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==", Err(Refusal::NoMatch(2))),
        ("Basic QWxhZGRpbjpvcGVuIHNlc2Ft", Err(Refusal::NoMatch(2))),
        ("Basic QWxhZGRpbg==", Err(Refusal::NoMatch(2))),
        ("Basic ", Err(Refusal::NoMatch(2))),
    ] {
        let shown = headers(&[("authorization", value)]);
        assert_eq!(verify(&both, &shown, b"{}", NOW), expected, "{value}");
    }
}

#[test]
fn what_is_not_basic_and_base64_is_malformed() {
    let source = source(Scheme::Basic, &["Aladdin:open sesame"]);
    for value in [
        "",
        "Basic",
        "BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic Aladdin:open sesame",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==",
        "Digest username=\"Aladdin\"",
    ] {
        let shown = headers(&[("authorization", value)]);
        assert_eq!(label(verify(&source, &shown, b"{}", NOW)), "malformed", "{value}");
    }
    let good = HeaderValue::from_static("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let mut twice = HeaderMap::new();
    assert_eq!(label(verify(&source, &twice, b"{}", NOW)), "missing");
    twice.append("authorization", good.clone());
    assert_eq!(label(verify(&source, &twice, b"{}", NOW)), "accepted");
    twice.append("authorization", good);
    assert_eq!(label(verify(&source, &twice, b"{}", NOW)), "repeated");
}

#[test]
fn a_password_may_have_a_colon_and_what_has_none_is_no_pair() {
    let colons = source(Scheme::Basic, &["ana:a:b:c:d"]);
    let signed = sign(&colons, &colons.secrets[0], "{}", at(NOW), "m").expect("signs");
    assert_eq!(verify(&colons, &signed.headers, b"{}", NOW), Ok(Some(0)));
    for (secret, expected) in [("no-colon-in-it", "has no colon"), ("a:b", "too short")] {
        let error = wrong(&source(Scheme::Basic, &["ana:long-enough", secret]));
        assert!(error.contains(expected) && !error.contains(secret), "{error}");
    }
}
