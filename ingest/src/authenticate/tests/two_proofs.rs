//! Sources that ask for two proofs: a secret in the path, and a signature, token or password besides.

use bytes::Bytes;
use http::Method;
use http::header::HOST;
use schemas::source::JwtScheme;

use super::*;
use crate::judge::{Captured, Verdict, judge};

const IN_PATH: &str = "s3cret/in the path";
const OLDER: &str = "older-s3cret-of-the-path";
const TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"id":1,"token":"x"}"#;

/// Every scheme that can be the first of two, and a secret for it.
fn schemes() -> Vec<(Scheme, &'static str)> {
    let jwt = Scheme::Jwt(JwtScheme {
        header: "authorization".to_owned(),
        leeway: Duration::from_mins(1),
    });
    let twilio = Scheme::Twilio {
        url: Some("https://hooks.example.com".to_owned()),
    };
    let mut all = vec![(Scheme::Basic, "user:password-1"), (jwt, TOKEN), (twilio, TOKEN)];
    let places = [
        TokenPlace::Header("x-token".into()),
        TokenPlace::Query("token".into()),
        TokenPlace::Body("token".into()),
    ];
    all.extend(places.map(|place| (Scheme::Token(place), TOKEN)));
    all.extend([(stamped(), TOKEN), (standard(), TOKEN)]);
    all
}

fn two(scheme: Scheme, secret: &str, in_path: &[&str]) -> Source {
    Source {
        url_secrets: in_path.iter().map(|text| Secret::new(*text)).collect(),
        ..source(scheme, &[secret])
    }
}

/// A request to `source` as one sends it who has `secret`, and the newest secret of the path.
fn sent(source: &Source, secret: &str) -> Captured {
    let mut request = sign(source, &Secret::new(secret), Bytes::from(BODY), at(NOW), "msg_1").expect("signs");
    request.headers.insert(HOST, HeaderValue::from_static("h"));
    Captured {
        method: Method::POST,
        target: format!("/in/s{}", request.path_suffix),
        headers: request.headers,
        body: request.body,
    }
}

fn judged(source: &Source, captured: &Captured) -> Verdict {
    judge(source, captured, at(NOW))
}

fn is_404(verdict: &Verdict) -> bool {
    verdict.status() == 404
}

fn is_401(verdict: &Verdict) -> bool {
    verdict.status() == 401
}

#[test]
fn both_are_asked_for_and_the_path_comes_first_whatever_the_other_is() {
    for (scheme, secret) in schemes() {
        let wrong = if scheme == Scheme::Basic {
            "user:password-2"
        } else {
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
        };
        let ours = two(scheme.clone(), secret, &[IN_PATH, OLDER]);
        let elsewhere = |in_path: &[&str], secret| sent(&two(scheme.clone(), secret, in_path), secret);
        let accepted = |url_secret| Verdict::Accepted {
            secret: Some(0),
            url_secret: Some(url_secret),
        };
        assert_eq!(judged(&ours, &sent(&ours, secret)), accepted(0), "{scheme:?}");
        assert_eq!(judged(&ours, &elsewhere(&[OLDER], secret)), accepted(1), "{scheme:?}");
        assert!(is_401(&judged(&ours, &sent(&ours, wrong))), "{scheme:?}");

        let refused = judged(&ours, &elsewhere(&["s3cret/in the pat"], secret));
        assert!(is_404(&refused), "{scheme:?}");
        for captured in [
            elsewhere(&["s3cret/in the pat"], wrong),
            elsewhere(&[], secret),
            elsewhere(&[], wrong),
            // The one proof in the place of the other.
            elsewhere(&[secret], secret),
        ] {
            let same = judged(&ours, &captured);
            assert_eq!(
                same, refused,
                "{scheme:?}: a wrong path says nothing of the other proof"
            );
        }
    }
}

#[test]
fn one_proof_in_the_place_of_the_other_proves_nothing() {
    let token = || Scheme::Token(TokenPlace::Header("x-token".into()));
    let ours = two(token(), TOKEN, &[OLDER]);
    let both_of_the_path = sent(&two(token(), OLDER, &[OLDER]), OLDER);
    assert!(is_401(&judged(&ours, &both_of_the_path)));
    let both_of_the_header = sent(&two(token(), TOKEN, &[TOKEN]), TOKEN);
    assert!(is_404(&judged(&ours, &both_of_the_header)));
}

