//! What is sent, and what becomes of answers (F48, A14, A17).

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use net::client::SendError;
use schemas::secret::Secret;
use schemas::sink::{Outcome, Sink as _, Target};
use standardwebhooks::Webhook;

use crate::stage::{EVENT_ID, SECRET, Stage, TRACEPARENT, batch, endpoint, event, local, rejected, retry};
use harness::receiver::{Answer, Receiver};

#[tokio::test]
async fn a_delivery_is_the_events_bytes_signed_so_that_the_stock_library_verifies_it() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let stage = Stage::new([endpoint("crm", &receiver.url())]);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);

    let [seen] = &receiver.seen()[..] else {
        panic!("one request")
    };
    assert_eq!((&seen.method, &*seen.target), (&Method::POST, "/hook?x=1"));
    assert_eq!(
        seen.body,
        event("acme", "message.created").value(),
        "the envelope, byte for byte"
    );
    assert_eq!(seen.header("host"), receiver.address.to_string());
    assert_eq!(seen.header("content-type"), "application/cloudevents+json");
    assert_eq!(seen.header("content-length"), seen.body.len().to_string());
    assert_eq!(seen.header("webhook-id"), EVENT_ID);
    assert_eq!(seen.header("traceparent"), TRACEPARENT);
    assert!(seen.header("user-agent").starts_with("forebay/"));
    assert!(!seen.headers.contains_key("accept-encoding"), "we would not decompress");
    let webhook = Webhook::new(SECRET).expect("a key");
    webhook.verify(&seen.body, &seen.headers).expect("our signature");
    let mut forged = seen.body.to_vec();
    forged[20] ^= 1;
    webhook.verify(&forged, &seen.headers).expect_err("another body");
}

