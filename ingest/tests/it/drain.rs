//! The end: what has begun is finished, what is idle is closed, and nothing waits for ever.

use std::time::Instant;

use ingest::{Config, Drained};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::room::{PATIENCE, Room, signed};
use harness::publish_log::Mode;

#[tokio::test]
async fn a_drain_finishes_what_has_begun_and_closes_what_is_idle() {
    let room = Room::start(Config {
        ack_budget_ms: 20_000,
        ..Config::default()
    })
    .await;
    let mut idle = room.connect().await;
    idle.send(signed("open", "{}")).await;
    idle.reply().await.assert_accepted();
    let mut fresh = room.connect().await;
    room.log.set(Mode::Hold);
    let mut busy = room.connect().await;
    busy.send(signed("chatwoot", "{}")).await;
    room.eventually("forebay_ingest_in_flight 1").await;
    room.eventually("forebay_ingest_connections 3").await;

    room.shutdown.cancel();
    assert_eq!(idle.maybe_reply().await, None, "idle connections close at once");
    assert_eq!(fresh.maybe_reply().await, None, "also those that never said anything");
    assert!(!room.serving.is_finished(), "one request is not answered yet");
    let refused = async {
        while TcpStream::connect(room.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.expect("it listens no more");

    room.log.set(Mode::Acknowledge);
    busy.reply().await.assert_accepted();
    let drained = timeout(PATIENCE, room.serving)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(
        drained,
        Drained {
            connections_cut_off: 0,
            webhooks_unfinished: 0,
            in_time: true
        }
    );
    assert_eq!(room.log.durable().len(), 2);
}

#[tokio::test]
async fn a_drain_waits_for_webhooks_whose_clients_have_gone() {
    let room = Room::start(Config {
        ack_budget_ms: 20_000,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let mut client = room.connect().await;
    client.send(signed("chatwoot", "{}")).await;
    room.eventually("forebay_ingest_in_flight 1").await;
    drop(client);
    room.eventually("forebay_ingest_connections 0").await;
    room.shutdown.cancel();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!room.serving.is_finished());
    room.log.set(Mode::Acknowledge);
    let drained = timeout(PATIENCE, room.serving)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(drained.webhooks_unfinished, 0);
    assert_eq!(room.log.durable().len(), 1);
}

#[tokio::test]
async fn a_drain_ends_at_its_limit_and_says_what_was_left() {
    let config = Config {
        ack_budget_ms: 60_000,
        drain_timeout_ms: 200,
        ..Config::default()
    };
    let room = Room::start(config).await;
    room.log.set(Mode::Hold);
    let mut busy = room.connect().await;
    busy.send(signed("chatwoot", "{}")).await;
    room.eventually("forebay_ingest_in_flight 1").await;
    let begun = Instant::now();
    room.shutdown.cancel();
    assert_eq!(busy.maybe_reply().await, None, "cut off, without a 2xx");
    let drained = timeout(PATIENCE, room.serving)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(
        drained,
        Drained {
            connections_cut_off: 1,
            webhooks_unfinished: 1,
            in_time: false
        }
    );
    assert!(begun.elapsed() >= std::time::Duration::from_millis(200));
}
