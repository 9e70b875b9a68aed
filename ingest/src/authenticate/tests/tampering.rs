//! A01: any change of what was signed.

use proptest::prelude::*;

use super::*;

/// All requests that differ from the signed one in one bit, of body or any header.
fn one_bit_off(headers: &HeaderMap, body: &[u8]) -> Vec<(HeaderMap, Vec<u8>)> {
    let mut all = Vec::new();
    for bit in 0..body.len() * 8 {
        let mut body = body.to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        all.push((headers.clone(), body));
    }
    for (name, value) in headers.iter().filter(|(name, _)| *name != "content-type") {
        for bit in 0..value.len() * 8 {
            let mut bytes = value.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // The digits of a hash may be of either case: the one difference that is none.
            let same = bytes.eq_ignore_ascii_case(value.as_bytes()) && !bytes.starts_with(b"v1,");
            if let Ok(value) = HeaderValue::from_bytes(&bytes).map_err(drop)
                && !(same && name == "x-signature" && bit / 8 >= 7)
            {
                let mut headers = headers.clone();
                headers.insert(name.clone(), value);
                all.push((headers, body.to_vec()));
            }
        }
    }
    all
}

#[test]
fn every_single_bit_of_body_and_headers_counts() {
    let body = br#"{"event":"message_created","id":9007199254740993,"content":"Ol\u00e1"}"#;
    for (scheme, secret) in [(stamped(), "a-long-secret"), (standard(), WHSEC)] {
        let source = source(scheme, &[secret]);
        let signed = sign(&source, &source.secrets[0], &body[..], at(NOW), "msg_1").expect("signs");
        assert_eq!(verify(&source, &signed.headers, &signed.body, NOW), Ok(Some(0)));
        let mutants = one_bit_off(&signed.headers, &signed.body);
        assert!(mutants.len() > 1000, "{}", mutants.len());
        for (headers, body) in mutants {
            assert!(verify(&source, &headers, &body, NOW).is_err(), "{headers:?} {body:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_bit_of_body_id_time_or_secret_changes_the_verdict(
        body in proptest::collection::vec(any::<u8>(), 1..200), key in proptest::collection::vec(any::<u8>(), 16..65),
        id in "[a-zA-Z0-9_]{1,20}", what in 0..4_usize, at_bit: proptest::sample::Index,
    ) {
        use base64::Engine as _;
        let text = |key: &[u8]| format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(key));
        let flip = |bytes: &[u8]| {
            let (mut bytes, bit) = (bytes.to_vec(), at_bit.index(bytes.len() * 8));
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        let sender = source(standard(), &[&text(&key)]);
        let signed = sign(&sender, &sender.secrets[0], body.clone(), at(NOW), &id).expect("signs");
        prop_assert_eq!(verify(&sender, &signed.headers, &body, NOW), Ok(Some(0)));
        let (mut receiver, mut headers, mut received) = (sender, signed.headers, body);
        let mut swap = |name: &'static str, bytes: &[u8]| match HeaderValue::from_bytes(&flip(bytes)) {
            Ok(value) => drop(headers.insert(name, value)),
            Err(_) => drop(headers.remove(name)),
        };
        match what {
            0 => received = flip(&received),
            1 => swap("webhook-id", id.as_bytes()),
            2 => swap("webhook-timestamp", NOW.to_string().as_bytes()),
            _ => receiver = source(standard(), &[&text(&flip(&key))]),
        }
        prop_assert!(verify(&receiver, &headers, &received, NOW).is_err());
    }
}
