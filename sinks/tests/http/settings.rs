//! What an endpoint says of itself: headers, credentials, rate, order, filter, secrets that end; and when an attempt has begun.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::endpoint::{Credentials, Endpoint, Filter, OAuth2, RateLimit, SigningKey};
use schemas::event::Event;
use schemas::schedule::Schedule;
use schemas::secret::Secret;
use schemas::sink::{Batch, Handling, Outcome, Sink as _, Target};
use schemas::time::Timestamp;
use standardwebhooks::Webhook;

use crate::stage::{SECRET, Stage, batch, conversations, endpoint, event, local, retry};
use harness::receiver::{Answer, Receiver};

const OLD: &str = "whsec_b2xkLXNlY3JldC1vbGQtc2VjcmV0LTAx";

fn target(id: &str) -> Target {
    Target::Named(id.to_owned())
}

/// Waits until `what` is true.
async fn until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !what() {
        assert!(Instant::now() < deadline, "it does not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_handling_of_an_endpoint_is_what_it_says_and_stays_one_value() {
    let mut crm = endpoint("crm", "https://example.com/");
    crm.ordered = false;
    crm.paused = true;
    crm.queue_max = 7;
    crm.schedule = Some(Schedule::Steps(vec![Duration::from_secs(5)]));
    let expected = Handling {
        ordered: false,
        paused: true,
        slots: 4,
        attempt_max: Duration::from_secs(5),
        queue_max: 7,
        schedule: crm.schedule.clone(),
    };
    let stage = Stage::new([crm, endpoint("erp", "https://example.com/")]);
    let found = stage.sink.handling(&target("crm")).expect("it is there");
    assert_eq!(*found, expected);
    assert!(Arc::ptr_eq(
        &found,
        &stage.sink.handling(&target("crm")).expect("it is there")
    ));
    let plain = stage.sink.handling(&target("erp")).expect("it is there");
    assert!(plain.ordered && !plain.paused && plain.schedule.is_none());
    assert_eq!(stage.sink.handling(&target("gone")), None);
    assert_eq!(stage.sink.handling(&Target::Only), None);
    stage.directory.set([]);
    assert_eq!(stage.sink.handling(&target("crm")), None);
}

#[tokio::test]
async fn headers_and_credentials_of_an_endpoint_are_sent_with_every_delivery() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let mut basic = endpoint("basic", &receiver.url());
    basic.headers = vec![
        ("x-api-key".to_owned(), Secret::new("k3y")),
        ("user-agent".to_owned(), Secret::new("mine")),
    ];
    basic.credentials = Some(Credentials::Basic {
        user: "Aladdin".to_owned(),
        password: Secret::new("open sesame"),
    });
    let mut bearer = endpoint("bearer", &receiver.url());
    bearer.credentials = Some(Credentials::Bearer(Secret::new("t0ken")));
    let stage = Stage::new([basic, bearer]);
    for id in ["basic", "bearer"] {
        assert_eq!(stage.deliver_one(id).await, Outcome::Delivered);
    }
    let seen = receiver.seen();
    // The example of RFC 7617 §2.
    assert_eq!(seen[0].header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(
        (seen[0].header("x-api-key"), seen[0].header("user-agent")),
        ("k3y", "mine")
    );
    assert_eq!(seen[0].header("content-type"), "application/cloudevents+json");
    assert_eq!(seen[1].header("authorization"), "Bearer t0ken");
    assert!(!seen[1].headers.contains_key("x-api-key"));
    let webhook = Webhook::new(SECRET).expect("a key");
    webhook.verify(&seen[0].body, &seen[0].headers).expect("our signature");
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_not_and_ours_are_never_replaced() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.headers = vec![("webhook-id".to_owned(), Secret::new("forged"))];
    let mut bad = endpoint("bad", &receiver.url());
    bad.headers = vec![("x-a".to_owned(), Secret::new("a\r\nx-b: hunter2"))];
    let stage = Stage::new([crm, bad]);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    assert_eq!(receiver.seen()[0].headers.get_all("webhook-id").iter().count(), 1);
    assert_ne!(receiver.seen()[0].header("webhook-id"), "forged");
    let outcome = stage.deliver_one("bad").await;
    assert!(
        matches!(&outcome, Outcome::Rejected { reason } if reason.contains("`x-a`") && !reason.contains("hunter2")),
        "{outcome:?}"
    );
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_secret_signs_until_it_ends() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let key = |until| SigningKey {
        secret: Secret::from_standard_webhooks(OLD).expect("a key"),
        until: Some(until),
    };
    let mut crm = endpoint("crm", &receiver.url());
    crm.secrets.push(key(Timestamp::MAX));
    let mut erp = endpoint("erp", &receiver.url());
    erp.secrets.push(key(Timestamp::now()));
    let stage = Stage::new([crm, erp]);
    for id in ["crm", "erp"] {
        assert_eq!(stage.deliver_one(id).await, Outcome::Delivered);
    }
    let seen = receiver.seen();
    let verify = |secret: &str, index: usize| {
        let webhook = Webhook::new(secret).expect("a key");
        webhook.verify(&seen[index].body, &seen[index].headers)
    };
    verify(SECRET, 0).expect("the new one");
    verify(OLD, 0).expect("the old one, which has not ended");
    verify(SECRET, 1).expect("the new one");
    verify(OLD, 1).expect_err("it has ended");
    assert_eq!(seen[1].header("webhook-signature").split(' ').count(), 1);
}

#[tokio::test]
async fn without_order_a_failure_holds_nothing_back() {
    for (ordered, held) in [(true, 2), (false, 0)] {
        let receiver = Receiver::start([Answer::Status(500), Answer::Status(200)]).await;
        let mut crm = endpoint("crm", &receiver.url());
        crm.ordered = ordered;
        crm.concurrency = 1;
        let stage = Stage::new([crm]);
        let same = conversations(&[("crm", 1); 3]);
        let outcomes = stage.sink.deliver(&same).await.expect("available");
        let found = outcomes.iter().filter(|outcome| **outcome == Outcome::Held).count();
        assert_eq!(found, held, "{outcomes:?}");
    }
}

#[tokio::test]
async fn attempts_begin_no_faster_than_the_rate_and_none_fails_for_it() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.rate_limit = Some(RateLimit {
        per_second: 10.0,
        burst: 2,
    });
    // Fewer slots than wait, and less patience than the wait for a token.
    (crm.concurrency, crm.timeout) = (1, Duration::from_millis(80));
    let stage = Stage::new([crm]);
    let started = Instant::now();
    let outcomes = stage.deliver(&["crm"; 6]).await;
    assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
    assert!(
        started.elapsed() >= Duration::from_millis(395),
        "{:?}",
        started.elapsed()
    );
}

