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
