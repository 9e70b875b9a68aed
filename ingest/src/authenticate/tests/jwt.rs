//! JSON Web Tokens. Those that are written out were made by another library (`pyjwt` 2.15.1); what that refuses to make is made
//! here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use schemas::source::JwtScheme;

use super::*;

const KEY: &str = "jwt-secret-of-the-source-0123456789abcdef";
const PLAIN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJldm9sdXRpb24ifQ.9DgDgGwCB7xOo5rtn0kXn8KcjMIYThhoX-W87drYR2E";

fn jwt(secrets: &[&str]) -> Source {
    let scheme = JwtScheme {
        header: "authorization".to_owned(),
        leeway: Duration::from_mins(1),
    };
    source(Scheme::Jwt(scheme), secrets)
}

fn judged(token: &str) -> &'static str {
    let shown = headers(&[("authorization", &format!("Bearer {token}"))]);
    label(verify(&jwt(&[KEY]), &shown, b"{}", NOW))
}

/// A token of that header and those claims, signed as it should be.
fn made(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
    let mut key = keyed::Key::new(Hash::Sha256, KEY.as_bytes()).expect("a key");
    key.update(signed.as_bytes());
    format!("{signed}.{}", BASE64URL.encode(key.finish()))
}

#[test]
fn tokens_of_another_library_are_good_and_count_for_a_while() {
    for (claims, token, expected) in [
        ("no times", PLAIN, "accepted"),
        (
            "iat, nbf, exp, sub, aud",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3NzMxNDk4MTEsIm5iZiI6MTc3MzE0OTgxMSwiZXhwIjoxNzczMTUwNDExLCJzdWIiOiJ4IiwiYXVkIjpbImEiLCJiIl19.QdTqKKd0tYj6-NF5Tbqbn38My9ID5BOyjwUtMJJ0znc",
            "accepted",
        ),
        (
            "exp a leeway ago",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NzMxNDk3NTF9.W4uF2fLclf8F-uDMTvfFs3JiWLcsmYv4Uuvs1dtauf4",
            "accepted",
        ),
        (
            "exp a second longer ago",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NzMxNDk3NTB9.hTEzr8wCE3gg4M6En0svjE4g7RAcwv09V6LP8vDD70Y",
            "outside_tolerance",
        ),
        (
            "nbf in a leeway",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOjE3NzMxNDk4NzF9.rB8zxTNjJhwAKxPcBiEcqNr0Vhn50E-h0FBsYCANVME",
            "accepted",
        ),
        (
            "nbf in a second more",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOjE3NzMxNDk4NzJ9.ds-5MKE8ucQUK2WWQXwFEweIEjQMUdBO3l4aNjY8f6g",
            "outside_tolerance",
        ),
        (
            "exp a leeway ago and half a second",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NzMxNDk3NTEuNX0.va5xr-PUGnKPIoT5Lmdrywa72mRE7o5kvkDXflnMrh0",
            "accepted",
        ),
        (
            "exp 1e300",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjFlKzMwMH0.i4WJaEt-XRVzvGdDYyottT9NxZqBEOC5mYe-j8k7w0E",
            "accepted",
        ),
        (
            "exp 10**30, all digits",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDB9.aDUVPc3mYRhQOzHn204gdQV3KRZXnej4_nIdysDDiOU",
            "accepted",
        ),
        (
            "exp -1e300",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOi0xZSszMDB9.hiNOm0tP7V1FN2qEx3B29wTr0CCfJ__--Wqj09yf3nk",
            "outside_tolerance",
        ),
        (
            "exp 0",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjB9.qhqFFIxTSzhXPVFr3JMe9UWD8AZ-N_XX5aeoxffLZzg",
            "outside_tolerance",
        ),
        (
            "nbf 1e300",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOjFlKzMwMH0.ZOrE8Qh2b1iNmR23X-WzevDvk5tyBviuNutz7xa4mzQ",
            "outside_tolerance",
        ),
        (
            "nbf -1e300",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOi0xZSszMDB9.MNHixRW4g_4F1zfORG-VtQ2gBNtNAXNwXfguppEE_5g",
            "accepted",
        ),
        (
            "a header that names other keys",
            "eyJhbGciOiJIUzI1NiIsImprdSI6Imh0dHBzOi8vZXZpbC5leGFtcGxlLmNvbS9rZXlzIiwia2lkIjoiLi4vLi4vZXRjL3Bhc3N3ZCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.UuFMWVCkWtOgO6lfHxPT1uIUO3g0im1ZQrJLoDsbhpo",
            "accepted",
        ),
    ] {
        assert_eq!(judged(token), expected, "{claims}");
    }
}