/// Hands a batch over and gives it up once `what` is true; returns whether it had begun.
async fn begun_when(stage: &Arc<Stage>, batch: Batch, what: impl Fn() -> bool) -> bool {
    let begun = batch.begun.clone();
    let handed = tokio::spawn({
        let stage = Arc::clone(stage);
        async move { stage.sink.deliver(&batch).await }
    });
    until(what).await;
    let is_noted = begun.is_noted();
    handed.abort();
    is_noted
}

#[tokio::test]
async fn an_attempt_has_begun_once_it_can_go_out_and_not_while_it_waits() {
    let receiver = Receiver::start([Answer::Never]).await;
    let free = Receiver::start([Answer::Status(200)]).await;
    let with = |mut endpoint: Endpoint, change: fn(&mut Endpoint)| {
        change(&mut endpoint);
        endpoint
    };
    let mut config = local();
    config.max_connections = Some(1);
    let client = config.client().expect("a client");
    let stage = Arc::new(Stage::with_client(
        client,
        [
            with(endpoint("busy", &receiver.url()), |e| e.concurrency = 1),
            with(endpoint("slow", &free.url()), |e| {
                e.rate_limit = Some(RateLimit {
                    per_second: 0.01,
                    burst: 1,
                });
            }),
            endpoint("erp", &free.url()),
        ],
    ));
    assert_eq!(stage.deliver_one("slow").await, Outcome::Delivered, "the only token");

    // A token is waited for; the slot is there.
    let in_flight = || stage.metrics().contains("forebay_sinks_http_in_flight 1\n");
    assert!(!begun_when(&stage, batch(&["slow"]), in_flight).await, "no token");
    until(|| !in_flight()).await;

    // The first holds the slot and the only connection.
    let first = batch(&["busy"]);
    let begun = first.begun.clone();
    let handed = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move { stage.sink.deliver(&first).await }
    });
    until(|| !receiver.seen().is_empty()).await;
    assert!(begun.is_noted(), "it has arrived");
    let two = || stage.metrics().contains("forebay_sinks_http_in_flight 2\n");
    assert!(!begun_when(&stage, batch(&["erp"]), two).await, "no connection");

    let waits = batch(&["busy"]);
    let begun = waits.begun.clone();
    let mut waiting = Box::pin(stage.sink.deliver(&waits));
    tokio::select! {
        outcomes = &mut waiting => panic!("the slot is taken: {outcomes:?}"),
        () = tokio::time::sleep(Duration::from_millis(50)) => {}
    }
    assert!(!begun.is_noted(), "no slot");
    drop(waiting);
    assert_eq!((receiver.seen().len(), free.seen().len()), (1, 1), "nothing went out");
    handed.abort();
}

#[tokio::test]
async fn what_the_guard_forbids_has_not_begun() {
    let stage = Stage::new([endpoint("crm", "http://10.0.0.1/")]);
    let batch = batch(&["crm"]);
    let outcomes = stage.sink.deliver(&batch).await.expect("available");
    assert!(matches!(outcomes[0], Outcome::Rejected { .. }), "{outcomes:?}");
    assert!(!batch.begun.is_noted());
}