#[tokio::test]
async fn during_rotation_the_old_and_the_new_secret_verify() {
    let (old, foreign) = (
        "whsec_b2xkLXNlY3JldC1vbGQtc2VjcmV0LTAx",
        "whsec_Zm9yZWlnbi1zZWNyZXQtZm9yZWlnbi0w",
    );
    let receiver = Receiver::start([Answer::Status(204)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.secrets
        .push(Secret::from_standard_webhooks(old).expect("a key").into());
    assert_eq!(Stage::new([crm]).deliver_one("crm").await, Outcome::Delivered);
    let seen = receiver.seen().remove(0);
    let verify = |secret: &str| Webhook::new(secret).expect("a key").verify(&seen.body, &seen.headers);
    verify(SECRET).expect("the new secret");
    verify(old).expect("the old secret");
    verify(foreign).expect_err("a foreign secret");
}

#[tokio::test]
async fn every_attempt_has_the_same_id_and_a_fresh_time_stamp() {
    let receiver = Receiver::start([Answer::Status(500)]).await;
    let stage = Stage::new([endpoint("crm", &receiver.url())]);
    let deadline = Instant::now() + Duration::from_secs(10);
    let (first, last) = loop {
        retry(&stage.deliver_one("crm").await);
        let seen = receiver.seen();
        let (first, last) = (seen[0].clone(), seen[seen.len() - 1].clone());
        if first.header("webhook-timestamp") != last.header("webhook-timestamp") {
            break (first, last);
        }
        assert!(Instant::now() < deadline, "the time stamp never moves");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(first.header("webhook-id"), last.header("webhook-id"));
    assert_ne!(first.header("webhook-signature"), last.header("webhook-signature"));
    let webhook = Webhook::new(SECRET).expect("a key");
    webhook.verify(&last.body, &last.headers).expect("signed anew");
}

#[tokio::test]
async fn a_receiver_that_recovers_gets_the_delivery_and_one_that_is_gone_never_again() {
    let receiver = Receiver::start([500, 500, 200, 410].map(Answer::Status)).await;
    let stage = Stage::new([endpoint("crm", &receiver.url())]);
    assert!(retry(&stage.deliver_one("crm").await).contains("endpoint `crm` answered 500"));
    retry(&stage.deliver_one("crm").await);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    let refused = stage.deliver_one("crm").await;
    assert!(
        matches!(&refused, Outcome::Refused { reason } if reason.contains("410 Gone")),
        "{refused:?}"
    );
    assert_eq!(receiver.seen().len(), 4, "the sink itself tries each once");
    assert_eq!(receiver.connections(), 1, "all over one connection");
}

#[tokio::test]
async fn a_receiver_says_when_to_come_back() {
    let date = (Utc::now() + Duration::from_mins(10)).format("%a, %d %b %Y %H:%M:%S GMT");
    let receiver = Receiver::start([
        Answer::Header(429, "retry-after", "7".to_owned()),
        Answer::Header(503, "retry-after", date.to_string()),
        Answer::Header(408, "retry-after", "999999999".to_owned()),
        Answer::Status(425),
    ])
    .await;
    let stage = Stage::new([endpoint("crm", &receiver.url())]);
    let mut after = Vec::new();
    for _ in 0..4 {
        let Outcome::Retry { after: wait, .. } = stage.deliver_one("crm").await else {
            panic!("a retry")
        };
        after.push(wait.map(|w| w.as_secs()));
    }
    assert_eq!((after[0], after[2], after[3]), (Some(7), Some(86_400), None));
    let by_date = after[1].expect("a date");
    assert!((590..=600).contains(&by_date), "{by_date}");
}

#[tokio::test]
async fn redirects_are_failures_and_never_followed() {
    let canary = Receiver::start([Answer::Status(200)]).await;
    let places = [
        canary.url(),
        format!("//{}/", canary.address),
        "/elsewhere".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1:70/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    for status in [300, 301, 302, 303, 307, 308] {
        for place in &places {
            let receiver = Receiver::start([Answer::Header(status, "location", place.clone())]).await;
            let stage = Stage::new([endpoint("crm", &receiver.url())]);
            let outcome = stage.deliver_one("crm").await;
            let reason = retry(&outcome);
            assert!(
                reason.contains(&status.to_string()) && !reason.contains(place),
                "{reason}"
            );
            assert_eq!(receiver.seen().len(), 1, "{status} to {place}");
        }
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn the_answers_body_is_never_repeated() {
    let receiver = Receiver::start([Answer::Body(b"root:x:0:0")]).await;
    let stage = Stage::new([endpoint("crm", &receiver.url())]);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    let client = local().client().expect("a client");
    let url = receiver.url().parse().expect("a URL");
    let answer = client
        .post(&url, HeaderMap::new(), Bytes::new(), Duration::from_secs(5))
        .await
        .expect("an answer");
    assert_eq!(&answer.body[..], b"root:x:0:0", "only who posts by hand sees it");
    assert!(!stage.metrics().contains("root"));
}

#[tokio::test]
async fn callers_cannot_change_framing_or_routing() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let client = local().client().expect("a client");
    let url = receiver.url().parse().expect("a URL");
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "upgrade",
    ] {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("1"))]);
        let error = client
            .post(&url, headers, Bytes::new(), Duration::from_secs(5))
            .await
            .expect_err(name);
        assert!(matches!(error, SendError::Header(_)), "{error}");
    }
    assert_eq!(receiver.connections(), 0);
    for bad in ["a\r\nx: y", "a\nb", "a\0b"] {
        HeaderValue::from_str(bad).expect_err("no such value can be made");
    }
}

#[tokio::test]
async fn deliveries_to_no_one_are_rejected() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let mut other = endpoint("other", &receiver.url());
    other.tenant = schemas::name::Tenant::new("globex").expect("a tenant");
    let stage = Stage::new([other]);
    assert_eq!(
        rejected(&stage.deliver_one("gone").await),
        "endpoint `gone` was removed"
    );
    assert_eq!(
        rejected(&stage.deliver_one("other").await),
        "endpoint `other` was removed",
        "no one gets another tenant's events"
    );
    let mut batch = batch(&["x"]);
    batch.deliveries[0].target = Target::Only;
    let outcomes = stage.sink.deliver(&batch).await.expect("outcomes");
    assert!(rejected(&outcomes[0]).contains("named endpoints"));
    assert_eq!(receiver.connections(), 0);
}
