//! Every mistake that people make when they connect a sender is named, and no secret with it.

use bytes::Bytes;
use http::Method;
use schemas::secret::Secret;
use schemas::source::JwtScheme;

use super::*;
use crate::authenticate::{SignedRequest, explain};
use crate::judge::{Captured, Verdict};

const SECRET: &str = "s3cret-of-the-source";
const BODY: &str = r#"{"id":1,"name":"José","list":[1,2]}"#;

fn captured(request: SignedRequest) -> Captured {
    Captured {
        method: Method::POST,
        target: format!("/in/s{}", request.path_suffix),
        headers: request.headers,
        body: request.body,
    }
}

/// A request as a sender makes it who means `scheme` and `secret`.
fn sent(scheme: Scheme, secret: &str, body: &str) -> Captured {
    let sender = source(scheme, &[secret]);
    let request = sign(
        &sender,
        &Secret::new(secret),
        Bytes::from(body.to_owned()),
        at(NOW),
        "msg_1",
    )
    .expect("signs");
    captured(request)
}

/// What is said of it at `source`, all on one line.
fn said(source: &Source, others: &[Source], captured: &Captured, now: i64) -> String {
    let others: Vec<_> = others.iter().cloned().map(std::sync::Arc::new).collect();
    let explanation = explain(source, &others, captured, at(now));
    let said = format!(
        "{:?} {} {}",
        explanation.verdict,
        explanation.scheme,
        explanation.findings.join(" | ")
    );
    let all = |source: &Source| [source.secrets.clone(), source.url_secrets.clone()].concat();
    for secret in all(source)
        .into_iter()
        .chain(others.iter().flat_map(|other| all(other)))
    {
        assert!(!said.contains(secret.expose_str().expect("text")), "{said}");
    }
    said
}

fn plain() -> HmacScheme {
    hmac(Hash::Sha256, Encoding::Hex, "x-signature", "sha256=", "{body}")
}

#[test]
fn what_passes_passes_without_a_remark() {
    for scheme in [
        Scheme::Hmac(plain()),
        stamped(),
        Scheme::UrlSecret,
        Scheme::Token(TokenPlace::Header("x-t".into())),
    ] {
        let request = sent(scheme.clone(), SECRET, BODY);
        let explanation = explain(&source(scheme, &["another-secret", SECRET]), &[], &request, at(NOW));
        assert_eq!(
            explanation.verdict,
            Verdict::Accepted {
                secret: Some(1),
                url_secret: None
            }
        );
        assert_eq!(explanation.findings, Vec::<String>::new());
    }
}

