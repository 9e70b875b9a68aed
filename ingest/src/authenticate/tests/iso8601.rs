//! Time stamps that are written out, as Zendesk has them: signed as they stand, read as the moment that they are.

use super::*;

const KEY: &str = "zendesk-secret-exemplo";
const BODY: &[u8] = br#"{"id":"01HXEXAMPLE","type":"zen:event-type:ticket.created"}"#;

fn zendesk() -> Source {
    source(Platform::Zendesk.scheme(), &[KEY])
}

fn judged(stamp: &str, signature: &str, now: i64) -> &'static str {
    let shown = headers(&[
        ("x-zendesk-webhook-signature", signature),
        ("x-zendesk-webhook-signature-timestamp", stamp),
    ]);
    label(verify(&zendesk(), &shown, BODY, now))
}

fn signed(stamp: &str) -> String {
    use base64::Engine as _;
    let mut key = keyed::Key::new(Hash::Sha256, KEY.as_bytes()).expect("a key");
    key.update(stamp.as_bytes());
    key.update(BODY);
    base64::engine::general_purpose::STANDARD.encode(key.finish())
}

#[test]
fn one_moment_in_three_spellings_has_three_signatures() {
    // Python: base64(hmac(KEY, stamp + BODY, sha256)).
    for (stamp, signature) in [
        ("2026-03-10T13:36:51Z", "5LjFKznh/Dpz+OKCapUj+2dSAYyHPdP+B3ZQI3mwuYY="),
        (
            "2026-03-10T13:36:51.500Z",
            "B1Az/0sXgyIAniuPaEzPAdLEu3bFijfUJ2yp1dP0JMI=",
        ),
        (
            "2026-03-10T10:36:51-03:00",
            "Pci+I6GcTsTf/HxWUgyAu/cd2lV5nQ7xX6V/yE3g6Ao=",
        ),
    ] {
        assert_eq!(judged(stamp, signature, NOW), "accepted", "{stamp}");
        assert_eq!(signed(stamp), signature);
        for other in [
            "2026-03-10T13:36:51.000Z",
            "2026-03-10T13:36:52Z",
            "2026-03-10t13:36:51z",
        ] {
            assert_eq!(judged(other, signature, NOW), "no_match", "{other}");
        }
        for (off, expected) in [
            (300, "accepted"),
            (-300, "accepted"),
            (301, "outside_tolerance"),
            (-301, "outside_tolerance"),
        ] {
            assert_eq!(judged(stamp, signature, NOW + off), expected, "{stamp} {off}");
        }
    }
}

#[test]
fn what_is_no_moment_is_refused_even_if_signed() {
    for stamp in [
        "2026-03-10T13:36:51",
        "2026-03-10 13:36:51",
        "2026-03-10",
        "13:36:51Z",
        "1773149811",
        "2026-02-30T13:36:51Z",
        "2026-03-10T25:36:51Z",
        "Tue, 10 Mar 2026 13:36:51 GMT",
        "soon",
        "",
    ] {
        assert_eq!(judged(stamp, &signed(stamp), NOW), "malformed", "{stamp}");
    }
    for stamp in [
        "1970-01-01T00:00:00Z",
        "2026-03-10T13:36:51+14:00",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(judged(stamp, &signed(stamp), NOW), "outside_tolerance", "{stamp}");
    }
    let stamp = "2026-03-10T13:36:51Z";
    let signature = signed(stamp);
    let alone = headers(&[("x-zendesk-webhook-signature", &signature)]);
    assert_eq!(label(verify(&zendesk(), &alone, BODY, NOW)), "missing");
    let mut twice = headers(&[
        ("x-zendesk-webhook-signature", &signature),
        ("x-zendesk-webhook-signature-timestamp", stamp),
    ]);
    twice.append(
        "x-zendesk-webhook-signature-timestamp",
        HeaderValue::from_static("2026-03-10T13:36:51Z"),
    );
    assert_eq!(label(verify(&zendesk(), &twice, BODY, NOW)), "repeated");
}

#[test]
fn what_we_sign_is_what_we_take() {
    let source = zendesk();
    let signed = sign(&source, &source.secrets[0], BODY, at(NOW), "m").expect("signs");
    assert_eq!(
        signed.headers["x-zendesk-webhook-signature-timestamp"],
        "2026-03-10T13:36:51.000Z"
    );
    assert_eq!(verify(&source, &signed.headers, BODY, NOW), Ok(Some(0)));
}
