//! What an endpoint may say of itself, and what is said of its mistakes.

use std::collections::HashMap;

use schemas::endpoint::EndpointDirectory as _;

use super::parse;

/// One endpoint with these settings, each in a line of its own, from the fifth line on.
fn endpoint(settings: &str) -> String {
    let settings: Vec<String> = settings.lines().map(|line| format!("    {line}")).collect();
    format!(
        "sinks: {{ http: {{}} }}\nendpoints:\n  - id: crm\n    url: https://crm.example/\n{}\n",
        settings.join("\n")
    )
}

const SECRETS: &str = "secrets: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn what_is_wrong_with_an_endpoint_is_named_with_its_place() {
    let mut other = Vec::new();
    for (settings, place, expected) in [
        ("filter: event.tipe == 'x'", "5:13", "`filter` at character "),
        ("filter: event.type", "5:13", "`filter` gives text for an event"),
        ("filter: ''", "5:13", "`filter` is empty: write"),
        ("ordering: keys", "5:15", "`ordering` is `keys`: did you mean `key`?"),
        (
            "rate_limit: { per_second: 0 }",
            "5:31",
            "`rate_limit.per_second` is 0: give 0.001 to 1000000",
        ),
        (
            "rate_limit: 5",
            "5:17",
            "`rate_limit` is `5`: write `rate_limit: { per_second: 5 }`",
        ),
        (
            "rate_limit: { burst: 5 }",
            "5:17",
            "`rate_limit` lacks `per_second`: add it",
        ),
        ("queue_max: 0", "5:16", "`queue_max` is 0: give at least 1"),
        (
            "retry: { steps: [] }",
            "5:21",
            "`retry.steps` has 0 waits: give 1 to 100",
        ),
        (
            "headers: { Host: x }",
            "5:22",
            "`headers.Host` frames or routes the request",
        ),
        (
            "headers: { webhook-id: x }",
            "5:28",
            "`headers.webhook-id` is set by Forebay",
        ),
        (
            "headers: { Authorization: x }\nauth: { bearer: abc }",
            "5:31",
            "`headers.Authorization` is what `auth` sets: take one of them out",
        ),
        (
            "headers: { X-A: \"a\\nhunter2: c\" }",
            "5:21",
            "`headers.X-A` holds a line break",
        ),
        (
            "auth: {}",
            "5:11",
            "`auth` must name exactly one way: `basic`, `bearer` or `oauth2`",
        ),
        (
            "auth: { basic: { user: 'a:b', password: x } }",
            "5:28",
            "`auth.basic.user` holds a `:`",
        ),
        (
            "auth: { basic: { user: a, password: $PW } }",
            "5:41",
            "`auth.basic.password` begins with `$`, which is not replaced",
        ),
        (
            "auth: { oauth2: { token_url: nowhere, client_id: a, client_secret: hunter2 } }",
            "5:34",
            "`auth.oauth2.token_url` is not a URL: begin with the scheme",
        ),
        (
            "auth: { oauth2: { token_url: 'https://10.0.0.1/token', client_id: a, client_secret: hunter2 } }",
            "5:34",
            "`auth.oauth2.token_url` cannot be posted to: `…` is blocked",
        ),
        (
            "proxy: https://proxy.example:3128",
            "5:12",
            "`proxy` is no `http://`, which is how a proxy is asked",
        ),
        ("proxy: http://127.0.0.1:3128", "5:12", "`proxy` cannot be used: "),
        (
            "ca_file: /nowhere/ca.pem",
            "5:14",
            "`ca_file` is `/nowhere/ca.pem`, which cannot be read",
        ),
        (
            "client_certificate: { certificate_file: /nowhere/a.pem, key_file: /nowhere/a.key }",
            "5:45",
            "`client_certificate.certificate_file` is `/nowhere/a.pem`, which cannot be read",
        ),
    ] {
        let text = endpoint(&format!("{settings}\n{SECRETS}"));
        // What only some commands need is told where something else is wrong.
        let text = format!("{text}event_log: {{ partitions: 0 }}\n");
        let error = parse(&text, "f.yaml", HashMap::new()).expect_err(settings).to_string();
        let line = format!("f.yaml:{place}: endpoint `crm`: {expected}");
        if !error.starts_with(&line) || error.lines().count() != 2 {
            other.push(format!("{settings}: {error}\ninstead of\n{line}"));
        }
        assert!(!error.contains("hunter2"), "{error}");
    }
    for (secrets, expected) in [
        (
            "secrets: { secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, until: 2030-01-01T00:00:00Z }",
            "f.yaml:5:14: endpoint `crm`: `secrets` all have an end",
        ),
        (
            "secrets: [{ secret: x, until: tomorrow }]",
            "f.yaml:5:35: endpoint `crm`: `secrets[0].until` is not valid",
        ),
        (
            "secrets: [{ sekret: x }]",
            "f.yaml:5:17: endpoint `crm`: `secrets[0].sekret` is not a setting: did you mean `secret`?",
        ),
        ("secrets: [1234]", "f.yaml:5:15: endpoint `crm`: `secrets[0]` is not"),
    ] {
        let text = format!("{}event_log: {{ partitions: 0 }}\n", endpoint(secrets));
        let error = parse(&text, "f.yaml", HashMap::new()).expect_err(secrets).to_string();
        if !error.starts_with(expected) {
            other.push(format!("{secrets}: {error}\ninstead of\n{expected}"));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n\n"));
}

#[test]
fn an_endpoint_may_say_everything_of_itself() {
    let settings = "\
secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, { secret: whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD, until: 2030-01-01T00:00:00Z }]
filter: event.type.startsWith('ticket.')
rate_limit: { per_second: 0.5 }
ordering: none
queue_max: 7
retry: { steps: [5s, 10h] }
headers: { X-Api-Key: abc }
auth: { bearer: abc }
http2: true
paused: true";
    let config = parse(&endpoint(settings), "f.yaml", HashMap::new()).expect("valid");
    let registry = config.guarded_registry().expect("valid");
    let endpoints = registry.endpoints();
    let endpoint = &endpoints[0];
    assert!(endpoint.filter.is_some() && endpoint.paused && endpoint.connection.http2 && !endpoint.ordered);
    let ends: Vec<Option<String>> = endpoint
        .secrets
        .iter()
        .map(|key| key.until.map(|until| until.to_string()))
        .collect();
    assert_eq!(ends, [None, Some("2030-01-01T00:00:00.000Z".to_owned())]);
    let limit = endpoint.rate_limit.expect("a limit");
    assert_eq!((limit.burst, endpoint.queue_max), (1, 7));
    assert_eq!(endpoint.headers[0].0, "x-api-key");
    assert!(!format!("{endpoint:?}").contains("abc"), "secrets do not print");
}

#[test]
fn an_endpoint_is_paused_only_where_what_comes_meanwhile_has_a_place() {
    let log = "event_log: { kafka: { brokers: \"a:9092\" } }\n";
    let paused = |rest: &str| {
        let text = format!("{}{rest}", endpoint(&format!("{SECRETS}\npaused: true")));
        parse(&text, "f.yaml", HashMap::new())
            .expect("well formed")
            .check_store()
    };
    let found = paused(log).expect_err("nothing waits anywhere");
    assert_eq!(found[0].place, "endpoints[0].paused");
    assert!(found[0].reason.starts_with("needs a `store`"), "{found:?}");
    let store = "store: { postgres: { url: \"postgres://u@h/db\" } }\n";
    paused(&format!("{log}{store}")).expect("it waits in the store");
    paused("").expect("forebay dev brings one");
}