#[test]
fn a_digest_that_would_match_otherwise_is_told_how() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let with = |change: fn(&mut HmacScheme)| {
        let mut scheme = plain();
        change(&mut scheme);
        Scheme::Hmac(scheme)
    };
    for (scheme, expected) in [
        (with(|s| s.hash = Hash::Sha1), "the digest matches with sha1"),
        (
            with(|s| s.encoding = Encoding::Base64),
            "the digest matches written as base64",
        ),
        (with(|s| s.prefix = String::new()), "only the form of the header is not"),
        (
            with(|s| s.header = "x-hub-signature".into()),
            "in the header `x-hub-signature`",
        ),
        (stamped(), "over the template `{timestamp}.{body}`"),
    ] {
        let said = said(&ours, &[], &sent(scheme, SECRET, BODY), NOW);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn the_new_name_of_a_header_decides_where_it_is_there() {
    let scheme = Scheme::Hmac(HmacScheme {
        renamed: Some("x-new-signature".to_owned()),
        ..plain()
    });
    let ours = source(scheme.clone(), &[SECRET]);
    let right = sent(scheme, SECRET, BODY).headers["x-signature"].clone();
    let wrong = HeaderValue::from_static("sha256=00");
    for (old, new, expected) in [
        (vec![&right], vec![], "accepted"),
        (vec![], vec![&right], "accepted"),
        (vec![&wrong], vec![&right], "accepted"),
        (vec![&right], vec![&wrong], "malformed"),
        (vec![&right], vec![&right, &right], "repeated"),
        (vec![&right, &right], vec![], "repeated"),
        (vec![], vec![], "missing"),
    ] {
        let mut headers = HeaderMap::new();
        for (name, values) in [("x-signature", &old), ("x-new-signature", &new)] {
            for value in values {
                headers.append(name, (*value).clone());
            }
        }
        let outcome = verify(&ours, &headers, BODY.as_bytes(), NOW);
        assert_eq!(label(outcome), expected, "{old:?} {new:?}");
    }
    let other = sent(Scheme::Hmac(plain()), "another-secret", BODY);
    let said = said(&ours, &[], &other, NOW);
    assert!(said.contains("matches none"), "{said}");
}

#[test]
fn a_body_that_was_written_again_is_seen() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let signed = sent(Scheme::Hmac(plain()), SECRET, BODY);
    for (body, expected) in [
        (r#"{"id": 1, "name": "José", "list": [1, 2]}"#, "the JSON written again"),
        (
            "{\n  \"id\": 1,\n  \"name\": \"Jos\\u00e9\",\n  \"list\": [\n    1,\n    2\n  ]\n}",
            "escapes of letters undone",
        ),
        ("{\"id\":1,\"name\":\"José\",\"list\":[1,2]}\n", "without the line end"),
    ] {
        let body = Bytes::from(body.to_owned());
        let said = said(&ours, &[], &Captured { body, ..signed.clone() }, NOW);
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let other = Captured {
        body: Bytes::from_static(b"{\"id\":2}"),
        ..signed
    };
    assert!(said(&ours, &[], &other, NOW).contains("matches none of the 1 secret(s)"));
}

#[test]
fn the_secret_of_another_source_and_a_secret_read_otherwise_are_seen() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let mut other = source(Scheme::Hmac(plain()), &["secret-of-the-other"]);
    other.id = SourceId::new("other").expect("valid");
    let found = said(
        &ours,
        &[other],
        &sent(Scheme::Hmac(plain()), "secret-of-the-other", BODY),
        NOW,
    );
    assert!(found.contains("with the secret of the source `other`"), "{found}");

    // The key is what the configured text is base64 of.
    let encoded = source(Scheme::Hmac(plain()), &["czNjcmV0LW9mLXRoZS1zb3VyY2U="]);
    let found = said(&encoded, &[], &sent(Scheme::Hmac(plain()), SECRET, BODY), NOW);
    assert!(found.contains("decoded from base64"), "{found}");
    let newline = source(Scheme::Hmac(plain()), &["s3cret-of-the-source\n"]);
    let found = said(&newline, &[], &sent(Scheme::Hmac(plain()), SECRET, BODY), NOW);
    assert!(found.contains("without the white space around it"), "{found}");
}

#[test]
fn headers_that_are_missing_or_doubled_are_named() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let mut request = sent(Scheme::Hmac(plain()), SECRET, BODY);
    let value = request.headers.remove("x-signature").expect("there");
    assert!(said(&ours, &[], &request, NOW).contains("does the sender sign at all?"));
    request.headers.append("x-signature", value.clone());
    request.headers.append("x-signature", value);
    assert!(said(&ours, &[], &request, NOW).contains("is there 2 times"));
}