/// By the type of the event.
#[derive(Debug)]
struct ByType;

impl Filter for ByType {
    fn matches(&self, event: &Event) -> Result<bool, String> {
        match event.event_type().as_str() {
            "ticket.closed" => Ok(true),
            "ticket.broken" => Err("it fails".to_owned()),
            _ => Ok(false),
        }
    }
}

#[tokio::test]
async fn a_filter_decides_and_one_that_fails_is_no_no() {
    let mut crm = endpoint("crm", "https://example.com/");
    crm.filter = Some(Arc::new(ByType));
    let stage = Stage::new([crm]);
    for (event_type, expected) in [("ticket.closed", 1), ("ticket.created", 0), ("ticket.broken", 1)] {
        for argument in [None, Some("crm")] {
            let found = stage.sink.targets(&event("acme", event_type), argument);
            assert_eq!(found.len(), expected, "{event_type} {argument:?}");
        }
    }
}

#[tokio::test]
async fn ten_thousand_endpoints_are_found_by_what_they_want() {
    let patterns = [
        "*",
        "ticket.*",
        "ticket.closed",
        "group.participants.*",
        "group.*",
        "message.created",
    ];
    let mut all = Vec::new();
    for number in 0..10_000 {
        let id = schemas::name::EndpointId::new(format!("e{number}")).expect("an id");
        let mut made = Endpoint {
            id,
            ..endpoint("e", "https://example.com/")
        };
        // Most want nothing of what comes; some want it for two reasons.
        made.events = match number % 100 {
            0 => vec![],
            rest @ 1..=6 => vec![patterns[rest - 1].parse().expect("a pattern")],
            7 => vec![
                "ticket.*".parse().expect("a pattern"),
                "ticket.closed".parse().expect("a pattern"),
            ],
            _ => vec!["invoice.paid".parse().expect("a pattern")],
        };
        all.push(made);
    }
    let stage = Stage::new(all.clone());
    for event_type in [
        "ticket.closed",
        "ticket.created",
        "group.participants.added",
        "group",
        "other",
    ] {
        let event = event("acme", event_type);
        let expected: Vec<Target> = all
            .iter()
            .filter(|endpoint| endpoint.wants(event.event_type()))
            .map(|endpoint| target(endpoint.id.as_str()))
            .collect();
        assert_eq!(stage.sink.targets(&event, None), expected, "{event_type}");
    }
    assert_eq!(
        stage.sink.targets(&event("acme", "invoice.paid"), Some("e8")),
        [target("e8")]
    );
}

fn with_tokens(id: &'static str, url: &str, token_url: &str) -> Endpoint {
    let mut made = endpoint(id, url);
    made.credentials = Some(Credentials::OAuth2(OAuth2 {
        token_url: token_url.parse().expect("a URL"),
        client_id: "forebay".to_owned(),
        client_secret: Secret::new("hunter2"),
        scope: Some("hooks read".to_owned()),
        audience: Some("crm".to_owned()),
    }));
    made
}

#[tokio::test]
async fn a_token_is_fetched_once_and_sent_with_every_delivery() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let issued = br#"{"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600}"#;
    let server = Receiver::start([Answer::StatusBody(200, issued)]).await;
    let stage = Stage::new([with_tokens("crm", &receiver.url(), &server.url())]);
    for _ in 0..3 {
        assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    }
    let seen = receiver.seen();
    assert!(seen.iter().all(|seen| seen.header("authorization") == "Bearer t0ken"));
    let [asked] = &server.seen()[..] else {
        panic!("one request for a token")
    };
    let form = std::str::from_utf8(&asked.body).expect("text");
    for expected in ["grant_type=client_credentials", "scope=hooks+read", "audience=crm"] {
        assert!(form.contains(expected), "{form}");
    }
    assert!(!form.contains("hunter2"), "it is in the header");
}

#[tokio::test]
async fn without_a_token_nothing_goes_out_and_the_delivery_is_tried_again() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let server = Receiver::start([Answer::StatusBody(500, b"no")]).await;
    let stage = Stage::new([
        with_tokens("crm", &receiver.url(), &server.url()),
        with_tokens("inside", &receiver.url(), "http://169.254.169.254/latest/"),
    ]);
    let batch = batch(&["crm"]);
    let outcomes = stage.sink.deliver(&batch).await.expect("available");
    assert!(retry(&outcomes[0]).contains("500"), "{outcomes:?}");
    assert!(!batch.begun.is_noted());
    let outcome = stage.deliver_one("inside").await;
    assert!(
        matches!(&outcome, Outcome::Rejected { reason } if reason.contains("169.254.169.254")),
        "{outcome:?}"
    );
    assert_eq!(receiver.connections(), 0);
}
