//! Standard Webhooks under the names that Svix gives its headers.

use super::*;

const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SENT: i64 = 1_614_265_330;
/// The reference libraries' test suite.
const STANDARD: [(&str, &str); 3] = [
    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
    ("webhook-timestamp", "1614265330"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
];

fn svix() -> Vec<(String, &'static str)> {
    let renamed = |(name, value): (&str, &'static str)| (name.replace("webhook", "svix"), value);
    STANDARD.into_iter().map(renamed).collect()
}

fn judged(pairs: &[(&str, &str)]) -> Result<Option<usize>, Refusal> {
    verify(&source(standard(), &[WHSEC]), &headers(pairs), BODY, SENT)
}

#[test]
fn the_same_headers_count_under_both_names() {
    let svix = svix();
    let svix: Vec<_> = svix.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(judged(&STANDARD), Ok(Some(0)));
    assert_eq!(judged(&svix), Ok(Some(0)));
    for (index, (name, _)) in svix.iter().enumerate() {
        let mut without = svix.clone();
        without.remove(index);
        let expected = if *name == "svix-signature" { "webhook-id" } else { name };
        assert_eq!(judged(&without), Err(Refusal::Missing(expected.to_owned())), "{name}");
    }
    let mut twice = headers(&svix);
    twice.append("svix-id", HeaderValue::from_static("msg_other"));
    let outcome = verify(&source(standard(), &[WHSEC]), &twice, BODY, SENT);
    assert_eq!(outcome, Err(Refusal::Repeated("svix-id".to_owned())));
    let stale = verify(&source(standard(), &[WHSEC]), &headers(&svix), BODY, SENT + 301);
    assert_eq!(label(stale), "outside_tolerance");
}

#[test]
fn the_two_names_do_not_mix() {
    let [id, stamp, signature] = STANDARD;
    let [svix_id, svix_stamp, svix_signature] = ["svix-id", "svix-timestamp", "svix-signature"];
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (pairs, expected) in [
        // With a `webhook-signature` there, Svix's names are any other headers.
        (
            vec![
                id,
                stamp,
                signature,
                (svix_id, "x"),
                (svix_stamp, "1"),
                (svix_signature, wrong),
            ],
            "accepted",
        ),
        (
            vec![
                id,
                stamp,
                ("webhook-signature", wrong),
                (svix_id, id.1),
                (svix_stamp, stamp.1),
                (svix_signature, signature.1),
            ],
            "no_match",
        ),
        (vec![id, stamp, (svix_signature, signature.1)], "missing"),
        (vec![(svix_id, id.1), (svix_stamp, stamp.1), signature], "missing"),
        (vec![id, (svix_stamp, stamp.1), signature], "missing"),
    ] {
        assert_eq!(label(judged(&pairs)), expected, "{pairs:?}");
    }
}

#[test]
fn a_refusal_names_the_header_that_was_shown() {
    let [id, stamp, _] = STANDARD;
    for (signature, shown) in [("svix-signature", "svix"), ("webhook-signature", "webhook")] {
        let (id_name, stamp_name) = (format!("{shown}-id"), format!("{shown}-timestamp"));
        let many = "v1,x ".repeat(11);
        for (pairs, expected) in [
            (
                [(&*id_name, id.1), (&*stamp_name, stamp.1), (signature, "v2,x")],
                signature,
            ),
            (
                [(&*id_name, id.1), (&*stamp_name, stamp.1), (signature, &*many)],
                signature,
            ),
            (
                [(&*id_name, "a.b"), (&*stamp_name, stamp.1), (signature, "v1,x")],
                &*id_name,
            ),
            (
                [(&*id_name, id.1), (&*stamp_name, "soon"), (signature, "v1,x")],
                &*stamp_name,
            ),
        ] {
            let refusal = judged(&pairs).expect_err("malformed");
            assert_eq!(Reason::from(&refusal).label(), "malformed", "{pairs:?}");
            assert!(refusal.to_string().contains(&format!("`{expected}`")), "{refusal}");
        }
    }
}