#[test]
fn a_clock_that_is_off_is_measured() {
    let ours = source(stamped(), &[SECRET]);
    let request = sent(stamped(), SECRET, BODY);
    let late = said(&ours, &[], &request, NOW + 3600);
    assert!(
        late.contains("outside_tolerance") && late.contains("60 min 0 s behind"),
        "{late}"
    );
    let early = said(&ours, &[], &request, NOW - 301);
    assert!(early.contains("5 min 1 s ahead of"), "{early}");

    let mut millis = request;
    let value = HeaderValue::from_str(&format!("{NOW}000")).expect("digits");
    millis.headers.insert("x-timestamp", value);
    assert!(said(&ours, &[], &millis, NOW).contains("in milliseconds"));
}

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
fn halves_of_basic_and_claims_of_jwt_are_told_apart() {
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
fn a_twilio_signature_by_another_hash_than_the_settings_name_is_told_from_one_for_another_url() {
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
    let mut key = keyed::Key::new(Hash::Sha256, SECRET.as_bytes()).expect("a key");
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

#[test]
fn of_two_proofs_the_one_that_fails_is_named_and_neither_is_shown() {
    const IN_PATH: &str = "s3cret-of-the-path";
    let two = |secret: &str, in_path: &str| {
        let url_secrets = vec![Secret::new(in_path)];
        Source {
            url_secrets,
            ..source(Scheme::Hmac(plain()), &[secret])
        }
    };
    let ours = two(SECRET, IN_PATH);
    let request = |secret, in_path| {
        let sender = two(secret, in_path);
        captured(sign(&sender, &Secret::new(secret), BODY, at(NOW), "msg_1").expect("signs"))
    };
    let passes = explain(&ours, &[], &request(SECRET, IN_PATH), at(NOW));
    assert_eq!(passes.findings, Vec::<String>::new());
    assert!(passes.scheme.contains("active `url_secrets`: 1"), "{}", passes.scheme);

    let wrong_path = said(&ours, &[], &request(SECRET, "another-s3cret-of-the-path"), NOW);
    for expected in [
        "not_found",
        "is none of the 1 active `url_secrets`",
        "the one that is not in the path is right: secret number 1",
    ] {
        assert!(wrong_path.contains(expected), "{expected}: {wrong_path}");
    }
    assert!(!wrong_path.contains("the digest"), "{wrong_path}");
    let wrong_signature = said(&ours, &[], &request("quite-another-secret", IN_PATH), NOW);
    for expected in [
        "no_match",
        "the secret in the path is right: number 1 of `url_secrets`",
        "the digest matches none of the 2 secret(s)",
    ] {
        assert!(wrong_signature.contains(expected), "{expected}: {wrong_signature}");
    }
    let both_wrong = said(
        &ours,
        &[],
        &request("quite-another-secret", "another-s3cret-of-the-path"),
        NOW,
    );
    for expected in [
        "not_found",
        "is none of the 1 active",
        "the other proof fails too",
        "the digest matches none",
    ] {
        assert!(both_wrong.contains(expected), "{expected}: {both_wrong}");
    }
    let mixed_up = said(&ours, &[], &request(IN_PATH, SECRET), NOW);
    for expected in [
        "it is secret number 1",
        "the digest matches with number 1 of `url_secrets`",
    ] {
        assert!(mixed_up.contains(expected), "{expected}: {mixed_up}");
    }
    let mut foreign = two("secret-of-the-other", "another-s3cret-of-the-path");
    foreign.id = SourceId::new("other").expect("valid");
    let of_another = said(&ours, &[foreign], &request(SECRET, "another-s3cret-of-the-path"), NOW);
    assert!(
        of_another.contains("it is one of the `url_secrets` of the source `other`"),
        "{of_another}"
    );
    let mut moved = request(SECRET, IN_PATH);
    moved.target = format!("/in/s/proxied/{IN_PATH}");
    let found = said(&ours, &[], &moved, NOW);
    assert!(
        found.contains("number 1 of `url_secrets` stands in part 4 of the path"),
        "{found}"
    );
    moved.target = "/in/s".to_owned();
    let found = said(&ours, &[], &moved, NOW);
    assert!(
        found.contains("there is nothing behind the source's id in the path"),
        "{found}"
    );

    let mut handshake = request(SECRET, "another-s3cret-of-the-path");
    handshake.method = Method::GET;
    let found = said(&ours, &[], &handshake, NOW);
    assert!(found.contains("not_found") && !found.contains("other proof"), "{found}");
}

#[test]
fn a_body_that_is_not_the_one_that_was_sent_is_noticed() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let mut request = sent(
        Scheme::Hmac(plain()),
        "quite-another-secret",
        "\u{feff}{\n  \"a\": 1\n}",
    );
    request.headers.insert("content-length", HeaderValue::from_static("9"));
    request
        .headers
        .insert("content-encoding", HeaderValue::from_static("gzip"));
    let found = said(&ours, &[], &request, NOW);
    for expected in ["Content-Length says 9 bytes", "compressed", "byte order mark"] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}
