//! Memory before authentication: what an unknown client sends costs what came of it, and not what it announces.

use std::time::Duration;

use ingest::Config;

use crate::room::{PATIENCE, Room, signed};
use harness::publish_log::Mode;

/// What a connection with a request in progress may cost all in all, the test's own half included, bytes.
const PER_CONNECTION: u64 = 96 * 1024;

/// Runs server and clients on this thread, and says how many bytes they held at the most.
pub(crate) fn peak_bytes(work: impl Future<Output = ()>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    allocation_counter::measure(|| runtime.block_on(work)).bytes_max
}

/// What requests are charged for now, bytes.
pub(crate) fn buffered(room: &Room) -> i64 {
    let metrics = room.metrics();
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix("forebay_ingest_buffered_bytes "));
    value.expect("the metric").parse().expect("a number")
}

/// Waits until at least so many bytes are charged.
async fn until_buffered(room: &Room, bytes: i64) {
    let waiting = async {
        while buffered(room) < bytes {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
    assert!(came, "{} bytes are charged, not {bytes}", buffered(room));
}

/// A head that announces a body and sends the beginning of it.
fn beginning(source: &str, announced: usize, begun: usize) -> String {
    format!("POST /in/{source} HTTP/1.1\r\nHost: h\r\nContent-Length: {announced}\r\n\r\n") + &" ".repeat(begun)
}

#[test]
fn a_dripping_body_costs_what_came_and_not_what_it_announces() {
    const CONNECTIONS: usize = 50;
    let peak = peak_bytes(async {
        let room = Room::start(Config::default()).await;
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = room.connect().await;
            client.send(beginning("large", 1_000_000, 1)).await;
            clients.push(client);
        }
        let received = format!("forebay_ingest_received_total{{source=\"large\"}} {CONNECTIONS}");
        room.eventually(&received).await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            for client in &mut clients {
                client.send(" ").await;
            }
        }
        for client in &mut clients {
            tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
                .await
                .expect("it is open");
            client.reply().await.assert_refused(400, "ends early");
        }
        room.exchange(signed("open", "{}")).await.assert_accepted();
    });
    let allowed = CONNECTIONS as u64 * PER_CONNECTION + 1024 * 1024;
    assert!(
        peak <= allowed,
        "{CONNECTIONS} dripping bodies held {peak} bytes, allowed are {allowed}"
    );
}

#[tokio::test]
async fn heads_and_the_beginnings_of_bodies_are_charged_until_they_go() {
    let room = Room::start(Config::default()).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = room.connect().await;
        client.send(beginning("large", 1_000_000, 1_000)).await;
        clients.push(client);
    }
    until_buffered(&room, 100 * 17_384).await;
    assert!(buffered(&room) <= 100 * 26_000, "{}", buffered(&room));
    drop(clients);
    room.eventually("forebay_ingest_buffered_bytes 0").await;
}

#[tokio::test]
async fn what_does_not_fit_into_the_budget_is_503_and_never_more_is_charged() {
    let config = Config {
        max_body_bytes: 1_000,
        max_buffered_bytes: 300_000,
        body_grace_ms: 500,
        body_timeout_ms: 1_000,
        body_min_bytes_per_second: 0,
        ..Config::default()
    };
    let room = Room::start(config).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = room.connect().await;
        client.send(beginning("open", 1_000, 1)).await;
        clients.push(client);
        assert!(buffered(&room) <= 300_000);
    }
    let (mut late, mut refused) = (0, 0);
    for client in &mut clients {
        match client.reply().await.status {
            408 => late += 1,
            503 => refused += 1,
            other => panic!("{other}"),
        }
        assert!(buffered(&room) <= 300_000);
    }
    assert!(late > 0 && refused > 0, "{late} got a place, {refused} did not");
    room.eventually("forebay_ingest_buffered_bytes 0").await;
    room.eventually(&format!(
        "forebay_ingest_refused_total{{source=\"open\",reason=\"no_memory\"}} {refused}"
    ))
    .await;
    room.exchange(signed("open", "{}")).await.assert_accepted();
}

#[tokio::test]
async fn records_are_charged_until_the_log_has_them_also_when_no_client_waits() {
    let room = Room::start(Config {
        ack_budget_ms: 100,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let body = format!("\"{}\"", "x".repeat(15_000));
    room.exchange(signed("open", &body))
        .await
        .assert_refused(503, "not stored in time");
    room.eventually("forebay_ingest_in_flight 1").await;
    let record = room.log.handed_over()[0].size_bytes();
    let (charged, twice) = (buffered(&room), i64::try_from(2 * record).expect("few"));
    assert!(
        (twice..twice + 3_000).contains(&charged),
        "{charged} for a record of {record}"
    );
    room.log.set(Mode::Acknowledge);
    room.eventually("forebay_ingest_buffered_bytes 0").await;
    assert_eq!(room.log.durable().len(), 1);
}
