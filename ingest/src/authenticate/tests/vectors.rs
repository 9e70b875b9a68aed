//! Vectors that others published, and those of our platforms.

use super::*;

#[test]
fn published_vectors_are_authentic() {
    // GitHub, "Validating webhook deliveries".
    let github = hmac(Hash::Sha256, Encoding::Hex, "x-hub-signature-256", "sha256=", "{body}");
    let shown = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let github = source(Scheme::Hmac(github), &["It's a Secret to Everybody"]);
    let outcome = verify(
        &github,
        &headers(&[("x-hub-signature-256", shown)]),
        b"Hello, World!",
        NOW,
    );
    assert_eq!(outcome, Ok(Some(0)));

    // Slack, "Verifying requests from Slack".
    let slack = hmac(
        Hash::Sha256,
        Encoding::Hex,
        "x-slack-signature",
        "v0=",
        "v0:{timestamp}:{body}",
    );
    let slack = source(Scheme::Hmac(slack), &["8f742231b10e8888abcd99yyyzzz85a5"]);
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=\
                foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F\
                hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.\
                47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let shown = [
        ("x-timestamp", "1531420618"),
        (
            "x-slack-signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ),
    ];
    assert_eq!(
        verify(&slack, &headers(&shown), body.as_bytes(), 1_531_420_618),
        Ok(Some(0))
    );

    // Standard Webhooks, the reference libraries' test suite.
    let shown = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let outcome = verify(
        &source(standard(), &[WHSEC]),
        &headers(&shown),
        br#"{"test": 2432232314}"#,
        1_614_265_330,
    );
    assert_eq!(outcome, Ok(Some(0)));
}

#[test]
fn the_platforms_vectors_are_authentic_over_the_bytes_of_the_files() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/samples");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let vectors: serde_json::Value = serde_json::from_slice(&read("_signature_vectors.json")).expect("JSON");
    let mut checked = 0;
    for vector in vectors["vectors"].as_array().expect("a list") {
        let scheme = match vector["platform"].as_str().expect("text") {
            "chatwoot" => Platform::Chatwoot.scheme(),
            "web1on1" => Scheme::Hmac(hmac(Hash::Sha1, Encoding::Hex, "x-hub-signature", "sha1=", "{body}")),
            "waha" => Scheme::Hmac(hmac(Hash::Sha512, Encoding::Hex, "x-webhook-hmac", "", "{body}")),
            "baileys" => Platform::Baileys.scheme(),
            other => panic!("no scheme for {other}"),
        };
        let source = source(scheme, &[vector["secret"].as_str().expect("text")]);
        let pairs = vector["headers"].as_object().expect("an object").iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
            .collect();
        let file = vector["file"].as_str().expect("text");
        let now = vector["timestamp"].as_i64().unwrap_or(NOW);
        assert_eq!(
            verify(&source, &headers(&pairs), &read(file), now),
            Ok(Some(0)),
            "{file}"
        );
        // A token in the body covers nothing but itself; a signature covers every byte, the last line break too.
        let signs = !matches!(source.scheme, Some(Scheme::Token(_)));
        let shorter = verify(&source, &headers(&pairs), &read(file)[1..], now);
        assert_eq!(
            label(shorter),
            if signs { "no_match" } else { "malformed" },
            "{file} without its first byte"
        );
        checked += 1;
    }
    assert_eq!(checked, 4);
}
