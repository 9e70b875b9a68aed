//! What an endpoint may say of itself, and what is wrong with it.

use super::*;

#[test]
fn everything_that_is_wrong_is_returned_by_its_place() {
    let spec: EndpointSpec = serde_json::from_str(
        r#"{"id": "crm", "url": "nowhere", "timeout_ms": 0, "concurrency": 0,
            "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "x", "whsec_QUJD"]}"#,
    )
    .expect("a spec");
    let found = spec.build().expect_err("five things are wrong");
    let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
    assert_eq!(places, ["url", "secrets[1]", "secrets[2]", "timeout_ms", "concurrency"]);
    assert_eq!(
        found[0].reason,
        "is not a URL: begin with the scheme, as in `https://example.com/hooks`"
    );
}

#[test]
fn what_is_no_url_is_named_with_the_way_out() {
    for (url, expected) in [
        ("\u{201c}https://example.com/\u{201d}", "write \""),
        ("https://exa mple.com/", "a character that no host has"),
        ("https:///hooks", "`//` and the host follow its scheme"),
        ("https:/example.com", "`//` and the host follow its scheme"),
    ] {
        let spec = serde_json::json!({"id": "crm", "url": url, "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
        let spec: EndpointSpec = serde_json::from_value(spec).expect("a spec");
        let found = spec.build().expect_err(url);
        assert!(
            found.len() == 1 && found[0].reason.contains(expected),
            "{url}: {found:?}"
        );
    }
}

#[test]
fn quotation_marks_around_a_secret_are_named_where_they_spoil_it() {
    let spec: EndpointSpec = serde_json::from_str(
        r#"{"id": "crm", "url": "https://example.com/hooks", "secrets": ["\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\""]}"#,
    )
    .expect("a spec");
    let found = spec.build().expect_err("it is no base64");
    assert!(
        found[0].reason.starts_with("begins and ends with a quotation mark"),
        "{found:?}"
    );
}

#[test]
fn a_secret_that_is_none_is_refused_and_one_that_is_listed_twice_warned_of() {
    let spec: EndpointSpec = serde_json::from_str(
        r#"{"id": "crm", "url": "https://example.com/hooks", "secrets": ["$CRM_SECRET",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#,
    )
    .expect("a spec");
    let found = spec.warnings();
    assert_eq!(
        found.iter().map(|warning| &*warning.place).collect::<Vec<_>>(),
        ["secrets[2]"]
    );
    let found = spec.build().expect_err("a reference");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].reason.contains("write ${CRM_SECRET}"), "{found:?}");
}

#[test]
fn what_is_written_out_reads_back_but_for_the_secrets() {
    let spec: EndpointSpec = serde_json::from_str(
        r#"{"id": "crm", "url": "https://example.com/hooks", "events": ["ticket.*", "*", "invoice.paid"],
            "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#,
    )
    .expect("a spec");
    let endpoint = spec.clone().build().expect("valid");
    assert_eq!(
        (endpoint.timeout, endpoint.concurrency),
        (Endpoint::TIMEOUT, Endpoint::CONCURRENCY)
    );
    assert_eq!(
        serde_json::to_string(&spec).expect("JSON"),
        r#"{"id":"crm","tenant":"default","url":"https://example.com/hooks","events":["ticket.*","*","invoice.paid"],"timeout_ms":15000,"concurrency":10,"ordering":"key","queue_max":1000,"http2":false,"paused":false,"enabled":true}"#
    );
}

#[expect(clippy::needless_pass_by_value, reason = "made where it is given")]
fn spec(more: serde_json::Value) -> EndpointSpec {
    let mut json = serde_json::json!({
        "id": "crm", "url": "https://example.com/hooks", "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    });
    let (Some(all), Some(more)) = (json.as_object_mut(), more.as_object()) else {
        panic!("objects")
    };
    all.extend(more.clone());
    serde_json::from_value(json).expect("a spec")
}

#[test]
fn headers_that_frame_or_route_a_request_or_are_ours_are_refused_in_any_case() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "TE",
        "connection",
        "Webhook-Signature",
        "Content-Type",
        "a b",
        "",
    ] {
        let found = spec(serde_json::json!({ "headers": { name: "x" } }))
            .build()
            .expect_err(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].place, format!("headers.{name}"));
    }
    let twice = spec(serde_json::json!({ "headers": { "X-A": "1", "x-a": "2" } }));
    assert!(twice.build().expect_err("twice")[0].reason.contains("written twice"));
    let built = spec(serde_json::json!({ "headers": { "X-A": "h\u{e9}" } }))
        .build()
        .expect("valid");
    assert_eq!(built.headers[0].0, "x-a");
}