#[test]
fn the_token_does_not_choose_its_algorithm() {
    for (what, token) in [
        ("none", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJ4In0."),
        (
            "RS256",
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.iw5_KeIWZYEBsrDV4z3VGhrxPB62sD8JJtV6L6pEPQ19KSht89yo-DqSrtaMp6XH4OLAKLVNootowR5t79fhqHmOPWUT_1RBCHYXISvYvx-rYayIYCqD9QeOewR6L67Kepb5kSJ2ZWWO0RvaCI5RanMFx2S8R7RMSSfUyY-IMq-2u1sVnGg-osrkYYNRUmfG-T61CkdIsq8jg-Bh7Ft9_laca0J9P0Xlx1lKAJE9ieS127ymJWs89uuRWUQV3IUx7GssVQkYHuceugBjCILKR_qaX7g-FIDqE6TOSZEPyCqJ0ugG6QPmcFu7Vx0iByP2axTPg6h73NO_IPPXf0flFQ",
        ),
        (
            "HS384",
            "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.xmfY_M036E-8XMzl7KdfcPjIxt8dZEYxRq8wcogglOs3eELh9fYZHUEzKk7njwbc",
        ),
        (
            "HS512",
            "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.5SXX27okU-eozgo7BhdUJ7vlEKnyXT-qv34v15rRxL6oA2J7lgy1Plr8yAGPhefYbEp2PD5wH_yd9T1eAjM80w",
        ),
    ] {
        assert_eq!(judged(token), "malformed", "{what}");
    }
    // Signed with our key by HS256, whatever the header says.
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
        "[]",
        r#"["HS256"]"#,
        r#""HS256""#,
        "",
        "{\"alg\":\"HS256\"",
    ] {
        assert_eq!(judged(&made(header, "{}")), "malformed", "{header}");
    }
    assert_eq!(judged(&made(r#"{"alg":"HS256"}"#, "{}")), "accepted");
}

#[test]
fn an_extension_that_must_be_understood_is_not() {
    let of_pyjwt = "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl0sInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.H3EuwxtbMt8Ee9V5V96qwWEUDbMX6kCzlTlFGBcKlwQ";
    assert_eq!(judged(of_pyjwt), "malformed");
    for crit in [r#"["b64"]"#, "[]", "null", "{}", "0", r#""""#] {
        let header = format!(r#"{{"alg":"HS256","crit":{crit}}}"#);
        assert_eq!(judged(&made(&header, "{}")), "malformed", "{crit}");
    }
}

#[test]
fn a_token_has_three_parts_in_base64url_without_padding() {
    let [header, claims, tag] = PLAIN.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let standard = tag.replace('-', "+").replace('_', "/");
    assert_ne!(standard, tag);
    // The last digit of 32 bytes carries two bits that mean nothing; canonically they are zero.
    let uncanonical = format!("{}F", &tag[..tag.len() - 1]);
    for (token, expected) in [
        (format!("{header}.{claims}.{tag}"), "accepted"),
        (format!("{header}.{claims}"), "malformed"),
        (format!("{header}.{claims}.{tag}."), "malformed"),
        (format!("{header}.{claims}.{tag}.{tag}"), "malformed"),
        (format!(".{header}.{claims}.{tag}"), "malformed"),
        (format!("{header}.{claims}.{tag}="), "malformed"),
        (format!("{header}=.{claims}.{tag}"), "malformed"),
        (format!("{header}.{claims}.{standard}"), "malformed"),
        (format!("{header}.{claims}.{uncanonical}"), "malformed"),
        (format!(" {header}.{claims}.{tag}"), "malformed"),
        (format!("{header}.{claims} .{tag}"), "malformed"),
        (format!("{header}.{claims}."), "no_match"),
        (format!("{header}.{claims}.{}", &tag[..40]), "no_match"),
        (format!("{header}..{tag}"), "no_match"),
        (format!(".{claims}.{tag}"), "malformed"),
        ("..".to_owned(), "malformed"),
        ("...".to_owned(), "malformed"),
        (String::new(), "malformed"),
        ("é.é.é".to_owned(), "malformed"),
    ] {
        assert_eq!(judged(&token), expected, "{token}");
    }
}

#[test]
fn claims_are_believed_only_when_they_can_be_read() {
    for (claims, expected) in [
        ("{}", "accepted"),
        (r#"{"exp":null,"nbf":null}"#, "accepted"),
        (r#"{"exp":1773149811}"#, "accepted"),
        (r#"{"deep":[[[[{"x":"\ud800"}]]]]}"#, "accepted"),
        (r#"{"exp":"1773149811"}"#, "malformed"),
        (r#"{"exp":true}"#, "malformed"),
        (r#"{"exp":[1773149811]}"#, "malformed"),
        (r#"{"exp":NaN}"#, "malformed"),
        (r#"{"exp":1e999}"#, "malformed"),
        (r#"{"exp":1,"exp":9999999999}"#, "malformed"),
        (r#"{"nbf":{}}"#, "malformed"),
        ("[]", "malformed"),
        ("[1773149811,null]", "malformed"),
        ("{", "malformed"),
        ("", "malformed"),
        ("\"x\"", "malformed"),
    ] {
        assert_eq!(judged(&made(r#"{"alg":"HS256"}"#, claims)), expected, "{claims}");
    }
    let off = |claims: &str| {
        let shown = headers(&[("authorization", &made(r#"{"alg":"HS256"}"#, claims))]);
        verify(&jwt(&[KEY]), &shown, b"", NOW).expect_err("off")
    };
    let refusal = |off_seconds| Refusal::OutsideTolerance {
        off_seconds,
        tolerance_seconds: 60,
    };
    assert_eq!(off(r#"{"exp":1773149711}"#), refusal(100));
    assert_eq!(off(r#"{"nbf":1773149911}"#), refusal(-100));
    assert_eq!(off(r#"{"exp":1773149711,"nbf":1773149911}"#), refusal(100));
}

#[test]
fn the_key_decides_and_any_active_one_is_good() {
    let by_another = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.iY2CursS18zJtdBYmwKKSGpqvskJ9OFM2duVe2H5SC8";
    assert_eq!(judged(by_another), "no_match");
    let other = "another-secret-of-somebody-0123456789";
    let shown = headers(&[("authorization", by_another)]);
    assert_eq!(
        verify(&jwt(&[other]), &shown, b"", NOW),
        Ok(Some(0)),
        "without `Bearer `"
    );
    assert_eq!(verify(&jwt(&[KEY, other]), &shown, b"", NOW), Ok(Some(1)));
    let [header, claims, tag] = PLAIN.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let forged = BASE64URL.encode(r#"{"iss":"evolution","admin":true}"#);
    assert_eq!(judged(&format!("{header}.{forged}.{tag}")), "no_match");
    assert_eq!(judged(&format!("{claims}.{header}.{tag}")), "malformed");

    let expired = made(r#"{"alg":"HS256"}"#, r#"{"exp":1}"#);
    let shown = headers(&[("authorization", &expired)]);
    assert_eq!(
        verify(&jwt(&[other]), &shown, b"", NOW),
        Err(Refusal::NoMatch(1)),
        "times are reported to those only who have the key"
    );
    let mut twice = headers(&[("authorization", &format!("bearer {PLAIN}"))]);
    assert_eq!(label(verify(&jwt(&[KEY]), &twice, b"", NOW)), "accepted");
    twice.append("authorization", HeaderValue::from_static(PLAIN));
    assert_eq!(label(verify(&jwt(&[KEY]), &twice, b"", NOW)), "repeated");
    assert_eq!(label(verify(&jwt(&[KEY]), &HeaderMap::new(), b"", NOW)), "missing");
}

#[test]
fn a_token_that_we_sign_is_one_that_we_take() {
    let source = jwt(&[KEY]);
    let signed = sign(&source, &source.secrets[0], "{}", at(NOW), "m").expect("signs");
    assert_eq!(verify(&source, &signed.headers, b"{}", NOW), Ok(Some(0)));
    assert_eq!(verify(&source, &signed.headers, b"{}", NOW + 660), Ok(Some(0)));
    assert_eq!(
        label(verify(&source, &signed.headers, b"{}", NOW + 661)),
        "outside_tolerance"
    );
}
