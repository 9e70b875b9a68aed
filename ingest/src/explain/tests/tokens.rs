//! Tokens, passwords, JSON Web Tokens and Twilio's signature.

use http::HeaderName;
use schemas::source::JwtScheme;

use super::*;
use crate::authenticate::hmac::Key;

#[test]
fn a_token_in_the_wrong_place_is_found_there() {
    let in_header = || Scheme::Token(TokenPlace::Header("x-token".into()));
    let ours = source(in_header(), &[SECRET]);
    for (scheme, place) in [
        (
            Scheme::Token(TokenPlace::Query("t".into())),
            "stands in the query as `t=`",
        ),
        (Scheme::Token(TokenPlace::Body("t".into())), "stands in the body as `t`"),
        (Scheme::UrlSecret, "stands in part 3 of the path"),
        (
            Scheme::Token(TokenPlace::Header("x-other".into())),
            "stands in the header `x-other`",
        ),
    ] {
        let said = said(&ours, &[], &sent(scheme, SECRET, BODY), NOW);
        assert!(said.contains(place), "{place}: {said}");
    }
    let none = said(&ours, &[], &sent(in_header(), "quite-another-token", BODY), NOW);
    assert!(none.contains("none of the 1 secret(s)"), "{none}");
    let url = source(Scheme::UrlSecret, &[SECRET]);
    let none = said(&url, &[], &sent(Scheme::UrlSecret, "quite-another-token", BODY), NOW);
    assert!(
        none.contains("not_found") && none.contains("none of the 1 secret(s)"),
        "{none}"
    );
}

#[test]
fn halves_of_basic_and_claims_of_jwt_are_distinguished() {
    let ours = source(Scheme::Basic, &["user:password-1"]);
    for (shown, expected) in [
        ("user:password-2", "the user is that of secret number 1"),
        ("person:password-1", "the password is that of secret number 1"),
        ("person:password-2", "neither user nor password"),
    ] {
        let said = said(&ours, &[], &sent(Scheme::Basic, shown, BODY), NOW);
        assert!(said.contains(expected), "{expected}: {said}");
    }

    let scheme = || {
        Scheme::Jwt(JwtScheme {
            header: "authorization".to_owned(),
            leeway: Duration::from_mins(1),
        })
    };
    let ours = source(scheme(), &[SECRET]);
    let expired = said(&ours, &[], &sent(scheme(), SECRET, BODY), NOW + 700);
    assert!(
        expired.contains("outside_tolerance") && expired.contains("it expired 100 s before"),
        "{expired}"
    );
    let mut other = source(scheme(), &["secret-of-the-other"]);
    other.id = SourceId::new("other").expect("valid");
    let foreign = said(&ours, &[other], &sent(scheme(), "secret-of-the-other", BODY), NOW);
    assert!(
        foreign.contains("it is signed with the secret of the source `other`"),
        "{foreign}"
    );
}

#[test]
fn the_url_that_twilio_signed_is_found() {
    let scheme = |url: &str| Scheme::Twilio {
        url: Some(url.to_owned()),
    };
    let ours = source(scheme("https://hooks.example.com"), &[SECRET]);
    let mut request = sent(scheme("http://inside.example.com:8080"), SECRET, "b=2&a=1");
    request
        .headers
        .insert("host", HeaderValue::from_static("inside.example.com:8080"));
    let found = said(&ours, &[], &request, NOW);
    assert!(
        found.contains("a signature for `http://inside.example.com:8080`"),
        "{found}"
    );
}

#[test]
fn a_twilio_signature_by_another_hash_than_the_settings_name_is_distinguished_from_one_for_another_url() {
    let scheme = || Scheme::Twilio {
        url: Some("https://hooks.example.com".to_owned()),
    };
    let settings = HeaderName::from_static("x-twilio-webhooks-signature-settings");
    let ours = source(scheme(), &[SECRET]);
    let mut request = sent(scheme(), SECRET, "b=2&a=1");
    let by_sha256 = HeaderValue::from_static("key=k,algorithm=HMAC_SHA256");
    request.headers.insert(settings.clone(), by_sha256);
    let found = said(&ours, &[], &request, NOW);
    for expected in [
        "is not HMAC_SHA256 in base64",
        "it is as long as HMAC_SHA1, but by the header `x-twilio-webhooks-signature-settings` it has to be HMAC_SHA256",
        "it is a signature for `https://hooks.example.com`, with secret number 1",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    // By SHA-256, and a proxy has taken the header off.
    let mut key = Key::new(Hash::Sha256, SECRET.as_bytes()).expect("a key");
    key.update(b"https://hooks.example.com/in/sa1b2");
    let tag = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.finish());
    request.headers.remove(settings);
    let signature = HeaderValue::from_str(&tag).expect("base64");
    request.headers.insert("x-twilio-signature", signature);
    let found = said(&ours, &[], &request, NOW);
    for expected in [
        "it is as long as HMAC_SHA256, but without a header `x-twilio-webhooks-signature-settings` it has to be HMAC_SHA1",
        "it is a signature for `https://hooks.example.com`, with secret number 1",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}
