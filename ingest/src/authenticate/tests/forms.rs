//! A06, A07: signatures and tokens are written in one way and stand in one place.

use super::*;

#[test]
fn a_signature_is_written_in_one_way() {
    let hex_scheme = source(
        Scheme::Hmac(hmac(Hash::Sha256, Encoding::Hex, "x-signature", "sha256=", "{body}")),
        &["a-long-secret"],
    );
    let base64_scheme = source(
        Scheme::Hmac(hmac(Hash::Sha256, Encoding::Base64, "x-signature", "", "{body}")),
        &["a-long-secret"],
    );
    let shown = |source: &Source| {
        let signed = sign(source, &source.secrets[0], "{}", at(NOW), "").expect("signs");
        signed.headers["x-signature"].to_str().expect("text").to_owned()
    };
    let (digits, base64) = (shown(&hex_scheme)[7..].to_owned(), shown(&base64_scheme));
    assert!(base64.ends_with('='));
    let unpadded = base64.trim_end_matches('=').to_owned();
    // The last digit of 32 bytes carries two bits that mean nothing; canonically they are zero.
    let last = unpadded
        .chars()
        .last()
        .map(|c| char::from_u32(u32::from(c) + 1).expect("a char"));
    let uncanonical = format!("{}{}=", &unpadded[..unpadded.len() - 1], last.expect("not empty"));
    for (source, value, expected) in [
        (&hex_scheme, format!("sha256={digits}"), "accepted"),
        (&hex_scheme, format!("sha256={}", digits.to_uppercase()), "accepted"),
        (&hex_scheme, digits.clone(), "malformed"),
        (&hex_scheme, format!("SHA256={digits}"), "malformed"),
        (&hex_scheme, format!("sha256=sha256={digits}"), "malformed"),
        (&hex_scheme, format!("sha1={digits}"), "malformed"),
        (&hex_scheme, format!("md5={digits}"), "malformed"),
        (&hex_scheme, format!("none={digits}"), "malformed"),
        (&hex_scheme, format!("v0={digits}"), "malformed"),
        (&hex_scheme, format!("sha256={}", &digits[..62]), "malformed"),
        (&hex_scheme, format!("sha256={digits}00"), "malformed"),
        (&hex_scheme, format!("sha256={digits}, sha256={digits}"), "malformed"),
        (&hex_scheme, format!("sha256= {digits}"), "malformed"),
        (&hex_scheme, format!("sha256={}é", &digits[..62]), "malformed"),
        (&hex_scheme, "sha256=".to_owned(), "malformed"),
        (&hex_scheme, String::new(), "malformed"),
        (&hex_scheme, format!("sha256={}", "0".repeat(64)), "no_match"),
        (&base64_scheme, base64.clone(), "accepted"),
        (&base64_scheme, unpadded, "malformed"),
        (&base64_scheme, uncanonical, "malformed"),
        (&base64_scheme, format!("{base64}===="), "malformed"),
        (&base64_scheme, digits, "malformed"),
    ] {
        let outcome = verify(source, &headers(&[("x-signature", &value)]), b"{}", NOW);
        assert_eq!(label(outcome), expected, "{value}");
    }
    assert_eq!(label(verify(&hex_scheme, &HeaderMap::new(), b"{}", NOW)), "missing");
    let mut twice = headers(&[("X-SIGNATURE", &shown(&hex_scheme))]);
    assert_eq!(
        label(verify(&hex_scheme, &twice, b"{}", NOW)),
        "accepted",
        "names of headers have no case"
    );
    twice.append(
        "x-signature",
        HeaderValue::from_str(&shown(&hex_scheme)).expect("a value"),
    );
    assert_eq!(label(verify(&hex_scheme, &twice, b"{}", NOW)), "repeated");
}

#[test]
fn a_list_of_standard_signatures_is_read_by_fixed_rules() {
    let source = source(standard(), &[WHSEC]);
    let signed = sign(&source, &source.secrets[0], "{}", at(NOW), "msg_1").expect("signs");
    let good = signed.headers["webhook-signature"].to_str().expect("text").to_owned();
    let other = format!("v1,{}=", "A".repeat(43));
    for (list, expected) in [
        (good.clone(), "accepted"),
        (format!("{other} {good}"), "accepted"),
        (format!("v1a,xyz v2,abc nonsense {good}"), "accepted"),
        (format!("{}{good}", format!("{other} ").repeat(9)), "accepted"),
        (format!("{}{good}", format!("{other} ").repeat(10)), "malformed"),
        (other.clone(), "no_match"),
        (good.replace("v1,", "v1a,"), "malformed"),
        (good.replace("v1,", "v1="), "malformed"),
        (good.replace("v1,", "V1,"), "malformed"),
        (good.replace("v1,", ""), "malformed"),
        (format!("{good},{other}"), "malformed"),
        (String::new(), "malformed"),
    ] {
        let mut headers = signed.headers.clone();
        headers.insert("webhook-signature", HeaderValue::from_str(&list).expect("a value"));
        assert_eq!(label(verify(&source, &headers, b"{}", NOW)), expected, "{list}");
    }
    for id in ["", "a.b"] {
        let mut headers = signed.headers.clone();
        headers.insert("webhook-id", HeaderValue::from_static(id));
        assert_eq!(label(verify(&source, &headers, b"{}", NOW)), "malformed", "{id}");
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut without = signed.headers.clone();
        let value = without.remove(name).expect("it was present");
        assert_eq!(label(verify(&source, &without, b"{}", NOW)), "missing", "{name}");
        let mut twice = signed.headers.clone();
        twice.append(name, value);
        assert_eq!(label(verify(&source, &twice, b"{}", NOW)), "repeated", "{name}");
    }
}

#[test]
fn tokens_are_taken_from_their_place_only() {
    for (place, least) in [
        (TokenPlace::Header("authorization".into()), "x-other"),
        (TokenPlace::Query("token".into()), "x-other"),
        (TokenPlace::Body("webhookVerifyToken".into()), "x-other"),
    ] {
        let source = source(Scheme::Token(place), &["s3cret/+ ö"]);
        let signed = sign(
            &source,
            &source.secrets[0],
            r#"{"a":1,"webhookVerifyToken":"old"}"#,
            at(NOW),
            "",
        )
        .expect("signs");
        let query = signed.path_suffix.strip_prefix('?');
        let present = |headers, query, body| {
            let request = Presented {
                authority: None,
                path: "",
                headers,
                path_secret: "",
                query,
                body,
            };
            label(Verifier::new(&source).expect("usable").verify(&request, at(NOW)))
        };
        assert_eq!(present(&signed.headers, query, &signed.body), "accepted");
        let (empty, elsewhere) = (HeaderMap::new(), headers(&[(least, "s3cret/+ ö")]));
        assert_eq!(present(&empty, None, b"{}"), "missing");
        assert_eq!(
            present(
                &elsewhere,
                Some("other=s3cret"),
                br#"{"b":{"webhookVerifyToken":"s3cret/+ "}}"#
            ),
            "missing"
        );
    }
    let source = source(Scheme::Token(TokenPlace::Header("authorization".into())), &["s3cret"]);
    for (value, expected) in [
        ("Bearer s3cret", "accepted"),
        ("s3cret", "accepted"),
        ("s3cre", "no_match"),
        ("s3crets", "no_match"),
        ("S3cret", "no_match"),
        ("Bearer ", "no_match"),
        ("", "no_match"),
    ] {
        let outcome = verify(&source, &headers(&[("authorization", value)]), b"", NOW);
        assert_eq!(label(outcome), expected, "{value}");
    }
}
