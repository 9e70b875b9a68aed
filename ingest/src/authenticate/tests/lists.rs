//! A signature's header that is a list, as Stripe has it: `t=1773149811,v1=…,v1=…,v0=…`.

use super::*;

const KEY: &str = "whsec_of_stripe_exemplo";
const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
/// Python: `hmac.new(KEY, b"1773149811." + BODY, hashlib.sha256).hexdigest()`.
const DIGEST: &str = "3a0054ab25a84178565570244d6d5fc32502de4dd3130b587b433ef60ef2b59c";

fn stripe() -> Source {
    source(Platform::Stripe.scheme(), &["a-newer-secret-of-ours", KEY])
}

fn judged(value: &str, now: i64) -> &'static str {
    label(verify(&stripe(), &headers(&[("stripe-signature", value)]), BODY, now))
}

#[test]
fn any_signature_of_the_right_version_may_match() {
    let wrong = "0".repeat(64);
    let others = |count: usize| format!("v1={wrong},").repeat(count);
    for (value, expected) in [
        (format!("t={NOW},v1={DIGEST}"), "accepted"),
        (format!("v1={DIGEST},t={NOW}"), "accepted"),
        (format!("t={NOW},v1={wrong},v1={DIGEST}"), "accepted"),
        (format!("t={NOW},v1={DIGEST},v1={wrong}"), "accepted"),
        (format!("t={NOW},v1={DIGEST},v0={wrong}"), "accepted"),
        (format!("t={NOW},v0=nonsense,v1={DIGEST},v2=,x"), "accepted"),
        (format!("t={NOW}, v1={DIGEST}"), "accepted"),
        (format!(" t = {NOW} , v1 = {DIGEST} "), "accepted"),
        (format!("t={NOW},v1={}", DIGEST.to_uppercase()), "accepted"),
        (format!("t={NOW},v1=nonsense,v1={DIGEST}"), "accepted"),
        (format!("t={NOW},{}v1={DIGEST}", others(19)), "accepted"),
        (format!("t={NOW},{}v1={DIGEST}", others(20)), "no_match"),
        (format!("t={NOW},v0={DIGEST}"), "malformed"),
        (format!("t={NOW},V1={DIGEST}"), "malformed"),
        (format!("t={NOW},v1=sha256={DIGEST}"), "malformed"),
        (format!("t={NOW},v1={}", &DIGEST[..62]), "malformed"),
        (format!("t={NOW},v1={DIGEST}00"), "malformed"),
        (format!("t={NOW},v1="), "malformed"),
        (format!("t={NOW}"), "malformed"),
        (DIGEST.to_owned(), "malformed"),
        (String::new(), "malformed"),
        (format!("t={NOW},v1={wrong}"), "no_match"),
        (format!("t={NOW};v1={DIGEST}"), "malformed"),
    ] {
        assert_eq!(judged(&value, NOW), expected, "{value}");
    }
    let good = format!("t={NOW},v1={DIGEST}");
    let outcome = verify(&stripe(), &headers(&[("stripe-signature", &good)]), BODY, NOW);
    assert_eq!(outcome, Ok(Some(1)), "by the older secret");
    let mut twice = headers(&[("stripe-signature", &good)]);
    twice.append("stripe-signature", HeaderValue::from_str(&good).expect("a value"));
    assert_eq!(label(verify(&stripe(), &twice, BODY, NOW)), "repeated");
    assert_eq!(label(verify(&stripe(), &HeaderMap::new(), BODY, NOW)), "missing");
}

#[test]
fn the_time_stamp_is_there_once_in_digits_and_signed() {
    for (value, expected) in [
        (format!("v1={DIGEST}"), "missing"),
        (format!("T={NOW},v1={DIGEST}"), "missing"),
        (format!("t={NOW},t={NOW},v1={DIGEST}"), "repeated"),
        (format!("t={NOW},v1={DIGEST},t=1"), "repeated"),
        (format!("t={},v1={DIGEST}", NOW + 1), "no_match"),
        (format!("t=0{NOW},v1={DIGEST}"), "no_match"),
        (format!("t=,v1={DIGEST}"), "no_match"),
    ] {
        assert_eq!(judged(&value, NOW), expected, "{value}");
    }
    for stamp in ["", "-5", "1773149811.5", "soon", "99999999999999", "+1773149811"] {
        let mut key = keyed::Key::new(Hash::Sha256, KEY.as_bytes()).expect("a key");
        key.update(format!("{stamp}.").as_bytes());
        key.update(BODY);
        let value = format!("t={stamp},v1={}", hex::encode(key.finish()));
        assert_eq!(judged(&value, NOW), "malformed", "{stamp}");
    }
    let good = format!("t={NOW},v1={DIGEST}");
    for (off, expected) in [
        (300, "accepted"),
        (-300, "accepted"),
        (301, "outside_tolerance"),
        (-301, "outside_tolerance"),
    ] {
        assert_eq!(judged(&good, NOW + off), expected, "{off}");
    }
}

#[test]
fn a_list_that_we_sign_is_one_that_we_take() {
    let source = stripe();
    let signed = sign(&source, &source.secrets[1], BODY, at(NOW), "m").expect("signs");
    let value = signed.headers["stripe-signature"].to_str().expect("text");
    assert_eq!(value, format!("t={NOW},v1={DIGEST}"));
    assert_eq!(verify(&source, &signed.headers, BODY, NOW), Ok(Some(1)));
}

#[test]
fn a_stamp_under_a_key_needs_a_list() {
    let Scheme::Hmac(scheme) = Platform::Stripe.scheme() else {
        panic!("a keyed hash")
    };
    let error = wrong(&source(
        Scheme::Hmac(HmacScheme {
            signature_key: None,
            ..scheme
        }),
        &[KEY],
    ));
    assert!(error.contains("set both keys"), "{error}");
}
