//! What a signature that does not match would have matched.

use super::*;

#[test]
fn a_digest_that_would_match_otherwise_is_explained() {
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
fn the_new_name_of_a_header_decides_where_it_is_sent() {
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
        let mut request = sent(Scheme::Hmac(plain()), SECRET, BODY);
        request.headers.remove("x-signature");
        for (name, values) in [("x-signature", &old), ("x-new-signature", &new)] {
            for value in values {
                request.headers.append(name, (*value).clone());
            }
        }
        let found = match judge(&ours, &request, at(NOW)) {
            Verdict::Refused { reason, .. } => reason.label(),
            _ => "accepted",
        };
        assert_eq!(found, expected, "{old:?} {new:?}");
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
        assert!(said.contains("capture the bytes themselves"), "{said}");
    }
    let other = Captured {
        body: Bytes::from_static(b"{\"id\":2}"),
        ..signed
    };
    assert!(said(&ours, &[], &other, NOW).contains("matches none of the 1 secret(s)"));
    // How a body is laid out says nothing where the secret is another one.
    let laid_out = sent(Scheme::Hmac(plain()), "another-secret", "{\n  \"id\": 1\n}");
    let said = said(&ours, &[], &laid_out, NOW);
    assert!(
        said.contains("matches none") && !said.contains("capture the bytes"),
        "{said}"
    );
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
    assert!(said(&ours, &[], &request, NOW).contains("occurs 2 times"));
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
