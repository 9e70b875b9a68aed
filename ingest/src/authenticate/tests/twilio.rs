//! Twilio's scheme. Every signature here is one that Twilio's own library made (`twilio` 9.13.0 for Python,
//! `RequestValidator.compute_signature`) for the URL that stands beside it, and that its `validate` accepted.

use super::*;

const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const FORM: &str = "application/x-www-form-urlencoded";

/// The form of Twilio's documentation, and its signature for `https://hooks.example.com/in/line-1`.
const CALL: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
const CALL_SIGNED: &str = "wSZYEYLAtIw0lTgCSUo4cuCx07M=";

const JSON: &str = r#"[{"specversion":"1.0","id":"EZ1","data":{"text":"Olá"}}]"#;
const JSON_QUERY: &str = "bodySHA256=7118584b4876aac996299929e40676981dfe91a1f943e556451615a643c7c72c";
const JSON_SIGNED: &str = "6XxgH0k80mcA4kdiLhkW23QGGAI=";

/// A request as it reaches us, and where its source says that it was sent to.
#[derive(Clone, Copy)]
struct Sent<'s> {
    url: Option<&'s str>,
    authority: Option<&'s str>,
    host: &'s [&'s str],
    path: &'s str,
    query: Option<&'s str>,
    content_type: &'s str,
    body: &'s [u8],
    signatures: &'s [&'s str],
    settings: &'s [&'s str],
    tokens: &'s [&'s str],
}

const CALLED: Sent<'static> = Sent {
    url: Some("https://hooks.example.com"),
    authority: None,
    host: &["10.0.0.7:8080"],
    path: "/in/line-1",
    query: None,
    content_type: FORM,
    body: CALL.as_bytes(),
    signatures: &[CALL_SIGNED],
    settings: &[],
    tokens: &[AUTH_TOKEN],
};

fn outcome(sent: &Sent<'_>) -> Result<Option<usize>, Refusal> {
    let scheme = Scheme::Twilio {
        url: sent.url.map(str::to_owned),
    };
    let mut pairs: Vec<(&str, &str)> = vec![("content-type", sent.content_type)];
    pairs.extend(sent.host.iter().map(|host| ("host", *host)));
    pairs.extend(
        sent.signatures
            .iter()
            .map(|signature| ("x-twilio-signature", *signature)),
    );
    let settings = sent.settings.iter().map(|settings| (SETTINGS, *settings));
    let shown_only = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let mut shown = HeaderMap::new();
    for (name, value) in shown_only.chain(settings) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        shown.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let request = Presented {
        authority: sent.authority,
        path: sent.path,
        headers: &shown,
        path_secret: "",
        query: sent.query,
        body: sent.body,
    };
    Verifier::new(&source(scheme, sent.tokens))
        .expect("a usable source")
        .verify(&request, at(NOW))
        .map(|matched| matched.secret)
}