#[test]
fn exactly_one_way_to_prove_oneself_is_taken() {
    let basic = serde_json::json!({ "user": "a", "password": "b" });
    for (auth, place) in [
        (serde_json::json!({}), "auth"),
        (serde_json::json!({ "basic": basic, "bearer": "x" }), "auth"),
        (serde_json::json!({ "bearer": "two words" }), "auth.bearer"),
        (serde_json::json!({ "bearer": "" }), "auth.bearer"),
        (
            serde_json::json!({ "basic": { "user": "a:b", "password": "x" } }),
            "auth.basic.user",
        ),
    ] {
        let found = spec(serde_json::json!({ "auth": auth })).build().expect_err(place);
        assert!(found.iter().any(|invalid| invalid.place == place), "{found:?}");
    }
    let built = spec(serde_json::json!({ "auth": { "basic": basic } }))
        .build()
        .expect("valid");
    assert!(matches!(
        built.credentials,
        Some(crate::endpoint::Credentials::Basic { .. })
    ));
}

#[test]
fn what_is_probably_a_mistake_is_warned_of() {
    let places = |more| {
        let found = spec(more).warnings();
        found.into_iter().map(|warning| warning.place).collect::<Vec<_>>()
    };
    let ended = serde_json::json!({ "secrets": [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        { "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "until": "2020-01-01T00:00:00Z" },
    ]});
    assert_eq!(places(ended), ["secrets[1]"]);
    assert_eq!(
        places(serde_json::json!({ "paused": true, "enabled": false })),
        ["paused"]
    );
    assert_eq!(
        places(serde_json::json!({ "auth": { "bearer": "Bearer abc" } })),
        ["auth.bearer"]
    );
    assert_eq!(
        places(serde_json::json!({ "headers": { "Authorization": "x", "X-A": "" } })),
        ["headers.Authorization", "headers.X-A"]
    );
    let open = serde_json::json!({ "auth": { "oauth2": { "token_url": "http://a.example/", "client_id": "a", "client_secret": "b" } } });
    assert_eq!(places(open), ["auth.oauth2.token_url"]);
    assert_eq!(places(serde_json::json!({})), Vec::<String>::new());
}

#[test]
fn a_key_that_has_ended_signs_no_more() {
    let built = spec(serde_json::json!({ "secrets": [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        { "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "until": "2030-01-01T00:00:00Z" },
    ]}));
    let built = built.build().expect("valid");
    let signing = |at: &str| built.signing(Timestamp::parse(at).expect("a time")).count();
    assert_eq!(
        (signing("2029-12-31T23:59:59Z"), signing("2030-01-01T00:00:00Z")),
        (2, 1)
    );
}

#[test]
fn a_rate_has_a_burst_of_a_second_unless_it_says_so() {
    for (limit, burst) in [
        (serde_json::json!({ "per_second": 50 }), 50),
        (serde_json::json!({ "per_second": 0.1 }), 1),
        (serde_json::json!({ "per_second": 50, "burst": 7 }), 7),
    ] {
        let built = spec(serde_json::json!({ "rate_limit": limit })).build().expect("valid");
        assert_eq!(built.rate_limit.expect("a limit").burst, burst);
    }
}

#[test]
fn http_2_is_warned_of_where_nothing_can_agree_on_it() {
    let found = spec(serde_json::json!({"url": "http://crm.example/", "http2": true})).warnings();
    assert_eq!(
        found.iter().map(|warning| &*warning.place).collect::<Vec<_>>(),
        ["http2"]
    );
    assert!(spec(serde_json::json!({"http2": true})).warnings().is_empty());
}

#[test]
fn a_proxy_without_a_scheme_is_told_the_one_that_a_proxy_has() {
    let found = spec(serde_json::json!({"proxy": "proxy.example:3128"}))
        .build()
        .expect_err("no URL");
    assert_eq!((found[0].place.as_str(), found.len()), ("proxy", 1));
    assert!(found[0].reason.contains("`http://proxy.example.com:3128`"), "{found:?}");
}