#[test]
fn a_suffix_after_the_path_and_percent_signs_are_tolerated_as_with_one_proof() {
    let ours = two(Scheme::Token(TokenPlace::Header("x-token".into())), TOKEN, &[IN_PATH]);
    let good = sent(&ours, TOKEN);
    for (path, accepted) in [
        ("/in/s/s3cret%2Fin%20the%20path", true),
        ("/in/s/s3cret%2fin%20the%20path/messages-upsert", true),
        ("/in/s/%733cret%2Fin%20the%20path/?x=1", true),
        ("/in/s/s3cret%2Fin%20the%20path%20", false),
        ("/in/s/S3cret%2Fin%20the%20path", false),
        ("/in/s/s3cret/in%20the%20path", false),
        ("/in/s//s3cret%2Fin%20the%20path", false),
        ("/in/s/?s3cret%2Fin%20the%20path", false),
        ("/in/s", false),
    ] {
        let captured = Captured {
            target: path.to_owned(),
            ..good.clone()
        };
        let verdict = judged(&ours, &captured);
        assert_eq!(
            matches!(verdict, Verdict::Accepted { .. }),
            accepted,
            "{path}: {verdict:?}"
        );
        assert!(accepted || is_404(&verdict), "{path}: {verdict:?}");
    }
}

#[test]
fn a_handshake_needs_the_path_too() {
    let mut meta = two(Platform::WhatsappCloud.scheme(), TOKEN, &[OLDER]);
    meta.platform = Platform::WhatsappCloud;
    meta.verify_token = Some(Secret::new("verify-token-1"));
    let asked = |path: &str, token: &str| {
        let captured = Captured {
            method: Method::GET,
            target: format!("/in/s{path}?hub.mode=subscribe&hub.challenge=7&hub.verify_token={token}"),
            headers: headers(&[("host", "h")]),
            body: Bytes::new(),
        };
        judged(&meta, &captured)
    };
    let right = format!("/{OLDER}");
    assert!(matches!(asked(&right, "verify-token-1"), Verdict::Replied(_)));
    assert_eq!(asked(&right, "another").status(), 403);
    for path in ["", "/", "/another-secret"] {
        for token in ["verify-token-1", "another"] {
            assert!(is_404(&asked(path, token)), "{path} {token}");
        }
    }
}

#[test]
fn a_second_proof_that_is_none_is_refused_with_the_way_out() {
    let eleven: Vec<String> = (0..11).map(|n| format!("secret-number-{n}")).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    let token = || Scheme::Token(TokenPlace::Header("x-token".into()));
    for (scheme, in_path, expected) in [
        (Scheme::UrlSecret, &[OLDER][..], "put all of them under `secrets`"),
        (Scheme::None, &[OLDER], "say `auth: { scheme: url_secret }`"),
        (token(), &[""], "`url_secrets[0]` is empty"),
        (token(), &[OLDER, ""], "`url_secrets[1]` is empty"),
        (token(), &["7 bytes"], "`url_secrets[0]` is too short"),
        (token(), &[OLDER, TOKEN], "`url_secrets[1]` is the same as `secrets[0]`"),
        (token(), &eleven, "`url_secrets` has 11 secrets, of which at most 10"),
    ] {
        let error = wrong(&two(scheme, TOKEN, in_path));
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(OLDER) && !error.contains(TOKEN), "{error}");
    }
    // What is presupposed of a platform counts as if it were written.
    let mut digisac = two(Scheme::None, TOKEN, &[OLDER]);
    (digisac.platform, digisac.scheme) = (Platform::Digisac, None);
    let error = wrong(&digisac);
    assert!(error.contains("put all of them under `secrets`"), "{error}");
    for (scheme, secret) in schemes() {
        assert_eq!(check_source(&two(scheme, secret, &[IN_PATH, OLDER])), Ok(()));
    }
}