fn judged(sent: Sent<'_>) -> &'static str {
    label(outcome(&sent))
}

#[test]
fn forms_are_signed_by_their_members_in_the_order_of_their_names() {
    for (body, signature) in [
        (CALL, CALL_SIGNED),
        (
            "To=%2B18005551212&Digits=1234&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE",
            CALL_SIGNED,
        ),
        // Blanks, plus signs, percent signs, other scripts; values that are empty, and names without a value.
        (
            "Body=Ol%C3%A1+%F0%9F%91%8B+1%2B1%3D2+%26+100%25&Empty=&Bare&From=whatsapp%3A%2B5511900000001&MessageSid=SM1",
            "TQD96kOVLDwody/aEPsOmXRxPvw=",
        ),
        // A name that occurs several times: each different value once, sorted.
        ("Tag=b&Tag=a&Tag=b&MessageSid=SM1&Tag=", "wD0y9Dr1tDG993PnqMMhyY11eiY="),
        ("Tag=&Tag=a&MessageSid=SM1&Tag=b", "wD0y9Dr1tDG993PnqMMhyY11eiY="),
        // By code points: upper case first, what is beyond the first 65536 last.
        (
            "b=2&B=1&%C3%A9=5&a=3&aa=4&a.b=6&%F0%90%80%80=8&%EF%BF%BF=7&_=9",
            "2WNfLHlUJbaqeIpC3O1z8ySNGU8=",
        ),
        ("", "3jAIJ6KqAvXI7ttFgyTTP0/2YBQ="),
    ] {
        let sent = Sent {
            body: body.as_bytes(),
            signatures: &[signature],
            ..CALLED
        };
        assert_eq!(outcome(&sent), Ok(Some(0)), "{body}");
    }
    for content_type in [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-URLencoded;charset=utf-8",
    ] {
        let sent = Sent { content_type, ..CALLED };
        assert_eq!(outcome(&sent), Ok(Some(0)), "{content_type}");
    }
}

#[test]
fn the_url_is_the_one_that_twilio_knows_with_or_without_its_port() {
    const WITH_443: &str = "3VyRhvaB2WwGknVBkQ0uwNaFA3s=";
    const WITH_8443: &str = "1O60oMzvuw7QCko/Z7L4AePfEJY=";
    const HTTP: &str = "HpmndV9CRKJ41tCGKed+HCR4Nik=";
    const HTTP_80: &str = "7iQAxiMY7FkjOCRokU6EyxkMKGw=";
    for (url, host, signature, expected) in [
        ("https://hooks.example.com", "", CALL_SIGNED, "accepted"),
        ("https://hooks.example.com/", "", CALL_SIGNED, "accepted"),
        (
            "https://hooks.example.com",
            "other.example.com",
            CALL_SIGNED,
            "accepted",
        ),
        ("https://hooks.example.com", "", WITH_443, "accepted"),
        ("https://hooks.example.com:443", "", CALL_SIGNED, "accepted"),
        ("https://hooks.example.com:443", "", WITH_443, "accepted"),
        ("https://hooks.example.com:8443", "", WITH_8443, "accepted"),
        ("https://hooks.example.com:8443", "", CALL_SIGNED, "accepted"),
        ("https://hooks.example.com:8443", "", WITH_443, "no_match"),
        ("https://hooks.example.com", "", WITH_8443, "no_match"),
        ("http://hooks.example.com", "", HTTP, "accepted"),
        ("http://hooks.example.com", "", HTTP_80, "accepted"),
        ("http://hooks.example.com:80", "", HTTP, "accepted"),
        ("http://hooks.example.com", "", CALL_SIGNED, "no_match"),
        ("https://hooks.example.com", "", HTTP, "no_match"),
        (
            "https://other.example.com",
            "hooks.example.com",
            CALL_SIGNED,
            "no_match",
        ),
        // None is configured: https, and the host of the request.
        ("", "hooks.example.com", CALL_SIGNED, "accepted"),
        ("", "hooks.example.com", WITH_443, "accepted"),
        ("", "hooks.example.com:443", CALL_SIGNED, "accepted"),
        ("", "hooks.example.com:8443", WITH_8443, "accepted"),
        ("", "hooks.example.com:8443", CALL_SIGNED, "accepted"),
        ("", "other.example.com", CALL_SIGNED, "no_match"),
        ("", "", CALL_SIGNED, "missing"),
    ] {
        let sent = Sent {
            url: Some(url).filter(|url| !url.is_empty()),
            host: &[host],
            signatures: &[signature],
            ..CALLED
        };
        assert_eq!(judged(sent), expected, "{url} {host} {signature}");
    }
    let of_http2 = Sent {
        url: None,
        host: &[],
        authority: Some("hooks.example.com"),
        ..CALLED
    };
    assert_eq!(judged(of_http2), "accepted", "HTTP/2 names the host in its target");
    let with_query = Sent {
        query: Some("tenant=1&x=%C3%A1+b"),
        signatures: &["5JAx2aLCiTla/uCHNaCcoJtH90U="],
        ..CALLED
    };
    assert_eq!(judged(with_query), "accepted", "the query is signed as it was sent");
    for query in [
        None,
        Some("tenant=1"),
        Some("tenant=1&x=á b"),
        Some("x=%C3%A1+b&tenant=1"),
    ] {
        assert_eq!(judged(Sent { query, ..with_query }), "no_match", "{query:?}");
    }
}

#[test]
fn a_body_that_is_no_form_is_covered_by_its_digest_in_the_query() {
    let streamed = Sent {
        content_type: "application/json",
        body: JSON.as_bytes(),
        query: Some(JSON_QUERY),
        signatures: &[JSON_SIGNED],
        ..CALLED
    };
    assert_eq!(judged(streamed), "accepted");
    let among = format!("a=1&{JSON_QUERY}");
    let sent = Sent {
        query: Some(&among),
        signatures: &["jQ2wND9Wgx659KOaznVLxba5GqE="],
        ..streamed
    };
    assert_eq!(judged(sent), "accepted");
    for content_type in ["", "text/plain", "application/cloudevents-batch+json"] {
        assert_eq!(
            judged(Sent {
                content_type,
                ..streamed
            }),
            "accepted",
            "{content_type}"
        );
    }

    let changed = JSON.replace("EZ1", "EZ2");
    let twice = format!("{JSON_QUERY}&{JSON_QUERY}");
    let other = JSON_QUERY.replace("7118", "8118");
    for (body, query, expected) in [
        (changed.as_bytes(), Some(JSON_QUERY), "malformed"),
        (&JSON.as_bytes()[1..], Some(JSON_QUERY), "malformed"),
        (b"", Some(JSON_QUERY), "malformed"),
        (JSON.as_bytes(), Some("bodySHA256="), "malformed"),
        (JSON.as_bytes(), Some(&*other), "malformed"),
        (JSON.as_bytes(), Some(&*twice), "repeated"),
        (JSON.as_bytes(), Some("bodysha256=x"), "missing"),
        (JSON.as_bytes(), None, "missing"),
    ] {
        let sent = Sent {
            query,
            body,
            ..streamed
        };
        assert_eq!(judged(sent), expected, "{query:?}");
    }
    let as_form = Sent {
        content_type: FORM,
        ..streamed
    };
    assert_eq!(
        judged(as_form),
        "no_match",
        "a form's members are signed, whatever the query says"
    );
    let nothing = Sent {
        content_type: "",
        body: b"",
        signatures: &["3jAIJ6KqAvXI7ttFgyTTP0/2YBQ="],
        ..CALLED
    };
    assert_eq!(judged(nothing), "accepted", "nothing needs no digest");
    assert_eq!(
        judged(Sent {
            body: CALL.as_bytes(),
            ..nothing
        }),
        "missing",
        "the signature over the URL alone covers no body"
    );
}

#[test]
fn whatever_differs_from_what_was_signed_is_refused() {
    let changed: [(&str, &str); 5] = [
        ("Digits=1234", "Digits=1235"),
        ("Digits=1234", "Digits=1234&Digits=5"),
        ("Digits=1234&", ""),
        ("Digits=1234", "digits=1234"),
        ("%2B18005551212", "+18005551212"),
    ];
    for (from, to) in changed {
        let body = CALL.replacen(from, to, 1);
        assert_ne!(body, CALL);
        let sent = Sent {
            body: body.as_bytes(),
            ..CALLED
        };
        assert_eq!(judged(sent), "no_match", "{body}");
    }
    for path in ["/in/line-2", "/in/line-1/", "/in/line-1/suffix", "/in/line%2D1", ""] {
        assert_eq!(judged(Sent { path, ..CALLED }), "no_match", "{path}");
    }
    let twenty_one_bytes = "A".repeat(28);
    for (signatures, expected) in [
        (&[][..], "missing"),
        (&[CALL_SIGNED, CALL_SIGNED], "repeated"),
        (&["wSZYEYLAtIw0lTgCSUo4cuCx07N="], "malformed"),
        (&["wSZYEYLAtIw0lTgCSUo4cuCx07M"], "malformed"),
        (&["c1265811 82c0b48c 34953802 494a3872 e0b1d3b3"], "malformed"),
        (&[&*twenty_one_bytes], "malformed"),
        (&["wSZYEYLAtIw0lTgCSUo4cuCx07I="], "no_match"),
    ] {
        let sent = Sent { signatures, ..CALLED };
        assert_eq!(judged(sent), expected, "{signatures:?}");
    }
    let other = "fedcba9876543210fedcba9876543210";
    for (tokens, expected) in [
        (&[other][..], Err(Refusal::NoMatch(1))),
        (&[other, AUTH_TOKEN], Ok(Some(1))),
        (&[AUTH_TOKEN, other], Ok(Some(0))),
    ] {
        assert_eq!(outcome(&Sent { tokens, ..CALLED }), expected, "{tokens:?}");
    }
}

#[test]
fn a_form_that_cannot_be_twilios_is_malformed() {
    let many: Vec<String> = (0..1001).map(|n| format!("p{n}=")).collect();
    let (many, most) = (many.join("&"), many[..1000].join("&"));
    for (body, expected) in [
        (b"Body=\xff".as_slice(), "malformed"),
        (b"Body=%ff", "malformed"),
        (many.as_bytes(), "malformed"),
        (most.as_bytes(), "no_match"),
        (b"&&&", "no_match"),
    ] {
        assert_eq!(judged(Sent { body, ..CALLED }), expected);
    }
}

#[test]
fn a_url_that_could_never_match_is_refused_when_the_source_is_made() {
    for (url, good) in [
        ("https://hooks.example.com", true),
        ("https://hooks.example.com/", true),
        ("http://127.0.0.1:8080", true),
        ("https://[::1]:8443", true),
        ("hooks.example.com", false),
        ("ftp://hooks.example.com", false),
        ("https://hooks.example.com/in", false),
        ("https://hooks.example.com/?a=1", false),
        ("https://hooks.example.com#x", false),
        ("https://", false),
        ("", false),
    ] {
        let scheme = Scheme::Twilio {
            url: Some(url.to_owned()),
        };
        let checked = check_source(&source(scheme, &[AUTH_TOKEN]));
        assert_eq!(checked.is_ok(), good, "{url}: {checked:?}");
    }
}

/// What the form and the JSON body are signed with where the settings name `HMAC_SHA256`.
const CALL_SIGNED_256: &str = "dmDp1i6LVQXfgrRxGzAfFYLvtP8P6a4er1KgboWKqKw=";
const JSON_SIGNED_256: &str = "ArSPgc2fxqbRyYM21QLztCESg30r67HFEYLZuFpjcdA=";

#[test]
fn the_settings_alone_say_which_hash_it_is() {
    let key = "key=webhooks_sharedkey_01,algorithm=";
    let (sha1, sha256) = (format!("{key}HMAC_SHA1"), format!("{key}HMAC_SHA256"));
    let accepted_1 = ("accepted", "malformed");
    let accepted_256 = ("malformed", "accepted");
    // The first is for a signature by SHA-1, the second for one by SHA-256; each as `get_signature_algorithm` and `validate`
    // of the library have it.
    for (settings, expected) in [
        (&[][..], accepted_1),
        (&[&*sha1], accepted_1),
        (&[&*sha256], accepted_256),
        (&["algorithm=HMAC_SHA256,key=webhooks_sharedkey_01"], accepted_256),
        (&[" key = k , algorithm = hmac_sha256 "], accepted_256),
        (&["algorithm=,algorithm=HMAC_SHA256"], accepted_256),
        (&["algorithm=HMAC_SHA1,algorithm=HMAC_SHA256"], accepted_1),
        (&["key=k"], accepted_1),
        (&[""], accepted_1),
        (&["Algorithm=HMAC_SHA256"], accepted_1),
        (&["HMAC_SHA256"], accepted_1),
        (&["algorithm=HMAC_SHA512"], ("malformed", "malformed")),
        (&["algorithm=SHA256"], ("malformed", "malformed")),
        (&["algorithm=HMAC_SHA256="], ("malformed", "malformed")),
        (&["algorithm=none"], ("malformed", "malformed")),
        // A header that decides occurs once; which of two Twilio sent, no one can say.
        (&[&*sha256, &*sha256], ("repeated", "repeated")),
        (&[&*sha1, &*sha256], ("repeated", "repeated")),
    ] {
        let with = |signature: &str| {
            judged(Sent {
                settings,
                signatures: &[signature],
                ..CALLED
            })
        };
        assert_eq!((with(CALL_SIGNED), with(CALL_SIGNED_256)), expected, "{settings:?}");
    }
}

#[test]
fn an_account_with_shared_keys_signs_forms_and_json() {
    let shared = Sent {
        settings: &["key=webhooks_sharedkey_01,algorithm=HMAC_SHA256"],
        signatures: &[CALL_SIGNED_256],
        ..CALLED
    };
    assert_eq!(judged(shared), "accepted");
    let json = Sent {
        content_type: "application/json",
        body: JSON.as_bytes(),
        query: Some(JSON_QUERY),
        signatures: &[JSON_SIGNED_256],
        ..shared
    };
    assert_eq!(judged(json), "accepted");
    assert_eq!(judged(Sent { settings: &[], ..json }), "malformed");
    let flipped = format!("A{}", &CALL_SIGNED_256[1..]);
    for (signature, expected) in [(&*flipped, "no_match"), (&CALL_SIGNED_256[..43], "malformed")] {
        let signatures = &[signature];
        assert_eq!(judged(Sent { signatures, ..shared }), expected, "{signature}");
    }
    let other = "fedcba9876543210fedcba9876543210";
    assert_eq!(
        outcome(&Sent {
            tokens: &[other, AUTH_TOKEN],
            ..shared
        }),
        Ok(Some(1))
    );
    assert_eq!(
        judged(Sent {
            tokens: &[other],
            ..shared
        }),
        "no_match"
    );
}
