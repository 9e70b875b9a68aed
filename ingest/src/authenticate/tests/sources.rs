//! A05, A08: rotation of secrets, and sources that could not authenticate.

use super::*;

#[test]
fn old_and_new_secret_are_good_during_a_rotation_and_a_removed_one_at_once_is_not() {
    for (scheme, old, new) in [
        (stamped(), "the-old-secret", "the-new-secret"),
        (standard(), WHSEC, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"),
        (
            Scheme::Token(TokenPlace::Header("x-token".into())),
            "the-old-secret",
            "the-new-secret",
        ),
    ] {
        let both = source(scheme.clone(), &[new, old]);
        let by = |secret: &str| sign(&both, &Secret::new(secret), "{}", at(NOW), "m").expect("signs");
        assert_eq!(verify(&both, &by(new).headers, b"{}", NOW), Ok(Some(0)));
        assert_eq!(
            verify(&both, &by(old).headers, b"{}", NOW),
            Ok(Some(1)),
            "the metric has the number"
        );
        assert_eq!(
            verify(&source(scheme, &[new]), &by(old).headers, b"{}", NOW),
            Err(Refusal::NoMatch(1))
        );
    }
    let ten: Vec<String> = (0..10).map(|n| format!("secret-number-{n}")).collect();
    let mut ten: Vec<&str> = ten.iter().map(String::as_str).collect();
    let many = source(stamped(), &ten);
    let last = sign(&many, &many.secrets[9], "{}", at(NOW), "m").expect("signs");
    assert_eq!(verify(&many, &last.headers, b"{}", NOW), Ok(Some(9)));
    ten.push("one-too-many");
    let error = wrong(&source(stamped(), &ten));
    assert_eq!(
        error,
        "`secrets` has 11 secrets, of which at most 10 can be active: remove old ones"
    );
}

#[test]
fn a_source_that_could_not_authenticate_is_refused_with_a_reason() {
    let token = Scheme::Token(TokenPlace::Header("x-token".into()));
    let unsigned_stamp = Scheme::Hmac(HmacScheme {
        template: vec![TemplatePart::Body],
        ..hmac(Hash::Sha256, Encoding::Hex, "x-signature", "", "{timestamp}.{body}")
    });
    let no_body = Scheme::Hmac(hmac(Hash::Sha256, Encoding::Hex, "x-signature", "", "fixed"));
    let bad_name = Scheme::Hmac(hmac(Hash::Sha256, Encoding::Hex, "x signature", "", "{body}"));
    for (scheme, secrets, expected) in [
        (stamped(), &[][..], "`secrets` is empty"),
        (stamped(), &["a-long-secret", ""], "`secrets[1]` is empty"),
        (stamped(), &["sh0rt"], "too short"),
        (Scheme::UrlSecret, &["sh0rt"], "too short"),
        (token.clone(), &["12345"], "too short"),
        (standard(), &["whsec_not base64"], "whsec_"),
        (standard(), &["whsec_QUJD"], "has 3 bytes"),
        (standard(), &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"], "whsec_"),
        (unsigned_stamp, &["a-long-secret"], "only if it is signed"),
        (no_body, &["a-long-secret"], "does not cover the body"),
        (
            bad_name,
            &["a-long-secret"],
            "`auth.header` is `x signature`, which is not a name",
        ),
    ] {
        let error = wrong(&source(scheme, secrets));
        assert!(error.contains(expected), "{error}");
        assert!(
            secrets
                .iter()
                .all(|secret| secret.is_empty() || !error.contains(secret)),
            "{error}"
        );
    }
    assert_eq!(check_source(&source(token, &["123456"])), Ok(()));
    assert_eq!(
        check_source(&source(standard(), &[&WHSEC[6..]])),
        Ok(()),
        "the prefix may be left out"
    );
    assert_eq!(check_source(&source(Scheme::None, &[])), Ok(()));
}

#[test]
fn what_is_signed_does_not_print_its_secrets() {
    for place in [
        TokenPlace::Header("x-token".into()),
        TokenPlace::Query("token".into()),
        TokenPlace::Body("token".into()),
    ] {
        let source = source(Scheme::Token(place), &["hunter2-hunter2"]);
        let signed = sign(&source, &source.secrets[0], "{}", at(NOW), "m").expect("signs");
        let verifier = Verifier::new(&source).expect("usable");
        let printed = format!("{signed:?} {verifier:?}");
        assert!(
            printed.contains("content-type") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
}

#[test]
fn everything_that_is_wrong_with_a_source_is_returned_by_its_place() {
    let scheme = Scheme::Hmac(HmacScheme {
        template: vec![TemplatePart::Timestamp],
        ..hmac(Hash::Sha256, Encoding::Hex, "x signature", "", "")
    });
    let source = Source {
        url_secrets: vec![Secret::new("short"), Secret::new("")],
        ..source(scheme, &["a-long-secret", "", "sh0rt"])
    };
    let found = check_source(&source).expect_err("much is wrong");
    let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
    let expected = [
        "url_secrets[0]",
        "url_secrets[1]",
        "secrets[1]",
        "auth.template",
        "auth.template",
        "auth.header",
        "secrets[2]",
    ];
    assert_eq!(places, expected);
}
