//! A09: the same webhook again is the same event; what is copied into the envelope is what was sent.

use ingest::Config;
use schemas::event::Event;
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::room::{Room, signed, signed_at};

#[tokio::test]
async fn a_replay_inside_the_window_is_the_same_event_again() {
    let room = Room::start(Config::default()).await;
    let request = signed("chatwoot", r#"{"event":"no-one.knows","id":1}"#);
    room.exchange(&request).await.assert_accepted();
    room.exchange(&request).await.assert_accepted();
    // A retry of the sender is signed anew.
    let later = Timestamp::from_millis(Timestamp::now().millis() + 60_000).expect("in range");
    room.exchange(signed_at("chatwoot", r#"{"event":"no-one.knows","id":1}"#, later))
        .await
        .assert_accepted();
    let ids: std::collections::HashSet<_> = room.log.events().iter().map(Event::id).collect();
    assert_eq!((room.log.durable().len(), ids.len()), (3, 1));
    let other = room
        .exchange(signed("open", r#"{"event":"no-one.knows","id":1}"#))
        .await;
    other.assert_accepted();
    let last = room.log.events().pop().expect("published");
    assert!(!ids.contains(&last.id()), "another source, another event");
}

#[tokio::test]
async fn another_replica_gives_an_event_with_its_own_time_the_same_id() {
    let body = r#"{"type":"invoice.paid","timestamp":"2026-03-10T13:36:50Z","data":{"id":1}}"#;
    let (one, other) = (
        Room::start(Config::default()).await,
        Room::start(Config::default()).await,
    );
    let mut ids = Vec::new();
    for room in [&one, &other] {
        room.exchange(signed("standard", body)).await.assert_accepted();
        ids.push(room.log.events()[0].id());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0].time(), Timestamp::parse("2026-03-10T13:36:50Z").expect("valid"));
}

#[tokio::test]
async fn the_envelope_says_when_and_what_was_received() {
    let room = Room::start(Config::default()).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = "{ \"n\": 9007199254740993 ,\"n\":1.0 }";
    let request = String::from_utf8(signed("chatwoot", body)).expect("text");
    let request = request.replacen("\r\n", &format!("\r\ntraceparent: {trace}\r\n"), 1);
    let before = Timestamp::now();
    room.exchange(request).await.assert_accepted();
    let event = room.log.events().pop().expect("published");
    let attributes = &event.attributes;
    assert_eq!(attributes.raw_sha256, hex::encode(Sha256::digest(body)));
    assert_eq!(attributes.traceparent.as_deref(), Some(trace));
    assert!((before..=Timestamp::now()).contains(&attributes.received));
    assert_eq!(event.raw(), body.as_bytes());
    assert!(attributes.partition_key.starts_with("acme/chatwoot/"), "{attributes:?}");
}
